use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use crate::current::Current;
use crate::flight::{Entrusted, Flight};
use crate::guarded::{Count, Guarded};
use crate::slots::Slots;

/// Tries every order with at most three forced changes of thread: more finds little and takes hours.
fn model(test: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(test);
}

/// Polls once and gives up.
fn abandon(future: impl Future) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[test]
fn callers_that_meet_share_one_work() {
    model(|| {
        let flight = Arc::new(Flight::default());
        let works = Arc::new(AtomicUsize::new(0));
        let call = |flight: Arc<Flight<usize>>, works: Arc<AtomicUsize>| {
            move || block_on(flight.share(|| async { works.fetch_add(1, Ordering::SeqCst) + 1 }))
        };
        let other = thread::spawn(call(Arc::clone(&flight), Arc::clone(&works)));
        let mine = call(Arc::clone(&flight), Arc::clone(&works))();
        let theirs = other.join().unwrap();
        let works = works.load(Ordering::SeqCst);
        // They met and share, or they came one after the other; nobody hears of a work that was not done.
        assert!(mine <= works && theirs <= works && works <= 2 && (works == 1 || mine != theirs));
    });
}

#[test]
fn work_that_is_dropped_half_way_goes_to_who_waits() {
    model(|| {
        let flight = Arc::new(Flight::default());
        let leader = Arc::clone(&flight);
        let other = thread::spawn(move || {
            // The work never ends; its caller hangs up.
            abandon(leader.share(std::future::pending::<usize>));
        });
        assert_eq!(block_on(flight.share(|| async { 7 })), 7);
        other.join().unwrap();
    });
}

#[test]
fn a_waiter_that_hangs_up_is_forgotten() {
    model(|| {
        let flight = Arc::new(Flight::default());
        let waiter = Arc::clone(&flight);
        let other = thread::spawn(move || {
            abandon(waiter.share(|| async { 1 }));
        });
        assert!(block_on(flight.share(|| async { 2 })) <= 2);
        other.join().unwrap();
        assert_eq!(block_on(flight.share(|| async { 3 })), 3);
    });
}

/// What is entrusted is done once for callers that meet, and nobody hears of a work before the one that it asked for.
#[test]
fn entrusted_work_is_done_by_another_and_shared() {
    model(|| {
        let flight = Arc::new(Flight::default());
        let works = Arc::new(AtomicUsize::new(0));
        let call = |flight: Arc<Flight<usize>>, works: Arc<AtomicUsize>| {
            move || {
                let at_once = |lead: Entrusted<usize>| lead.land(works.fetch_add(1, Ordering::SeqCst) + 1);
                block_on(Flight::entrust(&flight, at_once)).unwrap()
            }
        };
        let other = thread::spawn(call(Arc::clone(&flight), Arc::clone(&works)));
        let mine = call(Arc::clone(&flight), Arc::clone(&works))();
        let theirs = other.join().unwrap();
        let works = works.load(Ordering::SeqCst);
        // One who is slow to look may hear of a later work; nobody of one that was not done.
        assert!(works <= 2 && mine.max(theirs) == works && mine.min(theirs) >= 1);
    });
}

#[test]
fn entrusted_work_ends_for_all_wherever_it_ends() {
    model(|| {
        let flight = Arc::new(Flight::default());
        let desk = Arc::new(loom::sync::Mutex::new(None));
        let (waiter, hand) = (Arc::clone(&flight), Arc::clone(&desk));
        let other = thread::spawn(move || {
            let lay_down = |lead: Entrusted<usize>| {
                if let Some(earlier) = hand.lock().unwrap().replace(lead) {
                    earlier.land(1);
                }
            };
            // The caller hangs up: the work stays where it was laid down.
            abandon(Flight::entrust(&waiter, lay_down));
        });
        other.join().unwrap();
        let worker = thread::spawn(move || desk.lock().unwrap().take().unwrap().land(7));
        // It met the work, or came after it.
        assert!([7, 8].contains(&block_on(flight.share(|| async { 8 }))));
        worker.join().unwrap();
    });
}

