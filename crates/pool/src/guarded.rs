//! Something that is empty nearly always, behind a lock that is taken only when it is not.

use crate::sync::{AtomicU32, Mutex, Ordering, PoisonError};

/// What can say how much there is of it.
pub(crate) trait Count {
    /// How much; 0 when there is nothing to look at.
    fn count(&self) -> usize;
}

/// A guarded value. Whoever finds it clean has asked one atomic and no lock.
#[derive(Debug, Default)]
pub(crate) struct Guarded<T> {
    count: AtomicU32,
    value: Mutex<T>,
}

impl<T: Count> Guarded<T> {
    /// Whether there is nothing.
    pub(crate) fn is_clean(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// Looks at it.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.value.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes it.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut value);
        self.count.store(u32::try_from(value.count()).unwrap_or(u32::MAX), Ordering::Release);
        changed
    }
}
