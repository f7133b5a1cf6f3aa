//! Provider entries: keys, addresses, models and what is peculiar about a place. It knows no provider's protocol.

use std::sync::Arc;

use http::HeaderName;
use url::Url;

use super::checkup::AccountCheck;
use super::network::Proxy;
use crate::secret::Secret;

/// An OpenAI-compatible place with its keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Compat {
    /// The name that logs, metrics and path routing use.
    pub name: String,
    /// Where it is; http or https, without user info.
    pub base_url: Url,
    /// Kept in the file but not used.
    pub disabled: bool,
    /// A name by which paths, the `Model-Provider` header and `group:model` may call it.
    pub group: Option<String>,
    /// Clients may say `prefix/model`.
    pub prefix: Option<String>,
    /// Higher is tried first.
    pub priority: i32,
    /// Header lines added to each request.
    pub headers: Vec<HeaderRule>,
    /// Keys. Empty means that the place wants none: it counts as one account without a key.
    pub keys: Vec<CompatKey>,
    /// Models that it serves. Two models with one alias form a pool.
    pub models: Arc<[Model]>,
    /// Model patterns that it does not serve: lower case, `*` stands for any text.
    pub excluded_models: Vec<String>,
    /// Extra rounds, instead of the global number.
    pub request_retry: Option<u32>,
    /// How its accounts are used.
    pub rules: AccountRules,
    /// Accepts `prompt_cache_key`.
    pub support_prompt_cache_key: bool,
    /// What is peculiar about its dialect.
    pub quirks: Quirks,
}

/// One key of an OpenAI-compatible place.
#[derive(Debug, Clone, PartialEq)]
pub struct CompatKey {
    /// The key; empty when the place wants none but a proxy or a weight is set.
    pub key: Secret,
    /// A name of the user's own; no two accounts share one.
    pub label: Option<String>,
    /// How the place is reached with this key.
    pub proxy: Proxy,
    /// Share under the weighted strategy, at most 1,000,000; 0 leaves the key out there.
    pub weight: u32,
    /// Model patterns that this key does not serve, besides the place's own.
    pub excluded_models: Vec<String>,
}

impl Default for CompatKey {
    /// The one account of a place that wants no key.
    fn default() -> Self {
        Self { key: Secret::default(), label: None, proxy: Proxy::Inherit, weight: 1, excluded_models: Vec::new() }
    }
}

/// An account by key of a provider that we know.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyEntry {
    /// The key.
    pub key: Secret,
    /// A name of the user's own; no two accounts share one.
    pub label: Option<String>,
    /// Another address than the provider's own; http or https, without user info.
    pub base_url: Option<Url>,
    /// How it is reached.
    pub proxy: Proxy,
    /// Header lines added to each request.
    pub headers: Vec<HeaderRule>,
    /// Models under another name; empty means the provider's catalogue. Neighbours that serve the same share the list.
    pub models: Arc<[Model]>,
    /// Model patterns that this account does not serve: lower case, `*` stands for any text.
    pub excluded_models: Vec<String>,
    /// A name by which paths, the `Model-Provider` header and `group:model` may call it.
    pub group: Option<String>,
    /// Clients may say `prefix/model`.
    pub prefix: Option<String>,
    /// Higher is tried first.
    pub priority: i32,
    /// Share under the weighted strategy, at most 1,000,000; 0 leaves the account out there.
    pub weight: u32,
    /// Extra rounds, instead of the global number.
    pub request_retry: Option<u32>,
    /// Long prompts of clients that cannot ask for it are cached, where the provider wants to be told.
    pub cache_prompts: bool,
    /// How the account is used.
    pub rules: AccountRules,
}

