//! Spells answers as generateContent responses, whole or in pieces.

use serde_json::{Value, json};

use crate::answer::{Answer, Ask, Block, Stop, Think, Usage, pieces};
use crate::delivery::Frame;
use crate::gemini::{Class, conversation};
use crate::lively::Ids;
use crate::seal;

pub(super) fn whole(answer: &Answer, ask: &Ask, ids: &Ids) -> Value {
    let mut parts: Vec<Value> = Vec::new();
    for part in parts_of(answer, ask, ids) {
        match parts.last_mut().filter(|last| joins(last, &part)) {
            Some(last) => last["text"] = json!(format!("{}{}", text(last), text(&part))),
            None => parts.push(part),
        }
    }
    response(&parts, Some(&answer.stop), answer.usage, &ids.next("resp-"), ask)
}

/// Pieces of one text, or of one thought, are one part of a whole answer.
fn joins(last: &Value, next: &Value) -> bool {
    let plain = |part: &Value| part.get("text").is_some() && part.get("thoughtSignature").is_none();
    plain(last) && plain(next) && last["thought"] == next["thought"]
}

fn text(part: &Value) -> &str {
    part["text"].as_str().unwrap_or_default()
}

pub(super) fn frames(answer: &Answer, ask: &Ask, ids: &Ids) -> Vec<Frame> {
    let id = ids.next("resp-");
    let mut parts = parts_of(answer, ask, ids);
    let last = parts.pop();
    let early = Usage { output: 0, thinking: 0, ..answer.usage };
    let mut out: Vec<Value> = parts.into_iter().map(|part| response(&[part], None, early, &id, ask)).collect();
    out.push(response(last.as_slice(), Some(&answer.stop), answer.usage, &id, ask));
    out.into_iter().map(|chunk| Frame::data(chunk.to_string())).collect()
}

/// The parts as a stream sends them, one per chunk.
fn parts_of(answer: &Answer, ask: &Ask, ids: &Ids) -> Vec<Value> {
    let mut out = Vec::new();
    let thinks = ask.think != Think::Off;
    let mut calls = 0;
    for block in &answer.blocks {
        match block {
            Block::Thinking { hidden: false, text } => {
                out.extend(pieces(text).iter().map(|text| json!({"text": text, "thought": true})));
            }
            Block::Thinking { .. } | Block::Redacted(_) => (),
            Block::Text(text) if answer.whole => out.push(json!({"text": text})),
            Block::Text(text) => out.extend(pieces(text).iter().map(|text| json!({"text": text}))),
            Block::Tool { id, name, arguments } => {
                out.extend(call(id, name, arguments, ask, ids, thinks && calls == 0));
                calls += 1;
            }
        }
    }
    // The proof of an answer without calls comes at the very end, on an empty text.
    if thinks && calls == 0 && answer.stop == Stop::End {
        out.push(json!({"text": "", "thoughtSignature": seal::sign("")}));
    }
    out
}

/// Only the first call of a step carries a proof. A call that the limit cut is never sent.
fn call(id: &str, name: &str, arguments: &str, ask: &Ask, ids: &Ids, sealed: bool) -> Option<Value> {
    let args: Value = serde_json::from_str(arguments).ok()?;
    let mut part = json!({"functionCall": {"name": name, "args": args}});
    match (id, Class::of(&ask.model)) {
        ("", Class::Budgets) => (),
        ("", Class::Levels) => part["functionCall"]["id"] = json!(ids.next("fc-")),
        (id, _) => part["functionCall"]["id"] = json!(id),
    }
    if sealed {
        part["thoughtSignature"] = json!(seal::sign(&conversation::signed(&part)));
    }
    Some(part)
}

fn response(parts: &[Value], stop: Option<&Stop>, usage: Usage, id: &str, ask: &Ask) -> Value {
    let candidate = |index| {
        let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": index});
        if let Some(stop) = stop {
            candidate["finishReason"] = json!(finish(stop));
        }
        candidate
    };
    json!({
        "candidates": (0..ask.copies).map(candidate).collect::<Vec<_>>(),
        "usageMetadata": usage_of(usage),
        "modelVersion": ask.model,
        "responseId": id,
    })
}

fn finish(stop: &Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Sequence(_) | Stop::Tools => "STOP",
        Stop::Length => "MAX_TOKENS",
        Stop::Refusal => "SAFETY",
    }
}

fn usage_of(usage: Usage) -> Value {
    let prompt = usage.fresh + usage.cache_read + usage.cache_write;
    let mut out = json!({
        "promptTokenCount": prompt,
        "candidatesTokenCount": usage.output - usage.thinking,
        "totalTokenCount": prompt + usage.output,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
    });
    if usage.thinking > 0 {
        out["thoughtsTokenCount"] = json!(usage.thinking);
    }
    if usage.cache_read > 0 {
        out["cachedContentTokenCount"] = json!(usage.cache_read);
    }
    out
}
