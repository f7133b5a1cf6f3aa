//! An account and what its use has taught so far.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The stable id of an account: the same over restarts and reloads, and free of secrets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// An id. It appears in logs.
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One account, as a snapshot of the configuration describes it.
#[derive(Debug)]
pub struct Account {
    /// Its stable id.
    pub id: AccountId,
    /// A name for logs; shows no secret.
    pub label: String,
    /// Higher is tried first.
    pub priority: i32,
    /// Its share where a strategy weighs.
    pub weight: u32,
    /// What its use has taught; outlives the snapshot.
    pub activity: Arc<Activity>,
}

/// What the use of an account has taught.
#[derive(Debug, Default)]
pub struct Activity {
    in_flight: AtomicU32,
    answered: AtomicU64,
    failed: AtomicU64,
}

impl Activity {
    /// Calls under way.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Calls that were answered.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Calls that failed by the account's or the upstream's fault.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn note_answer(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_failure(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

/// The activities of all accounts ever seen by this process, so that a reload forgets nothing.
#[derive(Debug, Default)]
pub struct Accounts {
    activities: Mutex<HashMap<AccountId, Arc<Activity>>>,
}

impl Accounts {
    /// The activity of an account; a new one for a new id. Called when a snapshot is built, never per request.
    pub fn activity(&self, id: &AccountId) -> Arc<Activity> {
        let mut activities = self.activities.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(activities.entry(id.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_finds_the_same_activity() {
        let accounts = Accounts::default();
        let id = AccountId::new("a");
        accounts.activity(&id).begin();
        assert_eq!(accounts.activity(&id).in_flight(), 1);
        assert_eq!(accounts.activity(&AccountId::new("b")).in_flight(), 0);
    }
}
