//! What all streamed answers share: the account is given back and the log line written when the stream ends, however
//! it ends.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hub::{Blame, FaultKind, Usage};
use pool::{Lease, Outcome, Trouble};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use transport::{BoxError, Chunks};

use crate::record::{Ended, Record};

/// How long an upstream that has said its last word may keep the connection open before we close it.
const LINGER: Duration = Duration::from_secs(1);

/// A source of the client's bytes.
pub(crate) trait Outflow: Send + Unpin {
    /// The next bytes; `None` when the answer is over.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>>;
    /// What went wrong after the commit, if anything has.
    fn fault(&self) -> Option<(FaultKind, Blame)>;
    /// Token counts so far.
    fn usage(&self) -> Usage;
    /// Whether the client has been handed all that it needs.
    fn is_complete(&self) -> bool;
}

/// An outflow with what must happen at its end.
pub(crate) struct Settled {
    outflow: Box<dyn Outflow>,
    lease: Option<Lease>,
    record: Box<Record>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Settled {
    pub(crate) fn new(
        outflow: Box<dyn Outflow>,
        lease: Lease,
        record: Box<Record>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self { outflow, lease: Some(lease), record, _permit: permit }
    }

    fn finish(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        let fault = self.outflow.fault();
        self.record.fault = fault.map(|(kind, _)| kind);
        self.record.ended = if fault.is_some() { Ended::Broken } else { Ended::Whole };
        lease.settle(match fault {
            Some((kind, blame)) => Outcome::of_trouble(Trouble { blame, kind, hint: None }),
            None => Outcome::Answered,
        });
    }
}

impl Chunks for Settled {
    fn poll_chunk(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        let this = self.get_mut();
        let next = this.outflow.poll_bytes(cx);
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            this.finish();
        }
        next
    }
}

impl Drop for Settled {
    fn drop(&mut self) {
        self.record.usage = self.outflow.usage();
        // A client that stops reading after the last word has had everything.
        if self.outflow.is_complete() || self.outflow.fault().is_some() {
            self.finish();
        }
    }
}

/// Waits a moment for an upstream to close after its last word, so that the connection can be kept.
#[derive(Default)]
pub(crate) struct Linger {
    timer: Option<Pin<Box<Sleep>>>,
}

impl Linger {
    /// Ready when the patience is over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        timer.as_mut().poll(cx)
    }
}
