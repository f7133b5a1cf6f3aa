//! Who may ask, and how much.

use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::Fidelity;
use crate::secret::Secret;

/// One key that a client may present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientKey {
    /// The key, or what is kept of it.
    pub key: ClientSecret,
    /// A name for logs and ledgers (`key-1`, `key-2`, ... in file order unless the file gives one); shows nothing of the
    /// key. No two keys share one.
    pub label: String,
    /// What it may do; `None` is everything.
    pub limits: Option<Box<KeyLimits>>,
}

/// A client's key as the file has it.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientSecret {
    /// The key itself.
    Plain(Secret),
    /// Its SHA-256.
    Sha256([u8; 32]),
}

impl ClientSecret {
    /// What is compared with the digest of what a client presents.
    pub fn digest(&self) -> [u8; 32] {
        match self {
            Self::Plain(key) => Sha256::digest(key.expose().as_bytes()).into(),
            Self::Sha256(digest) => *digest,
        }
    }

    /// Whether both let the same key in.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(one), Self::Plain(other)) => one == other,
            _ => self.digest() == other.digest(),
        }
    }

    /// The key itself, where the file has it.
    pub fn plain(&self) -> Option<&Secret> {
        match self {
            Self::Plain(secret) => Some(secret),
            Self::Sha256(_) => None,
        }
    }
}

impl std::fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// What a key may do. An empty list allows all, `None` sets no bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// It is kept, but not let in.
    pub disabled: bool,
    /// Patterns of client-facing model names: lower case, `*` stands for any text.
    pub models: Vec<String>,
    /// Ids of providers, names of places, groups.
    pub providers: Vec<String>,
    /// Patterns of accounts' ids and labels, in lower case.
    pub accounts: Vec<String>,
    /// What becomes of its requests' losses, instead of the setting for all.
    pub fidelity: Option<Fidelity>,
    /// From when on it is not let in.
    pub expires: Option<SystemTime>,
    /// Requests in a minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens in a minute, of prompts and answers.
    pub tokens_per_minute: Option<u64>,
    /// Requests at once.
    pub concurrency: Option<u32>,
    /// Requests in a calendar month (UTC) over all models that fit a pattern.
    pub monthly_requests: Vec<(String, u64)>,
}
