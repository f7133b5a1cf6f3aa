//! Serves one fake over HTTP/1.1: control paths, checks, scripts. Knows no provider by name.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::answer::{Answer, Ask};
use crate::beside::{Answered, Side};
use crate::body::{Guard, Script};
use crate::delivery::{self, Frame, Step, Tail};
use crate::fake::{Recorded, Shared};
use crate::lively;
use crate::provider::{Call, Refusal, Route};
use crate::reply::{Content, Encoding, Reply, Trouble};

/// More than any provider takes.
const BODY_LIMIT: usize = 64 << 20;

/// Accepts until the task is dropped, and every connection with it.
pub(crate) async fn run(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        // A failed accept is the client's trouble; the listener itself stays sound.
        if let Ok((stream, _)) = listener.accept().await {
            shared.accepted.fetch_add(1, Ordering::Relaxed);
            connections.spawn(connection(stream, Arc::clone(&shared)));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(handle(request, &shared).await) }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    server.header_read_timeout(None);
    // Broken connections are part of the tests.
    _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn handle(request: Request<Incoming>, shared: &Shared) -> Response<Script> {
    let guard = Guard::new(&shared.cancelled);
    let (head, body) = request.into_parts();
    let Some(body) = read_body(body).await else { return text(StatusCode::PAYLOAD_TOO_LARGE, "too large", guard) };
    if head.uri.path().starts_with("/__") {
        return control(&head, shared, guard);
    }
    shared.record(record(&head, &body));
    match answer(&head, &body, shared).await {
        Ok(planned) => respond(planned, shared, guard),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string(), guard),
    }
}

async fn read_body(mut body: Incoming) -> Option<Bytes> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.ok()?.into_data() {
            whole.extend_from_slice(&data);
        }
        if whole.len() > BODY_LIMIT {
            return None;
        }
    }
    Some(whole.into())
}

fn record(head: &Parts, body: &[u8]) -> Recorded {
    Recorded {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head.headers.clone(),
        body: String::from_utf8_lossy(body).into_owned(),
    }
}

/// `GET`/`DELETE /__requests`, `GET /__cancelled`: for suites in other languages.
fn control(head: &Parts, shared: &Shared, guard: Guard) -> Response<Script> {
    match (&head.method, head.uri.path()) {
        (&Method::GET, "/__requests") => {
            let all: Vec<Value> = shared.requests().iter().map(listed).collect();
            text(StatusCode::OK, &json!(all).to_string(), guard)
        }
        (&Method::DELETE, "/__requests") => {
            shared.clear();
            text(StatusCode::OK, "[]", guard)
        }
        (&Method::GET, "/__cancelled") => text(StatusCode::OK, &shared.cancelled.borrow().to_string(), guard),
        _ => text(StatusCode::NOT_FOUND, "unknown control path", guard),
    }
}

fn listed(request: &Recorded) -> Value {
    let one = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes())))
    };
    let headers: serde_json::Map<String, Value> = request.headers.iter().map(one).collect();
    json!({"method": request.method, "path": request.path, "headers": headers, "body": request.body})
}

/// A response, decided but not yet on its way.
struct Planned {
    status: u16,
    content_type: String,
    headers: Vec<(String, String)>,
    encoding: Encoding,
    steps: VecDeque<Step>,
    length: Option<u64>,
}

async fn answer(head: &Parts, body: &[u8], shared: &Shared) -> io::Result<Planned> {
    if let Some(reply) = shared.credit_at(head.uri.path()).filter(|_| head.method == Method::GET) {
        return match shared.provider.admit(&head.headers, &shared.key()) {
            Err(refusal) => Ok(refused(&refusal, refusal.status, shared, &Reply::lively())),
            Ok(()) => credit(reply, shared).await,
        };
    }
    match check(head, body, shared) {
        Err(refusal) => Ok(refused(&refusal, refusal.status, shared, &Reply::lively())),
        Ok(Checked::List(list)) => Ok(json_body(200, &list, &Reply::lively())),
        Ok(Checked::Side(side)) => beside(side, shared).await,
        Ok(Checked::Ask(ask)) => scripted(&ask, shared.next_reply(&ask.model), shared).await,
    }
}

