//! Where programs say which conversation a request belongs to.
//!
//! One reader for all languages: each passes its own places (`ClientSide::sessions`), most telling first, and what is left
//! are the places that programs of any language use ([`USUAL`]). Asked only where an account is chosen by it.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use serde::Deserialize;

use crate::Body;

/// Longest session key that is used, in bytes; a longer one is no key but a payload.
const MAX: usize = 512;

/// One place where a conversation may be named.
#[derive(Clone, Debug)]
pub enum Source {
    /// A header.
    Header(HeaderName),
    /// A top-level field: a text, or a record that is known by its id.
    Field(&'static str),
    /// Somewhere within the body.
    Within(fn(&Body) -> Option<String>),
}

/// A header by its name, which must be in lower case.
pub const fn header(name: &'static str) -> Source {
    Source::Header(HeaderName::from_static(name))
}

/// Most telling first. The last header stays the same through a conversation with some agents and is new for each request
/// with others, for whom it is no session at all.
static USUAL: [Source; 13] = [
    header("x-claude-code-session-id"),
    header("session-id"),
    header("session_id"),
    header("x-session-id"),
    header("x-session-affinity"),
    header("conversation_id"),
    header("x-client-request-id"),
    Source::Field("session_id"),
    Source::Field("sessionId"),
    Source::Field("prompt_cache_key"),
    Source::Field("conversation"),
    Source::Field("conversation_id"),
    Source::Within(user),
];

/// The conversation of a request: at the first of its language's own places that names one, else at a usual place.
pub fn session(own: &[Source], headers: &HeaderMap, body: &Body) -> Option<String> {
    let usable = |key: &String| !key.is_empty() && key.len() <= MAX;
    own.iter().chain(&USUAL).filter_map(|source| source.read(headers, body)).find(usable)
}

impl Source {
    fn read(&self, headers: &HeaderMap, body: &Body) -> Option<String> {
        match self {
            Self::Header(name) => headers.get(name)?.to_str().ok().map(str::to_owned),
            Self::Field(name) => named(body.raw(name)?),
            Self::Within(read) => read(body),
        }
    }
}

fn named(json: &str) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Named<'a> {
        Text(#[serde(borrow)] Cow<'a, str>),
        Record {
            #[serde(borrow)]
            id: Cow<'a, str>,
        },
    }
    match serde_json::from_str(json).ok()? {
        Named::Text(text) | Named::Record { id: text } => Some(text.into_owned()),
    }
}

/// The user that Anthropic's form of metadata names.
pub fn user(body: &Body) -> Option<String> {
    #[derive(Deserialize)]
    struct Metadata<'a> {
        #[serde(borrow)]
        user_id: Cow<'a, str>,
    }
    let metadata: Metadata<'_> = serde_json::from_str(body.raw("metadata")?).ok()?;
    Some(metadata.user_id.into_owned())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn among(own: &[Source], headers: &[(&str, &str)], body: &str) -> Option<String> {
        let header = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        let headers = headers.iter().map(header).collect();
        session(own, &headers, &Body::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap())
    }

    fn of(body: &str) -> Option<String> {
        among(&[], &[], body)
    }

    #[test]
    fn each_usual_place_is_looked_at() {
        let user = r#""metadata":{"user_id":"u"}"#;
        for source in &USUAL {
            match source {
                Source::Header(name) => {
                    let found = among(&[], &[(name.as_str(), "s")], r#"{"session_id":"other"}"#);
                    assert_eq!(found.as_deref(), Some("s"), "{name}");
                }
                Source::Field(name) => assert_eq!(of(&format!(r#"{{"{name}":"s",{user}}}"#)).as_deref(), Some("s")),
                Source::Within(_) => assert_eq!(of(&format!("{{{user}}}")).as_deref(), Some("u")),
            }
        }
        assert_eq!(of(r#"{"conversation":{"id":"c\u0031","x":1}}"#).as_deref(), Some("c1"));
    }

    #[test]
    fn what_is_no_key_is_none() {
        let long = format!(r#"{{"session_id":"{}"}}"#, "x".repeat(MAX + 1));
        for body in [r#"{"session_id":5,"metadata":[]}"#, r#"{"session_id":"","conversation":{}}"#, &long, "{}"] {
            assert_eq!(of(body), None, "{body}");
        }
        let most = "x".repeat(MAX);
        assert_eq!(of(&format!(r#"{{"session_id":"{most}"}}"#)), Some(most));
    }

    #[test]
    fn own_places_come_first_and_under_the_same_bound() {
        let own = [Source::Field("thread"), header("x-own")];
        let usual = ("session-id", "usual");
        let long = "x".repeat(MAX + 1);
        for (headers, body, expect) in [
            (vec![usual, ("x-own", "h")], r#"{"thread":"t"}"#.to_owned(), "t"),
            (vec![usual, ("x-own", "h")], "{}".to_owned(), "h"),
            (vec![usual], format!(r#"{{"thread":"{long}"}}"#), "usual"),
            (vec![usual, ("x-own", "")], "{}".to_owned(), "usual"),
        ] {
            assert_eq!(among(&own, &headers, &body).as_deref(), Some(expect), "{body}");
        }
    }
}
