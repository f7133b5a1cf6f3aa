//! Gemini's generateContent, as strict as the provider's own API.
//!
//! Facts: the types of the official SDK (google-genai 3.4), the public API reference, and the wording of refusals as
//! clients have reported it. Both spellings of field names are understood, as by the real service.

mod ask;
mod conversation;
mod render;
mod rules;
mod schema;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::answer::{Answer, Ask};
use crate::beside::{self, Answered};
use crate::delivery::Frame;
use crate::google::Issuer;
use crate::lively::Ids;
use crate::provider::{Call, Provider, Refusal, Route};
use crate::reply::{Quirk, Trouble};

#[derive(Debug, Default)]
pub(crate) struct Gemini {
    /// As Vertex AI: opened by tokens of this issuer, below a project.
    pub(crate) issuer: Option<Arc<Issuer>>,
}

/// What a model takes and demands: classes differ, and the name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Thinking by budget; neither a form of the answer nor a hosted search beside functions.
    Budgets,
    /// Thinking by level; a call without its proof is refused.
    Levels,
}

impl Class {
    pub(crate) fn of(model: &str) -> Self {
        if model.contains("gemini-3") { Self::Levels } else { Self::Budgets }
    }
}

/// The root of Vertex AI, whose express keys come in the same header.
const VERTEX: &str = "/v1/publishers/google/models/";

/// Model and verb of `/v1beta/models/MODEL:VERB`; the verb is empty where only a model is named.
fn address(path: &str) -> Option<(&str, &str)> {
    let roots = ["/v1beta/models/", "/v1/models/", VERTEX];
    let rest = roots.iter().find_map(|root| path.strip_prefix(root)).or_else(|| below_project(path))?;
    Some(rest.rsplit_once(':').unwrap_or((rest, "")))
}

/// What is behind `/v1/projects/PROJECT/locations/LOCATION/publishers/google/models/`.
fn below_project(path: &str) -> Option<&str> {
    let (project, rest) = path.strip_prefix("/v1/projects/")?.split_once("/locations/")?;
    let (location, rest) = rest.split_once("/publishers/google/models/")?;
    let one = |part: &str| !part.is_empty() && !part.contains('/');
    (one(project) && one(location)).then_some(rest)
}

fn streams(path: &str) -> bool {
    address(path).is_some_and(|(_, verb)| verb == "streamGenerateContent")
}

