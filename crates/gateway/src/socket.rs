//! A lasting connection on which a client asks in messages: each message is a request like any other, with an
//! admission, a permit, tries and a log line of its own; only its way out differs.
//!
//! Answers go out one after the other, in the order in which they were asked for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dialect::{Body, Framer, HttpReply, Route, Said, SoFar, Wish};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Response, StatusCode, header};
use hub::{Fault, FaultKind};
use hyper::upgrade::OnUpgrade;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use transport::socket::{Heard, Parting, Socket, handshake};
use transport::{DrainWatch, ReplyBody, Takeover};

use crate::app::Worker;
use crate::{attempt, cors, edge};

/// OpenAI's own limit for such a connection (WebSocket guide, November 2026).
const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How often a sign of life is asked for.
const PING: Duration = Duration::from_secs(30);
/// How many of them may stay unanswered.
const MISSED: u32 = 3;
/// How many messages may wait for their turn.
const WAITING: usize = 16;

/// A connection that has been taken over.
struct Talk {
    worker: Worker,
    head: Parts,
    route: &'static Route,
    side: &'static dyn dialect::Socket,
    number: u64,
    waiting: VecDeque<Bytes>,
    so_far: SoFar,
    /// Pings since the last sign of life.
    silent: u32,
    /// The header that marks a turn, and whether it may be of one that is over.
    turn: Option<HeaderName>,
    turned: bool,
}

/// How the wait for an answer ended.
enum Turn<T> {
    Done(T),
    /// The client is gone, or must go.
    Over(Option<Parting>),
}

/// Opens the connection.
///
/// # Errors
/// When the request asks for no WebSocket, or comes from a page that may not call.
pub(crate) fn open(
    worker: &Worker,
    head: &Parts,
    route: &'static Route,
    side: &'static dyn dialect::Socket,
) -> Result<Response<ReplyBody>, Fault> {
    static CONNECTIONS: AtomicU64 = AtomicU64::new(1);
    let snapshot = worker.app.snapshot();
    // A page needs no leave of the browser to open a WebSocket, so it needs ours.
    if head.headers.contains_key(header::ORIGIN) && cors::allowed(&snapshot.config.cors, head).is_none() {
        return Err(Fault::new(FaultKind::Forbidden, "pages of this origin may not call: see cors.allowed-origins"));
    }
    let takeover = head.extensions.get::<Takeover>().zip(head.extensions.get::<OnUpgrade>());
    let (Some(answer), Some((takeover, upgrade))) = (handshake(head), takeover) else {
        let words = "this path takes POST, or GET to open a WebSocket (version 13, over HTTP/1.1)";
        return Err(Fault::new(FaultKind::MethodNotAllowed, words).with_code("POST".to_owned()));
    };
    let talk = Talk {
        worker: worker.clone(),
        head: head.clone(),
        route,
        side,
        number: CONNECTIONS.fetch_add(1, Ordering::Relaxed),
        waiting: VecDeque::new(),
        so_far: SoFar::default(),
        silent: 0,
        turn: attempt::speech_of(route.client).and_then(|dialect| dialect.headers.turn).map(HeaderName::from_static),
        turned: false,
    };
    let (upgrade, drain) = (upgrade.clone(), takeover.drain());
    let largest = snapshot.config.limits.body_bytes;
    takeover.then(async move {
        if let Some(socket) = Socket::open(upgrade, largest).await {
            talk.run(socket, drain).await;
        }
    });
    Ok(answer)
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.worker.app.kept.hang_up(self.number);
    }
}

