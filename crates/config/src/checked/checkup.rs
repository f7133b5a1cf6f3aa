//! Checks of accounts by small requests of our own. They cost tokens, so there are none unless the file asks for them.

use std::time::Duration;

/// When and how accounts are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// Between two checks of an account; `None` checks at the start alone.
    pub interval: Option<Duration>,
    /// Each account is checked when it is first seen, too.
    pub at_start: bool,
    /// Kinds, providers and groups whose accounts are checked, in lower case; empty means all.
    pub kinds: Vec<String>,
    /// The model to ask, where a place serves it.
    pub model: Option<String>,
    /// For one check.
    pub timeout: Duration,
    /// Only accounts that are in trouble are checked.
    pub only_unhealthy: bool,
    /// Checks at once.
    pub concurrency: u32,
}

/// What an account says of its own checks. `None` leaves it to the settings for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountCheck {
    /// Whether it is checked.
    pub enabled: Option<bool>,
    /// The model to ask, by the provider's name or ours.
    pub model: Option<String>,
}
