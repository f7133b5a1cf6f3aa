//! What tools did that the provider ran, as items: read from ours, and written for what another vendor ran, whose trace
//! may come in halves, of which the second ends the item.

use bytes::BytesMut;
use dialect::{Object, mint};
use hub::Trace;
use serde_json::value::RawValue;

use crate::items::{self, Item};
use crate::stream_encode::Encoder;
use crate::{programs, searches};

/// Ids of halves that another dialect only numbers lie far from those of items.
const NUMBERED: u32 = 1 << 24;

/// What an item tells; `None` for other items.
pub(crate) fn read(kind: &str, raw: &RawValue) -> Option<Box<Trace>> {
    let search = searches::read(kind, raw).map(Trace::Search);
    search.or_else(|| programs::read(kind, raw).map(Trace::Code)).map(Box::new)
}

/// How the id of such an item begins.
pub(crate) fn prefix(trace: &Trace) -> &'static str {
    match trace {
        Trace::Search(_) => searches::PREFIX,
        Trace::Code(_) => programs::PREFIX,
    }
}

/// The id of the item, made of the one that the other vendor gave; `None` for none.
pub(crate) fn item_id(trace: &Trace, seed: u64) -> Option<String> {
    let (own, prefix) = (trace.id(), prefix(trace));
    let own = own.strip_prefix("srvtoolu_").unwrap_or(own);
    if own.is_empty() {
        return None;
    }
    if let Ok(half) = own.parse::<u32>() {
        return Some(mint(prefix, seed, half.saturating_add(NUMBERED)));
    }
    Some(if own.starts_with(prefix) { own.to_owned() } else { format!("{prefix}{own}") })
}

/// Writes the item, in the making or done.
pub(crate) fn write(trace: &Trace, done: bool, item: &mut Object<'_>) {
    let (kind, failed) = match trace {
        Trace::Search(search) => (searches::KIND, search.failed),
        Trace::Code(code) => (programs::KIND, code.printed.as_ref().is_some_and(|printed| printed.failed)),
    };
    item.text("type", kind);
    item.text(
        "status",
        match (done, failed) {
            (false, _) => "in_progress",
            (true, true) => "failed",
            (true, false) => "completed",
        },
    );
    match trace {
        Trace::Search(search) => searches::write(search, item),
        Trace::Code(code) => programs::write(code, done, item),
    }
}

impl Encoder {
    /// Tells what a tool did, or the half of it that is here.
    pub(crate) fn trace(&mut self, trace: &Trace, out: &mut BytesMut) {
        let begun = match trace.asks() {
            false => self.traces.iter().position(|(id, _)| *id == trace.id()),
            true => None,
        };
        let at = match (begun, trace.asks()) {
            (Some(known), _) => {
                let (_, at) = self.traces.remove(known);
                if let items::Kind::Trace(told) = &mut self.items[at].kind {
                    told.learn(trace);
                }
                at
            }
            // What came of something without a word of what was asked is nothing.
            (None, false) => return,
            (None, true) => self.begin_trace(trace, out),
        };
        match trace.tells() {
            true => self.end_trace(at, out),
            false => self.traces.push((trace.id().to_owned(), at)),
        }
    }

    fn begin_trace(&mut self, trace: &Trace, out: &mut BytesMut) -> usize {
        self.leave_message(out);
        let at = self.add(items::Kind::Trace(trace.clone()), out);
        match trace {
            Trace::Search(_) => {
                self.step(at, searches::KIND, "in_progress", out);
                self.step(at, searches::KIND, "searching", out);
            }
            Trace::Code(code) => {
                self.step(at, programs::KIND, "in_progress", out);
                let text = code.program.as_ref().map_or("", |program| &program.text);
                self.code_event(at, "delta", "delta", text, out);
                self.code_event(at, "done", "code", text, out);
                self.step(at, programs::KIND, "interpreting", out);
            }
        }
        at
    }

    fn end_trace(&mut self, at: usize, out: &mut BytesMut) {
        let kind = match &self.items[at].kind {
            items::Kind::Trace(Trace::Search(search)) if !search.failed => Some(searches::KIND),
            items::Kind::Trace(Trace::Code(_)) => Some(programs::KIND),
            _ => None,
        };
        if let Some(kind) = kind {
            self.step(at, kind, "completed", out);
        }
        self.finish(at, out);
    }

    /// Ends items of which nobody said what came of them.
    pub(crate) fn end_traces(&mut self, out: &mut BytesMut) {
        for (_, at) in std::mem::take(&mut self.traces) {
            self.end_trace(at, out);
        }
    }

    fn step(&mut self, at: usize, kind: &str, step: &str, out: &mut BytesMut) {
        let Item { id, .. } = &self.items[at];
        self.lines.event(&format!("response.{kind}.{step}"), out, |object| {
            object.number("output_index", at);
            object.text("item_id", id);
        });
    }

    fn code_event(&mut self, at: usize, step: &str, field: &str, text: &str, out: &mut BytesMut) {
        let Item { id, .. } = &self.items[at];
        self.lines.event(&format!("response.{}_code.{step}", programs::KIND), out, |object| {
            object.number("output_index", at);
            object.text("item_id", id);
            object.text(field, text);
        });
    }
}
