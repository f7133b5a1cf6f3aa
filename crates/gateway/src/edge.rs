//! One HTTP exchange, from head to answer: what every request goes through before a model is asked, and how every
//! fault leaves.

use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use config::Fidelity;
use dialect::{Body, Catalogue, Framer, HttpReply, Operation, Route};
use http::header::CONTENT_ENCODING;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hub::{Fault, FaultKind};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use transport::{PeerInfo, ReplyBody, rare};

use crate::adjust;
use crate::allowance::Allowance;
use crate::app::Worker;
use crate::errand::Errand;
use crate::fidelity;
use crate::inbound::Inbound;
use crate::kept::{self, Asking, Caller, Recall};
use crate::record::{Ended, Record};
use crate::routes::{Matched, Routes};
use crate::scope::Scope;
use crate::seats::Seats;
use crate::serve::Serve;
use crate::snapshot::Snapshot;
use crate::upload::Upload;
use crate::{attempt, cors, faults, headers, management, paths, socket, told};

/// Longest request id that is taken from a client.
const ID_LENGTH: usize = 128;

impl Worker {
    /// Answers one request. Every fault, from any depth, leaves through `render_fault` of the caller's dialect.
    ///
    /// Not an `async fn`, whose future would hold the head twice.
    pub fn handle(
        self,
        request: Request<Incoming>,
        peer: PeerInfo,
    ) -> impl Future<Output = Response<ReplyBody>> + Send + 'static {
        let (mut head, incoming) = request.into_parts();
        paths::take_provider(&self.app.routes, &mut head);
        let snapshot = self.app.snapshot();
        let id = request_id(&head);
        let origin = cors::allowed(&snapshot.config.cors, &head);
        async move {
            let mut response = match probe(&self.app.routes, &head, origin.as_ref()) {
                Some(response) => response,
                None => self.exchange(&snapshot, &id, &head, incoming, peer).await,
            };
            if let Ok(value) = HeaderValue::from_str(&id) {
                response.headers_mut().insert(headers::REQUEST_ID, value);
            }
            if let Some(origin) = origin {
                cors::mark(origin, response.headers_mut());
            }
            response
        }
    }

    async fn exchange(
        &self,
        snapshot: &Arc<Snapshot>,
        id: &Arc<str>,
        head: &Parts,
        incoming: Incoming,
        peer: PeerInfo,
    ) -> Response<ReplyBody> {
        let mut record = Some(Record::new(Arc::clone(id)));
        let is_head = head.method == Method::HEAD;
        let found = fits(head, snapshot.config.limits.header_bytes).and_then(|()| self.app.routes.find(head));
        let mut allowance = None;
        let (client, answered) = match found {
            Ok(Matched { route, rest }) => {
                note_route(&mut record, route);
                let exchange =
                    Exchange { worker: self, snapshot, route, rest, allowance: OnceLock::new(), message: None };
                let answered = exchange.run(head, incoming, &mut record).await;
                allowance = exchange.allowance.into_inner();
                (Some(route.client), answered)
            }
            Err(_) if management::is_asked(snapshot, head) => {
                let (response, path) = rare(self.manage(snapshot, head, peer)).await;
                record.iter_mut().for_each(|record| record.route = path);
                (None, Ok(response))
            }
            Err(fault) => (self.app.routes.caller(head), Err(fault)),
        };
        let mut response = match (answered, client) {
            (Ok(response), _) => response,
            (Err(fault), Some(client)) => told::refuse(client, &fault, id, &mut record),
            (Err(fault), None) => plain_refusal(&fault),
        };
        if let (Some(allowance), Some(client)) = (allowance, client) {
            allowance.tell(client, response.headers_mut(), SystemTime::now());
        }
        if let Some(record) = &mut record {
            record.status = response.status();
            if head.headers.contains_key(headers::TRAIL) {
                headers::tell_trail(Some(record.trail.to_string()), response.headers_mut());
            }
            record.ended = Ended::Whole;
            tracing::trace!(peer = %peer.addr, id = &**id, "answered");
        }
        if is_head {
            *response.body_mut() = ReplyBody::empty();
        }
        response
    }
}

