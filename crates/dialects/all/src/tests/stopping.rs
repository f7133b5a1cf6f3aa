//! Why an answer ended: every word of every wire, as each client reads it, whole and streamed.

use bytes::BytesMut;
use dialect::{Memo, Reply};
use hub::replay;
use serde_json::{Value, json};

use crate::ALL;

/// What an answer holds besides its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Text,
    /// A call whose arguments are whole.
    Call,
    /// A call that broke off.
    Half,
    /// Words of refusal, where the wire marks them.
    Refusal,
    Nothing,
}

use Holds::{Call, Half, Nothing, Refusal, Text};

/// What clients are told, in the order of the columns: Chat, Responses, Anthropic, Gemini, Ollama.
type Told = [&'static str; 5];

const END: Told = ["stop", "completed", "end_turn", "STOP", "stop"];
const CALLS: Told = ["tool_calls", "completed", "tool_use", "STOP", "stop"];
const LENGTH: Told = ["length", "incomplete: max_output_tokens", "max_tokens", "MAX_TOKENS", "length"];
const FULL: Told = ["length", "incomplete: max_output_tokens", "model_context_window_exceeded", "MAX_TOKENS", "length"];
const FILTER: Told = ["content_filter", "incomplete: content_filter", "refusal", "SAFETY", "stop"];
const REFUSED: Told = ["content_filter", "completed", "refusal", "SAFETY", "stop"];
const PAUSED: Told = ["stop", "incomplete", "pause_turn", "STOP", "stop"];
const MALFORMED: Told = ["stop", "failed", "end_turn", "MALFORMED_FUNCTION_CALL", "stop"];
const SEQUENCE: Told = ["stop", "completed", "stop_sequence", "STOP", "stop"];

#[rustfmt::skip]
const ROWS: [(&str, &str, Holds, Told); 64] = [
    ("openai_chat", "stop", Text, END),
    ("openai_chat", "stop", Call, CALLS),
    ("openai_chat", "tool_calls", Call, CALLS),
    ("openai_chat", "tool_calls", Text, END),
    ("openai_chat", "function_call", Call, CALLS),
    ("openai_chat", "length", Text, LENGTH),
    ("openai_chat", "length", Call, CALLS),
    ("openai_chat", "length", Half, LENGTH),
    ("openai_chat", "content_filter", Text, FILTER),
    ("openai_chat", "content_filter", Nothing, FILTER),
    ("openai_chat", "stop", Refusal, REFUSED),
    ("openai_chat", "content_filter", Refusal, REFUSED),
    ("openai_chat", "newest_word", Text, END),

    ("openai_responses", "completed", Text, END),
    ("openai_responses", "completed", Call, CALLS),
    ("openai_responses", "completed", Refusal, REFUSED),
    ("openai_responses", "incomplete: max_output_tokens", Text, LENGTH),
    ("openai_responses", "incomplete: max_output_tokens", Nothing, LENGTH),
    ("openai_responses", "incomplete: max_output_tokens", Call, CALLS),
    ("openai_responses", "incomplete: max_output_tokens", Half, LENGTH),
    ("openai_responses", "incomplete: content_filter", Text, FILTER),
    ("openai_responses", "incomplete: content_filter", Refusal, REFUSED),
    ("openai_responses", "incomplete: steered", Text, PAUSED),
    ("openai_responses", "incomplete: max_messages", Text, PAUSED),
    ("openai_responses", "incomplete: newest_word", Text, LENGTH),

    ("anthropic", "end_turn", Text, END),
    ("anthropic", "end_turn", Call, CALLS),
    ("anthropic", "stop_sequence", Text, SEQUENCE),
    ("anthropic", "stop_sequence", Call, CALLS),
    ("anthropic", "tool_use", Call, CALLS),
    ("anthropic", "tool_use", Text, END),
    ("anthropic", "max_tokens", Text, LENGTH),
    ("anthropic", "max_tokens", Call, CALLS),
    ("anthropic", "max_tokens", Half, LENGTH),
    ("anthropic", "model_context_window_exceeded", Text, FULL),
    ("anthropic", "refusal", Text, FILTER),
    ("anthropic", "refusal", Nothing, FILTER),
    ("anthropic", "pause_turn", Text, PAUSED),
    ("anthropic", "newest_word", Text, END),

    ("gemini", "STOP", Text, END),
    ("gemini", "STOP", Call, CALLS),
    ("gemini", "MAX_TOKENS", Text, LENGTH),
    ("gemini", "MAX_TOKENS", Call, CALLS),
    ("gemini", "SAFETY", Text, FILTER),
    ("gemini", "SAFETY", Nothing, FILTER),
    ("gemini", "RECITATION", Text, FILTER),
    ("gemini", "BLOCKLIST", Nothing, FILTER),
    ("gemini", "PROHIBITED_CONTENT", Nothing, FILTER),
    ("gemini", "SPII", Text, FILTER),
    ("gemini", "IMAGE_SAFETY", Nothing, FILTER),
    ("gemini", "LANGUAGE", Nothing, FILTER),
    ("gemini", "MODEL_ARMOR", Nothing, FILTER),
    ("gemini", "PUP_LIMITED_DISABLED", Nothing, FILTER),
    ("gemini", "ESCALATION", Nothing, FILTER),
    ("gemini", "CONTINUATION", Text, PAUSED),
    ("gemini", "MALFORMED_FUNCTION_CALL", Nothing, MALFORMED),
    ("gemini", "UNEXPECTED_TOOL_CALL", Text, MALFORMED),
    ("gemini", "TOO_MANY_TOOL_CALLS", Text, MALFORMED),
    ("gemini", "MISSING_THOUGHT_SIGNATURE", Text, MALFORMED),
    ("gemini", "MALFORMED_RESPONSE", Nothing, MALFORMED),

    ("ollama", "stop", Text, END),
    ("ollama", "stop", Call, CALLS),
    ("ollama", "length", Text, LENGTH),
    ("ollama", "length", Call, CALLS),
];

fn answer(wire: &str, word: &str, holds: Holds) -> Value {
    let arguments = if holds == Half { "{\"place\":\"he" } else { "{\"place\":\"here\"}" };
    let calls = matches!(holds, Call | Half);
    let one = |there: bool, value: Value| if there { vec![value] } else { Vec::new() };
    match wire {
        "openai_chat" => {
            let call = json!({"id": "c", "type": "function", "function": {"name": "look", "arguments": arguments}});
            let message = json!({"role": "assistant", "content": (holds == Text).then_some("words"),
                "refusal": (holds == Refusal).then_some("no"), "tool_calls": one(calls, call)});
            json!({"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": word}]})
        }
        "openai_responses" => {
            let (status, reason) = word.split_once(": ").unwrap_or((word, ""));
            let part = match holds {
                Refusal => json!({"type": "refusal", "refusal": "no"}),
                _ => json!({"type": "output_text", "text": "words", "annotations": []}),
            };
            let message = json!({"type": "message", "role": "assistant", "content": [part]});
            let call = json!({"type": "function_call", "call_id": "c", "name": "look", "arguments": arguments,
                "status": if holds == Half { "incomplete" } else { "completed" }});
            let mut output = one(calls, call);
            output.extend(one(matches!(holds, Text | Refusal), message));
            json!({"id": "r", "status": status, "output": output,
                "incomplete_details": (!reason.is_empty()).then(|| json!({"reason": reason}))})
        }
        "anthropic" => {
            let input = if holds == Half { json!({}) } else { json!({"place": "here"}) };
            let mut content = one(holds == Text, json!({"type": "text", "text": "words"}));
            content.extend(one(calls, json!({"type": "tool_use", "id": "c", "name": "look", "input": input})));
            let sequence = (word == "stop_sequence").then_some("END");
            json!({"type": "message", "role": "assistant", "content": content, "stop_reason": word,
                "stop_sequence": sequence, "usage": {"input_tokens": 1, "output_tokens": 1}})
        }
        "gemini" => {
            let mut parts = one(holds == Text, json!({"text": "words"}));
            parts.extend(one(calls, json!({"functionCall": {"name": "look", "args": {"place": "here"}}})));
            json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": word}]})
        }
        _ => {
            let call = json!({"function": {"name": "look", "arguments": {"place": "here"}}});
            let content = if holds == Text { "words" } else { "" };
            json!({"model": "m", "done": true, "done_reason": word,
                "message": {"role": "assistant", "content": content, "tool_calls": one(calls, call)}})
        }
    }
}

