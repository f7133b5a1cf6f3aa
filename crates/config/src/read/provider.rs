//! Provider entries. What the original drops without a word (an entry without an address, a prefix with a slash) is
//! dropped here too, with a warning.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use url::Url;

use super::gateway::MAX_CALLS;
use super::{Item, Section, checkup, errors, labels, place};
use crate::checked::{
    AccountRules, Compat, CompatKey, HeaderRule, HeaderValueRule, KEYED, KNOWN_PLACES, KeyEntry, KeyedList,
    MaxTokensField, Modality, Model, Ollama, Proxy, Quirks, ReasoningField, ThinkingLevel, ThinkingRange,
};
use crate::report::Problems;
use crate::secret::Secret;
use crate::source::Span;
use crate::tree::Value;
use crate::words;

/// Largest share under the weighted strategy.
const MAX_WEIGHT: i64 = 1_000_000;
/// Highest and, negated, lowest priority.
const MAX_PRIORITY: i64 = 1_000_000;
/// Largest context window that can be asked for, in tokens.
const MAX_WINDOW: i64 = 100_000_000;

/// Header lines that belong to the connection, not to the request; the engine writes them.
const ENGINE_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// All lists of accounts by key that hold any.
pub(crate) fn keyed(root: &Section<'_>, problems: &mut Problems) -> BTreeMap<&'static str, Vec<KeyEntry>> {
    let lists = KEYED.iter().map(|list| (list.section, key_entries(root, *list, problems)));
    lists.filter(|(_, entries)| !entries.is_empty()).collect()
}

fn key_entries(root: &Section<'_>, list: KeyedList, problems: &mut Problems) -> Vec<KeyEntry> {
    let mut listed = Listed::default();
    for section in root.sections(list.section, problems) {
        let entry = key_entry(&section, problems);
        if list.needs_address && has_no_address(&section) {
            missing_address(&section, problems);
        } else if let Some(entry) = entry.filter(|entry| !list.needs_address || entry.base_url.is_some()) {
            listed.join(&section, entry, problems);
        }
    }
    listed.entries
}

fn has_no_address(section: &Section<'_>) -> bool {
    section.get("base-url").and_then(|item| item.scalar().map(|text| text.trim().is_empty())).unwrap_or(true)
}

/// The accounts of a list, found by their keys: there may be thousands.
#[derive(Default)]
struct Listed {
    entries: Vec<KeyEntry>,
    by_key: HashMap<Secret, Vec<(usize, Option<Span>)>>,
}

impl Listed {
    /// Adds an entry unless its account is there already.
    fn join(&mut self, section: &Section<'_>, mut entry: KeyEntry, problems: &mut Problems) {
        let span = section.span();
        let alike = self.by_key.entry(entry.key.clone()).or_default();
        if let Some((_, earlier)) = alike.iter().find(|(at, _)| same_account(&self.entries[*at], &entry)) {
            let message = format!("`{}` is an account that is listed already; ignored", section.path());
            let problem = problems.warn(span, message);
            if let Some(earlier) = earlier {
                problem.set_before(*earlier);
            }
            return;
        }
        if !entry.key.is_empty() && !alike.is_empty() {
            let message = format!("`{}` holds the key of an earlier entry; each counts as an account", section.path());
            problems.note(span, message);
        }
        if let Some(last) = self.entries.last().filter(|last| last.models == entry.models) {
            entry.models = Arc::clone(&last.models);
        }
        alike.push((self.entries.len(), span));
        self.entries.push(entry);
    }
}

fn missing_address(section: &Section<'_>, problems: &mut Problems) {
    let message = format!("`{}` has no `base-url`, so it is not used", section.path());
    problems.warn(section.span(), message).help("add the address of the API, such as `https://api.example.com/v1`");
}

fn same_account(a: &KeyEntry, b: &KeyEntry) -> bool {
    a.key == b.key && a.base_url == b.base_url && a.proxy == b.proxy && a.prefix == b.prefix && a.headers == b.headers
}

/// Servers that want no key as a rule, and no address when they run on this machine.
pub(crate) fn ollama(root: &Section<'_>, problems: &mut Problems) -> Vec<Ollama> {
    let mut servers = Vec::new();
    for section in root.sections("ollama", problems) {
        let off = section.flag("disabled", false, problems);
        let entry = entry(&section, problems);
        let num_ctx = section.whole("num-ctx", 1..=MAX_WINDOW, problems).and_then(|value| u64::try_from(value).ok());
        if !off {
            servers.push(Ollama { entry, num_ctx });
        }
    }
    servers
}

/// An entry that is in use. One that is not is checked all the same.
fn key_entry(section: &Section<'_>, problems: &mut Problems) -> Option<KeyEntry> {
    let off = section.flag("disabled", false, problems);
    let entry = entry(section, problems);
    if entry.key.is_empty() && entry.headers.is_empty() {
        let message = format!("`{}` has no `api-key`, so it is not used", section.path());
        problems.warn(section.span(), message);
        return None;
    }
    (!off).then_some(entry)
}

/// What all entries share.
pub(crate) fn entry(section: &Section<'_>, problems: &mut Problems) -> KeyEntry {
    KeyEntry {
        key: secret(section, problems),
        label: labels::of_account(section, problems),
        base_url: place::base_url(section, problems),
        proxy: place::proxy(section, Proxy::Inherit, problems),
        headers: headers(section, problems),
        models: models(section, problems),
        excluded_models: excluded_models(section, problems),
        group: group(section, problems),
        prefix: prefix(section, problems),
        priority: priority(section, problems),
        weight: weight(section, problems),
        request_retry: request_retry(section, problems),
        cache_prompts: section.flag("cache-prompts", false, problems),
        rules: rules(section, problems),
    }
}

pub(crate) fn compat(root: &Section<'_>, problems: &mut Problems) -> Vec<Compat> {
    let mut places: Vec<Compat> = Vec::new();
    for section in root.sections("openai-compatibility", problems) {
        let Some(mut place) = compat_entry(&section, problems) else { continue };
        if let Some(last) = places.last().filter(|last| last.models == place.models) {
            place.models = Arc::clone(&last.models);
        }
        if places.iter().any(|earlier| earlier.name.eq_ignore_ascii_case(&place.name)) {
            let message = format!("`{}` has the name of an earlier entry", section.path());
            problems
                .warn(section.get("name").map(|item| item.span()), message)
                .help("give each its own name: logs and paths tell them apart by it");
        }
        places.push(place);
    }
    places
}

fn compat_entry(section: &Section<'_>, problems: &mut Problems) -> Option<Compat> {
    let had_address = section.text("base-url", &mut Problems::default()).is_some();
    let base_url = place::base_url(section, problems);
    if base_url.is_none() && !had_address {
        missing_address(section, problems);
    }
    let name = section.text("name", problems);
    let headers = headers(section, problems);
    let keys = compat_keys(section, problems);
    let models = models(section, problems);
    let quirks = quirks(&section.section("quirks", problems), problems);
    let (group, prefix) = (group(section, problems), prefix(section, problems));
    let excluded_models = excluded_models(section, problems);
    let (priority, request_retry) = (priority(section, problems), request_retry(section, problems));
    let disabled = section.flag("disabled", false, problems);
    let rules = rules(section, problems);
    let support_prompt_cache_key = section.flag("support-prompt-cache-key", false, problems);
    let base_url = base_url?;
    let name = name.unwrap_or_else(|| unnamed(section, &base_url, problems));
    Some(Compat {
        name,
        base_url,
        disabled,
        group,
        prefix,
        priority,
        headers,
        keys,
        models,
        excluded_models,
        request_retry,
        rules,
        support_prompt_cache_key,
        quirks,
    })
}

fn unnamed(section: &Section<'_>, base_url: &Url, problems: &mut Problems) -> String {
    let name = base_url.host_str().unwrap_or("openai-compatibility").to_owned();
    problems.warn(section.span(), format!("`{}` has no `name`; it is called `{name}`", section.path()));
    name
}

fn compat_keys(section: &Section<'_>, problems: &mut Problems) -> Vec<CompatKey> {
    let mut keys: Vec<CompatKey> = Vec::new();
    let mut seen: HashMap<Secret, Vec<Proxy>> = HashMap::new();
    for entry in section.sections("api-key-entries", problems) {
        let (key, label) = (secret(&entry, problems), labels::of_account(&entry, problems));
        let (weight, proxy) = (weight(&entry, problems), place::proxy(&entry, Proxy::Inherit, problems));
        let proxies = seen.entry(key.clone()).or_default();
        if proxies.contains(&proxy) {
            problems.warn(entry.span(), format!("`{}` is a key that is listed already; ignored", entry.path()));
        } else {
            proxies.push(proxy.clone());
            let excluded_models = excluded_models(&entry, problems);
            keys.push(CompatKey { key, label, proxy, weight, excluded_models });
        }
    }
    keys
}

/// `api-key`: what an upstream is given, so it must fit into a header.
fn secret(section: &Section<'_>, problems: &mut Problems) -> Secret {
    let Some(item) = section.get("api-key") else { return Secret::default() };
    let text = item.text(problems).unwrap_or_default();
    if HeaderValue::from_str(text.trim()).is_err() {
        problems.error(item.span(), format!("`{}` holds characters that cannot be sent in a header", item.path));
        return Secret::default();
    }
    Secret::new(text.trim())
}

fn headers(section: &Section<'_>, problems: &mut Problems) -> Vec<HeaderRule> {
    let Some(item) = section.get("headers") else { return Vec::new() };
    let Value::Mapping(entries) = &item.node.value else {
        problems.error(
            item.span(),
            format!("`{}` must be a mapping (`Name: value`), found {}", item.path, words::kind(item.node)),
        );
        return Vec::new();
    };
    let mut rules: Vec<HeaderRule> = Vec::new();
    for entry in entries.iter().filter(|entry| !entry.value.is_null()) {
        let Ok(name) = HeaderName::from_bytes(entry.key.trim().as_bytes()) else {
            problems.error(entry.key_span, format!("`{}` holds a key that is no header name", item.path));
            continue;
        };
        if rules.iter().any(|rule| rule.name == name) {
            problems.error(entry.key_span, format!("`{}` sets the header `{name}` twice", item.path));
        } else if ENGINE_HEADERS.contains(&name.as_str()) {
            let message = format!("`{}` sets `{name}`, which belongs to the connection; ignored", item.path);
            problems.warn(entry.key_span, message);
        } else {
            let value = Item { node: &entry.value, path: format!("{}.{name}", item.path) };
            rules.extend(header_value(&value, problems).map(|value| HeaderRule { name, value }));
        }
    }
    rules
}

fn header_value(item: &Item<'_>, problems: &mut Problems) -> Option<HeaderValueRule> {
    let text = item.text(problems)?;
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if let Some(name) = text.strip_prefix('$').and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok()) {
        return Some(HeaderValueRule::FromClient(name));
    }
    if HeaderValue::from_str(text).is_err() {
        problems.error(item.span(), format!("`{}` holds characters that cannot be sent in a header", item.path));
        return None;
    }
    Some(HeaderValueRule::Fixed(Secret::new(text)))
}

