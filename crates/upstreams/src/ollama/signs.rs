//! What an Ollama server's errors mean beyond their status (docs.ollama.com/api/errors, and the server's own texts, 2026-11).

use crate::signs::{Means, Sign, words};

pub(crate) static SIGNS: &[Sign] = &[
    // It is not pulled there; another server may have it.
    words(&[400, 404, 500], &["not found, try pulling", "pull model manifest", "model not found"], Means::Model),
    // This model does not fit into its memory beside the others.
    words(&[500], &["requires more system memory", "out of memory", "cudamalloc failed"], Means::Full),
    words(
        &[500],
        &["llama runner process has terminated", "llama runner process no longer running"],
        Means::ModelFails,
    ),
    // Hosted models.
    words(&[403], &["requires a subscription", "upgrade for access"], Means::Model),
    words(&[402, 403, 429], &["weekly usage limit", "hourly usage limit"], crate::signs::SPENT),
];

#[cfg(test)]
mod tests {
    use hub::{Blame, FaultKind};

    use crate::signs::tests::{Row, check};

    const TABLE: &[Row] = &[
        (404, r#"{"error":"model 'x' not found"}"#, FaultKind::ModelNotFound, Blame::AccountModel),
        (404, r#"{"error":"model not found, try pulling it first"}"#, FaultKind::ModelNotFound, Blame::AccountModel),
        (
            500,
            r#"{"error":"model requires more system memory (9.0 GiB) than is available"}"#,
            FaultKind::Overloaded,
            Blame::AccountModel,
        ),
        (
            500,
            r#"{"error":"llama runner process has terminated: exit status 2"}"#,
            FaultKind::UpstreamFailed,
            Blame::AccountModel,
        ),
        (
            403,
            r#"{"error":"this model requires a subscription, upgrade for access"}"#,
            FaultKind::ModelNotFound,
            Blame::AccountModel,
        ),
        (
            400,
            r#"{"error":"registry.ollama.ai/library/x does not support tools"}"#,
            FaultKind::BadRequest,
            Blame::Request,
        ),
        (401, r#"{"error":"unauthorized"}"#, FaultKind::UpstreamRefused, Blame::Account),
    ];

    #[test]
    fn errors_mean_what_the_documents_say() {
        let config = crate::testing::config("ollama: [{models: [{name: m}]}]\n");
        let place = super::super::build(&config).remove(0);
        check(&*place.upstream, TABLE);
    }
}
