//! Requests and answers of the benchmark, in both dialects: prepared once, equal in content across dialects.
//! Streamed pieces carry the marks `tok.0…` (text), `thk0…` (thinking) and `arg0…` (tool arguments), which
//! survive any correct translation and are counted by the driver. The dot is for ids, which can hold any four letters.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::driver::{Call, Check};
use crate::mock::{Pace, Play, Reply};

/// Streamed pieces in a long answer, the unit of the per-chunk figures.
pub const CHUNKS: usize = 200;
/// The key that the driver presents and the product knows.
pub const CLIENT_KEY: &str = "bench-6f1c2a9d40e7b853-client";

/// A language of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `OpenAI` Chat Completions.
    Chat,
    /// Anthropic Messages.
    Messages,
}

impl Dialect {
    /// Where its requests go.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Messages => "/v1/messages",
        }
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// One word.
    Small,
    /// A picture of about a megabyte.
    Picture,
    /// A coding agent's turn: a system prompt, 20 tools and a history, about 100 KB.
    Agent,
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One JSON body.
    Small,
    /// So many pieces of text.
    Text(usize),
    /// [`CHUNKS`] pieces: thinking, text, and the arguments of two tool calls.
    Agent,
}

const AGENT_THINKING: usize = 60;
const AGENT_TEXT: usize = 60;
const AGENT_ARGUMENTS: usize = 40;

/// The whole HTTP request.
pub fn call(addr: SocketAddr, dialect: Dialect, model: &str, ask: Ask, answer: Answer) -> Call {
    let body = request(dialect, model, ask, answer != Answer::Small).to_string();
    let request = format!(
        "POST {} HTTP/1.1\r\nhost: {addr}\r\nauthorization: Bearer {CLIENT_KEY}\r\nanthropic-version: 2023-06-01\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        dialect.path(),
        body.len()
    );
    Call { addr, request: Bytes::from(request), check: Arc::new(check(dialect, answer)) }
}

fn check(dialect: Dialect, answer: Answer) -> Check {
    let end = match (dialect, answer) {
        (_, Answer::Small) => "}",
        (Dialect::Chat, _) => "data: [DONE]\n\n",
        (Dialect::Messages, _) => "\"message_stop\"}\n\n",
    };
    let marks = match answer {
        Answer::Small => vec![("tok.0", 1)],
        Answer::Text(pieces) => vec![("tok.0", pieces)],
        Answer::Agent => vec![("thk0", AGENT_THINKING), ("tok.0", AGENT_TEXT), ("arg0", 2 * AGENT_ARGUMENTS)],
    };
    Check { marks, end }
}

/// The same answer in both dialects.
pub fn play(answer: Answer, pace: Pace) -> Play {
    match answer {
        Answer::Small => {
            Play { chat: Reply::json(&chat_whole().to_string()), messages: Reply::json(&messages_whole().to_string()) }
        }
        Answer::Text(pieces) => {
            let pieces: Vec<_> = (0..pieces).map(|index| Piece::Text(format!("tok.{index:04} "))).collect();
            streams(&pieces, pace)
        }
        Answer::Agent => streams(&agent_pieces(), pace),
    }
}

fn streams(pieces: &[Piece], pace: Pace) -> Play {
    Play { chat: Reply::events(&chat_events(pieces), pace), messages: Reply::events(&messages_events(pieces), pace) }
}

/// A piece of a streamed answer.
#[derive(Debug)]
enum Piece {
    Text(String),
    Thinking(String),
    /// Tool call number, and a part of its JSON.
    Argument(usize, String),
}

impl Piece {
    /// Pieces with the same number belong to one content block.
    fn block(&self) -> usize {
        match self {
            Self::Thinking(_) => 0,
            Self::Text(_) => 1,
            Self::Argument(tool, _) => 2 + tool,
        }
    }
}

fn agent_pieces() -> Vec<Piece> {
    let mut pieces: Vec<_> = (0..AGENT_THINKING).map(|index| Piece::Thinking(format!("thk{index:04} "))).collect();
    pieces.extend((0..AGENT_TEXT).map(|index| Piece::Text(format!("tok.{index:04} "))));
    for tool in 0..2 {
        let words = (0..AGENT_ARGUMENTS).map(|index| match index {
            0 => format!("{{\"path\":\"arg{index:04} "),
            last if last == AGENT_ARGUMENTS - 1 => format!("arg{index:04}\"}}"),
            _ => format!("arg{index:04} "),
        });
        pieces.extend(words.map(|word| Piece::Argument(tool, word)));
    }
    pieces
}

fn chat_whole() -> Value {
    json!({
        "id": "chatcmpl-bench0001", "object": "chat.completion", "created": 1_790_000_000, "model": "m-chat",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "tok.0000 and that is all."},
                     "logprobs": null, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16},
    })
}

fn messages_whole() -> Value {
    json!({
        "id": "msg_bench0001", "type": "message", "role": "assistant", "model": "m-claude",
        "content": [{"type": "text", "text": "tok.0000 and that is all."}],
        "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 9, "output_tokens": 7},
    })
}

fn chat_events(pieces: &[Piece]) -> Vec<String> {
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

fn messages_events(pieces: &[Piece]) -> Vec<String> {
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

fn request(dialect: Dialect, model: &str, ask: Ask, stream: bool) -> Value {
    let mut body = match ask {
        Ask::Small => json!({"messages": [{"role": "user", "content": "hello"}], "max_tokens": 16}),
        Ask::Picture => picture(dialect),
        Ask::Agent => agent(dialect),
    };
    body["model"] = model.into();
    if stream {
        body["stream"] = true.into();
        if dialect == Dialect::Chat {
            body["stream_options"] = json!({"include_usage": true});
        }
    }
    body
}

fn picture(dialect: Dialect) -> Value {
    let data = noise(1_000_000);
    let part = match dialect {
        Dialect::Chat => json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}}),
        Dialect::Messages => {
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}})
        }
    };
    json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, part]}], "max_tokens": 16})
}

