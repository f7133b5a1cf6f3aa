//! What the Anthropic fake refuses, and that it refuses nothing else.

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::Anthropic;
use crate::provider::{Call, Provider as _, Refusal, Route};
use crate::seal;

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PDF: &str = "JVBERi0xLjQKJSVFT0YK";

fn headers(version: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("anthropic-version", HeaderValue::from_static(version));
    headers
}

fn check(body: &Value, version: &'static str) -> Result<(), Refusal> {
    let body = body.to_string();
    let headers = headers(version);
    let call = Call { headers: &headers, path: "", query: "", body: body.as_bytes(), route: &Route::Generate };
    Anthropic.check(&call).map(drop)
}

/// A legal request with some members replaced.
fn with(changes: &Value) -> Value {
    let mut body =
        json!({"model": "claude-model", "max_tokens": 4000, "messages": [{"role": "user", "content": "hi"}]});
    changes.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
    body
}

fn refused(changes: &Value, part: &str) {
    let refusal = check(&with(changes), "2026-10-21").expect_err(&changes.to_string());
    assert_eq!((refusal.status, refusal.kind), (400, "invalid_request_error"));
    assert!(refusal.message.contains(part), "{:?} lacks {part:?}", refusal.message);
}

fn accepted(changes: &Value) {
    check(&with(changes), "2026-10-21").unwrap_or_else(|refusal| panic!("{changes}: {}", refusal.message));
}

fn user(content: &Value) -> Value {
    json!({"messages": [{"role": "user", "content": content}]})
}

fn tool() -> Value {
    json!({"name": "look_up", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}})
}

/// user, call, then `answer` as the content of the next user turn.
fn round(answer: &Value) -> Value {
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {}});
    json!({"tools": [tool()], "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": answer},
    ]})
}

#[test]
fn fields_and_types() {
    accepted(&json!({}));
    accepted(&json!({"system": null, "stop_sequences": null, "thinking": null, "tools": null, "tool_choice": null}));
    refused(&json!({"stop": "x"}), "stop: Extra inputs are not permitted");
    refused(&json!({"max_tokens": null}), "max_tokens: Input should be a valid integer");
    refused(&json!({"max_tokens": 0}), "greater than or equal to 1");
    refused(&json!({"max_tokens": 1.5}), "valid integer");
    refused(&json!({"max_tokens": 900_000}), "maximum allowed number of output tokens");
    refused(&json!({"messages": []}), "at least one message");
    refused(&json!({"messages": [{"role": "tool", "content": "x"}]}), "messages.0.role");
    refused(
        &json!({"messages": [{"role": "user", "content": "x", "name": "y"}]}),
        "messages.0.user.name: Extra inputs",
    );
    refused(&json!({"stop_sequences": ["a", " "]}), "stop_sequences.1");
    refused(&json!({"service_tier": "flex"}), "service_tier");
    refused(&json!({"metadata": {"other": "x"}}), "metadata.other: Extra inputs");
    refused(&json!({"context_management": {}}), "context_management: Extra inputs");
    let mut body = with(&json!({}));
    body.as_object_mut().unwrap().remove("max_tokens");
    assert_eq!(check(&body, "2026-10-21").unwrap_err().message, "max_tokens: Field required");
}

#[test]
fn sampling_depends_on_the_version() {
    for name in ["temperature", "top_p", "top_k"] {
        refused(&json!({name: 1}), &format!("{name}: Extra inputs are not permitted"));
        check(&with(&json!({name: 1})), "2023-06-01").unwrap();
    }
    assert!(check(&with(&json!({"temperature": 1.2})), "2023-06-01").is_err());
    assert!(check(&with(&json!({"temperature": 1, "model": "claude-adaptive-model"})), "2023-06-01").is_err());
}

#[test]
fn turns_and_empty_text() {
    refused(&json!({"messages": [{"role": "assistant", "content": "x"}]}), "first message must use the \"user\" role");
    refused(&user(&json!("")), "non-empty content");
    refused(&user(&json!([])), "non-empty content");
    refused(&user(&json!([{"type": "text", "text": ""}])), "text content blocks must be non-empty");
    refused(&user(&json!([{"type": "text", "text": " \n"}])), "non-whitespace");
    refused(&user(&json!([{"type": "image_url", "image_url": {"url": "x"}}])), "image_url");
    refused(&json!({"system": [{"type": "text", "text": ""}]}), "system");
    refused(&json!({"system": [{"type": "image", "source": {}}]}), "system.0.type");
    let prefill =
        |text: &str| json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": text}]});
    accepted(&prefill("The answer is"));
    refused(&prefill("The answer is "), "trailing whitespace");
    let mut newer = prefill("The answer is");
    newer["model"] = json!("claude-adaptive-model");
    refused(&newer, "prefill");
    let system_turn = |model: &str| {
        json!({"model": model, "messages": [
            {"role": "user", "content": "a"}, {"role": "system", "content": "be brief"},
        ]})
    };
    accepted(&system_turn("claude-model"));
    refused(&system_turn("claude-old-model"), "role 'system' is not supported");
}

