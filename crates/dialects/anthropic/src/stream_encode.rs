//! Writes a client's stream: one block at a time, indexes without gaps, nothing after the end.
//!
//! The hub lets blocks interleave, this dialect does not: while one block is open, what comes for later ones waits.
//! A block begins with its first content, so empty ones never show; a call begins with its first piece, so that a
//! proof which follows its opening can still stand before it.

use bytes::BytesMut;
use dialect::{Reply, StreamEncoder, carrier, mint, wrap_custom_input};
use hub::{Block as Kind, BlockId, CallKind, Citation, Event, Fault, Seal, Stop, Trace, Usage};

use crate::json::Open;
use crate::names::ID;
use crate::response::message_id;
use crate::{fault, response, seals, traces, usage};

/// The encoder of one stream.
#[derive(Debug)]
pub(crate) struct Encoder {
    reply: Reply,
    /// The upstream's id, until the head is written.
    head: Option<String>,
    started: bool,
    usage: Usage,
    /// The index of the next block.
    next: u64,
    current: Option<Current>,
    waiting: Vec<Waiting>,
    calls: u32,
    /// Foreign proofs on empty thoughts, until another block begins: see [`seals::is_bare`]. Behind the last words there
    /// is no place for them, and what was said cannot be taken back: they are left out.
    proofs: Vec<Seal>,
    /// Words have been written.
    said: bool,
    stopped: bool,
}

/// The block that is open towards the client, or about to be.
#[derive(Debug)]
struct Current {
    block: BlockId,
    kind: Kind,
    index: u64,
    begun: bool,
    /// A thinking block's proof, written last; free text of a call, written whole.
    seal: Option<Seal>,
    held: String,
}

/// A later block, and what has come for it.
#[derive(Debug)]
struct Waiting {
    block: BlockId,
    kind: Kind,
    events: Vec<Event>,
}

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, out: &mut BytesMut) {
        if self.stopped {
            return;
        }
        match event {
            Event::Start { id, .. } => self.head = Some(id.clone()),
            Event::Usage(counts) => self.usage.update(counts),
            Event::Open { block, kind } => self.open(*block, kind, out),
            Event::Delta { block, .. }
            | Event::Seal { block, .. }
            | Event::Cite { block, .. }
            | Event::Close { block } => {
                self.pass(*block, event, out);
            }
            // Nobody asks this dialect how likely its words were, or for several answers.
            Event::Tokens { .. } | Event::Aside { .. } => (),
            Event::Stop(stop) => self.stop(stop, out),
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        self.stopped = true;
        frame("error", out, |object| fault::write(fault, object));
    }

    fn end(&mut self, out: &mut BytesMut) {
        if std::mem::take(&mut self.started) && self.stopped {
            frame("message_stop", out, |_| ());
        }
    }

    fn keep_alive(&mut self, out: &mut BytesMut) {
        // Before the head a ping would be the first event, which clients do not expect.
        if self.started {
            frame("ping", out, |_| ());
        } else {
            out.extend_from_slice(b": keep-alive\n\n");
        }
    }
}

impl Encoder {
    pub(crate) fn new(reply: Reply) -> Self {
        Self {
            reply,
            head: None,
            started: false,
            usage: Usage::default(),
            next: 0,
            current: None,
            waiting: Vec::new(),
            calls: 0,
            proofs: Vec::new(),
            said: false,
            stopped: false,
        }
    }

