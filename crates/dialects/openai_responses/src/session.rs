//! The key that stays the same through a conversation (facts on CLIProxyAPI's affinity, section 6.3; Codex sends
//! `session-id` and `prompt_cache_key`).

use dialect::Body;
use http::{HeaderMap, HeaderName};

use crate::wire::Str;

/// Longest session key that is used, in bytes; a longer one is no key but a payload.
const MAX: usize = 512;
static HEADERS: [HeaderName; 7] = [
    HeaderName::from_static("session-id"),
    HeaderName::from_static("session_id"),
    HeaderName::from_static("thread-id"),
    HeaderName::from_static("conversation_id"),
    HeaderName::from_static("x-session-id"),
    HeaderName::from_static("x-session-affinity"),
    HeaderName::from_static("x-claude-code-session-id"),
];
const FIELDS: [&str; 2] = ["prompt_cache_key", "previous_response_id"];

/// The session of a request: the agent's own header, else a field of the body.
pub(crate) fn of_request(headers: &HeaderMap, body: &Body) -> Option<String> {
    let header = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let field = |name: &&str| serde_json::from_str::<Str<'_>>(body.raw(name)?).ok().map(Str::owned);
    let usable = |key: &String| !key.is_empty() && key.len() <= MAX;
    let told = HEADERS.iter().filter_map(header).find(usable);
    told.or_else(|| FIELDS.iter().filter_map(field).find(usable))
}
