//! The client: closed-loop keep-alive connections that speak raw HTTP/1.1 and count only answers that are
//! complete and correct. Knows nothing of who answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Result;

/// What a correct answer looks like.
#[derive(Clone, Debug)]
pub struct Check {
    /// Byte strings and how often each must occur in the body.
    pub marks: Vec<(&'static str, usize)>,
    /// What must stand in the last bytes of the body.
    pub end: &'static str,
}

/// Bytes at the end of a body in which the end mark is looked for: some dialects repeat the answer in their last event.
const TAIL: usize = 32 * 1024;

impl Check {
    /// Says what is wrong with a body, if anything is.
    pub fn judge(&self, body: &[u8]) -> Result<()> {
        for (mark, wanted) in &self.marks {
            let found = memmem::find_iter(body, mark).count();
            if found != *wanted {
                return Err(format!("{mark:?} occurs {found} times, not {wanted}").into());
            }
        }
        let tail = &body[body.len().saturating_sub(TAIL)..];
        memmem::find(tail, self.end.as_bytes())
            .ok_or_else(|| format!("the answer does not end with {:?}", self.end))?;
        Ok(())
    }
}

/// One kind of call: where it goes, its bytes, and its right answer.
#[derive(Clone, Debug)]
pub struct Call {
    /// Whom to ask.
    pub addr: SocketAddr,
    /// The whole request.
    pub request: Bytes,
    /// The right answer.
    pub check: Arc<Check>,
}

/// What one answer took.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Until the first mark of the check had arrived.
    pub first: Duration,
    /// Until the end.
    pub total: Duration,
}

/// What a run of many calls gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Complete and correct answers.
    pub timings: Vec<Timing>,
    /// All others, by message.
    pub failures: Vec<String>,
    /// From the first call to the last answer.
    pub wall: Duration,
}

impl Outcome {
    /// The number of answers if all were right, else the first failure.
    pub fn whole(&self) -> Result<usize> {
        match self.failures.first() {
            None if self.timings.is_empty() => Err("no answer in time".into()),
            None => Ok(self.timings.len()),
            Some(failure) => Err(format!("{} wrong answers, the first: {failure}", self.failures.len()).into()),
        }
    }
}

/// One keep-alive connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    raw: Vec<u8>,
    /// Body of the last answer, chunk framing removed.
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects with `TCP_NODELAY`.
    pub async fn open(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, raw: Vec::with_capacity(16 * 1024), body: Vec::with_capacity(16 * 1024) })
    }

    /// Makes one call and checks the answer.
    pub async fn call(&mut self, call: &Call) -> Result<Timing> {
        let start = Instant::now();
        self.send(call).await?;
        let mut framing = self.read_head().await?;
        let mut first = None;
        let mark = call.check.marks.first().map_or("", |mark| mark.0);
        loop {
            let done = framing.take(&mut self.raw, &mut self.body)?;
            if first.is_none() && memmem::find(&self.body, mark.as_bytes()).is_some() {
                first = Some(start.elapsed());
            }
            if done {
                break;
            }
            self.fill().await?;
        }
        call.check.judge(&self.body)?;
        let total = start.elapsed();
        Ok(Timing { first: first.unwrap_or(total), total })
    }

    /// Makes a call and reads only until the first mark has come; the stream stays open.
    pub async fn call_and_hold(&mut self, call: &Call) -> Result<()> {
        self.send(call).await?;
        let mut framing = self.read_head().await?;
        let mark = call.check.marks.first().map_or("", |mark| mark.0);
        loop {
            if framing.take(&mut self.raw, &mut self.body)? {
                return Err("the stream ended early".into());
            }
            if memmem::find(&self.body, mark.as_bytes()).is_some() {
                return Ok(());
            }
            self.fill().await?;
        }
    }

    async fn send(&mut self, call: &Call) -> Result<()> {
        self.raw.clear();
        self.body.clear();
        Ok(self.stream.write_all(&call.request).await?)
    }

    async fn fill(&mut self) -> Result<()> {
        self.raw.reserve(16 * 1024);
        if self.stream.read_buf(&mut self.raw).await? == 0 {
            return Err("connection closed inside an answer".into());
        }
        Ok(())
    }

    async fn read_head(&mut self) -> Result<Framing> {
        loop {
            self.fill().await?;
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut response = httparse::Response::new(&mut headers);
            if let httparse::Status::Complete(length) = response.parse(&self.raw)? {
                let framing = Framing::of(&response)?;
                if response.code != Some(200) {
                    let text = String::from_utf8_lossy(&self.raw[length..]).chars().take(300).collect::<String>();
                    return Err(format!("status {:?}: {text}", response.code).into());
                }
                self.raw.drain(..length);
                return Ok(framing);
            }
        }
    }
}

