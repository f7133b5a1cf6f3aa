//! The answer of an upstream: status and headers, and a body that is read chunk by chunk under an idle deadline and
//! unpacked on the way if it is compressed. Dropping it cancels the answer at the upstream.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::Inner;
use super::error::{Freshness, ReadError, root_cause};
use super::pool::{Loan, Sender};
use crate::coding::{self, BoxReader, Coding};
use crate::reply::{BoxError, Chunks};

/// An answer whose head has come.
#[derive(Debug)]
pub struct UpstreamReply {
    /// The status.
    pub status: StatusCode,
    /// The headers; those that describe a compression which [`UpstreamBody`] undoes are gone.
    pub headers: HeaderMap,
    /// The body.
    pub body: UpstreamBody,
    /// Whether the connection was made for this request.
    pub connection: Freshness,
    /// What it took to get the connection: near zero for a kept one.
    pub connect_time: Duration,
    /// With status 101: the connection itself, once the server has switched.
    pub upgrade: Option<hyper::upgrade::OnUpgrade>,
}

/// The body of an answer. Uncompressed chunks pass through as the very bytes that were read.
pub struct UpstreamBody {
    kind: Kind,
}

enum Kind {
    Plain(RawBody),
    Coded(Box<CodedBody>),
}

/// Chunks as they come from the connection.
struct RawBody {
    incoming: Incoming,
    loan: Option<(Loan, Arc<Inner>)>,
    idle: Idle,
}

/// The idle deadline. The timer is not touched for each chunk: when it fires, it looks at the time of the last wait.
struct Idle {
    limit: Duration,
    /// When the wait began; `None` while nothing is waited for, so that a chunk that is there needs no clock.
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// A body that is unpacked on the way.
struct CodedBody {
    state: CodedState,
    coding: &'static str,
    room: BytesMut,
}

enum CodedState {
    /// The decoder is chosen when the first byte is known.
    Waiting(RawBody, Vec<Coding>),
    Reading(BoxReader),
    Done,
}

/// The raw body as a reader, with the chunk in hand.
struct RawReader {
    chunk: Bytes,
    body: RawBody,
}

// === impl UpstreamReply ===

impl UpstreamReply {
    pub(crate) fn new(
        response: http::Response<Incoming>,
        mut loan: Loan,
        client: Arc<Inner>,
        idle: Duration,
        connect_time: Duration,
    ) -> Self {
        let connection = loan.freshness;
        let (mut head, incoming) = response.into_parts();
        let upgrade = match head.status {
            StatusCode::SWITCHING_PROTOCOLS => {
                loan.hand_over(client.spawner());
                head.extensions.remove::<hyper::upgrade::OnUpgrade>()
            }
            _ => None,
        };
        let raw = RawBody::new(incoming, loan, client, idle);
        let body = UpstreamBody { kind: unpacked(raw, &mut head.headers) };
        Self { status: head.status, headers: head.headers, body, connection, connect_time, upgrade }
    }
}

/// An encoding that we do not know passes through with its header: the reader may know it.
fn unpacked(raw: RawBody, headers: &mut HeaderMap) -> Kind {
    let Some(header) = headers.get(CONTENT_ENCODING) else { return Kind::Plain(raw) };
    let Ok(codings) = coding::parse(Some(header)) else { return Kind::Plain(raw) };
    let Some(outer) = codings.last() else { return Kind::Plain(raw) };
    let coding = outer.name();
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    Kind::Coded(Box::new(CodedBody { state: CodedState::Waiting(raw, codings), coding, room: BytesMut::new() }))
}

// === impl UpstreamBody ===

impl UpstreamBody {
    /// The next chunk, or `None` at the clean end.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ReadError>>> {
        match &mut self.kind {
            Kind::Plain(raw) => raw.poll_chunk(cx),
            Kind::Coded(coded) => coded.poll_chunk(cx),
        }
    }

    /// The next chunk, or `None` at the clean end. May be dropped and called again.
    pub async fn next(&mut self) -> Option<Result<Bytes, ReadError>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The number of bytes still to come, where it is known.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        match &self.kind {
            Kind::Plain(raw) => raw.incoming.size_hint().exact(),
            Kind::Coded(_) => None,
        }
    }

    /// Reads the rest, at most `limit` bytes. A body that comes in one chunk is returned as that chunk.
    ///
    /// # Errors
    /// [`ReadError::TooLarge`] at the limit, or what reading met.
    #[expect(clippy::manual_async_fn, reason = "the future of an `async fn` would hold the body twice")]
    pub fn collect(mut self, limit: usize) -> impl Future<Output = Result<Bytes, ReadError>> + Send {
        async move { self.gather(limit).await }
    }

    async fn gather(&mut self, limit: usize) -> Result<Bytes, ReadError> {
        let announced = self.remaining().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        if announced > limit {
            return Err(ReadError::TooLarge(limit));
        }
        let Some(first) = self.within(limit, 0).await? else { return Ok(Bytes::new()) };
        let Some(second) = self.within(limit, first.len()).await? else { return Ok(first) };
        let mut whole = BytesMut::with_capacity(announced.min(RESERVE_CAP).max(first.len() + second.len()));
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&second);
        while let Some(more) = self.within(limit, whole.len()).await? {
            whole.extend_from_slice(&more);
        }
        Ok(whole.freeze())
    }

    async fn within(&mut self, limit: usize, before: usize) -> Result<Option<Bytes>, ReadError> {
        match self.next().await.transpose()? {
            Some(chunk) if chunk.len() > limit - before => Err(ReadError::TooLarge(limit)),
            other => Ok(other),
        }
    }
}

