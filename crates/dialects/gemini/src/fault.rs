//! Errors in Google's shape: written for clients, read leniently from upstreams.

use std::time::Duration;

use bytes::BytesMut;
use dialect::read::Str;
use dialect::{HttpReply, Object, hints};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hub::{Fault, FaultKind, RawFault};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::{Raw, as_text, lenient};

/// How Google's API and its agents tell that a conversation is too long.
const OVERFLOW: &str = "The input token count exceeds the maximum number of tokens allowed.";
/// How deep an error may hide in others.
const DEPTH: u8 = 3;

/// Writes a fault as an HTTP answer.
pub(crate) fn render(fault: &Fault, request_id: &str) -> HttpReply {
    let mut out = BytesMut::with_capacity(fault.message.len() + 128);
    write(fault, &mut out);
    let mut reply = HttpReply::json(fault.status(), out.freeze());
    if let Some(wait) = fault.retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        reply.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        reply.headers.insert("x-request-id", id);
    }
    reply
}

/// Writes the error object, for an answer or a stream.
pub(crate) fn write(fault: &Fault, out: &mut BytesMut) {
    let mut outer = Object::open(out);
    let mut error = Object::open(outer.key("error"));
    error.number("code", fault.status().as_u16());
    error.text("message", &message(fault));
    error.text("status", word(fault));
    if fault.retry_after.is_some() || fault.param.is_some() {
        error.array("details", details(fault), |detail, out| detail.write(out));
    }
    error.close();
    outer.close();
}

fn message(fault: &Fault) -> String {
    let overflow = fault.kind == FaultKind::ContextOverflow;
    if overflow && !fault.message.to_ascii_lowercase().contains("input token count") {
        return format!("{OVERFLOW} {}", fault.message);
    }
    match (fault.kind, fault.param.as_deref()) {
        // The field is all that a reader has to go by, and this shape has no place for it in every client.
        (FaultKind::Unsupported, Some(param)) => named(param, &fault.message),
        _ => fault.message.to_string(),
    }
}

/// The words with the field before them, as this dialect spells it.
fn named(param: &str, words: &str) -> String {
    let rest = words.strip_prefix(param).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(words);
    let field = spelled(param);
    if rest.contains(field) { rest.to_owned() } else { format!("{field}: {rest}") }
}

/// The fields that a wire may refuse, under the names that they have here.
fn spelled(param: &str) -> &str {
    match param {
        "n" => "generationConfig.candidateCount",
        "logprobs" => "generationConfig.responseLogprobs",
        "max_tokens" => "generationConfig.maxOutputTokens",
        "modalities" => "generationConfig.responseModalities",
        "tool_choice" => "toolConfig.functionCallingConfig",
        param => param,
    }
}

/// A typed detail of an error.
enum Detail<'a> {
    Retry(Duration),
    Field { path: &'a str, words: &'a str },
}

fn details(fault: &Fault) -> impl Iterator<Item = Detail<'_>> {
    let field = fault.param.as_deref().map(|path| Detail::Field { path: spelled(path), words: &fault.message });
    fault.retry_after.map(Detail::Retry).into_iter().chain(field)
}

impl Detail<'_> {
    fn write(&self, out: &mut BytesMut) {
        let mut object = Object::open(out);
        match self {
            Self::Retry(wait) => {
                object.text("@type", "type.googleapis.com/google.rpc.RetryInfo");
                object.text("retryDelay", &format!("{}s", wait.as_secs_f64()));
            }
            Self::Field { path, words } => {
                object.text("@type", "type.googleapis.com/google.rpc.BadRequest");
                object.array("fieldViolations", [()], |(), out| {
                    let mut violation = Object::open(out);
                    violation.text("field", path);
                    violation.text("description", words);
                    violation.close();
                });
            }
        }
        object.close();
    }
}

