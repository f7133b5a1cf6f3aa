//! Writes the stream of an answer that is a summary: its words are gathered, and go out as one item at the end.

use bytes::BytesMut;
use dialect::StreamEncoder;
use hub::{Block, BlockId, Event, Fault, Stop, StopReason};

use crate::stream_encode::Encoder;
use crate::summary;

/// The state of one answer.
#[derive(Debug)]
pub(crate) struct SummaryEncoder {
    inner: Encoder,
    seed: u64,
    text: String,
    /// Blocks of text, of which the words count.
    blocks: Vec<BlockId>,
}

impl SummaryEncoder {
    pub(crate) fn new(inner: Encoder, seed: u64) -> Self {
        Self { inner, seed, text: String::new(), blocks: Vec::new() }
    }

    fn stop(&mut self, stop: &Stop, out: &mut BytesMut) {
        let text = self.text.trim();
        if text.is_empty() {
            return self.inner.fail(&nothing(), out);
        }
        for event in events(text, stop, self.seed) {
            self.inner.push(&event, out);
        }
    }
}

/// What an answer says that is a summary.
fn events(text: &str, stop: &Stop, seed: u64) -> [Event; 3] {
    let block = BlockId(0);
    let kind = Block::Foreign(summary::block(text, stop, seed));
    [Event::Open { block, kind }, Event::Close { block }, Event::Stop(StopReason::End.into())]
}

/// A conversation must not be replaced by nothing.
pub(crate) fn nothing() -> Fault {
    Fault::garbled("the model wrote no summary")
}

impl StreamEncoder for SummaryEncoder {
    fn push(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Start { .. } | Event::Usage(_) => self.inner.push(event, out),
            Event::Open { block, kind: Block::Text } => {
                self.blocks.push(*block);
                self.text.push_str(if self.text.is_empty() { "" } else { "\n\n" });
            }
            Event::Delta { block, text } if self.blocks.contains(block) => self.text.push_str(text),
            Event::Stop(stop) => self.stop(stop, out),
            Event::Open { .. }
            | Event::Delta { .. }
            | Event::Seal { .. }
            | Event::Tokens { .. }
            | Event::Cite { .. }
            | Event::Close { .. }
            | Event::Aside { .. } => (),
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        self.inner.fail(fault, out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.inner.end(out);
    }

    fn keep_alive(&mut self, out: &mut BytesMut) {
        self.inner.keep_alive(out);
    }
}
