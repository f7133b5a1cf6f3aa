//! One at a time, and the same result for all that wait: a token is renewed once, however many requests need it.
//!
//! The first caller does the work inside its own future ([`Flight::share`]), or hands it to somebody who goes on when
//! the caller hangs up ([`Flight::entrust`]). When the work is dropped half-way, the next that waits begins anew. It
//! knows no runtime; `tests/model` runs it through every order of events.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::sync::{Arc, Mutex, PoisonError};

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

/// Beginnings of one entrusted work before its caller gives up: whoever drops it again and again will not end it.
const BEGINNINGS: usize = 3;

impl<T: Clone> Flight<T> {
    /// The result of the work under way, or of the caller's own when there is none.
    pub async fn share<F: Future<Output = T>>(&self, work: impl FnOnce() -> F) -> T {
        match (Join { flight: self, since: None, waiter: None }).await {
            Joined::Landed(value) => value,
            Joined::Lead(_) => {
                let lead = Lead { flight: self, done: false };
                let value = work().await;
                lead.land(value.clone());
                value
            }
        }
    }

    /// The result of the work under way. When there is none, `start` gets the right to do it and takes it elsewhere, so
    /// that the work goes on when the caller hangs up. `None` when it was dropped again and again.
    pub async fn entrust(this: &Arc<Self>, start: impl Fn(Entrusted<T>)) -> Option<T> {
        let mut since = None;
        for _ in 0..=BEGINNINGS {
            match (Join { flight: this, since, waiter: None }).await {
                Joined::Landed(value) => return Some(value),
                Joined::Lead(landed) => {
                    // What lands from here on is the work that is begun here.
                    since = Some(landed);
                    start(Lead { flight: Arc::clone(this), done: false });
                }
            }
        }
        None
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

enum Joined<T> {
    Landed(T),
    /// The caller's turn, and how many works had been ended then. Whoever gets it makes a [`Lead`] of it at once.
    Lead(u64),
}

/// Waits for the work under way, or takes it on.
struct Join<'a, T: Clone> {
    flight: &'a Flight<T>,
    /// How many works had been ended when this began to wait.
    since: Option<u64>,
    waiter: Option<u64>,
}

impl<T: Clone> Future for Join<'_, T> {
    type Output = Joined<T>;

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
                return Poll::Ready(Joined::Lead(state.landed));
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
#[derive(Debug)]
pub struct Lead<T: Clone, F: Deref<Target = Flight<T>>> {
    flight: F,
    done: bool,
}

/// The right to do the work, for whoever it is handed to.
pub type Entrusted<T> = Lead<T, Arc<Flight<T>>>;

impl<T: Clone, F: Deref<Target = Flight<T>>> Lead<T, F> {
    /// Gives the result to all that wait.
    pub fn land(mut self, value: T) {
        self.done = true;
        self.flight.end(Some(value));
    }
}

impl<T: Clone, F: Deref<Target = Flight<T>>> Drop for Lead<T, F> {
    fn drop(&mut self) {
        if !self.done {
            self.flight.end(None);
        }
    }
}