    /// Writes the head before the first event that needs it, with the counts that are known by then.
    fn start(&mut self, out: &mut BytesMut) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let id = message_id(&self.head.take().unwrap_or_default(), &self.reply);
        frame("message_start", out, |object| {
            let mut message = Open::object(object.key("message"));
            message.text("id", &id);
            message.raw("type", "\"message\"");
            message.raw("role", "\"assistant\"");
            message.text("model", &self.reply.model);
            message.raw("content", "[]");
            message.raw("stop_reason", "null");
            message.raw("stop_sequence", "null");
            let mut counts = Open::object(message.key("usage"));
            usage::encode(&self.usage, &mut counts);
            counts.end();
            message.end();
        });
    }

    fn open(&mut self, block: BlockId, kind: &Kind, out: &mut BytesMut) {
        self.start(out);
        if self.current.is_some() {
            self.waiting.push(Waiting { block, kind: kind.clone(), events: Vec::new() });
        } else {
            self.current = Some(Current::new(block, kind.clone()));
        }
    }

    /// Gives an event to its block: written when the block is the current one, kept otherwise.
    fn pass(&mut self, block: BlockId, event: &Event, out: &mut BytesMut) {
        if self.current.as_ref().is_some_and(|current| current.block == block) {
            self.play(event, out);
            if matches!(event, Event::Close { .. }) {
                self.advance(out);
            }
        } else if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.block == block) {
            waiting.keep(event);
        } else if matches!(event, Event::Cite { .. }) {
            // The text is closed, and a source without a place is a source still: that which is open takes it.
            self.play(event, out);
        }
    }

    /// The current block is done: the next in line becomes current, and those that are complete go out whole.
    fn advance(&mut self, out: &mut BytesMut) {
        while self.current.is_none() && !self.waiting.is_empty() {
            let Waiting { block, kind, events } = self.waiting.remove(0);
            self.current = Some(Current::new(block, kind));
            for event in &events {
                self.play(event, out);
            }
        }
    }

    fn play(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Delta { text, .. } if !text.is_empty() => self.delta(text, out),
            Event::Seal { seal, .. } => self.seal(seal, out),
            Event::Cite { citation, .. } => self.cite(citation, out),
            Event::Close { .. } => self.close(out),
            Event::Delta { .. }
            | Event::Tokens { .. }
            | Event::Start { .. }
            | Event::Open { .. }
            | Event::Usage(_)
            | Event::Aside { .. }
            | Event::Stop(_) => (),
        }
    }

    fn delta(&mut self, text: &str, out: &mut BytesMut) {
        let Some(kind) = self.current.as_ref().map(|current| Form::of(&current.kind)) else { return };
        let (delta, field) = match kind {
            Form::Text => ("text_delta", "text"),
            Form::Thinking => ("thinking_delta", "thinking"),
            Form::Call => ("input_json_delta", "partial_json"),
            Form::HeldCall => {
                if let Some(current) = &mut self.current {
                    current.held.push_str(text);
                }
                return;
            }
            Form::Whole => return,
        };
        self.write_delta(delta, field, text, out);
    }

    fn write_delta(&mut self, kind: &str, field: &str, text: &str, out: &mut BytesMut) {
        let Some(index) = self.begin(out) else { return };
        delta_frame(index, out, |delta| {
            delta.text("type", kind);
            delta.text(field, text);
        });
    }

    fn seal(&mut self, seal: &Seal, out: &mut BytesMut) {
        let Some(current) = &mut self.current else { return };
        match &current.kind {
            // A call's proof stands before it, or after it when it has begun.
            Kind::ToolCall { name, .. } if !current.begun && !name.is_empty() => {
                self.carrier(&carrier::before_its_call(seal), out);
            }
            Kind::Thinking | Kind::Redacted | Kind::ToolCall { .. } => current.seal = Some(seal.clone()),
            Kind::Text | Kind::Refusal | Kind::Image { .. } | Kind::Audio { .. } | Kind::Foreign(_) => (),
        }
    }

    /// An empty thinking block that carries a proof.
    fn carrier(&mut self, signature: &str, out: &mut BytesMut) {
        let index = self.take_index(out);
        begin_frame(index, out, thinking_head);
        signature_frame(index, signature, out);
        stop_frame(index, out);
    }

    fn cite(&mut self, citation: &Citation, out: &mut BytesMut) {
        if !self.current.as_ref().is_some_and(|current| matches!(current.kind, Kind::Text)) {
            return;
        }
        let mut source = BytesMut::new();
        let mut list = Open::array(&mut source);
        response::write_citation(citation, &mut list);
        list.end();
        let source = &source[1..source.len() - 1];
        if source.is_empty() {
            return;
        }
        let Some(index) = self.begin(out) else { return };
        delta_frame(index, out, |delta| {
            delta.raw("type", "\"citations_delta\"");
            one_line(source, delta.key("citation"));
        });
    }

    /// Begins the current block if it has not begun. Gives its index; `None` for a call without a name.
    fn begin(&mut self, out: &mut BytesMut) -> Option<u64> {
        let current = self.current.as_ref()?;
        if current.begun {
            return Some(current.index);
        }
        if matches!(&current.kind, Kind::ToolCall { name, .. } if name.is_empty()) {
            return None;
        }
        let index = self.take_index(out);
        let minted = match &self.current.as_ref()?.kind {
            Kind::ToolCall { .. } => {
                self.calls += 1;
                mint("toolu_", self.reply.seed, self.calls)
            }
            _ => String::new(),
        };
        let current = self.current.as_mut()?;
        self.said |= !matches!(current.kind, Kind::Thinking | Kind::ToolCall { .. });
        current.begun = true;
        current.index = index;
        begin_frame(index, out, |block| head(&current.kind, &minted, block));
        Some(index)
    }

    /// The index of a block that begins now. What waited for one goes out first.
    fn take_index(&mut self, out: &mut BytesMut) -> u64 {
        self.write_proofs(out);
        let index = self.next;
        self.next += 1;
        index
    }

    fn write_proofs(&mut self, out: &mut BytesMut) {
        for seal in std::mem::take(&mut self.proofs) {
            self.carrier(&seals::write(&seal), out);
        }
    }

    fn close(&mut self, out: &mut BytesMut) {
        let Some(current) = &mut self.current else { return };
        let seal = current.seal.take();
        let held = std::mem::take(&mut current.held);
        let begun = current.begun;
        match (&current.kind, &seal) {
            (Kind::Thinking, Some(seal)) if !begun && seals::is_foreign(seal) => self.proofs.push(seal.clone()),
            (Kind::Thinking, Some(seal)) => {
                if let Some(index) = self.begin(out) {
                    signature_frame(index, &seals::write(seal), out);
                }
            }
            (Kind::Redacted, Some(seal)) => self.whole(out, |block| {
                block.raw("type", "\"redacted_thinking\"");
                block.text("data", &seals::write(seal));
            }),
            (Kind::ToolCall { kind: CallKind::Custom, .. }, _) => {
                self.write_delta("input_json_delta", "partial_json", &wrap_custom_input(&held), out);
            }
            (Kind::ToolCall { .. }, _) => {
                self.begin(out);
            }
            (Kind::Image { .. }, _) => self.write_delta("text_delta", "text", response::PICTURE_NOTE, out),
            (Kind::Audio { .. }, _) => self.write_delta("text_delta", "text", response::SOUND_NOTE, out),
            (Kind::Foreign(_), _) => self.foreign(out),
            (Kind::Text | Kind::Refusal | Kind::Thinking | Kind::Redacted, _) => (),
        }
        let Some(current) = self.current.take().filter(|current| current.begun) else { return };
        stop_frame(current.index, out);
        if let (Kind::ToolCall { .. }, Some(seal)) = (&current.kind, &seal) {
            self.carrier(&carrier::behind_its_call(seal), out);
        }
    }

    /// Begins the current block with all that it holds.
    fn whole(&mut self, out: &mut BytesMut, write: impl FnOnce(&mut Open<'_>)) {
        let index = self.take_index(out);
        if let Some(current) = &mut self.current {
            current.begun = true;
            current.index = index;
        }
        begin_frame(index, out, write);
    }

    fn foreign(&mut self, out: &mut BytesMut) {
        let Some(Current { kind: Kind::Foreign(foreign), .. }) = &self.current else { return };
        if foreign.origin != ID {
            if let Some(trace) = foreign.trace.clone() {
                return self.trace(&trace, out);
            }
            let gist = foreign.gist.clone().unwrap_or_default();
            if !gist.is_empty() {
                self.write_delta("text_delta", "text", &gist, out);
            }
            return;
        }
        let json = foreign.json.clone();
        let index = self.take_index(out);
        if let Some(current) = &mut self.current {
            current.begun = true;
            current.index = index;
        }
        frame("content_block_start", out, |object| {
            object.count("index", index);
            one_line(json.as_str().as_bytes(), object.key("content_block"));
        });
    }

    /// What another vendor ran: two blocks, whole.
    fn trace(&mut self, trace: &Trace, out: &mut BytesMut) {
        let number = self.current.as_ref().map_or(0, |current| current.block.0).saturating_add(1);
        for block in traces::blocks(trace, &self.reply, number) {
            let index = self.take_index(out);
            frame("content_block_start", out, |object| {
                object.count("index", index);
                block.write("{}", object.key("content_block"));
            });
            if let Some(input) = block.input() {
                delta_frame(index, out, |delta| {
                    delta.raw("type", "\"input_json_delta\"");
                    delta.text("partial_json", &input);
                });
            }
            stop_frame(index, out);
        }
    }

    fn stop(&mut self, stop: &Stop, out: &mut BytesMut) {
        self.start(out);
        // A legal sequence has closed every block; one that has not must still end whole.
        while self.current.is_some() {
            self.close(out);
            self.advance(out);
        }
        if self.calls > 0 || !self.said {
            self.write_proofs(out);
        }
        self.stopped = true;
        let has_calls = self.calls > 0;
        frame("message_delta", out, |object| {
            let mut delta = Open::object(object.key("delta"));
            usage::encode_stop(stop, has_calls, &mut delta);
            delta.end();
            let mut counts = Open::object(object.key("usage"));
            usage::encode(&self.usage, &mut counts);
            counts.end();
        });
    }
}

