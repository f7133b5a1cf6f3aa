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
        // Codex sends again whatever carries a code that it does not know; `invalid_request_error` is Anthropic's.
        FaultKind::BadRequest | FaultKind::Unsupported => {
            let own = |code: &&str| blames_request(code) && !code.ends_with("_request_error");
            fault.code.as_deref().filter(own).unwrap_or("invalid_prompt")
        }
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
    if is("vector_store_timeout") {
        return Some(FaultKind::UpstreamTimeout);
    }
    (status == 0 && blames_request(code)).then_some(FaultKind::BadRequest)
}

/// The codes of a failed answer that say what is wrong with the request (`ResponseError` of openai-python 3.52).
fn blames_request(code: &str) -> bool {
    const OTHERS: [&str; 9] = [
        "bio_policy",
        "data_residency_mismatch",
        "empty_image_file",
        "failed_to_download_image",
        "image_content_policy_violation",
        "image_file_not_found",
        "image_file_too_large",
        "image_parse_error",
        "unsupported_image_media_type",
    ];
    code.starts_with("invalid_") || code.starts_with("image_too_") || OTHERS.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: &str) -> FaultKind {
        in_stream(&format!(r#"{{"code":"{code}","message":"no"}}"#)).kind
    }

    #[test]
    fn a_failed_answer_says_whose_fault_it_is() {
        for code in ["invalid_prompt", "image_too_small", "image_parse_error", "bio_policy", "failed_to_download_image"]
        {
            assert_eq!(told(code), FaultKind::BadRequest, "{code}");
        }
        assert_eq!(told("vector_store_timeout"), FaultKind::UpstreamTimeout);
        assert_eq!(told("server_error"), FaultKind::UpstreamFailed);
        assert_eq!(told("rate_limit_exceeded"), FaultKind::RateLimited);
    }

    #[test]
    fn codes_of_others_are_not_told_to_programs_that_know_openais() {
        let code = |code: &'static str| stream_code(&Fault::bad_request("no").with_code(code)).to_owned();
        assert_eq!(code("image_too_large"), "image_too_large");
        assert_eq!(code("INVALID_ARGUMENT"), "invalid_prompt");
        assert_eq!(code("invalid_request_error"), "invalid_prompt");
    }
}
