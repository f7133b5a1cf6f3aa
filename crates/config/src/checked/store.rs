//! Where answers are kept that later requests may name (`responses-store`).

use std::time::Duration;

/// The bounds of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponsesStore {
    /// Whether answers are kept at all.
    pub mode: StoreMode,
    /// How long an answer can be named.
    pub ttl: Duration,
    /// Most bytes of all that is kept.
    pub max_bytes: usize,
    /// Most answers.
    pub max_entries: usize,
}

/// Whether answers are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StoreMode {
    /// In memory, and gone with the process.
    #[default]
    Memory,
    /// Not at all, but for what a lasting connection needs while it lasts.
    Off,
}

impl Default for ResponsesStore {
    fn default() -> Self {
        Self { mode: StoreMode::Memory, ttl: Duration::from_secs(3600), max_bytes: 64 << 20, max_entries: 10_000 }
    }
}
