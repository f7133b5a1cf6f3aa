//! The handle that tests hold: where the fake listens, what it received, and what it shall say next.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::anthropic::Anthropic;
use crate::gemini::Gemini;
use crate::lively::Ids;
use crate::ollama::Ollama;
use crate::openai::OpenAi;
use crate::provider::Provider;
use crate::reply::Reply;
use crate::responses::Responses;
use crate::scenario;
use crate::serve;

/// A request as it arrived, refused ones included.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// `POST` and so on.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body; invalid UTF-8 is replaced.
    pub body: String,
}

impl Recorded {
    /// The first value of a header, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What the handle and the connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) provider: Box<dyn Provider>,
    pub(crate) ids: Ids,
    pub(crate) accepted: AtomicUsize,
    pub(crate) received: watch::Sender<usize>,
    pub(crate) cancelled: Arc<watch::Sender<usize>>,
    key: Mutex<String>,
    models: Mutex<Vec<String>>,
    requests: Mutex<Vec<Recorded>>,
    script: Mutex<VecDeque<Reply>>,
    /// What is left of the account's credit: where it is told, and what is said.
    credit: Mutex<Option<(String, Reply)>>,
}

impl Shared {
    fn new(provider: Box<dyn Provider>) -> Self {
        let names = scenario::MODELS.iter().chain(&scenario::FAULTS).chain(&scenario::STATUSES);
        Self {
            ids: Ids::default(),
            accepted: AtomicUsize::new(0),
            received: watch::Sender::new(0),
            cancelled: Arc::new(watch::Sender::new(0)),
            key: Mutex::new(provider.default_key().to_owned()),
            models: Mutex::new(names.map(|name| (*name).to_owned()).collect()),
            requests: Mutex::new(Vec::new()),
            script: Mutex::new(VecDeque::new()),
            credit: Mutex::new(None),
            provider,
        }
    }

    pub(crate) fn record(&self, request: Recorded) {
        lock(&self.requests).push(request);
        self.received.send_modify(|count| *count += 1);
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        lock(&self.requests).clone()
    }

    pub(crate) fn clear(&self) {
        lock(&self.requests).clear();
    }

    pub(crate) fn key(&self) -> String {
        lock(&self.key).clone()
    }

    pub(crate) fn models(&self) -> Vec<String> {
        lock(&self.models).clone()
    }

    /// What is said of the credit at this path, if that is where it is told.
    pub(crate) fn credit_at(&self, path: &str) -> Option<Reply> {
        lock(&self.credit).as_ref().filter(|(at, _)| at == path).map(|(_, reply)| reply.clone())
    }

    /// The script's next reply, or what the model's name stands for.
    pub(crate) fn next_reply(&self, model: &str) -> Reply {
        let scripted = lock(&self.script).pop_front();
        scripted.or_else(|| scenario::reply(model)).unwrap_or_else(Reply::lively)
    }
}

/// A test that panicked elsewhere must not hide its reason behind a poisoned lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A fake upstream on a loopback port. Its tasks end when it is dropped.
#[derive(Debug)]
pub struct Fake {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Fake {
    pub(crate) async fn start(provider: Box<dyn Provider>, port: u16) -> io::Result<Self> {
        let listener = crate::port::listen(port)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(provider));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve::run(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, _tasks: tasks })
    }

    /// `http://127.0.0.1:PORT`, without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The only key that it accepts.
    #[must_use]
    pub fn key(&self) -> String {
        self.shared.key()
    }

    /// Accepts another key from now on.
    pub fn set_key(&self, key: &str) {
        key.clone_into(&mut lock(&self.shared.key));
    }

    /// Answers to another model name as well. All others are the provider's 404.
    pub fn add_model(&self, name: &str) {
        lock(&self.shared.models).push(name.to_owned());
    }

    /// Queues the reply to the next legal request. Without a queue the model's name decides, then the fake's own wits.
    pub fn script(&self, reply: Reply) {
        lock(&self.shared.script).push_back(reply);
    }

    /// Tells what is left of the account's credit with this reply, to whoever has the key and asks at `path` with GET.
    pub fn tell_credit(&self, path: &str, reply: Reply) {
        *lock(&self.shared.credit) = Some((path.to_owned(), reply));
    }

    /// Everything received so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.requests()
    }

    /// The newest request.
    #[must_use]
    pub fn last_request(&self) -> Option<Recorded> {
        self.requests().pop()
    }

    /// Forgets the requests; counters go on.
    pub fn clear(&self) {
        self.shared.clear();
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn accept_count(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Clients that hung up before their answer was complete.
    #[must_use]
    pub fn cancel_count(&self) -> usize {
        *self.shared.cancelled.borrow()
    }

    /// Returns once at least `count` clients have hung up before their answer was complete.
    pub async fn cancelled(&self, count: usize) {
        // The sender lives in `self`, so waiting cannot fail.
        _ = self.shared.cancelled.subscribe().wait_for(|seen| *seen >= count).await;
    }

    /// Requests that have arrived in all.
    #[must_use]
    pub fn received_count(&self) -> usize {
        *self.shared.received.borrow()
    }

    /// Returns once at least `count` requests have arrived in all.
    pub async fn received(&self, count: usize) {
        _ = self.shared.received.subscribe().wait_for(|seen| *seen >= count).await;
    }
}

/// OpenAI Chat Completions: `POST /v1/chat/completions`, `GET /v1/models`.
#[derive(Debug)]
pub struct FakeOpenAi(Fake);

impl FakeOpenAi {
    /// An OpenAI-compatible vendor that shows its reasoning as `reasoning_content`.
    ///
    /// # Errors
    /// If no loopback port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(0).await
    }

    /// As [`FakeOpenAi::start`], on a given port.
    ///
    /// # Errors
    /// If the port cannot be bound.
    pub async fn start_on(port: u16) -> io::Result<Self> {
        Fake::start(Box::new(OpenAi { vendor: true }), port).await.map(Self)
    }

    /// OpenAI itself: no `reasoning_content` out, and none accepted in.
    ///
    /// # Errors
    /// If no loopback port can be bound.
    pub async fn start_official() -> io::Result<Self> {
        Fake::start(Box::new(OpenAi { vendor: false }), 0).await.map(Self)
    }

    /// The address as `base-url` settings want it: with `/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.url())
    }
}

