//! The `CONNECT` handshake with an HTTP proxy (RFC 9110, 9.3.6). It knows nothing of what goes through the tunnel.

use http::header::HeaderValue;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::client::error::ProxyRefusal;

/// The most that a proxy may say before the tunnel stands.
const MAX_HEAD: usize = 16 * 1024;

/// Asks for a tunnel to `authority` (`host:port`).
pub(crate) async fn handshake<T>(
    link: &mut T,
    authority: &str,
    authorization: Option<&HeaderValue>,
) -> Result<(), ProxyRefusal>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    if let Some(value) = authorization {
        head.extend_from_slice(b"Proxy-Authorization: ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    link.write_all(&head).await.map_err(ProxyRefusal::Io)?;
    link.flush().await.map_err(ProxyRefusal::Io)?;
    match status(&read_head(link).await?)? {
        200..=299 => Ok(()),
        refused => Err(ProxyRefusal::Status(refused)),
    }
}

async fn read_head<T: AsyncRead + Unpin>(link: &mut T) -> Result<Vec<u8>, ProxyRefusal> {
    let mut head = Vec::with_capacity(1024);
    loop {
        if link.read_buf(&mut head).await.map_err(ProxyRefusal::Io)? == 0 {
            return Err(ProxyRefusal::Protocol("closed the connection in the middle of its answer"));
        }
        match memchr::memmem::find(&head, b"\r\n\r\n") {
            // In a tunnel we speak first, so bytes behind the head of a success cannot be the target's.
            Some(end) if end + 4 < head.len() && head.get(9) == Some(&b'2') => {
                return Err(ProxyRefusal::Protocol("sent bytes before the tunnel was used"));
            }
            Some(_) => return Ok(head),
            None if head.len() >= MAX_HEAD => return Err(ProxyRefusal::Protocol("sent a head without end")),
            None => {}
        }
    }
}

/// The code in `HTTP/1.x NNN reason`.
fn status(head: &[u8]) -> Result<u16, ProxyRefusal> {
    let code = head.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(1..)).and_then(|rest| rest.strip_prefix(b" "));
    let digits = code.and_then(|rest| rest.get(..3)).and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).ok_or(ProxyRefusal::Protocol("its answer is not HTTP"))
}
