//! The lines of a stream, and the words for how an answer ended. They know nothing of its items.

use bytes::BytesMut;
use dialect::Object;
use hub::{Fault, StopReason};

/// Writes events, numbered.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) number: u64,
    /// Nothing is streamed: only the items count.
    pub(crate) quiet: bool,
}

impl Lines {
    pub(crate) fn event(&mut self, kind: &str, out: &mut BytesMut, fields: impl FnOnce(&mut Object<'_>)) {
        if self.quiet {
            return;
        }
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let mut object = Object::open(out);
        object.text("type", kind);
        object.number("sequence_number", self.number);
        fields(&mut object);
        object.close();
        out.extend_from_slice(b"\n\n");
        self.number += 1;
    }
}

/// How an answer ended.
pub(crate) struct Outcome<'a> {
    pub(crate) status: &'static str,
    pub(crate) reason: Option<&'static str>,
    pub(crate) fault: Option<&'a Fault>,
}

impl<'a> Outcome<'a> {
    pub(crate) const RUNNING: Self = Self { status: "in_progress", reason: None, fault: None };

    /// OpenAI's words for why an answer ended.
    pub(crate) fn of(reason: StopReason, refused: bool) -> Self {
        let (status, reason) = match reason {
            StopReason::End | StopReason::StopSequence | StopReason::ToolCalls => ("completed", None),
            StopReason::Refusal if refused => ("completed", None),
            StopReason::Refusal | StopReason::Filter => ("incomplete", Some("content_filter")),
            StopReason::Length | StopReason::ContextFull => ("incomplete", Some("max_output_tokens")),
            // None of the API's words for a reason fits (SDK 3.54, `IncompleteDetails`).
            StopReason::Paused => ("incomplete", None),
            StopReason::MalformedCall => ("failed", None),
        };
        Self { status, reason, fault: None }
    }

    pub(crate) fn failed(fault: &'a Fault) -> Self {
        Self { status: "failed", reason: None, fault: Some(fault) }
    }
}
