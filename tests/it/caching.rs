//! Marks for the provider's prompt cache, set for those who cannot or do not.

use serde_json::{Value, json};
use testkit::{FakeAnthropic, Gateway};

use crate::harness::{MODEL, Setup, models};
use crate::tongue::{Chat, Messages, Tongue};

/// Starts a gateway over a place with or without the setting.
async fn gateway(fake: &FakeAnthropic, cache: bool) -> Gateway {
    let entry = json!({"api-key": fake.key(), "base-url": fake.url(), "models": models("claude-model"), "cache-prompts": cache});
    Setup::new().claude(entry).start().await
}

/// A conversation of an agent with a long system prompt.
fn conversation(rounds: usize) -> Value {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}});
    let mut messages = vec![json!({"role": "system", "content": "Be brief. ".repeat(600)})];
    for round in 0..rounds {
        messages.push(json!({"role": "user", "content": format!("question {round}")}));
        messages.push(json!({"role": "assistant", "content": format!("answer {round}")}));
    }
    messages.push(json!({"role": "user", "content": "And now?"}));
    json!({"model": MODEL, "messages": messages, "tools": [tool("a"), tool("b")]})
}

/// What the place was sent, and where its marks stand.
async fn sent(fake: &FakeAnthropic, gateway: &Gateway, client: Tongue, body: &Value) -> (Value, Vec<String>) {
    let got = client.ask(gateway, body).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let sent = fake.requests().pop().unwrap().json();
    let mut marks = Vec::new();
    find(&sent, "", &mut marks);
    (sent, marks)
}

fn find(node: &Value, path: &str, marks: &mut Vec<String>) {
    if node.get("cache_control").is_some() {
        marks.push(path.to_owned());
    }
    match node {
        Value::Object(map) => {
            for (key, inner) in map {
                find(inner, &format!("{path}/{key}"), marks);
            }
        }
        Value::Array(list) => {
            for (at, inner) in list.iter().enumerate() {
                find(inner, &format!("{path}/{at}"), marks);
            }
        }
        _ => (),
    }
}

fn unmarked(mut node: Value) -> Value {
    match &mut node {
        Value::Object(map) => {
            map.remove("cache_control");
            map.values_mut().for_each(|inner| *inner = unmarked(inner.take()));
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| *inner = unmarked(inner.take())),
        _ => (),
    }
    node
}

#[tokio::test]
async fn long_prompts_are_marked_where_the_place_is_told_to() {
    let fake = FakeAnthropic::start().await.unwrap();
    let gateway = gateway(&fake, true).await;
    let (first, marks) = sent(&fake, &gateway, Chat, &conversation(2)).await;
    let expect = ["/messages/2/content/0", "/messages/4/content/0", "/system/0", "/tools/1"];
    assert_eq!(marks, expect);
    // The next turn begins with the bytes of this one.
    let (second, marks) = sent(&fake, &gateway, Chat, &conversation(3)).await;
    assert!(marks.contains(&"/messages/4/content/0".to_owned()), "what was written is read: {marks:?}");
    let before =
        |body: &Value| unmarked(json!([body["tools"], body["system"], body["messages"].as_array().unwrap()[..4]]));
    assert_eq!(before(&first), before(&second));
}

#[tokio::test]
async fn nobody_elses_prompt_is_marked() {
    let fake = FakeAnthropic::start().await.unwrap();
    let told = gateway(&fake, true).await;
    let (_, short) = sent(&fake, &told, Chat, &Chat.body(MODEL, false)).await;
    assert_eq!(short, [""; 0], "a short prompt");
    let mut own = conversation(1);
    own["messages"][1] =
        json!({"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]});
    let (_, marks) = sent(&fake, &told, Chat, &own).await;
    assert_eq!(marks, ["/messages/0/content/0"], "who sets marks knows why");
    let mut relayed = Messages.body(MODEL, false);
    relayed["system"] = json!("Be brief. ".repeat(600));
    let (_, marks) = sent(&fake, &told, Messages, &relayed).await;
    assert_eq!(marks, [""; 0], "a relay");
    let untold = gateway(&fake, false).await;
    let (_, marks) = sent(&fake, &untold, Chat, &conversation(2)).await;
    assert_eq!(marks, [""; 0], "a place that was not told to");
}
