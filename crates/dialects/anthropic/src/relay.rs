//! What a relayed request needs mended: reasoning that another vendor's model wrote earlier in the conversation, and
//! traces of searches and programs that another vendor ran.
//!
//! Such a block reached the client through us with a packed proof or with none. Anthropic verifies its proofs and
//! refuses the whole request for one that it did not issue, so these blocks are cut out, byte by byte; everything else
//! stays as the client wrote it.

use std::borrow::Cow;
use std::sync::LazyLock;

use dialect::Body;
use dialect::splice::{self, Edit};
use hub::{Carried, Losses, Seal};
use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::traces;

static PACKED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"bos1:"));
static SIGNATURE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"signature\""));

/// How a search or a program of another vendor's is called, in both of its blocks.
static TRACE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"ws_"));

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool_use_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    citations: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Thinking<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
}

/// The edits that cut foreign reasoning out of the history; none for a history that is Anthropic's own.
pub(crate) fn mend(body: &Body, edits: &mut Vec<Edit>, losses: &mut Losses) {
    if !is_suspect(body.bytes()) {
        return;
    }
    let Some(cut) = body.raw("messages").and_then(cut_messages) else { return };
    edits.push(Edit::set("messages", cut.messages));
    if cut.lost.thoughts {
        losses.dropped("messages.thinking", "reasoning of another vendor's model cannot be verified and was left out");
    }
    if cut.lost.searches {
        losses.silent("messages");
    }
    let manual = matches!(body.get::<Thinking<'_>>("thinking"), Ok(Some(thinking)) if thinking.kind == "enabled");
    if manual && cut.before_tools {
        // A turn with tool calls must begin with its reasoning while manual thinking is on.
        edits.push(Edit::set("thinking", r#"{"type":"disabled"}"#));
        losses.approximated("thinking", "off for this request: the tool calls so far were made without it");
    }
}

/// A cheap look: a packed proof, a search of another vendor's, or a signature that is empty.
fn is_suspect(bytes: &[u8]) -> bool {
    let is_empty_at = |at: usize| {
        let rest = bytes[at + SIGNATURE.needle().len()..].trim_ascii_start();
        let value = rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        value.is_some_and(|value| value.starts_with(b"\"\""))
    };
    SIGNATURE.find_iter(bytes).any(is_empty_at) || PACKED.find(bytes).is_some() || TRACE.find(bytes).is_some()
}

struct Cut {
    messages: String,
    /// A turn that lost its reasoning goes on with tool calls.
    before_tools: bool,
    lost: Lost,
}

/// What was cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lost {
    thoughts: bool,
    /// Traces of searches, or their proofs on texts.
    searches: bool,
}

/// The messages without what is foreign; `None` when there was none after all.
fn cut_messages(text: &str) -> Option<Cut> {
    let messages: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let mut kept: Vec<String> = Vec::with_capacity(messages.len());
    let (mut lost, mut before_tools) = (Lost::default(), false);
    for message in messages {
        let (rest, cut) = cut_message(message.get());
        before_tools |= cut.thoughts && rest.as_deref().is_some_and(has_tools);
        lost = Lost { thoughts: lost.thoughts | cut.thoughts, searches: lost.searches | cut.searches };
        kept.extend(rest.map(Cow::into_owned));
    }
    (lost != Lost::default()).then(|| Cut { messages: format!("[{}]", kept.join(",")), before_tools, lost })
}

/// The message without what is foreign in it; `None` when nothing is left of it.
fn cut_message(text: &str) -> (Option<Cow<'_, str>>, Lost) {
    let mut lost = Lost::default();
    let content = serde_json::from_str::<Message<'_>>(text).ok().and_then(|message| message.content);
    let Some(content) = content else { return (Some(text.into()), lost) };
    let Ok(blocks) = serde_json::from_str::<Vec<&RawValue>>(content.get()) else { return (Some(text.into()), lost) };
    let own: Vec<Cow<'_, str>> = blocks.iter().filter_map(|block| own(block.get(), &mut lost)).collect();
    if lost == Lost::default() {
        return (Some(text.into()), lost);
    }
    if own.is_empty() {
        return (None, lost);
    }
    // The array is a slice of the message, so its place is the distance between the two.
    let from = content.get().as_ptr() as usize - text.as_ptr() as usize;
    let (head, tail) = (&text[..from], &text[from + content.get().len()..]);
    (Some(format!("{head}[{}]{tail}", own.join(",")).into()), lost)
}

fn has_tools(message: &str) -> bool {
    let content = serde_json::from_str::<Message<'_>>(message).ok().and_then(|message| message.content);
    let blocks: Vec<&RawValue> =
        content.and_then(|content| serde_json::from_str(content.get()).ok()).unwrap_or_default();
    let is_call =
        |block: &&RawValue| serde_json::from_str::<Block<'_>>(block.get()).is_ok_and(|block| block.kind == "tool_use");
    blocks.iter().any(is_call)
}

/// The block as Anthropic takes it: itself, a text without the proofs of foreign sources, or nothing.
fn own<'b>(text: &'b str, lost: &mut Lost) -> Option<Cow<'b, str>> {
    let Ok(block) = serde_json::from_str::<Block<'_>>(text) else { return Some(text.into()) };
    let is_foreign = |id: &Option<Cow<'_, str>>| id.as_deref().is_some_and(|id| id.starts_with(traces::FOREIGN_ID));
    match &*block.kind {
        "thinking" | "redacted_thinking" => {
            let proof = if block.kind == "thinking" { block.signature } else { block.data };
            let is_own =
                proof.is_some_and(|proof| !proof.is_empty() && matches!(Seal::unpack(&proof), Carried::Native(_)));
            lost.thoughts |= !is_own;
            is_own.then(|| text.into())
        }
        kind if (kind == "server_tool_use" || kind.ends_with("_tool_result"))
            && (is_foreign(&block.id) || is_foreign(&block.tool_use_id)) =>
        {
            lost.searches = true;
            None
        }
        "text" if block.citations.is_some_and(|list| PACKED.find(list.get().as_bytes()).is_some()) => {
            lost.searches = true;
            let bytes = bytes::Bytes::copy_from_slice(text.as_bytes());
            let index = dialect::scan::object(&bytes).ok()?;
            let edited = splice::apply(&bytes, &index, &[Edit::remove("citations")]);
            Some(String::from_utf8_lossy(&edited).into_owned().into())
        }
        _ => Some(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

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
    fn searches_of_others_are_cut_and_own_ones_stay() {
        let text = concat!(
            r#"{"messages":[{"role":"assistant","content":[{"type":"server_tool_use","id":"ws_1","name":"web_search","input":{}},"#,
            r#"{"type":"web_search_tool_result","tool_use_id":"ws_1","content":[]},"#,
            r#"{"type":"code_execution_tool_result","tool_use_id":"ws_3","content":{}},"#,
            r#"{"type":"text","text":"a","citations":[{"type":"web_search_result_location","encrypted_index":"bos1:none"}]},"#,
            r#"{"type":"tool_use","id":"ws_2","name":"ws_","input":{}}]},"#,
            r#"{"role":"assistant","content":[{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}]}]}"#
        );
        let expect = concat!(
            r#"{"messages":[{"role":"assistant","content":[{"type":"text","text":"a"},"#,
            r#"{"type":"tool_use","id":"ws_2","name":"ws_","input":{}}]},"#,
            r#"{"role":"assistant","content":[{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}]}]}"#
        );
        assert_eq!(mended(text), (expect.into(), 1));
        let data =
            r#"{"messages":[{"role":"user","content":"\"ws_1\" is \"bos1:none\" {\"type\":\"server_tool_use\"}"}]}"#;
        assert_eq!(mended(data), (data.into(), 0));
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
