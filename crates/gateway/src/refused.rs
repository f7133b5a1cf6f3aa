//! Answers to requests whose head was never whole or never right: in the caller's dialect, as far as it can be told,
//! and with the one log line that every request has. It knows nothing of how such heads are found.

use bytes::Bytes;
use config::Limits;
use dialect::HttpReply;
use http::{HeaderValue, Response};
use hub::{Fault, FaultKind};
use transport::{Reason, Refused};

use crate::app::Worker;
use crate::{edge, headers};

impl Worker {
    /// Words the answer to a refused request and logs it.
    #[must_use]
    pub fn refuse(&self, refused: &Refused) -> Response<Bytes> {
        let snapshot = self.app.snapshot();
        let fault = fault(refused.reason, &snapshot.config.limits);
        let id = edge::request_id(&refused.head);
        let client = self.app.routes.caller(&refused.head);
        let reply = match client {
            Some(client) => client.render_fault(&fault, &id),
            None => HttpReply::json(fault.status(), Bytes::new()),
        };
        tracing::info!(
            target: "request",
            id = &*id,
            peer = %refused.peer.addr,
            from = client.map(|client| client.dialect().0),
            status = reply.status.as_u16(),
            ended = "refused",
            fault = ?fault.kind,
            reason = &*fault.message,
        );
        response(reply, &id)
    }
}

fn fault(reason: Reason, limits: &Limits) -> Fault {
    let (kind, message) = match reason {
        Reason::TooLarge => (
            FaultKind::HeadersTooLarge,
            format!("the request's head has more than {} bytes or {} fields", limits.header_bytes, limits.header_count),
        ),
        Reason::Malformed => (FaultKind::BadRequest, "the request's head is not well-formed HTTP".to_owned()),
        Reason::CutShort => (FaultKind::BadRequest, "the request ended before its head was whole".to_owned()),
        Reason::Unseen => {
            (FaultKind::BadRequest, "the request's head is too large, or against the rules of HTTP/2".to_owned())
        }
        Reason::Late => (
            FaultKind::RequestTimeout,
            format!("the request's head was not whole within {} s", limits.header_read_timeout.as_secs_f64()),
        ),
    };
    Fault::new(kind, message)
}

fn response(reply: HttpReply, id: &str) -> Response<Bytes> {
    let mut response = Response::new(reply.body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(headers::REQUEST_ID, value);
    }
    response
}