/// The reason in an answer of a client's dialect, or in the event of a stream that tells it.
fn reason(client: &str, body: &Value) -> Option<String> {
    let word = |value: &Value| value.as_str().map(str::to_owned);
    match client {
        "openai_chat" => word(&body["choices"][0]["finish_reason"]),
        "openai_responses" => {
            let answer = if body["response"].is_null() { body } else { &body["response"] };
            let status = word(&answer["status"]).filter(|status| status != "in_progress")?;
            Some(word(&answer["incomplete_details"]["reason"]).map_or(status.clone(), |why| format!("{status}: {why}")))
        }
        "anthropic" => word(&body["stop_reason"]).or_else(|| word(&body["delta"]["stop_reason"])),
        "gemini" => word(&body["candidates"][0]["finishReason"]),
        _ => word(&body["done_reason"]),
    }
}

#[test]
fn every_word_of_every_wire_is_told_in_each_clients_own() {
    let columns = ["openai_chat", "openai_responses", "anthropic", "gemini", "ollama"];
    let mut wrong = Vec::new();
    for (wire, word, holds, told) in ROWS {
        let side = super::side(wire);
        let body = answer(wire, word, holds).to_string();
        let response = side.decode_response(body.as_bytes(), &Memo::default()).unwrap();
        for (client, expect) in columns.into_iter().zip(told) {
            let face = ALL.iter().find(|dialect| dialect.id.0 == client).unwrap().client.unwrap();
            let whole = face.encode_response(&response, &Reply::new("m", false));
            let whole = reason(client, &serde_json::from_slice(&whole).unwrap());
            let (mut events, mut out) = (Vec::new(), BytesMut::new());
            replay(response.clone(), &mut events);
            let mut encoder = face.stream_encoder(Reply::new("m", true));
            events.iter().for_each(|event| encoder.push(event, &mut out));
            encoder.end(&mut out);
            let text = String::from_utf8(out.to_vec()).unwrap();
            let frames = text.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
            let bodies = frames.filter_map(|frame| serde_json::from_str::<Value>(frame).ok());
            let streamed: Vec<String> = bodies.filter_map(|body| reason(client, &body)).collect();
            if whole.as_deref() != Some(expect) || streamed != [expect] {
                wrong.push(format!("{wire} {word} {holds:?} to {client}: {whole:?}, {streamed:?}, not {expect}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
