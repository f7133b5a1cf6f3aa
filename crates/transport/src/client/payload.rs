//! The body of a request to an upstream: bytes that are at hand, in one or several pieces, with their exact length.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body in pieces that are written one after the other, uncopied.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    next: Bytes,
    more: VecDeque<Bytes>,
}

impl Payload {
    fn len(&self) -> usize {
        self.next.len() + self.more.iter().map(Bytes::len).sum::<usize>()
    }
}

impl From<Bytes> for Payload {
    fn from(next: Bytes) -> Self {
        Self { next, more: VecDeque::new() }
    }
}

impl FromIterator<Bytes> for Payload {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        let mut pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        Self { next: pieces.next().unwrap_or_default(), more: pieces.collect() }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let after = self.more.pop_front().unwrap_or_default();
        let next = std::mem::replace(&mut self.next, after);
        Poll::Ready((!next.is_empty()).then(|| Ok(Frame::data(next))))
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len() as u64)
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
}
