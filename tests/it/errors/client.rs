//! The five dialects as their programs speak them: how to ask, and what an error must look like, to the letter.

use serde_json::{Value, json};
use testkit::Gateway;
use testkit::client::{self, Got, Live};

use crate::harness::{BEARER, KEY, soon};

/// A language, of a client or of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tongue {
    Chat,
    Responses,
    Messages,
    Gemini,
    Ollama,
}

use Tongue::{Chat, Gemini, Messages, Ollama, Responses};

pub(crate) const ALL: [Tongue; 5] = [Chat, Responses, Messages, Gemini, Ollama];

/// What a client reads out of an error.
#[derive(Debug, PartialEq)]
pub(crate) struct Told {
    /// `type` of OpenAI and Anthropic, `status` of Google, nothing of Ollama.
    pub(crate) kind: String,
    /// `code`, where the dialect has words for it.
    pub(crate) code: Option<String>,
    pub(crate) message: String,
}

impl Tongue {
    pub(crate) fn headers(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Messages => vec![("x-api-key", KEY), ("anthropic-version", "2023-06-01")],
            Gemini => vec![("x-goog-api-key", KEY)],
            Chat | Responses | Ollama => vec![("authorization", BEARER)],
        }
    }

    pub(crate) fn path(self, model: &str, stream: bool) -> String {
        match self {
            Chat => "/v1/chat/completions".to_owned(),
            Responses => "/v1/responses".to_owned(),
            Messages => "/v1/messages".to_owned(),
            Gemini if stream => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
            Gemini => format!("/v1beta/models/{model}:generateContent"),
            Ollama => "/api/chat".to_owned(),
        }
    }

    pub(crate) fn body(self, model: &str, stream: bool) -> Value {
        let messages = json!([{"role": "user", "content": "How are you?"}]);
        match self {
            Chat | Ollama => json!({"model": model, "stream": stream, "messages": messages}),
            Responses => json!({"model": model, "stream": stream, "input": messages}),
            Messages => json!({"model": model, "stream": stream, "max_tokens": 99, "messages": messages}),
            Gemini => json!({"contents": [{"role": "user", "parts": [{"text": "How are you?"}]}]}),
        }
    }

    pub(crate) async fn open(self, gateway: &Gateway, model: &str, stream: bool) -> Live {
        let url = format!("{}{}", gateway.url(), self.path(model, stream));
        soon(client::open_post(&url, &self.headers(), &self.body(model, stream))).await.unwrap()
    }

    pub(crate) async fn ask(self, gateway: &Gateway, model: &str, stream: bool) -> Got {
        let live = self.open(gateway, model, stream).await;
        soon(live.rest()).await
    }

    /// The error of an answer that is no stream, if it has the dialect's shape.
    pub(crate) fn error(self, got: &Got) -> Result<Told, String> {
        let body = got.json();
        if got.header("content-type") != Some("application/json") {
            return Err(format!("its type is {:?}", got.header("content-type")));
        }
        match self {
            Messages if body["request_id"].is_string() => self.read(&body),
            Messages => Err("there is no request_id".to_owned()),
            Gemini if body["error"]["code"] != got.status.as_u16() => Err("code and status differ".to_owned()),
            Chat | Responses | Gemini | Ollama => self.read(&body),
        }
    }

    /// Reads an error record.
    fn read(self, body: &Value) -> Result<Told, String> {
        let wrong = |what: &str| format!("{what}: {body}");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if self == Ollama {
            let message = text(&body["error"]).ok_or_else(|| wrong("no text"))?;
            return Ok(Told { kind: String::new(), code: None, message });
        }
        let error = &body["error"];
        let message = text(&error["message"]).filter(|text| !text.is_empty()).ok_or_else(|| wrong("no message"))?;
        let (kind, code) = match self {
            Messages if body["type"] != "error" => return Err(wrong("it is not of type error")),
            Messages => (&error["type"], None),
            Gemini if !error["code"].is_u64() => return Err(wrong("its code is no number")),
            Gemini => (&error["status"], None),
            _ if error.get("param").is_none() || error.get("code").is_none() => {
                return Err(wrong("param or code is missing"));
            }
            _ => (&error["type"], text(&error["code"])),
        };
        Ok(Told { kind: text(kind).ok_or_else(|| wrong("no type"))?, code, message })
    }

    /// The events of a stream that began well, each as JSON; what is none is text.
    pub(crate) fn events(self, got: &Got) -> Vec<Value> {
        let read = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        match self {
            Ollama => got.text().lines().filter(|line| !line.trim().is_empty()).map(read).collect(),
            _ => got.events().iter().map(|event| read(event)).collect(),
        }
    }

    /// The error in a stream, where the event is one.
    pub(crate) fn stream_error(self, event: &Value) -> Option<Result<Told, String>> {
        match self {
            Responses => self.responses_error(event),
            Messages => (event["type"] == "error").then(|| self.read(event)),
            Chat | Gemini | Ollama => event.get("error").map(|_| self.read(event)),
        }
    }

    /// `response.failed`, or an `error` event where that is the upstream's own, or nothing has begun.
    fn responses_error(self, event: &Value) -> Option<Result<Told, String>> {
        let error = match event["type"].as_str()? {
            "response.failed" if event["response"]["status"] != "failed" => {
                return Some(Err(format!("its status is another: {event}")));
            }
            "response.failed" => &event["response"]["error"],
            "error" if event["error"].is_object() => &event["error"],
            "error" => event,
            _ => return None,
        };
        if !event["sequence_number"].is_u64() {
            return Some(Err(format!("it has no number: {event}")));
        }
        let text = |key: &str| error[key].as_str().map(str::to_owned);
        let told = text("message").map(|message| Told { kind: String::new(), code: text("code"), message });
        Some(told.ok_or_else(|| format!("no message: {event}")))
    }

    /// Whether the event says that the answer is whole.
    pub(crate) fn is_success(self, event: &Value) -> bool {
        match self {
            Chat => {
                event["choices"].as_array().is_some_and(|all| all.iter().any(|one| one["finish_reason"].is_string()))
            }
            Responses => {
                matches!(event["type"].as_str(), Some("response.completed" | "response.incomplete" | "response.done"))
            }
            Messages => event["type"] == "message_stop" || event["delta"]["stop_reason"].is_string(),
            Gemini => event["candidates"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one.get("finishReason").is_some())),
            Ollama => event["done"] == true,
        }
    }

    /// Whether the event may stand behind an error.
    pub(crate) fn may_follow_an_error(self, event: &Value) -> bool {
        self == Chat && event == "[DONE]"
    }

    /// What makes an event's text visible.
    pub(crate) fn text(self, event: &Value) -> &str {
        let found = match self {
            Chat => event.pointer("/choices/0/delta/content"),
            Responses => event.get("delta"),
            Messages => event.pointer("/delta/text"),
            Gemini => event.pointer("/candidates/0/content/parts/0/text"),
            Ollama => event.pointer("/message/content"),
        };
        found.and_then(Value::as_str).unwrap_or_default()
    }
}
