//! Ollama's `/api/chat`, `/api/generate` and `/api/show`, as strict as the server, behind a key as the hosted one.
//!
//! Facts: the server's own request types and texts, and the types of the official SDK (ollama 0.7). The server passes
//! over fields that it does not know; the fake refuses them, for a field that does nothing is a mistake of who sent it.

mod ask;
mod render;
mod rules;
mod schema;
#[cfg(test)]
mod tests;

use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::answer::{Answer, Ask};
use crate::beside::{self, Answered, Side};
use crate::delivery::{Frame, Framing};
use crate::lively::Ids;
use crate::provider::{Call, Provider, Refusal, Route};
use crate::reply::{Quirk, Trouble};

#[derive(Debug)]
pub(crate) struct Ollama;

impl Provider for Ollama {
    fn default_key(&self) -> &'static str {
        "upstream-ollama"
    }

    fn route(&self, method: &Method, path: &str) -> Result<Route, Refusal> {
        let (wanted, route) = match path {
            "/api/chat" | "/api/generate" => (Method::POST, Route::Generate),
            "/api/tags" => (Method::GET, Route::Models),
            _ => return Err(refusal(404, "404 page not found")),
        };
        if *method == wanted { Ok(route) } else { Err(refusal(405, "405 method not allowed")) }
    }

    fn admit(&self, headers: &HeaderMap, key: &str) -> Result<(), Refusal> {
        let header = headers.get("authorization").and_then(|value| value.to_str().ok());
        let sent = header.and_then(|header| header.strip_prefix("Bearer "));
        if sent == Some(key) { Ok(()) } else { Err(refusal(401, "unauthorized")) }
    }

    fn check(&self, call: &Call<'_>) -> Result<Ask, Refusal> {
        let body = rules::parse(call.body)?;
        match call.path {
            "/api/generate" => rules::check_prompt(&body)?,
            _ => rules::check(&body)?,
        }
        Ok(ask::read(&body, call.body.len()))
    }

    fn unknown_model(&self, model: &str) -> Refusal {
        refusal(404, format!("model '{model}' not found"))
    }

    fn answer(&self, answer: &Answer, ask: &Ask, ids: &Ids) -> Value {
        render::whole(answer, ask, ids)
    }

    fn frames(&self, answer: &Answer, ask: &Ask, ids: &Ids) -> Vec<Frame> {
        render::frames(answer, ask, ids)
    }

    /// Lines that say nothing are the only oddity that there is here.
    fn twist(&self, quirk: Quirk, frames: Vec<Frame>, _: &Answer) -> Vec<Frame> {
        let empty = json!({"message": {"role": "assistant", "content": ""}, "done": false}).to_string();
        match quirk {
            Quirk::Heartbeats => frames.into_iter().flat_map(|frame| [Frame::data(empty.clone()), frame]).collect(),
            _ => frames,
        }
    }

    fn refusal_body(&self, refusal: &Refusal, _: &str) -> Value {
        json!({"error": refusal.message})
    }

    fn trouble(&self, trouble: Trouble) -> Refusal {
        match trouble {
            Trouble::RateLimited(seconds) => {
                Refusal { retry_after: Some(seconds), ..refusal(429, "too many requests, please slow down") }
            }
            Trouble::Overloaded => refusal(503, "server busy, please try again.  maximum pending requests exceeded"),
            Trouble::Internal => refusal(500, "an error was encountered while running the model: unexpected EOF"),
            Trouble::Unauthorized => refusal(401, "unauthorized"),
            Trouble::Forbidden => refusal(403, "forbidden"),
            Trouble::ContextOverflow => refusal(400, "prompt too long; exceeded max context length by 1208 tokens"),
        }
    }

    fn error_frame(&self, refusal: &Refusal) -> Frame {
        Frame::data(json!({"error": refusal.message}).to_string())
    }

    fn ghost_frame(&self) -> Frame {
        Frame::data(json!({"message": {"role": "assistant", "content": "GHOST"}, "done": false}).to_string())
    }

    fn models(&self, names: &[String]) -> Value {
        json!({"models": names.iter().map(|name| self.model(name)).collect::<Vec<_>>()})
    }

    fn model(&self, name: &str) -> Value {
        json!({
            "name": format!("{name}:latest"),
            "model": format!("{name}:latest"),
            "modified_at": render::WHEN,
            "size": 4_683_087_332_u64,
            "digest": "a".repeat(64),
            "details": {"format": "gguf", "family": "fake", "parameter_size": "8B", "quantization_level": "Q4_K_M"},
        })
    }

    /// Nobody counts tokens here: no route leads to this.
    fn count(&self, _: &Ask) -> Value {
        Value::Null
    }

    fn beside(&self, head: &Parts, body: &[u8]) -> Option<Answered> {
        if head.method != Method::POST {
            return None;
        }
        match head.uri.path() {
            "/api/show" => Some(show(body)),
            "/api/chat" => loaded(body, "messages"),
            "/api/generate" => loaded(body, "prompt"),
            path if path.starts_with("/api/") => beside::openai(head, body),
            _ => None,
        }
    }

    fn id_header(&self) -> &'static str {
        "x-request-id"
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }
}

fn show(body: &[u8]) -> Answered {
    let body = rules::parse(body)?;
    let model = rules::check_show(&body)?;
    let model = model.strip_suffix(":latest").unwrap_or(&model);
    Ok(Side::json(model, &render::card(is_plain(model))))
}

/// The answer to a request that says nothing, and so wants the model loaded or let go.
fn loaded(body: &[u8], said: &str) -> Option<Answered> {
    let body = rules::parse(body).ok()?;
    let nothing = match &body[said] {
        Value::Null => true,
        Value::String(words) => words.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    let model = body["model"].as_str().filter(|_| nothing)?;
    let bare = model.strip_suffix(":latest").unwrap_or(model);
    Some(Ok(Side::json(bare, &render::loaded(model, body["keep_alive"] == 0, said == "messages"))))
}

/// Whether a model of this name thinks, sees and calls: those of some names do nothing but talk.
fn is_plain(model: &str) -> bool {
    model.contains("plain")
}

fn refusal(status: u16, words: impl Into<String>) -> Refusal {
    Refusal::new(status, "ollama", words)
}

fn invalid(words: impl Into<String>) -> Refusal {
    refusal(400, words)
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}
