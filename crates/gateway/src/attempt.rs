//! One try: plan, send, and hold the answer until it is worth a commit. Nothing has reached the client when it fails.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::payload::Rule;
use dialect::splice::Pieces;
use dialect::{ClientSide, Dialect, Encoded, Framer, Framing, Memo, Relay, Signal, Target, WireSide, splice};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use hub::{Assembler, Event, Fault, FaultKind, Losses, Response, Usage, replay};
use pool::Secret;
use tokio::time::timeout;
use transport::{Deadlines, Payload, UpstreamReply, apart, rare};
use upstreams::{Call, Purpose};

use crate::app::Worker;
use crate::errand::Errand;
use crate::events::Events;
use crate::fidelity::{self, audible, report};
use crate::inbound::Inbound;
use crate::judge::ruled;
use crate::outflow::Outflow;
use crate::payload::{self, Ask};
use crate::proofs::{Keeper, Memory};
use crate::record::Record;
use crate::relay::{Filter, Relayed};
use crate::restore::{Rename, Restore};
use crate::seats::Seat;
use crate::sieve::Sieve;
use crate::snapshot::Snapshot;
use crate::translate::Translated;
use crate::{faults, fetched, headers, rejection, wrap};

/// What one try works with.
pub(crate) struct Attempt<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) snapshot: &'a Arc<Snapshot>,
    pub(crate) client: &'static dyn ClientSide,
    pub(crate) seat: Seat<'a>,
    /// The credential of this attempt.
    pub(crate) secret: &'a Secret,
    /// The payload rules of the name that was asked for.
    pub(crate) rules: &'a [Arc<Rule>],
}

/// An answer that may reach the client.
pub(crate) enum Committed {
    /// All of it.
    Whole { headers: HeaderMap, body: Bytes, usage: Usage },
    /// Piece by piece.
    Streamed { headers: HeaderMap, flow: Box<dyn Outflow> },
}

impl Committed {
    pub(crate) fn headers_mut(&mut self) -> &mut HeaderMap {
        match self {
            Self::Whole { headers, .. } | Self::Streamed { headers, .. } => headers,
        }
    }
}

