//! What is in force now: read by everybody without a lock, and made anew by one at a time.
//!
//! A reload and a list of models that has come in may want a new snapshot at the same moment. Each makes it from the
//! source (the configuration as it came) and from what was learned; were the two not in turn, the one that began first
//! could put its older view over the newer one.

use crate::sync::{Arc, Mutex, MutexGuard, PoisonError, Swap};

/// A value, and what it is made from.
#[derive(Debug)]
pub(crate) struct Current<T, S> {
    value: Swap<T>,
    source: Mutex<S>,
}

/// The right to put a new value in place. Nobody else has it meanwhile; those who read do not wait.
pub(crate) struct Turn<'a, T, S> {
    current: &'a Current<T, S>,
    /// What values are made from. To be changed only when a value made from it is in place.
    pub(crate) source: MutexGuard<'a, S>,
}

impl<T, S> Current<T, S> {
    pub(crate) fn new(value: T, source: S) -> Self {
        Self { value: Swap::new(Arc::new(value)), source: Mutex::new(source) }
    }

    /// The value in force. It stays whole for who holds it, whatever comes after it.
    pub(crate) fn load(&self) -> Arc<T> {
        self.value.load_full()
    }

    /// Waits until nobody else makes a new value.
    pub(crate) fn turn(&self) -> Turn<'_, T, S> {
        Turn { current: self, source: self.source.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

impl<T, S> Turn<'_, T, S> {
    /// Puts a new value in force and gives back the one before it.
    pub(crate) fn put(&self, value: Arc<T>) -> Arc<T> {
        self.current.value.swap(value)
    }
}
