//! Token counts by the formulas, with numbers: every wire's figures at every client, whole
//! and streamed.

use dialect::{Memo, Reply};
use hub::{Usage, replay};
use serde_json::{Value, json};

use super::rounds::{assemble, read, write};
use crate::ALL;

/// What each wire reports of one answer: 40 tokens read from a cache, 20 written (not every wire has that), 100 others,
/// 3 of tool use at Gemini, 50 generated, of which 30 were reasoning (Ollama does not tell).
fn figures(wire: &str) -> Value {
    match wire {
        "openai_chat" => json!({"prompt_tokens": 160, "completion_tokens": 50, "total_tokens": 210,
            "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 20},
            "completion_tokens_details": {"reasoning_tokens": 30}}),
        "openai_responses" => json!({"input_tokens": 160, "output_tokens": 50, "total_tokens": 210,
            "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 20},
            "output_tokens_details": {"reasoning_tokens": 30}}),
        "anthropic" => json!({"input_tokens": 100, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 20,
            "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5},
            "output_tokens": 50, "output_tokens_details": {"thinking_tokens": 30}}),
        "gemini" => json!({"promptTokenCount": 140, "cachedContentTokenCount": 40, "toolUsePromptTokenCount": 3,
            "candidatesTokenCount": 20, "thoughtsTokenCount": 30, "totalTokenCount": 193}),
        _ => json!({"prompt_eval_count": 160, "eval_count": 50}),
    }
}

/// All input, what was read, written, and used by tools; all output, and the reasoning in it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Told {
    input: u64,
    read: Option<u64>,
    written: Option<u64>,
    tools: u64,
    output: u64,
    reasoning: Option<u64>,
}

fn told(wire: &str) -> Told {
    let cached = Told { input: 160, read: Some(40), written: Some(20), tools: 0, output: 50, reasoning: Some(30) };
    match wire {
        "gemini" => Told { input: 143, written: None, tools: 3, ..cached },
        "ollama" => Told { read: None, written: None, reasoning: None, ..cached },
        _ => cached,
    }
}

/// The same in a client's figures.
fn expected(client: &str, Told { input, read, written, tools, output, reasoning }: Told) -> Value {
    let cached = read.unwrap_or(0) + written.unwrap_or(0);
    let mut figures = match client {
        "openai_chat" => json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
            "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
            "completion_tokens_details": {"reasoning_tokens": reasoning}}),
        // Its SDKs insist on every figure.
        "openai_responses" => json!({"input_tokens": input, "output_tokens": output, "total_tokens": input + output,
            "input_tokens_details": {"cached_tokens": read.unwrap_or(0), "cache_write_tokens": written.unwrap_or(0)},
            "output_tokens_details": {"reasoning_tokens": reasoning.unwrap_or(0)}}),
        "anthropic" => json!({"input_tokens": input - cached, "cache_read_input_tokens": read,
            "cache_creation_input_tokens": written, "output_tokens": output,
            "output_tokens_details": {"thinking_tokens": reasoning}}),
        "gemini" => json!({"promptTokenCount": input - tools, "cachedContentTokenCount": read,
            "toolUsePromptTokenCount": Some(tools).filter(|tools| *tools > 0),
            "candidatesTokenCount": output - reasoning.unwrap_or(0), "thoughtsTokenCount": reasoning,
            "totalTokenCount": input + output}),
        _ => json!({"prompt_eval_count": input, "eval_count": output}),
    };
    silent(&mut figures);
    figures
}

/// What is not reported is not there, rather than zero or null.
fn silent(value: &mut Value) {
    let Some(map) = value.as_object_mut() else { return };
    map.values_mut().for_each(silent);
    map.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|inner| !inner.is_empty()));
}

/// A whole answer of a wire with its figures.
fn whole(wire: &str) -> Value {
    let usage = figures(wire);
    match wire {
        "openai_chat" => json!({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": usage}),
        "openai_responses" => json!({"id": "r", "status": "completed", "usage": usage, "output": [{"type": "message",
            "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": []}]}]}),
        "anthropic" => json!({"type": "message", "content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn",
            "usage": usage}),
        "gemini" => json!({"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}],
            "usageMetadata": usage}),
        _ => {
            let mut answer =
                json!({"message": {"role": "assistant", "content": "a"}, "done": true, "done_reason": "stop"});
            answer.as_object_mut().unwrap().extend(usage.as_object().unwrap().clone());
            answer
        }
    }
}

