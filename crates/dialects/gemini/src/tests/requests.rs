//! Requests, read and written.

use super::*;
use hub::{Level, Mode, Part, Seal, Show, ToolChoice};

#[test]
fn what_is_no_request_names_its_field() {
    for (json, param) in [
        (json!({}), "contents"),
        (json!({"contents": "hello"}), "contents"),
        (json!({"contents": []}), "contents"),
        (json!({"contents": [{"role": "robot", "parts": []}]}), "contents[0].role"),
        (json!({"contents": [{"parts": "x"}]}), "contents[0].parts"),
        (json!({"contents": [{"parts": [{"text": 5}]}]}), "contents[0].parts[0]"),
        (json!({"contents": [{"parts": [{"functionCall": {}}]}]}), "contents[0].parts[0]"),
        (json!({"contents": {"parts": {"text": "x"}}, "generationConfig": {"topK": "many"}}), "generationConfig.topK"),
    ] {
        let fault = decode(&json).unwrap_err();
        assert_eq!(fault.param.as_deref(), Some(param), "{json}");
    }
}

#[test]
fn a_prompt_that_lies_at_google_is_not_left_out() {
    for name in ["cachedContent", "cached_content"] {
        let fault = decode(&json!({"contents": [{"parts": [{"text": "x"}]}], (name): "cachedContents/1"})).unwrap_err();
        assert_eq!((fault.kind, fault.param.as_deref()), (hub::FaultKind::Unsupported, Some("cachedContent")));
    }
}

#[test]
fn both_spellings_mean_the_same() {
    let camel = decode(&json!({
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]}],
        "generationConfig": {"maxOutputTokens": 5, "topK": 3.0, "thinkingConfig": {"thinkingBudget": -1, "includeThoughts": true}},
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["a"]}}
    }));
    let snake = decode(&json!({
        "system_instruction": "s",
        "contents": {"parts": {"inline_data": {"mime_type": "image/png", "data": "iVBORw0KGgo"}}},
        "generation_config": {"max_output_tokens": 5, "top_k": 3, "thinking_config": {"thinking_budget": -1, "include_thoughts": true}},
        "tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["a"]}}
    }));
    let (camel, snake) = (camel.unwrap(), snake.unwrap());
    assert_eq!(camel, snake);
    assert_eq!(camel.tool_choice, Some(ToolChoice::Tool("a".into())));
    assert_eq!((camel.thinking.mode, camel.thinking.show), (Some(Mode::Auto), Show::Yes));
    assert_eq!(camel.sampling.top_k, Some(3));
}

#[test]
fn numbers_may_be_texts() {
    let read = |config: Value| decode(&json!({"contents": [{"parts": [{"text": "x"}]}], "generationConfig": config}));
    for budget in [json!("1024"), json!(1024), json!(1024.0)] {
        let request = read(
            json!({"thinkingConfig": {"thinkingBudget": budget}, "maxOutputTokens": "77", "seed": "-5", "topP": "0.5"}),
        );
        let request = request.unwrap();
        assert_eq!(request.thinking.mode, Some(Mode::Budget(1024)), "{budget}");
        let sampling = request.sampling;
        assert_eq!((sampling.max_tokens, sampling.seed, sampling.top_p), (Some(77), Some(-5), Some(0.5)));
    }
    let auto = read(json!({"thinkingConfig": {"thinkingBudget": "-1"}})).unwrap();
    assert_eq!(auto.thinking.mode, Some(Mode::Auto));
    assert_eq!(
        read(json!({"temperature": "warm"})).unwrap_err().param.as_deref(),
        Some("generationConfig.temperature")
    );
    assert!(read(json!({"maxOutputTokens": "many"})).is_err());
}

#[test]
fn thinking_levels_are_read_in_capitals() {
    let request = decode(&json!({
        "contents": [{"parts": [{"text": "x"}]}],
        "generationConfig": {"thinkingConfig": {"thinkingLevel": "XHIGH"}}
    }));
    assert_eq!(request.unwrap().thinking.level, Some(Level::XHigh));
}

#[test]
fn pieces_of_a_thought_come_together_with_its_proof() {
    let foreign = Seal::new("anthropic", "signature", "sig");
    let request = asked(&json!([
        {"parts": [{"text": "x"}]},
        {"role": "model", "parts": [
            {"text": "one ", "thought": true},
            {"text": "two", "thought": true},
            {"text": "", "thought": true, "thoughtSignature": crate::seals::write(&foreign)},
            {"text": "done"},
        ]},
        {"parts": [{"text": "y"}]}
    ]));
    let Part::Thinking(thought) = &request.turns[1].parts[0] else { panic!("{request:?}") };
    assert_eq!((thought.text.as_str(), thought.seal.as_ref()), ("one two", Some(&foreign)));
    let sent = encoded(&request);
    assert_eq!(sent["contents"][1]["parts"], json!([{"text": "done"}]), "a foreign thought stays here");
}

