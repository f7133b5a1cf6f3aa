//! Writes chunks for Gemini clients: `data:` lines and nothing else, or one JSON array that grows. Calls are
//! written whole; the last chunk holds the reason, the counts and the sources.

use bytes::{Bytes, BytesMut};
use dialect::{Envelope, Object, Reply, StreamEncoder};
use hub::{
    Block, BlockId, Citation, Event, Fault, Foreign, Others, Sampling, Seal, Stop, Token, ToolCall, Trace, Usage,
};

use crate::grounding::{self, Support};
use crate::response::{
    blob_part, call_part, finish_reason, first_call, identity, is_cut, is_whole, proof_part, text_part, thought_part,
};
use crate::said::Said;
use crate::traces::{self, Lookups};
use crate::{ID, fault, odds, usage};

/// The state of one stream.
#[derive(Debug)]
pub(crate) struct Encoder {
    reply: Reply,
    /// Which of several answers this is.
    answer: u32,
    /// The other answers.
    others: Others<Self>,
    /// One JSON array in place of events.
    array: bool,
    /// What each chunk stands in.
    around: Option<Envelope>,
    /// Chunks were written.
    begun: bool,
    /// What ends every chunk: the candidate's number, then the model, the answer's id, the closing brace.
    tail: Bytes,
    /// How much of it belongs to the candidate.
    own: usize,
    blocks: Vec<(BlockId, Open)>,
    calls: u32,
    /// Calls whose arguments are no object: whether they were cut is known at the end only.
    damaged: Vec<(u32, ToolCall)>,
    usage: Usage,
    said: Said,
    supports: Vec<Support>,
    /// Texts that are closed, and where they lie in what was said.
    texts: Vec<(BlockId, usize, usize)>,
    lookups: Lookups,
    stopped: bool,
}

/// What an open block needs.
#[derive(Debug)]
enum Open {
    Text {
        from: usize,
        sources: Vec<Citation>,
        /// The tokens of what it says next.
        tokens: Vec<Token>,
    },
    /// Whether words of it were sent.
    Thinking(bool),
    /// A call that is whole waits for those that were opened before it: a call's place is all that tells a client
    /// without ids which one it is.
    Call {
        number: u32,
        call: ToolCall,
        whole: bool,
    },
    Image {
        media_type: String,
        data: String,
    },
    Sound {
        media_type: String,
    },
    /// Nothing more of it is written.
    Done,
}

impl Encoder {
    pub(crate) fn new(reply: Reply, around: Option<Envelope>) -> Self {
        Self { others: Others::of(Sampling::MAX_ANSWERS), ..Self::of(0, reply, around) }
    }

    /// The encoder of one of several answers.
    fn of(answer: u32, reply: Reply, around: Option<Envelope>) -> Self {
        let (tail, own) = tail(answer, &reply);
        Self {
            answer,
            others: Others::default(),
            array: reply.stream_type.is_some(),
            around,
            tail,
            own,
            reply,
            begun: false,
            blocks: Vec::with_capacity(4),
            calls: 0,
            damaged: Vec::new(),
            usage: Usage::default(),
            said: Said::default(),
            supports: Vec::new(),
            texts: Vec::new(),
            lookups: Lookups::default(),
            stopped: false,
        }
    }

    /// Writes what stands around a chunk; `body` writes the object.
    fn chunk(&mut self, out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
        let begun = std::mem::replace(&mut self.begun, true);
        out.extend_from_slice(match (self.array, begun) {
            (false, _) => b"data: ",
            (true, false) => b"[",
            (true, true) => b",\n",
        });
        let from = out.len();
        let Envelope { before, after } = self.around.unwrap_or(Envelope { before: "", after: "" });
        out.extend_from_slice(before.as_bytes());
        body(out);
        out.extend_from_slice(after.as_bytes());
        without_line_ends(out, from);
        if !self.array {
            out.extend_from_slice(b"\n\n");
        }
    }