#[test]
fn calls_and_results_pair() {
    let result = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "fine"});
    accepted(&round(&json!([result])));
    accepted(&round(&json!([result, {"type": "text", "text": "and more"}])));
    refused(&round(&json!("never mind")), "without `tool_result` blocks immediately after: toolu_1");
    refused(&round(&json!([{"type": "text", "text": "first"}, result])), "must come first");
    refused(&round(&json!([result, result])), "unexpected `tool_use_id`");
    refused(&round(&json!([{"type": "tool_result", "tool_use_id": "other"}])), "unexpected `tool_use_id`");
    refused(&user(&json!([result])), "unexpected `tool_use_id`");
    let mut text_input = round(&json!([result]));
    text_input["messages"][1]["content"][0]["input"] = json!("{}");
    refused(&text_input, "input: Input should be a valid object");
    let mut strange_id = round(&json!([result]));
    strange_id["messages"][1]["content"][0]["id"] = json!("call.1");
    strange_id["messages"][2]["content"][0]["tool_use_id"] = json!("call.1");
    refused(&strange_id, "tool_use.id");
    let mut unanswered = round(&json!([result]));
    unanswered["messages"].as_array_mut().unwrap().pop();
    refused(&unanswered, "without `tool_result`");
}

#[test]
fn tools_and_choice() {
    accepted(&json!({"tools": [tool()], "tool_choice": {"type": "tool", "name": "look_up"}}));
    refused(&json!({"tools": [tool(), tool()]}), "unique");
    refused(&json!({"tools": [{"name": "a b", "input_schema": {"type": "object"}}]}), "pattern");
    refused(&json!({"tools": [{"name": "a"}]}), "input_schema: Field required");
    refused(&json!({"tools": [{"name": "a", "input_schema": {}}]}), "input_schema.type");
    refused(&json!({"tools": [{"name": "a", "parameters": {}, "input_schema": {"type": "object"}}]}), "parameters");
    refused(&json!({"tools": [{"type": "function", "function": {"name": "a"}}]}), "tools.0.type");
    refused(&json!({"tools": [{"name": "a", "input_schema": {"type": "object", "anyOf": []}}]}), "top level");
    refused(&json!({"tool_choice": {"type": "auto"}}), "while providing tools");
    refused(&json!({"tools": [tool()], "tool_choice": "auto"}), "tool_choice");
    refused(&json!({"tools": [tool()], "tool_choice": {"type": "tool", "name": "x"}}), "not found");
    refused(&json!({"tools": [tool()], "tool_choice": {"type": "required"}}), "tool_choice.type");
}

#[test]
fn thinking_and_its_company() {
    let on = json!({"type": "enabled", "budget_tokens": 2000});
    accepted(&json!({"thinking": on}));
    accepted(&json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}));
    refused(&json!({"thinking": {"type": "enabled", "budget_tokens": 100}}), "1024");
    refused(&json!({"thinking": {"type": "enabled", "budget_tokens": 4000}}), "`max_tokens` must be greater");
    refused(&json!({"thinking": on, "model": "claude-adaptive-model"}), "not supported for this model");
    refused(&json!({"thinking": {"type": "adaptive"}, "model": "claude-old-model"}), "not supported");
    refused(&json!({"output_config": {"effort": "minimal"}}), "output_config.effort");
    let forced = json!({"thinking": on, "tools": [tool()], "tool_choice": {"type": "any"}});
    refused(&forced, "forces tool use");
    for (name, value) in [("temperature", json!(0.5)), ("top_k", json!(3)), ("top_p", json!(0.5))] {
        assert!(check(&with(&json!({"thinking": on, name: value})), "2023-06-01").is_err(), "{name}");
    }
}

#[test]
fn thinking_is_replayed_unaltered() {
    let turn = |thinking: &Value| {
        let mut body = round(&json!([{"type": "tool_result", "tool_use_id": "toolu_1"}]));
        body["messages"][1]["content"].as_array_mut().unwrap().insert(0, thinking.clone());
        body["thinking"] = json!({"type": "enabled", "budget_tokens": 2000});
        body
    };
    let signed = json!({"type": "thinking", "thinking": "hm", "signature": seal::sign("hm")});
    accepted(&turn(&signed));
    accepted(&turn(&json!({"type": "thinking", "thinking": "", "signature": seal::sign("")})));
    accepted(&turn(&json!({"type": "redacted_thinking", "data": seal::redact("secret")})));
    refused(
        &turn(&json!({"type": "thinking", "thinking": "hm!", "signature": seal::sign("hm")})),
        "Invalid `signature`",
    );
    refused(
        &turn(&json!({"type": "thinking", "thinking": "hm", "signature": "sw1:openai:x:abc"})),
        "Invalid `signature`",
    );
    refused(&turn(&json!({"type": "thinking", "thinking": "hm"})), "signature: Field required");
    refused(&turn(&json!({"type": "redacted_thinking", "data": "abc"})), "Invalid `data`");
    let mut bare = round(&json!([{"type": "tool_result", "tool_use_id": "toolu_1"}]));
    bare["thinking"] = json!({"type": "enabled", "budget_tokens": 2000});
    refused(&bare, "must start with a thinking block");
    bare["thinking"] = json!({"type": "adaptive"});
    accepted(&bare);
}

