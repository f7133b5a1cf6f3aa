//! Errors of this dialect: read from upstreams, written for clients.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use dialect::read::Str;
use dialect::{HttpReply, hints};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hub::{Fault, FaultKind, RawFault};
use serde::Deserialize;

use crate::json::Open;
use crate::wire::ErrorBody;
use dialect::time;

/// Longest message that is passed on, in characters.
const MAX_MESSAGE: usize = 2_000;
/// The words by which the vendor's agents know that they must compact.
const TOO_LONG: &str = "prompt is too long";

/// Reads an error answer of any shape: this dialect's, another's, HTML, or nothing.
pub(crate) fn read(raw: RawFault) -> Fault {
    let found = read_body(&raw.body);
    let kind = kind(Some(raw.status), found.kind.as_deref(), found.message.as_deref().unwrap_or_default());
    let message = found
        .message
        .filter(|text| !text.trim().is_empty())
        .unwrap_or_else(|| format!("the upstream answered with status {}", raw.status.as_u16()));
    let wait = wait(&raw.headers);
    let mut fault = Fault::new(kind, cap(&message)).with_retry_after(wait);
    if let Some(code) = found.kind {
        fault = fault.with_code(cap(&code));
    }
    fault.with_raw(raw)
}

/// The error inside an answer that began as a success.
pub(crate) fn in_answer(error: ErrorBody) -> Fault {
    let message = error.message.filter(|text| !text.is_empty());
    let kind = kind(None, error.kind.as_deref(), message.as_deref().unwrap_or_default());
    let fault = Fault::new(kind, cap(message.as_deref().unwrap_or("the upstream reported an error without a message")));
    match error.kind {
        Some(code) => fault.with_code(cap(&code)),
        None => fault,
    }
}

/// Whether a body is an error as this dialect's programs read it, with the words on which agents act where there are
/// some.
pub(crate) fn tells(fault: &Fault, body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Own<'a> {
        #[serde(borrow, rename = "type")]
        kind: Str<'a>,
        error: ErrorBody,
    }
    let Ok(Own { kind, error }) = serde_json::from_slice::<Own<'_>>(body) else { return false };
    let message = error.message.unwrap_or_default();
    let told = hints::tells(fault, &message, |words| words.starts_with(TOO_LONG));
    kind.0 == "error" && error.kind.is_some() && told
}

fn cap(text: &str) -> String {
    text.chars().take(MAX_MESSAGE).collect()
}

fn read_body(body: &[u8]) -> ErrorBody {
    #[derive(Deserialize)]
    struct Shapes {
        error: Option<ErrorBody>,
        message: Option<String>,
        detail: Option<String>,
    }
    let text = String::from_utf8_lossy(body);
    // Some gateways wrap the record into an array.
    let inner = text.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&text);
    match serde_json::from_str::<Shapes>(inner) {
        Ok(Shapes { error: Some(error), .. }) if error.message.is_some() || error.kind.is_some() => error,
        Ok(Shapes { message, detail, .. }) => ErrorBody { kind: None, message: message.or(detail) },
        Err(_) => ErrorBody { kind: None, message: Some(hints::plain_words(body)) },
    }
}

/// What an error means: by its type, else by its status; a few are told by their words alone.
fn kind(status: Option<StatusCode>, error_type: Option<&str>, message: &str) -> FaultKind {
    let by_type = match error_type {
        Some("invalid_request_error") => Some(FaultKind::BadRequest),
        Some("authentication_error" | "permission_error") => Some(FaultKind::UpstreamRefused),
        Some("billing_error") => Some(FaultKind::QuotaExhausted),
        Some("not_found_error") => Some(FaultKind::ModelNotFound),
        Some("conflict_error") => Some(FaultKind::Conflict),
        Some("request_too_large") => Some(FaultKind::TooLarge),
        Some("rate_limit_error") => Some(FaultKind::RateLimited),
        Some("timeout_error") => Some(FaultKind::UpstreamTimeout),
        Some("overloaded_error") => Some(FaultKind::Overloaded),
        Some("api_error") => Some(FaultKind::UpstreamFailed),
        _ => None,
    };
    let by_status = status.map(FaultKind::of_upstream_status);
    let kind = match (by_type, by_status) {
        // Some proxies say `invalid_request_error` whatever the status.
        (Some(FaultKind::BadRequest), Some(other)) if other != FaultKind::BadRequest => other,
        // Others say `api_error`.
        (Some(FaultKind::UpstreamFailed), Some(other)) => other,
        (Some(kind), _) | (None, Some(kind)) => kind,
        (None, None) => FaultKind::UpstreamFailed,
    };
    match kind {
        FaultKind::BadRequest | FaultKind::TooLarge if is_overflow(message) => FaultKind::ContextOverflow,
        FaultKind::BadRequest if message.contains("credit balance is too low") => FaultKind::QuotaExhausted,
        kind => kind,
    }
}