impl Talk {
    async fn run(mut self, mut socket: Socket, mut drain: DrainWatch) {
        let end = Instant::now() + LIFETIME;
        let mut pings = interval(PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let parting = loop {
            if let Some(message) = self.waiting.pop_front() {
                match self.answer(&mut socket, message, &mut pings).await {
                    Turn::Done(()) => continue,
                    Turn::Over(parting) => break parting,
                }
            }
            tokio::select! {
                biased;
                () = drain.started() => break Some(Parting::Away),
                () = sleep_until(end) => {
                    let _ = socket.send(self.side.too_old()).await;
                    break Some(Parting::Normal);
                }
                heard = socket.next() => if let Err(parting) = self.hear(&mut socket, heard).await { break parting },
                _ = pings.tick() => if !self.ping(&mut socket).await { break None },
            }
        };
        if let Some(parting) = parting {
            socket.close(parting).await;
        }
    }

    /// Takes what has come; an error ends the connection.
    async fn hear(&mut self, socket: &mut Socket, heard: Heard) -> Result<(), Option<Parting>> {
        self.silent = 0;
        let largest = self.worker.app.snapshot().config.limits.body_bytes;
        match heard {
            Heard::Alive => Ok(()),
            Heard::Gone => Err(None),
            Heard::Binary => Err(Some(Parting::Unsupported)),
            Heard::TooLarge => {
                let fault = Fault::new(FaultKind::TooLarge, format!("a message is larger than {largest} bytes"));
                self.refuse(socket, &fault, None).await;
                Err(Some(Parting::TooBig))
            }
            Heard::Text(text) => {
                let held: usize = self.waiting.iter().map(Bytes::len).sum();
                if self.waiting.len() < WAITING && held + text.len() <= largest {
                    self.waiting.push_back(Bytes::from(text));
                    return Ok(());
                }
                let words = "too many requests wait on this connection: await their answers";
                match self.refuse(socket, &Fault::new(FaultKind::RateLimited, words), None).await {
                    true => Ok(()),
                    false => Err(None),
                }
            }
        }
    }

    /// Asks for a sign of life; false when there has been none for long.
    async fn ping(&mut self, socket: &mut Socket) -> bool {
        self.silent += 1;
        self.silent <= MISSED && socket.ping().await
    }

    async fn refuse(&self, socket: &mut Socket, fault: &Fault, lane: Option<&str>) -> bool {
        let reply = self.route.client.render_fault(fault, "");
        socket.send(self.side.refusal(&reply, lane)).await
    }

    /// Answers one message.
    async fn answer(&mut self, socket: &mut Socket, message: Bytes, pings: &mut tokio::time::Interval) -> Turn<()> {
        let wish = match self.side.read(message, &self.so_far) {
            Ok(Said::Nothing) => return Turn::Done(()),
            Ok(Said::Ask(wish)) => wish,
            Err(fault) => {
                let sent = self.refuse(socket, &fault, None).await;
                return if sent { Turn::Done(()) } else { Turn::Over(None) };
            }
        };
        let Wish { body, lane, warm_up, settings } = *wish;
        self.so_far.settings = settings.or(self.so_far.settings.take());
        self.leave_turn(&body);
        let errand =
            edge::Message { route: self.route, connection: self.number, body, warm_up: warm_up.then_some(self.side) };
        let (worker, head) = (self.worker.clone(), self.head.clone());
        let asked = Box::pin(async move { worker.message(&head, errand).await });
        let response = match self.meanwhile(socket, pings, asked).await {
            Turn::Done(response) => response,
            Turn::Over(parting) => return Turn::Over(parting),
        };
        self.stay_in_turn(response.headers());
        self.pass_on(socket, response, lane.as_deref(), pings).await
    }

    /// A mark that came with an answer goes back with what follows in its turn, as a client does it that is told in heads.
    fn stay_in_turn(&mut self, answer: &HeaderMap) {
        self.turned = true;
        if let Some((name, mark)) = self.turn.as_ref().and_then(|name| Some((name, answer.get(name)?))) {
            self.head.headers.insert(name, mark.clone());
        }
    }

    fn leave_turn(&mut self, body: &Body) {
        if let Some(name) = self.turn.as_ref().filter(|name| self.turned && self.head.headers.contains_key(*name))
            && !self.side.goes_on(body)
        {
            self.head.headers.remove(name);
        }
    }

    /// Waits for something while the connection is looked after.
    async fn meanwhile<T>(
        &mut self,
        socket: &mut Socket,
        pings: &mut tokio::time::Interval,
        work: impl Future<Output = T> + Unpin,
    ) -> Turn<T> {
        let mut work = work;
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Turn::Done(done),
                heard = socket.next() => {
                    if let Err(parting) = Box::pin(self.hear(socket, heard)).await {
                        return Turn::Over(parting);
                    }
                }
                _ = pings.tick() => if !self.ping(socket).await { return Turn::Over(None) },
            }
        }
    }

    /// Sends an answer, event by event.
    async fn pass_on(
        &mut self,
        socket: &mut Socket,
        response: Response<ReplyBody>,
        lane: Option<&str>,
        pings: &mut tokio::time::Interval,
    ) -> Turn<()> {
        let (head, mut body) = response.into_parts();
        let limits = self.worker.app.snapshot().config.limits.clone();
        if head.status != StatusCode::OK {
            let mut whole = Vec::new();
            while let Some(Ok(piece)) = body.next().await {
                whole.extend_from_slice(&piece);
            }
            let reply = HttpReply { status: head.status, headers: head.headers, body: whole.into() };
            let sent = socket.send(self.side.refusal(&reply, lane)).await;
            return if sent { Turn::Done(()) } else { Turn::Over(None) };
        }
        let mut framer = Framer::new(attempt::framing_of(self.route.client), limits.line_bytes);
        loop {
            let next = Box::pin(body.next());
            let piece = match self.meanwhile(socket, pings, next).await {
                Turn::Done(Some(Ok(piece))) => piece,
                Turn::Done(None) => return Turn::Done(()),
                Turn::Done(Some(Err(_))) => {
                    let fault = Fault::garbled("the upstream's stream ended before its answer was complete");
                    let sent = self.refuse(socket, &fault, lane).await;
                    return if sent { Turn::Done(()) } else { Turn::Over(None) };
                }
                Turn::Over(parting) => return Turn::Over(parting),
            };
            let mut messages = Vec::new();
            let read = framer.feed(&piece, &mut |frame| {
                messages.extend(self.side.message(frame, lane));
                self.so_far.answer = self.side.answered(frame).or(self.so_far.answer.take());
                Ok(())
            });
            if read.is_err() {
                return Turn::Over(None);
            }
            for message in messages {
                if !socket.send(message).await {
                    return Turn::Over(None);
                }
            }
        }
    }
}

/// The id of a request that came as a message.
pub(crate) fn message_id(seed: u64) -> Arc<str> {
    dialect::mint("req_", seed, 0).into()
}
