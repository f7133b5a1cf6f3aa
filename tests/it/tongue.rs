//! The dialects as the stories speak them: how to ask, and how to read text and errors out of what came back.

use serde_json::{Value, json};
use testkit::client::{self, Got, Live};
use testkit::{Fake, FakeAnthropic, FakeOpenAi, Gateway};

use crate::harness::{BEARER, KEY, Setup, soon};

/// A client dialect, and equally the dialect of a fake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tongue {
    Chat,
    Messages,
}

pub(crate) use Tongue::{Chat, Messages};

/// Client and upstream, in all combinations.
pub(crate) const PAIRS: [(Tongue, Tongue); 4] =
    [(Chat, Chat), (Chat, Messages), (Messages, Chat), (Messages, Messages)];

impl Tongue {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Chat => "/v1/chat/completions",
            Messages => "/v1/messages",
        }
    }

    pub(crate) fn headers(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Chat => vec![("authorization", BEARER)],
            Messages => vec![("x-api-key", KEY), ("anthropic-version", "2023-06-01")],
        }
    }

    /// A small legal request.
    pub(crate) fn body(self, model: &str, stream: bool) -> Value {
        let mut body = json!({"model": model, "messages": [{"role": "user", "content": "How are you?"}]});
        if stream {
            body["stream"] = json!(true);
        }
        if self == Messages {
            body["max_tokens"] = json!(1024);
        }
        body
    }

    /// The wire's answer to a request that wants no stream, in the wire's own words.
    pub(crate) fn whole_reply(self, text: &str) -> String {
        match self {
            Chat => json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "chat-model",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}),
            Messages => json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-model",
                "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
                "usage": {"input_tokens": 3, "output_tokens": 2}}),
        }
        .to_string()
    }

    /// The text of an answer.
    pub(crate) fn text(self, got: &Got, stream: bool) -> String {
        let list = if stream { got.events() } else { vec![got.text()] };
        let values = list.iter().filter_map(|event| serde_json::from_str::<Value>(event).ok());
        values.map(|value| self.piece(&value, stream)).collect()
    }

    fn piece(self, value: &Value, stream: bool) -> String {
        let found = match (self, stream) {
            (Chat, true) => value.pointer("/choices/0/delta/content"),
            (Chat, false) => value.pointer("/choices/0/message/content"),
            (Messages, true) => value.pointer("/delta/text"),
            (Messages, false) => value.pointer("/content/0/text"),
        };
        found.and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Whether a stream has come to its proper end, once and last, and tells of no error.
    pub(crate) fn is_complete(self, got: &Got) -> bool {
        let events = got.events();
        let whole = got.broken.is_none() && self.stream_error(got).is_none();
        let ends = events.iter().filter(|event| self.is_end(event)).count() == 1;
        whole && ends && events.last().is_some_and(|event| self.is_end(event))
    }

    fn is_end(self, event: &str) -> bool {
        match self {
            Chat => event == "[DONE]",
            Messages => serde_json::from_str::<Value>(event).is_ok_and(|value| value["type"] == "message_stop"),
        }
    }

    /// The error that a stream tells of, in this dialect's shape.
    pub(crate) fn stream_error(self, got: &Got) -> Option<Value> {
        let values = got.events().into_iter().filter_map(|event| serde_json::from_str::<Value>(&event).ok());
        values.filter(|value| self == Chat || value["type"] == "error").find_map(|value| {
            let error = value.get("error")?;
            assert!(error["type"].is_string() && error["message"].is_string(), "{value}");
            Some(error.clone())
        })
    }

    /// The error of an answer that is no stream; panics unless it has this dialect's shape to the letter.
    pub(crate) fn error(self, got: &Got) -> Value {
        let body = got.json();
        let error = &body["error"];
        assert!(error["type"].is_string() && error["message"].is_string(), "{self:?} {}: {}", got.status, got.text());
        assert_eq!(got.header("content-type"), Some("application/json"), "{}", got.text());
        match self {
            Chat => assert!(error.get("param").is_some() && error.get("code").is_some(), "{body}"),
            Messages => assert_eq!(body["type"], "error", "{body}"),
        }
        error.clone()
    }

    /// Asks and reads the whole answer.
    pub(crate) async fn ask(self, gateway: &Gateway, body: &Value) -> Got {
        let live = self.open(gateway, body).await;
        soon(live.rest()).await
    }

    /// Asks, and returns with the head of the answer.
    pub(crate) async fn open(self, gateway: &Gateway, body: &Value) -> Live {
        self.send(gateway, body.to_string()).await
    }

    /// Asks with these bytes.
    pub(crate) async fn send(self, gateway: &Gateway, body: impl Into<bytes::Bytes>) -> Live {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(self.headers());
        let url = format!("{}{}", gateway.url(), self.path());
        soon(client::open(http::Method::POST, &url, &headers, body)).await.unwrap()
    }

    /// Starts a fake that speaks this.
    pub(crate) async fn fake(self) -> AnyFake {
        match self {
            Chat => AnyFake::Chat(FakeOpenAi::start().await.unwrap()),
            Messages => AnyFake::Messages(FakeAnthropic::start().await.unwrap()),
        }
    }
}

/// A fake of either dialect.
pub(crate) enum AnyFake {
    Chat(FakeOpenAi),
    Messages(FakeAnthropic),
}

impl AnyFake {
    /// Adds it to a configuration.
    pub(crate) fn join(&self, setup: Setup, priority: i32) -> Setup {
        match self {
            Self::Chat(fake) => setup.openai(fake, priority),
            Self::Messages(fake) => setup.anthropic(fake, priority),
        }
    }

    /// A gateway in front of this fake alone.
    pub(crate) async fn gateway(&self) -> Gateway {
        self.join(Setup::new(), 0).start().await
    }
}

impl std::ops::Deref for AnyFake {
    type Target = Fake;

    fn deref(&self) -> &Fake {
        match self {
            Self::Chat(fake) => fake,
            Self::Messages(fake) => fake,
        }
    }
}
