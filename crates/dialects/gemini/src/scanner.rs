//! Watches a relayed answer. Once content has come, a chunk is parsed only when a byte search says that it tells of
//! counts, the end or an error; quotes inside text are escaped, so a key is found nowhere else.

use std::sync::LazyLock;

use dialect::read::{Str, lenient_text, only_text, only_zeros};
use dialect::{Frame, Observed, Scanner, Signal, scan};
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

static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"finishReason\""));
/// What makes more of the candidates than a text and its end.
static RARE: LazyLock<[Finder<'static>; 5]> = LazyLock::new(|| {
    [
        Finder::new(b"\"finish_reason\""),
        Finder::new(b"\"finishMessage\""),
        Finder::new(b"\"finish_message\""),
        Finder::new(b"\"functionCall\""),
        Finder::new(b"\"function_call\""),
    ]
});
static INDEX: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"index\""));

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
        if self.skim(body) {
            return Signal::Terminal;
        }
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
    /// Reads a whole answer of the usual kind by its top-level fields and a search in its candidates. False, and nothing
    /// noted, for every other: it is for the full parse.
    fn skim(&mut self, body: &[u8]) -> bool {
        let Ok(index) = scan::object(body) else { return false };
        let field = |key| index.find(body, key).filter(|json| *json != "null");
        let rare = ["error", "promptFeedback", "prompt_feedback", "usage_metadata"];
        let Some(candidates) = field("candidates").filter(|json| json.starts_with('[')) else { return false };
        if rare.into_iter().any(|key| field(key).is_some())
            || RARE.iter().any(|word| word.find(candidates.as_bytes()).is_some())
            || !only_zeros(&INDEX, candidates)
        {
            return false;
        }
        let word = only_text(&FINISH, candidates).map(|word| Str(word.into()));
        let Some(stop) = stop_of(word, None) else { return false };
        self.observed.usage.update(&usage::read(&lenient_text(field("usageMetadata"))));
        self.end(stop);
        true
    }

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

#[cfg(test)]
mod tests {
    use dialect::laws;

    use super::*;

    const USUAL: &str = r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"finishReason":"MAX_TOKENS","index":0}],"usageMetadata":{"promptTokenCount":12,"candidatesTokenCount":3,"cachedContentTokenCount":4},"modelVersion":"m","responseId":"r"}"#;

    fn full(body: &[u8]) -> Option<Observed> {
        let mut watch = Watch::default();
        match watch.chunk(parse(body).ok()?) {
            Signal::Fault(_) => None,
            Signal::Quiet | Signal::Content | Signal::UsageOnly | Signal::Terminal => Some(watch.observed),
        }
    }

    fn skims(body: &[u8]) -> bool {
        Watch::default().skim(body)
    }

    #[test]
    fn the_usual_answer_is_skimmed_and_every_other_is_parsed() {
        let cases = [
            (r#""modelVersion":"m""#, r#""error":{"message":"x"}"#),
            (r#""modelVersion":"m""#, r#""promptFeedback":{"blockReason":"x"}"#),
            (r#""modelVersion":"m""#, r#""usage_metadata":{}"#),
            (r#"{"text":"Hi"}"#, r#"{"functionCall":{"name":"f"}}"#),
            (r#""finishReason""#, r#""finish_reason""#),
            (r#""responseId":"r""#, r#""usage_metadata":{}"#),
            (r#""index":0"#, r#""index":1"#),
            (r#""index":0"#, r#""finishMessage":"x""#),
            (r#""MAX_TOKENS""#, r#"null"#),
            (r#""index":0"#, r#""finishReason":"STOP""#),
            (r#"[{"#, r#"{"#),
        ];
        laws::only_the_usual_is_skimmed(USUAL, &cases, skims);
    }

    #[test]
    fn skimming_and_parsing_agree_whatever_byte_is_another() {
        laws::skimming_is_parsing(USUAL, Watch::default, skims, full);
    }
}
