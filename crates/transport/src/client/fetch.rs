//! Fetches a URL that a client supplied, such as a picture in a message: GET only, public addresses only unless
//! allowed, few redirects and each of them checked again, capped in size and time.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::{Request, StatusCode};
use tokio::time::timeout;
use url::Url;

use super::{Client, Deadlines, ProxySetting, ReadError, SendError, Site, UpstreamReply};
use crate::address::AddressPolicy;

/// We say who we are.
const OUR_NAME: &str = concat!("bosporus/", env!("CARGO_PKG_VERSION"));

/// The bounds of one fetch.
#[derive(Debug, Clone)]
pub struct FetchLimits {
    /// The largest body, in bytes.
    pub max_bytes: usize,
    /// For everything, redirects included.
    pub within: Duration,
    /// Redirects followed.
    pub max_redirects: usize,
    /// Where the URL and its redirects may lead.
    pub policy: AddressPolicy,
    /// The proxy to use.
    pub proxy: ProxySetting,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            max_bytes: 20 * 1024 * 1024,
            within: Duration::from_secs(30),
            max_redirects: 3,
            policy: AddressPolicy::PublicOnly,
            proxy: ProxySetting::default(),
        }
    }
}

/// What was fetched.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The `Content-Type`, where the server sent one that is text.
    pub content_type: Option<String>,
    /// The body, unpacked.
    pub body: Bytes,
}

/// Why a URL could not be fetched. Messages never repeat the URL.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not an http or https URL, or one with a user name.
    #[error("the URL is not usable: {0}")]
    Url(&'static str),
    /// No answer.
    #[error(transparent)]
    Send(#[from] SendError),
    /// No complete body, or one that is too large.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An answer other than success.
    #[error("the server answered {0}")]
    Status(StatusCode),
    /// More redirects than allowed.
    #[error("more than {0} redirects")]
    Redirects(usize),
    /// It took too long.
    #[error("it took longer than {0:?}")]
    Timeout(Duration),
}

impl Client {
    /// Fetches a URL within the limits.
    ///
    /// # Errors
    /// [`FetchError`]; [`SendError::Connect`] with [`super::ConnectError::Blocked`] when an address is not public.
    pub async fn fetch(&self, url: &str, limits: &FetchLimits) -> Result<Fetched, FetchError> {
        let late = |_| FetchError::Timeout(limits.within);
        timeout(limits.within, self.follow(url, limits)).await.map_err(late)?
    }

    async fn follow(&self, url: &str, limits: &FetchLimits) -> Result<Fetched, FetchError> {
        let mut url = Url::parse(url).map_err(|_| FetchError::Url("it is not a URL"))?;
        let site = Site { policy: limits.policy, ..Site::new("fetch").with_proxy(limits.proxy.clone()) };
        for _ in 0..=limits.max_redirects {
            let reply = self.get(&site, &url, limits).await?;
            match redirect(&reply, &url)? {
                Some(next) => url = next,
                None => return finish(reply, limits).await,
            }
        }
        Err(FetchError::Redirects(limits.max_redirects))
    }

    async fn get(&self, site: &Site, url: &Url, limits: &FetchLimits) -> Result<UpstreamReply, FetchError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(FetchError::Url("its scheme is neither http nor https"));
        }
        let mut plain = url.clone();
        plain.set_fragment(None);
        let request =
            Request::get(plain.as_str()).header(ACCEPT, "*/*").header(USER_AGENT, OUR_NAME).body(Bytes::new());
        let request = request.map_err(|_| FetchError::Url("it is not a URL"))?;
        let deadlines = Deadlines { connect: limits.within, first_byte: Some(limits.within), idle: limits.within };
        Ok(self.send(site, request, &deadlines).await?)
    }
}

/// Where a redirect leads; scheme and address are checked when it is followed.
fn redirect(reply: &UpstreamReply, from: &Url) -> Result<Option<Url>, FetchError> {
    if !matches!(reply.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = reply.headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let location = location.ok_or(FetchError::Status(reply.status))?;
    from.join(location).map(Some).map_err(|_| FetchError::Url("a redirect is not a URL"))
}

async fn finish(reply: UpstreamReply, limits: &FetchLimits) -> Result<Fetched, FetchError> {
    if !reply.status.is_success() {
        return Err(FetchError::Status(reply.status));
    }
    let content_type = reply.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = reply.body.collect(limits.max_bytes).await?;
    Ok(Fetched { content_type, body })
}
