//! Who may ask: the plain list `api-keys`, the list `client-keys` with limits, and `api-key-limits` of AIProxyAPI, which
//! gives limits to keys of the plain list.

use super::labels::{MAX_LABEL, fits};
use super::{Item, Section, moment, prompt, provider};
use crate::checked::{ClientKey, ClientSecret, KeyLimits};
use crate::report::Problems;
use crate::schema::Kind;
use crate::secret::Secret;
use crate::tree::Value;
use crate::words;

/// Longest client key. Longer ones could not be told from a pasted file.
const MAX_KEY: usize = 4096;
/// Most quotas of one key.
const MAX_QUOTAS: usize = 64;
/// Largest figure of a limit.
const MOST: i64 = 1_000_000_000_000;

/// All keys, those of the plain list first.
pub(crate) fn client_keys(root: &Section<'_>, problems: &mut Problems) -> Vec<ClientKey> {
    let mut keys = plain(root, problems);
    for section in root.sections("client-keys", problems) {
        keys.extend(entry(&section, &keys, problems));
    }
    for section in root.sections("api-key-limits", problems) {
        older(&section, &mut keys, problems);
    }
    keys
}

/// Trimmed, without empty ones and repetitions. Labels count the keys that are left.
fn plain(root: &Section<'_>, problems: &mut Problems) -> Vec<ClientKey> {
    let mut keys: Vec<ClientKey> = Vec::new();
    for item in root.list("api-keys", problems) {
        let Some(text) = item.text(problems) else { continue };
        let key = ClientSecret::Plain(Secret::new(text.trim()));
        if text.trim().is_empty() || keys.iter().any(|earlier| earlier.key == key) {
            problems.warn(item.span(), format!("`{}` is empty or a repetition; ignored", item.path));
        } else if !sendable(text.trim()) {
            unsendable(&item, problems);
        } else {
            keys.push(ClientKey { key, label: format!("key-{}", keys.len() + 1), limits: None });
        }
    }
    keys
}

fn sendable(key: &str) -> bool {
    key.len() <= MAX_KEY && key.bytes().all(|byte| byte.is_ascii_graphic())
}

fn unsendable(item: &Item<'_>, problems: &mut Problems) {
    let message = format!("`{}` cannot be sent in a header: keys are visible ASCII without spaces", item.path);
    problems.error(item.span(), message);
}

/// One of `client-keys`.
fn entry(section: &Section<'_>, earlier: &[ClientKey], problems: &mut Problems) -> Option<ClientKey> {
    let key = secret(section, problems);
    let label = label(section, earlier, problems);
    let limits = limits(section, problems);
    let key = key?;
    if let Some(other) = earlier.iter().find(|other| other.key.is_of(&key)) {
        let hashed = [&other.key, &key].into_iter().any(|key| key.plain().is_none());
        let how = if hashed { ", once as a hash" } else { "" };
        let message = format!("`{}` holds a key that is listed already{how}", section.path());
        problems.error(section.span(), message).help(format!("it is that of `{}`", other.label));
        return None;
    }
    Some(ClientKey { key, label, limits: (limits != KeyLimits::default()).then(|| Box::new(limits)) })
}

