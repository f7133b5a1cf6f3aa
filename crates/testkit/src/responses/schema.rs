//! The fields of a Responses request, as tables.

use crate::schema::{Field, Kind, may, must, null};

const TYPE: Field = must("type", Kind::Text);
/// Of a message the tag may be left out.
const MESSAGE_TYPE: Field = may("type", Kind::Text);
const ROLE: Field = must("role", Kind::Text);
const ID: Field = null("id", Kind::Text);
const STATUS: Field = null("status", Kind::Enum(&["in_progress", "completed", "incomplete"]));
const CALL_ID: Field = must("call_id", Kind::Text);
const NAME: Field = must("name", Kind::Text);
const NAMESPACE: Field = null("namespace", Kind::Text);
const BREAKPOINT: Field = may("prompt_cache_breakpoint", Kind::Map);
const DETAIL: Field = null("detail", Kind::Enum(&["auto", "low", "high", "original"]));

const TEXT: (&str, Kind) = ("input_text", Kind::Object(&[TYPE, must("text", Kind::Text), BREAKPOINT]));
const IMAGE: (&str, Kind) = (
    "input_image",
    Kind::Object(&[TYPE, null("image_url", Kind::Text), null("file_id", Kind::Text), DETAIL, BREAKPOINT]),
);
const FILE: (&str, Kind) = (
    "input_file",
    Kind::Object(&[
        TYPE,
        null("file_data", Kind::Text),
        null("file_id", Kind::Text),
        null("file_url", Kind::Text),
        null("filename", Kind::Text),
        DETAIL,
        BREAKPOINT,
    ]),
);
const SAID: (&str, Kind) = (
    "output_text",
    Kind::Object(&[
        TYPE,
        must("text", Kind::Text),
        null("annotations", Kind::List(&Kind::Map)),
        null("logprobs", Kind::List(&Kind::Map)),
    ]),
);
const REFUSED: (&str, Kind) = ("refusal", Kind::Object(&[TYPE, must("refusal", Kind::Text)]));

const GIVEN_PART: Kind = Kind::Tagged { tag: "type", default: None, variants: &[TEXT, IMAGE, FILE] };
const SAID_PART: Kind = Kind::Tagged { tag: "type", default: None, variants: &[SAID, REFUSED] };
const GIVEN: Field = must("content", Kind::Either(&[Kind::Text, Kind::List(&GIVEN_PART)]));

const GIVEN_MESSAGE: Kind = Kind::Object(&[MESSAGE_TYPE, ROLE, GIVEN, ID, STATUS]);
const SAID_MESSAGE: Kind = Kind::Object(&[
    MESSAGE_TYPE,
    ROLE,
    must("content", Kind::Either(&[Kind::Text, Kind::List(&SAID_PART)])),
    ID,
    STATUS,
    null("phase", Kind::Enum(&["commentary", "final_answer"])),
]);

const MESSAGE: Kind = Kind::Tagged {
    tag: "role",
    default: None,
    variants: &[
        ("user", GIVEN_MESSAGE),
        ("system", GIVEN_MESSAGE),
        ("developer", GIVEN_MESSAGE),
        ("assistant", SAID_MESSAGE),
    ],
};

const OUTPUT: Field = must("output", Kind::Either(&[Kind::Text, Kind::List(&GIVEN_PART)]));
const TEXT_LIST: Kind = Kind::List(&Kind::Object(&[TYPE, must("text", Kind::Text)]));

const SHELL_OUTPUT: Kind = Kind::Object(&[
    must("stdout", Kind::Text),
    must("stderr", Kind::Text),
    must("outcome", Kind::Object(&[TYPE, may("exit_code", Kind::Int)])),
]);
const LOCAL_ACTION: Kind = Kind::Object(&[
    TYPE,
    must("command", Kind::List(&Kind::Text)),
    must("env", Kind::Map),
    null("timeout_ms", Kind::Int),
    null("user", Kind::Text),
    null("working_directory", Kind::Text),
]);
const SHELL_ACTION: Kind = Kind::Object(&[
    must("commands", Kind::List(&Kind::Text)),
    null("timeout_ms", Kind::Int),
    null("max_output_length", Kind::Int),
]);
const OPERATION: Kind = Kind::Tagged {
    tag: "type",
    default: None,
    variants: &[
        ("create_file", Kind::Object(&[TYPE, must("path", Kind::Text), must("diff", Kind::Text)])),
        ("update_file", Kind::Object(&[TYPE, must("path", Kind::Text), must("diff", Kind::Text)])),
        ("delete_file", Kind::Object(&[TYPE, must("path", Kind::Text)])),
    ],
};
const EXECUTION: Field = null("execution", Kind::Enum(&["server", "client"]));

