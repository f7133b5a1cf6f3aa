//! Places: where a model can be asked, with which account, in which dialect.
//!
//! An upstream describes and the engine acts: nothing here sends, waits, retries or logs.

mod catalogue;
mod claude_key;
mod codex_key;
mod demo;
mod endpoint;
mod files;
mod gauge;
mod gemini_key;
mod headers;
mod identity;
mod keyed;
mod learned;
mod lister;
mod model;
mod ollama;
mod openai_compatible;
mod openai_paths;
mod signs;
#[cfg(test)]
mod testing;
mod vertex;
mod vertex_key;
mod xai_key;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dialect::embed::{EmbedCall, EmbedRequest, EmbedWire, Embedded};
use dialect::splice::Pieces;
use dialect::{Dialect, ModelCard, ModelTraits, Service};
use http::HeaderMap;
use hub::{DialectId, Event, Fault, Request};
use pool::Secret;

pub use files::{AccountFile, FileKind, FileRead, MAX_FILE, Renewable};
pub use gauge::{Credit, Gauge};
pub use headers::{REQUEST_IDS, SIGNATURES};
pub use learned::Learned;
pub use lister::{ListPage, Lister};

/// A kind of upstream, as the registry lists it.
pub struct Kind {
    /// Its name: the section of the configuration file that describes it.
    pub id: &'static str,
    /// Other names by which paths, headers and models may call all places of this kind.
    pub ids: &'static [&'static str],
    /// Builds the places of this kind that the configuration names.
    pub build: fn(&config::Config) -> Vec<Place>,
    /// What it makes of account files; `None` where it has none.
    pub files: Option<&'static FileKind>,
}

/// Every kind.
pub static KINDS: &[&Kind] = &[
    &claude_key::KIND,
    &codex_key::KIND,
    &gemini_key::KIND,
    &vertex_key::KIND,
    &vertex::KIND,
    &xai_key::KIND,
    &openai_compatible::KIND,
    &ollama::KIND,
    &demo::KIND,
];

/// Provider ids that people's programs carry, of providers that no kind above serves.
pub static UNSERVED: &[&str] = &[
    "gemini-cli-oauth",
    "gemini-antigravity",
    "claude-kiro-oauth",
    "openai-codex-oauth",
    "openai-qwen-oauth",
    "openai-iflow",
    "grok-web",
    "grok-custom",
    "forward-api",
    "atlascloud",
];

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({})", self.id)
    }
}

/// One place with its accounts and models.
#[derive(Debug)]
pub struct Place {
    /// Describes requests to it.
    pub upstream: Arc<dyn Upstream>,
    /// Who may ask there.
    pub accounts: Vec<AccountSpec>,
    /// What can be asked for.
    pub models: Vec<Model>,
    /// The configuration names no models: each account's own list says what it serves, once it is known.
    pub learns: bool,
    /// Names of this place and of groups it belongs to, by which paths, headers and models may call it.
    pub groups: Vec<String>,
    /// Client-facing names may also be written `prefix/name`.
    pub prefix: Option<String>,
    /// Names or patterns with `*` that it must not serve, in lower case.
    pub excluded: Vec<String>,
    /// Other names for its models, besides those that the configuration gives to all of its kind.
    pub aliases: Vec<config::ChannelAlias>,
    /// Extra rounds, where the place has its own number.
    pub request_retry: Option<u32>,
}

/// An account of a place.
#[derive(Clone, Debug)]
pub struct AccountSpec {
    /// Stable and free of secrets. Two accounts may have one: the engine counts those.
    pub id: String,
    /// For logs.
    pub label: String,
    /// The key; empty where the place wants none, and where it is made anew again and again.
    pub secret: Secret,
    /// What makes it, where it ends.
    pub renewable: Option<Renewable>,
    /// How the place is reached with it.
    pub proxy: config::Proxy,
    /// Higher is tried first.
    pub priority: i32,
    /// Its share.
    pub weight: u32,
    /// Names or patterns with `*` that this account must not serve besides the place's own, in lower case.
    pub excluded: Vec<String>,
    /// How it is used.
    pub rules: config::AccountRules,
}

/// A model of a place.
#[derive(Clone, Debug)]
pub struct Model {
    /// What clients call it. A `*` at the end takes every name with that beginning, under its own name.
    pub alias: String,
    /// What the upstream calls it.
    pub name: String,
    /// Answers carry the alias, not the upstream's name.
    pub force_mapping: bool,
    /// What it can do. A pattern's traits are found by name when it is asked for.
    pub traits: Arc<ModelTraits>,
    /// How lists show it; `None` for patterns.
    pub card: Option<ModelCard>,
}

