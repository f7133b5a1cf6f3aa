//! Errors in OpenAI's shape: written for clients, read leniently from upstreams.

use std::borrow::Cow;
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderMap, HeaderValue, header};
use hub::{Fault, FaultKind, RawFault};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::read::Str;
use crate::{HttpReply, Object, hints};

/// Writes a fault as an HTTP answer.
pub fn render(fault: &Fault, request_id: &str) -> HttpReply {
    let mut reply = HttpReply::json(fault.status(), body(fault));
    if let Some(wait) = fault.retry_after {
        reply.headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        reply.headers.insert("x-request-id", id);
    }
    reply
}

/// Waiting too short costs another refusal, so fractions are rounded up.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn body(fault: &Fault) -> bytes::Bytes {
    let mut out = BytesMut::with_capacity(fault.message.len() + 96);
    write(fault, &mut out);
    out.freeze()
}

/// Writes the error object.
pub fn write(fault: &Fault, out: &mut BytesMut) {
    let (kind, own_code) = words(fault.kind);
    // What programs match on is ours where the meaning is known, the upstream's where only it knows.
    let code = match fault.kind {
        FaultKind::BadRequest | FaultKind::Unsupported | FaultKind::UpstreamFailed => {
            fault.code.as_deref().or(own_code)
        }
        _ => own_code.or(fault.code.as_deref()),
    };
    let mut outer = Object::open(out);
    let mut error = Object::open(outer.key("error"));
    error.text("message", &fault.message);
    error.text("type", kind);
    text_or_null(&mut error, "param", fault.param.as_deref());
    text_or_null(&mut error, "code", code);
    error.close();
    outer.close();
}

fn text_or_null(object: &mut Object<'_>, key: &str, value: Option<&str>) {
    match value {
        Some(value) => object.text(key, value),
        None => object.raw(key, "null"),
    }
}

/// OpenAI's type and code (types of openai-python 3.52).
pub fn words(kind: FaultKind) -> (&'static str, Option<&'static str>) {
    const REQUEST: &str = "invalid_request_error";
    match kind {
        FaultKind::BadRequest => (REQUEST, None),
        FaultKind::Unsupported => (REQUEST, Some("unsupported_value")),
        FaultKind::Unauthenticated => (REQUEST, Some("invalid_api_key")),
        FaultKind::Forbidden => ("permission_error", Some("permission_denied")),
        FaultKind::NotFound => (REQUEST, Some("not_found")),
        FaultKind::ModelNotFound => (REQUEST, Some("model_not_found")),
        FaultKind::MethodNotAllowed => (REQUEST, Some("method_not_supported")),
        FaultKind::RequestTimeout => ("timeout", Some("request_timeout")),
        FaultKind::Conflict => ("conflict", Some("conflict")),
        FaultKind::TooLarge => (REQUEST, Some("request_too_large")),
        FaultKind::UnsupportedMedia => (REQUEST, Some("unsupported_media_type")),
        FaultKind::HeadersTooLarge => (REQUEST, Some("headers_too_large")),
        FaultKind::ContextOverflow => (REQUEST, Some("context_length_exceeded")),
        FaultKind::RateLimited => ("rate_limit_error", Some("rate_limit_exceeded")),
        FaultKind::QuotaExhausted => ("insufficient_quota", Some("insufficient_quota")),
        FaultKind::Overloaded => ("server_error", Some("overloaded")),
        FaultKind::UpstreamRefused => ("server_error", Some("upstream_refused")),
        FaultKind::UpstreamUnreachable => ("server_error", Some("upstream_unreachable")),
        FaultKind::UpstreamTimeout => ("timeout", Some("upstream_timeout")),
        FaultKind::UpstreamGarbled => ("server_error", Some("upstream_garbled")),
        FaultKind::UpstreamFailed => ("server_error", None),
        FaultKind::Unavailable => ("server_error", Some("unavailable")),
        FaultKind::Internal => ("server_error", Some("internal_error")),
    }
}

