//! What the operator changes about requests: payload rules and the system prompt, relayed and translated alike.

use serde_json::{Value, json};
use testkit::{FakeGemini, FakeResponses, Gateway};

use crate::harness::{BEARER, MODEL, Setup, binary, soon};
use crate::tongue::{Chat, Messages, PAIRS, Tongue};

/// What the upstream was asked by a client of a tongue.
async fn asked(client: Tongue, wire: Tongue, setup: &Setup, body: &Value) -> Value {
    let fake = wire.fake().await;
    let gateway = fake.join(setup.clone(), 0).start().await;
    let got = client.ask(&gateway, body).await;
    assert_eq!(got.status, 200, "{client:?} over {wire:?}: {}", got.text());
    fake.last_request().unwrap().json()
}

fn named(name: &str, params: &Value) -> Value {
    json!({"models": [{"name": name}], "params": params})
}

#[tokio::test]
async fn payload_rules_reach_every_pair() {
    let setup = Setup::new().with(
        "payload",
        json!({
            "default": [named("mod*", &json!({"top_p": 0.97, "temperature": 0.1}))],
            "override": [
                named("*-model", &json!({"max_tokens": 77})),
                named("someone-else", &json!({"max_tokens": 1})),
            ],
            "override-raw": [{
                "models": [{"name": "model", "from-protocol": "openai"}],
                "params": {"messages.#(role==\"user\").content": "\"from chat\""},
            }],
            "filter": [named("model", &json!(["stop", "stop_sequences"]))],
        }),
    );
    for (client, wire) in PAIRS {
        let mut body = client.body(MODEL, false);
        body["temperature"] = json!(0.5);
        body[if client == Chat { "stop" } else { "stop_sequences" }] = json!(["END"]);
        let sent = asked(client, wire, &setup, &body).await;
        let case = format!("{client:?} over {wire:?}: {sent}");
        assert_eq!(
            (&sent["temperature"], &sent["top_p"], &sent["max_tokens"]),
            (&json!(0.5), &json!(0.97), &json!(77)),
            "{case}"
        );
        assert!(sent["stop"].is_null() && sent["stop_sequences"].is_null(), "{case}");
        let said = sent["messages"][0]["content"].clone();
        let said = said.as_str().map(str::to_owned).unwrap_or_else(|| said[0]["text"].as_str().unwrap().to_owned());
        assert_eq!(said, if client == Chat { "from chat" } else { "How are you?" }, "{case}");
    }
}

#[tokio::test]
async fn a_wrong_rule_keeps_the_program_from_starting() {
    let setup =
        Setup::new().with("demo", json!(true)).with("payload", json!({"filter": [named("m", &json!(["a..b"]))]}));
    let error = Gateway::start_with(binary(), &setup.text(), &[]).await.err().map(|error| error.to_string());
    let error = error.expect("a wrong path is refused");
    assert!(error.contains("payload.filter[0].params[0]") && error.contains("empty step"), "{error}");
}

/// The words of the system prompt that an upstream was given.
fn prompt(wire: Tongue, sent: &Value) -> String {
    let place = match wire {
        Chat => sent["messages"].as_array().unwrap().iter().find(|message| message["role"] == "system").cloned(),
        Messages => Some(json!({"content": sent["system"]})),
    };
    let content = place.unwrap_or_default()["content"].clone();
    match content {
        Value::Array(blocks) => {
            blocks.iter().map(|block| block["text"].as_str().unwrap()).collect::<Vec<_>>().join("|")
        }
        other => other.as_str().unwrap_or_default().replace("\n\n", "|").replace('\n', "|"),
    }
}

fn with_system(client: Tongue, system: &str) -> Value {
    let mut body = client.body(MODEL, false);
    match client {
        Chat => {
            let messages = body["messages"].as_array_mut().unwrap();
            messages.insert(0, json!({"role": "system", "content": system}));
        }
        Messages => {
            body["system"] = json!([{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]);
        }
    }
    body
}

#[tokio::test]
async fn the_system_prompt_is_the_operators() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prompt.txt");
    std::fs::write(&file, "\u{feff}Be kind to every cat.\n").unwrap();
    for (mode, with, without) in [
        ("append", "I am a dog|Be kind to every dog.", "Be kind to every dog."),
        ("overwrite", "Be kind to every dog.", "Be kind to every dog."),
    ] {
        let setup = Setup::new().with(
            "system-prompt",
            json!({"file": file.to_str(), "mode": mode, "replacements": [{"old": "cat", "new": "dog"}]}),
        );
        for (client, wire) in PAIRS {
            let sent = asked(client, wire, &setup, &with_system(client, "I am a cat")).await;
            assert_eq!(prompt(wire, &sent), with, "{mode}, {client:?} over {wire:?}: {sent}");
            if (client, wire) == (Messages, Messages) {
                assert_eq!(sent["system"][0]["cache_control"], json!({"type": "ephemeral"}), "{sent}");
            }
            let sent = asked(client, wire, &setup, &client.body(MODEL, false)).await;
            assert_eq!(prompt(wire, &sent), without, "{mode}, {client:?} over {wire:?}: {sent}");
        }
    }
}

#[tokio::test]
async fn gemini_and_responses_are_relayed_with_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prompt.txt");
    std::fs::write(&file, "Own words.").unwrap();
    let (gemini, responses) = (FakeGemini::start().await.unwrap(), FakeResponses::start().await.unwrap());
    gemini.add_model("gemini-model");
    let models = |name: &str| json!([{"name": name, "alias": name}]);
    let setup = Setup::new()
        .with("system-prompt", json!({"file": file.to_str()}))
        .with("gemini-api-key", json!([{"api-key": gemini.key(), "base-url": gemini.url(), "models": models("gemini-model")}]))
        .with("codex-api-key", json!([{"api-key": responses.key(), "base-url": format!("{}/v1", responses.url()), "models": models("chat-model")}]))
        .with("payload", json!({"override": [named("*", &json!({"metadata.from": "rules"})), {
            "models": [{"name": "*", "protocol": "gemini"}],
            "params": {"generationConfig.temperature": 0.25},
        }], "filter": [{"models": [{"name": "*", "protocol": "gemini"}], "params": ["metadata"]}]}));
    let gateway = setup.start().await;
    let post = |path: &str, body: Value| {
        let url = format!("{}{path}", gateway.url());
        async move {
            let headers = [("authorization", BEARER), ("content-type", "application/json")];
            let got = soon(testkit::client::send(http::Method::POST, &url, &headers, body.to_string())).await.unwrap();
            assert_eq!(got.status, 200, "{}", got.text());
        }
    };
    let ask = json!({"contents": [{"role": "user", "parts": [{"text": "q"}]}]});
    post("/v1beta/models/gemini-model(none):generateContent", ask).await;
    let sent = gemini.last_request().unwrap().json();
    assert_eq!(sent["systemInstruction"]["parts"], json!([{"text": "Own words."}]), "{sent}");
    assert_eq!(
        sent["generationConfig"],
        json!({"temperature": 0.25, "thinkingConfig": {"thinkingBudget": 0}}),
        "{sent}"
    );

    post("/v1/responses", json!({"model": "chat-model(low)", "instructions": "Mine.", "input": "q"})).await;
    let sent = responses.last_request().unwrap().json();
    assert_eq!(sent["instructions"], "Mine.\nOwn words.", "{sent}");
    assert_eq!((&sent["reasoning"]["effort"], &sent["metadata"]), (&json!("low"), &json!({"from": "rules"})), "{sent}");
}
