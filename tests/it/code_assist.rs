//! Gemini CLI after a sign-in with Google: the envelope of Code Assist, over a Gemini upstream and over others.

use serde_json::{Value, json};
use testkit::client::{self, Got};
use testkit::{FakeGemini, FakeOpenAi, Gateway, Reply, Trouble};

use crate::harness::{BEARER, MODEL, Setup};

/// A request as the program makes it.
fn envelope(model: &str) -> Value {
    json!({
        "model": model,
        "project": "bosporus",
        "user_prompt_id": "prompt-1",
        "request": {
            "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
            "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}]},
            "tools": [{"functionDeclarations": [{"name": "look", "description": "Looks.", "parametersJsonSchema":
                {"type": "object", "properties": {"path": {"type": "string"}}}}]}],
            "generationConfig": {"temperature": 1, "topP": 0.95, "topK": 64},
            "session_id": "session-1",
        },
    })
}

async fn call(gateway: &Gateway, method: &str, body: &Value) -> Got {
    let url = format!("{}/v1internal:{method}", gateway.url());
    client::post(&url, &[("authorization", BEARER)], body).await.unwrap()
}

async fn over_gemini() -> (FakeGemini, Gateway) {
    let fake = FakeGemini::start().await.unwrap();
    fake.add_model("gemini-x");
    let entry = json!([{"api-key": fake.key(), "base-url": fake.url(), "models": [
        {"name": "gemini-x"}, {"name": "gemini-x", "alias": MODEL},
    ]}]);
    let gateway = Setup::new().with("gemini-api-key", entry).start().await;
    (fake, gateway)
}

/// The chunks of a stream, out of their envelopes.
fn chunks(got: &Got) -> Vec<Value> {
    let read = |line: &str| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok();
    let text = got.text();
    text.lines().filter_map(read).map(|chunk| chunk["response"].clone()).collect()
}

#[tokio::test]
async fn a_gemini_upstream_is_relayed_inside_the_envelope() {
    let (fake, gateway) = over_gemini().await;
    let odd = r#"{"candidates": [{"content":{"parts":[{"text":"hi"}],"role":"model"},"finishReason":"STOP","odd":1.10}],"usageMetadata":{"promptTokenCount":3,"totalTokenCount":4}}"#;
    fake.script(Reply::raw(200, "application/json", odd));
    let got = call(&gateway, "generateContent", &envelope("gemini-x")).await;
    assert_eq!(got.text(), format!("{{\"response\":{odd}}}"), "the upstream's bytes, untouched");
    let mut expect = envelope("gemini-x")["request"].clone();
    expect.as_object_mut().unwrap().remove("session_id");
    let sent = fake.last_request().unwrap();
    assert_eq!(sent.json(), expect);
    assert_eq!(sent.path, "/v1beta/models/gemini-x:generateContent");

    let stream = format!("data: {odd}\r\n\r\n");
    fake.script(Reply::raw(200, "text/event-stream", stream));
    let got = call(&gateway, "streamGenerateContent?alt=sse", &envelope(MODEL)).await;
    assert_eq!(got.text(), format!("data: {{\"response\":{odd}}}\r\n\r\n"));
    assert_eq!(fake.last_request().unwrap().path, "/v1beta/models/gemini-x:streamGenerateContent?alt=sse");
}

#[tokio::test]
async fn streams_counts_and_arrays_work_over_gemini() {
    let (fake, gateway) = over_gemini().await;
    fake.script(Reply::tool_calls(&[("", "look", "{\"path\":\"/a\"}")]));
    let got = call(&gateway, "streamGenerateContent?alt=sse", &envelope("gemini-x")).await;
    let chunks = chunks(&got);
    let calls = chunks.iter().filter(|chunk| chunk.to_string().contains("\"functionCall\"")).count();
    assert!(calls == 1 && chunks.iter().all(Value::is_object), "{}", got.text());
    assert!(chunks.last().unwrap().to_string().contains("finishReason"), "{}", got.text());

    let count = json!({"request": {"model": "models/gemini-x", "contents": envelope("")["request"]["contents"]}});
    let got = call(&gateway, "countTokens", &count).await;
    assert!(got.status == 200 && got.json()["totalTokens"].as_u64().is_some_and(|tokens| tokens > 0), "{}", got.text());
    assert!(fake.last_request().unwrap().path.ends_with("gemini-x:countTokens"));

    let got = call(&gateway, "streamGenerateContent", &envelope("gemini-x")).await;
    let list = got.json();
    assert!(list.as_array().is_some_and(|list| list.iter().all(|chunk| chunk["response"].is_object())), "{list}");
}

