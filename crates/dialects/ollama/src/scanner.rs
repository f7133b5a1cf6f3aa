//! Watches a relayed answer. Once content has come, a line is parsed only when a byte search says that it is the last
//! one or an error; quotes inside text are escaped, so a key is found nowhere else.

use std::sync::LazyLock;

use dialect::read::{Raw, count, plain};
use dialect::{Frame, Observed, Scanner, Signal, scan};
use hub::{Stop, Usage};
use memchr::memmem::Finder;

use crate::fault;
use crate::stream_decode::{parse, reason, told, usage};
use crate::wire::Message;

static DONE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"done\""));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));
static CALLS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"tool_calls\""));

/// The state of one watch.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    observed: Observed,
    /// Content has come: from here on only tell-tale lines are parsed.
    content: bool,
    calls: bool,
}

impl Scanner for Watch {
    fn frame(&mut self, frame: Frame<'_>) -> Signal {
        let data = frame.data.trim_ascii();
        if self.observed.end_mark || data.is_empty() {
            return Signal::Quiet;
        }
        let telling = is_done(data) || ERROR.find(data).is_some() || CALLS.find(data).is_some();
        if self.content && !telling {
            return Signal::Content;
        }
        self.parsed(data)
    }

    fn whole(&mut self, body: &[u8]) -> Signal {
        if self.skim(body) {
            return Signal::Terminal;
        }
        let signal = self.parsed(body);
        if matches!(signal, Signal::Fault(_)) {
            return signal;
        }
        self.observed.terminal = true;
        self.observed.end_mark = true;
        self.observed.stop.get_or_insert_default();
        Signal::Terminal
    }

    fn observed(&self) -> &Observed {
        &self.observed
    }
}

/// Whether the key is there with a value other than false.
fn is_done(data: &[u8]) -> bool {
    DONE.find_iter(data).any(|at| {
        let value = data[at + DONE.needle().len()..].trim_ascii_start().strip_prefix(b":");
        value.is_some_and(|value| !value.trim_ascii_start().starts_with(b"false"))
    })
}

impl Watch {
    /// Reads a whole answer of the usual kind by its top-level fields. False, and nothing noted, for every other: it is
    /// for the full parse.
    fn skim(&mut self, body: &[u8]) -> bool {
        let Ok(index) = scan::object(body) else { return false };
        let field = |key| index.find(body, key).filter(|json| *json != "null");
        let message = field("message").filter(|json| json.starts_with('{'));
        // The form without messages has its text at the top.
        let prose =
            || field("response").filter(|json| json.starts_with('"') && index.find(body, "tool_calls").is_none());
        let Some(said) = message.or_else(prose) else { return false };
        if field("error").is_some() || field("done") != Some("true") || CALLS.find(said.as_bytes()).is_some() {
            return false;
        }
        let Some(word) = field("done_reason").map_or(Some(""), plain) else { return false };
        let counted = |key| told(field(key).and_then(count));
        let figures = Usage { fresh: counted("prompt_eval_count"), output: counted("eval_count"), ..Usage::default() };
        self.observed.usage.update(&figures);
        self.observed.stop = Some(Stop::from(reason(word, false)));
        self.observed.terminal = true;
        self.observed.end_mark = true;
        true
    }

    fn parsed(&mut self, data: &[u8]) -> Signal {
        let chunk = match parse(data) {
            Ok(chunk) => chunk,
            Err(fault) => return Signal::Fault(Box::new(fault)),
        };
        if let Some(error) = chunk.error {
            return Signal::Fault(Box::new(fault::in_stream(error)));
        }
        let message = chunk.message.as_ref();
        self.calls |= message.is_some_and(|message| message.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty()));
        let said = message.is_some_and(says_something);
        self.content |= said;
        if chunk.done == Some(true) {
            self.observed.usage.update(&usage(&chunk));
            let word = chunk.done_reason.as_deref().unwrap_or_default();
            self.observed.stop = Some(Stop::from(reason(word, self.calls)));
            self.observed.terminal = true;
            self.observed.end_mark = true;
            return Signal::Terminal;
        }
        if said { Signal::Content } else { Signal::Quiet }
    }
}

fn says_something(message: &Message<'_>) -> bool {
    let filled = |raw: Raw<'_>| raw.is_some_and(|raw| raw.get() != "\"\"");
    filled(message.content)
        || filled(message.thinking)
        || message.images.as_ref().is_some_and(|images| !images.is_empty())
        || message.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty())
}

#[cfg(test)]
mod tests {
    use dialect::laws;

    use super::*;

    const USUAL: &str = r#"{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"Hi"},"done":true,"done_reason":"length","total_duration":5,"prompt_eval_count":12,"eval_count":3}"#;

    fn full(body: &[u8]) -> Option<Observed> {
        let mut watch = Watch::default();
        match watch.parsed(body) {
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
            (r#""model":"m""#, r#""error":"x""#),
            (r#"true"#, r#"false"#),
            (r#""content":"Hi""#, r#""tool_calls":[{}]"#),
            (r#""length""#, r#"5"#),
            (r#"{"role":"assistant","content":"Hi"}"#, r#""Hi""#),
        ];
        laws::only_the_usual_is_skimmed(USUAL, &cases, skims);
    }

    #[test]
    fn skimming_and_parsing_agree_whatever_byte_is_another() {
        laws::skimming_is_parsing(USUAL, Watch::default, skims, full);
    }
}
