//! Who may ask: client keys, in every place where SDKs put them, looked up by their digests.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use config::ClientKey;
use http::HeaderName;
use http::header::AUTHORIZATION;
use http::request::Parts;
use hub::{Fault, FaultKind};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

/// The headers that may hold a key, in the order of cliproxyapi.md 1.3.
static HEADERS: [HeaderName; 3] =
    [AUTHORIZATION, HeaderName::from_static("x-goog-api-key"), HeaderName::from_static("x-api-key")];
/// The same for the query.
const QUERY: [&str; 2] = ["key", "auth_token"];

/// The keys of the configuration by their digests. How long a look-up takes may tell something of the digest of what
/// was presented, which nobody can steer towards the digest of a key, and nothing of a key.
pub(crate) struct KeyTable {
    labels: HashMap<[u8; 32], Arc<str>>,
    anybody: Arc<str>,
}

impl KeyTable {
    pub(crate) fn new(keys: &[ClientKey]) -> Self {
        let labels = keys.iter().map(|key| (digest(key.key.expose()), key.label.as_str().into())).collect();
        Self { labels, anybody: "-".into() }
    }

    /// The label of the key that the request carries. No keys at all: everybody is let in.
    ///
    /// # Errors
    /// An unauthenticated fault.
    pub(crate) fn admit(&self, head: &Parts) -> Result<Arc<str>, Fault> {
        if self.labels.is_empty() {
            return Ok(Arc::clone(&self.anybody));
        }
        let mut presented = false;
        for candidate in candidates(head) {
            presented = true;
            if let Some(label) = self.labels.get(&digest(&candidate)) {
                return Ok(Arc::clone(label));
            }
        }
        let message = if presented { "Invalid API key" } else { "Missing API key" };
        Err(Fault::new(FaultKind::Unauthenticated, message))
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// What stands in the places of a key; any of them may hold the right one.
fn candidates(head: &Parts) -> impl Iterator<Item = Cow<'_, str>> {
    let headers = HEADERS.iter().filter_map(|name| {
        let value = head.headers.get(name)?.to_str().ok()?.trim();
        Some(Cow::Borrowed(if *name == AUTHORIZATION { without_scheme(value) } else { value }))
    });
    let query = head.uri.query().into_iter();
    let query = query.flat_map(|query| QUERY.iter().filter_map(|name| query_value(query, name).map(Cow::Owned)));
    headers.chain(query).filter(|key| !key.is_empty())
}

fn without_scheme(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
        // `Bearer ` with an empty key arrives without its space.
        None if value.eq_ignore_ascii_case("bearer") => "",
        _ => value,
    }
}

fn query_value(query: &str, name: &str) -> Option<String> {
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decode_str(pair).decode_utf8_lossy().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Secret;

    fn admit(uri: &str, headers: &[(&str, &str)]) -> Result<String, String> {
        let keys = [("right", "key-1"), ("other", "key-2")]
            .map(|(key, label)| ClientKey { key: Secret::new(key), label: label.into() });
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        KeyTable::new(&keys)
            .admit(&head)
            .map(|label| label.as_ref().to_owned())
            .map_err(|fault| fault.message.into_owned())
    }

    #[test]
    fn every_place_is_looked_at() {
        for (uri, headers) in [
            ("/", &[("authorization", "Bearer right")][..]),
            ("/", &[("authorization", "bEaReR  right ")]),
            ("/", &[("authorization", "right")]),
            ("/", &[("x-api-key", "right")]),
            ("/", &[("x-goog-api-key", "right")]),
            ("/?a=b&key=right", &[]),
            ("/?auth_token=r%69ght", &[]),
            ("/", &[("authorization", "Bearer wrong"), ("x-api-key", "right")]),
        ] {
            assert_eq!(admit(uri, headers), Ok("key-1".into()), "{uri} {headers:?}");
        }
    }

    #[test]
    fn missing_and_wrong_are_told_apart() {
        assert_eq!(admit("/", &[]), Err("Missing API key".into()));
        assert_eq!(admit("/", &[("authorization", "Bearer ")]), Err("Missing API key".into()));
        assert_eq!(admit("/", &[("authorization", "bearer")]), Err("Missing API key".into()));
        assert_eq!(admit("/", &[("x-api-key", "wrong")]), Err("Invalid API key".into()));
    }
}
