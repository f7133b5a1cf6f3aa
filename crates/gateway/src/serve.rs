//! The main path: resolve, lease, try, and try again while nothing has reached the client.

use std::sync::Arc;

use dialect::{ClientSide, Framer};
use http::Response;
use hub::{Fault, FaultKind};
use pool::{AccountId, Lease, Outcome};
use tokio::sync::OwnedSemaphorePermit;
use transport::{ReplyBody, rare};

use crate::app::Worker;
use crate::attempt::{self, Attempt, Committed};
use crate::conversation::Conversation;
use crate::inbound::Inbound;
use crate::kept::Tapped;
use crate::names::Found;
use crate::outflow::Settled;
use crate::race::Ran;
use crate::record::{Ended, Record};
use crate::route::ModelRoute;
use crate::scope::Scope;
use crate::snapshot::Snapshot;
use crate::tries::{Tries, Try};
use crate::{fallback, headers};

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
        record: &mut Option<Box<Record>>,
    ) -> Result<Response<ReplyBody>, Fault> {
        match self.snapshot.config.deadlines.total {
            None => self.try_ways(inbound, permit, record).await,
            Some(total) => rare(attempt::within(total, self.try_ways(inbound, permit, record))).await,
        }
    }

    /// Tries the model's own route, then those that may take its place.
    async fn try_ways(
        &self,
        inbound: &mut Inbound<'_>,
        permit: OwnedSemaphorePermit,
        record: &mut Option<Box<Record>>,
    ) -> Result<Response<ReplyBody>, Fault> {
        let mut permit = Some(permit);
        match self.try_all(self.scope, inbound, &mut permit, record).await {
            Err(fault) if self.snapshot.names.chains.go_on_after(&fault) && inbound.errand.can_be_repeated() => {
                rare(self.fall_back(fault, inbound, &mut permit, record)).await
            }
            tried => tried,
        }
    }

    /// Tries the other ways; when none leads to an answer, the first fault is what the client should know. That a name
    /// has others in its place is no fault of its own.
    async fn fall_back(
        &self,
        mut fault: Fault,
        inbound: &mut Inbound<'_>,
        permit: &mut Option<OwnedSemaphorePermit>,
        record: &mut Option<Box<Record>>,
    ) -> Result<Response<ReplyBody>, Fault> {
        let asked = inbound.peek.model.clone();
        let mut stands_in = self.snapshot.names.resolve(self.scope, &asked).is_none();
        let ways = self.snapshot.names.ways_after(&fault, self.scope, &asked);
        for (scope, model) in ways {
            let id = record.as_ref().map(|record| &*record.id);
            tracing::debug!(id, model = &*asked, instead = &*model, %fault, "falling back");
            inbound.peek.model.clone_from(&model);
            if let Some(record) = record {
                record.fallback = Some(model.clone());
            }
            match self.try_all(scope, inbound, permit, record).await {
                Ok(mut response) => {
                    if let Ok(value) = model.parse() {
                        response.headers_mut().insert(headers::FALLBACK, value);
                    }
                    return Ok(response);
                }
                Err(other) if !fallback::may_help(&other) => return Err(other),
                Err(other) => {
                    tracing::debug!(model = &*model, %other, "no answer there either");
                    if stands_in && self.snapshot.names.resolve(scope, &model).is_some() {
                        (fault, stands_in) = (other, false);
                    }
                }
            }
        }
        Err(fault)
    }

    async fn try_all(
        &self,
        scope: Scope,
        inbound: &mut Inbound<'_>,
        permit: &mut Option<OwnedSemaphorePermit>,
        record: &mut Option<Box<Record>>,
    ) -> Result<Response<ReplyBody>, Fault> {
        let route = self.resolve_in(scope, &inbound.peek.model)?;
        let conversation = self.conversation(&route, inbound);
        let model = inbound.peek.model.clone();
        let stream = inbound.peek.reply.stream;
        let first = inbound.recall.as_ref().and_then(|recall| recall.first_seat(&route, self.client, &model));
        let tries = Tries::new(&self.worker.app, &self.snapshot.config, &route, &model, conversation.as_ref());
        let tries = tries.starting_at(first).in_place_of(record.as_ref().map(|record| &*record.model));
        let mut tries = if stream { tries.of_a_stream() } else { tries };
        let mut terms = self.terms(&route, inbound);
        loop {
            let held = tries.next().await?;
            let Some(notes) = record.as_mut() else { return Err(nobody()) };
            notes.begin(&held.seat.account);
            let Ran { by: Try { seat, mut lease }, tried } = match &mut terms {
                Some(terms) => rare(self.race(terms, &mut tries, held, &route, inbound, notes)).await?,
                None => {
                    let attempt = self.attempt(&held, &route);
                    let tried = match attempt.run(inbound, notes).await {
                        // The account has forgotten the answer that the request names: it is told all of it.
                        Err(fault) if inbound.falls_back(&fault, &held.seat.account.id) => {
                            rare(attempt.run(inbound, notes)).await
                        }
                        tried => tried,
                    };
                    Ran { by: held, tried }
                }
            };
            match tried {
                Ok(committed) => {
                    lease.note_alive();
                    notes.answers();
                    let trail = inbound.head.headers.contains_key(headers::TRAIL).then(|| notes.trail.to_string());
                    let committed = self.tapped(committed, inbound, &seat.account.id);
                    let mut response = commit(committed, lease, permit.take(), record.take());
                    headers::tell_trail(trail, response.headers_mut());
                    return Ok(response);
                }
                Err(fault) => {
                    notes.failed(&fault);
                    tracing::debug!(id = &*notes.id, account = &*seat.account.label, kind = ?fault.kind, %fault, "attempt failed");
                    if !inbound.errand.can_be_repeated() {
                        lease.settle(Outcome::of(&fault));
                        return Err(fault);
                    }
                    tries.failed(seat, lease, fault)?;
                }
            }
        }
    }

    /// An attempt with an account.
    pub(crate) fn attempt<'b>(&'b self, held: &'b Try<'_>, route: &'b ModelRoute) -> Attempt<'b> {
        Attempt {
            worker: self.worker,
            snapshot: &self.snapshot,
            client: self.client,
            seat: held.seat,
            secret: held.lease.secret(),
            rules: &route.rules,
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

    /// The conversation of a request, where several could answer.
    fn conversation(&self, route: &ModelRoute, inbound: &Inbound<'_>) -> Option<Conversation> {
        let wanted = route.seats.len() > 1 && self.snapshot.config.routing.session_affinity.is_some();
        wanted.then(|| Conversation::of(self.client, inbound)).flatten()
    }

    /// Where a model's name leads.
    ///
    /// # Errors
    /// When nobody serves it, or nobody whom the request may reach.
    fn resolve_in(&self, scope: Scope, model: &str) -> Result<Found<'_>, Fault> {
        self.snapshot.names.resolve(scope, model).ok_or_else(|| self.snapshot.names.missing(scope, model))
    }
}

fn nobody() -> Fault {
    Fault::new(FaultKind::Unavailable, "no account is free to serve this model")
}

/// The answer that the client gets, with everything that must happen at its end.
fn commit(
    committed: Committed,
    lease: Lease,
    permit: Option<OwnedSemaphorePermit>,
    record: Option<Box<Record>>,
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
