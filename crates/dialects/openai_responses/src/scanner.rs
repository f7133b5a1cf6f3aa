//! Watches a relayed answer. An event is parsed only when its name says that it may tell of content, the end or an
//! error; nearly all events are pieces of text, whose name stands at their beginning.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use dialect::read::lenient_text;
use dialect::splice::{self, Edit};
use dialect::{Frame, Object, Observed, Scanner, Signal, scan};
use hub::{Fault, Stop, StopReason};
use memchr::memmem::{self, Finder};

use crate::stream_decode::{error_of, failure, parse, told};
use crate::wire::{self, Answer, lenient};
use crate::{fault, response, usage};

/// Largest event that is kept whole to be repeated, in bytes. Those of plain requests have about one thousand; a
/// request with tools is repeated in them.
const LARGE: usize = 2_048;
/// Longest word that is taken over from a larger one.
const MAX_WORD: usize = 256;

/// What makes more of an output than text that was thought and said.
static RARE: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| [Finder::new(b"_call\""), Finder::new(b"\"refusal\"")]);

/// The state of one watch.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    observed: Observed,
    calls: bool,
    refused: bool,
    /// The data of an event that may come again.
    pulse: Option<Box<[u8]>>,
    /// Events that have passed: they are numbered from 0, without gaps.
    passed: u64,
}

impl Scanner for Watch {
    fn frame(&mut self, frame: Frame<'_>) -> Signal {
        let data = frame.data.trim_ascii();
        if self.observed.end_mark || data.is_empty() || data == b"[DONE]" {
            return Signal::Quiet;
        }
        self.passed += 1;
        match frame.event.or_else(|| name_of(data)) {
            Some(name) => self.named(name, data),
            None => self.parsed(data, false),
        }
    }

    fn whole(&mut self, body: &[u8]) -> Signal {
        if self.skim(body) {
            return Signal::Terminal;
        }
        match response::parse(body) {
            Ok(answer) => self.end(&answer),
            Err(fault) => Signal::Fault(Box::new(fault)),
        }
    }

    fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Codex waits for events, and a comment is none (codex-rs `sse/responses.rs`, November 2026). It skips
    /// `response.in_progress` without a look inside, and so do OpenAI's stream helpers; under its own number the event
    /// is one that the client has seen, so that the numbers of those after it stay as they are.
    fn repeat(&self, out: &mut BytesMut) -> bool {
        let Some(data) = self.pulse.as_ref().filter(|_| !self.observed.end_mark) else { return false };
        out.extend_from_slice(b"event: response.in_progress\ndata: ");
        out.extend_from_slice(data);
        out.extend_from_slice(b"\n\n");
        true
    }

    /// The answer that has begun has failed: its own id, and the next number. Agents take the words of such an event,
    /// and skip an `error` that comes in the middle of one.
    fn fail(&self, fault: &Fault, out: &mut BytesMut) -> bool {
        let Some(response) = self.pulse.as_deref().and_then(|data| failed(data, fault)) else { return false };
        out.extend_from_slice(b"event: response.failed\ndata: ");
        let mut event = Object::open(out);
        event.text("type", "response.failed");
        event.number("sequence_number", self.passed);
        event.raw("response", &response);
        event.close();
        out.extend_from_slice(b"\n\n");
        true
    }
}

/// The answer that an event shows in progress, as one that has failed.
fn failed(data: &[u8], fault: &Fault) -> Option<String> {
    let shown = scan::object(data).ok()?.find(data, "response")?.as_bytes();
    let shown = Bytes::copy_from_slice(shown);
    let mut error = BytesMut::new();
    fault::write_in_answer(fault, &mut error);
    let error = String::from_utf8(error.into()).ok()?;
    let edits = [Edit::set("status", r#""failed""#), Edit::set("error", error)];
    let failed = splice::apply(&shown, &scan::object(&shown).ok()?, &edits);
    String::from_utf8(failed.into()).ok()
}

/// The data of the event as it is, or what it tells of its answer where it repeats a large request.
fn pulse(data: &[u8]) -> Option<Box<[u8]>> {
    if data.len() <= LARGE && !data.contains(&b'\n') {
        return Some(data.into());
    }
    let id = between(data, b"\"id\":\"")?;
    let number = between(data, b"\"sequence_number\":").unwrap_or("1");
    let model = between(data, b"\"model\":\"").unwrap_or_default();
    let created = between(data, b"\"created_at\":").unwrap_or("0");
    let small = format!(
        "{{\"type\":\"response.in_progress\",\"sequence_number\":{number},\"response\":{{\"id\":\"{id}\",\
         \"object\":\"response\",\"created_at\":{created},\"status\":\"in_progress\",\"background\":false,\
         \"error\":null,\"incomplete_details\":null,\"instructions\":null,\"metadata\":{{}},\"model\":\"{model}\",\
         \"output\":[],\"parallel_tool_calls\":true,\"temperature\":1.0,\"tool_choice\":\"auto\",\"tools\":[],\
         \"top_p\":1.0,\"usage\":null}}}}"
    );
    Some(small.into_bytes().into())
}

/// The text or number that follows a key; only of letters that need no escape.
fn between<'a>(data: &'a [u8], key: &[u8]) -> Option<&'a str> {
    let rest = &data[memmem::find(data, key)? + key.len()..];
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./:".contains(byte);
    let end = rest.iter().take(MAX_WORD).position(|byte| !plain(byte))?;
    std::str::from_utf8(&rest[..end]).ok().filter(|word| !word.is_empty())
}

