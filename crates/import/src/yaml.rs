//! A tree as YAML text that reads back as the same tree. It knows no key.

use config::document::{Entry, Node, Value};
use config::quoted;

/// Writes one entry with all that is below it.
pub(crate) fn entry(entry: &Entry, indent: usize, out: &mut String) {
    remarks(&entry.node.above, indent, out);
    pad(indent, out);
    out.push_str(&key(&entry.key));
    out.push(':');
    value(&entry.node, indent, out);
}

/// A tree on one line.
pub(crate) fn flow(node: &Node) -> String {
    match &node.value {
        // A colon would end a key here.
        Value::Plain(text) if text.contains(':') => quoted(text),
        Value::Plain(text) => plain(text),
        Value::Text(text) => quoted(text),
        Value::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let pair = |entry: &Entry| format!("{}: {}", key(&entry.key), flow(&entry.node));
            format!("{{{}}}", entries.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
    }
}

/// What follows a colon or a dash, to the end of its last line.
fn value(node: &Node, indent: usize, out: &mut String) {
    match &node.value {
        Value::Plain(text) => single(&plain(text), node, out),
        Value::Text(text) => single(&quoted(text), node, out),
        Value::List(items) if items.is_empty() => single("[]", node, out),
        Value::Map(entries) if entries.is_empty() => single("{}", node, out),
        Value::List(items) => match in_a_row(items).filter(|_| indent > 0) {
            Some(row) => single(&row, node, out),
            None => {
                behind(node, out);
                items.iter().for_each(|node| item(node, indent + 2, out));
            }
        },
        Value::Map(entries) => {
            behind(node, out);
            entries.iter().for_each(|below| entry(below, indent + 2, out));
        }
    }
}

/// Longest list that stands on one line, in bytes.
const ROW: usize = 72;

/// A short list of single values without remarks, on one line.
fn in_a_row(items: &[Node]) -> Option<String> {
    let words: Option<Vec<String>> = items.iter().map(|node| word(node).filter(|_| is_bare(node))).collect();
    let row = format!("[{}]", words?.join(", "));
    (row.len() <= ROW).then_some(row)
}

/// A single value between commas, where a colon would need quotation marks.
fn word(node: &Node) -> Option<String> {
    match &node.value {
        Value::Plain(text) if text.contains(':') => None,
        Value::Plain(text) => Some(plain(text)),
        Value::Text(text) => Some(quoted(text)),
        Value::List(_) | Value::Map(_) => None,
    }
}

fn is_bare(node: &Node) -> bool {
    node.above.is_empty() && node.behind.is_none()
}

fn item(node: &Node, indent: usize, out: &mut String) {
    remarks(&node.above, indent, out);
    pad(indent, out);
    out.push('-');
    match &node.value {
        // The first key stands behind the dash; its own remarks go above both.
        Value::Map(entries) if !entries.is_empty() => {
            let mut block = String::new();
            for (at, below) in entries.iter().enumerate() {
                if at == 0 {
                    let bare = Node { above: Vec::new(), ..below.node.clone() };
                    entry(&Entry { key: below.key.clone(), node: bare }, indent + 2, &mut block);
                } else {
                    entry(below, indent + 2, &mut block);
                }
            }
            out.push(' ');
            out.push_str(block.trim_start_matches(' '));
        }
        _ => value(node, indent, out),
    }
}

fn single(text: &str, node: &Node, out: &mut String) {
    out.push(' ');
    out.push_str(text);
    behind(node, out);
}

fn behind(node: &Node, out: &mut String) {
    if let Some(remark) = &node.behind {
        out.push_str(" #");
        out.push_str(&harmless(remark));
    }
    out.push('\n');
}

/// Remarks, a line each.
pub(crate) fn remarks(lines: &[String], indent: usize, out: &mut String) {
    for line in lines {
        pad(indent, out);
        out.push('#');
        out.push_str(harmless(line).trim_end());
        out.push('\n');
    }
}

/// A remark must stay on its line, whatever a reader takes for the end of one.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') { ' ' } else { c })
        .collect()
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn key(key: &str) -> String {
    let bytes = key.as_bytes();
    let first = bytes.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let rest = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'));
    if first && rest { key.to_owned() } else { quoted(key) }
}

/// A plain word as it is; what is none any more gets quotation marks, and nothing is called `null`.
fn plain(text: &str) -> String {
    let mut chars = text.chars();
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+' | '=' | '@' | ':');
    let first = match chars.next() {
        None => return "null".to_owned(),
        Some('-') => chars.as_str().starts_with(|c: char| c.is_ascii_digit()),
        Some('~') if text.len() == 1 => true,
        Some(c) => c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.'),
    };
    let safe = first && chars.all(inner) && !text.ends_with(':');
    if safe { text.to_owned() } else { quoted(text) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_of(root: &Node) -> String {
        let mut out = String::new();
        root.entries().iter().for_each(|below| entry(below, 0, &mut out));
        out
    }

    fn node() -> impl Strategy<Value = Node> {
        let leaf = prop_oneof![
            "[a-z0-9./:@+-]{0,12}".prop_map(Value::Plain),
            any::<String>().prop_map(Value::Text),
            "[ -~]{0,8}".prop_map(Value::Text),
        ];
        let remark = prop::option::of("\\PC{0,12}");
        let leaf = (leaf, remark.clone(), prop::collection::vec("\\PC{0,12}", 0..2));
        let leaf = leaf.prop_map(|(value, behind, above)| Node { value, above, behind });
        leaf.prop_recursive(4, 40, 5, move |inner| {
            let list = prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List);
            let map = prop::collection::btree_map("[ -~é]{1,10}", inner, 0..5);
            let map = map.prop_map(|map| Value::Map(map.into_iter().map(|(key, node)| Entry { key, node }).collect()));
            (prop_oneof![list, map], remark.clone()).prop_map(|(value, behind)| Node {
                value,
                above: Vec::new(),
                behind,
            })
        })
    }

    /// The values alone, as far as YAML tells them apart: a plain word in quotation marks is text.
    fn bare(node: &Node) -> Value {
        match &node.value {
            Value::Plain(text) if plain(text).starts_with('"') => Value::Text(text.clone()),
            Value::Plain(text) if text.is_empty() => Value::Plain("null".to_owned()),
            Value::Plain(_) | Value::Text(_) => node.value.clone(),
            Value::List(items) => Value::List(items.iter().map(|item| Node::new(bare(item))).collect()),
            Value::Map(entries) => Value::Map(
                entries.iter().map(|e| Entry { key: e.key.clone(), node: Node::new(bare(&e.node)) }).collect(),
            ),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(node in node()) {
            let root = Node::new(Value::Map(vec![Entry { key: "x-root".to_owned(), node }]));
            let text = text_of(&root);
            let read = config::document::document(text.as_bytes(), "new.yaml");
            let read = read.unwrap_or_else(|report| panic!("{report}\n{text}"));
            prop_assert_eq!(exposed(&bare(&read.root)), exposed(&bare(&root)), "{}", text);
        }
    }

    /// A value with its texts, which `Debug` does not show.
    fn exposed(value: &Value) -> serde_json::Value {
        match value {
            Value::Plain(text) => serde_json::json!({"plain": text}),
            Value::Text(text) => serde_json::json!({"text": text}),
            Value::List(items) => items.iter().map(|item| exposed(&item.value)).collect(),
            Value::Map(entries) => entries.iter().map(|e| serde_json::json!([e.key, exposed(&e.node.value)])).collect(),
        }
    }

    #[test]
    fn it_looks_like_what_a_person_writes() {
        let old = "api-keys: # who\n- a # one\n# mine\n- b\nclaude-api-key:\n  # first\n  - api-key: 'x y'\n    headers: {A: b}\n    models: []\n";
        let root = config::document::document(old.as_bytes(), "old.yaml").unwrap().root;
        let new = "api-keys: # who\n  - a # one\n  # mine\n  - b\nclaude-api-key:\n  # first\n  - api-key: \"x y\"\n    headers:\n      A: b\n    models: []\n";
        assert_eq!(text_of(&root), new);
    }
}