fn prefix(section: &Section<'_>, problems: &mut Problems) -> Option<String> {
    let text = section.text("prefix", problems)?;
    let prefix = text.trim_matches('/').trim();
    if prefix.contains('/') {
        let item = section.get("prefix")?;
        problems.warn(item.span(), format!("`{}` has a slash inside; ignored", item.path));
        return None;
    }
    (!prefix.is_empty()).then(|| prefix.to_owned())
}

/// A word that can be a path's first segment and stand before a colon.
fn group(section: &Section<'_>, problems: &mut Problems) -> Option<String> {
    let group = section.text("group", problems)?;
    if group.contains(['/', ':', '?', '#', '%']) || group.chars().any(char::is_whitespace) {
        let item = section.get("group")?;
        let message = format!("`{}` must be one word without `/` and `:`, for it is written in paths", item.path);
        problems.error(item.span(), message);
        return None;
    }
    Some(group)
}

fn priority(section: &Section<'_>, problems: &mut Problems) -> i32 {
    let value = section.whole("priority", -MAX_PRIORITY..=MAX_PRIORITY, problems);
    value.and_then(|value| i32::try_from(value).ok()).unwrap_or(0)
}

/// 1 unless the file says otherwise; nothing and less leaves the account out of the weighted strategy.
fn weight(section: &Section<'_>, problems: &mut Problems) -> u32 {
    if section.is_negative("weight") {
        return 0;
    }
    section.whole("weight", 0..=MAX_WEIGHT, problems).and_then(|weight| u32::try_from(weight).ok()).unwrap_or(1)
}

