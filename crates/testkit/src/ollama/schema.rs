//! What a chat request may hold, as a table. Null is as good as absent, as Go reads JSON.
//!
//! Schemas of tools are recursive and have rules of their own: see `rules`.

use crate::schema::{Field, Kind, must, null};

const CALL: Kind = Kind::Object(&[
    null("id", Kind::Text),
    must(
        "function",
        Kind::Object(&[
            null("index", Kind::Int),
            must("name", Kind::Text),
            must("arguments", Kind::Map),
            null("description", Kind::Text),
        ]),
    ),
]);

const MESSAGE: Kind = Kind::Object(&[
    must("role", Kind::Text),
    null("content", Kind::Text),
    null("thinking", Kind::Text),
    null("images", Kind::List(&Kind::Text)),
    null("tool_calls", Kind::List(&CALL)),
    null("tool_name", Kind::Text),
    null("tool_call_id", Kind::Text),
]);

const PARAMETERS: Kind = Kind::Object(&[
    must("type", Kind::Text),
    null("$defs", Kind::Any),
    null("definitions", Kind::Any),
    null("items", Kind::Any),
    null("required", Kind::List(&Kind::Text)),
    null("properties", Kind::Map),
    null("additionalProperties", Kind::Any),
    null("description", Kind::Text),
    null("title", Kind::Text),
    null("$schema", Kind::Text),
]);

const TOOL: Kind = Kind::Object(&[
    must("type", Kind::Text),
    null("items", Kind::Any),
    must(
        "function",
        Kind::Object(&[must("name", Kind::Text), null("description", Kind::Text), null("parameters", PARAMETERS)]),
    ),
]);

const OPTIONS: Kind = Kind::Object(&[
    null("num_ctx", Kind::Number),
    null("num_keep", Kind::Number),
    null("num_predict", Kind::Number),
    null("num_batch", Kind::Number),
    null("num_gpu", Kind::Number),
    null("num_thread", Kind::Number),
    null("seed", Kind::Number),
    null("temperature", Kind::Number),
    null("top_k", Kind::Number),
    null("top_p", Kind::Number),
    null("min_p", Kind::Number),
    null("typical_p", Kind::Number),
    null("repeat_last_n", Kind::Number),
    null("repeat_penalty", Kind::Number),
    null("presence_penalty", Kind::Number),
    null("frequency_penalty", Kind::Number),
    null("stop", Kind::List(&Kind::Text)),
]);

/// Fields of one call, and those that chats and prompts share.
macro_rules! with_shared {
    ($($own:expr),* $(,)?) => {
        &[
            $($own,)*
            null("stream", Kind::Bool),
            null("format", Kind::Any),
            null("keep_alive", Kind::Either(&[Kind::Text, Kind::Number])),
            null("options", OPTIONS),
            null("think", Kind::Any),
            null("truncate", Kind::Bool),
            null("shift", Kind::Bool),
            null("logprobs", Kind::Bool),
            null("top_logprobs", Kind::Int),
        ]
    };
}

const FIELDS: &[Field] =
    with_shared![must("model", Kind::Text), null("messages", Kind::List(&MESSAGE)), null("tools", Kind::List(&TOOL)),];

const PROMPT: &[Field] = with_shared![
    must("model", Kind::Text),
    null("prompt", Kind::Text),
    null("suffix", Kind::Text),
    null("system", Kind::Text),
    null("template", Kind::Text),
    null("context", Kind::List(&Kind::Int)),
    null("raw", Kind::Bool),
    null("images", Kind::List(&Kind::Text)),
];

/// POST /api/chat.
pub(super) const CHAT: Kind = Kind::Object(FIELDS);
/// POST /api/generate.
pub(super) const GENERATE: Kind = Kind::Object(PROMPT);
/// POST /api/show.
pub(super) const SHOW: Kind = Kind::Object(&[
    null("model", Kind::Text),
    null("name", Kind::Text),
    null("system", Kind::Text),
    null("template", Kind::Text),
    null("verbose", Kind::Bool),
    null("options", Kind::Map),
]);
