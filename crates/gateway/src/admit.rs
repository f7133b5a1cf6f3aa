//! Who may ask: client keys, in every place where SDKs put them, compared in constant time.

use config::ClientKey;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use hub::{Fault, FaultKind};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The keys of the configuration as digests of one length, so that a comparison tells nothing of a key.
pub(crate) struct KeyTable {
    keys: Vec<([u8; 32], String)>,
}

impl KeyTable {
    pub(crate) fn new(keys: &[ClientKey]) -> Self {
        Self { keys: keys.iter().map(|key| (digest(key.key.expose()), key.label.clone())).collect() }
    }

    /// The label of the key that the request carries. No keys at all: everybody is let in.
    ///
    /// # Errors
    /// An unauthenticated fault.
    pub(crate) fn admit(&self, head: &Parts) -> Result<&str, Fault> {
        if self.keys.is_empty() {
            return Ok("-");
        }
        let mut presented = false;
        for candidate in candidates(head) {
            presented = true;
            if let Some(label) = self.find(&candidate) {
                return Ok(label);
            }
        }
        let message = if presented { "Invalid API key" } else { "Missing API key" };
        Err(Fault::new(FaultKind::Unauthenticated, message))
    }

    /// Compares with every key, whether or not one has matched already.
    fn find(&self, candidate: &str) -> Option<&str> {
        let presented = digest(candidate);
        let mut found = None;
        for (key, label) in &self.keys {
            if bool::from(key.ct_eq(&presented)) {
                found = Some(label.as_str());
            }
        }
        found
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// The places of a key, in the order of cliproxyapi.md 1.3; any of them may hold the right one.
fn candidates(head: &Parts) -> Vec<String> {
    let mut found = Vec::with_capacity(2);
    found.extend(text(&head.headers, AUTHORIZATION.as_str()).map(|value| without_scheme(value).to_owned()));
    found.extend(text(&head.headers, "x-goog-api-key").map(str::to_owned));
    found.extend(text(&head.headers, "x-api-key").map(str::to_owned));
    if let Some(query) = head.uri.query() {
        found.extend(query_value(query, "key"));
        found.extend(query_value(query, "auth_token"));
    }
    found.retain(|key| !key.is_empty());
    found
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
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
        KeyTable::new(&keys).admit(&head).map(str::to_owned).map_err(|fault| fault.message.into_owned())
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
