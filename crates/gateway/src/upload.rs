//! Forms with files: held until their model is known, then passed on while they still come.
//!
//! A small form is held whole, so that another account can be asked when one fails. A large one can be asked for only
//! once: what has gone to one account is not here any more. SDKs differ in where the model stands; a form whose file
//! comes first is held up to the limit for bodies.

use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use config::Limits;
use dialect::multipart::{self, Watch};
use dialect::{Peek, Reply, Service};
use http::HeaderValue;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use hub::{Fault, FaultKind};
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use transport::{BodyError, BoxError, Chunks, Payload};
use upstreams::{Call, Purpose};

use crate::attempt::{Attempt, Committed};
use crate::faults;
use crate::inbound::Inbound;
use crate::pass::wishes;
use crate::record::Record;

/// A form up to this length is held whole, in bytes.
const SMALL: u64 = 1 << 20;

/// A form on its way.
pub(crate) struct Upload {
    service: Service,
    content_type: HeaderValue,
    boundary: String,
    held: Bytes,
    /// Where the model's name lies in what is held.
    model: Option<Range<usize>>,
    /// The length that the client announced.
    length: Option<u64>,
    /// What still comes; taken by the first attempt.
    rest: Mutex<Option<Rest>>,
    whole: bool,
    /// Why the client's bytes broke off, if they did.
    broken: Arc<OnceLock<Fault>>,
}

/// The content type and boundary of a form; `None` for other bodies.
pub(crate) fn form_of(head: &Parts) -> Option<(&HeaderValue, &str)> {
    let value = head.headers.get(CONTENT_TYPE)?;
    Some((value, multipart::boundary(value.to_str().ok()?)?))
}

impl Upload {
    /// Takes in as much as must be held.
    ///
    /// # Errors
    /// When the form is broken, too large or too slow.
    pub(crate) async fn receive(
        service: Service,
        head: &Parts,
        incoming: Incoming,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let (content_type, boundary) = form_of(head).ok_or_else(|| Fault::bad_request("the body is not a form"))?;
        if head.headers.contains_key(CONTENT_ENCODING) {
            let words = "a form is taken without content-encoding only: it is passed on while it comes";
            return Err(Fault::new(FaultKind::UnsupportedMedia, words));
        }
        let length = incoming.size_hint().exact();
        if length.is_some_and(|length| length > limits.body_bytes as u64) {
            return Err(faults::of_body(&BodyError::TooLarge { limit: limits.body_bytes }));
        }
        let deadline = Instant::now() + limits.body_read_timeout;
        let broken = Arc::default();
        let mut rest = Rest {
            incoming,
            watch: Watch::new(boundary, "model"),
            limit: limits.body_bytes,
            passed: 0,
            within: limits.body_read_timeout,
            deadline: Box::pin(sleep_until(deadline)),
            broken: Arc::clone(&broken),
        };
        let small = length.is_some_and(|length| length <= SMALL);
        let (held, whole) = rest.hold(small, deadline).await?;
        Ok(Self {
            service,
            content_type: content_type.clone(),
            boundary: boundary.to_owned(),
            held,
            model: rest.watch.value(),
            length,
            rest: Mutex::new((!whole).then_some(rest)),
            whole,
            broken,
        })
    }

    /// Whether another account may be asked after this one.
    pub(crate) fn can_be_repeated(&self) -> bool {
        self.whole
    }

    /// What routing needs to know.
    ///
    /// # Errors
    /// When no model is named.
    pub(crate) fn peek(&self) -> Result<Peek, Fault> {
        let named = self.model.clone().map(|range| String::from_utf8_lossy(&self.held[range]).trim().to_owned());
        let named = named.filter(|name| !name.is_empty());
        let missing =
            || Fault::bad_request("you must provide a model").at("model").with_code("missing_required_parameter");
        let model = named.or_else(|| self.service.default_model().map(str::to_owned)).ok_or_else(missing)?;
        Ok(Peek { reply: Reply::new(model.as_str(), false), model })
    }

    /// What is held, under the upstream's name of the model.
    fn under(&self, model: &str, asked: &str) -> Vec<Bytes> {
        let name = Bytes::copy_from_slice(model.as_bytes());
        match self.model.clone() {
            Some(range) if self.held[range.clone()] == name => vec![self.held.clone()],
            Some(range) => vec![self.held.slice(..range.start), name, self.held.slice(range.end..)],
            None if model == asked => vec![self.held.clone()],
            None => {
                let head = format!("--{}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n", self.boundary);
                vec![format!("{head}{model}\r\n").into(), self.held.clone()]
            }
        }
    }

