//! Watches a relayed answer. Once content has come, a chunk is parsed only when a byte search says that it tells of
//! usage, the end or an error; quotes inside text are escaped, so a key is found nowhere else.

use std::sync::LazyLock;

use dialect::read::{lenient_text, only_text, only_zeros};
use dialect::{Frame, Observed, Scanner, Signal, scan};
use hub::{Fault, Stop, StopReason};
use memchr::memmem::Finder;

use crate::stream_decode::{Seen, error_of, parse, settle, stop_reason};
use crate::wire::{self, Chunk, ChunkChoice, Delta, lenient};
use crate::{fault, usage};

static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));
static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"finish_reason\""));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));
static CALLS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"tool_calls\""));
static REFUSAL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"refusal\""));
static CALL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"function_call\""));
static INDEX: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"index\""));
static NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"name\""));

/// The state of one watch.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    observed: Observed,
    /// Content has come: from here on only tell-tale chunks are parsed.
    content: bool,
    /// The answer has begun, with content or without.
    started: bool,
    calls: bool,
    refused: bool,
    finish: Option<StopReason>,
}

impl Scanner for Watch {
    fn frame(&mut self, frame: Frame<'_>) -> Signal {
        let data = frame.data.trim_ascii();
        if self.observed.end_mark || data.is_empty() {
            return Signal::Quiet;
        }
        if data == b"[DONE]" {
            return self.end_mark();
        }
        if b"[DONE]".starts_with(data) {
            return Signal::Quiet;
        }
        // Pieces of arguments are many and have no name.
        if !self.calls && holds(&CALLS, data) && holds(&NAME, data) {
            self.calls = true;
        }
        self.refused |= holds(&REFUSAL, data);
        let dull = !holds(&USAGE, data) && !holds(&FINISH, data) && ERROR.find(data).is_none();
        if self.content && dull && frame.event.is_none() {
            if self.finish.is_some() {
                self.settle();
            }
            return Signal::Content;
        }
        self.parsed(data, frame.event == Some(b"error"))
    }

    fn whole(&mut self, body: &[u8]) -> Signal {
        if !self.skim(body)
            && let Signal::Fault(fault) = self.parsed(body, false)
        {
            return Signal::Fault(fault);
        }
        self.observed.terminal = true;
        self.observed.end_mark = true;
        // A body is whole even where it does not say why it ended.
        self.observed.stop.get_or_insert_default();
        Signal::Terminal
    }

    fn observed(&self) -> &Observed {
        &self.observed
    }
}

/// Whether the key is there with a value other than null or an empty text.
fn holds(key: &Finder<'_>, data: &[u8]) -> bool {
    key.find_iter(data).any(|at| {
        let value = data[at + key.needle().len()..].trim_ascii_start().strip_prefix(b":");
        let value = value.map(<[u8]>::trim_ascii_start);
        value.is_some_and(|value| !value.starts_with(b"null") && !value.starts_with(b"\"\""))
    })
}

impl Watch {
    /// Reads a whole answer of the usual kind, one text and its end, from its top-level fields and a search in the
    /// choice. False, and nothing noted, for every other: it is for the full parse.
    fn skim(&mut self, body: &[u8]) -> bool {
        let Ok(index) = scan::object(body) else { return false };
        let field = |key| index.find(body, key).filter(|json| *json != "null");
        if field("object") != Some("\"chat.completion\"") || field("error").is_some() || field("message").is_some() {
            return false;
        }
        let Some(choices) = field("choices").filter(|json| json.starts_with('[')) else { return false };
        let rare = [&USAGE, &CALLS, &CALL, &REFUSAL].into_iter().any(|key| holds(key, choices.as_bytes()));
        if rare || !only_zeros(&INDEX, choices) {
            return false;
        }
        let Some(word) = only_text(&FINISH, choices).filter(|word| !word.is_empty()) else { return false };
        let Ok(finish) = stop_reason(word) else { return false };
        self.observed.usage.update(&usage::read(&lenient_text(field("usage"))));
        self.observed.stop = Some(Stop::from(settle(finish, Seen { calls: false, whole: false, refused: false })));
        true
    }

    fn parsed(&mut self, data: &[u8], named_error: bool) -> Signal {
        let chunk = match parse(data) {
            Ok(chunk) => chunk,
            Err(fault) => return Signal::Fault(Box::new(fault)),
        };
        if let Some(error) = error_of(&chunk, data, named_error) {
            return Signal::Fault(Box::new(fault::in_stream(error)));
        }
        match self.chunk(&chunk) {
            Ok(signal) => signal,
            Err(fault) => Signal::Fault(Box::new(fault)),
        }
    }

