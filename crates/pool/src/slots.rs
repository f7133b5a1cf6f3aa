//! How many calls an account may have at once, and the line of those that wait for one to end.
//!
//! A place that becomes free is handed to the first in line, so that nobody who comes later overtakes. It knows no
//! runtime and no time: who waits no longer drops its turn. `tests/model` runs it through every order of events.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::sync::{Arc, Mutex, PoisonError};

/// The places of one account.
#[derive(Debug, Default)]
pub struct Slots {
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    active: u32,
    limit: u32,
    next_waiter: u64,
    waiting: VecDeque<Waiter>,
    /// Places handed to waiters that have not come for them yet.
    handed: Vec<u64>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    waker: Option<Waker>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineIsFull;

impl Slots {
    /// Takes a place, if one is free and nobody waits for it.
    pub fn enter(this: &Arc<Self>, limit: u32) -> Option<Slot> {
        let (entered, wakers) = this.with(|line| {
            let wakers = line.allow(limit);
            let free = line.active < limit && line.waiting.is_empty();
            line.active += u32::from(free);
            (free, wakers)
        });
        wakers.into_iter().for_each(Waker::wake);
        entered.then(|| Slot { slots: Arc::clone(this) })
    }

    /// Whether [`Slots::enter`] would find a place.
    pub fn has_room(&self, limit: u32) -> bool {
        self.with(|line| line.active < limit && line.waiting.is_empty())
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.with(|line| line.waiting.len())
    }

    /// Joins the line.
    ///
    /// # Errors
    /// When as many wait as may.
    pub fn queue(this: &Arc<Self>, limit: u32, longest: usize) -> Result<Turn, LineIsFull> {
        let (number, wakers) = this.with(|line| {
            let mut wakers = line.allow(limit);
            let number = (line.waiting.len() < longest).then(|| {
                line.next_waiter += 1;
                line.waiting.push_back(Waiter { number: line.next_waiter, waker: None });
                wakers.extend(line.hand_out());
                line.next_waiter
            });
            (number, wakers)
        });
        wakers.into_iter().for_each(Waker::wake);
        let number = Some(number.ok_or(LineIsFull)?);
        Ok(Turn { slots: Arc::clone(this), number })
    }

    fn leave(&self) {
        let wakers = self.with(|line| {
            line.active -= 1;
            line.hand_out()
        });
        wakers.into_iter().for_each(Waker::wake);
    }

    fn with<R>(&self, look: impl FnOnce(&mut Line) -> R) -> R {
        look(&mut self.line.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Line {
    /// Takes a limit, which may have been raised while some wait: they come first. Returns whom to wake.
    fn allow(&mut self, limit: u32) -> Vec<Waker> {
        self.limit = limit;
        self.hand_out()
    }

    /// Hands free places to the first in line; returns whom to wake.
    fn hand_out(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        while self.active < self.limit
            && let Some(waiter) = self.waiting.pop_front()
        {
            self.active += 1;
            self.handed.push(waiter.number);
            wakers.extend(waiter.waker);
        }
        wakers
    }

    /// Takes what was handed to a waiter.
    fn collect(&mut self, number: u64) -> bool {
        let at = self.handed.iter().position(|handed| *handed == number);
        at.map(|at| self.handed.swap_remove(at)).is_some()
    }
}

/// A place that is taken. Dropping it gives it to the next.
#[derive(Debug)]
pub struct Slot {
    slots: Arc<Slots>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.leave();
    }
}

/// A place in the line; becomes a [`Slot`]. Dropping it leaves the line.
#[derive(Debug)]
pub struct Turn {
    slots: Arc<Slots>,
    number: Option<u64>,
}

impl Future for Turn {
    type Output = Slot;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Slot> {
        let this = self.get_mut();
        let Some(number) = this.number else { return Poll::Pending };
        let mine = this.slots.with(|line| {
            if line.collect(number) {
                return true;
            }
            if let Some(waiter) = line.waiting.iter_mut().find(|waiter| waiter.number == number) {
                waiter.waker = Some(cx.waker().clone());
            }
            false
        });
        if !mine {
            return Poll::Pending;
        }
        this.number = None;
        Poll::Ready(Slot { slots: Arc::clone(&this.slots) })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let handed = self.slots.with(|line| {
            line.waiting.retain(|waiter| waiter.number != number);
            line.collect(number)
        });
        if handed {
            self.slots.leave();
        }
    }
}
