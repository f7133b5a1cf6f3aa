//! Places with habits of their own, as the real program asks them.

use serde_json::{Value, json};
use testkit::client::{self, Got};
use testkit::{FakeGemini, FakeOpenAi, FakeResponses, Gateway, Reply};

use crate::harness::{BEARER, Setup};

async fn post(gateway: &Gateway, path: &str, body: &Value) -> Got {
    let headers = [("authorization", BEARER), ("anthropic-version", "2023-06-01")];
    client::post(&format!("{}{path}", gateway.url()), &headers, body).await.unwrap()
}

fn message(model: &str) -> Value {
    json!({
        "model": model,
        "max_tokens": 30_000,
        "thinking": {"type": "enabled", "budget_tokens": 2_000},
        "tools": [{"name": "look", "input_schema": {"type": "object", "additionalProperties": false,
            "properties": {"path": {"type": ["string", "null"]}, "depth": {"$ref": "#/$defs/d"}},
            "$defs": {"d": {"type": "integer", "enum": [1, 2]}}}}],
        "messages": [{"role": "user", "content": "Hello"}],
    })
}

#[tokio::test]
async fn vertex_is_asked_at_its_own_addresses_in_its_own_schema() {
    let fake = FakeGemini::start().await.unwrap();
    fake.add_model("gemini-2.5-flash");
    let entry = json!([{"api-key": fake.key(), "base-url": fake.url()}]);
    let gateway = Setup::new().with("vertex-api-key", entry).start().await;
    fake.script(Reply::text("hi"));
    let got = post(&gateway, "/v1/messages", &message("gemini-2.5-flash")).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let sent = fake.last_request().unwrap();
    assert_eq!(sent.path, "/v1/publishers/google/models/gemini-2.5-flash:generateContent");
    let function = &sent.json()["tools"][0]["functionDeclarations"][0];
    let depth = json!({"type": "INTEGER", "description": "(enum: [1,2])"});
    let expect =
        json!({"type": "OBJECT", "properties": {"path": {"type": "STRING", "nullable": true}, "depth": depth}});
    assert_eq!(function["parameters"], expect, "{function}");
    assert_eq!(sent.json()["generationConfig"]["thinkingConfig"]["thinkingBudget"], 2_000);

    let count = json!({"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": "Hello"}]});
    let native = json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]});
    let got = post(&gateway, "/v1beta/models/gemini-2.5-flash:countTokens", &native).await;
    assert!(got.json()["totalTokens"].is_u64(), "{}", got.text());
    assert!(fake.last_request().unwrap().path.ends_with("gemini-2.5-flash:countTokens"));
    let got = post(&gateway, "/v1/messages/count_tokens", &count).await;
    assert!(got.json()["input_tokens"].is_u64(), "{}", got.text());
}

#[tokio::test]
async fn xai_is_asked_for_responses_but_by_programs_that_speak_chat() {
    let fake = FakeResponses::start().await.unwrap();
    fake.add_model("grok-4.5");
    let entry = json!([{"api-key": fake.key(), "base-url": fake.base_url()}]);
    let gateway = Setup::new().with("xai-api-key", entry).start().await;
    fake.script(Reply::text("hi"));
    let got = post(&gateway, "/v1/messages", &message("grok-4.5")).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let sent = fake.last_request().unwrap();
    assert_eq!((sent.path.as_str(), &sent.json()["reasoning"]["effort"]), ("/v1/responses", &json!("medium")));

    let chat = FakeOpenAi::start().await.unwrap();
    chat.add_model("grok-4.5");
    let entry = json!([{"api-key": chat.key(), "base-url": chat.base_url()}]);
    let gateway = Setup::new().with("xai-api-key", entry).start().await;
    chat.script(Reply::text("hi"));
    let body = json!({"model": "grok-4.5", "logit_bias": {"5": 1}, "messages": [{"role": "user", "content": "Hello"}]});
    let got = post(&gateway, "/v1/chat/completions", &body).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(chat.last_request().unwrap().json(), body, "relayed as it is");
}

/// An OpenAI-compatible fake with the habits of a known place.
async fn like(place: &str, model: &str) -> (FakeOpenAi, Gateway) {
    let fake = FakeOpenAi::start().await.unwrap();
    fake.add_model(model);
    let entry = json!({"name": "p", "base-url": fake.base_url(), "api-key-entries": [{"api-key": fake.key()}],
        "models": [{"name": model, "alias": "m"}], "quirks": {"like": place}});
    let gateway = Setup::new().compat(entry).start().await;
    (fake, gateway)
}

/// What a place is told, whatever it answers.
async fn told(place: &str, model: &str) -> Value {
    let (fake, gateway) = like(place, model).await;
    post(&gateway, "/v1/messages", &message("m")).await;
    fake.last_request().unwrap().json()
}

#[tokio::test]
async fn places_are_told_to_reason_in_their_own_words() {
    let sent = told("openrouter", "anthropic/claude-sonnet-4.5").await;
    assert_eq!(sent["reasoning"], json!({"max_tokens": 2_000}), "{sent}");
    let sent = told("deepseek", "deepseek-v4-pro").await;
    assert_eq!((&sent["thinking"], &sent["reasoning_effort"]), (&json!({"type": "enabled"}), &json!("high")), "{sent}");
    let sent = told("qwen", "qwen3-32b").await;
    assert_eq!((&sent["enable_thinking"], &sent["thinking_budget"]), (&json!(true), &json!(2_000)), "{sent}");
    let sent = told("plain", "some-model").await;
    assert_eq!((&sent["reasoning_effort"], sent.get("reasoning")), (&json!("medium"), None), "{sent}");
}

