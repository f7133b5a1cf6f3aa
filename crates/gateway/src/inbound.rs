//! A client's request, read once and used by every attempt.

use std::sync::Arc;

use dialect::{Body, ClientSide, Decoded, Peek};
use http::request::Parts;
use hub::Fault;

use crate::adjust::Adjust;
use crate::errand::Errand;

/// A request that has been admitted and peeked at.
pub(crate) struct Inbound<'a> {
    pub(crate) head: &'a Parts,
    pub(crate) body: Body,
    pub(crate) peek: Peek,
    pub(crate) adjust: Adjust,
    pub(crate) errand: Errand<'a>,
    /// The hub form, made when the first attempt needs it.
    /// Boxed, because most requests never need it and all are moved about.
    decoded: Option<Box<Decoded>>,
}

impl<'a> Inbound<'a> {
    pub(crate) fn new(head: &'a Parts, body: Body, peek: Peek, adjust: Adjust) -> Self {
        Self { head, body, peek, adjust, errand: Errand::Answer, decoded: None }
    }

    /// The same for another errand.
    pub(crate) fn on(self, errand: Errand<'a>) -> Self {
        Self { errand, ..self }
    }

    /// The request in hub form, its history mended. Decoded once, however many attempts ask.
    ///
    /// # Errors
    /// The fault of a request that makes no sense.
    pub(crate) fn decoded(&mut self, client: &dyn ClientSide) -> Result<&Decoded, Fault> {
        if self.decoded.is_none() {
            let mut decoded = client.decode_request(self.head, &self.body)?;
            self.adjust.request(&mut decoded.request);
            hub::mend(&mut decoded.request, &mut decoded.losses);
            self.decoded = Some(Box::new(decoded));
            self.peek.reply.echo = Arc::new(client.echo(&self.body));
        }
        self.decoded.as_deref().ok_or_else(|| Fault::new(hub::FaultKind::Internal, "the request was not decoded"))
    }
}
