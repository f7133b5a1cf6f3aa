//! The body of an answer to a client: whole bytes with an exact length, or chunks as they come. It knows nothing of
//! where the chunks come from.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// An error of any type, as hyper wants it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A source of body chunks. Every chunk is written and flushed as soon as it is ready.
pub trait Chunks: Send {
    /// The next chunk, or `None` at the clean end. An error cuts the connection (HTTP/1.1) or the stream (HTTP/2),
    /// so that the client cannot take a truncated answer for a whole one.
    fn poll_chunk(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>>;
}

/// The body of an answer.
pub struct ReplyBody {
    kind: Kind,
}

enum Kind {
    Whole(Bytes),
    Streamed(Pin<Box<dyn Chunks>>),
    Ended,
}

impl ReplyBody {
    /// No body: `Content-Length: 0`.
    #[must_use]
    pub fn empty() -> Self {
        Self { kind: Kind::Ended }
    }

    /// All bytes at once, with their exact `Content-Length`.
    #[must_use]
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() { Self::empty() } else { Self { kind: Kind::Whole(bytes) } }
    }

    /// Chunks as they come, of unknown length. One allocation for the whole stream, none per chunk.
    #[must_use]
    pub fn stream(chunks: impl Chunks + 'static) -> Self {
        Self { kind: Kind::Streamed(Box::pin(chunks)) }
    }

    /// As [`Self::stream`], from something already boxed.
    #[must_use]
    pub fn boxed(chunks: Pin<Box<dyn Chunks>>) -> Self {
        Self { kind: Kind::Streamed(chunks) }
    }
}

impl ReplyBody {
    /// The next piece, for who sends the answer by other means than HTTP; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, BoxError>> {
        loop {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await?;
            match frame.map(Frame::into_data) {
                Ok(Ok(data)) => return Some(Ok(data)),
                Ok(Err(_)) => (),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Default for ReplyBody {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for ReplyBody {
    fn from(bytes: Bytes) -> Self {
        Self::whole(bytes)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Kind::Streamed(chunks) = &mut self.kind {
            return chunks.as_mut().poll_chunk(cx).map(|next| next.map(|chunk| chunk.map(Frame::data)));
        }
        match std::mem::replace(&mut self.kind, Kind::Ended) {
            Kind::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Kind::Streamed(_) | Kind::Ended => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.kind, Kind::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Ended => SizeHint::with_exact(0),
            Kind::Streamed(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Whole(bytes) => write!(f, "ReplyBody({} bytes)", bytes.len()),
            Kind::Streamed(_) => f.write_str("ReplyBody(stream)"),
            Kind::Ended => f.write_str("ReplyBody(empty)"),
        }
    }
}