#[tokio::test]
async fn reasoning_details_come_back_to_openrouter_as_they_were() {
    let (fake, gateway) = like("openrouter", "some/model").await;
    let details =
        r#"[{"type":"reasoning.text","text":"hm","signature":"sig-1","format":"anthropic-claude-v1","index":0}]"#;
    let answer = format!(
        r#"{{"id":"g1","object":"chat.completion","created":1,"model":"some/model","choices":[{{"index":0,"finish_reason":"tool_calls","message":{{"role":"assistant","content":null,"reasoning":"hm","reasoning_details":{details},"tool_calls":[{{"id":"call_1","type":"function","function":{{"name":"look","arguments":"{{}}"}}}}]}}}}],"usage":{{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"cost":0.5}}}}"#
    );
    fake.script(Reply::raw(200, "application/json", answer));
    let mut body = message("m");
    // The fake is OpenAI's, which does not know how OpenRouter is told to reason.
    body.as_object_mut().unwrap().remove("thinking");
    let first = post(&gateway, "/v1/messages", &body).await.json();
    assert_eq!(first["stop_reason"], "tool_use", "{first}");
    let result = json!([{"type": "tool_result", "tool_use_id": first["content"].as_array().unwrap().last().unwrap()["id"], "content": "x"}]);
    let turns = body["messages"].as_array_mut().unwrap();
    turns.push(json!({"role": "assistant", "content": first["content"]}));
    turns.push(json!({"role": "user", "content": result}));
    post(&gateway, "/v1/messages", &body).await;
    let sent = fake.last_request().unwrap().json();
    let turn = sent["messages"].as_array().unwrap().iter().find(|turn| turn["role"] == "assistant").unwrap();
    assert_eq!(turn["reasoning_details"], serde_json::from_str::<Value>(details).unwrap(), "{sent}");
}

#[tokio::test]
async fn an_error_inside_openrouters_stream_is_an_error() {
    let (fake, gateway) = like("openrouter", "some/model").await;
    let chunk = r#"{"id":"g1","object":"chat.completion.chunk","created":1,"model":"some/model","choices":[{"index":0,"delta":{"content":"par"},"finish_reason":null}]}"#;
    let error = r#"{"id":"g1","object":"chat.completion.chunk","created":1,"model":"some/model","error":{"code":502,"message":"Provider disconnected"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#;
    let stream = format!(": OPENROUTER PROCESSING\n\ndata: {chunk}\n\ndata: {error}\n\n");
    fake.script(Reply::raw(200, "text/event-stream", stream));
    let mut body = message("m");
    body.as_object_mut().unwrap().remove("thinking");
    body["stream"] = json!(true);
    let got = post(&gateway, "/v1/messages", &body).await;
    let text = got.text();
    // Before the commit it is an answer of its own, after it the tail of the stream: both say why.
    assert!(text.contains("api_error") && text.contains("Provider disconnected"), "{text}");
    assert!(!text.contains("message_stop"), "{text}");
}

#[tokio::test]
async fn a_relay_is_changed_only_where_the_place_insists() {
    let (fake, gateway) = like("mistral", "m-1").await;
    let body = json!({"model": "m", "max_completion_tokens": 50, "stream": true,
        "messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hello"}]});
    fake.script(Reply::text("hi"));
    post(&gateway, "/v1/chat/completions", &body).await;
    let expect = json!({"model": "m-1", "max_tokens": 50, "stream": true,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]});
    assert_eq!(fake.last_request().unwrap().json(), expect);
}

#[tokio::test]
async fn lists_show_what_is_known_of_models_in_each_shape() {
    let (_fake, gateway) = like("plain", "anthropic/claude-opus-4.8").await;
    let get = |path: &'static str, header: (&'static str, &'static str)| {
        let url = format!("{}{path}", gateway.url());
        async move {
            let headers = [("authorization", BEARER), header];
            client::send(http::Method::GET, &url, &headers, "").await.unwrap().json()
        }
    };
    let openai = get("/v1/models", ("x-none", "1")).await;
    let model = &openai["data"][0];
    assert_eq!((&model["id"], &model["context_length"]), (&json!("m"), &json!(1_000_000)));
    assert_eq!(model["architecture"]["input_modalities"], json!(["text", "image", "file"]));
    let anthropic = get("/v1/models", ("anthropic-version", "2023-06-01")).await;
    let model = &anthropic["data"][0];
    assert_eq!((&model["max_input_tokens"], &model["max_tokens"]), (&json!(1_000_000), &json!(128_000)));
    assert_eq!(model["capabilities"]["thinking"]["types"]["adaptive"]["supported"], true);
    assert_eq!(model["capabilities"]["effort"]["xhigh"]["supported"], true);
    let google = get("/v1beta/models", ("x-none", "1")).await;
    let model = &google["models"][0];
    assert_eq!((&model["inputTokenLimit"], &model["thinking"]), (&json!(1_000_000), &json!(true)));
    let ollama = get("/api/tags", ("x-none", "1")).await;
    assert_eq!(ollama["models"][0]["capabilities"], json!(["completion", "tools", "vision", "thinking"]));
}
