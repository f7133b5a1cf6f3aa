//! What a request may reach: the provider that its path or header names, and what its key allows.
//!
//! A scope is two small numbers. The routes within one are made when they are first asked for and kept as long as the
//! snapshot, so that a narrowed request costs a look-up and one that is not narrowed costs nothing.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use config::KeyLimits;
use dialect::ModelCard;
use upstreams::{KINDS, Place, UNSERVED};

use crate::glob::glob;
use crate::names::{Found, Names};
use crate::route::ModelRoute;
use crate::seats::Seat;

/// The id that means every provider.
const EVERY: &str = "auto";
/// Most routes that are kept for names which some seats of a pattern refuse.
const KEPT: usize = 1024;

/// A provider and a key's reach, by number; 0 is all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    provider: u32,
    reach: u32,
}

impl Scope {
    /// The scope of a key; `None` for keys that reach everything.
    pub(crate) fn of_key(reach: Option<u32>) -> Self {
        Self { provider: 0, reach: reach.map_or(0, |at| at + 1) }
    }

    /// The same without what the key forbids.
    pub(crate) fn of_anybody(self) -> Self {
        Self { reach: 0, ..self }
    }

    /// The same for every provider.
    pub(crate) fn of_every_provider(self) -> Self {
        Self { provider: 0, ..self }
    }

    pub(crate) fn is_everything(self) -> bool {
        self == Self::default()
    }

    /// Whether it is the provider of an id, and no other.
    pub(crate) fn is_bound_to(self, known: Known) -> bool {
        matches!(known, Known::Here(number) if number != 0 && number == self.provider)
    }

    /// Whether a provider is named.
    pub(crate) fn is_narrowed(self) -> bool {
        self.provider != 0
    }
}

/// The provider ids of this installation, by number from 1 on. Case does not matter.
#[derive(Debug, Default)]
pub(crate) struct Providers {
    numbers: HashMap<String, u32>,
}

/// What is known of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It narrows to this number; 0 is all.
    Here(u32),
    /// It is a provider's, but no account here is of that provider.
    Elsewhere,
    /// Nobody knows it.
    Nowhere,
}

impl Providers {
    /// The numbers of all ids of a place. One in a group that is called like an id of two words with something behind it
    /// (`x-y-2` for `x-y`) is not meant by that id: so are pools told apart that had to be of one type.
    pub(crate) fn enter(&mut self, place: &Place) -> Arc<[u32]> {
        let kind = place.upstream.kind();
        let others = KINDS.iter().find(|known| known.id == kind).map_or(&[][..], |known| known.ids);
        let is_of_group = |id: &str| {
            let begins = format!("{}-", id.to_ascii_lowercase());
            id.contains('-') && place.groups.iter().any(|group| group.to_ascii_lowercase().starts_with(&begins))
        };
        let others = others.iter().copied().filter(|id| !is_of_group(id));
        let ids = std::iter::once(kind).chain(others).chain(place.groups.iter().map(String::as_str));
        let mut numbers: Vec<u32> = ids.map(|id| self.number(id)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into()
    }

    fn number(&mut self, id: &str) -> u32 {
        let next = u32::try_from(self.numbers.len() + 1).unwrap_or(u32::MAX);
        *self.numbers.entry(id.to_ascii_lowercase()).or_insert(next)
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(crate) fn find(&self, id: &str) -> Known {
        if id.eq_ignore_ascii_case(EVERY) {
            return Known::Here(0);
        }
        let served = || KINDS.iter().flat_map(|kind| std::iter::once(&kind.id).chain(kind.ids));
        match self.numbers.get(id).or_else(|| self.numbers.get(&id.to_ascii_lowercase())) {
            Some(number) => Known::Here(*number),
            None if served().chain(UNSERVED).any(|known| known.eq_ignore_ascii_case(id)) => Known::Elsewhere,
            None => Known::Nowhere,
        }
    }

    /// The scope within an outer one that an id names. Two ids that contradict each other name nothing.
    pub(crate) fn narrow(&self, scope: Scope, id: &str) -> Option<Scope> {
        match self.find(id) {
            Known::Here(number) if scope.provider == 0 || scope.provider == number => {
                Some(Scope { provider: number, ..scope })
            }
            Known::Here(_) | Known::Elsewhere | Known::Nowhere => None,
        }
    }

    /// All ids, for messages.
    pub(crate) fn ids(&self) -> Vec<&str> {
        let mut ids: Vec<_> = self.numbers.keys().map(String::as_str).filter(|id| !id.contains(' ')).collect();
        ids.sort_unstable();
        ids
    }
}

/// What a key may reach. An empty list allows all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Reach {
    /// Patterns of client-facing names.
    pub(crate) models: Vec<String>,
    /// Numbers of providers.
    pub(crate) providers: Option<Vec<u32>>,
    /// Patterns of accounts' ids and labels.
    pub(crate) accounts: Vec<String>,
}

impl Reach {
    /// What limits leave of everything; `None` when that is everything.
    pub(crate) fn of(limits: &KeyLimits, label: &str, providers: &Providers) -> Option<Self> {
        let number = |id: &String| match providers.find(id) {
            Known::Here(number) => Some(number),
            Known::Elsewhere | Known::Nowhere => {
                tracing::warn!(key = label, provider = %id, "a client key is allowed a provider that is not here");
                None
            }
        };
        let numbers: Option<Vec<u32>> =
            (!limits.providers.is_empty()).then(|| limits.providers.iter().filter_map(number).collect());
        let numbers = numbers.filter(|numbers| !numbers.contains(&0));
        let reach = Self { models: limits.models.clone(), providers: numbers, accounts: limits.accounts.clone() };
        (reach != Self::default()).then_some(reach)
    }