/// How the end of a body is known.
#[derive(Debug)]
enum Framing {
    Length(usize),
    Chunked,
}

impl Framing {
    fn of(response: &httparse::Response<'_, '_>) -> Result<Self> {
        for header in &*response.headers {
            if header.name.eq_ignore_ascii_case("transfer-encoding") {
                return Ok(Self::Chunked);
            }
            if header.name.eq_ignore_ascii_case("content-length") {
                return Ok(Self::Length(std::str::from_utf8(header.value)?.trim().parse()?));
            }
        }
        Err("an answer without length".into())
    }

    /// Moves what has arrived from `raw` to `body`; true at the end of the body.
    fn take(&mut self, raw: &mut Vec<u8>, body: &mut Vec<u8>) -> Result<bool> {
        match self {
            Self::Length(left) => {
                *left = left.checked_sub(raw.len()).ok_or("more bytes than announced")?;
                body.append(raw);
                Ok(*left == 0)
            }
            Self::Chunked => take_chunks(raw, body),
        }
    }
}

/// Moves whole chunks; an incomplete one waits in `raw`.
fn take_chunks(raw: &mut Vec<u8>, body: &mut Vec<u8>) -> Result<bool> {
    let mut from = 0;
    let mut done = false;
    while let httparse::Status::Complete((start, size)) =
        httparse::parse_chunk_size(&raw[from..]).map_err(|_| "bad chunk size")?
    {
        let start = from + start;
        let end = start + usize::try_from(size)?;
        if raw.len() < end + 2 {
            break;
        }
        body.extend_from_slice(&raw[start..end]);
        from = end + 2;
        if size == 0 {
            done = true;
            break;
        }
    }
    raw.drain(..from);
    Ok(done)
}

/// Many connections that share one kind of call.
#[derive(Debug)]
pub struct Fleet {
    call: Call,
    connections: Vec<Connection>,
}

impl Fleet {
    /// Opens `count` connections.
    pub async fn open(call: Call, count: usize) -> Result<Self> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(Connection::open(call.addr).await?);
        }
        Ok(Self { call, connections })
    }

    /// Makes `total` calls, each connection the next one as soon as it has its answer; stops at `limit`.
    pub async fn run(&mut self, total: usize, limit: Duration) -> Outcome {
        let left = Arc::new(AtomicUsize::new(total));
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for connection in self.connections.drain(..) {
            tasks.spawn(work(connection, self.call.clone(), left.clone(), start + limit));
        }
        let mut outcome = Outcome::default();
        while let Some(ended) = tasks.join_next().await {
            let Ok((connection, mut timings, failures)) = ended else { continue };
            self.connections.extend(connection);
            outcome.timings.append(&mut timings);
            outcome.failures.extend(failures);
        }
        outcome.wall = start.elapsed();
        outcome
    }
}

type Worked = (Option<Connection>, Vec<Timing>, Vec<String>);

async fn work(mut connection: Connection, call: Call, left: Arc<AtomicUsize>, until: Instant) -> Worked {
    let (mut timings, mut failures) = (Vec::new(), Vec::new());
    while Instant::now() < until && take_one(&left) {
        match tokio::time::timeout(Duration::from_secs(20), connection.call(&call)).await {
            Ok(Ok(timing)) => {
                timings.push(timing);
                continue;
            }
            Ok(Err(error)) => failures.push(error.to_string()),
            Err(_) => failures.push("no complete answer in 20 s".into()),
        }
        match Connection::open(call.addr).await {
            Ok(fresh) => connection = fresh,
            Err(error) => {
                failures.push(error.to_string());
                return (None, timings, failures);
            }
        }
    }
    (Some(connection), timings, failures)
}

fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1)).is_ok()
}
