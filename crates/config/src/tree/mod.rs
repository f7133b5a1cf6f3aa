//! A YAML document as a tree that remembers where everything stands. It knows nothing of what the keys mean.

mod build;

pub(crate) use build::build;

use crate::source::Span;

/// Deepest nesting of lists and mappings.
pub(crate) const MAX_DEPTH: usize = 64;
/// Most nodes, with every alias written out.
pub(crate) const MAX_NODES: usize = 200_000;
/// Most text in scalars, in bytes, with every alias written out.
pub(crate) const MAX_TEXT: usize = 16 << 20;
/// Largest file, in bytes.
pub(crate) const MAX_FILE: usize = 4 << 20;

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// `plain` scalars may be numbers, booleans or null; quoted ones are text.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// One `key: value`.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn scalar(text: impl Into<String>, span: Span) -> Self {
        Self { span, value: Value::Scalar { text: text.into(), plain: true } }
    }

    /// Nothing, `~` or `null`: the same as a key that is not there.
    pub(crate) fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar { text, plain: true } => matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"),
            Value::Scalar { .. } | Value::List(_) | Value::Mapping(_) => false,
        }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            Value::Scalar { .. } | Value::List(_) => &[],
        }
    }

    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Scalar { .. } | Value::Mapping(_) => &[],
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The entries of a mapping; a null becomes an empty mapping first. `None` for lists and scalars.
    pub(crate) fn entries_mut(&mut self) -> Option<&mut Vec<Entry>> {
        if self.is_null() {
            self.value = Value::Mapping(Vec::new());
        }
        match &mut self.value {
            Value::Mapping(entries) => Some(entries),
            Value::Scalar { .. } | Value::List(_) => None,
        }
    }

    /// The items of a list; a null becomes an empty list first. `None` for mappings and scalars.
    pub(crate) fn items_mut(&mut self) -> Option<&mut Vec<Self>> {
        if self.is_null() {
            self.value = Value::List(Vec::new());
        }
        match &mut self.value {
            Value::List(items) => Some(items),
            Value::Scalar { .. } | Value::Mapping(_) => None,
        }
    }

    /// The value of a key of a mapping. `None` also for lists and scalars.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.value {
            Value::Mapping(entries) => entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value),
            Value::Scalar { .. } | Value::List(_) => None,
        }
    }

    /// Takes a key out of a mapping.
    pub(crate) fn take(&mut self, key: &str) -> Option<Entry> {
        match &mut self.value {
            Value::Mapping(entries) => {
                let index = entries.iter().position(|entry| entry.key == key)?;
                Some(entries.remove(index))
            }
            Value::Scalar { .. } | Value::List(_) => None,
        }
    }
}