/// What an upstream says of an error, whatever its shape.
#[derive(Debug, Default, PartialEq)]
struct Said {
    message: String,
    kind: String,
    code: String,
    param: Option<String>,
}

/// Whether a body is an error as OpenAI's programs read it, with the code on which agents act where there is one.
pub fn tells(fault: &Fault, body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Own<'a> {
        #[serde(borrow)]
        error: Inner<'a>,
    }
    #[derive(Deserialize)]
    struct Inner<'a> {
        #[serde(borrow)]
        message: Str<'a>,
        #[serde(borrow, default)]
        code: Option<&'a RawValue>,
    }
    let Ok(Own { error }) = serde_json::from_slice::<Own<'_>>(body) else { return false };
    let own_code = || error.code.is_some_and(|code| code.get() == r#""context_length_exceeded""#);
    hints::tells(fault, &error.message, |_| own_code())
}

/// The shapes that occur: OpenAI's, a bare text, FastAPI's `detail`, a flat object.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Shape<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    msg: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    param: Option<&'a RawValue>,
}

/// How deep an error may hide in others.
const DEPTH: u8 = 3;

fn said(json: &str, depth: u8) -> Said {
    let json = json.trim();
    if json.starts_with('"') {
        return Said { message: text(json), ..Said::default() };
    }
    if json.starts_with('[') {
        let list: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
        return list.first().filter(|_| depth > 0).map(|first| said(first.get(), depth - 1)).unwrap_or_default();
    }
    let Ok(shape) = serde_json::from_str::<Shape<'_>>(json) else { return Said::default() };
    let field = |raw: Option<&RawValue>| raw.map(|raw| text(raw.get())).unwrap_or_default();
    let inner = shape.error.or(shape.detail).filter(|_| depth > 0);
    let mut said = inner.map(|raw| said(raw.get(), depth - 1)).unwrap_or_default();
    let fill = |slot: &mut String, value: String| {
        if slot.is_empty() {
            *slot = value;
        }
    };
    fill(&mut said.message, field(shape.message.or(shape.msg)));
    fill(&mut said.kind, field(shape.kind));
    fill(&mut said.code, field(shape.code));
    fill(&mut said.kind, field(shape.status));
    said.param = said.param.take().or_else(|| Some(field(shape.param)).filter(|param| !param.is_empty()));
    said
}

/// A scalar as text; containers and null are nothing.
fn text(json: &str) -> String {
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Str<'_>>(json).map(|text| text.0.into_owned()).unwrap_or_default(),
        Some(b'{' | b'[' | b'n') | None => String::new(),
        Some(_) => json.to_owned(),
    }
}

/// What a code and a type mean to one of the languages alone; both in lower case. The status is 0 inside a stream.
pub type OwnWords = fn(code: &str, kind: &str, status: u16) -> Option<FaultKind>;

/// Reads an error answer of an upstream.
pub fn read(raw: RawFault, own: OwnWords) -> Fault {
    let json = std::str::from_utf8(&raw.body).unwrap_or_default();
    let said = said(json, DEPTH);
    let status = raw.status.as_u16();
    let kind = refine(FaultKind::of_upstream_status(raw.status), status, &said, own);
    let retry = retry_hint(kind, &raw.headers, &said.message);
    let message = message(&said, &raw);
    finish(kind, message, said).with_retry_after(retry).with_raw(raw)
}

fn message(said: &Said, raw: &RawFault) -> String {
    let words = hints::plain_words(if said.message.is_empty() { &raw.body } else { said.message.as_bytes() });
    if words.is_empty() { format!("the upstream answered {} without a word", raw.status) } else { words }
}

fn finish(kind: FaultKind, message: String, said: Said) -> Fault {
    let mut fault = Fault::new(kind, message);
    fault.param = said.param.map(Cow::Owned);
    fault.code = Some(said.code).filter(|code| !code.is_empty()).map(Cow::Owned);
    fault
}

