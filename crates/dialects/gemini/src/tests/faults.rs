//! Errors, told and read.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use hub::{FaultKind, RawFault};

use super::*;

#[test]
fn every_kind_has_googles_shape() {
    for kind in FaultKind::ALL {
        let fault = Fault::new(kind, "words").at("f").with_retry_after(Some(Duration::from_millis(1_500)));
        let reply = Gemini.render_fault(&fault, "req_1");
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        let error = &body["error"];
        assert_eq!(error["code"], reply.status.as_u16(), "{kind:?}");
        assert!(error["message"].as_str().unwrap().contains("words"));
        assert!(error["status"].as_str().unwrap().bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
        assert_eq!(error["details"][0]["retryDelay"], "1.5s");
        assert_eq!(error["details"][1]["fieldViolations"][0]["field"], "f");
        assert_eq!(reply.headers["retry-after"], "2");
    }
}

#[test]
fn upstreams_errors_of_every_shape_are_read() {
    let read = |status: u16, body: &str| {
        let status = StatusCode::from_u16(status).unwrap();
        let body = Bytes::copy_from_slice(body.as_bytes());
        Gemini.read_fault(RawFault { dialect: crate::ID, status, headers: HeaderMap::new(), body })
    };
    for (status, body, kind, words) in [
        (400, r#"{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}"#, FaultKind::BadRequest, "bad"),
        (400, r#"[{"error":{"code":400,"message":"in a list"}}]"#, FaultKind::BadRequest, "in a list"),
        (
            400,
            r#"{"error":{"message":"API key not valid. Please pass a valid API key."}}"#,
            FaultKind::UpstreamRefused,
            "API key",
        ),
        (
            400,
            r#"{"error":{"message":"no","details":[{"reason":"API_KEY_INVALID"}]}}"#,
            FaultKind::UpstreamRefused,
            "no",
        ),
        (
            400,
            r#"{"error":{"message":"The input token count (9) exceeds the maximum"}}"#,
            FaultKind::ContextOverflow,
            "input token",
        ),
        (403, r#"{"error":"text"}"#, FaultKind::UpstreamRefused, "text"),
        (404, r#"{"detail":"gone"}"#, FaultKind::ModelNotFound, "gone"),
        (502, "<html><title>502 Bad Gateway</title></html>", FaultKind::UpstreamFailed, "502 Bad Gateway"),
        (503, "", FaultKind::Overloaded, "without a word"),
    ] {
        let fault = read(status, body);
        assert_eq!(fault.kind, kind, "{body}");
        assert!(fault.message.contains(words), "{}", fault.message);
    }
    let limited = r#"{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"12.3s"}]}}"#;
    assert_eq!(read(429, limited).retry_after, Some(Duration::from_millis(12_300)));
    let spoken = read(429, r#"{"error":{"message":"Quota exceeded. Please retry in 7.5s."}}"#);
    assert_eq!(spoken.retry_after, Some(Duration::from_millis(7_500)));
}
