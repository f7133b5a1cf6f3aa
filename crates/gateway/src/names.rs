//! From a model's name to the seats that serve it, and the list of all names. It knows nothing of requests; who may see
//! what is decided by [`Scope`].

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::Arc;

use dialect::{ClientSide, ModelCard};
use hub::{Fault, FaultKind};
use pool::Strategy;
use upstreams::{Model, Place};

use crate::glob::glob;
use crate::payload::AllRules;
use crate::route::ModelRoute;
use crate::scope::{Known, Providers, Scope, Views};
use crate::snapshot::Seat;

/// Longest name that messages repeat, in characters.
const SHOWN: usize = 128;

/// All names, ready to be looked up.
#[derive(Debug)]
pub(crate) struct Names {
    /// The provider ids of this installation.
    pub(crate) providers: Providers,
    cards: Vec<ModelCard>,
    models: HashMap<String, usize>,
    patterns: Vec<Pattern>,
    routes: Vec<ModelRoute>,
    views: Views,
}

#[derive(Debug)]
struct Pattern {
    head: String,
    route: usize,
    /// Some seat refuses some of the names.
    guarded: bool,
}

/// A route: that of the name, or one that few requests share.
pub(crate) enum Found<'a> {
    /// All seats of the name.
    Whole(&'a ModelRoute),
    /// Some of them.
    Part(Arc<ModelRoute>),
}

impl Deref for Found<'_> {
    type Target = ModelRoute;

    fn deref(&self) -> &ModelRoute {
        match self {
            Self::Whole(route) => route,
            Self::Part(route) => route,
        }
    }
}

impl Names {
    /// Where a model name leads within a scope; `None` when nobody serves it there.
    pub(crate) fn resolve(&self, scope: Scope, model: &str) -> Option<Found<'_>> {
        let exact = self.models.get(model).and_then(|at| self.views.route(self, scope, *at, model));
        if let Some(route) = exact {
            return Some(Found::Whole(route));
        }
        // `provider:model` asks for `model`; no pattern makes a name of it.
        if model.split_once(':').is_some_and(|(id, _)| self.providers.find(id) != Known::Nowhere) {
            return None;
        }
        let mut fitting = self.patterns.iter().filter(|pattern| model.starts_with(pattern.head.as_str()));
        let reached = |pattern: &'_ Pattern| self.views.route(self, scope, pattern.route, model);
        let (pattern, route) = fitting.find_map(|pattern| Some((pattern, reached(pattern)?)))?;
        if !pattern.guarded {
            return Some(Found::Whole(route));
        }
        self.views.guarded(scope, pattern.route, route, model)
    }

    /// Whether a name is served as it stands, and not by a pattern.
    pub(crate) fn serves_exactly(&self, model: &str) -> bool {
        self.models.contains_key(model)
    }

    /// The models that lists show within a scope, by name.
    pub(crate) fn cards(&self, scope: Scope) -> &[ModelCard] {
        if scope.is_everything() { &self.cards } else { self.views.cards(self, scope) }
    }

    /// All models that lists can show.
    pub(crate) fn all_cards(&self) -> &[ModelCard] {
        &self.cards
    }

    /// The route with this number, for everybody.
    pub(crate) fn route(&self, at: usize) -> &ModelRoute {
        &self.routes[at]
    }

    /// How many routes there are.
    pub(crate) fn routes(&self) -> usize {
        self.routes.len()
    }

    /// All names that can be called, patterns with their star left out.
    pub(crate) fn all(&self) -> Vec<&str> {
        let patterns = self.patterns.iter().map(|pattern| pattern.head.as_str());
        self.models.keys().map(String::as_str).chain(patterns).collect()
    }

    /// How many names can be called.
    pub(crate) fn count(&self) -> usize {
        self.models.len() + self.patterns.len()
    }

    /// The name within a scope that is most like one that nobody serves.
    pub(crate) fn similar(&self, scope: Scope, model: &str) -> Option<&str> {
        let alike = |name: &&String| name.contains(model) || model.contains(name.as_str());
        let mut names: Vec<_> = self.models.keys().filter(alike).collect();
        names.sort();
        names.into_iter().find(|name| self.resolve(scope, name).is_some()).map(String::as_str)
    }

    /// The name that is served for one as a client wrote it, and the scope that it names itself. A name that is served
    /// as it stands is never taken apart: `qwen3:8b` is a model, `claude-custom:qwen3` asks a provider for one.
    pub(crate) fn read(&self, client: &dyn ClientSide, scope: Scope, model: String) -> (Scope, String) {
        if self.serves_exactly(&model) {
            return (scope, model);
        }
        let of_provider = [model.split_once(':'), client.named_provider(&model)];
        let narrowed = |(id, name)| self.served(client, self.providers.narrow(scope, id)?, name);
        let found = of_provider
            .into_iter()
            .flatten()
            .find_map(narrowed)
            .or_else(|| self.served(client, scope, client.plain_name(&model)?));
        let found = found.map(|(scope, name)| (scope, name.to_owned()));
        found.unwrap_or((scope, model))
    }

    /// As [`Names::read`], for a name that no client's dialect decorates.
    pub(crate) fn within<'a>(&self, scope: Scope, model: &'a str) -> (Scope, &'a str) {
        let of_provider = || {
            let (id, name) = model.split_once(':').filter(|_| !self.serves_exactly(model))?;
            let scope = self.providers.narrow(scope, id)?;
            self.resolve(scope, name).is_some().then_some((scope, name))
        };
        of_provider().unwrap_or((scope, model))
    }

    /// A name, or the plain one behind it, if it is served.
    fn served<'a>(&self, client: &dyn ClientSide, scope: Scope, name: &'a str) -> Option<(Scope, &'a str)> {
        let names = [Some(name), client.plain_name(name)];
        let served = names.into_iter().flatten().find(|name| self.resolve(scope, name).is_some());
        served.map(|name| (scope, name))
    }

    /// Why a name leads nowhere within a scope.
    pub(crate) fn missing(&self, scope: Scope, model: &str) -> Fault {
        let shown: String = model.chars().take(SHOWN).collect();
        if self.resolve(scope.of_anybody(), model).is_some() {
            let message = format!("this key may not use the model `{shown}`");
            return Fault::new(FaultKind::Forbidden, message).at("model");
        }
        let elsewhere = model.split_once(':').filter(|(id, _)| self.providers.find(id) == Known::Elsewhere);
        let message = if let Some((id, _)) = elsewhere {
            format!("no account of this installation is of the provider `{id}`, which `{shown}` names")
        } else if scope.is_narrowed() && self.resolve(scope.of_every_provider(), model).is_some() {
            format!("the provider that was named does not serve the model `{shown}`; another one does")
        } else {
            let hint = self.similar(scope, model).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            format!("no configured account serves the model `{shown}`{hint}")
        };
        Fault::new(FaultKind::ModelNotFound, message).at("model")
    }
}

