//! What the OpenAI fake refuses, and that it refuses nothing else.

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::OpenAi;
use crate::provider::{Call, Provider as _, Refusal, Route};

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PDF: &str = "JVBERi0xLjQKJSVFT0YK";

fn check_as(body: &str, vendor: bool) -> Result<(), Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json; charset=utf-8"));
    let call = Call { headers: &headers, path: "", query: "", body: body.as_bytes(), route: &Route::Generate };
    OpenAi { vendor }.check(&call).map(drop)
}

fn check(body: &Value) -> Result<(), Refusal> {
    check_as(&body.to_string(), true)
}

/// A legal request with some members replaced.
fn with(changes: &Value) -> Value {
    let mut body = json!({"model": "chat-model", "messages": [{"role": "user", "content": "hi"}]});
    changes.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
    body
}

fn refused(changes: &Value, part: &str) {
    let refusal = check(&with(changes)).expect_err(&changes.to_string());
    assert_eq!((refusal.status, refusal.kind), (400, "invalid_request_error"));
    assert!(refusal.message.contains(part), "{:?} lacks {part:?}", refusal.message);
}

fn accepted(changes: &Value) {
    check(&with(changes)).unwrap_or_else(|refusal| panic!("{changes}: {}", refusal.message));
}

fn says(messages: &Value) -> Value {
    json!({"messages": messages})
}

fn tool(parameters: &Value) -> Value {
    json!({"tools": [{"type": "function", "function": {"name": "look_up", "parameters": parameters}}]})
}

#[test]
fn fields_and_types() {
    accepted(&json!({"temperature": null, "stop": null, "max_tokens": 10, "n": 1, "user": "me"}));
    refused(&json!({"system": "x"}), "Unrecognized request argument supplied: system");
    refused(&json!({"top_k": 3}), "Unrecognized request argument supplied: top_k");
    refused(
        &says(&json!([{"role": "user", "content": "x", "cache_control": {}}])),
        "Unknown parameter: 'messages[0].cache_control'",
    );
    refused(&json!({"temperature": "hot"}), "Invalid type for 'temperature': expected a decimal, but got a string");
    refused(&json!({"reasoning_effort": "huge"}), "Invalid value: 'huge'. Supported values are: 'none'");
    refused(&json!({"messages": null}), "messages");
    refused(&json!({"messages": []}), "empty array");
    refused(&says(&json!([{"role": "human", "content": "x"}])), "Invalid value: 'human'");
    refused(
        &says(&json!([{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}])),
        "image_url",
    );
}

#[test]
fn numbers_and_limits() {
    refused(&json!({"temperature": 2.5}), "decimal above maximum value");
    refused(&json!({"top_p": -1}), "integer below minimum value");
    refused(&json!({"max_tokens": 0}), "integer below minimum value");
    refused(&json!({"max_tokens": 999_999}), "too large");
    refused(&json!({"max_tokens": 5, "max_completion_tokens": 5}), "at the same time");
    refused(&json!({"stop": ["a", "b", "c", "d", "e"]}), "array too long");
    refused(&json!({"stream_options": {"include_usage": true}}), "only allowed when 'stream' is enabled");
    refused(&json!({"top_logprobs": 2}), "logprobs");
    refused(&json!({"model": "reasoning-model", "temperature": 0.5}), "Only the default (1) value is supported");
    refused(&json!({"model": "reasoning-model", "max_tokens": 5}), "max_completion_tokens");
}

#[test]
fn calls_and_results_pair() {
    let call = json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}},
    ]});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "fine"});
    let user = json!({"role": "user", "content": "hi"});
    accepted(&says(&json!([user, call, result("call_1"), user])));
    refused(&says(&json!([user, call, user])), "did not have response messages: call_1");
    refused(&says(&json!([user, call])), "did not have response messages: call_1");
    refused(&says(&json!([user, result("call_1")])), "must be a response to a preceeding message");
    refused(&says(&json!([user, call, result("call_2")])), "must be a response");
    refused(&says(&json!([user, call, result("call_1"), result("call_1")])), "must be a response");
    let mut object = call.clone();
    object["tool_calls"][0]["function"]["arguments"] = json!({});
    refused(&says(&json!([user, object, result("call_1")])), "arguments': expected a string, but got an object");
    let mut none = call.clone();
    none["tool_calls"] = json!([]);
    refused(&says(&json!([user, none])), "tool_calls");
    let mut named = call;
    named["tool_calls"][0]["function"]["name"] = json!("look.up");
    refused(&says(&json!([user, named, result("call_1")])), "does not match pattern");
}

