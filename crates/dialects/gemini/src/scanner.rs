//! Watches a relayed answer. Once content has come, a chunk is parsed only when a byte search says that it tells of
//! counts, the end or an error; quotes inside text are escaped, so a key is found nowhere else.

use std::sync::LazyLock;

use dialect::{Frame, Observed, Scanner, Signal};
use hub::{Fault, Stop, StopReason};
use memchr::memmem::Finder;

use crate::stream_decode::{blocked, parse, stop_of};
use crate::wire::{self, Candidate, Chunk, Part, lenient};
use crate::{fault, usage};

static TELLING: LazyLock<[Finder<'static>; 8]> = LazyLock::new(|| {
    [
        Finder::new(b"\"usageMetadata\""),
        Finder::new(b"\"usage_metadata\""),
        Finder::new(b"\"finishReason\""),
        Finder::new(b"\"finish_reason\""),
        Finder::new(b"\"error\""),
        Finder::new(b"\"functionCall\""),
        Finder::new(b"\"promptFeedback\""),
        Finder::new(b"\"prompt_feedback\""),
    ]
});

/// The state of one watch.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    observed: Observed,
    /// Content has come: from here on only tell-tale chunks are parsed.
    content: bool,
    called: bool,
}

impl Scanner for Watch {
    fn frame(&mut self, frame: Frame<'_>) -> Signal {
        let data = frame.data.trim_ascii();
        if data.is_empty() || data == b"[DONE]" {
            return Signal::Quiet;
        }
        if self.content && !TELLING.iter().any(|key| key.find(data).is_some()) {
            return Signal::Content;
        }
        match parse(data) {
            Ok(chunk) => self.chunk(chunk),
            Err(fault) => Signal::Fault(Box::new(fault)),
        }
    }

    fn whole(&mut self, body: &[u8]) -> Signal {
        let chunk = match parse(body) {
            Ok(chunk) => chunk,
            Err(fault) => return Signal::Fault(Box::new(fault)),
        };
        if chunk.error.is_none() && chunk.candidates.is_none() && chunk.prompt_feedback.is_none() {
            return Signal::Fault(Box::new(Fault::garbled("the upstream's answer holds no candidate")));
        }
        match self.chunk(chunk) {
            Signal::Fault(fault) => Signal::Fault(fault),
            Signal::Quiet | Signal::Content | Signal::UsageOnly | Signal::Terminal => {
                self.observed.terminal = true;
                // A body is whole even where it does not say why it ended.
                self.observed.stop.get_or_insert_default();
                Signal::Terminal
            }
        }
    }

    fn observed(&self) -> &Observed {
        &self.observed
    }
}

impl Watch {
    fn chunk(&mut self, chunk: Chunk<'_>) -> Signal {
        if let Some(error) = chunk.error {
            return Signal::Fault(Box::new(fault::in_stream(error.get())));
        }
        self.observed.usage.update(&usage::read(&lenient(chunk.usage_metadata)));
        let candidates = chunk.candidates.unwrap_or_default();
        if candidates.is_empty()
            && let Some(stop) = blocked(chunk.prompt_feedback)
        {
            self.end(stop);
            return Signal::Content;
        }
        let mut content = false;
        for candidate in candidates {
            content |= self.candidate(candidate);
        }
        self.settle();
        self.content |= content;
        if content { Signal::Content } else { Signal::Quiet }
    }

    /// Whether the client would see something. An end without content is something to see, too.
    fn candidate(&mut self, candidate: Candidate<'_>) -> bool {
        let parts = candidate.content.as_ref().and_then(|content| content.parts).and_then(wire::list);
        let mut said = false;
        for raw in parts.unwrap_or_default() {
            let part: Part<'_> = lenient(Some(raw));
            self.called |= part.function_call.is_some_and(|call| call.name.is_some_and(|name| !name.is_empty()));
            said |= part.text.is_none_or(|text| text.get() != "\"\"") || part.thought_signature.is_some();
        }
        let Some(stop) = stop_of(candidate.finish_reason, candidate.finish_message) else { return said };
        if candidate.index.unwrap_or(0) == 0 {
            self.end(stop);
        }
        true
    }

    /// Calls win over the plain end, also where they follow it.
    fn settle(&mut self) {
        if let Some(stop) = self.observed.stop.as_mut().filter(|stop| self.called && stop.reason == StopReason::End) {
            stop.reason = StopReason::ToolCalls;
        }
    }

    fn end(&mut self, stop: Stop) {
        self.observed.terminal = true;
        self.observed.stop = Some(stop);
    }
}