impl Provider for Gemini {
    fn default_key(&self) -> &'static str {
        "AIza-upstream-gemini"
    }

    fn route(&self, method: &Method, path: &str) -> Result<Route, Refusal> {
        if self.issuer.is_some() != below_project(path).is_some() {
            return Err(no_such_address(method, path));
        }
        let (wanted, route) = match (path, address(path)) {
            ("/v1beta/models" | "/v1/models", _) => (Method::GET, Route::Models),
            (_, Some((_, "generateContent" | "streamGenerateContent"))) => (Method::POST, Route::Generate),
            (_, Some((_, "countTokens"))) => (Method::POST, Route::Count),
            (_, Some((model, ""))) => (Method::GET, Route::Model(model.to_owned())),
            _ => return Err(no_such_address(method, path)),
        };
        if *method == wanted { Ok(route) } else { Err(no_such_address(method, path)) }
    }

    fn admit(&self, headers: &HeaderMap, key: &str) -> Result<(), Refusal> {
        if let Some(issuer) = &self.issuer {
            let header = headers.get("authorization").and_then(|value| value.to_str().ok());
            let token = header.and_then(|header| header.strip_prefix("Bearer "));
            let what = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or \
                        other valid authentication credential.";
            let unknown = || Refusal::new(401, "UNAUTHENTICATED", what).code("ACCESS_TOKEN_EXPIRED");
            return token.filter(|token| issuer.honours(token)).map(|_| ()).ok_or_else(unknown);
        }
        match headers.get("x-goog-api-key").and_then(|value| value.to_str().ok()) {
            None => {
                let what = "Method doesn't allow unregistered callers (callers without established identity).";
                Err(Refusal::new(403, "PERMISSION_DENIED", what))
            }
            Some(sent) if sent != key => Err(wrong_key()),
            Some(_) => Ok(()),
        }
    }

    fn check(&self, call: &Call<'_>) -> Result<Ask, Refusal> {
        let (model, _) = address(call.path).unwrap_or_default();
        let body = rules::parse(call)?;
        let body = match call.route {
            Route::Count => rules::counted(body, model)?,
            _ => body,
        };
        if streams(call.path) && !call.query.split('&').any(|pair| pair == "alt=sse") {
            return Err(invalid("the fake streams server-sent events only: ask with alt=sse"));
        }
        rules::check(&body, Class::of(model))?;
        Ok(ask::read(&body, model, streams(call.path), call.body.len()))
    }

    fn unknown_model(&self, model: &str) -> Refusal {
        let what =
            format!("models/{model} is not found for API version v1beta, or is not supported for generateContent.");
        Refusal::new(404, "NOT_FOUND", what)
    }

    fn answer(&self, answer: &Answer, ask: &Ask, ids: &Ids) -> Value {
        render::whole(answer, ask, ids)
    }

    fn frames(&self, answer: &Answer, ask: &Ask, ids: &Ids) -> Vec<Frame> {
        render::frames(answer, ask, ids)
    }

    fn twist(&self, _: Quirk, frames: Vec<Frame>, _: &Answer) -> Vec<Frame> {
        frames
    }

    fn refusal_body(&self, refusal: &Refusal, _: &str) -> Value {
        json!({"error": error(refusal)})
    }

    fn trouble(&self, trouble: Trouble) -> Refusal {
        match trouble {
            Trouble::RateLimited(seconds) => {
                let what = "You exceeded your current quota, please check your plan and billing details.";
                let refusal = Refusal::new(429, "RESOURCE_EXHAUSTED", what);
                Refusal { retry_after: Some(seconds), ..refusal }
            }
            Trouble::Overloaded => Refusal::new(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
            Trouble::Internal => Refusal::new(500, "INTERNAL", "An internal error has occurred."),
            Trouble::Unauthorized => wrong_key(),
            Trouble::Forbidden => {
                Refusal::new(403, "PERMISSION_DENIED", "Generative Language API has not been used in this project.")
            }
            Trouble::ContextOverflow => {
                let what = "The input token count (1208310) exceeds the maximum number of tokens allowed (1048576).";
                invalid(what)
            }
        }
    }

    fn error_frame(&self, refusal: &Refusal) -> Frame {
        Frame::data(json!({"error": error(refusal)}).to_string())
    }

    fn ghost_frame(&self) -> Frame {
        Frame::data(
            json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": "GHOST"}]}}]})
                .to_string(),
        )
    }

    fn models(&self, names: &[String]) -> Value {
        json!({"models": names.iter().map(|name| self.model(name)).collect::<Vec<_>>()})
    }

    fn model(&self, name: &str) -> Value {
        json!({
            "name": format!("models/{name}"),
            "baseModelId": name,
            "version": "001",
            "displayName": name,
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": rules::MAX_OUTPUT,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        })
    }

    fn count(&self, ask: &Ask) -> Value {
        json!({"totalTokens": ask.prompt_tokens})
    }

    fn beside(&self, head: &Parts, body: &[u8]) -> Option<Answered> {
        let (model, verb) = address(head.uri.path())?;
        match head.uri.path().starts_with(VERTEX) {
            true => beside::vertex::answer(model, verb, &head.headers, body),
            false => beside::gemini(model, verb, &head.headers, body),
        }
    }

    fn id_header(&self) -> &'static str {
        "x-goog-request-id"
    }

    fn says_retry_after(&self) -> bool {
        false
    }
}

fn invalid(what: impl Into<String>) -> Refusal {
    Refusal::new(400, "INVALID_ARGUMENT", what)
}

fn no_such_address(method: &Method, path: &str) -> Refusal {
    Refusal::new(404, "NOT_FOUND", format!("{method} {path} is no address of this service."))
}

fn wrong_key() -> Refusal {
    invalid("API key not valid. Please pass a valid API key.").code("API_KEY_INVALID")
}

/// Google tells the time to wait in the details, and in no header.
fn error(refusal: &Refusal) -> Value {
    let mut error = json!({"code": refusal.status, "message": refusal.message, "status": refusal.kind});
    let reason = refusal.code.map(
        |code| json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code, "domain": "googleapis.com"}),
    );
    let delay = refusal.retry_after.map(
        |seconds| json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{seconds}s")}),
    );
    let details: Vec<Value> = reason.into_iter().chain(delay).collect();
    if !details.is_empty() {
        error["details"] = json!(details);
    }
    error
}