#[test]
fn no_more_hold_a_place_than_there_are_and_all_come_to_it() {
    model(|| {
        let slots = Arc::new(Slots::default());
        let inside = Arc::new(AtomicUsize::new(0));
        let call = |slots: Arc<Slots>, inside: Arc<AtomicUsize>| {
            move || {
                let slot = block_on(Slots::queue(&slots, 1, 8).unwrap());
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                inside.fetch_sub(1, Ordering::SeqCst);
                drop(slot);
            }
        };
        let other = thread::spawn(call(Arc::clone(&slots), Arc::clone(&inside)));
        call(Arc::clone(&slots), inside)();
        other.join().unwrap();
        assert!(slots.has_room(1) && slots.waiting() == 0);
    });
}

#[test]
fn a_place_handed_to_somebody_who_hangs_up_is_not_lost() {
    model(|| {
        let slots = Arc::new(Slots::default());
        let held = Slots::enter(&slots, 1).unwrap();
        let waiter = Arc::clone(&slots);
        let other = thread::spawn(move || {
            abandon(Slots::queue(&waiter, 1, 8).unwrap());
        });
        drop(held);
        other.join().unwrap();
        assert!(Slots::enter(&slots, 1).is_some() && slots.waiting() == 0);
    });
}

/// A set of troubles, as far as the guard can tell.
#[derive(Debug, Default)]
struct Troubles(Vec<u32>);

impl Count for Troubles {
    fn count(&self) -> usize {
        self.0.len()
    }
}

#[test]
fn who_looks_without_a_lock_misses_no_trouble_that_was_told_before() {
    model(|| {
        let ward = Arc::new(Guarded::<Troubles>::default());
        let told = Arc::new(AtomicUsize::new(0));
        let (noting, telling) = (Arc::clone(&ward), Arc::clone(&told));
        let other = thread::spawn(move || {
            noting.change(|troubles| troubles.0.push(1));
            telling.store(1, Ordering::Release);
        });
        if told.load(Ordering::Acquire) == 1 {
            assert!(!ward.is_clean());
            assert_eq!(ward.look(Count::count), 1);
        }
        ward.change(|troubles| troubles.0.push(2));
        other.join().unwrap();
        assert_eq!(ward.look(Count::count), 2);
        ward.change(|troubles| troubles.0.clear());
        assert!(ward.is_clean());
    });
}

#[test]
fn the_poll_of_a_turn_that_was_not_its_own_changes_nothing() {
    model(|| {
        let slots = Arc::new(Slots::default());
        let held = Slots::enter(&slots, 1).unwrap();
        let mut turn = pin!(Slots::queue(&slots, 1, 8).unwrap());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(turn.as_mut().poll(&mut cx).is_pending());
        assert!(Slots::enter(&slots, 1).is_none() && Slots::queue(&slots, 1, 1).is_err());
        drop(held);
        assert!(matches!(turn.as_mut().poll(&mut cx), Poll::Ready(_)));
    });
}

/// What a snapshot is made of: the number of the configuration, and how many lists of models have come in.
type View = (usize, usize);

#[test]
fn a_reload_and_a_list_that_come_together_are_both_in_the_last_snapshot() {
    model(|| {
        let current = Arc::new(Current::<View, usize>::new((1, 0), 1));
        let lists = Arc::new(AtomicUsize::new(0));
        let (learning, learned) = (Arc::clone(&current), Arc::clone(&lists));
        let other = thread::spawn(move || {
            learned.store(1, Ordering::Release);
            let turn = learning.turn();
            turn.put(Arc::new((*turn.source, learned.load(Ordering::Acquire))));
        });
        let mut turn = current.turn();
        let old = turn.put(Arc::new((2, lists.load(Ordering::Acquire))));
        *turn.source = 2;
        drop(turn);
        assert_eq!(old.0, 1);
        other.join().unwrap();
        assert_eq!(*current.load(), (2, 1));
    });
}

#[test]
fn who_reads_twice_never_sees_an_older_snapshot_the_second_time() {
    model(|| {
        let current = Arc::new(Current::<View, usize>::new((1, 0), 1));
        let reading = Arc::clone(&current);
        let other = thread::spawn(move || {
            let (first, second) = (reading.load(), reading.load());
            assert!(first.0 <= second.0, "{first:?} {second:?}");
            // The first one is still whole, whatever has come since.
            assert!((1..=3).contains(&first.0));
        });
        for number in [2, 3] {
            let mut turn = current.turn();
            let old = turn.put(Arc::new((number, 0)));
            *turn.source = number;
            assert_eq!(old.0, number - 1);
        }
        other.join().unwrap();
    });
}
