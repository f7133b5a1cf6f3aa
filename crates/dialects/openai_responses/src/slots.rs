//! One item of an upstream's answer while it arrives, whatever of it comes in pieces, late, twice or only at the end.
//!
//! Every text is told in pieces, again when its part is complete, again with its item, and again with the whole
//! answer. What counts is the longest telling: each later one adds only what is missing from those before.

use dialect::Memo;
use hub::{Block, BlockId, CallKind, Citation, Event, Json, Seal, Token};
use serde_json::value::RawValue;

use crate::wire::{self, Raw, Str, as_count, lenient};
use crate::{ID, spaces};

/// Where the numbers of blocks come from, and where events go.
pub(crate) struct Sink<'a> {
    pub(crate) blocks: &'a mut u32,
    pub(crate) memo: &'a Memo,
    pub(crate) out: &'a mut Vec<Event>,
}

impl Sink<'_> {
    fn open(&mut self, kind: Block) -> BlockId {
        let block = BlockId(*self.blocks);
        *self.blocks += 1;
        self.out.push(Event::Open { block, kind });
        block
    }

    fn close(&mut self, block: BlockId) {
        self.out.push(Event::Close { block });
    }

    fn say(&mut self, block: BlockId, text: &str) {
        if !text.is_empty() {
            self.out.push(Event::Delta { block, text: text.to_owned() });
        }
    }

    /// A block that comes whole.
    pub(crate) fn whole(&mut self, kind: Block, text: &str) {
        let block = self.open(kind);
        self.say(block, text);
        self.close(block);
    }
}

/// What of a longer telling is missing after `said` bytes.
fn missing(full: &str, said: usize) -> &str {
    full.get(said..).unwrap_or_default()
}

/// A part of a message.
#[derive(Debug, Default)]
pub(crate) struct Part {
    index: u32,
    refusal: bool,
    block: Option<BlockId>,
    said: usize,
    cited: usize,
    /// How many tokens were told, and those of the text that comes next.
    logged: usize,
    tokens: Vec<Token>,
    closed: bool,
}

impl Part {
    pub(crate) fn new(index: u32, refusal: bool) -> Self {
        Self { index, refusal, ..Self::default() }
    }

    pub(crate) fn is(&self, index: u32) -> bool {
        self.index == index
    }

    /// Adds a piece; a part without words is no block.
    pub(crate) fn say(&mut self, text: &str, sink: &mut Sink<'_>) {
        if text.is_empty() || self.closed {
            return;
        }
        let kind = if self.refusal { Block::Refusal } else { Block::Text };
        let block = *self.block.get_or_insert_with(|| sink.open(kind));
        self.said += text.len();
        self.tell_tokens(block, sink);
        sink.say(block, text);
    }

    /// Takes the tokens of the piece that comes next.
    pub(crate) fn log(&mut self, list: Raw<'_>) {
        let tokens = dialect::tokens(list);
        self.logged += tokens.len();
        self.tokens.extend(tokens);
    }

    /// Takes all tokens, of which some came before.
    pub(crate) fn log_all(&mut self, list: Raw<'_>) {
        let all = dialect::tokens(list);
        let rest = all.get(self.logged..).unwrap_or_default();
        self.logged += rest.len();
        self.tokens.extend_from_slice(rest);
    }

    fn tell_tokens(&mut self, block: BlockId, sink: &mut Sink<'_>) {
        if !self.tokens.is_empty() {
            sink.out.push(Event::Tokens { block, tokens: std::mem::take(&mut self.tokens) });
        }
    }

    /// Takes the whole text, and says what is missing of it.
    pub(crate) fn complete(&mut self, full: &str, sink: &mut Sink<'_>) {
        let rest = missing(full, self.said).to_owned();
        self.say(&rest, sink);
    }

    pub(crate) fn cite(&mut self, raw: &RawValue, sink: &mut Sink<'_>) {
        self.cited += 1;
        let Some(block) = self.block.filter(|_| !self.closed) else { return };
        let Some(citation) = citation(raw) else { return };
        sink.out.push(Event::Cite { block, citation });
    }

    /// Takes all sources, of which some came before.
    pub(crate) fn cite_all(&mut self, list: Vec<&RawValue>, sink: &mut Sink<'_>) {
        for raw in list.into_iter().skip(self.cited) {
            self.cite(raw, sink);
        }
    }

    pub(crate) fn close(&mut self, sink: &mut Sink<'_>) {
        if !std::mem::replace(&mut self.closed, true)
            && let Some(block) = self.block
        {
            self.tell_tokens(block, sink);
            sink.close(block);
        }
    }
}

/// The sources of a text that an earlier answer held.
pub(crate) fn citations(list: Raw<'_>) -> Vec<Citation> {
    lenient::<Vec<&RawValue>>(list).into_iter().filter_map(citation).collect()
}

