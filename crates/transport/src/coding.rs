//! The content codings gzip, deflate, br and zstd, for whole bodies and for streams. It knows nothing of who sent the
//! bytes; limits come from the callers.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use async_compression::tokio::bufread::{BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use bytes::{Bytes, BytesMut};
use http::header::HeaderValue;
use tokio::io::{AsyncBufRead, AsyncRead};

use crate::body::BodyError;

/// Codings stacked on one body beyond this many are refused; nobody honest sends more than one.
const MAX_STACKED: usize = 3;

/// Room for one read from a decoder.
pub(crate) const READ_SIZE: usize = 16 * 1024;

/// A decoder over some reader.
pub(crate) type BoxReader = Pin<Box<dyn AsyncRead + Send>>;

/// One content coding (RFC 9110, 8.4.1; RFC 8878 for zstd).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// A coding that is unknown, or one too many.
#[derive(Debug)]
pub(crate) struct CodingError {
    /// The name, shortened, as the peer wrote it.
    pub(crate) name: String,
}

impl Coding {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("deflate", Self::Deflate),
            ("br", Self::Brotli),
            ("zstd", Self::Zstd),
        ]
        .into_iter()
        .find_map(|(known, coding)| known.eq_ignore_ascii_case(name).then_some(coding))
    }

    /// Puts the decoder of this coding on a reader. `first` is the first packed byte where it is known: servers send
    /// `deflate` both with and without the zlib wrapper that the standard asks for.
    pub(crate) fn decoder<R: AsyncBufRead + Send + 'static>(self, reader: R, first: Option<u8>) -> BoxReader {
        match self {
            Self::Gzip => {
                let mut decoder = GzipDecoder::new(reader);
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
            Self::Deflate if first.is_some_and(|byte| !opens_zlib(byte)) => Box::pin(DeflateDecoder::new(reader)),
            Self::Deflate => Box::pin(ZlibDecoder::new(reader)),
            Self::Brotli => Box::pin(BrotliDecoder::new(reader)),
            Self::Zstd => {
                let mut decoder = ZstdDecoder::new(reader);
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
        }
    }
}

/// Method 8 and a window of at most 32 KiB (RFC 1950, 2.2).
fn opens_zlib(byte: u8) -> bool {
    byte & 0x0f == 8 && byte >> 4 <= 7
}

/// The codings of a body in the order in which they were applied.
pub(crate) fn parse(header: Option<&HeaderValue>) -> Result<Vec<Coding>, CodingError> {
    let Some(header) = header else { return Ok(Vec::new()) };
    let text = header.to_str().map_err(|_| CodingError { name: "(not text)".to_owned() })?;
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let named = names.filter(|name| !name.eq_ignore_ascii_case("identity"));
    let codings = named
        .map(|name| Coding::from_name(name).ok_or_else(|| CodingError { name: name.chars().take(40).collect() }))
        .collect::<Result<Vec<_>, _>>()?;
    if codings.len() > MAX_STACKED {
        return Err(CodingError { name: format!("{} codings at once", codings.len()) });
    }
    Ok(codings)
}

/// Unpacks whole bytes to at most `limit`.
pub(crate) fn unpack(packed: Bytes, coding: Coding, limit: usize) -> Result<Bytes, BodyError> {
    if packed.is_empty() {
        return Ok(packed);
    }
    let guess = packed.len().saturating_mul(4).min(limit).min(1024 * 1024);
    let first = packed.first().copied();
    let mut decoder = coding.decoder(std::io::Cursor::new(packed), first);
    let mut out = BytesMut::with_capacity(guess.max(READ_SIZE));
    loop {
        let count = read_now(decoder.as_mut(), &mut out)
            .map_err(|error| BodyError::Corrupt { coding: coding.name(), reason: error.to_string() })?;
        if out.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        if count == 0 {
            return Ok(out.freeze());
        }
    }
}

/// Reads from a decoder over memory, which is never pending.
fn read_now(decoder: Pin<&mut dyn AsyncRead>, out: &mut BytesMut) -> std::io::Result<usize> {
    let mut cx = Context::from_waker(Waker::noop());
    match poll_append(decoder, &mut cx, out) {
        Poll::Ready(count) => count,
        Poll::Pending => Err(std::io::ErrorKind::WouldBlock.into()),
    }
}

/// Appends what one read yields; 0 means the end.
pub(crate) fn poll_append(
    reader: Pin<&mut (dyn AsyncRead + '_)>,
    cx: &mut Context<'_>,
    out: &mut BytesMut,
) -> Poll<std::io::Result<usize>> {
    out.reserve(READ_SIZE);
    tokio_util::io::poll_read_buf(reader, cx, out)
}

#[cfg(test)]
pub(crate) mod tests;
