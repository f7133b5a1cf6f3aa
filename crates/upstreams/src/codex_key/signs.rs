//! What errors of OpenAI's Responses and of places like it mean beyond their codes (developers.openai.com/api/docs/guides/error-codes,
//! 2026-11; what Codex reads of its backend: CLIProxyAPI, read 2026-08).

use std::time::Duration;

use dialect::hints;
use hub::{Fault, FaultKind};
use serde::Deserialize;

use crate::signs::{self, Means, SPENT, Sign, codes, words};

static SIGNS: &[Sign] = &[
    codes(&[], &["credit_balance_exhausted", "billing_not_active", "usage_limit_reached"], SPENT),
    codes(&[], &["account_deactivated"], Means::Credential),
    // One request that is over the minute's allowance of this account never fits it.
    words(&[413, 429], &["request too large for"], Means::NotHere(FaultKind::TooLarge)),
    words(&[], &["model is at capacity"], Means::Full),
];

#[derive(Deserialize)]
struct Body {
    error: Told,
}

#[derive(Deserialize)]
struct Told {
    resets_in_seconds: Option<f64>,
    /// Seconds since 1970.
    resets_at: Option<f64>,
}

/// The fault with what is known of it, and when the account's allowance is back.
pub(super) fn read(fault: Fault) -> Fault {
    let body = fault.upstream.as_ref().and_then(|raw| serde_json::from_slice::<Body>(&raw.body).ok());
    let told = body.map(|body| body.error);
    let until = |told: &Told| hints::until(&fault.upstream.as_deref()?.headers, told.resets_at?);
    let wait = told.and_then(|told| told.resets_in_seconds.map(span).or_else(|| until(&told)));
    let told = fault.retry_after.max(wait);
    signs::read(SIGNS, fault.with_retry_after(told))
}

fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.clamp(0.0, 1e6)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use hub::Blame;
    use hub::FaultKind::{Overloaded, QuotaExhausted, TooLarge, UpstreamRefused};

    use crate::signs::tests::{Row, check, fault};

    const TABLE: &[Row] = &[
        (
            429,
            r#"{"error":{"type":"insufficient_quota","code":"credit_balance_exhausted","message":"x"}}"#,
            QuotaExhausted,
            Blame::Account,
        ),
        (
            403,
            r#"{"error":{"type":"usage_limit_reached","message":"x","resets_in_seconds":7200}}"#,
            QuotaExhausted,
            Blame::Account,
        ),
        (401, r#"{"error":{"code":"account_deactivated","message":"x"}}"#, UpstreamRefused, Blame::Account),
        (
            429,
            r#"{"error":{"code":"rate_limit_exceeded","message":"Request too large for m on tokens per min"}}"#,
            TooLarge,
            Blame::Pairing,
        ),
        (500, r#"{"error":{"message":"The model is at capacity"}}"#, Overloaded, Blame::AccountModel),
    ];

    #[test]
    fn errors_mean_what_the_documents_say() {
        let config = "codex-api-key: [{api-key: k, base-url: 'https://api.openai.com/v1'}]\n";
        let config = crate::testing::config(config);
        let place = super::super::build(&config).remove(0);
        let at = &*place.upstream;
        check(at, TABLE);
        let limited = fault(at, 429, r#"{"error":{"type":"usage_limit_reached","resets_in_seconds":7200}}"#);
        assert_eq!(limited.retry_after.map(|wait| wait.as_secs()), Some(7200));
        let absurd = fault(at, 429, r#"{"error":{"type":"usage_limit_reached","resets_in_seconds":-1e99}}"#);
        assert_eq!(absurd.retry_after.map(|wait| wait.as_secs()), Some(0));
        let mut dated = fault(at, 429, r#"{"error":{"type":"usage_limit_reached","resets_at":1795265000}}"#);
        assert_eq!(dated.retry_after, None, "an answer without a date tells no time");
        let date = "Sat, 21 Nov 2026 12:00:00 GMT".parse().unwrap();
        dated.upstream.as_mut().unwrap().headers.insert("date", date);
        assert_eq!(at.blame(dated).retry_after.map(|wait| wait.as_secs()), Some(2600));
    }
}
