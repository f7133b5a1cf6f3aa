//! The body of a request to an upstream: bytes that are at hand, in one or several pieces, and after them, perhaps, bytes
//! that are still on their way from somewhere. Its length is exact where it is known.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::reply::{BoxError, Chunks};

/// A body in pieces that are written one after the other, uncopied.
#[derive(Default)]
pub struct Payload {
    next: Bytes,
    more: VecDeque<Bytes>,
    rest: Option<Rest>,
}

/// What is not at hand yet. Boxed, because it is rare and a payload is moved about.
type Rest = Box<(Pin<Box<dyn Chunks>>, Option<u64>)>;

impl Payload {
    /// The same, and then what `rest` gives: `length` bytes, where that is known. An error of `rest` breaks the request
    /// off.
    #[must_use]
    pub fn followed_by(self, rest: impl Chunks + 'static, length: Option<u64>) -> Self {
        Self { rest: Some(Box::new((Box::pin(rest), length))), ..self }
    }

    fn at_hand(&self) -> u64 {
        // The engine asks several times a request, and nearly all bodies are one piece.
        let more = if self.more.is_empty() { 0 } else { self.more.iter().map(Bytes::len).sum() };
        (self.next.len() + more) as u64
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let polled = rest.0.as_mut().poll_chunk(cx);
        match &polled {
            Poll::Ready(Some(Ok(chunk))) => {
                rest.1 = rest.1.map(|left| left.saturating_sub(chunk.len() as u64));
            }
            Poll::Ready(None | Some(Err(_))) => self.rest = None,
            Poll::Pending => (),
        }
        polled.map(|next| next.map(|chunk| chunk.map(Frame::data)))
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.rest.is_some() { " and more" } else { "" };
        write!(f, "Payload({} bytes{more})", self.at_hand())
    }
}

impl From<Bytes> for Payload {
    fn from(next: Bytes) -> Self {
        Self { next, ..Self::default() }
    }
}

impl FromIterator<Bytes> for Payload {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        let mut pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        Self { next: pieces.next().unwrap_or_default(), more: pieces.collect(), rest: None }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let after = self.more.pop_front().unwrap_or_default();
        let next = std::mem::replace(&mut self.next, after);
        if next.is_empty() { self.poll_rest(cx) } else { Poll::Ready(Some(Ok(Frame::data(next)))) }
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_empty() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let known = self.at_hand();
        match self.rest.as_ref().map(|rest| rest.1) {
            None => SizeHint::with_exact(known),
            Some(Some(length)) => SizeHint::with_exact(known + length),
            Some(None) => {
                let mut hint = SizeHint::new();
                hint.set_lower(known);
                hint
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn pieces_come_in_order_and_their_length_is_exact() {
        for pieces in [&[][..], &["one"], &["", "one", "", "two", "three", ""]] {
            let mut payload: Payload = pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect();
            let whole = pieces.concat();
            let mut read = String::new();
            loop {
                assert_eq!(payload.size_hint().exact(), Some((whole.len() - read.len()) as u64));
                assert_eq!(payload.is_end_stream(), read.len() == whole.len());
                let Some(frame) = payload.frame().await else { break };
                read.push_str(std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap());
            }
            assert_eq!(read, whole);
        }
    }

    /// Gives its chunks, with a pause before each, and then perhaps an error.
    struct Slow {
        chunks: VecDeque<&'static str>,
        fails: bool,
        rested: bool,
    }

    impl Chunks for Slow {
        fn poll_chunk(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
            self.rested = !self.rested;
            if self.rested {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match self.chunks.pop_front() {
                Some(chunk) => Poll::Ready(Some(Ok(Bytes::from_static(chunk.as_bytes())))),
                None if self.fails => Poll::Ready(Some(Err("gone".into()))),
                None => Poll::Ready(None),
            }
        }
    }

    fn slow(fails: bool, length: Option<u64>) -> Payload {
        let head: Payload = [Bytes::from_static(b"head ")].into_iter().collect();
        head.followed_by(Slow { chunks: ["two ", "three"].into(), fails, rested: false }, length)
    }

    #[tokio::test]
    async fn what_is_on_its_way_follows() {
        let payload = slow(false, Some(9));
        assert_eq!((payload.size_hint().exact(), payload.is_end_stream()), (Some(14), false));
        let whole = crate::body::collect(payload, 100, std::time::Duration::from_secs(9)).await;
        assert_eq!(whole.unwrap(), "head two three");
        let unknown = slow(false, None);
        assert_eq!((unknown.size_hint().lower(), unknown.size_hint().exact()), (5, None));
        let broken = crate::body::collect(slow(true, None), 100, std::time::Duration::from_secs(9)).await;
        assert!(broken.is_err());
    }
}
