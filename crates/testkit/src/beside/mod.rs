//! What providers have beside answers: vectors, pictures, sound. Each as strict as the real thing; the answers can be
//! foretold, so that a test knows what must come out of a translation.
//!
//! Facts: the types of the official SDKs (openai 3.52, google-genai 3.4, ollama 0.7) and the public API references.

mod embed;
mod form;
mod media;
pub(crate) mod vertex;

use http::{HeaderMap, Method, request::Parts};
use serde_json::Value;

use crate::provider::Refusal;
use crate::schema::{Flaw, Violation};

pub(crate) use embed::gemini;
pub use embed::vector;
pub use media::sound;

/// A request, as far as these calls look at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// An answer to a legal request.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) model: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Side {
    pub(crate) fn json(model: &str, body: &Value) -> Self {
        Self { model: model.to_owned(), content_type: "application/json", body: body.to_string().into_bytes() }
    }
}

pub(crate) type Answered = Result<Side, Refusal>;

/// The calls of OpenAI's API, and of Ollama's own, which its servers have side by side.
pub(crate) fn openai(head: &Parts, body: &[u8]) -> Option<Answered> {
    let asked = Asked { path: head.uri.path(), headers: &head.headers, body };
    if head.method != Method::POST {
        return None;
    }
    match asked.path {
        "/v1/embeddings" => Some(embed::openai(asked)),
        "/api/embed" => Some(embed::ollama(asked)),
        "/api/embeddings" => Some(embed::ollama_one(asked)),
        _ => media::answer(asked),
    }
}

/// The one call that Codex's service has beside answers.
pub(crate) fn codex(head: &Parts, body: &[u8]) -> Option<Answered> {
    let asked = Asked { path: head.uri.path(), headers: &head.headers, body };
    (head.method == Method::POST && asked.path == "/v1/alpha/search").then(|| media::search(asked))
}

/// The body, which must be declared as JSON and be it.
fn json_of(asked: Asked<'_>) -> Result<Value, Refusal> {
    let kind = asked.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Refusal::new(415, "invalid_request_error", format!("Unsupported content type: '{kind}'.")));
    }
    serde_json::from_slice(asked.body)
        .map_err(|error| Refusal::invalid(format!("We could not parse the JSON body of your request. ({error})")))
}

/// OpenAI's words for a field that should not be as it is.
fn refusal(violation: &Violation) -> Refusal {
    let at = violation.path.bracketed();
    let words = match &violation.flaw {
        Flaw::Missing => format!("Missing required parameter: '{at}'."),
        Flaw::Unknown => format!("Unrecognized request argument supplied: {at}"),
        Flaw::Type { expected, given } => {
            format!("Invalid type for '{at}': expected one of {expected}, but got {given} instead.")
        }
        Flaw::Value { given, allowed } => format!("Invalid value: '{given}'. Supported values are: {allowed:?}."),
    };
    Refusal::invalid(words).param(at)
}
