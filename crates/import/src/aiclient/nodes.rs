//! Accounts: the pools' entries one by one, each setting of each looked up in a table.

use config::document::{Entry, Node, Value as Yaml};
use serde_json::{Map, Value};

use super::kinds::{ByKey, Here, Kind, More, of_pool};
use super::settings::proxy_of;
use super::{Old, POOLS, Served, checkup, credentials, field, shown};
use crate::draft::{Import, map};
use crate::report::Outcome;
use crate::yaml;

/// Most accounts of one installation.
const MOST_ACCOUNTS: usize = 5_000;

/// An account of the old program.
pub(crate) struct Account<'a> {
    pub(crate) kind: &'static Kind,
    pub(crate) pool: &'a str,
    /// Its place in its pool, from 1.
    pub(crate) number: usize,
    pub(crate) fields: &'a Map<String, Value>,
    /// Where it stands, for messages.
    pub(crate) file: &'static str,
    pub(crate) path: String,
}

/// What becomes of a setting that every kind has.
enum Common {
    /// The account's name.
    Name,
    /// It becomes this one.
    To(&'static str, fn(&Value) -> Option<Node>),
    /// It tells whether the account is asked whether it is well.
    Check,
    /// It tells which model is asked then.
    CheckModel,
    /// It was learned or counted, not said.
    State,
}

const COMMON: &[(&str, Common)] = &[
    ("customName", Common::Name),
    ("notSupportedModels", Common::To("not-supported-models", field::words_node)),
    ("supportedModels", Common::To("models", models)),
    ("concurrencyLimit", Common::To("max-concurrency", field::count_node)),
    ("queueLimit", Common::To("max-queue", field::count_node)),
    ("isDisabled", Common::To("disabled", switch)),
    ("priority", Common::To(FIRST, priority)),
    ("checkModelName", Common::CheckModel),
    ("checkHealth", Common::Check),
    ("uuid", Common::State),
    ("isHealthy", Common::State),
    ("lastUsed", Common::State),
    ("usageCount", Common::State),
    ("errorCount", Common::State),
    ("lastErrorTime", Common::State),
    ("lastErrorMessage", Common::State),
    ("lastHealthCheckTime", Common::State),
    ("lastHealthCheckModel", Common::State),
    ("needsRefresh", Common::State),
    ("refreshCount", Common::State),
    ("lastRefreshTime", Common::State),
    ("scheduledRecoveryTime", Common::State),
    ("_lastSelectionSeq", Common::State),
];

/// The order in which settings are written.
const ORDER: &[&str] = &[
    "name",
    "label",
    "api-key",
    "base-url",
    "proxy-url",
    "disabled",
    "group",
    "priority",
    "max-concurrency",
    "max-queue",
    "health-check",
    "headers",
    "api-key-entries",
    "models",
    "not-supported-models",
];

/// What decides who is asked first.
const FIRST: &str = "priority";

const STATE: &str = "a state of the old program, learned anew";
const NAMED: &str = "now `name` or `label`";
const NOTED: &str = "written down at the end of the new file, for the version that serves the account";
const UNCHECKED: &str = "the old program did not read it; `health-check` of the account says it here";
const CHECKED: &str = "checked as `health-check` says";
const NOBODY_CHECKS: &str = "nobody is asked whether it is well unless `health-check` says so";
const NO_MEANING: &str = "left out, for its value is not what it takes";

pub(crate) fn read(old: &mut Old<'_>, new: &mut Import) {
    let pools = std::mem::take(&mut old.pools);
    for (pool, value) in &pools {
        match (of_pool(pool), value.as_array()) {
            (_, Some(items)) if items.is_empty() => new.tell(POOLS, shown(pool), Outcome::Same, ""),
            (Some(kind), Some(items)) => {
                for (at, item) in items.iter().enumerate() {
                    one(old, kind, pool, at, item, new);
                }
            }
            (None, Some(_)) => {
                let why = "left out: no such kind of accounts is known; where it speaks OpenAI's Chat, write entries of \
                           `openai-compatibility`";
                new.tell(POOLS, shown(pool), Outcome::Unknown, why);
            }
            (_, None) => new.tell(POOLS, shown(pool), Outcome::Unknown, "left out: it is no list of accounts"),
        }
    }
    old.pools = pools;
}

fn one(old: &mut Old<'_>, kind: &'static Kind, pool: &str, at: usize, item: &Value, new: &mut Import) {
    let path = format!("{}[{at}]", shown(pool));
    let Some(fields) = item.as_object() else {
        return new.tell(POOLS, &path, Outcome::Broken, "it is no JSON object");
    };
    account(old, &Account { kind, pool, number: at + 1, fields, file: POOLS, path }, new);
}

/// Takes an account over, as far as that goes.
pub(crate) fn account(old: &mut Old<'_>, account: &Account<'_>, new: &mut Import) {
    old.count += 1;
    if old.count > MOST_ACCOUNTS {
        return new.tell(
            account.file,
            &account.path,
            Outcome::Broken,
            "there are more accounts than are taken at once",
        );
    }
    match &account.kind.here {
        Here::ByKey(by_key) => account.by_key(old, by_key, new),
        Here::BySignIn { files, inline } => {
            let settings = account.settings(old, new, Outcome::Later, NOTED);
            credentials::take(old, account, files, inline, &settings, new);
        }
        Here::Never(why) => account.tell_whole(Outcome::Refused, why, new),
    }
}

impl Account<'_> {
    pub(crate) fn tell(
        &self,
        key: &str,
        outcome: Outcome,
        why: impl Into<std::borrow::Cow<'static, str>>,
        new: &mut Import,
    ) {
        let path = match (self.path.as_str(), key) {
            ("", key) => shown(key).to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{}", shown(key)),
        };
        new.tell(self.file, &path, outcome, why);
    }

