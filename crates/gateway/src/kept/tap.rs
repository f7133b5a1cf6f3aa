//! Watches a streamed answer on its way to the client and keeps it when it is complete.
//!
//! Bytes pass as they are. The answer is kept before its last event goes out, so that a client which goes on at once
//! finds it.

use std::task::{Context, Poll};

use bytes::Bytes;
use dialect::{Framer, Recorded};
use hub::{Blame, FaultKind, Usage};
use transport::BoxError;

use super::Tape;
use crate::outflow::Outflow;

/// A stream with a tape beside it.
pub(crate) struct Tapped {
    flow: Box<dyn Outflow>,
    framer: Framer,
    /// Gone when the answer has been kept, or cannot be.
    tape: Option<Tape>,
}

impl Tapped {
    pub(crate) fn new(flow: Box<dyn Outflow>, framer: Framer, tape: Tape) -> Self {
        Self { flow, framer, tape: Some(tape) }
    }

    fn listen(&mut self, chunk: &Bytes) {
        let Some(mut tape) = self.tape.take() else { return };
        let mut recorded: Option<Recorded> = None;
        let heard = self.framer.feed(chunk, &mut |frame| {
            recorded = recorded.take().or_else(|| tape.recorder.frame(frame));
            Ok(())
        });
        match recorded {
            Some(recorded) => tape.store(recorded),
            // What cannot be followed is not kept; the client's own bytes are none the worse for it.
            None => self.tape = heard.is_ok().then_some(tape),
        }
    }
}

impl Outflow for Tapped {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        let next = self.flow.poll_bytes(cx);
        if let Poll::Ready(Some(Ok(chunk))) = &next
            && self.tape.is_some()
        {
            self.listen(chunk);
        }
        next
    }

    fn fault(&self) -> Option<(FaultKind, Blame)> {
        self.flow.fault()
    }

    fn usage(&self) -> Usage {
        self.flow.usage()
    }

    fn is_complete(&self) -> bool {
        self.flow.is_complete()
    }
}
