//! What the configuration decides, made ready for requests: accounts, model names, client keys.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use config::Config;
use dialect::{ModelCard, ModelTraits};
use pool::{Account, AccountId, Accounts, Candidate, RoundRobin, Secret, Strategy};
use transport::{Deadlines, Site};
use upstreams::{AccountSpec, KINDS, Model, Place, Upstream};

use crate::admit::KeyTable;
use crate::faults::proxy_setting;

/// An immutable view of the configuration.
pub struct Snapshot {
    /// The configuration itself.
    pub config: Config,
    /// The client keys.
    pub(crate) keys: KeyTable,
    /// Deadlines of upstream calls, streamed and whole.
    pub(crate) deadlines: Deadlines,
    /// The models that lists show, by name.
    pub(crate) cards: Vec<ModelCard>,
    models: HashMap<String, ModelRoute>,
    patterns: Vec<(String, ModelRoute)>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("models", &self.models.len()).finish_non_exhaustive()
    }
}

/// Why a snapshot could not be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotError(pub String);

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SnapshotError {}

/// Where a model name leads.
#[derive(Debug)]
pub(crate) struct ModelRoute {
    /// Who may answer, dearest priority first.
    pub(crate) seats: Vec<Arc<Seat>>,
    /// The same seats as a strategy sees them, one run of equal priority after the other.
    pub(crate) tiers: Vec<Tier>,
    /// How one is chosen.
    pub(crate) strategy: Box<dyn Strategy>,
    /// Extra rounds after the first.
    pub(crate) retries: u32,
}

impl ModelRoute {
    fn new(mut seats: Vec<Arc<Seat>>, retries: u32) -> Self {
        seats.sort_by_key(|seat| std::cmp::Reverse(seat.account.priority));
        let mut tiers = Vec::new();
        for run in seats.chunk_by(|a, b| a.account.priority == b.account.priority) {
            let first = tiers.last().map_or(0, Tier::end);
            let candidates = run.iter().map(|seat| Candidate { account: Arc::clone(&seat.account) }).collect();
            tiers.push(Tier { first, candidates });
        }
        Self { seats, tiers, strategy: Box::new(RoundRobin::default()), retries }
    }
}

/// Seats of one priority, made ready so that no request has to go through all of them.
#[derive(Debug)]
pub(crate) struct Tier {
    /// The place of the first among all seats of the route.
    pub(crate) first: usize,
    /// The candidates, in the order of the seats.
    pub(crate) candidates: Vec<Candidate>,
}

impl Tier {
    /// The place after the last one.
    pub(crate) fn end(&self) -> usize {
        self.first + self.candidates.len()
    }
}

/// One account that can answer under a name, and what to ask it for.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) account: Arc<Account>,
    pub(crate) secret: Secret,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) site: Site,
    pub(crate) force_mapping: bool,
    model: String,
    traits: Arc<ModelTraits>,
}

impl Seat {
    /// The upstream's name and the traits of the model, for a request that asked for `requested`.
    pub(crate) fn model<'a>(&'a self, requested: &'a str) -> (&'a str, Arc<ModelTraits>) {
        if self.model.is_empty() {
            return (requested, self.upstream.traits_of(requested));
        }
        (&self.model, Arc::clone(&self.traits))
    }
}

impl Snapshot {
    /// Builds the view. Accounts keep what they have learned.
    pub(crate) fn build(config: Config, accounts: &Accounts) -> Result<Self, SnapshotError> {
        let mut builder = Builder { config: &config, accounts, names: HashMap::new(), cards: Vec::new() };
        for kind in KINDS {
            for place in (kind.build)(&config) {
                builder.place(&place)?;
            }
        }
        let Names { models, patterns, cards } = builder.finish();
        Ok(Self {
            keys: KeyTable::new(&config.client_keys),
            deadlines: Deadlines {
                connect: config.deadlines.connect,
                first_byte: config.deadlines.first_byte,
                idle: config.deadlines.idle,
            },
            cards,
            models,
            patterns,
            config,
        })
    }

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
    pub fn model_count(&self) -> usize {
        self.models.len() + self.patterns.len()
    }

    /// The names that are most like one that nobody serves.
    pub(crate) fn similar(&self, model: &str) -> Option<&str> {
        let alike = |name: &&String| name.contains(model) || model.contains(name.as_str());
        self.models.keys().filter(alike).min().map(String::as_str)
    }
}

/// Collects places into names.
struct Builder<'a> {
    config: &'a Config,
    accounts: &'a Accounts,
    names: HashMap<String, Gathered>,
    cards: Vec<ModelCard>,
}

/// All names, ready to be looked up.
struct Names {
    models: HashMap<String, ModelRoute>,
    patterns: Vec<(String, ModelRoute)>,
    cards: Vec<ModelCard>,
}

#[derive(Default)]
struct Gathered {
    seats: Vec<Arc<Seat>>,
    retries: u32,
}

impl Builder<'_> {
    fn place(&mut self, place: &Place) -> Result<(), SnapshotError> {
        for account in &place.accounts {
            let (account, site, secret) = self.account(account)?;
            for model in place.models.iter().filter(|model| !is_excluded(model, &place.excluded)) {
                let seat = Arc::new(Seat {
                    account: Arc::clone(&account),
                    secret: secret.clone(),
                    upstream: Arc::clone(&place.upstream),
                    site: site.clone(),
                    force_mapping: model.force_mapping,
                    model: model.name.clone(),
                    traits: Arc::clone(&model.traits),
                });
                self.seat(place, model, &seat);
            }
        }
        Ok(())
    }

    fn account(&self, spec: &AccountSpec) -> Result<(Arc<Account>, Site, Secret), SnapshotError> {
        let id = AccountId::new(&spec.id);
        let proxy = proxy_setting(&spec.proxy, &self.config.proxy)
            .map_err(|why| SnapshotError(format!("{}: {why}", spec.label)))?;
        let site = Site::new(id.shared()).with_proxy(proxy);
        let activity = self.accounts.activity(&id);
        let account = Account { id, label: spec.label.clone(), priority: spec.priority, weight: spec.weight, activity };
        Ok((Arc::new(account), site, spec.secret.clone()))
    }

    fn seat(&mut self, place: &Place, model: &Model, seat: &Arc<Seat>) {
        let retries = place.request_retry.unwrap_or(self.config.request_retry);
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
        let plain = (prefixed.is_none() || !self.config.force_model_prefix).then(|| model.alias.clone());
        plain.into_iter().chain(prefixed).collect()
    }

    fn finish(self) -> Names {
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
        Names { models, patterns, cards }
    }
}

/// Whether a model is on a place's list of exclusions; `*` stands for any text.
fn is_excluded(model: &Model, excluded: &[String]) -> bool {
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
