//! What an upstream's no, or what is no answer at all, becomes: a fault in words for the client, without our key in it.

use bytes::Bytes;
use dialect::{Dialect, WireSide};
use hub::{Fault, FaultKind, RawFault};
use pool::Secret;
use transport::UpstreamReply;

/// Longest error body that is read, in bytes.
const ERROR_BODY: usize = 64 * 1024;

/// HTML or nothing with a 200 is no answer.
pub(crate) fn look_for_json(body: &[u8]) -> Result<(), Fault> {
    let first = body.trim_ascii_start().first();
    if first == Some(&b'{') && body.trim_ascii_end().ends_with(b"}") {
        return Ok(());
    }
    let what = match first {
        None => "nothing",
        Some(b'<') => "a web page",
        Some(_) => "something that is not a JSON object",
    };
    Err(Fault::garbled(format!("the upstream answered with {what} instead of JSON; is its base-url right?")))
}

pub(crate) async fn refusal(wire: &Dialect, side: &dyn WireSide, reply: UpstreamReply, secret: &Secret) -> Fault {
    let UpstreamReply { status, headers, body, .. } = reply;
    let body = body.collect(ERROR_BODY).await.unwrap_or_default();
    if status.is_redirection() {
        return Fault::garbled(format!("the upstream answered with a redirect ({status}); is its base-url right?"));
    }
    side.read_fault(RawFault { dialect: wire.id, status, headers, body: without(secret, body) })
}

/// The client's own key is fine: says whose is not, or people go looking in the wrong place.
pub(crate) fn whose(mut fault: Fault) -> Fault {
    if fault.kind == FaultKind::UpstreamRefused {
        fault.message = format!("the upstream refused this gateway's credential: {}", fault.message).into();
    }
    fault
}

/// Some upstreams repeat the key that they refuse; it must not reach the client or the log.
fn without(secret: &Secret, body: Bytes) -> Bytes {
    let key = secret.expose().as_bytes();
    if key.is_empty() || memchr::memmem::find(&body, key).is_none() {
        return body;
    }
    String::from_utf8_lossy(&body).replace(secret.expose(), "***").into()
}

/// As [`without`], for words that came in an answer which said that all was well.
pub(crate) fn silenced(mut fault: Fault, secret: &Secret) -> Fault {
    if !secret.is_empty() && fault.message.contains(secret.expose()) {
        fault.message = fault.message.replace(secret.expose(), "***").into();
    }
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_that_repeats_our_key_is_silenced() {
        let secret = Secret::new("sk-sentinel-1");
        let body = without(&secret, Bytes::from_static(b"{\"message\":\"Incorrect key sk-sentinel-1.\"}"));
        assert_eq!(body, "{\"message\":\"Incorrect key ***.\"}");
        let same = Bytes::from_static(b"nothing");
        assert_eq!(without(&secret, same.clone()).as_ptr(), same.as_ptr());
        assert_eq!(without(&Secret::default(), same.clone()), same);
    }
}
