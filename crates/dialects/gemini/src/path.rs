//! Model and method out of the URL: `/v1beta/models/{model}:{method}`. Knows nothing of bodies.

use http::HeaderName;
use http::request::Parts;
use percent_encoding::percent_decode_str;

/// Where models live; the newest Python SDK uses the second.
const ROOTS: [&str; 2] = ["/v1beta/models/", "/v1/models/"];

/// What a request line asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The model, without `models/`.
    pub(crate) model: String,
    /// The word after the colon.
    pub(crate) method: String,
}

/// Reads a path; `None` when it names no model and method.
pub(crate) fn read(path: &str) -> Option<Asked> {
    let (model, method) = split(path)?;
    let model = percent_decode_str(model).decode_utf8_lossy();
    let model = match model.strip_prefix("models/") {
        Some(bare) => bare.to_owned(),
        None => model.into_owned(),
    };
    Some(Asked { model, method: method.to_owned() })
}

/// The model as it is written, and the method: each request of the dialect is asked for it by several routes.
fn split(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let rest = ROOTS.iter().find_map(|root| path.strip_prefix(root))?;
    rest.rsplit_once(':').or_else(|| {
        // Some clients escape the colon.
        let at = rest.to_ascii_lowercase().rfind("%3a")?;
        Some((&rest[..at], &rest[at + 3..]))
    })
}

/// Whether a path asks for a token count.
pub(crate) fn counts(head: &Parts) -> bool {
    asks(head, "countTokens")
}

/// Whether a path asks for one vector.
pub(crate) fn embeds_one(head: &Parts) -> bool {
    asks(head, "embedContent")
}

/// Whether a path asks for several.
pub(crate) fn embeds_many(head: &Parts) -> bool {
    asks(head, "batchEmbedContents")
}

fn asks(head: &Parts, method: &str) -> bool {
    split(head.uri.path()).is_some_and(|(_, asked)| asked == method)
}

/// Whether a path asks for anything of a model; what no other route takes and is not offered is refused when it is
/// read.
pub(crate) fn generates(head: &Parts) -> bool {
    split(head.uri.path()).is_some_and(|(_, asked)| asked != "countTokens")
}

/// The header in which Google's programs bring their key.
pub(crate) static KEYS: [HeaderName; 1] = [HeaderName::from_static("x-goog-api-key")];

/// Whether a key is given in one of Google's own ways.
pub(crate) fn has_google_key(head: &Parts) -> bool {
    KEYS.iter().any(|name| head.headers.contains_key(name)) || query(head).any(|(key, _)| key == "key")
}

/// Whether a stream is wanted as server-sent events; otherwise it is one JSON array.
pub(crate) fn wants_events(head: &Parts) -> bool {
    // Google's APIs call it `$alt`, too.
    let is_alt = |key| ["alt", "$alt", "%24alt"].contains(&key);
    query(head).any(|(key, value)| is_alt(key) && value.eq_ignore_ascii_case("sse"))
}

fn query(head: &Parts) -> impl Iterator<Item = (&str, &str)> {
    head.uri.query().unwrap_or_default().split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str) -> Option<(String, String)> {
        read(path).map(|asked| (asked.model, asked.method))
    }

    #[test]
    fn model_and_method_are_told_apart() {
        let pair = |model: &str, method: &str| Some((model.to_owned(), method.to_owned()));
        assert_eq!(asked("/v1beta/models/g-2:generateContent"), pair("g-2", "generateContent"));
        assert_eq!(asked("/v1/models/a%2Fb:countTokens/"), pair("a/b", "countTokens"));
        assert_eq!(asked("/v1beta/models/llama3:8b:streamGenerateContent"), pair("llama3:8b", "streamGenerateContent"));
        assert_eq!(asked("/v1beta/models/g%3AgenerateContent"), pair("g", "generateContent"));
        assert_eq!(asked("/v1beta/models/models/g:generateContent"), pair("g", "generateContent"));
        assert_eq!(asked("/v1beta/models/g"), None);
        assert_eq!(asked("/v1/chat/completions:x"), None);
    }
}
