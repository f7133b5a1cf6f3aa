//! Accounts that stand in the settings themselves: one of a kind, used where no pool has accounts of that kind.

use serde_json::{Map, Value};

use super::kinds::{Here, KINDS, Kind};
use super::nodes::{Account, account};
use super::{CONFIG, Old, field};
use crate::draft::Import;
use crate::report::Outcome;

/// Whether a setting describes an account.
pub(crate) fn knows(key: &str) -> bool {
    KINDS.iter().any(|kind| kind.keys().any(|known| known == key))
}

impl Kind {
    /// The settings that hold an account: one of them must be there.
    fn main(&self) -> Vec<&'static str> {
        match &self.here {
            Here::ByKey(by_key) => vec![by_key.key],
            Here::BySignIn { files, inline } => [*files, *inline].concat(),
            Here::Never(_) => self.more.iter().map(|(name, _)| *name).collect(),
        }
    }

    /// All settings of an account of this kind.
    fn keys(&self) -> impl Iterator<Item = &'static str> {
        let address = match &self.here {
            Here::ByKey(by_key) => Some(by_key.address),
            Here::BySignIn { .. } | Here::Never(_) => None,
        };
        self.main().into_iter().chain(address).chain(self.more.iter().map(|(name, _)| *name))
    }
}

pub(crate) fn read(old: &mut Old<'_>, new: &mut Import) {
    let mut left: Map<String, Value> = old.settings.clone();
    left.retain(|key, _| knows(key));
    for kind in in_order(old) {
        let is_there = kind.main().iter().any(|key| left.get(*key).is_some_and(|value| !field::is_nothing(value)));
        if !is_there {
            continue;
        }
        let fields: Map<String, Value> =
            kind.keys().filter_map(|key| Some((key.to_owned(), left.remove(key)?))).collect();
        if old.pools.get(kind.id).and_then(Value::as_array).is_some_and(|pool| !pool.is_empty()) {
            let why = "the accounts of the pool were used in its place";
            fields.keys().for_each(|key| new.tell(CONFIG, key, Outcome::Gone, why));
            continue;
        }
        account(
            old,
            &Account { kind, pool: kind.id, number: 1, fields: &fields, file: CONFIG, path: String::new() },
            new,
        );
    }
    for (key, value) in &left {
        let outcome = if field::is_nothing(value) { Outcome::Same } else { Outcome::Gone };
        let why = if outcome == Outcome::Same { "" } else { "the account that it belongs to is not there" };
        new.tell(CONFIG, key, outcome, why);
    }
}

/// Kinds that the old program was told to serve come first: some share their settings.
fn in_order(old: &Old<'_>) -> Vec<&'static Kind> {
    let named = old.settings.get("MODEL_PROVIDER").and_then(field::words).unwrap_or_default();
    let mut kinds: Vec<_> = KINDS.iter().collect();
    kinds.sort_by_key(|kind| !named.iter().any(|name| name == kind.id));
    kinds
}
