//! The fields of an Anthropic request, as tables.

use crate::schema::{Field, Kind, may, must, null};

const CACHE: Kind = Kind::Object(&[must("type", Kind::Enum(&["ephemeral"])), may("ttl", Kind::Enum(&["5m", "1h"]))]);

const IMAGE_SOURCE: Kind = Kind::Tagged {
    tag: "type",
    default: None,
    variants: &[
        (
            "base64",
            Kind::Object(&[
                TYPE,
                must("media_type", Kind::Enum(&["image/jpeg", "image/png", "image/gif", "image/webp"])),
                must("data", Kind::Text),
            ]),
        ),
        ("url", Kind::Object(&[TYPE, must("url", Kind::Text)])),
        ("file", Kind::Object(&[TYPE, must("file_id", Kind::Text)])),
    ],
};

const DOCUMENT_SOURCE: Kind = Kind::Tagged {
    tag: "type",
    default: None,
    variants: &[
        (
            "base64",
            Kind::Object(&[TYPE, must("media_type", Kind::Enum(&["application/pdf"])), must("data", Kind::Text)]),
        ),
        ("text", Kind::Object(&[TYPE, must("media_type", Kind::Enum(&["text/plain"])), must("data", Kind::Text)])),
        ("content", Kind::Object(&[TYPE, must("content", Kind::Either(&[Kind::Text, Kind::List(&SOURCE_BLOCK)]))])),
        ("url", Kind::Object(&[TYPE, must("url", Kind::Text)])),
        ("file", Kind::Object(&[TYPE, must("file_id", Kind::Text)])),
    ],
};

/// The tag itself; [`Kind::Tagged`] has looked at its value already.
const TYPE: Field = null("type", Kind::Text);
const CACHED: Field = null("cache_control", CACHE);

const TEXT: (&str, Kind) =
    ("text", Kind::Object(&[TYPE, must("text", Kind::Text), CACHED, null("citations", Kind::List(&Kind::Map))]));
const IMAGE: (&str, Kind) =
    ("image", Kind::Object(&[TYPE, must("source", IMAGE_SOURCE), CACHED, null("transformations", Kind::Map)]));
const DOCUMENT: (&str, Kind) = (
    "document",
    Kind::Object(&[
        TYPE,
        must("source", DOCUMENT_SOURCE),
        CACHED,
        null("citations", Kind::Object(&[may("enabled", Kind::Bool)])),
        null("context", Kind::Text),
        null("title", Kind::Text),
    ]),
);
const SEARCH_RESULT: (&str, Kind) = (
    "search_result",
    Kind::Object(&[
        TYPE,
        must("content", Kind::List(&TEXT_BLOCK)),
        must("source", Kind::Text),
        must("title", Kind::Text),
        CACHED,
        may("citations", Kind::Map),
    ]),
);
const TOOL_REFERENCE: (&str, Kind) = ("tool_reference", Kind::Object(&[TYPE, must("tool_name", Kind::Text), CACHED]));

const TEXT_BLOCK: Kind = Kind::Tagged { tag: "type", default: None, variants: &[TEXT] };
const SOURCE_BLOCK: Kind = Kind::Tagged { tag: "type", default: None, variants: &[TEXT, IMAGE] };
const RESULT_BLOCK: Kind = Kind::Tagged {
    tag: "type",
    default: None,
    variants: &[TEXT, IMAGE, DOCUMENT, SEARCH_RESULT, TOOL_REFERENCE, ("browser_state", Kind::Map)],
};

const BLOCK: Kind = Kind::Tagged {
    tag: "type",
    default: None,
    variants: &[
        TEXT,
        IMAGE,
        DOCUMENT,
        SEARCH_RESULT,
        ("thinking", Kind::Object(&[TYPE, must("thinking", Kind::Text), must("signature", Kind::Text)])),
        ("redacted_thinking", Kind::Object(&[TYPE, must("data", Kind::Text)])),
        (
            "tool_use",
            Kind::Object(&[
                TYPE,
                must("id", Kind::Text),
                must("name", Kind::Text),
                must("input", Kind::Map),
                CACHED,
                may("caller", Kind::Map),
                null("toolset_name", Kind::Text),
            ]),
        ),
        (
            "tool_result",
            Kind::Object(&[
                TYPE,
                must("tool_use_id", Kind::Text),
                may("content", Kind::Either(&[Kind::Text, Kind::List(&RESULT_BLOCK)])),
                may("is_error", Kind::Bool),
                CACHED,
                null("toolset_name", Kind::Text),
            ]),
        ),
        ("server_tool_use", Kind::Map),
        ("web_search_tool_result", Kind::Map),
        ("web_fetch_tool_result", Kind::Map),
        ("code_execution_tool_result", Kind::Map),
        ("bash_code_execution_tool_result", Kind::Map),
        ("text_editor_code_execution_tool_result", Kind::Map),
        ("tool_search_tool_result", Kind::Map),
        ("container_upload", Kind::Map),
    ],
};

const SYSTEM_TURN_BLOCK: Kind = Kind::Tagged {
    tag: "type",
    default: None,
    variants: &[TEXT, ("tool_addition", Kind::Map), ("tool_removal", Kind::Map)],
};

const ROLE: Field = must("role", Kind::Text);
const CONTENT: Field = must("content", Kind::Either(&[Kind::Text, Kind::List(&BLOCK)]));

const MESSAGE: Kind = Kind::Tagged {
    tag: "role",
    default: None,
    variants: &[
        ("user", Kind::Object(&[ROLE, CONTENT])),
        ("assistant", Kind::Object(&[ROLE, CONTENT])),
        (
            "system",
            Kind::Object(&[
                ROLE,
                must("content", Kind::Either(&[Kind::Text, Kind::List(&SYSTEM_TURN_BLOCK)])),
                null("clear_at", Kind::Enum(&["next_user_message", "never"])),
                null("output_config", Kind::Map),
            ]),
        ),
    ],
};

