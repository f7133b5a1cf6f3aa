use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tokio::io::AsyncWriteExt;

use super::*;
use crate::testing::{answering, client, closed, deadlines, get, hello, post, read_head, scripted, served, site};
use crate::{ReplyBody, ServeOptions};

mod bodies;
mod cancel;
mod fetching;
mod pools;
mod proxies;
mod tls;

#[tokio::test]
async fn answers_come_and_nothing_is_added_but_host_and_length() {
    let server = hello(None);
    let client = client();
    let reply = client.send(&site(), post(&server.url("/a?b=c"), "body"), &deadlines()).await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.connection), (200, Freshness::New));
    let seen = reply.headers["x-seen"].to_str().unwrap().to_owned();
    assert_eq!(reply.body.collect(100).await.unwrap(), "hello");
    let host = format!("\"host\": \"{}\"", server.addr);
    assert!(seen.starts_with("HTTP/1.1 /a?b=c {"), "{seen}");
    assert!(seen.contains(&host) && seen.contains("\"content-length\": \"4\""), "{seen}");
    assert_eq!(seen.matches("\": \"").count(), 2, "{seen}");
    let reply = client.send(&site(), get(&server.url("")), &deadlines()).await.unwrap();
    assert_eq!(reply.connection, Freshness::Reused);
    assert_eq!(reply.headers["x-seen"].to_str().unwrap(), format!("HTTP/1.1 / {{{host}}}"));
}

#[tokio::test]
async fn a_given_host_and_an_empty_posts_length_are_sent() {
    let server = hello(None);
    let mut request = post(&server.url("/"), "");
    request.headers_mut().insert(HOST, HeaderValue::from_static("other.example"));
    let reply = client().send(&site(), request, &deadlines()).await.unwrap();
    let seen = reply.headers["x-seen"].to_str().unwrap();
    assert!(seen.contains("\"host\": \"other.example\"") && seen.contains("\"content-length\": \"0\""), "{seen}");
}

#[tokio::test]
async fn redirects_are_handed_back() {
    let server = answering("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await;
    let reply = client().send(&site(), get(&format!("http://{}/", server.addr)), &deadlines()).await.unwrap();
    assert_eq!(reply.status, 302);
}

#[tokio::test]
async fn requests_that_cannot_be_sent_say_why() {
    for url in ["/relative", "ftp://host/", "http://user:pass@host/"] {
        let error = client().send(&site(), get(url), &deadlines()).await.unwrap_err();
        assert!(matches!(error, SendError::Invalid(_)), "{url}: {error}");
        assert!(!error.to_string().contains("pass"), "{error}");
    }
}

#[tokio::test]
async fn refused_and_unknown_hosts_are_told_apart_and_are_unsent() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = client().send(&site(), get(&format!("http://{closed}/?secret=1")), &deadlines()).await.unwrap_err();
    assert!(matches!(error, SendError::Connect(ConnectError::Tcp { .. })), "{error:?}");
    assert!(error.is_unsent() && !error.to_string().contains("secret"), "{error}");
    let error = client().send(&site(), get("http://nowhere.invalid/?secret=1"), &deadlines()).await.unwrap_err();
    assert!(matches!(error, SendError::Connect(ConnectError::Dns { .. })), "{error:?}");
    assert!(error.is_unsent() && !error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn the_policy_of_a_site_blocks_before_anything_is_sent() {
    let server = hello(None);
    let strict = Site { policy: AddressPolicy::PublicOnly, ..site() };
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{}/", server.addr.port());
        let error = client().send(&strict, get(&url), &deadlines()).await.unwrap_err();
        assert!(matches!(error, SendError::Connect(ConnectError::Blocked { .. })), "{host}: {error:?}");
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test(start_paused = true)]
async fn each_phase_has_its_own_deadline() {
    let silent = scripted(|mut stream, _| async move { closed(&mut stream).await }).await;
    let limits = Deadlines {
        connect: Duration::from_secs(1),
        first_byte: Some(Duration::from_secs(2)),
        idle: Duration::from_secs(3),
    };
    let error = client().send(&site(), get(&format!("http://{}/", silent.addr)), &limits).await.unwrap_err();
    assert!(matches!(error, SendError::Timeout { phase: Phase::FirstByte, after } if after.as_secs() == 2), "{error}");
    assert!(!error.is_unsent());
    // TLS with a peer that says nothing belongs to connecting.
    let error = client().send(&site(), get(&format!("https://{}/", silent.addr)), &limits).await.unwrap_err();
    assert!(matches!(error, SendError::Timeout { phase: Phase::Connect, after } if after.as_secs() == 1), "{error}");
    assert!(error.is_unsent());
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_error() {
    for garbage in ["SSH-2.0-OpenSSH_9.9\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "\0\0\0\0\0\0\0\0\0\r\n\r\n"] {
        let server = answering(garbage).await;
        let error = client().send(&site(), get(&format!("http://{}/", server.addr)), &deadlines()).await.unwrap_err();
        assert!(matches!(error, SendError::Protocol(_)), "{garbage}: {error:?}");
    }
}

#[tokio::test]
async fn a_close_without_an_answer_tells_whether_the_connection_was_an_old_one() {
    let server = answering("").await;
    let url = format!("http://{}/", server.addr);
    let error = client().send(&site(), get(&url), &deadlines()).await.unwrap_err();
    assert!(matches!(error, SendError::Reset { connection: Freshness::New, .. }), "{error:?}");
    assert!(!error.is_stale_connection());
    // Answers once, takes the second request, and closes without a word.
    let server = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        read_head(&mut stream).await;
    })
    .await;
    let url = format!("http://{}/", server.addr);
    let client = client();
    assert!(client.send(&site(), get(&url), &deadlines()).await.is_ok());
    let error = client.send(&site(), get(&url), &deadlines()).await.unwrap_err();
    assert!(error.is_stale_connection() && !error.is_unsent(), "{error:?}");
}

#[tokio::test]
async fn an_upgrade_hands_over_the_connection() {
    let server = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.split();
        let _ = tokio::io::copy(&mut read, &mut write).await;
    })
    .await;
    let mut request = get(&format!("http://{}/", server.addr));
    request.headers_mut().insert("connection", HeaderValue::from_static("upgrade"));
    request.headers_mut().insert("upgrade", HeaderValue::from_static("echo"));
    let client = client();
    let reply = client.send(&site(), request, &deadlines()).await.unwrap();
    let upgraded = reply.upgrade.unwrap().await.unwrap();
    let mut stream = hyper_util::rt::TokioIo::new(upgraded);
    stream.write_all(b"ping").await.unwrap();
    let mut echo = [0; 4];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut echo).await.unwrap();
    assert_eq!(&echo, b"ping");
}

#[test]
fn the_future_of_a_request_is_small() {
    let (client, site, limits) = (client(), site(), deadlines());
    let size = size_of_val(&client.send(&site, get("http://x/"), &limits));
    // It is boxed for each request. What is larger than this glibc's caches don't hold, and every request searches.
    assert!(size <= 1032, "{size} bytes for each request in flight");
}

#[test]
fn everything_can_move_between_threads() {
    fn send<T: Send>(_: &T) {}
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    let (client, site, limits) = (client(), site(), deadlines());
    shared(&client);
    send(&client.send(&site, get("http://x/"), &limits));
    send(&client.fetch("http://x/", &FetchLimits::default()));
}
