//! Writes lines for Ollama clients.
//!
//! All texts of an answer are one `content`, and all its reasoning is one `thinking`: a later text waits until the one
//! before is complete. Calls and pictures have no pieces, so they are written when they are whole.

use std::time::Duration;

use bytes::{BufMut, BytesMut};

use dialect::{
    Object, Reply, StreamEncoder, mint, object_arguments, quoted, scan, time, wrap_custom_input, write_tokens,
};
use hub::{Block, BlockId, CallKind, Event, Fault, StopReason, Token, Usage};

use crate::fault;
use crate::response::SOUND_NOTE;

/// Which of the two forms is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A message in each line.
    Chat,
    /// Text at the top of each line.
    Generate,
}

/// The state of one stream.
#[derive(Debug)]
pub(crate) struct Encoder {
    reply: Reply,
    form: Form,
    /// Everything in a line before what it says.
    head: Vec<u8>,
    blocks: Vec<(BlockId, Open)>,
    /// How many calls were written.
    calls: u32,
    /// Calls whose arguments are no object: cut ones are left out, damaged ones are not.
    damaged: Vec<Call>,
    usage: Usage,
    /// When the first content was written.
    first: Option<Duration>,
}

/// What an open block needs.
#[derive(Debug)]
enum Open {
    Prose(Prose),
    Call(Call),
    /// A whole call that waits for those that were opened before it, as the first of them is the client's first.
    Ready(Call),
    Image(String),
    Sound,
    /// Nothing of it is written.
    Hidden,
}

/// A text under one of the fields. The first open one of a field speaks; the others wait.
#[derive(Debug)]
struct Prose {
    field: Field,
    waiting: String,
    /// The tokens of what it says next.
    tokens: Vec<Token>,
    closed: bool,
}

/// Where text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Answer,
    Thinking,
}

/// A call as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
    pub(crate) kind: CallKind,
}

impl Call {
    /// Whether the arguments can stand as they are.
    pub(crate) fn is_whole(&self) -> bool {
        let text = self.arguments.trim();
        self.kind == CallKind::Custom || text.is_empty() || scan::object(text.as_bytes()).is_ok()
    }

    pub(crate) fn write(&self, index: u32, seed: u64, out: &mut BytesMut) {
        let mut call = Object::open(out);
        match self.id.as_str() {
            "" => call.text("id", &mint("call_", seed, index + 1)),
            id => call.text("id", id),
        }
        let mut function = Object::open(call.key("function"));
        function.number("index", index);
        function.text("name", &self.name);
        match self.kind {
            CallKind::Function => function.raw("arguments", &one_line(&object_arguments(&self.arguments))),
            CallKind::Custom => function.raw("arguments", &wrap_custom_input(&self.arguments)),
        }
        function.close();
        call.close();
    }
}

/// JSON on one line: white space between its tokens may hold line ends, which would end the frame.
fn one_line(json: &str) -> String {
    // Inside texts line ends are escaped, so every raw one lies between tokens.
    json.replace(['\n', '\r'], " ")
}

/// The beginning of every line and answer: the model and the time.
pub(crate) fn head(reply: &Reply, out: &mut Object<'_>) {
    out.text("model", &reply.model);
    let mut moment = time::format(std::time::UNIX_EPOCH + Duration::from_secs(reply.created));
    moment.truncate(moment.len() - 1);
    moment.push_str(".000000000Z");
    out.text("created_at", &moment);
}

/// Ollama's words for why an answer ended: calls have none of their own.
pub(crate) fn done_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Length | StopReason::ContextFull => "length",
        StopReason::End
        | StopReason::StopSequence
        | StopReason::ToolCalls
        | StopReason::Refusal
        | StopReason::Filter
        | StopReason::Paused
        | StopReason::MalformedCall => "stop",
    }
}

/// Writes the figures of a last line, all of them: programs divide by them. `first` is when the first content came.
pub(crate) fn figures(usage: &Usage, reply: &Reply, first: Option<Duration>, out: &mut Object<'_>) {
    let total = reply.elapsed();
    let before = first.unwrap_or_default();
    out.number("total_duration", total.as_nanos());
    out.number("load_duration", 0);
    out.number("prompt_eval_count", usage.input_total());
    out.number("prompt_eval_duration", before.as_nanos());
    out.number("eval_count", usage.output.unwrap_or_default());
    out.number("eval_duration", total.saturating_sub(before).as_nanos());
}

impl Encoder {
    pub(crate) fn new(reply: Reply, form: Form) -> Self {
        let mut start = BytesMut::with_capacity(128);
        let mut line = Object::open(&mut start);
        head(&reply, &mut line);
        match form {
            Form::Chat => line.raw("message", "{\"role\":\"assistant\""),
            Form::Generate => (),
        }
        Self {
            reply,
            form,
            head: start.to_vec(),
            blocks: Vec::with_capacity(4),
            calls: 0,
            damaged: Vec::new(),
            usage: Usage::default(),
            first: None,
        }
    }

