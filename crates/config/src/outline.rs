//! Which parts of two versions of a file differ, by the names of their top-level keys. Comments, order and spelling do
//! not count. It shows no value.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::legacy;
use crate::report::Problems;
use crate::source::Source;
use crate::tree::{self, MAX_FILE, Node, Value};

/// A fingerprint of each top-level part of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline(BTreeMap<String, u64>);

impl Outline {
    /// Of a file; empty where there is none to be had.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut ignored = Problems::default();
        let text = str::from_utf8(bytes).unwrap_or_default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let text = if text.len() > MAX_FILE { "" } else { text };
        let Some(mut root) = tree::build(text, Source::File, &mut ignored).root else { return Self::default() };
        legacy::migrate(&mut root, &mut ignored);
        let parts = root.entries().iter().filter(|entry| !entry.value.is_null());
        Self(parts.map(|entry| (entry.key.clone(), fingerprint(&entry.value))).collect())
    }

    /// The keys that only one of them has, or that differ.
    #[must_use]
    pub fn changed<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let here = self.0.iter().filter(|(key, print)| other.0.get(*key) != Some(print));
        let there = other.0.keys().filter(|key| !self.0.contains_key(*key));
        let mut keys: Vec<_> = here.map(|(key, _)| key.as_str()).chain(there.map(String::as_str)).collect();
        keys.sort_unstable();
        keys
    }
}

fn fingerprint(node: &Node) -> u64 {
    let mut hasher = DefaultHasher::new();
    write(node, &mut hasher);
    hasher.finish()
}

fn write(node: &Node, hasher: &mut DefaultHasher) {
    match &node.value {
        Value::Scalar { text, plain } => (0_u8, text, plain).hash(hasher),
        Value::List(items) => {
            (1_u8, items.len()).hash(hasher);
            items.iter().for_each(|item| write(item, hasher));
        }
        Value::Mapping(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|entry| &entry.key);
            (2_u8, entries.len()).hash(hasher);
            for entry in entries {
                entry.key.hash(hasher);
                write(&entry.value, hasher);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outline;

    #[test]
    fn only_what_means_something_else_is_a_change() {
        let before = Outline::of(b"port: 1\nhost: a\nlimits: {a: 1, b: [x, y]}\n");
        for (after, changed) in [
            ("# a comment\nlimits:\n  b: [x, y]\n  a: 1\nhost: a\nport: 1\ndebug:\n", &[][..]),
            ("port: 2\nhost: a\nlimits: {a: 1, b: [x, y]}", &["port"]),
            ("port: 1\nlimits: {a: 1, b: [y, x]}\ndebug: true", &["debug", "host", "limits"]),
            ("port: '1'\nhost: a\nlimits: {a: 1, b: [x, y]}", &["port"]),
            ("[", &["host", "limits", "port"]),
        ] {
            assert_eq!(before.changed(&Outline::of(after.as_bytes())), changed, "{after}");
        }
    }
}
