//! The model changes in the middle of a conversation with thinking and tools, between every two wires and for every
//! client. The fakes refuse what the real services refuse: proofs that are not their own, proofs that are missing where
//! they must be, calls without results.

use serde_json::{Value, json};
use testkit::{FakeAnthropic, FakeGemini, FakeOpenAi, FakeResponses, Gateway};

use crate::harness::{BEARER, Setup, soon};

/// Who asks, and equally who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Messages,
    Chat,
    Responses,
    Gemini,
}

use Side::{Chat, Gemini, Messages, Responses};

const SIDES: [Side; 4] = [Messages, Chat, Responses, Gemini];

impl Side {
    /// The model that this side serves.
    fn model(self) -> &'static str {
        match self {
            Messages => "on-messages",
            Chat => "on-chat",
            Responses => "on-responses",
            Gemini => "on-gemini",
        }
    }

    fn path(self, model: &str) -> String {
        match self {
            Messages => "/v1/messages".into(),
            Chat => "/v1/chat/completions".into(),
            Responses => "/v1/responses".into(),
            Gemini => format!("/v1beta/models/{model}:generateContent"),
        }
    }

    /// A request with the conversation so far, as this dialect's programs send it.
    fn body(self, model: &str, talk: &[Value]) -> Value {
        let schema = json!({"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]});
        match self {
            Messages => json!({"model": model, "max_tokens": 16_000, "messages": talk,
                "thinking": {"type": "enabled", "budget_tokens": 2_000},
                "tools": [{"name": "look", "input_schema": schema}]}),
            Chat => json!({"model": model, "messages": talk, "reasoning_effort": "low",
                "tools": [{"type": "function", "function": {"name": "look", "parameters": schema}}]}),
            Responses => json!({"model": model, "input": talk, "store": false,
                "reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"],
                "tools": [{"type": "function", "name": "look", "parameters": schema, "strict": false}]}),
            Gemini => json!({"contents": talk,
                "generationConfig": {"thinkingConfig": {"thinkingBudget": 2_048, "includeThoughts": true}},
                "tools": [{"functionDeclarations": [{"name": "look", "parametersJsonSchema": schema}]}]}),
        }
    }

    fn user(self, text: &str) -> Value {
        match self {
            Gemini => json!({"role": "user", "parts": [{"text": text}]}),
            Responses => json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}),
            Messages | Chat => json!({"role": "user", "content": text}),
        }
    }

    /// The answer as the next request repeats it.
    fn repeated(self, answer: &Value) -> Vec<Value> {
        match self {
            Messages => vec![json!({"role": "assistant", "content": answer["content"]})],
            Chat => vec![answer["choices"][0]["message"].clone()],
            Responses => answer["output"].as_array().unwrap().clone(),
            Gemini => vec![answer["candidates"][0]["content"].clone()],
        }
    }

    /// The result of the one call in an answer.
    fn result(self, answer: &Value) -> Value {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        match self {
            Messages => {
                let call = list(&answer["content"]).into_iter().find(|block| block["type"] == "tool_use").unwrap();
                json!({"role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": call["id"], "content": "a harbour"}]})
            }
            Chat => {
                let call = &answer["choices"][0]["message"]["tool_calls"][0];
                json!({"role": "tool", "tool_call_id": call["id"], "content": "a harbour"})
            }
            Responses => {
                let call = list(&answer["output"]).into_iter().find(|item| item["type"] == "function_call").unwrap();
                json!({"type": "function_call_output", "call_id": call["call_id"], "output": "a harbour"})
            }
            Gemini => {
                let parts = list(&answer["candidates"][0]["content"]["parts"]);
                let call = parts.into_iter().find_map(|part| part.get("functionCall").cloned()).unwrap();
                let mut response = json!({"name": call["name"], "response": {"result": "a harbour"}});
                if let Some(id) = call.get("id") {
                    response["id"] = id.clone();
                }
                json!({"role": "user", "parts": [{"functionResponse": response}]})
            }
        }
    }

    async fn ask(self, gateway: &Gateway, model: &str, talk: &[Value], case: &str) -> Value {
        let url = format!("{}{}", gateway.url(), self.path(model));
        let headers =
            [("authorization", BEARER), ("content-type", "application/json"), ("anthropic-version", "2023-06-01")];
        let headers = if self == Messages { &headers[..] } else { &headers[..2] };
        let body = self.body(model, talk).to_string();
        let got = soon(testkit::client::send(http::Method::POST, &url, headers, body)).await.unwrap();
        assert_eq!(got.status, 200, "{case}: {}", got.text());
        got.json()
    }
}

/// Four fakes and a gateway in front of them.
struct House {
    gateway: Gateway,
    _fakes: (FakeAnthropic, FakeOpenAi, FakeResponses, FakeGemini),
}

async fn house() -> House {
    let (claude, chat) = (FakeAnthropic::start().await.unwrap(), FakeOpenAi::start().await.unwrap());
    let (responses, gemini) = (FakeResponses::start().await.unwrap(), FakeGemini::start().await.unwrap());
    let models = |name: &str, side: Side| json!([{"name": name, "alias": side.model()}]);
    let setup = Setup::new()
        .claude(json!({"api-key": claude.key(), "base-url": claude.url(), "models": models("claude-model", Messages)}))
        .compat(json!({"name": "v", "base-url": chat.base_url(), "api-key-entries": [{"api-key": chat.key()}],
            "models": models("chat-model", Chat)}))
        .with(
            "codex-api-key",
            json!([{"api-key": responses.key(), "base-url": format!("{}/v1", responses.url()),
            "models": models("gpt-5-model", Responses)}]),
        )
        .with(
            "gemini-api-key",
            json!([{"api-key": gemini.key(), "base-url": gemini.url(),
            "models": models("gemini-3-model", Gemini)}]),
        );
    House { gateway: setup.start().await, _fakes: (claude, chat, responses, gemini) }
}

/// One conversation: a call on the first wire, its result to the second, a new question and its call on the second, the
/// result to the first, and a last question to the second, over all that was said and thought before.
async fn converse(house: &House, client: Side, first: Side, second: Side) {
    let case = |step: &str| format!("{client:?} client, {first:?} and {second:?}, {step}");
    let gateway = &house.gateway;
    let mut talk = vec![client.user("Please use the tool.")];
    let steps = [(first, "call"), (second, "answer"), (second, "call"), (first, "answer"), (second, "end")];
    for (at, (wire, step)) in steps.into_iter().enumerate() {
        let case = case(&format!("step {at}: {step} on {wire:?}"));
        let answer = client.ask(gateway, wire.model(), &talk, &case).await;
        talk.extend(client.repeated(&answer));
        match (step, at) {
            ("call", _) => talk.push(client.result(&answer)),
            (_, 1) => talk.push(client.user("Please use the tool once more.")),
            _ => talk.push(client.user("Thank you.")),
        }
        if step == "answer" {
            assert!(answer.to_string().contains("a harbour"), "{case}: the result was heard: {answer}");
        }
    }
}

#[tokio::test]
async fn the_model_changes_between_every_two_wires() {
    let house = house().await;
    for client in SIDES {
        for first in SIDES {
            for second in SIDES {
                converse(&house, client, first, second).await;
            }
        }
    }
}
