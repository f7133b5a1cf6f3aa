//! The HTTP server: takes connections from an [`Accept`], speaks HTTP/1.1 and HTTP/2 on them, and ends them in good
//! order when a drain starts. Every limit that protects it from hostile clients stands in [`ServeOptions`]. It knows
//! nothing of routes; each request goes to one closure.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::header::UPGRADE;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use crate::bell::Belled;
use crate::cap::Cap;
use crate::drain::{DrainWatch, Drained};
use crate::frames::Frames;
use crate::guard::{Answering, Guard, Turns, Watch};
use crate::listen::{self, Accept, Accepted};
use crate::rare::apart;
use crate::refusal::Refuser;
use crate::reply::{BoxError, ReplyBody};
use crate::sniff::{self, Version};
use crate::spare;
use crate::takeover::Takeover;
use crate::tasks::{Spawner, Tasks};
use crate::tls::ServerTls;

/// The limits of a server. All times are wall-clock durations, all sizes bytes.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Connections open at once; at the cap, the next one waits, and accepting with it. Clone one cap into every worker's options to share it.
    pub connections: Cap,
    /// Limits of request heads, which may change while the server runs.
    pub heads: Heads,
    /// From accept to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// HTTP/2 requests at once on one connection.
    pub max_streams: u32,
    /// HTTP/2 streams which the client has reset and we have not yet looked at, before the connection is cut
    /// (CVE-2023-44487, "rapid reset").
    pub max_pending_resets: usize,
    /// HTTP/2 streams that we had to reset for the client's errors, before the connection is cut
    /// (CVE-2025-8671, "made you reset").
    pub max_error_resets: usize,
    /// Time between HTTP/2 keep-alive pings.
    pub ping_interval: Duration,
    /// How long a ping may stay unanswered before the connection is cut.
    pub ping_timeout: Duration,
    /// Words the answers to HTTP/1.1 requests that are refused before the service sees them.
    pub refuser: Refuser,
}

/// What a request head may be. A connection keeps the limits that it began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// From the first byte of a head to its last, and for the first head from the beginning of the connection.
    pub timeout: Duration,
    /// How long a kept-alive HTTP/1.1 connection may idle. Longer than clients keep theirs, so that they end it: a
    /// request that is sent while we end it is lost.
    pub idle: Duration,
    /// Request line and headers together; above it the answer is 431.
    pub bytes: u32,
    /// Number of header fields; above it the answer is 431.
    pub fields: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), idle: Duration::from_secs(100), bytes: 64 * 1024, fields: 100 }
    }
}

/// Limits of request heads; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Heads(Arc<RwLock<HeadLimits>>);

impl Heads {
    /// With these limits.
    #[must_use]
    pub fn new(limits: HeadLimits) -> Self {
        Self(Arc::new(RwLock::new(limits)))
    }

    /// From now on these limits, for new connections.
    pub fn set(&self, limits: HeadLimits) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    fn get(&self) -> HeadLimits {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            connections: Cap::new(16 * 1024),
            heads: Heads::default(),
            handshake_timeout: Duration::from_secs(10),
            max_streams: 250,
            max_pending_resets: 50,
            max_error_resets: 200,
            ping_interval: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(20),
            refuser: Refuser::default(),
        }
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerInfo {
    /// Address and port of the socket's other end; a proxy's, if one stands in between.
    pub addr: SocketAddr,
    /// Whether the connection is encrypted by us.
    pub security: Security,
}

/// Whether a connection is encrypted by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Cleartext.
    Plain,
    /// TLS that ends here.
    Tls,
}

/// What a connection needs besides its socket; shared by all of a server's connections.
struct Server<S> {
    spawner: Spawner,
    tls: Option<ServerTls>,
    options: ServeOptions,
    service: S,
    drain: DrainWatch,
}