    /// Writes a line that is not the last one. The text of the answer is always there, for programs that add it up.
    fn line(&mut self, text: &str, out: &mut BytesMut, more: impl FnOnce(&mut BytesMut)) {
        self.first.get_or_insert_with(|| self.reply.elapsed());
        self.said(text, out);
        more(out);
        out.extend_from_slice(match self.form {
            Form::Chat => b"},\"done\":false}\n",
            Form::Generate => b",\"done\":false}\n",
        });
    }

    /// Writes a line of text, beside it the tokens of which it is made.
    fn likely(&mut self, text: &str, tokens: &[Token], out: &mut BytesMut) {
        self.first.get_or_insert_with(|| self.reply.elapsed());
        self.said(text, out);
        if self.form == Form::Chat {
            out.put_u8(b'}');
        }
        out.extend_from_slice(b",\"logprobs\":");
        write_tokens(tokens, out);
        out.extend_from_slice(b",\"done\":false}\n");
    }

    fn said(&self, text: &str, out: &mut BytesMut) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(match self.form {
            Form::Chat => b",\"content\":",
            Form::Generate => b",\"response\":",
        });
        quoted(text, out);
    }

    fn open(&mut self, block: BlockId, kind: &Block, out: &mut BytesMut) {
        let prose = |field, waiting| Open::Prose(Prose { field, waiting, tokens: Vec::new(), closed: false });
        let open = match kind {
            Block::Text | Block::Refusal => prose(Field::Answer, String::new()),
            Block::Thinking => prose(Field::Thinking, String::new()),
            Block::Foreign(foreign) => prose(Field::Answer, foreign.gist.clone().unwrap_or_default()),
            Block::ToolCall { id, name, kind } => {
                Open::Call(Call { id: id.clone(), name: name.clone(), arguments: String::new(), kind: *kind })
            }
            Block::Image { .. } => Open::Image(String::new()),
            Block::Audio { .. } => Open::Sound,
            Block::Redacted => Open::Hidden,
        };
        self.blocks.push((block, open));
        if matches!(kind, Block::Foreign(_)) {
            self.speak(Field::Answer, out);
        }
    }

    fn delta(&mut self, block: BlockId, text: &str, out: &mut BytesMut) {
        let Some(at) = self.blocks.iter().position(|(known, _)| *known == block) else { return };
        let speaks = self.speaks(at);
        match &mut self.blocks[at].1 {
            Open::Prose(prose) if speaks => {
                let (field, tokens) = (prose.field, std::mem::take(&mut prose.tokens));
                self.say(field, text, &tokens, out);
            }
            Open::Prose(prose) => prose.waiting.push_str(text),
            Open::Call(call) => call.arguments.push_str(text),
            Open::Image(data) => data.push_str(text),
            Open::Ready(_) | Open::Sound | Open::Hidden => (),
        }
    }

    /// Keeps the tokens of what a text says next.
    fn log(&mut self, block: BlockId, more: &[Token]) {
        if let Some((_, Open::Prose(Prose { tokens, field: Field::Answer, .. }))) =
            self.blocks.iter_mut().find(|(known, _)| *known == block)
        {
            tokens.extend_from_slice(more);
        }
    }

    /// Whether no text of the same field was opened before and is open still.
    fn speaks(&self, at: usize) -> bool {
        let own = field_of(&self.blocks[at].1);
        !self.blocks[..at].iter().any(|(_, open)| own.is_some() && field_of(open) == own)
    }

    fn say(&mut self, field: Field, text: &str, tokens: &[Token], out: &mut BytesMut) {
        match field {
            _ if !tokens.is_empty() => self.likely(text, tokens, out),
            _ if text.is_empty() => (),
            Field::Answer => self.line(text, out, |_| ()),
            Field::Thinking => self.line("", out, |out| {
                out.extend_from_slice(b",\"thinking\":");
                quoted(text, out);
            }),
        }
    }

    /// Lets the first text of a field say what it holds, and the next ones if it is complete.
    fn speak(&mut self, field: Field, out: &mut BytesMut) {
        while let Some(at) = self.blocks.iter().position(|(_, open)| field_of(open) == Some(field)) {
            let Open::Prose(prose) = &mut self.blocks[at].1 else { return };
            let closed = prose.closed;
            let (waiting, tokens) = (std::mem::take(&mut prose.waiting), std::mem::take(&mut prose.tokens));
            self.say(field, &waiting, &tokens, out);
            if !closed {
                return;
            }
            self.blocks.remove(at);
        }
    }

    fn close(&mut self, block: BlockId, out: &mut BytesMut) {
        let Some(at) = self.blocks.iter().position(|(known, _)| *known == block) else { return };
        if let Open::Prose(prose) = &mut self.blocks[at].1 {
            prose.closed = true;
            let field = prose.field;
            return self.speak(field, out);
        }
        match self.blocks.remove(at).1 {
            Open::Call(call) if call.is_whole() => {
                self.blocks.insert(at, (block, Open::Ready(call)));
                self.release(out);
            }
            Open::Call(call) => {
                self.damaged.push(call);
                self.release(out);
            }
            Open::Image(data) => self.image(&data, out),
            Open::Sound => self.say(Field::Answer, SOUND_NOTE, &[], out),
            Open::Prose(_) | Open::Ready(_) | Open::Hidden => (),
        }
    }

    /// Writes the calls that are whole, up to the first one that is not.
    fn release(&mut self, out: &mut BytesMut) {
        let is_pending = |(_, open): &(BlockId, Open)| matches!(open, Open::Call(_));
        let end = self.blocks.iter().position(is_pending).unwrap_or(self.blocks.len());
        let is_ready = |(_, open): &mut (BlockId, Open)| matches!(open, Open::Ready(_));
        for (_, open) in self.blocks.extract_if(..end, is_ready).collect::<Vec<_>>() {
            if let Open::Ready(call) = open {
                self.call(&call, out);
            }
        }
    }

    fn call(&mut self, call: &Call, out: &mut BytesMut) {
        let (index, seed) = (self.calls, self.reply.seed);
        self.calls += 1;
        self.line("", out, |out| {
            out.extend_from_slice(b",\"tool_calls\":[");
            call.write(index, seed, out);
            out.put_u8(b']');
        });
    }

    fn image(&mut self, data: &str, out: &mut BytesMut) {
        let form = self.form;
        self.line("", out, |out| picture(data, form, out));
    }

    fn stop(&mut self, reason: StopReason, out: &mut BytesMut) {
        let cut = matches!(reason, StopReason::Length | StopReason::ContextFull);
        for call in std::mem::take(&mut self.damaged).into_iter().filter(|_| !cut) {
            self.call(&call, out);
        }
        self.said("", out);
        if self.form == Form::Chat {
            out.put_u8(b'}');
        }
        out.extend_from_slice(b",\"done\":true,\"done_reason\":\"");
        out.extend_from_slice(done_reason(reason).as_bytes());
        out.extend_from_slice(b"\",");
        // An object's own braces are not wanted here: its fields continue the line.
        let mut tail = BytesMut::with_capacity(192);
        let mut fields = Object::open(&mut tail);
        figures(&self.usage, &self.reply, self.first, &mut fields);
        fields.close();
        out.extend_from_slice(&tail[1..]);
        out.put_u8(b'\n');
    }
}

