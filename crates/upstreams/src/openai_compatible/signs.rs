//! What errors of known OpenAI-compatible places mean beyond what the dialect reads; each row of `places.rs` names its
//! own. What is said the same everywhere stands in the common table.

use hub::FaultKind;

use crate::signs::{A_DAY, Means, SPENT, Sign, codes, words};

/// developers.openai.com/api/docs/guides/error-codes (2026-11).
pub(crate) static OPENAI: &[Sign] = &[
    codes(&[], &["credit_balance_exhausted", "billing_not_active"], SPENT),
    codes(&[], &["account_deactivated"], Means::Credential),
    TOO_LARGE_HERE,
];

/// One request that is over the minute's allowance of this account never fits it; another's may be larger.
const TOO_LARGE_HERE: Sign = words(&[413, 429], &["request too large for"], Means::NotHere(FaultKind::TooLarge));

/// learn.microsoft.com/azure/ai-foundry/openai: reference, how-to/quota, content-filter (2026-11).
pub(crate) static AZURE: &[Sign] = &[
    codes(&[400], &["content_filter", "ResponsibleAIPolicyViolation"], Means::Request),
    codes(&[404], &["DeploymentNotFound"], Means::Model),
    // The deployment is of a model that has no such call.
    codes(&[400], &["OperationNotSupported"], Means::Model),
    words(&[403], &["temporarily blocked", "virtual network", "firewall rules"], Means::Credential),
    words(&[429], &["experiencing high demand"], Means::Full),
];

/// openrouter.ai/docs/api/reference/errors-and-debugging (2026-11).
pub(crate) static OPENROUTER: &[Sign] = &[
    // Calls under way have reserved the rest of the credit: it passes with them.
    codes(&[402], &["openrouter_in_flight_budget", "in_flight_budget_exhausted"], Means::Limited),
    words(&[403], &["moderation", "flagged", "guardrail"], Means::Request),
    words(
        &[402],
        &["requires more credits", "prompt tokens limit exceeded", "weight_exceeds_budget"],
        Means::NotHere(FaultKind::QuotaExhausted),
    ),
    words(&[401, 402, 403], &["key limit exceeded", "insufficient credits"], SPENT),
    words(&[404], &["no endpoints found", "no allowed providers"], Means::Model),
    // What failed is the provider behind this model, not the place.
    words(&[502, 503], &["provider returned error", "provider", "no instances available"], Means::ModelFails),
];

/// docs.x.ai/developers/debugging (2026-11); the last two as CLIProxyAPI reads them (2026-08).
pub(crate) static XAI: &[Sign] = &[
    words(&[400, 401, 403], &["incorrect api key provided"], Means::Credential),
    words(&[403], &["violates usage guidelines", "safety_check"], Means::Request),
    words(&[403, 429], &["used all available credits", "monthly spending limit"], SPENT),
    words(&[403], &["bad-credentials"], Means::Credential),
    words(&[], &["free-usage-exhausted"], A_DAY),
];

/// api-docs.deepseek.com/quick_start/error_codes (2026-11): its statuses say it all; the code beside 402 is misleading.
pub(crate) static DEEPSEEK: &[Sign] = &[words(&[402], &[], SPENT)];

/// platform.kimi.com/docs/api/errors; kimi.com/code/docs: error-reference (2026-11).
pub(crate) static MOONSHOT: &[Sign] = &[
    codes(&[], &["exceeded_current_quota_error"], SPENT),
    words(&[402, 403, 429], &["reached your usage limit", "verify your membership", "exceeded your current"], SPENT),
    codes(&[], &["engine_overloaded_error"], Means::Full),
    words(&[429], &["engine is currently overloaded", "receiving too many requests"], Means::Full),
    codes(&[], &["content_filter"], Means::Request),
    codes(&[], &["incorrect_api_key_error", "invalid_authentication_error"], Means::Credential),
    words(&[400], &["exceeded model token limit", "input token length too long"], Means::Overflow),
];

