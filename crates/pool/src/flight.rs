//! One at a time, and the same result for all that wait: a token is renewed once, however many requests need it.
//!
//! There is no task behind it: the first caller does the work inside its own future. When that one is dropped half-way,
//! the next that waits begins anew. It knows no runtime; `tests/model` runs it through every order of events.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::sync::{Mutex, PoisonError};

/// Work that several callers want done once.
#[derive(Debug)]
pub struct Flight<T> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    /// Counts the works that were ended.
    landed: u64,
    running: bool,
    last: Option<T>,
    next_waiter: u64,
    waiting: Vec<(u64, Waker)>,
}

impl<T> Default for Flight<T> {
    fn default() -> Self {
        let state = State { landed: 0, running: false, last: None, next_waiter: 0, waiting: Vec::new() };
        Self { state: Mutex::new(state) }
    }
}

impl<T: Clone> Flight<T> {
    /// The result of the work under way, or of the caller's own when there is none.
    pub async fn share<F: Future<Output = T>>(&self, work: impl FnOnce() -> F) -> T {
        match (Join { flight: self, since: None, waiter: None }).await {
            Joined::Landed(value) => value,
            Joined::Lead(lead) => {
                let value = work().await;
                lead.land(value.clone());
                value
            }
        }
    }

    fn with<R>(&self, look: impl FnOnce(&mut State<T>) -> R) -> R {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn end(&self, value: Option<T>) {
        let waiting = self.with(|state| {
            state.running = false;
            if let Some(value) = value {
                state.landed += 1;
                state.last = Some(value);
            }
            std::mem::take(&mut state.waiting)
        });
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

enum Joined<'a, T: Clone> {
    Landed(T),
    Lead(Lead<'a, T>),
}

/// Waits for the work under way, or takes it on.
struct Join<'a, T: Clone> {
    flight: &'a Flight<T>,
    /// How many works had been ended when this began to wait.
    since: Option<u64>,
    waiter: Option<u64>,
}

impl<'a, T: Clone> Future for Join<'a, T> {
    type Output = Joined<'a, T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let flight = this.flight;
        flight.with(|state| {
            if let (Some(since), Some(value)) = (this.since, &state.last)
                && state.landed > since
            {
                return Poll::Ready(Joined::Landed(value.clone()));
            }
            if !state.running {
                state.running = true;
                return Poll::Ready(Joined::Lead(Lead { flight, done: false }));
            }
            this.since.get_or_insert(state.landed);
            let waiter = *this.waiter.get_or_insert_with(|| {
                state.next_waiter += 1;
                state.next_waiter
            });
            state.waiting.retain(|(other, _)| *other != waiter);
            state.waiting.push((waiter, cx.waker().clone()));
            Poll::Pending
        })
    }
}

impl<T: Clone> Drop for Join<'_, T> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            self.flight.with(|state| state.waiting.retain(|(other, _)| *other != waiter));
        }
    }
}

/// The right to do the work. Dropped half-way, it goes to somebody who waits.
struct Lead<'a, T: Clone> {
    flight: &'a Flight<T>,
    done: bool,
}

impl<T: Clone> Lead<'_, T> {
    fn land(mut self, value: T) {
        self.done = true;
        self.flight.end(Some(value));
    }
}

impl<T: Clone> Drop for Lead<'_, T> {
    fn drop(&mut self) {
        if !self.done {
            self.flight.end(None);
        }
    }
}
