//! HTTP itself: broken heads, slow clients, pipelining, HTTP/2, TLS.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use testkit::{Gateway, Reply};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::edges::demo;
use crate::harness::{BEARER, MODEL, PATIENCE, Setup, assert_healthy, parse_request_lines, request_lines, soon};
use crate::tongue::{Chat, Messages};

/// A connection driven by hand.
pub(crate) struct Raw<T = TcpStream> {
    pub(crate) stream: T,
    pub(crate) seen: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(gateway: &Gateway) -> Self {
        Self::over(TcpStream::connect(host(gateway)).await.unwrap())
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Raw<T> {
    pub(crate) fn over(stream: T) -> Self {
        Self { stream, seen: Vec::new() }
    }

    /// Writes; a server that has hung up already is no failure here.
    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        _ = self.stream.write_all(bytes.as_ref()).await;
        _ = self.stream.flush().await;
    }

    /// Reads until `text` has come `count` times, or the connection has ended.
    pub(crate) async fn until(&mut self, text: &str, count: usize) -> String {
        let mut piece = [0; 8192];
        loop {
            let so_far = String::from_utf8_lossy(&self.seen).into_owned();
            if so_far.matches(text).count() >= count {
                return so_far;
            }
            match soon(self.stream.read(&mut piece)).await {
                Ok(0) | Err(_) => return so_far,
                Ok(n) => self.seen.extend_from_slice(&piece[..n]),
            }
        }
    }

    /// Reads to the end of the connection.
    pub(crate) async fn rest(&mut self) -> String {
        self.until("\u{0}never\u{0}", 1).await
    }
}

fn host(gateway: &Gateway) -> &str {
    gateway.url().split_once("://").unwrap().1
}

fn head(path: &str, length: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: {BEARER}\r\ncontent-length: {length}\r\n\r\n")
}

#[tokio::test]
async fn connections_are_kept_and_pipelined_requests_answered_in_order() {
    let gateway = demo().start().await;
    let mut raw = Raw::connect(&gateway).await;
    let mut all = String::new();
    for number in 0..5 {
        let mut body = Chat.body("demo", number == 2);
        body["messages"][0]["content"] = json!(format!("number-{number}"));
        let body = body.to_string();
        all += &format!("{}{body}", head(Chat.path(), body.len()));
    }
    all += "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    raw.say(all).await;
    let seen = raw.rest().await;
    assert_eq!(seen.matches("HTTP/1.1 200 OK").count(), 6, "{seen}");
    assert!(seen.trim_end().ends_with("{\"status\":\"ok\"}"), "{seen}");
    assert_eq!(request_lines(&gateway, 5).await.len(), 5);
}

#[tokio::test]
async fn headers_a_little_over_the_limit_are_a_431() {
    let setup = demo().with("limits", json!({"header-bytes": "8KiB", "header-count": 40}));
    let gateway = setup.start().await;
    for more in [format!("x-long: {}\r\n", "a".repeat(9 << 10)), "x-many: 1\r\n".repeat(60)] {
        let mut raw = Raw::connect(&gateway).await;
        raw.say(format!("GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n")).await;
        let seen = raw.rest().await;
        assert!(seen.starts_with("HTTP/1.1 431"), "{seen:?}");
    }
    // A head over our own limit is answered in the caller's dialect.
    let mut raw = Raw::connect(&gateway).await;
    let long = "a".repeat(9 << 10);
    raw.say(format!("GET /v1/models HTTP/1.1\r\nhost: x\r\nanthropic-version: 2023-06-01\r\nx-long: {long}\r\nconnection: close\r\n\r\n")).await;
    let seen = raw.rest().await;
    assert!(seen.contains("\"type\":\"error\"") && seen.contains("head is larger than 8192 bytes"), "{seen:?}");
    assert_healthy(&gateway).await;
}

#[tokio::test]
async fn what_is_no_http_harms_nobody() {
    let gateway = demo().start().await;
    for noise in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(),
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nnot the rest",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: a\x00b\r\n\r\n",
    ] {
        let mut raw = Raw::connect(&gateway).await;
        raw.say(noise).await;
        _ = raw.stream.shutdown().await;
        let seen = raw.rest().await;
        assert!(!seen.starts_with("HTTP/1.1 200"), "{noise:?}: {seen}");
        assert_healthy(&gateway).await;
    }
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_for_their_turn() {
    let gateway = demo().with("limits", json!({"connections": 4})).start().await;
    let mut holders = Vec::new();
    for _ in 0..4 {
        let mut raw = Raw::connect(&gateway).await;
        raw.say("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
        raw.until("\"ok\"", 1).await;
        holders.push(raw);
    }
    let mut fifth = Raw::connect(&gateway).await;
    fifth.say("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    tokio::select! {
        biased;
        seen = fifth.rest() => panic!("served beyond the cap: {seen}"),
        // The four go on being served.
        () = async {
            for raw in &mut holders {
                raw.seen.clear();
                raw.say("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
                assert!(raw.until("\"ok\"", 1).await.contains("200 OK"));
            }
        } => (),
    }
    holders.pop();
    assert!(fifth.rest().await.contains("200 OK"), "a place became free");
}

// === HTTP/2 ===

type Sender = http2::SendRequest<Full<Bytes>>;

async fn http2_over<T>(stream: T, tasks: &mut JoinSet<()>) -> Sender
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tasks.spawn(async move { _ = connection.await });
    sender
}

async fn ask_over(mut sender: Sender, scheme: &str, content: String, stream: bool) -> (StatusCode, String) {
    let mut body = Chat.body("demo", stream);
    body["messages"][0]["content"] = json!(content);
    let request = Request::builder().method(Method::POST).uri(format!("{scheme}://gateway{}", Chat.path()));
    let request = request.header("authorization", BEARER).body(Full::new(Bytes::from(body.to_string()))).unwrap();
    let response = soon(sender.send_request(request)).await.unwrap();
    let status = response.status();
    let body = transport::body::collect(response.into_body(), 1 << 20, PATIENCE).await.unwrap();
    (status, String::from_utf8_lossy(&body).into_owned())
}

async fn assert_multiplexed(sender: &Sender, scheme: &'static str) {
    let mut asking = JoinSet::new();
    for number in 0..20 {
        let ask = ask_over(sender.clone(), scheme, format!("number-{number}"), number % 2 == 0);
        asking.spawn(async move { (number, ask.await) });
    }
    while let Some(done) = soon(asking.join_next()).await {
        let (number, (status, text)) = done.unwrap();
        assert_eq!(status, 200, "{text}");
        assert!(!text.is_empty() && (number % 2 == 1 || text.contains("[DONE]")), "{number}: {text}");
    }
}

#[tokio::test]
async fn http2_is_spoken_by_prior_knowledge() {
    let gateway = demo().start().await;
    let mut tasks = JoinSet::new();
    let sender = http2_over(TcpStream::connect(host(&gateway)).await.unwrap(), &mut tasks).await;
    assert_multiplexed(&sender, "http").await;
    assert_eq!(request_lines(&gateway, 20).await.len(), 20);
}

#[tokio::test]
async fn a_stream_reset_over_http2_cancels_the_upstream() {
    let fake = Messages.fake().await;
    let gateway = fake.gateway().await;
    fake.script(Reply::lively().stall_after(6, &testkit::Gate::new()));
    let mut tasks = JoinSet::new();
    let mut sender = http2_over(TcpStream::connect(host(&gateway)).await.unwrap(), &mut tasks).await;
    let request = Request::builder().method(Method::POST).uri(format!("http://gateway{}", Chat.path()));
    let body = Full::new(Bytes::from(Chat.body(MODEL, true).to_string()));
    let request = request.header("authorization", BEARER).body(body).unwrap();
    let mut response = soon(sender.send_request(request)).await.unwrap();
    assert!(soon(response.body_mut().frame()).await.is_some());
    drop(response);
    soon(fake.cancelled(1)).await;
    assert_eq!(request_lines(&gateway, 1).await[0]["status"], 499);
}

#[tokio::test]
async fn a_bomb_of_headers_over_http2_is_refused() {
    let gateway = demo().start().await;
    let mut tasks = JoinSet::new();
    let mut sender = http2_over(TcpStream::connect(host(&gateway)).await.unwrap(), &mut tasks).await;
    let mut request = Request::builder().uri("http://gateway/v1/models").header("authorization", BEARER);
    for number in 0..40 {
        request = request.header(format!("x-bomb-{number}"), "a".repeat(8 << 10));
    }
    let answer = soon(sender.send_request(request.body(Full::new(Bytes::new())).unwrap())).await;
    let refused = answer.map_or(true, |response| response.status() == 431);
    assert!(refused, "neither an error nor a 431");
    assert_eq!(ask_over(sender, "http", "still served".to_owned(), false).await.0, 200);
    soon(gateway.log_until(|log| parse_request_lines(log).iter().any(|line| line["ended"] == "refused"))).await;
    let lines = request_lines(&gateway, 2).await;
    let refused: Vec<_> = lines.iter().filter(|line| line["ended"] == "refused").collect();
    assert_eq!((lines.len(), refused.len()), (2, 1), "{lines:?}");
    assert!(refused[0]["reason"].as_str().unwrap().contains("too large"), "{lines:?}");
    assert!(refused[0]["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{lines:?}");
    assert_healthy(&gateway).await;
}

#[tokio::test]
async fn a_head_over_http2_that_never_ends_is_cut_off() {
    let gateway = demo().with("limits", json!({"header-read-timeout": "1s"})).start().await;
    let mut raw = Raw::connect(&gateway).await;
    // Settings, then a head without its end.
    raw.say(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\0\0\0\0\x01\x82").await;
    raw.rest().await;
    let lines = request_lines(&gateway, 1).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0]["reason"].as_str().unwrap().contains("not whole within 1 s"), "{lines:?}");
    assert_healthy(&gateway).await;
}

// === TLS ===

/// A gateway with a certificate of its own, and what a client needs to trust it.
pub(crate) async fn encrypted_with(setup: Setup) -> (Gateway, Arc<rustls::RootCertStore>, tempfile::TempDir) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let gateway = setup.with("tls", json!({"enable": true, "cert": cert, "key": key})).start().await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    (gateway, Arc::new(roots), folder)
}

async fn encrypted() -> (Gateway, Arc<rustls::RootCertStore>, tempfile::TempDir) {
    encrypted_with(demo()).await
}

pub(crate) async fn tls(
    gateway: &Gateway,
    roots: &Arc<rustls::RootCertStore>,
    protocols: &[&str],
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(Arc::clone(roots)).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(host(gateway)).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    soon(tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap()
}

#[tokio::test]
async fn tls_speaks_both_versions_of_http() {
    let (gateway, roots, _folder) = encrypted().await;
    assert!(gateway.url().starts_with("https://"), "{}", gateway.url());

    let stream = tls(&gateway, &roots, &["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let mut tasks = JoinSet::new();
    let sender = http2_over(stream, &mut tasks).await;
    assert_multiplexed(&sender, "https").await;

    for protocols in [&["http/1.1"][..], &[]] {
        let mut stream = tls(&gateway, &roots, protocols).await;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut seen = String::new();
        soon(stream.read_to_string(&mut seen)).await.unwrap();
        assert!(seen.starts_with("HTTP/1.1 200 OK"), "{seen}");
    }
}

#[tokio::test]
async fn plain_http_on_a_tls_port_harms_nobody() {
    let (gateway, roots, _folder) = encrypted().await;
    let mut raw = Raw::connect(&gateway).await;
    raw.say("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(!raw.rest().await.starts_with("HTTP/1.1 200"));
    tls(&gateway, &roots, &[]).await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_is_a_clear_error() {
    let setup = demo().with("tls", json!({"enable": true, "cert": "no-cert.pem", "key": "no-key.pem"}));
    let error = Gateway::start(crate::harness::binary(), &setup.text()).await.unwrap_err().to_string();
    assert!(error.contains("no-cert.pem") || error.contains("no-key.pem"), "{error}");
}
