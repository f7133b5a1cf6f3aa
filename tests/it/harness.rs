//! What every story needs: a configuration, a running gateway, and waiting that cannot last for ever.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{FakeAnthropic, FakeOpenAi, FakeResponses, Gateway};

/// What clients of the tests present.
pub(crate) const KEY: &str = "key-of-the-end-to-end-tests";

/// [`KEY`] as an `authorization` header.
pub(crate) const BEARER: &str = "Bearer key-of-the-end-to-end-tests";

/// The model that every fake offers under this alias.
pub(crate) const MODEL: &str = "model";

/// More than any step takes on a loaded machine, and less than the program's own patience with a silent upstream: a story
/// that sets another must not pass by the default. Whoever waits longer waits in vain.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);

/// A deadline of the program that an upstream which answers at once keeps on a loaded machine, too. Stories that wait for
/// it wait side by side.
pub(crate) const LATE: &str = "5s";

/// The binary under test, built by Cargo before the tests.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_bosporus"))
}

/// Awaits what must come soon; panics, naming the caller, when it does not.
#[track_caller]
pub(crate) fn soon<T>(what: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let came = tokio::time::timeout(PATIENCE, what).await;
        came.unwrap_or_else(|_| panic!("waited in vain at {caller}"))
    }
}

/// Awaits all of them together.
pub(crate) async fn all_of(all: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        all.retain_mut(|one| one.as_mut().poll(cx).is_pending());
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// A configuration in the making. JSON is YAML.
#[derive(Clone)]
pub(crate) struct Setup(pub(crate) Value);

impl Setup {
    /// A loopback listener on a free port, one client key, JSON logs, no upstream.
    pub(crate) fn new() -> Self {
        Self(json!({
            "host": "127.0.0.1",
            "port": 0,
            "api-keys": [KEY],
            "log": {"format": "json"},
            "proxy-url": "direct",
            "disable-cooling": true,
        }))
    }

    /// Sets a top-level key.
    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.0[key] = value;
        self
    }

    fn push(mut self, list: &str, entry: Value) -> Self {
        if let Some(list) = self.0[list].as_array_mut() {
            list.push(entry);
            return self;
        }
        self.with(list, json!([entry]))
    }

    /// Adds an OpenAI-compatible place of one key.
    pub(crate) fn compat(self, entry: Value) -> Self {
        self.push("openai-compatibility", entry)
    }

    /// Adds an Anthropic account.
    pub(crate) fn claude(self, entry: Value) -> Self {
        self.push("claude-api-key", entry)
    }

    /// Adds a fake with [`MODEL`], the fake's own model names and two more aliases; see [`models`].
    pub(crate) fn openai(self, fake: &FakeOpenAi, priority: i32) -> Self {
        self.compat(openai_entry(&fake.base_url(), &fake.key(), priority))
    }

    /// As [`Setup::openai`].
    pub(crate) fn anthropic(self, fake: &FakeAnthropic, priority: i32) -> Self {
        self.claude(json!({
            "api-key": fake.key(),
            "base-url": fake.url(),
            "priority": priority,
            "models": models("claude-model"),
        }))
    }

    /// As [`Setup::openai`], an account of a place that speaks Responses.
    pub(crate) fn responses(self, fake: &FakeResponses, priority: i32) -> Self {
        self.push(
            "codex-api-key",
            json!({
                "api-key": fake.key(),
                "base-url": fake.base_url(),
                "priority": priority,
                "models": models("gpt-5-model"),
            }),
        )
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string_pretty(&self.0).unwrap()
    }

    /// Starts a gateway.
    pub(crate) async fn start(&self) -> Gateway {
        self.start_with(&[]).await
    }

    /// Starts a gateway with further environment variables.
    pub(crate) async fn start_with(&self, environment: &[(&str, &str)]) -> Gateway {
        Gateway::start_with(binary(), &self.text(), environment).await.unwrap()
    }
}

/// An entry of `openai-compatibility`.
pub(crate) fn openai_entry(base_url: &str, key: &str, priority: i32) -> Value {
    json!({
        "name": format!("vendor{priority}"),
        "base-url": base_url,
        "priority": priority,
        "api-key-entries": [{"api-key": key}],
        "models": models("chat-model"),
    })
}

/// One upstream model under its own name, under [`MODEL`], under an alias, and under an alias that replies show.
pub(crate) fn models(name: &str) -> Value {
    json!([
        {"name": name},
        {"name": name, "alias": MODEL},
        {"name": name, "alias": format!("my-{name}")},
        {"name": name, "alias": format!("masked-{name}"), "force-mapping": true},
    ])
}

/// The lines of finished requests, as JSON, once there are at least `count`.
pub(crate) async fn request_lines(gateway: &Gateway, count: usize) -> Vec<Value> {
    soon(gateway.log_until(|log| parse_request_lines(log).len() >= count)).await;
    parse_request_lines(&gateway.log())
}

/// The lines of finished requests in some output, by the time at which they finished: each thread of the program writes
/// its own lines in order, and some together.
pub(crate) fn parse_request_lines(log: &[String]) -> Vec<Value> {
    let parsed = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut lines: Vec<Value> = parsed.filter(|line| line["target"] == "request").collect();
    lines.sort_by_key(|line| line["timestamp"].as_str().map(str::to_owned));
    lines
}

/// Asserts that the process still answers.
pub(crate) async fn assert_healthy(gateway: &Gateway) {
    let got = soon(testkit::client::send(http::Method::GET, &format!("{}/healthz", gateway.url()), &[], "")).await;
    assert_eq!(got.unwrap().status, 200, "{:?}", gateway.log());
}
