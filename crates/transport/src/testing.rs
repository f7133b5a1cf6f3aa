//! What the tests of this crate share: a server around a closure, scripted peers, certificates.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{Client, ClientOptions, ClientTls, Deadlines, Site};
use crate::listen::{Accept, Accepted, Acceptor};
use crate::{Drain, Listener, PeerInfo, ReplyBody, ServeOptions, ServerTls, Tasks, serve};

pub(crate) const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A running server; dropping it cuts it off.
pub(crate) struct Served {
    pub(crate) addr: SocketAddr,
    pub(crate) drain: Drain,
    pub(crate) accepted: Arc<AtomicUsize>,
    pub(crate) done: tokio::sync::oneshot::Receiver<crate::Drained>,
    _tasks: Tasks,
}

impl Served {
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }
}

struct Counting(Acceptor, Arc<AtomicUsize>);

impl Accept for Counting {
    async fn accept(&mut self) -> std::io::Result<Option<Accepted>> {
        let accepted = self.0.accept().await?;
        self.1.fetch_add(1, Ordering::SeqCst);
        Ok(accepted)
    }
}

pub(crate) fn served<S, F>(tls: Option<ServerTls>, options: ServeOptions, service: S) -> Served
where
    S: Fn(Request<Incoming>, PeerInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Response<ReplyBody>> + Send + 'static,
{
    let listener = Listener::bind(LOCAL).unwrap();
    let addr = listener.addr();
    let accepted = Arc::new(AtomicUsize::new(0));
    let source = Counting(listener.start().unwrap(), Arc::clone(&accepted));
    let (drain, watch) = Drain::new();
    let (ended, done) = tokio::sync::oneshot::channel();
    let tasks = Tasks::new();
    tasks.spawn(async move {
        let _ = ended.send(serve(source, tls, options, service, watch).await);
    });
    Served { addr, drain, accepted, done, _tasks: tasks }
}

/// A server that answers "hello" and tells what it saw in headers.
pub(crate) fn hello(tls: Option<ServerTls>) -> Served {
    served(tls, ServeOptions::default(), |request, _| async move {
        let seen = format!("{:?} {} {:?}", request.version(), request.uri(), request.headers());
        Response::builder().header("x-seen", seen).body(ReplyBody::whole("hello")).unwrap()
    })
}

/// A peer that plays one script per connection, in order.
pub(crate) struct Scripted {
    pub(crate) addr: SocketAddr,
    _tasks: Tasks,
}

/// Runs `script` for every connection.
pub(crate) async fn scripted<S, F>(script: S) -> Scripted
where
    S: Fn(TcpStream, usize) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(LOCAL).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let tasks = Tasks::new();
    let spawner = tasks.spawner();
    tasks.spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            spawner.spawn(script(stream, number));
        }
    });
    Scripted { addr, _tasks: tasks }
}

/// Reads to the end of an HTTP/1.1 head.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            break;
        }
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A peer that reads a request head and answers with fixed bytes, then closes.
pub(crate) async fn answering(bytes: impl Into<Bytes>) -> Scripted {
    let bytes = bytes.into();
    scripted(move |mut stream, _| {
        let bytes = bytes.clone();
        async move {
            read_head(&mut stream).await;
            let _ = stream.write_all(&bytes).await;
        }
    })
    .await
}

/// Waits until the other side has closed or reset the connection.
pub(crate) async fn closed(stream: &mut TcpStream) {
    let mut sink = [0; 1024];
    while !matches!(stream.read(&mut sink).await, Ok(0) | Err(_)) {}
}

/// A throw-away authority with a certificate for `localhost` and 127.0.0.1.
pub(crate) struct Certificates {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn certificates() -> Certificates {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    Certificates { certificate, key, folder }
}

impl Certificates {
    pub(crate) fn server(&self) -> ServerTls {
        ServerTls::from_files(&self.certificate, &self.key).unwrap()
    }

    pub(crate) fn client(&self) -> ClientTls {
        ClientTls::with_authorities(std::slice::from_ref(&self.certificate)).unwrap()
    }
}

pub(crate) fn client() -> Client {
    Client::new(ClientOptions::default())
}

pub(crate) fn site() -> Site {
    Site::new("account-1")
}

pub(crate) fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

pub(crate) fn post(url: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(url).body(body.into()).unwrap()
}

pub(crate) fn deadlines() -> Deadlines {
    Deadlines::default()
}

/// Waits, without a fixed time, until something has become true.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}
