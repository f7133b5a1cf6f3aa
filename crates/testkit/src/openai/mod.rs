//! OpenAI Chat Completions, as strict as the provider's own API.
//!
//! Facts: the types of the official SDK (openai 3.52), the public API reference, and the wording of refusals as
//! clients have reported it. One vendor's addition is understood unless switched off: `reasoning_content`.

mod ask;
pub(crate) mod conversation;
mod quirks;
mod render;
pub(crate) mod rules;
mod schema;
#[cfg(test)]
mod tests;

use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::answer::{Answer, Ask};
use crate::beside::{self, Answered};
use crate::delivery::Frame;
use crate::lively::Ids;
use crate::provider::{Call, Provider, Refusal, Route};
use crate::reply::{Quirk, Trouble};

#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenAi {
    /// Speaks and understands `reasoning_content`, as DeepSeek, Qwen and Kimi do; OpenAI itself does not.
    pub(crate) vendor: bool,
}

impl Provider for OpenAi {
    fn default_key(&self) -> &'static str {
        "sk-upstream-openai"
    }

    fn route(&self, method: &Method, path: &str) -> Result<Route, Refusal> {
        let (wanted, route) = match path {
            "/v1/chat/completions" => (Method::POST, Route::Generate),
            "/v1/models" => (Method::GET, Route::Models),
            _ => match path.strip_prefix("/v1/models/") {
                Some(name) => (Method::GET, Route::Model(name.to_owned())),
                None => {
                    let what = format!("Invalid URL ({method} {path})");
                    return Err(Refusal::new(404, "invalid_request_error", what));
                }
            },
        };
        if *method == wanted {
            return Ok(route);
        }
        let hint = "(HINT: Perhaps you meant to make your HTTP request using a different HTTP method?)";
        let what = format!("Not allowed to {method} on {path} {hint}");
        Err(Refusal::new(405, "invalid_request_error", what).code("method_not_supported"))
    }

    fn admit(&self, headers: &HeaderMap, key: &str) -> Result<(), Refusal> {
        let given = headers.get("authorization").and_then(|value| value.to_str().ok());
        match given.and_then(|value| value.strip_prefix("Bearer ")) {
            None => {
                let what = "You didn't provide an API key. You need to provide your API key in an Authorization header";
                Err(Refusal::new(401, "invalid_request_error", format!("{what} using Bearer auth.")))
            }
            Some(sent) if sent != key => Err(wrong_key()),
            Some(_) => Ok(()),
        }
    }

    fn check(&self, call: &Call<'_>) -> Result<Ask, Refusal> {
        let body = rules::parse(call)?;
        rules::check(&body, self.vendor)?;
        Ok(ask::read(&body, call.body.len(), self.vendor))
    }

    fn unknown_model(&self, model: &str) -> Refusal {
        let what = format!("The model `{model}` does not exist or you do not have access to it.");
        Refusal::new(404, "invalid_request_error", what).code("model_not_found")
    }

    fn answer(&self, answer: &Answer, ask: &Ask, ids: &Ids) -> Value {
        render::completion(answer, ask, ids)
    }

    fn frames(&self, answer: &Answer, ask: &Ask, ids: &Ids) -> Vec<Frame> {
        render::frames(answer, ask, ids)
    }

    fn twist(&self, quirk: Quirk, frames: Vec<Frame>, answer: &Answer) -> Vec<Frame> {
        quirks::twist(quirk, frames, answer)
    }

    fn refusal_body(&self, refusal: &Refusal, _: &str) -> Value {
        if refusal.kind == "ollama" {
            return json!({"error": refusal.message});
        }
        json!({"error": error(refusal)})
    }

    fn trouble(&self, trouble: Trouble) -> Refusal {
        match trouble {
            Trouble::RateLimited(seconds) => {
                let what = format!("Rate limit reached for requests. Please try again in {seconds}s.");
                let refusal = Refusal::new(429, "requests", what).code("rate_limit_exceeded");
                Refusal { retry_after: Some(seconds), ..refusal }
            }
            Trouble::Overloaded => {
                Refusal::new(503, "server_error", "The engine is currently overloaded, please try again later")
            }
            Trouble::Internal => {
                Refusal::new(500, "server_error", "The server had an error while processing your request.")
            }
            Trouble::Unauthorized => wrong_key(),
            Trouble::Forbidden => {
                Refusal::new(403, "invalid_request_error", "Country, region, or territory not supported")
                    .code("unsupported_country_region_territory")
            }
            Trouble::ContextOverflow => {
                let what = "This model's maximum context length is 128000 tokens. However, your messages resulted in";
                Refusal::invalid(format!("{what} 130211 tokens.")).param("messages").code("context_length_exceeded")
            }
        }
    }

    fn error_frame(&self, refusal: &Refusal) -> Frame {
        Frame::data(json!({"error": error(refusal)}).to_string())
    }

    fn ghost_frame(&self) -> Frame {
        let choice = json!({"index": 0, "delta": {"content": "GHOST"}, "finish_reason": null});
        Frame::data(
            json!({"id": "chatcmpl-ghost", "object": "chat.completion.chunk", "created": render::CREATED,
            "model": "ghost", "choices": [choice]})
            .to_string(),
        )
    }

    fn models(&self, names: &[String]) -> Value {
        let data: Vec<Value> = names.iter().map(|name| self.model(name)).collect();
        json!({"object": "list", "data": data})
    }

    fn model(&self, name: &str) -> Value {
        json!({"id": name, "object": "model", "created": render::CREATED, "owned_by": "testkit"})
    }

    fn count(&self, ask: &Ask) -> Value {
        json!({"input_tokens": ask.prompt_tokens})
    }

    fn beside(&self, head: &Parts, body: &[u8]) -> Option<Answered> {
        beside::openai(head, body)
    }

    fn id_header(&self) -> &'static str {
        "x-request-id"
    }
}

pub(crate) fn wrong_key() -> Refusal {
    Refusal::new(401, "invalid_request_error", "Incorrect API key provided: sk-****.").code("invalid_api_key")
}

pub(crate) fn error(refusal: &Refusal) -> Value {
    json!({"message": refusal.message, "type": refusal.kind, "param": refusal.param, "code": refusal.code})
}