impl Attempt<'_> {
    /// Tries with an account.
    ///
    /// # Errors
    /// Why there is no answer from this account.
    pub(crate) async fn run(&self, inbound: &mut Inbound<'_>, record: &mut Record) -> Result<Committed, Fault> {
        match &self.seat.purse {
            None => self.once(inbound, record).await,
            Some(_) => apart(self.with_purse(inbound, record)).await,
        }
    }

    /// The same where the credential ends. One that is refused before its end is renewed, once.
    async fn with_purse(&self, inbound: &mut Inbound<'_>, record: &mut Record) -> Result<Committed, Fault> {
        let client = &self.worker.client;
        let secret = self.seat.secret(client).await?;
        match (Attempt { secret: &secret, ..*self }).once(inbound, record).await {
            Err(fault) if inbound.errand.can_be_repeated() && self.seat.gives_up(&secret, &fault) => {
                let secret = self.seat.secret(client).await?;
                (Attempt { secret: &secret, ..*self }).once(inbound, record).await
            }
            tried => tried,
        }
    }

    async fn once(&self, inbound: &mut Inbound<'_>, record: &mut Record) -> Result<Committed, Fault> {
        let stream = inbound.peek.reply.stream;
        // Made where it stays: a future is as large as all that it may become, and a deadline would copy it.
        let work = std::pin::pin!(self.execute(inbound, record));
        let tried = if stream {
            work.await
        } else {
            // A whole answer is all here when it is committed: its deadline covers the body too.
            within(self.snapshot.config.deadlines.whole_reply, work).await
        };
        tried.map_err(|fault| {
            // What came with a status has been looked at, and the user's rules stand above that.
            let fault = if fault.upstream.is_none() { self.seat.upstream.blame(fault) } else { fault };
            rejection::silenced(fault, self.secret)
        })
    }

    async fn execute(&self, inbound: &mut Inbound<'_>, record: &mut Record) -> Result<Committed, Fault> {
        match inbound.errand {
            Errand::Answer => (),
            Errand::Compact => return rare(self.compact(inbound, record)).await,
            Errand::Vectors(client) => return rare(self.embed(client, inbound, record)).await,
            Errand::Pass(service) => return rare(self.pass(service, inbound, record)).await,
            Errand::Upload(upload) => return rare(self.upload(upload, inbound, record)).await,
        }
        let Some((wire, side)) = self.wire(inbound, record)? else {
            return rare(self.perform(inbound, record)).await;
        };
        if wire.id == self.client.dialect() {
            self.relay(wire, side, inbound, record).await
        } else {
            apart(self.translate(wire, side, inbound, record)).await
        }
    }

    /// The dialect in which this account is asked for an answer; `None` where it is not asked in any.
    pub(crate) fn wire(
        &self,
        inbound: &Inbound<'_>,
        record: &mut Record,
    ) -> Result<Option<(&'static Dialect, &'static dyn WireSide)>, Fault> {
        let Some(wire) = self.seat.wire_for(&inbound.peek.model, self.client.dialect()) else {
            record.way.1 = self.seat.upstream.kind();
            return Ok(None);
        };
        record.way.1 = wire.id.0;
        let side = wire.wire.ok_or_else(|| Fault::new(FaultKind::Internal, "that dialect cannot be asked"))?;
        Ok(Some((wire, side)))
    }

    // === same dialect ===

    async fn relay(
        &self,
        wire: &'static Dialect,
        side: &'static dyn WireSide,
        inbound: &Inbound<'_>,
        record: &mut Record,
    ) -> Result<Committed, Fault> {
        let (model, traits) = self.seat.model(&inbound.peek.model);
        let stream = inbound.peek.reply.stream;
        let target = Target { model, stream, traits: &traits };
        let mut losses = Losses::default();
        let asked = inbound.relayed(&self.seat.account.id)?;
        let body = inbound.adjust.body(asked, side, &target, &mut losses);
        let Relay { edits, mut headers, hide_usage, losses: more } = side.relay(inbound.head, &body, &target);
        losses.extend(more);
        let (turns, account) = (&self.worker.app.turns, &self.seat.account.id);
        turns.hold(wire, &mut headers, account);
        fidelity::hold(inbound.adjust.fidelity, &losses, Some(wire), model)?;
        let body = splice::apply_in_pieces(body.bytes(), body.index(), &edits);
        record.losses = audible(&losses);
        let reply = self.send(wire, side, inbound, body, headers, record).await?;
        turns.note(wire, &reply.headers, account);
        let restore = Restore::new(self.rename(inbound), inbound.went_on_from(&self.seat.account.id));
        let reframed = inbound.peek.reply.stream_type.is_some();
        let mut committed = match (stream, is_stream(&reply.headers, wire.framing)) {
            (true, true) if reframed => {
                let framer = Framer::new(wire.framing, self.snapshot.config.limits.line_bytes);
                let events = Events::of_wire(reply.body, framer, side, Memo::default());
                rare(self.gated(events, inbound, &losses, record)).await
            }
            (true, true) => {
                let filter = Filter::new(hide_usage, restore, self.client.envelope());
                apart(self.relay_stream(wire, side, inbound, reply, filter, record)).await
            }
            (false, false) => self.relay_whole(side, reply, restore).await,
            // The upstream answered in the other form than it was asked: bridge it through the hub.
            // Boxed, as all that is rare: a future has room for the largest of all that it may become, and is moved.
            (true, false) => rare(self.played(side, inbound, reply, &Memo::default(), &Losses::default())).await,
            (false, true) => {
                rare(self.assembled(wire, side, inbound, reply, Memo::default(), &Losses::default())).await
            }
        }?;
        report(&losses, committed.headers_mut());
        Ok(committed)
    }

    async fn relay_stream(
        &self,
        wire: &'static Dialect,
        side: &'static dyn WireSide,
        inbound: &Inbound<'_>,
        reply: Box<UpstreamReply>,
        filter: Option<Filter>,
        record: &mut Record,
    ) -> Result<Committed, Fault> {
        let config = &self.snapshot.config;
        let framer = Framer::new(wire.framing, config.limits.line_bytes);
        let tail = self.client.stream_encoder(inbound.peek.reply.clone());
        let keepalive = config.streaming.keepalive;
        let mut flow = Box::new(Relayed::new(reply.body, framer, side.scanner(), filter, tail, keepalive));
        self.in_time(flow.gate(config.limits.line_bytes)).await?;
        record.first_token = Some(record.elapsed());
        let mut headers = headers::streamed(content_type(wire.framing));
        headers::copy_upstream(&reply.headers, config.passthrough_headers, &mut headers);
        Ok(Committed::Streamed { headers, flow })
    }

    pub(crate) async fn relay_whole(
        &self,
        side: &'static dyn WireSide,
        reply: Box<UpstreamReply>,
        restore: Option<Restore>,
    ) -> Result<Committed, Fault> {
        let config = &self.snapshot.config;
        let body = reply.body.collect(config.limits.reply_bytes).await.map_err(|error| faults::of_read(&error))?;
        rejection::look_for_json(&body)?;
        let mut scanner = side.scanner();
        if let Signal::Fault(fault) = scanner.whole(&body) {
            return Err(*fault);
        }
        let mut headers = headers::json();
        headers::copy_upstream(&reply.headers, config.passthrough_headers, &mut headers);
        let body = match restore {
            Some(restore) => restore.in_answer(body),
            None => body,
        };
        let body = match self.client.envelope() {
            Some(envelope) => wrap::whole(envelope, &body),
            None => body,
        };
        Ok(Committed::Whole { headers, body, usage: scanner.observed().usage })
    }

    // === other dialect ===

    pub(crate) async fn translate(
        &self,
        wire: &'static Dialect,
        side: &'static dyn WireSide,
        inbound: &mut Inbound<'_>,
        record: &mut Record,
    ) -> Result<Committed, Fault> {
        let requested = inbound.peek.model.clone();
        let (model, traits) = self.seat.model(&requested);
        let stream = inbound.peek.reply.stream;
        let decoded = inbound.decoded(self.client, Memory::of(self.worker, self.snapshot, record))?;
        let target = Target { model, stream, traits: &traits };
        if fetched::is_needed(&mut decoded.request, side, &target, self.snapshot) {
            let (request, client) = (&mut decoded.request, &self.worker.client);
            rare(fetched::inline_addresses(request, side, &target, self.snapshot, client)).await?;
        }
        let encoded = side.encode_request(&decoded.request, &target)?;
        let mut losses = decoded.losses.clone();
        let Encoded { body, headers, mut memo, losses: mut more } = encoded;
        more.tell_as(self.client.words());
        memo.hides = decoded.request.thinking.is_hidden();
        memo.peel.bare = decoded.request.format.is_bare();
        losses.extend(more);
        fidelity::hold(inbound.adjust.fidelity, &losses, Some(wire), model)?;
        record.losses = audible(&losses);
        let reply = self.send(wire, side, inbound, body, headers, record).await?;
        match (stream, is_stream(&reply.headers, wire.framing)) {
            (true, true) => {
                let framer = Framer::new(wire.framing, self.snapshot.config.limits.line_bytes);
                let events = Events::of_wire(reply.body, framer, side, memo);
                let events = events.kept_by(self.keeper(inbound), &self.worker.app);
                apart(self.gated(events, inbound, &losses, record)).await
            }
            (true, false) => rare(self.played(side, inbound, reply, &memo, &losses)).await,
            (false, true) => rare(self.assembled(wire, side, inbound, reply, memo, &losses)).await,
            (false, false) => {
                let response = self.whole(side, inbound, reply, &memo).await?;
                self.answer(&response, inbound, &losses)
            }
        }
    }

    fn keeper(&self, inbound: &Inbound<'_>) -> Option<Box<Keeper>> {
        let label = inbound.forgetful.clone()?;
        Some(Box::new(Keeper::new(label, self.snapshot.config.responses_store.ttl, inbound.peek.reply.seed)))
    }

    async fn whole(
        &self,
        side: &dyn WireSide,
        inbound: &Inbound<'_>,
        reply: Box<UpstreamReply>,
        memo: &Memo,
    ) -> Result<Response, Fault> {
        let limit = self.snapshot.config.limits.reply_bytes;
        let body = reply.body.collect(limit).await.map_err(|error| faults::of_read(&error))?;
        rejection::look_for_json(&body)?;
        let mut response = side.decode_response(&body, memo)?;
        Sieve::of(memo).apply(&mut response);
        if let Some(mut keeper) = self.keeper(inbound) {
            keeper.whole(&mut response, &self.worker.app.proofs);
        }
        Ok(response)
    }

    /// A whole answer for a client that wants a stream.
    async fn played(
        &self,
        side: &dyn WireSide,
        inbound: &Inbound<'_>,
        reply: Box<UpstreamReply>,
        memo: &Memo,
        losses: &Losses,
    ) -> Result<Committed, Fault> {
        let response = self.whole(side, inbound, reply, memo).await?;
        let mut events = Vec::new();
        replay(response, &mut events);
        Ok(self.stream(Events::played(events), Vec::new(), inbound, losses))
    }

    /// A stream for a client that wants a whole answer.
    async fn assembled(
        &self,
        wire: &Dialect,
        side: &dyn WireSide,
        inbound: &Inbound<'_>,
        reply: Box<UpstreamReply>,
        memo: Memo,
        losses: &Losses,
    ) -> Result<Committed, Fault> {
        let limits = &self.snapshot.config.limits;
        let framer = Framer::new(wire.framing, limits.line_bytes);
        let events = Events::of_wire(reply.body, framer, side, memo);
        let events = events.kept_by(self.keeper(inbound), &self.worker.app);
        let response = assemble(events, limits.reply_bytes).await?;
        self.answer(&response, inbound, losses)
    }

    // === no wire at all ===

    pub(crate) async fn perform(&self, inbound: &mut Inbound<'_>, record: &mut Record) -> Result<Committed, Fault> {
        let requested = inbound.peek.model.clone();
        let (model, _) = self.seat.model(&requested);
        let fidelity = inbound.adjust.fidelity;
        let decoded = inbound.decoded(self.client, Memory::of(self.worker, self.snapshot, record))?;
        let losses = decoded.losses.clone();
        fidelity::hold(fidelity, &losses, None, model)?;
        let script = self.seat.upstream.perform(&decoded.request, model)?;
        if inbound.peek.reply.stream {
            return self.gated(Events::of_script(script), inbound, &losses, record).await;
        }
        let events = script.map(|(_, event)| event).collect();
        let response = assemble(Events::played(events), self.snapshot.config.limits.reply_bytes).await?;
        self.answer(&response, inbound, &losses)
    }

    // === shared ===

    /// How the client's name of the model comes back into the answer, where it shall.
    pub(crate) fn rename(&self, inbound: &Inbound<'_>) -> Option<Rename> {
        let (model, shown) = (self.seat.model(&inbound.peek.model).0, &inbound.peek.reply.model);
        (self.seat.force_mapping() && model != shown).then(|| Rename::new(model, shown))
    }

    /// Sends the request and turns a refusal into a fault.
    fn send<'b>(
        &'b self,
        wire: &'b Dialect,
        side: &'b dyn WireSide,
        inbound: &'b Inbound<'_>,
        body: impl Into<Pieces>,
        headers: HeaderMap,
        record: &'b mut Record,
    ) -> impl Future<Output = Result<Box<UpstreamReply>, Fault>> + Send + 'b {
        let (model, _) = self.seat.model(&inbound.peek.model);
        let stream = inbound.peek.reply.stream;
        let (body, client) = (self.ruled(body.into(), wire, inbound), &inbound.head.headers);
        let call = Call { purpose: Purpose::Generate, wire: wire.id, model, stream, body, headers, client };
        let request = self.seat.upstream.request(call, self.secret);
        // A whole answer has no first byte until it is complete, and its deadline runs already: no second timer.
        let patience = self.snapshot.deadlines.first_byte.filter(|_| stream);
        self.deliver(wire, side, request.map(|request| request.map(Payload::from_iter)), patience, record)
    }

    /// The body with what the operator's payload rules make of it.
    pub(crate) fn ruled(&self, body: Pieces, wire: &Dialect, inbound: &Inbound<'_>) -> Pieces {
        if self.rules.is_empty() {
            return body;
        }
        let requested = inbound.peek.model.as_str();
        let (model, _) = self.seat.model(requested);
        let written = inbound.adjust.written.as_deref().unwrap_or(requested);
        let client = self.client.dialect();
        let ask = Ask { written, requested, model, client, wire: wire.id, headers: &inbound.head.headers };
        payload::apply(self.rules, &ask, body)
    }

    /// Sends any call and turns a refusal into a fault.
    pub(crate) fn ask<'b>(
        &'b self,
        wire: &'b Dialect,
        side: &'b dyn WireSide,
        call: Call<'_>,
        record: &'b mut Record,
    ) -> impl Future<Output = Result<Box<UpstreamReply>, Fault>> + Send + use<'b> {
        let patience = self.patience(call.stream);
        let request = self.seat.upstream.request(call, self.secret);
        self.deliver(wire, side, request.map(|request| request.map(Payload::from_iter)), patience, record)
    }

    /// How long the head of an answer may take. A whole answer has no first byte until it is complete.
    pub(crate) fn patience(&self, stream: bool) -> Option<Duration> {
        match stream {
            true => self.snapshot.deadlines.first_byte,
            false => Some(self.snapshot.config.deadlines.whole_reply),
        }
    }

    /// Sends a request that is all described, if it could be.
    pub(crate) fn deliver<'b>(
        &'b self,
        wire: &'b Dialect,
        side: &'b dyn WireSide,
        request: Result<http::Request<Payload>, Fault>,
        first_byte: Option<Duration>,
        record: &'b mut Record,
    ) -> impl Future<Output = Result<Box<UpstreamReply>, Fault>> + Send + 'b {
        let deadlines = Deadlines { first_byte, ..self.snapshot.deadlines };
        // Boxed, and the answer too: all that a request may become has room for both, and is moved about.
        let sent = request.map(|request| Box::pin(self.worker.client.send(&self.seat.site, request, &deadlines)));
        async move {
            let reply = sent?.await.map_err(|error| self.seat.upstream.blame(faults::of_send(&error)))?;
            record.first_byte = Some(record.elapsed());
            if reply.status.is_success() {
                return Ok(Box::new(reply));
            }
            let fault = rare(rejection::refusal(wire, side, reply, self.secret)).await;
            Err(rejection::whose(ruled(&self.seat.errors, self.seat.upstream.blame(fault))))
        }
    }

    /// Holds events until one is worth a commit.
    async fn gated(
        &self,
        mut events: Events,
        inbound: &Inbound<'_>,
        losses: &Losses,
        record: &mut Record,
    ) -> Result<Committed, Fault> {
        let mut held = Vec::new();
        self.in_time(gate(&mut events, &mut held)).await?;
        record.first_token = Some(record.elapsed());
        Ok(self.stream(events, held, inbound, losses))
    }

    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let patience = self.snapshot.config.deadlines.first_token;
        within(patience, work).await.map_err(|fault| self.seat.upstream.blame(fault))
    }

    fn stream(&self, events: Events, held: Vec<Event>, inbound: &Inbound<'_>, losses: &Losses) -> Committed {
        let own = || content_type(framing_of(self.client));
        let mut headers = headers::streamed(inbound.peek.reply.stream_type.unwrap_or_else(own));
        report(losses, &mut headers);
        let encoder = self.client.stream_encoder(inbound.peek.reply.clone());
        let keepalive: Option<Duration> = self.snapshot.config.streaming.keepalive;
        Committed::Streamed { headers, flow: Box::new(Translated::new(events, held, encoder, keepalive)) }
    }

    fn answer(&self, response: &Response, inbound: &Inbound<'_>, losses: &Losses) -> Result<Committed, Fault> {
        inbound.errand.accept(response)?;
        let body = self.client.encode_response(response, &inbound.peek.reply);
        let mut headers = headers::json();
        report(losses, &mut headers);
        Ok(Committed::Whole { headers, body, usage: response.usage })
    }
}

