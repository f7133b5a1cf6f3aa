//! Upstream connections without the legacy client: a stack per thread, last in first out. Futures stay `Send`,
//! because the stack is touched only between awaits; a connection goes back to the thread that finishes with it.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::http::uri::Authority;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Result;

/// Idle connections that one thread keeps; those beyond are closed.
const IDLE_PER_THREAD: usize = 1024;

type Driver = http1::Connection<TokioIo<TcpStream>, Incoming>;

thread_local! {
    static SENDERS: RefCell<Vec<SendRequest<Incoming>>> = const { RefCell::new(Vec::new()) };
    static DRIVEN: RefCell<Vec<Inline>> = const { RefCell::new(Vec::new()) };
}

/// The answer's body; gives its connection back at the end.
#[derive(Debug)]
pub(super) enum Body {
    Empty,
    Plain(Incoming),
    Pooled(Incoming, Pooled),
    Inline(Incoming, Inline),
}

/// A connection driven by a task of its own.
#[derive(Debug)]
pub(super) struct Pooled {
    sender: Option<SendRequest<Incoming>>,
    done: bool,
}

impl Pooled {
    pub(super) async fn send(authority: &Authority, mut request: Request<Incoming>) -> Result<Response<Body>> {
        request.headers_mut().insert(hyper::header::HOST, authority.as_str().parse()?);
        let mut sender = Self::take(authority).await?;
        let response = sender.send_request(request).await?;
        Ok(response.map(|body| {
            let done = body.is_end_stream();
            Body::Pooled(body, Self { sender: Some(sender), done })
        }))
    }

    async fn take(authority: &Authority) -> Result<SendRequest<Incoming>> {
        while let Some(mut sender) = SENDERS.with_borrow_mut(Vec::pop) {
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let (sender, driver) = connect(authority).await?;
        tokio::spawn(driver);
        Ok(sender)
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(sender) = self.sender.take().filter(|sender| self.done && !sender.is_closed()) else { return };
        SENDERS.with_borrow_mut(|senders| {
            if senders.len() < IDLE_PER_THREAD {
                senders.push(sender);
            }
        });
    }
}

/// A connection that is polled by whoever uses it, so that no task has to be woken for it.
#[derive(Debug)]
pub(super) struct Inline {
    open: Option<Box<(SendRequest<Incoming>, Driver)>>,
    done: bool,
}

impl Inline {
    pub(super) async fn send(authority: &Authority, mut request: Request<Incoming>) -> Result<Response<Body>> {
        request.headers_mut().insert(hyper::header::HOST, authority.as_str().parse()?);
        let mut inline = match Self::take() {
            Some(inline) => inline,
            None => Self { open: Some(Box::new(connect(authority).await?)), done: false },
        };
        inline.done = false;
        let (sender, driver) = &mut **inline.open.as_mut().ok_or("connection lost")?;
        let mut response = std::pin::pin!(sender.send_request(request));
        let response = std::future::poll_fn(|context| {
            // The driver's own end shows as an error of the request.
            let _ = Pin::new(&mut *driver).poll(context);
            response.as_mut().poll(context)
        });
        let response = response.await?;
        inline.done = response.body().is_end_stream();
        Ok(response.map(|body| Body::Inline(body, inline)))
    }

    fn take() -> Option<Self> {
        let mut context = Context::from_waker(Waker::noop());
        while let Some(mut inline) = DRIVEN.with_borrow_mut(Vec::pop) {
            let open = inline.open.as_mut()?;
            // Ended while it waited: the peer has closed it.
            if Pin::new(&mut open.1).poll(&mut context).is_pending() && open.0.is_ready() {
                return Some(inline);
            }
            inline.done = false;
        }
        None
    }

    fn drive(&mut self, context: &mut Context<'_>) {
        if let Some(open) = &mut self.open {
            // Its end shows as the end, or an error, of the body.
            let _ = Pin::new(&mut open.1).poll(context);
        }
    }
}

impl Drop for Inline {
    fn drop(&mut self) {
        if !self.done {
            return;
        }
        let Some(open) = self.open.take() else { return };
        DRIVEN.with_borrow_mut(|driven| {
            if driven.len() < IDLE_PER_THREAD {
                driven.push(Self { open: Some(open), done: true });
            }
        });
    }
}

async fn connect(authority: &Authority) -> Result<(SendRequest<Incoming>, Driver)> {
    let stream = TcpStream::connect(authority.as_str()).await?;
    stream.set_nodelay(true)?;
    Ok(http1::handshake(TokioIo::new(stream)).await?)
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, hyper::Error>>> {
        let (body, done) = match self.get_mut() {
            Self::Empty => return Poll::Ready(None),
            Self::Plain(body) => return Pin::new(body).poll_frame(context),
            Self::Pooled(body, pooled) => (body, &mut pooled.done),
            Self::Inline(body, inline) => {
                inline.drive(context);
                (body, &mut inline.done)
            }
        };
        let frame = Pin::new(&mut *body).poll_frame(context);
        *done = matches!(frame, Poll::Ready(None)) || body.is_end_stream();
        frame
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Plain(body) | Self::Pooled(body, _) | Self::Inline(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Plain(body) | Self::Pooled(body, _) | Self::Inline(body, _) => body.size_hint(),
        }
    }
}
