//! Who speaks, and in which order.

use serde_json::json;

use super::{lost, refused, sent};

const PNG: &str = "data:image/png;base64,iVBORw0KGgo=";

#[test]
fn what_an_assistant_said_after_a_call_stays_after_it() {
    let body = json!({"model": "m", "max_tokens": 20, "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [
            {"type": "text", "text": "a"},
            {"type": "tool_use", "id": "1", "name": "f", "input": {}},
            {"type": "text", "text": "b"},
        ]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "r"}]},
    ]});
    let items = sent("anthropic", "openai_responses", &body)["input"].clone();
    let kinds: Vec<&str> = items.as_array().unwrap().iter().filter_map(|item| item["type"].as_str()).collect();
    assert_eq!(kinds, ["message", "message", "function_call", "message", "function_call_output"]);
    let parts = sent("anthropic", "gemini", &body)["contents"][1]["parts"].clone();
    assert_eq!(parts[0]["text"], "a");
    assert_eq!(parts[1]["functionCall"]["name"], "f");
    assert_eq!(parts[2]["text"], "b");
    let message = sent("anthropic", "openai_chat", &body)["messages"][1].clone();
    assert_eq!(message["content"], "ab");
    // Calls touch their results here.
    let body = json!({"model": "m", "input": [
        {"role": "user", "content": "q"},
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
        {"role": "assistant", "content": "b"},
        {"type": "function_call", "call_id": "2", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "r"},
        {"type": "function_call_output", "call_id": "2", "output": "r"},
    ]});
    let blocks = sent("openai_responses", "anthropic", &body)["messages"][1]["content"].clone();
    let kinds: Vec<&str> = blocks.as_array().unwrap().iter().filter_map(|block| block["type"].as_str()).collect();
    assert_eq!(kinds, ["text", "tool_use", "tool_use"]);
}

#[test]
fn a_conversation_without_any_content_is_refused() {
    let body = json!({"model": "m", "max_tokens": 20, "messages": [{"role": "user", "content": ""}]});
    for wire in ["openai_chat", "openai_responses", "gemini", "ollama"] {
        assert_eq!(refused("anthropic", wire, &body), "messages", "{wire}");
    }
}

#[test]
fn leading_system_turns_are_the_system_prompt() {
    let body = json!({"model": "m", "max_tokens": 20, "system": "a", "messages": [
        {"role": "system", "content": [{"type": "text", "text": "b"}]},
        {"role": "user", "content": "q"},
    ]});
    let found = sent("anthropic", "gemini", &body);
    assert_eq!(found["systemInstruction"]["parts"], json!([{"text": "a"}, {"text": "b"}]));
    assert_eq!(found["contents"], json!([{"role": "user", "parts": [{"text": "q"}]}]));
    let body = json!({"contents": [{"role": "system", "parts": [{"text": "a"}]}, {"parts": [{"text": "q"}]}]});
    assert_eq!(sent("gemini", "anthropic", &body)["system"], json!([{"type": "text", "text": "a"}]));
}

#[test]
fn a_system_prompt_shows_pictures_as_the_users_and_no_sound() {
    let body = json!({
        "systemInstruction": {"parts": [{"text": "s"}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]},
        "contents": [{"parts": [{"text": "q"}]}],
    });
    assert_eq!(sent("gemini", "openai_chat", &body)["messages"][1]["content"][0]["image_url"]["url"], PNG);
    assert!(lost("gemini", "openai_chat", &body).contains("approximated systemInstruction"));
    let sound = json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}});
    let body = json!({"model": "m", "messages": [
        {"role": "system", "content": [sound]}, {"role": "user", "content": "q"},
    ]});
    assert_eq!(refused("openai_chat", "gemini", &body), "messages[0].content");
    let body = json!({"model": "m", "input": [
        {"role": "developer", "content": [sound]}, {"role": "user", "content": "q"},
    ]});
    assert_eq!(refused("openai_responses", "gemini", &body), "input[0].content");
    let body = json!({
        "systemInstruction": {"parts": [{"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}]},
        "contents": [{"parts": [{"text": "q"}]}],
    });
    assert_eq!(refused("gemini", "openai_chat", &body), "systemInstruction");
}

#[test]
fn a_refusal_of_the_history_stays_one() {
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "no"}]},
        {"role": "user", "content": "why"},
    ]});
    let parts = sent("openai_chat", "openai_responses", &body)["input"][1]["content"].clone();
    assert_eq!(parts, json!([{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "no"}]));
    assert_eq!(sent("openai_chat", "anthropic", &body)["messages"][1]["content"][1]["text"], "no");
    assert_eq!(sent("openai_chat", "gemini", &body)["contents"][1]["parts"][1]["text"], "no");
}

#[test]
fn words_before_and_after_a_result_are_one_message() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "tool_calls": [call("1"), call("2")]},
        {"role": "user", "content": "before"},
        {"role": "tool", "tool_call_id": "2", "content": "b"},
        {"role": "tool", "tool_call_id": "1", "content": "a"},
        {"role": "user", "content": "after"},
    ]});
    let items = sent("openai_chat", "openai_responses", &body)["input"].clone();
    assert_eq!((&items[3]["output"], &items[4]["output"]), (&json!("a"), &json!("b")));
    assert_eq!(items[5]["content"][0]["text"], "before");
    assert_eq!(items[5]["content"][1]["text"], "after");
}