/// Base64 text that no compressor likes, the same on each run.
fn noise(length: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(DIGITS[(state >> 58) as usize])
    };
    std::iter::repeat_with(next).take(length).collect()
}

const AGENT_TURNS: usize = 12;
const AGENT_TOOLS: usize = 20;

fn agent(dialect: Dialect) -> Value {
    let system = source(220);
    let mut messages =
        vec![json!({"role": "user", "content": "Rename the struct and fix its callers — «quickly», please."})];
    for turn in 0..AGENT_TURNS {
        messages.extend(agent_turn(dialect, turn));
    }
    let tools: Vec<Value> = (0..AGENT_TOOLS).map(|index| tool(dialect, index)).collect();
    match dialect {
        Dialect::Chat => {
            messages.insert(0, json!({"role": "system", "content": system}));
            json!({"messages": messages, "tools": tools, "tool_choice": "auto", "max_tokens": 8192,
                   "reasoning_effort": "medium"})
        }
        Dialect::Messages => json!({"system": [{"type": "text", "text": system}], "messages": messages, "tools": tools,
            "tool_choice": {"type": "auto"}, "max_tokens": 8192, "thinking": {"type": "enabled", "budget_tokens": 4096}}),
    }
}

/// The assistant calls a tool, and its result comes back.
fn agent_turn(dialect: Dialect, turn: usize) -> [Value; 2] {
    let (id, name, text) =
        (format!("toolu_{turn:04}"), format!("tool_{}", turn % AGENT_TOOLS), "I look at the next file.");
    let input = json!({"path": format!("src/part_{turn}.rs"), "options": {"limit": 120, "recursive": false}});
    match dialect {
        Dialect::Chat => [
            json!({"role": "assistant", "content": text, "tool_calls": [{"id": id, "type": "function",
                "function": {"name": name, "arguments": input.to_string()}}]}),
            json!({"role": "tool", "tool_call_id": id, "content": source(68)}),
        ],
        Dialect::Messages => [
            json!({"role": "assistant", "content": [{"type": "text", "text": text},
                {"type": "tool_use", "id": id, "name": name, "input": input}]}),
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": source(68)}]}),
        ],
    }
}

fn tool(dialect: Dialect, index: usize) -> Value {
    let name = format!("tool_{index}");
    let description = format!("Tool {index}. Reads or changes files of the working tree. {}", source(6));
    let schema = json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "A path relative to the root; never leave the working tree."},
            "mode": {"type": "string", "enum": ["read", "write", "append", "delete"], "description": "What to do."},
            "range": {"type": "object", "properties": {"from": {"type": "integer", "minimum": 1}, "to": {"type": "integer"}}},
            "options": {"type": "object", "properties": {"recursive": {"type": "boolean"}, "limit": {"type": "integer"}},
                        "additionalProperties": false},
            "lines": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["path"],
    });
    match dialect {
        Dialect::Chat => json!({"type": "function",
            "function": {"name": name, "description": description, "parameters": schema}}),
        Dialect::Messages => json!({"name": name, "description": description, "input_schema": schema}),
    }
}

/// So many lines of something like source code: quotes, backslashes, tabs and letters beyond ASCII.
fn source(lines: usize) -> String {
    let line =
        |index: usize| format!("{index:4}\tlet café_{index} = map.get(\"key\\n{index}\").unwrap_or(&'x'); // naïve\n");
    (0..lines).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strips the HTTP framing of a prepared reply.
    fn body(reply: &Reply) -> String {
        let whole = String::from_utf8(reply.parts.concat()).unwrap();
        let body = &whole[whole.find("\r\n\r\n").unwrap() + 4..];
        body.split("\r\n").filter(|line| line.contains("data: ") || line.starts_with('{')).collect()
    }

    #[test]
    fn both_dialects_pass_their_own_check() {
        for answer in [Answer::Small, Answer::Text(3), Answer::Text(CHUNKS), Answer::Agent] {
            let play = play(answer, Pace::Unpaced);
            check(Dialect::Chat, answer).judge(body(&play.chat).as_bytes()).unwrap();
            check(Dialect::Messages, answer).judge(body(&play.messages).as_bytes()).unwrap();
        }
    }

    #[test]
    fn a_missing_piece_and_a_missing_end_fail() {
        let play = play(Answer::Agent, Pace::Unpaced);
        let check = check(Dialect::Messages, Answer::Agent);
        let whole = body(&play.messages);
        assert!(check.judge(whole.replacen("thk0033", "", 1).as_bytes()).is_err());
        assert!(check.judge(whole.replace("\"message_stop\"", "\"\"").as_bytes()).is_err());
    }

    #[test]
    fn agent_requests_are_about_100_kb_and_pictures_a_megabyte() {
        for dialect in [Dialect::Chat, Dialect::Messages] {
            let agent = request(dialect, "m", Ask::Agent, true).to_string().len();
            assert!((90_000..115_000).contains(&agent), "{agent}");
            let picture = request(dialect, "m", Ask::Picture, false).to_string().len();
            assert!((1_000_000..1_010_000).contains(&picture), "{picture}");
        }
    }

    #[test]
    fn tool_arguments_are_json_when_put_together() {
        let parts = agent_pieces().into_iter().filter_map(|piece| match piece {
            Piece::Argument(1, part) => Some(part),
            _ => None,
        });
        let value: Value = serde_json::from_str(&parts.collect::<String>()).unwrap();
        assert!(value["path"].as_str().unwrap().ends_with("arg0039"));
    }
}