fn citation(raw: &RawValue) -> Option<Citation> {
    let annotation: wire::Annotation<'_> = serde_json::from_str(raw.get()).ok()?;
    let text = |text: Option<Str<'_>>| text.map(Str::owned);
    Some(Citation {
        url: text(annotation.url),
        title: text(annotation.title).or_else(|| text(annotation.filename)),
        cited_text: None,
        // The text of a part is a block of its own.
        span: as_count(annotation.start_index).zip(as_count(annotation.end_index)),
        native: Some((ID, Json::trusted(raw.get()))),
    })
    .filter(|_| as_count(annotation.start_index).is_some() || annotation.kind.is_some())
}

/// A call.
#[derive(Debug, Default)]
pub(crate) struct Call {
    kind: CallKind,
    id: String,
    name: String,
    block: Option<BlockId>,
    said: usize,
    /// Arguments that came before the name.
    held: String,
    closed: bool,
}

impl Call {
    /// What the item says of the call: name and id count once.
    pub(crate) fn learn(&mut self, item: &wire::Item<'_>, sink: &mut Sink<'_>) {
        if item.kind.as_deref() == Some("custom_tool_call") {
            self.kind = CallKind::Custom;
        }
        if let (true, Some(name)) = (self.name.is_empty(), item.name.as_deref()) {
            self.name = spaces::flat(item.namespace.as_deref(), name);
        }
        if let (true, Some(id)) = (self.id.is_empty(), item.call_id.as_deref().or(item.id.as_deref())) {
            id.clone_into(&mut self.id);
        }
        if self.block.is_none() && !self.name.is_empty() {
            let name = sink.memo.names.declared(&self.name).to_owned();
            let block = sink.open(Block::ToolCall { id: self.id.clone(), name, kind: self.kind });
            self.block = Some(block);
            sink.say(block, &std::mem::take(&mut self.held));
        }
    }

    pub(crate) fn custom(&mut self) {
        if self.block.is_none() {
            self.kind = CallKind::Custom;
        }
    }

    pub(crate) fn say(&mut self, text: &str, sink: &mut Sink<'_>) {
        if self.closed {
            return;
        }
        self.said += text.len();
        match self.block {
            Some(block) => sink.say(block, text),
            None => self.held.push_str(text),
        }
    }

    pub(crate) fn complete(&mut self, full: &str, sink: &mut Sink<'_>) {
        let rest = missing(full, self.said).to_owned();
        self.say(&rest, sink);
    }

    /// A call that never got a name is no call.
    pub(crate) fn close(&mut self, sink: &mut Sink<'_>) {
        if !std::mem::replace(&mut self.closed, true)
            && let Some(block) = self.block
        {
            sink.close(block);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.block.is_some()
    }
}

/// Reasoning: summaries, or the reasoning itself where an open model shows it. One of the two is told.
#[derive(Debug, Default)]
pub(crate) struct Reasoning {
    block: Option<BlockId>,
    /// Which of the two came first: true for summaries.
    summary: Option<bool>,
    /// How much of each part was said.
    said: Vec<usize>,
    closed: bool,
}

impl Reasoning {
    pub(crate) fn say(&mut self, summary: bool, index: u32, text: &str, sink: &mut Sink<'_>) {
        let index = usize::try_from(index).unwrap_or(0).min(self.said.len());
        if text.is_empty() || self.closed || *self.summary.get_or_insert(summary) != summary {
            return;
        }
        let begun = self.said.iter().any(|said| *said > 0);
        if index == self.said.len() {
            self.said.push(0);
        }
        let block = *self.block.get_or_insert_with(|| sink.open(Block::Thinking));
        if self.said[index] == 0 && begun {
            sink.say(block, "\n\n");
        }
        self.said[index] += text.len();
        sink.say(block, text);
    }

    pub(crate) fn complete(&mut self, summary: bool, index: u32, full: &str, sink: &mut Sink<'_>) {
        let said = usize::try_from(index).ok().and_then(|at| self.said.get(at)).copied().unwrap_or(0);
        self.say(summary, index, missing(full, said), sink);
    }

    /// The item is complete: the rest of its texts, and its proof, of which only this telling is whole.
    pub(crate) fn finish(&mut self, item: &wire::Item<'_>, sink: &mut Sink<'_>) {
        for (summary, raw) in [(true, item.summary), (false, item.content)] {
            let texts = lenient::<Vec<wire::Part<'_>>>(raw).into_iter().filter_map(|part| part.text);
            for (index, text) in (0..).zip(texts) {
                self.complete(summary, index, &text, sink);
            }
        }
        let proof = item.encrypted_content.as_deref().filter(|proof| !proof.is_empty());
        if let Some(proof) = proof.filter(|_| !self.closed) {
            let block = *self.block.get_or_insert_with(|| sink.open(Block::Thinking));
            sink.out.push(Event::Seal { block, seal: Seal::new(ID.0, crate::seals::ENCRYPTED, proof) });
        }
        self.close(sink);
    }

    pub(crate) fn close(&mut self, sink: &mut Sink<'_>) {
        if !std::mem::replace(&mut self.closed, true)
            && let Some(block) = self.block
        {
            sink.close(block);
        }
    }
}
