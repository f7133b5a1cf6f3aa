//! HTTP/2 and HTTP/1.1 over TLS.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::sync::Notify;

use super::*;
use crate::testing::{Certificates, Served, certificates, until};
use crate::{BoxError, Chunks};

fn trusting(made: &Certificates) -> Client {
    Client::new(ClientOptions { tls: made.client(), ..ClientOptions::default() })
}

fn url(server: &Served) -> String {
    format!("https://localhost:{}/path?q", server.addr.port())
}

#[tokio::test]
async fn http2_is_agreed_on_where_it_may_be() {
    let made = certificates();
    let server = hello(Some(made.server()));
    let client = trusting(&made);
    let reply = client.send(&site(), post(&url(&server), "body"), &deadlines()).await.unwrap();
    let seen = reply.headers["x-seen"].to_str().unwrap().to_owned();
    assert!(seen.starts_with("HTTP/2.0 https://localhost:"), "{seen}");
    assert!(seen.contains("/path?q {\"content-length\": \"4\"}"), "{seen}");
    assert_eq!(reply.body.collect(9).await.unwrap(), "hello");
    let old = Site { versions: Versions::Http1, ..site() };
    let reply = client.send(&old, post(&url(&server), "body"), &deadlines()).await.unwrap();
    assert!(reply.headers["x-seen"].to_str().unwrap().starts_with("HTTP/1.1 /path?q "));
    assert_eq!(reply.body.collect(9).await.unwrap(), "hello");
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn a_cold_burst_makes_one_connection() {
    let made = certificates();
    let server = hello(Some(made.server()));
    let client = trusting(&made);
    let tasks = Tasks::new();
    let answered = Arc::new(AtomicUsize::new(0));
    for _ in 0..30 {
        let (client, url, answered) = (client.clone(), url(&server), Arc::clone(&answered));
        tasks.spawn(async move {
            let reply = client.send(&site(), get(&url), &deadlines()).await.unwrap();
            assert_eq!(reply.body.collect(9).await.unwrap(), "hello");
            answered.fetch_add(1, Ordering::SeqCst);
        });
    }
    tasks.idle().await;
    assert_eq!((answered.load(Ordering::SeqCst), server.accepted()), (30, 1));
}

#[tokio::test]
async fn more_requests_than_streams_open_another_connection() {
    let made = certificates();
    let (gate, inside) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (held, entered) = (Arc::clone(&gate), Arc::clone(&inside));
    let options = ServeOptions { max_streams: 2, ..ServeOptions::default() };
    let server = served(Some(made.server()), options, move |_, _| {
        let (held, entered) = (Arc::clone(&held), Arc::clone(&entered));
        async move {
            // The first answers at once: the client then knows how many streams it may open.
            if entered.fetch_add(1, Ordering::SeqCst) > 0 {
                held.notified().await;
            }
            Response::new(ReplyBody::empty())
        }
    });
    let client = trusting(&made);
    client.send(&site(), get(&url(&server)), &deadlines()).await.unwrap();
    let tasks = Tasks::new();
    for number in 0..5 {
        let (client, url) = (client.clone(), url(&server));
        tasks.spawn(async move {
            client.send(&site(), get(&url), &deadlines()).await.unwrap();
        });
        until(|| inside.load(Ordering::SeqCst) == number + 2).await;
    }
    assert_eq!(server.accepted(), 3);
    for _ in 0..5 {
        gate.notify_one();
        tokio::task::yield_now().await;
    }
    tasks.idle().await;
}

/// A stream that yields once and then hangs, and tells when it is dropped.
struct Endless {
    first: Option<Bytes>,
    dropped: Arc<AtomicBool>,
}

impl Chunks for Endless {
    fn poll_chunk(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        self.first.take().map_or(Poll::Pending, |first| Poll::Ready(Some(Ok(first))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn dropping_an_http2_body_resets_its_stream_and_keeps_the_connection() {
    let made = certificates();
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&dropped);
    let server = served(Some(made.server()), ServeOptions::default(), move |_, _| {
        let body = Endless { first: Some(Bytes::from("first")), dropped: Arc::clone(&flag) };
        async move { Response::new(ReplyBody::stream(body)) }
    });
    let client = trusting(&made);
    for _ in 0..2 {
        let mut reply = client.send(&site(), get(&url(&server)), &deadlines()).await.unwrap();
        assert_eq!(reply.body.next().await.unwrap().unwrap(), "first");
        assert!(!dropped.load(Ordering::SeqCst));
        drop(reply);
        until(|| dropped.swap(false, Ordering::SeqCst)).await;
    }
    assert_eq!(server.accepted(), 1);
}

/// A stream that the test feeds.
struct Fed(tokio::sync::mpsc::UnboundedReceiver<Result<Bytes, BoxError>>);

impl Chunks for Fed {
    fn poll_chunk(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        self.0.poll_recv(cx)
    }
}

#[tokio::test]
async fn a_server_that_cuts_an_http2_answer_is_noticed() {
    let made = certificates();
    let (feed, fed) = tokio::sync::mpsc::unbounded_channel();
    let fed = Mutex::new(Some(Fed(fed)));
    let server = served(Some(made.server()), ServeOptions::default(), move |_, _| {
        let body = fed.lock().unwrap().take().unwrap();
        async move { Response::new(ReplyBody::stream(body)) }
    });
    feed.send(Ok(Bytes::from("first"))).unwrap();
    let mut reply = trusting(&made).send(&site(), get(&url(&server)), &deadlines()).await.unwrap();
    assert_eq!(reply.body.next().await.unwrap().unwrap(), "first");
    feed.send(Err("broke".into())).unwrap();
    assert!(matches!(reply.body.next().await, Some(Err(ReadError::Truncated(_)))));
}

#[tokio::test]
async fn after_a_goaway_the_next_request_gets_a_new_connection() {
    let made = certificates();
    let client = trusting(&made);
    let server = hello(Some(made.server()));
    let reply = client.send(&site(), get(&url(&server)), &deadlines()).await.unwrap();
    reply.body.collect(9).await.unwrap();
    let (addr, port) = (server.addr, url(&server));
    server.drain.start(Duration::from_secs(9));
    server.done.await.unwrap();
    until(|| std::net::TcpStream::connect(addr).is_err()).await;
    let error = client.send(&site(), get(&port), &deadlines()).await.unwrap_err();
    assert!(matches!(error, SendError::Connect(ConnectError::Tcp { .. })), "a new one was tried: {error:?}");
}

#[tokio::test]
async fn strangers_and_wrong_names_are_refused_with_the_reason() {
    let made = certificates();
    let server = hello(Some(made.server()));
    let error = client().send(&site(), get(&url(&server)), &deadlines()).await.unwrap_err();
    let SendError::Connect(ConnectError::Tls { host, reason }) = error else { panic!("{error:?}") };
    assert_eq!(host, "localhost");
    assert!(reason.contains("certificate"), "{reason}");
    // 127.0.0.2 is the same machine under a name that the certificate does not have.
    let listener = crate::Listener::bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let other = format!("https://127.0.0.2:{}/", listener.addr().port());
    let (_drain, watch) = crate::Drain::new();
    let tasks = Tasks::new();
    let (acceptor, tls) = (listener.start().unwrap(), made.server());
    tasks.spawn(async move {
        crate::serve(acceptor, Some(tls), ServeOptions::default(), |_, _| async { Response::default() }, watch).await;
    });
    let error = trusting(&made).send(&site(), get(&other), &deadlines()).await.unwrap_err();
    assert!(matches!(&error, SendError::Connect(ConnectError::Tls { .. })), "{error:?}");
}

#[tokio::test]
async fn cleartext_where_tls_is_expected_is_a_tls_error() {
    let server = hello(None);
    let error = client().send(&site(), get(&url(&server)), &deadlines()).await.unwrap_err();
    assert!(matches!(error, SendError::Connect(ConnectError::Tls { .. })), "{error:?}");
}

#[tokio::test]
async fn a_reload_changes_the_identity_of_new_connections() {
    let (old, new) = (certificates(), certificates());
    let tls = old.server();
    let server = hello(Some(tls.clone()));
    assert!(trusting(&old).send(&site(), get(&url(&server)), &deadlines()).await.is_ok());
    tls.reload(&new.certificate, &new.key).unwrap();
    assert!(trusting(&old).send(&site(), get(&url(&server)), &deadlines()).await.is_err());
    assert!(trusting(&new).send(&site(), get(&url(&server)), &deadlines()).await.is_ok());
}
