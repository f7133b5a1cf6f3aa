//! Pictures that a client names by address only, for upstreams that want bytes: fetched under guard, or refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::client::{self, Got};
use testkit::{FakeAnthropic, FakeGemini, Gateway, Reply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::harness::{BEARER, Setup};

/// The smallest PNG.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

/// A site of pictures and of traps.
struct Site {
    url: String,
    asked: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

async fn site() -> Site {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut pages = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            pages.spawn(page(stream));
        }
    });
    Site { url, asked, _serving: serving }
}

async fn page(mut stream: TcpStream) {
    let mut head = [0; 4096];
    let read = stream.read(&mut head).await.unwrap_or(0);
    let head = String::from_utf8_lossy(&head[..read]).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let whole = |kind: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let answer = match path.split('?').next().unwrap_or_default() {
        "/ok.png" if head.contains("user-agent: bosporus/") => whole("image/png", PNG),
        "/moved" => b"HTTP/1.1 302 Found\r\nlocation: /ok.png\r\ncontent-length: 0\r\n\r\n".to_vec(),
        "/elsewhere" => b"HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\n\r\n".to_vec(),
        "/huge" => b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 99999999\r\n\r\n\x89PNG".to_vec(),
        "/endless" => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ntransfer-encoding: chunked\r\n\r\n";
            _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(format!("1000\r\n{}\r\n", "x".repeat(0x1000)).as_bytes()).await.is_ok() {}
            return;
        }
        "/silent" => {
            _ = stream.read(&mut [0; 1]).await;
            return;
        }
        "/notes.md" => whole("application/octet-stream", b"# Tides\n\nHigh at nine."),
        "/page" => whole("image/png", b"<html>no picture</html>"),
        _ => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
    };
    _ = stream.write_all(&answer).await;
}

async fn gateway(fake: &FakeGemini, fetch: Value) -> Gateway {
    fake.add_model("gemini-2.5-flash");
    let entry = json!([{"api-key": fake.key(), "base-url": fake.url()}]);
    Setup::new().with("gemini-api-key", entry).with("fetch", fetch).start().await
}

async fn look_at(gateway: &Gateway, url: &str) -> Got {
    let content = json!([{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]);
    let body = json!({"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": content}]});
    let headers = [("authorization", BEARER)];
    client::post(&format!("{}/v1/chat/completions", gateway.url()), &headers, &body).await.unwrap()
}

#[tokio::test]
async fn a_picture_by_address_goes_on_as_bytes() {
    let (fake, site) = (FakeGemini::start().await.unwrap(), site().await);
    let gateway = gateway(&fake, json!({"allow-private": true})).await;
    for path in ["/ok.png", "/moved"] {
        fake.script(Reply::text("a dot"));
        let got = look_at(&gateway, &format!("{}{path}", site.url)).await;
        assert_eq!(got.status, 200, "{path}: {}", got.text());
        let sent = fake.last_request().unwrap().json();
        let part = &sent["contents"][0]["parts"][1]["inlineData"];
        assert_eq!(part["mimeType"], "image/png", "{sent}");
        assert!(part["data"].as_str().unwrap().starts_with("iVBORw0KGgo"), "{sent}");
    }
}

#[tokio::test]
async fn the_gateways_own_network_is_out_of_reach() {
    let (fake, site) = (FakeGemini::start().await.unwrap(), site().await);
    let gateway = gateway(&fake, json!({})).await;
    let port = site.url.rsplit(':').next().unwrap().to_owned();
    for host in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let got = look_at(&gateway, &format!("http://user:pw@{host}:{port}/ok.png?sig=s3cret")).await;
        assert_eq!(got.status, 400, "{host}: {}", got.text());
        assert!(!got.text().contains("s3cret") && !got.text().contains("pw@"), "{}", got.text());
        let got = look_at(&gateway, &format!("http://{host}:{port}/ok.png?sig=s3cret")).await;
        assert_eq!(got.status, 400, "{host}: {}", got.text());
        assert!(got.text().contains("/ok.png`") && !got.text().contains("s3cret"), "{}", got.text());
    }
    assert_eq!(site.asked.load(Ordering::Relaxed), 0);
    assert!(fake.requests().is_empty(), "nothing was sent on");
}

#[tokio::test]
async fn traps_end_in_one_clear_error_in_bounded_time() {
    let (fake, site) = (FakeGemini::start().await.unwrap(), site().await);
    let gateway = gateway(&fake, json!({"allow-private": true, "max-bytes": "1MiB", "timeout": "2s"})).await;
    for path in ["/elsewhere", "/huge", "/endless", "/silent", "/page", "/missing"] {
        let got = look_at(&gateway, &format!("{}{path}?k=s3cret", site.url)).await;
        assert_eq!(got.status, 400, "{path}: {}", got.text());
        assert!(got.text().contains(path) && !got.text().contains("s3cret"), "{path}: {}", got.text());
        assert!(!got.text().contains("passwd"), "{}", got.text());
    }
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn what_the_upstream_can_fetch_itself_is_left_to_it() {
    let (fake, site) = (FakeGemini::start().await.unwrap(), site().await);
    let gateway = gateway(&fake, json!({"allow-private": true})).await;
    fake.script(Reply::text("a dot"));
    let got = look_at(&gateway, "https://pictures.invalid/a.png").await;
    assert_eq!(got.status, 200, "{}", got.text());
    let sent = fake.last_request().unwrap().json();
    assert_eq!(sent["contents"][0]["parts"][1]["fileData"]["fileUri"], "https://pictures.invalid/a.png", "{sent}");
    assert_eq!(site.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_text_by_address_becomes_a_document_where_only_pdf_is_fetched() {
    let (fake, site) = (FakeAnthropic::start().await.unwrap(), site().await);
    let model = "claude-sonnet-4-5";
    fake.add_model(model);
    let entry = json!([{"api-key": fake.key(), "base-url": fake.url()}]);
    let fetch = json!({"allow-private": true});
    let gateway = Setup::new().with("claude-api-key", entry).with("fetch", fetch).start().await;
    let ask = async |url: &str| {
        fake.script(Reply::text("at nine"));
        let content = json!([{"type": "input_file", "file_url": url}, {"type": "input_text", "text": "When?"}]);
        let body = json!({"model": model, "input": [{"role": "user", "content": content}]});
        let url = format!("{}/v1/responses", gateway.url());
        let got = client::post(&url, &[("authorization", BEARER)], &body).await.unwrap();
        assert_eq!(got.status, 200, "{}", got.text());
        fake.last_request().unwrap().json()["messages"][0]["content"][0]["source"].clone()
    };
    let text = ask(&format!("{}/notes.md?v=2", site.url)).await;
    assert_eq!(text, json!({"type": "text", "media_type": "text/plain", "data": "# Tides\n\nHigh at nine."}));
    assert_eq!(site.asked.load(Ordering::Relaxed), 1);
    let pdf = ask("https://papers.invalid/a.pdf").await;
    assert_eq!(pdf, json!({"type": "url", "url": "https://papers.invalid/a.pdf"}));
    assert_eq!(site.asked.load(Ordering::Relaxed), 1, "what Anthropic fetches is left to it");
}
