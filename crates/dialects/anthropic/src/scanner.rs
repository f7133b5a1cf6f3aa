//! Watches a relayed answer. A frame of content is told by its event name alone; only the few frames that carry
//! counts, the end or an error are parsed.

use dialect::{Frame, Observed, Scanner, Signal};
use hub::Fault;
use memchr::memmem;
use serde_json::value::RawValue;

use crate::wire::{AnswerEnd, Block, EventKind, StreamEvent};
use crate::{fault, usage};

/// The watcher of one answer.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    observed: Observed,
    /// The answer calls a tool of the client's.
    calls: bool,
}

impl Scanner for Watcher {
    fn frame(&mut self, frame: Frame<'_>) -> Signal {
        let named = frame.event.unwrap_or_default();
        if !named.is_empty() {
            return self.event(named, frame.data);
        }
        // Some servers leave the event line out.
        match serde_json::from_slice::<EventKind<'_>>(frame.data) {
            Ok(event) => self.event(event.kind.as_bytes(), frame.data),
            Err(_) => Signal::Quiet,
        }
    }

    fn whole(&mut self, body: &[u8]) -> Signal {
        let answer: AnswerEnd<'_> = match serde_json::from_slice(body) {
            Ok(answer) => answer,
            Err(error) => {
                return Signal::Fault(Box::new(Fault::garbled(format!(
                    "the upstream's answer is not a message: {error}"
                ))));
            }
        };
        if let Some(error) = answer.error {
            return Signal::Fault(Box::new(fault::in_answer(error)));
        }
        if answer.kind.as_deref() == Some("error") {
            return Signal::Fault(Box::new(fault::in_answer(Default::default())));
        }
        if let Some(counts) = &answer.usage {
            self.observed.usage.update(&usage::decode(counts));
        }
        let details = answer.stop_details.as_ref();
        self.calls = answer.content.is_some_and(calls);
        self.observed.stop = Some(usage::decode_stop(answer.stop_reason.as_deref(), answer.stop_sequence, details));
        self.end()
    }

    fn observed(&self) -> &Observed {
        &self.observed
    }
}

impl Watcher {
    fn event(&mut self, name: &[u8], data: &[u8]) -> Signal {
        match name {
            b"content_block_delta" => Signal::Content,
            b"content_block_start" => self.block_start(data),
            b"message_start" | b"message_delta" => self.counts(data),
            b"message_stop" => self.end(),
            b"error" => Signal::Fault(Box::new(error(data))),
            _ => Signal::Quiet,
        }
    }

    fn counts(&mut self, data: &[u8]) -> Signal {
        let Ok(event) = serde_json::from_slice::<StreamEvent<'_>>(data) else { return Signal::Quiet };
        let early = event.message.and_then(|message| message.usage);
        for counts in early.iter().chain(&event.usage) {
            self.observed.usage.update(&usage::decode(counts));
        }
        if let Some(delta) = event.delta.filter(|delta| delta.stop_reason.is_some()) {
            let details = delta.stop_details.as_ref();
            self.observed.stop = Some(usage::decode_stop(delta.stop_reason.as_deref(), delta.stop_sequence, details));
        }
        Signal::Quiet
    }

    /// A block that is filled by pieces shows nothing yet.
    fn block_start(&mut self, data: &[u8]) -> Signal {
        let Ok(event) = serde_json::from_slice::<StreamEvent<'_>>(data) else { return Signal::Quiet };
        let block = event.content_block.and_then(|raw| serde_json::from_str::<Block<'_>>(raw.get()).ok());
        let Some(block) = block else { return Signal::Content };
        self.calls |= is_call(&block);
        let early = block.text.as_ref().or(block.thinking.as_ref()).is_some_and(|text| !text.is_empty());
        if early || !matches!(&*block.kind, "text" | "thinking") { Signal::Content } else { Signal::Quiet }
    }

    fn end(&mut self) -> Signal {
        usage::settle_stop(self.observed.stop.get_or_insert_default(), self.calls);
        self.observed.terminal = true;
        self.observed.end_mark = true;
        Signal::Terminal
    }
}

/// A call without a name is nothing that a client could use.
fn is_call(block: &Block<'_>) -> bool {
    block.kind == "tool_use" && block.name.as_ref().is_some_and(|name| !name.is_empty())
}

/// Whether a whole answer calls a tool. Texts are not looked into.
fn calls(content: &RawValue) -> bool {
    let blocks: Vec<&RawValue> = serde_json::from_str(content.get()).unwrap_or_default();
    let read = |raw: &RawValue| serde_json::from_str::<Block<'_>>(raw.get()).is_ok_and(|block| is_call(&block));
    memmem::find(content.get().as_bytes(), b"\"tool_use\"").is_some() && blocks.into_iter().any(read)
}

fn error(data: &[u8]) -> Fault {
    let event = serde_json::from_slice::<StreamEvent<'_>>(data).ok();
    fault::in_answer(event.and_then(|event| event.error).unwrap_or_default())
}
