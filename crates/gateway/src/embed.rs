//! Vectors for texts: relayed where the place speaks the client's language, else translated, in several calls where the
//! place takes fewer texts at once than the client sent.

use bytes::Bytes;
use dialect::Dialect;
use dialect::embed::{EmbedCall, EmbedClient, EmbedInput, EmbedRequest, EmbedWire, Embedded};
use dialect::splice::{self, Pieces};
use http::{HeaderMap, HeaderValue};
use hub::{Blame, Fault, FaultKind, Losses, Usage};
use upstreams::{Call, Purpose};

use crate::attempt::{Attempt, Committed};
use crate::fidelity::{self, audible, report};
use crate::inbound::Inbound;
use crate::record::Record;
use crate::{estimate, faults, headers, rejection};

/// Whom the vectors are asked from.
#[derive(Clone, Copy)]
struct Giver {
    wire: &'static Dialect,
    embed: &'static dyn EmbedWire,
}

impl Attempt<'_> {
    /// Tries once.
    ///
    /// # Errors
    /// Why there are no vectors from this account.
    pub(crate) async fn embed(
        &self,
        client: &'static dyn EmbedClient,
        inbound: &Inbound<'_>,
        record: &mut Record,
    ) -> Result<Committed, Fault> {
        let (model, _) = self.seat.model(&inbound.peek.model);
        let Some(wire) = self.seat.upstream.takes(Purpose::Embed(client.call()), model) else {
            record.way.1 = self.seat.upstream.kind();
            let request = client.decode(&inbound.body)?;
            fidelity::hold(inbound.adjust.fidelity, &request.losses, None, model)?;
            // Another account of the model may give vectors.
            let answer =
                self.seat.upstream.embed(&request).map_err(|fault| Fault { blame: Blame::Pairing, ..fault })?;
            return vectors(client, &request, &answer, &request.losses, inbound, record);
        };
        record.way.1 = wire.id.0;
        let own = self.seat.upstream.embeds(model);
        let embed = own.or_else(|| wire.wire.and_then(|side| side.beside().embed));
        let embed = embed.ok_or_else(|| Fault::new(FaultKind::Internal, "that dialect has no embeddings"))?;
        let giver = Giver { wire, embed };
        if wire.id == self.client.dialect() && own.is_none() {
            self.embed_relayed(giver, client.call(), inbound, record).await
        } else {
            self.embed_translated(giver, client, inbound, record).await
        }
    }

    async fn embed_relayed(
        &self,
        giver: Giver,
        call: EmbedCall,
        inbound: &Inbound<'_>,
        record: &mut Record,
    ) -> Result<Committed, Fault> {
        let (model, _) = self.seat.model(&inbound.peek.model);
        let edits = giver.embed.relay(&inbound.body, model);
        let body = splice::apply_in_pieces(inbound.body.bytes(), inbound.body.index(), &edits);
        let (body, from) = self.embed_ask(giver.wire, call, body, usize::MAX, inbound, record).await?;
        let usage = Usage { fresh: giver.embed.tokens(&body), ..Usage::default() };
        let body = match self.rename(inbound) {
            Some(rename) => rename.in_answer(body),
            None => body,
        };
        let mut headers = headers::json();
        headers::copy_upstream(&from, self.snapshot.config.passthrough_headers, &mut headers);
        Ok(Committed::Whole { headers, body, usage })
    }

    async fn embed_translated(
        &self,
        giver: Giver,
        client: &'static dyn EmbedClient,
        inbound: &Inbound<'_>,
        record: &mut Record,
    ) -> Result<Committed, Fault> {
        let request = client.decode(&inbound.body)?;
        let (model, _) = self.seat.model(&inbound.peek.model);
        let mut losses = request.losses.clone();
        if request.inputs.is_empty() {
            // Nobody needs to be asked, and some would refuse.
            let nothing = Embedded { vectors: Vec::new(), tokens: Some(0) };
            return vectors(client, &request, &nothing, &losses, inbound, record);
        }
        let mut room = self.snapshot.config.limits.reply_bytes;
        let mut parts: Vec<(&[EmbedInput], Bytes)> = Vec::new();
        for inputs in batches(&request.inputs, giver.embed.most(), giver.embed.most_tokens()) {
            let body = giver.embed.encode(&request, inputs, model, &mut losses);
            fidelity::hold(inbound.adjust.fidelity, &losses, Some(giver.wire), model)?;
            let call = giver.embed.call(inputs.len());
            let (body, _) = self.embed_ask(giver.wire, call, body.into(), room, inbound, record).await?;
            room = room.saturating_sub(body.len());
            parts.push((inputs, body));
        }
        let read = parts.iter().map(|(inputs, body)| giver.embed.decode(body, inputs.len()));
        let answer = joined(read.collect::<Result<Vec<_>, _>>()?);
        vectors(client, &request, &answer, &losses, inbound, record)
    }

    /// One call, and its whole answer of at most `room` bytes.
    async fn embed_ask(
        &self,
        wire: &'static Dialect,
        call: EmbedCall,
        body: Pieces,
        room: usize,
        inbound: &Inbound<'_>,
        record: &mut Record,
    ) -> Result<(Bytes, HeaderMap), Fault> {
        let (model, _) = self.seat.model(&inbound.peek.model);
        let side = wire.wire.ok_or_else(|| Fault::new(FaultKind::Internal, "that dialect cannot be asked"))?;
        let call = Call {
            purpose: Purpose::Embed(call),
            wire: wire.id,
            model,
            stream: false,
            body: self.ruled(body, wire, inbound),
            headers: HeaderMap::new(),
            client: &inbound.head.headers,
        };
        let reply = self.ask(wire, side, call, record).await?;
        let room = room.min(self.snapshot.config.limits.reply_bytes);
        let body = reply.body.collect(room).await.map_err(|error| faults::of_read(&error))?;
        rejection::look_for_json(&body)?;
        Ok((body, reply.headers))
    }
}

