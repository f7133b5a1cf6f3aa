//! What the current snapshot is kept and made with. The model checker builds the same file over its own.

pub(crate) use arc_swap::ArcSwap as Swap;
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
