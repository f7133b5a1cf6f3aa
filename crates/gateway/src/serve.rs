//! The main path: resolve, lease, try, and try again while nothing has reached the client.

use std::sync::Arc;

use dialect::{ClientSide, Framer};
use http::Response;
use hub::{Fault, FaultKind};
use pool::{AccountId, Lease, Outcome};
use tokio::sync::OwnedSemaphorePermit;
use transport::ReplyBody;

use crate::app::Worker;
use crate::attempt::{self, Attempt, Committed};
use crate::inbound::Inbound;
use crate::kept::Tapped;
use crate::names::Found;
use crate::outflow::Settled;
use crate::record::{Ended, Record};
use crate::scope::Scope;
use crate::snapshot::Snapshot;
use crate::tries::{Tries, Try};

/// What one request is served with.
pub(crate) struct Serve<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) client: &'static dyn ClientSide,
    /// What the request may reach.
    pub(crate) scope: Scope,
}

impl Serve<'_> {
    /// Answers a request for generation. The record is written when the answer ends; on a fault it stays with the caller.
    ///
    /// # Errors
    /// The last account's fault, or why none was asked.
    pub(crate) async fn generate(
        &self,
        inbound: &mut Inbound<'_>,
        permit: OwnedSemaphorePermit,
        record: &mut Option<Record>,
    ) -> Result<Response<ReplyBody>, Fault> {
        match self.snapshot.config.deadlines.total {
            None => self.try_all(inbound, permit, record).await,
            Some(total) => Box::pin(attempt::within(total, self.try_all(inbound, permit, record))).await,
        }
    }

    async fn try_all(
        &self,
        inbound: &mut Inbound<'_>,
        permit: OwnedSemaphorePermit,
        record: &mut Option<Record>,
    ) -> Result<Response<ReplyBody>, Fault> {
        let route = self.resolve(&inbound.peek.model)?;
        let session = inbound.peek.session.take();
        let model = inbound.peek.model.clone();
        let first = inbound.recall.as_ref().and_then(|recall| recall.first_seat(&route, self.client, &model));
        let tries = Tries::new(&self.worker.app, &self.snapshot.config, &route, &model, session.as_deref());
        let mut tries = tries.starting_at(first);
        loop {
            let Try { seat, mut lease } = tries.next().await?;
            let Some(notes) = record.as_mut() else { return Err(nobody()) };
            notes.begin(&seat.account);
            let attempt = Attempt {
                worker: self.worker,
                snapshot: &self.snapshot,
                client: self.client,
                seat,
                lease: &lease,
                rules: &route.rules,
            };
            let tried = match attempt.run(inbound, notes).await {
                // The account has forgotten the answer that the request names: it is told the whole conversation.
                Err(fault) if inbound.falls_back(&fault, &seat.account.id) => {
                    Box::pin(attempt.run(inbound, notes)).await
                }
                tried => tried,
            };
            match tried {
                Ok(committed) => {
                    lease.note_alive();
                    notes.answers();
                    let committed = self.tapped(committed, inbound, &seat.account.id);
                    return Ok(commit(committed, lease, permit, record.take()));
                }
                Err(fault) => {
                    notes.failed(&fault);
                    tracing::debug!(id = &*notes.id, account = &*seat.account.label, kind = ?fault.kind, %fault, "attempt failed");
                    if !inbound.errand.can_be_repeated() {
                        lease.settle(Outcome::of(&fault));
                        return Err(fault);
                    }
                    tries.failed(lease, fault)?;
                }
            }
        }
    }

    /// Puts a tape beside an answer that is to be kept.
    fn tapped(&self, committed: Committed, inbound: &Inbound<'_>, account: &AccountId) -> Committed {
        let limits = &self.snapshot.config.limits;
        let tape = inbound.recall.as_ref();
        let tape =
            tape.and_then(|recall| recall.tape(&self.worker.app, &inbound.peek.reply, limits.reply_bytes, account));
        match (committed, tape) {
            (committed, None) => committed,
            (Committed::Whole { headers, body, usage }, Some(tape)) => {
                tape.whole(&body);
                Committed::Whole { headers, body, usage }
            }
            (Committed::Streamed { headers, flow }, Some(tape)) => {
                let framer = Framer::new(attempt::framing_of(self.client), limits.line_bytes);
                Committed::Streamed { headers, flow: Box::new(Tapped::new(flow, framer, tape)) }
            }
        }
    }

    /// Where a model's name leads.
    ///
    /// # Errors
    /// When nobody serves it, or nobody whom the request may reach.
    pub(crate) fn resolve(&self, model: &str) -> Result<Found<'_>, Fault> {
        self.snapshot.names.resolve(self.scope, model).ok_or_else(|| self.snapshot.names.missing(self.scope, model))
    }
}

fn nobody() -> Fault {
    Fault::new(FaultKind::Unavailable, "no account is free to serve this model")
}

/// The answer that the client gets, with everything that must happen at its end.
fn commit(
    committed: Committed,
    lease: Lease,
    permit: OwnedSemaphorePermit,
    record: Option<Record>,
) -> Response<ReplyBody> {
    let mut record = record.unwrap_or_else(|| Record::new("".into()));
    record.status = attempt::OK;
    let (headers, body) = match committed {
        Committed::Whole { headers, body, usage } => {
            lease.settle(Outcome::Answered);
            record.usage = usage;
            record.ended = Ended::Whole;
            (headers, ReplyBody::whole(body))
        }
        Committed::Streamed { headers, flow } => {
            (headers, ReplyBody::stream(Settled::new(flow, lease, record, permit)))
        }
    };
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    response
}
