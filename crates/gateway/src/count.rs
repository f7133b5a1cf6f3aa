//! How many tokens a request would take: counted by an upstream where one can, in whatever dialect, else estimated.
//!
//! Programs ask this often and rely on an answer: only a fault of the request itself is one here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::payload::Rule;
use dialect::splice::{self, Pieces};
use dialect::{Body, Dialect, Target, WireSide};
use http::{HeaderMap, HeaderValue, Response};
use hub::{Blame, Fault, FaultKind, Losses, Request};
use pool::{Lease, Outcome, Secret};
use tokio::time::timeout;
use transport::ReplyBody;
use upstreams::{Call, Purpose};

use crate::attempt::{Attempt, within};
use crate::fidelity::report;
use crate::inbound::Inbound;
use crate::lacking::has_no_such_call;
use crate::proofs::Memory;
use crate::record::Record;
use crate::seats::{Seat, Seats};
use crate::serve::Serve;
use crate::{estimate, faults, fetched, headers};

/// How long a place may take to count. Programs ask before each of their steps, and an estimate is there at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many seats are looked at before a request is refused that is not sent anywhere.
const LOOKED_AT: usize = 8;

/// What is sent to be counted.
struct Ask {
    body: Pieces,
    headers: HeaderMap,
    losses: Losses,
}

impl Serve<'_> {
    /// Answers a request for a token count.
    ///
    /// # Errors
    /// When the request makes no sense, here or to the upstream.
    pub(crate) async fn count(
        &self,
        inbound: &mut Inbound<'_>,
        record: &mut Record,
    ) -> Result<Response<ReplyBody>, Fault> {
        let ((_, model), route) = self.snapshot.names.first_way(self.scope, &inbound.peek.model)?;
        inbound.peek.model.clone_from(&model);
        let own = route.seats.iter().find(|seat| counter(*seat, &model).is_some_and(|wire| self.speaks(wire)));
        let native = own.or_else(|| route.seats.iter().find(|seat| counter(*seat, &model).is_some()));
        let now = self.worker.app.accounts.clock().now();
        let counts = |seat: &Seat<'_>| !self.worker.app.lacking.knows(&place_of(*seat, &model), now);
        if let Some(seat) = native.filter(counts) {
            match self.count_upstream(seat, &route.rules, inbound, record).await {
                Ok(response) => return Ok(response),
                Err(fault) if self.concerns_request(&fault) => return Err(fault),
                Err(fault) => {
                    tracing::debug!(id = &*record.id, %fault, "the upstream did not count; estimating");
                    if has_no_such_call(&fault) {
                        self.worker.app.lacking.note(place_of(seat, &model), now);
                    }
                }
            }
        }
        let decoded = inbound.decoded(self.client, Memory::of(self.worker, &self.snapshot, record))?;
        if let Some(fault) = self.refused_everywhere(&route.seats, &model, &mut decoded.request) {
            return Err(fault);
        }
        let tokens = estimate::input_tokens(&decoded.request);
        let mut response = counted(self.client.encode_count(tokens));
        response.headers_mut().insert(headers::ESTIMATE, HeaderValue::from_static("true"));
        Ok(response)
    }

    /// Why none of the first seats could be asked for an answer: what would be refused then is refused here, too.
    fn refused_everywhere(&self, seats: &Seats, model: &str, request: &mut Request) -> Option<Fault> {
        let mut refused = None;
        for seat in seats.iter().take(LOOKED_AT) {
            let wire = seat.wire_for(model, self.client.dialect()).filter(|wire| !self.speaks(wire))?;
            let (model, traits) = seat.model(model);
            let (side, target) = (wire.wire?, Target { model, stream: false, traits: &traits });
            if fetched::is_needed(request, side, &target, &self.snapshot) {
                return None;
            }
            match side.encode_request(request, &target) {
                Err(fault) if fault.blame == Blame::Request => refused = Some(fault),
                _ => return None,
            }
        }
        refused
    }

    /// Whether a fault is the request's own. An upstream's refusal is that only in the client's own words, and when it
    /// does not mean that there is no such call: counting must not fail because of our translation.
    fn concerns_request(&self, fault: &Fault) -> bool {
        let meant =
            fault.upstream.as_ref().is_none_or(|raw| raw.dialect == self.client.dialect() && !has_no_such_call(fault));
        fault.blame == Blame::Request && meant
    }

    fn speaks(&self, wire: &Dialect) -> bool {
        wire.id == self.client.dialect()
    }

    /// The answer in the client's dialect, with what was not counted.
    async fn count_upstream(
        &self,
        seat: Seat<'_>,
        rules: &[Arc<Rule>],
        inbound: &mut Inbound<'_>,
        record: &mut Record,
    ) -> Result<Response<ReplyBody>, Fault> {
        let client = &self.worker.client;
        let secret = within(PATIENCE, seat.secret(client)).await?;
        match self.count_with(seat, &secret, rules, inbound, record).await {
            Err(fault) if seat.gives_up(&secret, &fault) => {
                let secret = within(PATIENCE, seat.secret(client)).await?;
                self.count_with(seat, &secret, rules, inbound, record).await
            }
            counted => counted,
        }
    }

    async fn count_with(
        &self,
        seat: Seat<'_>,
        secret: &Secret,
        rules: &[Arc<Rule>],
        inbound: &mut Inbound<'_>,
        record: &mut Record,
    ) -> Result<Response<ReplyBody>, Fault> {
        let asked_for = inbound.peek.model.clone();
        let (model, _) = seat.model(&asked_for);
        let wire = counter(seat, &asked_for).ok_or_else(cannot)?;
        let side = wire.wire.ok_or_else(cannot)?;
        let same = self.speaks(wire);
        let lease = Lease::new(Arc::clone(&seat.account), secret.clone());
        let attempt =
            Attempt { worker: self.worker, snapshot: &self.snapshot, client: self.client, seat, secret, rules };
        let ask = if same {
            relayed(&attempt, wire, side, inbound)?
        } else {
            self.translated(&attempt, wire, side, inbound, record)?
        };
        let call = Call {
            purpose: Purpose::CountTokens,
            wire: wire.id,
            model,
            stream: false,
            body: ask.body,
            headers: ask.headers,
            client: &inbound.head.headers,
        };
        let limit = self.snapshot.config.limits.reply_bytes;
        let work = async {
            let reply = attempt.ask(wire, side, call, record).await?;
            reply.body.collect(limit).await.map_err(|error| faults::of_read(&error))
        };
        let late = |_| Fault::new(FaultKind::UpstreamTimeout, "the upstream has not counted in time");
        let counted_in_time = timeout(PATIENCE, work).await.map_err(late);
        lease.settle(match &counted_in_time {
            // How slowly it counts, and what it has not, says nothing of how it answers.
            Err(_) => Outcome::Unknown,
            Ok(Err(fault)) if !has_no_such_call(fault) => Outcome::of(fault),
            Ok(_) => Outcome::Answered,
        });
        let body = counted_in_time??;
        let body = if same {
            body
        } else {
            let number = side.beside().count.and_then(|count| count.read(&body));
            let number = number.ok_or_else(|| Fault::garbled("the upstream's answer holds no number of tokens"))?;
            self.client.encode_count(number)
        };
        let mut response = counted(body);
        report(&ask.losses, response.headers_mut());
        Ok(response)
    }

    /// The same translation as for an answer, so that what an answer would refuse is refused here, too.
    fn translated(
        &self,
        attempt: &Attempt<'_>,
        wire: &Dialect,
        side: &dyn WireSide,
        inbound: &mut Inbound<'_>,
        record: &Record,
    ) -> Result<Ask, Fault> {
        let asked_for = inbound.peek.model.clone();
        let (model, traits) = attempt.seat.model(&asked_for);
        let count = side.beside().count.ok_or_else(cannot)?;
        let decoded = inbound.decoded(self.client, Memory::of(self.worker, &self.snapshot, record))?;
        let target = Target { model, stream: false, traits: &traits };
        if fetched::is_needed(&mut decoded.request, side, &target, &self.snapshot) {
            // An answer would fetch it. A number is not worth that.
            return Err(Fault::new(FaultKind::Internal, "what stands at an address is not fetched to be counted"));
        }
        let encoded = side.encode_request(&decoded.request, &target)?;
        let mut losses = decoded.losses.clone();
        let mut more = encoded.losses;
        more.tell_as(self.client.words());
        losses.extend(more);
        let body = attempt.ruled(encoded.body.into(), wire, inbound).joined();
        Ok(Ask { body: count.request(body, model)?.into(), headers: encoded.headers, losses })
    }
}

