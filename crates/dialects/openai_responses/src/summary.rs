//! A conversation made shorter: what asks a model for its summary, and the item that carries one.
//!
//! OpenAI answers with an item that only OpenAI reads. Elsewhere the model is asked for a summary in words, and the item
//! carries those in the form of our packed proofs: nothing in it is secret, and it is read back for any upstream.

use std::borrow::Cow;
use std::sync::LazyLock;

use bytes::BytesMut;
use dialect::{Body, Object, mint, quoted};
use hub::{
    Carried, Foreign, Format, Json, Part, Request, Role, Sampling, Seal, Stop, StopReason, Text, ToolChoice, Turn,
};
use memchr::memmem::Finder;
use serde_json::value::RawValue;

use crate::ID;
use crate::wire::{self, lenient};

/// The kind of item.
pub(crate) const KIND: &str = "compaction";
/// Whose words the packed text is.
const VENDOR: &str = "bosporus";
const WHAT: &str = "summary";

/// Longest trigger at the end of an input, in bytes: it has a type and an id.
const TRIGGER: usize = 1_024;
static ASKED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"compaction_trigger\""));

/// Asks for the summary, as the last thing that is said.
const QUESTION: &str = "\
Do not answer what was said above, and call no tools. The conversation is about to be replaced by a summary: you will go \
on with the work from that summary alone, beside the user's own messages, which stay as they are. Write the summary now, \
for yourself. It needs all that you would otherwise have to find out or ask again:

- what the user wants, with every constraint and preference that still holds;
- what has been done and how it turned out: decisions and their reasons, files and places that were changed or matter, \
commands and what they showed, and names, values, ids and errors exactly as they were;
- what is open, what you were in the middle of, and the next steps in their order;
- what was learned about the surroundings that took effort to learn.

Leave out what no longer matters. Write plain text, with nothing before or after the summary.";

/// Stands before a summary that is read back.
const LEAD: &str = "[The conversation up to here was made shorter. This is its summary, which you wrote for yourself; only \
messages of the user from that time stand as they were.]\n\n";

/// Stands behind one that the model could not finish.
const CUT: &str = "\n\n[The summary was cut off here: it reached the model's limit.]";

/// Turns a conversation into a question for its summary.
pub(crate) fn ask(request: &mut Request) {
    request.turns.push(Turn { role: Role::User, parts: vec![Part::Text(Text::plain(QUESTION))] });
    request.format = Format::Text;
    request.tool_choice = (!request.tools.is_empty()).then_some(ToolChoice::None);
    request.parallel_tools = None;
    // Settings of an answer, which this is not.
    request.sampling = Sampling { verbosity: None, stop: Vec::new(), ..std::mem::take(&mut request.sampling) };
}

/// Whether the last item asks for the conversation to be made shorter.
pub(crate) fn is_asked(body: &Body) -> bool {
    let Some(input) = body.raw("input") else { return false };
    let tail = &input.as_bytes()[input.len().saturating_sub(TRIGGER)..];
    if ASKED.find(tail).is_none() {
        return false;
    }
    let items: Vec<&RawValue> = serde_json::from_str(input).unwrap_or_default();
    items.last().is_some_and(|raw| lenient::<wire::Item<'_>>(Some(raw)).kind.as_deref() == Some("compaction_trigger"))
}

/// The words of an item that we wrote, as they are told to a model; `None` for an item of anybody else.
pub(crate) fn read(encrypted: &str) -> Option<String> {
    match Seal::unpack(encrypted) {
        Carried::Packed(seal) if seal.vendor == VENDOR && seal.kind == WHAT => Some(format!("{LEAD}{}", seal.data)),
        Carried::Packed(_) | Carried::Native(_) | Carried::Damaged => None,
    }
}

/// The same as a block of an answer.
pub(crate) fn block(text: &str, stop: &Stop, seed: u64) -> Foreign {
    Foreign { origin: ID, json: Json::trusted(item(text, stop, seed)), gist: None, trace: None }
}

/// The item that carries a summary.
pub(crate) fn item(text: &str, stop: &Stop, seed: u64) -> String {
    let text = if matches!(stop.reason, StopReason::Length | StopReason::ContextFull) {
        Cow::Owned(format!("{text}{CUT}"))
    } else {
        Cow::Borrowed(text)
    };
    let mut out = BytesMut::with_capacity(text.len() + 128);
    let mut item = Object::open(&mut out);
    item.text("id", &mint("cmp_", seed, 1));
    item.text("type", KIND);
    item.text("encrypted_content", &Seal::new(VENDOR, WHAT, text).pack());
    item.close();
    dialect::into_text(out)
}

/// What a Responses upstream gets in place of an item that we wrote.
pub(crate) fn as_message(words: &str) -> String {
    let mut out = BytesMut::with_capacity(words.len() + 96);
    out.extend_from_slice(b"{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":");
    quoted(words, &mut out);
    out.extend_from_slice(b"}]}");
    dialect::into_text(out)
}

/// The user's messages of an input as items of an answer, each with a comma behind it.
pub(crate) fn kept(body: &Body) -> String {
    let mut out = BytesMut::with_capacity(1_024);
    match body.raw("input") {
        Some(text) if text.starts_with('"') => message(text, None, 0, &mut out),
        Some(list) => {
            let items: Vec<&RawValue> = serde_json::from_str(list).unwrap_or_default();
            for (number, raw) in (0..).zip(items) {
                match raw.get() {
                    text if text.starts_with('"') => message(text, None, number, &mut out),
                    _ => user(&lenient(Some(raw)), number, &mut out),
                }
            }
        }
        None => (),
    }
    dialect::into_text(out)
}

fn user(item: &wire::Item<'_>, number: u32, out: &mut BytesMut) {
    let is_message = matches!(item.kind.as_deref(), None | Some("message"));
    let said = item.role.as_deref().unwrap_or("user");
    if let (true, "user", Some(content)) = (is_message, said, item.content) {
        message(content.get(), item.id.as_deref(), number, out);
    }
}

/// `content` is a text or a list of parts, as JSON.
fn message(content: &str, id: Option<&str>, number: u32, out: &mut BytesMut) {
    let mut item = Object::open(out);
    match id.filter(|id| !id.is_empty()) {
        Some(id) => item.text("id", id),
        None => item.text("id", &format!("msg_{number:03}")),
    }
    item.raw("type", "\"message\",\"status\":\"completed\"");
    match content.starts_with('"') {
        true => item.raw("content", &format!("[{{\"type\":\"input_text\",\"text\":{content}}}]")),
        false => item.raw("content", content),
    }
    item.text("role", "user");
    item.close();
    out.extend_from_slice(b",");
}

/// Takes away what a summary tells: all but what the user and the system said.
pub(crate) fn prune(turns: &mut Vec<Turn>) {
    turns.retain_mut(|turn| {
        turn.parts.retain(|part| !matches!(part, Part::ToolResult(_)));
        turn.role != Role::Assistant && !turn.parts.is_empty()
    });
}

/// The text of an answer; `None` when there are no words in it.
pub(crate) fn words(parts: &[Part]) -> Option<String> {
    let texts = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.text.trim()),
        _ => None,
    });
    let words = texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n");
    (!words.is_empty()).then_some(words)
}
