use super::fixtures::golden;
use super::wire_replies::read;
use super::*;
use dialect::{Memo, Reply, Signal};
use hub::{Blame, FaultKind, RawFault};
use std::time::Duration;

fn raw(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> RawFault {
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let status = http::StatusCode::from_u16(status).unwrap();
    RawFault { dialect: crate::ID, status, headers, body: Bytes::copy_from_slice(body.as_bytes()) }
}

fn read_fault(status: u16, body: &str) -> Fault {
    Chat.read_fault(raw(status, &[], body))
}

#[test]
fn every_kind_has_its_golden_rendering() {
    let mut found = String::new();
    for kind in FaultKind::ALL {
        let fault =
            Fault::new(kind, "words \"for\" people").at("field").with_retry_after(Some(Duration::from_millis(1_200)));
        let answer = Chat.render_fault(&fault, "req_1");
        let wait = answer.headers["retry-after"].to_str().unwrap();
        let body = std::str::from_utf8(&answer.body).unwrap();
        found += &format!("{kind:?}\n  {} retry-after {wait} {body}\n", answer.status.as_u16());
        let mut out = bytes::BytesMut::new();
        Chat.stream_encoder(Reply::new("m", true)).fail(&fault, &mut out);
        found += &format!("  {}\n", std::str::from_utf8(&out).unwrap().trim_end().replace("\n\n", " | "));
        assert_eq!(answer.headers["x-request-id"], "req_1");
    }
    golden("faults.txt", &found);
}

#[test]
fn statuses_and_codes_tell_the_kind() {
    let openai = |kind: &str, code: &str, message: &str| {
        json!({"error": {"message": message, "type": kind, "param": null, "code": code}}).to_string()
    };
    for (status, body, kind) in [
        (401, openai("invalid_request_error", "invalid_api_key", "Incorrect key"), FaultKind::UpstreamRefused),
        (403, openai("permission_error", "", "no"), FaultKind::UpstreamRefused),
        (404, openai("invalid_request_error", "model_not_found", "no such model"), FaultKind::ModelNotFound),
        (400, openai("invalid_request_error", "model_not_found", "no such model"), FaultKind::ModelNotFound),
        (400, openai("invalid_request_error", "context_length_exceeded", "too long"), FaultKind::ContextOverflow),
        (
            400,
            openai("invalid_request_error", "", "This model's maximum context length is 8192 tokens."),
            FaultKind::ContextOverflow,
        ),
        (429, openai("requests", "rate_limit_exceeded", "slow down"), FaultKind::RateLimited),
        (429, openai("insufficient_quota", "insufficient_quota", "pay"), FaultKind::QuotaExhausted),
        (402, openai("", "", "pay"), FaultKind::QuotaExhausted),
        (500, openai("server_error", "", "oops"), FaultKind::UpstreamFailed),
        (503, openai("server_error", "", "busy"), FaultKind::Overloaded),
        (400, openai("invalid_request_error", "unsupported_value", "no"), FaultKind::BadRequest),
        (422, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\"}]}".into(), FaultKind::BadRequest),
        (400, String::new(), FaultKind::BadRequest),
        (502, "<html><title>502 Bad Gateway</title></html>".into(), FaultKind::UpstreamFailed),
    ] {
        assert_eq!(read_fault(status, &body).kind, kind, "{status} {body}");
    }
}

#[test]
fn the_words_survive_every_shape() {
    for (body, words) in [
        (r#"{"error":{"message":"plain","type":"x"}}"#, "plain"),
        (r#"{"error":"bare"}"#, "bare"),
        (r#"[{"error":{"message":"in a list","code":400}}]"#, "in a list"),
        (r#"{"detail":"fastapi"}"#, "fastapi"),
        (r#"{"detail":[{"msg":"field required"}]}"#, "field required"),
        (r#"{"message":"flat","code":"c"}"#, "flat"),
        (r#"{"object":"error","message":"vllm","code":400}"#, "vllm"),
        ("not json", "not json"),
        ("<html><body><h1>Bad</h1>Gateway</body></html>", "Bad Gateway"),
        ("", "the upstream answered 400 Bad Request without a word"),
        ("{}", "{}"),
    ] {
        assert_eq!(read_fault(400, body).message, words, "{body}");
    }
    assert!(read_fault(400, &"x".repeat(100_000)).message.len() <= 2_000);
    let fault = read_fault(400, r#"{"error":{"message":"no","param":"messages[0]","code":"unsupported_value"}}"#);
    assert_eq!((fault.param.as_deref(), fault.code.as_deref()), (Some("messages[0]"), Some("unsupported_value")));
    assert_eq!(fault.blame, Blame::Request);
    assert!(fault.upstream.is_some());
}

/// Some servers say so with a 200: whoever reads the answer, translates or relays it, must not take it for one.
#[test]
fn an_answer_that_is_only_words_is_an_error_on_both_ways() {
    for body in [r#"{"detail":"no model"}"#, r#"{"detail":[{"msg":"no model"}]}"#, r#"{"message":"no model"}"#] {
        let translated = Chat.decode_response(body.as_bytes(), &Memo::default()).unwrap_err();
        let Signal::Fault(relayed) = Chat.scanner().whole(body.as_bytes()) else { panic!("{body} was relayed") };
        assert_eq!((&*translated.message, &*relayed.message), ("no model", "no model"), "{body}");
    }
    let beside = r#"{"object":"chat.completion","detail":"x","choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}"#;
    assert!(Chat.decode_response(beside.as_bytes(), &Memo::default()).is_ok());
    assert!(matches!(Chat.scanner().whole(beside.as_bytes()), Signal::Terminal));
}

#[test]
fn waits_are_found_wherever_they_stand() {
    let wait = |status, headers: &[(&'static str, &'static str)], message: &str| {
        let body = json!({"error": {"message": message}}).to_string();
        Chat.read_fault(raw(status, headers, &body)).retry_after.map(|wait| wait.as_millis())
    };
    assert_eq!(wait(429, &[("retry-after", "30")], ""), Some(30_000));
    assert_eq!(wait(503, &[("retry-after", "5")], ""), Some(5_000));
    assert_eq!(wait(429, &[], "Please try again in 1.2s. Visit"), Some(1_200));
    assert_eq!(wait(400, &[], "Please try again in 1.2s"), None);
    let limits = [
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "6m0s"),
        ("x-ratelimit-remaining-tokens", "99"),
        ("x-ratelimit-reset-tokens", "9h"),
    ];
    assert_eq!(wait(429, &limits, ""), Some(360_000));
    assert_eq!(wait(429, &limits[2..], ""), None);
}

#[test]
fn a_foreign_overflow_is_told_in_openais_code() {
    let fault =
        Fault::new(FaultKind::ContextOverflow, "prompt is too long: 250000 tokens > 200000 maximum").with_code("x");
    let body: Value = serde_json::from_slice(&Chat.render_fault(&fault, "").body).unwrap();
    assert_eq!(body["error"]["code"], "context_length_exceeded");
}

#[test]
fn an_error_tail_raises_in_our_own_decoder() {
    let mut out = bytes::BytesMut::new();
    Chat.stream_encoder(Reply::new("m", true)).fail(&Fault::new(FaultKind::RateLimited, "slow"), &mut out);
    assert_eq!(read(Memo::default(), &[&out]).unwrap_err().kind, FaultKind::RateLimited);
}
