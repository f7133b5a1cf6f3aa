//! A conversation made shorter: by the place's own call where it has one, so that only it can read the result, else by a
//! summary that any model writes and any model reads.

use std::borrow::Cow;

use dialect::splice::{self, Change, Edit, Pieces};
use dialect::{Body, Dialect, Relay, Target, WireSide};
use hub::{Fault, FaultKind, Losses};
use upstreams::{Call, Purpose};

use crate::attempt::{Attempt, Committed};
use crate::fidelity::{self, audible, report};
use crate::inbound::Inbound;
use crate::lacking::has_no_such_call;
use crate::record::Record;

impl Attempt<'_> {
    /// Tries once.
    ///
    /// # Errors
    /// Why this account makes nothing shorter.
    pub(crate) async fn compact(&self, inbound: &mut Inbound<'_>, record: &mut Record) -> Result<Committed, Fault> {
        let (model, _) = self.seat.model(&inbound.peek.model);
        let call = format!("compact {} {model}", self.seat.account.id);
        let (lacking, now) = (&self.worker.app.lacking, self.worker.app.accounts.clock().now());
        let wire = self.seat.upstream.takes(Purpose::Compact, model).filter(|_| !lacking.knows(&call, now));
        if let Some(wire) = wire {
            match self.compact_there(wire, inbound, record).await {
                // One that names a field did not find what the request names there.
                Err(fault) if has_no_such_call(&fault) && fault.param.is_none() => {
                    tracing::debug!(id = &*record.id, %fault, "the upstream does not compact; asking for a summary");
                    lacking.note(call, now);
                }
                done => return done,
            }
        }
        match self.wire(inbound, record)? {
            Some((wire, side)) => self.translate(wire, side, inbound, record).await,
            None => self.perform(inbound, record).await,
        }
    }

    async fn compact_there(
        &self,
        wire: &'static Dialect,
        inbound: &Inbound<'_>,
        record: &mut Record,
    ) -> Result<Committed, Fault> {
        record.way.1 = wire.id.0;
        let side = wire.wire.ok_or_else(|| Fault::new(FaultKind::Internal, "that dialect cannot be asked"))?;
        let (model, traits) = self.seat.model(&inbound.peek.model);
        let target = Target { model, stream: false, traits: &traits };
        let mut losses = Losses::default();
        let asked = inbound.relayed(&self.seat.account.id)?;
        let body = inbound.adjust.body(asked, side, &target, &mut losses);
        let Relay { edits, mut headers, losses: more, .. } = side.relay(inbound.head, &body, &target);
        self.worker.app.turns.hold(wire, &mut headers, &self.seat.account.id);
        losses.extend(more);
        fidelity::hold(inbound.adjust.fidelity, &losses, Some(wire), model)?;
        record.losses = audible(&losses);
        let body = splice::apply_in_pieces(body.bytes(), body.index(), &edits);
        let body = self.ruled_call(body, wire, side, inbound);
        let client = &inbound.head.headers;
        let call = Call { purpose: Purpose::Compact, wire: wire.id, model, stream: false, body, headers, client };
        let reply = self.ask(wire, side, call, record).await?;
        let mut committed = self.relay_whole(side, reply, None).await?;
        report(&losses, committed.headers_mut());
        Ok(committed)
    }

    /// Payload rules are written for answers: what they add and this call does not take is left out again.
    fn ruled_call(&self, body: Pieces, wire: &Dialect, side: &dyn WireSide, inbound: &Inbound<'_>) -> Pieces {
        if self.rules.is_empty() {
            return body;
        }
        let asked = body.joined();
        let ruled = self.ruled(asked.clone().into(), wire, inbound).joined();
        let (Ok(asked), Ok(ruled)) = (Body::parse(asked), Body::parse(ruled.clone())) else { return ruled.into() };
        let keeps = side.beside().compact;
        let is_foreign = |name: &str| !asked.has(name) && !keeps.contains(&name);
        let foreign = ruled.fields().map(|(name, _)| name).filter(|name| is_foreign(name));
        let removed = |name: Cow<'_, str>| Edit { path: vec![name.into_owned().into()], change: Change::Remove };
        let edits: Vec<Edit> = foreign.map(removed).collect();
        splice::apply_in_pieces(ruled.bytes(), ruled.index(), &edits)
    }
}
