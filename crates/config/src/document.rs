//! A file as it was written, for those who make another file of it: values, remarks, and what this version makes of each
//! key. It checks no value; [`crate::parse`] does.

use std::fmt;

use crate::report::{Problems, Report};
use crate::schema::{self, Field, Kind, ROOT, Standing};
use crate::source::{Source, Text};
use crate::survey::join;
use crate::tree::{self, MAX_FILE};
use crate::{legacy, words};

/// A value and what was remarked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// The remarks on the lines right above, without their `#`.
    pub above: Vec<String>,
    /// The remark behind it on its line.
    pub behind: Option<String>,
}

/// What stands at a place. `Debug` shows its shape only: a file holds secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// A word without quotation marks: text, a number, a switch, or nothing.
    Plain(String),
    /// Text, whatever it looks like.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and their values, in the order of the file.
    Map(Vec<Entry>),
}

/// One `key: value`.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its value; remarks about it belong to the key.
    pub node: Node,
}

impl Node {
    /// A value without remarks.
    pub fn new(value: Value) -> Self {
        Self { value, above: Vec::new(), behind: None }
    }

    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Value::Text(text.into()))
    }

    /// A number, a switch, or a word that needs no quotation marks.
    #[expect(clippy::needless_pass_by_value, reason = "numbers and switches are passed as they are")]
    pub fn plain(text: impl ToString) -> Self {
        Self::new(Value::Plain(text.to_string()))
    }

    /// The entries of a mapping; none for everything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Plain(_) | Value::Text(_) | Value::List(_) => &[],
        }
    }

    /// The entries of a mapping. `None` for everything else.
    pub fn entries_mut(&mut self) -> Option<&mut Vec<Entry>> {
        match &mut self.value {
            Value::Map(entries) => Some(entries),
            Value::Plain(_) | Value::Text(_) | Value::List(_) => None,
        }
    }

    /// The value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The text of a single value.
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Plain(text) | Value::Text(text) => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) | Self::Text(_) => f.write_str("***"),
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Map(entries) => f.debug_list().entries(entries).finish(),
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", words::key(&self.key), self.node.value)
    }
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It means the same here.
    Used,
    /// It is understood, and nothing acts on it in this version.
    Later,
    /// It is not done, for this reason.
    Refused(&'static str),
    /// It is called this today.
    Renamed(&'static str),
    /// It belonged to something that no longer exists.
    Gone,
    /// A place for YAML anchors.
    Aside,
    /// Nobody knows it; perhaps this was meant.
    Unknown(Option<&'static str>),
}

/// A key, where it stands, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFate {
    /// The way to it, as messages write it. What does not look like a key is not repeated.
    pub path: String,
    /// Its fate.
    pub fate: Fate,
}

/// A file, read.
#[derive(Debug, Clone)]
pub struct Document {
    /// All of it, old names already in their new places.
    pub root: Node,
    /// Every key that the file has, under the name that it has there.
    pub keys: Vec<KeyFate>,
    /// What was said about its old names and its YAML.
    pub report: Report,
}

/// Reads a file.
///
/// # Errors
/// When it is no YAML, or sets a key twice.
pub fn document(bytes: &[u8], name: &str) -> Result<Document, Report> {
    let mut problems = Problems::default();
    let Some(text) = str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_FILE) else {
        return Err(crate::parse_bytes(bytes, name, &[]).1);
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let syntax = tree::build(text, Source::File, &mut problems);
    // Whatever is wrong with the text is told by the one who tells it best.
    let Some(mut tree) = syntax.root.filter(|_| !problems.has_errors()) else {
        return Err(crate::parse(text, name, &[]).1);
    };
    let mut keys = Vec::new();
    fates(&remarked(&tree, text), Kind::Section(ROOT), "", &mut keys);
    legacy::migrate(&mut tree, &mut problems);
    if problems.has_errors() {
        return Err(crate::parse(text, name, &[]).1);
    }
    let root = remarked(&tree, text);
    let whole = std::iter::once(0..text.len()).collect();
    Ok(Document { root, keys, report: problems.report(name, &Text::new(text, whole, Vec::new()), &[]) })
}

/// Takes out every key that has no use here: refused, gone, unknown, or aside.
pub fn prune(root: &mut Node) {
    without_use(root, Kind::Section(ROOT));
}

/// The keys of the top level that have a use here, now or later.
pub fn useful_keys() -> impl Iterator<Item = &'static str> {
    let useful = ROOT.iter().filter(|field| matches!(fate_of(field.name, ROOT), Fate::Used | Fate::Later));
    useful.map(|field| field.name)
}