impl Worker {
    /// Answers a request that came as a message: as [`Worker::handle`] does, without a path of its own.
    pub(crate) async fn message(&self, head: &Parts, message: Message) -> Response<ReplyBody> {
        let snapshot = self.app.snapshot();
        let id = socket::message_id(random());
        let Message { route, connection, body, warm_up } = message;
        let mut record = Some(Record::new(Arc::clone(&id)));
        note_route(&mut record, route);
        let exchange = Exchange {
            worker: self,
            snapshot: &snapshot,
            route,
            rest: "",
            allowance: OnceLock::new(),
            message: Some((connection, warm_up)),
        };
        let answered = exchange.said(head, body, &mut record).await;
        let response = answered.unwrap_or_else(|fault| told::refuse(route.client, &fault, &id, &mut record));
        if let Some(record) = &mut record {
            record.status = response.status();
            record.ended = Ended::Whole;
        }
        response
    }
}

/// Whether the head is within its limit in bytes.
fn fits(head: &Parts, limit: usize) -> Result<(), Fault> {
    let line = head.uri.path_and_query().map_or(0, |path| path.as_str().len());
    let fields = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    if line + fields.sum::<usize>() <= limit {
        return Ok(());
    }
    Err(Fault::new(FaultKind::HeadersTooLarge, format!("the request's head is larger than {limit} bytes")))
}

/// One request on a known route.
struct Exchange<'a> {
    worker: &'a Worker,
    snapshot: &'a Arc<Snapshot>,
    route: &'static Route,
    rest: &'a str,
    /// What the key may do, once that is known.
    allowance: OnceLock<Arc<Allowance>>,
    /// The connection that it came on as a message, and who says that it asks no model for anything.
    message: Option<(u64, Option<&'static dyn dialect::Socket>)>,
}

/// A request that came as a message.
pub(crate) struct Message {
    pub(crate) route: &'static Route,
    pub(crate) connection: u64,
    pub(crate) body: Body,
    /// It asks no model for anything.
    pub(crate) warm_up: Option<&'static dyn dialect::Socket>,
}

/// A request for an account, received.
struct Asked<'a> {
    within: Scope,
    head: &'a Parts,
    body: Body,
    errand: Errand<'a>,
    permit: OwnedSemaphorePermit,
}

