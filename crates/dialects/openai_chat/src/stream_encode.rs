//! Writes chunks for Chat clients.
//!
//! The grammar: one role chunk, deltas, an annotation chunk where sources were given, a
//! finish chunk, a usage chunk if the client asked, `[DONE]`. Calls may interleave here as they do in the hub. Texts
//! may not, for all texts of an answer are one `content`: a later one waits until the one before is complete. Held
//! back are also pictures, which have no pieces, and sources, whose place is known when their text ends.

use bytes::BytesMut;
use dialect::openai::tier;
use dialect::{Object, Reply, StreamEncoder, array, escape, mint, quoted, write_tokens};
use hub::{Block, BlockId, CallKind, Citation, Event, Fault, Others, Sampling, Seal, Stop, StopReason, Token, Usage};

use crate::response::{annotation, call_id, data_url, finish_reason};
use crate::{fault, sound, usage};

/// The state of one stream.
#[derive(Debug)]
pub(crate) struct Encoder {
    reply: Reply,
    /// Which of several answers this is.
    answer: u32,
    /// The other answers.
    others: Others<Self>,
    /// Everything in a chunk up to and including the opening brace of `delta`.
    head: Vec<u8>,
    /// How much of it comes before the choice.
    bare: usize,
    /// Everything after the delta's fields.
    foot: &'static [u8],
    blocks: Vec<(BlockId, Open)>,
    /// How many calls were opened.
    calls: u32,
    usage: Usage,
    /// Characters of visible text so far.
    written: u64,
    /// Citations on the web and the texts that they support.
    sources: Vec<(BlockId, Citation)>,
    /// Texts that are complete, and where they lie in all that is visible.
    said: Vec<(BlockId, (u64, u64))>,
}

/// What an open block needs.
#[derive(Debug)]
enum Open {
    Prose(Prose),
    Call {
        index: u32,
        kind: CallKind,
        empty: bool,
    },
    Image {
        media_type: String,
        data: String,
    },
    Sound,
    /// Nothing of it is written.
    Hidden,
}

/// A text under one of the message's fields. The first open one of a field speaks; the others wait.
#[derive(Debug)]
struct Prose {
    /// `content`, `reasoning_content` or `refusal`.
    field: &'static str,
    waiting: String,
    /// The tokens of what it says next.
    tokens: Vec<Token>,
    /// Where its text begins in the visible text, once it speaks.
    from: Option<u64>,
    closed: bool,
}

impl Encoder {
    pub(crate) fn new(reply: Reply) -> Self {
        Self { others: Others::of(Sampling::MAX_ANSWERS), ..Self::of(0, reply) }
    }

    /// The encoder of one of several answers.
    fn of(answer: u32, reply: Reply) -> Self {
        let id = mint("chatcmpl-", reply.seed, 0);
        let mut head = BytesMut::with_capacity(160);
        head.extend_from_slice(b"data: ");
        let mut chunk = Object::open(&mut head);
        chunk.text("id", &id);
        chunk.text("object", "chat.completion.chunk");
        chunk.number("created", reply.created);
        chunk.text("model", &reply.model);
        chunk.raw("choices", "[");
        let bare = head.len();
        Object::open(&mut head).number("index", answer);
        head.extend_from_slice(b",\"delta\":{");
        // Clients that ask for usage get the field in every chunk, as OpenAI does it.
        let foot: &[u8] = if reply.usage_frame {
            b"},\"finish_reason\":null}],\"usage\":null}\n\n"
        } else {
            b"},\"finish_reason\":null}]}\n\n"
        };
        Self {
            reply,
            answer,
            others: Others::default(),
            head: head.to_vec(),
            bare,
            foot,
            blocks: Vec::with_capacity(4),
            calls: 0,
            usage: Usage::default(),
            written: 0,
            sources: Vec::new(),
            said: Vec::new(),
        }
    }

    /// Writes a chunk whose delta holds the fields that `fields` writes.
    fn chunk(&self, out: &mut BytesMut, fields: impl FnOnce(&mut BytesMut)) {
        out.extend_from_slice(&self.head);
        fields(out);
        out.extend_from_slice(self.foot);
    }