impl Current {
    fn new(block: BlockId, kind: Kind) -> Self {
        Self { block, kind, index: 0, begun: false, seal: None, held: String::new() }
    }
}

impl Waiting {
    /// Keeps an event; pieces of text join the piece before them.
    fn keep(&mut self, event: &Event) {
        if let (Some(Event::Delta { text: before, .. }), Event::Delta { text, .. }) = (self.events.last_mut(), event) {
            before.push_str(text);
        } else {
            self.events.push(event.clone());
        }
    }
}

/// How the pieces of a block are written.
enum Form {
    Text,
    Thinking,
    Call,
    /// Free text must be wrapped, which needs its end.
    HeldCall,
    /// Nothing is written before the end.
    Whole,
}

impl Form {
    fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Text | Kind::Refusal => Self::Text,
            Kind::Thinking => Self::Thinking,
            Kind::ToolCall { kind: CallKind::Custom, .. } => Self::HeldCall,
            Kind::ToolCall { .. } => Self::Call,
            Kind::Redacted | Kind::Image { .. } | Kind::Audio { .. } | Kind::Foreign(_) => Self::Whole,
        }
    }
}

/// The start of a block that is filled by pieces.
fn head(kind: &Kind, minted: &str, block: &mut Open<'_>) {
    match kind {
        Kind::Thinking => thinking_head(block),
        Kind::ToolCall { id, name, .. } => {
            block.raw("type", "\"tool_use\"");
            block.text("id", if id.is_empty() { minted } else { id });
            block.text("name", name);
            block.raw("input", "{}");
        }
        Kind::Text | Kind::Refusal | Kind::Image { .. } | Kind::Audio { .. } | Kind::Foreign(_) | Kind::Redacted => {
            block.raw("type", "\"text\"");
            block.raw("text", "\"\"");
        }
    }
}

