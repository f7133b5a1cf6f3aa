//! Which web pages may call: none, unless the configuration names them. Management is never opened to pages.

use config::Cors;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

use crate::management;

/// The origin that may read the answer, if the caller is a page that may call.
pub(crate) fn allowed(cors: &Cors, head: &Parts) -> Option<HeaderValue> {
    if head.uri.path().starts_with(management::ROOT) {
        return None;
    }
    let origin = head.headers.get(ORIGIN)?;
    let listed = match cors {
        Cors::Closed => false,
        Cors::Any => true,
        Cors::Origins(list) => list.iter().any(|known| origin.as_bytes().eq_ignore_ascii_case(known.as_bytes())),
    };
    listed.then(|| origin.clone())
}

/// Whether a page asks if it may call.
pub(crate) fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Marks an answer as readable by `origin`.
pub(crate) fn mark(origin: HeaderValue, headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    // All of them: what tells of limits has another name in each language. Pages call without cookies, so that the star
    // counts.
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    headers.append(VARY, HeaderValue::from_static("origin"));
}

/// Answers the question of a page.
pub(crate) fn permit(origin: HeaderValue, headers: &mut HeaderMap) {
    mark(origin, headers);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*, authorization"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
}
