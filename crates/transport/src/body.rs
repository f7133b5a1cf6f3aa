//! Request bodies: collected under a size limit and a deadline, and decoded under a second limit, with as few copies
//! as can be. It knows nothing of what the bytes mean.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::HeaderValue;
use http_body::{Body, Frame};
use tokio::time::timeout;

use crate::bell;
use crate::coding::{self, CodingError};
use crate::spare;

/// The most that is reserved because of a `Content-Length` alone, before its bytes have come.
const RESERVE_CAP: usize = 2 * 1024 * 1024;

/// Why a body could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// More bytes than allowed, announced, received or unpacked.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body had not arrived completely in time.
    #[error("the body did not arrive within {after:?}")]
    Timeout {
        /// The time that it had.
        after: Duration,
    },
    /// The client went away or broke the protocol in the middle of the body.
    #[error("the body ended early: {0}")]
    Disconnected(String),
    /// `Content-Encoding` names something we do not speak.
    #[error("content-encoding {0:?} is not supported (zstd, br, gzip, deflate and identity are)")]
    UnknownEncoding(String),
    /// The bytes are not what `Content-Encoding` says.
    #[error("the body is not valid {coding}: {reason}")]
    Corrupt {
        /// The encoding that was tried.
        coding: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl BodyError {
    /// The status for the client.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::UnknownEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Disconnected(_) | Self::Corrupt { .. } => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads a whole body of at most `limit` bytes within `within`, however slowly it trickles. A body that comes in one
/// chunk is returned as that chunk, without a copy.
///
/// # Errors
/// [`BodyError::TooLarge`] (before reading anything, when the length is announced), [`BodyError::Timeout`],
/// [`BodyError::Disconnected`].
pub async fn collect<B>(body: B, limit: usize, within: Duration) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLarge { limit });
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let mut work = pin!(gather(body, limit));
    // A small body came with its head: then there is nothing to wait for, and no clock to set.
    if let Poll::Ready(collected) = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await {
        return collected;
    }
    match timeout(within, work).await {
        Ok(collected) => collected,
        Err(_) => Err(BodyError::Timeout { after: within }),
    }
}

/// Reads a body that nobody looks at, and keeps nothing of it: who is answered in the middle of an upload may find its
/// connection torn down instead of the answer. What is longer than `limit`, or takes longer than `within`, is left.
pub async fn discard<B>(mut body: B, limit: usize, within: Duration)
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    if body.is_end_stream() || body.size_hint().lower() > limit as u64 {
        return;
    }
    let mut seen = 0;
    let work = async {
        while let Ok(Some(chunk)) = chunk(&mut body, limit, seen).await {
            seen += chunk.len();
        }
    };
    _ = timeout(within, work).await;
}

async fn gather<B>(mut body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(limit);
    let Some(first) = chunk(&mut body, limit, 0).await? else { return Ok(Bytes::new()) };
    let Some(second) = chunk(&mut body, limit, first.len()).await? else { return Ok(first) };
    let mut whole = spare::room(announced.min(RESERVE_CAP).max(first.len() + second.len()));
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    drop((first, second));
    while let Some(more) = chunk(&mut body, limit, whole.len()).await? {
        whole.extend_from_slice(&more);
    }
    Ok(whole.freeze())
}

/// Takes back the memory of a large body that is done with, for the next one on this thread.
pub fn reuse(body: Bytes) {
    spare::keep(body);
}

/// The next frame. Whoever sends it is woken for more, if there is more.
fn poll_frame<B>(body: &mut B, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>>
where
    B: Body<Data = Bytes> + Unpin,
{
    let (polled, rung) = bell::silently(|| Pin::new(&mut *body).poll_frame(cx));
    match polled.is_ready() && body.is_end_stream() {
        true => rung.ignored(),
        false => rung.heard(),
    }
    polled
}

/// The next chunk with bytes in it, if it still fits.
async fn chunk<B>(body: &mut B, limit: usize, before: usize) -> Result<Option<Bytes>, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    while let Some(frame) = poll_fn(|cx| poll_frame(body, cx)).await {
        let frame = frame.map_err(|error| BodyError::Disconnected(error.to_string()))?;
        match frame.into_data() {
            Ok(data) if data.len() > limit.saturating_sub(before) => return Err(BodyError::TooLarge { limit }),
            Ok(data) if !data.is_empty() => return Ok(Some(data)),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(None)
}

/// Undoes the `Content-Encoding` of a whole body, to at most `limit` bytes. Without an encoding, or with `identity`,
/// the same bytes come back without a copy.
///
/// # Errors
/// [`BodyError::UnknownEncoding`], [`BodyError::Corrupt`], and [`BodyError::TooLarge`] as soon as the unpacked bytes
/// pass the limit, so that a small bomb cannot fill the memory.
pub fn decode(body: Bytes, encoding: Option<&HeaderValue>, limit: usize) -> Result<Bytes, BodyError> {
    let codings = coding::parse(encoding).map_err(BodyError::from)?;
    if body.len() > limit {
        return Err(BodyError::TooLarge { limit });
    }
    codings.into_iter().rev().try_fold(body, |packed, coding| coding::unpack(packed, coding, limit))
}

impl From<CodingError> for BodyError {
    fn from(error: CodingError) -> Self {
        Self::UnknownEncoding(error.name)
    }
}

#[cfg(test)]
mod tests;
