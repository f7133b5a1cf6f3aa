//! What is passed on as it is: the request with the model's name changed, the answer as the bytes that come, be they
//! JSON, sound or events.

use std::task::{Context, Poll};

use bytes::Bytes;
use dialect::embed::number_behind;
use dialect::{Dialect, Service, splice};
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use hub::{Blame, Fault, FaultKind, Usage};
use transport::{BoxError, UpstreamBody, UpstreamReply};
use upstreams::{Call, Purpose};

use crate::attempt::{Attempt, Committed};
use crate::faults;
use crate::headers;
use crate::inbound::Inbound;
use crate::outflow::Outflow;
use crate::record::Record;
use crate::rejection;

/// How much of an answer's end is kept to read its usage from, in bytes.
const TAIL: usize = 1_024;

impl Attempt<'_> {
    /// Tries once, with a JSON body.
    ///
    /// # Errors
    /// Why there is no answer from this account.
    pub(crate) async fn pass(
        &self,
        service: Service,
        inbound: &Inbound<'_>,
        record: &mut Record,
    ) -> Result<Committed, Fault> {
        let wire = self.taker(service, inbound, record)?;
        let (model, _) = self.seat.model(&inbound.peek.model);
        let body = splice::apply_in_pieces(inbound.body.bytes(), inbound.body.index(), &service.edits(model));
        let call = Call {
            purpose: Purpose::Pass(service),
            wire: wire.id,
            model,
            stream: inbound.peek.reply.stream,
            body,
            headers: wishes(&inbound.head.headers),
            client: &inbound.head.headers,
        };
        let side = wire.wire.ok_or_else(|| Fault::new(FaultKind::Internal, "that dialect cannot be asked"))?;
        let reply = self.ask(wire, side, call, record).await?;
        self.passed(service, reply, inbound, record).await
    }

    /// The dialect in which the place takes such calls: the client's own, or it does not take them.
    pub(crate) fn taker(
        &self,
        service: Service,
        inbound: &Inbound<'_>,
        record: &mut Record,
    ) -> Result<&'static Dialect, Fault> {
        let (model, _) = self.seat.model(&inbound.peek.model);
        let wire = self.seat.upstream.takes(Purpose::Pass(service), model);
        let wire = wire.filter(|wire| wire.id == self.client.dialect()).ok_or_else(|| {
            let (kind, name) = (self.seat.upstream.kind(), service.name());
            let fault = Fault::unsupported("model", format!("the model is served by `{kind}`, which has no {name}"));
            // Another account of the model may have it.
            Fault { blame: Blame::Pairing, ..fault }
        })?;
        record.way.1 = wire.id.0;
        Ok(wire)
    }

    /// The answer: whole where it is short, else from its first bytes on.
    pub(crate) async fn passed(
        &self,
        service: Service,
        reply: Box<UpstreamReply>,
        inbound: &Inbound<'_>,
        record: &mut Record,
    ) -> Result<Committed, Fault> {
        let kind = reply.headers.get(CONTENT_TYPE).cloned();
        let text = kind.as_ref().and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
        if text.starts_with("text/html") {
            return Err(Fault::garbled("the upstream answered with a web page; is its base-url right?"));
        }
        let mut headers = headers::json();
        // No content type at all: nobody shall guess.
        headers.insert(CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream")));
        headers.extend(reply.headers.get(CONTENT_DISPOSITION).map(|value| (CONTENT_DISPOSITION, value.clone())));
        headers::copy_upstream(&reply.headers, self.snapshot.config.passthrough_headers, &mut headers);
        if service.answers_briefly() && text.starts_with("application/json") {
            return self.passed_whole(headers, reply, inbound).await;
        }
        let told = text.starts_with("application/json") || text.starts_with("text/event-stream");
        let mut flow =
            Box::new(Passed { body: reply.body, first: None, tail: told.then(Bytes::new), state: State::Flowing });
        match inbound.peek.reply.stream {
            true => self.in_time(flow.gate()).await?,
            // All of the answer has a deadline of its own.
            false => flow.gate().await?,
        }
        record.first_token = Some(record.elapsed());
        Ok(Committed::Streamed { headers, flow })
    }

    async fn passed_whole(
        &self,
        headers: HeaderMap,
        reply: Box<UpstreamReply>,
        inbound: &Inbound<'_>,
    ) -> Result<Committed, Fault> {
        let limit = self.snapshot.config.limits.reply_bytes;
        let body = reply.body.collect(limit).await.map_err(|error| faults::of_read(&error))?;
        rejection::look_for_json(&body)?;
        let usage = usage_in(&body);
        let body = match self.rename(inbound) {
            Some(rename) => rename.in_answer(body),
            None => body,
        };
        Ok(Committed::Whole { headers, body, usage })
    }
}

