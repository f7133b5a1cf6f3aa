//! Every key that a file may hold, as data: its kind, and whether this version uses it. It reads nothing; the survey,
//! the overrides, the messages and the docs test all look here.

/// What stands at a place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Number,
    /// A number with a unit, such as `30s` or `32MiB`.
    Measure,
    /// Text that may be shown.
    Text,
    /// An address: shown when it is nothing but scheme, host, port and path. (A proxy's is a [`Kind::Secret`].)
    Address,
    /// Text that must never be shown.
    Secret,
    /// Header lines: any name, secret values.
    Headers,
    /// A list.
    List(&'static Self),
    /// A mapping with any keys.
    Map(&'static Self),
    /// A mapping with known keys.
    Section(&'static [Field]),
    /// Anything at all; not looked into, never shown.
    Free,
}

/// Longest shown text in place of a switch or a number, in bytes. Keys are longer.
const MAX_SHORT: usize = 12;

impl Kind {
    /// The keys of a section, or of the sections in a list.
    pub(crate) fn fields(self) -> &'static [Field] {
        match self {
            Self::Section(fields) => fields,
            Self::List(Self::Section(fields)) => fields,
            Self::Map(inner) => inner.fields(),
            _ => &[],
        }
    }

    /// Whether a single value of this kind may be shown as it stands. One slip of the hand joins a value with the remark
    /// or the line behind it, so what is longer than its kind can be is not shown.
    pub(crate) fn shows(self, text: &str) -> bool {
        match self {
            Self::Flag | Self::Number | Self::Measure => text.len() <= MAX_SHORT && !text.contains('#'),
            Self::Text => !text.contains(['#', '\n']),
            Self::Address => is_bare_address(text),
            Self::Secret | Self::Headers | Self::List(_) | Self::Map(_) | Self::Section(_) | Self::Free => false,
        }
    }
}

/// Whether an address surely carries neither user info nor a query, even one that was mistyped.
fn is_bare_address(text: &str) -> bool {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let place = rest.split('/').next().unwrap_or("");
    let port = place.rsplit_once(':').map_or("", |(_, port)| port);
    let spaced = text.chars().any(|c| c.is_whitespace() || matches!(c, '@' | '?' | '#' | '%'));
    !spaced && place.matches(':').count() <= 1 && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It decides something.
    Used,
    /// Known, for a later version; said in a note.
    NotYet,
    /// Read and checked, but nothing acts on it in this version; said in a note.
    Checked,
    /// Known and not done, for this reason; said in a note.
    Refused(&'static str),
    /// An old name, for this; said in a note.
    Legacy(&'static str),
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) standing: Standing,
}

const fn used(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, standing: Standing::Used }
}

const fn checked(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, standing: Standing::Checked }
}

const fn later(name: &'static str) -> Field {
    Field { name, kind: Kind::Free, standing: Standing::NotYet }
}

const fn refused(name: &'static str, why: &'static str) -> Field {
    Field { name, kind: Kind::Free, standing: Standing::Refused(why) }
}

const fn legacy(name: &'static str, kind: Kind, now: &'static str) -> Field {
    Field { name, kind, standing: Standing::Legacy(now) }
}

