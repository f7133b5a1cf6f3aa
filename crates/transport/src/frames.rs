//! Counts the request heads of an HTTP/2 connection from below the HTTP engine, which refuses some without a word to
//! anybody: heads that are too large get a 431, heads against the protocol a reset. Their answer is what HTTP/2 offers;
//! what is added here is the report, and a deadline for a head that never ends. It reads frame headers only.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::guard::Watch;
use crate::refusal::Reason;

/// Bytes of the preface that stands before the first frame.
const PREFACE: usize = 24;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// Requests that the service was asked. Touched by the connection's own task alone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handed(Arc<AtomicU32>);

/// A connection under watch.
#[derive(Debug)]
pub(crate) struct Frames<T> {
    inner: T,
    reader: Reader,
    handed: Handed,
    /// Heads that were reported as refused.
    refused: u32,
    /// The count of handed requests when there was nothing to read; `None` when there was.
    quiet: Option<u32>,
    clock: Option<Pin<Box<Sleep>>>,
    watch: Watch,
}

/// Where in the stream of frames the last byte was.
#[derive(Debug)]
struct Reader {
    /// Bytes to pass over: the preface, or the rest of a frame's payload.
    skip: usize,
    header: [u8; 9],
    filled: usize,
    /// The highest stream that a head has opened.
    newest: u32,
    /// A head of a new stream has begun and not ended.
    open: bool,
    /// The frame whose payload is passed over ends the head.
    ends: bool,
    /// Whole heads of new streams.
    heads: u32,
}

// === impl Handed ===

impl Handed {
    pub(crate) fn one_more(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Reader ===

impl Reader {
    fn new() -> Self {
        Self { skip: PREFACE, header: [0; 9], filled: 0, newest: 0, open: false, ends: false, heads: 0 }
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let passed = self.skip.min(bytes.len());
            self.skip -= passed;
            bytes = &bytes[passed..];
            self.settle();
            let count = (self.header.len() - self.filled).min(bytes.len());
            self.header[self.filled..self.filled + count].copy_from_slice(&bytes[..count]);
            self.filled += count;
            bytes = &bytes[count..];
            if self.filled == self.header.len() {
                self.frame();
                self.settle();
            }
        }
    }

    /// A frame's header is whole; its payload follows.
    fn frame(&mut self) {
        let [a, b, c, kind, flags, stream @ ..] = self.header;
        self.filled = 0;
        self.skip = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        let opens = kind == HEADERS && stream > self.newest;
        if opens {
            self.newest = stream;
            self.open = true;
        }
        self.ends = self.open && (opens || kind == CONTINUATION) && flags & END_HEADERS != 0;
    }

    /// A head ends with the payload of its last frame.
    fn settle(&mut self) {
        if self.skip == 0 && self.ends {
            self.heads = self.heads.wrapping_add(1);
            (self.open, self.ends) = (false, false);
        }
    }
}

// === impl Frames ===

impl<T> Frames<T> {
    pub(crate) fn new(inner: T, watch: Watch) -> (Self, Handed) {
        let handed = Handed::default();
        let frames =
            Self { inner, reader: Reader::new(), handed: handed.clone(), refused: 0, quiet: None, clock: None, watch };
        (frames, handed)
    }

    /// The engine reads, hands over one request, and reads again. If it read twice without a request in between, it
    /// had none left, so that heads which it did not hand over are heads that it refused.
    fn look_back(&mut self) {
        if self.quiet == Some(self.handed.now()) {
            self.report_missing();
        }
    }

    fn report_missing(&mut self) {
        let missing = self.reader.heads.wrapping_sub(self.handed.now()).wrapping_sub(self.refused);
        for _ in 0..missing {
            self.watch.report(Reason::Unseen);
        }
        self.refused = self.refused.wrapping_add(missing);
    }

    /// Ready when a head has been open for too long. The time of several heads that come after each other without a
    /// pause counts as one: each of them was whole when the next began.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.reader.open {
            self.clock = None;
            return Poll::Pending;
        }
        let timeout = self.watch.head_timeout;
        self.clock.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + timeout))).as_mut().poll(cx)
    }
}

impl<T> Drop for Frames<T> {
    fn drop(&mut self) {
        self.report_missing();
        if self.reader.open {
            self.watch.report(Reason::CutShort);
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Frames<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.look_back();
        let before = buf.filled().len();
        let Poll::Ready(read) = Pin::new(&mut this.inner).poll_read(cx, buf) else {
            this.quiet = Some(this.handed.now());
            ready!(this.poll_late(cx));
            this.reader.open = false;
            this.watch.report(Reason::Late);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        };
        this.quiet = None;
        this.reader.read(&buf.filled()[before..]);
        Poll::Ready(read)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Frames<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.resize(9 + payload, 0xff);
        frame
    }

    /// Preface, settings, three heads (one in three frames, one with a body and trailers, one without a byte), and one
    /// that never ends.
    fn connection() -> Vec<u8> {
        let mut all = vec![b'x'; PREFACE];
        for (kind, flags, stream, payload) in [
            (4, 0, 0, 12),
            (HEADERS, 0, 1, 100),
            (CONTINUATION, 0, 1, 0),
            (CONTINUATION, END_HEADERS, 1, 300),
            (HEADERS, END_HEADERS, 3, 20),
            (0, 0, 3, 5000),
            (HEADERS, END_HEADERS | 1, 3, 7),
            (HEADERS, END_HEADERS | 1, 5, 0),
            (HEADERS, 0, 7, 40),
        ] {
            all.extend(frame(kind, flags, stream, payload));
        }
        all
    }

    proptest! {
        #[test]
        fn heads_are_counted_however_the_bytes_are_cut(cuts in proptest::collection::vec(1..400_usize, 0..100)) {
            let all = connection();
            let mut reader = Reader::new();
            let mut rest = all.as_slice();
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                reader.read(piece);
                rest = after;
            }
            reader.read(rest);
            prop_assert_eq!((reader.heads, reader.open, reader.newest), (3, true, 7));
        }

        #[test]
        fn no_bytes_confuse_it_beyond_counting(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let mut reader = Reader::new();
            reader.read(&bytes);
            prop_assert!(reader.filled < 9 && reader.heads <= 2000);
        }
    }
}