/// docs.z.ai/api-reference/api-code (2026-11).
pub(crate) static ZAI: &[Sign] = &[
    codes(&[], &["1113"], SPENT),
    codes(&[], &["1000", "1001", "1002", "1003", "1004", "1110", "1111", "1112", "1121", "1220"], Means::Credential),
    codes(&[], &["1211", "1221", "1222"], Means::Model),
    codes(&[], &["1301"], Means::Request),
    codes(&[], &["1302"], Means::Limited),
    codes(&[], &["1120"], Means::Full),
];

/// alibabacloud.com/help/en/model-studio/error-code (2026-06).
pub(crate) static QWEN: &[Sign] = &[
    codes(&[], &["Arrearage"], SPENT),
    codes(&[], &["DataInspectionFailed", "data_inspection_failed"], Means::Request),
    codes(&[], &["AllocationQuota.FreeTierOnly"], Means::ModelSpent),
    codes(&[], &["Model.AccessDenied", "model_access_denied"], Means::Model),
    // The minute's allowance of tokens bears the name of a spent quota.
    codes(
        &[429],
        &[
            "Throttling",
            "Throttling.RateQuota",
            "Throttling.BurstRate",
            "Throttling.AllocationQuota",
            "insufficient_quota",
            "limit_requests",
            "limit_burst_rate",
        ],
        Means::Limited,
    ),
    words(&[403, 429], &["free allocated quota exceeded"], Means::ModelSpent),
];

/// What the place says, as its clients report it (chatboxai/chatbox#2060 and others, 2026-11).
pub(crate) static SILICONFLOW: &[Sign] =
    &[codes(&[], &["30001"], SPENT), words(&[400], &["must be less than max_seq_len"], Means::Overflow)];

/// platform.minimax.io/docs/api-reference/errorcode (2026-11).
pub(crate) static MINIMAX: &[Sign] = &[
    codes(&[], &["1008", "insufficient_balance_error"], SPENT),
    codes(&[], &["1004", "2049"], Means::Credential),
    codes(&[], &["1026", "1027"], Means::Request),
];

/// docs.mistral.ai/api (2026-11).
pub(crate) static MISTRAL: &[Sign] =
    &[words(&[429], &["service tier capacity exceeded"], Means::Full), codes(&[429], &["3505"], Means::Full)];

/// console.groq.com/docs/errors, /docs/spend-limits (2026-11).
pub(crate) static GROQ: &[Sign] = &[
    codes(&[400, 403], &["blocked_api_access"], SPENT),
    words(&[498], &[], Means::Full),
    codes(&[], &["organization_restricted"], Means::Credential),
    TOO_LARGE_HERE,
];

/// docs.fireworks.ai: guides/inference-error-codes (2026-11).
pub(crate) static FIREWORKS: &[Sign] = &[words(&[412], &["suspended"], SPENT)];

#[cfg(test)]
mod tests {
    use hub::Blame::{self, Account, AccountModel, Pairing, Upstream as Site};
    use hub::FaultKind::{
        BadRequest, ContextOverflow, ModelNotFound, Overloaded, QuotaExhausted, RateLimited, TooLarge, UpstreamFailed,
        UpstreamRefused,
    };

    use crate::openai_compatible::tests::built;
    use crate::signs::tests::{Row, check, fault};

    const HERE: Blame = Blame::Request;

