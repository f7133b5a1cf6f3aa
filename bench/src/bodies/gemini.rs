//! Gemini: the benchmark's requests and answers.

use serde_json::{Value, json};

use super::{Agent, Piece, Tool, Turn, WHOLE, noise};

pub(super) const END: &str = "\"finishReason\":\"STOP\"";

pub(super) fn small() -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}],
        "generationConfig": {"maxOutputTokens": 16}})
}

pub(super) fn picture(data: &str) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "What is this?"},
        {"inlineData": {"mimeType": "image/png", "data": data}}]}], "generationConfig": {"maxOutputTokens": 16}})
}

pub(super) fn agent(agent: &Agent) -> Value {
    let mut contents = vec![json!({"role": "user", "parts": [{"text": agent.task}]})];
    contents.extend(agent.turns.iter().flat_map(turn));
    let tools: Vec<Value> = agent.tools.iter().map(tool).collect();
    json!({"systemInstruction": {"parts": [{"text": agent.system}]}, "contents": contents,
        "tools": [{"functionDeclarations": tools}],
        "generationConfig": {"maxOutputTokens": 8192,
            "thinkingConfig": {"includeThoughts": true, "thinkingBudget": 4096}}})
}

fn turn(turn: &Turn) -> [Value; 2] {
    [
        json!({"role": "model", "parts": [{"text": turn.text},
            {"functionCall": {"id": turn.id, "name": turn.name, "args": turn.input}}]}),
        json!({"role": "user", "parts": [{"functionResponse": {"id": turn.id, "name": turn.name,
            "response": {"output": turn.result}}}]}),
    ]
}

fn tool(tool: &Tool) -> Value {
    json!({"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.schema})
}

fn answer(parts: &[Value], last: bool) -> Value {
    let finish = last.then_some("STOP");
    json!({"responseId": "bench0001", "modelVersion": "m-gemini",
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 200, "totalTokenCount": 209},
        "candidates": [{"index": 0, "finishReason": finish, "content": {"role": "model", "parts": parts}}]})
}

pub(super) fn whole() -> Value {
    answer(&[json!({"text": WHOLE})], true)
}

/// Calls come whole, as the API sends them.
pub(super) fn events(pieces: &[Piece]) -> Vec<String> {
    let mut answers = Vec::new();
    for block in pieces.chunk_by(|a, b| a.block() == b.block()) {
        let parts: Vec<Value> = match block[0] {
            Piece::Argument(tool, _) => vec![call(tool, block)],
            Piece::Text(_) => block.iter().map(|piece| json!({"text": piece.text()})).collect(),
            Piece::Thinking(_) => block.iter().map(|piece| json!({"text": piece.text(), "thought": true})).collect(),
        };
        answers.extend(parts.into_iter().map(|part| answer(&[part], false)));
    }
    answers.push(answer(&[json!({"text": ""})], true));
    answers.iter().map(|answer| format!("data: {answer}\r\n\r\n")).collect()
}

fn call(tool: usize, pieces: &[Piece]) -> Value {
    let whole: String = pieces.iter().map(Piece::text).collect();
    let args: Value = serde_json::from_str(&whole).unwrap_or_default();
    json!({"functionCall": {"id": format!("call_bench{tool}"), "name": format!("tool_{tool}"), "args": args},
        "thoughtSignature": noise(400)})
}
