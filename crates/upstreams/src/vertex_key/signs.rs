//! What Vertex's errors mean beyond their status (cloud.google.com/vertex-ai/generative-ai/docs: model-reference/api-errors,
//! error-code-429, 2026-11).

use hub::FaultKind;

use crate::signs::{Means, SPENT, Sign, codes, words};

pub(crate) static SIGNS: &[Sign] = &[
    // Capacity that all customers share: no limit of this project is reached.
    words(
        &[429],
        &[
            "resource exhausted, please try again later",
            "resource has been exhausted (e.g. check quota)",
            "provisioned throughput",
        ],
        Means::Full,
    ),
    codes(&[], &["BILLING_DISABLED"], SPENT),
    // Models that a project must ask for.
    words(&[400, 403, 404], &["allowlist", "does not have access to it"], Means::Model),
    // Media in a bucket that this project may not read.
    words(&[403], &["storage.objects.get"], Means::NotHere(FaultKind::NotFound)),
];

#[cfg(test)]
mod tests {
    use hub::{Blame, FaultKind};

    use crate::signs::tests::{Row, check};

    const TABLE: &[Row] = &[
        (
            429,
            r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Resource exhausted, please try again later."}}"#,
            FaultKind::Overloaded,
            Blame::AccountModel,
        ),
        (
            429,
            r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded for aiplatform.googleapis.com/generate_content_requests"}}"#,
            FaultKind::RateLimited,
            Blame::AccountModel,
        ),
        (
            403,
            r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"x","details":[{"reason":"BILLING_DISABLED"}]}}"#,
            FaultKind::QuotaExhausted,
            Blame::Account,
        ),
        (
            404,
            r#"{"error":{"code":404,"status":"NOT_FOUND","message":"Publisher Model x was not found or your project does not have access to it."}}"#,
            FaultKind::ModelNotFound,
            Blame::AccountModel,
        ),
        (
            403,
            r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"caller does not have storage.objects.get access"}}"#,
            FaultKind::NotFound,
            Blame::Pairing,
        ),
        (
            403,
            r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"no"}}"#,
            FaultKind::UpstreamRefused,
            Blame::Account,
        ),
    ];

    #[test]
    fn errors_mean_what_the_documents_say() {
        let config = crate::testing::config("vertex-api-key: [{api-key: k, models: [{name: m, alias: a}]}]\n");
        let place = super::super::build(&config).remove(0);
        check(&*place.upstream, TABLE);
    }
}