/// The canonical code (google.rpc.Code).
fn word(fault: &Fault) -> &'static str {
    match fault.kind {
        FaultKind::BadRequest
        | FaultKind::Unsupported
        | FaultKind::TooLarge
        | FaultKind::UnsupportedMedia
        | FaultKind::HeadersTooLarge
        | FaultKind::ContextOverflow => "INVALID_ARGUMENT",
        FaultKind::Unauthenticated => "UNAUTHENTICATED",
        FaultKind::Forbidden => "PERMISSION_DENIED",
        FaultKind::NotFound | FaultKind::ModelNotFound => "NOT_FOUND",
        FaultKind::MethodNotAllowed => "UNIMPLEMENTED",
        FaultKind::RequestTimeout | FaultKind::UpstreamTimeout => "DEADLINE_EXCEEDED",
        FaultKind::Conflict => "ABORTED",
        FaultKind::RateLimited | FaultKind::QuotaExhausted => "RESOURCE_EXHAUSTED",
        FaultKind::Overloaded
        | FaultKind::UpstreamRefused
        | FaultKind::UpstreamUnreachable
        | FaultKind::UpstreamGarbled
        | FaultKind::Unavailable => "UNAVAILABLE",
        FaultKind::UpstreamFailed
            if matches!(fault.status(), StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE) =>
        {
            "UNAVAILABLE"
        }
        FaultKind::UpstreamFailed | FaultKind::Internal => "INTERNAL",
    }
}

/// What an upstream says of an error, whatever its shape.
#[derive(Debug, Default)]
struct Said {
    code: Option<u16>,
    message: String,
    status: String,
    reason: String,
    wait: Option<Duration>,
}

/// The shapes that occur: Google's, alone or in a list, a bare text, `detail`, a flat object.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Shape<'a> {
    #[serde(borrow)]
    error: Raw<'a>,
    #[serde(borrow)]
    detail: Raw<'a>,
    #[serde(borrow)]
    code: Raw<'a>,
    #[serde(borrow)]
    message: Raw<'a>,
    #[serde(borrow)]
    status: Raw<'a>,
    #[serde(borrow)]
    details: Raw<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Info<'a> {
    #[serde(borrow)]
    reason: Raw<'a>,
    #[serde(borrow)]
    retry_delay: Raw<'a>,
}

fn text(raw: Raw<'_>) -> String {
    raw.and_then(as_text).map(std::borrow::Cow::into_owned).unwrap_or_default()
}

fn said(json: &str, depth: u8) -> Said {
    let json = json.trim();
    if json.starts_with('"') {
        return Said { message: text(serde_json::from_str(json).ok()), ..Said::default() };
    }
    if json.starts_with('[') {
        let list: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
        return list.first().filter(|_| depth > 0).map(|first| said(first.get(), depth - 1)).unwrap_or_default();
    }
    let shape: Shape<'_> = serde_json::from_str(json).unwrap_or_default();
    if let Some(inner) = shape.error.or(shape.detail).filter(|_| depth > 0) {
        return said(inner.get(), depth - 1);
    }
    let mut said = Said {
        code: shape.code.and_then(|raw| raw.get().trim_matches('"').parse().ok()),
        message: text(shape.message),
        status: text(shape.status),
        ..Said::default()
    };
    let details: Vec<&RawValue> = lenient(shape.details);
    for info in details.into_iter().map(|raw| lenient::<Info<'_>>(Some(raw))) {
        said.wait = said.wait.or_else(|| hints::parse_wait(&text(info.retry_delay)));
        if said.reason.is_empty() {
            said.reason = text(info.reason);
        }
    }
    said
}

/// Whether a body is an error as Google's programs read it, with the words on which agents act where there are some.
pub(crate) fn tells(fault: &Fault, body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Own<'a> {
        #[serde(borrow)]
        error: Inner<'a>,
    }
    #[derive(Deserialize)]
    struct Inner<'a> {
        #[serde(rename = "code")]
        _code: u16,
        #[serde(borrow)]
        message: Str<'a>,
    }
    let Ok(Own { error }) = serde_json::from_slice::<Own<'_>>(body) else { return false };
    hints::tells(fault, &error.message, |words| words.to_ascii_lowercase().contains("input token count"))
}

