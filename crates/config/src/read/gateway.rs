//! The settings of the gateway itself: listener, keys, retries, routing, limits. Providers are read elsewhere.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::{
    Section, channels, checkup, fallback, fetch, hedge, keys, labels, number, payload, place, prompt, provider, safety,
};
use crate::checked::{
    Concurrency, Config, Cors, Deadlines, Limits, Log, LogFormat, Proxy, QuotaExceeded, ResponsesStore, Routing,
    StoreMode, Strategy, Streaming, Tls,
};
use crate::report::Problems;
use crate::schema::Kind;
use crate::secret::Secret;
use crate::tree::Node;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// Most calls that an account may have, or that may wait for it.
pub(super) const MAX_CALLS: i64 = 1_000_000;

/// Reads everything. Where a value is wrong the default stands in, and the problem is told.
pub(crate) fn read(root: &Node, problems: &mut Problems) -> Config {
    let root = Section::at(root, String::new(), problems);
    let management = root.section("remote-management", problems);
    let base = Config::default();
    let config = Config {
        host: place::host(&root, problems).unwrap_or(base.host),
        port: port(&root, problems).unwrap_or(base.port),
        tls: tls(&root.section("tls", problems), problems),
        auth_dir: root.text("auth-dir", problems).map_or(base.auth_dir, PathBuf::from),
        client_keys: keys::client_keys(&root, problems),
        management_key: management.text("secret-key", problems).map(Secret::new),
        allow_remote_management: management.flag("allow-remote", false, problems),
        disable_control_panel: management.flag("disable-control-panel", false, problems),
        debug: root.flag("debug", false, problems),
        log: log(&root.section("log", problems), problems),
        demo: root.flag("demo", false, problems),
        proxy: place::proxy(&root, Proxy::Environment, problems),
        request_retry: count(&root, "request-retry", 1000, problems),
        max_retry_credentials: count(&root, "max-retry-credentials", 1_000_000, problems),
        max_retry_interval: seconds(&root, "max-retry-interval", problems),
        disable_cooling: root.flag("disable-cooling", false, problems),
        transient_error_cooldown: transient_error_cooldown(&root, problems),
        force_model_prefix: root.flag("force-model-prefix", false, problems),
        channel_aliases: channels::aliases(&root, problems),
        channel_errors: channels::errors(&root, problems),
        channel_exclusions: channels::exclusions(&root, problems),
        passthrough_headers: root.flag("passthrough-headers", false, problems),
        routing: routing(&root.section("routing", problems), problems),
        save_cooldowns: root.flag("save-cooldown-status", false, problems),
        health_webhook: health_webhook(&root, problems),
        health_check: checkup::health_check(&root.section("health-check", problems), problems),
        quota_reading: time_or_off(&root, "quota-reading", SECOND..=DAY, base.quota_reading, problems),
        hedge: hedge::hedge(&root.section("hedge", problems), problems),
        quota_exceeded: quota_exceeded(&root.section("quota-exceeded", problems), problems),
        fallback: fallback::chains(&root, "fallback", |name| name.trim().to_owned(), problems),
        provider_fallback: fallback::chains(&root, "provider-fallback", |id| id.trim().to_lowercase(), problems),
        concurrency: concurrency(&root.section("credential-concurrency", problems), problems),
        streaming: streaming(&root.section("streaming", problems), problems),
        nonstream_keepalive: interval(&root, "nonstream-keepalive-interval", problems),
        cors: cors(&root.section("cors", problems), problems),
        payload: payload::payload(&root.section("payload", problems), problems),
        system_prompt: prompt::system_prompt(&root.section("system-prompt", problems), problems),
        fidelity: prompt::fidelity(&root, problems).unwrap_or_default(),
        fetch: fetch::fetch(&root.section("fetch", problems), problems),
        model_refresh: time_or_off(&root, "model-refresh", 10 * MINUTE..=MONTH, base.model_refresh, problems),
        limits: limits(&root.section("limits", problems), problems),
        responses_store: responses_store(&root.section("responses-store", problems), problems),
        deadlines: deadlines(&root.section("timeouts", problems), problems),
        compat: provider::compat(&root, problems),
        keyed: provider::keyed(&root, problems),
        ollama: provider::ollama(&root, problems),
    };
    labels::check(&root, problems);
    safety::check(&root, &config, problems);
    config
}

