//! A cap on things that go on at once, whose size may change while they go on: what is above a smaller size ends in its
//! own time, and nothing new begins before. It knows nothing of what it counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A cap. Clones share it.
#[derive(Debug, Clone)]
pub struct Cap(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    permits: Arc<Semaphore>,
    size: AtomicUsize,
    /// Permits which a smaller size has taken away while they were in use.
    debt: AtomicUsize,
}

impl Cap {
    /// So many at once.
    #[must_use]
    pub fn new(size: usize) -> Self {
        let size = size.min(Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(size));
        Self(Arc::new(Inner { permits, size: AtomicUsize::new(size), debt: AtomicUsize::new(0) }))
    }

    /// From now on so many. Callers take turns: two at once would both be right about the size before.
    pub fn resize(&self, size: usize) {
        let size = size.min(Semaphore::MAX_PERMITS);
        let before = self.0.size.swap(size, Ordering::AcqRel);
        if size < before {
            self.0.debt.fetch_add(before - size, Ordering::AcqRel);
            self.0.settle();
        } else {
            self.0.grow(size - before);
        }
    }

    /// A place at once, or `None`.
    #[must_use]
    pub fn try_acquire(&self) -> Option<OwnedSemaphorePermit> {
        self.0.settle();
        Arc::clone(&self.0.permits).try_acquire_owned().ok()
    }

    /// A place as soon as there is one.
    pub async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            let permit = Arc::clone(&self.0.permits).acquire_owned().await.ok()?;
            if !self.0.owes_one() {
                return Some(permit);
            }
            permit.forget();
        }
    }
}

impl Inner {
    fn grow(&self, more: usize) {
        let debt = self.debt.swap(0, Ordering::AcqRel);
        self.debt.fetch_add(debt.saturating_sub(more), Ordering::AcqRel);
        self.permits.add_permits(more.saturating_sub(debt));
    }

    /// Pays debts with the permits that are free.
    fn settle(&self) {
        if self.debt.load(Ordering::Acquire) > 0 {
            let debt = self.debt.swap(0, Ordering::AcqRel);
            self.debt.fetch_add(debt - self.permits.forget_permits(debt), Ordering::AcqRel);
        }
    }

    /// Takes one permit off the debt, if there is one.
    fn owes_one(&self) -> bool {
        self.debt.fetch_update(Ordering::AcqRel, Ordering::Acquire, |debt| debt.checked_sub(1)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_place_is_free_exactly_when_fewer_are_taken_than_the_size(
            first in 0..5_usize,
            steps in proptest::collection::vec((0..3_u8, 0..6_usize), 0..60),
        ) {
            let (cap, mut size, mut held) = (Cap::new(first), first, Vec::new());
            for (what, number) in steps {
                match what {
                    0 => {
                        cap.resize(number);
                        size = number;
                    }
                    1 if number < held.len() => drop(held.swap_remove(number)),
                    _ => {
                        let permit = cap.try_acquire();
                        prop_assert_eq!(permit.is_some(), held.len() < size, "{} of {}", held.len(), size);
                        held.extend(permit);
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn whoever_waits_is_let_in_only_below_the_new_size() {
        let cap = Cap::new(2);
        let (first, second) = (cap.acquire().await, cap.acquire().await);
        cap.resize(1);
        let waiting = cap.acquire();
        tokio::pin!(waiting);
        drop(first);
        assert!(futures_now(waiting.as_mut()).await.is_none(), "one of one is taken");
        drop(second);
        assert!(waiting.await.is_some());
    }

    /// What a future gives at once, after everything else had its chance.
    async fn futures_now<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        tokio::select! {
            biased;
            value = future => Some(value),
            () = tokio::task::yield_now() => None,
        }
    }
}