    /// Writes a chunk of one part.
    fn part(&mut self, out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
        self.candidate(out, |out| {
            out.extend_from_slice(b"{\"content\":{\"parts\":[");
            write(out);
            out.extend_from_slice(b"],\"role\":\"model\"}");
        });
    }

    /// Writes a chunk of one candidate, whose object `write` begins.
    fn candidate(&mut self, out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
        let tail = self.tail.clone();
        self.chunk(out, |out| {
            out.extend_from_slice(b"{\"candidates\":[");
            write(out);
            out.extend_from_slice(b",");
            out.extend_from_slice(&tail);
        });
    }

    /// Writes a chunk of text, beside it the tokens of which it is made.
    fn likely(&mut self, tokens: &[Token], text: &str, out: &mut BytesMut) {
        if tokens.is_empty() {
            return self.part(out, |out| text_part(text, out));
        }
        self.candidate(out, |out| {
            out.extend_from_slice(b"{\"content\":{\"parts\":[");
            text_part(text, out);
            out.extend_from_slice(b"],\"role\":\"model\"},\"logprobsResult\":");
            odds::write(&tokens.iter().collect::<Vec<_>>(), out);
        });
    }

    fn open(&mut self, block: BlockId, kind: &Block, out: &mut BytesMut) {
        let open = match kind {
            Block::Text | Block::Refusal => {
                Open::Text { from: self.said.len(), sources: Vec::new(), tokens: Vec::new() }
            }
            Block::Thinking | Block::Redacted => Open::Thinking(false),
            Block::ToolCall { id, name, kind } => {
                self.calls += 1;
                let call = ToolCall {
                    id: id.clone(),
                    name: name.clone(),
                    arguments: String::new(),
                    kind: *kind,
                    seal: None,
                    cache: None,
                };
                Open::Call { number: self.calls, call, whole: false }
            }
            Block::Image { media_type } => Open::Image { media_type: media_type.clone(), data: String::new() },
            Block::Audio { media_type } => Open::Sound { media_type: media_type.clone() },
            Block::Foreign(foreign) => {
                self.foreign(foreign, out);
                Open::Done
            }
        };
        self.blocks.push((block, open));
    }

    fn foreign(&mut self, foreign: &Foreign, out: &mut BytesMut) {
        match foreign.trace.as_deref() {
            Some(Trace::Search(search)) => self.lookups.note(search),
            _ if foreign.origin == ID => self.part(out, |out| out.extend_from_slice(foreign.json.as_str().as_bytes())),
            Some(Trace::Code(code)) => {
                for part in traces::parts(code) {
                    self.part(out, |out| out.extend_from_slice(&part));
                }
            }
            None => {
                if let Some(gist) = foreign.gist.as_deref().filter(|gist| !gist.is_empty()) {
                    self.part(out, |out| text_part(gist, out));
                }
            }
        }
    }

    /// Notes a source, also of a text that is closed.
    fn cite(&mut self, block: BlockId, citation: &Citation) {
        if let Some((_, Open::Text { sources, .. })) = self.blocks.iter_mut().find(|(known, _)| *known == block) {
            sources.push(citation.clone());
        } else if let Some((_, from, to)) = self.texts.iter().find(|(known, ..)| *known == block) {
            self.supports.extend(Support::new(citation, &mut self.said, *from, *to));
        }
    }

    fn delta(&mut self, block: BlockId, text: &str, out: &mut BytesMut) {
        if text.is_empty() {
            return;
        }
        let Some((_, open)) = self.blocks.iter_mut().find(|(known, _)| *known == block) else { return };
        match open {
            Open::Text { tokens, .. } => {
                let tokens = std::mem::take(tokens);
                self.said.push(text);
                self.likely(&tokens, text, out);
            }
            Open::Thinking(begun) => {
                *begun = true;
                self.part(out, |out| thought_part(text, None, out));
            }
            Open::Call { call, .. } => call.arguments.push_str(text),
            Open::Image { data, .. } => data.push_str(text),
            Open::Sound { media_type } => {
                let media_type = media_type.clone();
                self.part(out, |out| blob_part(&media_type, text, out));
            }
            Open::Done => (),
        }
    }