impl Default for KeyEntry {
    /// An account about which nothing is said.
    fn default() -> Self {
        Self {
            key: Secret::default(),
            label: None,
            base_url: None,
            proxy: Proxy::Inherit,
            headers: Vec::new(),
            models: Arc::default(),
            excluded_models: Vec::new(),
            group: None,
            prefix: None,
            priority: 0,
            weight: 1,
            request_retry: None,
            cache_prompts: false,
            rules: AccountRules::default(),
        }
    }
}

/// What an account file says of how its account is used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AccountSettings {
    /// Kept but not used.
    pub disabled: bool,
    /// What it shares with accounts by key; there is none.
    pub entry: KeyEntry,
    /// Other names for models.
    pub aliases: Vec<ChannelAlias>,
}

/// How an account is used, where it says so itself. `None` leaves it to the settings for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountRules {
    /// Never bench it.
    pub disable_cooling: Option<bool>,
    /// Calls at once; 0 is no limit.
    pub calls: Option<u32>,
    /// Calls that wait for one to end.
    pub queue: Option<u32>,
    /// What the provider's errors mean; the first that fits decides.
    pub errors: Arc<[ErrorRule]>,
    /// Whether and how it is checked.
    pub check: AccountCheck,
}

/// What an error of a provider means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorRule {
    /// The status that it has.
    pub status: u16,
    /// Texts of which its body holds one. With none, and no pattern either, every body fits.
    pub contains: Vec<String>,
    /// Patterns of which one is found in its body.
    pub patterns: Vec<ErrorPattern>,
    /// What is done.
    pub action: ErrorAction,
}

impl ErrorRule {
    /// Whether it speaks of an error.
    pub fn fits(&self, status: u16, body: &str) -> bool {
        let any = self.contains.is_empty() && self.patterns.is_empty();
        let said = || self.contains.iter().any(|text| body.contains(text.as_str()));
        let found = || self.patterns.iter().any(|pattern| pattern.0.is_match(body));
        self.status == status && (any || said() || found())
    }
}

/// A regular expression.
#[derive(Debug, Clone)]
pub struct ErrorPattern(pub regex::Regex);

impl PartialEq for ErrorPattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for ErrorPattern {}

/// What is done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorAction {
    /// The client gets it.
    Stop,
    /// The client gets it, and the account is benched.
    StopAndCooldown,
    /// Another account is asked.
    Continue,
    /// Another account is asked, and this one is benched.
    ContinueAndCooldown,
}

/// A list of accounts by key that are described in one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyedList {
    /// Its section, which is the id of the kind of upstream, too.
    pub section: &'static str,
    /// An entry must say where it is: there is no address that all could mean.
    pub needs_address: bool,
}

/// Every such list. The keys of their entries are in the schema.
pub const KEYED: &[KeyedList] = &[
    KeyedList { section: "claude-api-key", needs_address: false },
    KeyedList { section: "codex-api-key", needs_address: true },
    KeyedList { section: "gemini-api-key", needs_address: false },
    KeyedList { section: "xai-api-key", needs_address: false },
    KeyedList { section: "vertex-api-key", needs_address: false },
];

/// An Ollama server.
#[derive(Debug, Clone, PartialEq)]
pub struct Ollama {
    /// What it shares with accounts by key. The key may be empty, and no address means this machine; never without
    /// models.
    pub entry: KeyEntry,
    /// The context window to ask for, in tokens; the server's own otherwise.
    pub num_ctx: Option<u64>,
}

/// A model that an entry serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// The upstream's name for it.
    pub name: String,
    /// The name that clients use; the same as `name` when the file gives none.
    pub alias: String,
    /// A name for people, in model lists.
    pub display_name: Option<String>,
    /// Context window in tokens, for model lists.
    pub max_context_length: Option<u64>,
    /// Replies carry the alias in `model`, not the upstream's name.
    pub force_mapping: bool,
    /// Ask the place in its compatible form (meaning depends on the provider).
    pub is_compat: bool,
    /// What it can do about thinking; `None` leaves the provider's default.
    pub thinking: Option<ThinkingRange>,
    /// What it reads; empty means that the file does not say.
    pub input_modalities: Vec<Modality>,
    /// What it writes; empty means that the file does not say.
    pub output_modalities: Vec<Modality>,
    /// It serves the image endpoints.
    pub image: bool,
}

