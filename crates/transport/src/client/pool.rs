//! Connections to one origin on behalf of one site: kept, lent, taken back, given up when idle. HTTP/1.1 connections
//! are lent to one request at a time; HTTP/2 connections are shared up to the number of streams that the server
//! allows, and a further one is opened beyond it. It knows nothing of what is sent.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use http::header::HeaderValue;
use http::uri::{Authority, Scheme};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::Instant;

use super::connect::{self, Connected, Forwarding, Speaks, Target};
use super::error::{ConnectError, Freshness, ProxyRefusal, SendError, root_cause};
use super::lane::Lane;
use super::link::Link;
use super::payload::Payload;
use super::proxy::Route;
use super::roots::ClientTls;
use crate::tasks::Spawner;

/// HTTP/2 connections to one origin; when all are full, requests queue on the least loaded.
const MAX_SHARED: usize = 16;

/// Flow-control windows: how much of an answer may lie here unread, per stream and per connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

type Http2Sender = http2::SendRequest<Payload>;

/// One scheme, host and port, as one site reaches it.
pub(crate) struct Origin {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    pub(crate) forwarding: Option<Forwarding>,
    host: HeaderValue,
    target: Target,
    shelf: Mutex<Shelf>,
    /// Held while connecting to a server that speaks HTTP/2 or may do so, so that a burst makes one connection.
    connecting: tokio::sync::Mutex<()>,
    /// 0 unknown, 1 HTTP/1.1, 2 HTTP/2.
    known: AtomicU8,
}

struct Shelf {
    idle: Vec<Kept>,
    shared: Vec<Arc<Shared>>,
    used: Instant,
}

struct Kept {
    lane: Lane,
    since: Instant,
}

/// An HTTP/2 connection.
pub(crate) struct Shared {
    sender: Http2Sender,
    active: AtomicUsize,
    /// Streams that the server allows at once, as of its last word.
    room: Arc<AtomicUsize>,
}

/// What the pool needs to make connections and how many it keeps.
pub(crate) struct Means {
    pub(crate) tls: ClientTls,
    pub(crate) spawner: Spawner,
    pub(crate) idle_timeout: Duration,
    pub(crate) max_idle: usize,
}

/// A connection lent for one request and its answer. Dropping it before [`Loan::give_back`] closes an HTTP/1.1
/// connection; an HTTP/2 one goes on to serve others.
pub(crate) struct Loan {
    origin: Arc<Origin>,
    pub(crate) freshness: Freshness,
    pub(crate) sender: Sender,
}

pub(crate) enum Sender {
    Http1(Lane),
    Http2(Stream),
}

/// One request's place on an HTTP/2 connection.
pub(crate) struct Stream {
    pub(crate) sender: Http2Sender,
    shared: Arc<Shared>,
}

// === impl Origin ===

impl Origin {
    pub(crate) fn new(scheme: Scheme, authority: Authority, target: Target) -> Result<Self, SendError> {
        let forwarding = target.forwarding();
        let host = host_header(&scheme, &authority).ok_or(SendError::Invalid("its host is not a name"))?;
        let shelf = Mutex::new(Shelf { idle: Vec::new(), shared: Vec::new(), used: Instant::now() });
        let connecting = tokio::sync::Mutex::new(());
        Ok(Self { scheme, authority, forwarding, host, target, shelf, connecting, known: AtomicU8::new(0) })
    }

    /// The value of `Host` for this origin; the clone copies nothing.
    pub(crate) fn host_header(&self) -> HeaderValue {
        self.host.clone()
    }

    /// A connection that is free now, or a new one.
    pub(crate) async fn borrow(self: &Arc<Self>, means: &Means) -> Result<Loan, SendError> {
        if let Some(loan) = self.take(means) {
            return Ok(loan);
        }
        let turn = match self.may_share() {
            true => Some(self.connecting.lock().await),
            false => None,
        };
        if turn.is_some()
            && let Some(loan) = self.take(means)
        {
            return Ok(loan);
        }
        // Those who waited for the first answer and learned that it is HTTP/1.1 need not wait for each other.
        let _turn = turn.filter(|_| self.may_share());
        self.connect(means).await
    }

    /// A connection made for this request alone, whatever lies idle.
    pub(crate) async fn connect(self: &Arc<Self>, means: &Means) -> Result<Loan, SendError> {
        // Boxed, because it is large and rare: the future of a request on a kept connection stays small.
        let Connected { link, speaks } = Box::pin(connect::connect(&self.target, &means.tls)).await?;
        let sender = match speaks {
            Speaks::Http1 => Sender::Http1(Lane::open(link).await.map_err(|error| broken(&error))?),
            Speaks::Http2 => Sender::Http2(self.share(Box::pin(greet_http2(link, means)).await?)),
        };
        self.known.store(if speaks == Speaks::Http1 { 1 } else { 2 }, Ordering::Relaxed);
        Ok(Loan { origin: Arc::clone(self), freshness: Freshness::New, sender })
    }

    fn may_share(&self) -> bool {
        self.target.tls.is_some() && self.known.load(Ordering::Relaxed) != 1
    }

    /// A connection that is free now.
    pub(crate) fn take(self: &Arc<Self>, means: &Means) -> Option<Loan> {
        let now = Instant::now();
        let mut shelf = self.shelf();
        shelf.used = now;
        let sender = match shelf.stream() {
            Some(stream) => Sender::Http2(stream),
            None => Sender::Http1(shelf.idle(now, means.idle_timeout)?),
        };
        drop(shelf);
        Some(Loan { origin: Arc::clone(self), freshness: Freshness::Reused, sender })
    }

