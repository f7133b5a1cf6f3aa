//! From a model's name to the seats that serve it, and the list of all names. It knows nothing of requests; who may see
//! what is decided by [`Scope`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Deref;
use std::sync::Arc;

use dialect::{ClientSide, ModelCard};
use hub::{Fault, FaultKind};
use pool::Strategy;
use upstreams::{Model, Place};

use crate::fallback::Chains;
use crate::glob::glob;
use crate::payload::AllRules;
use crate::route::ModelRoute;
use crate::scope::{Known, Providers, Scope, Views};
use crate::seats::{Alike, Roster, Seats, Stretch, Weighings};

/// The pattern of places that name no models.
const ANYTHING: &str = "*";

/// Longest name that messages repeat, in characters.
const SHOWN: usize = 128;

/// All names, ready to be looked up.
#[derive(Debug)]
pub(crate) struct Names {
    /// The provider ids of this installation.
    pub(crate) providers: Providers,
    /// What takes the place of what.
    pub(crate) chains: Chains,
    /// Of the names that are served as they stand, by name.
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
    /// Of places that name no models: whatever nobody else knows.
    open: bool,
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
        self.resolve_known(scope, model).or_else(|| self.resolve_open(scope, model))
    }

    /// A name that nobody knows goes to the place that names no models, if there is one: among several, a guess would
    /// send somebody's words to a place that they were not meant for. Whoever names a place has said for which.
    fn resolve_open(&self, scope: Scope, model: &str) -> Option<Found<'_>> {
        let pattern = self.patterns.last().filter(|pattern| pattern.open)?;
        let named = model.split_once(':').is_some_and(|(id, _)| self.providers.find(id) != Known::Nowhere);
        if named || (!scope.is_narrowed() && self.is_known(model)) {
            return None;
        }
        let route = self.views.route(self, scope, pattern.route, model).filter(|route| route.is_of_one_place())?;
        if route.guards.is_empty() {
            return Some(Found::Whole(route));
        }
        self.views.guarded(scope, pattern.route, route, model)
    }

    /// Whether anybody lists a name or knows it by its beginning.
    fn is_known(&self, model: &str) -> bool {
        let fits = |pattern: &Pattern| !pattern.open && model.starts_with(pattern.head.as_str());
        self.serves_exactly(model) || self.patterns.iter().any(fits)
    }

    /// The same for names that somebody lists or knows by their beginning.
    pub(crate) fn resolve_known(&self, scope: Scope, model: &str) -> Option<Found<'_>> {
        let exact = self.models.get(model).and_then(|at| self.views.route(self, scope, *at, model));
        if let Some(route) = exact {
            return Some(Found::Whole(route));
        }
        // `provider:model` asks for `model`; no pattern makes a name of it.
        if model.split_once(':').is_some_and(|(id, _)| self.providers.find(id) != Known::Nowhere) {
            return None;
        }
        let fits = |pattern: &&Pattern| !pattern.open && model.starts_with(pattern.head.as_str());
        let mut fitting = self.patterns.iter().filter(fits);
        let reached = |pattern: &'_ Pattern| self.views.route(self, scope, pattern.route, model);
        let (pattern, route) = fitting.find_map(|pattern| Some((pattern, reached(pattern)?)))?;
        if route.guards.is_empty() {
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
        let all = scope.is_everything() && self.chains.is_empty();
        if all { &self.cards } else { self.views.cards(self, scope) }
    }

    /// The same, made anew: of what is served, and of what has others in its place.
    pub(crate) fn callable_cards(&self, scope: Scope) -> Vec<ModelCard> {
        let card = |card: &ModelCard| match self.resolve_known(scope, &card.id) {
            Some(_) => Some(card.clone()),
            None => self.stand_in_card(scope, &card.id),
        };
        let mut cards: Vec<_> = self.cards.iter().filter_map(card).collect();
        let others = self.chains.heads().filter(|name| self.card(name).is_none());
        cards.extend(others.filter_map(|name| self.stand_in_card(scope, name)));
        cards.sort_by(|a, b| a.id.cmp(&b.id));
        cards
    }

    /// What is known of a name that is served without being listed: another name of a model, or one of a pattern.
    pub(crate) fn unlisted_card(&self, scope: Scope, name: &str) -> Option<ModelCard> {
        let route = self.resolve_known(scope, name)?;
        let seat = route.seats.first()?;
        Some(ModelCard::new(name, seat.upstream.kind(), &seat.model(name).1))
    }

    /// What lists say of a name that is served as it stands.
    pub(crate) fn card(&self, name: &str) -> Option<&ModelCard> {
        let at = self.cards.binary_search_by(|card| card.id.as_str().cmp(name)).ok()?;
        self.cards.get(at)
    }

    /// The route with this number, for everybody.
    pub(crate) fn route(&self, at: usize) -> &ModelRoute {
        &self.routes[at]
    }

    /// Lets turns begin somewhere.
    pub(crate) fn scatter(&mut self) {
        self.routes.iter_mut().for_each(ModelRoute::scatter);
    }

    /// How many routes there are.
    pub(crate) fn routes(&self) -> usize {
        self.routes.len()
    }

    /// All names that can be called, patterns with their star left out.
    pub(crate) fn all(&self) -> Vec<&str> {
        let patterns = self.patterns.iter().filter(|pattern| !pattern.open).map(|pattern| pattern.head.as_str());
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
        names.into_iter().find(|name| self.resolve_known(scope, name).is_some()).map(String::as_str)
    }

    /// The name that is served for one as a client wrote it, and the scope that it names itself. A name that is served
    /// as it stands is never taken apart: `qwen3:8b` is a model, `claude-custom:qwen3` asks a provider for one.
    pub(crate) fn read(&self, client: &dyn ClientSide, scope: Scope, model: String) -> (Scope, String) {
        if self.serves_exactly(&model) {
            return (scope, model);
        }
        let of_provider = [model.split_once(':'), client.named_provider(&model)];
        let narrowed = |(id, name)| self.served(client, self.providers.narrow(scope, id)?, name);
        // Who names a provider that is known is not served by another one.
        let named = client.named_provider(&model).is_some_and(|(id, _)| self.providers.find(id) != Known::Nowhere);
        let plain = || self.served(client, scope, client.plain_name(&model).filter(|_| !named)?);
        let found = of_provider
            .into_iter()
            .flatten()
            .find_map(narrowed)
            .or_else(plain)
            .or_else(|| self.read_stand_in(scope, self.forms(client, scope, &model), &model));
        let found = found.map(|(scope, name)| (scope, name.to_owned()));
        found.or_else(|| self.read_short(client, scope, &model)).unwrap_or((scope, model))
    }

    /// What a name stands for that its dialect lets be written shorter.
    fn read_short(&self, client: &dyn ClientSide, scope: Scope, model: &str) -> Option<(Scope, String)> {
        let full = |(scope, name)| Some((scope, client.full_name(name)?));
        let mut full = self.forms(client, scope, model).filter_map(full);
        full.find(|(scope, name)| self.serves_exactly(name) && self.resolve_known(*scope, name).is_some())
    }

    /// All that a name may mean which is not served as it stands.
    fn forms<'a>(
        &self,
        client: &dyn ClientSide,
        scope: Scope,
        model: &'a str,
    ) -> impl Iterator<Item = (Scope, &'a str)> {
        let of_provider = [model.split_once(':'), client.named_provider(model)].into_iter().flatten();
        let narrowed = of_provider.filter_map(move |(id, name)| Some((self.providers.narrow(scope, id)?, name)));
        let plain = |(scope, name)| [Some(name), client.plain_name(name)].map(|name| Some((scope, name?)));
        narrowed.chain([(scope, model)]).flat_map(plain).flatten()
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
        if self.is_forbidden(scope, model) {
            let message = format!("this key may not use the model `{shown}`");
            return Fault::new(FaultKind::Forbidden, message).at("model");
        }
        let elsewhere = model.split_once(':').filter(|(id, _)| self.providers.find(id) == Known::Elsewhere);
        let message = if let Some((id, _)) = elsewhere {
            format!("no account of this installation is of the provider `{id}`, which `{shown}` names")
        } else if scope.is_narrowed() && self.resolve(scope.of_every_provider(), model).is_some() {
            format!("the provider that was named does not serve the model `{shown}`; another one does")
        } else {
            let similar = self.similar(scope, model).map(|name| format!("; did you mean `{name}`?"));
            let hint = similar.or_else(|| self.choice_of_places(scope, &shown)).unwrap_or_default();
            format!("no configured account serves the model `{shown}`{hint}")
        };
        Fault::new(FaultKind::ModelNotFound, message).at("model")
    }
}

