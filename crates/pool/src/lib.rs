//! Accounts: who answers behind a model name, how one is chosen, and what is learned from each use.
//!
//! The pool knows no provider and sends nothing. What configuration decides lives in the gateway's snapshot; what use
//! teaches (calls in flight, outcomes) lives here, keyed by account id, so that a reload forgets nothing.

mod account;
mod authority;
mod lease;
mod secret;
mod strategy;
mod vault;

pub use account::{Account, AccountId, Accounts, Activity};
pub use authority::{Authority, BoxFuture, Credential, Http, Prompt};
pub use lease::{Lease, Outcome};
pub use secret::Secret;
pub use strategy::{Candidate, RoundRobin, Strategy};
pub use vault::{Keyring, Vault, VaultError};
