//! Providers in the address: `/{provider}/v1/...` means the same request to that provider's accounts only, and so does
//! the header `Model-Provider`. The path wins over the header.

use http::HeaderName;
use http::request::Parts;
use http::uri::PathAndQuery;
use hub::{Fault, FaultKind};
use percent_encoding::percent_decode_str;

use crate::routes::Routes;
use crate::scope::{Known, Providers, Scope};

static HEADER: HeaderName = HeaderName::from_static("model-provider");
/// Longest id that messages repeat, in characters.
const SHOWN: usize = 64;

/// The provider that stood in the path; kept with the head, so that nobody else need know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct InPath(String);

/// Takes the provider out of a path that is none of ours but begins with one, and leaves the rest of it.
pub(crate) fn take_provider(routes: &Routes, head: &mut Parts) {
    if let Some(provider) = split(routes, head) {
        head.extensions.insert(InPath(provider));
    }
}

fn split(routes: &Routes, head: &mut Parts) -> Option<String> {
    let path = head.uri.path();
    let (segment, _) = path.strip_prefix('/')?.split_once('/')?;
    // A greeting is nobody's in particular.
    if segment.is_empty() || path.len() == segment.len() + 2 || routes.begins(segment) || routes.knows(path) {
        return None;
    }
    let rest = head.uri.path_and_query()?.as_str().get(segment.len() + 1..)?;
    if !routes.knows(&path[segment.len() + 1..]) {
        return None;
    }
    let provider = percent_decode_str(segment).decode_utf8_lossy().into_owned();
    let mut parts = head.uri.clone().into_parts();
    parts.path_and_query = Some(rest.parse::<PathAndQuery>().ok()?);
    head.uri = http::Uri::from_parts(parts).ok()?;
    Some(provider)
}

/// The scope that the path or the header names, within that of the key.
///
/// # Errors
/// When nobody is called so, or no account of this installation is that provider's.
pub(crate) fn scope(providers: &Providers, scope: Scope, head: &Parts) -> Result<Scope, Fault> {
    if let Some(InPath(id)) = head.extensions.get() {
        return providers.narrow(scope, id).ok_or_else(|| unknown(providers, id, FaultKind::NotFound));
    }
    // Places have names in any script, and programs send them as they are.
    let named = head.headers.get(&HEADER).map(|value| String::from_utf8_lossy(value.as_bytes()));
    match named.as_deref().map(str::trim) {
        None | Some("") => Ok(scope),
        Some(id) => providers.narrow(scope, id).ok_or_else(|| unknown(providers, id, FaultKind::BadRequest)),
    }
}

fn unknown(providers: &Providers, id: &str, kind: FaultKind) -> Fault {
    let shown: String = id.chars().take(SHOWN).collect();
    let ids = providers.ids();
    let listed = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
    Fault::new(
        kind,
        match providers.find(id) {
            Known::Elsewhere => {
                format!("no account of this installation is of the provider `{shown}`; there are: {listed}")
            }
            Known::Here(_) | Known::Nowhere => format!("there is no provider `{shown}`; there are: {listed}"),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(uri: &str) -> (Option<String>, String) {
        let (mut head, ()) = http::Request::get(uri).body(()).unwrap().into_parts();
        let taken = split(&Routes::new(), &mut head);
        (taken, head.uri.to_string())
    }

    #[test]
    fn the_first_segment_is_a_provider_only_where_the_rest_is_a_route() {
        for (uri, provider, rest) in [
            ("/v1/messages", None, "/v1/messages"),
            ("/x/v1/messages?a=b", Some("x"), "/v1/messages?a=b"),
            ("/My%20Place/v1/models", Some("My Place"), "/v1/models"),
            ("/x/v1/nothing", None, "/x/v1/nothing"),
            ("/ollama/api/tags", None, "/ollama/api/tags"),
            ("/ollama/v1/messages", Some("ollama"), "/v1/messages"),
            ("/ollama/ollama/api/chat", Some("ollama"), "/ollama/api/chat"),
            ("/x/v1beta/models/m:generateContent?key=k", Some("x"), "/v1beta/models/m:generateContent?key=k"),
            ("//v1/messages", None, "//v1/messages"),
            ("/x", None, "/x"),
            ("/x/", None, "/x/"),
            ("/x/y/v1/messages", None, "/x/y/v1/messages"),
            ("http://host/x/v1/messages", Some("x"), "http://host/v1/messages"),
        ] {
            assert_eq!(take(uri), (provider.map(str::to_owned), rest.to_owned()), "{uri}");
        }
    }
}
