//! Errors in Ollama's shape, which is a text and nothing else: written for clients, read leniently from upstreams.

use std::time::Duration;

use bytes::BytesMut;

use dialect::read::{Raw, as_text};
use dialect::{HttpReply, Object, hints};
use http::{HeaderValue, header};
use hub::{Fault, FaultKind, RawFault};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Writes a fault as an HTTP answer.
pub(crate) fn render(fault: &Fault, request_id: &str) -> HttpReply {
    let mut out = BytesMut::with_capacity(fault.message.len() + 16);
    write(fault, &mut out);
    let mut reply = HttpReply::json(fault.status(), out.freeze());
    if let Some(wait) = fault.retry_after {
        reply.headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        reply.headers.insert("x-request-id", id);
    }
    reply
}

/// Writes the last line of a stream that failed: programs raise on it.
pub(crate) fn tail(fault: &Fault, out: &mut BytesMut) {
    write(fault, out);
    out.extend_from_slice(b"\n");
}

fn write(fault: &Fault, out: &mut BytesMut) {
    let mut object = Object::open(out);
    match fault.message.as_ref() {
        "" => object.text("error", "the request failed"),
        // By these words programs know that it is the model, and offer others.
        words if fault.kind == FaultKind::ModelNotFound && !words.contains("not found") => {
            object.text("error", &format!("model not found: {words}"));
        }
        words => object.text("error", words),
    }
    object.close();
}

/// Waiting too short costs another refusal, so fractions are rounded up.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// The shapes that occur: Ollama's text, and the objects of servers and proxies that stand in for it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Shape<'a> {
    #[serde(borrow)]
    error: Raw<'a>,
    #[serde(borrow)]
    message: Raw<'a>,
    #[serde(borrow)]
    detail: Raw<'a>,
}

/// The words of an error, two objects deep.
fn words_of(json: &str) -> Option<String> {
    let text = |raw: &RawValue| as_text(raw).filter(|text| !text.is_empty()).map(std::borrow::Cow::into_owned);
    let shape: Shape<'_> = serde_json::from_str(json).ok()?;
    let told = [shape.error, shape.message, shape.detail].into_iter().flatten();
    told.into_iter().find_map(|raw| {
        let inner = || serde_json::from_str::<Shape<'_>>(raw.get()).ok()?.message.and_then(text);
        text(raw).or_else(inner)
    })
}

/// Whether a body is an error as Ollama's programs read it: they take the text and know no others.
pub(crate) fn tells(_: &Fault, body: &[u8]) -> bool {
    let shape = serde_json::from_slice::<Shape<'_>>(body).unwrap_or_default();
    shape.error.is_some_and(|error| as_text(error).is_some_and(|words| !words.is_empty()))
}

/// Reads an error answer of an Ollama server.
pub(crate) fn read(raw: RawFault) -> Fault {
    let json = std::str::from_utf8(&raw.body).unwrap_or_default();
    let words = hints::plain_words(words_of(json).as_deref().map_or(&raw.body[..], str::as_bytes));
    let words = if words.is_empty() { format!("the upstream answered {} without a word", raw.status) } else { words };
    let kind = refine(FaultKind::of_upstream_status(raw.status), &words);
    let wait = hints::retry_after(&raw.headers);
    Fault::new(kind, words).with_retry_after(wait).with_raw(raw)
}

/// Reads an error that came inside a 200: the value of a line's `error`.
pub(crate) fn in_stream(raw: &RawValue) -> Fault {
    let told = as_text(raw).map(std::borrow::Cow::into_owned).or_else(|| words_of(raw.get())).unwrap_or_default();
    let words = hints::plain_words(told.as_bytes());
    let words = if words.is_empty() { "the upstream reported an error in its answer".to_owned() } else { words };
    Fault::new(refine(FaultKind::UpstreamFailed, &words), words)
}

/// What the words tell beyond the status.
fn refine(base: FaultKind, words: &str) -> FaultKind {
    const OVERFLOW: [&str; 6] = [
        "context length",
        "context window",
        "context size",
        "prompt is too long",
        "input length exceeds",
        "prompt too long",
    ];
    let lower = words.to_ascii_lowercase();
    let speaks_of_request = matches!(base, FaultKind::BadRequest | FaultKind::UpstreamFailed | FaultKind::TooLarge);
    if speaks_of_request && OVERFLOW.iter().any(|words| lower.contains(words)) {
        return FaultKind::ContextOverflow;
    }
    if base == FaultKind::UpstreamFailed && lower.contains("server busy") {
        return FaultKind::Overloaded;
    }
    base
}