/// Reads an error that came inside a 200: the `error` field of a chunk or a body, or the whole of an error object.
pub fn in_stream(json: &str, own: OwnWords) -> Fault {
    let said = said(json, DEPTH);
    let status = said.code.parse::<u16>().ok().and_then(|code| http::StatusCode::from_u16(code).ok());
    let base =
        status.filter(|status| status.as_u16() >= 400).map_or(FaultKind::UpstreamFailed, FaultKind::of_upstream_status);
    let kind = refine(base, status.map_or(0, |status| status.as_u16()), &said, own);
    let words = hints::plain_words(said.message.as_bytes());
    let message = if words.is_empty() { "the upstream reported an error in its answer".to_owned() } else { words };
    let wait = retry_hint(kind, &HeaderMap::new(), &said.message);
    finish(kind, message, said).with_retry_after(wait)
}

/// What the codes and words of the body tell beyond the status. `status` is 0 inside a stream.
fn refine(base: FaultKind, status: u16, said: &Said, own: OwnWords) -> FaultKind {
    let code = said.code.to_ascii_lowercase();
    let kind = said.kind.to_ascii_lowercase();
    let is = |word: &str| code == word || kind == word;
    let request = matches!(status, 0 | 400 | 413 | 422 | 500);
    if is("context_length_exceeded") || (request && speaks_of_overflow(&said.message)) {
        return FaultKind::ContextOverflow;
    }
    if is("insufficient_quota") || is("billing_hard_limit_reached") || is("billing_error") {
        return FaultKind::QuotaExhausted;
    }
    if is("model_not_found") || is("invalid_model") {
        return FaultKind::ModelNotFound;
    }
    if is("invalid_api_key") || is("authentication_error") || is("permission_error") || is("api_key_invalid") {
        return FaultKind::UpstreamRefused;
    }
    if is("rate_limit_exceeded") || is("rate_limit_error") || is("too_many_requests") {
        return FaultKind::RateLimited;
    }
    if is("overloaded") || is("overloaded_error") || is("server_overloaded") || is("engine_overloaded") {
        return FaultKind::Overloaded;
    }
    if let Some(kind) = own(&code, &kind, status) {
        return kind;
    }
    match status {
        0 if kind == "invalid_request_error" || kind == "badrequesterror" => FaultKind::BadRequest,
        0 if kind == "timeout" || kind == "timeout_error" => FaultKind::UpstreamTimeout,
        _ => base,
    }
}

/// The texts by which providers say that a conversation is too long.
fn speaks_of_overflow(message: &str) -> bool {
    const WORDS: [&str; 8] = [
        "maximum context length",
        "context length exceeded",
        "context_length_exceeded",
        "exceeds the context window",
        "exceed context limit",
        "prompt is too long",
        "input token count exceeds",
        "longer than the model's context",
    ];
    let lower = message.to_ascii_lowercase();
    WORDS.iter().any(|words| lower.contains(words))
}

fn retry_hint(kind: FaultKind, headers: &HeaderMap, message: &str) -> Option<Duration> {
    let limited = matches!(kind, FaultKind::RateLimited | FaultKind::QuotaExhausted | FaultKind::Overloaded);
    let told = hints::retry_after(headers);
    told.or_else(|| limited.then(|| reset_of_spent(headers).or_else(|| wait_in_words(message)))?)
}

/// The longest reset among the limits that are used up: `x-ratelimit-reset-tokens: 6m0s` beside `remaining: 0`.
fn reset_of_spent(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let reset = |limit: &str| {
        let spent = text(&format!("x-ratelimit-remaining-{limit}"))?.trim() == "0";
        let wait = text(&format!("x-ratelimit-reset-{limit}"))?;
        spent.then(|| hints::parse_wait(wait)).flatten()
    };
    ["requests", "tokens"].into_iter().filter_map(reset).max()
}

/// `... try again in 1.2s.`
fn wait_in_words(message: &str) -> Option<Duration> {
    let lower = message.to_ascii_lowercase();
    let after = &lower[lower.find("try again in ")? + 13..];
    let word = after.split(|c: char| c.is_whitespace() || c == ',').next()?;
    hints::parse_wait(word.trim_end_matches('.'))
}
