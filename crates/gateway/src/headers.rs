//! Which headers go which way. Those of a language or a place are listed there; here the lists are put together.

use std::sync::LazyLock;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};

/// Our id of a request, taken from the client where it is fit to be logged.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Lists what a translation could not carry.
pub(crate) const LOSSES: HeaderName = HeaderName::from_static("x-bosporus-losses");
/// Asks for the attempts of a request, and tells them.
pub(crate) const TRAIL: HeaderName = HeaderName::from_static("x-bosporus-trail");
/// The model that answered in place of the one that was asked for.
pub(crate) const FALLBACK: HeaderName = HeaderName::from_static("x-bosporus-fallback");
/// Marks a number that was estimated here.
pub(crate) const ESTIMATE: HeaderName = HeaderName::from_static("x-bosporus-estimate");
/// What the upstream calls its request.
pub(crate) const UPSTREAM_ID: HeaderName = HeaderName::from_static("x-bosporus-upstream-id");
/// Whether official SDKs try again, whatever else they are told.
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static(SHOULD_RETRY_TEXT);
const SHOULD_RETRY_TEXT: &str = "x-should-retry";

/// Upstream headers that help a client of the same dialect. Of all languages in one table: places send those of another,
/// and a client skips what it does not know.
static USEFUL: LazyLock<Useful> = LazyLock::new(Useful::of_all);

struct Useful {
    names: Vec<&'static str>,
    beginnings: Vec<&'static str>,
}

impl Useful {
    fn of_all() -> Self {
        let own = dialects::ALL.iter().map(|dialect| dialect.headers);
        let names = own.clone().flat_map(|own| own.answers).copied().chain([SHOULD_RETRY_TEXT]);
        let beginnings = own.flat_map(|own| own.answer_families).copied().chain(["retry-after"]);
        Self { names: each_once(names), beginnings: each_once(beginnings) }
    }

    fn has(&self, name: &str) -> bool {
        self.names.contains(&name) || self.beginnings.iter().any(|beginning| name.starts_with(beginning))
    }
}

fn each_once(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Headers that describe a connection, an encoding or another site, and are never copied.
const PRIVATE: [&str; 13] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "set-cookie",
    "content-length",
    "content-encoding",
    "x-request-id",
    "alt-svc",
];

/// Copies the upstream's headers that are for the client: the useful ones, or all that are not private.
pub(crate) fn copy_upstream(from: &HeaderMap, all: bool, to: &mut HeaderMap) {
    let useful = &*USEFUL;
    for (name, value) in from {
        let text = name.as_str();
        let public = || !PRIVATE.contains(&text) && !text.starts_with("access-control-") && !is_signature(text);
        if if all { public() } else { useful.has(text) } {
            to.append(name.clone(), value.clone());
        }
    }
}

/// Other gateways sign their answers; ours are not theirs.
fn is_signature(name: &str) -> bool {
    upstreams::SIGNATURES.iter().any(|signature| name.starts_with(signature))
}

/// Room for the headers of most answers. With one more the map takes twice as much, which the allocator has no stock of.
const FEW: usize = 6;

/// The headers of a streamed answer.
pub(crate) fn streamed(content_type: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(FEW);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Reverse proxies in front of us must not hold events back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    headers
}

/// The headers of a whole JSON answer.
pub(crate) fn json() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(FEW);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}

/// Tells the attempts, where they were asked for.
pub(crate) fn tell_trail(trail: Option<String>, headers: &mut HeaderMap) {
    let text = trail.map(|trail| trail.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect::<String>());
    if let Some(value) = text.filter(|text| !text.is_empty()).and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(TRAIL, value);
    }
}

/// `retry-after` in whole seconds, rounded up.
pub(crate) fn retry_after(wait: std::time::Duration, headers: &mut HeaderMap) {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    // What an upstream said of itself alone would contradict it, and some programs read that first.
    headers.remove("retry-after-ms");
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_useful_headers_pass_unless_all_are_wanted() {
        let from: HeaderMap = [
            ("request-id", "r"),
            ("anthropic-ratelimit-requests-remaining", "3"),
            ("server", "s"),
            ("set-cookie", "c"),
            ("content-length", "3"),
            ("x-litellm-id", "l"),
        ]
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
        let copy = |all| {
            let mut to = HeaderMap::new();
            copy_upstream(&from, all, &mut to);
            let mut names: Vec<_> = to.keys().map(|name| name.as_str().to_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(copy(false), ["anthropic-ratelimit-requests-remaining", "request-id"]);
        assert_eq!(copy(true), ["anthropic-ratelimit-requests-remaining", "request-id", "server"]);
    }

    /// The table of all languages, name by name: a list that a language loses is seen here.
    #[test]
    fn every_language_has_its_headers_in_the_table() {
        let useful = Useful::of_all();
        let names = ["openai-processing-ms", "openai-version", "request-id", "x-codex-turn-state", "x-should-retry"];
        assert_eq!(useful.names, names);
        assert_eq!(useful.beginnings, ["anthropic-ratelimit-", "retry-after", "x-ratelimit-"]);
    }

    #[test]
    fn every_name_can_be_met() {
        let lists = dialects::ALL.iter().map(|dialect| dialect.headers);
        let own = lists.flat_map(|own| own.answers.iter().chain(own.answer_families));
        let names: Vec<_> = own.chain(&upstreams::REQUEST_IDS).chain(&upstreams::SIGNATURES).collect();
        assert!(names.iter().all(|name| !name.is_empty() && HeaderName::from_lowercase(name.as_bytes()).is_ok()));
    }
}
