//! What the Responses fake refuses, and that it refuses nothing else.

use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::Responses;
use crate::answer::Ask;
use crate::lively::{self, Ids};
use crate::provider::{Call, Provider as _, Refusal, Route};
use crate::seal;

fn ask(body: &Value) -> Result<Ask, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let body = body.to_string();
    Responses::default().check(&Call {
        headers: &headers,
        path: "",
        query: "",
        body: body.as_bytes(),
        route: &Route::Generate,
    })
}

/// A legal request with some members replaced.
fn with(changes: &Value) -> Value {
    let mut body = json!({"model": "gpt-5-model", "input": "hi"});
    changes.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
    body
}

fn refused(changes: &Value, part: &str) {
    let refusal = ask(&with(changes)).expect_err(&changes.to_string());
    assert_eq!(refusal.kind, "invalid_request_error");
    assert!(refusal.message.contains(part), "{:?} lacks {part:?}", refusal.message);
}

fn accepted(changes: &Value) -> Ask {
    ask(&with(changes)).unwrap_or_else(|refusal| panic!("{changes}: {}", refusal.message))
}

fn input(items: &Value) -> Value {
    json!({"input": items})
}

#[test]
fn fields_and_limits() {
    accepted(&json!({"temperature": null, "max_output_tokens": 16, "include": ["reasoning.encrypted_content"]}));
    refused(&json!({"messages": []}), "Unrecognized request argument supplied: messages");
    refused(&json!({"stop": "x"}), "Unrecognized request argument supplied: stop");
    refused(&json!({"max_output_tokens": 15}), "Expected a value >= 16");
    refused(&json!({"reasoning": {"effort": "huge"}}), "Invalid value: 'huge'");
    refused(&json!({"model": "reasoning-model", "temperature": 1}), "not supported with this model");
    refused(&json!({"previous_response_id": "resp_1"}), "not found");
    refused(&json!({"tool_choice": "required"}), "must be specified with 'tools'");
    refused(&json!({"input": []}), "must not be empty");
}

#[test]
fn tools_are_flat() {
    let schema = json!({"type": "object", "properties": {}});
    accepted(&json!({"tools": [{"type": "function", "name": "f", "parameters": schema, "strict": false}]}));
    refused(
        &json!({"tools": [{"type": "function", "function": {"name": "f"}}]}),
        "Missing required parameter: 'tools[0].name'",
    );
    refused(
        &json!({"tools": [{"type": "function", "name": "f", "parameters": schema, "strict": true}]}),
        "additionalProperties",
    );
    refused(
        &json!({"text": {"format": {"type": "json_schema", "name": "a b", "schema": schema}}}),
        "does not match pattern",
    );
}

#[test]
fn content_by_role() {
    let said = |role: &str, kind: &str| input(&json!([{"role": role, "content": [{"type": kind, "text": "x"}]}]));
    accepted(&said("user", "input_text"));
    accepted(&said("assistant", "output_text"));
    refused(&said("user", "output_text"), "Invalid value: 'output_text'");
    refused(&said("assistant", "input_text"), "Invalid value: 'input_text'");
    refused(&said("user", "text"), "Invalid value: 'text'");
    refused(&said("tool", "input_text"), "Invalid value: 'tool'");
}

#[test]
fn calls_and_outputs_pair() {
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    let output = json!({"type": "function_call_output", "call_id": "c", "output": "x"});
    assert_eq!(accepted(&input(&json!([call, output]))).results, ["x"]);
    refused(&input(&json!([call])), "No tool output found for function call c");
    refused(&input(&json!([output])), "No tool call found");
    refused(&input(&json!([output, call])), "No tool call found");
    let mut named = call;
    named["id"] = json!("call_1");
    refused(&input(&json!([named, output])), "begins with 'fc'");
    named["id"] = json!("x".repeat(65));
    refused(&input(&json!([named, output])), "maximum length 64");
}

#[test]
fn proofs_come_back() {
    let answer = json!({"role": "assistant", "content": "x"});
    let thought = |proof: Value| json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": proof});
    accepted(&input(&json!([thought(json!(seal::redact("t"))), answer])));
    refused(&input(&json!([thought(json!("foreign")), answer])), "could not be verified");
    refused(&input(&json!([thought(Value::Null), answer])), "not found");
    refused(&input(&json!([thought(json!(seal::redact("t")))])), "without its required following item");
    refused(&input(&json!([{"type": "item_reference", "id": "rs_1"}])), "not persisted");
}

/// What the fake says, it accepts again, whole and streamed.
#[test]
fn its_own_answers_are_legal_history() {
    let tool = json!({"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}});
    let body = with(&json!({"tools": [tool], "reasoning": {"effort": "low", "summary": "auto"},
        "input": [{"role": "user", "content": "use the tool"}]}));
    let first = ask(&body).unwrap();
    let said = lively::answer(&first);
    let whole = Responses::default().answer(&said, &first, &Ids::default());
    let frames = Responses::default().frames(&said, &first, &Ids::default());
    let last: Value = serde_json::from_str(&frames.last().unwrap().data).unwrap();
    assert_eq!((&last["type"], &last["sequence_number"]), (&json!("response.completed"), &json!(frames.len() - 1)));
    for output in [&whole["output"], &last["response"]["output"]] {
        assert_eq!((&output[0]["type"], &output[1]["type"]), (&json!("reasoning"), &json!("function_call")));
        let mut body = body.clone();
        let items = body["input"].as_array_mut().unwrap();
        items.extend(output.as_array().unwrap().iter().cloned());
        items.push(json!({"type": "function_call_output", "call_id": output[1]["call_id"], "output": "fine"}));
        let second = ask(&body).unwrap();
        let answer = Responses::default().answer(&lively::answer(&second), &second, &Ids::default()).to_string();
        assert!(answer.contains("The tool answered: fine"), "{answer}");
    }
}

#[test]
fn paths() {
    let route =
        |method: Method, path: &str| Responses::default().route(&method, path).map_err(|refusal| refusal.status);
    assert_eq!(route(Method::POST, "/v1/responses"), Ok(Route::Generate));
    assert_eq!(route(Method::POST, "/v1/responses/input_tokens"), Ok(Route::Count));
    assert_eq!(route(Method::GET, "/v1/models"), Ok(Route::Models));
    assert_eq!(route(Method::POST, "/v1/chat/completions"), Err(404));
    assert_eq!(route(Method::GET, "/v1/responses"), Err(404));
}