/// Collects seats under their names.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    force_prefix: bool,
    pub(crate) providers: Providers,
    strategy: Strategy,
    names: HashMap<String, Gathered>,
    cards: BTreeMap<String, ModelCard>,
}

#[derive(Debug, Default)]
struct Gathered {
    seats: Vec<Arc<Seat>>,
}

impl Collector {
    /// A collector; `force_prefix` leaves the plain names of places with a prefix out.
    pub(crate) fn new(force_prefix: bool, strategy: Strategy) -> Self {
        Self { force_prefix, strategy, ..Self::default() }
    }

    /// Puts a seat under every name of its model.
    pub(crate) fn add(&mut self, place: &Place, model: &Model, seat: &Arc<Seat>) {
        for name in self.names_of(place, model) {
            if let Some(card) = &model.card
                && !name.ends_with('*')
                && !self.cards.contains_key(&name)
            {
                self.cards.insert(name.clone(), ModelCard { id: name.clone(), ..card.clone() });
            }
            let gathered = self.names.entry(name).or_default();
            gathered.seats.push(Arc::clone(seat));
        }
    }

    /// The client-facing names of a model: with its prefix, and without unless prefixes are forced. A prefix that is
    /// the model's own name never hides it.
    fn names_of(&self, place: &Place, model: &Model) -> Vec<String> {
        let Some(prefix) = &place.prefix else { return vec![model.alias.clone()] };
        let plain = (!self.force_prefix || *prefix == model.alias).then(|| model.alias.clone());
        plain.into_iter().chain([format!("{prefix}/{}", model.alias)]).collect()
    }

    /// All names, the most exact pattern first. `keys` says how many rows of views there are.
    pub(crate) fn finish(self, keys: Vec<crate::scope::Reach>, rules: &AllRules) -> Names {
        let mut names = Names {
            views: Views::new(self.providers.len(), keys),
            providers: self.providers,
            cards: self.cards.into_values().collect(),
            models: HashMap::with_capacity(self.names.len()),
            patterns: Vec::new(),
            routes: Vec::with_capacity(self.names.len()),
        };
        for (name, gathered) in joined(self.names) {
            let route = names.routes.len();
            let rules = rules.of_name(&name, gathered.seats.iter().map(|seat| seat.upstream_name()));
            match name.strip_suffix('*') {
                Some(head) => {
                    let guarded = gathered.seats.iter().any(|seat| !seat.excluded.is_empty());
                    names.patterns.push(Pattern { head: head.to_owned(), route, guarded });
                }
                None => _ = names.models.insert(name, route),
            }
            names.routes.push(ModelRoute::new(gathered.seats, self.strategy, rules));
        }
        // The longest beginning is the most exact.
        names.patterns.sort_by(|a, b| b.head.len().cmp(&a.head.len()).then_with(|| a.head.cmp(&b.head)));
        names
    }
}

/// The gathered seats, with those of the most exact fitting pattern behind names that are real: of two accounts of a
/// provider, one with a list of models and one with all of them, both serve what the list names. An alias is nobody's
/// but its own entry's.
fn joined(mut names: HashMap<String, Gathered>) -> HashMap<String, Gathered> {
    let mut patterns: Vec<_> = names
        .iter()
        .filter_map(|(name, gathered)| Some((name.strip_suffix('*')?.to_owned(), gathered.seats.clone())))
        .collect();
    patterns.sort_by_key(|(head, _)| std::cmp::Reverse(head.len()));
    for (name, gathered) in names.iter_mut().filter(|(name, _)| !name.ends_with('*')) {
        let Some((_, seats)) = patterns.iter().find(|(head, _)| name.starts_with(head.as_str())) else { continue };
        if !gathered.seats.iter().any(|seat| seat.is_called(name)) {
            continue;
        }
        let here: Vec<_> = gathered.seats.iter().map(|seat| seat.account.id.clone()).collect();
        let more = seats.iter().filter(|seat| !here.contains(&seat.account.id) && !seat.refuses(name));
        gathered.seats.extend(more.cloned());
    }
    names
}

/// Whether a model is on a list of exclusions; `*` stands for any text.
pub(crate) fn is_excluded(model: &Model, excluded: &[String]) -> bool {
    excluded.iter().any(|pattern| glob(pattern, &model.alias) || glob(pattern, &model.name))
}
