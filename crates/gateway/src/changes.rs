//! What a new configuration changed, in words for a log line: who came and who went. It knows nothing of files.

use std::collections::HashSet;
use std::fmt;

use config::ClientKey;

use crate::snapshot::Snapshot;

/// Names shown of each kind; the rest is a number.
const SHOWN: usize = 8;

/// Who came and who went with a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Accounts, by label.
    pub accounts: Difference,
    /// Names of models that can be called.
    pub models: Difference,
    /// Client keys, by label.
    pub keys: Difference,
}

/// What is there now and was not before, and the other way round, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// There now.
    pub added: Vec<String>,
    /// No longer there.
    pub removed: Vec<String>,
}

/// What tells keys apart, whatever they are called.
fn identity(key: &ClientKey) -> [u8; 32] {
    key.key.digest()
}

impl Changes {
    pub(crate) fn between(old: &Snapshot, new: &Snapshot) -> Self {
        let label = |key: &ClientKey| key.label.clone();
        Self {
            accounts: Difference::new(
                (&old.accounts, &new.accounts),
                |account| account.id.clone(),
                |account| account.label.clone(),
            ),
            models: Difference::new(
                (&old.names.all(), &new.names.all()),
                |name| (*name).to_owned(),
                |name| (*name).to_owned(),
            ),
            keys: Difference::new((&old.config.client_keys, &new.config.client_keys), identity, label),
        }
    }

    /// Whether nobody came and nobody went.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Difference {
    /// `same` tells who is who, `shown` is what a log may show of them.
    fn new<T, K: Eq + std::hash::Hash>(
        (old, new): (&[T], &[T]),
        same: impl Fn(&T) -> K,
        shown: impl Fn(&T) -> String,
    ) -> Self {
        let missing = |from: &[T], of: &[T]| {
            let known: HashSet<K> = from.iter().map(&same).collect();
            let mut names: Vec<_> = of.iter().filter(|one| !known.contains(&same(one))).map(&shown).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        Self { added: missing(old, new), removed: missing(new, old) }
    }
}

impl fmt::Display for Changes {
    /// `accounts +a -b; models +x, y; client keys -key-2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("accounts", &self.accounts), ("models", &self.models), ("client keys", &self.keys)];
        let parts = parts.into_iter().filter(|(_, difference)| **difference != Difference::default());
        for (index, (what, difference)) in parts.enumerate() {
            write!(f, "{}{what}{difference}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (sign, names) in [('+', &self.added), ('-', &self.removed)] {
            if names.is_empty() {
                continue;
            }
            write!(f, " {sign}{}", names[..names.len().min(SHOWN)].join(", "))?;
            if names.len() > SHOWN {
                write!(f, " and {} more", names.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Difference;

    #[test]
    fn differences_are_told_in_few_words() {
        let told = |old: &[&str], new: &[&str]| {
            Difference::new((old, new), |name| (*name).to_owned(), |name| (*name).to_owned()).to_string()
        };
        assert_eq!(told(&["a", "b"], &["b", "a"]), "");
        assert_eq!(told(&["a", "b"], &["d", "b", "c"]), " +c, d -a");
        let many: Vec<_> = (10..30).map(|number| number.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(told(&[], &many), " +10, 11, 12, 13, 14, 15, 16, 17 and 12 more");
    }
}