impl Names {
    /// Whether a name that leads nowhere within a scope would lead somewhere if the key had no limits.
    pub(crate) fn is_forbidden(&self, scope: Scope, model: &str) -> bool {
        let anybody = scope.of_anybody();
        scope != anybody
            && (self.resolve(anybody, model).is_some()
                || (!self.views.allows_model(scope, model) && self.stand_in(anybody, model).is_some()))
    }

    /// What helps where several places might know a name.
    fn choice_of_places(&self, scope: Scope, model: &str) -> Option<String> {
        let pattern = self.patterns.last().filter(|pattern| pattern.open)?;
        self.views.route(self, scope, pattern.route, model).filter(|route| !route.is_of_one_place())?;
        Some(format!("; several places could be asked for it: name the one that is meant, as `PROVIDER:{model}`"))
    }
}

/// Collects seats under their names.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    force_prefix: bool,
    pub(crate) providers: Providers,
    pub(crate) alike: Alike,
    strategy: Strategy,
    names: HashMap<String, Gathered>,
    /// Seats of places that name no models.
    open: Gathered,
    cards: BTreeMap<String, ModelCard>,
}

/// The seats of a name, in the order of the configuration.
type Gathered = Vec<Stretch>;

impl Collector {
    /// A collector; `force_prefix` leaves the plain names of places with a prefix out.
    pub(crate) fn new(force_prefix: bool, strategy: Strategy) -> Self {
        Self { force_prefix, strategy, ..Self::default() }
    }