const ITEM: Kind = Kind::Tagged {
    tag: "type",
    default: Some("message"),
    variants: &[
        ("message", MESSAGE),
        ("function_call", Kind::Object(&[TYPE, ID, CALL_ID, NAME, NAMESPACE, must("arguments", Kind::Text), STATUS])),
        ("function_call_output", Kind::Object(&[TYPE, ID, CALL_ID, OUTPUT, STATUS])),
        ("custom_tool_call", Kind::Object(&[TYPE, ID, CALL_ID, NAME, NAMESPACE, must("input", Kind::Text), STATUS])),
        ("custom_tool_call_output", Kind::Object(&[TYPE, ID, CALL_ID, OUTPUT, STATUS])),
        (
            "reasoning",
            Kind::Object(&[
                TYPE,
                // The types say that the id must be there; the service, and an agent of its own vendor, do without.
                ID,
                must("summary", TEXT_LIST),
                null("content", TEXT_LIST),
                null("encrypted_content", Kind::Text),
                STATUS,
            ]),
        ),
        ("item_reference", Kind::Object(&[TYPE, must("id", Kind::Text)])),
        ("web_search_call", Kind::Map),
        ("file_search_call", Kind::Map),
        ("code_interpreter_call", Kind::Map),
        ("image_generation_call", Kind::Map),
        ("mcp_call", Kind::Map),
        (
            "local_shell_call",
            Kind::Object(&[
                TYPE,
                must("id", Kind::Text),
                CALL_ID,
                must("status", Kind::Text),
                must("action", LOCAL_ACTION),
            ]),
        ),
        ("local_shell_call_output", Kind::Object(&[TYPE, must("id", Kind::Text), must("output", Kind::Text), STATUS])),
        (
            "shell_call",
            Kind::Object(&[TYPE, ID, CALL_ID, STATUS, must("action", SHELL_ACTION), null("environment", Kind::Map)]),
        ),
        (
            "shell_call_output",
            Kind::Object(&[
                TYPE,
                ID,
                CALL_ID,
                STATUS,
                must("output", Kind::List(&SHELL_OUTPUT)),
                null("max_output_length", Kind::Int),
            ]),
        ),
        (
            "apply_patch_call",
            Kind::Object(&[
                TYPE,
                ID,
                CALL_ID,
                must("status", Kind::Enum(&["in_progress", "completed"])),
                must("operation", OPERATION),
            ]),
        ),
        (
            "apply_patch_call_output",
            Kind::Object(&[
                TYPE,
                ID,
                CALL_ID,
                must("status", Kind::Enum(&["completed", "failed"])),
                null("output", Kind::Text),
            ]),
        ),
        (
            "tool_search_call",
            Kind::Object(&[TYPE, ID, null("call_id", Kind::Text), EXECUTION, STATUS, must("arguments", Kind::Any)]),
        ),
        (
            "tool_search_output",
            Kind::Object(&[
                TYPE,
                ID,
                null("call_id", Kind::Text),
                EXECUTION,
                STATUS,
                must("tools", Kind::List(&Kind::Map)),
            ]),
        ),
        ("compaction", Kind::Object(&[TYPE, ID, must("encrypted_content", Kind::Text)])),
    ],
};

