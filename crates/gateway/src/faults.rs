//! From what the network says to a fault, and from configured proxies to what the transport takes.

use config::{Proxy, ProxyScheme, ProxyUrl};
use hub::{Blame, Fault, FaultKind};
use transport::BodyError;
use transport::client::{Phase, ProxySetting, ReadError, SendError};

/// Why a request got no answer.
pub(crate) fn of_send(error: &SendError) -> Fault {
    let kind = match error {
        SendError::Timeout { phase: Phase::Connect | Phase::FirstByte, .. } => FaultKind::UpstreamTimeout,
        SendError::Connect(_) | SendError::Reset { .. } => FaultKind::UpstreamUnreachable,
        SendError::Protocol(_) => FaultKind::UpstreamGarbled,
        SendError::Invalid(_) => FaultKind::UpstreamUnreachable,
    };
    let mut fault = Fault::new(kind, format!("the upstream could not be asked: {error}"));
    if matches!(error, SendError::Reset { .. }) {
        // It can be reached, and may serve others: only a connection that never came says something of the site.
        fault.blame = Blame::Account;
    }
    fault
}

/// Why an answer could not be read to its end.
pub(crate) fn of_read(error: &ReadError) -> Fault {
    let kind = match error {
        ReadError::Idle { .. } => FaultKind::UpstreamTimeout,
        _ => FaultKind::UpstreamGarbled,
    };
    Fault::new(kind, format!("the upstream's answer broke off: {error}"))
}

/// Why a client's body could not be read.
pub(crate) fn of_body(error: &BodyError) -> Fault {
    let kind = match error.status().as_u16() {
        413 => FaultKind::TooLarge,
        415 => FaultKind::UnsupportedMedia,
        408 => FaultKind::RequestTimeout,
        _ => FaultKind::BadRequest,
    };
    Fault::new(kind, error.to_string())
}

/// An account's proxy setting, the gateway's where it has none.
pub(crate) fn proxy_setting(own: &Proxy, general: &Proxy) -> Result<ProxySetting, String> {
    match (own, general) {
        (Proxy::Inherit, Proxy::Inherit | Proxy::Environment) | (Proxy::Environment, _) => Ok(ProxySetting::default()),
        (Proxy::Inherit, Proxy::Direct) | (Proxy::Direct, _) => Ok(ProxySetting::Direct),
        (Proxy::Inherit, Proxy::Url(url)) | (Proxy::Url(url), _) => of_url(url).map(ProxySetting::Url),
    }
}

fn of_url(url: &ProxyUrl) -> Result<transport::client::ProxyUrl, String> {
    let scheme = match url.scheme {
        ProxyScheme::Http => "http",
        ProxyScheme::Https => "https",
        ProxyScheme::Socks5 => "socks5",
        ProxyScheme::Socks5h => "socks5h",
    };
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let user =
        url.user.as_ref().map(|user| format!("{}:{}@", encode(user.name.expose()), encode(user.password.expose())));
    let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
    let text = format!("{scheme}://{}{host}:{}", user.unwrap_or_default(), url.port);
    text.parse().map_err(|_| "the proxy address is not usable".to_owned())
}