    fn share(&self, shared: Shared) -> Stream {
        let shared = Arc::new(shared);
        let stream = Stream::on(&shared);
        self.shelf().shared.push(shared);
        stream
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error for an answer by which a forwarding proxy refuses to forward.
    pub(crate) fn refusal(&self, status: StatusCode) -> Option<ConnectError> {
        let Route::Via(proxy) = &self.target.route else { return None };
        let refused = self.forwarding.is_some() && status == StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        let reason = ProxyRefusal::Status(status.as_u16());
        refused.then(|| ConnectError::Proxy { proxy: proxy.to_string(), reason })
    }

    /// When somebody last asked for a connection.
    pub(crate) fn last_used(&self) -> Instant {
        self.shelf().used
    }

    #[cfg(test)]
    pub(crate) fn idle(&self) -> usize {
        self.shelf().idle.len()
    }

    /// Closes what has been idle for too long. False when nothing is left to watch.
    pub(crate) fn sweep(&self, idle_timeout: Duration) -> bool {
        let mut shelf = self.shelf();
        let stale = shelf.used.elapsed() >= idle_timeout;
        shelf.idle.retain_mut(|kept| kept.since.elapsed() < idle_timeout && kept.lane.is_open());
        shelf.shared.retain(|shared| !(shared.sender.is_closed() || stale && shared.is_idle()));
        !stale || !shelf.idle.is_empty() || !shelf.shared.is_empty()
    }
}

// === impl Shelf ===

impl Shelf {
    /// The kept connection that was used last: the one least likely to be closed by now. One that is still busy
    /// with the end of its last answer stays.
    fn idle(&mut self, now: Instant, idle_timeout: Duration) -> Option<Lane> {
        for index in (0..self.idle.len()).rev() {
            let kept = &mut self.idle[index];
            if now.saturating_duration_since(kept.since) >= idle_timeout {
                self.idle.drain(..=index);
                return None;
            }
            if kept.lane.is_usable() {
                return Some(self.idle.remove(index).lane);
            }
            if !kept.lane.is_open() {
                drop(self.idle.remove(index));
            }
        }
        None
    }

    /// A place on a shared connection that has room, or on the least loaded one when no more may be opened.
    fn stream(&mut self) -> Option<Stream> {
        if self.shared.is_empty() {
            return None;
        }
        self.shared.retain(|shared| !shared.sender.is_closed());
        let least = self.shared.iter().min_by_key(|shared| shared.active.load(Ordering::Relaxed))?;
        (least.has_room() || self.shared.len() >= MAX_SHARED).then(|| Stream::on(least))
    }
}

// === impl Shared, Stream ===

impl Shared {
    fn has_room(&self) -> bool {
        self.active.load(Ordering::Relaxed) < self.room.load(Ordering::Relaxed).max(1)
    }

    fn is_idle(&self) -> bool {
        self.active.load(Ordering::Relaxed) == 0
    }
}

impl Stream {
    fn on(shared: &Arc<Shared>) -> Self {
        shared.active.fetch_add(1, Ordering::Relaxed);
        Self { sender: shared.sender.clone(), shared: Arc::clone(shared) }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.active.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Loan ===

impl Loan {
    /// After status 101: lets the connection go on by itself.
    pub(crate) fn hand_over(&mut self, spawner: &Spawner) {
        if let Sender::Http1(lane) = &mut self.sender {
            lane.hand_over(spawner);
        }
    }

    /// Takes the connection back after the end of an answer. True when something now lies idle.
    pub(crate) fn give_back(self, max_idle: usize) -> bool {
        let Sender::Http1(lane) = self.sender else { return true };
        // Not polled for it: it was just now, for the end of the answer, and is again before it is lent.
        if lane.has_ended() {
            return false;
        }
        let mut shelf = self.origin.shelf();
        if shelf.idle.len() < max_idle {
            shelf.idle.push(Kept { lane, since: Instant::now() });
        }
        true
    }
}

/// The host, and the port unless it is the scheme's own.
fn host_header(scheme: &Scheme, authority: &Authority) -> Option<HeaderValue> {
    let standard = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    let text = match authority.port_u16() {
        Some(port) if port != standard => authority.as_str(),
        _ => authority.host(),
    };
    HeaderValue::from_str(text).ok()
}

async fn greet_http2(link: Link, means: &Means) -> Result<Shared, SendError> {
    let mut builder = http2::Builder::new(means.spawner.clone());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    let handshake = builder.handshake(TokioIo::new(link)).await;
    let (mut sender, mut connection) = handshake.map_err(|error| broken(&error))?;
    let room = Arc::new(AtomicUsize::new(connection.current_max_send_streams()));
    let told = Arc::clone(&room);
    means.spawner.spawn(async move {
        let ended = poll_fn(|cx| {
            let polled = Pin::new(&mut connection).poll(cx);
            told.store(connection.current_max_send_streams(), Ordering::Relaxed);
            polled
        });
        if let Err(error) = ended.await {
            tracing::debug!(error = %root_cause(&error), "upstream connection ended");
        }
    });
    sender.ready().await.map_err(|error| broken(&error))?;
    Ok(Shared { sender, active: AtomicUsize::new(0), room })
}

fn broken(error: &hyper::Error) -> SendError {
    SendError::Reset { connection: Freshness::New, reason: root_cause(error) }
}

impl From<crate::tls::TlsError> for SendError {
    fn from(error: crate::tls::TlsError) -> Self {
        Self::Connect(ConnectError::Material(error))
    }
}