/// The client's own request, under the upstream's name of the model. Where the model's name, the operator's prompt or a
/// payload rule changes an answer's request, it is that request which is counted, and not what the client sent.
fn relayed(attempt: &Attempt<'_>, wire: &Dialect, side: &dyn WireSide, inbound: &Inbound<'_>) -> Result<Ask, Fault> {
    let (model, traits) = attempt.seat.model(&inbound.peek.model);
    let target = Target { model, stream: false, traits: &traits };
    let body = inbound.relayed(&attempt.seat.account.id)?;
    if !inbound.adjust.is_idle() || !attempt.rules.is_empty() {
        return changed(attempt, wire, side, inbound, body, &target);
    }
    let relay = side.relay(inbound.head, body, &target);
    let body = splice::apply_in_pieces(body.bytes(), body.index(), &relay.edits);
    Ok(Ask { body, headers: relay.headers, losses: relay.losses })
}

fn changed(
    attempt: &Attempt<'_>,
    wire: &Dialect,
    side: &dyn WireSide,
    inbound: &Inbound<'_>,
    body: &Body,
    target: &Target<'_>,
) -> Result<Ask, Fault> {
    let count = side.beside().count.ok_or_else(cannot)?;
    let inner = (count.inside)(body);
    let mut losses = Losses::default();
    let body = inbound.adjust.body(inner.as_ref().unwrap_or(body), side, target, &mut losses);
    let relay = side.relay(inbound.head, &body, target);
    let body = splice::apply_in_pieces(body.bytes(), body.index(), &relay.edits);
    let body = attempt.ruled(body, wire, inbound).joined();
    losses.extend(relay.losses);
    Ok(Ask { body: count.request(body, target.model)?.into(), headers: relay.headers, losses })
}

/// A place and a model, as they are remembered.
fn place_of(seat: Seat<'_>, requested: &str) -> String {
    let origin = seat.upstream.origin().unwrap_or_default();
    format!("count {} {origin} {}", seat.upstream.kind(), seat.upstream_model(requested))
}

/// The dialect in which a seat counts.
pub(crate) fn counter(seat: Seat<'_>, requested: &str) -> Option<&'static Dialect> {
    let (model, _) = seat.model(requested);
    let wire = seat.upstream.takes(Purpose::CountTokens, model)?;
    wire.wire.and_then(|side| side.beside().count).map(|_| wire)
}

fn cannot() -> Fault {
    Fault::new(FaultKind::Internal, "the upstream does not count tokens")
}

fn counted(body: Bytes) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(body));
    *response.headers_mut() = headers::json();
    response
}
