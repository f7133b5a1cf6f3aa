//! Proxies: which one stands between us and a host, and its handshake. Schemes http, https, socks5 and socks5h, with
//! user name and password; the conventional environment variables as values that the binary hands in. Names are
//! always resolved by a SOCKS proxy, for `socks5` too: whoever needs a proxy often cannot trust the local resolver.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use base64::Engine;
use http::Uri;
use http::header::HeaderValue;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use percent_encoding::percent_decode_str;
use url::Url;

pub(crate) mod connect;
pub(crate) mod socks;

/// Which proxy an account uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum ProxySetting {
    /// What the environment says for the host.
    #[default]
    Environment,
    /// None, whatever the environment says.
    Direct,
    /// This one, whatever the environment says.
    Url(ProxyUrl),
}

/// The address of a proxy. Neither `Debug` nor `Display` shows user name and password.
#[derive(Clone)]
pub struct ProxyUrl {
    parts: Arc<Parts>,
}

#[derive(PartialEq, Eq, Hash)]
struct Parts {
    scheme: Scheme,
    host: String,
    port: u16,
    credentials: Option<Credentials>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    Http,
    Https,
    Socks5,
}

/// User name and password, decoded.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// Why a proxy address cannot be used. Never repeats the address, because it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyUrlError {
    /// Not a URL, or one without a host.
    #[error("not a URL with a host")]
    Malformed,
    /// A scheme that we do not speak.
    #[error("scheme not supported (http, https, socks5 and socks5h are)")]
    Scheme,
    /// SOCKS allows at most 255 bytes each.
    #[error("user name or password is longer than 255 bytes")]
    Credentials,
}

/// The values of the proxy variables in the environment.
#[derive(Clone, Default)]
pub struct ProxyEnvironment {
    matcher: Option<Arc<Matcher>>,
}

/// What stands between us and one host.
#[derive(Debug, Clone)]
pub(crate) enum Route {
    Direct,
    Via(ProxyUrl),
}

// === impl ProxySetting ===

impl ProxySetting {
    /// Reads a configured value: empty for the environment, `direct` or `none`, or a URL.
    ///
    /// # Errors
    /// [`ProxyUrlError`] when it is a URL that cannot be used.
    pub fn parse(text: &str) -> Result<Self, ProxyUrlError> {
        match text.trim() {
            "" => Ok(Self::Environment),
            word if word.eq_ignore_ascii_case("direct") || word.eq_ignore_ascii_case("none") => Ok(Self::Direct),
            url => ProxyUrl::parse(url).map(Self::Url),
        }
    }

    pub(crate) fn route(&self, environment: &ProxyEnvironment, target: &Uri) -> Result<Route, ProxyUrlError> {
        match self {
            Self::Direct => Ok(Route::Direct),
            Self::Url(url) => Ok(Route::Via(url.clone())),
            Self::Environment => match environment.intercept(target) {
                Some(found) => ProxyUrl::from_intercept(&found).map(Route::Via),
                None => Ok(Route::Direct),
            },
        }
    }
}

// === impl ProxyUrl ===

impl ProxyUrl {
    /// Reads `scheme://[user[:password]@]host[:port]`; without a scheme, http is meant.
    ///
    /// # Errors
    /// [`ProxyUrlError`], which never repeats the text.
    pub fn parse(text: &str) -> Result<Self, ProxyUrlError> {
        let text = text.trim();
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&with_scheme).map_err(|_| ProxyUrlError::Malformed)?;
        let scheme = Scheme::from_name(url.scheme())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(ProxyUrlError::Malformed)?;
        let user = decoded(url.username());
        let password = decoded(url.password().unwrap_or_default());
        let credentials = (!user.is_empty() || !password.is_empty()).then_some(Credentials { user, password });
        Self::new(scheme, host, url.port(), credentials)
    }

    fn from_intercept(found: &Intercept) -> Result<Self, ProxyUrlError> {
        let uri = found.uri();
        let scheme = Scheme::from_name(uri.scheme_str().unwrap_or("http"))?;
        let raw = found.raw_auth().map(|(user, password)| (user.to_owned(), password.to_owned()));
        let basic = || found.basic_auth().and_then(|value| from_basic(value.as_bytes()));
        let credentials = raw.or_else(basic).map(|(user, password)| Credentials { user, password });
        Self::new(scheme, uri.host().ok_or(ProxyUrlError::Malformed)?, uri.port_u16(), credentials)
    }

    fn new(
        scheme: Scheme,
        host: &str,
        port: Option<u16>,
        credentials: Option<Credentials>,
    ) -> Result<Self, ProxyUrlError> {
        if credentials.as_ref().is_some_and(|pair| pair.user.len() > 255 || pair.password.len() > 255) {
            return Err(ProxyUrlError::Credentials);
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = port.unwrap_or(scheme.default_port());
        Ok(Self { parts: Arc::new(Parts { scheme, host, port, credentials }) })
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.parts.scheme
    }

    pub(crate) fn host(&self) -> &str {
        &self.parts.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.parts.port
    }

    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.parts.credentials.as_ref()
    }

    /// The value of `Proxy-Authorization`, where there are credentials.
    pub(crate) fn basic(&self) -> Option<HeaderValue> {
        let Credentials { user, password } = self.credentials()?;
        let encoded = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}"));
        let mut value = HeaderValue::try_from(format!("Basic {encoded}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn from_basic(value: &[u8]) -> Option<(String, String)> {
    let encoded = value.strip_prefix(b"Basic ")?;
    let pair = String::from_utf8(base64::prelude::BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    pair.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

impl PartialEq for ProxyUrl {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.parts, &other.parts) || self.parts == other.parts
    }
}

impl Eq for ProxyUrl {}

impl Hash for ProxyUrl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts.hash(state);
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { scheme, host, port, .. } = &*self.parts;
        let name = match scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Socks5 => "socks5h",
        };
        if host.contains(':') { write!(f, "{name}://[{host}]:{port}") } else { write!(f, "{name}://{host}:{port}") }
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

impl std::str::FromStr for ProxyUrl {
    type Err = ProxyUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

// === impl Scheme ===

impl Scheme {
    fn from_name(name: &str) -> Result<Self, ProxyUrlError> {
        match name {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            "socks5" | "socks5h" => Ok(Self::Socks5),
            _ => Err(ProxyUrlError::Scheme),
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks5 => 1080,
        }
    }
}

// === impl ProxyEnvironment ===

impl ProxyEnvironment {
    /// Asks for `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`; the lower-case form of each goes first, as
    /// with curl.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| {
            let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
            set(&name.to_lowercase()).or_else(|| set(name)).unwrap_or_default()
        };
        let builder = Matcher::builder().http(value("HTTP_PROXY")).https(value("HTTPS_PROXY"));
        let matcher = builder.all(value("ALL_PROXY")).no(value("NO_PROXY")).build();
        Self { matcher: Some(Arc::new(matcher)) }
    }

    fn intercept(&self, target: &Uri) -> Option<Intercept> {
        self.matcher.as_ref()?.intercept(target)
    }
}

impl fmt::Debug for ProxyEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyEnvironment").field("matcher", &self.matcher).finish()
    }
}

#[cfg(test)]
mod tests;
