//! Whoever stops waiting stops the work at the upstream.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::testing::until;

/// Counts connections whose other end is gone.
fn counter() -> (Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    (Arc::clone(&count), count)
}

#[tokio::test]
async fn dropping_the_request_closes_the_connection() {
    let (count, gone) = counter();
    let (heads, arrived) = counter();
    let server = scripted(move |mut stream, _| {
        let (count, heads) = (Arc::clone(&count), Arc::clone(&heads));
        async move {
            read_head(&mut stream).await;
            heads.fetch_add(1, Ordering::SeqCst);
            closed(&mut stream).await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    let client = client();
    let url = format!("http://{}/", server.addr);
    let (site, limits) = (site(), deadlines());
    tokio::select! {
        _ = client.send(&site, get(&url), &limits) => panic!("there is no answer"),
        () = until(|| arrived.load(Ordering::SeqCst) == 1) => {}
    }
    until(|| gone.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn dropping_a_body_in_the_middle_closes_the_connection() {
    for framing in ["content-length: 1000", "transfer-encoding: chunked"] {
        let (count, gone) = counter();
        let head = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n5\r\nfirst\r\n");
        let server = scripted(move |mut stream, _| {
            let (count, head) = (Arc::clone(&count), head.clone());
            async move {
                read_head(&mut stream).await;
                stream.write_all(head.as_bytes()).await.unwrap();
                closed(&mut stream).await;
                count.fetch_add(1, Ordering::SeqCst);
            }
        })
        .await;
        let client = client();
        let url = format!("http://{}/", server.addr);
        let mut reply = client.send(&site(), get(&url), &deadlines()).await.unwrap();
        assert!(reply.body.next().await.unwrap().is_ok());
        assert_eq!(gone.load(Ordering::SeqCst), 0);
        drop(reply);
        until(|| gone.load(Ordering::SeqCst) == 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_deadline_closes_the_connection_too() {
    let (count, gone) = counter();
    let server = scripted(move |mut stream, _| {
        let count = Arc::clone(&count);
        async move {
            read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc").await.unwrap();
            closed(&mut stream).await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    let client = client();
    let limits = Deadlines { idle: Duration::from_secs(7), ..deadlines() };
    let mut reply = client.send(&site(), get(&format!("http://{}/", server.addr)), &limits).await.unwrap();
    assert_eq!(reply.body.next().await.unwrap().unwrap(), "abc");
    assert!(matches!(reply.body.next().await, Some(Err(ReadError::Idle(limit))) if limit.as_secs() == 7));
    drop(reply);
    until(|| gone.load(Ordering::SeqCst) == 1).await;
}
