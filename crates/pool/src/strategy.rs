//! How one of several candidates is chosen.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Account;

/// A possible choice.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The account.
    pub account: Arc<Account>,
}

/// Chooses among candidates of one priority.
pub trait Strategy: Send + Sync + std::fmt::Debug {
    /// The index of the choice; `None` when there is nothing to choose from.
    fn pick(&self, candidates: &[Candidate], affinity: Option<&str>) -> Option<usize>;
}

/// Each in turn.
#[derive(Debug, Default)]
pub struct RoundRobin {
    next: AtomicUsize,
}

impl Strategy for RoundRobin {
    fn pick(&self, candidates: &[Candidate], _affinity: Option<&str>) -> Option<usize> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        turn.checked_rem(candidates.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, Accounts};

    #[test]
    fn each_has_its_turn() {
        let candidates: Vec<Candidate> = ["a", "b", "c"]
            .into_iter()
            .map(|name| {
                let id = AccountId::new(name);
                let activity = Accounts::default().activity(&id);
                Candidate { account: Arc::new(Account { id, label: name.into(), priority: 0, weight: 1, activity }) }
            })
            .collect();
        let strategy = RoundRobin::default();
        let picks: Vec<_> = (0..6).map(|_| strategy.pick(&candidates, None)).collect();
        assert_eq!(picks, [0, 1, 2, 0, 1, 2].map(Some));
        assert_eq!(strategy.pick(&[], None), None);
    }
}
