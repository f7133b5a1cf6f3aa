//! The owner of spawned tasks: nobody in the workspace calls `tokio::spawn` but this module, so that every task has
//! somebody who counts it, waits for it and ends it. It knows nothing of what the tasks do.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;

/// Owns a set of tasks. Dropping it ends those that still run, at their next await.
pub struct Tasks {
    spawner: Spawner,
}

/// Starts tasks on behalf of a [`Tasks`]; cheap to clone and safe to keep inside one of the tasks.
#[derive(Clone)]
pub struct Spawner {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self { spawner: Spawner { tracker: TaskTracker::new(), stop: CancellationToken::new() } }
    }

    /// Starts a task on the current runtime.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawner.spawn(task);
    }

    /// A handle that can start tasks but does not own them.
    #[must_use]
    pub fn spawner(&self) -> Spawner {
        self.spawner.clone()
    }

    /// How many tasks have not ended yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spawner.tracker.len()
    }

    /// True when no task runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spawner.tracker.is_empty()
    }

    /// Waits until every task has ended. Tasks started meanwhile are waited for too.
    pub async fn idle(&self) {
        self.spawner.tracker.close();
        self.spawner.tracker.wait().await;
    }

    /// Tells every task to end at its next await; what is started afterwards ends at once.
    pub fn abort(&self) {
        self.spawner.stop.cancel();
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.abort();
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("running", &self.len()).finish()
    }
}

impl Spawner {
    /// Starts a task on the current runtime; the owning [`Tasks`] ends it.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = Stoppable { task, stop: self.stop.clone().cancelled_owned() };
        #[expect(clippy::disallowed_methods, reason = "the one place that spawns: the tracker owns the task")]
        drop(tokio::spawn(self.tracker.track_future(task)));
    }
}

pin_project! {
    /// A task that ends early when it is told to. Written by hand because an async block would hold the task twice,
    /// and some tasks are large and many.
    struct Stoppable<F> {
        #[pin]
        task: F,
        #[pin]
        stop: WaitForCancellationFutureOwned,
    }
}

impl<F: Future<Output = ()>> Future for Stoppable<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.stop.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        this.task.poll(cx)
    }
}

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
