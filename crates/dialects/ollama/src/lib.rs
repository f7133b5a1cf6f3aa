//! The Ollama dialect, client side (chat and generate) and wire side (chat for everybody, generate for its own clients).
//!
//! Streams are lines of JSON and the default: a request that says nothing of `stream` wants one. A call of a tool is
//! always whole here, with an object as its arguments. There is no slot for proofs of reasoning ([`hub::Seal`]), so
//! they end here.

mod chat;
mod embed;
mod encode_messages;
mod encode_tools;
mod fault;
mod generate;
mod messages;
mod models;
mod options;
mod request_decode;
mod request_encode;
mod response;
mod routes;
mod scanner;
mod stream_decode;
mod stream_encode;
mod wire;

use dialect::{Dialect, Framing, OwnHeaders};
use http::request::Parts;
use hub::DialectId;

use crate::chat::Chat;
use crate::generate::Generate;

/// The name of this dialect.
pub const ID: DialectId = DialectId("ollama");
/// The name of the form without messages.
pub const GENERATE_ID: DialectId = DialectId("ollama_generate");

/// The form without messages as servers take it from their own clients. It has no routes: those are [`DIALECT`]'s.
pub static GENERATE: Dialect = Dialect {
    word: "ollama",
    id: GENERATE_ID,
    routes: &[],
    framing: Framing::Ndjson,
    headers: OwnHeaders::NONE,
    recognises: |_| false,
    client: None,
    wire: Some(&Generate),
};

/// The dialect, for the registry.
pub static DIALECT: Dialect = Dialect {
    word: "ollama",
    id: ID,
    routes: &routes::ROUTES,
    framing: Framing::Ndjson,
    headers: OwnHeaders::NONE,
    recognises,
    client: Some(&Chat),
    wire: Some(&Chat),
};

fn recognises(head: &Parts) -> bool {
    let path = head.uri.path();
    path.starts_with("/api/") || path == "/ollama" || path.starts_with("/ollama/")
}

#[cfg(test)]
mod tests;
