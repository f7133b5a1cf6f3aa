//! Reads the named events of an upstream's stream. Knows nothing of who consumes the result.

use dialect::{Balance, Frame, Memo, StreamDecoder, splice};
use hub::{Block as Kind, BlockId, CallKind, Event, Fault, Part, Stop};
use serde_json::value::RawValue;

use crate::names::{REDACTED, SIGNATURE};
use crate::wire::{self, StreamEvent};
use crate::{block_decode, fault, response, usage};

/// Most blocks that one answer may have open at once; the API opens one.
const MAX_OPEN: usize = 64;

/// The decoder of one stream.
#[derive(Debug)]
pub(crate) struct Decoder {
    memo: Memo,
    started: bool,
    done: bool,
    next: u32,
    open: Vec<Slot>,
    has_calls: bool,
    /// The arguments of a call broke off.
    cut: bool,
    stop: Option<Stop>,
}

/// An open block.
#[derive(Debug)]
struct Slot {
    index: u64,
    block: BlockId,
    kind: SlotKind,
    /// The proof so far.
    signature: String,
    /// Arguments that are held back, or that came with the start.
    held: String,
    /// Arguments have come in pieces.
    streamed: bool,
    balance: Balance,
    /// Among the arguments was more than an empty object.
    filled: bool,
}

#[derive(Debug)]
enum SlotKind {
    Text,
    Thinking,
    Redacted,
    /// A call whose arguments pass as they come.
    Call,
    /// A call whose free text is inside its arguments, held until it is whole.
    Custom,
    /// The forced function whose arguments are the answer.
    Answer,
    /// A block that only this dialect understands, by its start; its input comes in pieces.
    Own(String),
    /// A call without a name: nothing that a client could use.
    Nothing,
}

impl StreamDecoder for Decoder {
    fn feed(&mut self, frame: Frame<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.done {
            return Ok(());
        }
        if self.quick_delta(frame.data, out) {
            return Ok(());
        }
        let Some(event) = read(frame.data)? else { return Ok(()) };
        match &*event.kind {
            "content_block_delta" => self.delta(event, out),
            "content_block_start" => self.start_block(&event, out)?,
            "content_block_stop" => self.stop_block(event.index.unwrap_or(0), out),
            "message_start" => self.start(event.message, out),
            "message_delta" => self.note_end(event, out),
            "message_stop" => self.finish(out),
            "error" => return Err(fault::in_answer(event.error.unwrap_or_default())),
            _ => (),
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.done {
            return Ok(());
        }
        if self.memo.lax_end && self.stop.is_some() {
            self.finish(out);
            return Ok(());
        }
        Err(Fault::garbled("the upstream's stream ended before its answer was complete"))
    }
}

/// Reads one event. `None` for an event of an unknown type, whatever it holds.
fn read(data: &[u8]) -> Result<Option<StreamEvent<'_>>, Fault> {
    const KNOWN: [&str; 7] = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
    ];
    let error = match dialect::read::json::<StreamEvent<'_>>(data) {
        Ok(event) => return Ok(Some(event)),
        Err(error) => error,
    };
    match dialect::read::json::<wire::EventKind<'_>>(data) {
        Ok(event) if !KNOWN.contains(&&*event.kind) => Ok(None),
        _ => Err(Fault::garbled(format!("the upstream sent an event that cannot be read: {error}"))),
    }
}

impl Decoder {
    pub(crate) fn new(memo: Memo) -> Self {
        Self { memo, started: false, done: false, next: 0, open: Vec::new(), has_calls: false, cut: false, stop: None }
    }

    /// Takes a piece of text, thinking or arguments in the vendor's own spelling, which is nearly every event of a
    /// stream. False: read it the long way.
    fn quick_delta(&mut self, data: &[u8], out: &mut Vec<Event>) -> bool {
        let Some((index, field, text)) = quick(data) else { return false };
        let Some(slot) = self.open.iter_mut().find(|slot| slot.index == index) else { return false };
        match (&slot.kind, field) {
            (SlotKind::Text, Piece::Text) | (SlotKind::Thinking, Piece::Thinking) => {
                push_text(slot.block, Some(text), out);
            }
            (SlotKind::Call | SlotKind::Answer, Piece::Arguments) if !text.is_empty() => {
                slot.argue(text, out);
            }
            _ => return false,
        }
        true
    }

    fn start(&mut self, message: Option<wire::MessageStart>, out: &mut Vec<Event>) {
        let (mut id, mut model, mut counts) = (None, None, None);
        if let Some(message) = message {
            (id, model, counts) = (message.id, message.model, message.usage);
        }
        if !self.started {
            self.started = true;
            out.push(Event::Start { id: id.unwrap_or_default(), model: model.unwrap_or_default() });
        }
        self.count(counts.as_ref(), out);
    }

    fn count(&mut self, counts: Option<&wire::Usage>, out: &mut Vec<Event>) {
        let counts = counts.map(usage::decode).unwrap_or_default();
        if !counts.is_unknown() {
            out.push(Event::Usage(counts));
        }
    }

