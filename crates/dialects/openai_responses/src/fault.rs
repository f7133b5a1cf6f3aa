//! Errors of Responses: in the shape that OpenAI's languages share, with codes of their own in a stream.

use std::borrow::Cow;

use bytes::BytesMut;
use dialect::Object;
use dialect::openai::fault;
use hub::{Fault, FaultKind, RawFault};

pub(crate) use dialect::openai::fault::{render, tells};

/// The code of an error inside a stream: OpenAI's own words, on which agents act (types of openai-python 3.52, and
/// what Codex looks for).
pub(crate) fn stream_code(fault: &Fault) -> &str {
    match fault.kind {
        FaultKind::BadRequest | FaultKind::Unsupported => fault.code.as_deref().unwrap_or("invalid_prompt"),
        FaultKind::Overloaded => "server_is_overloaded",
        kind => fault::words(kind).1.unwrap_or("server_error"),
    }
}

/// The words of an error inside a stream. Codex finds the time to wait in them, and nowhere else (codex-rs
/// `sse/responses.rs`, November 2026).
pub(crate) fn stream_words(fault: &Fault) -> Cow<'_, str> {
    match fault.retry_after {
        Some(wait) if fault.kind == FaultKind::RateLimited && !fault.message.contains("try again in") => {
            format!("{} Please try again in {:.1}s.", fault.message, wait.as_secs_f64()).into()
        }
        _ => Cow::Borrowed(&fault.message),
    }
}

/// Writes the error as an answer that has failed carries it.
pub(crate) fn write_in_answer(fault: &Fault, out: &mut BytesMut) {
    let mut error = Object::open(out);
    error.text("code", stream_code(fault));
    error.text("message", &stream_words(fault));
    error.close();
}

/// Reads an error answer of a Responses upstream.
pub(crate) fn read(raw: RawFault) -> Fault {
    fault::read(raw, own_words)
}

/// Reads an error that came inside a 200: the error object of an event, or of a failed response.
pub(crate) fn in_stream(json: &str) -> Fault {
    fault::in_stream(json, own_words)
}

/// Codes of the backend that Codex asks, and of events.
fn own_words(code: &str, kind: &str, status: u16) -> Option<FaultKind> {
    let is = |word: &str| code == word || kind == word;
    if is("server_is_overloaded") || is("slow_down") {
        return Some(FaultKind::Overloaded);
    }
    if is("usage_limit_reached") || is("usage_not_included") {
        return Some(FaultKind::QuotaExhausted);
    }
    (status == 0 && code.starts_with("invalid_")).then_some(FaultKind::BadRequest)
}