    /// The same of all that it has.
    fn tell_whole(&self, outcome: Outcome, why: &str, new: &mut Import) {
        if !self.path.is_empty() {
            return self.tell("", outcome, why.to_owned(), new);
        }
        self.fields.keys().for_each(|key| self.tell(key, outcome, why.to_owned(), new));
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        field::text(self.fields.get(key)?)
    }

    /// The settings that every kind has, and those of this kind that are only noted; all others are told. `to` and
    /// `note` are what becomes of those that have a counterpart.
    fn settings(&self, old: &Old<'_>, new: &mut Import, to: Outcome, note: &'static str) -> Vec<(&'static str, Node)> {
        let mut settings = Vec::new();
        for (key, value) in self.fields {
            let common = COMMON.iter().find(|(name, _)| name == key).map(|(_, common)| common);
            let more = self.kind.more.iter().find(|(name, _)| name == key);
            match (common, more) {
                _ if self.kind.is_main(key) => {}
                (Some(Common::Name), _) => self.tell(key, to, if note.is_empty() { NAMED } else { note }, new),
                (Some(Common::State), _) => self.tell(key, Outcome::Gone, STATE, new),
                (Some(Common::Check), _) => {
                    let asked = field::flag(value) == Some(true);
                    let (outcome, why) = match (asked, checkup::is_on(old)) {
                        (true, true) => (Outcome::Converted, CHECKED),
                        (true, false) => (Outcome::Lost, NOBODY_CHECKS),
                        (false, _) => (Outcome::Gone, UNCHECKED),
                    };
                    self.tell(key, outcome, why, new);
                }
                (Some(Common::CheckModel), _) => match field::text_node(value) {
                    Some(model) => {
                        settings.push(("health-check", map([("model", model)])));
                        self.tell(key, to, if note.is_empty() { "now `health-check.model`" } else { note }, new);
                    }
                    None => self.tell(key, Outcome::Same, "", new),
                },
                // Nothing is the usual everywhere but in priorities, where 0 is the first of all.
                (Some(Common::To(name, _)), _)
                    if field::is_nothing(value) || *name != FIRST && field::is_off(value) =>
                {
                    self.tell(key, Outcome::Same, "", new);
                }
                (Some(Common::To(name, make)), _) => match make(value) {
                    Some(node) => {
                        settings.push((*name, node));
                        self.tell(key, to, if note.is_empty() { told(name) } else { note.into() }, new);
                    }
                    None => self.tell(key, Outcome::Lost, NO_MEANING, new),
                },
                (None, Some((_, More::Never(why)))) => self.tell(key, Outcome::Refused, *why, new),
                (None, Some((name, More::Noted))) => match field::text_node(value) {
                    Some(node) => {
                        settings.push((*name, node));
                        self.tell(key, Outcome::Later, NOTED, new);
                    }
                    None => self.tell(key, Outcome::Same, "", new),
                },
                (None, Some((_, More::WithKey))) => {}
                (None, None) => self.tell(key, Outcome::Unknown, "left out", new),
            }
        }
        settings
    }

