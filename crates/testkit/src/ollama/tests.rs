//! What the Ollama fake refuses, and that it refuses nothing else.

use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::Ollama;
use crate::answer::{Answer, Ask, Think};
use crate::lively::{self, Ids};
use crate::provider::{Call, Provider as _, Refusal, Route};

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn ask(body: &Value) -> Result<Ask, Refusal> {
    let body = body.to_string();
    let headers = HeaderMap::new();
    let call = Call { headers: &headers, path: "/api/chat", query: "", body: body.as_bytes(), route: &Route::Generate };
    Ollama.check(&call)
}

/// A legal request with some members replaced.
fn with(changes: &Value) -> Value {
    let mut body = json!({"model": "ollama-model", "messages": [{"role": "user", "content": "hi"}]});
    changes.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
    body
}

fn refused(changes: &Value, part: &str) {
    let refusal = ask(&with(changes)).expect_err(&changes.to_string());
    assert!(refusal.message.contains(part), "{:?} lacks {part:?}", refusal.message);
}

fn accepted(changes: &Value) -> Ask {
    ask(&with(changes)).unwrap_or_else(|refusal| panic!("{changes}: {}", refusal.message))
}

fn message(message: &Value) -> Value {
    json!({"messages": [message]})
}

fn tool(parameters: &Value) -> Value {
    json!({"type": "function", "function": {"name": "f", "parameters": parameters}})
}

#[test]
fn settings() {
    let ask = accepted(&json!({"model": "ollama-model:latest", "options": {"num_predict": 5, "stop": ["x"]}}));
    assert_eq!((ask.model.as_str(), ask.max_tokens, ask.stream), ("ollama-model", Some(5), true));
    assert_eq!(accepted(&json!({"options": {"num_predict": -1}})).max_tokens, None);
    refused(&json!({"model": null}), "ChatRequest.model");
    refused(&json!({"max_tokens": 5}), "unknown field \"max_tokens\"");
    refused(&json!({"options": {"num_predict": "5"}}), "option \"num_predict\"");
    refused(&json!({"stream": "yes"}), "ChatRequest.stream");
    refused(&json!({"format": "xml"}), "invalid format");
    refused(&json!({"keep_alive": true}), "ChatRequest.keep_alive");
}

#[test]
fn thinking() {
    assert_eq!(accepted(&json!({})).think, Think::Shown);
    assert_eq!(accepted(&json!({"think": false})).think, Think::Off);
    ["low", "medium", "high", "max"].iter().for_each(|level| _ = accepted(&json!({"think": level})));
    refused(&json!({"think": "minimal"}), "invalid think value: \"minimal\"");
    refused(&json!({"think": 1}), "think must be a boolean or string");
}

#[test]
fn messages_and_pictures() {
    refused(&json!({"messages": []}), "send a message");
    refused(&message(&json!({"role": "developer", "content": "x"})), "invalid role: developer");
    refused(&message(&json!({"role": "user", "content": [{"type": "text", "text": "x"}]})), "messages[0].content");
    refused(&message(&json!({"role": "tool", "content": "x", "tool_call_id": "c"})), "tool_name");
    let call = |arguments: Value| json!([{"id": "c", "function": {"name": "f", "arguments": arguments}}]);
    refused(&message(&json!({"role": "assistant", "content": "", "tool_calls": call(json!("{}"))})), "arguments");
    refused(&message(&json!({"role": "user", "content": "", "tool_calls": call(json!({}))})), "of role user");
    accepted(&message(&json!({"role": "assistant", "content": "", "tool_calls": call(json!({}))})));
    let seen = accepted(&message(&json!({"role": "user", "content": "x", "images": [PNG]})));
    assert_eq!(seen.media[0].kind, "image/png");
    let url = format!("data:image/png;base64,{PNG}");
    refused(&message(&json!({"role": "user", "content": "x", "images": [url]})), "illegal base64");
    refused(&message(&json!({"role": "user", "content": "x", "images": ["JVBERi0xLjQK"]})), "unknown format");
}

#[test]
fn tools_and_their_schemas() {
    let legal = tool(&json!({"type": "object", "properties": {"a": {"type": ["string", "null"], "enum": ["x"]}}}));
    accepted(&json!({"tools": [legal]}));
    refused(&json!({"tools": [tool(&json!({"type": ["object"]}))]}), "parameters.type");
    refused(&json!({"tools": [tool(&json!({"type": "object", "properties": {"a": true}}))]}), "ToolProperty");
    let inner = json!({"type": "object", "properties": {"a": {"anyOf": [{"type": 1}]}}});
    refused(&json!({"tools": [tool(&inner)]}), "ToolProperty.type");
    refused(&json!({"tools": [{"type": "function", "function": {"name": ""}}]}), "a name");
}

#[test]
fn a_plain_model_only_talks() {
    let plain = |member: &str, value: Value| json!({"model": "ollama-plain-model", member: value});
    refused(&plain("think", json!(true)), "does not support thinking");
    refused(&plain("tools", json!([tool(&json!({"type": "object"}))])), "does not support tools");
    refused(&plain("messages", json!([{"role": "user", "images": [PNG]}])), "does not support images");
    assert_eq!(accepted(&plain("think", json!(false))).think, Think::Off);
}

