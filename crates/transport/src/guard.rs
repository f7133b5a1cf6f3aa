//! Watches the heads of an HTTP/1.1 connection from below the HTTP engine: it knows when the engine waits for a head,
//! how long it may wait, and how the head begins. Where the engine would refuse a head with a bare status, or cut the
//! connection off, this puts an answer on the wire that the client can read.
//!
//! How it knows: [`Turns`] counts a request when the service is asked and again when its answer's body is dropped. When
//! the count is even and everything is flushed, the engine can only be waiting for the next head, and whatever it
//! writes before the service is asked again is its own refusal.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http_body::{Body, Frame, SizeHint};
use memchr::memmem::Finder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::refusal::{Reason, Refused, Refuser, understand};
use crate::reply::{BoxError, ReplyBody};
use crate::serve::PeerInfo;

/// How much of a head is kept to be understood if it is refused.
const KEPT: usize = 8 * 1024;
/// What ends a head. Made once: to make the search costs more than most heads are long.
static END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n\r\n"));

/// After a refusal the rest of what the client sends is read and thrown away, because closing a socket with unread
/// bytes resets it, and the client would never see the answer. So much of it, for so long.
const LINGER_BYTES: usize = 16 * 1024 * 1024;
const LINGER: Duration = Duration::from_secs(2);

/// Half steps of requests on one connection: odd while one is served. Touched by the connection's own task alone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns(Arc<AtomicU32>);

/// One request being served.
#[derive(Debug)]
pub(crate) struct Turn(Option<Turns>);

/// An answer's body that ends its turn when the engine drops it.
#[derive(Debug)]
pub(crate) struct Answering {
    body: ReplyBody,
    _turn: Turn,
}

/// A connection under watch.
#[derive(Debug)]
pub(crate) struct Guard<T> {
    inner: T,
    turns: Turns,
    /// The count of turns when the wait for a head began; another count says that a request is served.
    seen: u32,
    head: Vec<u8>,
    clock: Clock,
    watch: Watch,
    leaving: Option<Box<Leaving>>,
}

/// What all connections of a server have in common, and who this one's peer is.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pub(crate) peer: PeerInfo,
    pub(crate) head_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) refuser: Refuser,
}

/// When the wait is over.
#[derive(Debug)]
struct Clock {
    sleep: Pin<Box<Sleep>>,
    stage: Stage,
}

/// What the clock was set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The first byte of a head.
    Idle,
    /// The end of a head.
    Head,
}

/// A refusal on its way out.
#[derive(Debug)]
struct Leaving {
    answer: Bytes,
    closed: bool,
    patience: Pin<Box<Sleep>>,
    left: usize,
}

impl Watch {
    /// Reports a refusal whose answer is not ours to word.
    pub(crate) fn report(&self, reason: Reason) {
        self.refuser.report(&Refused { reason, head: understand(&[]), peer: self.peer });
    }
}

// === impl Turns ===

impl Turns {
    /// A request is about to be served.
    pub(crate) fn begin(&self) -> Turn {
        self.step();
        Turn(Some(self.clone()))
    }

