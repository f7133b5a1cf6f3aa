//! Spells answers as chat completions and chunks.

use serde_json::{Map, Value, json};

use crate::answer::{Answer, Ask, Block, Stop, Usage, pieces};
use crate::delivery::Frame;
use crate::lively::Ids;

/// A fixed moment: answers must not differ from run to run.
pub(super) const CREATED: u64 = 1_790_000_000;

/// Tool arguments stream in pieces of this many characters.
const PIECE: usize = 5;

pub(super) fn completion(answer: &Answer, ask: &Ask, ids: &Ids) -> Value {
    let choice = |index| {
        let message = message(answer, ids);
        json!({"index": index, "message": message, "logprobs": null, "finish_reason": finish(&answer.stop)})
    };
    json!({
        "id": ids.next("chatcmpl-"),
        "object": "chat.completion",
        "created": CREATED,
        "model": ask.model,
        "choices": (0..ask.copies).map(choice).collect::<Vec<_>>(),
        "usage": usage(answer.usage),
        "system_fingerprint": "fp_testkit",
    })
}

pub(super) fn frames(answer: &Answer, ask: &Ask, ids: &Ids) -> Vec<Frame> {
    let id = ids.next("chatcmpl-");
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({"id": id, "object": "chat.completion.chunk", "created": CREATED, "model": ask.model,
            "choices": choices, "system_fingerprint": "fp_testkit"});
        if ask.stream_usage {
            chunk["usage"] = usage;
        }
        Frame::data(chunk.to_string())
    };
    let mut out = Vec::new();
    for index in 0..ask.copies {
        let one = |delta: Value, finish: Value| {
            chunk(json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": finish}]), Value::Null)
        };
        out.push(one(json!({"role": "assistant", "content": ""}), Value::Null));
        out.extend(deltas(answer, ids).into_iter().map(|delta| one(delta, Value::Null)));
        out.push(one(json!({}), json!(finish(&answer.stop))));
    }
    if ask.stream_usage {
        out.push(chunk(json!([]), usage(answer.usage)));
    }
    out.push(Frame::data("[DONE]"));
    out
}

fn message(answer: &Answer, ids: &Ids) -> Value {
    let mut message = Map::new();
    message.insert("role".to_owned(), json!("assistant"));
    message.insert("content".to_owned(), Value::Null);
    message.insert("refusal".to_owned(), Value::Null);
    let mut calls = Vec::new();
    for block in &answer.blocks {
        match block {
            Block::Thinking { text, .. } => append(&mut message, "reasoning_content", text),
            Block::Text(text) => append(&mut message, "content", text),
            Block::Redacted(_) => (),
            Block::Tool { id, name, arguments } => calls.push(json!({
                "id": call_id(id, ids), "type": "function", "function": {"name": name, "arguments": arguments},
            })),
        }
    }
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), json!(calls));
    }
    Value::Object(message)
}

fn append(message: &mut Map<String, Value>, name: &str, text: &str) {
    let before = message.get(name).and_then(Value::as_str).unwrap_or_default();
    let joined = format!("{before}{text}");
    message.insert(name.to_owned(), Value::String(joined));
}

fn deltas(answer: &Answer, ids: &Ids) -> Vec<Value> {
    let mut out = Vec::new();
    let mut calls = 0;
    for block in &answer.blocks {
        match block {
            Block::Text(text) if answer.whole => out.push(json!({"content": text})),
            Block::Text(text) => out.extend(pieces(text).iter().map(|text| json!({"content": text}))),
            Block::Thinking { text, .. } => {
                out.extend(pieces(text).iter().map(|text| json!({"reasoning_content": text})));
            }
            Block::Redacted(_) => (),
            Block::Tool { id, name, arguments } => {
                let function = json!({"name": name, "arguments": ""});
                let id = call_id(id, ids);
                out.push(json!({"tool_calls": [{"index": calls, "id": id, "type": "function", "function": function}]}));
                out.extend(argument_deltas(calls, arguments));
                calls += 1;
            }
        }
    }
    out
}

fn argument_deltas(index: usize, arguments: &str) -> Vec<Value> {
    let chars: Vec<char> = arguments.chars().collect();
    let texts = chars.chunks(PIECE).map(|chunk| chunk.iter().collect::<String>());
    texts.map(|text| json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]})).collect()
}

/// The script's own id, or a minted one.
fn call_id(id: &str, ids: &Ids) -> String {
    if id.is_empty() { ids.next("call_") } else { id.to_owned() }
}

fn finish(stop: &Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Sequence(_) => "stop",
        Stop::Length => "length",
        Stop::Tools => "tool_calls",
        Stop::Refusal => "content_filter",
    }
}

pub(super) fn usage(usage: Usage) -> Value {
    let prompt = usage.fresh + usage.cache_read + usage.cache_write;
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": usage.output,
        "total_tokens": prompt + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.thinking, "audio_tokens": 0},
    })
}