    fn seal(&mut self, block: BlockId, seal: &Seal, out: &mut BytesMut) {
        let Some((_, open)) = self.blocks.iter_mut().find(|(known, _)| *known == block) else { return };
        match open {
            Open::Call { call, .. } => call.seal = Some(seal.clone()),
            Open::Thinking(begun) => {
                let begun = *begun;
                self.part(out, |out| proof_part(begun, seal, out));
            }
            Open::Text { .. } | Open::Image { .. } | Open::Sound { .. } | Open::Done => (),
        }
    }

    fn close(&mut self, block: BlockId, out: &mut BytesMut) {
        let Some(at) = self.blocks.iter().position(|(known, _)| *known == block) else { return };
        if let Open::Call { call, whole, .. } = &mut self.blocks[at].1
            && is_whole(&call.arguments)
        {
            *whole = true;
            return self.release(out);
        }
        match self.blocks.remove(at).1 {
            Open::Text { from, sources, tokens } => {
                if !tokens.is_empty() {
                    self.likely(&tokens, "", out);
                }
                let to = self.said.len();
                self.texts.push((block, from, to));
                let said = &mut self.said;
                self.supports.extend(sources.iter().filter_map(|cited| Support::new(cited, said, from, to)));
            }
            Open::Call { number, call, .. } => {
                self.damaged.push((number, call));
                self.release(out);
            }
            Open::Image { media_type, data } => self.part(out, |out| blob_part(&media_type, &data, out)),
            Open::Thinking(_) | Open::Sound { .. } | Open::Done => (),
        }
    }

    /// Writes the calls that are whole, up to the first one that is not.
    fn release(&mut self, out: &mut BytesMut) {
        let is_pending = |(_, open): &(BlockId, Open)| matches!(open, Open::Call { whole: false, .. });
        let end = self.blocks.iter().position(is_pending).unwrap_or(self.blocks.len());
        let is_call = |(_, open): &mut (BlockId, Open)| matches!(open, Open::Call { .. });
        for (_, open) in self.blocks.extract_if(..end, is_call).collect::<Vec<_>>() {
            if let Open::Call { number, call, .. } = open {
                self.call(number, &call, out);
            }
        }
    }

    fn call(&mut self, number: u32, call: &ToolCall, out: &mut BytesMut) {
        let (reply, number) = (self.reply.clone(), first_call(self.answer) + number);
        self.part(out, |out| call_part(call, &reply, number, out));
    }

    /// A step of another answer, in the same row of chunks.
    fn other(&mut self, answer: u32, event: &Event, out: &mut BytesMut) {
        let (reply, around) = (&self.reply, self.around);
        let Some(other) = self.others.at(answer, || Self::of(answer, reply.clone(), around)) else { return };
        other.begun = self.begun;
        other.push(event, out);
        self.begun = other.begun;
    }

    fn stop(&mut self, stop: &Stop, out: &mut BytesMut) {
        for (number, call) in std::mem::take(&mut self.damaged) {
            if !is_cut(&call, stop.reason) {
                self.call(number, &call, out);
            }
        }
        let (tail, own, usage) = (self.tail.clone(), self.own, self.usage);
        let (supports, said) = (std::mem::take(&mut self.supports), std::mem::take(&mut self.said));
        let lookups = std::mem::take(&mut self.lookups);
        self.chunk(out, |out| {
            out.extend_from_slice(b"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},");
            last(stop, &supports, &lookups, &said, out);
            out.extend_from_slice(&tail[..own]);
            if !usage.is_unknown() {
                out.extend_from_slice(b"\"usageMetadata\":");
                usage::write(&usage, out);
                out.extend_from_slice(b",");
            }
            out.extend_from_slice(&tail[own..]);
        });
        self.stopped = true;
    }
}

