//! What may be fetched for clients that point at content by address.

use std::time::Duration;

/// The bounds of fetching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Largest content of one address, in bytes.
    pub max_bytes: usize,
    /// For one address, redirects included.
    pub timeout: Duration,
    /// Redirects followed.
    pub max_redirects: usize,
    /// Addresses fetched at once for one request.
    pub at_once: usize,
    /// Addresses of this machine and its networks may be fetched, too.
    pub allow_private: bool,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            max_bytes: 20 << 20,
            timeout: Duration::from_secs(20),
            max_redirects: 3,
            at_once: 4,
            allow_private: false,
        }
    }
}
