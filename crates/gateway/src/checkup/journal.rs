//! When accounts were checked, what was found, and when they are next: kept for explanations alone.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use hub::FaultKind;
use pool::AccountId;

/// The last check: when it ended, and the trouble that it found.
pub(crate) type Last = (SystemTime, Option<FaultKind>);

/// One line for each account that is checked.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Lines>);

/// The last check of each, and the time of its next.
type Lines = HashMap<AccountId, (Option<Last>, Option<SystemTime>)>;

impl Journal {
    /// The last check of an account and the time of the next; `None` for those that are never checked.
    pub(crate) fn of(&self, account: &AccountId) -> Option<(Option<Last>, Option<SystemTime>)> {
        self.lock().get(account).copied()
    }

    /// These accounts are checked, each next at its time, and no others.
    pub(super) fn plan(&self, all: impl Iterator<Item = (AccountId, Option<SystemTime>)>) {
        let mut lines = self.lock();
        let mut planned = HashSet::new();
        for (account, next) in all {
            lines.entry(account.clone()).or_default().1 = next;
            planned.insert(account);
        }
        lines.retain(|account, _| planned.contains(account));
    }

    /// An account's next check is then.
    pub(super) fn next(&self, account: &AccountId, at: Option<SystemTime>) {
        if let Some(line) = self.lock().get_mut(account) {
            line.1 = at;
        }
    }

    /// A check has ended.
    pub(super) fn ended(&self, account: &AccountId, found: Option<FaultKind>) {
        if let Some(line) = self.lock().get_mut(account) {
            line.0 = Some((SystemTime::now(), found));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
