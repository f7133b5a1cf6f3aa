//! Token counts: every client's way to ask, at every kind of place.

use serde_json::{Value, json};
use testkit::client::{self, Got};
use testkit::{FakeAnthropic, FakeGemini, FakeOpenAi, FakeResponses, Gateway};

use crate::errors::bare::{Bare, End, Play};
use crate::harness::{BEARER, KEY, Setup, soon};

/// A client's way to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Messages,
    Responses,
    Gemini,
    /// A whole request, one level deeper.
    GeminiDeep,
}

use Caller::{Gemini, GeminiDeep, Messages, Responses};

const CALLERS: [Caller; 4] = [Messages, Responses, Gemini, GeminiDeep];

impl Caller {
    fn path(self, model: &str) -> String {
        match self {
            Messages => "/v1/messages/count_tokens".into(),
            Responses => "/v1/responses/input_tokens".into(),
            Gemini => format!("/v1beta/models/{model}:countTokens"),
            GeminiDeep => format!("/v1/models/{model}:countTokens"),
        }
    }

    fn body(self, model: &str) -> Value {
        let contents = json!([{"role": "user", "parts": [{"text": "how many are these?"}]}]);
        let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
        match self {
            Messages => json!({"model": model, "system": "be brief",
                "messages": [{"role": "user", "content": "how many are these?"}],
                "tools": [{"name": "f", "description": "d", "input_schema": schema}]}),
            Responses => json!({"model": model, "instructions": "be brief", "input": "how many are these?",
                "tools": [{"type": "function", "name": "f", "parameters": schema}]}),
            Gemini => json!({"contents": contents}),
            GeminiDeep => json!({"generateContentRequest": {"model": format!("models/{model}"), "contents": contents,
                "systemInstruction": {"parts": [{"text": "be brief"}]},
                "generationConfig": {"maxOutputTokens": 9, "temperature": 0.5}}}),
        }
    }

    fn number(self, got: &Got) -> u64 {
        let answer: Value = serde_json::from_slice(&got.body).unwrap_or_default();
        let number = match self {
            Messages | Responses => &answer["input_tokens"],
            Gemini | GeminiDeep => &answer["totalTokens"],
        };
        number.as_u64().unwrap_or_else(|| panic!("{self:?}: {} {}", got.status, got.text()))
    }
}

async fn ask(gateway: &Gateway, caller: Caller, model: &str) -> Got {
    let headers = [("authorization", BEARER), ("x-api-key", KEY), ("anthropic-version", "2023-06-01")];
    let url = format!("{}{}", gateway.url(), caller.path(model));
    soon(client::post(&url, &headers, &caller.body(model))).await.unwrap()
}

fn entry(base: &str, key: &str, name: &str, alias: &str) -> Value {
    json!([{"api-key": key, "base-url": base, "models": [{"name": name, "alias": alias}]}])
}

struct Places {
    claude: FakeAnthropic,
    gemini: FakeGemini,
    responses: FakeResponses,
    chat: FakeOpenAi,
}

impl Places {
    async fn start() -> Self {
        Self {
            claude: FakeAnthropic::start().await.unwrap(),
            gemini: FakeGemini::start().await.unwrap(),
            responses: FakeResponses::start().await.unwrap(),
            chat: FakeOpenAi::start().await.unwrap(),
        }
    }

    async fn gateway(&self) -> Gateway {
        self.join(Setup::new()).start().await
    }

    fn join(&self, setup: Setup) -> Setup {
        let codex = format!("{}/v1", self.responses.url());
        setup
            .with("claude-api-key", entry(&self.claude.url(), &self.claude.key(), "claude-model", "at-claude"))
            .with("gemini-api-key", entry(&self.gemini.url(), &self.gemini.key(), "gemini-2.5-model", "at-gemini"))
            .with("codex-api-key", entry(&codex, &self.responses.key(), "gpt-5-model", "at-codex"))
            .with(
                "ollama",
                json!([{"base-url": self.chat.url(), "models": [{"name": "chat-model", "alias": "at-ollama"}]}]),
            )
            .with("demo", json!(true))
            .openai(&self.chat, 0)
    }
}

