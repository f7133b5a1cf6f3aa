//! The OpenAI Chat Completions dialect (and legacy completions), client side and wire side.
//!
//! A third place speaks this language besides OpenAI: the hundreds of compatible servers. Reading is therefore as
//! lenient as their habits demand (`stream_decode.rs`), and what is written keeps to what all of them take, unless a
//! quirk of the target says that it takes more.
//!
//! Proofs of reasoning ([`hub::Seal`]) have one slot in this language: Google's `extra_content` on tool calls. Chat
//! clients drop what else they do not know, so other proofs end here.

mod calls;
mod chat;
mod cited;
mod completions;
mod decode_knobs;
mod decode_parts;
mod decode_tools;
mod embed;
mod encode_media;
mod encode_messages;
mod encode_tools;
mod fault;
mod habits;
mod legacy_odds;
mod models;
mod reasoning;
mod request_decode;
mod request_encode;
mod response;
mod rethink;
mod scanner;
mod sound;
mod stream_decode;
mod stream_encode;
mod think;
mod usage;
mod wire;

use dialect::{Dialect, Framing, Operation, Route, Service, openai};
use http::Method;
use http::request::Parts;
use hub::DialectId;

use crate::chat::Chat;
use crate::completions::Completions;
use crate::embed::Embeddings;
use crate::models::Models;

/// The name of this dialect.
pub const ID: DialectId = DialectId("openai_chat");
/// The name of the legacy client form. It has no wire of its own: its requests always pass through the hub.
pub const COMPLETIONS_ID: DialectId = DialectId("openai_completions");

/// The dialect, for the registry.
pub static DIALECT: Dialect = Dialect {
    word: "openai",
    id: ID,
    routes: &ROUTES,
    framing: Framing::Sse,
    headers: openai::headers::OWN,
    recognises,
    client: Some(&Chat),
    wire: Some(&Chat),
};

static ROUTES: [Route; 16] = [
    Route {
        method: Method::POST,
        path: "/v1/chat/completions",
        accepts: always,
        operation: Operation::Generate,
        client: &Chat,
    },
    Route {
        method: Method::POST,
        path: "/v1/completions",
        accepts: always,
        operation: Operation::Generate,
        client: &Completions,
    },
    Route {
        method: Method::POST,
        path: "/v1/embeddings",
        accepts: always,
        operation: Operation::Embed(&Embeddings),
        client: &Chat,
    },
    passes("/v1/images/generations", Service::ImageGeneration),
    passes("/v1/images/edits", Service::ImageEdit),
    passes("/v1/images/variations", Service::ImageVariation),
    passes("/v1/audio/speech", Service::Speech),
    passes("/v1/audio/transcriptions", Service::Transcription),
    passes("/v1/audio/translations", Service::Translation),
    passes("/v1/moderations", Service::Moderation),
    passes("/v1/rerank", Service::Rerank),
    passes("/rerank", Service::Rerank),
    passes("/v1/alpha/search", Service::Search),
    passes("/backend-api/codex/alpha/search", Service::Search),
    Route {
        method: Method::GET,
        path: "/v1/models",
        accepts: always,
        operation: Operation::ListModels(&Models),
        client: &Chat,
    },
    Route {
        method: Method::GET,
        path: "/v1/models/{rest}",
        accepts: always,
        operation: Operation::GetModel(&Models),
        client: &Chat,
    },
];

/// What OpenAI's API has beside chat, and what its copies have added.
const fn passes(path: &'static str, service: Service) -> Route {
    Route { method: Method::POST, path, accepts: always, operation: Operation::Pass(service), client: &Chat }
}

/// Chat is the registry's last resort for the paths that it shares: nothing here looks closer.
fn always(_: &Parts) -> bool {
    true
}

fn recognises(head: &Parts) -> bool {
    let path = head.uri.path();
    path == "/v1" || path.starts_with("/v1/")
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "literal JSON reads better handed over than borrowed")]
mod tests;