const CUSTOM_TOOL: Kind = Kind::Object(&[
    TYPE,
    must("name", Kind::Text),
    must("input_schema", Kind::Map),
    may("description", Kind::Text),
    CACHED,
    may("strict", Kind::Bool),
    may("defer_loading", Kind::Bool),
    may("allowed_callers", Kind::List(&Kind::Text)),
    null("eager_input_streaming", Kind::Bool),
    may("input_examples", Kind::List(&Kind::Map)),
]);

const TOOL: Kind = Kind::Tagged {
    tag: "type",
    default: Some("custom"),
    variants: &[
        ("custom", CUSTOM_TOOL),
        ("bash_20250124", Kind::Map),
        ("text_editor_20250124", Kind::Map),
        ("text_editor_20250429", Kind::Map),
        ("text_editor_20250728", Kind::Map),
        ("code_execution_20250522", Kind::Map),
        ("code_execution_20250825", Kind::Map),
        ("code_execution_20260120", Kind::Map),
        ("code_execution_20260521", Kind::Map),
        ("memory_20250818", Kind::Map),
        ("browser_toolset_20260801", Kind::Map),
        ("computer_toolset_20260801", Kind::Map),
        ("web_search_20250305", Kind::Map),
        ("web_search_20260209", Kind::Map),
        ("web_search_20260318", Kind::Map),
        ("web_fetch_20250910", Kind::Map),
        ("web_fetch_20260209", Kind::Map),
        ("web_fetch_20260309", Kind::Map),
        ("web_fetch_20260318", Kind::Map),
        ("tool_search_tool_bm25_20251119", Kind::Map),
        ("tool_search_tool_regex_20251119", Kind::Map),
    ],
};

const SERIAL: Field = may("disable_parallel_tool_use", Kind::Bool);

const TOOL_CHOICE: Kind = Kind::Tagged {
    tag: "type",
    default: None,
    variants: &[
        ("auto", Kind::Object(&[TYPE, SERIAL])),
        ("any", Kind::Object(&[TYPE, SERIAL])),
        ("tool", Kind::Object(&[TYPE, SERIAL, must("name", Kind::Text)])),
        ("none", Kind::Object(&[TYPE])),
    ],
};

const DISPLAY: Field = null("display", Kind::Enum(&["summarized", "omitted"]));

const THINKING: Kind = Kind::Tagged {
    tag: "type",
    default: None,
    variants: &[
        ("enabled", Kind::Object(&[TYPE, must("budget_tokens", Kind::Int), DISPLAY])),
        ("adaptive", Kind::Object(&[TYPE, DISPLAY])),
        ("disabled", Kind::Object(&[TYPE])),
        ("between_tools", Kind::Object(&[TYPE])),
    ],
};

const OUTPUT_CONFIG: Kind = Kind::Object(&[
    null("effort", Kind::Enum(&["low", "medium", "high", "xhigh", "max"])),
    null("format", Kind::Object(&[must("type", Kind::Enum(&["json_schema"])), must("schema", Kind::Map)])),
]);

const MESSAGES: Field = must("messages", Kind::List(&MESSAGE));
const MODEL: Field = must("model", Kind::Text);
const SYSTEM: Field = null("system", Kind::Either(&[Kind::Text, Kind::List(&TEXT_BLOCK)]));
const THINK: Field = null("thinking", THINKING);
const CHOICE: Field = null("tool_choice", TOOL_CHOICE);
const TOOLS: Field = null("tools", Kind::List(&TOOL));
const OUTPUT: Field = null("output_config", OUTPUT_CONFIG);
const SPEED: Field = null("speed", Kind::Enum(&["standard", "fast"]));
const PROFILE: Field = null("user_profile_id", Kind::Text);
const WORKSPACE: Field = null("workspace_id", Kind::Text);

/// POST /v1/messages.
pub(crate) const CREATE: Kind = Kind::Object(&[
    MODEL,
    must("max_tokens", Kind::Int),
    MESSAGES,
    SYSTEM,
    null("stream", Kind::Bool),
    null("temperature", Kind::Number),
    null("top_p", Kind::Number),
    null("top_k", Kind::Int),
    null("stop_sequences", Kind::List(&Kind::Text)),
    TOOLS,
    CHOICE,
    THINK,
    OUTPUT,
    null("metadata", Kind::Object(&[null("user_id", Kind::Text)])),
    null("service_tier", Kind::Enum(&["auto", "standard_only"])),
    SPEED,
    CACHED,
    null("container", Kind::Any),
    null("diagnostics", Kind::Map),
    null("inference_geo", Kind::Text),
    PROFILE,
    WORKSPACE,
]);

/// POST /v1/messages/count_tokens.
pub(crate) const COUNT: Kind =
    Kind::Object(&[MODEL, MESSAGES, SYSTEM, TOOLS, CHOICE, THINK, OUTPUT, SPEED, CACHED, PROFILE, WORKSPACE]);

/// Fields that exist only together with an `anthropic-beta` header.
pub(crate) const BETA_FIELDS: [&str; 9] = [
    "context_management",
    "mcp_servers",
    "output_format",
    "compaction",
    "fallbacks",
    "fallback_credit_token",
    "thread",
    "billing_policy",
    "betas",
];

/// Fields that version 2026-10-21 no longer knows.
pub(crate) const SAMPLING_FIELDS: [&str; 3] = ["temperature", "top_p", "top_k"];
