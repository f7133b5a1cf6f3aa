//! Makes one connection to an upstream: through the proxy, if there is one, and with TLS, if the scheme asks for it.
//! It knows nothing of pools or requests.

use http::header::HeaderValue;
use rustls_pki_types::ServerName;

use super::dial;
use super::error::{ConnectError, ProxyRefusal};
use super::link::Link;
use super::proxy::{self, ProxyUrl, Route, Scheme};
use super::roots::{ClientTls, Versions};
use crate::address::AddressPolicy;

/// Where a connection leads.
#[derive(Debug)]
pub(crate) struct Target {
    /// Name or address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What the server's certificate must be for; `None` for cleartext.
    pub(crate) tls: Option<ServerName<'static>>,
    pub(crate) route: Route,
    pub(crate) policy: AddressPolicy,
    pub(crate) versions: Versions,
}

/// A connection that is ready for HTTP.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) link: Link,
    pub(crate) speaks: Speaks,
}

/// The HTTP version that was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http1,
    Http2,
}

impl Target {
    /// What a request that leaves through this target's proxy in absolute form must carry.
    pub(crate) fn forwarding(&self) -> Option<Forwarding> {
        match &self.route {
            Route::Via(proxy) if self.forwards(proxy) => Some(Forwarding { authorization: proxy.basic() }),
            Route::Via(_) | Route::Direct => None,
        }
    }

    /// Cleartext through an HTTP proxy is forwarded, everything else tunnelled. Where the policy restricts addresses
    /// a tunnel is used too, because a forwarding proxy would resolve the name itself.
    fn forwards(&self, proxy: &ProxyUrl) -> bool {
        self.tls.is_none() && proxy.scheme() != Scheme::Socks5 && self.policy == AddressPolicy::Any
    }
}

/// The marks of a forwarded request.
#[derive(Debug, Clone)]
pub(crate) struct Forwarding {
    pub(crate) authorization: Option<HeaderValue>,
}

/// Connects to a target.
pub(crate) async fn connect(target: &Target, tls: &ClientTls) -> Result<Connected, ConnectError> {
    let link = match &target.route {
        Route::Direct => {
            let addresses = dial::resolve(&target.host, target.port, target.policy).await?;
            Link::Tcp(dial::connect(&target.host, addresses).await?)
        }
        Route::Via(proxy) => through(proxy, target, tls).await?,
    };
    let Some(name) = &target.tls else { return Ok(Connected { link, speaks: Speaks::Http1 }) };
    let stream = secure(link, &target.host, name.clone(), tls, target.versions).await?;
    let speaks = match &stream {
        Link::Tls(inner) if inner.get_ref().1.alpn_protocol() == Some(b"h2") => Speaks::Http2,
        Link::Tls(_) | Link::Tcp(_) => Speaks::Http1,
    };
    Ok(Connected { link: stream, speaks })
}

async fn through(proxy: &ProxyUrl, target: &Target, tls: &ClientTls) -> Result<Link, ConnectError> {
    let refused = |reason| ConnectError::Proxy { proxy: proxy.to_string(), reason };
    let mut link = reach(proxy, tls).await.map_err(|error| refused(ProxyRefusal::Unreachable(Box::new(error))))?;
    if target.forwards(proxy) {
        return Ok(link);
    }
    let host = checked_host(target).await?;
    match proxy.scheme() {
        Scheme::Http | Scheme::Https => {
            let authority = authority(&host, target.port);
            proxy::connect::handshake(&mut link, &authority, proxy.basic().as_ref()).await.map_err(refused)?;
        }
        Scheme::Socks5 => {
            proxy::socks::handshake(&mut link, &host, target.port, proxy.credentials()).await.map_err(refused)?;
        }
    }
    Ok(link)
}

/// What to ask the proxy for: the name, unless addresses are restricted; then an address that was checked here.
async fn checked_host(target: &Target) -> Result<String, ConnectError> {
    if target.policy == AddressPolicy::Any {
        return Ok(target.host.clone());
    }
    let allowed = dial::resolve(&target.host, target.port, target.policy).await?;
    Ok(allowed.first().map_or_else(|| target.host.clone(), |address| address.ip().to_string()))
}

/// Connects to the proxy itself, whose address the operator chose: no policy applies.
async fn reach(proxy: &ProxyUrl, tls: &ClientTls) -> Result<Link, ConnectError> {
    let addresses = dial::resolve(proxy.host(), proxy.port(), AddressPolicy::Any).await?;
    let link = Link::Tcp(dial::connect(proxy.host(), addresses).await?);
    if proxy.scheme() != Scheme::Https {
        return Ok(link);
    }
    let name = server_name(proxy.host())
        .ok_or_else(|| ConnectError::Tls { host: proxy.host().to_owned(), reason: "not a host name".to_owned() })?;
    secure(link, proxy.host(), name, tls, Versions::Http1).await
}

async fn secure(
    link: Link,
    host: &str,
    name: ServerName<'static>,
    tls: &ClientTls,
    versions: Versions,
) -> Result<Link, ConnectError> {
    let connector = tokio_rustls::TlsConnector::from(tls.config(versions)?);
    match connector.connect(name, link).await {
        Ok(stream) => Ok(Link::Tls(Box::new(stream))),
        Err(error) => Err(ConnectError::Tls { host: host.to_owned(), reason: error.to_string() }),
    }
}

/// The name to check a certificate against.
pub(crate) fn server_name(host: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).ok()
}

fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
