//! Request bodies that are broken, too large, or packed.

use std::io;

use async_compression::tokio::write::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use http::Method;
use serde_json::{Value, json};
use testkit::Gateway;
use testkit::client::{self, Got};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{BEARER, MODEL, Setup, assert_healthy, request_lines, soon};
use crate::tongue::{AnyFake, Chat, Messages, PAIRS, Tongue};

/// A gateway with a fake of each dialect and a small body limit.
async fn small(wire: Tongue) -> (AnyFake, Gateway) {
    limited(wire, json!({"body-bytes": "256KiB"})).await
}

async fn limited(wire: Tongue, limits: Value) -> (AnyFake, Gateway) {
    let fake = wire.fake().await;
    let gateway = fake.join(Setup::new().with("limits", limits), 0).start().await;
    (fake, gateway)
}

fn broken_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |n: usize| format!(r#"{{"model":"model","messages":{}{}}}"#, "[".repeat(n), "]".repeat(n)).into_bytes();
    vec![
        ("nothing", Vec::new()),
        ("spaces", b"  \n".to_vec()),
        ("an open brace", b"{".to_vec()),
        ("a list", b"[]".to_vec()),
        ("null", b"null".to_vec()),
        ("a text", b"\"model\"".to_vec()),
        ("an empty object", b"{}".to_vec()),
        ("no model", br#"{"messages":[{"role":"user","content":"x"}],"max_tokens":1}"#.to_vec()),
        ("a numeric model", br#"{"model":5,"messages":[]}"#.to_vec()),
        ("a null model", br#"{"model":null,"messages":[]}"#.to_vec()),
        ("an empty model", br#"{"model":"","messages":[]}"#.to_vec()),
        ("two models", br#"{"model":"model","messages":[],"model":"model"}"#.to_vec()),
        ("two models, one in disguise", br#"{"model":"model","messages":[],"mode\u006c":"model"}"#.to_vec()),
        ("a worded stream", br#"{"model":"model","stream":"yes","messages":[{"role":"user","content":"x"}]}"#.to_vec()),
        ("trailing text", br#"{"model":"model","messages":[]} x"#.to_vec()),
        ("a trailing comma", br#"{"model":"model","messages":[],}"#.to_vec()),
        ("single quotes", b"{'model':'model'}".to_vec()),
        ("bytes that are no text", b"{\"model\":\"\xff\xfe\"}".to_vec()),
        ("half a surrogate", br#"{"model":"\ud83d","messages":[]}"#.to_vec()),
        ("a control character", b"{\"model\":\"a\x01b\"}".to_vec()),
        ("a NUL", b"\0".to_vec()),
        ("another thing entirely", b"<xml/>".to_vec()),
        ("depth", deep(1_000)),
        ("more depth", deep(100_000)),
        ("an endless number", format!(r#"{{"model":{}}}"#, "9".repeat(100_000)).into_bytes()),
    ]
}

#[tokio::test]
async fn broken_bodies_are_refused_in_the_callers_dialect() {
    for (client, wire) in PAIRS {
        let (fake, gateway) = small(wire).await;
        let bodies = broken_bodies();
        let count = bodies.len();
        for (name, body) in bodies {
            let got = soon(client.send(&gateway, body).await.rest()).await;
            let error = client.error(&got);
            let unknown = name == "half a surrogate" && got.status == 404;
            assert!(got.status == 400 || unknown, "{name}: {client:?} over {wire:?}: {} {error}", got.status);
            assert_eq!(
                error["type"],
                if unknown && client == Messages { "not_found_error" } else { "invalid_request_error" }
            );
            assert!(error["message"].as_str().unwrap().len() < 1_000, "{name}: a short message: {error}");
        }
        assert_eq!(fake.requests().len(), 0, "no upstream was asked: {:?}", fake.last_request());
        let lines = request_lines(&gateway, count).await;
        assert_eq!(lines.len(), count, "one line a request");
        assert!(lines.iter().all(|line| line["fault"].is_string()), "{lines:?}");
        assert_healthy(&gateway).await;
    }
}

#[tokio::test]
async fn wrong_types_name_the_field() {
    for (client, wire) in [(Chat, Messages), (Messages, Chat)] {
        let (fake, gateway) = small(wire).await;
        for (field, value) in [("messages", json!("x")), ("tools", json!({"a": 1})), ("temperature", json!("hot"))] {
            let mut body = client.body(MODEL, false);
            body[field] = value;
            let got = client.ask(&gateway, &body).await;
            let error = client.error(&got);
            assert_eq!(got.status, 400, "{field}: {error}");
            assert!(error.to_string().contains(field), "{field} for {client:?}: {error}");
        }
        assert_eq!(fake.requests().len(), 0);
    }
}

#[tokio::test]
async fn an_unknown_model_is_a_404_with_a_hint() {
    for (client, wire) in PAIRS {
        let (_fake, gateway) = small(wire).await;
        let got = client.ask(&gateway, &client.body("no-such-thing", true)).await;
        let error = client.error(&got);
        assert_eq!(got.status, 404, "{error}");
        let expected = if client == Chat { "invalid_request_error" } else { "not_found_error" };
        assert_eq!(error["type"], expected);
        assert!(error["message"].as_str().unwrap().contains("no-such-thing"), "{error}");
        let got = client.ask(&gateway, &client.body("masked-chat-model-2026", false)).await;
        let close = client.ask(&gateway, &client.body("claude-model-latest", false)).await;
        let hints = format!("{}{}", got.text(), close.text());
        assert!(hints.contains("did you mean"), "{hints}");
        let long = client.ask(&gateway, &client.body(&"m".repeat(100_000), false)).await;
        assert!(long.status == 404 && long.body.len() < 2_000, "a long name is not echoed whole");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413() {
    for client in [Chat, Messages] {
        let (fake, gateway) = small(client).await;
        let mut body = client.body(MODEL, false);
        body["messages"][0]["content"] = json!("x".repeat(300 << 10));
        let announced = announce(&gateway, client, "content-length: 999999999", b"{").await;
        assert_413(client, &announced);
        let chunk = [b"fffff\r\n".as_slice(), &vec![b' '; 0xf_ffff], b"\r\n"].concat();
        let chunked = announce(&gateway, client, "transfer-encoding: chunked", &chunk).await;
        assert_413(client, &chunked);
        let got = client.ask(&gateway, &body).await;
        assert_eq!(got.status, 413);
        let expected = if client == Chat { "invalid_request_error" } else { "request_too_large" };
        assert_eq!(client.error(&got)["type"], expected);
        assert_eq!(fake.requests().len(), 0);
        let lines = request_lines(&gateway, 3).await;
        assert!(lines.iter().all(|line| line["status"] == 413 && line["fault"] == "TooLarge"), "{lines:?}");
        assert_healthy(&gateway).await;
    }
}

fn assert_413(client: Tongue, answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let marker = if client == Chat { "request_too_large" } else { "\"type\":\"error\"" };
    assert!(answer.contains(marker), "{answer}");
}

/// Sends a head and the start of a body by hand; gives back what comes until the error's last brace or the end.
async fn announce(gateway: &Gateway, client: Tongue, length: &str, start: &[u8]) -> String {
    let host = gateway.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head =
        format!("POST {} HTTP/1.1\r\nhost: {host}\r\nauthorization: {BEARER}\r\n{length}\r\n\r\n", client.path());
    stream.write_all(head.as_bytes()).await.unwrap();
    // The answer may come before all is written.
    _ = stream.write_all(start).await;
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&seen).contains("}}") {
        match soon(stream.read(&mut piece)).await {
            Ok(0) | Err(_) => break,
            Ok(n) => seen.extend_from_slice(&piece[..n]),
        }
    }
    String::from_utf8_lossy(&seen).into_owned()
}

#[tokio::test]
async fn a_body_that_stalls_is_a_408() {
    for client in [Chat, Messages] {
        let (_fake, gateway) = limited(client, json!({"body-read-timeout": "1s"})).await;
        let answer = announce(&gateway, client, "content-length: 1000", b"{\"model\":").await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("\"error\""), "{answer}");
        assert_eq!(request_lines(&gateway, 1).await[0]["fault"], "RequestTimeout");
        assert_healthy(&gateway).await;
    }
}

async fn pack(coding: &str, data: &[u8]) -> Vec<u8> {
    async fn run<W: tokio::io::AsyncWrite + Unpin>(mut encoder: W, data: &[u8]) -> io::Result<W> {
        encoder.write_all(data).await?;
        encoder.shutdown().await?;
        Ok(encoder)
    }
    match coding {
        "gzip" | "x-gzip" => run(GzipEncoder::new(Vec::new()), data).await.unwrap().into_inner(),
        "br" => run(BrotliEncoder::new(Vec::new()), data).await.unwrap().into_inner(),
        "zstd" => run(ZstdEncoder::new(Vec::new()), data).await.unwrap().into_inner(),
        "deflate" => run(ZlibEncoder::new(Vec::new()), data).await.unwrap().into_inner(),
        "raw deflate" => run(DeflateEncoder::new(Vec::new()), data).await.unwrap().into_inner(),
        _ => data.to_vec(),
    }
}

async fn send_packed(gateway: &Gateway, client: Tongue, coding: &str, body: Vec<u8>) -> Got {
    let mut headers = client.headers();
    headers.extend([("content-type", "application/json"), ("content-encoding", coding)]);
    let url = format!("{}{}", gateway.url(), client.path());
    soon(client::send(Method::POST, &url, &headers, body)).await.unwrap()
}

#[tokio::test]
async fn packed_bodies_are_unpacked() {
    for (client, wire) in PAIRS {
        let (fake, gateway) = small(wire).await;
        let body = client.body(MODEL, false).to_string();
        for coding in ["gzip", "x-gzip", "br", "zstd", "deflate", "identity"] {
            let got = send_packed(&gateway, client, coding, pack(coding, body.as_bytes()).await).await;
            assert_eq!(got.status, 200, "{coding}: {}", got.text());
            assert_eq!(fake.last_request().unwrap().header("content-encoding"), None, "it goes on unpacked");
        }
        let twice = pack("zstd", &pack("gzip", body.as_bytes()).await).await;
        assert_eq!(send_packed(&gateway, client, "gzip, zstd", twice).await.status, 200);
        let raw = pack("raw deflate", body.as_bytes()).await;
        assert_eq!(send_packed(&gateway, client, "deflate", raw).await.status, 200, "as many clients send it");
    }
}

#[tokio::test]
async fn badly_packed_bodies_are_refused() {
    for client in [Chat, Messages] {
        let (fake, gateway) = small(client).await;
        let body = client.body(MODEL, false).to_string();
        let half = |mut bytes: Vec<u8>| {
            bytes.truncate(bytes.len() / 2);
            bytes
        };
        let bomb = vec![b' '; 64 << 20];
        let cases = [
            ("lzma", body.clone().into_bytes(), 415),
            ("gzip, lzma", body.clone().into_bytes(), 415),
            ("gzip", body.clone().into_bytes(), 400),
            ("gzip", half(pack("gzip", body.as_bytes()).await), 400),
            ("zstd", half(pack("zstd", body.as_bytes()).await), 400),
            ("br", b"\xff\xff\xff\xff".to_vec(), 400),
            ("gzip", Vec::new(), 400),
            ("gzip", pack("gzip", &bomb).await, 413),
            ("zstd", pack("zstd", &bomb).await, 413),
            ("br", pack("br", &bomb).await, 413),
        ];
        for (number, (coding, body, status)) in cases.into_iter().enumerate() {
            let got = send_packed(&gateway, client, coding, body).await;
            assert_eq!(got.status.as_u16(), status, "{number} {coding}: {}", got.text());
            client.error(&got);
        }
        let many = ["gzip"; 20].join(", ");
        let got = send_packed(&gateway, client, &many, body.into_bytes()).await;
        assert!(got.status.is_client_error(), "{}", got.text());
        assert_eq!(fake.requests().len(), 0);
        assert_healthy(&gateway).await;
    }
}
