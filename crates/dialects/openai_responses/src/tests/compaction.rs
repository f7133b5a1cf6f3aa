//! Conversations made shorter: the question, the item, and its way back.

use super::*;
use crate::compact::Compact;
use crate::summary;
use dialect::{Reply, splice};
use hub::{Block, BlockId, Part, Role, Stop, StopReason, Text, ToolChoice, Usage};

const SUMMARY: &str = "We mended \"a.rs\".\nNext: b.rs – grüße";

fn user(words: &str) -> Value {
    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]})
}

fn said(words: &str) -> Value {
    json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": words}]})
}

fn item(stop: StopReason) -> Value {
    serde_json::from_str(&summary::item(SUMMARY, &Stop::from(stop), 7)).unwrap()
}

fn words(request: &Request) -> Vec<(Role, String)> {
    let text = |part: &Part| match part {
        Part::Text(text) => text.text.clone(),
        other => format!("{other:?}"),
    };
    request.turns.iter().map(|turn| (turn.role, turn.parts.iter().map(text).collect::<String>())).collect()
}

#[test]
fn the_item_comes_back_as_words_in_place_of_what_it_tells() {
    let call = json!({"type": "function_call", "call_id": "c", "name": "t", "arguments": "{}"});
    let result = json!({"type": "function_call_output", "call_id": "c", "output": "42"});
    let history = json!([user("first"), said("old answer"), call, result, item(StopReason::End), user("go on")]);
    let decoded = decode(&json!({"model": "m", "input": history})).unwrap();
    let found = words(&decoded.request);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!((found[0].1.as_str(), found[2].1.as_str()), ("first", "go on"));
    assert!(found[1].1.ends_with(SUMMARY) && found[1].0 == Role::User, "{found:?}");
    assert!(decoded.losses.is_silent(), "the item is ours: nothing is lost");
    // A summary that was cut says so.
    let cut = words(&of_input(&json!([item(StopReason::Length), user("x")])));
    assert!(cut[0].1.contains(SUMMARY) && cut[0].1.contains("cut off"), "{cut:?}");
}

#[test]
fn anothers_item_is_dropped_only_where_the_plain_history_is_there() {
    let theirs = json!({"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAA"});
    let decoded = decode(&json!({"model": "m", "input": [user("a"), said("b"), theirs, user("c")]})).unwrap();
    assert_eq!(words(&decoded.request).len(), 3);
    assert!(!decoded.losses.is_silent());
    let damaged = json!({"type": "compaction", "encrypted_content": "bos1:bosporus:summary:9:x"});
    for gone in [
        json!([theirs, user("c")]),
        json!([user("a"), user("b"), theirs, user("c")]),
        json!([theirs, user("c"), said("d"), user("e")]),
        json!([user("a"), damaged, user("c")]),
    ] {
        let fault = decode(&json!({"model": "m", "input": gone})).unwrap_err();
        assert_eq!(fault.status(), 400, "{gone}");
        assert!(fault.param.unwrap().starts_with("input["), "{gone}");
    }
}

#[test]
fn a_relay_gets_our_item_as_a_message_and_every_other_byte_as_it_was() {
    let sent = |input: &Value| {
        let body = body(&json!({"model": "m", "input": input}));
        let traits = ModelTraits::default();
        let relay = Responses.relay(&head(), &body, &Target { model: "m", stream: false, traits: &traits });
        assert!(relay.losses.is_silent());
        let bytes = splice::apply(body.bytes(), body.index(), &relay.edits);
        serde_json::from_slice::<Value>(&bytes).unwrap()["input"].clone()
    };
    let theirs = json!({"type": "compaction", "encrypted_content": "gAAAA"});
    let input = json!([user("\"bos1:"), theirs, item(StopReason::End), user("x")]);
    let got = sent(&input);
    assert_eq!((&got[0], &got[1], &got[3]), (&input[0], &input[1], &input[3]));
    assert_eq!((&got[2]["type"], &got[2]["role"]), (&json!("message"), &json!("user")));
    assert!(got[2]["content"][0]["text"].as_str().unwrap().ends_with(SUMMARY));
    let untouched = json!([user("\"bos1:bosporus:summary:1:x\""), theirs]);
    assert_eq!(sent(&untouched), untouched);
}