    fn allows_model(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|pattern| glob(pattern, model))
    }

    fn allows_seat(&self, seat: Seat<'_>) -> bool {
        let provider = self.providers.as_ref().is_none_or(|list| seat.providers.iter().any(|id| list.contains(id)));
        let (id, label) = (seat.account.id.as_str(), seat.account.label.as_str());
        let named = |pattern: &String| glob(pattern, id) || glob(pattern, label);
        provider && (self.accounts.is_empty() || self.accounts.iter().any(named))
    }
}

/// The routes and lists within each scope.
#[derive(Debug)]
pub(crate) struct Views {
    reaches: Vec<Reach>,
    rows: Vec<OnceLock<Box<[OnceLock<View>]>>>,
    width: usize,
    guarded: Mutex<HashMap<Choice, Option<Arc<ModelRoute>>>>,
}

/// Some seats of a pattern's route: the scope, the route's number, and a bit for each of its guards that refuses.
type Choice = (Scope, usize, Vec<u64>);

#[derive(Debug)]
struct View {
    routes: Box<[OnceLock<Option<ModelRoute>>]>,
    cards: OnceLock<Vec<ModelCard>>,
}

impl Views {
    /// Room for views of `providers` ids and of these reaches.
    pub(crate) fn new(providers: usize, reaches: Vec<Reach>) -> Self {
        let rows = (0..=reaches.len()).map(|_| OnceLock::new()).collect();
        Self { reaches, rows, width: providers + 1, guarded: Mutex::default() }
    }

    /// The route with this number within a scope, for the name that was asked for.
    pub(crate) fn route<'a>(
        &'a self,
        names: &'a Names,
        scope: Scope,
        at: usize,
        asked: &str,
    ) -> Option<&'a ModelRoute> {
        if scope.is_everything() {
            return Some(names.route(at));
        }
        if !self.allows_model(scope, asked) {
            return None;
        }
        let kept = self.view(names, scope)?.routes.get(at)?;
        kept.get_or_init(|| names.route(at).narrowed(|seat| self.allows(scope, seat))).as_ref()
    }

    /// The part of a pattern's route that does not refuse this name. One is kept for each choice of seats.
    pub(crate) fn guarded<'a>(&self, scope: Scope, at: usize, route: &'a ModelRoute, asked: &str) -> Option<Found<'a>> {
        let mut mask = vec![0_u64; route.guards.len().div_ceil(64)];
        let mut refusing = HashSet::new();
        for (at, guard) in route.guards.iter().enumerate().filter(|(_, guard)| guard.refuses(asked)) {
            mask[at / 64] |= 1 << (at % 64);
            refusing.insert(Arc::as_ptr(guard));
        }
        if refusing.is_empty() {
            return Some(Found::Whole(route));
        }
        let mut kept = self.guarded.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (scope, at, mask);
        if let Some(part) = kept.get(&key) {
            return part.clone().map(Found::Part);
        }
        let part = route.narrowed(|seat| !refusing.contains(&Arc::as_ptr(&seat.guard))).map(Arc::new);
        if kept.len() < KEPT {
            kept.insert(key, part.clone());
        }
        part.map(Found::Part)
    }

    /// The models that lists show within a scope.
    pub(crate) fn cards<'a>(&'a self, names: &'a Names, scope: Scope) -> &'a [ModelCard] {
        let Some(view) = self.view(names, scope) else { return &[] };
        view.cards.get_or_init(|| names.callable_cards(scope))
    }

    /// Whether a key's patterns let it ask for a name.
    pub(crate) fn allows_model(&self, scope: Scope, model: &str) -> bool {
        self.reach(scope).is_none_or(|reach| reach.allows_model(model))
    }

    fn reach(&self, scope: Scope) -> Option<&Reach> {
        let at = (scope.reach as usize).checked_sub(1)?;
        self.reaches.get(at)
    }

    fn allows(&self, scope: Scope, seat: Seat<'_>) -> bool {
        let provider = scope.provider == 0 || seat.providers.contains(&scope.provider);
        provider && self.reach(scope).is_none_or(|reach| reach.allows_seat(seat))
    }

    fn view(&self, names: &Names, scope: Scope) -> Option<&View> {
        let row = self.rows.get(scope.reach as usize)?;
        let row = row.get_or_init(|| (0..self.width).map(|_| OnceLock::new()).collect());
        let view = row.get(scope.provider as usize)?;
        Some(view.get_or_init(|| View {
            routes: (0..names.routes()).map(|_| OnceLock::new()).collect(),
            cards: OnceLock::new(),
        }))
    }
}
