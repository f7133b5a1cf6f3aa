//! The SOCKS5 handshake (RFC 1928) with user name and password (RFC 1929). It knows nothing of what goes through.

use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Credentials;
use crate::client::error::ProxyRefusal;

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;

/// Asks for a connection to `host:port`; a name is resolved by the proxy.
pub(crate) async fn handshake<T>(
    link: &mut T,
    host: &str,
    port: u16,
    credentials: Option<&Credentials>,
) -> Result<(), ProxyRefusal>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let request = request(host, port)?;
    negotiate(link, credentials).await?;
    say(link, &request).await?;
    let [version, reply, _, kind] = hear::<4, _>(link).await?;
    if version != VERSION {
        return Err(ProxyRefusal::Protocol("its answer is not SOCKS5"));
    }
    if reply != 0 {
        return Err(ProxyRefusal::Socks(reply));
    }
    skip_bound_address(link, kind).await
}

async fn negotiate<T>(link: &mut T, credentials: Option<&Credentials>) -> Result<(), ProxyRefusal>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let offer: &[u8] = match credentials {
        Some(_) => &[VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
        None => &[VERSION, 1, NO_AUTHENTICATION],
    };
    say(link, offer).await?;
    match (hear::<2, _>(link).await?, credentials) {
        ([VERSION, NO_AUTHENTICATION], _) => Ok(()),
        ([VERSION, USER_AND_PASSWORD], Some(credentials)) => authenticate(link, credentials).await,
        ([VERSION, 0xff], _) => Err(ProxyRefusal::Credentials),
        ([VERSION, _], _) => Err(ProxyRefusal::Protocol("chose a method that was not offered")),
        _ => Err(ProxyRefusal::Protocol("its answer is not SOCKS5")),
    }
}

async fn authenticate<T>(link: &mut T, Credentials { user, password }: &Credentials) -> Result<(), ProxyRefusal>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut message = vec![1];
    for text in [user, password] {
        message.push(u8::try_from(text.len()).map_err(|_| ProxyRefusal::Credentials)?);
        message.extend_from_slice(text.as_bytes());
    }
    say(link, &message).await?;
    match hear::<2, _>(link).await? {
        [_, 0] => Ok(()),
        _ => Err(ProxyRefusal::Credentials),
    }
}

fn request(host: &str, port: u16) -> Result<Vec<u8>, ProxyRefusal> {
    let mut message = vec![VERSION, 1, 0];
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            message.push(1);
            message.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            message.push(4);
            message.extend_from_slice(&address.octets());
        }
        Err(_) => {
            message.push(3);
            message.push(u8::try_from(host.len()).map_err(|_| ProxyRefusal::Protocol("the host name is too long"))?);
            message.extend_from_slice(host.as_bytes());
        }
    }
    message.extend_from_slice(&port.to_be_bytes());
    Ok(message)
}

async fn skip_bound_address<T: AsyncRead + Unpin>(link: &mut T, kind: u8) -> Result<(), ProxyRefusal> {
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(hear::<1, _>(link).await?[0]),
        _ => return Err(ProxyRefusal::Protocol("sent an unknown address type")),
    };
    let mut rest = [0; 255 + 2];
    link.read_exact(&mut rest[..length + 2]).await.map_err(ProxyRefusal::Io)?;
    Ok(())
}

async fn say<T: AsyncWrite + Unpin>(link: &mut T, message: &[u8]) -> Result<(), ProxyRefusal> {
    link.write_all(message).await.map_err(ProxyRefusal::Io)?;
    link.flush().await.map_err(ProxyRefusal::Io)
}

async fn hear<const N: usize, T: AsyncRead + Unpin>(link: &mut T) -> Result<[u8; N], ProxyRefusal> {
    let mut message = [0; N];
    link.read_exact(&mut message).await.map_err(ProxyRefusal::Io)?;
    Ok(message)
}
