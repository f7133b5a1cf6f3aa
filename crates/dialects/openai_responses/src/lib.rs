//! The OpenAI Responses dialect, client side and wire side.
//!
//! A conversation here is a flat list of typed items, and an answer is a list of items, too. Reasoning is an item with
//! a proof (`encrypted_content`) that its vendor wants back: OpenAI's own goes bare, another vendor's is packed
//! ([`hub::Seal`]). Requests may name an earlier answer (`memory.rs`); where answers are kept is not decided here.

mod codex_models;
mod compact;
mod decode_items;
mod decode_knobs;
mod decode_parts;
mod decode_tools;
mod encode_items;
mod encode_tools;
mod fault;
mod held;
mod hosted;
mod instruct;
mod items;
mod listing;
mod memory;
mod outcome;
mod programs;
mod recorder;
mod request_decode;
mod request_encode;
mod response;
mod responses;
mod scanner;
mod seals;
mod searches;
mod slots;
mod socket;
mod spaces;
mod stream_decode;
mod stream_encode;
mod summary;
mod summary_encode;
mod traces;
mod typed;
mod typed_calls;
mod usage;
mod wire;

use dialect::{Dialect, Framing, Operation, OwnHeaders, Route, openai};
use http::Method;
use http::request::Parts;
use hub::DialectId;

use crate::codex_models::CodexModels;
use crate::compact::Compact;
use crate::responses::Responses;

/// By which Codex and its service know that requests belong to one turn: it comes with an answer, and goes back with
/// all that follows in the turn (codex, 2026).
const TURN_STATE: &str = "x-codex-turn-state";

const OWN: OwnHeaders = OwnHeaders {
    answers: &["openai-processing-ms", "openai-version", TURN_STATE],
    turn: Some(TURN_STATE),
    ..openai::headers::OWN
};

/// The name of this dialect.
pub const ID: DialectId = DialectId("openai_responses");

/// The dialect, for the registry.
pub static DIALECT: Dialect = Dialect {
    word: "responses",
    id: ID,
    routes: &ROUTES,
    framing: Framing::Sse,
    headers: OWN,
    recognises,
    client: Some(&Responses),
    wire: Some(&Responses),
};

static ROUTES: [Route; 12] = [
    Route {
        method: Method::POST,
        path: "/v1/responses",
        accepts: always,
        operation: Operation::Generate,
        client: &Responses,
    },
    // Where Codex asks when it is pointed at the root of a ChatGPT-like origin.
    Route {
        method: Method::POST,
        path: "/backend-api/codex/responses",
        accepts: always,
        operation: Operation::Generate,
        client: &Responses,
    },
    Route {
        method: Method::POST,
        path: "/v1/responses/input_tokens",
        accepts: always,
        operation: Operation::CountTokens,
        client: &Responses,
    },
    compact("/v1/responses/compact"),
    compact("/backend-api/codex/responses/compact"),
    models("/v1/models", codex_models::asks),
    models("/backend-api/codex/models", always),
    socket("/v1/responses"),
    socket("/backend-api/codex/responses"),
    kept(Method::GET),
    kept(Method::DELETE),
    kept(Method::POST),
];

/// A conversation made shorter.
const fn compact(path: &'static str) -> Route {
    Route { method: Method::POST, path, accepts: always, operation: Operation::Compact, client: &Compact }
}

/// Codex's own list of models.
const fn models(path: &'static str, accepts: fn(&Parts) -> bool) -> Route {
    Route { method: Method::GET, path, accepts, operation: Operation::ListModels(&CodexModels), client: &Responses }
}

/// The same in messages over a WebSocket.
const fn socket(path: &'static str) -> Route {
    Route { method: Method::GET, path, accepts: always, operation: Operation::Socket(&Responses), client: &Responses }
}

/// What is asked of an answer that is kept.
const fn kept(method: Method) -> Route {
    Route { method, path: "/v1/responses/{rest}", accepts: always, operation: Operation::Kept, client: &Responses }
}

fn always(_: &Parts) -> bool {
    true
}

fn recognises(head: &Parts) -> bool {
    let path = head.uri.path();
    path.starts_with("/v1/responses") || path.starts_with("/backend-api/codex")
}

#[cfg(test)]
mod tests;