#[test]
fn pictures_and_files() {
    let image = |kind: &str, data: &str| json!([{"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}]);
    accepted(&user(&image("image/png", PNG)));
    refused(&user(&image("image/jpeg", PNG)), "appears to be a image/png");
    refused(&user(&image("image/jpg", PNG)), "media_type");
    refused(&user(&image("image/png", "a-b_")), "invalid base64");
    refused(&user(&image("image/png", "AAAA")), "Could not process");
    let pdf = |data: &str| json!({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": data}});
    accepted(&user(&json!([pdf(PDF)])));
    refused(&user(&json!([pdf(PNG)])), "not valid");
    let history = json!({"messages": [
        {"role": "user", "content": "a"}, {"role": "assistant", "content": [pdf(PDF)]}, {"role": "user", "content": "b"},
    ]});
    refused(&history, "`document` blocks are not permitted in assistant messages");
}

#[test]
fn caching_and_output_formats() {
    let marked = |ttl: &str| json!({"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": ttl}});
    accepted(&user(&json!([marked("1h"), marked("5m"), marked("5m"), marked("5m")])));
    refused(&user(&json!([marked("5m"), marked("5m"), marked("5m"), marked("5m"), marked("5m")])), "maximum of 4");
    refused(&user(&json!([marked("5m"), marked("1h")])), "must not come after");
    let format = |schema: Value| json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}});
    accepted(&format(
        json!({"type": "object", "additionalProperties": false, "properties": {"minimum": {"type": "string"}}}),
    ));
    refused(&format(json!({"type": "object"})), "additionalProperties");
    let bounded = json!({"type": "integer", "minimum": 1});
    refused(&format(json!({"type": "object", "additionalProperties": false, "properties": {"a": bounded}})), "minimum");
}

#[test]
fn keys_versions_and_paths() {
    let admit = |pairs: &[(&'static str, &'static str)]| {
        let headers =
            pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
        Anthropic.admit(&headers.collect(), "right").map_err(|refusal| (refusal.status, refusal.message))
    };
    assert!(admit(&[("authorization", "Bearer right"), ("anthropic-version", "2023-06-01")]).is_ok());
    assert!(admit(&[("x-api-key", "right"), ("anthropic-version", "2026-10-21")]).is_ok());
    assert_eq!(admit(&[("anthropic-version", "2023-06-01")]).unwrap_err().0, 401);
    let both = [("x-api-key", "wrong"), ("authorization", "Bearer right"), ("anthropic-version", "2023-06-01")];
    assert_eq!(admit(&both).unwrap_err(), (401, "invalid x-api-key".to_owned()));
    assert_eq!(admit(&[("x-api-key", "right")]).unwrap_err().1, "anthropic-version: header is required");
    assert!(
        admit(&[("x-api-key", "right"), ("anthropic-version", "2025-01-01")])
            .unwrap_err()
            .1
            .contains("not a valid version")
    );
    assert_eq!(Anthropic.route(&http::Method::GET, "/v1/messages").unwrap_err().status, 405);
    assert_eq!(Anthropic.route(&http::Method::POST, "/v1/chat/completions").unwrap_err().status, 404);
}

#[test]
fn the_outer_form() {
    let base = with(&json!({})).to_string();
    let call = |headers: &HeaderMap, body: &str, query: &str, route: Route| {
        Anthropic.check(&Call { headers, path: "", query, body: body.as_bytes(), route: &route }).map(drop)
    };
    let mut plain = headers("2026-10-21");
    plain.insert("content-type", HeaderValue::from_static("text/plain"));
    assert!(call(&plain, &base, "", Route::Generate).is_err());
    let good = headers("2026-10-21");
    assert!(call(&good, "{", "", Route::Generate).unwrap_err().message.contains("not valid JSON"));
    assert!(call(&good, &base, "beta=true", Route::Generate).is_ok());
    assert!(call(&good, &base, "", Route::Count).unwrap_err().message.contains("max_tokens: Extra inputs"));
    let mut beta = headers("2026-10-21");
    beta.insert("anthropic-beta", HeaderValue::from_static("context-management-2025-06-27"));
    let managed = with(&json!({"context_management": {}})).to_string();
    assert!(call(&beta, &managed, "", Route::Generate).is_ok());
    beta.insert("anthropic-beta", HeaderValue::from_static("whatever"));
    assert!(call(&beta, &managed, "", Route::Generate).is_err());
}
