//! Scripts: what the next answer says, and how it goes wrong.

use std::time::Duration;

use crate::answer::{Answer, Block, Stop, Usage};
use crate::gate::Gate;

/// One scripted answer. Starts from a content, refined by the builder methods.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(crate) content: Content,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) ending: Ending,
    pub(crate) style: Style,
    pub(crate) encoding: Encoding,
    pub(crate) quirk: Option<Quirk>,
    pub(crate) hold: Option<Gate>,
    pub(crate) stall: Option<(usize, Gate)>,
    pub(crate) pace: Option<Duration>,
    /// One pause, after so many events.
    pub(crate) pause: Option<(usize, Duration)>,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Lively,
    Written(Answer),
    Trouble(Trouble),
    /// A provider's error body, sent with status 200.
    TroubleAs200(Trouble),
    Raw {
        status: u16,
        content_type: String,
        body: Vec<u8>,
    },
    /// The lively answer with another content type.
    Mislabelled(String),
}

/// Failures that each provider words in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// 429, with `retry-after` in seconds.
    RateLimited(u64),
    /// Anthropic 529 `overloaded_error`, OpenAI 503.
    Overloaded,
    /// 500.
    Internal,
    /// 401, as for a revoked key.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 400: the prompt does not fit into the context.
    ContextOverflow,
}

/// How a stream (or body) ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Proper,
    ErrorAfter(usize),
    CutAfter(usize),
    EndAfter(usize),
    Twice,
    Garbage,
}

/// How the SSE frames are spelled. Everything but `Plain` is legal and rare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `data: x`, LF.
    Plain,
    /// CRLF line ends.
    Crlf,
    /// `data:x`.
    NoSpace,
    /// Comment lines between and inside the events.
    Comments,
    /// A byte order mark before the first line.
    Bom,
    /// Every byte is a write (and a chunk) of its own.
    EveryByte,
    /// One event's JSON spread over several `data:` lines.
    MultiLine,
}

/// Content encodings that a careless upstream applies unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// None.
    Identity,
    /// `gzip`
    Gzip,
    /// `br`
    Brotli,
    /// `zstd`
    Zstd,
}

/// Habits of real upstreams that stretch the grammar. Where one has no meaning in a dialect it changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    /// OpenAI: cumulative usage on every chunk.
    UsageOnEveryChunk,
    /// OpenAI: a usage chunk after the finish, asked for or not. Anthropic: zero counts in `message_start`.
    LateUsage,
    /// OpenAI: usage inside the finish chunk. Anthropic: as without.
    UsageWithFinish,
    /// OpenAI: chunks with `choices: []` in between. Anthropic: a ping after every event.
    Heartbeats,
    /// OpenAI: tool call deltas without `index`.
    MissingIndex,
    /// OpenAI: each tool call whole, in one chunk.
    WholeCalls,
    /// OpenAI: `role` on every delta, id and name repeated on every tool delta.
    Repetitive,
}

impl Reply {
    /// The fake's own answer to whatever was asked: the base for faults in delivery.
    #[must_use]
    pub fn lively() -> Self {
        Self::of(Content::Lively)
    }

