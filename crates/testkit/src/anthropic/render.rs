//! Spells answers as Anthropic messages and events.

use serde_json::{Value, json};

use crate::answer::{Answer, Ask, Block, Stop, Usage, pieces};
use crate::anthropic::Class;
use crate::delivery::Frame;
use crate::lively::Ids;
use crate::seal;

/// Tool arguments stream in pieces of this many characters.
const PIECE: usize = 5;

pub(super) fn message(answer: &Answer, ask: &Ask, ids: &Ids) -> Value {
    let content: Vec<Value> = answer.blocks.iter().map(|block| whole(block, ids)).collect();
    let (reason, sequence) = stop(&answer.stop);
    json!({
        "id": ids.next("msg_"),
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": usage(answer.usage, answer.usage.output),
    })
}

pub(super) fn frames(answer: &Answer, ask: &Ask, ids: &Ids) -> Vec<Frame> {
    let start = json!({
        "id": ids.next("msg_"),
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage(answer.usage, 1),
    });
    let mut out = vec![frame("message_start", &json!({"message": start}))];
    for (index, block) in answer.blocks.iter().enumerate() {
        block_frames(index, block, answer.whole, ids, &mut out);
        if index == 0 {
            out.insert(2, frame("ping", &json!({})));
        }
    }
    let (reason, sequence) = stop(&answer.stop);
    let delta = json!({"stop_reason": reason, "stop_sequence": sequence});
    let end = json!({"delta": delta, "usage": usage(answer.usage, answer.usage.output)});
    out.push(frame("message_delta", &end));
    out.push(frame("message_stop", &json!({})));
    out
}

/// One event; the type is written into the data as well.
pub(super) fn frame(event: &'static str, data: &Value) -> Frame {
    let mut data = data.clone();
    data["type"] = json!(event);
    Frame { event: Some(event), data: data.to_string() }
}

fn block_frames(index: usize, block: &Block, unsplit: bool, ids: &Ids, out: &mut Vec<Frame>) {
    let start = json!({"index": index, "content_block": opening(block, ids)});
    out.push(frame("content_block_start", &start));
    let deltas = deltas(block, unsplit).into_iter();
    out.extend(deltas.map(|delta| frame("content_block_delta", &json!({"index": index, "delta": delta}))));
    out.push(frame("content_block_stop", &json!({"index": index})));
}

fn opening(block: &Block, ids: &Ids) -> Value {
    match block {
        Block::Thinking { .. } => json!({"type": "thinking", "thinking": "", "signature": ""}),
        Block::Redacted(text) => json!({"type": "redacted_thinking", "data": seal::redact(text)}),
        Block::Text(_) => json!({"type": "text", "text": ""}),
        Block::Tool { id, name, .. } => {
            json!({"type": "tool_use", "id": call_id(id, ids), "name": name, "input": {}})
        }
    }
}

fn deltas(block: &Block, unsplit: bool) -> Vec<Value> {
    match block {
        Block::Thinking { text, hidden } => {
            let shown = if *hidden { "" } else { text };
            let mut out: Vec<Value> =
                pieces(shown).iter().map(|text| json!({"type": "thinking_delta", "thinking": text})).collect();
            out.push(json!({"type": "signature_delta", "signature": seal::sign(shown)}));
            out
        }
        Block::Redacted(_) => Vec::new(),
        Block::Text(text) if unsplit => vec![json!({"type": "text_delta", "text": text})],
        Block::Text(text) => pieces(text).iter().map(|text| json!({"type": "text_delta", "text": text})).collect(),
        Block::Tool { arguments, .. } => argument_deltas(arguments),
    }
}

/// Nothing at all for an empty object, as the API does.
fn argument_deltas(arguments: &str) -> Vec<Value> {
    if arguments == "{}" {
        return Vec::new();
    }
    let part = |text: &str| json!({"type": "input_json_delta", "partial_json": text});
    let chars: Vec<char> = arguments.chars().collect();
    let texts = chars.chunks(PIECE).map(|chunk| part(&chunk.iter().collect::<String>()));
    std::iter::once(part("")).chain(texts).collect()
}

fn whole(block: &Block, ids: &Ids) -> Value {
    match block {
        Block::Thinking { text, hidden } => {
            let shown = if *hidden { "" } else { text };
            json!({"type": "thinking", "thinking": shown, "signature": seal::sign(shown)})
        }
        Block::Redacted(text) => json!({"type": "redacted_thinking", "data": seal::redact(text)}),
        Block::Text(text) => json!({"type": "text", "text": text}),
        Block::Tool { id, name, arguments } => {
            let input: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
            json!({"type": "tool_use", "id": call_id(id, ids), "name": name, "input": input})
        }
    }
}

/// The script's own id, or a minted one.
fn call_id(id: &str, ids: &Ids) -> String {
    if id.is_empty() { ids.next("toolu_") } else { id.to_owned() }
}

fn stop(stop: &Stop) -> (&'static str, Option<&str>) {
    match stop {
        Stop::End => ("end_turn", None),
        Stop::Length => ("max_tokens", None),
        Stop::Sequence(word) => ("stop_sequence", Some(word)),
        Stop::Tools => ("tool_use", None),
        Stop::Refusal => ("refusal", None),
    }
}

fn usage(usage: Usage, output: u64) -> Value {
    json!({
        "input_tokens": usage.fresh,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": usage.thinking.min(output)},
    })
}

/// An upstream that knows its counts only at the end.
pub(super) fn without_early_usage(frame: Frame) -> Frame {
    if frame.event != Some("message_start") {
        return frame;
    }
    let mut data: Value = serde_json::from_str(&frame.data).unwrap_or_default();
    data["message"]["usage"] = json!({"input_tokens": 0, "output_tokens": 0});
    Frame { event: frame.event, data: data.to_string() }
}

pub(super) fn with_ping(event: Frame) -> Vec<Frame> {
    if event.event == Some("message_stop") { vec![event] } else { vec![event, frame("ping", &json!({}))] }
}

pub(super) fn model(name: &str) -> Value {
    let class = Class::of(name);
    let able = |yes: bool| json!({"supported": yes});
    let types = json!({
        "enabled": able(class != Class::Adaptive),
        "adaptive": able(class != Class::Old),
        "disabled": able(true),
        "between_tools": able(false),
    });
    let effort = json!({"supported": class != Class::Old, "low": able(true), "medium": able(true), "high": able(true),
        "xhigh": able(true), "max": able(true)});
    json!({
        "type": "model",
        "id": name,
        "display_name": format!("The fake {name}"),
        "created_at": "2026-02-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 200_000,
        "max_tokens": 128_000,
        "capabilities": {
            "batch": able(true), "citations": able(true), "code_execution": able(false),
            "context_management": able(false), "effort": effort, "image_input": able(true), "pdf_input": able(true),
            "server_tools": {"supported": false, "code_execution": able(false), "web_search": able(false)},
            "structured_outputs": able(true), "thinking": {"supported": true, "types": types},
        },
    })
}
