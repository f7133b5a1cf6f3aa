//! Tools of the Responses API that the client runs and knows by types of their own, at upstreams that have functions only.

use serde_json::{Value, json};
use testkit::{FakeAnthropic, FakeGemini, FakeOpenAi, FakeResponses, Gateway, Reply, client};

use crate::harness::{BEARER, MODEL, Setup, soon};

fn body(input: &Value, stream: bool) -> Value {
    json!({"model": MODEL, "input": input, "stream": stream, "store": false,
        "tools": [{"type": "shell"}, {"type": "apply_patch"}, {"type": "local_shell"}]})
}

/// Asks with strict fidelity: whatever is lost is a refusal.
async fn ask(gateway: &Gateway, body: &Value) -> client::Got {
    let url = format!("{}/v1/responses", gateway.url());
    let headers = [("authorization", BEARER), ("x-bosporus-fidelity", "strict")];
    let got = soon(client::post(&url, &headers, body)).await.unwrap();
    assert_eq!((got.status.as_u16(), got.header("x-bosporus-losses")), (200, None), "{}", got.text());
    got
}

fn calls() -> Reply {
    Reply::tool_calls(&[
        ("", "shell", r#"{"commands":["ls","pwd"]}"#),
        ("", "apply_patch", r#"{"type":"create_file","path":"a","diff":"+x"}"#),
        ("", "local_shell", r#"{"command":["ls"]}"#),
    ])
}

fn outputs(items: &[Value]) -> Vec<Value> {
    let id = |kind: &str| items.iter().find(|item| item["type"] == kind).map(|item| item["call_id"].clone()).unwrap();
    vec![
        json!({"type": "shell_call_output", "call_id": id("shell_call"),
            "output": [{"stdout": "a harbour", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]}),
        json!({"type": "apply_patch_call_output", "call_id": id("apply_patch_call"), "status": "completed"}),
        json!({"type": "local_shell_call_output", "id": id("local_shell_call"), "output": "{\"output\":\"a boat\"}"}),
    ]
}

/// The items of a streamed answer, and the names of its events.
fn streamed(got: &client::Got) -> (Vec<Value>, Vec<String>) {
    let events: Vec<Value> = got.events().iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    let names = events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.completed");
    (last["response"]["output"].as_array().unwrap().clone(), names)
}

async fn converse(gateway: &Gateway, case: &str, script: impl Fn(Reply), last_request: impl Fn() -> String) {
    let question = json!({"role": "user", "content": "Look around."});
    for stream in [false, true] {
        script(calls());
        let got = ask(gateway, &body(&json!([question]), stream)).await;
        let items = match stream {
            false => got.json()["output"].as_array().unwrap().clone(),
            true => {
                let (items, names) = streamed(&got);
                let commands = names.iter().filter(|name| *name == "response.shell_call_command.done").count();
                assert_eq!(commands, 2, "{case}: {names:?}");
                items
            }
        };
        let items: Vec<Value> = items.into_iter().filter(|item| item["type"] != "reasoning").collect();
        let kinds: Vec<&str> = items.iter().map(|item| item["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["shell_call", "apply_patch_call", "local_shell_call"], "{case}");
        assert_eq!(items[0]["action"]["commands"], json!(["ls", "pwd"]), "{case}");
        assert_eq!(items[1]["operation"], json!({"type": "create_file", "path": "a", "diff": "+x"}), "{case}");
        let results = outputs(&items);
        let talk = [vec![question.clone()], items, results].concat();
        ask(gateway, &body(&json!(talk), stream)).await;
        let sent = last_request();
        assert!(sent.contains("a harbour") && sent.contains("a boat"), "{case}: {sent}");
        assert!(!sent.contains("_call_output") && !sent.contains("local_shell_call"), "{case}: {sent}");
    }
}

#[tokio::test]
async fn every_wire_carries_calls_and_outputs() {
    let fake = FakeAnthropic::start().await.unwrap();
    let gateway = Setup::new().anthropic(&fake, 0).start().await;
    converse(&gateway, "messages", |reply| fake.script(reply), || fake.last_request().unwrap().body).await;

    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().openai(&fake, 0).start().await;
    converse(&gateway, "chat", |reply| fake.script(reply), || fake.last_request().unwrap().body).await;

    let fake = FakeGemini::start().await.unwrap();
    let models = json!([{"name": "gemini-3-model", "alias": MODEL}]);
    let entry = json!([{"api-key": fake.key(), "base-url": fake.url(), "models": models}]);
    let gateway = Setup::new().with("gemini-api-key", entry).start().await;
    converse(&gateway, "gemini", |reply| fake.script(reply), || fake.last_request().unwrap().body).await;
}

/// At home they are relayed, and taken by a service that checks them.
#[tokio::test]
async fn their_own_service_takes_the_items() {
    let fake = FakeResponses::start().await.unwrap();
    let gateway = Setup::new().responses(&fake, 0).start().await;
    let calls = json!([
        {"role": "user", "content": "x"},
        {"type": "shell_call", "call_id": "c1", "action": {"commands": ["ls"]}},
        {"type": "apply_patch_call", "call_id": "c2", "status": "completed",
            "operation": {"type": "delete_file", "path": "a"}},
        {"type": "local_shell_call", "id": "lsh_1", "call_id": "c3", "status": "completed",
            "action": {"type": "exec", "command": ["ls"], "env": {}}},
    ]);
    let items = calls.as_array().unwrap();
    let talk = [items.clone(), outputs(items)].concat();
    ask(&gateway, &body(&json!(talk), false)).await;
    let broken = json!([{"role": "user", "content": "x"}, {"type": "shell_call", "call_id": "c1", "action": {}}]);
    let url = format!("{}/v1/responses", gateway.url());
    let got = soon(client::post(&url, &[("authorization", BEARER)], &body(&broken, false))).await.unwrap();
    assert_eq!(got.status, 400, "the fake checks: {}", got.text());
}