#[test]
fn content_is_not_empty() {
    refused(&says(&json!([{"role": "user", "content": ""}])), "must not be empty");
    refused(&says(&json!([{"role": "user", "content": [{"type": "text", "text": ""}]}])), "must not be empty");
    refused(&says(&json!([{"role": "user"}])), "Missing required parameter: 'messages[0].content'");
    refused(&says(&json!([{"role": "assistant", "content": null}])), "expected a string, got null");
    refused(&says(&json!([{"role": "tool", "tool_call_id": "x"}])), "Missing required parameter");
}

#[test]
fn reasoning_is_a_vendors_field() {
    let body = with(&says(&json!([
        {"role": "user", "content": "hi"}, {"role": "assistant", "content": "x", "reasoning_content": "y"},
    ])));
    assert!(check(&body).is_ok());
    let refusal = check_as(&body.to_string(), false).unwrap_err();
    assert_eq!(refusal.message, "Unknown parameter: 'messages[1].reasoning_content'.");
}

#[test]
fn tools_and_choice() {
    let empty = json!({"type": "object", "properties": {}});
    accepted(&tool(&empty));
    refused(&tool(&json!({"type": "object"})), "missing properties");
    refused(&tool(&json!({"anyOf": []})), "type: \"None\"");
    let list = json!({"type": "object", "properties": {"a": {"type": "array"}}});
    refused(&tool(&list), "array schema missing items");
    refused(&json!({"tools": []}), "empty array");
    refused(&json!({"tool_choice": "auto"}), "only allowed when 'tools' are specified");
    refused(&json!({"parallel_tool_calls": true}), "only allowed when 'tools' are specified");
    let long = "n".repeat(65);
    refused(&json!({"tools": [{"type": "function", "function": {"name": long}}]}), "too long");
    let mut choice = tool(&empty);
    choice["tool_choice"] = json!({"type": "function", "function": {"name": "other"}});
    refused(&choice, "not found");
    choice["tool_choice"] = json!({"type": "any"});
    refused(&choice, "Invalid value: 'any'");
    let twice = tool(&empty)["tools"][0].clone();
    refused(&json!({"tools": [twice, twice]}), "unique");
    let mut strict =
        tool(&json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false}));
    strict["tools"][0]["function"]["strict"] = json!(true);
    refused(&strict, "Missing 'a'");
}

#[test]
fn output_formats() {
    let schema = json!({"type": "object", "properties": {}, "additionalProperties": false, "required": []});
    let format = |name: &str, schema: &Value| json!({"response_format": {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": true}}});
    accepted(&format("reply", &schema));
    refused(&format("a reply", &schema), "does not match pattern");
    refused(&format("reply", &json!({"type": "object", "properties": {}})), "additionalProperties");
    refused(&format("reply", &json!({"type": "array", "items": schema})), "got 'type: \"array\"'");
    refused(&json!({"response_format": {"type": "json_object"}}), "must contain the word 'json'");
    refused(&json!({"response_format": {"type": "json_schema"}}), "Missing required parameter");
}

#[test]
fn pictures_and_files() {
    let image =
        |url: &str| says(&json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]));
    accepted(&image(&format!("data:image/png;base64,{PNG}")));
    accepted(&image("https://example.com/a.png"));
    refused(&image(&format!("data:image/jpeg;base64,{PNG}")), "the image is image/png");
    refused(&image("data:image/png;base64,a-b_"), "Invalid base64");
    refused(&image("data:image/png;base64,AAAA"), "unsupported image");
    refused(&image(PNG), "data URL");
    refused(
        &says(&json!([{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}])),
        "expected an object",
    );
    let file =
        |data: &str| says(&json!([{"role": "user", "content": [{"type": "file", "file": {"file_data": data}}]}]));
    accepted(&file(&format!("data:application/pdf;base64,{PDF}")));
    refused(&file(PDF), "data URL");
    refused(&file(&format!("data:application/pdf;base64,{PNG}")), "not a valid PDF");
}

#[test]
fn keys_and_paths() {
    let fake = OpenAi { vendor: true };
    let admit = |value: &'static str| {
        let headers = [(http::header::AUTHORIZATION, HeaderValue::from_static(value))];
        fake.admit(&headers.into_iter().collect(), "right").map_err(|refusal| (refusal.status, refusal.code))
    };
    assert!(admit("Bearer right").is_ok());
    assert_eq!(admit("Bearer wrong").unwrap_err(), (401, Some("invalid_api_key")));
    assert_eq!(admit("right").unwrap_err(), (401, None));
    assert_eq!(fake.route(&http::Method::GET, "/v1/chat/completions").unwrap_err().status, 405);
    assert_eq!(fake.route(&http::Method::POST, "/chat/completions").unwrap_err().status, 404);
    assert_eq!(check_as("{", true).unwrap_err().code, Some("invalid_json"));
}
