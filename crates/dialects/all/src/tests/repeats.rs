//! The same history gives the same bytes, every time and however long the conversation becomes: providers keep prompts
//! by their beginning, and an id that is drawn anew each turn would make all of them pay for all of it again.

use bytes::Bytes;
use dialect::{Body, Dialect, ModelTraits, Target};
use serde_json::{Value, json};

use super::matrix::head;
use crate::ALL;

/// One request in two independent passes, as two turns of a conversation are.
fn sent(client: &Dialect, wire: &Dialect, asked: &Value) -> String {
    let body = Body::parse(Bytes::from(asked.to_string())).unwrap();
    let decoded = client.client.unwrap().decode_request(&head(client), &body).unwrap();
    let mut request = decoded.request;
    hub::mend(&mut request, &mut hub::Losses::default());
    let traits = ModelTraits::default();
    let target = Target { model: "up", stream: true, traits: &traits };
    let encoded = wire.wire.unwrap().encode_request(&request, &target).unwrap();
    String::from_utf8(encoded.body.to_vec()).unwrap()
}

/// A round of a conversation, without ids where the dialect can do without: words, two equal calls, their results, and
/// words.
fn round(client: &Dialect, number: usize) -> Vec<Value> {
    let one = json!({"port": "Bergen", "id": 1});
    let (text, words) = (one.to_string(), format!("Question {number}?"));
    let id = |at: usize| format!("call_{number}_{at}");
    let (user, said) = (json!({"role": "user", "content": words}), json!({"role": "assistant", "content": "Low."}));
    match client.word {
        "openai" => {
            let function = json!({"name": "t", "arguments": text});
            let call = |at| json!({"id": id(at), "type": "function", "function": function});
            let result = |at| json!({"role": "tool", "tool_call_id": id(at), "content": "low"});
            let calls = json!({"role": "assistant", "content": null, "tool_calls": [call(0), call(1)]});
            vec![user, calls, result(0), result(1), said]
        }
        "responses" => {
            let call = |at| json!({"type": "function_call", "call_id": id(at), "name": "t", "arguments": text});
            let result = |at| json!({"type": "function_call_output", "call_id": id(at), "output": "low"});
            vec![user, call(0), call(1), result(0), result(1), said]
        }
        "claude" => {
            let call = |at| json!({"type": "tool_use", "id": id(at), "name": "t", "input": one});
            let result = |at| json!({"type": "tool_result", "tool_use_id": id(at), "content": "low"});
            let calls = json!({"role": "assistant", "content": [call(0), call(1)]});
            vec![user, calls, json!({"role": "user", "content": [result(0), result(1)]}), said]
        }
        "gemini" => {
            let call = json!({"functionCall": {"name": "t", "args": one}});
            let result = json!({"functionResponse": {"name": "t", "response": {"result": "low"}}});
            let content = |role: &str, parts: Value| json!({"role": role, "parts": parts});
            vec![
                content("user", json!([{"text": words}])),
                content("model", json!([call, call])),
                content("user", json!([result, result])),
                content("model", json!([{"text": "Low."}])),
            ]
        }
        _ => {
            let call = json!({"function": {"name": "t", "arguments": one}});
            let result = json!({"role": "tool", "tool_name": "t", "content": "low"});
            let calls = json!({"role": "assistant", "content": "", "tool_calls": [call, call]});
            vec![user, calls, result.clone(), result, said]
        }
    }
}

/// A conversation of that many rounds, and a question at its end.
pub(super) fn conversation(client: &Dialect, rounds: usize) -> Value {
    let mut turns: Vec<Value> = (0..rounds).flat_map(|number| round(client, number)).collect();
    turns.push(round(client, rounds).swap_remove(0));
    match client.word {
        "responses" => json!({"model": "m", "input": turns}),
        "gemini" => json!({"contents": turns}),
        "claude" => json!({"model": "m", "max_tokens": 99, "messages": turns}),
        _ => json!({"model": "m", "messages": turns}),
    }
}

/// The turns that were sent, but for the question at the end.
fn history(text: &str) -> Vec<String> {
    let body: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap();
    let list = ["messages", "input", "contents"].iter().find_map(|key| body.get(*key)?.as_array()).unwrap();
    list[..list.len() - 1].iter().map(Value::to_string).collect()
}

#[test]
fn a_history_is_sent_in_the_same_bytes_however_often_and_however_long_it_becomes() {
    for client in ALL.iter().filter(|dialect| dialect.client.is_some()) {
        for wire in ALL.iter().filter(|dialect| dialect.wire.is_some()) {
            let name = format!("{} to {}", client.id, wire.id);
            let once = sent(client, wire, &conversation(client, 2));
            assert_eq!(once, sent(client, wire, &conversation(client, 2)), "{name}");
            let (short, long) = (history(&once), history(&sent(client, wire, &conversation(client, 3))));
            assert!(long.len() > short.len() && short.len() > 5, "{name}: {once}");
            assert_eq!(long[..short.len()], short, "{name}: what was said before is told otherwise");
        }
    }
}
