//! Calls, their arguments, their results and the ids that pair them.

use dialect::ModelTraits;
use serde_json::{Value, json};

use super::{sent, translated};

const PNG: &str = "iVBORw0KGgo=";

fn call(name: &str) -> Value {
    json!({"functionCall": {"name": name, "args": {}}})
}

fn gemini(calls: &[Value], answers: &[Value]) -> Value {
    json!({"contents": [
        {"role": "user", "parts": [{"text": "q"}]},
        {"role": "model", "parts": calls},
        {"role": "user", "parts": answers},
    ]})
}

/// The contents of the tool messages.
fn results(messages: &Value) -> Vec<&Value> {
    let all = messages["messages"].as_array().unwrap().iter();
    all.filter(|message| message["role"] == "tool").map(|message| &message["content"]).collect()
}

#[test]
fn results_without_ids_find_their_calls() {
    let call =
        |id: &str, name: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}});
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "tool_calls": [call("1", "f"), call("2", "g")]},
        {"role": "tool", "name": "g", "content": "G"},
        {"role": "tool", "content": "F"},
    ]});
    let blocks = sent("openai_chat", "anthropic", &body)["messages"][2]["content"].clone();
    assert_eq!(blocks.as_array().unwrap().len(), 2);
    assert_eq!((&blocks[0]["tool_use_id"], &blocks[0]["content"]), (&json!("1"), &json!("F")));
    assert_eq!((&blocks[1]["tool_use_id"], &blocks[1]["content"]), (&json!("2"), &json!("G")));
}

#[test]
fn a_call_that_a_result_names_waits_for_it() {
    let called = |ids: [&str; 2]| ids.map(|id| json!({"id": id, "function": {"name": "f", "arguments": {"of": id}}}));
    let body = |results: [Value; 2]| {
        let [first, second] = results;
        let calls = called(["x1", "x2"]);
        let question = json!({"role": "user", "content": "q"});
        json!({"model": "m", "messages": [question, {"role": "assistant", "tool_calls": calls}, first, second]})
    };
    for other in
        [json!({"role": "tool", "tool_name": "f", "content": "two"}), json!({"role": "tool", "content": "two"})]
    {
        let named = json!({"role": "tool", "tool_name": "f", "tool_call_id": "x1", "content": "one"});
        for results in [[other.clone(), named.clone()], [named, other]] {
            assert_eq!(self::results(&sent("ollama", "openai_chat", &body(results))), ["one", "two"]);
        }
    }
}

#[test]
fn ids_and_names_that_no_call_has_do_not_lose_a_result() {
    let answer = |id: Option<&str>, name: &str, words: &str| json!({"functionResponse": {"id": id, "name": name, "response": {"output": words}}});
    for answers in [
        vec![answer(Some("x"), "f", "F"), answer(None, "g", "G")],
        vec![answer(None, "g", "G"), answer(None, "misspelt", "F")],
        vec![answer(Some("y"), "g", "G"), answer(Some("x"), "f", "F")],
    ] {
        let found = sent("gemini", "openai_chat", &gemini(&[call("f"), call("g")], &answers));
        assert_eq!(results(&found), ["F", "G"], "{answers:?}");
        assert_eq!(found["messages"].as_array().unwrap().len(), 4);
    }
}

#[test]
fn a_picture_beside_a_result_belongs_to_it() {
    let picture = json!({"inlineData": {"mimeType": "image/png", "data": PNG}});
    let answer = |name: &str| json!({"functionResponse": {"name": name, "response": {"output": name}}});
    let body =
        gemini(&[call("f"), call("g")], &[answer("f"), picture.clone(), answer("g"), json!({"text": "look"}), picture]);
    let blocks = sent("gemini", "anthropic", &body)["messages"][2]["content"].clone();
    let kinds: Vec<&str> = blocks.as_array().unwrap().iter().filter_map(|block| block["type"].as_str()).collect();
    assert_eq!(kinds, ["tool_result", "tool_result", "text", "image"]);
    assert_eq!(blocks[0]["content"][1]["type"], "image");
    assert_eq!(blocks[1]["content"], "g");
}

