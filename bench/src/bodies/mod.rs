//! Requests and answers of the benchmark, in every dialect: prepared once, equal in content across dialects.
//! Streamed pieces carry the marks `tok.0…` (text), `thk0…` (thinking) and `arg0…` (tool arguments), which
//! survive any correct translation and are counted by the driver. The dot is for ids, which can hold any four letters.

mod chat;
mod gemini;
mod messages;
mod ollama;
mod responses;

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
/// The text of a small answer.
const WHOLE: &str = "tok.0000 and that is all.";

/// A language of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `OpenAI` Chat Completions.
    Chat,
    /// Anthropic Messages.
    Messages,
    /// `OpenAI` Responses.
    Responses,
    /// Gemini.
    Gemini,
    /// Ollama's chat API.
    Ollama,
}

impl Dialect {
    /// All of them, in the order of [`Play`].
    pub const ALL: [Self; 5] = [Self::Chat, Self::Messages, Self::Responses, Self::Gemini, Self::Ollama];

    /// What every request's path has in this dialect, and in no other.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Messages => "/messages",
            Self::Responses => "/responses",
            Self::Gemini => "enerateContent",
            Self::Ollama => "/api/chat",
        }
    }

    fn path(self, model: &str, stream: bool) -> String {
        match self {
            Self::Chat => "/v1/chat/completions".into(),
            Self::Messages => "/v1/messages".into(),
            Self::Responses => "/v1/responses".into(),
            Self::Gemini if stream => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
            Self::Gemini => format!("/v1beta/models/{model}:generateContent"),
            Self::Ollama => "/api/chat".into(),
        }
    }

    /// How often an answer names each piece of a kind: once in its delta, and wherever the dialect repeats the whole.
    fn repeats(self, kind: Kind) -> usize {
        match (self, kind) {
            (Self::Responses, Kind::Words) => 5,
            (Self::Responses, Kind::Arguments) => 4,
            _ => 1,
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Words,
    Arguments,
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

impl Answer {
    /// How many pieces of text it has.
    pub fn text_pieces(self) -> usize {
        match self {
            Self::Small => 1,
            Self::Text(pieces) => pieces,
            Self::Agent => AGENT_TEXT,
        }
    }
}

const AGENT_THINKING: usize = 60;
const AGENT_TEXT: usize = 60;
const AGENT_ARGUMENTS: usize = 40;

/// The whole HTTP request.
pub fn call(addr: SocketAddr, dialect: Dialect, model: &str, ask: Ask, answer: Answer) -> Call {
    let stream = answer != Answer::Small;
    let body = request(dialect, model, ask, stream).to_string();
    let request = format!(
        "POST {} HTTP/1.1\r\nhost: {addr}\r\nauthorization: Bearer {CLIENT_KEY}\r\nanthropic-version: 2023-06-01\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        dialect.path(model, stream),
        body.len()
    );
    Call { addr, request: Bytes::from(request), check: Arc::new(check(dialect, answer)) }
}

fn check(dialect: Dialect, answer: Answer) -> Check {
    let end = match (dialect, answer) {
        (_, Answer::Small) => "}",
        (Dialect::Chat, _) => chat::END,
        (Dialect::Messages, _) => messages::END,
        (Dialect::Responses, _) => responses::END,
        (Dialect::Gemini, _) => gemini::END,
        (Dialect::Ollama, _) => ollama::END,
    };
    let (words, arguments) = (dialect.repeats(Kind::Words), dialect.repeats(Kind::Arguments));
    let marks = match answer {
        Answer::Small => vec![("tok.0", 1)],
        Answer::Text(pieces) => vec![("tok.0", words * pieces)],
        Answer::Agent => vec![
            ("thk0", words * AGENT_THINKING),
            ("tok.0", words * AGENT_TEXT),
            ("arg0", arguments * 2 * AGENT_ARGUMENTS),
        ],
    };
    Check { marks, end }
}

/// The same answer in every dialect.
pub fn play(answer: Answer, pace: Pace) -> Play {
    let pieces = match answer {
        Answer::Small => return Play(Dialect::ALL.map(|dialect| Reply::json(&whole(dialect).to_string()))),
        Answer::Text(pieces) => (0..pieces).map(|index| Piece::Text(format!("tok.{index:04} "))).collect(),
        Answer::Agent => agent_pieces(),
    };
    Play(Dialect::ALL.map(|dialect| Reply::stream(media_type(dialect), &events(dialect, &pieces), pace)))
}

fn media_type(dialect: Dialect) -> &'static str {
    if dialect == Dialect::Ollama { "application/x-ndjson" } else { "text/event-stream" }
}

fn whole(dialect: Dialect) -> Value {
    match dialect {
        Dialect::Chat => chat::whole(),
        Dialect::Messages => messages::whole(),
        Dialect::Responses => responses::whole(),
        Dialect::Gemini => gemini::whole(),
        Dialect::Ollama => ollama::whole(),
    }
}

fn events(dialect: Dialect, pieces: &[Piece]) -> Vec<String> {
    match dialect {
        Dialect::Chat => chat::events(pieces),
        Dialect::Messages => messages::events(pieces),
        Dialect::Responses => responses::events(pieces),
        Dialect::Gemini => gemini::events(pieces),
        Dialect::Ollama => ollama::events(pieces),
    }
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

    fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Thinking(text) | Self::Argument(_, text) => text,
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

fn request(dialect: Dialect, model: &str, ask: Ask, stream: bool) -> Value {
    let mut body = match (dialect, ask) {
        (Dialect::Chat, Ask::Small) => chat::small(),
        (Dialect::Chat, Ask::Picture) => chat::picture(&noise(PICTURE)),
        (Dialect::Chat, Ask::Agent) => chat::agent(&Agent::new()),
        (Dialect::Messages, Ask::Small) => messages::small(),
        (Dialect::Messages, Ask::Picture) => messages::picture(&noise(PICTURE)),
        (Dialect::Messages, Ask::Agent) => messages::agent(&Agent::new()),
        (Dialect::Responses, Ask::Small) => responses::small(),
        (Dialect::Responses, Ask::Picture) => responses::picture(&noise(PICTURE)),
        (Dialect::Responses, Ask::Agent) => responses::agent(&Agent::new()),
        (Dialect::Gemini, Ask::Small) => gemini::small(),
        (Dialect::Gemini, Ask::Picture) => gemini::picture(&noise(PICTURE)),
        (Dialect::Gemini, Ask::Agent) => gemini::agent(&Agent::new()),
        (Dialect::Ollama, Ask::Small) => ollama::small(),
        (Dialect::Ollama, Ask::Picture) => ollama::picture(&noise(PICTURE)),
        (Dialect::Ollama, Ask::Agent) => ollama::agent(&Agent::new()),
    };
    // Gemini names the model in the address, and the form of the answer too.
    if dialect != Dialect::Gemini {
        body["model"] = model.into();
    }
    match dialect {
        _ if !stream => body,
        Dialect::Chat => chat::streamed(body),
        Dialect::Messages => messages::streamed(body),
        Dialect::Responses => responses::streamed(body),
        Dialect::Gemini => body,
        Dialect::Ollama => ollama::streamed(body),
    }
}

/// Base64 letters of a picture.
const PICTURE: usize = 1_000_000;

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

/// What a coding agent sends, before any dialect.
struct Agent {
    system: String,
    task: &'static str,
    turns: Vec<Turn>,
    tools: Vec<Tool>,
}

/// The assistant calls a tool, and its result comes back.
struct Turn {
    id: String,
    name: String,
    text: &'static str,
    input: Value,
    result: String,
}

struct Tool {
    name: String,
    description: String,
    schema: Value,
}

const AGENT_TURNS: usize = 12;
const AGENT_TOOLS: usize = 20;

impl Agent {
    fn new() -> Self {
        Self {
            system: source(220),
            task: "Rename the struct and fix its callers — «quickly», please.",
            turns: (0..AGENT_TURNS).map(Turn::new).collect(),
            tools: (0..AGENT_TOOLS).map(Tool::new).collect(),
        }
    }
}

impl Turn {
    fn new(turn: usize) -> Self {
        Self {
            id: format!("toolu_{turn:04}"),
            name: format!("tool_{}", turn % AGENT_TOOLS),
            text: "I look at the next file.",
            input: json!({"path": format!("src/part_{turn}.rs"), "options": {"limit": 120, "recursive": false}}),
            result: source(68),
        }
    }
}

impl Tool {
    fn new(index: usize) -> Self {
        Self {
            name: format!("tool_{index}"),
            description: format!("Tool {index}. Reads or changes files of the working tree. {}", source(6)),
            schema: json!({
                "type": "object",
                "properties": {
                    "path": {"type": "string",
                        "description": "A path relative to the root; never leave the working tree."},
                    "mode": {"type": "string", "enum": ["read", "write", "append", "delete"],
                        "description": "What to do."},
                    "range": {"type": "object",
                        "properties": {"from": {"type": "integer", "minimum": 1}, "to": {"type": "integer"}}},
                    "options": {"type": "object",
                        "properties": {"recursive": {"type": "boolean"}, "limit": {"type": "integer"}},
                        "additionalProperties": false},
                    "lines": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["path"],
            }),
        }
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
    fn every_dialect_passes_its_own_check() {
        for answer in [Answer::Small, Answer::Text(3), Answer::Text(CHUNKS), Answer::Agent] {
            let play = play(answer, Pace::Unpaced);
            for dialect in Dialect::ALL {
                check(dialect, answer).judge(body(play.of(dialect)).as_bytes()).unwrap();
            }
        }
    }

    #[test]
    fn a_missing_piece_and_a_missing_end_fail() {
        let play = play(Answer::Agent, Pace::Unpaced);
        for dialect in Dialect::ALL {
            let check = check(dialect, Answer::Agent);
            let whole = body(play.of(dialect));
            assert!(check.judge(whole.replacen("thk0033", "", 1).as_bytes()).is_err(), "{dialect:?}");
            assert!(check.judge(whole.replace(check.end.trim_end(), "").as_bytes()).is_err(), "{dialect:?}");
        }
    }

    #[test]
    fn agent_requests_are_about_100_kb_and_pictures_a_megabyte() {
        for dialect in Dialect::ALL {
            let agent = request(dialect, "m", Ask::Agent, true).to_string().len();
            assert!((90_000..115_000).contains(&agent), "{agent}");
            let picture = request(dialect, "m", Ask::Picture, false).to_string().len();
            assert!((1_000_000..1_010_000).contains(&picture), "{picture}");
        }
    }

    #[test]
    fn each_path_has_the_mark_of_its_own_dialect_only() {
        for dialect in Dialect::ALL {
            let path = dialect.path("m", true);
            let fits: Vec<_> = Dialect::ALL.into_iter().filter(|other| path.contains(other.mark())).collect();
            assert_eq!(fits, [dialect]);
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
