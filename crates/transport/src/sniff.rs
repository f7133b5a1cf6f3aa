//! Tells HTTP/1.1 from HTTP/2 with prior knowledge on a cleartext connection, by the first bytes. A client that sends
//! half a preface and stops is taken for one of HTTP/1.1 when its time is up, so that it can be told that it is late.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};

/// What every HTTP/2 client sends first (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The version that the first bytes announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

/// A connection whose first bytes were already read and are given back first.
#[derive(Debug)]
pub(crate) struct Rewound<T> {
    seen: [u8; PREFACE.len()],
    given: u8,
    filled: u8,
    inner: T,
}

/// Reads as little as is needed to know the version. `None` when the client left without a word, or said none in time.
pub(crate) async fn version<T: AsyncRead + Unpin>(
    mut inner: T,
    deadline: Instant,
) -> io::Result<Option<(Version, Rewound<T>)>> {
    let mut seen = [0; PREFACE.len()];
    let mut filled = 0;
    let version = loop {
        let count = timeout_at(deadline, inner.read(&mut seen[filled..])).await.unwrap_or(Ok(0))?;
        if count == 0 && filled == 0 {
            return Ok(None);
        }
        filled += count;
        if count == 0 || seen[..filled] != PREFACE[..filled] {
            break Version::Http1;
        }
        if filled == PREFACE.len() {
            break Version::Http2;
        }
    };
    // 24 at most.
    let filled = u8::try_from(filled).unwrap_or(0);
    Ok(Some((version, Rewound { seen, given: 0, filled, inner })))
}

impl<T: AsyncRead + Unpin> AsyncRead for Rewound<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.given < self.filled {
            let left = &self.seen[usize::from(self.given)..usize::from(self.filled)];
            let count = left.len().min(buf.remaining());
            buf.put_slice(&left[..count]);
            // Less than 24.
            self.given += u8::try_from(count).unwrap_or(0);
            // And what has come since: for a head in two pieces hyper doubles its buffer, and keeps buffers of that
            // size for as long as the connection lives. Whatever else there is to say is said again at the next read.
            if buf.remaining() > 0 {
                let _ = Pin::new(&mut self.inner).poll_read(cx, buf);
            }
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Rewound<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;
