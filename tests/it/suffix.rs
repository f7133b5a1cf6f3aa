//! How much to think, said in brackets behind the model's name.

use serde_json::{Value, json};
use testkit::{FakeOpenAi, Reply};

use crate::harness::{MODEL, Setup};
use crate::tongue::{Chat, Messages, PAIRS, Tongue};

/// What the upstream was asked, under a name.
async fn asked(client: Tongue, wire: Tongue, model: &str, more: &[(&str, Value)]) -> Value {
    let fake = wire.fake().await;
    let gateway = fake.gateway().await;
    fake.script(Reply::raw(200, "application/json", wire.whole_reply("yes")));
    let mut body = client.body(model, false);
    body["max_tokens"] = json!(32_000);
    more.iter().for_each(|(field, value)| body[*field] = value.clone());
    let got = client.ask(&gateway, &body).await;
    assert_eq!(got.status, 200, "{client:?} over {wire:?}, {model}: {}", got.text());
    if client != wire {
        assert_eq!(got.json()["model"], MODEL, "the suffix is not part of the model's name: {}", got.text());
    }
    fake.requests().last().unwrap().json()
}

/// What a wire was told of thinking.
fn told(wire: Tongue, body: &Value) -> Value {
    match wire {
        Chat => body["reasoning_effort"].clone(),
        Messages => body["thinking"].clone(),
    }
}

#[tokio::test]
async fn every_form_reaches_every_wire() {
    for (client, wire) in PAIRS {
        for (word, effort, thinking) in [
            ("high", json!("high"), json!({"type": "enabled", "budget_tokens": 24_576})),
            ("8192", json!("medium"), json!({"type": "enabled", "budget_tokens": 8_192})),
            ("none", json!("none"), json!({"type": "disabled"})),
            ("", Value::Null, Value::Null),
            ("what?", Value::Null, Value::Null),
        ] {
            let body = asked(client, wire, &format!("{MODEL}({word})"), &[]).await;
            let expect = if wire == Chat { effort } else { thinking };
            assert_eq!(told(wire, &body), expect, "{client:?} over {wire:?} ({word}): {body}");
            assert!(body["model"].as_str().is_some_and(|model| !model.contains('(')), "{body}");
        }
    }
}

#[tokio::test]
async fn the_suffix_overrides_the_body() {
    for wire in [Chat, Messages] {
        let body = asked(Chat, wire, "model(low)", &[("reasoning_effort", json!("high"))]).await;
        let expect = if wire == Chat { json!("low") } else { json!({"type": "enabled", "budget_tokens": 1_024}) };
        assert_eq!(told(wire, &body), expect, "{wire:?}: {body}");
    }
    let thinking = json!({"type": "enabled", "budget_tokens": 2_000});
    let body = asked(Messages, Messages, "model(none)", &[("thinking", thinking)]).await;
    assert_eq!(body["thinking"], json!({"type": "disabled"}));
}

#[tokio::test]
async fn a_model_of_exactly_that_name_comes_first() {
    let fake = FakeOpenAi::start().await.unwrap();
    let setup = Setup::new().compat(json!({
        "name": "v", "base-url": fake.base_url(), "api-key-entries": [{"api-key": fake.key()}],
        "models": [{"name": "chat-model", "alias": "odd(high)"}, {"name": "chat-model", "alias": "odd"}],
    }));
    let gateway = setup.start().await;
    let got = Chat.ask(&gateway, &Chat.body("odd(high)", false)).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(fake.requests()[0].json()["reasoning_effort"], Value::Null, "that name is a model's own");
    let got = Chat.ask(&gateway, &Chat.body("odd(low)", false)).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(fake.requests()[1].json()["reasoning_effort"], "low");
    let got = Chat.ask(&gateway, &Chat.body("even(low)", false)).await;
    assert_eq!(got.status, 404);
    assert!(got.text().contains("even(low)"), "{}", got.text());
}