#[test]
fn native_proofs_return_on_their_very_parts() {
    let parts = json!([
        {"text": "hm", "thought": true, "thoughtSignature": "AAAA"},
        {"text": "so", "thoughtSignature": "BBBB"},
        {"functionCall": {"name": "f", "args": {"id": 9007199254740993_i64}}, "thoughtSignature": "CCCC"},
        {"functionCall": {"name": "f", "args": {}}},
        {"text": "", "thoughtSignature": "DDDD"},
    ]);
    let answers = json!([
        {"functionResponse": {"name": "f", "response": {"output": "1"}}},
        {"functionResponse": {"name": "f", "response": {"output": "2"}}},
    ]);
    let request = asked(&json!([
        {"role": "user", "parts": [{"text": "x"}]},
        {"role": "model", "parts": parts},
        {"role": "user", "parts": answers},
    ]));
    let sent = encoded(&request);
    assert_eq!(sent["contents"][1]["parts"], parts);
    assert_eq!(sent["contents"][2]["parts"], answers);
}

#[test]
fn lost_proofs_have_a_stand_in_where_the_model_insists() {
    let call = |name: &str| json!({"functionCall": {"name": name, "args": {}}});
    let answer = |name: &str| json!({"functionResponse": {"name": name, "response": {"output": "1"}}});
    let request = asked(&json!([
        {"parts": [{"text": "first"}]},
        {"role": "model", "parts": [call("old")]},
        {"parts": [answer("old")]},
        {"role": "model", "parts": [{"text": "ok"}]},
        {"parts": [{"text": "second"}]},
        {"role": "model", "parts": [call("a"), call("b")]},
        {"parts": [answer("a"), answer("b")]},
    ]));
    let insists = ModelTraits { insists_on_proofs: Some(true), ..ModelTraits::default() };
    let sent: Value = serde_json::from_slice(&encode_for(&request, &insists).unwrap().body).unwrap();
    let proof = |turn: usize, part: usize| sent["contents"][turn]["parts"][part]["thoughtSignature"].clone();
    assert_eq!(proof(1, 0), Value::Null, "an earlier turn is not checked");
    assert_eq!(proof(5, 0), "skip_thought_signature_validator");
    assert_eq!(proof(5, 1), Value::Null, "only the first call of a step");
    let older = ModelTraits { insists_on_proofs: Some(false), ..ModelTraits::default() };
    let sent = encode_for(&request, &older).unwrap().body;
    assert!(!String::from_utf8_lossy(&sent).contains("skip_thought"), "older models do not know the stand-in");
}

#[test]
fn only_a_system_prompt_becomes_the_users_words() {
    let mut request = asked(&json!([{"parts": [{"text": "x"}]}]));
    request.turns.clear();
    request.system = vec![hub::Text::plain("rule"), hub::Text::plain("go")];
    let sent = encoded(&request);
    assert_eq!(sent["contents"], json!([{"role": "user", "parts": [{"text": "go"}]}]));
    assert_eq!(sent["systemInstruction"]["parts"], json!([{"text": "rule"}]));
    request.system.clear();
    assert!(encode_for(&request, &ModelTraits::default()).is_err());
}

#[test]
fn a_picture_that_gemini_does_not_read_is_refused() {
    let gif = json!([{"parts": [{"inlineData": {"mimeType": "image/gif", "data": "R0lGODlhAAAA"}}]}]);
    let fault = encode_for(&asked(&gif), &ModelTraits::default()).unwrap_err();
    assert!(fault.message.contains("image/gif"), "{}", fault.message);
}

#[test]
fn relayed_bodies_lose_foreign_proofs_and_nothing_else() {
    let foreign = crate::seals::write(&Seal::new("anthropic", "signature", "sig")).into_owned();
    let text = format!(
        r#"{{"contents":[{{"parts":[{{"text":"a","thought":true,"thoughtSignature":"{foreign}"}},{{"text":"","thoughtSignature":"{foreign}"}},{{"text":"b","x":1.0,"thoughtSignature":"AAAA"}}]}}],"x_big":9007199254740993}}"#
    );
    let body = Body::parse(Bytes::from(text)).unwrap();
    let traits = ModelTraits::default();
    let relay = Gemini.relay(&head("generateContent"), &body, &Target { model: "up", stream: false, traits: &traits });
    assert!(!relay.losses.is_silent());
    let sent = dialect::splice::apply(body.bytes(), body.index(), &relay.edits);
    let expect = r#"{"contents":[{"parts":[{"text":"a","thought":true},{"text":"b","x":1.0,"thoughtSignature":"AAAA"}]}],"x_big":9007199254740993}"#;
    assert_eq!(sent.to_vec(), expect.as_bytes());
}

#[test]
fn a_count_may_hold_the_whole_request() {
    let inner = json!({"generateContentRequest": {"model": "models/x", "contents": [{"parts": [{"text": "hi"}]}]}});
    let request = Gemini.decode_request(&head("countTokens"), &body(&inner)).unwrap().request;
    assert_eq!((request.model.as_str(), request.turns.len()), ("g", 1));
}
