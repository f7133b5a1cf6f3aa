//! Heads that never become requests: each is answered in the caller's dialect, leaves one line in the log, and harms
//! nobody else.

use serde_json::{Value, json};
use testkit::Gateway;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use crate::edges::demo;
use crate::harness::{BEARER, Setup, assert_healthy, parse_request_lines, request_lines, soon};
use crate::tongue::Chat;
use crate::wire::{Raw, encrypted_with, tls};

/// A path of each dialect, its name in the log, and whether a body is an error in its words.
type Caller = (&'static str, &'static str, fn(&Value, u16) -> bool);

const CALLERS: [Caller; 5] = [
    ("/v1/messages", "anthropic", |body, _| body["type"] == "error" && body["error"]["message"].is_string()),
    ("/v1/chat/completions", "openai_chat", |body, _| {
        body["error"]["message"].is_string() && body["error"]["type"].is_string() && body["error"].get("code").is_some()
    }),
    ("/v1/responses", "openai_responses", |body, _| body["error"]["message"].is_string()),
    ("/v1beta/models/demo:generateContent", "gemini", |body, status| {
        body["error"]["code"] == status && body["error"]["status"].is_string()
    }),
    ("/api/chat", "ollama", |body, _| body["error"].is_string()),
];

/// A way to spoil a head.
#[derive(Clone, Copy, Debug)]
enum Spoilt {
    Bomb,
    EndlessLine,
    Fields,
    Version,
    Line,
    Lengths,
    CutShort,
    Stalled,
}

const ALL: [Spoilt; 8] = [
    Spoilt::Bomb,
    Spoilt::EndlessLine,
    Spoilt::Fields,
    Spoilt::Version,
    Spoilt::Line,
    Spoilt::Lengths,
    Spoilt::CutShort,
    Spoilt::Stalled,
];

