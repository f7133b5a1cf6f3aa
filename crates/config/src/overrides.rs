//! Single settings from outside the file, as `BOSPORUS_SECTION__KEY` variables, put into the tree before it is checked.
//! It reads no environment: names and values are passed in.

use crate::legacy::child;
use crate::report::Problems;
use crate::schema::{self, Field, Kind, ROOT};
use crate::source::{Source, Span};
use crate::tree::{self, Entry, MAX_FILE, Node, Value};
use crate::words;

const PREFIX: &str = "BOSPORUS_";

/// Puts each `(name, value)` in its place; a later one wins over an earlier one.
pub(crate) fn apply(root: &mut Node, overrides: &[(String, String)], problems: &mut Problems) {
    for (index, (name, value)) in overrides.iter().enumerate() {
        let span = Span { source: Source::Override(index), start: 0, end: value.len() };
        if value.len() > MAX_FILE {
            problems.error(span, format!("the value of {name} is longer than {} MiB", MAX_FILE >> 20));
            continue;
        }
        let path: Vec<String> = segments(name);
        if let Err(wrong) = set(root, Kind::Section(ROOT), &path, value, span, problems) {
            wrong.tell(name, span, problems);
        }
    }
}

/// `BOSPORUS_ROUTING__SESSION_AFFINITY` and `--routing.session-affinity` name `routing`, `session-affinity`.
fn segments(name: &str) -> Vec<String> {
    if let Some(flag) = name.strip_prefix("--") {
        return flag.split('.').map(str::to_owned).collect();
    }
    let path = name.get(..PREFIX.len()).filter(|head| head.eq_ignore_ascii_case(PREFIX));
    let path = path.map_or(name, |head| &name[head.len()..]);
    path.split("__").map(|segment| segment.to_ascii_lowercase().replace('_', "-")).collect()
}

enum Wrong {
    Unknown { key: String, fields: &'static [Field] },
    Index { segment: String, length: usize },
    Shape,
}

impl Wrong {
    fn tell(self, name: &str, span: Span, problems: &mut Problems) {
        match self {
            Self::Unknown { key, fields } => {
                let problem = problems.warn(span, format!("{name} names no setting: unknown key {}", words::key(&key)));
                if let Some(near) = words::nearest(&key, fields.iter().map(|field| field.name)) {
                    problem.help(format!("did you mean `{near}`?"));
                }
            }
            Self::Index { segment, length } => {
                let message =
                    format!("{name} must number an entry from 0 to {length} here, not {}", words::key(&segment));
                problems.error(span, message);
            }
            Self::Shape => {
                problems.error(span, format!("{name} reaches into a place that the file gives another shape"));
            }
        }
    }
}

/// Walks down the path, making what is missing, and sets the value at its end.
fn set(
    node: &mut Node,
    kind: Kind,
    path: &[String],
    value: &str,
    span: Span,
    problems: &mut Problems,
) -> Result<(), Wrong> {
    let Some((key, rest)) = path.split_first() else {
        *node = parsed(kind, value, span, problems);
        return Ok(());
    };
    match kind {
        Kind::Section(fields) => {
            let unknown = || Wrong::Unknown { key: key.clone(), fields };
            let field = schema::field(fields, key).ok_or_else(unknown)?;
            let below = child(node, key, span).ok_or(Wrong::Shape)?;
            set(below, field.kind, rest, value, span, problems)
        }
        Kind::List(kind) => {
            let items = node.items_mut().ok_or(Wrong::Shape)?;
            let index = position(key, items.len())?;
            if index == items.len() {
                items.push(Node::scalar("", span));
            }
            set(&mut items[index], *kind, rest, value, span, problems)
        }
        Kind::Map(kind) => {
            let below = child(node, key, span).ok_or(Wrong::Shape)?;
            set(below, *kind, rest, value, span, problems)
        }
        Kind::Headers | Kind::Free => {
            let below = child(node, key, span).ok_or(Wrong::Shape)?;
            set(below, if matches!(kind, Kind::Headers) { Kind::Secret } else { kind }, rest, value, span, problems)
        }
        _ => Err(Wrong::Unknown { key: key.clone(), fields: &[] }),
    }
}

/// An entry that exists, or the one after the last, which `+` stands for, too.
fn position(segment: &str, length: usize) -> Result<usize, Wrong> {
    if segment == "+" {
        return Ok(length);
    }
    let wrong = || Wrong::Index { segment: segment.to_owned(), length };
    segment.parse().ok().filter(|index| *index <= length).ok_or_else(wrong)
}

/// Single values are taken as they are, so that a key may hold any character; lists and mappings are YAML.
fn parsed(kind: Kind, value: &str, span: Span, problems: &mut Problems) -> Node {
    let plain_list = |text: &str| !text.trim_start().starts_with(['[', '-']);
    match kind {
        Kind::List(Kind::Text | Kind::Secret) if plain_list(value) => split(value, span),
        Kind::List(_) | Kind::Map(_) | Kind::Section(_) | Kind::Headers | Kind::Free => {
            let root = tree::build(value, span.source, problems).root.unwrap_or_else(|| Node::scalar("", span));
            placed(root, span)
        }
        Kind::Flag | Kind::Number | Kind::Measure => Node::scalar(value.trim(), span),
        Kind::Text | Kind::Address | Kind::Secret => Node::scalar(value, span),
    }
}

/// `a, b` as a list of two.
fn split(value: &str, span: Span) -> Node {
    let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
    Node { span, value: Value::List(items.map(|item| Node::scalar(item, span)).collect()) }
}

/// A message about any part of the value names the variable, so all parts share one place.
fn placed(node: Node, span: Span) -> Node {
    let value = match node.value {
        Value::Scalar { .. } => node.value,
        Value::List(items) => Value::List(items.into_iter().map(|item| placed(item, span)).collect()),
        Value::Mapping(entries) => {
            let moved = |entry: Entry| Entry { key_span: span, value: placed(entry.value, span), ..entry };
            Value::Mapping(entries.into_iter().map(moved).collect())
        }
    };
    Node { span, value }
}