impl Exchange<'_> {
    /// Who asks, what for, and within which bounds.
    fn admit(&self, head: &Parts, record: &mut Option<Box<Record>>) -> Result<Scope, Fault> {
        let admitted = self.snapshot.keys.admit(head)?;
        let scope = paths::scope(&self.snapshot.names.providers, admitted.scope(), head)?;
        if let Some(allowance) = admitted.allowance {
            // It is new, so there is nothing to be replaced.
            let _ = self.allowance.set(allowance);
        }
        if let Some(record) = record {
            record.key = Some(admitted.label);
        }
        Ok(scope)
    }

    async fn run(
        &self,
        head: &Parts,
        incoming: Incoming,
        record: &mut Option<Box<Record>>,
    ) -> Result<Response<ReplyBody>, Fault> {
        let scope = self.admit(head, record)?;
        match self.route.operation {
            Operation::ListModels(catalogue) => {
                let query = head.uri.query().unwrap_or_default();
                Ok(respond(catalogue.list(self.snapshot.names.cards(scope), query)))
            }
            Operation::GetModel(catalogue) => {
                let id = percent_encoding::percent_decode_str(self.rest).decode_utf8_lossy();
                self.model(scope, catalogue, &id)
            }
            Operation::ShowModel(catalogue) => {
                let body = self.body(head, incoming).await?;
                let peek = self.route.client.peek(head, &body)?;
                self.model(scope, catalogue, &peek.model)
            }
            Operation::Fixed(answer) | Operation::Greet(answer) => {
                let limits = &self.snapshot.config.limits;
                transport::body::discard(incoming, limits.body_bytes, limits.body_read_timeout).await;
                Ok(respond(answer()))
            }
            Operation::Socket(side) => socket::open(self.worker, head, self.route, side),
            Operation::Kept => kept::answer(&self.asking(record.as_deref(), false), head, self.rest).map(respond),
            Operation::Generate
            | Operation::Compact
            | Operation::CountTokens
            | Operation::Embed(_)
            | Operation::Pass(_) => self.receive(scope, head, incoming, record).await,
        }
    }

    fn model(&self, scope: Scope, catalogue: &dyn Catalogue, id: &str) -> Result<Response<ReplyBody>, Fault> {
        let (scope, name) = self.snapshot.names.read(self.route.client, scope, id.to_owned());
        if let Some(card) = self.snapshot.names.cards(scope).iter().find(|card| card.id == name) {
            return Ok(respond(catalogue.one(card)));
        }
        let card = self.snapshot.names.unlisted_card(scope, &name);
        card.map(|card| respond(catalogue.one(&card))).ok_or_else(|| {
            let shown: String = id.chars().take(128).collect();
            Fault::new(FaultKind::ModelNotFound, format!("there is no model `{shown}` here")).at("model")
        })
    }

    /// Answers a message. The key is looked at again: it may have been withdrawn since the connection was opened.
    async fn said(
        &self,
        head: &Parts,
        body: Body,
        record: &mut Option<Box<Record>>,
    ) -> Result<Response<ReplyBody>, Fault> {
        let within = self.admit(head, record)?;
        let permit = self.permit()?;
        self.ask(Asked { within, head, body, errand: Errand::Answer, permit }, record).await
    }

    fn permit(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let full = || Fault::new(FaultKind::Unavailable, "the gateway is serving as many requests as it may");
        self.worker.app.permit().ok_or_else(full)
    }

    /// With what kept answers are looked for, for this caller.
    fn asking(&self, record: Option<&Record>, answer: bool) -> Asking<'_> {
        let label = record.and_then(|record| record.key.clone()).unwrap_or_default();
        Asking {
            client: self.route.client,
            store: &self.worker.app.kept,
            limits: &self.snapshot.config.responses_store,
            caller: Caller { label, connection: self.message.map(|(connection, _)| connection) },
            answer,
        }
    }

    /// Answers a message that asks no model for anything: what it says is kept, to be gone on from.
    fn warm_up(
        &self,
        side: &dyn dialect::Socket,
        inbound: &Inbound<'_>,
        seats: &Seats,
    ) -> Result<Response<ReplyBody>, Fault> {
        let limits = &self.snapshot.config.limits;
        let stream = side.warmed_up(&inbound.peek.reply);
        let recall = inbound.recall.as_ref().zip(seats.first());
        let tape = recall.and_then(|(recall, seat)| {
            recall.tape(&self.worker.app, &inbound.peek.reply, limits.reply_bytes, &seat.account.id)
        });
        if let Some(tape) = tape {
            tape.stream(&stream, Framer::new(attempt::framing_of(self.route.client), limits.line_bytes));
        }
        Ok(Response::new(ReplyBody::whole(stream)))
    }

    async fn receive(
        &self,
        within: Scope,
        head: &Parts,
        incoming: Incoming,
        record: &mut Option<Box<Record>>,
    ) -> Result<Response<ReplyBody>, Fault> {
        let permit = self.permit()?;
        let errand = Errand::of(self.route.operation);
        let upload;
        let (errand, body) = match errand.form(head) {
            None => (errand, self.body(head, incoming).await?),
            Some(service) => {
                let limits = &self.snapshot.config.limits;
                upload = rare(Upload::receive(service, head, incoming, limits)).await?;
                (Errand::Upload(&upload), Body::parse(Bytes::from_static(b"{}"))?)
            }
        };
        self.ask(Asked { within, head, body, errand, permit }, record).await
    }

    async fn ask(&self, asked: Asked<'_>, record: &mut Option<Box<Record>>) -> Result<Response<ReplyBody>, Fault> {
        let Asked { within, head, body, errand, permit } = asked;
        let mut peek = errand.peek(self.route.client, head, &body)?;
        let body = self.route.client.inside(body)?;
        peek.reply.created = now();
        peek.reply.started = Some(Instant::now());
        let mut scope;
        (scope, peek.model) = self.snapshot.names.read(self.route.client, within, peek.model);
        let mut adjust = adjust::take_suffix(&self.snapshot.names, self.route.client, &mut scope, &mut peek);
        adjust.prompt.clone_from(&self.snapshot.prompt);
        adjust.fidelity = fidelity::wanted(head, self.fidelity())?;
        peek.reply.seed = random();
        if let Some(record) = record {
            record.model.clone_from(&peek.model);
            record.stream = peek.reply.stream;
        }
        if let (Some(allowance), Some(record)) = (self.allowance.get(), record.as_mut()) {
            let names = &self.snapshot.names;
            // What nobody serves costs nothing, unless something else takes its place.
            if !names.answers(scope, &peek.model) {
                return Err(names.missing(scope, &peek.model));
            }
            record.pass = Some(allowance.enter(&peek.model, SystemTime::now())?);
        }
        let generates = matches!(self.route.operation, Operation::Generate | Operation::Socket(_));
        let own = generates.then(|| self.route.client.own_answer(&body, &peek.reply));
        let recall = Recall::of_request(&self.asking(record.as_deref(), generates), &body)?;
        peek.reply.kept = recall.as_ref().is_some_and(|recall| recall.keeps());
        let mut inbound = Inbound::new(head, body, peek, adjust).on(errand);
        inbound.recall = recall;
        let serve =
            Serve { worker: self.worker, snapshot: Arc::clone(self.snapshot), client: self.route.client, scope };
        if let Some((_, Some(side))) = self.message {
            let (_, route) = serve.snapshot.names.first_way(scope, &inbound.peek.model)?;
            return self.warm_up(side, &inbound, &route.seats);
        }
        if let Some(own) = own.flatten() {
            let ((_, model), route) = serve.snapshot.names.first_way(scope, &inbound.peek.model)?;
            let client = self.route.client.dialect();
            // It may mean something to a place of the client's own language, and only there.
            if !route.seats.iter().all(|seat| seat.speaks(&model, client)) {
                return Ok(respond(own));
            }
            inbound.peek.reply.stream = false;
        }
        let answer = match (self.route.operation, record.as_mut()) {
            // Boxed, so that the future of the commoner case stays small: it is moved several times.
            (Operation::CountTokens, Some(record)) => rare(serve.count(&mut inbound, record)).await,
            _ => serve.generate(&mut inbound, permit, record).await,
        };
        transport::body::reuse(inbound.body.into_bytes());
        answer
    }

    /// What becomes of losses: as the key says, else as the configuration says for all.
    fn fidelity(&self) -> Fidelity {
        let of_key = self.allowance.get().and_then(|allowance| allowance.fidelity());
        of_key.unwrap_or(self.snapshot.config.fidelity)
    }

    async fn body(&self, head: &Parts, incoming: Incoming) -> Result<Body, Fault> {
        let limits = &self.snapshot.config.limits;
        let raw = transport::body::collect(incoming, limits.body_bytes, limits.body_read_timeout).await;
        let raw = raw.map_err(|error| faults::of_body(&error))?;
        let coding = head.headers.get(CONTENT_ENCODING);
        let plain = match coding {
            None => raw,
            Some(_) => {
                transport::body::decode(raw, coding, limits.body_bytes).map_err(|error| faults::of_body(&error))?
            }
        };
        if plain.is_empty() {
            return Err(Fault::bad_request("the request has no body; a JSON object is expected"));
        }
        Body::parse(plain)
    }
}

