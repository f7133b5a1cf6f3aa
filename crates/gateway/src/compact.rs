//! A conversation made shorter: by the place's own call where it has one, so that only it can read the result, else by a
//! summary that any model writes and any model reads.

use dialect::splice;
use dialect::{Dialect, Relay, Target};
use hub::{Fault, FaultKind, Losses};
use upstreams::{Call, Purpose};

use crate::attempt::{Attempt, Committed};
use crate::fidelity::{self, audible, report};
use crate::inbound::Inbound;
use crate::record::Record;

impl Attempt<'_> {
    /// Tries once.
    ///
    /// # Errors
    /// Why this account makes nothing shorter.
    pub(crate) async fn compact(&self, inbound: &mut Inbound<'_>, record: &mut Record) -> Result<Committed, Fault> {
        let (model, _) = self.seat.model(&inbound.peek.model);
        if let Some(wire) = self.seat.upstream.takes(Purpose::Compact, model) {
            match self.compact_there(wire, inbound, record).await {
                Err(fault) if has_no_such_call(&fault) => {
                    tracing::debug!(id = &*record.id, %fault, "the upstream does not compact; asking for a summary");
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
        let Relay { edits, headers, losses: more, .. } = side.relay(inbound.head, &body, &target);
        losses.extend(more);
        fidelity::hold(inbound.adjust.fidelity, &losses, Some(wire), model)?;
        record.losses = audible(&losses);
        let body = splice::apply_in_pieces(body.bytes(), body.index(), &edits);
        let client = &inbound.head.headers;
        let call = Call { purpose: Purpose::Compact, wire: wire.id, model, stream: false, body, headers, client };
        let reply = self.ask(wire, side, call, record).await?;
        let mut committed = self.relay_whole(side, reply, None).await?;
        report(&losses, committed.headers_mut());
        Ok(committed)
    }
}

fn has_no_such_call(fault: &Fault) -> bool {
    fault.upstream.as_ref().is_some_and(|raw| matches!(raw.status.as_u16(), 404 | 405 | 501))
}
