//! Ollama's chat API: the benchmark's requests and answers.

use serde_json::{Value, json};

use super::{Agent, Piece, Tool, Turn, WHOLE};

pub(super) const END: &str = "\"done\":true";

pub(super) fn small() -> Value {
    json!({"messages": [{"role": "user", "content": "hello"}], "options": {"num_predict": 16}, "stream": false})
}

pub(super) fn picture(data: &str) -> Value {
    json!({"messages": [{"role": "user", "content": "What is this?", "images": [data]}],
        "options": {"num_predict": 16}, "stream": false})
}

pub(super) fn agent(agent: &Agent) -> Value {
    let mut messages =
        vec![json!({"role": "system", "content": agent.system}), json!({"role": "user", "content": agent.task})];
    messages.extend(agent.turns.iter().flat_map(turn));
    let tools: Vec<Value> = agent.tools.iter().map(tool).collect();
    json!({"messages": messages, "tools": tools, "options": {"num_predict": 8192}, "think": true, "stream": false})
}

fn turn(turn: &Turn) -> [Value; 2] {
    [
        json!({"role": "assistant", "content": turn.text,
            "tool_calls": [{"function": {"name": turn.name, "arguments": turn.input}}]}),
        json!({"role": "tool", "tool_name": turn.name, "content": turn.result}),
    ]
}

fn tool(tool: &Tool) -> Value {
    json!({"type": "function", "function": {"name": tool.name, "description": tool.description,
        "parameters": tool.schema}})
}

pub(super) fn streamed(mut body: Value) -> Value {
    body["stream"] = true.into();
    body
}

fn answer(message: Value, last: bool) -> Value {
    let mut whole = json!({"model": "m-ollama", "created_at": "2026-11-20T10:00:00.000000Z", "message": message,
        "done": last});
    if last {
        for (name, count) in [("prompt_eval_count", 9), ("eval_count", 200), ("total_duration", 1_000_000)] {
            whole[name] = count.into();
        }
        whole["done_reason"] = "stop".into();
    }
    whole
}

pub(super) fn whole() -> Value {
    answer(json!({"role": "assistant", "content": WHOLE}), true)
}

/// Calls come whole, as the API sends them.
pub(super) fn events(pieces: &[Piece]) -> Vec<String> {
    let mut answers = Vec::new();
    for block in pieces.chunk_by(|a, b| a.block() == b.block()) {
        let messages: Vec<Value> = match block[0] {
            Piece::Argument(tool, _) => vec![call(tool, block)],
            Piece::Text(_) => block.iter().map(|piece| said("content", piece)).collect(),
            Piece::Thinking(_) => block.iter().map(|piece| said("thinking", piece)).collect(),
        };
        answers.extend(messages.into_iter().map(|message| answer(message, false)));
    }
    answers.push(answer(json!({"role": "assistant", "content": ""}), true));
    answers.iter().map(|answer| format!("{answer}\n")).collect()
}

fn said(field: &str, piece: &Piece) -> Value {
    let mut message = json!({"role": "assistant", "content": ""});
    message[field] = piece.text().into();
    message
}

fn call(tool: usize, pieces: &[Piece]) -> Value {
    let whole: String = pieces.iter().map(Piece::text).collect();
    let arguments: Value = serde_json::from_str(&whole).unwrap_or_default();
    json!({"role": "assistant", "content": "",
        "tool_calls": [{"function": {"index": tool, "name": format!("tool_{tool}"), "arguments": arguments}}]})
}