/// Serves until the drain starts, then waits for what is in flight and reports what became of it. Dropping the future
/// cuts every connection.
///
/// The closure's future is dropped when its client goes away, which is how work for nobody is cancelled.
pub async fn serve<A, S, F>(
    mut source: A,
    tls: Option<ServerTls>,
    options: ServeOptions,
    service: S,
    mut drain: DrainWatch,
) -> Drained
where
    A: Accept,
    S: Fn(Request<Incoming>, PeerInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Response<ReplyBody>> + Send + 'static,
{
    let connections = Tasks::new();
    let streams = Tasks::new();
    let upkeep = Tasks::new();
    upkeep.spawn(pulse());
    let server = Arc::new(Server::new(streams.spawner(), tls, options, service, drain.clone()));
    loop {
        let next = tokio::select! {
            biased;
            () = drain.started() => break,
            next = admit(&mut source, &server.options.connections) => next,
        };
        let Some((accepted, permit)) = next else { break };
        let server = Arc::clone(&server);
        connections.spawn(async move {
            server.connection(accepted).await;
            drop(permit);
        });
    }
    // The socket must close before the wait, so that a successor can bind it.
    drop(source);
    finish(&connections, &streams, &mut drain).await
}

/// Beats as long as the server runs. Besides what it does, its timer is always the next to fire: tokio wakes its own
/// thread with a system call whenever a timer is set that fires earlier than all others, which the deadlines of
/// requests would otherwise do for every second request.
async fn pulse() {
    loop {
        tokio::time::sleep(PULSE).await;
        spare::age();
    }
}

/// Shorter than every deadline that is in force on a usual request.
const PULSE: Duration = Duration::from_secs(1);

async fn admit<A: Accept>(source: &mut A, cap: &Cap) -> Option<(Accepted, OwnedSemaphorePermit)> {
    // In this order: who has no connection must not hold a place that another worker's connection waits for.
    let accepted = listen::next(source).await?;
    Some((accepted, cap.acquire().await?))
}

async fn finish(connections: &Tasks, streams: &Tasks, drain: &mut DrainWatch) -> Drained {
    let open = connections.len();
    let all_done = async {
        connections.idle().await;
        streams.idle().await;
    };
    tokio::select! {
        biased;
        () = all_done => return Drained { finished: open, aborted: 0 },
        () = drain.expired() => {}
    }
    let aborted = connections.len();
    streams.abort();
    connections.abort();
    connections.idle().await;
    Drained { finished: open.saturating_sub(aborted), aborted }
}

// === impl Server ===

impl<S, F> Server<S>
where
    S: Fn(Request<Incoming>, PeerInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Response<ReplyBody>> + Send + 'static,
{
    fn new(spawner: Spawner, tls: Option<ServerTls>, options: ServeOptions, service: S, drain: DrainWatch) -> Self {
        Self { spawner, tls, options, service, drain }
    }

    /// One connection from its first byte to its last. Whatever it does wrong ends it, and nothing else.
    async fn connection(self: Arc<Self>, Accepted { stream, peer, load }: Accepted) {
        let mut drain = self.drain.clone();
        let ended = match &self.tls {
            Some(tls) => self.encrypted(tls.acceptor(), stream, peer, &mut drain).await,
            None => {
                let peer = PeerInfo { addr: peer, security: Security::Plain };
                self.speak(stream, peer, &mut drain).await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, error = %Causes(&*error), "connection ended early");
        }
        drop(load);
    }

    async fn encrypted(
        self: &Arc<Self>,
        acceptor: tokio_rustls::TlsAcceptor,
        stream: TcpStream,
        addr: SocketAddr,
        drain: &mut DrainWatch,
    ) -> Result<(), BoxError> {
        let accept = timeout(self.options.handshake_timeout, Box::pin(acceptor.accept(stream)));
        let stream = tokio::select! {
            accepted = accept => accepted??,
            () = drain.started() => return Ok(()),
        };
        apart(self.speak(stream, PeerInfo { addr, security: Security::Tls }, drain)).await
    }

    /// The version is told by the first bytes for encrypted connections too: a client that agrees on HTTP/2 and then
    /// says nothing would otherwise be waited for without end.
    async fn speak<T>(self: &Arc<Self>, stream: T, peer: PeerInfo, drain: &mut DrainWatch) -> Result<(), BoxError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = self.options.heads.get();
        let deadline = Instant::now() + limits.timeout;
        let sniffed = tokio::select! {
            sniffed = sniff::version(stream, deadline) => sniffed?,
            () = drain.started() => return Ok(()),
        };
        // Boxed, because the task of every connection has room for the largest of all that it may become.
        match sniffed {
            None => {}
            Some((Version::Http1, stream)) => {
                let (guard, turns) = Guard::new(stream, self.watch(peer, &limits), deadline);
                let takeover = Takeover::new(drain.clone());
                let service = Arc::clone(self).answering(peer, turns, takeover.clone());
                let mut connection = Belled::new(Box::pin(
                    http1_builder(&limits).serve_connection(TokioIo::new(guard), service).with_upgrades(),
                ));
                until_drained(Pin::new(&mut connection), |open| open.work().as_mut().graceful_shutdown(), drain)
                    .await?;
                drop(connection);
                if let Some(work) = takeover.take() {
                    work.await;
                }
            }
            Some((Version::Http2, stream)) => {
                let server = Arc::clone(self);
                let (frames, handed) = Frames::new(stream, self.watch(peer, &limits));
                let service = service_fn(move |request| {
                    handed.one_more();
                    let reply = Box::pin((server.service)(request, peer));
                    async move { Ok::<_, Infallible>(reply.await) }
                });
                let http2 = http2_builder(&self.options, &limits, self.spawner.clone());
                let mut connection = Box::pin(http2.serve_connection(TokioIo::new(frames), service));
                until_drained(connection.as_mut(), |open| open.graceful_shutdown(), drain).await?;
            }
        }
        Ok(())
    }

    fn watch(&self, peer: PeerInfo, limits: &HeadLimits) -> Watch {
        Watch { peer, head_timeout: limits.timeout, idle_timeout: limits.idle, refuser: self.options.refuser.clone() }
    }

    /// The service of one HTTP/1.1 connection, which counts its turns.
    fn answering(
        self: Arc<Self>,
        peer: PeerInfo,
        turns: Turns,
        takeover: Takeover,
    ) -> impl Service<Request<Incoming>, Response = Response<Answering>, Error = Infallible, Future: Send> {
        service_fn(move |mut request: Request<Incoming>| {
            let turn = turns.begin();
            if request.headers().contains_key(UPGRADE) {
                request.extensions_mut().insert(takeover.clone());
            }
            // Boxed, because hyper keeps the room for this future as long as the answer streams.
            let reply = Box::pin((self.service)(request, peer));
            async move {
                let reply = reply.await;
                let hands_over = reply.status() == StatusCode::SWITCHING_PROTOCOLS;
                Ok(reply.map(|body| turn.answering(hands_over, body)))
            }
        })
    }
}

/// Runs a connection; when the drain starts, lets it end after the answers in flight.
async fn until_drained<C: Future>(
    mut connection: Pin<&mut C>,
    shut_down: impl FnOnce(Pin<&mut C>),
    drain: &mut DrainWatch,
) -> C::Output {
    if let Some(ended) = drain.while_quiet(connection.as_mut()).await {
        return ended;
    }
    shut_down(connection.as_mut());
    connection.await
}

fn http1_builder(limits: &HeadLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // The guard below has a clock of its own, and words for those who are late.
        .header_read_timeout(None)
        .max_header_size(usize::try_from(limits.bytes).unwrap_or(usize::MAX));
    // Asking for the default number explicitly would cost an allocation per request.
    if limits.fields != 100 {
        builder.max_headers(limits.fields);
    }
    builder
}

fn http2_builder(options: &ServeOptions, limits: &HeadLimits, spawner: Spawner) -> http2::Builder<Spawner> {
    let mut builder = http2::Builder::new(spawner);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(options.max_streams)
        .max_header_list_size(limits.bytes)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_pending_accept_reset_streams(options.max_pending_resets)
        .max_local_error_reset_streams(options.max_error_resets)
        .keep_alive_interval(options.ping_interval)
        .keep_alive_timeout(options.ping_timeout);
    builder
}

/// How much of one request body may be under way unread, and of all bodies of one connection.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// An error with its causes on one line, since hyper keeps the telling part in the cause.
struct Causes<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