    fn step(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Turn {
    /// The answer's body, to be given to the engine. After an answer that hands the connection over there are no more
    /// heads, so its turn never ends.
    pub(crate) fn answering(mut self, hands_over: bool, body: ReplyBody) -> Answering {
        if hands_over {
            self.0 = None;
        }
        Answering { body, _turn: self }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = &self.0 {
            turns.step();
        }
    }
}

impl Body for Answering {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

// === impl Guard ===

impl<T: AsyncRead + AsyncWrite + Unpin> Guard<T> {
    /// A connection whose first head must be whole at `deadline`.
    pub(crate) fn new(inner: T, watch: Watch, deadline: Instant) -> (Self, Turns) {
        let turns = Turns::default();
        // Set for the first head, whose time runs since before the first byte.
        let clock = Clock { sleep: Box::pin(sleep_until(deadline)), stage: Stage::Head };
        let guard = Self { inner, turns: turns.clone(), seen: 0, head: Vec::new(), clock, watch, leaving: None };
        (guard, turns)
    }

    fn awaits_head(&self) -> bool {
        self.turns.now() == self.seen
    }

    /// Everything is flushed: if the answer has ended, too, the wait for the next head begins.
    fn flushed(&mut self, cx: &mut Context<'_>) {
        let now = self.turns.now();
        if now != self.seen && now.is_multiple_of(2) {
            self.seen = now;
            self.head = Vec::new();
            // Not left to the next read: the engine does not read again if it did so while it answered.
            self.clock.start(Stage::Idle, self.watch.idle_timeout, cx);
        }
    }

    /// Keeps what belongs to the head, as far as there is room.
    fn keep(&mut self, piece: &[u8]) {
        let end = END.find(piece).map_or(piece.len(), |at| at + 4);
        let room = KEPT.saturating_sub(self.head.len());
        self.head.extend_from_slice(&piece[..end.min(room)]);
    }

    fn poll_head(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let reason = match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Ready(Ok(())) if buf.filled().len() > before => {
                self.keep(&buf.filled()[before..]);
                return Poll::Ready(Ok(()));
            }
            // The engine asks for more only when what it has is no whole head.
            Poll::Ready(Ok(())) if !self.head.is_empty() => Reason::CutShort,
            Poll::Pending => {
                if self.clock.stage == Stage::Idle && !self.head.is_empty() {
                    // A head that has begun is not hurried by how long the connection was idle before it.
                    self.clock.start(Stage::Head, self.watch.head_timeout, cx);
                }
                ready!(self.clock.sleep.as_mut().poll(cx));
                if self.head.is_empty() {
                    // Idle for too long: that is no mistake of anybody's.
                    return Poll::Ready(Ok(()));
                }
                Reason::Late
            }
            done => return done,
        };
        self.refuse(reason);
        self.poll_leave(cx)
    }

    fn refuse(&mut self, reason: Reason) {
        let refused = Refused { reason, head: understand(&self.head), peer: self.watch.peer };
        let answer = self.watch.refuser.answer(&refused);
        let patience = Box::pin(sleep_until(Instant::now() + LINGER));
        self.leaving = Some(Box::new(Leaving { answer, closed: false, patience, left: LINGER_BYTES }));
    }

    /// Takes the place of the engine's own refusal, which says nothing but a status.
    fn replace(&mut self, bare: &[u8]) {
        if self.leaving.is_none() {
            let too_large = [b"HTTP/1.1 431".as_slice(), b"HTTP/1.1 414"].iter().any(|line| bare.starts_with(line));
            self.refuse(if too_large { Reason::TooLarge } else { Reason::Malformed });
        }
    }

    /// Writes the answer, and says that it was all.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(leaving) = &mut self.leaving else { return Poll::Ready(Ok(())) };
        while leaving.answer.has_remaining() {
            let count = ready!(Pin::new(&mut self.inner).poll_write(cx, &leaving.answer))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            leaving.answer.advance(count);
        }
        if !leaving.closed {
            ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
            ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?;
            leaving.closed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_answer(cx))?;
        self.poll_linger(cx).map(Ok)
    }

    /// Reads on until the client has seen the answer, has sent too much, or takes too long.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(leaving) = &mut self.leaving else { return Poll::Ready(()) };
        let mut sink = [0; 4 * 1024];
        while leaving.left > 0 && leaving.patience.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut sink);
            match ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => leaving.left = leaving.left.saturating_sub(buf.filled().len()),
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl Clock {
    /// Sets the clock; the task is woken when time is up. To put off a clock that runs costs next to nothing.
    fn start(&mut self, stage: Stage, timeout: Duration, cx: &mut Context<'_>) {
        self.stage = stage;
        self.sleep.as_mut().reset(Instant::now() + timeout);
        // Whoever reads next sees whether time was up at once.
        let _ = self.sleep.as_mut().poll(cx);
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.leaving.is_some() {
            return this.poll_leave(cx);
        }
        if this.awaits_head() {
            return this.poll_head(cx, buf);
        }
        Pin::new(&mut this.inner).poll_read(cx, buf)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.awaits_head() {
            this.replace(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        // Nobody will refuse this head any more.
        this.head = Vec::new();
        Pin::new(&mut this.inner).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.leaving.is_some() {
            return this.poll_answer(cx);
        }
        ready!(Pin::new(&mut this.inner).poll_flush(cx))?;
        this.flushed(cx);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.leaving.is_none() {
            return Pin::new(&mut this.inner).poll_shutdown(cx);
        }
        this.poll_leave(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.awaits_head() {
            this.replace(bufs.first().map_or(&[], |first| first));
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        this.head = Vec::new();
        Pin::new(&mut this.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
