//! The primitives of `pool` and `gateway` that threads share, built from the same files over the model checker's locks and atomics.
//!
//! A crate of its own, so that the checker weighs on no other build and needs no flag for the whole tree. Each test runs
//! through every order of events that the memory model allows, within a bound on forced changes of thread.

#[cfg(test)]
#[path = "../../../crates/gateway/src/current.rs"]
mod current;
#[cfg(test)]
#[path = "../../../crates/pool/src/flight.rs"]
pub mod flight;
#[cfg(test)]
#[path = "../../../crates/pool/src/guarded.rs"]
mod guarded;
#[cfg(test)]
#[path = "../../../crates/pool/src/slots.rs"]
pub mod slots;

/// The checker's locks and atomics in place of the standard library's.
#[cfg(test)]
mod sync {
    pub(crate) use std::sync::PoisonError;

    pub(crate) use loom::sync::atomic::{AtomicU32, Ordering};
    pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

    /// As much of `ArcSwap` as is used. That library's own order of events is its own to prove; here it is one event.
    #[derive(Debug)]
    pub(crate) struct Swap<T>(Mutex<Arc<T>>);

    impl<T> Swap<T> {
        pub(crate) fn new(value: Arc<T>) -> Self {
            Self(Mutex::new(value))
        }

        pub(crate) fn load_full(&self) -> Arc<T> {
            Arc::clone(&self.0.lock().unwrap())
        }

        pub(crate) fn swap(&self, value: Arc<T>) -> Arc<T> {
            std::mem::replace(&mut self.0.lock().unwrap(), value)
        }
    }
}

#[cfg(test)]
mod tests;
