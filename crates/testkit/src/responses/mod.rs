//! OpenAI Responses, as strict as the provider's own API. Keeps nothing unless told to: what an item refers to must
//! come with it.
//!
//! Facts: the types of the official SDK (openai 3.52), the public API reference, and the wording of refusals as
//! clients have reported it. Errors, keys and function rules are those of Chat Completions, and live there.

mod ask;
mod compact;
mod conversation;
mod render;
mod rules;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::answer::{Answer, Ask};
use crate::beside::{self, Answered};
use crate::delivery::Frame;
use crate::lively::Ids;
use crate::openai::{OpenAi, error};
use crate::provider::{Call, Provider, Refusal, Route};
use crate::reply::{Quirk, Trouble};

/// The other API of the same provider.
const CHAT: OpenAi = OpenAi { vendor: false };

#[derive(Debug, Default)]
pub(crate) struct Responses {
    /// Keeps answers, as the API does by default: the ids of those that it has given.
    pub(crate) given: Option<Mutex<HashSet<String>>>,
    /// Has no call to make conversations shorter, as places that copy the API have not.
    pub(crate) never_compacts: bool,
}

impl Responses {
    fn knows(&self, id: &str) -> bool {
        self.given.as_ref().is_some_and(|given| given.lock().unwrap_or_else(PoisonError::into_inner).contains(id))
    }

    fn keep(&self, answer: &Value) {
        if let (Some(given), Some(id)) = (&self.given, answer["id"].as_str()) {
            given.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
        }
    }
}

impl Provider for Responses {
    fn default_key(&self) -> &'static str {
        "sk-upstream-responses"
    }

    fn route(&self, method: &Method, path: &str) -> Result<Route, Refusal> {
        match (method, path) {
            (&Method::POST, "/v1/responses") => Ok(Route::Generate),
            (&Method::POST, "/v1/responses/input_tokens") => Ok(Route::Count),
            (&Method::POST, "/v1/responses/compact") if !self.never_compacts => Ok(Route::Compact),
            _ if path.starts_with("/v1/models") => CHAT.route(method, path),
            _ => {
                let what = format!("Invalid URL ({method} {path})");
                Err(Refusal::new(404, "invalid_request_error", what))
            }
        }
    }

    fn admit(&self, headers: &HeaderMap, key: &str) -> Result<(), Refusal> {
        CHAT.admit(headers, key)
    }

    fn beside(&self, head: &Parts, body: &[u8]) -> Option<Answered> {
        beside::codex(head, body)
    }

    fn check(&self, call: &Call<'_>) -> Result<Ask, Refusal> {
        let body = crate::openai::rules::parse(call)?;
        if *call.route == Route::Count {
            rules::check_count(&body)?;
        }
        if *call.route == Route::Compact {
            compact::check(&body)?;
        }
        rules::check(&body, &|id| self.knows(id))?;
        Ok(ask::read(&body, call.body.len()))
    }

    fn unknown_model(&self, model: &str) -> Refusal {
        let what = format!("The requested model '{model}' does not exist.");
        Refusal::invalid(what).param("model").code("model_not_found")
    }

    fn answer(&self, answer: &Answer, ask: &Ask, ids: &Ids) -> Value {
        let mut whole = render::whole(answer, ask, ids);
        whole["store"] = json!(self.given.is_some());
        self.keep(&whole);
        whole
    }

    fn frames(&self, answer: &Answer, ask: &Ask, ids: &Ids) -> Vec<Frame> {
        let mut frames = render::frames(answer, ask, ids);
        if self.given.is_some() {
            frames.iter_mut().for_each(|frame| frame.data = frame.data.replace("\"store\":false", "\"store\":true"));
        }
        let last = frames.last().map(|frame| frame.data.as_str()).unwrap_or_default();
        self.keep(&serde_json::from_str::<Value>(last).unwrap_or_default()["response"]);
        frames
    }

    fn twist(&self, _: Quirk, frames: Vec<Frame>, _: &Answer) -> Vec<Frame> {
        frames
    }

    fn refusal_body(&self, refusal: &Refusal, _: &str) -> Value {
        json!({"error": error(refusal)})
    }

    fn trouble(&self, trouble: Trouble) -> Refusal {
        CHAT.trouble(trouble)
    }

    fn error_frame(&self, refusal: &Refusal) -> Frame {
        let data = json!({
            "type": "error",
            "code": refusal.code.unwrap_or("server_error"),
            "message": refusal.message,
            "param": refusal.param,
            "sequence_number": 99,
        });
        Frame { event: Some("error"), data: data.to_string() }
    }

    fn ghost_frame(&self) -> Frame {
        let delta = json!({"type": "response.output_text.delta", "sequence_number": 999, "item_id": "msg_ghost",
            "output_index": 0, "content_index": 0, "delta": "GHOST", "logprobs": []});
        Frame { event: Some("response.output_text.delta"), data: delta.to_string() }
    }

    fn models(&self, names: &[String]) -> Value {
        CHAT.models(names)
    }

    fn model(&self, name: &str) -> Value {
        CHAT.model(name)
    }

    fn count(&self, ask: &Ask) -> Value {
        json!({"object": "response.input_tokens", "input_tokens": ask.prompt_tokens})
    }

    fn compact(&self, body: &[u8]) -> Value {
        compact::answer(&serde_json::from_slice(body).unwrap_or_default())
    }

    fn id_header(&self) -> &'static str {
        "x-request-id"
    }
}
