//! The checked configuration: plain values that need no further validation. It knows nothing of YAML, spans or files;
//! [`crate::parse`] builds it from text, and tests build it by hand from [`Config::default`].

mod checkup;
mod fetch;
mod hedge;
mod keys;
mod network;
mod path;
pub mod payload;
mod prompt;
mod provider;
mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use checkup::{AccountCheck, HealthCheck};
pub use fetch::Fetch;
pub use hedge::{Hedge, HedgeAfter};
pub use keys::{ClientKey, ClientSecret, KeyLimits};
pub use network::{Cors, Proxy, ProxyScheme, ProxyUrl, ProxyUser};
pub use prompt::{Fidelity, PromptMode, SystemPrompt};
pub use provider::{
    AccountRules, AccountSettings, ChannelAlias, Compat, CompatKey, ErrorAction, ErrorPattern, ErrorRule, HeaderRule,
    HeaderValueRule, KEYED, KNOWN_PLACES, KeyEntry, KeyedList, MaxTokensField, Modality, Model, Ollama, Quirks,
    ReasoningField, ThinkingLevel, ThinkingRange,
};
pub use store::{ResponsesStore, StoreMode};

use crate::secret::Secret;

/// Everything that the file (with its overrides) decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Bind address: an IP address (no brackets) or a host name. Loopback unless the file says otherwise.
    pub host: String,
    /// Listen port; 0 takes a free one.
    pub port: u16,
    /// Certificate and key, when HTTPS is on.
    pub tls: Option<Tls>,
    /// Folder of account files as written, a leading `~` included; see [`Config::auth_dir_in`].
    pub auth_dir: PathBuf,
    /// Keys that clients may present, in file order. Empty means that everybody is let in.
    pub client_keys: Vec<ClientKey>,
    /// The management secret, in plain text or as a bcrypt hash, as written. `None` turns management off.
    pub management_key: Option<Secret>,
    /// Whether peers beyond loopback may use management.
    pub allow_remote_management: bool,
    /// Whether the control panel is left out.
    pub disable_control_panel: bool,
    /// Log at debug level.
    pub debug: bool,
    /// How log lines are written.
    pub log: Log,
    /// The built-in demo provider, which answers without any account.
    pub demo: bool,
    /// How upstreams are reached unless an entry says otherwise. Never [`Proxy::Inherit`].
    pub proxy: Proxy,
    /// Extra rounds after a failed round over all accounts.
    pub request_retry: u32,
    /// Distinct accounts tried in a round; 0 means all of them.
    pub max_retry_credentials: u32,
    /// Longest wait for a cooling account between rounds; zero never waits.
    pub max_retry_interval: Duration,
    /// Never bench an account after a failure.
    pub disable_cooling: bool,
    /// How long a 5xx benches an account; `None` means not at all.
    pub transient_error_cooldown: Option<Duration>,
    /// Unprefixed model names reach only unprefixed accounts.
    pub force_model_prefix: bool,
    /// Other names for models, by channel (`oauth-model-alias`).
    pub channel_aliases: Vec<(String, Vec<ChannelAlias>)>,
    /// What the errors of a channel's accounts mean, after what they say themselves (`oauth-request-scoped-errors`).
    pub channel_errors: Vec<(String, Vec<ErrorRule>)>,
    /// Model patterns that a channel does not serve: lower case, `*` stands for any text (`oauth-excluded-models`).
    pub channel_exclusions: Vec<(String, Vec<String>)>,
    /// Copy the upstream's response headers to the client.
    pub passthrough_headers: bool,
    /// How an account is chosen.
    pub routing: Routing,
    /// Benches of accounts are kept over a restart.
    pub save_cooldowns: bool,
    /// Who is told when an account is benched or in use again: an http or https address, which may hold a secret.
    pub health_webhook: Option<Secret>,
    /// Accounts are asked something small now and then; `None` never does.
    pub health_check: Option<HealthCheck>,
    /// How soon an account whose credit is used up is asked what is left; `None` never asks.
    pub quota_reading: Option<Duration>,
    /// A second account is asked when the first is slow; `None` never does.
    pub hedge: Option<Hedge>,
    /// What happens when an account or a model has reached a limit.
    pub quota_exceeded: QuotaExceeded,
    /// Models, and what is asked when nobody answers for them; all that follows, nearest first.
    pub fallback: Vec<(String, Vec<String>)>,
    /// Provider ids, in lower case, and who is asked when a request is bound to one and it does not answer.
    pub provider_fallback: Vec<(String, Vec<String>)>,
    /// How many calls accounts may have that don't say it themselves.
    pub concurrency: Concurrency,
    /// What happens on streams before and between chunks.
    pub streaming: Streaming,
    /// Interval of blank lines while a whole reply is pending; `None` sends none.
    pub nonstream_keepalive: Option<Duration>,
    /// Which web origins may call.
    pub cors: Cors,
    /// What is changed in the bodies that go to upstreams.
    pub payload: payload::Payload,
    /// What happens to the system prompts of requests.
    pub system_prompt: Option<SystemPrompt>,
    /// What becomes of a translation that loses something.
    pub fidelity: Fidelity,
    /// What may be fetched for clients; `None` is nothing.
    pub fetch: Option<Fetch>,
    /// How often accounts without `models` are asked for their own list; `None` never asks.
    pub model_refresh: Option<Duration>,
    /// Sizes and counts that bound what a client or an upstream can make us hold.
    pub limits: Limits,
    /// Answers that later requests may name.
    pub responses_store: ResponsesStore,
    /// How long each phase of a call may take.
    pub deadlines: Deadlines,
    /// OpenAI-compatible places.
    pub compat: Vec<Compat>,
    /// Accounts by key, in lists of one form: those of [`KEYED`], by their sections.
    pub keyed: BTreeMap<&'static str, Vec<KeyEntry>>,
    /// Ollama servers (`ollama`).
    pub ollama: Vec<Ollama>,
}

