//! Keys besides the one of the settings: those of the plugin that gave keys to several people, and the panel's password.

use config::document::{Entry, Node, Value as Yaml};
use serde_json::{Map, Value};

use super::nodes::passes;
use super::{MOST, Old, field, shown};
use crate::draft::{Import, map};
use crate::look::Trouble;
use crate::report::Outcome;

const PEOPLE: &str = "api-potluck-keys.json";
const PLUGINS: &str = "plugins.json";
const PASSWORD: &str = "pwd";
/// Most keys.
const MOST_KEYS: usize = 5_000;
/// What everybody knows.
const KNOWN_PASSWORD: &str = "admin123";

pub(crate) fn read(old: &Old<'_>, new: &mut Import) {
    let on = plugins(old, new);
    people(old, on, new);
    password(old, new);
}

/// Says what became of each plugin; gives whether there were keys for several people.
fn plugins(old: &Old<'_>, new: &mut Import) -> bool {
    let Some(value) = old.beside(PLUGINS, &old.configs.join(PLUGINS), new) else { return false };
    let Some(plugins) = value.get("plugins").and_then(Value::as_object) else {
        new.tell(PLUGINS, "", Outcome::Gone, "it names no plugins");
        return false;
    };
    let is_on = |name: &str| plugins.get(name).and_then(|plugin| field::flag(plugin.get("enabled")?)).unwrap_or(false);
    for name in plugins.keys() {
        let (outcome, note) = match (name.as_str(), is_on(name)) {
            (_, false) => (Outcome::Gone, "it was off"),
            ("default-auth", _) => (Outcome::Same, "keys are always checked"),
            ("api-potluck", _) => (Outcome::Converted, "its keys are `client-keys`"),
            ("ai-monitor", _) => (Outcome::Later, "requests are not logged with their content yet"),
            ("model-usage-stats", _) => (Outcome::Later, "statistics come with a later version"),
            _ => (Outcome::Lost, "there are no plugins of this program's here"),
        };
        new.tell(PLUGINS, &format!("plugins.{}", shown(name)), outcome, note);
    }
    is_on("api-potluck")
}

fn people(old: &Old<'_>, on: bool, new: &mut Import) {
    let Some(value) = old.beside(PEOPLE, &old.configs.join(PEOPLE), new) else { return };
    let keys = match value.get("keys").and_then(Value::as_object) {
        Some(keys) if on => keys,
        _ => return new.tell(PEOPLE, "", Outcome::Gone, "the plugin of these keys was off, so they opened nothing"),
    };
    for (at, (key, value)) in keys.iter().enumerate() {
        // The way to an entry would show the key.
        let path = format!("keys[{at}]");
        match value.as_object() {
            Some(fields) if at < MOST_KEYS => person(key, fields, &path, new),
            _ => new.tell(PEOPLE, &path, Outcome::Broken, "it is no JSON object, or one too many"),
        }
    }
}

const A_DAY: &str = "a bound for each day is one for each month here: 30 times as much, in `monthly-requests`";
const COUNTED: &str = "a state of the old program, counted anew";

fn person(key: &str, fields: &Map<String, Value>, path: &str, new: &mut Import) {
    let mut entry = vec![("key", Node::text(key))];
    entry.extend(fields.get("name").and_then(field::text).map(|name| ("label", Node::text(label(name, new)))));
    let off = fields.get("enabled").and_then(field::flag) == Some(false);
    entry.extend(off.then(|| ("disabled", Node::plain("true"))));
    let figure = |key: &str| fields.get(key).and_then(field::count).filter(|number| *number > 0);
    let minute = figure("maxRpm").or_else(|| figure("maxQps").map(|second| second * 60));
    entry.extend(minute.map(|number| ("requests-per-minute", Node::plain(number))));
    let month = figure("dailyLimit").map(|day| map([("*", Node::plain(day * 30))]));
    entry.extend(month.map(|month| ("monthly-requests", month)));
    let entry = entry.into_iter().map(|(key, node)| Entry { key: key.to_owned(), node });
    let node = Node::new(Yaml::Map(entry.collect()));
    if let Err(why) = passes("client-keys", &node) {
        return new.tell(PEOPLE, path, Outcome::Broken, format!("the key is left out: {why}"));
    }
    if is_there(key.trim(), new) {
        return new.tell(PEOPLE, path, Outcome::Lost, "the key is left out: it is there already");
    }
    new.push("client-keys", node);
    new.tell(PEOPLE, path, Outcome::Converted, "now one of `client-keys`");
    for name in fields.keys() {
        let is_set = figure(name).is_some();
        let (outcome, note) = match name.as_str() {
            "id" | "name" | "enabled" | "maxRpm" => (Outcome::Converted, "now one of `client-keys`"),
            "dailyLimit" if is_set => (Outcome::Lost, A_DAY),
            "maxQps" if is_set && figure("maxRpm").is_none() => (Outcome::Converted, "now `requests-per-minute`"),
            "maxQps" | "maxTps" | "bonusRemaining" if is_set => {
                (Outcome::Lost, "left out: there is no such bound here")
            }
            "dailyLimit" | "maxQps" | "maxTps" | "bonusRemaining" => (Outcome::Same, ""),
            _ => (Outcome::Gone, COUNTED),
        };
        new.tell(PEOPLE, &format!("{path}.{}", shown(name)), outcome, note);
    }
}

fn is_there(key: &str, new: &Import) -> bool {
    let plain = new.items("api-keys").iter().filter_map(Node::scalar);
    let limited = new.items("client-keys").iter().filter_map(|entry| entry.get("key")?.scalar());
    plain.chain(limited).any(|other| other.trim() == key)
}

/// Longest label, in characters.
const MOST_LABEL: usize = 60;

/// A label that no other key has.
fn label(name: &str, new: &Import) -> String {
    let own: String = name.chars().filter(|c| !c.is_control()).take(MOST_LABEL).collect();
    let keys = new.items("client-keys");
    let taken = |label: &str| keys.iter().any(|key| key.get("label").and_then(Node::scalar) == Some(label));
    let numbered = (2..).map(|number| format!("{own} {number}"));
    std::iter::once(own.clone()).chain(numbered).find(|label| !taken(label)).unwrap_or_default()
}

/// The panel's password is the key of the management API, where it can be.
fn password(old: &Old<'_>, new: &mut Import) {
    let text = match old.look.file(&old.configs.join(PASSWORD), MOST) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).trim().to_owned(),
        Err(Trouble::Missing) => return,
        Err(trouble) => return new.tell(PASSWORD, "", Outcome::Broken, trouble.words()),
    };
    if text.is_empty() || text == KNOWN_PASSWORD {
        let why = "it is the one that everybody knows; set `remote-management.secret-key` to switch management on";
        return new.tell(PASSWORD, "", Outcome::Lost, why);
    }
    if text.starts_with("pbkdf2:") {
        let why = "it is kept as a hash that is not taken; set `remote-management.secret-key` anew";
        return new.tell(PASSWORD, "", Outcome::Lost, why);
    }
    new.set(&["remote-management", "secret-key"], Node::text(text));
    new.tell(PASSWORD, "", Outcome::Converted, "now `remote-management.secret-key`");
}
