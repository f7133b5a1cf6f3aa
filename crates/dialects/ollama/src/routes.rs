//! The routes, each once at the root and once under `/ollama`, for programs that share a host with others.

use dialect::{ClientSide, HttpReply, Operation, Route};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};

use crate::chat::Chat;
use crate::embed;
use crate::generate::Generate;
use crate::models::Models;

/// The version whose behaviour we follow (its routes and types were read in 2026-11). Editors ask for 0.6.4 at least,
/// agents that speak Responses to it for 0.13.4.
const VERSION: &str = r#"{"version":"0.32.7"}"#;
const NO_LIBRARY: &str = r#"{"error":"models are not pulled, made or removed here: they come from the configuration"}"#;

pub(crate) static ROUTES: [Route; 32] = [
    greeting("/", wants_no_page),
    route(Method::POST, "/api/chat", Operation::Generate),
    generate("/api/generate"),
    route(Method::GET, "/api/tags", Operation::ListModels(&Models)),
    route(Method::POST, "/api/show", Operation::ShowModel(&Models)),
    route(Method::GET, "/api/ps", Operation::Fixed(nothing_loaded)),
    route(Method::GET, "/api/version", Operation::Fixed(version)),
    route(Method::POST, "/api/embed", Operation::Embed(&embed::MANY)),
    route(Method::POST, "/api/embeddings", Operation::Embed(&embed::ONE)),
    route(Method::POST, "/api/pull", Operation::Fixed(no_library)),
    route(Method::POST, "/api/push", Operation::Fixed(no_library)),
    route(Method::POST, "/api/create", Operation::Fixed(no_library)),
    route(Method::POST, "/api/copy", Operation::Fixed(no_library)),
    route(Method::DELETE, "/api/delete", Operation::Fixed(no_library)),
    route(Method::GET, "/api/blobs/{rest}", Operation::Fixed(no_library)),
    route(Method::POST, "/api/blobs/{rest}", Operation::Fixed(no_library)),
    greeting("/ollama", always),
    route(Method::POST, "/ollama/api/chat", Operation::Generate),
    generate("/ollama/api/generate"),
    route(Method::GET, "/ollama/api/tags", Operation::ListModels(&Models)),
    route(Method::POST, "/ollama/api/show", Operation::ShowModel(&Models)),
    route(Method::GET, "/ollama/api/ps", Operation::Fixed(nothing_loaded)),
    route(Method::GET, "/ollama/api/version", Operation::Fixed(version)),
    route(Method::POST, "/ollama/api/embed", Operation::Embed(&embed::MANY)),
    route(Method::POST, "/ollama/api/embeddings", Operation::Embed(&embed::ONE)),
    route(Method::POST, "/ollama/api/pull", Operation::Fixed(no_library)),
    route(Method::POST, "/ollama/api/push", Operation::Fixed(no_library)),
    route(Method::POST, "/ollama/api/create", Operation::Fixed(no_library)),
    route(Method::POST, "/ollama/api/copy", Operation::Fixed(no_library)),
    route(Method::DELETE, "/ollama/api/delete", Operation::Fixed(no_library)),
    route(Method::GET, "/ollama/api/blobs/{rest}", Operation::Fixed(no_library)),
    route(Method::POST, "/ollama/api/blobs/{rest}", Operation::Fixed(no_library)),
];

const fn route(method: Method, path: &'static str, operation: Operation) -> Route {
    Route { method, path, accepts: always, operation, client: &Chat }
}

const fn generate(path: &'static str) -> Route {
    const CLIENT: &dyn ClientSide = &Generate;
    Route { method: Method::POST, path, accepts: always, operation: Operation::Generate, client: CLIENT }
}

const fn greeting(path: &'static str, accepts: fn(&Parts) -> bool) -> Route {
    Route { method: Method::GET, path, accepts, operation: Operation::Greet(running), client: &Chat }
}

fn always(_: &Parts) -> bool {
    true
}

/// Whether a caller at the root would read a plain line: browsers want a page, and who names JSON and no text wants that.
fn wants_no_page(head: &Parts) -> bool {
    if head.method != Method::GET && head.method != Method::HEAD {
        return false;
    }
    let accept = head.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accept = accept.collect::<Vec<_>>().join(",").to_ascii_lowercase();
    let takes = |kind: &str| accept.split(',').any(|own| own.split(';').next().unwrap_or_default().trim() == kind);
    !takes("text/html") && (takes("text/plain") || !takes("application/json"))
}

fn version() -> HttpReply {
    HttpReply::json(StatusCode::OK, VERSION)
}

/// Models are loaded elsewhere, where nobody can see it from here.
fn nothing_loaded() -> HttpReply {
    HttpReply::json(StatusCode::OK, r#"{"models":[]}"#)
}

fn no_library() -> HttpReply {
    HttpReply::json(StatusCode::NOT_IMPLEMENTED, NO_LIBRARY)
}

/// The text by which programs find out that they have the right address.
fn running() -> HttpReply {
    let mut reply = HttpReply::json(StatusCode::OK, "Ollama is running");
    reply.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}
