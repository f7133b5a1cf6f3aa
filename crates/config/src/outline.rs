//! Which parts of two versions of a file differ, by the names of their top-level keys. Comments, order and spelling do
//! not count. It shows no value.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::tree::{Node, Value};

/// A fingerprint of each top-level part of a file, with what wins over it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline(BTreeMap<String, u64>);

impl Outline {
    /// Of a tree in today's spelling.
    pub(crate) fn of(root: &Node) -> Self {
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
    use crate::parse::outlined;

    fn outline(text: &str) -> Outline {
        outlined(text.as_bytes(), "config.yaml", &[]).2
    }

    #[test]
    fn only_what_means_something_else_is_a_change() {
        let before = outline("port: 1\nhost: a\nlimits: {a: 1, b: [x, y]}\n");
        for (after, changed) in [
            ("# a comment\nlimits:\n  b: [x, y]\n  a: 1\nhost: a\nport: 1\ndebug:\n", &[][..]),
            ("port: 2\nhost: a\nlimits: {a: 1, b: [x, y]}", &["port"]),
            ("port: 1\nlimits: {a: 1, b: [y, x]}\ndebug: true", &["debug", "host", "limits"]),
            ("port: '1'\nhost: a\nlimits: {a: 1, b: [x, y]}", &["port"]),
            ("[", &["host", "limits", "port"]),
        ] {
            assert_eq!(before.changed(&outline(after)), changed, "{after}");
        }
    }
}