fn fate_of(key: &str, fields: &'static [Field]) -> Fate {
    let Some(field) = schema::field(fields, key) else {
        let near = words::nearest(key, fields.iter().map(|field| field.name));
        return if key.starts_with("x-") { Fate::Aside } else { Fate::Unknown(near) };
    };
    match field.standing {
        Standing::Used => Fate::Used,
        Standing::Checked | Standing::NotYet => Fate::Later,
        Standing::Refused(why) => Fate::Refused(why),
        Standing::Legacy("") => Fate::Gone,
        Standing::Legacy(now) => Fate::Renamed(now),
    }
}

fn fates(node: &Node, kind: Kind, path: &str, out: &mut Vec<KeyFate>) {
    match (kind, &node.value) {
        (Kind::Section(fields), Value::Map(entries)) if !entries.is_empty() => {
            for entry in entries {
                let shown = if words::is_key(&entry.key) { entry.key.as_str() } else { "(a key)" };
                let path = join(path, shown);
                let fate = fate_of(&entry.key, fields);
                let kind = schema::field(fields, &entry.key).map(|field| field.kind);
                let inner = kind.filter(|kind| below(*kind, &entry.node) && matches!(fate, Fate::Used | Fate::Later));
                match inner {
                    Some(kind) => fates(&entry.node, kind, &path, out),
                    None => out.push(KeyFate { path, fate }),
                }
            }
        }
        (Kind::List(kind), Value::List(items)) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                fates(item, *kind, &format!("{path}[{at}]"), out);
            }
        }
        (Kind::Map(kind), Value::Map(entries)) if !entries.is_empty() => {
            for entry in entries {
                let shown = if words::is_key(&entry.key) { entry.key.as_str() } else { "(a key)" };
                fates(&entry.node, *kind, &join(path, shown), out);
            }
        }
        _ => out.push(KeyFate { path: path.to_owned(), fate: Fate::Used }),
    }
}

/// Whether keys of their own stand in a value.
fn below(kind: Kind, node: &Node) -> bool {
    let empty = match &node.value {
        Value::Plain(_) | Value::Text(_) => true,
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
    };
    !empty && !kind.fields().is_empty()
}

fn without_use(node: &mut Node, kind: Kind) {
    match (kind, &mut node.value) {
        (Kind::Section(fields), Value::Map(entries)) => {
            entries.retain(|entry| matches!(fate_of(&entry.key, fields), Fate::Used | Fate::Later));
            for entry in entries {
                if let Some(field) = schema::field(fields, &entry.key) {
                    without_use(&mut entry.node, field.kind);
                }
            }
        }
        (Kind::List(kind), Value::List(items)) => items.iter_mut().for_each(|item| without_use(item, *kind)),
        (Kind::Map(kind), Value::Map(entries)) => {
            entries.iter_mut().for_each(|entry| without_use(&mut entry.node, *kind));
        }
        _ => {}
    }
}

/// The tree with the remarks of its text.
fn remarked(tree: &tree::Node, text: &str) -> Node {
    let value = match &tree.value {
        tree::Value::Scalar { text, plain: true } => Value::Plain(text.clone()),
        tree::Value::Scalar { text, plain: false } => Value::Text(text.clone()),
        tree::Value::List(items) => Value::List(items.iter().map(|item| listed(item, text)).collect()),
        tree::Value::Mapping(entries) => Value::Map(entries.iter().map(|entry| keyed(entry, text)).collect()),
    };
    Node::new(value)
}

fn listed(item: &tree::Node, text: &str) -> Node {
    let node = remarked(item, text);
    match node.value {
        // A mapping begins where its first key does, which has the remarks.
        Value::Map(mut entries) => {
            let above = entries.first_mut().map(|first| std::mem::take(&mut first.node.above)).unwrap_or_default();
            Node { value: Value::Map(entries), above, behind: None }
        }
        value => {
            let behind = behind(text, item.span.end).filter(|_| matches!(value, Value::Plain(_) | Value::Text(_)));
            Node { value, above: above(text, item.span.start), behind }
        }
    }
}

fn keyed(entry: &tree::Entry, text: &str) -> Entry {
    let node = remarked(&entry.value, text);
    let same_line = text.get(entry.key_span.end..entry.value.span.start).is_some_and(|gap| !gap.contains('\n'));
    let end = match &node.value {
        Value::Plain(_) | Value::Text(_) if same_line => entry.value.span.end,
        _ => entry.key_span.end,
    };
    let behind = behind(text, end);
    Entry { key: entry.key.clone(), node: Node { above: above(text, entry.key_span.start), behind, ..node } }
}

/// Most lines of remarks that belong to one value.
const MOST_LINES: usize = 200;

/// The remarks on the lines right above the one on which something begins that is first on its line.
fn above(text: &str, start: usize) -> Vec<String> {
    let Some(before) = text.get(..start) else { return Vec::new() };
    let (lines, lead) = before.rsplit_once('\n').unwrap_or(("", before));
    if !lead.bytes().all(|byte| matches!(byte, b' ' | b'-' | b'"' | b'\'')) {
        return Vec::new();
    }
    let remarks = lines.rsplit('\n').map_while(|line| line.trim().strip_prefix('#')).take(MOST_LINES);
    let mut remarks: Vec<String> = remarks.map(|line| line.trim_end().to_owned()).collect();
    remarks.reverse();
    remarks
}

