use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Frame, SizeHint};

use super::*;

/// Yields chunks, then ends or hangs.
struct Parts {
    chunks: Vec<Bytes>,
    announced: Option<u64>,
    hangs: bool,
}

fn parts(chunks: &[&'static str]) -> Parts {
    Parts {
        chunks: chunks.iter().rev().map(|chunk| Bytes::from_static(chunk.as_bytes())).collect(),
        announced: None,
        hangs: false,
    }
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.chunks.pop() {
            Some(chunk) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
            None if self.hangs => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.announced.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn one_chunk_is_the_same_bytes() {
    let whole = Bytes::from(vec![7; 1000]);
    let address = whole.as_ptr();
    let body = Parts { chunks: vec![whole], announced: None, hangs: false };
    let collected = collect(body, 1000, SECOND).await.unwrap();
    assert_eq!(collected.as_ptr(), address);
}

#[tokio::test]
async fn chunks_are_joined_and_empty_ones_skipped() {
    assert_eq!(collect(parts(&["a", "", "bc", "", "d"]), 4, SECOND).await.unwrap(), "abcd");
    assert_eq!(collect(parts(&[]), 4, SECOND).await.unwrap(), "");
    assert_eq!(collect(parts(&["", ""]), 0, SECOND).await.unwrap(), "");
}

#[tokio::test]
async fn the_limit_holds_to_the_byte() {
    for chunks in [["abc", "de"].as_slice(), &["abcde"], &["", "a", "b", "cde"]] {
        assert!(collect(parts(chunks), 5, SECOND).await.is_ok());
        let error = collect(parts(chunks), 4, SECOND).await.unwrap_err();
        assert_eq!((error.status().as_u16(), matches!(error, BodyError::TooLarge { limit: 4 })), (413, true));
    }
}

#[tokio::test]
async fn an_announced_excess_is_refused_unread() {
    let body = Parts { announced: Some(6), hangs: true, ..parts(&[]) };
    assert!(matches!(collect(body, 5, SECOND).await.unwrap_err(), BodyError::TooLarge { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_trickle_ends_at_the_deadline() {
    let body = Parts { hangs: true, ..parts(&["a", "b"]) };
    let error = collect(body, 5, SECOND).await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.to_string()), (408, "the body did not arrive within 1s".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_looks_at_is_read_within_bounds() {
    let left = async |mut body: Parts, limit| {
        discard(&mut body, limit, SECOND).await;
        body.chunks.len()
    };
    assert_eq!(left(parts(&["a", "", "b", "c"]), 3).await, 0);
    assert_eq!(left(parts(&["aa", "bb", "c"]), 3).await, 1, "the chunk that is too much ends it");
    assert_eq!(left(Parts { announced: Some(9), ..parts(&["a", "b"]) }, 3).await, 2);
    assert_eq!(left(Parts { hangs: true, ..parts(&["a"]) }, 3).await, 0, "and so does the clock");
}
