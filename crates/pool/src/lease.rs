//! The use of one account for one attempt.

use std::sync::Arc;

use hub::{Blame, Fault};

use crate::{Account, Secret};

/// One attempt's hold on an account. Dropping it without [`Lease::settle`] means that the attempt was abandoned.
#[derive(Debug)]
pub struct Lease {
    account: Arc<Account>,
    secret: Secret,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream answered, be it with a refusal of the request.
    Answered,
    /// The account or the upstream failed.
    Failed(Blame),
}

impl Outcome {
    /// What a fault says of the account: a fault of the request counts as an answer.
    pub fn of(fault: &Fault) -> Self {
        match fault.blame {
            Blame::Request | Blame::Gateway => Self::Answered,
            blame @ (Blame::Account | Blame::AccountModel | Blame::Upstream) => Self::Failed(blame),
        }
    }
}

impl Lease {
    /// Takes an account for one attempt.
    pub fn new(account: Arc<Account>, secret: Secret) -> Self {
        account.activity.begin();
        Self { account, secret }
    }

    /// The account.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// The credential. A key is at hand; a token will be refreshed here, once for all that wait.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Gives the account back and says how it went.
    pub fn settle(self, outcome: Outcome) {
        match outcome {
            Outcome::Answered => self.account.activity.note_answer(),
            Outcome::Failed(_) => self.account.activity.note_failure(),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.account.activity.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, Accounts};

    fn account() -> Arc<Account> {
        let id = AccountId::new("a");
        let activity = Accounts::default().activity(&id);
        Arc::new(Account { id, label: "a".into(), priority: 0, weight: 1, activity })
    }

    #[test]
    fn in_flight_returns_to_zero_however_it_ends() {
        let account = account();
        let abandoned = Lease::new(Arc::clone(&account), Secret::default());
        let settled = Lease::new(Arc::clone(&account), Secret::default());
        assert_eq!(account.activity.in_flight(), 2);
        drop(abandoned);
        settled.settle(Outcome::Failed(Blame::Account));
        assert_eq!((account.activity.in_flight(), account.activity.failed()), (0, 1));
    }

    #[test]
    fn a_request_fault_never_counts_against_the_account() {
        assert_eq!(Outcome::of(&Fault::bad_request("no")), Outcome::Answered);
    }
}