/// Certificate chain and private key, both PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Log {
    /// Text for people or JSON for machines.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line for each event.
    #[default]
    Text,
    /// One JSON object for each event.
    Json,
}

/// How many calls an account may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// At once; 0 is no limit.
    pub calls: u32,
    /// Waiting for one to end.
    pub queue: u32,
    /// Longest wait.
    pub patience: Duration,
}

/// What happens when an account or a model has reached a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaExceeded {
    /// Another account is asked within the same request.
    pub switch_account: bool,
    /// When no account is left, the preview of the model is asked, where one is served.
    pub switch_to_preview: bool,
}

impl Default for QuotaExceeded {
    fn default() -> Self {
        Self { switch_account: true, switch_to_preview: false }
    }
}

/// How an account is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// The strategy within a priority tier.
    pub strategy: Strategy,
    /// Keeps a session on its account for this long since its last call; `None` turns affinity off.
    pub session_affinity: Option<Duration>,
    /// A session leaves its account when one of a higher priority is ready again.
    pub session_fail_back: bool,
}

/// The strategy within a priority tier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Each account in turn.
    #[default]
    RoundRobin,
    /// In turn, in proportion to `weight`.
    WeightedRoundRobin,
    /// The first account until it can serve no more.
    FillFirst,
    /// The account with the fewest calls in flight.
    LeastUsed,
    /// The quicker of two random accounts.
    Latency,
}

/// What happens on streams before and between chunks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Streaming {
    /// Interval of keep-alive comments; `None` sends none.
    pub keepalive: Option<Duration>,
    /// Further executions of a stream that failed before its first byte.
    pub bootstrap_retries: u32,
}

/// Sizes and counts that bound what a client or an upstream can make us hold. None is zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest request body, in bytes, after decompression.
    pub body_bytes: usize,
    /// Largest request head, in bytes.
    pub header_bytes: usize,
    /// Most request header lines.
    pub header_count: usize,
    /// Most requests being served at once.
    pub in_flight: usize,
    /// Most open client connections.
    pub connections: usize,
    /// Longest time from a connection's first byte to the end of its request head.
    pub header_read_timeout: Duration,
    /// Longest time for a whole request body to arrive.
    pub body_read_timeout: Duration,
    /// Longest line or event of an upstream stream, in bytes.
    pub line_bytes: usize,
    /// Largest reply that is held whole, in bytes.
    pub reply_bytes: usize,
}

