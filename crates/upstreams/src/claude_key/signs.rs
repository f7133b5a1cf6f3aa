//! What Anthropic's errors mean beyond their types. Its status and type tell nearly all of it
//! (platform.claude.com/docs/en/api/errors, 2026-11).

use hub::FaultKind;

use crate::signs::{Means, SPENT, Sign, codes, words};

pub(crate) static SIGNS: &[Sign] = &[
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

    use crate::signs::tests::{Row, check};

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
        let config = config::parse("claude-api-key: [{api-key: k}]\n", "config.yaml", &[]).0.unwrap();
        let place = super::super::build(&config).remove(0);
        check(&*place.upstream, TABLE);
    }
}
