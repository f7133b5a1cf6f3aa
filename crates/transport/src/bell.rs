//! Keeps a connection's task from waking itself for nothing.
//!
//! When a piece of a body is taken from hyper's channel, hyper wakes whoever put it there. Here that is the very task
//! that takes it: a connection's task polls both ends. So each small request would have its connection polled, with all
//! that is under way on it, once more for its own body and once more for the answer's. A connection is polled with a
//! [`Bell`] between it and its task, and [`silently`] holds what rings on this thread while a piece is taken.
//!
//! It knows nothing of bodies: whoever takes a piece must know whether the wake was needed.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

thread_local! {
    static HELD: RefCell<Held> = const { RefCell::new(Held::Nobody) };
}

/// What becomes of bells that ring on this thread.
enum Held {
    /// They are heard.
    Nobody,
    /// They are held back, and none has rung yet.
    Quiet,
    /// They are held back, and this one has rung.
    Rung(Arc<Bell>),
}

/// Wakes the task that polled last. Other threads are always heard.
#[derive(Debug, Default)]
pub(crate) struct Bell(Mutex<Option<Waker>>);

/// A future that is polled with a bell.
#[derive(Debug)]
pub(crate) struct Belled<F> {
    work: F,
    bell: Arc<Bell>,
    waker: Waker,
}

/// A bell that has rung while it was held back.
#[must_use = "the wake may be needed"]
pub(crate) struct Rung(Option<Arc<Bell>>);

/// Runs `work` and holds back the bell that rings meanwhile on this thread. `work` must not wait.
pub(crate) fn silently<T>(work: impl FnOnce() -> T) -> (T, Rung) {
    HELD.set(Held::Quiet);
    let quiet = Quiet;
    let done = work();
    (done, quiet.end())
}

/// Bells are held back on this thread while it lives, also when the work panics.
struct Quiet;

impl Quiet {
    fn end(self) -> Rung {
        match HELD.replace(Held::Nobody) {
            Held::Rung(bell) => Rung(Some(bell)),
            Held::Quiet | Held::Nobody => Rung(None),
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        HELD.set(Held::Nobody);
    }
}

impl Rung {
    /// The wake is needed.
    pub(crate) fn heard(self) {
        if let Some(bell) = self.0 {
            bell.ring();
        }
    }

    /// The wake tells nothing new.
    pub(crate) fn ignored(self) {}
}

// === impl Bell ===

impl Bell {
    fn ring(&self) {
        let task = self.task().clone();
        if let Some(task) = task {
            task.wake();
        }
    }

    fn belongs_to(&self, task: &Waker) {
        let mut known = self.task();
        if !known.as_ref().is_some_and(|known| known.will_wake(task)) {
            *known = Some(task.clone());
        }
    }

    fn task(&self) -> MutexGuard<'_, Option<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let mut loud = Some(self);
        // A thread that ends has nobody to be held for.
        _ = HELD.try_with(|held| hold(&mut held.borrow_mut(), &mut loud));
        if let Some(bell) = loud {
            bell.ring();
        }
    }
}

/// Takes the bell if bells are held back. A second one is heard, unless it is the same.
fn hold(held: &mut Held, bell: &mut Option<Arc<Bell>>) {
    match held {
        Held::Nobody => (),
        Held::Quiet => *held = bell.take().map_or(Held::Quiet, Held::Rung),
        Held::Rung(first) => *bell = bell.take().filter(|second| !Arc::ptr_eq(first, second)),
    }
}

// === impl Belled ===

impl<F> Belled<F> {
    pub(crate) fn new(work: F) -> Self {
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        Self { work, bell, waker }
    }

    pub(crate) fn work(self: Pin<&mut Self>) -> &mut F
    where
        F: Unpin,
    {
        &mut self.get_mut().work
    }
}

impl<F: Future + Unpin> Future for Belled<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        this.bell.belongs_to(cx.waker());
        Pin::new(&mut this.work).poll(&mut Context::from_waker(&this.waker))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A bell of a task, as whoever is polled under it sees it, and how often that task was woken.
    fn bell() -> (Waker, Arc<Task>) {
        let task = Arc::new(Task::default());
        let mut belled = Belled::new(std::future::poll_fn(|cx| Poll::Ready(cx.waker().clone())));
        let polled = Pin::new(&mut belled).poll(&mut Context::from_waker(&Waker::from(Arc::clone(&task))));
        let Poll::Ready(waker) = polled else { panic!("it does not wait") };
        (waker, task)
    }

    fn woken(task: &Task) -> usize {
        task.0.load(Ordering::Relaxed)
    }

    #[test]
    fn a_bell_is_heard_unless_it_is_held() {
        let (waker, task) = bell();
        waker.wake_by_ref();
        assert_eq!(woken(&task), 1);
        let ((), rung) = silently(|| waker.wake_by_ref());
        assert_eq!(woken(&task), 1);
        rung.heard();
        assert_eq!(woken(&task), 2);
        silently(|| waker.wake_by_ref()).1.ignored();
        waker.wake_by_ref();
        assert_eq!(woken(&task), 3);
        silently(|| ()).1.heard();
        assert_eq!(woken(&task), 3, "none has rung");
    }

    #[test]
    fn a_second_bell_and_other_threads_are_heard() {
        let ((first, one), (second, other)) = (bell(), bell());
        let ((), rung) = silently(|| {
            first.wake_by_ref();
            first.wake_by_ref();
            second.wake_by_ref();
            assert_eq!((woken(&one), woken(&other)), (0, 1));
            let elsewhere = first.clone();
            std::thread::spawn(move || elsewhere.wake()).join().unwrap();
            assert_eq!(woken(&one), 1);
        });
        rung.heard();
        assert_eq!((woken(&one), woken(&other)), (2, 1));
    }

    #[test]
    fn a_panic_leaves_no_silence() {
        let (waker, task) = bell();
        assert!(std::panic::catch_unwind(|| silently(|| panic!("on purpose"))).is_err());
        waker.wake();
        assert_eq!(woken(&task), 1);
    }

    #[test]
    fn the_task_that_polled_last_is_woken() {
        let mut belled = Belled::new(std::future::poll_fn(|cx| Poll::<Waker>::Ready(cx.waker().clone())));
        let tasks = [Arc::new(Task::default()), Arc::new(Task::default())];
        let wakers: Vec<_> = tasks
            .iter()
            .map(|task| Pin::new(&mut belled).poll(&mut Context::from_waker(&Waker::from(Arc::clone(task)))))
            .collect();
        let [Poll::Ready(early), Poll::Ready(late)] = &wakers[..] else { panic!("they do not wait") };
        assert!(early.will_wake(late));
        early.wake_by_ref();
        assert_eq!((woken(&tasks[0]), woken(&tasks[1])), (0, 1));
    }
}