    /// Puts seats under every name of their model.
    pub(crate) fn add(&mut self, place: &Place, model: &Model, seats: &Stretch) {
        for name in self.names_of(place, model) {
            if let Some(card) = &model.card
                && !name.ends_with('*')
                && !self.cards.contains_key(&name)
            {
                self.cards.insert(name.clone(), ModelCard { id: name.clone(), ..card.clone() });
            }
            match place.learns && name == ANYTHING {
                true => self.open.push(seats.clone()),
                false => self.names.entry(name).or_default().push(seats.clone()),
            }
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
    pub(crate) fn finish(
        mut self,
        roster: Roster,
        chains: Chains,
        keys: Vec<crate::scope::Reach>,
        rules: &AllRules,
    ) -> Names {
        let roster = Arc::new(roster);
        self.join(&roster);
        let mut names = Names {
            views: Views::new(self.providers.len(), keys),
            providers: self.providers,
            chains,
            cards: self.cards.into_values().collect(),
            models: HashMap::with_capacity(self.names.len()),
            patterns: Vec::new(),
            routes: Vec::with_capacity(self.names.len()),
        };
        let mut weighings = Weighings::default();
        let open = Some((ANYTHING.to_owned(), self.open)).filter(|(_, gathered)| !gathered.is_empty());
        let known = self.names.into_iter().map(|named| (named, false));
        for ((name, gathered), open) in known.chain(open.map(|open| (open, true))) {
            let route = names.routes.len();
            let rules = rules.of_name(&name, gathered.iter().map(|seats| seats.offer.model()));
            match name.strip_suffix('*') {
                Some(head) => names.patterns.push(Pattern { head: head.to_owned(), route, open }),
                None => _ = names.models.insert(name, route),
            }
            names.routes.push(ModelRoute::new(Seats::new(&roster, gathered), self.strategy, rules, &mut weighings));
        }
        // The longest beginning is the most exact; what takes anything comes last.
        names.patterns.sort_by(|a, b| {
            b.head.len().cmp(&a.head.len()).then_with(|| a.head.cmp(&b.head)).then_with(|| a.open.cmp(&b.open))
        });
        names
    }

    /// Puts the seats of the most exact fitting pattern behind names that are real: of two accounts of a provider, one
    /// with a list of models and one with all of them, both serve what the list names. An alias is nobody's but its own
    /// entry's.
    fn join(&mut self, roster: &Roster) {
        let mut patterns: Vec<_> = self
            .names
            .iter()
            .filter_map(|(name, gathered)| Some((name.strip_suffix('*')?.to_owned(), gathered.clone())))
            .collect();
        patterns.sort_by_key(|(head, _)| std::cmp::Reverse(head.len()));
        for (name, gathered) in self.names.iter_mut().filter(|(name, _)| !name.ends_with('*')) {
            let Some((_, of_pattern)) = patterns.iter().find(|(head, _)| name.starts_with(head.as_str())) else {
                continue;
            };
            if gathered.iter().any(|seats| is_called(seats, roster, name)) {
                join(name, gathered, of_pattern, roster, &mut self.alike);
            }
        }
    }
}

/// Whether the upstream, too, calls the model by a client-facing name.
fn is_called(seats: &Stretch, roster: &Roster, name: &str) -> bool {
    let guard = roster.get(seats.members.start).map(|member| &member.guard);
    seats.offer.is_fixed() && guard.is_some_and(|guard| seats.offer.model() == guard.bare(name))
}

/// Puts the seats of a pattern behind those of a name, as far as they take it and are not there already.
fn join(name: &str, gathered: &mut Gathered, of_pattern: &[Stretch], roster: &Roster, alike: &mut Alike) {
    let number = |at| roster.get(at).map(|member| member.account.activity.number());
    let here: HashSet<_> = gathered.iter().flat_map(|seats| seats.members.clone()).map(number).collect();
    for seats in of_pattern {
        for at in seats.members.clone().filter(|at| !here.contains(&number(*at))) {
            if let Some(member) = roster.get(at).filter(|member| !member.guard.refuses(name)) {
                let offer = seats.offer.of_pattern(member.guard.bare(name), &*member.upstream);
                gathered.push(Stretch { members: at..at + 1, offer: alike.offer(offer) });
            }
        }
    }
}

/// Whether a model is on a list of exclusions; `*` stands for any text.
pub(crate) fn is_excluded(model: &Model, excluded: &[String]) -> bool {
    excluded.iter().any(|pattern| glob(pattern, &model.alias) || glob(pattern, &model.name))
}

#[cfg(test)]
mod tests;
