//! The items of an answer as its client sees them: what each collects, and its JSON when it is complete.

use bytes::BytesMut;
use dialect::{Object, array, write_tokens};
use hub::{CallKind, Citation, Token, Trace};

use crate::spaces::Spaces;
use crate::typed::Typed;
use crate::{ID, seals, traces, typed_calls};

/// An item under construction, or complete.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// Its JSON, once complete.
    pub(crate) done: Option<String>,
}

/// What an item is, and what it holds so far.
#[derive(Debug)]
pub(crate) enum Kind {
    Message {
        parts: Vec<Part>,
    },
    Reasoning {
        text: String,
        /// As clients see it.
        proof: Option<String>,
    },
    Call {
        call_id: String,
        name: String,
        kind: CallKind,
        text: String,
    },
    /// A call of a tool that the client knows by a type of its own, and what it is to do.
    Typed {
        typed: Typed,
        call_id: String,
        payload: String,
    },
    Picture {
        media_type: String,
        data: String,
    },
    /// What a tool did that another vendor ran.
    Trace(Trace),
    /// An item of our own dialect, as it stood.
    Whole(String),
}

/// A part of a message.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) refusal: bool,
    pub(crate) text: String,
    pub(crate) citations: Vec<Citation>,
    pub(crate) tokens: Vec<Token>,
    /// How many of its tokens were told with its text.
    pub(crate) told: usize,
    pub(crate) open: bool,
}

impl Part {
    /// Writes the part with its annotations.
    pub(crate) fn write(&self, out: &mut BytesMut) {
        let mut part = Object::open(out);
        if self.refusal {
            part.text("type", "refusal");
            part.text("refusal", &self.text);
        } else {
            part.text("type", "output_text");
            part.text("text", &self.text);
            part.array("annotations", &self.citations, |citation, out| annotation(citation, &self.text, out));
            write_tokens(&self.tokens, part.key("logprobs"));
        }
        part.close();
    }

    /// The part as it begins.
    pub(crate) fn write_empty(refusal: bool, out: &mut BytesMut) {
        let json: &[u8] = match refusal {
            true => b"{\"type\":\"refusal\",\"refusal\":\"\"}",
            false => b"{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[],\"logprobs\":[]}",
        };
        out.extend_from_slice(json);
    }
}

/// Writes one annotation of a text; positions count in characters of it.
pub(crate) fn annotation(citation: &Citation, text: &str, out: &mut BytesMut) {
    if let Some((_, json)) = citation.native.as_ref().filter(|(origin, _)| *origin == ID) {
        return out.extend_from_slice(json.as_str().as_bytes());
    }
    let (start, end) = citation.span.unwrap_or_else(|| (0, text.chars().count() as u64));
    let mut annotation = Object::open(out);
    annotation.text("type", "url_citation");
    annotation.text("url", citation.url.as_deref().unwrap_or_default());
    annotation.text("title", citation.title.as_deref().unwrap_or_default());
    annotation.number("start_index", start);
    annotation.number("end_index", end);
    annotation.close();
}

/// Whether a source has a form here: one on the web, or one of our own.
pub(crate) fn has_form(citation: &Citation) -> bool {
    citation.url.is_some() || citation.native.as_ref().is_some_and(|(origin, _)| *origin == ID)
}