fn port(root: &Section<'_>, problems: &mut Problems) -> Option<u16> {
    root.whole("port", 0..=65_535, problems).and_then(|port| u16::try_from(port).ok())
}

fn tls(section: &Section<'_>, problems: &mut Problems) -> Option<Tls> {
    let (cert, key) = (section.text("cert", problems), section.text("key", problems));
    if !section.flag("enable", false, problems) {
        return None;
    }
    for (name, value) in [("cert", &cert), ("key", &key)] {
        if value.is_none() {
            problems.error(section.span(), format!("`tls.enable` is on, but `tls.{name}` names no file"));
        }
    }
    Some(Tls { cert: cert?.into(), key: key?.into() })
}

fn log(section: &Section<'_>, problems: &mut Problems) -> Log {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    Log { format: section.choice("format", &formats, problems).unwrap_or_default() }
}

fn routing(section: &Section<'_>, problems: &mut Problems) -> Routing {
    let base = Routing::default();
    let sticky = section.flag("session-affinity", base.session_affinity.is_some(), problems);
    let ttl = section.duration("session-affinity-ttl", Duration::ZERO..=MONTH, problems);
    let ttl = ttl.filter(|ttl| !ttl.is_zero()).unwrap_or(HOUR);
    let strategy = section.choice("strategy", STRATEGIES, problems).unwrap_or(base.strategy);
    let session_fail_back = section.flag("session-affinity-fail-back", base.session_fail_back, problems);
    Routing { strategy, session_affinity: sticky.then_some(ttl), session_fail_back }
}

/// Who is told of changes of health.
fn health_webhook(root: &Section<'_>, problems: &mut Problems) -> Option<Secret> {
    let text = root.text("health-webhook", problems)?;
    let usable = Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !usable && let Some(item) = root.get("health-webhook") {
        item.wrong(Kind::Secret, "an http or https address", problems);
    }
    usable.then(|| Secret::new(text))
}

/// `off`, or a time.
fn time_or_off(
    root: &Section<'_>,
    key: &str,
    bounds: RangeInclusive<Duration>,
    usual: Option<Duration>,
    problems: &mut Problems,
) -> Option<Duration> {
    let word = root.get(key).and_then(|item| item.plain().and_then(number::flag));
    match word {
        Some(on) => usual.filter(|_| on),
        None => root.duration(key, bounds, problems).or(usual),
    }
}

fn quota_exceeded(section: &Section<'_>, problems: &mut Problems) -> QuotaExceeded {
    let base = QuotaExceeded::default();
    QuotaExceeded {
        switch_account: section.flag("switch-project", base.switch_account, problems),
        switch_to_preview: section.flag("switch-preview-model", base.switch_to_preview, problems),
    }
}

fn concurrency(section: &Section<'_>, problems: &mut Problems) -> Concurrency {
    let base = Concurrency::default();
    Concurrency {
        calls: count(section, "default-max-concurrency", MAX_CALLS, problems),
        queue: count(section, "default-max-queue", MAX_CALLS, problems),
        patience: section.duration("queue-timeout", SECOND..=HOUR, problems).unwrap_or(base.patience),
    }
}

const STRATEGIES: &[(&str, Strategy)] = &[
    ("round-robin", Strategy::RoundRobin),
    ("weighted-round-robin", Strategy::WeightedRoundRobin),
    ("fill-first", Strategy::FillFirst),
    ("least-used", Strategy::LeastUsed),
    ("latency", Strategy::Latency),
    ("roundrobin", Strategy::RoundRobin),
    ("rr", Strategy::RoundRobin),
    ("weightedroundrobin", Strategy::WeightedRoundRobin),
    ("wrr", Strategy::WeightedRoundRobin),
    ("fillfirst", Strategy::FillFirst),
    ("ff", Strategy::FillFirst),
];

fn streaming(section: &Section<'_>, problems: &mut Problems) -> Streaming {
    Streaming {
        keepalive: interval(section, "keepalive-seconds", problems),
        bootstrap_retries: count(section, "bootstrap-retries", 100, problems),
    }
}

fn cors(section: &Section<'_>, problems: &mut Problems) -> Cors {
    let mut origins = Vec::new();
    for item in section.list("allowed-origins", problems) {
        let Some(text) = item.text(problems) else { continue };
        if text.trim() == "*" {
            return Cors::Any;
        }
        match place::origin(text.trim()) {
            Some(origin) => origins.push(origin),
            None => item.wrong(Kind::Text, "an origin such as `https://app.example.com`, or `*` for all", problems),
        }
    }
    if origins.is_empty() { Cors::Closed } else { Cors::Origins(origins) }
}

