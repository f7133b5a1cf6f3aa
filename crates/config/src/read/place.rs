//! Addresses: the listener's host, proxies, base URLs, web origins. It resolves no name and connects to nothing.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use url::Url;

use super::{Item, Section};
use crate::checked::{Proxy, ProxyScheme, ProxyUrl, ProxyUser};
use crate::report::Problems;
use crate::schema::Kind;
use crate::secret::Secret;

/// Query names that carry keys at the providers that we know.
const KEY_NAMES: &[&str] = &[
    "key",
    "apikey",
    "api_key",
    "api-key",
    "token",
    "access_token",
    "auth",
    "auth_token",
    "secret",
    "sig",
    "signature",
    "password",
    "code",
];

/// Where to listen. An empty text, which means every interface in the original, means loopback here.
pub(crate) fn host(root: &Section<'_>, problems: &mut Problems) -> Option<String> {
    let item = root.get("host")?;
    let text = item.text(problems)?;
    let text = text.trim();
    if text.is_empty() {
        let problem = problems.note(item.span(), "an empty `host` means this machine only (127.0.0.1)");
        problem.help("write `0.0.0.0` or `::` to listen on every interface");
        return None;
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<IpAddr>().is_ok() || is_name(bare) {
        return Some(bare.to_owned());
    }
    item.wrong(Kind::Text, "an IP address or a host name, without a port", problems);
    None
}

fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        inner && !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    // All digits and dots would be a mistyped address, which a resolver may read in its own way.
    let letters = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    letters && text.len() <= 253 && text.trim_end_matches('.').split('.').all(label)
}

/// `proxy-url` of a section; `missing` is what no text means.
pub(crate) fn proxy(section: &Section<'_>, missing: Proxy, problems: &mut Problems) -> Proxy {
    let Some(item) = section.get("proxy-url") else { return missing };
    let text = item.text(problems).unwrap_or_default();
    match text.trim().to_ascii_lowercase().as_str() {
        "" | "inherit" => missing,
        "direct" | "none" => Proxy::Direct,
        "environment" => Proxy::Environment,
        _ => match proxy_url(text.trim()) {
            Some(url) => Proxy::Url(url),
            None => {
                let message = format!("`{}` is not a proxy address", item.path);
                let help = "write `http://host:port`, https, socks5 or socks5h, or the word `direct`";
                problems.error(item.span(), message).help(help);
                missing
            }
        },
    }
}

fn proxy_url(text: &str) -> Option<ProxyUrl> {
    let url = Url::parse(text).ok()?;
    let (scheme, port) = match url.scheme() {
        "http" => (ProxyScheme::Http, 80),
        "https" => (ProxyScheme::Https, 443),
        "socks5" => (ProxyScheme::Socks5, 1080),
        "socks5h" => (ProxyScheme::Socks5h, 1080),
        _ => return None,
    };
    let host = bare_host(&url)?;
    let clean = url.query().is_none() && url.fragment().is_none() && matches!(url.path(), "" | "/");
    let port = url.port().unwrap_or(port);
    (clean && port != 0).then_some(ProxyUrl { scheme, host, port, user: proxy_user(&url) })
}

/// The host without brackets, if it is an address or a name.
fn bare_host(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    (bare.parse::<IpAddr>().is_ok() || is_name(bare)).then(|| bare.to_owned())
}

fn proxy_user(url: &Url) -> Option<ProxyUser> {
    let decoded = |text: &str| Secret::new(percent_decode_str(text).decode_utf8_lossy());
    let password = url.password().unwrap_or("");
    let present = !url.username().is_empty() || !password.is_empty();
    present.then(|| ProxyUser { name: decoded(url.username()), password: decoded(password) })
}

/// `base-url` of a section: http or https, and no secret inside, because addresses are shown in logs.
pub(crate) fn base_url(section: &Section<'_>, problems: &mut Problems) -> Option<Url> {
    let item = section.get("base-url")?;
    let text = item.text(problems)?;
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    match checked_url(text) {
        Ok(url) => Some(url),
        Err(wrong) => {
            wrong.tell(&item, text, problems);
            None
        }
    }
}

enum WrongUrl {
    Malformed,
    Secret,
    Fragment,
}

fn checked_url(text: &str) -> Result<Url, WrongUrl> {
    let url = Url::parse(text).map_err(|_| WrongUrl::Malformed)?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(WrongUrl::Malformed);
    }
    let key_name = |name: &str| KEY_NAMES.contains(&name.to_ascii_lowercase().as_str());
    let key_in_query = url.query_pairs().any(|(name, _)| key_name(&name));
    if !url.username().is_empty() || url.password().is_some() || key_in_query {
        return Err(WrongUrl::Secret);
    }
    if url.fragment().is_some() {
        return Err(WrongUrl::Fragment);
    }
    Ok(url)
}

impl WrongUrl {
    fn tell(&self, item: &Item<'_>, text: &str, problems: &mut Problems) {
        let path = &item.path;
        match self {
            Self::Malformed => {
                let problem = problems.error(item.span(), format!("`{path}` must be an http or https address"));
                if !text.contains("://") {
                    problem.help("begin it with `https://`");
                }
            }
            Self::Secret => {
                let message = format!("`{path}` holds a secret, and addresses are shown in logs");
                problems.error(item.span(), message).help("put it into `api-key` or `headers`");
            }
            Self::Fragment => {
                problems.error(item.span(), format!("`{path}` has a part behind `#`, which no server ever sees"));
            }
        }
    }
}

/// A web origin in the form in which browsers send it.
pub(crate) fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let bare = bare && url.fragment().is_none() && matches!(url.path(), "" | "/");
    let scheme = !matches!(url.scheme(), "data" | "file" | "javascript" | "blob");
    let host = url.host_str().filter(|host| !host.is_empty())?.to_ascii_lowercase();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    (bare && scheme).then(|| format!("{}://{host}{port}", url.scheme()))
}