pub use catalogue::cheapest;

/// Describes requests to one place.
pub trait Upstream: Send + Sync + fmt::Debug {
    /// The kind's name.
    fn kind(&self) -> &'static str;

    /// The dialect that it speaks for a model; `None` when it answers in the hub's own terms.
    fn wire(&self, model: &str) -> Option<&'static Dialect>;

    /// The dialect for a client that speaks `client`: its own where the place speaks that too, for then the bytes
    /// pass as they are.
    fn wire_for(&self, model: &str, _client: DialectId) -> Option<&'static Dialect> {
        self.wire(model)
    }

    /// The traits of a model that was matched by a pattern.
    fn traits_of(&self, _model: &str) -> Arc<ModelTraits> {
        Arc::default()
    }

    /// The traits of a model of the place's own list.
    fn traits_of_listed(&self, learned: &Learned) -> ModelTraits {
        learned.over(Arc::unwrap_or_clone(self.traits_of(learned.known_as())))
    }

    /// How it is asked for its own list of models; `None` where it has none.
    fn lister(&self) -> Option<&Lister> {
        None
    }

    /// How it is asked what an account's credit is; `None` where it tells nobody.
    fn gauge(&self) -> Option<&Gauge> {
        None
    }

    /// The whole HTTP request, credential included.
    ///
    /// # Errors
    /// A fault when the place cannot do what is asked.
    fn request(&self, call: Call<'_>, secret: &Secret) -> Result<http::Request<Pieces>, Fault>;

    /// Answers without any network, for places whose `wire` is `None`.
    ///
    /// # Errors
    /// A fault when the place cannot do what is asked.
    fn perform(&self, _request: &Request, _model: &str) -> Result<Script, Fault> {
        Err(Fault::new(hub::FaultKind::Internal, "this upstream answers over the network only"))
    }

    /// The dialect in which it takes calls of a purpose; `None` when it takes none.
    fn takes(&self, purpose: Purpose, model: &str) -> Option<&'static Dialect> {
        match purpose {
            Purpose::Generate => self.wire(model),
            Purpose::Compact | Purpose::CountTokens | Purpose::Embed(_) | Purpose::Pass(_) => None,
        }
    }

    /// The form in which it takes embeddings, where that is another than its dialect's.
    fn embeds(&self, _model: &str) -> Option<&'static dyn EmbedWire> {
        None
    }

    /// Embeds without any network, for places that take no such calls.
    ///
    /// # Errors
    /// A fault when the place cannot do what is asked.
    fn embed(&self, _request: &EmbedRequest) -> Result<Embedded<'static>, Fault> {
        Err(Fault::unsupported("model", format!("the model is served by `{}`, which gives no embeddings", self.kind())))
    }

    /// Where it is, `host:port`: accounts of one origin are out of reach together. `None` for places without a network.
    fn origin(&self) -> Option<&str> {
        None
    }

    /// Refines what a failure means, and whose fault it is. Doing it twice changes nothing.
    fn blame(&self, fault: Fault) -> Fault {
        signs::read(&[], fault)
    }
}

/// What is asked of a place.
#[derive(Debug)]
pub struct Call<'a> {
    /// What for.
    pub purpose: Purpose,
    /// The dialect of the body, where a place speaks several.
    pub wire: DialectId,
    /// The upstream's name of the model.
    pub model: &'a str,
    /// A stream is wanted.
    pub stream: bool,
    /// The body in the wire's dialect.
    pub body: Pieces,
    /// Headers that the protocol wants for this body.
    pub headers: HeaderMap,
    /// The client's headers, for `$Header` copies only.
    pub client: &'a HeaderMap,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An answer.
    Generate,
    /// A conversation made shorter.
    Compact,
    /// A token count.
    CountTokens,
    /// Vectors for texts.
    Embed(EmbedCall),
    /// Something that is passed on as it is.
    Pass(Service),
}

/// A call came to a place that does not take calls of its purpose: whoever sent it did not ask.
pub(crate) fn not_taken() -> Fault {
    Fault::new(hub::FaultKind::Internal, "the upstream takes no calls of this kind")
}

/// A local answer: events, each after a pause.
pub type Script = Box<dyn Iterator<Item = (Duration, Event)> + Send>;