/// The name of an event whose data begins with it, as OpenAI writes them.
pub(crate) fn name_of(data: &[u8]) -> Option<&[u8]> {
    let rest = data.strip_prefix(b"{\"type\":\"")?;
    Some(&rest[..memchr::memchr(b'"', rest)?])
}

impl Watch {
    /// Reads a whole answer of the usual kind by its top-level fields and a search in its output. False, and nothing
    /// noted, for every other: it is for the full parse.
    fn skim(&mut self, body: &[u8]) -> bool {
        let Ok(index) = scan::object(body) else { return false };
        let field = |key| index.find(body, key).filter(|json| *json != "null");
        let rare = ["error", "incomplete_details", "tool_usage"].into_iter().any(|key| field(key).is_some());
        if rare || field("status") != Some("\"completed\"") {
            return false;
        }
        let Some(output) = field("output").filter(|json| json.starts_with('[')) else { return false };
        if RARE.iter().any(|word| word.find(output.as_bytes()).is_some()) {
            return false;
        }
        self.observed.usage.update(&usage::tokens(&lenient_text(field("usage"))));
        self.observed.stop = Some(Stop::from(StopReason::End));
        self.observed.terminal = true;
        self.observed.end_mark = true;
        true
    }

    fn named(&mut self, name: &[u8], data: &[u8]) -> Signal {
        match name {
            b"response.in_progress" => {
                self.pulse = pulse(data);
                Signal::Quiet
            }
            b"response.created"
            | b"response.queued"
            | b"response.content_part.added"
            | b"response.reasoning_summary_part.added" => Signal::Quiet,
            b"response.refusal.delta" => {
                self.refused = true;
                Signal::Content
            }
            b"response.output_item.added"
            | b"response.output_item.done"
            | b"response.completed"
            | b"response.done"
            | b"response.incomplete"
            | b"response.failed"
            | b"response.cancelled" => self.parsed(data, false),
            b"error" => self.parsed(data, true),
            name if name.starts_with(b"response.") => Signal::Content,
            _ => self.parsed(data, false),
        }
    }