fn note_route(record: &mut Option<Box<Record>>, route: &'static Route) {
    if let Some(record) = record {
        record.route = route.path;
        record.way.0 = route.client.dialect().0;
    }
}

/// Only when no dialect at all is registered.
fn plain_refusal(fault: &Fault) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(Bytes::from(fault.message.to_string())));
    *response.status_mut() = fault.status();
    response
}

pub(crate) fn respond(reply: HttpReply) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

/// Answers that need no key: health, the front page, and pages that ask whether they may call.
fn probe(routes: &Routes, head: &Parts, origin: Option<&HeaderValue>) -> Option<Response<ReplyBody>> {
    if cors::is_preflight(head) {
        let mut response = Response::new(ReplyBody::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if let Some(origin) = origin {
            cors::permit(origin.clone(), response.headers_mut());
        }
        return Some(response);
    }
    let is_head = head.method == Method::HEAD;
    if !is_head && head.method != Method::GET {
        return None;
    }
    let reply = routes.greeting(head).or_else(|| match head.uri.path() {
        "/healthz" | "/readyz" => Some(HttpReply::json(StatusCode::OK, r#"{"status":"ok"}"#)),
        "/" => Some(HttpReply::json(StatusCode::OK, FRONT_PAGE)),
        _ => None,
    })?;
    let mut response = respond(reply);
    if is_head {
        *response.body_mut() = ReplyBody::empty();
    }
    Some(response)
}

const FRONT_PAGE: &str = concat!(
    r#"{"message":"Bosporus","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","endpoints":["POST /v1/chat/completions","POST /v1/responses","POST /v1/messages","POST /v1beta/models/{model}:generateContent","POST /api/chat","GET /v1/models"]}"#
);

/// The client's id where it is short and printable, else a new one.
pub(crate) fn request_id(head: &Parts) -> Arc<str> {
    let given = head.headers.get(headers::REQUEST_ID).and_then(|value| value.to_str().ok());
    match given.filter(|id| !id.is_empty() && id.len() <= ID_LENGTH && id.bytes().all(|b| b.is_ascii_graphic())) {
        Some(id) => id.into(),
        None => dialect::mint("req_", random(), 0).into(),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// A number that nobody can foresee well enough to collide with on purpose; ids are not secrets.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    thread_local! {
        static STATE: (RandomState, std::cell::Cell<u64>) = (RandomState::new(), std::cell::Cell::new(0));
    }
    STATE.with(|(state, counter)| {
        counter.set(counter.get().wrapping_add(1));
        state.hash_one(counter.get())
    })
}