fn thinking_head(block: &mut Open<'_>) {
    block.raw("type", "\"thinking\"");
    block.raw("thinking", "\"\"");
    block.raw("signature", "\"\"");
}

/// Appends JSON text that its author may have laid out over several lines, which would end the event too early. Line
/// ends between JSON's tokens are white space; inside strings they are escaped already.
fn one_line(json: &[u8], out: &mut BytesMut) {
    out.extend(json.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
}

/// One event: its name, and a record whose type repeats the name.
fn frame(name: &str, out: &mut BytesMut, write: impl FnOnce(&mut Open<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    let mut object = Open::typed(out, name);
    write(&mut object);
    object.end();
    out.extend_from_slice(b"\n\n");
}

fn begin_frame(index: u64, out: &mut BytesMut, write: impl FnOnce(&mut Open<'_>)) {
    frame("content_block_start", out, |object| {
        object.count("index", index);
        let mut block = Open::object(object.key("content_block"));
        write(&mut block);
        block.end();
    });
}

fn delta_frame(index: u64, out: &mut BytesMut, write: impl FnOnce(&mut Open<'_>)) {
    frame("content_block_delta", out, |object| {
        object.count("index", index);
        let mut delta = Open::object(object.key("delta"));
        write(&mut delta);
        delta.end();
    });
}

fn signature_frame(index: u64, signature: &str, out: &mut BytesMut) {
    delta_frame(index, out, |delta| {
        delta.raw("type", "\"signature_delta\"");
        delta.text("signature", signature);
    });
}

fn stop_frame(index: u64, out: &mut BytesMut) {
    frame("content_block_stop", out, |object| object.count("index", index));
}
