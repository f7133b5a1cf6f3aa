//! One HTTP/1.1 connection, polled by whoever uses it: the request's own task while it waits for an answer, the reader
//! of the body afterwards. No task of its own has to be woken for each piece of a stream, and dropping it closes the
//! socket at once. (Measured against a task per connection: a third less CPU per piece of a stream.) While it lies
//! idle nobody polls it; [`Lane::is_usable`] looks whether the server has closed it meanwhile.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;

use super::error::root_cause;
use super::link::Link;
use super::payload::Payload;
use crate::bell;
use crate::tasks::Spawner;

/// Boxed once per connection; the type behind it cannot be named.
type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A connection and the handle that puts requests on it.
pub(crate) struct Lane {
    sender: SendRequest<Payload>,
    /// `None` once the connection has ended.
    driver: Option<Driver>,
}

impl Lane {
    /// Greets the server: nothing goes over the wire.
    pub(crate) async fn open(link: Link) -> Result<Self, hyper::Error> {
        let (sender, driver) = Builder::new().handshake(TokioIo::new(link)).await?;
        let mut lane = Self { sender, driver: Some(Box::pin(driver.with_upgrades())) };
        poll_fn(|cx| {
            lane.drive(cx);
            lane.sender.poll_ready(cx)
        })
        .await?;
        Ok(lane)
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) fn send(&mut self, request: Request<Payload>) -> impl Future<Output = Answer> {
        let Self { sender, driver } = self;
        Sending { driver, answer: sender.try_send_request(request) }
    }

    /// The next frame of the answer's body.
    pub(crate) fn poll_body(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        // Asking first tells the driver that there is room for a frame.
        let asked = take(body);
        if asked.is_ready() {
            return asked;
        }
        self.drive(cx);
        take(body)
    }

    /// True when another request may be put on it now.
    pub(crate) fn is_usable(&mut self) -> bool {
        self.is_open() && self.sender.is_ready()
    }

    /// False when it has ended; sees a close that came while it lay idle.
    pub(crate) fn is_open(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some()
    }

    /// Whether it had ended when it was last polled.
    pub(crate) fn has_ended(&self) -> bool {
        self.driver.is_none()
    }

    /// After status 101: the connection goes on by itself until the other protocol has taken it over.
    pub(crate) fn hand_over(&mut self, spawner: &Spawner) {
        if let Some(driver) = self.driver.take() {
            spawner.spawn(async move {
                if let Err(error) = driver.await {
                    tracing::debug!(error = %root_cause(&error), "switching protocols failed");
                }
            });
        }
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.driver, cx);
    }
}

/// The head of an answer, or why there is none.
type Answer = Result<Response<Incoming>, TrySendError<Request<Payload>>>;

pin_project! {
    /// Written by hand, because an async block would hold the request's room twice, and it is moved about.
    struct Sending<'a, F> {
        driver: &'a mut Option<Driver>,
        #[pin]
        answer: F,
    }
}

impl<F: Future<Output = Answer>> Future for Sending<'_, F> {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let this = self.project();
        drive(this.driver, cx);
        // Only the driver can bring the answer, and it was polled just now: nobody else need be woken.
        this.answer.poll(&mut Context::from_waker(Waker::noop()))
    }
}

/// The frame that is there. Only the driver could bring one, and only who takes frames polls the driver: neither has to
/// be woken by the other.
fn take(body: &mut Incoming) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
    let (taken, rung) = bell::silently(|| Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())));
    rung.ignored();
    taken
}

fn drive(driver: &mut Option<Driver>, cx: &mut Context<'_>) {
    // How it ended shows as the end, or an error, of the answer.
    if driver.as_mut().is_some_and(|open| open.as_mut().poll(cx).is_ready()) {
        *driver = None;
    }
}