enum Checked {
    List(Value),
    Ask(Box<Ask>),
    Side(Side),
}

fn check(head: &Parts, body: &[u8], shared: &Shared) -> Result<Checked, Refusal> {
    let provider = &shared.provider;
    if let Some(side) = provider.beside(head, body) {
        return check_side(side, head, shared);
    }
    let route = provider.route(&head.method, head.uri.path())?;
    provider.admit(&head.headers, &shared.key())?;
    let names = shared.models();
    match &route {
        Route::Models => return Ok(Checked::List(provider.models(&names))),
        Route::Model(name) if names.contains(name) => return Ok(Checked::List(provider.model(name))),
        Route::Model(name) => return Err(provider.unknown_model(name)),
        Route::Generate | Route::Count | Route::Compact => (),
    }
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
    let call = Call { headers: &head.headers, path, query, body, route: &route };
    let ask = provider.check(&call)?;
    if !names.contains(&ask.model) {
        return Err(provider.unknown_model(&ask.model));
    }
    match route {
        Route::Count => Ok(Checked::List(provider.count(&ask))),
        Route::Compact => Ok(Checked::List(provider.compact(body))),
        _ => Ok(Checked::Ask(Box::new(ask))),
    }
}

/// An Ollama server asks nobody for a key.
fn check_side(side: Answered, head: &Parts, shared: &Shared) -> Result<Checked, Refusal> {
    if !head.uri.path().starts_with("/api/") {
        shared.provider.admit(&head.headers, &shared.key())?;
    }
    let side = side?;
    if !shared.models().contains(&side.model) {
        return Err(shared.provider.unknown_model(&side.model));
    }
    Ok(Checked::Side(side))
}

async fn beside(side: Side, shared: &Shared) -> io::Result<Planned> {
    let reply = shared.next_reply(&side.model);
    planned_side(side, reply, shared).await
}

async fn planned_side(side: Side, reply: Reply, shared: &Shared) -> io::Result<Planned> {
    if let Some(gate) = reply.hold.clone() {
        gate.pass().await;
    }
    match &reply.content {
        Content::Trouble(trouble) => Ok(trouble_plan(*trouble, None, shared, &reply)),
        Content::TroubleAs200(trouble) => Ok(trouble_plan(*trouble, Some(200), shared, &reply)),
        Content::Raw { status, content_type, body } => raw(*status, content_type, body.clone(), &reply).await,
        Content::Mislabelled(kind) => raw(200, kind, side.body, &reply).await,
        Content::Lively | Content::Written(_) => raw(200, side.content_type, side.body, &reply).await,
    }
}

async fn credit(reply: Reply, shared: &Shared) -> io::Result<Planned> {
    let side = Side { model: String::new(), content_type: "application/json", body: b"{}".to_vec() };
    planned_side(side, reply, shared).await
}

async fn scripted(ask: &Ask, reply: Reply, shared: &Shared) -> io::Result<Planned> {
    if let Some(gate) = reply.hold.clone() {
        gate.pass().await;
    }
    match &reply.content {
        Content::Trouble(trouble) => Ok(trouble_plan(*trouble, None, shared, &reply)),
        Content::TroubleAs200(trouble) => Ok(trouble_plan(*trouble, Some(200), shared, &reply)),
        Content::Raw { status, content_type, body } => raw(*status, content_type, body.clone(), &reply).await,
        Content::Lively => spoken(&lively::answer(ask), None, ask, &reply, shared).await,
        Content::Mislabelled(kind) => spoken(&lively::answer(ask), Some(kind), ask, &reply, shared).await,
        Content::Written(answer) => spoken(&answer.clone().settle(ask), None, ask, &reply, shared).await,
    }
}

fn trouble_plan(trouble: Trouble, status: Option<u16>, shared: &Shared, reply: &Reply) -> Planned {
    let refusal = shared.provider.trouble(trouble);
    refused(&refusal, status.unwrap_or(refusal.status), shared, reply)
}