#[tokio::test]
async fn places_that_count_are_asked_in_their_own_language() {
    let places = Places::start().await;
    let gateway = places.gateway().await;
    for caller in CALLERS {
        for model in ["at-claude", "at-gemini", "at-codex"] {
            let got = ask(&gateway, caller, model).await;
            assert!(caller.number(&got) > 0, "{caller:?} {model}");
            assert_eq!(got.header("x-bosporus-estimate"), None, "{caller:?} {model}: {}", got.text());
        }
    }
    let paths =
        |requests: Vec<testkit::Recorded>| -> Vec<String> { requests.into_iter().map(|call| call.path).collect() };
    assert_eq!(paths(places.claude.requests()), ["/v1/messages/count_tokens"; 4]);
    assert_eq!(paths(places.responses.requests()), ["/v1/responses/input_tokens"; 4]);
    assert_eq!(paths(places.gemini.requests()), ["/v1beta/models/gemini-2.5-model:countTokens"; 4]);
}

#[tokio::test]
async fn elsewhere_the_number_is_an_estimate_and_says_so() {
    let places = Places::start().await;
    let gateway = places.gateway().await;
    for caller in CALLERS {
        for model in ["model", "at-ollama", "demo"] {
            let got = ask(&gateway, caller, model).await;
            assert!(caller.number(&got) > 0, "{caller:?} {model}");
            assert_eq!(got.header("x-bosporus-estimate"), Some("true"), "{caller:?} {model}");
        }
    }
    assert!(places.chat.requests().is_empty());
}

#[tokio::test]
async fn a_place_that_fails_to_count_is_no_reason_to_fail() {
    let places = Places::start().await;
    let gateway = places.gateway().await;
    places.claude.set_key("another");
    places.gemini.set_key("another");
    for (caller, model) in [(Messages, "at-claude"), (Responses, "at-claude"), (Messages, "at-gemini")] {
        let got = ask(&gateway, caller, model).await;
        assert!(caller.number(&got) > 0);
        assert_eq!(got.header("x-bosporus-estimate"), Some("true"), "{caller:?} {model}: {}", got.text());
    }
}

#[tokio::test]
async fn what_an_answer_would_refuse_is_refused_here_too() {
    let places = Places::start().await;
    let gateway = places.gateway().await;
    let headers = [("x-api-key", KEY), ("anthropic-version", "2023-06-01")];
    let url = format!("{}/v1/messages/count_tokens", gateway.url());
    let container = json!({"model": "at-gemini", "container": "c",
        "messages": [{"role": "user", "content": "x"}]});
    let got = soon(client::post(&url, &headers, &container)).await.unwrap();
    assert_eq!(got.status, 400, "{}", got.text());
    assert!(places.gemini.requests().is_empty());
}

#[tokio::test]
async fn an_estimate_is_refused_where_an_answer_would_be() {
    let places = Places::start().await;
    let gateway = places.gateway().await;
    let headers = [("x-api-key", KEY), ("anthropic-version", "2023-06-01")];
    let url = format!("{}/v1/messages/count_tokens", gateway.url());
    for (field, status) in [("container", 400), ("metadata", 200)] {
        for model in ["model", "at-ollama"] {
            let mut body = json!({"model": model, "messages": [{"role": "user", "content": "x"}]});
            body[field] = if field == "metadata" { json!({"user_id": "u"}) } else { json!("c") };
            let got = soon(client::post(&url, &headers, &body)).await.unwrap();
            assert_eq!(got.status, status, "{field} {model}: {}", got.text());
            assert!(status == 200 || got.text().contains(field), "{}", got.text());
        }
    }
}

