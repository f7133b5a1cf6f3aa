//! Bare hyper reverse proxies: one per thread model, each doing nothing but passing requests on. The chosen one
//! is the limit against which the product is measured; the others are kept so that the choice can be repeated.

mod pool;

use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::body::Incoming;
use hyper::http::uri::{Authority, Scheme};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::Result;
use pool::{Body, Inline, Pooled};

/// How the proxy uses threads and upstream connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Work-stealing runtime, one legacy client for all.
    Shared,
    /// A current-thread runtime per core, each with a `SO_REUSEPORT` listener and a legacy client.
    PerCore,
    /// As `PerCore`, but one thread accepts and gives each connection to the thread that has the fewest.
    Handed,
    /// As `Handed`, but upstream connections wait in a hand-made stack per thread.
    Stack,
    /// As `Stack`, and the upstream connection is driven inside the request's own task.
    Inline,
}

impl Model {
    /// All of them, in the order in which tables show them.
    pub const ALL: [Self; 5] = [Self::Shared, Self::PerCore, Self::Handed, Self::Stack, Self::Inline];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::PerCore => "percore",
            Self::Handed => "handed",
            Self::Stack => "stack",
            Self::Inline => "inline",
        }
    }
}

impl FromStr for Model {
    type Err = crate::Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(Self::ALL.into_iter().find(|model| model.name() == name).ok_or("no such thread model")?)
    }
}

/// Serves until the process is ended; prints `listening ADDRESS` when ready.
pub fn run(model: Model, upstream: SocketAddr, threads: usize) -> Result<()> {
    let upstream = Authority::from_str(&upstream.to_string())?;
    match model {
        Model::Shared => run_shared(upstream, threads),
        Model::PerCore => run_reuseport(upstream, threads),
        Model::Handed | Model::Stack | Model::Inline => run_handed(model, upstream, threads),
    }
}

/// Sends requests on. One value per runtime; clones share the connections.
#[derive(Clone, Debug)]
enum Upstream {
    Legacy(Client<HttpConnector, Incoming>, Authority),
    Stack(Authority),
    Inline(Authority),
}

impl Upstream {
    fn new(model: Model, authority: Authority) -> Self {
        match model {
            Model::Shared | Model::PerCore | Model::Handed => {
                let mut connector = HttpConnector::new();
                connector.set_nodelay(true);
                Self::Legacy(Client::builder(TokioExecutor::new()).build(connector), authority)
            }
            Model::Stack => Self::Stack(authority),
            Model::Inline => Self::Inline(authority),
        }
    }

    async fn pass(&self, mut request: Request<Incoming>) -> Result<Response<Body>> {
        match self {
            Self::Legacy(client, authority) => {
                request.headers_mut().remove(hyper::header::HOST);
                *request.uri_mut() = absolute(request.uri(), authority)?;
                Ok(client.request(request).await?.map(Body::Plain))
            }
            Self::Stack(authority) => Pooled::send(authority, request).await,
            Self::Inline(authority) => Inline::send(authority, request).await,
        }
    }
}

fn absolute(uri: &Uri, authority: &Authority) -> Result<Uri> {
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority.clone());
    Ok(Uri::from_parts(parts)?)
}

async fn answer(upstream: Upstream, request: Request<Incoming>) -> std::result::Result<Response<Body>, Infallible> {
    Ok(upstream.pass(request).await.unwrap_or_else(|_| {
        let mut failed = Response::new(Body::Empty);
        *failed.status_mut() = StatusCode::BAD_GATEWAY;
        failed
    }))
}

async fn serve(stream: TcpStream, upstream: Upstream) {
    let service = hyper::service::service_fn(move |request| answer(upstream.clone(), request));
    // A client that hangs up is not an event here.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn run_shared(authority: Authority, threads: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listen(0)?)?;
        announce(listener.local_addr()?)?;
        accept(listener, Upstream::new(Model::Shared, authority)).await
    })
}

fn run_reuseport(authority: Authority, threads: usize) -> Result<()> {
    let first = listen(0)?;
    let addr = first.local_addr()?;
    for index in 1..threads {
        let (listener, authority) = (listen(addr.port())?, authority.clone());
        worker(index, move || async move {
            accept(TcpListener::from_std(listener)?, Upstream::new(Model::PerCore, authority)).await
        })?;
    }
    announce(addr)?;
    runtime()?.block_on(async { accept(TcpListener::from_std(first)?, Upstream::new(Model::PerCore, authority)).await })
}

async fn accept(listener: TcpListener, upstream: Upstream) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, upstream.clone()));
    }
}

/// A worker as its acceptor sees it.
#[derive(Debug)]
struct Hand {
    sockets: mpsc::UnboundedSender<std::net::TcpStream>,
    open: Arc<AtomicUsize>,
}

fn run_handed(model: Model, authority: Authority, threads: usize) -> Result<()> {
    let listener = listen(0)?;
    listener.set_nonblocking(false)?;
    let mut hands = Vec::new();
    for index in 0..threads {
        let (sockets, inbox) = mpsc::unbounded_channel();
        let open = Arc::new(AtomicUsize::new(0));
        hands.push(Hand { sockets, open: open.clone() });
        let authority = authority.clone();
        worker(index, move || work(inbox, open, Upstream::new(model, authority)))?;
    }
    announce(listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let hand = hands.iter().min_by_key(|hand| hand.open.load(Ordering::Relaxed)).ok_or("no workers")?;
        hand.open.fetch_add(1, Ordering::Relaxed);
        hand.sockets.send(stream)?;
    }
}

async fn work(
    mut inbox: mpsc::UnboundedReceiver<std::net::TcpStream>,
    open: Arc<AtomicUsize>,
    upstream: Upstream,
) -> Result<()> {
    while let Some(stream) = inbox.recv().await {
        let (stream, upstream, open) = (TcpStream::from_std(stream)?, upstream.clone(), open.clone());
        tokio::spawn(async move {
            serve(stream, upstream).await;
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
    Ok(())
}

fn worker<F>(index: usize, work: impl FnOnce() -> F + Send + 'static) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let runtime = runtime()?;
    std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || runtime.block_on(work()))?;
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// A non-blocking loopback listener with `SO_REUSEPORT`; port 0 lets the system choose.
fn listen(port: u16) -> Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into())?;
    socket.listen(8192)?;
    Ok(socket.into())
}

fn announce(addr: SocketAddr) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening {addr}")?;
    Ok(out.flush()?)
}
