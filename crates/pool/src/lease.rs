//! The use of one account for one attempt.

use std::sync::Arc;

use hub::{Blame, Fault};

use crate::clock::Moment;
use crate::health::Trouble;
use crate::slots::Slot;
use crate::{Account, Secret};

/// One attempt's hold on an account. Dropping it without [`Lease::settle`] means that the attempt was abandoned.
#[derive(Debug)]
pub struct Lease {
    account: Arc<Account>,
    secret: Secret,
    /// As the upstream calls it; empty where the use is for no model.
    model: Arc<str>,
    begun: Moment,
    /// It finds out whether a benched account is well again.
    probe: bool,
    _slot: Option<Slot>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream answered, be it with a refusal of the request.
    Answered,
    /// The account or the upstream failed.
    Failed(Trouble),
    /// Nobody knows: the gateway itself gave up.
    Unknown,
}

impl Outcome {
    /// What a fault says of the account: a fault of the request counts as an answer.
    pub fn of(fault: &Fault) -> Self {
        Self::of_trouble(Trouble::of(fault))
    }

    /// As [`Outcome::of`], where the fault itself is gone.
    pub fn of_trouble(trouble: Trouble) -> Self {
        match trouble.blame {
            Blame::Request => Self::Answered,
            Blame::Gateway | Blame::Pairing => Self::Unknown,
            Blame::Account | Blame::AccountModel | Blame::Upstream => Self::Failed(trouble),
        }
    }
}

impl Lease {
    /// Takes an account for one attempt that is for no model, whatever its health.
    pub fn new(account: Arc<Account>, secret: Secret) -> Self {
        Self::holding(account, secret, Arc::default(), None, false)
    }

    pub(crate) fn holding(
        account: Arc<Account>,
        secret: Secret,
        model: Arc<str>,
        slot: Option<Slot>,
        probe: bool,
    ) -> Self {
        account.activity.begin();
        let begun = account.activity.clock().now();
        Self { account, secret, model, begun, probe, _slot: slot }
    }

    /// The account.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// The credential. A key is at hand; a token has been renewed before, see [`crate::Token`].
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The first word has come: the account is well, however long the rest takes.
    pub fn note_alive(&mut self) {
        self.account.activity.note_latency(self.begun);
        self.account.note_answer(&self.model, self.begun);
        self.probe = false;
    }

    /// Gives the account back and says how it went.
    pub fn settle(self, outcome: Outcome) {
        match outcome {
            Outcome::Answered => self.account.activity.count_answer(),
            Outcome::Failed(_) => self.account.activity.count_failure(),
            Outcome::Unknown => (),
        }
        self.learn(outcome);
    }

    /// As [`Lease::settle`], for a use that was no client's: it is not counted.
    pub fn learn(mut self, outcome: Outcome) {
        match outcome {
            Outcome::Answered => {
                self.account.note_answer(&self.model, self.begun);
                self.probe = false;
            }
            Outcome::Failed(trouble) => {
                self.account.note_trouble(trouble, &self.model, self.begun, self.probe);
                self.probe = false;
            }
            Outcome::Unknown => (),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.probe {
            self.account.abandon_probe(&self.model);
        }
        self.account.activity.end();
    }
}
