//! The fields of a Chat Completions request, as tables.

use crate::schema::{Field, Kind, may, must, null};

/// The tag itself; [`Kind::Tagged`] has looked at its value already.
const TYPE: Field = must("type", Kind::Text);
const ROLE: Field = must("role", Kind::Text);
const NAME: Field = may("name", Kind::Text);

const BREAKPOINT: Field = may(
    "prompt_cache_breakpoint",
    Kind::Object(&[must("mode", Kind::Enum(&["explicit"])), may("ttl", Kind::Enum(&["30m", "12h"]))]),
);

const TEXT: (&str, Kind) = ("text", Kind::Object(&[TYPE, must("text", Kind::Text), BREAKPOINT]));
const REFUSAL: (&str, Kind) = ("refusal", Kind::Object(&[TYPE, must("refusal", Kind::Text)]));
const IMAGE: (&str, Kind) = (
    "image_url",
    Kind::Object(&[
        TYPE,
        must(
            "image_url",
            Kind::Object(&[must("url", Kind::Text), may("detail", Kind::Enum(&["auto", "low", "high", "original"]))]),
        ),
        BREAKPOINT,
    ]),
);
const AUDIO: (&str, Kind) = (
    "input_audio",
    Kind::Object(&[
        TYPE,
        must("input_audio", Kind::Object(&[must("data", Kind::Text), must("format", Kind::Enum(&["wav", "mp3"]))])),
        BREAKPOINT,
    ]),
);
const FILE: (&str, Kind) = (
    "file",
    Kind::Object(&[
        TYPE,
        must(
            "file",
            Kind::Object(&[may("file_data", Kind::Text), may("file_id", Kind::Text), may("filename", Kind::Text)]),
        ),
        BREAKPOINT,
    ]),
);

const TEXT_PART: Kind = Kind::Tagged { tag: "type", default: None, variants: &[TEXT] };
const ASSISTANT_PART: Kind = Kind::Tagged { tag: "type", default: None, variants: &[TEXT, REFUSAL] };
const USER_PART: Kind = Kind::Tagged { tag: "type", default: None, variants: &[TEXT, IMAGE, AUDIO, FILE] };

const TEXTS: Field = must("content", Kind::Either(&[Kind::Text, Kind::List(&TEXT_PART)]));

const TOOL_CALL: Kind = Kind::Tagged {
    tag: "type",
    default: None,
    variants: &[
        (
            "function",
            Kind::Object(&[
                TYPE,
                must("id", Kind::Text),
                must("function", Kind::Object(&[must("name", Kind::Text), must("arguments", Kind::Text)])),
            ]),
        ),
        (
            "custom",
            Kind::Object(&[
                TYPE,
                must("id", Kind::Text),
                must("custom", Kind::Object(&[must("name", Kind::Text), must("input", Kind::Text)])),
            ]),
        ),
    ],
};

const ASSISTANT: Kind = Kind::Object(&[
    ROLE,
    null("content", Kind::Either(&[Kind::Text, Kind::List(&ASSISTANT_PART)])),
    NAME,
    null("audio", Kind::Object(&[must("id", Kind::Text)])),
    null("function_call", Kind::Object(&[must("name", Kind::Text), must("arguments", Kind::Text)])),
    null("refusal", Kind::Text),
    may("tool_calls", Kind::List(&TOOL_CALL)),
]);

const MESSAGE: Kind = Kind::Tagged {
    tag: "role",
    default: None,
    variants: &[
        ("system", Kind::Object(&[ROLE, NAME, TEXTS])),
        ("developer", Kind::Object(&[ROLE, NAME, TEXTS])),
        ("user", Kind::Object(&[ROLE, NAME, must("content", Kind::Either(&[Kind::Text, Kind::List(&USER_PART)]))])),
        ("assistant", ASSISTANT),
        ("tool", Kind::Object(&[ROLE, TEXTS, must("tool_call_id", Kind::Text)])),
        ("function", Kind::Object(&[ROLE, must("name", Kind::Text), null("content", Kind::Text)])),
    ],
};

const FUNCTION: Kind = Kind::Object(&[
    must("name", Kind::Text),
    may("description", Kind::Text),
    may("parameters", Kind::Map),
    null("strict", Kind::Bool),
]);

