//! `OpenAI` Chat Completions: the benchmark's requests and answers.

use serde_json::{Value, json};

use super::{Agent, Piece, Tool, Turn, WHOLE};

pub(super) const END: &str = "data: [DONE]\n\n";

pub(super) fn small() -> Value {
    json!({"messages": [{"role": "user", "content": "hello"}], "max_tokens": 16})
}

pub(super) fn picture(data: &str) -> Value {
    let url = format!("data:image/png;base64,{data}");
    json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}}]}], "max_tokens": 16})
}

pub(super) fn agent(agent: &Agent) -> Value {
    let mut messages =
        vec![json!({"role": "system", "content": agent.system}), json!({"role": "user", "content": agent.task})];
    messages.extend(agent.turns.iter().flat_map(turn));
    let tools: Vec<Value> = agent.tools.iter().map(tool).collect();
    json!({"messages": messages, "tools": tools, "tool_choice": "auto", "max_tokens": 8192,
           "reasoning_effort": "medium"})
}

fn turn(turn: &Turn) -> [Value; 2] {
    [
        json!({"role": "assistant", "content": turn.text, "tool_calls": [{"id": turn.id, "type": "function",
            "function": {"name": turn.name, "arguments": turn.input.to_string()}}]}),
        json!({"role": "tool", "tool_call_id": turn.id, "content": turn.result}),
    ]
}

fn tool(tool: &Tool) -> Value {
    json!({"type": "function", "function": {"name": tool.name, "description": tool.description,
        "parameters": tool.schema}})
}

pub(super) fn streamed(mut body: Value) -> Value {
    body["stream"] = true.into();
    body["stream_options"] = json!({"include_usage": true});
    body
}

pub(super) fn whole() -> Value {
    json!({
        "id": "chatcmpl-bench0001", "object": "chat.completion", "created": 1_790_000_000, "model": "m-chat",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": WHOLE},
                     "logprobs": null, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16},
    })
}

pub(super) fn events(pieces: &[Piece]) -> Vec<String> {
    let chunk = |delta: &Value, finish: Option<&str>| {
        let value = json!({
            "id": "chatcmpl-bench0001", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "m-chat",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}],
        });
        format!("data: {value}\n\n")
    };
    let mut events = vec![chunk(&json!({"role": "assistant", "content": ""}), None)];
    let mut block = usize::MAX;
    for piece in pieces {
        let opens = std::mem::replace(&mut block, piece.block()) != piece.block();
        let delta = match piece {
            Piece::Text(text) => json!({"content": text}),
            Piece::Thinking(text) => json!({"reasoning_content": text}),
            Piece::Argument(tool, part) if opens => {
                json!({"tool_calls": [{"index": tool, "id": format!("call_bench{tool}"),
                "type": "function", "function": {"name": format!("tool_{tool}"), "arguments": part}}]})
            }
            Piece::Argument(tool, part) => json!({"tool_calls": [{"index": tool, "function": {"arguments": part}}]}),
        };
        events.push(chunk(&delta, None));
    }
    events.push(chunk(&json!({}), Some(if block >= 2 && block != usize::MAX { "tool_calls" } else { "stop" })));
    let usage = json!({"id": "chatcmpl-bench0001", "object": "chat.completion.chunk", "created": 1_790_000_000,
        "model": "m-chat", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 200, "total_tokens": 209}});
    events.push(format!("data: {usage}\n\n"));
    events.push("data: [DONE]\n\n".into());
    events
}
