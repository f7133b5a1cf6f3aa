//! From a host name to a TCP connection: resolution, the address policy, and attempts that race each other when a
//! host has several addresses (RFC 8305). It knows nothing of proxies or TLS.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::error::ConnectError;
use crate::address::AddressPolicy;

/// How long one address may try alone before the next one starts (RFC 8305, 5).
const STAGGER: Duration = Duration::from_millis(250);

/// How long a connection may be silent before the kernel probes it.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Addresses tried for one connection; a host with more is served by its first ones.
const MAX_ADDRESSES: usize = 8;

type Attempt = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// The addresses of a host that the policy allows, in the order in which to try them.
pub(crate) async fn resolve(host: &str, port: u16, policy: AddressPolicy) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return match policy.allows(address) {
            true => Ok(vec![SocketAddr::new(address, port)]),
            false => Err(ConnectError::blocked(address)),
        };
    }
    let found = tokio::net::lookup_host((host, port))
        .await
        .map_err(|source| ConnectError::Dns { host: host.to_owned(), source })?;
    pick(host, found.collect(), policy)
}

fn pick(host: &str, found: Vec<SocketAddr>, policy: AddressPolicy) -> Result<Vec<SocketAddr>, ConnectError> {
    if found.is_empty() {
        let source = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        return Err(ConnectError::Dns { host: host.to_owned(), source });
    }
    let allowed: Vec<_> = found.into_iter().filter(|address| policy.allows(address.ip())).collect();
    if allowed.is_empty() {
        return Err(ConnectError::Blocked { host: host.to_owned() });
    }
    Ok(interleave(allowed))
}

/// Alternates the address families, beginning with the one that the resolver put first.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let six_first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut one, mut other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|a| a.is_ipv6() == six_first);
    let mut order = Vec::with_capacity(one.len() + other.len());
    one.reverse();
    other.reverse();
    while order.len() < MAX_ADDRESSES && !(one.is_empty() && other.is_empty()) {
        order.extend(one.pop());
        order.extend(other.pop());
    }
    order
}

/// Connects to the first of these addresses that answers.
pub(crate) async fn connect(host: &str, addresses: Vec<SocketAddr>) -> Result<TcpStream, ConnectError> {
    let port = addresses.first().map_or(0, SocketAddr::port);
    let failed = |source| ConnectError::Tcp { host: host.to_owned(), port, source };
    match addresses.as_slice() {
        [only] => attempt(*only).await.map_err(failed),
        _ => race(addresses).await.map_err(failed),
    }
}

async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter().map(|address| -> Attempt { Box::pin(attempt(address)) });
    let mut running = Race { attempts: Vec::new(), last: io::ErrorKind::NotFound.into() };
    loop {
        match waiting.next() {
            Some(next) => running.attempts.push(next),
            None => return running.first(None).await.unwrap_or_else(|| Err(running.last)),
        }
        if let Some(connected) = running.first(Some(STAGGER)).await {
            return connected;
        }
    }
}

/// Attempts that run at the same time.
struct Race {
    attempts: Vec<Attempt>,
    last: io::Error,
}

impl Race {
    /// The first success. `None` when every attempt has failed, or when it is time to start another one.
    async fn first(&mut self, at_most: Option<Duration>) -> Option<io::Result<TcpStream>> {
        let pause = async {
            match at_most {
                Some(time) => sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            connected = std::future::poll_fn(|cx| self.poll(cx)) => connected.map(Ok),
            () = pause => None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<TcpStream>> {
        let mut index = 0;
        while let Some(attempt) = self.attempts.get_mut(index) {
            match attempt.as_mut().poll(cx) {
                Poll::Pending => index += 1,
                Poll::Ready(Ok(stream)) => return Poll::Ready(Some(stream)),
                Poll::Ready(Err(error)) => {
                    self.last = error;
                    drop(self.attempts.swap_remove(index));
                }
            }
        }
        if self.attempts.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }
}

async fn attempt(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate_and_the_resolvers_first_choice_leads() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let found = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"].map(parse).to_vec();
        assert_eq!(interleave(found), ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"].map(parse));
    }

    #[tokio::test]
    async fn a_dead_address_does_not_hide_a_live_one() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = listener.local_addr().unwrap();
        let dead = SocketAddr::new(IpAddr::from([127, 0, 0, 2]), live.port());
        let stream = connect("both", vec![dead, live]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), live);
        assert!(stream.nodelay().unwrap());
        assert!(SockRef::from(&stream).keepalive().unwrap());
    }

    #[tokio::test]
    async fn all_dead_tells_the_last_reason() {
        let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = connect("nobody", vec![dead, dead]).await.unwrap_err();
        assert!(
            matches!(&error, ConnectError::Tcp { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused)
        );
    }

    #[tokio::test]
    async fn names_are_checked_after_resolution() {
        let error = resolve("localhost", 80, AddressPolicy::PublicOnly).await.unwrap_err();
        assert!(matches!(error, ConnectError::Blocked { .. }), "{error}");
        assert!(resolve("localhost", 80, AddressPolicy::Any).await.is_ok());
    }
}
