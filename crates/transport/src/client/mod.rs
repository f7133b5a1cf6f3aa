//! The client for upstreams: one per worker, with connection pools per account and proxy, deadlines per phase, and
//! proxies. It sends what it is given: no redirects, no cookies, no headers but `Host` and `Content-Length`. It knows
//! nothing of accounts beyond the name of their pool.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HOST, HeaderValue, PROXY_AUTHORIZATION};
use http::uri::Scheme;
use http::{Method, Request, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};

mod connect;
mod dial;
mod error;
mod fetch;
mod lane;
mod link;
mod payload;
mod pool;
mod proxy;
mod reply;
mod roots;

pub use error::{ConnectError, Freshness, Phase, ProxyRefusal, ReadError, SendError};
pub use fetch::{FetchError, FetchLimits, Fetched};
pub use payload::Payload;
pub use proxy::{ProxyEnvironment, ProxySetting, ProxyUrl, ProxyUrlError};
pub use reply::{UpstreamBody, UpstreamReply};
pub use roots::{ClientTls, Versions};

use crate::address::AddressPolicy;
use crate::rare::{apart, rare};
use crate::tasks::{Spawner, Tasks};
use connect::Target;
use error::root_cause;
use pool::{Loan, Means, Origin, Sender};

/// Kept connections that may turn out dead for one request before a new one is made for it.
const MAX_STALE: usize = 3;

/// How a client is set up. Cheap to clone; clones may make clients on other threads.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Whom to trust; share one among all workers.
    pub tls: ClientTls,
    /// The proxy variables of the environment.
    pub environment: ProxyEnvironment,
    /// How long a connection may lie idle before it is closed.
    pub idle_timeout: Duration,
    /// Idle HTTP/1.1 connections kept per origin of a site.
    pub max_idle: usize,
    /// Origins remembered; beyond it, the one that was used least recently is forgotten.
    pub max_origins: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            tls: ClientTls::default(),
            environment: ProxyEnvironment::default(),
            idle_timeout: Duration::from_secs(90),
            max_idle: 1024,
            max_origins: 4096,
        }
    }
}

/// Who sends, and how: requests of different sites never share a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The name of the pool, such as an account's id. Appears in `Debug`: not a secret.
    pub pool: Arc<str>,
    /// The proxy.
    pub proxy: ProxySetting,
    /// Where connections may lead.
    pub policy: AddressPolicy,
    /// The HTTP versions to offer.
    pub versions: Versions,
}

/// The pool's name tells nearly all sites apart; a request looks its site up.
impl Hash for Site {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pool.hash(state);
    }
}

impl Site {
    /// A site with the environment's proxy, any address and any HTTP version.
    #[must_use]
    pub fn new(pool: impl Into<Arc<str>>) -> Self {
        Self {
            pool: pool.into(),
            proxy: ProxySetting::default(),
            policy: AddressPolicy::default(),
            versions: Versions::default(),
        }
    }

    /// The same with another proxy setting.
    #[must_use]
    pub fn with_proxy(self, proxy: ProxySetting) -> Self {
        Self { proxy, ..self }
    }
}

/// How long each phase of a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Name resolution, TCP, proxy and TLS handshakes together.
    pub connect: Duration,
    /// From the connection to the head of the answer; `None` where the caller keeps an eye on the time itself.
    pub first_byte: Option<Duration>,
    /// Between two chunks of the body.
    pub idle: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Some(Duration::from_secs(300)),
            idle: Duration::from_secs(300),
        }
    }
}

/// A client. Clones share pools.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    means: Means,
    options: ClientOptions,
    origins: Mutex<HashMap<Site, Vec<Arc<Origin>>>>,
    sweeping: AtomicBool,
    _tasks: Tasks,
}

// === impl Client ===