async fn spoken(
    answer: &Answer,
    content_type: Option<&String>,
    ask: &Ask,
    reply: &Reply,
    shared: &Shared,
) -> io::Result<Planned> {
    let provider = &shared.provider;
    if !ask.stream {
        let body = provider.answer(answer, ask, &shared.ids).to_string().into_bytes();
        if let crate::reply::Ending::ErrorAfter(_) = reply.ending {
            return Ok(trouble_plan(Trouble::Overloaded, None, shared, reply));
        }
        return raw(200, content_type.map_or("application/json", String::as_str), body, reply).await;
    }
    let mut frames = provider.frames(answer, ask, &shared.ids);
    if let Some(quirk) = reply.quirk {
        frames = provider.twist(quirk, frames, answer);
    }
    let content_type = content_type.map_or(provider.framing().content_type(), String::as_str);
    streamed(frames, content_type, reply, shared).await
}

async fn streamed(mut frames: Vec<Frame>, content_type: &str, reply: &Reply, shared: &Shared) -> io::Result<Planned> {
    let provider = &shared.provider;
    let tail =
        Tail { error: provider.error_frame(&provider.trouble(Trouble::Overloaded)), ghost: provider.ghost_frame() };
    let abort = delivery::apply_ending(&mut frames, reply.ending, tail);
    let steps = delivery::stream_steps(&frames, provider.framing(), reply, abort).await?;
    Ok(Planned { steps, length: None, ..planned(200, content_type, reply) })
}

async fn raw(status: u16, content_type: &str, body: Vec<u8>, reply: &Reply) -> io::Result<Planned> {
    let steps = delivery::body_steps(body, reply).await?;
    let size = |step: &Step| if let Step::Bytes(bytes) = step { bytes.len() as u64 } else { 0 };
    let aborts = steps.iter().any(|step| matches!(step, Step::Abort));
    let length = steps.iter().map(size).sum();
    Ok(Planned { length: Some(length).filter(|_| !aborts), steps, ..planned(status, content_type, reply) })
}

fn refused(refusal: &Refusal, status: u16, shared: &Shared, reply: &Reply) -> Planned {
    let id = shared.ids.next("req_");
    let mut planned = json_body(status, &shared.provider.refusal_body(refusal, &id), reply);
    planned.headers.push((shared.provider.id_header().to_owned(), id));
    if let Some(seconds) = refusal.retry_after.filter(|_| shared.provider.says_retry_after()) {
        planned.headers.push(("retry-after".to_owned(), seconds.to_string()));
    }
    planned
}

fn json_body(status: u16, body: &Value, reply: &Reply) -> Planned {
    let bytes = Bytes::from(body.to_string());
    let length = Some(bytes.len() as u64);
    let steps = VecDeque::from([Step::Bytes(bytes)]);
    Planned { steps, length, encoding: Encoding::Identity, ..planned(status, "application/json", reply) }
}

fn planned(status: u16, content_type: &str, reply: &Reply) -> Planned {
    Planned {
        status,
        content_type: content_type.to_owned(),
        headers: reply.headers.clone(),
        encoding: reply.encoding,
        steps: VecDeque::new(),
        length: Some(0),
    }
}

fn respond(planned: Planned, shared: &Shared, guard: Guard) -> Response<Script> {
    let mut response = Response::new(Script::new(planned.steps, planned.length, guard));
    *response.status_mut() = StatusCode::from_u16(planned.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    put(headers, shared.provider.id_header(), &shared.ids.next("req_"));
    put(headers, header::CONTENT_TYPE.as_str(), &planned.content_type);
    let encoding = match planned.encoding {
        Encoding::Identity => None,
        Encoding::Gzip => Some("gzip"),
        Encoding::Brotli => Some("br"),
        Encoding::Zstd => Some("zstd"),
    };
    encoding.into_iter().for_each(|name| put(headers, header::CONTENT_ENCODING.as_str(), name));
    planned.headers.iter().for_each(|(name, value)| put(headers, name, value));
    response
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) {
    let name = http::HeaderName::try_from(name);
    if let (Ok(name), Ok(value)) = (name, http::HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}

fn text(status: StatusCode, body: &str, guard: Guard) -> Response<Script> {
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    let length = bytes.len() as u64;
    let mut response = Response::new(Script::new(VecDeque::from([Step::Bytes(bytes)]), Some(length), guard));
    *response.status_mut() = status;
    put(response.headers_mut(), header::CONTENT_TYPE.as_str(), "application/json");
    response
}