fn secret(section: &Section<'_>, problems: &mut Problems) -> Option<ClientSecret> {
    let (key, hash) = (section.get("key"), section.get("key-hash"));
    match (&key, &hash) {
        (None, None) => {
            let message = format!("`{}` has neither `key` nor `key-hash`", section.path());
            problems.error(section.span(), message).help("`bosporus hash-key` makes a hash of a key");
        }
        (Some(_), Some(item)) => {
            let message = format!("`{}` has both `key` and `key-hash`", section.path());
            problems.error(item.span(), message).help("keep one of them");
        }
        _ => {}
    }
    if let Some(item) = &key {
        let text = item.text(problems)?;
        if text.trim().is_empty() || !sendable(text.trim()) {
            unsendable(item, problems);
            return None;
        }
        return Some(ClientSecret::Plain(Secret::new(text.trim())));
    }
    let item = hash?;
    let hash = item.text(problems)?.trim().strip_prefix("sha256:").and_then(digest);
    if hash.is_none() {
        let message = format!("`{}` must be `sha256:` and 64 hexadecimal digits", item.path);
        problems.error(item.span(), message).help("`bosporus hash-key` makes one");
    }
    hash.map(ClientSecret::Sha256)
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn label(section: &Section<'_>, earlier: &[ClientKey], problems: &mut Problems) -> String {
    let counted = counted(earlier);
    let Some(label) = section.text("label", problems) else { return counted };
    let span = section.get("label").map(|item| item.span());
    if !fits(&label) {
        problems.error(span, format!("`{}.label` must be at most {MAX_LABEL} visible characters", section.path()));
        return counted;
    }
    if earlier.iter().any(|other| other.label == label) {
        problems.error(span, format!("`{}.label` is the label of an earlier key", section.path()));
    }
    label
}

/// The next number that nobody has taken for a label of their own.
fn counted(earlier: &[ClientKey]) -> String {
    let free = |label: &String| !earlier.iter().any(|other| other.label == *label);
    let numbers = (earlier.len() + 1..).map(|number| format!("key-{number}"));
    numbers.take(earlier.len() + 1).find(free).unwrap_or_default()
}

fn limits(section: &Section<'_>, problems: &mut Problems) -> KeyLimits {
    let mut figure = |key| section.whole(key, 1..=MOST, problems).and_then(|value| u64::try_from(value).ok());
    let (requests, tokens) = (figure("requests-per-minute"), figure("tokens-per-minute"));
    let concurrency = figure("concurrency").and_then(|value| u32::try_from(value).ok());
    KeyLimits {
        disabled: section.flag("disabled", false, problems),
        models: provider::patterns(section, "models", problems),
        providers: provider::patterns(section, "providers", problems),
        accounts: provider::patterns(section, "accounts", problems),
        expires: expires(section, problems),
        fidelity: prompt::fidelity(section, problems),
        requests_per_minute: requests,
        tokens_per_minute: tokens,
        concurrency,
        monthly_requests: quotas(section, "monthly-requests", problems),
    }
}

fn expires(section: &Section<'_>, problems: &mut Problems) -> Option<std::time::SystemTime> {
    let item = section.get("expires")?;
    let text = item.text(problems)?;
    let moment = moment::end(text.trim());
    if moment.is_none() {
        item.wrong(Kind::Text, "a day such as `2026-12-31` or a moment such as `2026-12-31T18:00:00Z`", problems);
    }
    moment
}

/// `pattern: number` for each quota.
fn quotas(section: &Section<'_>, key: &str, problems: &mut Problems) -> Vec<(String, u64)> {
    let Some(item) = section.get(key) else { return Vec::new() };
    let below = Section::at(item.node, item.path.clone(), problems);
    let Value::Mapping(entries) = &item.node.value else { return Vec::new() };
    if entries.len() > MAX_QUOTAS {
        problems.error(item.span(), format!("`{}` has more than {MAX_QUOTAS} entries", item.path));
    }
    let quota = |pattern: &str| {
        let most = below.whole(pattern, 0..=MOST, problems)?;
        Some((pattern.trim().to_lowercase(), u64::try_from(most).ok()?))
    };
    entries.iter().take(MAX_QUOTAS).map(|entry| &*entry.key).filter_map(quota).collect()
}

/// One of AIProxyAPI's `api-key-limits`: limits for a key of the plain list.
fn older(section: &Section<'_>, keys: &mut [ClientKey], problems: &mut Problems) {
    let key = section.get("api-key").and_then(|item| item.text(problems)).unwrap_or_default();
    let limits = KeyLimits {
        models: provider::patterns(section, "allowed-models", problems),
        providers: provider::patterns(section, "allowed-providers", problems),
        accounts: provider::patterns(section, "allowed-credentials", problems),
        monthly_requests: quotas(section, "monthly-quotas", problems),
        ..KeyLimits::default()
    };
    let wanted = ClientSecret::Plain(Secret::new(key.trim()));
    let Some(found) = keys.iter_mut().find(|known| known.key == wanted) else {
        let message = format!("`{}` limits a key that is not in `api-keys`; ignored", section.path());
        problems.warn(section.span(), message).help("a key that nobody lists is not let in anyway");
        return;
    };
    if found.limits.is_some() {
        let message = format!("`{}` limits {} a second time", section.path(), words::key(&found.label));
        problems.error(section.span(), message);
    } else if limits != KeyLimits::default() {
        found.limits = Some(Box::new(limits));
    }
}