    /// One text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::blocks(vec![Block::Text(text.into())], Stop::End)
    }

    /// Thinking, then text.
    #[must_use]
    pub fn thinking(thought: impl Into<String>, text: impl Into<String>) -> Self {
        let thought = Block::Thinking { text: thought.into(), hidden: false };
        Self::blocks(vec![thought, Block::Text(text.into())], Stop::End)
    }

    /// Tool calls as (id, name, JSON arguments). An empty id lets the fake mint one.
    #[must_use]
    pub fn tool_calls(calls: &[(&str, &str, &str)]) -> Self {
        let call = |(id, name, arguments): &(&str, &str, &str)| Block::Tool {
            id: (*id).to_owned(),
            name: (*name).to_owned(),
            arguments: (*arguments).to_owned(),
        };
        Self::blocks(calls.iter().map(call).collect(), Stop::Tools)
    }

    /// A text that the provider's filter cut off.
    #[must_use]
    pub fn refusal(text: impl Into<String>) -> Self {
        Self::blocks(vec![Block::Text(text.into())], Stop::Refusal)
    }

    /// `count` one-word deltas.
    #[must_use]
    pub fn tiny_chunks(count: usize) -> Self {
        Self::text("x ".repeat(count))
    }

    /// One delta of `bytes` bytes on a single line.
    #[must_use]
    pub fn long_line(bytes: usize) -> Self {
        let mut reply = Self::text("y".repeat(bytes));
        if let Content::Written(answer) = &mut reply.content {
            answer.whole = true;
        }
        reply
    }

    /// A failure in the provider's own words.
    #[must_use]
    pub fn trouble(trouble: Trouble) -> Self {
        Self::of(Content::Trouble(trouble))
    }

    /// The provider's error body under status 200.
    #[must_use]
    pub fn trouble_as_200(trouble: Trouble) -> Self {
        Self::of(Content::TroubleAs200(trouble))
    }

    /// Any status, type and body.
    #[must_use]
    pub fn raw(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::of(Content::Raw { status, content_type: content_type.to_owned(), body: body.into() })
    }

    /// A page as a proxy in between would send it.
    #[must_use]
    pub fn html(status: u16) -> Self {
        Self::raw(status, "text/html", "<html><body><h1>Bad Gateway</h1></body></html>")
    }

    /// The right answer under the wrong content type.
    #[must_use]
    pub fn mislabelled(content_type: &str) -> Self {
        Self::of(Content::Mislabelled(content_type.to_owned()))
    }

    /// Adds a response header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The provider's error event takes the place of event `n` and all after it.
    #[must_use]
    pub fn error_after(mut self, n: usize) -> Self {
        self.ending = Ending::ErrorAfter(n);
        self
    }

    /// The connection closes after `n` events, without the final chunk of HTTP/1.1.
    #[must_use]
    pub fn cut_after(mut self, n: usize) -> Self {
        self.ending = Ending::CutAfter(n);
        self
    }

    /// The body ends cleanly after `n` events: no terminator of the dialect. A body in one piece loses its second half,
    /// or all of it when `n` is 0.
    #[must_use]
    pub fn end_after(mut self, n: usize) -> Self {
        self.ending = Ending::EndAfter(n);
        self
    }

    /// The dialect's last event comes twice.
    #[must_use]
    pub fn terminated_twice(mut self) -> Self {
        self.ending = Ending::Twice;
        self
    }

    /// More content after the dialect's last event, with the text `GHOST` in it.
    #[must_use]
    pub fn garbage_after_end(mut self) -> Self {
        self.ending = Ending::Garbage;
        self
    }

    /// Spells the frames in another style.
    #[must_use]
    pub fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    /// Encodes the body, and says so.
    #[must_use]
    pub fn encoded(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// Adds a vendor's habit.
    #[must_use]
    pub fn quirk(mut self, quirk: Quirk) -> Self {
        self.quirk = Some(quirk);
        self
    }

    /// No headers before the gate opens.
    #[must_use]
    pub fn hold(mut self, gate: &Gate) -> Self {
        self.hold = Some(gate.clone());
        self
    }

    /// Nothing more after `n` events, until the gate opens.
    #[must_use]
    pub fn stall_after(mut self, n: usize, gate: &Gate) -> Self {
        self.stall = Some((n, gate.clone()));
        self
    }

    /// Time between events: for suites in other languages that have no gate to open.
    #[must_use]
    pub fn pace(mut self, pause: Duration) -> Self {
        self.pace = Some(pause);
        self
    }

    /// Pauses once, after `events` events.
    #[must_use]
    pub fn pause_after(mut self, events: usize, pause: Duration) -> Self {
        self.pause = Some((events, pause));
        self
    }

    fn blocks(blocks: Vec<Block>, stop: Stop) -> Self {
        Self::of(Content::Written(Answer { blocks, stop, usage: Usage::default(), whole: false }))
    }

    fn of(content: Content) -> Self {
        Self {
            content,
            headers: Vec::new(),
            ending: Ending::Proper,
            style: Style::Plain,
            encoding: Encoding::Identity,
            quirk: None,
            hold: None,
            stall: None,
            pace: None,
            pause: None,
        }
    }
}