#[test]
fn a_result_holds_words_as_words() {
    let source = json!({"type": "text", "media_type": "text/plain", "data": "words"});
    let picture = json!({"type": "base64", "media_type": "image/png", "data": PNG});
    let body = json!({"model": "m", "max_tokens": 20, "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": [
            {"type": "text", "text": "a"},
            {"type": "document", "title": "T", "source": source},
            {"type": "image", "source": picture},
        ]}]},
    ]});
    let newer = ModelTraits { insists_on_proofs: Some(true), ..ModelTraits::default() };
    let (found, _) = translated("anthropic", "gemini", &body, &newer).unwrap();
    let result = &found["contents"][2]["parts"][0]["functionResponse"];
    assert_eq!(result["response"]["output"], "a\nT\n\nwords");
    assert_eq!(result["parts"], json!([{"inlineData": {"mimeType": "image/png", "data": PNG}}]));
}

/// A conversation in which a tool has answered so, in each client's form that takes any shape.
fn answered(client: &str, content: &Value) -> Value {
    let asked = json!({"role": "user", "content": "q"});
    match client {
        "anthropic" => json!({"model": "m", "max_tokens": 20, "messages": [
            asked,
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": content}]},
        ]}),
        "openai_responses" => json!({"model": "m", "input": [
            asked,
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": content},
        ]}),
        "openai_chat" => json!({"model": "m", "messages": [
            asked,
            {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f"}}]},
            {"role": "tool", "tool_call_id": "1", "content": content},
        ]}),
        _ => json!({"model": "m", "messages": [
            asked,
            {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]},
            {"role": "tool", "tool_name": "f", "content": content},
        ]}),
    }
}

#[test]
fn a_result_of_any_shape_is_its_json() {
    for client in ["anthropic", "openai_responses", "openai_chat", "ollama"] {
        for (content, words) in [
            (json!({"a": 1}), "{\"a\":1}"),
            (json!([1, 2]), "[1,2]"),
            (json!([{"a": 1}]), "[{\"a\":1}]"),
            (json!(5), "5"),
            (json!(null), ""),
            (json!("t"), "t"),
        ] {
            let wire = if client == "openai_chat" { "openai_responses" } else { "openai_chat" };
            let found = sent(client, wire, &answered(client, &content));
            match wire {
                "openai_chat" => assert_eq!(results(&found), [words], "{client}"),
                _ => assert_eq!(found["input"][2]["output"], words, "{client}"),
            }
        }
    }
    // An empty list is one of parts where there are parts, and data where there are none.
    for (client, words) in [("anthropic", ""), ("openai_responses", ""), ("ollama", "[]")] {
        assert_eq!(results(&sent(client, "openai_chat", &answered(client, &json!([])))), [words], "{client}");
    }
}

#[test]
fn parts_of_unknown_types_are_what_the_tool_gave() {
    let rows = json!([{"type": "row", "v": "seven"}, {"type": "text", "text": "tail"}]);
    let words = sent("anthropic", "openai_chat", &answered("anthropic", &rows));
    assert_eq!(results(&words)[0][0]["text"], "{\"type\":\"row\",\"v\":\"seven\"}");
    let words = sent("openai_chat", "openai_responses", &answered("openai_chat", &rows));
    assert_eq!(words["input"][2]["output"], rows.to_string());
    let words = sent("openai_responses", "openai_chat", &answered("openai_responses", &rows));
    assert_eq!(results(&words), [&*rows.to_string()]);
}

#[test]
fn empty_texts_leave_no_lines_behind() {
    let texts = json!([{"type": "text", "text": ""}, {"type": "text"}, {"type": "text", "text": "tail"}]);
    let found = sent("anthropic", "gemini", &answered("anthropic", &texts));
    assert_eq!(found["contents"][2]["parts"][0]["functionResponse"]["response"], json!({"output": "tail"}));
}