/// Another name for a model of a whole channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelAlias {
    /// The name that the channel gives it.
    pub name: String,
    /// The name that clients use.
    pub alias: String,
    /// The first name stays, too.
    pub fork: bool,
    /// A name for people, in model lists.
    pub display_name: Option<String>,
    /// Replies carry the alias in `model`, not the upstream's name.
    pub force_mapping: bool,
}

/// What a model can do about thinking.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThinkingRange {
    /// Smallest budget, in tokens.
    pub min: Option<u32>,
    /// Largest budget, in tokens. Never below `min`.
    pub max: Option<u32>,
    /// A budget of 0 turns thinking off.
    pub zero_allowed: bool,
    /// The model may choose by itself (-1).
    pub dynamic_allowed: bool,
    /// Named efforts that it understands, in file order, without duplicates.
    pub levels: Vec<ThinkingLevel>,
}

/// A named effort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThinkingLevel {
    /// No thinking.
    None,
    /// The model chooses.
    Auto,
    /// The least that is still thinking.
    Minimal,
    /// Little.
    Low,
    /// The middle.
    Medium,
    /// Much.
    High,
    /// More than much.
    Xhigh,
    /// All that the model can.
    Max,
}

/// A kind of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Modality {
    /// Text.
    Text,
    /// Pictures.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// Documents, such as PDF.
    File,
}

/// A header line added to upstream requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderRule {
    /// Its name.
    pub name: HeaderName,
    /// Where its value comes from.
    pub value: HeaderValueRule,
}

/// Where an added header's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValueRule {
    /// This value (often a key, so a secret). Known to be a legal header value.
    Fixed(Secret),
    /// A copy of the client's header of this name; without one, no line is sent. Written `$Name` in the file.
    FromClient(HeaderName),
}

/// What is peculiar about an OpenAI-compatible place. `None` leaves the decision to the dialect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quirks {
    /// The field that bounds the reply.
    pub max_tokens_field: Option<MaxTokensField>,
    /// Send message content as one string, not as parts.
    pub flatten_content: Option<bool>,
    /// Thinking arrives inside `<think>` tags of the text.
    pub think_tags: Option<bool>,
    /// Understands `stream_options.include_usage`.
    pub supports_stream_usage: Option<bool>,
    /// Understands the `developer` role; where not, it is sent as `system`.
    pub supports_developer_role: Option<bool>,
    /// Understands `parallel_tool_calls`.
    pub supports_parallel_tools: Option<bool>,
    /// How it is told to reason.
    pub reasoning_field: Option<ReasoningField>,
    /// Wants earlier reasoning back in assistant turns.
    pub replay_reasoning: Option<bool>,
    /// The known place whose habits it has, whatever its address: one of [`KNOWN_PLACES`].
    pub like: Option<&'static str>,
}

/// The places whose habits the program knows by name.
pub const KNOWN_PLACES: &[&str] = &[
    "openai",
    "azure",
    "openrouter",
    "vercel",
    "xai",
    "deepseek",
    "moonshot",
    "zai",
    "qwen",
    "siliconflow",
    "minimax",
    "mistral",
    "groq",
    "cerebras",
    "together",
    "fireworks",
    "perplexity",
    "gemini",
    "plain",
];

/// How an OpenAI-compatible place is told to reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasoningField {
    /// `reasoning_effort`.
    Effort,
    /// `reasoning: {effort, max_tokens, enabled}`.
    Object,
    /// `thinking: {type}`.
    Switch,
    /// `enable_thinking` and `thinking_budget`.
    Budget,
}

/// The field that bounds an OpenAI-compatible reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MaxTokensField {
    /// `max_tokens`.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}