const TOOL: Kind = Kind::Tagged {
    tag: "type",
    default: None,
    variants: &[
        (
            "function",
            Kind::Object(&[
                TYPE,
                NAME,
                null("parameters", Kind::Map),
                null("strict", Kind::Bool),
                null("description", Kind::Text),
                null("defer_loading", Kind::Bool),
                null("allowed_callers", Kind::List(&Kind::Text)),
                null("output_schema", Kind::Map),
            ]),
        ),
        (
            "custom",
            Kind::Object(&[
                TYPE,
                NAME,
                may("description", Kind::Text),
                may("format", Kind::Map),
                null("defer_loading", Kind::Bool),
            ]),
        ),
        (
            "namespace",
            Kind::Object(&[TYPE, NAME, may("description", Kind::Text), must("tools", Kind::List(&Kind::Map))]),
        ),
        ("web_search", Kind::Map),
        ("web_search_preview", Kind::Map),
        ("file_search", Kind::Map),
        ("code_interpreter", Kind::Map),
        ("image_generation", Kind::Map),
        ("mcp", Kind::Map),
        ("tool_search", Kind::Map),
        ("local_shell", Kind::Object(&[TYPE])),
        ("shell", Kind::Map),
        ("apply_patch", Kind::Object(&[TYPE])),
    ],
};

const TOOL_CHOICE: Kind = Kind::Either(&[
    Kind::Enum(&["none", "auto", "required"]),
    Kind::Tagged {
        tag: "type",
        default: None,
        variants: &[
            ("function", Kind::Object(&[TYPE, NAME])),
            ("custom", Kind::Object(&[TYPE, NAME])),
            (
                "allowed_tools",
                Kind::Object(&[
                    TYPE,
                    must("mode", Kind::Enum(&["auto", "required"])),
                    must("tools", Kind::List(&Kind::Map)),
                ]),
            ),
            ("web_search", Kind::Object(&[TYPE])),
            ("web_search_preview", Kind::Object(&[TYPE])),
            ("file_search", Kind::Object(&[TYPE])),
            ("shell", Kind::Object(&[TYPE])),
            ("apply_patch", Kind::Object(&[TYPE])),
            ("mcp", Kind::Map),
        ],
    },
]);

const FORMAT: Kind = Kind::Tagged {
    tag: "type",
    default: None,
    variants: &[
        ("text", Kind::Object(&[TYPE])),
        ("json_object", Kind::Object(&[TYPE])),
        (
            "json_schema",
            Kind::Object(&[
                TYPE,
                NAME,
                must("schema", Kind::Map),
                null("description", Kind::Text),
                null("strict", Kind::Bool),
            ]),
        ),
    ],
};

const INCLUDE: Kind = Kind::Enum(&[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
]);

const REASONING: Kind = Kind::Object(&[
    null("effort", Kind::Enum(&["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
    null("summary", Kind::Enum(&["auto", "concise", "detailed"])),
    null("generate_summary", Kind::Enum(&["auto", "concise", "detailed"])),
    null("context", Kind::Text),
]);

/// POST /v1/responses.
pub(super) const CREATE: Kind = Kind::Object(&[
    must("model", Kind::Text),
    must("input", Kind::Either(&[Kind::Text, Kind::List(&ITEM)])),
    null("background", Kind::Bool),
    null("client_metadata", Kind::Map),
    null("context_management", Kind::List(&Kind::Map)),
    null("conversation", Kind::Any),
    null("include", Kind::List(&INCLUDE)),
    null("instructions", Kind::Text),
    null("max_output_tokens", Kind::Int),
    null("max_tool_calls", Kind::Int),
    null("metadata", Kind::Map),
    null("parallel_tool_calls", Kind::Bool),
    null("previous_response_id", Kind::Text),
    null("prompt", Kind::Map),
    null("prompt_cache_key", Kind::Text),
    null("prompt_cache_options", Kind::Map),
    null("prompt_cache_retention", Kind::Enum(&["in_memory", "24h"])),
    null("reasoning", REASONING),
    null("safety_identifier", Kind::Text),
    null("service_tier", Kind::Enum(&["auto", "default", "flex", "scale", "priority", "fast"])),
    null("store", Kind::Bool),
    null("stream", Kind::Bool),
    null("stream_options", Kind::Object(&[may("include_obfuscation", Kind::Bool)])),
    null("temperature", Kind::Number),
    may("text", Kind::Object(&[may("format", FORMAT), null("verbosity", Kind::Enum(&["low", "medium", "high"]))])),
    may("tool_choice", TOOL_CHOICE),
    may("tools", Kind::List(&TOOL)),
    null("top_logprobs", Kind::Int),
    null("top_p", Kind::Number),
    null("truncation", Kind::Enum(&["auto", "disabled"])),
    null("user", Kind::Text),
]);