/// Gives up after `patience`.
pub(crate) async fn within<T>(patience: Duration, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let late = |_| Fault::new(FaultKind::UpstreamTimeout, format!("the upstream did not answer within {patience:?}"));
    timeout(patience, work).await.map_err(late)?
}

/// How the client's dialect frames its streams.
pub(crate) fn framing_of(client: &dyn ClientSide) -> Framing {
    speech_of(client).map_or(Framing::Sse, |dialect| dialect.framing)
}

/// The dialect of a client.
pub(crate) fn speech_of(client: &dyn ClientSide) -> Option<&'static Dialect> {
    let speaks = |id| id == client.dialect();
    dialects::ALL
        .iter()
        .copied()
        .find(|dialect| speaks(dialect.id) || dialect.routes.iter().any(|route| speaks(route.client.dialect())))
}

fn content_type(framing: Framing) -> &'static str {
    match framing {
        Framing::Sse => "text/event-stream; charset=utf-8",
        Framing::Ndjson => "application/x-ndjson",
    }
}

/// Whether an answer is a stream. JSON in answer to a request for a stream does happen.
pub(crate) fn is_stream(headers: &HeaderMap, framing: Framing) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if kind == b"application/json" {
        return false;
    }
    let kind = std::str::from_utf8(kind).unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match framing {
        Framing::Sse => kind.eq_ignore_ascii_case("text/event-stream"),
        Framing::Ndjson => {
            let kind = kind.to_ascii_lowercase();
            kind.ends_with("ndjson") || kind.ends_with("jsonl")
        }
    }
}

async fn gate(events: &mut Events, held: &mut Vec<Event>) -> Result<(), Fault> {
    let mut seen = 0;
    loop {
        match events.next(held).await {
            Some(Ok(())) => (),
            Some(Err(fault)) => return Err(fault),
            None => return Err(Fault::garbled("the upstream's stream ended before its answer began")),
        }
        if held[seen..].iter().any(Event::is_meaningful) {
            return Ok(());
        }
        seen = held.len();
    }
}

async fn assemble(mut events: Events, limit: usize) -> Result<Response, Fault> {
    let mut assembler = Assembler::new(limit);
    let mut batch = Vec::new();
    while let Some(step) = events.next(&mut batch).await {
        step?;
        batch.drain(..).try_for_each(|event| assembler.push(event))?;
    }
    assembler.finish()
}

/// The status of every answer that was committed.
pub(crate) const OK: StatusCode = StatusCode::OK;
