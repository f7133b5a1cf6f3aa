//! Accounts: who answers behind a model name, how one is chosen, and what is learned from each use.
//!
//! The pool knows no provider and sends nothing. What configuration decides lives in the gateway's snapshot; what use
//! teaches (calls in flight, outcomes, benches) lives here, keyed by account id, so that a reload forgets nothing.

mod account;
mod affinity;
mod authority;
mod clock;
mod flight;
mod guarded;
mod health;
mod latency;
mod lease;
mod secret;
mod select;
#[cfg(test)]
mod simulator;
mod slots;
mod sync;
mod token;
mod vault;

pub use account::{Account, AccountId, Accounts, Activity, HealthChange, Room, Ward, Watcher};
pub use affinity::{Affinity, Bond, SessionKey};
pub use authority::{Authority, BoxFuture, Credential, Document, Http, Prompt, Refused, Renewed};
pub use clock::{Clock, Hand, Moment};
pub use flight::{Entrusted, Flight};
pub use health::{Benched, Cooling, Out, Standing, Trouble, longest};
pub use lease::{Lease, Outcome};
pub use secret::Secret;
pub use select::{Ask, Bench, Selector, Strategy, Weighing};
pub use slots::{LineIsFull, Slot, Slots, Turn};
pub use token::{Renewal, Renewing, Token};
pub use vault::{Listed, Vault, VaultError};
