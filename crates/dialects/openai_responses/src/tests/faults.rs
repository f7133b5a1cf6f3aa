use super::*;
use hub::{FaultKind, RawFault};
use std::time::Duration;

#[test]
fn every_kind_is_told_before_and_within_a_stream() {
    for kind in FaultKind::ALL {
        let fault =
            Fault::new(kind, "words \"for\" people").at("field").with_retry_after(Some(Duration::from_millis(1_200)));
        let answer = Responses.render_fault(&fault, "req_1");
        let error: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer.status, kind.status());
        assert_eq!(answer.headers["retry-after"], "2");
        assert_eq!(error["error"]["message"], "words \"for\" people");
        assert!(error["error"]["type"].is_string());
        let mut out = bytes::BytesMut::new();
        Responses.stream_encoder(dialect::Reply::new("m", true)).fail(&fault, &mut out);
        let text = std::str::from_utf8(&out).unwrap();
        let data: Value = serde_json::from_str(text.strip_prefix("event: error\ndata: ").unwrap().trim_end()).unwrap();
        assert_eq!(data["type"], "error");
        assert!(data["code"].as_str().is_some_and(|code| !code.is_empty()), "{kind:?}");
    }
}

#[test]
fn a_stored_answer_that_is_not_here_has_openais_code() {
    let fault = decode(&json!({"model": "m", "input": "x", "previous_response_id": "resp_1"})).unwrap_err();
    let error: Value = serde_json::from_slice(&Responses.render_fault(&fault, "r").body).unwrap();
    let error = &error["error"];
    assert_eq!(
        (&error["type"], &error["param"], &error["code"]),
        (&json!("invalid_request_error"), &json!("previous_response_id"), &json!("previous_response_not_found"))
    );
}

#[test]
fn upstream_errors_of_every_shape_are_read() {
    let read = |status: u16, body: &str| {
        let raw = RawFault {
            dialect: crate::ID,
            status: http::StatusCode::from_u16(status).unwrap(),
            headers: http::HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        Responses.read_fault(raw).kind
    };
    assert_eq!(read(401, "{\"error\":{\"code\":\"invalid_api_key\",\"message\":\"no\"}}"), FaultKind::UpstreamRefused);
    assert_eq!(read(429, "{\"detail\":\"slow\"}"), FaultKind::RateLimited);
    assert_eq!(
        read(429, "{\"error\":{\"type\":\"usage_limit_reached\",\"message\":\"no\"}}"),
        FaultKind::QuotaExhausted
    );
    assert_eq!(
        read(400, "{\"error\":{\"code\":\"context_length_exceeded\",\"message\":\"no\"}}"),
        FaultKind::ContextOverflow
    );
    assert_eq!(read(502, "<html>bad</html>"), FaultKind::UpstreamFailed);
    assert_eq!(read(400, ""), FaultKind::BadRequest);
}
