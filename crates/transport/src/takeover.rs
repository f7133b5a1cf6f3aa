//! How the answer to one request takes its whole connection over (status 101): the work that follows runs in the
//! connection's own task, so that it counts as this connection, drains with it and ends with it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use crate::drain::DrainWatch;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Found among the extensions of a request that asks for an upgrade.
#[derive(Clone)]
pub struct Takeover {
    work: Arc<Mutex<Option<Work>>>,
    drain: DrainWatch,
}

impl Takeover {
    pub(crate) fn new(drain: DrainWatch) -> Self {
        Self { work: Arc::default(), drain }
    }

    /// What is to be done with the connection once the answer is out.
    pub fn then(&self, work: impl Future<Output = ()> + Send + 'static) {
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::pin(work));
    }

    /// Tells when the server begins to drain.
    #[must_use]
    pub fn drain(&self) -> DrainWatch {
        self.drain.clone()
    }

    pub(crate) fn take(&self) -> Option<Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Takeover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Takeover").finish_non_exhaustive()
    }
}
