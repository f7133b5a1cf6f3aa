//! Old names to new ones, on the tree, before anything is checked. It moves values and judges none.

use crate::report::Problems;
use crate::source::Span;
use crate::tree::{Entry, Node, Value};

/// Removed integrations whose settings are still found in files.
const GONE: &[&str] = &[
    "auth",
    "ampcode",
    "amp-upstream-url",
    "amp-upstream-api-key",
    "amp-restrict-management-to-localhost",
    "amp-model-mappings",
];

/// Moves every old name to its new place, with a note for each.
pub(crate) fn migrate(root: &mut Node, problems: &mut Problems) {
    keys_to_entries(root, "generative-language-api-key", "gemini-api-key", problems);
    rename(root, "oauth-model-mappings", "oauth-model-alias", problems);
    if let Some(Value::List(places)) = root.get_mut("openai-compatibility").map(|node| &mut node.value) {
        for place in places {
            keys_to_entries(place, "api-keys", "api-key-entries", problems);
        }
    }
    if let Some(relay) = root.get_mut("codex").and_then(|codex| codex.get_mut("live-media-relay")) {
        invert(relay, "allow-private-remote-ips", "disable-private-remote-ips", problems);
    }
    for entry in root.entries().iter().filter(|entry| GONE.contains(&entry.key.as_str())) {
        problems
            .note(entry.key_span, format!("`{}` belongs to an integration that no longer exists; ignored", entry.key));
    }
}

/// `old: [key, ...]` becomes `new: [{api-key: key}, ...]`, behind what is there already.
fn keys_to_entries(parent: &mut Node, old: &str, new: &str, problems: &mut Problems) {
    let is_list = parent.get(old).is_some_and(|node| matches!(node.value, Value::List(_)) || node.is_null());
    if !is_list {
        if let Some(entry) = parent.entries().iter().find(|entry| entry.key == old) {
            problems.error(entry.key_span, format!("`{old}` must be a list of keys; today it is called `{new}`"));
        }
        return;
    }
    let Some(Entry { key_span, mut value, .. }) = parent.take(old) else { return };
    let keys = std::mem::take(value.items_mut().unwrap_or(&mut Vec::new()));
    let entries: Vec<Node> = keys.into_iter().map(|key| wrapped(key, key_span)).collect();
    let Some(list) = child(parent, new, key_span).and_then(Node::items_mut) else {
        problems.error(key_span, format!("`{old}` cannot join `{new}`, which is not a list"));
        return;
    };
    list.extend(entries);
    problems.note(key_span, format!("`{old}` is an old name: read as `{new}` with one `api-key` each"));
}

fn wrapped(key: Node, key_span: Span) -> Node {
    let span = key.span;
    let entry = Entry { key: "api-key".to_owned(), key_span, value: key };
    Node { span, value: Value::Mapping(vec![entry]) }
}

/// The value of a key of a mapping, made empty when it is not there. `None` when the parent is no mapping.
pub(crate) fn child<'a>(parent: &'a mut Node, key: &str, span: Span) -> Option<&'a mut Node> {
    let entries = parent.entries_mut()?;
    let index = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        entries.push(Entry { key: key.to_owned(), key_span: span, value: Node::scalar("", span) });
        entries.len() - 1
    });
    entries.get_mut(index).map(|entry| &mut entry.value)
}

fn rename(parent: &mut Node, old: &str, new: &str, problems: &mut Problems) {
    let Some(mut entry) = parent.take(old) else { return };
    let span = entry.key_span;
    if parent.get(new).is_some() {
        problems.warn(span, format!("`{old}` is the old name of `{new}`, which is set too; the old one is ignored"));
    } else if let Some(entries) = parent.entries_mut() {
        problems.note(span, format!("`{old}` is an old name: read as `{new}`"));
        new.clone_into(&mut entry.key);
        entries.push(entry);
    }
}

/// Renames a switch whose sense was turned round.
fn invert(parent: &mut Node, old: &str, new: &str, problems: &mut Problems) {
    let Some(entry) = parent.entries().iter().find(|entry| entry.key == old) else { return };
    if parent.get(new).is_some() {
        let message = format!("`{old}` and `{new}` say the same thing twice, the one the opposite of the other");
        problems.error(entry.key_span, message).help(format!("keep `{new}`"));
        return;
    }
    problems.note(entry.key_span, format!("`{old}` is an old name: read as the opposite of `{new}`"));
    let Some(mut entry) = parent.take(old) else { return };
    if let Value::Scalar { text, plain: true } = &mut entry.value.value {
        let turned = if text.eq_ignore_ascii_case("true") { "false" } else { "true" };
        turned.clone_into(text);
    }
    new.clone_into(&mut entry.key);
    if let Some(entries) = parent.entries_mut() {
        entries.push(entry);
    }
}
