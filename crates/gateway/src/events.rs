//! Where hub events come from: an upstream's stream, a script, or a whole answer that is played.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use dialect::{Framer, Memo, StreamDecoder, WireSide};
use hub::{Event, Fault, Grammar};
use tokio::time::Sleep;
use transport::UpstreamBody;
use upstreams::Script;

use crate::app::App;
use crate::faults;
use crate::outflow::Linger;
use crate::proofs::Keeper;
use crate::sieve::Sieve;

/// A source of events. After a fault or the last event nothing more comes.
pub(crate) struct Events {
    source: Source,
    over: bool,
    stopped: bool,
    grammar: Grammar,
    sieve: Sieve,
    /// Who remembers what the client would lose.
    keeper: Option<(Box<Keeper>, Arc<App>)>,
    /// What came from the source, when the sieve looks at it first.
    raw: Vec<Event>,
}

enum Source {
    Wire { body: UpstreamBody, framer: Framer, decoder: Box<dyn StreamDecoder>, linger: Linger },
    Script { script: Script, next: Option<Event>, timer: Option<Pin<Box<Sleep>>> },
    Played(Vec<Event>),
}

impl Events {
    /// Events of an upstream's stream, as far as the client gets them.
    pub(crate) fn of_wire(body: UpstreamBody, framer: Framer, side: &dyn WireSide, memo: Memo) -> Self {
        let sieve = Sieve::of(&memo);
        let decoder = side.stream_decoder(memo);
        Self { sieve, ..Self::new(Source::Wire { body, framer, decoder, linger: Linger::default() }) }
    }

    /// The same, looked at by a keeper.
    pub(crate) fn kept_by(self, keeper: Option<Box<Keeper>>, app: &Arc<App>) -> Self {
        Self { keeper: keeper.map(|keeper| (keeper, Arc::clone(app))), ..self }
    }

    /// Events of a script, at its pace.
    pub(crate) fn of_script(script: Script) -> Self {
        Self::new(Source::Script { script, next: None, timer: None })
    }

    /// Events that are all there already.
    pub(crate) fn played(events: Vec<Event>) -> Self {
        Self::new(Source::Played(events))
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            over: false,
            stopped: false,
            grammar: Grammar::default(),
            sieve: Sieve::default(),
            keeper: None,
            raw: Vec::new(),
        }
    }

    /// The next events, appended to `out`. `None` at the end. Events that came before a fault are in `out`.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Vec<Event>) -> Poll<Option<Result<(), Fault>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let from = out.len();
        let next = if self.sieve.is_idle() { self.poll_source(cx, out) } else { self.poll_sifted(cx, out) };
        self.check(&out[from..]);
        if let Some((keeper, app)) = &mut self.keeper {
            out[from..].iter_mut().for_each(|event| keeper.see(event, &app.proofs));
        }
        self.stopped |= matches!(out.last(), Some(Event::Stop(_)));
        // After a cut nothing more is wanted: the upstream is let go at once.
        if matches!(next, Poll::Ready(None | Some(Err(_)))) || self.sieve.has_cut() {
            self.over = true;
        }
        next
    }

    /// Whether the last event has come.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// As [`Self::poll_next`], awaited.
    pub(crate) async fn next(&mut self, out: &mut Vec<Event>) -> Option<Result<(), Fault>> {
        poll_fn(|cx| self.poll_next(cx, out)).await
    }

    fn poll_sifted(&mut self, cx: &mut Context<'_>, out: &mut Vec<Event>) -> Poll<Option<Result<(), Fault>>> {
        let mut raw = std::mem::take(&mut self.raw);
        let next = self.poll_source(cx, &mut raw);
        raw.drain(..).for_each(|event| self.sieve.push(event, out));
        self.raw = raw;
        if self.sieve.has_cut() { Poll::Ready(Some(Ok(()))) } else { next }
    }

    fn poll_source(&mut self, cx: &mut Context<'_>, out: &mut Vec<Event>) -> Poll<Option<Result<(), Fault>>> {
        match &mut self.source {
            Source::Played(events) if events.is_empty() => Poll::Ready(None),
            Source::Played(events) => {
                out.append(events);
                Poll::Ready(Some(Ok(())))
            }
            Source::Script { script, next, timer } => poll_script(cx, script, next, timer, out),
            Source::Wire { body, linger, .. } if self.stopped => poll_last_word(cx, body, linger),
            Source::Wire { body, framer, decoder, .. } => match ready!(body.poll_next(cx)) {
                Some(Ok(chunk)) => {
                    let fed = framer.feed(&chunk, &mut |frame| decoder.feed(frame, out));
                    Poll::Ready(Some(fed.map(|_| ())))
                }
                Some(Err(error)) => Poll::Ready(Some(Err(faults::of_read(&error)))),
                None => Poll::Ready(finish(framer, decoder.as_mut(), out)),
            },
        }
    }

    /// Decoders are checked in every debug build and every test; a release trusts them.
    fn check(&mut self, events: &[Event]) {
        if cfg!(debug_assertions) {
            for event in events {
                let seen = self.grammar.see(event);
                debug_assert!(seen.is_ok(), "a decoder broke the grammar: {seen:?} at {event:?}");
            }
        }
    }
}

/// The bytes are over: the decoder says whether the answer is.
fn finish(framer: &mut Framer, decoder: &mut dyn StreamDecoder, out: &mut Vec<Event>) -> Option<Result<(), Fault>> {
    let from = out.len();
    let ended = framer.finish(&mut |frame| decoder.feed(frame, out)).and_then(|()| decoder.end(out));
    match ended {
        Ok(()) if out.len() == from => None,
        ended => Some(ended),
    }
}

/// After `Stop` only the end of the bytes is awaited, and not for long.
fn poll_last_word(
    cx: &mut Context<'_>,
    body: &mut UpstreamBody,
    linger: &mut Linger,
) -> Poll<Option<Result<(), Fault>>> {
    loop {
        match body.poll_next(cx) {
            Poll::Ready(Some(Ok(_))) => (),
            Poll::Ready(None | Some(Err(_))) => return Poll::Ready(None),
            Poll::Pending => {
                ready!(linger.poll(cx));
                return Poll::Ready(None);
            }
        }
    }
}

fn poll_script(
    cx: &mut Context<'_>,
    script: &mut Script,
    next: &mut Option<Event>,
    timer: &mut Option<Pin<Box<Sleep>>>,
    out: &mut Vec<Event>,
) -> Poll<Option<Result<(), Fault>>> {
    loop {
        if let Some(sleep) = timer {
            ready!(sleep.as_mut().poll(cx));
            *timer = None;
        }
        if let Some(event) = next.take() {
            out.push(event);
            return Poll::Ready(Some(Ok(())));
        }
        match script.next() {
            None => return Poll::Ready(None),
            Some((pause, event)) => {
                *next = Some(event);
                *timer = (pause > Duration::ZERO).then(|| Box::pin(tokio::time::sleep(pause)));
            }
        }
    }
}
