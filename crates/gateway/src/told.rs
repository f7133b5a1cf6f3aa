//! How a fault is told to the client: in its dialect, or in the upstream's very words where those are in it; and the
//! headers that go with it. What the fault means has been decided before.

use std::time::Duration;

use dialect::{ClientSide, HttpReply};
use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hub::{Fault, FaultKind, RawFault};
use transport::ReplyBody;

use crate::record::Record;
use crate::{edge, headers};

/// Longest name of an upstream's request that is passed on, in bytes.
const ID_LENGTH: usize = 128;
/// When to come back where nobody said so. Short: a gateway with several accounts is seldom without any for long.
const SOON: Duration = Duration::from_secs(1);

/// Tells a fault, and notes it.
pub(crate) fn refuse(
    client: &dyn ClientSide,
    fault: &Fault,
    id: &str,
    record: &mut Option<Box<Record>>,
) -> Response<ReplyBody> {
    if let Some(record) = record {
        record.fault = Some(fault.kind);
        record.upstream_id = their_id(fault).and_then(|id| Some(id.to_str().ok()?.to_owned()));
    }
    tracing::debug!(id, kind = ?fault.kind, %fault, "refused");
    edge::respond(reply(client, fault, id))
}

/// What the client gets.
pub(crate) fn reply(client: &dyn ClientSide, fault: &Fault, id: &str) -> HttpReply {
    let mut reply = match native(client, fault) {
        Some(raw) => {
            let mut reply = HttpReply::json(raw.status, raw.body.clone());
            headers::copy_upstream(&raw.headers, false, &mut reply.headers);
            reply
        }
        None => client.render_fault(fault, id),
    };
    let (status, headers) = (reply.status, &mut reply.headers);
    if let Some(id) = their_id(fault) {
        headers.insert(headers::UPSTREAM_ID, id.clone());
    }
    if let Some(advice) = fault.upstream.as_ref().and_then(|raw| raw.headers.get(headers::SHOULD_RETRY)) {
        headers.insert(headers::SHOULD_RETRY, advice.clone());
    }
    tell_wait(fault, status, headers);
    if fault.kind == FaultKind::MethodNotAllowed
        && let Some(method) = fault.code.as_deref().and_then(|code| HeaderValue::from_str(code).ok())
    {
        headers.insert(ALLOW, method);
    }
    reply
}

/// What the upstream said, where it says to this client as it is what the fault means. Not what it said of our
/// credential: that is not the client's.
fn native<'a>(client: &dyn ClientSide, fault: &'a Fault) -> Option<&'a RawFault> {
    let raw = fault.upstream.as_deref()?;
    let own = raw.dialect == client.dialect() && fault.kind != FaultKind::UpstreamRefused && !raw.status.is_success();
    let wire = dialects::ALL.iter().find(|dialect| own && dialect.id == raw.dialect)?.wire?;
    wire.tells(fault, &raw.body).then_some(raw)
}

/// What the upstream calls its request: for a ticket there.
fn their_id(fault: &Fault) -> Option<&HeaderValue> {
    let headers = &fault.upstream.as_ref()?.headers;
    let plain =
        |id: &&HeaderValue| (1..=ID_LENGTH).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    upstreams::REQUEST_IDS.into_iter().find_map(|name| headers.get(name).filter(plain))
}

/// When to come back. Whoever is to come back is always told when; a spent quota is not back because somebody waits.
fn tell_wait(fault: &Fault, status: StatusCode, headers: &mut HeaderMap) {
    let busy = matches!(fault.kind, FaultKind::RateLimited | FaultKind::Overloaded | FaultKind::Unavailable)
        && matches!(status.as_u16(), 429 | 503 | 529);
    match fault.retry_after {
        Some(wait) => headers::retry_after(wait, headers),
        None if busy && !headers.contains_key(RETRY_AFTER) => headers::retry_after(SOON, headers),
        None => (),
    }
}
