//! A gate that holds an answer back until the test opens it. Replaces sleeping in tests.

use std::sync::Arc;

use tokio::sync::watch;

#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    reached: bool,
    open: bool,
}

/// Cloned freely: the script holds one clone, the test the other.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<Marks>>);

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Marks::default())))
    }

    /// Lets the answer go on. Opening twice is harmless.
    pub fn open(&self) {
        self.0.send_modify(|marks| marks.open = true);
    }

    /// Returns once an answer waits at the gate (or has passed it).
    pub async fn reached(&self) {
        self.wait(|marks| marks.reached).await;
    }

    pub(crate) async fn pass(self) {
        self.0.send_modify(|marks| marks.reached = true);
        self.wait(|marks| marks.open).await;
    }

    async fn wait(&self, ready: impl FnMut(&Marks) -> bool) {
        // The sender lives in `self`, so waiting cannot fail.
        _ = self.0.subscribe().wait_for(ready).await;
    }
}
