//! Bodies arrive whole or not at all, packed or not, in whatever pieces the network makes of them.

use super::*;
use crate::coding::tests::WAYS;
use crate::testing::Scripted;

/// Sends a head, then the pieces, one write each.
async fn pieces(head: String, pieces: Vec<Bytes>) -> Scripted {
    scripted(move |mut stream, _| {
        let (head, pieces) = (head.clone(), pieces.clone());
        async move {
            read_head(&mut stream).await;
            stream.write_all(head.as_bytes()).await.unwrap();
            for piece in pieces {
                if stream.write_all(&piece).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        }
    })
    .await
}

fn chunked(bytes: &Bytes, size: usize) -> Vec<Bytes> {
    let chunk = |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat().into();
    bytes.chunks(size).map(chunk).chain([Bytes::from_static(b"0\r\n\r\n")]).collect()
}

async fn reply_of(server: &Scripted) -> UpstreamReply {
    client().send(&site(), get(&format!("http://{}/", server.addr)), &deadlines()).await.unwrap()
}

#[tokio::test]
async fn every_coding_is_undone_however_it_is_cut() {
    let text: Bytes = (0..3000).map(|number| format!("line {number}\n")).collect::<String>().into();
    for (name, pack) in WAYS {
        let packed = pack(text.clone());
        for size in [1, 2, 3, 7, 1000, packed.len()] {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {name}\r\ntransfer-encoding: chunked\r\n\r\n");
            let server = pieces(head, chunked(&packed, size)).await;
            let reply = reply_of(&server).await;
            assert!(!reply.headers.contains_key("content-encoding"), "{name}");
            assert_eq!(reply.body.collect(text.len()).await.unwrap(), text, "{name} by {size}");
        }
    }
}

#[tokio::test]
async fn a_packed_answer_loses_its_length_and_keeps_its_other_headers() {
    let (name, pack) = WAYS[0];
    let packed = pack(Bytes::from_static(b"text"));
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: {name}\r\ncontent-length: {}\r\nx-a: b\r\n\r\n", packed.len());
    let server = pieces(head, vec![packed]).await;
    let reply = reply_of(&server).await;
    assert_eq!(reply.headers.keys().map(http::HeaderName::as_str).collect::<Vec<_>>(), ["x-a"]);
    assert_eq!(reply.body.remaining(), None);
    assert_eq!(reply.body.collect(4).await.unwrap(), "text");
}

#[tokio::test]
async fn stacked_codings_are_undone_and_unknown_ones_pass_through() {
    let text = Bytes::from_static(b"stacked stacked stacked");
    let packed = WAYS[3].1(WAYS[0].1(text.clone()));
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip, br\r\ntransfer-encoding: chunked\r\n\r\n";
    let server = pieces(head.to_owned(), chunked(&packed, 3)).await;
    assert_eq!(reply_of(&server).await.body.collect(1000).await.unwrap(), text);
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: snappy\r\ncontent-length: 3\r\n\r\n";
    let server = pieces(head.to_owned(), vec![Bytes::from_static(b"abc")]).await;
    let reply = reply_of(&server).await;
    assert_eq!(reply.headers["content-encoding"], "snappy");
    assert_eq!(reply.body.collect(3).await.unwrap(), "abc");
}

#[tokio::test]
async fn a_packed_event_is_delivered_when_it_was_flushed_not_at_the_end() {
    use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZstdEncoder};
    use tokio::io::AsyncWrite;
    fn encoder(name: &str) -> Box<dyn FnOnce(tokio::io::DuplexStream) -> Box<dyn AsyncWrite + Send + Unpin>> {
        match name {
            "gzip" => Box::new(|to| Box::new(GzipEncoder::new(to))),
            "br" => Box::new(|to| Box::new(BrotliEncoder::new(to))),
            _ => Box::new(|to| Box::new(ZstdEncoder::new(to))),
        }
    }
    for name in ["gzip", "br", "zstd"] {
        let (near, mut far) = tokio::io::duplex(64 * 1024);
        let mut packer = encoder(name)(near);
        packer.write_all(b"data: first event\n\n").await.unwrap();
        packer.flush().await.unwrap();
        let mut flushed = bytes::BytesMut::with_capacity(4096);
        tokio::io::AsyncReadExt::read_buf(&mut far, &mut flushed).await.unwrap();
        let flushed = flushed.freeze();
        let server = scripted(move |mut stream, _| {
            let flushed = flushed.clone();
            async move {
                read_head(&mut stream).await;
                let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {name}\r\n\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(&flushed).await.unwrap();
                closed(&mut stream).await;
            }
        })
        .await;
        let mut reply = reply_of(&server).await;
        assert_eq!(reply.body.next().await.unwrap().unwrap(), "data: first event\n\n", "{name}");
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_error_in_every_framing() {
    let cases = [
        ("content-length: 10", "12345"),
        ("transfer-encoding: chunked", "5\r\n12345\r\n"),
        ("transfer-encoding: chunked", "5\r\n123"),
        ("transfer-encoding: chunked", "5\r\n12345\r\n0\r\n"),
    ];
    for (framing, body) in cases {
        let server = answering(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{body}")).await;
        let error = reply_of(&server).await.body.collect(100).await.unwrap_err();
        assert!(matches!(error, ReadError::Truncated(_)), "{framing} {body}: {error:?}");
    }
    let server = answering("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nto the end").await;
    assert_eq!(reply_of(&server).await.body.collect(100).await.unwrap(), "to the end");
}

#[tokio::test]
async fn a_packed_body_that_ends_early_or_lies_is_an_error() {
    for (name, pack) in WAYS {
        let packed = pack(Bytes::from(vec![b'x'; 1000]));
        let cut = packed.slice(..packed.len() - 3);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {name}\r\ntransfer-encoding: chunked\r\n\r\n");
        let server = pieces(head.clone(), chunked(&cut, 5)).await;
        let error = reply_of(&server).await.body.collect(10_000).await.unwrap_err();
        assert!(matches!(error, ReadError::Truncated(_) | ReadError::Corrupt { .. }), "{name}: {error:?}");
        // The connection's own failure is not blamed on the packing.
        let server = pieces(head.clone(), chunked(&cut, 5)[..3].to_vec()).await;
        let error = reply_of(&server).await.body.collect(10_000).await.unwrap_err();
        assert!(matches!(error, ReadError::Truncated(_)), "{name}: {error:?}");
        let server = pieces(head, chunked(&Bytes::from_static(b"\xffnot packed"), 4)).await;
        let error = reply_of(&server).await.body.collect(10_000).await.unwrap_err();
        assert!(matches!(error, ReadError::Corrupt { .. } | ReadError::Truncated(_)), "{name}: {error:?}");
    }
}

#[tokio::test]
async fn collecting_stops_at_the_limit_for_plain_and_packed() {
    let server = answering("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n123456").await;
    assert_eq!(reply_of(&server).await.body.collect(6).await.unwrap(), "123456");
    assert!(matches!(reply_of(&server).await.body.collect(5).await, Err(ReadError::TooLarge(5))));
    let packed = WAYS[0].1(Bytes::from(vec![0; 10_000_000]));
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n".to_owned();
    let server = pieces(head, vec![packed]).await;
    assert!(matches!(reply_of(&server).await.body.collect(100_000).await, Err(ReadError::TooLarge(100_000))));
}

#[tokio::test(start_paused = true)]
async fn the_idle_deadline_counts_from_the_last_chunk() {
    let (release, gate) = tokio::sync::mpsc::unbounded_channel::<&'static str>();
    let gate = Arc::new(tokio::sync::Mutex::new(gate));
    let server = scripted(move |mut stream, _| {
        let gate = Arc::clone(&gate);
        async move {
            read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n").await.unwrap();
            while let Some(text) = gate.lock().await.recv().await {
                stream.write_all(text.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let client = client();
    let limits = Deadlines { idle: Duration::from_secs(10), ..deadlines() };
    let mut reply = client.send(&site(), get(&format!("http://{}/", server.addr)), &limits).await.unwrap();
    for _ in 0..5 {
        // Just under the limit each time: together far beyond it.
        let late = async {
            tokio::time::sleep(Duration::from_secs(9)).await;
            release.send("x").unwrap();
        };
        let (chunk, ()) = tokio::join!(reply.body.next(), late);
        assert_eq!(chunk.unwrap().unwrap(), "x");
    }
    let started = Instant::now();
    assert!(matches!(reply.body.next().await, Some(Err(ReadError::Idle(_)))));
    let waited = started.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_secs(11)).contains(&waited), "{waited:?}");
}
