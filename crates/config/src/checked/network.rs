//! How upstreams are reached and who may reach us: proxies, web origins, loopback. It opens no socket.

use std::net::IpAddr;

use crate::secret::Secret;

/// How an upstream is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Proxy {
    /// As the next wider setting says (key entry, then provider, then `proxy-url` at the top).
    #[default]
    Inherit,
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    Environment,
    /// No proxy at all, not even one from the environment.
    Direct,
    /// This proxy.
    Url(ProxyUrl),
}

/// The address of a proxy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProxyUrl {
    /// What the proxy speaks.
    pub scheme: ProxyScheme,
    /// Host name or IP address, without brackets.
    pub host: String,
    /// Port; the scheme's usual one when the URL names none.
    pub port: u16,
    /// Who we are to the proxy.
    pub user: Option<ProxyUser>,
}

/// A proxy's user name and password, percent-decoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProxyUser {
    /// The user name: a secret too, because rented proxies put tokens there.
    pub name: Secret,
    /// The password, empty when the URL has none.
    pub password: Secret,
}

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyScheme {
    /// HTTP CONNECT over plain TCP.
    Http,
    /// HTTP CONNECT over TLS.
    Https,
    /// SOCKS5 with names resolved here.
    Socks5,
    /// SOCKS5 with names resolved by the proxy.
    Socks5h,
}

/// Which web origins may call from a browser.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Cors {
    /// None: no CORS header is sent.
    #[default]
    Closed,
    /// Every origin.
    Any,
    /// These origins (`scheme://host[:port]`, lower case, no trailing slash).
    Origins(Vec<String>),
}

/// Whether a bind address can be reached from this machine only.
pub(crate) fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}