pub(crate) fn field(fields: &'static [Field], name: &str) -> Option<&'static Field> {
    fields.iter().find(|field| field.name == name)
}

const TEXTS: Kind = Kind::List(&Kind::Text);
const SECRETS: Kind = Kind::List(&Kind::Secret);

pub(crate) const DISGUISE: &str = "requests are never dressed up as another program's";
const OBFUSCATION: &str = "words are never hidden from a provider";
const AS_SENT: &str = "prompts and requests go out as they were sent, but for what you change";
const HONEST_LIST: &str = "model lists are always honest";
const NO_DOWNLOAD: &str = "the panel is part of the program and never downloaded";

/// The whole file.
pub(crate) const ROOT: &[Field] = &[
    used("host", Kind::Text),
    used("port", Kind::Number),
    used("tls", Kind::Section(TLS)),
    used("remote-management", Kind::Section(MANAGEMENT)),
    used("auth-dir", Kind::Text),
    used("api-keys", SECRETS),
    used("client-keys", Kind::List(&Kind::Section(CLIENT_KEY))),
    used("api-key-limits", Kind::List(&Kind::Section(KEY_LIMIT))),
    used("debug", Kind::Flag),
    used("log", Kind::Section(LOG)),
    used("demo", Kind::Flag),
    used("proxy-url", Kind::Secret),
    used("force-model-prefix", Kind::Flag),
    used("passthrough-headers", Kind::Flag),
    used("request-retry", Kind::Number),
    used("max-retry-credentials", Kind::Number),
    used("max-retry-interval", Kind::Number),
    used("disable-cooling", Kind::Flag),
    used("transient-error-cooldown-seconds", Kind::Number),
    used("routing", Kind::Section(ROUTING)),
    used("hedge", Kind::Section(HEDGE)),
    used("fallback", Kind::Map(&TEXTS)),
    used("provider-fallback", Kind::Map(&TEXTS)),
    used("streaming", Kind::Section(STREAMING)),
    checked("nonstream-keepalive-interval", Kind::Number),
    used("cors", Kind::Section(CORS)),
    used("limits", Kind::Section(LIMITS)),
    used("responses-store", Kind::Section(RESPONSES_STORE)),
    used("timeouts", Kind::Section(TIMEOUTS)),
    used("openai-compatibility", Kind::List(&Kind::Section(COMPAT))),
    used("claude-api-key", Kind::List(&Kind::Section(CLAUDE))),
    used("codex-api-key", Kind::List(&Kind::Section(CODEX))),
    used("gemini-api-key", Kind::List(&Kind::Section(KEY_ENTRY))),
    used("xai-api-key", Kind::List(&Kind::Section(XAI))),
    used("vertex-api-key", Kind::List(&Kind::Section(VERTEX))),
    used("ollama", Kind::List(&Kind::Section(OLLAMA))),
    later("interactions-api-key"),
    used("oauth-excluded-models", Kind::Map(&TEXTS)),
    used("oauth-model-alias", Kind::Map(&Kind::List(&Kind::Section(CHANNEL_ALIAS)))),
    used("oauth-request-scoped-errors", Kind::Map(&Kind::List(&Kind::Section(ERROR_RULE)))),
    used("payload", Kind::Section(PAYLOAD)),
    used("system-prompt", Kind::Section(SYSTEM_PROMPT)),
    used("fidelity", Kind::Text),
    used("model-refresh", Kind::Measure),
    used("fetch", Kind::Section(FETCH)),
    later("plugins"),
    later("pprof"),
    later("commercial-mode"),
    later("logging-to-file"),
    later("logs-max-total-size-mb"),
    later("error-logs-max-files"),
    later("request-log"),
    later("usage-statistics-enabled"),
    later("redis-usage-queue-retention-seconds"),
    used("save-cooldown-status", Kind::Flag),
    used("health-webhook", Kind::Secret),
    used("health-check", Kind::Section(HEALTH_CHECK)),
    used("quota-reading", Kind::Measure),
    later("auth-auto-refresh-workers"),
    used("quota-exceeded", Kind::Section(QUOTA_EXCEEDED)),
    later("ws-auth"),
    later("disable-image-generation"),
    later("gpt-image-2-base-model"),
    later("video-result-auth-cache-ttl"),
    later("antigravity-signature-cache-enabled"),
    later("antigravity-signature-bypass-strict"),
    used("credential-concurrency", Kind::Section(CONCURRENCY)),
    refused("credential-in-flight", "it reports to a server of its maker; `credential-concurrency` bounds calls"),
    used("xai", Kind::Section(XAI_GLOBAL)),
    used("codex", Kind::Section(CODEX_GLOBAL)),
    used("claude-code", Kind::Section(CLAUDE_CODE)),
    used("antigravity", Kind::Section(ANTIGRAVITY)),
    refused("disable-claude-cloak-mode", AS_SENT),
    refused("claude-header-defaults", DISGUISE),
    refused("codex-header-defaults", DISGUISE),
    legacy("generative-language-api-key", SECRETS, "gemini-api-key"),
    legacy("oauth-model-mappings", Kind::Free, "oauth-model-alias"),
    legacy("auth", Kind::Free, ""),
    legacy("ampcode", Kind::Free, ""),
    legacy("amp-upstream-url", Kind::Free, ""),
    legacy("amp-upstream-api-key", Kind::Free, ""),
    legacy("amp-restrict-management-to-localhost", Kind::Free, ""),
    legacy("amp-model-mappings", Kind::Free, ""),
];

const TLS: &[Field] = &[used("enable", Kind::Flag), used("cert", Kind::Text), used("key", Kind::Text)];

const CLIENT_KEY: &[Field] = &[
    used("key", Kind::Secret),
    used("key-hash", Kind::Secret),
    used("label", Kind::Text),
    used("disabled", Kind::Flag),
    used("models", TEXTS),
    used("providers", TEXTS),
    used("accounts", TEXTS),
    used("expires", Kind::Text),
    used("requests-per-minute", Kind::Number),
    used("tokens-per-minute", Kind::Number),
    used("concurrency", Kind::Number),
    used("monthly-requests", Kind::Map(&Kind::Number)),
    used("fidelity", Kind::Text),
];

const KEY_LIMIT: &[Field] = &[
    used("api-key", Kind::Secret),
    used("allowed-models", TEXTS),
    used("monthly-quotas", Kind::Map(&Kind::Number)),
    used("allowed-credentials", TEXTS),
    used("allowed-providers", TEXTS),
];

const MANAGEMENT: &[Field] = &[
    used("allow-remote", Kind::Flag),
    used("secret-key", Kind::Secret),
    used("disable-control-panel", Kind::Flag),
    refused("disable-auto-update-panel", NO_DOWNLOAD),
    refused("panel-github-repository", NO_DOWNLOAD),
];

const LOG: &[Field] = &[used("format", Kind::Text)];

const ROUTING: &[Field] = &[
    used("strategy", Kind::Text),
    used("session-affinity", Kind::Flag),
    used("session-affinity-ttl", Kind::Measure),
    used("session-affinity-fail-back", Kind::Flag),
];

const ERROR_RULE: &[Field] =
    &[used("status", Kind::Number), used("match", TEXTS), used("match-regexr", TEXTS), used("action", Kind::Text)];

const CONCURRENCY: &[Field] = &[
    used("default-max-concurrency", Kind::Number),
    used("default-max-queue", Kind::Number),
    used("queue-timeout", Kind::Measure),
];

const HEALTH_CHECK: &[Field] = &[
    used("interval", Kind::Measure),
    used("at-start", Kind::Flag),
    used("kinds", TEXTS),
    used("model", Kind::Text),
    used("timeout", Kind::Measure),
    used("only-unhealthy", Kind::Flag),
    used("concurrency", Kind::Number),
];

const HEDGE: &[Field] = &[
    used("after", Kind::Measure),
    used("max-percent", Kind::Number),
    used("streams", Kind::Flag),
    used("whole-replies", Kind::Flag),
    used("models", TEXTS),
];

const ACCOUNT_CHECK: &[Field] = &[used("enabled", Kind::Flag), used("model", Kind::Text)];

const STREAMING: &[Field] = &[used("keepalive-seconds", Kind::Number), used("bootstrap-retries", Kind::Number)];

const CORS: &[Field] = &[used("allowed-origins", TEXTS)];

const LIMITS: &[Field] = &[
    used("body-bytes", Kind::Measure),
    used("header-bytes", Kind::Measure),
    used("header-count", Kind::Number),
    used("in-flight-requests", Kind::Number),
    used("connections", Kind::Number),
    used("header-read-timeout", Kind::Measure),
    used("body-read-timeout", Kind::Measure),
    used("line-bytes", Kind::Measure),
    used("reply-bytes", Kind::Measure),
];

const RESPONSES_STORE: &[Field] = &[
    used("mode", Kind::Text),
    used("ttl", Kind::Measure),
    used("max-bytes", Kind::Measure),
    used("max-entries", Kind::Number),
];

const TIMEOUTS: &[Field] = &[
    used("connect", Kind::Measure),
    used("first-byte", Kind::Measure),
    used("first-token", Kind::Measure),
    used("idle", Kind::Measure),
    used("whole-reply", Kind::Measure),
    used("total", Kind::Measure),
    used("drain", Kind::Measure),
];

const PAYLOAD: &[Field] = &[
    used("default", Kind::List(&Kind::Section(PAYLOAD_RULE))),
    used("default-raw", Kind::List(&Kind::Section(PAYLOAD_RULE))),
    used("override", Kind::List(&Kind::Section(PAYLOAD_RULE))),
    used("override-raw", Kind::List(&Kind::Section(PAYLOAD_RULE))),
    used("filter", Kind::List(&Kind::Section(PAYLOAD_FILTER))),
];

const PAYLOAD_RULE: &[Field] = &[used("models", Kind::List(&Kind::Section(PAYLOAD_MODEL))), used("params", Kind::Free)];

const PAYLOAD_FILTER: &[Field] = &[used("models", Kind::List(&Kind::Section(PAYLOAD_MODEL))), used("params", TEXTS)];

const PAYLOAD_MODEL: &[Field] = &[
    used("name", Kind::Text),
    used("protocol", Kind::Text),
    used("from-protocol", Kind::Text),
    used("headers", Kind::Headers),
    used("match", Kind::List(&Kind::Free)),
    used("not-match", Kind::List(&Kind::Free)),
    used("exist", TEXTS),
    used("not-exist", TEXTS),
];

const SYSTEM_PROMPT: &[Field] = &[
    used("file", Kind::Text),
    used("mode", Kind::Text),
    used("replacements", Kind::List(&Kind::Section(REPLACEMENT))),
];

const FETCH: &[Field] = &[
    used("enabled", Kind::Flag),
    used("max-bytes", Kind::Measure),
    used("timeout", Kind::Measure),
    used("max-redirects", Kind::Number),
    used("at-once", Kind::Number),
    used("allow-private", Kind::Flag),
];

const REPLACEMENT: &[Field] = &[used("old", Kind::Free), used("new", Kind::Free)];

const QUOTA_EXCEEDED: &[Field] =
    &[used("switch-project", Kind::Flag), used("switch-preview-model", Kind::Flag), later("antigravity-credits")];

const XAI_GLOBAL: &[Field] = &[later("inject-x-search")];

const CODEX_GLOBAL: &[Field] = &[
    refused("identity-confuse", DISGUISE),
    refused("disable-codex-cloaking", AS_SENT),
    refused("stream-bootstrap-buffering", "it is always so: handshake events never commit a stream"),
    later("optimize-multi-agent-v2"),
    used("live-media-relay", Kind::Section(LIVE_MEDIA_RELAY)),
];

const LIVE_MEDIA_RELAY: &[Field] = &[
    later("enabled"),
    later("max-sessions"),
    later("disable-private-remote-ips"),
    legacy("allow-private-remote-ips", Kind::Free, "disable-private-remote-ips"),
    later("public-ip"),
    later("udp-port-min"),
    later("udp-port-max"),
    later("ice-servers"),
];

const CLAUDE_CODE: &[Field] = &[refused("disable-cloaking-model-list", HONEST_LIST)];

const ANTIGRAVITY: &[Field] = &[refused("sensitive-words", OBFUSCATION)];

/// The keys of one account, and what the provider adds. A macro, because constants cannot be joined.
macro_rules! key_entry {
    ($($more:expr),* $(,)?) => {
        &[
            used("api-key", Kind::Secret),
            used("label", Kind::Text),
            used("base-url", Kind::Address),
            used("proxy-url", Kind::Secret),
            used("disabled", Kind::Flag),
            used("headers", Kind::Headers),
            used("models", Kind::List(&Kind::Section(MODEL))),
            used("excluded-models", TEXTS),
            used("not-supported-models", TEXTS),
            used("group", Kind::Text),
            used("prefix", Kind::Text),
            used("priority", Kind::Number),
            used("weight", Kind::Number),
            used("request-retry", Kind::Number),
            used("disable-cooling", Kind::Flag),
            used("max-concurrency", Kind::Number),
            used("max-queue", Kind::Number),
            used("request-scoped-errors", Kind::List(&Kind::Section(ERROR_RULE))),
            used("health-check", Kind::Section(ACCOUNT_CHECK)),
            $($more),*
        ]
    };
}

const KEY_ENTRY: &[Field] = key_entry![];
const XAI: &[Field] = key_entry![later("websockets")];
const CODEX: &[Field] = key_entry![later("websockets"), later("alpha-search")];
const VERTEX: &[Field] = key_entry![];
const OLLAMA: &[Field] = key_entry![used("num-ctx", Kind::Number)];
const CLAUDE: &[Field] = key_entry![
    used("cache-prompts", Kind::Flag),
    later("rebuild-mid-system-message"),
    refused("cloak", DISGUISE),
    refused("fingerprint-profile", DISGUISE),
    refused("experimental-cch-signing", DISGUISE),
];

const CHANNEL_ALIAS: &[Field] = &[
    used("name", Kind::Text),
    used("alias", Kind::Text),
    used("fork", Kind::Flag),
    used("display-name", Kind::Text),
    used("force-mapping", Kind::Flag),
];

const COMPAT: &[Field] = &[
    used("name", Kind::Text),
    used("base-url", Kind::Address),
    used("disabled", Kind::Flag),
    used("group", Kind::Text),
    used("prefix", Kind::Text),
    used("excluded-models", TEXTS),
    used("not-supported-models", TEXTS),
    used("priority", Kind::Number),
    used("headers", Kind::Headers),
    used("api-key-entries", Kind::List(&Kind::Section(COMPAT_KEY))),
    used("models", Kind::List(&Kind::Section(MODEL))),
    used("request-retry", Kind::Number),
    used("disable-cooling", Kind::Flag),
    used("max-concurrency", Kind::Number),
    used("max-queue", Kind::Number),
    used("support-prompt-cache-key", Kind::Flag),
    used("quirks", Kind::Section(QUIRKS)),
    used("request-scoped-errors", Kind::List(&Kind::Section(ERROR_RULE))),
    used("health-check", Kind::Section(ACCOUNT_CHECK)),
    legacy("api-keys", SECRETS, "api-key-entries"),
];

const COMPAT_KEY: &[Field] = &[
    used("api-key", Kind::Secret),
    used("label", Kind::Text),
    used("weight", Kind::Number),
    used("proxy-url", Kind::Secret),
    used("excluded-models", TEXTS),
    used("not-supported-models", TEXTS),
];

const QUIRKS: &[Field] = &[
    used("max-tokens-field", Kind::Text),
    used("flatten-content", Kind::Flag),
    used("think-tags", Kind::Flag),
    used("supports-stream-usage", Kind::Flag),
    used("supports-developer-role", Kind::Flag),
    used("supports-parallel-tools", Kind::Flag),
    used("reasoning-field", Kind::Text),
    used("replay-reasoning", Kind::Flag),
    used("like", Kind::Text),
];

const MODEL: &[Field] = &[
    used("name", Kind::Text),
    used("alias", Kind::Text),
    used("display-name", Kind::Text),
    used("max-context-length", Kind::Number),
    used("force-mapping", Kind::Flag),
    checked("is-compat", Kind::Flag),
    used("thinking", Kind::Section(THINKING)),
    used("input-modalities", TEXTS),
    checked("output-modalities", TEXTS),
    checked("image", Kind::Flag),
];

const THINKING: &[Field] = &[
    used("min", Kind::Number),
    used("max", Kind::Number),
    used("zero-allowed", Kind::Flag),
    used("dynamic-allowed", Kind::Flag),
    used("levels", TEXTS),
];
