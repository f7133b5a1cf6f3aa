//! The `payload` section: rules with paths and values, each checked where it stands.

use super::{Item, Section};
use crate::checked::payload::{Action, ModelMatch, PROTOCOLS, Path, Payload, Protocol, Rule, Setting};
use crate::report::Problems;
use crate::tree::{Entry, Value};
use crate::words;

/// Most rules in one list, and most paths in one rule.
const MAX_RULES: usize = 1_000;
const MAX_PATHS: usize = 1_000;

type Make = fn(&Section<'_>, &mut Problems) -> Action;

/// Reads all rules, in the order in which they are applied.
pub(crate) fn payload(section: &Section<'_>, problems: &mut Problems) -> Payload {
    let sections: [(&str, Make); 5] = [
        ("default", |rule, problems| Action::Default(settings(rule, plain, problems))),
        ("default-raw", |rule, problems| Action::Default(settings(rule, raw, problems))),
        ("override", |rule, problems| Action::Override(settings(rule, plain, problems))),
        ("override-raw", |rule, problems| Action::Override(settings(rule, raw, problems))),
        ("filter", |rule, problems| Action::Filter(paths(rule, "params", problems))),
    ];
    let mut rules = Vec::new();
    for (key, make) in sections {
        let list = section.sections(key, problems);
        if list.len() > MAX_RULES {
            problems.error(section.span(), format!("`{}.{key}` has more than {MAX_RULES} rules", section.path()));
        }
        rules.extend(list.iter().take(MAX_RULES).filter_map(|it| rule(it, make, problems)));
    }
    Payload { rules }
}

fn rule(section: &Section<'_>, make: Make, problems: &mut Problems) -> Option<Rule> {
    let action = make(section, problems);
    let sections = section.sections("models", problems);
    let mut models = Vec::with_capacity(sections.len());
    for entry in &sections {
        models.extend(model(entry, problems));
    }
    if sections.is_empty() {
        problems.warn(section.span(), format!("`{}` names no `models` and is never applied", section.path()));
    }
    (!models.is_empty()).then_some(Rule { models, action })
}

/// A condition; `None` when it cannot ever hold.
fn model(section: &Section<'_>, problems: &mut Problems) -> Option<ModelMatch> {
    let name = section.text("name", problems);
    if name.is_none() && section.get("name").is_none() {
        let problem = problems.error(section.span(), format!("`{}` needs a `name`", section.path()));
        problem.help("write the model's name; `*` stands for any text");
    }
    let protocol = protocol(section, "protocol", problems);
    let from_protocol = self::protocol(section, "from-protocol", problems);
    let found = ModelMatch {
        name: name.unwrap_or_default().to_ascii_lowercase(),
        protocol: protocol.flatten(),
        from_protocol: from_protocol.flatten(),
        headers: headers(section, problems),
        matches: conditions(section, "match", problems),
        not_matches: conditions(section, "not-match", problems),
        exists: paths(section, "exist", problems),
        not_exists: paths(section, "not-exist", problems),
    };
    let is_spoken = protocol != Some(None) && from_protocol != Some(None);
    is_spoken.then_some(found)
}

/// `None`: not said. `Some(None)`: a language that nobody speaks here.
fn protocol(section: &Section<'_>, key: &str, problems: &mut Problems) -> Option<Option<Protocol>> {
    let found = section.choice(key, PROTOCOLS, problems)?;
    if found.is_none() {
        let item = section.get(key)?;
        problems.warn(item.span(), format!("`{}` names a protocol that is not spoken here", item.path));
    }
    Some(found)
}

fn headers(section: &Section<'_>, problems: &mut Problems) -> Vec<(String, String)> {
    let Some(item) = section.get("headers") else { return Vec::new() };
    let Value::Mapping(entries) = &item.node.value else {
        let message = format!("`{}` must be a mapping (`Name: pattern`), found {}", item.path, words::kind(item.node));
        problems.error(item.span(), message);
        return Vec::new();
    };
    let mut headers = Vec::with_capacity(entries.len());
    for entry in entries {
        let value = below(&item, entry).text(problems).unwrap_or_default();
        headers.push((entry.key.trim().to_ascii_lowercase(), value));
    }
    headers
}

/// A list of mappings from paths to values.
fn conditions(section: &Section<'_>, key: &str, problems: &mut Problems) -> Vec<Setting> {
    let mut found = Vec::new();
    for item in section.list(key, problems) {
        found.extend(mapping(&item, plain, problems));
    }
    found
}

type Reading = fn(&Item<'_>, &mut Problems) -> Option<String>;

fn settings(section: &Section<'_>, value: Reading, problems: &mut Problems) -> Vec<Setting> {
    match section.get("params") {
        Some(item) => mapping(&item, value, problems),
        None => {
            problems.warn(section.span(), format!("`{}` has no `params` and changes nothing", section.path()));
            Vec::new()
        }
    }
}

fn mapping(item: &Item<'_>, value: Reading, problems: &mut Problems) -> Vec<Setting> {
    let Value::Mapping(entries) = &item.node.value else {
        let message = format!("`{}` must be a mapping (`path: value`), found {}", item.path, words::kind(item.node));
        problems.error(item.span(), message);
        return Vec::new();
    };
    if entries.is_empty() || entries.len() > MAX_PATHS {
        problems.error(item.span(), format!("`{}` must name 1 to {MAX_PATHS} paths", item.path));
    }
    let mut settings = Vec::with_capacity(entries.len());
    for entry in entries.iter().take(MAX_PATHS) {
        let path = match Path::parse(entry.key.trim()) {
            Ok(path) => path,
            Err(why) => {
                problems.error(entry.key_span, format!("`{}` holds a wrong path: {why}", item.path));
                continue;
            }
        };
        settings.extend(value(&below(item, entry), problems).map(|json| Setting { path, json }));
    }
    settings
}

fn below<'a>(item: &Item<'a>, entry: &'a Entry) -> Item<'a> {
    Item { node: &entry.value, path: item.path.clone() }
}

fn paths(section: &Section<'_>, key: &str, problems: &mut Problems) -> Vec<Path> {
    let mut paths = Vec::new();
    for item in section.list(key, problems).into_iter().take(MAX_PATHS) {
        let Some(text) = item.text(problems) else { continue };
        match Path::parse(text.trim()) {
            Ok(path) => paths.push(path),
            Err(why) => _ = problems.error(item.span(), format!("`{}` is a wrong path: {why}", item.path)),
        }
    }
    paths
}

/// A YAML value as JSON.
fn plain(item: &Item<'_>, _: &mut Problems) -> Option<String> {
    Some(json(&item.node.value))
}

/// A text that is JSON already.
fn raw(item: &Item<'_>, problems: &mut Problems) -> Option<String> {
    let text = item.text(problems)?;
    let text = text.trim();
    match serde_json::from_str::<&serde_json::value::RawValue>(text) {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            let place = format!("line {} column {} of it", error.line(), error.column());
            let problem =
                problems.error(item.span(), format!("`{}` holds a value that is no JSON ({place})", item.path));
            problem.help("raw values are JSON texts, such as '\"high\"' or '{\"a\": 1}'");
            None
        }
    }
}

fn json(value: &Value) -> String {
    match value {
        Value::Scalar { text, plain } => scalar(text, *plain),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| json(&item.value)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Mapping(entries) => {
            let field = |entry: &Entry| format!("{}:{}", quoted(&entry.key), json(&entry.value.value));
            let fields: Vec<String> = entries.iter().map(field).collect();
            format!("{{{}}}", fields.join(","))
        }
    }
}

/// Numbers keep their digits; what is no JSON number, such as `1_000` or `.inf`, is a text.
fn scalar(text: &str, plain: bool) -> String {
    match text {
        "" | "~" | "null" | "Null" | "NULL" if plain => "null".to_owned(),
        "true" | "True" | "TRUE" if plain => "true".to_owned(),
        "false" | "False" | "FALSE" if plain => "false".to_owned(),
        _ if plain && is_number(text) => text.to_owned(),
        _ => quoted(text),
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