    /// Writes a chunk whose delta is one text, beside it the tokens of which it is made.
    fn text_chunk(&self, field: &str, text: &str, tokens: &[Token], out: &mut BytesMut) {
        self.chunk(out, |out| {
            out.extend_from_slice(b"\"");
            out.extend_from_slice(field.as_bytes());
            out.extend_from_slice(b"\":");
            quoted(text, out);
            if !tokens.is_empty() {
                // The list stands beside the delta, whose end the chunk writes: `refusal` is the last field of its own.
                out.extend_from_slice(b"},\"logprobs\":{\"content\":");
                write_tokens(tokens, out);
                out.extend_from_slice(b",\"refusal\":null");
            }
        });
    }

    fn open(&mut self, block: BlockId, kind: &Block, out: &mut BytesMut) {
        let open = match kind {
            Block::Text => prose("content", String::new()),
            Block::Refusal => prose("refusal", String::new()),
            Block::Thinking => prose("reasoning_content", String::new()),
            Block::Foreign(foreign) => prose("content", foreign.gist.clone().unwrap_or_default()),
            Block::ToolCall { id, name, kind } => self.open_call(id, name, *kind, out),
            Block::Image { media_type } => Open::Image { media_type: media_type.clone(), data: String::new() },
            Block::Audio { .. } => self.open_sound(out),
            Block::Redacted => Open::Hidden,
        };
        self.blocks.push((block, open));
        if matches!(kind, Block::Foreign(_)) {
            self.speak("content", out);
        }
    }

    fn open_sound(&self, out: &mut BytesMut) -> Open {
        let id = sound::id(&self.reply);
        self.chunk(out, |out| {
            sound::write_delta(out, |audio| {
                audio.text("id", &id);
                audio.text("transcript", "");
            });
        });
        Open::Sound
    }

    fn open_call(&mut self, id: &str, name: &str, kind: CallKind, out: &mut BytesMut) -> Open {
        let index = self.calls;
        self.calls += 1;
        if self.reply.legacy_tools {
            return self.open_legacy(index, name, kind, out);
        }
        let minted = if id.is_empty() { call_id(&self.reply, self.answer, index + 1) } else { id.to_owned() };
        self.chunk(out, |out| {
            out.extend_from_slice(b"\"tool_calls\":[");
            let mut call = Object::open(out);
            call.number("index", index);
            call.text("id", &minted);
            let (word, field) = call_words(kind);
            call.text("type", word);
            let mut inner = Object::open(call.key(word));
            inner.text("name", name);
            inner.text(field, "");
            inner.close();
            call.close();
            out.extend_from_slice(b"]");
        });
        Open::Call { index, kind, empty: true }
    }

    /// The legacy form has room for one call.
    fn open_legacy(&self, index: u32, name: &str, kind: CallKind, out: &mut BytesMut) -> Open {
        if index > 0 {
            return Open::Hidden;
        }
        self.chunk(out, |out| {
            out.extend_from_slice(b"\"function_call\":");
            let mut call = Object::open(out);
            call.text("name", name);
            call.text("arguments", "");
            call.close();
        });
        Open::Call { index, kind, empty: true }
    }

    fn delta(&mut self, block: BlockId, text: &str, out: &mut BytesMut) {
        let Some(at) = self.place(block).filter(|_| !text.is_empty()) else { return };
        let speaks = self.speaks(at);
        match &mut self.blocks[at].1 {
            Open::Prose(prose) if speaks => {
                prose.from.get_or_insert(self.written);
                let (field, tokens) = (prose.field, std::mem::take(&mut prose.tokens));
                self.say(field, text, &tokens, out);
            }
            Open::Prose(prose) => prose.waiting.push_str(text),
            Open::Image { data, .. } => data.push_str(text),
            Open::Call { index, kind, empty } => {
                *empty = false;
                let (index, kind) = (*index, *kind);
                self.arguments(index, kind, text, out);
            }
            Open::Sound => self.chunk(out, |out| sound::write_delta(out, |audio| audio.text("data", text))),
            Open::Hidden => (),
        }
    }

    /// Keeps the tokens of what a text says next.
    fn log(&mut self, block: BlockId, tokens: &[Token]) {
        let Some(at) = self.place(block) else { return };
        if let Open::Prose(prose) = &mut self.blocks[at].1
            && prose.field == "content"
        {
            prose.tokens.extend_from_slice(tokens);
        }
    }

    fn place(&self, block: BlockId) -> Option<usize> {
        self.blocks.iter().position(|(known, _)| *known == block)
    }

