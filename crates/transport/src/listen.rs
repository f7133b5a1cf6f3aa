//! Listening sockets: how they are bound, shared among workers, and how accepted connections reach a worker. Two
//! forms are supported: one loop accepts and hands the sockets to the workers ([`distribute`]), which spreads few
//! connections evenly, or each worker accepts on its own socket ([`Listener::bind_shared`]), which costs no hand-over. It knows nothing of HTTP or TLS.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpStream as StdTcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::drain::DrainWatch;

/// Connections that the kernel may hold before we accept them.
const BACKLOG: i32 = 1024;

/// The first and the longest pause after `accept` failed for want of a resource.
const BACKOFF_FIRST: Duration = Duration::from_millis(10);
const BACKOFF_LONGEST: Duration = Duration::from_secs(1);

/// Why an address could not be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another socket, of this program or another one, already listens there.
    #[error("cannot listen on {0}: the address is in use by another program (is a second instance running?)")]
    InUse(SocketAddr),
    /// The operating system forbids it, most often a port below 1024.
    #[error("cannot listen on {0}: permission denied (ports below 1024 need a privilege)")]
    Denied(SocketAddr),
    /// The address belongs to no interface of this machine.
    #[error("cannot listen on {0}: no interface of this machine has that address")]
    NotLocal(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {addr}: {source}")]
    Other {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
}

/// A bound socket that listens but belongs to no runtime yet, so it can be moved to the thread that will accept.
#[derive(Debug)]
pub struct Listener {
    socket: std::net::TcpListener,
    addr: SocketAddr,
}

/// A connection that a client has opened.
#[derive(Debug)]
pub struct Accepted {
    /// The connection, with `TCP_NODELAY` set.
    pub stream: TcpStream,
    /// Who opened it.
    pub peer: SocketAddr,
    /// Keeps the count of the worker's open connections, where there is one: held as long as the connection lives.
    pub load: Option<Load>,
}

/// One connection in the count of a worker's open connections.
#[derive(Debug)]
pub struct Load {
    open: Arc<AtomicUsize>,
}

/// Where a server gets its connections from.
pub trait Accept: Send {
    /// Waits for the next connection; `None` means that there will never be another one. Must be safe to drop and
    /// call again.
    fn accept(&mut self) -> impl Future<Output = io::Result<Option<Accepted>>> + Send;
}

/// Accepts on this runtime.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
}

/// Receives connections which another thread has accepted.
#[derive(Debug)]
pub struct Handed {
    receiver: mpsc::Receiver<HandedOver>,
}

/// The end of a [`Handed`] that belongs to the accepting thread; counts the worker's open connections.
#[derive(Debug, Clone)]
pub struct Handout {
    sender: mpsc::Sender<HandedOver>,
    open: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct HandedOver {
    stream: StdTcpStream,
    peer: SocketAddr,
    load: Load,
}

// === impl Listener ===

impl Listener {
    /// Binds one socket that nobody can share.
    ///
    /// # Errors
    /// [`BindError`] says in words what is wrong with the address.
    pub fn bind(addr: SocketAddr) -> Result<Self, BindError> {
        let socket = bound(addr).map_err(|error| explain(addr, error))?;
        Self::listen(socket, addr)
    }

    /// Binds `count` sockets to one address, among which the kernel spreads new connections.
    ///
    /// The first socket is bound without `SO_REUSEPORT`, which fails while anybody else has the port, and only then
    /// opened to its siblings: so a second instance of this program is told that the port is taken instead of
    /// silently getting every other connection. Works on Linux; where it does not, the error says so, and one
    /// listener with [`distribute`] is the way.
    ///
    /// # Errors
    /// [`BindError`] says in words what is wrong with the address.
    pub fn bind_shared(addr: SocketAddr, count: usize) -> Result<Vec<Self>, BindError> {
        let first = bound(addr).map_err(|error| explain(addr, error))?;
        let addr = local(&first).map_err(|error| explain(addr, error))?;
        let mut sockets = vec![first];
        for _ in 1..count.max(1) {
            sockets[0].set_reuse_port(true).map_err(|error| explain(addr, error))?;
            sockets.push(sibling(addr).map_err(|error| explain(addr, error))?);
        }
        sockets.into_iter().map(|socket| Self::listen(socket, addr)).collect()
    }

    fn listen(socket: Socket, addr: SocketAddr) -> Result<Self, BindError> {
        socket.listen(BACKLOG).map_err(|error| explain(addr, error))?;
        let addr = local(&socket).map_err(|error| explain(addr, error))?;
        Ok(Self { socket: socket.into(), addr })
    }

