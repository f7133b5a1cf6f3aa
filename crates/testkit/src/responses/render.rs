//! Spells answers as response objects and their events.

use serde_json::{Value, json};

use crate::answer::{Answer, Ask, Block, Stop, Usage, pieces};
use crate::delivery::Frame;
use crate::lively::Ids;
use crate::seal;

/// A fixed moment: answers must not differ from run to run.
const CREATED: u64 = 1_790_000_000;
/// Tool arguments stream in pieces of this many characters.
const PIECE: usize = 5;

pub(super) fn whole(answer: &Answer, ask: &Ask, ids: &Ids) -> Value {
    let items = items(answer, ids);
    finished(&ids.next("resp_"), &items, answer, ask)
}

pub(super) fn frames(answer: &Answer, ask: &Ask, ids: &Ids) -> Vec<Frame> {
    let id = ids.next("resp_");
    let mut events = Events::default();
    let opening = response(&id, "in_progress", &[], ask);
    events.push("response.created", json!({"response": opening}));
    events.push("response.in_progress", json!({"response": opening}));
    let items = items(answer, ids);
    for (at, item) in items.iter().enumerate() {
        events.item(at, item, answer.whole);
    }
    let last = finished(&id, &items, answer, ask);
    let name = if last["status"] == "incomplete" { "response.incomplete" } else { "response.completed" };
    events.push(name, json!({"response": last}));
    events.0
}

/// The output, in order: one item per block.
fn items(answer: &Answer, ids: &Ids) -> Vec<Value> {
    let cut = answer.stop == Stop::Length;
    let last = answer.blocks.len().saturating_sub(1);
    let one = |(at, block): (usize, &Block)| {
        let status = if cut && at == last { "incomplete" } else { "completed" };
        item(block, status, ids)
    };
    answer.blocks.iter().enumerate().filter_map(one).collect()
}

fn item(block: &Block, status: &str, ids: &Ids) -> Option<Value> {
    Some(match block {
        Block::Thinking { text, hidden } => {
            let summary = if *hidden { json!([]) } else { json!([{"type": "summary_text", "text": text}]) };
            json!({"id": ids.next("rs_"), "type": "reasoning", "summary": summary, "encrypted_content": seal::redact(text)})
        }
        Block::Redacted(_) => return None,
        Block::Text(text) => json!({"id": ids.next("msg_"), "type": "message", "role": "assistant", "status": status,
            "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]}),
        Block::Tool { id, name, arguments } => {
            let call = if id.is_empty() { ids.next("call_") } else { id.clone() };
            json!({"id": ids.next("fc_"), "type": "function_call", "status": status, "call_id": call, "name": name,
                "arguments": arguments})
        }
    })
}

fn finished(id: &str, items: &[Value], answer: &Answer, ask: &Ask) -> Value {
    let reason = match answer.stop {
        Stop::Length => Some("max_output_tokens"),
        Stop::Refusal => Some("content_filter"),
        Stop::End | Stop::Sequence(_) | Stop::Tools => None,
    };
    let status = if reason.is_some() { "incomplete" } else { "completed" };
    let mut out = response(id, status, items, ask);
    out["usage"] = usage(answer.usage);
    if let Some(reason) = reason {
        out["incomplete_details"] = json!({"reason": reason});
    }
    out
}

fn response(id: &str, status: &str, output: &[Value], ask: &Ask) -> Value {
    json!({
        "id": id,
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": null,
        "max_output_tokens": ask.max_tokens,
        "metadata": {},
        "model": ask.model,
        "output": output,
        "parallel_tool_calls": ask.parallel,
        "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null},
        "store": false,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": null,
        "user": null,
    })
}

fn usage(usage: Usage) -> Value {
    let input = usage.fresh + usage.cache_read + usage.cache_write;
    json!({
        "input_tokens": input,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.thinking},
        "total_tokens": input + usage.output,
    })
}

/// Events in order, numbered without gaps.
#[derive(Default)]
struct Events(Vec<Frame>);

impl Events {
    fn push(&mut self, name: &'static str, mut data: Value) {
        data["type"] = json!(name);
        data["sequence_number"] = json!(self.0.len());
        self.0.push(Frame { event: Some(name), data: data.to_string() });
    }

    fn item(&mut self, at: usize, item: &Value, unsplit: bool) {
        let mut opening = item.clone();
        opening["status"] = json!("in_progress");
        match item["type"].as_str() {
            Some("reasoning") => {
                // Before the end the proof is not whole.
                opening["encrypted_content"] = json!(seal::redact(""));
                opening["summary"] = json!([]);
            }
            Some("function_call") => opening["arguments"] = json!(""),
            _ => opening["content"] = json!([]),
        }
        self.push("response.output_item.added", json!({"output_index": at, "item": opening}));
        match item["type"].as_str() {
            Some("reasoning") => self.summary(at, item),
            Some("function_call") => self.arguments(at, item),
            _ => self.text(at, item, unsplit),
        }
        self.push("response.output_item.done", json!({"output_index": at, "item": item}));
    }

    fn summary(&mut self, at: usize, item: &Value) {
        for (index, part) in item["summary"].as_array().into_iter().flatten().enumerate() {
            let place = json!({"item_id": item["id"], "output_index": at, "summary_index": index});
            let text = part["text"].as_str().unwrap_or_default();
            let empty = json!({"type": "summary_text", "text": ""});
            self.push("response.reasoning_summary_part.added", with(&place, "part", empty));
            for piece in pieces(text) {
                self.push("response.reasoning_summary_text.delta", with(&place, "delta", json!(piece)));
            }
            self.push("response.reasoning_summary_text.done", with(&place, "text", json!(text)));
            self.push("response.reasoning_summary_part.done", with(&place, "part", part.clone()));
        }
    }

    fn arguments(&mut self, at: usize, item: &Value) {
        let place = json!({"item_id": item["id"], "output_index": at});
        let arguments = item["arguments"].as_str().unwrap_or_default();
        let letters: Vec<char> = arguments.chars().collect();
        for piece in letters.chunks(PIECE) {
            let piece: String = piece.iter().collect();
            self.push("response.function_call_arguments.delta", with(&place, "delta", json!(piece)));
        }
        let done = with(&with(&place, "arguments", json!(arguments)), "name", item["name"].clone());
        self.push("response.function_call_arguments.done", done);
    }

    fn text(&mut self, at: usize, item: &Value, unsplit: bool) {
        let place = json!({"item_id": item["id"], "output_index": at, "content_index": 0});
        let part = &item["content"][0];
        let text = part["text"].as_str().unwrap_or_default();
        let mut empty = part.clone();
        empty["text"] = json!("");
        self.push("response.content_part.added", with(&place, "part", empty));
        let logged = with(&place, "logprobs", json!([]));
        let said = if unsplit { vec![text] } else { pieces(text) };
        for piece in said {
            self.push("response.output_text.delta", with(&logged, "delta", json!(piece)));
        }
        self.push("response.output_text.done", with(&logged, "text", json!(text)));
        self.push("response.content_part.done", with(&place, "part", part.clone()));
    }
}

fn with(place: &Value, name: &str, value: Value) -> Value {
    let mut out = place.clone();
    out[name] = value;
    out
}