/// The same as a stream, with figures that come early and are replaced, and late ones.
fn streamed(wire: &str) -> String {
    let usage = figures(wire);
    let line = |json: &Value| format!("data: {json}\n\n");
    let event = |json: Value| format!("event: {}\ndata: {json}\n\n", json["type"].as_str().unwrap());
    match wire {
        "openai_chat" => {
            let early = json!({"prompt_tokens": 160, "completion_tokens": 1, "total_tokens": 161});
            let first = json!({"choices": [{"index": 0, "delta": {"content": "a"}}], "usage": early});
            let last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
            [line(&first), line(&last), line(&json!({"choices": [], "usage": usage})), "data: [DONE]\n\n".into()].concat()
        }
        "openai_responses" => [
            event(json!({"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}})),
            event(json!({"type": "response.output_item.done", "output_index": 0, "item": whole(wire)["output"][0]})),
            event(json!({"type": "response.completed", "response": whole(wire)})),
        ]
        .concat(),
        "anthropic" => [
            event(json!({"type": "message_start", "message": {"id": "m", "content": [], "usage":
                {"input_tokens": 100, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 20,
                 "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5}, "output_tokens": 1}}})),
            event(json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})),
            event(json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}})),
            event(json!({"type": "content_block_stop", "index": 0})),
            event(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage})),
            event(json!({"type": "message_stop"})),
        ]
        .concat(),
        "gemini" => {
            let early = json!({"candidates": [{"content": {"parts": [{"text": "a"}]}}],
                "usageMetadata": {"promptTokenCount": 140, "totalTokenCount": 141, "candidatesTokenCount": 1}});
            let last = json!({"candidates": [{"content": {"parts": []}, "finishReason": "STOP"}], "usageMetadata": usage});
            [line(&early), line(&last), line(&json!({"usageMetadata": {"trafficType": "TRAFFIC_TYPE_UNSPECIFIED"}}))].concat()
        }
        _ => {
            let first = json!({"message": {"role": "assistant", "content": "a"}, "done": false});
            let mut last = whole(wire);
            last["message"]["content"] = json!("");
            format!("{first}\n{last}\n")
        }
    }
}

/// The figures that a client finds in a stream: what comes later replaces what came before, field by field.
fn found(client: &str, stream: &str) -> Value {
    let mut found = serde_json::Map::new();
    for line in stream.lines() {
        let Ok(json) = serde_json::from_str::<Value>(line.strip_prefix("data: ").unwrap_or(line)) else { continue };
        let figures = match client {
            "openai_responses" => json.pointer("/response/usage"),
            "anthropic" => json.get("usage").or(json.pointer("/message/usage")),
            "gemini" => json.get("usageMetadata"),
            "ollama" => Some(&json),
            _ => json.get("usage"),
        };
        found.extend(figures.and_then(Value::as_object).cloned().unwrap_or_default());
    }
    picked(client, Value::Object(found))
}

/// The token counts among what a client gets.
fn picked(client: &str, mut figures: Value) -> Value {
    let map = figures.as_object_mut().unwrap();
    match client {
        "ollama" => map.retain(|key, _| matches!(key.as_str(), "prompt_eval_count" | "eval_count")),
        // By lifetime only where the wire tells it.
        _ => map.retain(|key, _| key != "cache_creation"),
    }
    figures
}

#[test]
fn every_wires_figures_arrive_at_every_client_by_the_formulas() {
    for wire in ALL {
        let side = wire.wire.unwrap();
        let answer = side.decode_response(whole(wire.id.0).to_string().as_bytes(), &Memo::default()).unwrap();
        let events = read(wire, streamed(wire.id.0).as_bytes()).unwrap();
        assert_eq!(assemble(events.clone()).usage, answer.usage, "{}: a stream tells what the whole tells", wire.id);
        for client in ALL {
            let case = format!("{} from {}", client.id, wire.id);
            let expect = expected(client.id.0, told(wire.id.0));
            let body = client.client.unwrap().encode_response(&answer, &Reply::new("m", false));
            let body: Value = serde_json::from_slice(&body).unwrap();
            let figures = match client.id.0 {
                "gemini" => &body["usageMetadata"],
                "ollama" => &body,
                _ => &body["usage"],
            };
            assert_eq!(picked(client.id.0, figures.clone()), expect, "{case}");
            let mut replayed = Vec::new();
            replay(answer.clone(), &mut replayed);
            for events in [&events, &replayed] {
                let text = String::from_utf8(write(client, events)).unwrap();
                assert_eq!(found(client.id.0, &text), expect, "{case}: {text}");
            }
        }
    }
}

#[test]
fn lifetimes_of_cache_writes_are_told_to_those_that_know_them() {
    let anthropic = ALL.iter().find(|dialect| dialect.id.0 == "anthropic").unwrap();
    let side = anthropic.wire.unwrap();
    let answer = side.decode_response(whole("anthropic").to_string().as_bytes(), &Memo::default()).unwrap();
    let body = anthropic.client.unwrap().encode_response(&answer, &Reply::new("m", false));
    let body: Value = serde_json::from_slice(&body).unwrap();
    let split = json!({"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5});
    assert_eq!(body["usage"]["cache_creation"], split);
    // Only the split is there: its sum is what was written.
    let mut whole = whole("anthropic");
    whole["usage"].as_object_mut().unwrap().remove("cache_creation_input_tokens");
    let answer = side.decode_response(whole.to_string().as_bytes(), &Memo::default()).unwrap();
    assert_eq!(answer.usage.cache_write.unwrap().total, 20);
}

#[test]
fn an_explicit_zero_stays_and_silence_too() {
    for (wire, field) in [("openai_chat", "prompt_tokens_details"), ("openai_responses", "input_tokens_details")] {
        let mut zero = whole(wire);
        zero["usage"][field] = json!({"cached_tokens": 0, "cache_write_tokens": 0});
        let mut none = whole(wire);
        none["usage"].as_object_mut().unwrap().remove(field);
        let side = super::side(wire);
        let usage = |body: &Value| -> Usage {
            side.decode_response(body.to_string().as_bytes(), &Memo::default()).unwrap().usage
        };
        let (zero, none) = (usage(&zero), usage(&none));
        assert_eq!((zero.cache_read, zero.cache_write.map(|write| write.total)), (Some(0), Some(0)), "{wire}");
        assert_eq!((none.cache_read, none.cache_write), (None, None), "{wire}");
    }
}