/// An answer would fetch the picture; a number is not worth that, and no reason to refuse.
#[tokio::test]
async fn nothing_is_fetched_to_be_counted() {
    let places = Places::start().await;
    let gateway = places.gateway().await;
    let headers = [("x-api-key", KEY), ("anthropic-version", "2023-06-01")];
    let url = format!("{}/v1/messages/count_tokens", gateway.url());
    for model in ["at-ollama", "at-gemini"] {
        let picture = json!({"type": "image", "source": {"type": "url", "url": "http://pictures.example/a.png"}});
        let body = json!({"model": model, "messages": [{"role": "user", "content": [picture]}]});
        let got = soon(client::post(&url, &headers, &body)).await.unwrap();
        assert_eq!(got.status, 200, "{model}: {}", got.text());
        assert_eq!(got.header("x-bosporus-estimate"), Some("true"), "{model}");
    }
}

/// Programs ask before each step: an estimate is better than a wait.
#[tokio::test]
async fn a_place_that_takes_for_ever_is_not_waited_for() {
    let bare = Bare::start().await;
    bare.play(Play::nothing(End::Silence));
    let place = entry(&bare.url(), "key-of-the-place", "claude-model", "at-claude");
    let gateway = Setup::new().with("claude-api-key", place).start().await;
    let got = ask(&gateway, Messages, "at-claude").await;
    assert!(Messages.number(&got) > 0, "{}", got.text());
    assert_eq!(got.header("x-bosporus-estimate"), Some("true"));
}

#[tokio::test]
async fn a_place_that_cannot_count_is_asked_once_and_stays_in_use() {
    let chat = FakeOpenAi::start().await.unwrap();
    let entry = entry(&chat.base_url(), &chat.key(), "chat-model", "at-codex");
    let gateway = Setup::new().with("codex-api-key", entry).with("disable-cooling", json!(false)).start().await;
    for caller in CALLERS {
        let got = ask(&gateway, caller, "at-codex").await;
        assert!(caller.number(&got) > 0, "{caller:?}: {}", got.text());
        assert_eq!(got.header("x-bosporus-estimate"), Some("true"), "{caller:?}");
    }
    assert_eq!(chat.requests().len(), 1, "{:?}", chat.requests());
    assert!(!gateway.log().iter().any(|line| line.contains("benched")), "{:#?}", gateway.log());
}

/// What is counted is what an answer would be asked with: the operator's prompt, payload rules and the suffix behind the
/// model's name are in it, and what the call does not take is not.
#[tokio::test]
async fn what_is_counted_is_what_would_be_sent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prompt.txt");
    std::fs::write(&file, "Own words.").unwrap();
    let places = Places::start().await;
    let rules = json!({"override": [
        {"models": [{"name": "*", "protocol": "gemini"}], "params": {"generationConfig.temperature": 0.25}},
        {"models": [{"name": "*", "protocol": "claude"}], "params": {"temperature": 0.25}},
        {"models": [{"name": "*", "protocol": "responses"}], "params": {"temperature": 0.25, "truncation": "auto"}},
    ]});
    let setup = Setup::new().with("system-prompt", json!({"file": file.to_str()})).with("payload", rules);
    let gateway = places.join(setup).start().await;
    for caller in CALLERS {
        for model in ["at-claude(low)", "at-gemini(low)", "at-codex(low)"] {
            let got = ask(&gateway, caller, model).await;
            assert!(caller.number(&got) > 0, "{caller:?} {model}: {}", got.text());
            assert_eq!(got.header("x-bosporus-estimate"), None, "{caller:?} {model}: {}", got.text());
        }
    }
    for call in places.claude.requests().iter().map(testkit::Recorded::json) {
        assert!(call["system"].to_string().contains("Own words."), "{call}");
        assert_eq!(call["temperature"], Value::Null, "{call}");
    }
    for call in places.responses.requests().iter().map(testkit::Recorded::json) {
        assert!(call.to_string().contains("Own words.") && call["reasoning"]["effort"] == "low", "{call}");
        assert_eq!((&call["truncation"], &call["temperature"]), (&json!("auto"), &Value::Null), "{call}");
    }
    for call in places.gemini.requests().iter().map(testkit::Recorded::json) {
        let asked = &call["generateContentRequest"];
        assert!(asked["systemInstruction"].to_string().contains("Own words."), "{call}");
        assert_eq!(asked["generationConfig"]["temperature"], json!(0.25), "{call}");
        assert_eq!(asked["model"], "models/gemini-2.5-model", "{call}");
    }
}