fn rules(section: &Section<'_>, problems: &mut Problems) -> AccountRules {
    let mut calls = |key| section.whole(key, 0..=MAX_CALLS, problems).and_then(|value| u32::try_from(value).ok());
    AccountRules {
        calls: calls("max-concurrency"),
        queue: calls("max-queue"),
        disable_cooling: section.maybe_flag("disable-cooling", problems),
        errors: errors::rules(section, "request-scoped-errors", problems).into(),
        check: checkup::of_account(&section.section("health-check", problems), problems),
    }
}

/// A negative number means the global one.
fn request_retry(section: &Section<'_>, problems: &mut Problems) -> Option<u32> {
    if section.is_negative("request-retry") {
        return None;
    }
    section.whole("request-retry", 0..=1000, problems).and_then(|value| u32::try_from(value).ok())
}

/// `excluded-models`, and the same under the name that another program gave it.
fn excluded_models(section: &Section<'_>, problems: &mut Problems) -> Vec<String> {
    let mut all = patterns(section, "excluded-models", problems);
    all.extend(patterns(section, "not-supported-models", problems));
    all
}

/// A list of patterns, in lower case.
pub(crate) fn patterns(section: &Section<'_>, key: &str, problems: &mut Problems) -> Vec<String> {
    let mut patterns: Vec<String> = Vec::new();
    for item in section.list(key, problems) {
        let pattern = item.text(problems).unwrap_or_default().trim().to_lowercase();
        if !pattern.is_empty() && !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    patterns
}

fn models(section: &Section<'_>, problems: &mut Problems) -> Arc<[Model]> {
    let sections = section.sections("models", problems);
    sections.iter().filter_map(|section| model(section, problems)).collect()
}

fn model(section: &Section<'_>, problems: &mut Problems) -> Option<Model> {
    let name = section.text("name", problems);
    let alias = section.text("alias", problems);
    let most = i64::from(u32::MAX);
    let context = section.whole("max-context-length", 0..=most, problems);
    let model = Model {
        display_name: section.text("display-name", problems),
        max_context_length: context.and_then(|value| u64::try_from(value).ok()).filter(|value| *value > 0),
        force_mapping: section.flag("force-mapping", false, problems),
        is_compat: section.flag("is-compat", false, problems),
        thinking: section.get("thinking").map(|item| thinking(&item, problems)),
        input_modalities: words_of(section, "input-modalities", MODALITIES, problems),
        output_modalities: words_of(section, "output-modalities", MODALITIES, problems),
        image: section.flag("image", false, problems),
        ..Model::default()
    };
    let Some(known) = name.clone().or_else(|| alias.clone()) else {
        problems.warn(section.span(), format!("`{}` has no `name`, so it is not used", section.path()));
        return None;
    };
    Some(Model { name: name.unwrap_or_else(|| known.clone()), alias: alias.unwrap_or(known), ..model })
}

fn thinking(item: &Item<'_>, problems: &mut Problems) -> ThinkingRange {
    let section = Section::at(item.node, item.path.clone(), problems);
    let mut budget = |key| section.whole(key, 0..=10_000_000, problems).and_then(|value| u32::try_from(value).ok());
    let (min, max) = (budget("min"), budget("max").filter(|max| *max > 0));
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        problems.error(
            section.get("min").map(|item| item.span()),
            format!("`{}.min` ({min}) is more than its `max` ({max})", section.path()),
        );
    }
    ThinkingRange {
        min,
        max,
        zero_allowed: section.flag("zero-allowed", false, problems),
        dynamic_allowed: section.flag("dynamic-allowed", false, problems),
        levels: words_of(&section, "levels", LEVELS, problems),
    }
}