/// A generated picture: a chat has a list, the other form has room for one.
pub(crate) fn picture(data: &str, form: Form, out: &mut BytesMut) {
    out.extend_from_slice(match form {
        Form::Chat => b",\"images\":[",
        Form::Generate => b",\"image\":",
    });
    quoted(data, out);
    if form == Form::Chat {
        out.put_u8(b']');
    }
}

fn field_of(open: &Open) -> Option<Field> {
    match open {
        Open::Prose(prose) => Some(prose.field),
        Open::Call(_) | Open::Ready(_) | Open::Image(_) | Open::Sound | Open::Hidden => None,
    }
}

/// Escapes, from a position on, what readers of lines in some languages take for the end of one: the Python client cuts
/// at Unicode's separators too. Outside of texts JSON has no such characters.
fn tame(from: usize, out: &mut BytesMut) {
    const ENDS: [(&str, &str); 3] = [("\u{85}", "\\u0085"), ("\u{2028}", "\\u2028"), ("\u{2029}", "\\u2029")];
    let tail = &out[from..];
    if !ENDS.iter().any(|(end, _)| memchr::memmem::find(tail, end.as_bytes()).is_some()) {
        return;
    }
    let mut text = String::from_utf8_lossy(tail).into_owned();
    for (end, escape) in ENDS {
        text = text.replace(end, escape);
    }
    out.truncate(from);
    out.extend_from_slice(text.as_bytes());
}

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, out: &mut BytesMut) {
        let from = out.len();
        self.write(event, out);
        tame(from, out);
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        let from = out.len();
        fault::tail(fault, out);
        tame(from, out);
    }

    fn end(&mut self, _: &mut BytesMut) {}

    /// Blank lines and comments end the programs that read this; a line that says nothing is read and forgotten.
    fn keep_alive(&mut self, out: &mut BytesMut) {
        let from = out.len();
        self.said("", out);
        out.extend_from_slice(match self.form {
            Form::Chat => b"},\"done\":false}\n",
            Form::Generate => b",\"done\":false}\n",
        });
        tame(from, out);
    }
}

impl Encoder {
    fn write(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Open { block, kind } => self.open(*block, kind, out),
            Event::Tokens { block, tokens } => self.log(*block, tokens),
            Event::Delta { block, text } => self.delta(*block, text, out),
            Event::Close { block } => self.close(*block, out),
            Event::Usage(usage) => self.usage.update(usage),
            Event::Stop(stop) => self.stop(stop.reason, out),
            // There is no place for sources and proofs, and nobody asks this dialect for several answers.
            Event::Start { .. } | Event::Seal { .. } | Event::Cite { .. } | Event::Aside { .. } => (),
        }
    }
}
