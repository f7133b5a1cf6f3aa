//! The main path: resolve, lease, try, and try again while nothing has reached the client.

use std::sync::Arc;

use dialect::{ClientSide, Framer, Target, splice};
use http::Response;
use hub::{Fault, FaultKind};
use pool::{AccountId, Lease, Outcome};
use tokio::sync::OwnedSemaphorePermit;
use transport::ReplyBody;
use upstreams::{Call, Purpose};

use crate::app::Worker;
use crate::attempt::{self, Attempt, Committed};
use crate::inbound::Inbound;
use crate::kept::Tapped;
use crate::names::Found;
use crate::outflow::Settled;
use crate::record::{Ended, Record};
use crate::scope::Scope;
use crate::snapshot::{Seat, Snapshot};
use crate::tries::{Tries, Try};
use crate::{estimate, faults, headers};

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

    /// Answers a request for a token count: the upstream's own where it has one in the client's dialect, else a guess.
    ///
    /// # Errors
    /// When the request makes no sense.
    pub(crate) async fn count(
        &self,
        inbound: &mut Inbound<'_>,
        record: &mut Record,
    ) -> Result<Response<ReplyBody>, Fault> {
        let route = self.resolve(&inbound.peek.model)?;
        let native = route.seats.iter().find(|seat| self.counts_natively(seat, &inbound.peek.model));
        if let Some(seat) = native {
            match self.count_upstream(seat, inbound, record).await {
                Ok(response) => return Ok(response),
                Err(fault) if fault.blame == hub::Blame::Request => return Err(fault),
                Err(fault) => tracing::debug!(id = &*record.id, %fault, "the upstream did not count; estimating"),
            }
        }
        let decoded = inbound.decoded(self.client)?;
        let tokens = estimate::input_tokens(&decoded.request);
        let mut response = Response::new(ReplyBody::whole(self.client.encode_count(tokens)));
        *response.headers_mut() = headers::json();
        response.headers_mut().insert(headers::ESTIMATE, http::HeaderValue::from_static("true"));
        Ok(response)
    }

    fn counts_natively(&self, seat: &Seat, requested: &str) -> bool {
        let (model, _) = seat.model(requested);
        seat.upstream.takes(Purpose::CountTokens, model).is_some_and(|wire| wire.id == self.client.dialect())
    }

    async fn count_upstream(
        &self,
        seat: &Seat,
        inbound: &Inbound<'_>,
        record: &mut Record,
    ) -> Result<Response<ReplyBody>, Fault> {
        let (model, traits) = seat.model(&inbound.peek.model);
        let wire = seat.upstream.wire_for(model, self.client.dialect()).ok_or_else(nobody)?;
        let side = wire.wire.ok_or_else(nobody)?;
        let lease = Lease::new(Arc::clone(&seat.account), seat.secret.clone());
        let attempt = Attempt {
            worker: self.worker,
            snapshot: &self.snapshot,
            client: self.client,
            seat,
            lease: &lease,
            rules: &[],
        };
        let target = Target { model, stream: false, traits: &traits };
        let body = inbound.relayed(&seat.account.id)?;
        let relay = side.relay(inbound.head, body, &target);
        let call = Call {
            purpose: Purpose::CountTokens,
            wire: wire.id,
            model,
            stream: false,
            body: splice::apply_in_pieces(body.bytes(), body.index(), &relay.edits),
            headers: relay.headers,
            client: &inbound.head.headers,
        };
        let asked = attempt.ask(wire, side, call, record).await;
        let outcome = asked.as_ref().err().map_or(Outcome::Answered, Outcome::of);
        lease.settle(outcome);
        let limit = self.snapshot.config.limits.reply_bytes;
        let body = asked?.body.collect(limit).await.map_err(|error| faults::of_read(&error))?;
        let mut response = Response::new(ReplyBody::whole(body));
        *response.headers_mut() = headers::json();
        Ok(response)
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
