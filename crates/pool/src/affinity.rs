//! Which account a conversation was with, so that its next turn finds the provider's prompt cache warm.
//!
//! Bounded in number and time, whoever invents sessions: two generations, of which the older is dropped whole when the
//! younger is full. A session that goes on moves to the younger.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Moment;

/// Sessions of one generation in one shard.
const GENERATION: usize = 4096;
/// Shards, so that workers rarely wait for each other.
const SHARDS: usize = 16;

/// Sessions and their accounts.
#[derive(Debug)]
pub struct Affinity {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

impl Default for Affinity {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: Default::default() }
    }
}

/// Hashes are mixed already.
#[derive(Clone, Copy, Debug, Default)]
struct Mixed;

impl BuildHasher for Mixed {
    type Hasher = Same;

    fn build_hasher(&self) -> Same {
        Same(0)
    }
}

/// Hands a number through.
#[derive(Debug)]
struct Same(u64);

impl std::hash::Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[derive(Debug, Default)]
struct Shard {
    young: HashMap<u64, Bond, Mixed>,
    old: HashMap<u64, Bond, Mixed>,
}

/// Where a session was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bond {
    /// The account's number, see [`crate::Activity::number`].
    pub account: u32,
    /// Where among the seats it was found; a hint, for seats move with the configuration.
    pub seat: u32,
    seen: Moment,
}

/// A session on a model, hashed with this process's own key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionKey(u64);

impl Affinity {
    /// The key of a session on a model.
    pub fn key(&self, session: &(impl AsRef<[u8]> + ?Sized), model: &str) -> SessionKey {
        SessionKey(self.hasher.hash_one((session.as_ref(), model)))
    }

    /// Where a session was, if that is no longer ago than `patience`.
    pub fn find(&self, key: SessionKey, now: Moment, patience: Duration) -> Option<Bond> {
        let mut shard = self.shard(key);
        let bond = match shard.young.get(&key.0) {
            Some(bond) => *bond,
            None => {
                let bond = shard.old.remove(&key.0)?;
                shard.keep(key.0, bond);
                bond
            }
        };
        (now.since(bond.seen) <= patience).then_some(bond)
    }

    /// Notes where a session is.
    pub fn bind(&self, key: SessionKey, account: u32, seat: usize, now: Moment) {
        let seat = u32::try_from(seat).unwrap_or(u32::MAX);
        self.shard(key).keep(key.0, Bond { account, seat, seen: now });
    }

    /// How many sessions are remembered.
    pub fn len(&self) -> usize {
        let count = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(count).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, key: SessionKey) -> std::sync::MutexGuard<'_, Shard> {
        let at = usize::try_from(key.0 >> 60).unwrap_or_default() % SHARDS;
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn keep(&mut self, key: u64, bond: Bond) {
        if self.young.len() >= GENERATION && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, bond);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_session_is_found_until_its_time_is_over_and_every_turn_renews_it() {
        let affinity = Affinity::default();
        let key = affinity.key("s", "m");
        assert_eq!(affinity.find(key, at(0), HOUR), None);
        affinity.bind(key, 7, 3, at(0));
        assert_eq!(affinity.find(key, at(3600), HOUR).map(|bond| (bond.account, bond.seat)), Some((7, 3)));
        assert_eq!(affinity.find(key, at(3602), HOUR), None);
        affinity.bind(key, 7, 3, at(3600));
        assert!(affinity.find(key, at(7000), HOUR).is_some());
        assert_eq!(affinity.find(affinity.key("s", "other"), at(0), HOUR), None);
    }

    #[test]
    fn sessions_are_bounded_and_those_in_use_stay() {
        let affinity = Affinity::default();
        let mine = affinity.key("mine", "m");
        affinity.bind(mine, 1, 0, at(0));
        for number in 0..500_000 {
            affinity.bind(affinity.key(&format!("s{number}"), "m"), 2, 0, at(0));
            if number % 10_000 == 0 {
                assert!(affinity.find(mine, at(0), HOUR).is_some(), "{number}");
            }
        }
        assert!(affinity.len() <= 2 * GENERATION * SHARDS, "{}", affinity.len());
    }
}
