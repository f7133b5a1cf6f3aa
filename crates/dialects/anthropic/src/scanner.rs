//! Watches a relayed answer. A frame of content is told by its event name alone; only the few frames that carry
//! counts, the end or an error are parsed.

use dialect::read::plain;
use dialect::{Frame, Observed, Scanner, Signal, scan};
use hub::Fault;
use memchr::memmem;
use serde_json::value::RawValue;

use crate::wire::{AnswerEnd, Block, EventKind, StreamEvent};
use crate::{fault, usage};

/// The type of a block that is a call.
const CALL: &[u8] = b"\"tool_use\"";

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
        match dialect::read::json::<EventKind<'_>>(frame.data) {
            Ok(event) => self.event(event.kind.as_bytes(), frame.data),
            Err(_) => Signal::Quiet,
        }
    }

    fn whole(&mut self, body: &[u8]) -> Signal {
        if !self.skim(body)
            && let Err(fault) = self.read(body)
        {
            return Signal::Fault(Box::new(fault));
        }
        self.end()
    }

    fn observed(&self) -> &Observed {
        &self.observed
    }
}

impl Watcher {
    /// Reads a whole answer of the usual kind by its top-level fields. False, and nothing noted, for every other: it is
    /// for the full parse.
    fn skim(&mut self, body: &[u8]) -> bool {
        let Ok(index) = scan::object(body) else { return false };
        let field = |key| index.find(body, key).filter(|json| *json != "null");
        let rare = ["error", "stop_sequence", "stop_details"].into_iter().any(|key| field(key).is_some());
        let calls = field("content").is_some_and(|json| memmem::find(json.as_bytes(), CALL).is_some());
        if rare || calls || field("type") != Some("\"message\"") {
            return false;
        }
        let counts = field("usage").and_then(|json| serde_json::from_str(json).ok());
        let (Some(counts), Some(reason)) = (counts, field("stop_reason").and_then(plain)) else { return false };
        self.observed.usage.update(&usage::decode(&counts));
        self.observed.stop = Some(usage::decode_stop(Some(reason), None, None));
        true
    }

    fn read(&mut self, body: &[u8]) -> Result<(), Fault> {
        let answer: AnswerEnd<'_> = dialect::read::json(body)
            .map_err(|error| Fault::garbled(format!("the upstream's answer is not a message: {error}")))?;
        if let Some(error) = answer.error {
            return Err(fault::in_answer(error));
        }
        if answer.kind.as_deref() == Some("error") {
            return Err(fault::in_answer(Default::default()));
        }
        if let Some(counts) = &answer.usage {
            self.observed.usage.update(&usage::decode(counts));
        }
        let details = answer.stop_details.as_ref();
        self.calls = answer.content.is_some_and(calls);
        self.observed.stop = Some(usage::decode_stop(answer.stop_reason.as_deref(), answer.stop_sequence, details));
        Ok(())
    }

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
        let Ok(event) = dialect::read::json::<StreamEvent<'_>>(data) else { return Signal::Quiet };
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
        let Ok(event) = dialect::read::json::<StreamEvent<'_>>(data) else { return Signal::Quiet };
        let block = event.content_block.and_then(|raw| serde_json::from_str::<Block<'_>>(raw.get()).ok());
        let Some(block) = block else { return Signal::Content };
        self.calls |= is_call(&block);
        let early = block.text.as_ref().or(block.thinking.as_ref()).is_some_and(|text| !text.is_empty());
        if early || !matches!(&*block.kind, "text" | "thinking") { Signal::Content } else { Signal::Quiet }
    }

    fn end(&mut self) -> Signal {
        usage::settle_stop(self.observed.stop.get_or_insert_default(), self.calls, false);
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
    memmem::find(content.get().as_bytes(), CALL).is_some() && blocks.into_iter().any(read)
}

fn error(data: &[u8]) -> Fault {
    let event = dialect::read::json::<StreamEvent<'_>>(data).ok();
    fault::in_answer(event.and_then(|event| event.error).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use dialect::laws;

    use super::*;

    const USUAL: &str = r#"{"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":"Hi"}],"stop_reason":"max_tokens","stop_sequence":null,"usage":{"input_tokens":12,"output_tokens":3,"cache_read_input_tokens":4}}"#;

    fn full(body: &[u8]) -> Option<Observed> {
        let mut watch = Watcher::default();
        watch.read(body).ok()?;
        watch.end();
        Some(watch.observed)
    }

    fn skims(body: &[u8]) -> bool {
        Watcher::default().skim(body)
    }

    #[test]
    fn the_usual_answer_is_skimmed_and_every_other_is_parsed() {
        let cases = [
            (r#""message""#, r#""error""#),
            (r#""id":"m""#, r#""error":{"type":"x","message":"x"}"#),
            (r#"null"#, r#""x""#),
            (r#""text","text""#, r#""tool_use","name""#),
            (r#""max_tokens""#, r#"null"#),
            (r#""id":"m""#, r#""stop_details":{"category":"x"}"#),
            (r#""role":"assistant""#, r#""id":"m""#),
        ];
        laws::only_the_usual_is_skimmed(USUAL, &cases, skims);
    }

    #[test]
    fn skimming_and_parsing_agree_whatever_byte_is_another() {
        laws::skimming_is_parsing(USUAL, Watcher::default, skims, full);
    }
}
