//! An upstream that plays bytes: whatever is asked of it, it answers what it was told to, and ends as it was told to.
//! It checks nothing; the strict fakes do that elsewhere.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should.
    Whole,
    /// Before its time, as if that were all.
    Cut,
    /// The connection is torn down.
    Reset,
    /// Nothing more comes, and the connection stays.
    Silence,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Play {
    /// None: no head either.
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// What is said, and how it ends, once [`Bare::go_on`] is called.
    pub(crate) then: Option<Vec<u8>>,
    pub(crate) end: End,
}

impl Play {
    pub(crate) fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", kind.to_owned())];
        Self { status: Some(status), headers, body: body.into(), then: None, end: End::Whole }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn end(self, end: End) -> Self {
        Self { end, ..self }
    }

    pub(crate) fn then(self, more: impl Into<Vec<u8>>) -> Self {
        Self { then: Some(more.into()), ..self }
    }

    /// No answer at all.
    pub(crate) fn nothing(end: End) -> Self {
        Self { status: None, headers: Vec::new(), body: Vec::new(), then: None, end }
    }
}

/// The upstream. Its tasks end with it.
pub(crate) struct Bare {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    go_on: Arc<Notify>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct State {
    play: Option<Play>,
    /// Requests that were answered so since it was told.
    asked: usize,
    /// The body of the last of them.
    heard: Vec<u8>,
}

impl Bare {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let go_on = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&state), Arc::clone(&go_on)));
        Self { address, state, go_on, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on every request is answered so.
    pub(crate) fn play(&self, play: Play) {
        *self.state.lock().unwrap() = State { play: Some(play), ..State::default() };
    }

    /// Lets the connection go on that waits for it.
    pub(crate) fn go_on(&self) {
        self.go_on.notify_one();
    }

    /// How often that was asked for.
    pub(crate) fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }

    /// The body of the last request.
    pub(crate) fn heard(&self) -> String {
        String::from_utf8_lossy(&self.state.lock().unwrap().heard).into_owned()
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>, go_on: Arc<Notify>) {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(converse(stream, Arc::clone(&state), Arc::clone(&go_on)));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// One request, one answer.
async fn converse(mut stream: TcpStream, state: Arc<Mutex<State>>, go_on: Arc<Notify>) {
    let Some(heard) = read_request(&mut stream).await else { return };
    let play = {
        let mut state = state.lock().unwrap();
        state.asked += 1;
        state.heard = heard;
        state.play.clone()
    };
    let Some(play) = play else { return };
    // In one piece: whoever has no patience with silence shall not meet any in between.
    _ = stream.write_all(&[head(&play), play.body.clone()].concat()).await;
    if let Some(more) = &play.then {
        go_on.notified().await;
        _ = stream.write_all(more).await;
    }
    match play.end {
        End::Whole | End::Cut => _ = stream.shutdown().await,
        End::Reset => _ = stream.set_zero_linger(),
        // The other end gives up.
        End::Silence => _ = stream.read(&mut [0; 64]).await,
    }
}

fn head(play: &Play) -> Vec<u8> {
    let Some(status) = play.status else { return Vec::new() };
    let mut head = format!("HTTP/1.1 {status} Said\r\nconnection: close\r\n");
    for (name, value) in &play.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // What ends as it should says how long it is; the rest has announced more than it says.
    let promised =
        play.body.len() + play.then.as_ref().map_or(0, Vec::len) + if play.end == End::Whole { 0 } else { 1_000 };
    head.push_str(&format!("content-length: {promised}\r\n\r\n"));
    head.into_bytes()
}

/// Reads a head and the body that it announces; gives back the body.
async fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut seen = Vec::new();
    let mut piece = [0; 8192];
    loop {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => seen.extend_from_slice(&piece[..n]),
        }
        let text = String::from_utf8_lossy(&seen);
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let whole = match length {
            Some(length) => seen.len() >= head.len() + 4 + length,
            None => text.ends_with("0\r\n\r\n") || !head.to_ascii_lowercase().contains("chunked"),
        };
        if whole {
            let at = head.len() + 4;
            return Some(seen.split_off(at));
        }
    }
}