fn is_overflow(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        TOO_LONG,
        "exceed context limit",
        "exceeds the context window",
        "context window exceeded",
        "maximum context length",
    ]
    .iter()
    .any(|words| message.contains(words))
}

/// How long to wait: as the upstream asks, else until the limits that are used up are free again. Dates count from the
/// answer's own date: our clock may be off.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let until = || {
        let date = headers.get(http::header::DATE)?.to_str().ok()?;
        let now = httpdate::parse_http_date(date).ok()?;
        resets(headers).into_iter().filter_map(|time| time.duration_since(now).ok()).max()
    };
    hints::retry_after(headers).or_else(until).map(|wait| wait.min(hints::MAX_WAIT))
}

/// When the limits that are used up are free again.
fn resets(headers: &HeaderMap) -> Vec<SystemTime> {
    let mut found = Vec::new();
    for (name, value) in headers {
        let Some(limit) =
            name.as_str().strip_prefix("anthropic-ratelimit-").and_then(|rest| rest.strip_suffix("-reset"))
        else {
            continue;
        };
        let header = |suffix: &str| headers.get(format!("anthropic-ratelimit-{limit}-{suffix}"));
        let left = header("remaining").and_then(|value| value.to_str().ok());
        let status = header("status").and_then(|value| value.to_str().ok());
        let is_used_up = left == Some("0") || status.is_some_and(|status| status == "rejected");
        if is_used_up {
            found.extend(value.to_str().ok().and_then(time::parse));
        }
    }
    found
}

/// The vendor's word for a kind of fault.
fn error_type(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::BadRequest
        | FaultKind::Unsupported
        | FaultKind::MethodNotAllowed
        | FaultKind::UnsupportedMedia
        | FaultKind::HeadersTooLarge
        | FaultKind::ContextOverflow => "invalid_request_error",
        FaultKind::Unauthenticated => "authentication_error",
        FaultKind::Forbidden => "permission_error",
        FaultKind::NotFound | FaultKind::ModelNotFound => "not_found_error",
        FaultKind::Conflict => "conflict_error",
        FaultKind::TooLarge => "request_too_large",
        FaultKind::RateLimited | FaultKind::QuotaExhausted => "rate_limit_error",
        FaultKind::Overloaded | FaultKind::Unavailable => "overloaded_error",
        FaultKind::RequestTimeout | FaultKind::UpstreamTimeout => "timeout_error",
        FaultKind::UpstreamRefused
        | FaultKind::UpstreamUnreachable
        | FaultKind::UpstreamGarbled
        | FaultKind::UpstreamFailed
        | FaultKind::Internal => "api_error",
    }
}

/// The message: it names the field at fault, and begins as the vendor's agents expect when they must compact.
fn message(fault: &Fault) -> Cow<'_, str> {
    let text: &str = if fault.message.is_empty() { "no details were given" } else { &fault.message };
    if fault.kind == FaultKind::ContextOverflow && !text.starts_with(TOO_LONG) {
        return Cow::Owned(format!("{TOO_LONG}: {text}"));
    }
    match &fault.param {
        Some(param) if !text.contains(&**param) => Cow::Owned(format!("{param}: {text}")),
        _ => Cow::Borrowed(text),
    }
}

/// Writes the `error` field of an error record.
pub(crate) fn write(fault: &Fault, object: &mut Open<'_>) {
    let kind = if is_unpaid(fault) { "billing_error" } else { error_type(fault.kind) };
    let mut error = Open::typed(object.key("error"), kind);
    error.text("message", &message(fault));
    error.end();
}

/// Writes a fault as an answer.
pub(crate) fn render(fault: &Fault, request_id: &str) -> HttpReply {
    let mut body = BytesMut::with_capacity(256);
    let mut object = Open::typed(&mut body, "error");
    write(fault, &mut object);
    object.text("request_id", request_id);
    object.end();
    let mut reply = HttpReply::json(status(fault), body.freeze());
    if let Some(wait) = fault.retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        reply.headers.insert(http::header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        reply.headers.insert(HeaderName::from_static("request-id"), id);
    }
    reply
}

/// 529 is this vendor's own status for "no room just now", and 402 for what is not paid.
fn status(fault: &Fault) -> StatusCode {
    let own = StatusCode::from_u16(529).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    match fault.kind {
        FaultKind::Overloaded => own,
        _ if is_unpaid(fault) => StatusCode::PAYMENT_REQUIRED,
        _ => fault.status(),
    }
}

/// Whether the upstream wants money, and no more time: waiting is of no use.
fn is_unpaid(fault: &Fault) -> bool {
    let unpaid = |raw: &RawFault| raw.status == StatusCode::PAYMENT_REQUIRED;
    fault.kind == FaultKind::QuotaExhausted && fault.upstream.as_deref().is_some_and(unpaid)
}

#[cfg(test)]
#[path = "fault_tests.rs"]
mod tests;
