//! Who is asked when nobody answers: chains of providers, and models in place of models.

use config::document::{Entry, Node, Value as Yaml};
use serde_json::Value;

use super::{CONFIG, Old, field, shown};
use crate::draft::{Import, texts};
use crate::report::Outcome;

/// Most steps that are taken over.
const MOST: usize = 2_000;

const NO_ACCOUNT: &str = "left out: the new file has no account of that kind yet";
const CIRCLE: &str = "left out: what is asked next is asked for its own chain, too, and this step leads back";

pub(crate) fn read(old: &Old<'_>, new: &mut Import) {
    providers(old, new);
    models(old, new);
}

/// Steps that can be taken, from whom to whom.
#[derive(Default)]
struct Steps(Vec<(String, String)>);

impl Steps {
    /// Adds a step, unless it leads back to where it began.
    fn add(&mut self, from: &str, to: &str) -> bool {
        let (from, to) = (from.to_owned(), to.to_owned());
        if self.0.len() >= MOST || self.0.contains(&(from.clone(), to.clone())) || self.leads(&to, &from) {
            return false;
        }
        self.0.push((from, to));
        true
    }

    fn leads(&self, from: &str, to: &str) -> bool {
        let mut open = vec![from];
        let mut seen: Vec<&str> = Vec::new();
        while let Some(name) = open.pop() {
            if name == to {
                return true;
            }
            if !seen.contains(&name) {
                seen.push(name);
                open.extend(self.0.iter().filter(|(start, _)| start == name).map(|(_, end)| end.as_str()));
            }
        }
        false
    }

    /// The mapping of the new file.
    fn node(&self) -> Node {
        let mut names: Vec<&str> = Vec::new();
        for (from, _) in &self.0 {
            if !names.contains(&from.as_str()) {
                names.push(from);
            }
        }
        let entries = names.into_iter().map(|name| {
            let next = self.0.iter().filter(|(from, _)| from == name).map(|(_, to)| to.as_str());
            Entry { key: name.to_owned(), node: texts(next) }
        });
        Node::new(Yaml::Map(entries.collect()))
    }
}

/// Whether somebody in the new file is called by this name of a pool or a kind.
pub(crate) fn is_served(old: &Old<'_>, name: &str) -> bool {
    old.served.iter().any(|served| served.pool == name || served.kind.id == name)
}

fn providers(old: &Old<'_>, new: &mut Import) {
    const KEY: &str = "providerFallbackChain";
    let Some(value) = old.settings.get(KEY) else { return };
    let Some(chains) = value.as_object().filter(|chains| !chains.is_empty()) else { return nothing(KEY, value, new) };
    let mut steps = Steps::default();
    for (from, value) in chains {
        let path = format!("{KEY}.{}", shown(from));
        let Some(next) = field::words(value) else {
            new.tell(CONFIG, &path, Outcome::Unknown, "left out: it is no list of providers");
            continue;
        };
        if next.is_empty() {
            new.tell(CONFIG, &path, Outcome::Same, "");
        }
        for (at, to) in next.iter().enumerate() {
            let path = format!("{path}[{at}]");
            if !is_served(old, from) || !is_served(old, to) {
                new.tell(CONFIG, &path, Outcome::Later, NO_ACCOUNT);
            } else if steps.add(&from.trim().to_lowercase(), &to.trim().to_lowercase()) {
                new.tell(CONFIG, &path, Outcome::Converted, "now a step of `provider-fallback`");
            } else {
                new.tell(CONFIG, &path, Outcome::Lost, CIRCLE);
            }
        }
    }
    if !steps.0.is_empty() {
        new.set(&["provider-fallback"], steps.node());
    }
}

fn models(old: &Old<'_>, new: &mut Import) {
    const KEY: &str = "modelFallbackMapping";
    let Some(value) = old.settings.get(KEY) else { return };
    let Some(chains) = value.as_object().filter(|chains| !chains.is_empty()) else { return nothing(KEY, value, new) };
    let mut steps = Steps::default();
    for (from, value) in chains {
        let path = format!("{KEY}.{}", shown(from));
        let place = value.get("targetProviderType").and_then(field::text);
        let model = value.get("targetModel").and_then(field::text);
        let (Some(place), Some(model)) = (place, model) else {
            new.tell(CONFIG, &path, Outcome::Unknown, "left out: it needs `targetProviderType` and `targetModel`");
            continue;
        };
        if !is_served(old, place) {
            new.tell(CONFIG, &path, Outcome::Later, NO_ACCOUNT);
        } else if steps.add(from.trim(), &format!("{place}:{model}")) {
            new.tell(CONFIG, &path, Outcome::Converted, "now a step of `fallback`");
        } else {
            new.tell(CONFIG, &path, Outcome::Lost, CIRCLE);
        }
    }
    if !steps.0.is_empty() {
        new.set(&["fallback"], steps.node());
    }
}

fn nothing(key: &str, value: &Value, new: &mut Import) {
    match field::is_nothing(value) {
        true => new.tell(CONFIG, key, Outcome::Same, ""),
        false => new.tell(CONFIG, key, Outcome::Unknown, "left out: it is no mapping"),
    }
}