/// What the client says of its body and of the answer that it can read.
pub(crate) fn wishes(client: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    let accept = client.get(ACCEPT).cloned().unwrap_or(HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT, accept);
    headers
}

/// Tokens as the several services tell them.
fn usage_in(body: &[u8]) -> Usage {
    let number = |names: [&str; 2]| names.into_iter().find_map(|name| number_behind(body, name));
    Usage {
        fresh: number(["input_tokens", "prompt_tokens"]),
        output: number(["output_tokens", "completion_tokens"]),
        ..Usage::default()
    }
}

/// An answer that flows through.
struct Passed {
    body: UpstreamBody,
    first: Option<Bytes>,
    /// The end of what has passed, where it may tell of usage.
    tail: Option<Bytes>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Flowing,
    /// The connection is to be cut, once what came before is on its way.
    Cutting(FaultKind, Blame),
    Cut(FaultKind, Blame),
    Over,
}

impl Passed {
    /// Waits for the first bytes: until they are here another account can still be asked.
    async fn gate(&mut self) -> Result<(), Fault> {
        match self.body.next().await {
            Some(Ok(chunk)) => self.first = Some(chunk),
            Some(Err(error)) => return Err(faults::of_read(&error)),
            None => return Err(Fault::garbled("the upstream answered with nothing")),
        }
        Ok(())
    }

    fn note(&mut self, chunk: &Bytes) {
        let Some(tail) = &mut self.tail else { return };
        *tail = match chunk.len() {
            length if length >= TAIL => chunk.slice(length - TAIL..),
            length => {
                let kept = tail.len().min(TAIL - length);
                [&tail[tail.len() - kept..], chunk].concat().into()
            }
        };
    }
}

impl Outflow for Passed {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        if let Some(first) = self.first.take() {
            self.note(&first);
            return Poll::Ready(Some(Ok(first)));
        }
        match self.state {
            State::Flowing => (),
            State::Over | State::Cut(..) => return Poll::Ready(None),
            State::Cutting(kind, blame) => {
                self.state = State::Cut(kind, blame);
                return Poll::Ready(Some(Err("the upstream broke off".into())));
            }
        }
        match self.body.poll_next(cx) {
            Poll::Ready(Some(Ok(chunk))) => {
                self.note(&chunk);
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Ready(Some(Err(error))) => {
                let fault = faults::of_read(&error);
                self.state = State::Cutting(fault.kind, fault.blame);
                // An error at once would take head and earlier bytes along: the server flushes when it has to wait.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(None) => {
                self.state = State::Over;
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn fault(&self) -> Option<(FaultKind, Blame)> {
        match self.state {
            State::Cutting(kind, blame) | State::Cut(kind, blame) => Some((kind, blame)),
            State::Flowing | State::Over => None,
        }
    }

    fn usage(&self) -> Usage {
        self.tail.as_deref().map(usage_in).unwrap_or_default()
    }

    fn is_complete(&self) -> bool {
        self.state == State::Over || (self.first.is_none() && self.body.remaining() == Some(0))
    }
}