    /// An end mark ends no answer that never began.
    fn end_mark(&mut self) -> Signal {
        if !self.started {
            let words = "the upstream ended its stream before its answer was complete";
            return Signal::Fault(Box::new(Fault::garbled(words)));
        }
        self.settle();
        self.observed.end_mark = true;
        self.observed.terminal = true;
        Signal::Terminal
    }

    fn chunk(&mut self, chunk: &Chunk<'_>) -> Result<Signal, Fault> {
        self.count(chunk.usage);
        let choices = chunk.choices.as_deref().unwrap_or_default();
        self.started |= !choices.is_empty() || chunk.usage.is_some() || chunk.id.is_some();
        let mut content = false;
        for choice in choices {
            content |= self.choice(choice)?;
        }
        self.content |= content;
        if self.finish.is_some() {
            self.settle();
        }
        Ok(match (content, choices.is_empty() && chunk.usage.is_some()) {
            (true, _) => Signal::Content,
            (false, true) => Signal::UsageOnly,
            (false, false) => Signal::Quiet,
        })
    }

    /// Whether the client would see something in this choice. An end without content is something to see, too.
    fn choice(&mut self, choice: &ChunkChoice<'_>) -> Result<bool, Fault> {
        self.count(choice.usage);
        let delta = choice.delta.as_ref().or(choice.message.as_ref());
        let said = delta.is_some_and(says_something);
        self.refused |= delta.is_some_and(|delta| delta.refusal.as_ref().is_some_and(|text| !text.is_empty()));
        self.calls |= delta.is_some_and(names_a_call);
        let Some(word) = choice.finish_reason.as_ref().filter(|word| !word.is_empty()) else { return Ok(said) };
        if choice.index.unwrap_or(0) == 0 {
            self.finish = Some(stop_reason(word)?);
            // Servers exist that leave the end mark out: with a finish reason the answer is whole.
            self.observed.terminal = true;
        }
        Ok(true)
    }

    /// Why the answer ends, by all that has come. Whether a call that the length cut is whole after all cannot be told
    /// without collecting it.
    fn settle(&mut self) {
        let seen = Seen { calls: self.calls, whole: false, refused: self.refused };
        self.observed.stop = Some(Stop::from(settle(self.finish.unwrap_or_default(), seen)));
    }

    fn count(&mut self, figures: wire::Raw<'_>) {
        self.observed.usage.update(&usage::read(&lenient(figures)));
    }
}

fn says_something(delta: &Delta<'_>) -> bool {
    let filled = |raw: wire::Raw<'_>| raw.is_some_and(|raw| !matches!(raw.get(), "\"\"" | "[]" | "{}"));
    filled(delta.content)
        || filled(delta.reasoning_content)
        || filled(delta.reasoning)
        || filled(delta.reasoning_details)
        || filled(delta.images)
        || delta.refusal.as_ref().is_some_and(|text| !text.is_empty())
        || calls_something(delta)
}

fn calls_something(delta: &Delta<'_>) -> bool {
    delta.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty()) || delta.function_call.is_some()
}

/// A call without a name is nothing that a client could use.
fn names_a_call(delta: &Delta<'_>) -> bool {
    let named = |name: &Option<wire::Str<'_>>| name.as_ref().is_some_and(|name| !name.is_empty());
    let calls = delta.tool_calls.iter().flatten();
    let mut functions = calls.clone().filter_map(|call| call.function.as_ref()).chain(&delta.function_call);
    functions.any(|function| named(&function.name))
        || calls.filter_map(|call| call.custom.as_ref()).any(|custom| named(&custom.name))
}

#[cfg(test)]
mod tests {
    use dialect::laws;

    use super::*;

    const USUAL: &str = r#"{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null},"finish_reason":"length"}],"usage":{"prompt_tokens":12,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}}"#;

    fn full(body: &[u8]) -> Option<Observed> {
        let mut watch = Watch::default();
        match watch.parsed(body, false) {
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
            (r#""chat.completion""#, r#""error""#),
            (r#""id":"c""#, r#""error":{"message":"x"}"#),
            (r#"[{"#, r#"{"#),
            (r#""refusal":null"#, r#""refusal":"no""#),
            (r#""refusal":null"#, r#""tool_calls":[{}]"#),
            (r#""refusal":null"#, r#""function_call":{}"#),
            (r#""length""#, r#""error""#),
            (r#""length""#, r#"null"#),
            (r#""index":0"#, r#""index":01"#),
            (r#""index":0"#, r#""index":1"#),
            (r#""index":0"#, r#""finish_reason":"stop""#),
            (r#""model":"m""#, r#""model":"m","model":"m""#),
        ];
        laws::only_the_usual_is_skimmed(USUAL, &cases, skims);
    }

    #[test]
    fn skimming_and_parsing_agree_whatever_byte_is_another() {
        laws::skimming_is_parsing(USUAL, Watch::default, skims, full);
    }
}
