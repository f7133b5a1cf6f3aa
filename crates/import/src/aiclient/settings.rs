//! The old program's settings, key by key. Those that describe accounts, models and chains are read elsewhere.

use config::document::Node;
use serde_json::Value;

use super::{CONFIG, Old, checkup, field, globals, shown};
use crate::draft::{Import, map, texts};
use crate::report::Outcome;

/// What becomes of a setting.
enum Does {
    /// It becomes this one.
    To(&'static [&'static str], fn(&Value) -> Option<Node>),
    /// It is read by this.
    By(fn(&Old<'_>, &Value, &mut Import)),
    /// Nothing, for this reason.
    Nothing(Outcome, &'static str),
    /// Nothing when it is off, zero or not said; else somebody should know this.
    LostWhenOn(&'static str),
    /// It is read with the accounts, and told there.
    Elsewhere,
}

use Does::{By, Elsewhere, LostWhenOn, Nothing, To};

const OWN_REFRESH: &str = "tokens are refreshed ahead of their end without a timetable";
const OWN_COOLING: &str = "how long an account rests follows the provider's own hint, or grows with each failure";
const OWN_LOG: &str = "log lines go to standard error; `log.format` and `debug` are what there is to set";
const PANEL: &str = "the panel with its sign-in comes with a later version";
const PROMPT_LOG: &str = "requests are not logged with their content yet";
const FORWARDED: &str = "forwarded headers decide nothing yet";
const SIDECAR: &str = "connections are never dressed up as a browser's";

const TABLE: &[(&str, Does)] = &[
    ("HOST", By(host)),
    ("SERVER_PORT", To(&["port"], port)),
    ("REQUIRED_API_KEY", By(api_key)),
    (
        "MODEL_PROVIDER",
        Nothing(
            Outcome::Gone,
            "every account serves what it can; `provider:model`, a path such as /claude-custom/v1/messages or the header \
             Model-Provider picks one",
        ),
    ),
    ("SYSTEM_PROMPT_FILE_PATH", Elsewhere),
    ("SYSTEM_PROMPT_MODE", Elsewhere),
    ("SYSTEM_PROMPT_REPLACEMENTS", Elsewhere),
    ("PROMPT_LOG_MODE", Nothing(Outcome::Later, PROMPT_LOG)),
    ("PROMPT_LOG_BASE_NAME", Nothing(Outcome::Later, PROMPT_LOG)),
    ("REQUEST_MAX_RETRIES", To(&["request-retry"], field::count_node)),
    ("REQUEST_BASE_DELAY", Nothing(Outcome::Gone, "another account is tried at once, without a pause")),
    ("CREDENTIAL_SWITCH_MAX_RETRIES", To(&["max-retry-credentials"], switches)),
    ("FORCE_MAX_TOKENS", LostWhenOn("write a rule of `payload.override` that sets it for the models that you mean")),
    ("CRON_NEAR_MINUTES", Nothing(Outcome::Gone, OWN_REFRESH)),
    ("CRON_REFRESH_TOKEN", Nothing(Outcome::Gone, OWN_REFRESH)),
    ("WARMUP_TARGET", Nothing(Outcome::Gone, OWN_REFRESH)),
    ("REFRESH_CONCURRENCY_GLOBAL", Nothing(Outcome::Gone, OWN_REFRESH)),
    ("REFRESH_CONCURRENCY_PER_PROVIDER", Nothing(Outcome::Gone, OWN_REFRESH)),
    ("REFRESH_BUFFER_DELAY", Nothing(Outcome::Gone, OWN_REFRESH)),
    ("REFRESH_TASK_TIMEOUT_MS", Nothing(Outcome::Gone, OWN_REFRESH)),
    ("PROVIDER_POOLS_FILE_PATH", Nothing(Outcome::Converted, "its accounts are in the new file")),
    ("CUSTOM_MODELS_FILE_PATH", Nothing(Outcome::Converted, "its models are in the new file")),
    ("MAX_ERROR_COUNT", Nothing(Outcome::Gone, "an account that fails is benched for a time, never for good")),
    ("RATE_LIMIT_COOLDOWN_ENABLED", By(cooling)),
    ("RATE_LIMIT_COOLDOWN_MS", Nothing(Outcome::Gone, OWN_COOLING)),
    ("RATE_LIMIT_COOLDOWN_JITTER_MS", Nothing(Outcome::Gone, OWN_COOLING)),
    ("RATE_LIMIT_COOLDOWN_MAX_MS", Nothing(Outcome::Gone, OWN_COOLING)),
    (checkup::KEY, Elsewhere),
    ("HEALTH_ALERT_WEBHOOK_URL", To(&["health-webhook"], field::text_node)),
    ("LOGIN_MAX_ATTEMPTS", Nothing(Outcome::Later, PANEL)),
    ("LOGIN_LOCKOUT_DURATION", Nothing(Outcome::Later, PANEL)),
    ("LOGIN_MIN_INTERVAL", Nothing(Outcome::Later, PANEL)),
    ("LOGIN_EXPIRY", Nothing(Outcome::Later, PANEL)),
    ("TRUST_PROXY", Nothing(Outcome::Later, FORWARDED)),
    ("TRUSTED_PROXY_IPS", Nothing(Outcome::Later, FORWARDED)),
    ("UI_ENABLED", To(&["remote-management", "disable-control-panel"], opposite)),
    ("PROXY_URL", By(proxy)),
    ("PROXY_ENABLED_PROVIDERS", By(proxied)),
    ("providerFallbackChain", Elsewhere),
    ("modelFallbackMapping", Elsewhere),
    ("LOG_ENABLED", Nothing(Outcome::Gone, OWN_LOG)),
    ("LOG_OUTPUT_MODE", Nothing(Outcome::Gone, OWN_LOG)),
    ("LOG_LEVEL", By(log_level)),
    ("LOG_DIR", Nothing(Outcome::Gone, OWN_LOG)),
    ("LOG_INCLUDE_REQUEST_ID", Nothing(Outcome::Gone, OWN_LOG)),
    ("LOG_INCLUDE_TIMESTAMP", Nothing(Outcome::Gone, OWN_LOG)),
    ("LOG_MAX_FILE_SIZE", Nothing(Outcome::Gone, OWN_LOG)),
    ("LOG_MAX_FILES", Nothing(Outcome::Gone, OWN_LOG)),
    ("TLS_SIDECAR_ENABLED", Nothing(Outcome::Refused, SIDECAR)),
    ("TLS_SIDECAR_ENABLED_PROVIDERS", Nothing(Outcome::Refused, SIDECAR)),
    ("TLS_SIDECAR_PORT", Nothing(Outcome::Refused, SIDECAR)),
    ("TLS_SIDECAR_BINARY_PATH", Nothing(Outcome::Refused, SIDECAR)),
    ("TLS_SIDECAR_PROXY_URL", Nothing(Outcome::Refused, SIDECAR)),
    ("KIRO_REQUEST_MIN_INTERVAL_MS", Nothing(Outcome::Gone, "an account takes what its concurrency lets it take")),
    ("MODEL_USAGE_STATS_PERSIST_INTERVAL", Nothing(Outcome::Gone, "there is no such file to write")),
    ("POOL_SIZE_LIMIT", LostWhenOn("`routing.strategy: fill-first` uses few accounts at a time")),
];

/// The beginning of switches that are called after providers.
const SYSTEM_PROXY: &str = "USE_SYSTEM_PROXY_";

/// What the old program did where its file said nothing.
const USUAL_PORT: i64 = 3000;
const USUAL_KEY: &str = "123456";

pub(crate) fn read(old: &Old<'_>, new: &mut Import) {
    usual(old, new);
    for (key, value) in &old.settings {
        match TABLE.iter().find(|(name, _)| name == key) {
            Some((_, does)) => apply(old, key, value, does, new),
            None if key.starts_with(SYSTEM_PROXY) => {
                let why = "the environment's proxy is used unless `proxy-url: direct` says otherwise";
                new.tell(CONFIG, shown(key), Outcome::Gone, why);
            }
            None if globals::knows(key) => {}
            None => new.tell(CONFIG, shown(key), Outcome::Unknown, "left out"),
        }
    }
    prompt(old, new);
}

fn apply(old: &Old<'_>, key: &str, value: &Value, does: &Does, new: &mut Import) {
    match does {
        Nothing(outcome, why) => new.tell(CONFIG, key, *outcome, *why),
        _ if field::is_nothing(value) && !matches!(does, Elsewhere) => new.tell(CONFIG, key, Outcome::Same, ""),
        LostWhenOn(why) => {
            let (outcome, why) =
                if field::is_off(value) { (Outcome::Gone, "it was off") } else { (Outcome::Lost, *why) };
            new.tell(CONFIG, key, outcome, why);
        }
        To(path, make) => match make(value).filter(|node| takes(path, node)) {
            Some(node) => {
                new.set(path, node);
                new.tell(CONFIG, key, Outcome::Converted, format!("now `{}`", path.join(".")));
            }
            None => not_taken(key, new),
        },
        By(read) => read(old, value, new),
        Elsewhere => {}
    }
}

/// A client key that no check minds.
const GOOD_KEY: &str = "0123456789abcdef";

/// Whether the checker takes a value. One wrong setting must not keep the others out.
fn takes(path: &[&str], node: &Node) -> bool {
    let mut trial = Import::new(map([("api-keys", texts([GOOD_KEY]))]), "");
    trial.set(path, node.clone());
    config::parse(&trial.text(), "", &[]).0.is_some()
}

fn not_taken(key: &str, new: &mut Import) {
    new.tell(CONFIG, key, Outcome::Lost, "left out, for its value is not what it takes");
}

/// Defaults that differ from ours are written out, so that clients find what they know.
fn usual(old: &Old<'_>, new: &mut Import) {
    if !old.settings.contains_key("SERVER_PORT") {
        new.set(&["port"], Node::plain(USUAL_PORT));
    }
    if old.named("REQUIRED_API_KEY").is_none() {
        new.push("api-keys", Node::text(USUAL_KEY));
    }
    if old.named("HOST").is_none() {
        new.set(&["host"], Node::text("127.0.0.1"));
        let why = "without it, every machine could reach the old program; here only this one can, until you write \
                   `host: \"0.0.0.0\"`";
        new.tell(CONFIG, "HOST", Outcome::Lost, why);
    }
}

fn host(_: &Old<'_>, value: &Value, new: &mut Import) {
    let host = field::text(value).map(|host| if host == "localhost" { "127.0.0.1" } else { host });
    let Some(node) = host.map(Node::text).filter(|node| takes(&["host"], node)) else {
        return not_taken("HOST", new);
    };
    new.set(&["host"], node);
    new.tell(CONFIG, "HOST", Outcome::Converted, "now `host`");
}

fn port(value: &Value) -> Option<Node> {
    field::count(value).filter(|port| *port <= 65_535).map(Node::plain)
}

fn api_key(_: &Old<'_>, value: &Value, new: &mut Import) {
    let key = field::text(value).filter(|key| takes(&["api-keys"], &texts([*key])));
    let Some(key) = key else { return not_taken("REQUIRED_API_KEY", new) };
    new.push("api-keys", Node::text(key));
    new.tell(CONFIG, "REQUIRED_API_KEY", Outcome::Converted, "now the first of `api-keys`");
}

/// So many others are tried after the first.
fn switches(value: &Value) -> Option<Node> {
    field::count(value).map(|switches| Node::plain(switches + 1))
}

fn opposite(value: &Value) -> Option<Node> {
    field::flag(value).map(|flag| Node::plain(!flag))
}

/// Off was the default there and meant another way of counting errors, so it must not switch benching off here.
fn cooling(_: &Old<'_>, value: &Value, new: &mut Import) {
    let why = match field::flag(value) {
        Some(true) => "accounts rest by themselves",
        _ => "an account that is told to wait rests for that time; `disable-cooling: true` would switch that off",
    };
    new.tell(CONFIG, "RATE_LIMIT_COOLDOWN_ENABLED", Outcome::Gone, why);
}

fn log_level(_: &Old<'_>, value: &Value, new: &mut Import) {
    if field::text(value) == Some("debug") {
        new.set(&["debug"], Node::plain("true"));
        return new.tell(CONFIG, "LOG_LEVEL", Outcome::Converted, "now `debug`");
    }
    new.tell(CONFIG, "LOG_LEVEL", Outcome::Gone, OWN_LOG);
}

/// It counts for the accounts of some providers only, and is written at each of them.
fn proxy(_: &Old<'_>, value: &Value, new: &mut Import) {
    let (outcome, why) = match field::text(value).map(is_proxy) {
        Some(true) => (Outcome::Converted, "now `proxy-url` of the accounts that used it"),
        Some(false) => (Outcome::Lost, "left out: proxies are http, https, socks5 or socks5h"),
        None => return not_taken("PROXY_URL", new),
    };
    new.tell(CONFIG, "PROXY_URL", outcome, why);
}

fn proxied(_: &Old<'_>, value: &Value, new: &mut Import) {
    match field::words(value) {
        Some(_) => new.tell(CONFIG, "PROXY_ENABLED_PROVIDERS", Outcome::Converted, "now `proxy-url` of their accounts"),
        None => not_taken("PROXY_ENABLED_PROVIDERS", new),
    }
}

fn is_proxy(text: &str) -> bool {
    ["http://", "https://", "socks5://", "socks5h://"].iter().any(|scheme| text.starts_with(scheme))
}

/// The proxy of a pool's accounts.
pub(crate) fn proxy_of(old: &Old<'_>, pool: &str) -> Option<String> {
    let proxy = old.named("PROXY_URL").filter(|proxy| is_proxy(proxy))?;
    let types = field::words(old.settings.get("PROXY_ENABLED_PROVIDERS")?)?;
    let kind = super::kinds::of_pool(pool).map(|kind| kind.id);
    types.iter().any(|id| id == pool || Some(id.as_str()) == kind).then_some(proxy)
}

/// Largest file of a system prompt that ours takes, in bytes.
const MOST_PROMPT: usize = 1 << 20;
/// Where it stood when nothing was said.
const USUAL_PROMPT: &str = "configs/input_system_prompt.txt";

/// The system prompt. An empty file meant none.
fn prompt(old: &Old<'_>, new: &mut Import) {
    let named = old.named("SYSTEM_PROMPT_FILE_PATH");
    let path = old.path(named.as_deref().unwrap_or(USUAL_PROMPT));
    let words = old.look.file(&path, MOST_PROMPT).map(String::from_utf8);
    let tell = |new: &mut Import, outcome, why: &'static str| {
        if old.settings.contains_key("SYSTEM_PROMPT_FILE_PATH") {
            new.tell(CONFIG, "SYSTEM_PROMPT_FILE_PATH", outcome, why);
        }
    };
    match words {
        Ok(Ok(words)) if !words.trim().is_empty() => {
            new.set(&["system-prompt", "file"], Node::text(&old.target.prompt));
            new.prompt = Some(words);
            tell(new, Outcome::Converted, "now `system-prompt.file`, a copy beside the new file");
        }
        Ok(Ok(_)) => tell(new, Outcome::Gone, "the file is empty"),
        Ok(Err(_)) => tell(new, Outcome::Broken, "the file is not UTF-8 text"),
        Err(crate::Trouble::Missing) => tell(new, Outcome::Gone, "there is no such file"),
        Err(_) => tell(new, Outcome::Broken, "the file cannot be read, or has more than 1 MiB"),
    }
    mode(old, new);
    replacements(old, new);
}

fn mode(old: &Old<'_>, new: &mut Import) {
    let Some(value) = old.settings.get("SYSTEM_PROMPT_MODE") else { return };
    match field::text(value) {
        Some(mode @ ("append" | "overwrite")) => {
            if new.prompt.is_some() {
                new.set(&["system-prompt", "mode"], Node::plain(mode));
            }
            new.tell(CONFIG, "SYSTEM_PROMPT_MODE", Outcome::Converted, "now `system-prompt.mode`");
        }
        None if field::is_nothing(value) => new.tell(CONFIG, "SYSTEM_PROMPT_MODE", Outcome::Same, ""),
        _ => not_taken("SYSTEM_PROMPT_MODE", new),
    }
}

/// They worked with a prompt file only; here they work without one, too, so they are left out then.
fn replacements(old: &Old<'_>, new: &mut Import) {
    let key = "SYSTEM_PROMPT_REPLACEMENTS";
    let Some(value) = old.settings.get(key) else { return };
    if field::is_nothing(value) || new.prompt.is_none() {
        return new.tell(CONFIG, key, Outcome::Gone, "without a system prompt they had no effect");
    }
    let pair = |item: &Value| {
        let (from, to) = (item.get("old")?.as_str()?, item.get("new")?.as_str()?);
        Some(map([("old", Node::text(from)), ("new", Node::text(to))]))
    };
    match value.as_array().and_then(|items| items.iter().map(pair).collect::<Option<Vec<_>>>()) {
        Some(pairs) => {
            new.set(&["system-prompt", "replacements"], Node::new(config::document::Value::List(pairs)));
            new.tell(CONFIG, key, Outcome::Converted, "now `system-prompt.replacements`");
        }
        None => not_taken(key, new),
    }
}