/// The remark behind a value (or behind the colon of a key), when nothing else stands there.
fn behind(text: &str, end: usize) -> Option<String> {
    let line = text.get(end..)?.split('\n').next()?;
    let rest = line.strip_prefix(['"', '\'']).unwrap_or(line).trim_start();
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let remark = rest.trim_start().strip_prefix('#')?;
    (rest.len() > remark.len() + 1 || rest.len() < line.len()).then(|| remark.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Document {
        document(text.as_bytes(), "old.yaml").unwrap_or_else(|report| panic!("{report}"))
    }

    #[test]
    fn every_key_has_a_fate() {
        let document = read(
            "port: 1\nprot: 2\nplugins: {enabled: true}\namp-upstream-url: x\nx-base: {a: 1}\n\
             oauth-model-mappings: {codex: [{name: a, alias: b}]}\n\
             claude-api-key:\n  - api-key: k\n    cloak: {mode: auto}\n    headers: {X-A: b}\n\
             payload: {override: [{models: [{name: a}], params: {b.c: 1}}]}\nfallback: {a: [b, c]}\n",
        );
        let fates: Vec<_> = document.keys.iter().map(|key| (key.path.as_str(), key.fate)).collect();
        assert_eq!(
            fates,
            [
                ("port", Fate::Used),
                ("prot", Fate::Unknown(Some("port"))),
                ("plugins", Fate::Later),
                ("amp-upstream-url", Fate::Gone),
                ("x-base", Fate::Aside),
                ("oauth-model-mappings", Fate::Renamed("oauth-model-alias")),
                ("claude-api-key[0].api-key", Fate::Used),
                ("claude-api-key[0].cloak", Fate::Refused(schema::DISGUISE)),
                ("claude-api-key[0].headers", Fate::Used),
                ("payload.override[0].models[0].name", Fate::Used),
                ("payload.override[0].params", Fate::Used),
                ("fallback", Fate::Used),
            ]
        );
    }

    #[test]
    fn what_has_no_use_is_taken_out_and_old_names_are_new() {
        let mut document = read(
            "generative-language-api-key: [a]\nprot: 2\nclaude-api-key: [{api-key: k, cloak: 1}]\nx-base: 1\nws-auth: true\n",
        );
        prune(&mut document.root);
        let keys: Vec<_> = document.root.entries().iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["claude-api-key", "ws-auth", "gemini-api-key"]);
        let Value::List(entries) = &document.root.get("claude-api-key").unwrap().value else { panic!() };
        assert_eq!(entries[0].entries().len(), 1);
        assert_eq!(document.report.notes.len(), 1);
    }

    #[test]
    fn remarks_belong_to_what_they_stand_at() {
        let document = read(
            "# of the file\n\n# above the port\n# and more\nport: 1 # behind the port\nhost: 'a # b' # behind\n\
             api-keys: # who may call\n  # the first\n  - one # uno\n  - two\n\
             claude-api-key:\n  # mine\n  - api-key: k#k\n    # inner\n    prefix: p\nlog: {format: json}\n",
        );
        let node = |key: &str| document.root.get(key).unwrap();
        assert_eq!(node("port").above, [" above the port", " and more"]);
        assert_eq!(node("port").behind.as_deref(), Some(" behind the port"));
        assert_eq!(node("host").behind.as_deref(), Some(" behind"));
        assert_eq!(node("api-keys").behind.as_deref(), Some(" who may call"));
        let Value::List(keys) = &node("api-keys").value else { panic!() };
        assert_eq!(
            (keys[0].above.as_slice(), keys[0].behind.as_deref()),
            (&[" the first".to_owned()][..], Some(" uno"))
        );
        let Value::List(accounts) = &node("claude-api-key").value else { panic!() };
        assert_eq!(accounts[0].above, [" mine"]);
        assert_eq!(accounts[0].get("api-key").unwrap(), &Node::plain("k#k"));
        assert_eq!(accounts[0].get("prefix").unwrap().above, [" inner"]);
    }

    #[test]
    fn what_is_no_file_is_refused_and_nothing_is_shown() {
        for text in ["a: [", "port: 1\nport: 2\n", "a: !b c"] {
            assert!(!document(text.as_bytes(), "old.yaml").unwrap_err().is_ok(), "{text}");
        }
        assert!(document(b"\xff", "old.yaml").is_err());
        let document = read("api-keys: [hunter2hunter2]\n");
        assert!(!format!("{document:?}").contains("hunter2"));
    }
}