    /// Opens a slot, and the answer before it when the upstream has left its start out.
    fn open(&mut self, index: u64, kind: SlotKind, shown: Option<Kind>, out: &mut Vec<Event>) -> &mut Slot {
        self.start(None, out);
        self.stop_block(index, out);
        if self.open.len() >= MAX_OPEN {
            let oldest = self.open[0].index;
            self.stop_block(oldest, out);
        }
        let block = BlockId(self.next);
        if let Some(kind) = shown {
            self.next += 1;
            out.push(Event::Open { block, kind });
        }
        self.open.push(Slot::new(index, block, kind));
        let last = self.open.len() - 1;
        &mut self.open[last]
    }

    fn start_block(&mut self, event: &StreamEvent<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        let index = event.index.unwrap_or(0);
        let Some(raw) = event.content_block else {
            return Err(Fault::garbled("the upstream opened a block without saying which"));
        };
        let Ok(block) = dialect::read::text::<wire::Block<'_>>(raw.get()) else {
            self.open(index, SlotKind::Own(raw.get().to_owned()), None, out);
            return Ok(());
        };
        match &*block.kind {
            "text" => {
                let id = self.open(index, SlotKind::Text, Some(Kind::Text), out).block;
                push_text(id, block.text, out);
                let citations = block.citations.map(block_decode::citations).unwrap_or_default();
                out.extend(citations.into_iter().map(|citation| Event::Cite { block: id, citation }));
            }
            "thinking" => {
                let slot = self.open(index, SlotKind::Thinking, Some(Kind::Thinking), out);
                slot.signature = block.signature.unwrap_or_default();
                push_text(slot.block, block.thinking, out);
            }
            "redacted_thinking" => {
                let slot = self.open(index, SlotKind::Redacted, Some(Kind::Redacted), out);
                slot.signature = block.data.unwrap_or_default();
            }
            "tool_use" => self.start_call(index, block, out),
            _ => {
                self.open(index, SlotKind::Own(raw.get().to_owned()), None, out);
            }
        }
        Ok(())
    }

    fn start_call(&mut self, index: u64, block: wire::Block<'_>, out: &mut Vec<Event>) {
        let name = block.name.unwrap_or_default();
        let early = block.input.map_or("{}", RawValue::get);
        let (kind, shown) = if name.is_empty() {
            (SlotKind::Nothing, None)
        } else if self.memo.json_tool.as_deref() == Some(&*name) {
            (SlotKind::Answer, Some(Kind::Text))
        } else {
            self.has_calls = true;
            let is_custom = self.memo.custom.contains(&name);
            let kind = if is_custom { CallKind::Custom } else { CallKind::Function };
            let declared = self.memo.names.declared(&name).to_owned();
            let shown = Kind::ToolCall { id: block.id.unwrap_or_default(), name: declared, kind };
            (if is_custom { SlotKind::Custom } else { SlotKind::Call }, Some(shown))
        };
        self.open(index, kind, shown, out).held = early.to_owned();
    }

    fn delta(&mut self, event: StreamEvent<'_>, out: &mut Vec<Event>) {
        let index = event.index.unwrap_or(0);
        let Some(delta) = event.delta else { return };
        if !self.open.iter().any(|slot| slot.index == index) {
            // Some servers leave the start of a block out; what it is shows in its first delta.
            match delta.kind.as_deref() {
                Some("text_delta") => self.open(index, SlotKind::Text, Some(Kind::Text), out),
                Some("thinking_delta") => self.open(index, SlotKind::Thinking, Some(Kind::Thinking), out),
                _ => return,
            };
        }
        let Some(slot) = self.open.iter_mut().find(|slot| slot.index == index) else { return };
        slot.add(delta, out);
    }

    fn stop_block(&mut self, index: u64, out: &mut Vec<Event>) {
        let Some(at) = self.open.iter().position(|slot| slot.index == index) else { return };
        let slot = self.open.remove(at);
        if let SlotKind::Own(start) = &slot.kind {
            let block = BlockId(self.next);
            self.next += 1;
            if let Part::Foreign(foreign) = response::foreign(&whole(start, &slot.held)) {
                out.push(Event::Open { block, kind: Kind::Foreign(foreign) });
                out.push(Event::Close { block });
            }
            return;
        }
        self.cut |= slot.is_cut();
        slot.close(out);
    }

    fn note_end(&mut self, event: StreamEvent<'_>, out: &mut Vec<Event>) {
        self.start(None, out);
        self.count(event.usage.as_ref(), out);
        let Some(delta) = event.delta else { return };
        if delta.stop_reason.is_some() {
            self.stop = Some(usage::decode_stop(
                delta.stop_reason.as_deref(),
                delta.stop_sequence,
                delta.stop_details.as_ref(),
            ));
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        self.start(None, out);
        while let Some(slot) = self.open.first() {
            let index = slot.index;
            self.stop_block(index, out);
        }
        let mut stop = self.stop.take().unwrap_or_default();
        usage::settle_stop(&mut stop, self.has_calls, !self.cut);
        out.push(Event::Stop(stop));
        self.done = true;
    }
}

