//! The line of an account whose limit is raised while some wait in it. Apart from the line itself, which is built over
//! the model checker's locks as well.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::{Slot, Slots, Turn};

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// One that waits, was asked once, and is told by the bell when to ask again.
fn waiting(slots: &Arc<Slots>) -> (Pin<Box<Turn>>, Arc<Bell>) {
    let mut turn = Box::pin(Slots::queue(slots, 1, 8).unwrap());
    let bell = Arc::new(Bell::default());
    assert!(turn.as_mut().poll(&mut Context::from_waker(&bell.clone().into())).is_pending());
    (turn, bell)
}

fn came(turn: &mut Pin<Box<Turn>>) -> Option<Slot> {
    match turn.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(slot) => Some(slot),
        Poll::Pending => None,
    }
}

#[test]
fn nobody_overtakes_those_who_wait_when_there_is_more_room() {
    let slots = Arc::new(Slots::default());
    let _held = Slots::enter(&slots, 1).unwrap();
    let (mut first, bell) = waiting(&slots);
    assert!(Slots::enter(&slots, 2).is_none(), "the one who waits was first");
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    assert!(came(&mut first).is_some());
}

#[test]
fn who_joins_the_line_wakes_those_who_may_go() {
    let slots = Arc::new(Slots::default());
    let _held = Slots::enter(&slots, 1).unwrap();
    let (mut first, bell) = waiting(&slots);
    let mut second = Box::pin(Slots::queue(&slots, 2, 8).unwrap());
    assert!(came(&mut second).is_none());
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    let slot = came(&mut first).unwrap();
    drop(slot);
    assert!(came(&mut second).is_some());
    // A line that is full lets those who wait go all the same.
    let (mut third, bell) = waiting(&slots);
    assert!(Slots::queue(&slots, 9, 0).is_err());
    assert!(bell.0.load(Ordering::Relaxed) == 1 && came(&mut third).is_some());
}
