//! What upstreams' own lists of models told: kept for whoever builds a snapshot, and over a restart, so that a start
//! needs no network. Asking for lists is the matter of [`refresh`]; what a list says is the upstream's.

mod file;
pub(crate) mod refresh;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use pool::Secret;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use transport::Site;
use upstreams::{AccountSpec, Learned, Model, Place, Upstream};

/// A list that no account asks for any more is forgotten after this.
const KEPT_FOR: Duration = Duration::from_secs(30 * 86_400);
/// Most lists that are kept.
const MOST_LISTS: usize = 10_000;

/// Who gets which list: the place and the key decide, not where an account stands in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ListId([u8; 16]);

/// A list and when it was read.
#[derive(Clone, Debug)]
struct Known {
    models: Arc<[Learned]>,
    at: SystemTime,
}

/// All lists.
#[derive(Debug, Default)]
pub struct Lists {
    known: Mutex<HashMap<ListId, Known>>,
    /// There may be others to ask.
    asked_anew: Notify,
}

/// An account whose models its own list tells.
#[derive(Clone, Debug)]
pub(crate) struct Learner {
    pub(crate) id: ListId,
    pub(crate) label: String,
    pub(crate) secret: Secret,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) site: Site,
}

impl Learner {
    /// An account of a place that learns, and how it is reached.
    pub(crate) fn of(place: &Place, account: &AccountSpec, site: &Site) -> Option<Self> {
        Some(Self {
            id: ListId::of(place, account)?,
            label: account.label.clone(),
            secret: account.secret.clone(),
            upstream: Arc::clone(&place.upstream),
            site: site.clone(),
        })
    }
}

impl ListId {
    /// The list of an account; `None` where there is none to ask for.
    pub(crate) fn of(place: &Place, account: &AccountSpec) -> Option<Self> {
        let lister = place.upstream.lister().filter(|_| place.learns)?;
        let mut hash = Sha256::new();
        hash.update(lister.address());
        hash.update([0]);
        hash.update(account.secret.expose());
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Some(Self(id))
    }

    /// A share of one that is always the same, to spread what all do at once.
    fn share(self) -> f64 {
        f64::from(u16::from_le_bytes([self.0[0], self.0[1]])) / f64::from(u16::MAX)
    }
}

impl Lists {
    /// What an earlier run left in the folder of accounts.
    pub fn restore(folder: &Path) -> Self {
        let known = file::read(&folder.join(file::NAME), SystemTime::now());
        Self { known: Mutex::new(known), asked_anew: Notify::new() }
    }

    /// Says that there may be others to ask.
    pub(crate) fn look_again(&self) {
        self.asked_anew.notify_one();
    }

    async fn asked_anew(&self) {
        self.asked_anew.notified().await;
    }

    fn get(&self, id: ListId) -> Option<Arc<[Learned]>> {
        self.lock().get(&id).map(|known| Arc::clone(&known.models))
    }

    /// When a list was read.
    fn read_at(&self, id: ListId) -> Option<SystemTime> {
        self.lock().get(&id).map(|known| known.at)
    }

    /// Takes a list over; whether it says something new. Equal lists are kept once, for there may be many keys.
    fn take(&self, id: ListId, models: Vec<Learned>, at: SystemTime) -> bool {
        let mut lists = self.lock();
        let same = lists.values().find(|known| *known.models == *models).map(|known| Arc::clone(&known.models));
        let models = same.unwrap_or_else(|| models.into());
        if lists.len() >= MOST_LISTS && !lists.contains_key(&id) {
            return false;
        }
        let old = lists.insert(id, Known { models: Arc::clone(&models), at });
        old.is_none_or(|old| old.models != models)
    }

    /// All lists that somebody asks for or asked for lately.
    fn to_keep(&self, asked: &HashSet<ListId>, now: SystemTime) -> HashMap<ListId, Known> {
        let mut lists = self.lock();
        let lately = |at: SystemTime| now.duration_since(at).is_ok_and(|age| age < KEPT_FOR);
        lists.retain(|id, known| asked.contains(id) || lately(known.at));
        lists.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ListId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The models of a place's accounts: each account's own list, else those of its neighbours, else what the place has by
/// itself.
#[derive(Default)]
pub(crate) struct Menus {
    /// Sets of models that lists told; accounts share them.
    told: Vec<Vec<Model>>,
    /// The set of each account: 0 is the place's own.
    chosen: Vec<usize>,
}

impl Menus {
    /// For all accounts of a place. Costs nothing where nothing is learned.
    pub(crate) fn new(place: &Place, lists: Option<&Lists>) -> Self {
        let Some(lists) = lists.filter(|_| place.learns) else { return Self::default() };
        let list_of = |account| ListId::of(place, account).and_then(|id| lists.get(id));
        let told: Vec<Option<Arc<[Learned]>>> = place.accounts.iter().map(list_of).collect();
        let mut distinct: Vec<Arc<[Learned]>> = Vec::new();
        let mut chosen = Vec::with_capacity(told.len());
        for list in &told {
            let known = list.as_ref().and_then(|list| distinct.iter().position(|known| Arc::ptr_eq(known, list)));
            distinct.extend(list.iter().filter(|_| known.is_none()).cloned());
            chosen.push(known.map_or(distinct.len(), |at| at + 1));
        }
        if distinct.is_empty() {
            return Self::default();
        }
        // An account whose list could not be read serves what its neighbours do.
        if told.contains(&None) {
            distinct.push(distinct.iter().flat_map(|list| list.iter().cloned()).collect());
            let of_neighbours = distinct.len();
            chosen.iter_mut().zip(&told).filter(|(_, list)| list.is_none()).for_each(|(set, _)| *set = of_neighbours);
        }
        Self { told: distinct.iter().map(|list| models_of(place, list)).collect(), chosen }
    }

    /// All sets of models, the place's own first.
    pub(crate) fn sets<'a>(&'a self, place: &'a Place) -> impl Iterator<Item = &'a [Model]> {
        std::iter::once(&*place.models).chain(self.told.iter().map(Vec::as_slice))
    }

    /// The set of an account of the place.
    pub(crate) fn set_of(&self, account: usize) -> usize {
        self.chosen.get(account).copied().unwrap_or_default()
    }
}

/// The models of a list, each name once.
fn models_of(place: &Place, list: &[Learned]) -> Vec<Model> {
    let mut seen = HashSet::new();
    let mut models = place.learned(list);
    models.retain(|model| seen.insert(model.alias.clone()));
    models
}

#[cfg(test)]
mod tests;