#[test]
fn the_question_is_the_last_word_and_no_tool_may_be_called() {
    let tools = json!([{"type": "function", "name": "t", "parameters": null}]);
    let format = json!({"format": {"type": "json_object"}});
    let request =
        json!({"model": "m", "input": [user("a"), said("b")], "tools": tools, "text": format, "instructions": "i"});
    let asked = Compact.decode_request(&head(), &body(&request)).unwrap().request;
    assert_eq!(asked.tool_choice, Some(ToolChoice::None));
    assert_eq!((asked.format, asked.tools.len(), asked.system.len()), (hub::Format::Text, 1, 1));
    assert!(asked.turns.last().unwrap().role == Role::User && asked.turns.len() == 3);
    assert!(Compact.decode_request(&head(), &body(&json!({"model": "m", "input": []}))).is_err());
    let fault = Compact.peek(&head(), &body(&json!({"model": "m", "input": "x", "stream": true}))).unwrap_err();
    assert_eq!(fault.param.as_deref(), Some("stream"));
}

#[test]
fn the_answer_keeps_the_users_messages_word_for_word() {
    let picture = json!({"type": "message", "id": "msg_own", "role": "user",
        "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]});
    let input = json!([user("first"), said("no"), {"role": "user", "content": "second"}, picture,
        {"type": "function_call_output", "call_id": "c", "output": "no"}, {"role": "developer", "content": "no"}]);
    let request = body(&json!({"model": "m", "input": input}));
    let mut reply = Reply::new("m", false);
    reply.echo = std::sync::Arc::new(Compact.echo(&request, &request));
    let parts = vec![Part::Text(Text::plain(SUMMARY))];
    let usage = Usage { fresh: Some(5), output: Some(3), ..Usage::default() };
    let answer = Response { parts, usage, ..Response::default() };
    let whole: Value = serde_json::from_slice(&Compact.encode_response(&answer, &reply)).unwrap();
    assert_eq!((&whole["object"], &whole["usage"]["total_tokens"]), (&json!("response.compaction"), &json!(8)));
    let output = whole["output"].as_array().unwrap();
    assert_eq!(output.len(), 4, "{whole}");
    assert_eq!(output[0]["content"], input[0]["content"]);
    assert_eq!(output[1]["content"], json!([{"type": "input_text", "text": "second"}]));
    assert_eq!((&output[2]["id"], &output[2]["content"]), (&json!("msg_own"), &picture["content"]));
    assert_eq!(output[3]["type"], "compaction");
    // What was given is legal input, and means the same.
    let again = of_input(&json!([output[0], output[1], output[2], output[3], user("go on")]));
    assert!(words(&again)[3].1.ends_with(SUMMARY));
    let text = body(&json!({"model": "m", "input": "only \"text\""}));
    assert!(Compact.echo(&text, &text).fields.contains(r#""text":"only \"text\"""#));
}

fn answer_to_a_trigger(text: &str, stop: StopReason) -> Vec<Value> {
    let request = body(&json!({"model": "m", "input": [user("a"), {"type": "compaction_trigger"}]}));
    let mut reply = Reply::new("m", true);
    reply.echo = std::sync::Arc::new(Responses.echo(&request, &request));
    let (thought, block) = (BlockId(0), BlockId(1));
    let events = [
        Event::Start { id: String::new(), model: String::new() },
        Event::Open { block: thought, kind: Block::Thinking },
        Event::Delta { block: thought, text: "hm".into() },
        Event::Close { block: thought },
        Event::Open { block, kind: Block::Text },
        Event::Delta { block, text: text.into() },
        Event::Close { block },
        Event::Usage(Usage { fresh: Some(1), output: Some(2), ..Usage::default() }),
        Event::Stop(Stop::from(stop)),
    ];
    let streamed = written(&events, reply.clone());
    let whole: Value = serde_json::from_slice(&Responses.encode_response(&assemble(events.into()), &reply)).unwrap();
    assert_eq!(whole["output"], streamed.last().unwrap()["response"]["output"], "both ways tell the same");
    streamed
}

#[test]
fn a_trigger_is_answered_by_one_item() {
    let events = answer_to_a_trigger(SUMMARY, StopReason::End);
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expect = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds, expect);
    let item = &events[3]["item"];
    assert_eq!(item["type"], "compaction");
    assert!(words(&of_input(&json!([item, user("x")])))[0].1.ends_with(SUMMARY));
    assert_eq!(events[4]["response"]["usage"]["output_tokens"], 2);
}

#[test]
fn a_conversation_is_never_replaced_by_nothing() {
    let events = answer_to_a_trigger(" \n", StopReason::End);
    assert_eq!(events.last().unwrap()["type"], "response.failed", "{events:?}");
}

#[test]
fn a_trigger_stands_last() {
    let trigger = json!({"type": "compaction_trigger"});
    let fault = decode(&json!({"model": "m", "input": [user("a"), trigger, user("b")]})).unwrap_err();
    assert_eq!(fault.param.as_deref(), Some("input[1]"));
    let asked = of_input(&json!([user("a"), said("b"), trigger]));
    assert_eq!(asked.turns.len(), 3);
    assert!(decode(&json!({"model": "m", "input": [trigger]})).is_err(), "there is nothing to make shorter");
}