    fn parsed(&mut self, data: &[u8], named_error: bool) -> Signal {
        let event = match parse(data) {
            Ok(event) => event,
            Err(fault) => return Signal::Fault(Box::new(fault)),
        };
        if let Some(error) = error_of(&event, data, named_error) {
            return Signal::Fault(Box::new(fault::in_stream(error)));
        }
        let kind = event.kind.as_deref().unwrap_or_default();
        match kind {
            "response.output_item.added" | "response.output_item.done" => self.item(kind, &lenient(event.item)),
            "response.completed" | "response.done" | "response.incomplete" => {
                self.end(&lenient::<Answer<'_>>(event.response))
            }
            "response.failed" | "response.cancelled" => self.failed(&lenient(event.response)),
            "response.in_progress" => {
                self.pulse = pulse(data);
                Signal::Quiet
            }
            "response.created" | "response.queued" | "response.content_part.added" => Signal::Quiet,
            kind if kind.starts_with("response.") => Signal::Content,
            _ => Signal::Quiet,
        }
    }

    /// A call is content as soon as it is named; a message only when it says something.
    fn item(&mut self, kind: &str, item: &wire::Item<'_>) -> Signal {
        let calls = matches!(item.kind.as_deref(), Some("function_call" | "custom_tool_call"));
        self.calls |= calls;
        if calls || kind.ends_with("done") { Signal::Content } else { Signal::Quiet }
    }

    fn look(&mut self, answer: &Answer<'_>) {
        for raw in answer.output.iter().flatten() {
            let item: wire::Item<'_> = lenient(Some(raw));
            self.item("", &item);
            self.refused |= item.content.is_some_and(|content| content.get().contains("\"refusal\""));
        }
    }

    fn end(&mut self, answer: &Answer<'_>) -> Signal {
        if answer.status.as_deref() == Some("failed") {
            return self.failed(answer);
        }
        // Some servers name items with the whole answer only.
        self.look(answer);
        self.observed.usage.update(&usage::read(answer));
        let reason = match told(answer) {
            StopReason::End if self.calls => StopReason::ToolCalls,
            StopReason::End | StopReason::Filter if self.refused => StopReason::Refusal,
            told => told,
        };
        self.observed.stop = Some(Stop::from(reason));
        self.observed.terminal = true;
        self.observed.end_mark = true;
        Signal::Terminal
    }

    fn failed(&mut self, answer: &Answer<'_>) -> Signal {
        self.observed.usage.update(&usage::read(answer));
        let fault: Fault = failure(answer);
        Signal::Fault(Box::new(fault))
    }
}

#[cfg(test)]
mod tests {
    use dialect::laws;

    use super::*;

    const USUAL: &str = r#"{"id":"r","object":"response","status":"completed","error":null,"incomplete_details":null,"model":"m","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hi","annotations":[]}]}],"usage":{"input_tokens":12,"output_tokens":3,"input_tokens_details":{"cached_tokens":4}}}"#;

    fn full(body: &[u8]) -> Option<Observed> {
        let answer = response::parse(body).ok()?;
        let mut watch = Watch::default();
        match watch.end(&answer) {
            Signal::Fault(_) => None,
            Signal::Quiet | Signal::Content | Signal::UsageOnly | Signal::Terminal => Some(watch.observed),
        }
    }

    fn skims(body: &[u8]) -> bool {
        Watch::default().skim(body)
    }

    #[test]
    fn an_answer_that_breaks_off_has_failed_under_its_own_id() {
        let large = format!(r#","instructions":"{}""#, "x".repeat(LARGE));
        for more in ["", &*large] {
            let shown = format!(r#"{{"id":"resp_7","status":"in_progress","error":null,"output":[]{more}}}"#);
            let mut watch = Watch::default();
            for name in ["created", "in_progress", "output_text.delta"] {
                let data = format!(r#"{{"type":"response.{name}","sequence_number":1,"response":{shown}}}"#);
                watch.frame(Frame { event: None, data: data.as_bytes() });
            }
            let mut out = BytesMut::new();
            assert!(watch.fail(&Fault::garbled("gone"), &mut out));
            let text = String::from_utf8_lossy(&out);
            let start = "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":3,";
            assert!(text.starts_with(start) && text.ends_with("}}\n\n"), "{text}");
            let error = r#""error":{"code":"upstream_garbled","message":"gone"}"#;
            let all = [r#""id":"resp_7""#, r#""status":"failed""#, error];
            assert!(all.iter().all(|piece| text.contains(piece)), "{text}");
            assert!(!text.contains("in_progress"), "{text}");
        }
        assert!(!Watch::default().fail(&Fault::garbled("gone"), &mut BytesMut::new()), "nothing has begun");
    }

    #[test]
    fn the_usual_answer_is_skimmed_and_every_other_is_parsed() {
        let cases = [
            (r#""completed""#, r#""failed""#),
            (r#""completed""#, r#""incomplete""#),
            (r#""error":null"#, r#""error":{"message":"x"}"#),
            (r#""incomplete_details":null"#, r#""incomplete_details":{"reason":"content_filter"}"#),
            (r#""model":"m""#, r#""tool_usage":{"web_search":{"num_requests":2}}"#),
            (r#""message""#, r#""function_call""#),
            (r#""message""#, r#""custom_tool_call""#),
            (r#""output_text""#, r#""refusal""#),
            (r#"[{"#, r#"{"#),
        ];
        laws::only_the_usual_is_skimmed(USUAL, &cases, skims);
    }

    #[test]
    fn skimming_and_parsing_agree_whatever_byte_is_another() {
        laws::skimming_is_parsing(USUAL, Watch::default, skims, full);
    }
}