/// Who needs no deadline, and who is there for it.
fn at_leisure_and_late() -> [(Setup, &'static [Spoilt]); 2] {
    let (leisure, late) = ALL.split_at(ALL.len() - 1);
    [(patient(), leisure), (hasty(), late)]
}

impl Spoilt {
    fn head(self, path: &str) -> String {
        let start = format!("POST {path} HTTP/1.1\r\nhost: x\r\n");
        match self {
            Self::Bomb => format!("{start}x-bomb: {}\r\n\r\n", "a".repeat(1 << 20)),
            Self::EndlessLine => format!("POST {path}?{}", "a".repeat(1 << 20)),
            Self::Fields => format!("{start}{}\r\n", "x-many: 1\r\n".repeat(10_000)),
            Self::Version => format!("POST {path} HTTP/9.9\r\nhost: x\r\n\r\n"),
            Self::Line => format!("{start}this is no header\r\n\r\n"),
            Self::Lengths => format!("{start}content-length: 5\r\ncontent-length: 6\r\n\r\nhello"),
            Self::Stalled | Self::CutShort => format!("{start}x-slow: and"),
        }
    }

    fn status(self) -> u16 {
        match self {
            Self::Bomb | Self::EndlessLine | Self::Fields => 431,
            Self::Version | Self::Line | Self::Lengths | Self::CutShort => 400,
            Self::Stalled => 408,
        }
    }
}

/// Heads have a second, which nobody but the one that stalls needs.
fn hasty() -> Setup {
    demo().with("limits", json!({"header-read-timeout": "1s"}))
}

fn patient() -> Setup {
    demo().with("limits", json!({"header-read-timeout": "60s"}))
}

/// A request that is answered, so that the connection is a kept one.
async fn keep<T: AsyncRead + AsyncWrite + Unpin>(raw: &mut Raw<T>) {
    let body = Chat.body("demo", true).to_string();
    let head = format!("POST {} HTTP/1.1\r\nhost: x\r\nauthorization: {BEARER}\r\n", Chat.path());
    raw.say(format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await;
    assert!(raw.until("0\r\n\r\n", 1).await.starts_with("HTTP/1.1 200"));
    raw.seen.clear();
}

/// Spoils a head and looks at the answer.
async fn spoil<T: AsyncRead + AsyncWrite + Unpin>(mut raw: Raw<T>, how: Spoilt, (path, _, speaks): Caller) {
    raw.say(how.head(path)).await;
    if matches!(how, Spoilt::CutShort) {
        _ = raw.stream.shutdown().await;
    }
    let seen = raw.rest().await;
    let (head, body) = seen.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{how:?} {path}: {seen:?}"));
    assert!(head.starts_with(&format!("HTTP/1.1 {} ", how.status())), "{how:?} {path}: {head}");
    assert!(head.contains("connection: close") && head.contains("x-request-id: "), "{how:?} {path}: {head}");
    let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{how:?} {path}: {body}"));
    assert!(speaks(&body, how.status()), "{how:?} {path}: {body}");
}

fn refused(gateway: &Gateway) -> Vec<Value> {
    parse_request_lines(&gateway.log()).into_iter().filter(|line| line["ended"] == "refused").collect()
}

/// One line for each refusal, with what one needs to find the sender.
async fn assert_lines(gateway: &Gateway, expected: &[(Spoilt, Caller)]) {
    soon(gateway.log_until(|_| refused(gateway).len() >= expected.len())).await;
    let lines = refused(gateway);
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, (how, (_, dialect, _))) in lines.iter().zip(expected) {
        assert_eq!(line["status"], how.status(), "{line}");
        assert_eq!(line["from"], *dialect, "{line}");
        assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
        assert!(!line["reason"].as_str().unwrap().is_empty(), "{line}");
    }
}

#[tokio::test]
async fn spoilt_heads_are_answered_in_the_callers_dialect() {
    for (setup, ways) in at_leisure_and_late() {
        let gateway = setup.start().await;
        let mut expected = Vec::new();
        for how in ways {
            for caller in CALLERS {
                spoil(Raw::connect(&gateway).await, *how, caller).await;
                expected.push((*how, caller));
            }
        }
        assert_lines(&gateway, &expected).await;
        assert_healthy(&gateway).await;
    }
}

#[tokio::test]
async fn spoilt_heads_on_a_kept_connection_are_answered_too() {
    for (setup, ways) in at_leisure_and_late() {
        let gateway = setup.start().await;
        let mut expected = Vec::new();
        for (number, how) in ways.iter().enumerate() {
            let mut raw = Raw::connect(&gateway).await;
            for _ in 0..=number {
                keep(&mut raw).await;
            }
            let caller = CALLERS[number % CALLERS.len()];
            spoil(raw, *how, caller).await;
            expected.push((*how, caller));
        }
        assert_lines(&gateway, &expected).await;
        assert_healthy(&gateway).await;
    }
}

#[tokio::test]
async fn spoilt_heads_under_tls_are_answered_too() {
    for (setup, ways) in at_leisure_and_late() {
        let (gateway, roots, _folder) = encrypted_with(setup).await;
        let mut expected = Vec::new();
        for (number, how) in ways.iter().enumerate() {
            let mut raw = Raw::over(tls(&gateway, &roots, &["http/1.1"]).await);
            if number % 2 == 1 {
                keep(&mut raw).await;
            }
            let caller = CALLERS[number % CALLERS.len()];
            spoil(raw, *how, caller).await;
            expected.push((*how, caller));
        }
        assert_lines(&gateway, &expected).await;
        let mut raw = Raw::over(tls(&gateway, &roots, &[]).await);
        keep(&mut raw).await;
    }
}

#[tokio::test]
async fn a_head_that_tells_no_dialect_is_answered_all_the_same() {
    let gateway = hasty().start().await;
    for (start, status) in
        [("P", 408), ("POST /v1/mes", 408), ("PRI * HTTP/2.0\r\n\r\nnot the rest", 400), ("\u{1}\u{2} \r\n\r\n", 400)]
    {
        let mut raw = Raw::connect(&gateway).await;
        raw.say(start).await;
        let seen = raw.rest().await;
        assert!(seen.starts_with(&format!("HTTP/1.1 {status} ")) && seen.contains("error"), "{start:?}: {seen}");
    }
    // Whoever says nothing at all is answered nothing, and is worth no line.
    let mut raw = Raw::connect(&gateway).await;
    assert_eq!(raw.rest().await, "");
    assert_healthy(&gateway).await;
    assert_eq!(request_lines(&gateway, 4).await.len(), 4);
}

#[tokio::test]
async fn what_tells_the_caller_may_stand_in_a_header() {
    let gateway = patient().start().await;
    let mut raw = Raw::connect(&gateway).await;
    let start = "GET /v1/models HTTP/1.1\r\nhost: x\r\nanthropic-version: 2023-06-01\r\nx-request-id: mine\r\n";
    raw.say(format!("{start}{}\r\n", "x-many: 1\r\n".repeat(10_000))).await;
    let seen = raw.rest().await;
    assert!(seen.starts_with("HTTP/1.1 431") && seen.contains("\"type\":\"error\""), "{seen}");
    assert!(seen.contains("x-request-id: mine\r\n"), "{seen}");
    soon(gateway.log_until(|_| refused(&gateway).len() == 1)).await;
    assert_eq!(refused(&gateway)[0]["id"], "mine");
}

#[tokio::test]
async fn a_request_behind_another_in_one_packet_is_refused_after_the_first_is_answered() {
    let gateway = patient().start().await;
    let body = Chat.body("demo", true).to_string();
    let first = format!("POST {} HTTP/1.1\r\nhost: x\r\nauthorization: {BEARER}\r\n", Chat.path());
    let mut raw = Raw::connect(&gateway).await;
    raw.say(format!("{first}content-length: {}\r\n\r\n{body}GET / HTTP/9.9\r\n\r\n", body.len())).await;
    let seen = raw.rest().await;
    let (answered, broken) = seen.split_once("0\r\n\r\n").unwrap();
    assert!(answered.starts_with("HTTP/1.1 200") && answered.contains("[DONE]"), "{seen}");
    assert!(broken.starts_with("HTTP/1.1 400") && broken.contains("not well-formed"), "{seen}");
    soon(gateway.log_until(|_| refused(&gateway).len() == 1)).await;
}