/// The most that is reserved because of a `Content-Length` alone.
const RESERVE_CAP: usize = 2 * 1024 * 1024;

impl Chunks for UpstreamBody {
    fn poll_chunk(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        self.get_mut().poll_next(cx).map(|next| next.map(|chunk| chunk.map_err(Into::into)))
    }
}

impl fmt::Debug for UpstreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Plain(_) => f.write_str("UpstreamBody(plain)"),
            Kind::Coded(coded) => write!(f, "UpstreamBody({})", coded.coding),
        }
    }
}

// === impl RawBody ===

impl RawBody {
    fn new(incoming: Incoming, loan: Loan, client: Arc<Inner>, idle: Duration) -> Self {
        let idle = Idle { limit: idle, since: None, timer: None };
        let mut body = Self { incoming, loan: Some((loan, client)), idle };
        if body.incoming.is_end_stream() {
            body.end();
        }
        body
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ReadError>>> {
        loop {
            let Poll::Ready(frame) = self.poll_frame(cx) else {
                ready!(self.idle.poll_expired(cx));
                self.loan = None;
                return Poll::Ready(Some(Err(ReadError::Idle(self.idle.limit))));
            };
            let Some(frame) = frame else {
                self.end();
                return Poll::Ready(None);
            };
            self.idle.since = None;
            match frame.map(Frame::into_data) {
                Ok(Ok(data)) if data.is_empty() => {}
                Ok(Ok(data)) => return Poll::Ready(Some(Ok(data))),
                // Trailers carry nothing that anybody here reads.
                Ok(Err(_)) => {}
                Err(error) => {
                    self.loan = None;
                    return Poll::Ready(Some(Err(ReadError::Truncated(root_cause(&error)))));
                }
            }
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.loan.as_mut().map(|(loan, _)| &mut loan.sender) {
            Some(Sender::Http1(lane)) => lane.poll_body(&mut self.incoming, cx),
            Some(Sender::Http2(_)) | None => Pin::new(&mut self.incoming).poll_frame(cx),
        }
    }

    /// The whole answer is here: its connection is free for others.
    fn end(&mut self) {
        if let Some((loan, client)) = self.loan.take() {
            client.take_back(loan);
        }
    }
}

impl Drop for RawBody {
    fn drop(&mut self) {
        // Read to its end, though nobody asked for the `None`.
        if self.incoming.is_end_stream() {
            self.end();
        }
    }
}

impl Idle {
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = *self.since.get_or_insert_with(Instant::now) + self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

// === impl CodedBody ===

impl CodedBody {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ReadError>>> {
        if let CodedState::Waiting(raw, codings) = &mut self.state {
            let first = match ready!(raw.poll_chunk(cx)) {
                Some(Ok(first)) => first,
                other => return Poll::Ready(other),
            };
            let codings = std::mem::take(codings);
            let CodedState::Waiting(raw, _) = std::mem::replace(&mut self.state, CodedState::Done) else {
                return Poll::Ready(None);
            };
            self.state = CodedState::Reading(stack(RawReader { chunk: first, body: raw }, &codings));
        }
        let CodedState::Reading(reader) = &mut self.state else { return Poll::Ready(None) };
        let read = ready!(coding::poll_append(reader.as_mut(), cx, &mut self.room));
        match read {
            Ok(0) => {
                self.state = CodedState::Done;
                Poll::Ready(None)
            }
            Ok(_) => Poll::Ready(Some(Ok(self.room.split().freeze()))),
            Err(error) => {
                self.state = CodedState::Done;
                Poll::Ready(Some(Err(self.explain(error))))
            }
        }
    }

    /// A failure of the connection under the decoder stays what it was.
    fn explain(&self, error: io::Error) -> ReadError {
        let coding = self.coding;
        match error.downcast::<ReadError>() {
            Ok(inner) => inner,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                ReadError::Truncated(format!("the {coding} data has no end"))
            }
            Err(error) => ReadError::Corrupt { coding, reason: error.to_string() },
        }
    }
}

/// The decoders over a body, the one that was applied last first.
fn stack(reader: RawReader, codings: &[Coding]) -> BoxReader {
    let first = reader.chunk.first().copied();
    let mut rest = codings.iter().rev();
    let outer = match rest.next() {
        Some(outer) => outer.decoder(reader, first),
        None => Box::pin(reader),
    };
    rest.fold(outer, |packed, coding| coding.decoder(tokio::io::BufReader::new(packed), None))
}

// === impl RawReader ===

impl AsyncBufRead for RawReader {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.chunk.is_empty() {
            match ready!(this.body.poll_chunk(cx)) {
                Some(Ok(chunk)) => this.chunk = chunk,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => {}
            }
        }
        Poll::Ready(Ok(&this.chunk))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().chunk.advance(amount);
    }
}

impl AsyncRead for RawReader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = available.len().min(buf.remaining());
        buf.put_slice(&available[..count]);
        self.consume(count);
        Poll::Ready(Ok(()))
    }
}
