//! Where programs of any language say which conversation a request belongs to. A dialect's own sources come first; these
//! are what is left.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use serde::Deserialize;

use crate::Body;

/// Longest session key that is used, in bytes; a longer one is no key but a payload.
const MAX: usize = 512;
/// Most telling first. The last one stays the same through a conversation with some agents and is new for each request
/// with others, for whom it is no session at all.
static HEADERS: [HeaderName; 7] = [
    HeaderName::from_static("x-claude-code-session-id"),
    HeaderName::from_static("session-id"),
    HeaderName::from_static("session_id"),
    HeaderName::from_static("x-session-id"),
    HeaderName::from_static("x-session-affinity"),
    HeaderName::from_static("conversation_id"),
    HeaderName::from_static("x-client-request-id"),
];
const FIELDS: [&str; 5] = ["session_id", "sessionId", "prompt_cache_key", "conversation", "conversation_id"];

/// A text, or a record that is known by its id.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Record {
        #[serde(borrow)]
        id: Cow<'a, str>,
    },
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    user_id: Cow<'a, str>,
}

/// The conversation of a request, in whatever usual place it is told.
pub fn session(headers: &HeaderMap, body: &Body) -> Option<String> {
    let header = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let field = |name: &&str| match serde_json::from_str(body.raw(name)?).ok()? {
        Named::Text(text) | Named::Record { id: text } => Some(text.into_owned()),
    };
    let user = || Some(serde_json::from_str::<Metadata<'_>>(body.raw("metadata")?).ok()?.user_id.into_owned());
    let usable = |key: &String| !key.is_empty() && key.len() <= MAX;
    let told = HEADERS.iter().filter_map(header).find(usable);
    told.or_else(|| FIELDS.iter().filter_map(field).find(usable)).or_else(|| user().filter(usable))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn of(header: Option<(&str, &str)>, body: &str) -> Option<String> {
        let headers = header
            .into_iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        session(&headers, &Body::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap())
    }

    #[test]
    fn each_usual_place_is_looked_at() {
        for name in &HEADERS {
            assert_eq!(of(Some((name.as_str(), "s")), r#"{"session_id":"other"}"#).as_deref(), Some("s"), "{name}");
        }
        for name in FIELDS {
            assert_eq!(of(None, &format!(r#"{{"{name}":"s","metadata":{{"user_id":"u"}}}}"#)).as_deref(), Some("s"));
        }
        assert_eq!(of(None, r#"{"conversation":{"id":"c\u0031","x":1}}"#).as_deref(), Some("c1"));
        assert_eq!(of(None, r#"{"metadata":{"user_id":"u"}}"#).as_deref(), Some("u"));
    }

    #[test]
    fn what_is_no_key_is_none() {
        let long = format!(r#"{{"session_id":"{}"}}"#, "x".repeat(MAX + 1));
        for body in [r#"{"session_id":5,"metadata":[]}"#, r#"{"session_id":"","conversation":{}}"#, &long, "{}"] {
            assert_eq!(of(None, body), None, "{body}");
        }
    }
}