impl Deref for FakeOpenAi {
    type Target = Fake;

    fn deref(&self) -> &Fake {
        &self.0
    }
}

/// Anthropic Messages: `POST /v1/messages`, `POST /v1/messages/count_tokens`, `GET /v1/models`.
#[derive(Debug)]
pub struct FakeAnthropic(Fake);

impl FakeAnthropic {
    /// Starts on a free port.
    ///
    /// # Errors
    /// If no loopback port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(0).await
    }

    /// Starts on a given port.
    ///
    /// # Errors
    /// If the port cannot be bound.
    pub async fn start_on(port: u16) -> io::Result<Self> {
        Fake::start(Box::new(Anthropic), port).await.map(Self)
    }
}

impl Deref for FakeAnthropic {
    type Target = Fake;

    fn deref(&self) -> &Fake {
        &self.0
    }
}

/// Gemini: `POST /v1beta/models/MODEL:generateContent`, `:streamGenerateContent`, `:countTokens`, `GET /v1beta/models`.
#[derive(Debug)]
pub struct FakeGemini(Fake);

impl FakeGemini {
    /// Starts on a free port.
    ///
    /// # Errors
    /// If no loopback port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(0).await
    }

    /// Starts on a given port.
    ///
    /// # Errors
    /// If the port cannot be bound.
    pub async fn start_on(port: u16) -> io::Result<Self> {
        Fake::start(Box::new(Gemini::default()), port).await.map(Self)
    }
}

impl Deref for FakeGemini {
    type Target = Fake;

    fn deref(&self) -> &Fake {
        &self.0
    }
}

/// Ollama: `POST /api/chat`, `/api/generate`, `/api/show`, `/api/embed`, `/api/embeddings`, `GET /api/tags`.
#[derive(Debug)]
pub struct FakeOllama(Fake);

impl FakeOllama {
    /// Starts on a free port.
    ///
    /// # Errors
    /// If no loopback port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(0).await
    }

    /// Starts on a given port.
    ///
    /// # Errors
    /// If the port cannot be bound.
    pub async fn start_on(port: u16) -> io::Result<Self> {
        Fake::start(Box::new(Ollama), port).await.map(Self)
    }
}

impl Deref for FakeOllama {
    type Target = Fake;

    fn deref(&self) -> &Fake {
        &self.0
    }
}

/// OpenAI Responses: `POST /v1/responses`, `POST /v1/responses/input_tokens`, `GET /v1/models`.
#[derive(Debug)]
pub struct FakeResponses(Fake);

impl FakeResponses {
    /// Starts on a free port.
    ///
    /// # Errors
    /// If no loopback port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(0).await
    }

    /// Starts on a given port.
    ///
    /// # Errors
    /// If the port cannot be bound.
    pub async fn start_on(port: u16) -> io::Result<Self> {
        Fake::start(Box::new(Responses::default()), port).await.map(Self)
    }

    /// One without the call that makes conversations shorter.
    ///
    /// # Errors
    /// If no loopback port can be bound.
    pub async fn start_never_compacting() -> io::Result<Self> {
        Fake::start(Box::new(Responses { never_compacts: true, ..Responses::default() }), 0).await.map(Self)
    }

    /// One that keeps its answers, so that later requests can name them.
    ///
    /// # Errors
    /// If no loopback port can be bound.
    pub async fn start_storing() -> io::Result<Self> {
        Fake::start(Box::new(Responses { given: Some(Mutex::default()), ..Responses::default() }), 0).await.map(Self)
    }

    /// The address as `base-url` settings want it: with `/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.url())
    }
}

impl Deref for FakeResponses {
    type Target = Fake;

    fn deref(&self) -> &Fake {
        &self.0
    }
}
