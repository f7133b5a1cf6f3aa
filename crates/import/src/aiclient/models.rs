//! `custom_models.json`: names of the user's own for models, with figures and settings. They become entries of the
//! accounts' `models`, and payload rules.

use config::document::{Entry, Node, Value as Yaml};
use serde_json::{Map, Value};

use super::kinds::{ByKey, Here};
use super::{Old, field, shown};
use crate::draft::{Import, map};
use crate::report::Outcome;

const FILE: &str = "custom_models.json";
/// Most of them.
const MOST: usize = 2_000;

/// Fields, and what is said of each when the model is taken over.
const FIELDS: &[(&str, Outcome, &str)] = &[
    ("id", Outcome::Converted, "now an `alias` in `models`"),
    ("name", Outcome::Converted, "now `display-name`"),
    ("alias", Outcome::Converted, "now an `alias` in `models`"),
    ("provider", Outcome::Gone, "a list shows what can be called"),
    ("actualProvider", Outcome::Converted, "the accounts that have the model now"),
    ("actualModel", Outcome::Converted, "now `name` in `models`"),
    ("contextLength", Outcome::Converted, "now `max-context-length`"),
    ("maxTokens", Outcome::Converted, "now a rule of `payload.override`"),
    ("temperature", Outcome::Converted, "now a rule of `payload.override`"),
    ("topP", Outcome::Converted, "now a rule of `payload.override`"),
    ("description", Outcome::Gone, "lists show names only"),
];

pub(crate) fn read(old: &mut Old<'_>, new: &mut Import) {
    let path = match old.named("CUSTOM_MODELS_FILE_PATH") {
        Some(path) => old.path(&path),
        None => old.configs.join(FILE),
    };
    let Some(value) = old.beside(FILE, &path, new) else { return };
    let items = match &value {
        Value::Null => return,
        Value::Array(items) => items.as_slice(),
        _ => return new.tell(FILE, "", Outcome::Broken, "it is no list of models"),
    };
    for (at, item) in items.iter().enumerate() {
        let path = format!("[{at}]");
        match item.as_object() {
            Some(fields) if at < MOST => one(old, &path, fields, new),
            _ => new.tell(FILE, &path, Outcome::Broken, "it is no JSON object, or one too many"),
        }
    }
}

fn one(old: &Old<'_>, path: &str, fields: &Map<String, Value>, new: &mut Import) {
    let text = |key: &str| fields.get(key).and_then(field::text);
    let Some(id) = text("id").or_else(|| text("alias")) else {
        return new.tell(FILE, path, Outcome::Unknown, "left out: it has no `id`");
    };
    let first = old.settings.get("MODEL_PROVIDER").and_then(field::words).and_then(|types| types.into_iter().next());
    let provider = text("actualProvider").or_else(|| text("provider")).or(first.as_deref());
    let model = text("actualModel").unwrap_or(id);
    let fits = |name: &str, pool: &str, kind: &str| name == pool || name == kind;
    let places: Vec<(&'static ByKey, usize)> = old
        .served
        .iter()
        .filter(|served| provider.is_none_or(|name| fits(name, &served.pool, served.kind.id)))
        .filter_map(|served| match &served.kind.here {
            Here::ByKey(by_key) => Some((by_key, served.index)),
            Here::BySignIn { .. } | Here::Never(_) => None,
        })
        .collect();
    if places.is_empty() {
        return new.tell(FILE, path, Outcome::Lost, "left out: the new file has no account of its provider yet");
    }
    let alias = text("alias").filter(|alias| *alias != id);
    for (by_key, index) in &places {
        for name in std::iter::once(id).chain(alias) {
            let _ = add(by_key, *index, named(model, name, fields), new);
        }
    }
    rule(places[0].0, id, alias, fields, new);
    for key in fields.keys() {
        let said = FIELDS.iter().find(|(name, ..)| name == key);
        let (outcome, note) = said.map_or((Outcome::Unknown, "left out"), |(_, outcome, note)| (*outcome, *note));
        new.tell(FILE, &format!("{path}.{}", shown(key)), outcome, note);
    }
}

/// An entry of `models`.
fn named(model: &str, alias: &str, fields: &Map<String, Value>) -> Node {
    let mut entry = vec![("name", Node::text(model)), ("alias", Node::text(alias))];
    entry.extend(fields.get("name").and_then(field::text_node).map(|name| ("display-name", name)));
    let context = fields.get("contextLength").and_then(Value::as_u64).filter(|tokens| (1..=1 << 31).contains(tokens));
    entry.extend(context.map(|tokens| ("max-context-length", Node::plain(tokens))));
    Node::new(Yaml::Map(entry.into_iter().map(|(key, node)| Entry { key: key.to_owned(), node }).collect()))
}

/// Adds a model to an account, which then names all that it takes.
fn add(by_key: &ByKey, index: usize, model: Node, new: &mut Import) -> Option<()> {
    let fields = new.items_mut(by_key.list)?.get_mut(index)?.entries_mut()?;
    if !fields.iter().any(|field| field.key == "models") {
        fields.push(Entry { key: "models".to_owned(), node: Node::new(Yaml::List(by_key.every_model())) });
    }
    let models = fields.iter_mut().find(|field| field.key == "models")?;
    if let Yaml::List(models) = &mut models.node.value {
        models.push(model);
    }
    Some(())
}

/// What the model's requests are given, whatever they say themselves.
fn rule(by_key: &ByKey, id: &str, alias: Option<&str>, fields: &Map<String, Value>, new: &mut Import) {
    let number = |key: &str| fields.get(key).and_then(Value::as_f64).map(|_| Node::plain(&fields[key]));
    let params = [(by_key.most_tokens, "maxTokens"), ("temperature", "temperature"), ("top_p", "topP")];
    let params: Vec<Entry> =
        params.into_iter().filter_map(|(to, from)| Some(Entry { key: to.to_owned(), node: number(from)? })).collect();
    if params.is_empty() {
        return;
    }
    let models = std::iter::once(id).chain(alias).map(|name| map([("name", Node::text(name))]));
    let rule = map([("models", Node::new(Yaml::List(models.collect()))), ("params", Node::new(Yaml::Map(params)))]);
    let mut rules = match new.root.get("payload").and_then(|payload| payload.get("override")).map(|node| &node.value) {
        Some(Yaml::List(rules)) => rules.clone(),
        _ => Vec::new(),
    };
    rules.push(rule);
    new.set(&["payload", "override"], Node::new(Yaml::List(rules)));
}
