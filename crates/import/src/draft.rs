//! The new installation in the making: the configuration's tree, files to be copied, and what is to be said.

use std::borrow::Cow;
use std::fmt;

use config::document::{Entry, Node, Value};

use crate::layout;
use crate::report::{Finding, Outcome};

/// A file for the folder of accounts, as it was.
#[derive(Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its name there, with `/` between folders.
    pub name: String,
    /// All of it. It is a secret.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

/// An installation of ours, not written yet.
#[derive(Clone)]
pub struct Import {
    pub(crate) root: Node,
    pub(crate) head: Vec<String>,
    pub(crate) tail: Vec<String>,
    /// Account files.
    pub copies: Vec<Copied>,
    /// The words of the system prompt, where there are any.
    pub prompt: Option<String>,
    /// What became of everything that was there.
    pub findings: Vec<Finding>,
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { copies, findings, .. } = self;
        f.debug_struct("Import").field("copies", copies).field("findings", findings).finish_non_exhaustive()
    }
}

/// A mapping of these keys.
pub(crate) fn map<const N: usize>(entries: [(&str, Node); N]) -> Node {
    let entries = entries.into_iter().map(|(key, node)| Entry { key: key.to_owned(), node });
    Node::new(Value::Map(entries.collect()))
}

/// A list of texts.
pub(crate) fn texts<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> Node {
    Node::new(Value::List(items.into_iter().map(|item| Node::text(item.as_ref())).collect()))
}

impl Import {
    /// Nothing yet. `origin` is what the file says about where it came from.
    pub(crate) fn new(root: Node, origin: &str) -> Self {
        let head = [
            format!(" Made by `bosporus import` out of {origin}."),
            " `bosporus check` tells what it makes of it; config.example.yaml and docs/configuration.md explain every key."
                .to_owned(),
        ];
        Self { root, head: head.into(), tail: Vec::new(), copies: Vec::new(), prompt: None, findings: Vec::new() }
    }

    /// The configuration's text. It holds secrets.
    pub fn text(&self) -> String {
        layout::text(&self.root, &self.head, &self.tail)
    }

    /// Sets a value, given the way to it; remarks that stand there stay.
    pub(crate) fn set(&mut self, path: &[&str], node: Node) {
        put(&mut self.root, path, node);
    }

    /// The text or word at the end of a way.
    pub(crate) fn scalar(&self, path: &[&str]) -> Option<&str> {
        path.iter().try_fold(&self.root, |node, key| node.get(key))?.scalar()
    }

    /// Adds to a list.
    pub(crate) fn push(&mut self, list: &str, node: Node) {
        if self.root.get(list).is_none() {
            self.set(&[list], Node::new(Value::List(Vec::new())));
        }
        if let Some(items) = self.items_mut(list) {
            items.push(node);
        }
    }

    /// What a list of the top level holds.
    pub(crate) fn items(&self, list: &str) -> &[Node] {
        match self.root.get(list).map(|node| &node.value) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    pub(crate) fn items_mut(&mut self, list: &str) -> Option<&mut Vec<Node>> {
        let entry = self.root.entries_mut()?.iter_mut().find(|entry| entry.key == list)?;
        match &mut entry.node.value {
            Value::List(items) => Some(items),
            Value::Plain(_) | Value::Text(_) | Value::Map(_) => None,
        }
    }

    /// Tells what became of something.
    pub(crate) fn tell(&mut self, file: &str, key: &str, outcome: Outcome, note: impl Into<Cow<'static, str>>) {
        self.findings.push(Finding { file: file.to_owned(), key: key.to_owned(), outcome, note: note.into() });
    }

    /// Changes what was said of something, or says it for the first time.
    pub(crate) fn correct(&mut self, file: &str, key: &str, outcome: Outcome, note: impl Into<Cow<'static, str>>) {
        self.findings.retain(|finding| finding.file != file || finding.key != key);
        self.tell(file, key, outcome, note);
    }

    /// Adds a file for the folder of accounts under this name, or one like it that is free.
    pub(crate) fn copy(&mut self, name: &str, bytes: Vec<u8>) -> String {
        let taken = |name: &str| self.copies.iter().any(|copy| copy.name.eq_ignore_ascii_case(name));
        let (stem, end) = name.rsplit_once('.').unwrap_or((name, "json"));
        let numbered = (2..).map(|number| format!("{stem}-{number}.{end}"));
        let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default();
        self.copies.push(Copied { name: free.clone(), bytes });
        free
    }
}

fn put(node: &mut Node, path: &[&str], value: Node) {
    let Some((key, rest)) = path.split_first() else {
        node.value = value.value;
        node.above.extend(value.above);
        node.behind = value.behind.or(node.behind.take());
        return;
    };
    if !matches!(node.value, Value::Map(_)) {
        node.value = Value::Map(Vec::new());
    }
    if let Value::Map(entries) = &mut node.value {
        let at = entries.iter().position(|entry| entry.key == *key).unwrap_or_else(|| {
            entries.push(Entry { key: (*key).to_owned(), node: Node::new(Value::Map(Vec::new())) });
            entries.len() - 1
        });
        put(&mut entries[at].node, rest, value);
    }
}