impl Client {
    /// A client with empty pools. Nothing is opened or read yet.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        let tasks = Tasks::new();
        let means = Means {
            tls: options.tls.clone(),
            spawner: tasks.spawner(),
            idle_timeout: options.idle_timeout,
            max_idle: options.max_idle,
        };
        let (origins, sweeping) = (Mutex::default(), AtomicBool::new(false));
        Self { inner: Arc::new(Inner { means, options, origins, sweeping, _tasks: tasks }) }
    }

    /// Sends a request and waits for the head of the answer. A kept connection that turns out closed before the
    /// request was written is replaced silently. Dropping the future, or later the body, cancels the request at the
    /// upstream: the HTTP/1.1 connection is closed, the HTTP/2 stream reset.
    ///
    /// # Errors
    /// [`SendError`] tells what failed and in which phase.
    pub fn send<'a, B: Into<Payload>>(
        &'a self,
        site: &Site,
        request: Request<B>,
        deadlines: &Deadlines,
    ) -> impl Future<Output = Result<UpstreamReply, SendError>> + Send + use<'a, B> {
        let origin = self.inner.origin(site, request.uri());
        self.inner.send(origin, Outgoing::new(request.map(Into::into)), *deadlines)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("sites", &self.inner.origins().len()).finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    /// Finds or makes the pool for a URI's origin. Allocates only when it makes one.
    fn origin(&self, site: &Site, uri: &Uri) -> Result<Arc<Origin>, SendError> {
        let scheme = uri.scheme().ok_or(SendError::Invalid("its URL has no scheme"))?;
        let authority = uri.authority().ok_or(SendError::Invalid("its URL has no host"))?;
        let mut origins = self.origins();
        let known = origins.get(site).and_then(|of_site| {
            of_site.iter().find(|origin| origin.scheme == *scheme && origin.authority == *authority)
        });
        if let Some(origin) = known {
            return Ok(Arc::clone(origin));
        }
        let target = self.target(site, uri)?;
        let origin = Arc::new(Origin::new(scheme.clone(), authority.clone(), target)?);
        make_room(&mut origins, self.options.max_origins);
        origins.entry(site.clone()).or_default().push(Arc::clone(&origin));
        Ok(origin)
    }

    fn target(&self, site: &Site, uri: &Uri) -> Result<Target, SendError> {
        let encrypted = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(SendError::Invalid("its scheme is neither http nor https")),
        };
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(SendError::Invalid("its URL has a user name"));
        }
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(SendError::Invalid("its URL has no host"));
        }
        let tls = match encrypted {
            true => Some(connect::server_name(&host).ok_or(SendError::Invalid("its host is not a name"))?),
            false => None,
        };
        let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let route = site
            .proxy
            .route(&self.options.environment, uri)
            .map_err(|_| SendError::Invalid("the proxy address in the environment is not usable"))?;
        Ok(Target { host, port, tls, route, policy: site.policy, versions: site.versions })
    }

    #[expect(clippy::manual_async_fn, reason = "the future of an `async fn` would hold the request twice")]
    fn send(
        self: &Arc<Self>,
        origin: Result<Arc<Origin>, SendError>,
        mut outgoing: Outgoing,
        deadlines: Deadlines,
    ) -> impl Future<Output = Result<UpstreamReply, SendError>> + Send {
        async move {
            let origin = origin?;
            let mut connect_time = Duration::ZERO;
            for tries in 0.. {
                let mut loan = match (tries <= MAX_STALE).then(|| origin.take(&self.means)).flatten() {
                    Some(loan) => loan,
                    // Boxed, because it is large and rare.
                    None => {
                        let started = Instant::now();
                        let loan = rare(self.borrow(&origin, tries, deadlines.connect)).await?;
                        connect_time += started.elapsed();
                        loan
                    }
                };
                let head = {
                    // Made where it stays, and not given to a function, whose future would hold it twice.
                    let head = pin!(outgoing.send(&mut loan, &origin));
                    match deadlines.first_byte {
                        None => head.await,
                        Some(limit) => timeout(limit, head).await.map_err(|_| late_head(limit))?,
                    }
                };
                let Some(response) = head? else { continue };
                if let Some(refusal) = origin.refusal(response.status()) {
                    return Err(refusal.into());
                }
                return Ok(UpstreamReply::new(response, loan, Arc::clone(self), deadlines.idle, connect_time));
            }
            Err(SendError::Invalid("it was tried without end"))
        }
    }

    async fn borrow(&self, origin: &Arc<Origin>, tries: usize, within: Duration) -> Result<Loan, SendError> {
        let found = async {
            match tries {
                0..=MAX_STALE => origin.borrow(&self.means).await,
                _ => origin.connect(&self.means).await,
            }
        };
        let late = |_| SendError::Timeout { phase: Phase::Connect, after: within };
        timeout(within, found).await.map_err(late)?
    }

    fn spawner(&self) -> &Spawner {
        &self.means.spawner
    }

    /// Takes a connection back and sees to it that idle ones are closed in time.
    fn take_back(self: &Arc<Self>, loan: Loan) {
        // A body may be dropped after its runtime: then there is nobody to sweep, and nothing to keep.
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        if loan.give_back(self.means.max_idle) && !self.sweeping.swap(true, Ordering::Relaxed) {
            let pause = (self.options.idle_timeout / 2).max(Duration::from_millis(10));
            self.means.spawner.spawn(sweep_now_and_then(Arc::downgrade(self), pause));
        }
    }

    /// Closes idle connections and forgets unused origins. False when there is nothing left to watch.
    fn sweep(&self) -> bool {
        let mut origins = self.origins();
        origins.retain(|_, of_site| {
            of_site.retain(|origin| origin.sweep(self.options.idle_timeout) || Arc::strong_count(origin) > 1);
            !of_site.is_empty()
        });
        let more = !origins.is_empty();
        self.sweeping.store(more, Ordering::Relaxed);
        more
    }

    fn origins(&self) -> MutexGuard<'_, HashMap<Site, Vec<Arc<Origin>>>> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn late_head(limit: Duration) -> SendError {
    SendError::Timeout { phase: Phase::FirstByte, after: limit }
}

