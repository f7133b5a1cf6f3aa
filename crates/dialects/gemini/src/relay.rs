//! What a relayed request needs changed: the model where the body repeats it, and proofs that another vendor's model
//! gave, which Google would refuse. Everything else stays as the client wrote it.

use std::borrow::Cow;

use dialect::splice::{Change, Edit};
use dialect::tree::{Fields, Node};
use dialect::{Body, Target};
use hub::Losses;
use memchr::memmem;

use crate::seals;

/// Where a body may hold contents: itself, or the request inside a token count.
pub(crate) const WRAPPERS: [&str; 2] = ["generateContentRequest", "generate_content_request"];

/// The edits of one request.
pub(crate) fn edits(body: &Body, target: &Target<'_>, losses: &mut Losses) -> Vec<Edit> {
    let mut edits = Vec::new();
    let named = format!("models/{}", target.model);
    if body.has("model") {
        edits.push(Edit::set("model", Node::text(&named).json()));
    }
    // Gemini CLI names its session there; the API knows no such field.
    if body.has("session_id") {
        edits.push(Edit::remove("session_id"));
    }
    for wrapper in WRAPPERS.into_iter().filter(|wrapper| body.has(wrapper)) {
        edits.push(Edit::set_in(wrapper, "model", Node::text(&named).json()));
    }
    let insists = target.traits.insists_on_proofs != Some(false);
    if let Some(contents) = body.raw("contents").and_then(|text| without_foreign(text, insists)) {
        let path = vec![Cow::Borrowed("contents")];
        edits.push(Edit { path, change: Change::Set(contents) });
        losses.dropped(
            "contents.thoughtSignature",
            "proofs of another vendor's model cannot be verified and were left out",
        );
    }
    edits
}

/// The contents without foreign proofs; `None` when there are none. A packed proof begins the same way in base64.
fn without_foreign(contents: &str, insists: bool) -> Option<String> {
    // Base64 of `bos1:` but for its last bits.
    memmem::find(contents.as_bytes(), b"\"Ym9zMT")?;
    let mut node = Node::read(contents)?;
    clean(&mut node, insists).then(|| node.json())
}

/// Cleans a list of contents or of parts. Of the calls in one list the first keeps a stand-in where the model insists.
fn clean(node: &mut Node<'_>, insists: bool) -> bool {
    match node {
        Node::Leaf(_) => false,
        Node::Array(items) => {
            let before = items.len();
            let (mut changed, mut called) = (false, false);
            for item in items.iter_mut() {
                changed |= match item {
                    Node::Object(fields) => clean_object(fields, insists, &mut called),
                    other => clean(other, insists),
                };
            }
            items.retain(|item| !is_spent(item));
            changed | (items.len() != before)
        }
        Node::Object(fields) => clean_object(fields, insists, &mut false),
    }
}

fn clean_object(fields: &mut Fields<'_>, insists: bool, called: &mut bool) -> bool {
    let is_call = ["functionCall", "function_call"].into_iter().any(|key| fields.get(key).is_some());
    let stands_in = is_call && insists && !*called;
    *called |= is_call;
    let mut changed = false;
    for key in ["thoughtSignature", "thought_signature"] {
        if !fields.get(key).and_then(Node::as_text).is_some_and(|text| is_foreign(&text)) {
            continue;
        }
        changed = true;
        match stands_in {
            true => fields.set(key, Node::text(seals::LOST)),
            false => _ = fields.take(key),
        }
    }
    if let Some(node) = fields.get_mut("parts") {
        changed |= clean(node, insists);
    }
    changed
}

fn is_foreign(signature: &str) -> bool {
    signature.starts_with("Ym9zMT")
        && seals::read(Some(signature), seals::THOUGHT).is_none_or(|seal| seal.vendor != seals::VENDOR)
}

/// A part of which nothing but an empty text is left.
fn is_spent(node: &Node<'_>) -> bool {
    let Node::Object(fields) = node else { return false };
    let empty = fields.get("text").is_some_and(|text| text.is_leaf("\"\""));
    let only = fields.0.iter().all(|(key, _)| matches!(&**key, "text" | "thought"));
    !fields.0.is_empty() && empty && only
}