fn prompt(changes: &Value) -> Result<Ask, Refusal> {
    let mut body = json!({"model": "ollama-model", "prompt": "hi"});
    changes.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
    let (body, headers) = (body.to_string(), HeaderMap::new());
    let path = "/api/generate";
    Ollama.check(&Call { headers: &headers, path, query: "", body: body.as_bytes(), route: &Route::Generate })
}

#[test]
fn a_prompt_without_messages() {
    let ask = prompt(&json!({"raw": true, "suffix": "}", "images": [PNG], "context": []})).unwrap();
    assert_eq!((ask.text.as_str(), ask.media.len(), ask.prompt_form), ("hi", 1, true));
    for (changes, part) in [
        (json!({"raw": true, "system": "s"}), "raw mode does not support"),
        (json!({"raw": true, "context": [1]}), "raw mode does not support"),
        (json!({"messages": []}), "unknown field \"messages\""),
        (json!({"tools": []}), "unknown field \"tools\""),
        (json!({"images": ["x"]}), "illegal base64"),
        (json!({"top_logprobs": 21}), "between 0 and 20"),
        (json!({"model": "ollama-plain-model", "suffix": "x"}), "insert"),
    ] {
        let refusal = prompt(&changes).expect_err(&changes.to_string());
        assert!(refusal.message.contains(part), "{:?} lacks {part:?}", refusal.message);
    }
    let answer: Answer = lively::answer(&ask);
    let whole = Ollama.answer(&answer, &ask, &Ids::default());
    assert!(whole["response"].as_str().unwrap().contains("hi") && whole.get("message").is_none(), "{whole}");
    let lines: Vec<Value> = Ollama
        .frames(&answer, &ask, &Ids::default())
        .iter()
        .map(|frame| serde_json::from_str(&frame.data).unwrap())
        .collect();
    for name in ["response", "thinking"] {
        let said: String = lines.iter().filter_map(|line| line[name].as_str()).collect();
        assert_eq!(whole[name].as_str().unwrap_or_default(), said);
    }
}

#[test]
fn what_asks_no_model_for_an_answer() {
    let post = |path: &str, body: Value| {
        let head =
            http::Request::post(path).header("content-type", "application/json").body(()).unwrap().into_parts().0;
        Ollama.beside(&head, body.to_string().as_bytes())
    };
    let said = |path: &str, body: Value| {
        let side = post(path, body).unwrap().unwrap();
        serde_json::from_slice::<Value>(&side.body).unwrap()
    };
    assert_eq!(said("/api/chat", json!({"model": "m"}))["done_reason"], "load");
    assert_eq!(said("/api/generate", json!({"model": "m", "prompt": "", "keep_alive": 0}))["done_reason"], "unload");
    assert!(post("/api/generate", json!({"model": "m", "prompt": "x"})).is_none());
    assert_eq!(said("/api/show", json!({"model": "ollama-plain-model:latest"}))["capabilities"], json!(["completion"]));
    assert!(post("/api/show", json!({})).unwrap().is_err() && post("/api/show", json!({"id": "m"})).unwrap().is_err());
}

#[test]
fn paths_keys_and_unknown_models() {
    assert_eq!(Ollama.route(&Method::POST, "/api/chat"), Ok(Route::Generate));
    assert_eq!(Ollama.route(&Method::GET, "/api/chat").unwrap_err().status, 405);
    assert_eq!(Ollama.route(&Method::POST, "/v1/chat/completions").unwrap_err().status, 404);
    assert_eq!(Ollama.admit(&HeaderMap::new(), "k").unwrap_err().status, 401);
    let unknown = Ollama.unknown_model("x");
    assert_eq!((unknown.status, unknown.message.as_str()), (404, "model 'x' not found"));
}

#[test]
fn a_stream_adds_up_to_the_whole() {
    let tools = json!([tool(&json!({"type": "object", "properties": {"city": {"type": "string"}}}))]);
    let ask =
        accepted(&json!({"messages": [{"role": "user", "content": "explain the weather of both"}], "tools": tools}));
    let answer: Answer = lively::answer(&ask);
    let whole = Ollama.answer(&answer, &ask, &Ids::default());
    let lines: Vec<Value> = Ollama
        .frames(&answer, &ask, &Ids::default())
        .iter()
        .map(|frame| serde_json::from_str(&frame.data).unwrap())
        .collect();
    for name in ["content", "thinking"] {
        let said: String = lines.iter().filter_map(|line| line["message"][name].as_str()).collect();
        assert_eq!(whole["message"][name], said);
    }
    let calls: Vec<&Value> = lines.iter().flat_map(|line| super::list(&line["message"], "tool_calls")).collect();
    assert_eq!(calls, super::list(&whole["message"], "tool_calls").iter().collect::<Vec<_>>());
    assert_eq!((calls.len(), &calls[1]["function"]["arguments"]["city"]), (2, &json!("Tōkyō")));
    let (last, others) = lines.split_last().unwrap();
    assert!(last["done"] == true && others.iter().all(|line| line["done"] == false));
    assert_eq!((&last["eval_count"], &last["done_reason"]), (&whole["eval_count"], &json!("stop")));
}