/// The inputs in as few calls as a place takes: so many at once, with so many tokens by our estimate, which leans high.
fn batches(inputs: &[EmbedInput], most: usize, tokens: u64) -> Vec<&[EmbedInput]> {
    let mut found = Vec::new();
    let (mut from, mut weight) = (0, 0_u64);
    for (at, input) in inputs.iter().enumerate() {
        let own = estimate::text(&input.text);
        if at > from && (at - from >= most || weight.saturating_add(own) > tokens) {
            found.push(&inputs[from..at]);
            (from, weight) = (at, 0);
        }
        weight = weight.saturating_add(own);
    }
    found.push(&inputs[from..]);
    found
}

/// The answers to several calls as one.
fn joined(answers: Vec<Embedded<'_>>) -> Embedded<'_> {
    let tokens = answers.iter().map(|answer| answer.tokens).sum();
    Embedded { vectors: answers.into_iter().flat_map(|answer| answer.vectors).collect(), tokens }
}

/// The answer in the client's language.
fn vectors(
    client: &dyn EmbedClient,
    request: &EmbedRequest,
    answer: &Embedded<'_>,
    losses: &Losses,
    inbound: &Inbound<'_>,
    record: &mut Record,
) -> Result<Committed, Fault> {
    record.losses = audible(losses);
    let mut headers = headers::json();
    report(losses, &mut headers);
    let tokens = answer.tokens.unwrap_or_else(|| request.inputs.iter().map(|input| estimate::text(&input.text)).sum());
    if answer.tokens.is_none() && client.tells_tokens() {
        headers.insert(headers::ESTIMATE, HeaderValue::from_static("true"));
    }
    let body = client.encode(answer, request.form, tokens, &inbound.peek.reply)?;
    Ok(Committed::Whole { headers, body, usage: Usage { fresh: answer.tokens, ..Usage::default() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_hold_as_much_as_a_place_takes_and_no_more() {
        let inputs: Vec<EmbedInput> = (0..10).map(|_| EmbedInput::plain("four words of text")).collect();
        let own = estimate::text("four words of text");
        let sizes = |most, tokens| batches(&inputs, most, tokens).iter().map(|part| part.len()).collect::<Vec<_>>();
        assert_eq!(sizes(4, u64::MAX), [4, 4, 2]);
        assert_eq!(sizes(100, own * 5), [5, 5]);
        assert_eq!(sizes(100, own * 5 - 1), [4, 4, 2]);
        assert_eq!(sizes(3, own * 2), [2; 5]);
        assert_eq!(sizes(100, 0), [1; 10], "one that is too long alone is the place's to refuse");
        assert_eq!(sizes(10, u64::MAX), [10]);
    }
}
