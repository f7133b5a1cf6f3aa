//! Which account gave the mark by which its service knows the requests of one turn (`OwnHeaders::turn`): to any other
//! account the mark means nothing, or the wrong thing. A mark that was not given here passes.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dialect::Dialect;
use http::HeaderMap;
use pool::AccountId;

/// Most marks of one age, and how long that lasts. Two ages are remembered; a turn lasts minutes.
const MAX: usize = 4096;
const AGE: Duration = Duration::from_secs(3600);

/// Who gave which mark.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    hasher: RandomState,
    inner: Mutex<Ages>,
}

#[derive(Debug, Default)]
struct Ages {
    young: HashMap<u64, AccountId>,
    old: HashMap<u64, AccountId>,
    since: Option<Instant>,
}

impl Turns {
    /// Takes the mark of another account out of what goes to this one.
    pub(crate) fn hold(&self, wire: &Dialect, headers: &mut HeaderMap, account: &AccountId) {
        let Some(name) = wire.headers.turn else { return };
        let Some(mark) = headers.get(name) else { return };
        let key = self.hasher.hash_one(mark.as_bytes());
        if self.lock(Instant::now()).of(key).is_some_and(|giver| giver != account) {
            headers.remove(name);
        }
    }

    /// Remembers the mark in an answer of this account.
    pub(crate) fn note(&self, wire: &Dialect, headers: &HeaderMap, account: &AccountId) {
        let Some(name) = wire.headers.turn else { return };
        let Some(mark) = headers.get(name) else { return };
        let key = self.hasher.hash_one(mark.as_bytes());
        self.lock(Instant::now()).young.insert(key, account.clone());
    }

    fn lock(&self, now: Instant) -> MutexGuard<'_, Ages> {
        let mut ages = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        ages.grow_older(now);
        ages
    }
}

impl Ages {
    fn of(&self, key: u64) -> Option<&AccountId> {
        self.young.get(&key).or_else(|| self.old.get(&key))
    }

    fn grow_older(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if self.young.len() >= MAX || now.saturating_duration_since(since) >= AGE {
            self.old = std::mem::take(&mut self.young);
            self.since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn wire() -> &'static Dialect {
        dialects::ALL.iter().find(|dialect| dialect.headers.turn.is_some()).unwrap()
    }

    fn marked(mark: &str) -> HeaderMap {
        let name = HeaderName::from_static(wire().headers.turn.unwrap());
        [(name, mark.parse().unwrap())].into_iter().collect()
    }

    fn passes(turns: &Turns, mark: &str, account: &str) -> bool {
        let mut headers = marked(mark);
        turns.hold(wire(), &mut headers, &AccountId::new(account));
        !headers.is_empty()
    }

    #[test]
    fn a_mark_goes_back_to_whoever_gave_it_and_to_nobody_else() {
        let turns = Turns::default();
        turns.note(wire(), &marked("m"), &AccountId::new("a"));
        assert!(passes(&turns, "m", "a") && !passes(&turns, "m", "b"));
        assert!(passes(&turns, "of another gateway", "b"));
        turns.note(wire(), &marked("m"), &AccountId::new("b"));
        assert!(passes(&turns, "m", "b") && !passes(&turns, "m", "a"), "the same words, given anew");
    }

    #[test]
    fn marks_are_forgotten_and_never_too_many() {
        let (mut ages, now) = (Ages::default(), Instant::now());
        for key in 0..3 * MAX as u64 {
            ages.grow_older(now);
            ages.young.insert(key, AccountId::new("a"));
        }
        assert!(ages.young.len() + ages.old.len() <= 2 * MAX);
        assert!(ages.of(0).is_none() && ages.of(3 * MAX as u64 - 1).is_some());
        ages.grow_older(now + AGE);
        assert!(ages.of(3 * MAX as u64 - 1).is_some());
        ages.grow_older(now + 2 * AGE);
        assert!(ages.old.is_empty() && ages.young.is_empty());
    }
}
