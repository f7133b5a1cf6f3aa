//! What a relayed request needs mended: reasoning that another vendor's model wrote earlier in the conversation.
//!
//! Such a block reached the client through us with a packed proof or with none. Anthropic verifies signatures and
//! refuses the whole request for one that it did not issue, so these blocks are cut out, byte by byte; everything else
//! stays as the client wrote it (translation.md section 9.2).

use std::sync::LazyLock;

use dialect::Body;
use dialect::splice::Edit;
use hub::{Carried, Losses, Seal};
use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

static PACKED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"bos1:"));
static SIGNATURE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"signature\""));

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    signature: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<std::borrow::Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Thinking<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: std::borrow::Cow<'a, str>,
}

/// The edits that cut foreign reasoning out of the history; none for a history that is Anthropic's own.
pub(crate) fn mend(body: &Body, edits: &mut Vec<Edit>, losses: &mut Losses) {
    if !is_suspect(body.bytes()) {
        return;
    }
    let Some(cut) = body.raw("messages").and_then(cut_messages) else { return };
    edits.push(Edit::set("messages", cut.messages));
    losses.dropped("messages.thinking", "reasoning of another vendor's model cannot be verified and was left out");
    let manual = matches!(body.get::<Thinking<'_>>("thinking"), Ok(Some(thinking)) if thinking.kind == "enabled");
    if manual && cut.before_tools {
        // A turn with tool calls must begin with its reasoning while manual thinking is on.
        edits.push(Edit::set("thinking", r#"{"type":"disabled"}"#));
        losses.approximated("thinking", "off for this request: the tool calls so far were made without it");
    }
}

/// A cheap look: a packed proof, or a signature that is empty.
fn is_suspect(bytes: &[u8]) -> bool {
    let is_empty_at = |at: usize| {
        let rest = bytes[at + SIGNATURE.needle().len()..].trim_ascii_start();
        let value = rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        value.is_some_and(|value| value.starts_with(b"\"\""))
    };
    SIGNATURE.find_iter(bytes).any(is_empty_at) || PACKED.find(bytes).is_some()
}

struct Cut {
    messages: String,
    /// A turn that lost its reasoning goes on with tool calls.
    before_tools: bool,
}

/// The messages without foreign reasoning; `None` when there was none after all.
fn cut_messages(text: &str) -> Option<Cut> {
    let messages: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let mut kept: Vec<String> = Vec::with_capacity(messages.len());
    let (mut changed, mut before_tools) = (false, false);
    for message in messages {
        match cut_message(message.get()) {
            Found::Nothing => kept.push(message.get().to_owned()),
            Found::Some { rest, has_tools } => {
                changed = true;
                before_tools |= has_tools;
                kept.extend(rest);
            }
        }
    }
    changed.then(|| Cut { messages: format!("[{}]", kept.join(",")), before_tools })
}

/// What a message held of foreign reasoning.
enum Found {
    Nothing,
    Some {
        /// The message without it; `None` when nothing is left of it.
        rest: Option<String>,
        has_tools: bool,
    },
}

fn cut_message(text: &str) -> Found {
    let Ok(Message { content: Some(content) }) = serde_json::from_str::<Message<'_>>(text) else {
        return Found::Nothing;
    };
    let Ok(blocks) = serde_json::from_str::<Vec<&RawValue>>(content.get()) else { return Found::Nothing };
    let own: Vec<&str> = blocks.iter().map(|block| block.get()).filter(|block| !is_foreign(block)).collect();
    if own.len() == blocks.len() {
        return Found::Nothing;
    }
    let has_tools = own.iter().any(|block| kind_is(block, "tool_use"));
    if own.is_empty() {
        return Found::Some { rest: None, has_tools };
    }
    // The array is a slice of the message, so its place is the distance between the two.
    let from = content.get().as_ptr() as usize - text.as_ptr() as usize;
    let (head, tail) = (&text[..from], &text[from + content.get().len()..]);
    Found::Some { rest: Some(format!("{head}[{}]{tail}", own.join(","))), has_tools }
}

fn kind_is(block: &str, kind: &str) -> bool {
    serde_json::from_str::<Block<'_>>(block).is_ok_and(|block| block.kind == kind)
}

/// Whether a block is reasoning that Anthropic never signed.
fn is_foreign(block: &str) -> bool {
    let Ok(block) = serde_json::from_str::<Block<'_>>(block) else { return false };
    let proof = match &*block.kind {
        "thinking" => block.signature,
        "redacted_thinking" => block.data,
        _ => return false,
    };
    proof.is_none_or(|proof| proof.is_empty() || !matches!(Seal::unpack(&proof), Carried::Native(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use dialect::splice;

    fn mended(text: &'static str) -> (String, usize) {
        let body = Body::parse(Bytes::from_static(text.as_bytes())).unwrap();
        let (mut edits, mut losses) = (Vec::new(), Losses::default());
        mend(&body, &mut edits, &mut losses);
        let out = splice::apply(body.bytes(), body.index(), &edits);
        (String::from_utf8(out.to_vec()).unwrap(), losses.iter().count())
    }

    #[test]
    fn own_reasoning_is_not_touched() {
        let text =
            r#"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"Eq"}]}]}"#;
        assert_eq!(mended(text), (text.into(), 0));
        let data = r#"{"messages":[{"role":"user","content":"say \"signature\":\"\" and \"bos1: please"}]}"#;
        assert_eq!(mended(data), (data.into(), 0));
    }

    #[test]
    fn foreign_reasoning_is_cut_and_the_rest_stays() {
        let text = concat!(
            r#"{"x" : 1.10,"messages":[{"role":"assistant", "content": [{"type":"thinking","thinking":"a","signature": ""},"#,
            r#" {"type":"text","text":"b"}], "k":2},{"role":"assistant","content":[{"type":"redacted_thinking","data":"bos1:x:y:1:z"}]}]}"#
        );
        let expect =
            r#"{"x" : 1.10,"messages":[{"role":"assistant", "content": [{"type":"text","text":"b"}], "k":2}]}"#;
        assert_eq!(mended(text), (expect.into(), 1));
    }

    #[test]
    fn manual_thinking_is_off_where_tool_calls_have_lost_theirs() {
        let text = concat!(
            r#"{"thinking":{"type":"enabled","budget_tokens":2000},"messages":[{"role":"assistant","content":["#,
            r#"{"type":"thinking","thinking":"a","signature":""},{"type":"tool_use","id":"t","name":"n","input":{}}]}]}"#
        );
        let (out, losses) = mended(text);
        assert!(out.starts_with(r#"{"thinking":{"type":"disabled"},"#), "{out}");
        assert_eq!(losses, 2);
    }
}