    /// The body for one attempt.
    fn payload(&self, pieces: impl IntoIterator<Item = Bytes>) -> Result<Payload, Fault> {
        let payload: Payload = pieces.into_iter().collect();
        if self.whole {
            return Ok(payload);
        }
        let rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner).take();
        let rest = rest.ok_or_else(|| Fault::new(FaultKind::Internal, "the form has been passed on already"))?;
        let length = self.length.map(|length| length.saturating_sub(self.held.len() as u64));
        Ok(payload.followed_by(rest, length))
    }
}

impl Attempt<'_> {
    /// Tries once, with a form.
    ///
    /// # Errors
    /// Why there is no answer from this account.
    pub(crate) async fn upload(
        &self,
        upload: &Upload,
        inbound: &Inbound<'_>,
        record: &mut Record,
    ) -> Result<Committed, Fault> {
        let wire = self.taker(upload.service, inbound, record)?;
        let side = wire.wire.ok_or_else(|| Fault::new(FaultKind::Internal, "that dialect cannot be asked"))?;
        let (model, _) = self.seat.model(&inbound.peek.model);
        let mut headers = wishes(&inbound.head.headers);
        headers.insert(CONTENT_TYPE, upload.content_type.clone());
        let pieces = upload.under(model, &inbound.peek.model);
        let call = Call {
            purpose: Purpose::Pass(upload.service),
            wire: wire.id,
            model,
            stream: false,
            body: pieces.into_iter().collect(),
            headers,
            client: &inbound.head.headers,
        };
        let request = self.seat.upstream.request(call, self.secret)?;
        let (parts, pieces) = request.into_parts();
        let request = http::Request::from_parts(parts, upload.payload(pieces)?);
        let sent = self.deliver(wire, side, Ok(request), self.patience(false), record).await;
        // The client's own failure shows as a broken request there; nobody there is to blame.
        let reply = sent.map_err(|fault| upload.broken.get().cloned().unwrap_or(fault))?;
        self.passed(upload.service, reply, inbound, record).await
    }
}

/// The client's bytes that are still to come.
struct Rest {
    incoming: Incoming,
    watch: Watch,
    limit: usize,
    passed: usize,
    within: std::time::Duration,
    deadline: Pin<Box<Sleep>>,
    broken: Arc<OnceLock<Fault>>,
}

impl Rest {
    /// Holds bytes until the model is known, or all of them. Tells whether the form is whole.
    async fn hold(&mut self, all: bool, deadline: Instant) -> Result<(Bytes, bool), Fault> {
        let mut held = BytesMut::new();
        while all || self.watch.value().is_none() {
            let next = timeout_at(deadline, poll_fn(|cx| self.poll_incoming(cx))).await;
            match next.map_err(|_| self.late())? {
                Some(chunk) => held.extend_from_slice(&chunk?),
                None => return Ok((held.freeze(), true)),
            }
        }
        Ok((held.freeze(), false))
    }

    fn late(&self) -> Fault {
        faults::of_body(&BodyError::Timeout { after: self.within })
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        loop {
            let frame = match std::task::ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    let fault = faults::of_body(&BodyError::Disconnected(error.to_string()));
                    return Poll::Ready(Some(Err(fault)));
                }
                None => return Poll::Ready(None),
            };
            // Trailers mean nothing in a form.
            let Ok(chunk) = frame.into_data() else { continue };
            if !chunk.is_empty() {
                return Poll::Ready(Some(self.look(&chunk).map(|()| chunk)));
            }
        }
    }

    fn look(&mut self, chunk: &Bytes) -> Result<(), Fault> {
        self.passed += chunk.len();
        if self.passed > self.limit {
            return Err(faults::of_body(&BodyError::TooLarge { limit: self.limit }));
        }
        self.watch.feed(chunk)
    }

    fn fail(&self, fault: Fault) -> BoxError {
        let words = fault.message.to_string();
        // The first reason is the true one.
        let _ = self.broken.set(fault);
        words.into()
    }
}

impl Chunks for Rest {
    fn poll_chunk(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        let this = &mut *self;
        match this.poll_incoming(cx) {
            Poll::Ready(next) => Poll::Ready(next.map(|chunk| chunk.map_err(|fault| this.fail(fault)))),
            Poll::Pending => {
                std::task::ready!(this.deadline.as_mut().poll(cx));
                Poll::Ready(Some(Err(this.fail(this.late()))))
            }
        }
    }
}
