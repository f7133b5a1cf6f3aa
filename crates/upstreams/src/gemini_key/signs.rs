//! What the Gemini API's errors mean beyond their status (ai.google.dev/gemini-api/docs: troubleshooting, rate-limits,
//! files, 2026-11). Vertex has a table of its own.

use hub::FaultKind;

use crate::signs::{Means, SPENT, Sign, codes, words};

pub(crate) static SIGNS: &[Sign] = &[
    // A file or a cache belongs to the project of one key.
    words(
        &[400, 403, 404],
        &["permission to access the file", "cachedcontent not found", "file is not in an active state"],
        Means::NotHere(FaultKind::NotFound),
    ),
    codes(&[], &["BILLING_DISABLED"], SPENT),
    words(&[402, 429], &["prepayment credits", "prepaid credits"], SPENT),
    // The daily allowance of a model comes with a `RetryInfo` of seconds, which is not when it returns.
    words(&[429], &["perday"], Means::ModelSpent),
    words(&[403], &["project has been denied access", "consumer has been suspended"], Means::Credential),
];

#[cfg(test)]
mod tests {
    use hub::{Blame, FaultKind};

    use crate::signs::tests::{Row, check};

    const TABLE: &[Row] = &[
        (
            400,
            r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"API key not valid.","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#,
            FaultKind::UpstreamRefused,
            Blame::Account,
        ),
        (
            400,
            r#"{"error":{"code":400,"status":"FAILED_PRECONDITION","message":"User location is not supported for the API use."}}"#,
            FaultKind::UpstreamRefused,
            Blame::Account,
        ),
        (
            403,
            r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"You do not have permission to access the File x or it may not exist."}}"#,
            FaultKind::NotFound,
            Blame::Pairing,
        ),
        (
            403,
            r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"Your project has been denied access."}}"#,
            FaultKind::UpstreamRefused,
            Blame::Account,
        ),
        (
            429,
            r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"12s"}]}}"#,
            FaultKind::QuotaExhausted,
            Blame::AccountModel,
        ),
        (
            429,
            r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded"}}"#,
            FaultKind::RateLimited,
            Blame::AccountModel,
        ),
        (
            404,
            r#"{"error":{"code":404,"status":"NOT_FOUND","message":"models/x is not found for API version v1beta"}}"#,
            FaultKind::ModelNotFound,
            Blame::AccountModel,
        ),
        (
            503,
            r#"{"error":{"code":503,"status":"UNAVAILABLE","message":"The model is overloaded."}}"#,
            FaultKind::Overloaded,
            Blame::AccountModel,
        ),
    ];

    #[test]
    fn errors_mean_what_the_documents_say() {
        let config = crate::testing::config("gemini-api-key: [{api-key: k}]\n");
        let place = super::super::build(&config).remove(0);
        check(&*place.upstream, TABLE);
    }
}