    /// The address that was bound, with the real port where 0 was asked for.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Starts to accept on the current runtime.
    ///
    /// # Errors
    /// When the runtime cannot watch the socket.
    pub fn start(self) -> io::Result<Acceptor> {
        Ok(Acceptor { listener: TcpListener::from_std(self.socket)? })
    }
}

fn bound(addr: SocketAddr) -> io::Result<Socket> {
    let socket = fresh(addr)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

fn sibling(addr: SocketAddr) -> io::Result<Socket> {
    let socket = fresh(addr)?;
    socket.set_reuse_port(true)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

fn fresh(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Connections of the last run that linger in TIME_WAIT must not keep a restart from binding.
    socket.set_reuse_address(true)?;
    Ok(socket)
}

fn local(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("the socket has no internet address"))
}

fn explain(addr: SocketAddr, source: io::Error) -> BindError {
    match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(addr),
        io::ErrorKind::PermissionDenied => BindError::Denied(addr),
        io::ErrorKind::AddrNotAvailable => BindError::NotLocal(addr),
        _ => BindError::Other { addr, source },
    }
}

// === impl Accept ===

impl Accept for Acceptor {
    async fn accept(&mut self) -> io::Result<Option<Accepted>> {
        let (stream, peer) = self.listener.accept().await?;
        Ok(Some(ready(stream, peer, None)))
    }
}

impl Handed {
    /// A queue of `capacity` connections between an accepting thread and one worker.
    #[must_use]
    pub fn queue(capacity: usize) -> (Handout, Self) {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        (Handout { sender, open: Arc::default() }, Self { receiver })
    }
}

impl Accept for Handed {
    async fn accept(&mut self) -> io::Result<Option<Accepted>> {
        let Some(HandedOver { stream, peer, load }) = self.receiver.recv().await else { return Ok(None) };
        Ok(Some(ready(TcpStream::from_std(stream)?, peer, Some(load))))
    }
}

fn ready(stream: TcpStream, peer: SocketAddr, load: Option<Load>) -> Accepted {
    // A socket that is already dead refuses the option; the first read will tell.
    let _ = stream.set_nodelay(true);
    Accepted { stream, peer, load }
}

// === handing out ===

/// Accepts on this runtime and hands each connection to the worker with the fewest open ones, until the drain starts
/// or every worker is gone. A worker whose queue is full is passed over; when all are full, accepting waits.
pub async fn distribute(mut acceptor: Acceptor, workers: Vec<Handout>, mut drain: DrainWatch) {
    let mut turn = 0;
    loop {
        let accepted = tokio::select! {
            () = drain.started() => return,
            accepted = next(&mut acceptor) => accepted,
        };
        let Some(Accepted { stream, peer, .. }) = accepted else { return };
        let Ok(stream) = stream.into_std() else { continue };
        turn += 1;
        let Some((place, load)) = place(&workers, turn).await else { return };
        place.send(HandedOver { stream, peer, load });
    }
}

/// A place in the queue of the least loaded worker that has one; `None` when there is no worker left.
async fn place(workers: &[Handout], turn: usize) -> Option<(mpsc::Permit<'_, HandedOver>, Load)> {
    // Among equals the turn decides, so that the first worker does not get every lone connection.
    let mut order: Vec<_> = (0..workers.len()).map(|index| &workers[(index + turn) % workers.len()]).collect();
    order.sort_by_key(|worker| worker.open());
    for worker in &order {
        if let Ok(place) = worker.sender.try_reserve() {
            return Some((place, worker.load()));
        }
    }
    for worker in order {
        if let Ok(place) = worker.sender.reserve().await {
            return Some((place, worker.load()));
        }
    }
    None
}

impl Handout {
    /// How many connections the worker has open or queued.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn load(&self) -> Load {
        self.open.fetch_add(1, Ordering::Relaxed);
        Load { open: Arc::clone(&self.open) }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The next connection, whatever it takes: a client that hung up is skipped at once; a lack of descriptors or memory
/// is waited out with growing pauses, because accepting again at once would only spin.
pub(crate) async fn next<A: Accept>(source: &mut A) -> Option<Accepted> {
    let mut pause = BACKOFF_FIRST;
    loop {
        match source.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if concerns_one_connection(&error) => tracing::debug!(%error, "a client left before accept"),
            Err(error) => {
                tracing::warn!(%error, pause_ms = pause.as_millis(), "cannot accept connections, will try again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(BACKOFF_LONGEST);
            }
        }
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests;
