//! The Gemini generateContent dialect, client side and wire side.
//!
//! The model and the method stand in the URL (`path.rs`), not in the body. Field names come in camelCase from Google's
//! own SDKs and in snake_case from others; both are read, camelCase is written.
//!
//! Proofs of reasoning ([`hub::Seal`]) stand on any part here: `seals.rs` says how they keep their place.

mod code_assist;
mod code_assist_setup;
mod embed;
mod fault;
mod gemini;
mod grounding;
mod history;
mod instruct;
mod lift;
mod models;
mod odds;
mod part_decode;
mod part_encode;
mod path;
mod relay;
mod request_decode;
mod request_encode;
mod response;
mod results;
mod rethink;
mod said;
mod scanner;
mod schema;
mod schema_cycles;
mod schema_openapi;
mod seals;
mod sound;
mod sources;
mod stream_decode;
mod stream_encode;
mod think;
mod tools_decode;
mod tools_encode;
mod traces;
mod usage;
mod vertex_embed;
mod wire;

pub use vertex_embed::{embeds, is_predicted};

use dialect::{Dialect, Framing, Operation, OwnHeaders, Route};
use http::Method;
use http::request::Parts;
use hub::DialectId;

use crate::code_assist::CodeAssist;
use crate::code_assist_setup as setup;
use crate::gemini::Gemini;
use crate::models::Models;

/// The name of this dialect.
pub const ID: DialectId = DialectId("gemini");

/// The dialect, for the registry.
pub static DIALECT: Dialect = Dialect {
    word: "gemini",
    id: ID,
    routes: &ROUTES,
    framing: Framing::Sse,
    headers: OwnHeaders { keys: &path::KEYS, ..OwnHeaders::NONE },
    recognises,
    client: Some(&Gemini),
    wire: Some(&Gemini),
};

static ROUTES: [Route; 23] = [
    post("/v1beta/models/{rest}", path::counts, Operation::CountTokens),
    post("/v1beta/models/{rest}", path::embeds_one, Operation::Embed(&embed::ONE)),
    post("/v1beta/models/{rest}", path::embeds_many, Operation::Embed(&embed::MANY)),
    post("/v1beta/models/{rest}", path::generates, Operation::Generate),
    post("/v1/models/{rest}", path::counts, Operation::CountTokens),
    post("/v1/models/{rest}", path::embeds_one, Operation::Embed(&embed::ONE)),
    post("/v1/models/{rest}", path::embeds_many, Operation::Embed(&embed::MANY)),
    post("/v1/models/{rest}", path::generates, Operation::Generate),
    get("/v1beta/models", always, Operation::ListModels(&Models)),
    get("/v1beta/models/{rest}", always, Operation::GetModel(&Models)),
    // The newest Python SDK asks here; the path is shared with two other dialects.
    get("/v1/models", path::has_google_key, Operation::ListModels(&Models)),
    get("/v1/models/{rest}", path::has_google_key, Operation::GetModel(&Models)),
    // Gemini CLI after a sign-in with Google (Code Assist): the same bodies in an envelope, and what it asks around them.
    inside("/v1internal:generateContent", Operation::Generate),
    inside("/v1internal:streamGenerateContent", Operation::Generate),
    inside("/v1internal:countTokens", Operation::CountTokens),
    inside("/v1internal:loadCodeAssist", Operation::Fixed(setup::load)),
    inside("/v1internal:onboardUser", Operation::Fixed(setup::onboard)),
    inside("/v1internal:retrieveUserQuota", Operation::ListModels(&setup::Quota)),
    inside("/v1internal:listExperiments", Operation::Fixed(setup::experiments)),
    inside("/v1internal:fetchAdminControls", Operation::Fixed(setup::admin_controls)),
    inside("/v1internal:recordCodeAssistMetrics", Operation::Fixed(setup::nothing)),
    inside("/v1internal:setCodeAssistGlobalUserSetting", Operation::Fixed(setup::setting)),
    get("/v1internal:getCodeAssistGlobalUserSetting", always, Operation::Fixed(setup::setting)),
];

const fn inside(path: &'static str, operation: Operation) -> Route {
    Route { method: Method::POST, path, accepts: always, operation, client: &CodeAssist }
}

const fn post(path: &'static str, accepts: fn(&Parts) -> bool, operation: Operation) -> Route {
    Route { method: Method::POST, path, accepts, operation, client: &Gemini }
}

const fn get(path: &'static str, accepts: fn(&Parts) -> bool, operation: Operation) -> Route {
    Route { method: Method::GET, path, accepts, operation, client: &Gemini }
}

fn always(_: &Parts) -> bool {
    true
}

fn recognises(head: &Parts) -> bool {
    let path = head.uri.path();
    path == "/v1beta" || path.starts_with("/v1beta/") || path.starts_with("/v1internal") || path::has_google_key(head)
}

#[cfg(test)]
mod tests;
