//! Anthropic Messages, as strict as the provider's own API.
//!
//! Facts: the types of the official SDK (anthropic 2.11), the public API reference for versions 2023-06-01 and
//! 2026-10-21, and the wording of refusals as clients have reported it.

mod ask;
mod blocks;
mod render;
mod rules;
mod schema;
#[cfg(test)]
mod tests;

use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::answer::{Answer, Ask};
use crate::delivery::Frame;
use crate::lively::Ids;
use crate::provider::{Call, Provider, Refusal, Route};
use crate::reply::{Quirk, Trouble};

/// The versions that the API knows; the later one refuses sampling fields.
const VERSIONS: [&str; 2] = ["2023-06-01", "2026-10-21"];

#[derive(Debug)]
pub(crate) struct Anthropic;

/// How the thinking switch of a model works: classes differ, and the name tells here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Budget only, no system turns in mid-conversation.
    Old,
    /// Budget or adaptive.
    Both,
    /// Adaptive only, no prefill, no sampling, thinking hidden unless asked for.
    Adaptive,
}

impl Class {
    pub(crate) fn of(model: &str) -> Self {
        match model {
            name if name.contains("old") => Self::Old,
            name if name.contains("adaptive") => Self::Adaptive,
            _ => Self::Both,
        }
    }
}

/// The API version of a request that [`Provider::admit`] let through.
fn version(headers: &HeaderMap) -> &str {
    headers.get("anthropic-version").and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl Provider for Anthropic {
    fn default_key(&self) -> &'static str {
        "sk-ant-upstream"
    }

    fn route(&self, method: &Method, path: &str) -> Result<Route, Refusal> {
        let (wanted, route) = match path {
            "/v1/messages" => (Method::POST, Route::Generate),
            "/v1/messages/count_tokens" => (Method::POST, Route::Count),
            "/v1/models" => (Method::GET, Route::Models),
            _ => match path.strip_prefix("/v1/models/") {
                Some(name) => (Method::GET, Route::Model(name.to_owned())),
                None => return Err(Refusal::new(404, "not_found_error", "Not Found")),
            },
        };
        if *method == wanted {
            Ok(route)
        } else {
            Err(Refusal::new(405, "invalid_request_error", "Method Not Allowed"))
        }
    }

    fn admit(&self, headers: &HeaderMap, key: &str) -> Result<(), Refusal> {
        let given = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let bearer = given("authorization").and_then(|value| value.strip_prefix("Bearer "));
        match given("x-api-key").or(bearer) {
            None => return Err(Refusal::new(401, "authentication_error", "x-api-key header is required")),
            Some(sent) if sent != key => return Err(Refusal::new(401, "authentication_error", "invalid x-api-key")),
            Some(_) => (),
        }
        match version(headers) {
            "" => Err(Refusal::invalid("anthropic-version: header is required")),
            known if VERSIONS.contains(&known) => Ok(()),
            other => Err(Refusal::invalid(format!("anthropic-version: {other:?} is not a valid version for this API"))),
        }
    }

    fn check(&self, call: &Call<'_>) -> Result<Ask, Refusal> {
        let body = rules::parse(call)?;
        rules::check(&body, call)?;
        Ok(ask::read(&body, call.body.len()))
    }

    fn unknown_model(&self, model: &str) -> Refusal {
        Refusal::new(404, "not_found_error", format!("model: {model}"))
    }

    fn answer(&self, answer: &Answer, ask: &Ask, ids: &Ids) -> Value {
        render::message(answer, ask, ids)
    }

    fn frames(&self, answer: &Answer, ask: &Ask, ids: &Ids) -> Vec<Frame> {
        render::frames(answer, ask, ids)
    }

    fn twist(&self, quirk: Quirk, frames: Vec<Frame>, _: &Answer) -> Vec<Frame> {
        match quirk {
            Quirk::LateUsage => frames.into_iter().map(render::without_early_usage).collect(),
            Quirk::Heartbeats => frames.into_iter().flat_map(render::with_ping).collect(),
            _ => frames,
        }
    }

    fn refusal_body(&self, refusal: &Refusal, request_id: &str) -> Value {
        let error = json!({"type": refusal.kind, "message": refusal.message});
        json!({"type": "error", "error": error, "request_id": request_id})
    }

    fn trouble(&self, trouble: Trouble) -> Refusal {
        match trouble {
            Trouble::RateLimited(seconds) => Refusal {
                retry_after: Some(seconds),
                ..Refusal::new(429, "rate_limit_error", "This request would exceed your account's rate limit.")
            },
            Trouble::Overloaded => Refusal::new(529, "overloaded_error", "Overloaded"),
            Trouble::Internal => Refusal::new(500, "api_error", "Internal server error"),
            Trouble::Unauthorized => Refusal::new(401, "authentication_error", "invalid x-api-key"),
            Trouble::Forbidden => Refusal::new(403, "permission_error", "Your account may not use this resource."),
            Trouble::ContextOverflow => Refusal::invalid("prompt is too long: 208310 tokens > 200000 maximum"),
        }
    }

    fn error_frame(&self, refusal: &Refusal) -> Frame {
        let data = json!({"type": "error", "error": {"type": refusal.kind, "message": refusal.message}});
        Frame { event: Some("error"), data: data.to_string() }
    }

    fn ghost_frame(&self) -> Frame {
        let delta = json!({"type": "text_delta", "text": "GHOST"});
        render::frame("content_block_delta", &json!({"index": 0, "delta": delta}))
    }

    fn models(&self, names: &[String]) -> Value {
        let data: Vec<Value> = names.iter().map(|name| render::model(name)).collect();
        json!({"data": data, "has_more": false, "first_id": names.first(), "last_id": names.last()})
    }

    fn model(&self, name: &str) -> Value {
        render::model(name)
    }

    fn count(&self, ask: &Ask) -> Value {
        json!({"input_tokens": ask.prompt_tokens})
    }

    fn id_header(&self) -> &'static str {
        "request-id"
    }
}
