//! What Anthropic's errors mean beyond their types. Its status and type tell nearly all of it
//! (platform.claude.com/docs/en/api/errors, 2026-11).

use hub::{Blame, Fault, FaultKind};

use crate::signs::{self, Means, SPENT, Sign, codes, words};

/// The fault with what is known of it.
pub(super) fn read(fault: Fault) -> Fault {
    let fault = signs::read(SIGNS, fault);
    match fault.kind {
        FaultKind::RateLimited if is_window_of_all_models(&fault) => Fault { blame: Blame::Account, ..fault },
        _ => fault,
    }
}

/// Whether a plan's window is used up, which all models share. The claim tells which one; those of a single family of
/// models carry its name (`seven_day_opus`).
fn is_window_of_all_models(fault: &Fault) -> bool {
    let header = |name: &str| fault.upstream.as_deref()?.headers.get(name)?.to_str().ok();
    let used_up = header("anthropic-ratelimit-unified-status") == Some("rejected");
    let claim = header("anthropic-ratelimit-unified-representative-claim");
    used_up && !claim.is_some_and(|claim| claim.starts_with("seven_day_"))
}

static SIGNS: &[Sign] = &[
    // A workspace's or an organisation's own bound on spending (errors page: rate limits, 2026-11).
    codes(&[], &["enforced_spend_limit_reached"], SPENT),
    words(
        &[400, 403, 429],
        &["reached your specified api usage limits", "usage blocked due to lack of credits"],
        SPENT,
    ),
    // Both come as `invalid_request_error` (support threads, 2026).
    words(&[400, 403], &["organization has been disabled", "account has been disabled"], Means::Credential),
    // A longer context than the plan of this account has; another's may (rate limits page, long context, 2026-11).
    words(
        &[400, 403, 429],
        &["long context beta is not", "extra usage is required for long context"],
        Means::NotHere(FaultKind::ContextOverflow),
    ),
    // A file belongs to the workspace of one account (Files API page, 2026-11).
    words(&[400, 404], &["file not found", "file_id"], Means::NotHere(FaultKind::NotFound)),
];

#[cfg(test)]
mod tests {
    use hub::{Blame, FaultKind};

    use crate::signs::tests::{Row, check, fault};

    #[test]
    fn a_window_of_a_plan_is_the_accounts_and_one_of_a_family_is_not() {
        let config = "claude-api-key: [{api-key: k}]\n";
        let config = crate::testing::config(config);
        let at = &*super::super::build(&config).remove(0).upstream;
        let body = r#"{"type":"error","error":{"type":"rate_limit_error","message":"x"}}"#;
        for (status, claim, blame) in [
            ("rejected", "five_hour", Blame::Account),
            ("rejected", "seven_day", Blame::Account),
            ("rejected", "seven_day_opus", Blame::AccountModel),
            ("allowed", "five_hour", Blame::AccountModel),
        ] {
            let mut limited = fault(at, 429, body);
            let headers = &mut limited.upstream.as_mut().unwrap().headers;
            headers.insert("anthropic-ratelimit-unified-status", status.parse().unwrap());
            headers.insert("anthropic-ratelimit-unified-representative-claim", claim.parse().unwrap());
            assert_eq!(at.blame(limited).blame, blame, "{status} {claim}");
        }
        assert_eq!(fault(at, 429, body).blame, Blame::AccountModel);
    }

    const TABLE: &[Row] = &[
        (
            429,
            r#"{"error":{"type":"rate_limit_error","message":"x","details":{"error_code":"enforced_spend_limit_reached"}}}"#,
            FaultKind::QuotaExhausted,
            Blame::Account,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-12-01"}}"#,
            FaultKind::QuotaExhausted,
            Blame::Account,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API"}}"#,
            FaultKind::QuotaExhausted,
            Blame::Account,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"This organization has been disabled."}}"#,
            FaultKind::UpstreamRefused,
            Blame::Account,
        ),
        (
            429,
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"Extra usage is required for long context requests."}}"#,
            FaultKind::ContextOverflow,
            Blame::Pairing,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages: at least one message is required"}}"#,
            FaultKind::BadRequest,
            Blame::Request,
        ),
        (
            403,
            r#"{"type":"error","error":{"type":"permission_error","message":"no"}}"#,
            FaultKind::UpstreamRefused,
            Blame::Account,
        ),
        (
            404,
            r#"{"type":"error","error":{"type":"not_found_error","message":"model: claude-x"}}"#,
            FaultKind::ModelNotFound,
            Blame::AccountModel,
        ),
        (
            404,
            r#"{"type":"error","error":{"type":"not_found_error","message":"File not found: file_1"}}"#,
            FaultKind::NotFound,
            Blame::Pairing,
        ),
        (
            413,
            r#"{"type":"error","error":{"type":"request_too_large","message":"x"}}"#,
            FaultKind::TooLarge,
            Blame::Request,
        ),
        (
            429,
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"x"}}"#,
            FaultKind::RateLimited,
            Blame::AccountModel,
        ),
        (
            500,
            r#"{"type":"error","error":{"type":"api_error","message":"x"}}"#,
            FaultKind::UpstreamFailed,
            Blame::Upstream,
        ),
        (
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#,
            FaultKind::Overloaded,
            Blame::AccountModel,
        ),
    ];

    #[test]
    fn errors_mean_what_the_documents_say() {
        let config = crate::testing::config("claude-api-key: [{api-key: k}]\n");
        let place = super::super::build(&config).remove(0);
        check(&*place.upstream, TABLE);
    }
}
