//! Ending without cutting anybody off: one side says "drain, you have this long", every server and connection hears
//! it. It knows nothing of signals; the binary translates SIGTERM into [`Drain::start`].

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
