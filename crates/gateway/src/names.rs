//! From a model's name to the seats that serve it, and the list of all names. It knows nothing of requests.

use std::collections::HashMap;
use std::sync::Arc;

use dialect::ModelCard;
use upstreams::{Model, Place};

use crate::snapshot::{ModelRoute, Seat};

/// All names, ready to be looked up.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The models that lists show, by name.
    pub(crate) cards: Vec<ModelCard>,
    models: HashMap<String, ModelRoute>,
    patterns: Vec<(String, ModelRoute)>,
}

impl Names {
    /// Where a model name leads; `None` when nobody serves it.
    pub(crate) fn resolve(&self, model: &str) -> Option<&ModelRoute> {
        let exact = self.models.get(model);
        let pattern =
            || self.patterns.iter().find(|(head, _)| model.starts_with(head.as_str())).map(|(_, route)| route);
        exact.or_else(pattern)
    }

    /// Whether a name is served as it stands, and not by a pattern.
    pub(crate) fn serves_exactly(&self, model: &str) -> bool {
        self.models.contains_key(model)
    }

    /// How many names can be called.
    pub(crate) fn count(&self) -> usize {
        self.models.len() + self.patterns.len()
    }

    /// The names that are most like one that nobody serves.
    pub(crate) fn similar(&self, model: &str) -> Option<&str> {
        let alike = |name: &&String| name.contains(model) || model.contains(name.as_str());
        self.models.keys().filter(alike).min().map(String::as_str)
    }
}

/// Collects seats under their names.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    force_prefix: bool,
    names: HashMap<String, Gathered>,
    cards: Vec<ModelCard>,
}

#[derive(Debug, Default)]
struct Gathered {
    seats: Vec<Arc<Seat>>,
    retries: u32,
}

impl Collector {
    /// A collector; `force_prefix` leaves the plain names of places with a prefix out.
    pub(crate) fn new(force_prefix: bool) -> Self {
        Self { force_prefix, ..Self::default() }
    }

    /// Puts a seat under every name of its model.
    pub(crate) fn add(&mut self, place: &Place, model: &Model, seat: &Arc<Seat>, retries: u32) {
        for name in self.names_of(place, model) {
            let gathered = self.names.entry(name.clone()).or_default();
            gathered.seats.push(Arc::clone(seat));
            gathered.retries = gathered.retries.max(retries);
            if let Some(card) = &model.card
                && !self.cards.iter().any(|known| known.id == name)
            {
                self.cards.push(ModelCard { id: name, ..card.clone() });
            }
        }
    }

    /// The client-facing names of a model: with its prefix, and without unless prefixes are forced.
    fn names_of(&self, place: &Place, model: &Model) -> Vec<String> {
        let prefixed = place.prefix.as_ref().map(|prefix| format!("{prefix}/{}", model.alias));
        let plain = (prefixed.is_none() || !self.force_prefix).then(|| model.alias.clone());
        plain.into_iter().chain(prefixed).collect()
    }

    /// All names, the most exact pattern first.
    pub(crate) fn finish(self) -> Names {
        let mut models = HashMap::new();
        let mut patterns = Vec::new();
        for (name, gathered) in self.names {
            let route = ModelRoute::new(gathered.seats, gathered.retries);
            match name.strip_suffix('*') {
                Some(head) => patterns.push((head.to_owned(), route)),
                None => {
                    models.insert(name, route);
                }
            }
        }
        // The longest beginning is the most exact.
        patterns.sort_by_key(|(head, _)| std::cmp::Reverse(head.len()));
        let mut cards = self.cards;
        cards.sort_by(|a, b| a.id.cmp(&b.id));
        Names { cards, models, patterns }
    }
}

/// Whether a model is on a place's list of exclusions; `*` stands for any text.
pub(crate) fn is_excluded(model: &Model, excluded: &[String]) -> bool {
    let (alias, name) = (model.alias.to_ascii_lowercase(), model.name.to_ascii_lowercase());
    excluded.iter().any(|pattern| glob(pattern, &alias) || glob(pattern, &name))
}

/// Matches `text` against a pattern in which `*` stands for any text.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => {
            let Some(tail) = text.strip_prefix(head) else { return false };
            (0..=tail.len()).filter(|at| tail.is_char_boundary(*at)).any(|at| glob(rest, &tail[at..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("a*c*e", "abcde", true),
            ("*", "", true),
            ("a*b", "ac", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }
}
