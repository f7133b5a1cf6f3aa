//! Ending without cutting anybody off: one side says "drain, you have this long", every server and connection hears
//! it. It knows nothing of signals; the binary translates SIGTERM into [`Drain::start`].

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// The side that starts the drain. Dropping it without a start means that nobody will ever be asked to drain.
#[derive(Debug)]
pub struct Drain {
    deadline: watch::Sender<Option<Instant>>,
}

/// The side that waits for the drain. Clones may live on other threads and runtimes.
#[derive(Debug, Clone)]
pub struct DrainWatch {
    deadline: watch::Receiver<Option<Instant>>,
}

/// What became of the connections that were open when the drain began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Ended by themselves within the grace time.
    pub finished: usize,
    /// Cut off at the deadline.
    pub aborted: usize,
}

impl Drain {
    /// A drain that has not started, and its first watch.
    #[must_use]
    pub fn new() -> (Self, DrainWatch) {
        let (sender, receiver) = watch::channel(None);
        (Self { deadline: sender }, DrainWatch { deadline: receiver })
    }

    /// Starts the drain: work in flight may go on for `grace`, then it is cut off. A second call can only shorten it.
    pub fn start(&self, grace: Duration) {
        let wanted = Instant::now() + grace;
        self.deadline.send_modify(|deadline| {
            *deadline = Some(deadline.map_or(wanted, |earlier| earlier.min(wanted)));
        });
    }

    /// Another watch on the same drain.
    #[must_use]
    pub fn watch(&self) -> DrainWatch {
        DrainWatch { deadline: self.deadline.subscribe() }
    }
}

impl DrainWatch {
    /// True once the drain has started.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.deadline.borrow().is_some()
    }

    /// Waits for the start of the drain.
    pub async fn started(&mut self) {
        if self.deadline.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Runs `work` until it ends, or until the drain starts: then it gives `None`.
    ///
    /// The watch is asked when the task's waker is new to it or there is news, and not each time that the work goes on
    /// (measured: 1,300 of 87,000 instructions of a request, and 300 of each piece of a stream).
    pub(crate) async fn while_quiet<F: Future>(&mut self, mut work: Pin<&mut F>) -> Option<F::Output> {
        let news = self.deadline.clone();
        let mut started = pin!(self.started());
        let mut known: Option<Waker> = None;
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            let is_known = known.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
            if is_known && !news.has_changed().unwrap_or(false) {
                return Poll::Pending;
            }
            known = Some(cx.waker().clone());
            started.as_mut().poll(cx).map(|()| None)
        })
        .await
    }

    /// Waits for the end of the grace time, following later calls that shorten it.
    pub(crate) async fn expired(&mut self) {
        self.started().await;
        loop {
            let Some(deadline) = *self.deadline.borrow_and_update() else { return };
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => return,
                changed = self.deadline.changed() => if changed.is_err() {
                    return tokio::time::sleep_until(deadline).await;
                },
            }
        }
    }
}