    /// Whether no text of the same field was opened before and is open still.
    fn speaks(&self, at: usize) -> bool {
        let field = |open: &Open| match open {
            Open::Prose(prose) => Some(prose.field),
            Open::Call { .. } | Open::Image { .. } | Open::Sound | Open::Hidden => None,
        };
        let own = field(&self.blocks[at].1);
        !self.blocks[..at].iter().any(|(_, open)| own.is_some() && field(open) == own)
    }

    fn say(&mut self, field: &str, text: &str, tokens: &[Token], out: &mut BytesMut) {
        if text.is_empty() && tokens.is_empty() {
            return;
        }
        if field == "content" {
            self.written += text.chars().count() as u64;
        }
        self.text_chunk(field, text, tokens, out);
    }

    /// Lets the first text of a field say what it holds, and the next ones if it is complete.
    fn speak(&mut self, field: &'static str, out: &mut BytesMut) {
        while let Some(at) =
            self.blocks.iter().position(|(_, open)| matches!(open, Open::Prose(prose) if prose.field == field))
        {
            let (block, Open::Prose(prose)) = &mut self.blocks[at] else { return };
            let (block, closed) = (*block, prose.closed);
            let from = *prose.from.get_or_insert(self.written);
            let (waiting, tokens) = (std::mem::take(&mut prose.waiting), std::mem::take(&mut prose.tokens));
            self.say(field, &waiting, &tokens, out);
            if !closed {
                return;
            }
            self.annotate(block, from, out);
            self.blocks.remove(at);
        }
    }

    fn arguments(&self, index: u32, kind: CallKind, text: &str, out: &mut BytesMut) {
        let (word, field) = call_words(kind);
        self.chunk(out, |out| {
            if self.reply.legacy_tools {
                out.extend_from_slice(b"\"function_call\":{\"arguments\":\"");
                escape(text, out);
                out.extend_from_slice(b"\"}");
                return;
            }
            out.extend_from_slice(b"\"tool_calls\":[");
            let mut call = Object::open(out);
            call.number("index", index);
            let mut inner = Object::open(call.key(word));
            inner.text(field, text);
            inner.close();
            call.close();
            out.extend_from_slice(b"]");
        });
    }

    fn close(&mut self, block: BlockId, out: &mut BytesMut) {
        let Some(at) = self.place(block) else { return };
        if let Open::Prose(prose) = &mut self.blocks[at].1 {
            prose.closed = true;
            let field = prose.field;
            return self.speak(field, out);
        }
        match self.blocks.remove(at).1 {
            // Joined arguments must be JSON: a call without any takes an empty object.
            Open::Call { index, kind: CallKind::Function, empty: true } => {
                self.arguments(index, CallKind::Function, "{}", out);
            }
            Open::Image { media_type, data } => self.image(&media_type, &data, out),
            Open::Sound => {
                let created = self.reply.created;
                self.chunk(out, |out| sound::write_delta(out, |audio| audio.number("expires_at", created)));
            }
            Open::Prose(_) | Open::Call { .. } | Open::Hidden => (),
        }
    }

    /// Writes the sources of a text that is complete.
    fn annotate(&mut self, block: BlockId, from: u64, out: &mut BytesMut) {
        let span = (from, self.written);
        self.said.push((block, span));
        let cited: Vec<Citation> =
            self.sources.extract_if(.., |(of, _)| *of == block).map(|(_, cited)| cited).collect();
        if !cited.is_empty() {
            self.annotations(&cited, span, out);
        }
    }

    /// A source waits for the end of its text, or stands alone when that is over.
    fn cite(&mut self, block: BlockId, citation: &Citation, out: &mut BytesMut) {
        match self.said.iter().find(|(known, _)| *known == block) {
            Some((_, span)) => self.annotations(std::slice::from_ref(citation), *span, out),
            None => self.sources.push((block, citation.clone())),
        }
    }

    fn annotations(&self, cited: &[Citation], span: (u64, u64), out: &mut BytesMut) {
        self.chunk(out, |out| {
            out.extend_from_slice(b"\"annotations\":");
            array(cited, out, |citation, out| annotation(citation, span, out));
        });
    }

    fn image(&self, media_type: &str, data: &str, out: &mut BytesMut) {
        self.chunk(out, |out| {
            out.extend_from_slice(b"\"images\":[");
            data_url(media_type, data, out);
            out.extend_from_slice(b"]");
        });
    }

