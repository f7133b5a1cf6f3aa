//! The response body that plays a script, and notices when the client hangs up before the end.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::watch;

use crate::delivery::Step;

/// Counts a hang-up when it is dropped before [`Guard::done`].
#[derive(Debug)]
pub(crate) struct Guard {
    count: Arc<watch::Sender<usize>>,
    done: bool,
}

impl Guard {
    pub(crate) fn new(count: &Arc<watch::Sender<usize>>) -> Self {
        Self { count: Arc::clone(count), done: false }
    }

    fn done(&mut self) {
        self.done = true;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.done {
            self.count.send_modify(|count| *count += 1);
        }
    }
}

type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Plays steps.
pub(crate) struct Script {
    steps: VecDeque<Step>,
    wait: Option<Wait>,
    /// Known for a body in one piece: then it goes out with a content length.
    length: Option<u64>,
    guard: Guard,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("steps", &self.steps.len()).finish_non_exhaustive()
    }
}

impl Script {
    pub(crate) fn new(steps: VecDeque<Step>, length: Option<u64>, mut guard: Guard) -> Self {
        if steps.is_empty() {
            guard.done();
        }
        Self { steps, wait: None, length, guard }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(wait) = &mut self.wait {
                ready!(wait.as_mut().poll(cx));
                self.wait = None;
            }
            let step = self.steps.pop_front();
            // A pause at the very end still belongs to the stream: the client may leave while it lasts.
            if !self.steps.iter().any(|step| !matches!(step, Step::Flush))
                && !matches!(step, Some(Step::Wait(_) | Step::Pause(_)))
            {
                self.guard.done();
            }
            match step {
                None => return Poll::Ready(None),
                Some(Step::Bytes(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Step::Abort) => return Poll::Ready(Some(Err(io::Error::other("the script breaks off here")))),
                Some(Step::Pause(pause)) => self.wait = Some(Box::pin(tokio::time::sleep(pause))),
                Some(Step::Wait(gate)) => self.wait = Some(Box::pin(gate.pass())),
                Some(Step::Flush) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.get_mut().next(cx)
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
