//! Reads the lines of a stream, and whole answers as the one line that they are, in both forms.
//!
//! Lines say nothing of where a block begins or ends: that is made here, from what they hold.

use dialect::read::{Raw, as_count, as_text};
use dialect::{Frame, Memo, StreamDecoder, sniff, unwrap_custom_input};
use hub::{Block, BlockId, CallKind, Event, Fault, Stop, StopReason, Token, Usage};

use crate::fault;
use crate::messages::arguments;
use crate::wire::{Chunk, Message, ToolCall};

/// The state of one stream.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    memo: Memo,
    started: bool,
    over: bool,
    /// The number of the next block.
    blocks: u32,
    prose: Option<(BlockId, Prose)>,
    calls: bool,
    /// The tokens of text that is still to come.
    tokens: Vec<Token>,
}

/// The kinds of blocks that follow one another; at most one is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prose {
    Text,
    Thinking,
}

impl StreamDecoder for Decoder {
    fn feed(&mut self, frame: Frame<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        let data = frame.data.trim_ascii();
        if self.over || data.is_empty() {
            return Ok(());
        }
        let chunk = parse(data)?;
        self.chunk(chunk, out)
    }

    fn end(&mut self, _: &mut Vec<Event>) -> Result<(), Fault> {
        match self.over {
            true => Ok(()),
            false => Err(Fault::garbled("the upstream's stream ended before its answer was complete")),
        }
    }
}

/// Reads a line or a whole answer.
pub(crate) fn parse(data: &[u8]) -> Result<Chunk<'_>, Fault> {
    let chunk: Chunk<'_> = dialect::read::json(data)
        .map_err(|error| Fault::garbled(format!("the upstream's answer is not Ollama's: {error}")))?;
    Ok(chunk.with_message())
}

/// The counts of a last line.
pub(crate) fn usage(chunk: &Chunk<'_>) -> Usage {
    Usage {
        fresh: told(as_count(chunk.prompt_eval_count)),
        output: told(as_count(chunk.eval_count)),
        ..Usage::default()
    }
}

/// A count that says something. The server leaves out what is zero, and servers that stand in for it write zero for what
/// they do not know.
pub(crate) fn told(count: Option<u64>) -> Option<u64> {
    count.filter(|count| *count > 0)
}

/// Why the answer ended. Calls win over "stop", which is all that is said of them, and over a limit, for they come whole;
/// an unknown word is the plain end.
pub(crate) fn reason(word: &str, calls: bool) -> StopReason {
    match word {
        "length" if !calls => StopReason::Length,
        _ if calls => StopReason::ToolCalls,
        _ => StopReason::End,
    }
}

impl Decoder {
    pub(crate) fn new(memo: Memo) -> Self {
        Self { memo, ..Self::default() }
    }

    pub(crate) fn chunk(&mut self, chunk: Chunk<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        if let Some(error) = chunk.error {
            return Err(fault::in_stream(error));
        }
        if !std::mem::replace(&mut self.started, true) {
            let model = text(chunk.model).unwrap_or_default();
            out.push(Event::Start { id: String::new(), model });
        }
        let done = chunk.done == Some(true);
        let (usage, word) = (usage(&chunk), chunk.done_reason.map(|word| word.owned()).unwrap_or_default());
        self.tokens.extend(dialect::tokens(chunk.logprobs));
        if let Some(message) = chunk.message {
            self.message(message, out);
        }
        if let Some((block, Prose::Text)) = self.prose {
            self.tell_tokens(block, out);
        }
        if done {
            self.leave(out);
            if !usage.is_unknown() {
                out.push(Event::Usage(usage));
            }
            out.push(Event::Stop(Stop::from(reason(&word, self.calls))));
            self.over = true;
        }
        Ok(())
    }

    fn message(&mut self, message: Message<'_>, out: &mut Vec<Event>) {
        self.say(Prose::Thinking, text(message.thinking), out);
        self.say(Prose::Text, text(message.content), out);
        for data in message.images.into_iter().flatten() {
            let media_type = sniff(&data).unwrap_or("image/png").to_owned();
            self.whole(Block::Image { media_type }, data.owned(), out);
        }
        for call in message.tool_calls.into_iter().flatten() {
            self.call(call, out);
        }
    }

    fn say(&mut self, kind: Prose, text: Option<String>, out: &mut Vec<Event>) {
        let Some(text) = text else { return };
        let block = match self.prose {
            Some((block, open)) if open == kind => block,
            _ => {
                self.leave(out);
                let block = self.number();
                let kind_of = match kind {
                    Prose::Text => Block::Text,
                    Prose::Thinking => Block::Thinking,
                };
                out.push(Event::Open { block, kind: kind_of });
                self.prose = Some((block, kind));
                block
            }
        };
        if kind == Prose::Text {
            self.tell_tokens(block, out);
        }
        out.push(Event::Delta { block, text });
    }

    fn tell_tokens(&mut self, block: BlockId, out: &mut Vec<Event>) {
        if !self.tokens.is_empty() {
            out.push(Event::Tokens { block, tokens: std::mem::take(&mut self.tokens) });
        }
    }

    /// A call without a name is no call.
    fn call(&mut self, call: ToolCall<'_>, out: &mut Vec<Event>) {
        let Some(function) = call.function else { return };
        let Some(wire) = function.name.filter(|name| !name.is_empty()) else { return };
        let told = function.arguments.map(arguments).unwrap_or_default();
        let custom = self.memo.custom.iter().any(|name| *name == *wire);
        let (kind, told) = match custom {
            true => (CallKind::Custom, unwrap_custom_input(&told).into_owned()),
            false => (CallKind::Function, told),
        };
        let name = self.memo.names.declared(&wire).to_owned();
        let id = call.id.map(|id| id.owned()).unwrap_or_default();
        self.calls = true;
        self.whole(Block::ToolCall { id, name, kind }, told, out);
    }

    fn whole(&mut self, kind: Block, text: String, out: &mut Vec<Event>) {
        self.leave(out);
        let block = self.number();
        out.push(Event::Open { block, kind });
        out.extend((!text.is_empty()).then_some(Event::Delta { block, text }));
        out.push(Event::Close { block });
    }

    fn leave(&mut self, out: &mut Vec<Event>) {
        out.extend(self.prose.take().map(|(block, _)| Event::Close { block }));
    }

    fn number(&mut self) -> BlockId {
        self.blocks += 1;
        BlockId(self.blocks - 1)
    }
}

fn text(raw: Raw<'_>) -> Option<String> {
    raw.and_then(as_text).filter(|text| !text.is_empty()).map(std::borrow::Cow::into_owned)
}