fn responses_store(section: &Section<'_>, problems: &mut Problems) -> ResponsesStore {
    let base = ResponsesStore::default();
    let modes = [("memory", StoreMode::Memory), ("off", StoreMode::Off)];
    let entries = section.whole("max-entries", 1..=10_000_000, problems);
    ResponsesStore {
        mode: section.choice("mode", &modes, problems).unwrap_or(base.mode),
        ttl: section.duration("ttl", SECOND..=MONTH, problems).unwrap_or(base.ttl),
        max_bytes: section.size("max-bytes", 64 << 10..=64 << 30, problems).unwrap_or(base.max_bytes),
        max_entries: entries.and_then(|count| usize::try_from(count).ok()).unwrap_or(base.max_entries),
    }
}

fn limits(section: &Section<'_>, problems: &mut Problems) -> Limits {
    let base = Limits::default();
    let mut size = |key, range, default| section.size(key, range, problems).unwrap_or(default);
    let body_bytes = size("body-bytes", 1 << 10..=2 << 30, base.body_bytes);
    let header_bytes = size("header-bytes", 8 << 10..=1 << 20, base.header_bytes);
    let line_bytes = size("line-bytes", 64 << 10..=256 << 20, base.line_bytes);
    let reply_bytes = size("reply-bytes", 64 << 10..=2 << 30, base.reply_bytes);
    let mut number = |key, most, default| {
        let value = section.whole(key, 1..=most, problems);
        value.and_then(|value| usize::try_from(value).ok()).unwrap_or(default)
    };
    let header_count = number("header-count", 10_000, base.header_count);
    let in_flight = number("in-flight-requests", 1_000_000, base.in_flight);
    let connections = number("connections", 1_000_000, base.connections);
    let mut time = |key, default| section.duration(key, SECOND..=HOUR, problems).unwrap_or(default);
    let header_read_timeout = time("header-read-timeout", base.header_read_timeout);
    let body_read_timeout = time("body-read-timeout", base.body_read_timeout);
    Limits {
        body_bytes,
        header_bytes,
        header_count,
        in_flight,
        connections,
        header_read_timeout,
        body_read_timeout,
        line_bytes,
        reply_bytes,
    }
}

fn deadlines(section: &Section<'_>, problems: &mut Problems) -> Deadlines {
    let base = Deadlines::default();
    let short = Duration::from_millis(100);
    let mut time = |key, default| section.duration(key, short..=DAY, problems).unwrap_or(default);
    Deadlines {
        connect: time("connect", base.connect),
        first_byte: time("first-byte", base.first_byte),
        first_token: time("first-token", base.first_token),
        idle: time("idle", base.idle),
        whole_reply: time("whole-reply", base.whole_reply),
        total: section.duration("total", Duration::ZERO..=DAY, problems).filter(|total| !total.is_zero()),
        drain: section.duration("drain", Duration::ZERO..=HOUR, problems).unwrap_or(base.drain),
    }
}

/// Seconds; 0 means 60, a negative number means not at all.
fn transient_error_cooldown(root: &Section<'_>, problems: &mut Problems) -> Option<Duration> {
    let usual = Config::default().transient_error_cooldown;
    match root.whole("transient-error-cooldown-seconds", -1..=86_400, problems) {
        None | Some(0) => usual,
        Some(value) => u64::try_from(value).ok().map(Duration::from_secs),
    }
}

/// A number that has no negative side: the original takes those for 0, and so do we, but aloud.
fn count(section: &Section<'_>, key: &str, most: i64, problems: &mut Problems) -> u32 {
    if let Some(item) = section.get(key).filter(|_| section.is_negative(key)) {
        problems.warn(item.span(), format!("`{}` is negative; read as 0", item.path));
        return 0;
    }
    section.whole(key, 0..=most, problems).and_then(|value| u32::try_from(value).ok()).unwrap_or(0)
}

fn seconds(section: &Section<'_>, key: &str, problems: &mut Problems) -> Duration {
    Duration::from_secs(u64::from(count(section, key, 86_400, problems)))
}

fn interval(section: &Section<'_>, key: &str, problems: &mut Problems) -> Option<Duration> {
    let value = Duration::from_secs(u64::from(count(section, key, 3600, problems)));
    (!value.is_zero()).then_some(value)
}