impl Item {
    /// The item as it begins.
    pub(crate) fn write_added(&self, spaces: &Spaces, out: &mut BytesMut) {
        if let Kind::Whole(json) = &self.kind {
            return out.extend_from_slice(json.as_bytes());
        }
        let mut item = Object::open(out);
        item.text("id", &self.id);
        match &self.kind {
            Kind::Message { .. } => {
                item.raw("type", "\"message\",\"status\":\"in_progress\",\"content\":[],\"role\":\"assistant\"");
            }
            Kind::Reasoning { .. } => item.raw("type", "\"reasoning\",\"summary\":[]"),
            Kind::Call { call_id, name, kind, .. } => {
                let (word, field) = words(*kind);
                item.text("type", word);
                item.text("status", "in_progress");
                item.text(field, "");
                item.text("call_id", call_id);
                named(name, spaces, &mut item);
            }
            Kind::Typed { typed, call_id, payload } => {
                // A shell's commands follow in events of their own.
                let begun = if *typed == Typed::Shell { "{\"commands\":[]}" } else { payload };
                write_typed(*typed, "in_progress", call_id, begun, &mut item);
            }
            Kind::Picture { .. } => {
                item.raw("type", "\"image_generation_call\",\"status\":\"in_progress\",\"result\":null");
            }
            Kind::Trace(trace) => traces::write(trace, false, &mut item),
            Kind::Whole(_) => (),
        }
        item.close();
    }

    /// The item, complete or cut.
    pub(crate) fn write_done(&self, spaces: &Spaces, out: &mut BytesMut) {
        if let Kind::Whole(json) = &self.kind {
            return out.extend_from_slice(json.as_bytes());
        }
        let mut item = Object::open(out);
        item.text("id", &self.id);
        match &self.kind {
            Kind::Message { parts } => {
                item.raw("type", "\"message\",\"status\":\"completed\"");
                item.array("content", parts, Part::write);
                item.text("role", "assistant");
            }
            Kind::Reasoning { text, proof } => {
                item.text("type", "reasoning");
                array(Some(text).filter(|text| !text.is_empty()), item.key("summary"), |text, out| summary(text, out));
                item.text("encrypted_content", proof.as_deref().unwrap_or(seals::UNPROVEN));
            }
            Kind::Call { call_id, name, kind, text } => {
                let (word, field) = words(*kind);
                item.text("type", word);
                item.text("status", if is_whole(*kind, text) { "completed" } else { "incomplete" });
                item.text(field, text);
                item.text("call_id", call_id);
                named(name, spaces, &mut item);
            }
            Kind::Typed { typed, call_id, payload } => {
                write_typed(*typed, "completed", call_id, payload, &mut item);
            }
            Kind::Picture { media_type, data } => {
                item.raw("type", "\"image_generation_call\",\"status\":\"completed\"");
                item.text("output_format", media_type.strip_prefix("image/").unwrap_or(media_type));
                item.text("result", data);
            }
            Kind::Trace(trace) => traces::write(trace, true, &mut item),
            Kind::Whole(_) => (),
        }
        item.close();
    }
}

fn write_typed(typed: Typed, status: &str, call_id: &str, payload: &str, item: &mut Object<'_>) {
    item.text("type", typed.items().0);
    item.text("status", status);
    item.text("call_id", call_id);
    item.raw(typed_calls::field(typed), payload);
    match typed {
        Typed::Shell => item.raw("environment", "{\"type\":\"local\"}"),
        Typed::ToolSearch => item.text("execution", "client"),
        Typed::LocalShell | Typed::ApplyPatch => (),
    }
}

/// One part of a reasoning item's summary.
pub(crate) fn summary(text: &str, out: &mut BytesMut) {
    let mut part = Object::open(out);
    part.text("type", "summary_text");
    part.text("text", text);
    part.close();
}

fn named(name: &str, spaces: &Spaces, item: &mut Object<'_>) {
    match spaces.split(name) {
        Some(member) => {
            item.text("name", &member.name);
            item.text("namespace", &member.space);
        }
        None => item.text("name", name),
    }
}

/// The type of a call and the field that holds its arguments.
pub(crate) fn words(kind: CallKind) -> (&'static str, &'static str) {
    match kind {
        CallKind::Function => ("function_call", "arguments"),
        CallKind::Custom => ("custom_tool_call", "input"),
    }
}

/// Whether the arguments are complete, and not cut by a limit.
fn is_whole(kind: CallKind, text: &str) -> bool {
    kind == CallKind::Custom || serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}
