//! Anthropic Messages: the benchmark's requests and answers.

use serde_json::{Value, json};

use super::{Agent, Piece, Tool, Turn, WHOLE, noise};

pub(super) const END: &str = "\"message_stop\"}\n\n";

pub(super) fn small() -> Value {
    json!({"messages": [{"role": "user", "content": "hello"}], "max_tokens": 16})
}

pub(super) fn picture(data: &str) -> Value {
    json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "What is this?"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}]}],
        "max_tokens": 16})
}

pub(super) fn agent(agent: &Agent) -> Value {
    let mut messages = vec![json!({"role": "user", "content": agent.task})];
    messages.extend(agent.turns.iter().flat_map(turn));
    let tools: Vec<Value> = agent.tools.iter().map(tool).collect();
    json!({"system": [{"type": "text", "text": agent.system}], "messages": messages, "tools": tools,
        "tool_choice": {"type": "auto"}, "max_tokens": 8192, "thinking": {"type": "enabled", "budget_tokens": 4096}})
}

fn turn(turn: &Turn) -> [Value; 2] {
    [
        json!({"role": "assistant", "content": [{"type": "text", "text": turn.text},
            {"type": "tool_use", "id": turn.id, "name": turn.name, "input": turn.input}]}),
        json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": turn.id, "content": turn.result}]}),
    ]
}

fn tool(tool: &Tool) -> Value {
    json!({"name": tool.name, "description": tool.description, "input_schema": tool.schema})
}

pub(super) fn streamed(mut body: Value) -> Value {
    body["stream"] = true.into();
    body
}

pub(super) fn whole() -> Value {
    json!({
        "id": "msg_bench0001", "type": "message", "role": "assistant", "model": "m-claude",
        "content": [{"type": "text", "text": WHOLE}],
        "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 9, "output_tokens": 7},
    })
}

pub(super) fn events(pieces: &[Piece]) -> Vec<String> {
    let event = |name: &str, value: Value| format!("event: {name}\ndata: {value}\n\n");
    let stop_block = |index: usize| event("content_block_stop", json!({"type": "content_block_stop", "index": index}));
    let mut events = vec![event(
        "message_start",
        json!({"type": "message_start", "message": {"id": "msg_bench0001", "type": "message", "role": "assistant",
            "model": "m-claude", "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": 9, "output_tokens": 1}}}),
    )];
    let mut open: Option<(usize, usize)> = None;
    for piece in pieces {
        if open.is_none_or(|(_, block)| block != piece.block()) {
            events.extend(open.map(|(index, block)| seal(index, block) + &stop_block(index)));
            let index = open.map_or(0, |(index, _)| index + 1);
            events.push(event(
                "content_block_start",
                json!({"type": "content_block_start", "index": index,
                "content_block": opening(piece)}),
            ));
            open = Some((index, piece.block()));
        }
        let index = open.map_or(0, |(index, _)| index);
        let delta = match piece {
            Piece::Text(text) => json!({"type": "text_delta", "text": text}),
            Piece::Thinking(text) => json!({"type": "thinking_delta", "thinking": text}),
            Piece::Argument(_, part) => json!({"type": "input_json_delta", "partial_json": part}),
        };
        events
            .push(event("content_block_delta", json!({"type": "content_block_delta", "index": index, "delta": delta})));
    }
    let tools = open.is_some_and(|(_, block)| block >= 2);
    events.extend(open.map(|(index, _)| stop_block(index)));
    events.push(event(
        "message_delta",
        json!({"type": "message_delta",
        "delta": {"stop_reason": if tools { "tool_use" } else { "end_turn" }, "stop_sequence": null},
        "usage": {"output_tokens": 200}}),
    ));
    events.push("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n".into());
    events
}

/// A thinking block ends with its signature; others with nothing.
fn seal(index: usize, block: usize) -> String {
    if block != 0 {
        return String::new();
    }
    let value = json!({"type": "content_block_delta", "index": index,
        "delta": {"type": "signature_delta", "signature": noise(400)}});
    format!("event: content_block_delta\ndata: {value}\n\n")
}

fn opening(piece: &Piece) -> Value {
    match piece {
        Piece::Text(_) => json!({"type": "text", "text": ""}),
        Piece::Thinking(_) => json!({"type": "thinking", "thinking": "", "signature": ""}),
        Piece::Argument(tool, _) => {
            json!({"type": "tool_use", "id": format!("toolu_bench{tool}"), "name": format!("tool_{tool}"), "input": {}})
        }
    }
}