const TOOL: Kind = Kind::Tagged {
    tag: "type",
    default: None,
    variants: &[
        ("function", Kind::Object(&[TYPE, must("function", FUNCTION)])),
        (
            "custom",
            Kind::Object(&[
                TYPE,
                must(
                    "custom",
                    Kind::Object(&[must("name", Kind::Text), may("description", Kind::Text), may("format", Kind::Map)]),
                ),
            ]),
        ),
    ],
};

const NAMED: Kind = Kind::Object(&[must("name", Kind::Text)]);

const TOOL_CHOICE: Kind = Kind::Either(&[
    Kind::Enum(&["none", "auto", "required"]),
    Kind::Tagged {
        tag: "type",
        default: None,
        variants: &[
            ("function", Kind::Object(&[TYPE, must("function", NAMED)])),
            ("custom", Kind::Object(&[TYPE, must("custom", NAMED)])),
            (
                "allowed_tools",
                Kind::Object(&[
                    TYPE,
                    must(
                        "allowed_tools",
                        Kind::Object(&[
                            must("mode", Kind::Enum(&["auto", "required"])),
                            must("tools", Kind::List(&Kind::Map)),
                        ]),
                    ),
                ]),
            ),
        ],
    },
]);

const RESPONSE_FORMAT: Kind = Kind::Tagged {
    tag: "type",
    default: None,
    variants: &[
        ("text", Kind::Object(&[TYPE])),
        ("json_object", Kind::Object(&[TYPE])),
        (
            "json_schema",
            Kind::Object(&[
                TYPE,
                must(
                    "json_schema",
                    Kind::Object(&[
                        must("name", Kind::Text),
                        may("description", Kind::Text),
                        may("schema", Kind::Map),
                        null("strict", Kind::Bool),
                    ]),
                ),
            ]),
        ),
    ],
};

/// POST /v1/chat/completions.
pub(crate) const CREATE: Kind = Kind::Object(&[
    must("messages", Kind::List(&MESSAGE)),
    must("model", Kind::Text),
    null("audio", Kind::Map),
    null("frequency_penalty", Kind::Number),
    may("function_call", Kind::Either(&[Kind::Enum(&["none", "auto"]), NAMED])),
    may("functions", Kind::List(&FUNCTION)),
    null("logit_bias", Kind::Map),
    null("logprobs", Kind::Bool),
    null("max_completion_tokens", Kind::Int),
    null("max_tokens", Kind::Int),
    null("metadata", Kind::Map),
    null("modalities", Kind::List(&Kind::Enum(&["text", "audio"]))),
    null("moderation", Kind::Map),
    null("n", Kind::Int),
    may("parallel_tool_calls", Kind::Bool),
    null("prediction", Kind::Map),
    null("presence_penalty", Kind::Number),
    null("prompt_cache_key", Kind::Text),
    may("prompt_cache_options", Kind::Map),
    null("prompt_cache_retention", Kind::Enum(&["in_memory", "24h"])),
    null("reasoning_effort", Kind::Enum(&["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
    may("response_format", RESPONSE_FORMAT),
    null("safety_identifier", Kind::Text),
    null("seed", Kind::Int),
    null("service_tier", Kind::Enum(&["auto", "default", "flex", "scale", "priority", "fast"])),
    null("stop", Kind::Either(&[Kind::Text, Kind::List(&Kind::Text)])),
    null("store", Kind::Bool),
    null("stream", Kind::Bool),
    null("stream_options", Kind::Object(&[may("include_obfuscation", Kind::Bool), may("include_usage", Kind::Bool)])),
    null("temperature", Kind::Number),
    may("tool_choice", TOOL_CHOICE),
    may("tools", Kind::List(&TOOL)),
    null("top_logprobs", Kind::Int),
    null("top_p", Kind::Number),
    may("user", Kind::Text),
    null("verbosity", Kind::Enum(&["low", "medium", "high"])),
    may("web_search_options", Kind::Map),
]);

/// What vendors with visible reasoning read back in assistant turns.
pub(crate) const VENDOR_MESSAGE_FIELDS: [&str; 3] = ["reasoning_content", "reasoning", "reasoning_details"];
/// What they read back, or pass over, on the calls of those turns.
pub(crate) const VENDOR_CALL_FIELDS: [&str; 1] = ["extra_content"];