/// How long each phase of a call may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlines {
    /// To a connection with the upstream, TLS included.
    pub connect: Duration,
    /// From the request sent to the first byte of a streamed reply's head.
    pub first_byte: Duration,
    /// From the request sent to the first meaningful event of a stream.
    pub first_token: Duration,
    /// Between two chunks of a stream.
    pub idle: Duration,
    /// For a reply that is not streamed, from the request sent to its last byte.
    pub whole_reply: Duration,
    /// For a whole call, all attempts included; `None` sets no bound of its own.
    pub total: Option<Duration>,
    /// How long calls may go on after the program was told to stop.
    pub drain: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8317,
            tls: None,
            auth_dir: PathBuf::from("~/.cli-proxy-api"),
            client_keys: Vec::new(),
            management_key: None,
            allow_remote_management: false,
            disable_control_panel: false,
            debug: false,
            log: Log::default(),
            demo: false,
            proxy: Proxy::Environment,
            request_retry: 0,
            max_retry_credentials: 0,
            max_retry_interval: Duration::ZERO,
            disable_cooling: false,
            transient_error_cooldown: Some(Duration::from_secs(60)),
            force_model_prefix: false,
            channel_aliases: Vec::new(),
            channel_errors: Vec::new(),
            channel_exclusions: Vec::new(),
            passthrough_headers: false,
            routing: Routing::default(),
            save_cooldowns: false,
            health_webhook: None,
            health_check: None,
            quota_reading: Some(Duration::from_secs(60)),
            hedge: None,
            quota_exceeded: QuotaExceeded::default(),
            fallback: Vec::new(),
            provider_fallback: Vec::new(),
            concurrency: Concurrency::default(),
            streaming: Streaming::default(),
            nonstream_keepalive: None,
            cors: Cors::Closed,
            payload: payload::Payload::default(),
            system_prompt: None,
            fidelity: Fidelity::Report,
            fetch: Some(Fetch::default()),
            model_refresh: Some(Duration::from_secs(12 * 3600)),
            limits: Limits::default(),
            responses_store: ResponsesStore::default(),
            deadlines: Deadlines::default(),
            compat: Vec::new(),
            keyed: BTreeMap::new(),
            ollama: Vec::new(),
        }
    }
}

impl Default for Routing {
    /// Affinity is on: taking turns inside a conversation destroys the providers' prompt caches.
    fn default() -> Self {
        Self {
            strategy: Strategy::RoundRobin,
            session_affinity: Some(Duration::from_secs(3600)),
            session_fail_back: false,
        }
    }
}

impl Default for Concurrency {
    fn default() -> Self {
        Self { calls: 0, queue: 0, patience: Duration::from_secs(30) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 32 << 20,
            header_bytes: 64 << 10,
            header_count: 100,
            in_flight: 8192,
            connections: 16_384,
            header_read_timeout: Duration::from_secs(15),
            body_read_timeout: Duration::from_secs(60),
            line_bytes: 16 << 20,
            reply_bytes: 64 << 20,
        }
    }
}

impl Default for Deadlines {
    /// Long enough for models that think for minutes before their first token.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(120),
            first_token: Duration::from_secs(180),
            idle: Duration::from_secs(120),
            whole_reply: Duration::from_secs(600),
            total: None,
            drain: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// The folder of account files with a leading `~` replaced by `home`. Without a home the path stays as written.
    pub fn auth_dir_in(&self, home: Option<&Path>) -> PathBuf {
        match (self.auth_dir.strip_prefix("~"), home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => self.auth_dir.clone(),
        }
    }

    /// The accounts of a list of [`KEYED`].
    pub fn keyed(&self, section: &str) -> &[KeyEntry] {
        self.keyed.get(section).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether the models of some account are left to its own list.
    pub fn learns_models(&self) -> bool {
        let keyed = self.keyed.values().flatten();
        let mut entries = keyed.chain(self.ollama.iter().map(|server| &server.entry));
        let open = self.compat.iter().any(|compat| compat.models.is_empty());
        self.model_refresh.is_some() && (open || entries.any(|entry| entry.models.is_empty()))
    }

    /// Takes the entries of places out, when they have become something else: they are most of a large file.
    pub fn drop_places(&mut self) {
        self.compat = Vec::new();
        self.keyed = BTreeMap::new();
        self.ollama = Vec::new();
    }

    /// The same accounts with nothing excluded and nobody disabled, and without what does not concern them: to find
    /// out whom an exclusion keeps away.
    #[must_use]
    pub fn unhindered(&self) -> Self {
        let mut free =
            Self { client_keys: Vec::new(), system_prompt: None, channel_exclusions: Vec::new(), ..self.clone() };
        free.payload = payload::Payload::default();
        let entries = free.keyed.values_mut().flatten().chain(free.ollama.iter_mut().map(|server| &mut server.entry));
        entries.for_each(|entry| {
            entry.excluded_models.clear();
            entry.weight = entry.weight.max(1);
        });
        for place in &mut free.compat {
            place.disabled = false;
            place.excluded_models.clear();
            place.keys.iter_mut().for_each(|key| {
                key.excluded_models.clear();
                key.weight = key.weight.max(1);
            });
        }
        free
    }

    /// Whether only this machine can reach the listener.
    pub fn is_loopback(&self) -> bool {
        network::is_loopback(&self.host)
    }
}
