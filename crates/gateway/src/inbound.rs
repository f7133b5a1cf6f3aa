//! A client's request, read once and used by every attempt.

use std::sync::Arc;

use dialect::{Body, ClientSide, Decoded, Echo, Peek};
use http::request::Parts;
use hub::Fault;
use pool::AccountId;

use crate::adjust::Adjust;
use crate::errand::Errand;
use crate::kept::Recall;
use crate::proofs::Memory;
use crate::restore::Field;

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
    /// What it has to do with kept answers, if anything.
    pub(crate) recall: Option<Box<Recall>>,
    /// For whom proofs in the answer are remembered, if they are.
    pub(crate) forgetful: Option<Arc<str>>,
}

impl<'a> Inbound<'a> {
    pub(crate) fn new(head: &'a Parts, body: Body, peek: Peek, adjust: Adjust) -> Self {
        Self { head, body, peek, adjust, errand: Errand::Answer, decoded: None, recall: None, forgetful: None }
    }

    /// The same for another errand.
    pub(crate) fn on(self, errand: Errand<'a>) -> Self {
        Self { errand, ..self }
    }

    /// Whether two accounts may be asked at a time: not for what depends on the memory of one, or is no question.
    pub(crate) fn can_be_asked_twice(&self) -> bool {
        matches!(self.errand, Errand::Answer) && self.recall.as_ref().is_none_or(|recall| recall.stands_alone())
    }

    /// The same request, to be asked of a second account.
    pub(crate) fn twin(&self) -> Self {
        let Self { head, body, peek, adjust, errand, .. } = self;
        let (body, peek, adjust) = (body.clone(), peek.clone(), adjust.clone());
        Self { head, body, peek, adjust, errand: *errand, decoded: None, recall: None, forgetful: None }
    }

    /// The body for an upstream of the same dialect.
    ///
    /// # Errors
    /// When it names an answer that this account cannot go on from.
    pub(crate) fn relayed(&self, account: &AccountId) -> Result<&Body, Fault> {
        self.recall.as_ref().map_or(Ok(&self.body), |recall| recall.for_wire(&self.body, account))
    }

    /// What an answer of this account lacks that was told the conversation in place of the answer it goes on from.
    pub(crate) fn went_on_from(&self, account: &AccountId) -> Option<Field> {
        self.recall.as_ref().and_then(|recall| recall.written_for(account))
    }

    /// Whether to ask the same account again with the conversation written out.
    pub(crate) fn falls_back(&mut self, fault: &Fault, account: &AccountId) -> bool {
        self.recall.as_mut().is_some_and(|recall| recall.falls_back(fault, account))
    }

    /// The request in hub form, with what its client has lost of earlier answers, and its history mended. Decoded once,
    /// however many attempts ask.
    ///
    /// # Errors
    /// The fault of a request that makes no sense.
    pub(crate) fn decoded(&mut self, client: &dyn ClientSide, memory: Memory<'_>) -> Result<&mut Decoded, Fault> {
        if self.decoded.is_none() {
            let whole = self.recall.as_ref().map_or(Ok(None), |recall| recall.for_hub(&self.body))?;
            let mut decoded = client.decode_request(self.head, whole.as_ref().unwrap_or(&self.body))?;
            self.adjust.request(&mut decoded.request);
            self.forgetful = memory.remind(client, &mut decoded.request);
            hub::mend(&mut decoded.request, &mut decoded.losses);
            self.decoded = Some(Box::new(decoded));
            let echo = client.echo(&self.body, whole.as_ref().unwrap_or(&self.body));
            if echo != Echo::default() {
                self.peek.reply.echo = Arc::new(echo);
            }
        }
        self.decoded.as_deref_mut().ok_or_else(|| Fault::new(hub::FaultKind::Internal, "the request was not decoded"))
    }
}