    fn seal(&self, block: BlockId, seal: &Seal, out: &mut BytesMut) {
        let open = self.blocks.iter().find(|(known, _)| *known == block).map(|(_, open)| open);
        match (open, seal.vendor.as_ref()) {
            (Some(Open::Call { index, .. }), "gemini") if !self.reply.legacy_tools => self.chunk(out, |out| {
                out.extend_from_slice(b"\"tool_calls\":[");
                let mut call = Object::open(out);
                call.number("index", *index);
                // Clients read `function` of every delta of a call without asking whether it is there.
                let mut function = Object::open(call.key("function"));
                function.text("arguments", "");
                function.close();
                crate::response::extra_content(&mut call, seal);
                call.close();
                out.extend_from_slice(b"]");
            }),
            (Some(Open::Prose(_)), vendor) if vendor == crate::ID.0 => self.chunk(out, |out| {
                out.extend_from_slice(b"\"reasoning_details\":");
                // A frame is one line; line ends in JSON text are white space between its tokens.
                out.extend(seal.data.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
            }),
            _ => (),
        }
    }

    fn stop(&mut self, stop: &Stop, out: &mut BytesMut) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b"},\"finish_reason\":\"");
        out.extend_from_slice(finish_reason(calls_win(stop.reason, self.calls > 0), &self.reply).as_bytes());
        out.extend_from_slice(b"\"}]");
        self.tier(out);
        out.extend_from_slice(if self.reply.usage_frame { b",\"usage\":null}\n\n" } else { b"}\n\n" });
        // Unknown is not zero: without figures there is no usage chunk. Other answers have none.
        if self.reply.usage_frame && !self.usage.is_unknown() {
            out.extend_from_slice(&self.head[..self.bare]);
            out.extend_from_slice(b"]");
            self.tier(out);
            out.extend_from_slice(b",\"usage\":");
            usage::write(&self.usage, out);
            out.extend_from_slice(b"}\n\n");
        }
    }
}

impl Encoder {
    fn other(&mut self, answer: u32, event: &Event, out: &mut BytesMut) {
        let reply = &self.reply;
        let make = || {
            let other = Self::of(answer, reply.clone());
            other.begin(out);
            other
        };
        if let Some(other) = self.others.at(answer, make) {
            other.push(event, out);
        }
    }

    fn begin(&self, out: &mut BytesMut) {
        self.chunk(out, |out| out.extend_from_slice(b"\"role\":\"assistant\",\"content\":\"\""));
    }

    /// Writes the tier that was used, once it is known.
    fn tier(&self, out: &mut BytesMut) {
        if let Some(word) = self.usage.tier.and_then(tier::word) {
            out.extend_from_slice(b",\"service_tier\":\"");
            out.extend_from_slice(word.as_bytes());
            out.extend_from_slice(b"\"");
        }
    }
}

fn prose(field: &'static str, waiting: String) -> Open {
    Open::Prose(Prose { field, waiting, tokens: Vec::new(), from: None, closed: false })
}

/// What the client must be told: programs act on calls only when the reason says so, and wait forever for missing ones.
pub(crate) fn calls_win(reason: StopReason, any: bool) -> StopReason {
    match (reason, any) {
        (StopReason::End | StopReason::StopSequence, true) => StopReason::ToolCalls,
        (StopReason::ToolCalls, false) => StopReason::End,
        (reason, _) => reason,
    }
}

/// The type of a call and the field that holds its arguments.
pub(crate) fn call_words(kind: CallKind) -> (&'static str, &'static str) {
    match kind {
        CallKind::Function => ("function", "arguments"),
        CallKind::Custom => ("custom", "input"),
    }
}

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Start { .. } => self.begin(out),
            Event::Open { block, kind } => self.open(*block, kind, out),
            Event::Tokens { block, tokens } => self.log(*block, tokens),
            Event::Delta { block, text } => self.delta(*block, text, out),
            Event::Seal { block, seal } => self.seal(*block, seal, out),
            Event::Cite { block, citation } if citation.url.is_some() => self.cite(*block, citation, out),
            // Other sources have no form here.
            Event::Cite { .. } => (),
            Event::Close { block } => self.close(*block, out),
            Event::Usage(usage) => self.usage.update(usage),
            Event::Aside { answer, event } => self.other(*answer, event, out),
            Event::Stop(stop) => self.stop(stop, out),
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        fault::tail(fault, out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn keep_alive(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(b": keep-alive\n\n");
    }
}