/// What the candidate of the last chunk holds besides its content, but for its number.
fn last(stop: &Stop, supports: &[Support], lookups: &Lookups, said: &Said, out: &mut BytesMut) {
    out.extend_from_slice(b"\"finishReason\":\"");
    out.extend_from_slice(finish_reason(stop.reason).as_bytes());
    out.extend_from_slice(b"\",");
    if let Some(detail) = &stop.detail {
        out.extend_from_slice(b"\"finishMessage\":");
        dialect::quoted(detail, out);
        out.extend_from_slice(b",");
    }
    if !supports.is_empty() || !lookups.queries.is_empty() {
        out.extend_from_slice(b"\"groundingMetadata\":");
        grounding::write(supports, &lookups.queries, said, out);
        out.extend_from_slice(b",");
    }
    if lookups.has_pages() {
        out.extend_from_slice(b"\"urlContextMetadata\":");
        lookups.write_pages(out);
        out.extend_from_slice(b",");
    }
}

/// What ends every chunk, and how much of it belongs to the candidate.
fn tail(answer: u32, reply: &Reply) -> (Bytes, usize) {
    let mut out = BytesMut::with_capacity(112);
    let mut candidate = Object::open(&mut out);
    candidate.number("index", answer);
    candidate.close();
    out.extend_from_slice(b"]");
    let own = out.len();
    let mut body = Object::open(&mut out);
    identity(reply, &mut body);
    body.close();
    // The body's first field follows the candidates.
    out[own] = b',';
    (out.freeze().slice(1..), own)
}

/// A chunk is one line, for readers that know the Unicode line ends, too. Outside of texts a line end is white space.
fn without_line_ends(out: &mut BytesMut, from: usize) {
    for byte in &mut out[from..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    let is_end = |at: usize, out: &[u8]| matches!(out.get(at..at + 3), Some([0xE2, 0x80, 0xA8 | 0xA9]));
    let Some(first) = memchr::memchr_iter(0xE2, &out[from..]).map(|at| from + at).find(|at| is_end(*at, out)) else {
        return;
    };
    let rest = out.split_off(first);
    let mut at = 0;
    while at < rest.len() {
        if is_end(at, &rest) {
            out.extend_from_slice(if rest[at + 2] == 0xA8 { b"\\u2028" } else { b"\\u2029" });
            at += 3;
        } else {
            out.extend_from_slice(&rest[at..=at]);
            at += 1;
        }
    }
}

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, out: &mut BytesMut) {
        if self.stopped {
            return;
        }
        match event {
            Event::Start { .. } => (),
            Event::Open { block, kind } => self.open(*block, kind, out),
            Event::Tokens { block, tokens: more } => {
                if let Some((_, Open::Text { tokens, .. })) = self.blocks.iter_mut().find(|(known, _)| known == block) {
                    tokens.extend_from_slice(more);
                }
            }
            Event::Delta { block, text } => self.delta(*block, text, out),
            Event::Seal { block, seal } => self.seal(*block, seal, out),
            Event::Cite { block, citation } => self.cite(*block, citation),
            Event::Close { block } => self.close(*block, out),
            Event::Usage(usage) => self.usage.update(usage),
            Event::Aside { answer, event } => self.other(*answer, event, out),
            Event::Stop(stop) => self.stop(stop, out),
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        // An error is no answer.
        self.around = None;
        self.chunk(out, |out| fault::write(fault, out));
        self.end(out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        if self.array {
            out.extend_from_slice(if self.begun { b"]" } else { b"[]" });
        }
    }

    /// Only blank lines: every other filler ends the official SDKs with a parse error.
    fn keep_alive(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(b"\n");
    }
}
