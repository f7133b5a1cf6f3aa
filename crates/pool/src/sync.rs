//! What the primitives of this crate lock and count with. The model checker builds the same files over its own.

pub(crate) use std::sync::atomic::{AtomicU32, Ordering};
pub(crate) use std::sync::{Arc, Mutex, PoisonError};