/// Ends when the client is gone or has nothing left to sweep.
async fn sweep_now_and_then(client: Weak<Inner>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        match client.upgrade() {
            Some(client) if client.sweep() => {}
            Some(_) | None => return,
        }
    }
}

/// Forgets the origin that was used least recently when there are too many. Answers in flight keep theirs alive.
fn make_room(origins: &mut HashMap<Site, Vec<Arc<Origin>>>, max: usize) {
    if origins.values().map(Vec::len).sum::<usize>() < max {
        return;
    }
    let oldest = origins
        .iter()
        .flat_map(|(site, of_site)| of_site.iter().map(move |origin| (origin.last_used(), site, origin)))
        .min_by_key(|(used, ..)| *used)
        .map(|(_, site, origin)| (site.clone(), Arc::clone(origin)));
    if let Some((site, origin)) = oldest
        && let Some(of_site) = origins.get_mut(&site)
    {
        of_site.retain(|kept| !Arc::ptr_eq(kept, &origin));
        if of_site.is_empty() {
            origins.remove(&site);
        }
    }
}

// === Outgoing ===

/// A request on its way out, which can be put on a second connection when the first turns out dead.
struct Outgoing {
    /// With its whole URI; `None` once it is on a connection.
    request: Option<Request<Payload>>,
}

impl Outgoing {
    fn new(mut request: Request<Payload>) -> Self {
        let wants_length = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH);
        if request.body().is_end_stream() && wants_length {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Self { request: Some(request) }
    }

    /// Sends it. `None`: the connection was dead before the request was written, and it may be sent again.
    async fn send(&mut self, loan: &mut Loan, origin: &Origin) -> Result<Option<http::Response<Incoming>>, SendError> {
        let sent = match &mut loan.sender {
            Sender::Http1(lane) => {
                let answer = lane.send(self.dressed_for_http1(origin)?);
                answer.await
            }
            // Boxed, so that the future of the commoner case stays small.
            Sender::Http2(stream) => {
                let answer = apart(stream.sender.try_send_request(self.dressed_for_http2()?));
                answer.await
            }
        };
        let mut refused = match sent {
            Ok(response) => return Ok(Some(response)),
            Err(refused) => refused,
        };
        self.request = refused.take_message().map(|request| undressed(request, origin));
        match self.request {
            Some(_) if loan.freshness == Freshness::Reused => Ok(None),
            _ => Err(explain(&refused.into_error(), loan.freshness)),
        }
    }

    fn take(&mut self) -> Result<Request<Payload>, SendError> {
        self.request.take().ok_or(SendError::Invalid("it has been sent already"))
    }

    /// Origin form and a `Host` header; absolute form for a forwarding proxy.
    fn dressed_for_http1(&mut self, origin: &Origin) -> Result<Request<Payload>, SendError> {
        let mut request = self.take()?;
        *request.version_mut() = Version::HTTP_11;
        request.headers_mut().entry(HOST).or_insert_with(|| origin.host_header());
        match &origin.forwarding {
            Some(forwarding) => {
                if let Some(value) = &forwarding.authorization {
                    request.headers_mut().insert(PROXY_AUTHORIZATION, value.clone());
                }
            }
            None => {
                let whole = std::mem::take(request.uri_mut()).into_parts();
                *request.uri_mut() = whole.path_and_query.map_or_else(Uri::default, Uri::from);
            }
        }
        Ok(request)
    }

    /// The whole URI, from which the pseudo-headers are made.
    fn dressed_for_http2(&mut self) -> Result<Request<Payload>, SendError> {
        let mut request = self.take()?;
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().remove(HOST);
        Ok(request)
    }
}

/// A request that was not written, with its whole URI again.
fn undressed(mut request: Request<Payload>, origin: &Origin) -> Request<Payload> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(origin.scheme.clone());
    parts.authority = Some(origin.authority.clone());
    // It was made of such parts before.
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    request
}

fn explain(error: &hyper::Error, connection: Freshness) -> SendError {
    let reason = root_cause(error);
    if error.is_parse() { SendError::Protocol(reason) } else { SendError::Reset { connection, reason } }
}

#[cfg(test)]
mod tests;