    /// Each place, and what its errors mean: status, body, kind, blame.
    const TABLES: &[(&str, &[Row])] = &[
        (
            "plain",
            &[
                (403, r#"{"error":{"code":"insufficient_user_quota","message":"x"}}"#, QuotaExhausted, Account),
                (400, r#"{"error":{"message":"You have reached your usage limit."}}"#, QuotaExhausted, Account),
                (
                    400,
                    r#"{"error":{"message":"This model is not available for your plan"}}"#,
                    ModelNotFound,
                    AccountModel,
                ),
                (403, "<html><title>Just a moment...</title></html>", UpstreamFailed, Site),
                (403, r#"{"error":{"message":"no"}}"#, UpstreamRefused, Account),
                (400, r#"{"error":{"message":"messages is missing"}}"#, BadRequest, HERE),
                (402, "{}", QuotaExhausted, Account),
                (404, "{}", ModelNotFound, AccountModel),
                (429, "{}", RateLimited, AccountModel),
                (503, "{}", Overloaded, AccountModel),
                (500, "{}", UpstreamFailed, Site),
            ],
        ),
        (
            "openai",
            &[
                (
                    429,
                    r#"{"error":{"type":"insufficient_quota","code":"credit_balance_exhausted"}}"#,
                    QuotaExhausted,
                    Account,
                ),
                (
                    429,
                    r#"{"error":{"code":"rate_limit_exceeded","message":"Request too large for gpt-x on tokens per min (TPM)"}}"#,
                    TooLarge,
                    Pairing,
                ),
                (
                    429,
                    r#"{"error":{"code":"rate_limit_exceeded","message":"Rate limit reached for gpt-x"}}"#,
                    RateLimited,
                    AccountModel,
                ),
                (401, r#"{"error":{"code":"account_deactivated"}}"#, UpstreamRefused, Account),
                (403, r#"{"error":{"code":"model_not_found"}}"#, ModelNotFound, AccountModel),
            ],
        ),
        (
            "azure",
            &[
                (400, r#"{"error":{"code":"content_filter","message":"The response was filtered"}}"#, BadRequest, HERE),
                (404, r#"{"error":{"code":"DeploymentNotFound"}}"#, ModelNotFound, AccountModel),
                (400, r#"{"error":{"code":"OperationNotSupported"}}"#, ModelNotFound, AccountModel),
                (
                    403,
                    r#"{"error":{"message":"Access denied due to Virtual Network/Firewall rules."}}"#,
                    UpstreamRefused,
                    Account,
                ),
            ],
        ),
        (
            "openrouter",
            &[
                (402, r#"{"error":{"code":402,"message":"Insufficient credits"}}"#, QuotaExhausted, Account),
                (
                    402,
                    r#"{"error":{"code":402,"metadata":{"limit_source":"openrouter_in_flight_budget"}}}"#,
                    RateLimited,
                    AccountModel,
                ),
                (
                    403,
                    r#"{"error":{"code":403,"message":"Your input was flagged","metadata":{"reasons":["violence"]}}}"#,
                    BadRequest,
                    HERE,
                ),
                (
                    403,
                    r#"{"error":{"code":403,"message":"Key limit exceeded (total limit)"}}"#,
                    QuotaExhausted,
                    Account,
                ),
                (
                    404,
                    r#"{"error":{"code":404,"message":"No endpoints found that support tool use"}}"#,
                    ModelNotFound,
                    AccountModel,
                ),
                (502, r#"{"error":{"code":502,"message":"Provider returned error"}}"#, UpstreamFailed, AccountModel),
            ],
        ),
        (
            "xai",
            &[
                (
                    400,
                    r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xai-***"}"#,
                    UpstreamRefused,
                    Account,
                ),
                (403, r#"{"code":"bad-credentials","error":"x"}"#, UpstreamRefused, Account),
                (
                    403,
                    r#"{"error":"Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_X"}"#,
                    BadRequest,
                    HERE,
                ),
                (
                    403,
                    r#"{"error":"Your team has either used all available credits or reached its monthly spending limit."}"#,
                    QuotaExhausted,
                    Account,
                ),
                (429, r#"{"code":"free-usage-exhausted","error":"x"}"#, QuotaExhausted, Account),
            ],
        ),
        (
            "deepseek",
            &[
                (
                    402,
                    r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","code":"invalid_request_error"}}"#,
                    QuotaExhausted,
                    Account,
                ),
                (422, r#"{"error":{"message":"x"}}"#, BadRequest, HERE),
            ],
        ),
        (
            "siliconflow",
            &[(
                400,
                r#"{"code":20015,"message":"length of prompt_tokens (68957) must be less than max_seq_len (65536)."}"#,
                ContextOverflow,
                HERE,
            )],
        ),
        (
            "openrouter",
            &[(
                402,
                r#"{"error":{"code":402,"message":"This request requires more credits, or fewer max_tokens."}}"#,
                QuotaExhausted,
                Pairing,
            )],
        ),
        (
            "moonshot",
            &[
                (429, r#"{"error":{"type":"exceeded_current_quota_error","message":"x"}}"#, QuotaExhausted, Account),
                (429, r#"{"error":{"type":"engine_overloaded_error","message":"x"}}"#, Overloaded, AccountModel),
                (429, r#"{"error":{"type":"rate_limit_reached_error","message":"x"}}"#, RateLimited, AccountModel),
                (400, r#"{"error":{"type":"content_filter","message":"high risk"}}"#, BadRequest, HERE),
                (
                    400,
                    r#"{"error":{"type":"invalid_request_error","message":"Your request exceeded model token limit : 8192"}}"#,
                    ContextOverflow,
                    HERE,
                ),
            ],
        ),
        (
            "zai",
            &[
                (429, r#"{"error":{"code":"1113","message":"in arrears"}}"#, QuotaExhausted, Account),
                (429, r#"{"error":{"code":"1302","message":"x"}}"#, RateLimited, AccountModel),
                (429, r#"{"error":{"code":"1112","message":"locked"}}"#, UpstreamRefused, Account),
                (400, r#"{"error":{"code":"1211","message":"x"}}"#, ModelNotFound, AccountModel),
                (400, r#"{"error":{"code":"1301","message":"x"}}"#, BadRequest, HERE),
            ],
        ),
        (
            "qwen",
            &[
                (
                    400,
                    r#"{"error":{"code":"Arrearage","type":"Arrearage","message":"Access denied"}}"#,
                    QuotaExhausted,
                    Account,
                ),
                (400, r#"{"error":{"code":"data_inspection_failed","message":"x"}}"#, BadRequest, HERE),
                (
                    403,
                    r#"{"error":{"code":"AllocationQuota.FreeTierOnly","message":"x"}}"#,
                    QuotaExhausted,
                    AccountModel,
                ),
                (403, r#"{"error":{"code":"Model.AccessDenied","message":"x"}}"#, ModelNotFound, AccountModel),
                (
                    429,
                    r#"{"error":{"code":"insufficient_quota","message":"You exceeded your current quota"}}"#,
                    RateLimited,
                    AccountModel,
                ),
            ],
        ),
        (
            "siliconflow",
            &[(
                403,
                r#"{"code":30001,"message":"Sorry, your account balance is insufficient"}"#,
                QuotaExhausted,
                Account,
            )],
        ),
        ("minimax", &[(500, r#"{"error":{"code":"1008","message":"insufficient balance"}}"#, QuotaExhausted, Account)]),
        (
            "mistral",
            &[(
                429,
                r#"{"message":"Service tier capacity exceeded for this model.","code":"3505"}"#,
                Overloaded,
                AccountModel,
            )],
        ),
        (
            "groq",
            &[
                (498, r#"{"error":{"code":"capacity_exceeded","message":"x"}}"#, Overloaded, AccountModel),
                (400, r#"{"error":{"code":"blocked_api_access","message":"x"}}"#, QuotaExhausted, Account),
                (
                    413,
                    r#"{"error":{"code":"rate_limit_exceeded","message":"Request too large for model m on tokens per minute"}}"#,
                    TooLarge,
                    Pairing,
                ),
            ],
        ),
        (
            "fireworks",
            &[(
                412,
                r#"{"error":{"code":"PRECONDITION_FAILED","message":"Account x is suspended"}}"#,
                QuotaExhausted,
                Account,
            )],
        ),
    ];

    #[test]
    fn errors_mean_what_the_documents_say() {
        for (place, table) in TABLES {
            let place = built(&format!("base-url: 'https://any.example/v1', quirks: {{like: {place}}}"));
            check(&*place.upstream, table);
        }
    }

    #[test]
    fn a_free_allowance_comes_back_within_a_day() {
        let place = built("base-url: 'https://api.x.ai/v1'");
        let fault = fault(&*place.upstream, 429, r#"{"code":"free-usage-exhausted","error":"x"}"#);
        assert_eq!(fault.retry_after.map(|wait| wait.as_secs()), Some(24 * 3600));
    }
}