    fn by_key(&self, old: &mut Old<'_>, by_key: &'static ByKey, new: &mut Import) {
        if self.text(by_key.key).is_none() && self.text(by_key.address).is_none() {
            return self.tell_whole(Outcome::Broken, "the account is left out: it has neither key nor address", new);
        }
        let before = new.findings.len();
        let mut settings = self.settings(old, new, Outcome::Converted, "");
        self.tell_key(by_key, new);
        settings.extend(self.place(by_key, old));
        if by_key.is_compatible() {
            settings.push(("name", Node::text(self.name(new))));
            if !settings.iter().any(|(name, _)| *name == "models") {
                settings.push(("models", Node::new(Yaml::List(by_key.every_model()))));
            }
        } else {
            settings.extend(self.label(new).map(|label| ("label", Node::text(label))));
        }
        settings.sort_by_key(|(name, _)| ORDER.iter().position(|known| known == name));
        let node = Node::new(Yaml::Map(settings.into_iter().map(entry).collect()));
        match passes(by_key.list, &node) {
            Ok(()) => {
                let index = new.items(by_key.list).len();
                new.push(by_key.list, node);
                old.served.push(Served { pool: self.pool.to_owned(), kind: self.kind, index });
            }
            Err(why) => {
                new.findings.truncate(before);
                self.tell_whole(Outcome::Broken, &format!("the account is left out: {why}"), new);
            }
        }
    }

    fn tell_key(&self, by_key: &ByKey, new: &mut Import) {
        let keys = [by_key.key, by_key.address];
        let more = self.kind.more.iter().filter(|(_, more)| matches!(more, More::WithKey)).map(|(name, _)| *name);
        for key in keys.into_iter().chain(more).filter(|key| self.fields.contains_key(*key)) {
            self.tell(key, Outcome::Converted, format!("now an account of `{}`", by_key.list), new);
        }
        if self.kind.id == "forward-api" {
            let why =
                "it passed any path on; here it is a place that speaks OpenAI's Chat below /v1: see that it is one";
            self.tell("", Outcome::Lost, why, new);
        }
    }

    /// Key, address, proxy and group.
    fn place(&self, by_key: &ByKey, old: &Old<'_>) -> Vec<(&'static str, Node)> {
        let mut settings = Vec::new();
        let address = self.text(by_key.address).unwrap_or(by_key.usual);
        let address = if self.kind.id == "forward-api" && !address.is_empty() {
            format!("{}/v1", address.trim_end_matches('/'))
        } else {
            address.to_owned()
        };
        settings.push(("base-url", Node::text(address)));
        let header = self.text("FORWARD_HEADER_NAME").filter(|name| !name.eq_ignore_ascii_case("authorization"));
        let key = self.text(by_key.key).filter(|_| header.is_none()).map(Node::text);
        if let (Some(name), Some(key)) = (header, self.text(by_key.key)) {
            let before = self.fields.get("FORWARD_HEADER_VALUE_PREFIX").and_then(Value::as_str).unwrap_or("Bearer ");
            settings.push(("headers", map([(name, Node::text(format!("{before}{key}")))])));
        }
        let proxy = proxy_of(old, self.pool).map(Node::text);
        if by_key.is_compatible() {
            let pair = [key.map(|key| ("api-key", key)), proxy.map(|proxy| ("proxy-url", proxy))];
            let pair: Vec<_> = pair.into_iter().flatten().map(entry).collect();
            if !pair.is_empty() {
                settings.push(("api-key-entries", Node::new(Yaml::List(vec![Node::new(Yaml::Map(pair))]))));
            }
        } else {
            settings.extend(key.map(|key| ("api-key", key)));
            settings.extend(proxy.map(|proxy| ("proxy-url", proxy)));
        }
        let own_name = matches!(self.kind.id, "openai-custom" | "openaiResponses-custom" | "claude-custom");
        if !own_name || self.pool != self.kind.id {
            settings.push(("group", Node::text(self.pool)));
        }
        settings
    }

