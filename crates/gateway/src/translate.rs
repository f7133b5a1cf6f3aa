//! From events to the client's stream: an encoder, a buffer, and a keep-alive while the upstream is silent.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use dialect::StreamEncoder;
use hub::{Blame, Event, Fault, FaultKind, Usage};
use tokio::time::{Instant, Sleep};
use transport::BoxError;

use crate::events::Events;
use crate::outflow::Outflow;

/// Room for what one wake-up of a stream usually says, in bytes. A stream that waits holds none.
const ROOM: usize = 4096;

/// A translated stream.
pub(crate) struct Translated {
    events: Events,
    /// Events that came before the commit, then those of each poll.
    batch: Vec<Event>,
    encoder: Box<dyn StreamEncoder>,
    out: BytesMut,
    usage: Usage,
    fault: Option<(FaultKind, Blame)>,
    over: bool,
    keepalive: Option<Keepalive>,
}

impl Translated {
    /// A stream of `events`, of which `held` have come already.
    pub(crate) fn new(
        events: Events,
        held: Vec<Event>,
        encoder: Box<dyn StreamEncoder>,
        keepalive: Option<Duration>,
    ) -> Self {
        Self {
            events,
            batch: held,
            encoder,
            out: BytesMut::new(),
            usage: Usage::default(),
            fault: None,
            over: false,
            keepalive: keepalive.map(Keepalive::new),
        }
    }

    fn encode(&mut self) {
        if !self.batch.is_empty() && self.out.capacity() == 0 {
            self.out.reserve(ROOM);
        }
        for event in self.batch.drain(..) {
            if let Event::Usage(usage) = &event {
                self.usage.update(usage);
            }
            self.encoder.push(&event, &mut self.out);
        }
    }

    fn fail(&mut self, fault: &Fault) {
        self.fault = Some((fault.kind, fault.blame));
        self.encoder.fail(fault, &mut self.out);
        self.over = true;
    }

    fn take(&mut self) -> Option<Bytes> {
        (!self.out.is_empty()).then(|| self.out.split().freeze())
    }
}

impl Outflow for Translated {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        loop {
            self.encode();
            if let Some(bytes) = self.take() {
                if let Some(keepalive) = &mut self.keepalive {
                    keepalive.spoke();
                }
                return Poll::Ready(Some(Ok(bytes)));
            }
            if self.over {
                return Poll::Ready(None);
            }
            match self.events.poll_next(cx, &mut self.batch) {
                Poll::Ready(Some(Ok(()))) => (),
                Poll::Ready(Some(Err(fault))) => {
                    self.encode();
                    self.fail(&fault);
                }
                Poll::Ready(None) => {
                    self.encoder.end(&mut self.out);
                    self.over = true;
                }
                Poll::Pending => {
                    self.out = BytesMut::new();
                    let Some(keepalive) = &mut self.keepalive else { return Poll::Pending };
                    ready!(keepalive.poll(cx));
                    self.encoder.keep_alive(&mut self.out);
                }
            }
        }
    }

    fn fault(&self) -> Option<(FaultKind, Blame)> {
        self.fault
    }

    fn usage(&self) -> Usage {
        self.usage
    }

    fn is_complete(&self) -> bool {
        self.out.is_empty() && (self.over || self.events.is_stopped())
    }
}

/// Fires when nothing was said for a while.
pub(crate) struct Keepalive {
    every: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Keepalive {
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, timer: Box::pin(tokio::time::sleep(every)) }
    }

    /// Something was said.
    pub(crate) fn spoke(&mut self) {
        self.timer.as_mut().reset(Instant::now() + self.every);
    }

    /// Ready when something should be said.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let fired = self.timer.as_mut().poll(cx);
        if fired.is_ready() {
            self.spoke();
        }
        fired
    }
}