#[tokio::test]
async fn other_upstreams_answer_in_the_envelope_too() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().openai(&fake, 0).start().await;
    for stream in [false, true] {
        fake.script(Reply::tool_calls(&[("call_1", "look", "{\"path\":\"/a\"}")]));
        let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        let got = call(&gateway, method, &envelope(MODEL)).await;
        let all = if stream { chunks(&got) } else { vec![got.json()["response"].clone()] };
        let text = serde_json::to_string(&all).unwrap();
        assert!(
            got.status == 200 && text.contains("\"name\":\"look\"") && text.contains("\"finishReason\":\"STOP\""),
            "{text}"
        );
        assert!(all.iter().all(Value::is_object), "{}", got.text());
        let sent = fake.last_request().unwrap().json();
        assert_eq!(sent["messages"][0], json!({"role": "system", "content": "Be brief."}));
        assert_eq!(sent["tools"][0]["function"]["name"], "look");
        assert_eq!(sent.get("session_id"), None);
    }
    let count =
        json!({"request": {"model": format!("models/{MODEL}"), "contents": envelope("")["request"]["contents"]}});
    let got = call(&gateway, "countTokens", &count).await;
    assert!(got.json()["totalTokens"].as_u64().is_some_and(|tokens| tokens > 0), "{}", got.text());
}

#[tokio::test]
async fn errors_stand_for_themselves() {
    let (fake, gateway) = over_gemini().await;
    fake.script(Reply::trouble(Trouble::RateLimited(1)));
    let got = call(&gateway, "generateContent", &envelope("gemini-x")).await;
    assert_eq!((got.status.as_u16(), &got.json()["error"]["status"]), (429, &json!("RESOURCE_EXHAUSTED")));
    assert_eq!(got.json().get("response"), None);
    for (body, field) in [(json!({"request": {}}), "model"), (json!({"model": "gemini-x"}), "request")] {
        let got = call(&gateway, "generateContent", &body).await;
        let error = &got.json()["error"];
        assert_eq!((got.status.as_u16(), &error["status"]), (400, &json!("INVALID_ARGUMENT")));
        assert!(error.to_string().contains(field), "{error}");
    }
    let got = call(&gateway, "generateContent", &envelope("nobody-serves-this")).await;
    assert_eq!((got.status.as_u16(), &got.json()["error"]["status"]), (404, &json!("NOT_FOUND")));
    let got = call(&gateway, "inventSomething", &json!({})).await;
    assert_eq!((got.status.as_u16(), &got.json()["error"]["status"]), (404, &json!("NOT_FOUND")));
    let url = format!("{}/v1internal:loadCodeAssist", gateway.url());
    let stranger = client::post(&url, &[("authorization", "Bearer nobody")], &json!({})).await.unwrap();
    assert_eq!(stranger.status, 401, "setting up needs a key, too");
}

#[tokio::test]
async fn what_the_program_asks_before_it_works_is_answered_here() {
    let (fake, gateway) = over_gemini().await;
    let metadata = json!({"metadata": {"ideType": "IDE_UNSPECIFIED", "pluginType": "GEMINI"}});
    let loaded = call(&gateway, "loadCodeAssist", &metadata).await.json();
    assert!(loaded["currentTier"]["id"].is_string() && loaded["cloudaicompanionProject"].is_string(), "{loaded}");
    let done = call(&gateway, "onboardUser", &json!({"tierId": "standard-tier"})).await.json();
    assert_eq!((&done["done"], &done["response"]["cloudaicompanionProject"]["id"]), (&json!(true), &json!("bosporus")));
    let quota = call(&gateway, "retrieveUserQuota", &json!({"project": "bosporus"})).await.json();
    let models: Vec<&str> = quota["buckets"].as_array().unwrap().iter().filter_map(|b| b["modelId"].as_str()).collect();
    assert_eq!(models, ["gemini-x", MODEL]);
    for method in ["listExperiments", "fetchAdminControls", "recordCodeAssistMetrics", "setCodeAssistGlobalUserSetting"]
    {
        let got = call(&gateway, method, &json!({"project": "bosporus"})).await;
        assert!(got.status == 200 && got.json().is_object(), "{method}: {}", got.text());
    }
    let long = json!({"metrics": "x".repeat(8 << 20)});
    assert_eq!(call(&gateway, "recordCodeAssistMetrics", &long).await.status, 200, "what is long is read to its end");
    assert!(fake.requests().is_empty(), "no upstream hears of it");
}