const LEVELS: &[(&str, ThinkingLevel)] = &[
    ("none", ThinkingLevel::None),
    ("auto", ThinkingLevel::Auto),
    ("minimal", ThinkingLevel::Minimal),
    ("low", ThinkingLevel::Low),
    ("medium", ThinkingLevel::Medium),
    ("high", ThinkingLevel::High),
    ("xhigh", ThinkingLevel::Xhigh),
    ("max", ThinkingLevel::Max),
];

const MODALITIES: &[(&str, Modality)] = &[
    ("text", Modality::Text),
    ("image", Modality::Image),
    ("audio", Modality::Audio),
    ("video", Modality::Video),
    ("file", Modality::File),
];

/// A list of known words. The original takes any, so a strange one is a warning.
fn words_of<T: Copy + PartialEq>(
    section: &Section<'_>,
    key: &str,
    known: &[(&str, T)],
    problems: &mut Problems,
) -> Vec<T> {
    let mut values = Vec::new();
    for item in section.list(key, problems) {
        let Some(word) = item.text(problems) else { continue };
        let word = word.trim().to_ascii_lowercase();
        match known.iter().find(|(name, _)| *name == word) {
            Some((_, value)) if values.contains(value) => {}
            Some((_, value)) => values.push(*value),
            None => {
                let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                let message = format!("`{}` is none of {}; ignored", item.path, words::one_of(&names));
                let problem = problems.warn(item.span(), message);
                if let Some(near) = words::nearest(&word, names) {
                    problem.help(format!("did you mean `{near}`?"));
                }
            }
        }
    }
    values
}

fn quirks(section: &Section<'_>, problems: &mut Problems) -> Quirks {
    let fields =
        [("max_tokens", MaxTokensField::MaxTokens), ("max_completion_tokens", MaxTokensField::MaxCompletionTokens)];
    let max_tokens_field = section.choice("max-tokens-field", &fields, problems);
    let fields = [
        ("effort", ReasoningField::Effort),
        ("object", ReasoningField::Object),
        ("switch", ReasoningField::Switch),
        ("budget", ReasoningField::Budget),
    ];
    let reasoning_field = section.choice("reasoning-field", &fields, problems);
    let places: Vec<(&str, &'static str)> = KNOWN_PLACES.iter().map(|name| (*name, *name)).collect();
    let like = section.choice("like", &places, problems);
    let mut flag = |key| section.maybe_flag(key, problems);
    Quirks {
        max_tokens_field,
        flatten_content: flag("flatten-content"),
        think_tags: flag("think-tags"),
        supports_stream_usage: flag("supports-stream-usage"),
        supports_developer_role: flag("supports-developer-role"),
        supports_parallel_tools: flag("supports-parallel-tools"),
        replay_reasoning: flag("replay-reasoning"),
        reasoning_field,
        like,
    }
}