/// What a delta adds to.
#[derive(Clone, Copy)]
enum Piece {
    Text,
    Thinking,
    Arguments,
}

/// Reads a delta in the vendor's own spelling. Anything else, one space more included, gives `None`.
fn quick(data: &[u8]) -> Option<(u64, Piece, String)> {
    let rest = data.strip_prefix(br#"{"type":"content_block_delta","index":"#)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let index = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    let rest = rest[digits..].strip_prefix(br#","delta":{"type":""#)?.strip_suffix(b"}}")?;
    let kinds: [(&[u8], Piece); 3] = [
        (br#"text_delta","text":"#, Piece::Text),
        (br#"input_json_delta","partial_json":"#, Piece::Arguments),
        (br#"thinking_delta","thinking":"#, Piece::Thinking),
    ];
    let (text, piece) = kinds.iter().find_map(|(prefix, piece)| Some((rest.strip_prefix(*prefix)?, *piece)))?;
    Some((index, piece, dialect::read::json(text).ok()?))
}

impl Slot {
    fn new(index: u64, block: BlockId, kind: SlotKind) -> Self {
        let (signature, held) = (String::new(), String::new());
        Self { index, block, kind, signature, held, streamed: false, balance: Balance::default(), filled: false }
    }

    fn argue(&mut self, text: String, out: &mut Vec<Event>) {
        self.streamed = true;
        self.balance.feed(&text);
        self.filled |= text.contains(|c: char| !c.is_ascii_whitespace() && c != '{' && c != '}');
        out.push(Event::Delta { block: self.block, text });
    }

    /// Whether it is a call whose arguments have not all come. An empty object is what a whole answer has where a call
    /// was cut before its first argument, so it counts as cut here, too.
    fn is_cut(&self) -> bool {
        match self.kind {
            SlotKind::Call if self.streamed => !self.filled || !self.balance.is_complete(false),
            SlotKind::Call => matches!(self.held.trim(), "" | "{}"),
            SlotKind::Text
            | SlotKind::Thinking
            | SlotKind::Redacted
            | SlotKind::Custom
            | SlotKind::Answer
            | SlotKind::Own(_)
            | SlotKind::Nothing => false,
        }
    }

    fn add(&mut self, delta: wire::Delta<'_>, out: &mut Vec<Event>) {
        let block = self.block;
        match self.kind {
            SlotKind::Text => {
                push_text(block, delta.text, out);
                let citation = delta.citation.and_then(block_decode::citation);
                out.extend(citation.map(|citation| Event::Cite { block, citation }));
            }
            SlotKind::Thinking => {
                push_text(block, delta.thinking, out);
                self.signature.push_str(delta.signature.as_deref().unwrap_or_default());
            }
            SlotKind::Call | SlotKind::Answer => {
                if let Some(text) = delta.partial_json.filter(|text| !text.is_empty()) {
                    self.argue(text, out);
                }
            }
            SlotKind::Custom | SlotKind::Own(_) => {
                let Some(text) = delta.partial_json.filter(|text| !text.is_empty()) else { return };
                if !std::mem::replace(&mut self.streamed, true) {
                    self.held.clear();
                }
                self.held.push_str(&text);
            }
            SlotKind::Redacted | SlotKind::Nothing => (),
        }
    }

    fn close(self, out: &mut Vec<Event>) {
        let block = self.block;
        match self.kind {
            SlotKind::Nothing | SlotKind::Own(_) => return,
            SlotKind::Text => (),
            SlotKind::Thinking => {
                let seal = response::native(Some(self.signature), SIGNATURE);
                out.extend(seal.map(|seal| Event::Seal { block, seal }));
            }
            SlotKind::Redacted => {
                let seal = response::native(Some(self.signature), REDACTED);
                out.extend(seal.map(|seal| Event::Seal { block, seal }));
            }
            // Arguments that came whole with the start count when no pieces followed.
            SlotKind::Call | SlotKind::Answer if !self.streamed => push_text(block, Some(self.held), out),
            SlotKind::Call | SlotKind::Answer => (),
            SlotKind::Custom => push_text(block, Some(response::free_text(&self.held)), out),
        }
        out.push(Event::Close { block });
    }
}

fn push_text(block: BlockId, text: Option<String>, out: &mut Vec<Event>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        out.push(Event::Delta { block, text });
    }
}

/// A block by its start and the input that came in pieces.
fn whole(start: &str, input: &str) -> String {
    let bytes = bytes::Bytes::copy_from_slice(start.as_bytes());
    let is_json = serde_json::from_str::<&RawValue>(input).is_ok();
    match dialect::scan::object(start.as_bytes()) {
        Ok(index) if is_json => {
            let edited = splice::apply(&bytes, &index, &[splice::Edit::set("input", input)]);
            String::from_utf8_lossy(&edited).into_owned()
        }
        _ => start.to_owned(),
    }
}
