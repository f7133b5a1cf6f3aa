//! The upstream: answers with bytes prepared in advance, chosen by path. One thread, no parsing beyond what
//! keep-alive needs, so that its cost stays small and constant.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::Result;
use crate::bodies::Dialect;

/// When the parts of an answer are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// One write after the other.
    Unpaced,
    /// The first [`LEAD`] parts at once, then one write per tick; at least a millisecond, which is as fine as
    /// the timer is.
    Every(Duration),
    /// The first [`LEAD`] parts at once, the rest when [`Mock::release`] is called.
    Held,
}

/// Parts that are sent without waiting: enough for the first piece of text in either dialect.
const LEAD: usize = 3;

/// One prepared answer: the first part carries the head; each part is written by itself.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Raw bytes, HTTP framing included.
    pub parts: Arc<Vec<Bytes>>,
    /// When they go out.
    pub pace: Pace,
}

impl Reply {
    /// A whole JSON body.
    pub fn json(body: &str) -> Self {
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        Self { parts: Arc::new(vec![Bytes::from(head + body)]), pace: Pace::Unpaced }
    }

    /// A stream of events or lines, one HTTP chunk and one write for each element of `events`.
    pub fn stream(media_type: &str, events: &[String], pace: Pace) -> Self {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let mut parts: Vec<Bytes> =
            events.iter().map(|event| Bytes::from(format!("{:x}\r\n{event}\r\n", event.len()))).collect();
        parts[0] = Bytes::from([head.as_bytes(), &parts[0]].concat());
        parts.push(Bytes::from_static(b"0\r\n\r\n"));
        Self { parts: Arc::new(parts), pace }
    }
}

/// What the mock plays: an answer for each dialect, in the order of [`Dialect::ALL`].
#[derive(Clone, Debug)]
pub struct Play(pub [Reply; 5]);

impl Play {
    /// The answer in one dialect.
    pub fn of(&self, dialect: Dialect) -> &Reply {
        &self.0[dialect as usize]
    }
}

/// The last request as it arrived, kept when recording is on.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Request line and headers.
    pub head: Vec<u8>,
    /// The body.
    pub body: Vec<u8>,
}

#[derive(Debug)]
struct Script {
    play: Mutex<Arc<Play>>,
    seen: Mutex<Option<Seen>>,
    released: watch::Sender<u64>,
}

/// A running mock; it ends with the process.
#[derive(Clone, Debug)]
pub struct Mock {
    /// Where it listens.
    pub addr: SocketAddr,
    script: Arc<Script>,
}

impl Mock {
    /// Starts the mock on a thread of its own.
    pub fn start(play: Play) -> Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        // The default backlog of 128 would make thousands of streams wait for retransmitted connection attempts.
        socket2::SockRef::from(&listener).listen(8192)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let script = Arc::new(Script {
            play: Mutex::new(Arc::new(play)),
            seen: Mutex::new(None),
            released: watch::Sender::new(0),
        });
        let shared = script.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("mock".into()).spawn(move || runtime.block_on(accept(listener, shared)))?;
        Ok(Self { addr, script })
    }

    /// Changes what is played from the next request on.
    pub fn play(&self, play: Play) {
        *self.script.play.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(play);
    }

    /// Lets every held stream finish.
    pub fn release(&self) {
        self.script.released.send_modify(|count| *count += 1);
    }

    /// Starts recording and forgets the last request.
    pub fn record(&self) {
        *self.script.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(Seen::default());
    }

    /// Ends recording and returns the last request.
    pub fn recorded(&self) -> Option<Seen> {
        self.script.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

async fn accept(listener: std::net::TcpListener, script: Arc<Script>) -> Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let script = script.clone();
        // A peer that hangs up is no business of the mock.
        tokio::spawn(async move { serve(stream, &script).await.ok() });
    }
}

async fn serve(mut stream: TcpStream, script: &Script) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    let mut held = script.released.subscribe();
    while let Some((head, body)) = read_request(&mut stream, &mut buffer).await? {
        let reply = choose(&buffer[..head], script);
        if let Some(seen) = script.seen.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            *seen = Seen { head: buffer[..head].to_vec(), body: buffer[head..head + body].to_vec() };
        }
        buffer.drain(..head + body);
        held.mark_unchanged();
        send(&mut stream, &reply, &mut held).await?;
    }
    Ok(())
}

/// Reads until one whole request stands in `buffer`; gives the lengths of its head and body.
async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<Option<(usize, usize)>> {
    loop {
        if let Some(end) = memmem::find(buffer, b"\r\n\r\n") {
            let head = end + 4;
            let body = body_length(&buffer[..head])?;
            buffer.reserve((head + body).saturating_sub(buffer.len()));
            while buffer.len() < head + body {
                if stream.read_buf(buffer).await? == 0 {
                    return Err("request cut short".into());
                }
            }
            return Ok(Some((head, body)));
        }
        buffer.reserve(4096);
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn body_length(head: &[u8]) -> Result<usize> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    request.parse(head)?;
    let length = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let Some(length) = length else { return Err("the mock wants content-length".into()) };
    Ok(std::str::from_utf8(length.value)?.parse()?)
}

fn choose(head: &[u8], script: &Script) -> Reply {
    let play = script.play.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let spoken = Dialect::ALL.into_iter().find(|dialect| memmem::find(line, dialect.mark().as_bytes()).is_some());
    play.of(spoken.unwrap_or(Dialect::Chat)).clone()
}

async fn send(stream: &mut TcpStream, reply: &Reply, held: &mut watch::Receiver<u64>) -> Result<()> {
    let mut ticks = match reply.pace {
        Pace::Every(period) => Some(tokio::time::interval_at(tokio::time::Instant::now() + period, period)),
        Pace::Unpaced | Pace::Held => None,
    };
    for (index, part) in reply.parts.iter().enumerate() {
        if let Some(ticks) = ticks.as_mut().filter(|_| index >= LEAD) {
            ticks.tick().await;
        }
        if reply.pace == Pace::Held && index == LEAD {
            held.changed().await?;
        }
        stream.write_all(part).await?;
    }
    Ok(())
}
