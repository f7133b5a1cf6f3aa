use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Writes the bytes in pieces of the given size and gives back the version and everything that is then read.
async fn told(bytes: &[u8], piece: usize) -> Option<(Version, Vec<u8>)> {
    let (mut near, far) = tokio::io::duplex(64);
    let write = async {
        for piece in bytes.chunks(piece) {
            near.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        drop(near);
    };
    let read = async {
        let (version, mut stream) = version(far, Instant::now() + std::time::Duration::from_secs(60)).await.unwrap()?;
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        Some((version, all))
    };
    tokio::join!(write, read).1
}

#[tokio::test]
async fn no_byte_is_lost_however_the_start_is_cut() {
    let http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nrest of it".as_slice();
    let cases = [
        (http2, Version::Http2),
        (b"POST / HTTP/1.1\r\n\r\n", Version::Http1),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n", Version::Http1),
        (b"PRI * HTTP/1.1\r\nHost: x\r\n\r\n and more", Version::Http1),
        (b"P", Version::Http1),
    ];
    for (bytes, version) in cases {
        for piece in 1..=bytes.len() {
            assert_eq!(told(bytes, piece).await, Some((version, bytes.to_vec())), "{piece}");
        }
    }
}

#[tokio::test]
async fn one_read_gives_all_that_is_there() {
    let (mut near, far) = tokio::io::duplex(256);
    near.write_all(&[b'x'; 100]).await.unwrap();
    let (_, mut stream) = version(far, Instant::now() + std::time::Duration::from_secs(60)).await.unwrap().unwrap();
    let mut buf = [0; 256];
    assert_eq!(stream.read(&mut buf).await.unwrap(), 100);
    near.write_all(b"and more").await.unwrap();
    assert_eq!(stream.read(&mut buf).await.unwrap(), 8);
}

#[tokio::test]
async fn a_client_without_a_word_is_no_version() {
    assert_eq!(told(b"", 1).await, None);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_late_has_the_bytes_that_came() {
    let deadline = || Instant::now() + std::time::Duration::from_secs(5);
    let (mut near, far) = tokio::io::duplex(64);
    near.write_all(b"PRI * HT").await.unwrap();
    let (told, mut stream) = version(far, deadline()).await.unwrap().unwrap();
    assert_eq!(told, Version::Http1);
    drop(near);
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"PRI * HT");

    let (_near, far) = tokio::io::duplex(64);
    assert!(version(far, deadline()).await.unwrap().is_none());
}
