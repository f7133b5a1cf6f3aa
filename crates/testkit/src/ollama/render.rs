//! Spells answers as lines, or as the one object that they add up to.

use serde_json::{Value, json};

use crate::answer::{Answer, Ask, Block, Stop, pieces};
use crate::delivery::Frame;
use crate::lively::Ids;

/// When every fake answer was made.
pub(super) const WHEN: &str = "2026-11-21T10:00:00.123456789Z";

pub(super) fn whole(answer: &Answer, ask: &Ask, ids: &Ids) -> Value {
    let mut message = json!({"role": "assistant", "content": ""});
    for part in parts_of(answer, ids) {
        for (name, value) in part.as_object().into_iter().flatten() {
            message[name] = joined(&message[name], value);
        }
    }
    last(answer, ask, &message)
}

/// Texts are joined, and so are lists.
fn joined(before: &Value, more: &Value) -> Value {
    match (before, more) {
        (Value::String(before), Value::String(more)) => json!(format!("{before}{more}")),
        (Value::Array(before), Value::Array(more)) => json!([before.as_slice(), more].concat()),
        _ => more.clone(),
    }
}

pub(super) fn frames(answer: &Answer, ask: &Ask, ids: &Ids) -> Vec<Frame> {
    let one = |part: Value| {
        let mut message = json!({"role": "assistant", "content": ""});
        part.as_object().into_iter().flatten().for_each(|(name, value)| message[name] = value.clone());
        line(ask, &message)
    };
    let mut lines: Vec<Value> = parts_of(answer, ids).into_iter().map(one).collect();
    lines.push(last(answer, ask, &json!({"role": "assistant", "content": ""})));
    lines.into_iter().map(|line| Frame::data(line.to_string())).collect()
}

/// What each line of a stream says.
fn parts_of(answer: &Answer, ids: &Ids) -> Vec<Value> {
    let mut out = Vec::new();
    let mut calls = 0;
    for block in &answer.blocks {
        match block {
            Block::Thinking { text, hidden: false } => {
                out.extend(pieces(text).iter().map(|text| json!({"thinking": text})));
            }
            Block::Thinking { .. } | Block::Redacted(_) => (),
            Block::Text(text) if answer.whole => out.push(json!({"content": text})),
            Block::Text(text) => out.extend(pieces(text).iter().map(|text| json!({"content": text}))),
            Block::Tool { id, name, arguments } => {
                out.extend(call(calls, id, name, arguments, ids));
                calls += 1;
            }
        }
    }
    out
}

/// A call that the limit cut is never sent.
fn call(index: usize, id: &str, name: &str, arguments: &str, ids: &Ids) -> Option<Value> {
    let arguments: Value = serde_json::from_str(arguments).ok()?;
    let id = if id.is_empty() { ids.next("call_") } else { id.to_owned() };
    Some(json!({"tool_calls": [{"id": id, "function": {"index": index, "name": name, "arguments": arguments}}]}))
}

fn line(ask: &Ask, message: &Value) -> Value {
    formed(ask, json!({"model": ask.model, "created_at": WHEN, "message": message, "done": false}))
}

/// A line in the form of its request: without messages, what one would hold stands at the top.
fn formed(ask: &Ask, mut line: Value) -> Value {
    if !ask.prompt_form {
        return line;
    }
    let message = line["message"].take();
    line.as_object_mut().into_iter().for_each(|line| _ = line.remove("message"));
    for (name, value) in message.as_object().into_iter().flatten().filter(|(name, _)| *name != "role") {
        line[if name == "content" { "response" } else { name }] = value.clone();
    }
    if line["done"] == true {
        line["context"] = json!([1, 2, 3]);
    }
    line
}

/// What is said of a model that was loaded, or let go.
pub(super) fn loaded(model: &str, leaves: bool, chat: bool) -> Value {
    let reason = if leaves { "unload" } else { "load" };
    let mut line = json!({"model": model, "created_at": WHEN, "done": true, "done_reason": reason});
    match chat {
        true => line["message"] = json!({"role": "assistant", "content": ""}),
        false => line["response"] = json!(""),
    }
    line
}

/// What is told of a model that is asked about.
pub(super) fn card(plain: bool) -> Value {
    let able: &[&str] = if plain { &["completion"] } else { &["completion", "tools", "vision", "thinking", "insert"] };
    json!({
        "license": "", "modelfile": "", "parameters": "", "template": "{{ .Prompt }}", "modified_at": WHEN,
        "details": {"parent_model": "", "format": "gguf", "family": "fake", "families": ["fake"],
            "parameter_size": "8B", "quantization_level": "Q4_K_M"},
        "model_info": {"general.architecture": "fake", "general.parameter_count": 8_030_261_312_u64,
            "fake.context_length": 40_960, "fake.embedding_length": 4_096},
        "capabilities": able,
    })
}

/// The line that ends an answer, with its counts.
fn last(answer: &Answer, ask: &Ask, message: &Value) -> Value {
    let usage = answer.usage;
    let line = json!({
        "model": ask.model,
        "created_at": WHEN,
        "message": message,
        "done": true,
        "done_reason": if answer.stop == Stop::Length { "length" } else { "stop" },
        "total_duration": 174_560_334,
        "load_duration": 101_397_084,
        "prompt_eval_count": usage.fresh + usage.cache_read + usage.cache_write,
        "prompt_eval_duration": 13_074_791,
        "eval_count": usage.output,
        "eval_duration": 52_479_709,
    });
    formed(ask, line)
}