/// Reads an error answer of an upstream.
pub(crate) fn read(raw: RawFault) -> Fault {
    let json = std::str::from_utf8(&raw.body).unwrap_or_default();
    let said = said(json, DEPTH);
    let kind = refine(FaultKind::of_upstream_status(raw.status), &said);
    let words = hints::plain_words(if said.message.is_empty() { &raw.body } else { said.message.as_bytes() });
    let words = if words.is_empty() { format!("the upstream answered {} without a word", raw.status) } else { words };
    let wait = wait(kind, &raw.headers, &said);
    finish(kind, words, said).with_retry_after(wait).with_raw(raw)
}

/// Reads an error that came inside a 200: the `error` field of a chunk.
pub(crate) fn in_stream(json: &str) -> Fault {
    let said = said(json, DEPTH);
    let status = said.code.and_then(|code| StatusCode::from_u16(code).ok()).filter(|status| status.as_u16() >= 400);
    let kind = refine(status.map_or(FaultKind::UpstreamFailed, FaultKind::of_upstream_status), &said);
    let words = hints::plain_words(said.message.as_bytes());
    let words = if words.is_empty() { "the upstream reported an error in its answer".to_owned() } else { words };
    let wait = wait(kind, &HeaderMap::new(), &said);
    finish(kind, words, said).with_retry_after(wait)
}

fn finish(kind: FaultKind, words: String, said: Said) -> Fault {
    let code = if said.reason.is_empty() { said.status } else { said.reason };
    let mut fault = Fault::new(kind, words);
    fault.code = Some(code).filter(|code| !code.is_empty()).map(Into::into);
    fault
}

/// What the words of the body tell beyond the status.
fn refine(base: FaultKind, said: &Said) -> FaultKind {
    let lower = said.message.to_ascii_lowercase();
    let too_long = lower.contains("input token count") && lower.contains("exceed");
    if too_long && matches!(base, FaultKind::BadRequest | FaultKind::UpstreamFailed) {
        return FaultKind::ContextOverflow;
    }
    if said.reason.starts_with("API_KEY_")
        || lower.starts_with("api key not valid")
        || lower.starts_with("api key expired")
    {
        return FaultKind::UpstreamRefused;
    }
    // A place or an account that may not use the API at all: no fault of the request.
    if said.status == "FAILED_PRECONDITION" && (lower.contains("location") || lower.contains("billing")) {
        return FaultKind::UpstreamRefused;
    }
    match (said.status.as_str(), base) {
        ("RESOURCE_EXHAUSTED", FaultKind::UpstreamFailed | FaultKind::BadRequest) => FaultKind::RateLimited,
        ("UNAVAILABLE", FaultKind::UpstreamFailed) => FaultKind::Overloaded,
        ("DEADLINE_EXCEEDED", FaultKind::UpstreamFailed) => FaultKind::UpstreamTimeout,
        ("INVALID_ARGUMENT", FaultKind::UpstreamFailed) => FaultKind::BadRequest,
        _ => base,
    }
}

fn wait(kind: FaultKind, headers: &HeaderMap, said: &Said) -> Option<Duration> {
    let limited = matches!(kind, FaultKind::RateLimited | FaultKind::QuotaExhausted | FaultKind::Overloaded);
    hints::retry_after(headers).or(said.wait).or_else(|| limited.then(|| wait_in_words(&said.message))?)
}

/// `... Please retry in 12.3s.`
fn wait_in_words(message: &str) -> Option<Duration> {
    let lower = message.to_ascii_lowercase();
    let after = &lower[lower.find("retry in ")? + 9..];
    let word = after.split(|c: char| c.is_whitespace() || c == ',').next()?;
    hints::parse_wait(word.trim_end_matches('.'))
}