    /// A name that no other place has.
    fn name(&self, new: &Import) -> String {
        let own =
            self.text("customName").map(str::to_owned).unwrap_or_else(|| format!("{}-{}", self.pool, self.number));
        let own: String = own.chars().filter(|c| !c.is_control()).take(64).collect();
        let places = new.items("openai-compatibility");
        let taken = |name: &str| {
            let mut names = places.iter().filter_map(|place| place.get("name")?.scalar());
            names.any(|other| other.to_lowercase() == name.to_lowercase())
        };
        let numbered = (2..).map(|number| format!("{own} {number}"));
        std::iter::once(own.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
    }

    /// A label that no other account has. What is counted or a pattern has letters of its own.
    fn label(&self, new: &Import) -> Option<String> {
        let own = self.text("customName")?.replace(['#', '*'], "-");
        let own: String = own.chars().filter(|c| !c.is_control()).take(60).collect();
        let lists = super::kinds::lists().flat_map(|list| new.items(list));
        let taken: Vec<&str> = lists.filter_map(|entry| entry.get("label")?.scalar()).collect();
        let numbered = (2..).map(|number| format!("{own} {number}"));
        std::iter::once(own.trim().to_owned()).chain(numbered).find(|label| !taken.contains(&label.as_str()))
    }

    /// What is written down of an account that waits: its settings as lines of remarks.
    pub(crate) fn note(&self, what: &str, settings: &[(&'static str, Node)], new: &mut Import) {
        let name = self.text("customName").map(|name| format!(" \"{name}\"")).unwrap_or_default();
        new.tail.push(format!(" {}{name}: {what}", self.pool));
        let mut lines = String::new();
        settings.iter().cloned().map(entry).for_each(|entry| yaml::entry(&entry, 3, &mut lines));
        new.tail.extend(lines.lines().map(str::to_owned));
    }
}

fn told(name: &str) -> std::borrow::Cow<'static, str> {
    format!("now `{name}`").into()
}

impl Kind {
    /// Whether a setting holds the account itself.
    fn is_main(&self, key: &str) -> bool {
        match &self.here {
            Here::ByKey(by_key) => key == by_key.key || key == by_key.address,
            Here::BySignIn { files, inline } => files.contains(&key) || inline.contains(&key),
            Here::Never(_) => false,
        }
    }
}

fn entry((key, node): (&str, Node)) -> Entry {
    Entry { key: key.to_owned(), node }
}

/// Whether the checker takes an entry. One wrong account must not keep the others out.
pub(crate) fn passes(list: &str, node: &Node) -> Result<(), String> {
    let root = Entry { key: list.to_owned(), node: Node::new(Yaml::List(vec![node.clone()])) };
    let mut text = String::new();
    yaml::entry(&root, 0, &mut text);
    let (_, report) = config::parse(&text, "", &[]);
    let unused = report.warnings.iter().find(|warning| warning.message().contains("is not used"));
    match report.errors.first().or(unused) {
        Some(problem) => Err(problem.message().to_owned()),
        None => Ok(()),
    }
}

fn models(value: &Value) -> Option<Node> {
    let models = field::words(value)?;
    let models = models.into_iter().filter(|name| !name.is_empty()).map(|name| map([("name", Node::text(name))]));
    Some(Node::new(Yaml::List(models.collect())))
}

fn switch(value: &Value) -> Option<Node> {
    field::flag(value).map(Node::plain)
}

/// Smaller was first there, and 100 was the middle.
fn priority(value: &Value) -> Option<Node> {
    field::number(value).map(|number| Node::plain(100 - number))
}
