//! Errors, read and written.

use super::*;
use crate::names::ID;
use bytes::Bytes;
use hub::Blame;
use proptest::prelude::*;

fn raw(status: u16, body: &str, headers: &[(&'static str, &'static str)]) -> RawFault {
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let status = StatusCode::from_u16(status).unwrap();
    RawFault { dialect: ID, status, headers, body: Bytes::copy_from_slice(body.as_bytes()) }
}

fn typed(kind: &str, message: &str) -> String {
    format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"req_1"}}"#)
}

#[test]
fn each_error_is_what_its_type_and_words_say() {
    for (status, kind, message, expect) in [
        (400, "invalid_request_error", "max_tokens: no", FaultKind::BadRequest),
        (400, "invalid_request_error", "prompt is too long: 5 tokens > 4", FaultKind::ContextOverflow),
        (413, "request_too_large", "prompt is too long", FaultKind::ContextOverflow),
        (400, "invalid_request_error", "Your credit balance is too low", FaultKind::QuotaExhausted),
        (401, "authentication_error", "no", FaultKind::UpstreamRefused),
        (403, "permission_error", "no", FaultKind::UpstreamRefused),
        (402, "billing_error", "no", FaultKind::QuotaExhausted),
        (404, "not_found_error", "model: x", FaultKind::ModelNotFound),
        (409, "conflict_error", "no", FaultKind::Conflict),
        (413, "request_too_large", "no", FaultKind::TooLarge),
        (429, "rate_limit_error", "slow", FaultKind::RateLimited),
        (429, "invalid_request_error", "a proxy's habit", FaultKind::RateLimited),
        (500, "api_error", "oops", FaultKind::UpstreamFailed),
        (504, "timeout_error", "late", FaultKind::UpstreamTimeout),
        (529, "overloaded_error", "full", FaultKind::Overloaded),
        (418, "teapot_error", "tea", FaultKind::BadRequest),
    ] {
        let fault = read(raw(status, &typed(kind, message), &[]));
        assert_eq!((fault.kind, &*fault.message), (expect, message), "{status} {kind}");
        assert_eq!(fault.code.as_deref(), Some(kind));
        assert!(fault.upstream.is_some());
    }
}

#[test]
fn an_overflow_blames_the_request_and_keeps_the_words_agents_wait_for() {
    let fault = read(raw(400, &typed("invalid_request_error", "input length exceeds the context window"), &[]));
    assert_eq!(fault.blame, Blame::Request);
    let reply = render(&fault, "req_9");
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        reply.body,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: input length exceeds the context window"},"request_id":"req_9"}"#
    );
}

#[test]
fn other_shapes_give_their_words_too() {
    for (body, message) in [
        (r#"{"error":"busy"}"#, "busy"),
        (r#"[{"error":{"message":"listed"}}]"#, "listed"),
        (r#"{"message":"flat"}"#, "flat"),
        (r#"{"detail":"deep"}"#, "deep"),
        ("<html><head><title>502 Bad Gateway</title></head></html>", "502 Bad Gateway"),
        ("", "the upstream answered with status 502"),
        ("{}", "the upstream answered with status 502"),
        (r#"{"error":null}"#, "the upstream answered with status 502"),
    ] {
        let fault = read(raw(502, body, &[]));
        assert_eq!((fault.kind, &*fault.message), (FaultKind::UpstreamFailed, message), "{body}");
    }
    assert_eq!(read(raw(500, &"x".repeat(9_000), &[])).message.len(), MAX_MESSAGE);
}

#[test]
fn waits_come_from_the_headers() {
    let wait = |headers: &[(&'static str, &'static str)]| read(raw(429, "", headers)).retry_after.map(|w| w.as_secs());
    let date = ("date", "Sat, 21 Nov 2026 03:04:05 GMT");
    assert_eq!(wait(&[("retry-after", "7")]), Some(7));
    assert_eq!(wait(&[]), None);
    let used_up = ("anthropic-ratelimit-requests-remaining", "0");
    let reset = ("anthropic-ratelimit-requests-reset", "2026-11-21T03:05:05Z");
    assert_eq!(wait(&[date, used_up, reset]), Some(60));
    assert_eq!(wait(&[used_up, reset]), None, "without a date nothing is known of the upstream's clock");
    assert_eq!(wait(&[date, ("anthropic-ratelimit-requests-remaining", "3"), reset]), None);
    let window = ("anthropic-ratelimit-unified-5h-reset", "1795230345");
    assert_eq!(wait(&[date, ("anthropic-ratelimit-unified-5h-status", "rejected"), window]), Some(100));
}

/// The rendering of every kind: status, type, before the commit and in the stream.
#[test]
fn every_kind_has_its_rendering() {
    let mut lines = Vec::new();
    for kind in FaultKind::ALL {
        let fault = Fault::new(kind, "words");
        let reply = render(&fault, "r");
        let mut stream = BytesMut::new();
        let mut encoder = crate::stream_encode::Encoder::new(dialect::Reply::new("m", true));
        dialect::StreamEncoder::fail(&mut encoder, &fault, &mut stream);
        let body = String::from_utf8(reply.body.to_vec()).unwrap();
        let stream = String::from_utf8(stream.to_vec()).unwrap();
        lines.push(format!("{kind:?} {} {body}\n{}", reply.status.as_u16(), stream.trim_end()));
    }
    crate::tests::golden("faults.txt", &(lines.join("\n") + "\n"));
}

#[test]
fn the_wait_is_told_in_whole_seconds() {
    let fault = Fault::new(FaultKind::RateLimited, "slow").with_retry_after(Some(Duration::from_millis(1_200)));
    let reply = render(&fault, "r");
    assert_eq!(reply.headers.get("retry-after").unwrap(), "2");
    assert_eq!(reply.headers.get("request-id").unwrap(), "r");
}

#[test]
fn the_field_at_fault_is_named_once() {
    let named = |fault: Fault| message(&fault).into_owned();
    assert_eq!(named(Fault::bad_request("wrong").at("stop")), "stop: wrong");
    assert_eq!(named(Fault::bad_request("stop: wrong").at("stop")), "stop: wrong");
    assert_eq!(named(Fault::bad_request("")), "no details were given");
}

proptest! {
    #[test]
    fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..80), status in 100_u16..999) {
        let mut fault = raw(status, "", &[("retry-after", "-1"), ("date", "x")]);
        fault.body = body.into();
        let _ = render(&read(fault), "r");
    }

    #[test]
    fn no_json_panics(body in "(\\{|\\}|\\[|\\]|\"error\"|\"type\"|\"message\"|:|,|\"a\"|null|1| ){0,24}") {
        let _ = read(raw(400, &body, &[]));
    }
}
