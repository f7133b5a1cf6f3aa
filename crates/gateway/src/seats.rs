//! Who may answer under a name, and what for: seats. A seat is an account that knows a model.
//!
//! Thousands of accounts may serve thousands of names, so a seat is nowhere written down. What all seats of an account
//! have in common is a [`Member`], kept once; what is asked for is an [`Offer`], one for all accounts that know the model
//! by the same name and can do the same with it; and a name keeps runs of neighbouring members with one offer. It
//! chooses nobody: that is the route's.

use std::collections::{HashMap, HashSet};
use std::ops::{Deref, Range};
use std::sync::{Arc, LazyLock};

use config::ErrorRule;
use dialect::{Dialect, ModelTraits};
use http::StatusCode;
use hub::{DialectId, Fault};
use pool::{Account, Secret, Weighing};
use transport::{Client, Site};
use upstreams::{Model, Upstream};

use crate::files::Purse;
use crate::glob::glob;

/// An account with its place, as all its seats see it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) account: Arc<Account>,
    pub(crate) secret: Secret,
    /// Where its secret comes from instead, if that one ends.
    pub(crate) purse: Option<Arc<Purse>>,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) site: Site,
    /// The numbers of the provider ids of its place.
    pub(crate) providers: Arc<[u32]>,
    /// The user's own rules on its errors.
    pub(crate) errors: Arc<[ErrorRule]>,
    /// Extra rounds that it may be asked in.
    pub(crate) retries: u32,
    /// What its seats refuse of the names that fit a pattern; of all that refuse the same there is one.
    pub(crate) guard: Arc<Guard>,
}

impl Member {
    /// The credential; made anew before where it has ended.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn secret(&self, client: &Client) -> Result<Secret, Fault> {
        match &self.purse {
            None => Ok(self.secret.clone()),
            Some(purse) => purse.secret(client, &self.site).await,
        }
    }

    /// Gives up a credential that was refused before its end, so that the next one is made anew: whether this is such a
    /// refusal, and asking again is worth it, once.
    pub(crate) fn gives_up(&self, secret: &Secret, fault: &Fault) -> bool {
        let unauthorized = fault.upstream.as_ref().is_some_and(|raw| raw.status == StatusCode::UNAUTHORIZED);
        let renewed = self.purse.as_ref().filter(|_| unauthorized);
        renewed.inspect(|purse| purse.reject(secret)).is_some()
    }
}

/// What is refused of the names that fit a pattern, and the prefix that such names may have.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Guard {
    pub(crate) prefix: Option<String>,
    /// Patterns of names.
    pub(crate) excluded: Vec<String>,
}

impl Guard {
    /// Whether a name that fits a pattern is not served.
    pub(crate) fn refuses(&self, requested: &str) -> bool {
        let bare = self.bare(requested);
        self.excluded.iter().any(|pattern| glob(pattern, bare))
    }

    /// A name without the place's prefix, which is ours and not the upstream's.
    pub(crate) fn bare<'a>(&self, requested: &'a str) -> &'a str {
        let rest = self.prefix.as_ref().and_then(|prefix| requested.strip_prefix(prefix.as_str())?.strip_prefix('/'));
        rest.unwrap_or(requested)
    }
}

/// The languages that clients speak: the registry's, and the forms that some of their routes have for themselves.
static CLIENTS: LazyLock<Vec<DialectId>> = LazyLock::new(|| {
    let mut all: Vec<_> = dialects::ALL.iter().map(|dialect| dialect.id).collect();
    for route in dialects::ALL.iter().flat_map(|dialect| dialect.routes) {
        let own = route.client.dialect();
        if !all.contains(&own) {
            all.push(own);
        }
    }
    all
});

/// What an account is asked for.
#[derive(Debug)]
pub(crate) struct Offer {
    /// The upstream's name of the model; empty where it is the one that was asked for.
    model: Arc<str>,
    /// Answers carry the name that was asked for.
    pub(crate) force_mapping: bool,
    traits: Arc<ModelTraits>,
    /// What is spoken with each client, in the order of [`CLIENTS`], and at last with those that are not among them.
    wires: Box<[Option<&'static Dialect>]>,
}

impl Offer {
    /// A model of a place.
    pub(crate) fn new(model: &Model, at: &dyn Upstream) -> Self {
        if model.alias.ends_with('*') {
            let (name, traits) = (Arc::default(), Arc::default());
            return Self { model: name, force_mapping: model.force_mapping, traits, wires: Box::default() };
        }
        Self::named(&model.name, model.force_mapping, Arc::clone(&model.traits), at)
    }

    /// A model that a place knows by a pattern only, under one of the names that fit.
    pub(crate) fn of_pattern(&self, name: &str, at: &dyn Upstream) -> Self {
        Self::named(name, self.force_mapping, at.traits_of(name), at)
    }

    fn named(name: &str, force_mapping: bool, traits: Arc<ModelTraits>, at: &dyn Upstream) -> Self {
        let known = CLIENTS.iter().map(|client| at.wire_for(name, *client));
        let wires = known.chain([at.wire(name)]).collect();
        Self { model: name.into(), force_mapping, traits, wires }
    }

    /// Whether it asks for one model, whatever name the request came by.
    pub(crate) fn is_fixed(&self) -> bool {
        !self.model.is_empty()
    }

    /// The upstream's name of the model; empty where it is the one that is asked for.
    pub(crate) fn model(&self) -> &str {
        &self.model
    }
}

impl PartialEq for Offer {
    fn eq(&self, other: &Self) -> bool {
        let spoken = |offer: &Self| offer.wires.iter().map(|wire| wire.map(|wire| wire.id)).collect::<Vec<_>>();
        self.model == other.model
            && self.force_mapping == other.force_mapping
            && (Arc::ptr_eq(&self.traits, &other.traits) || self.traits == other.traits)
            && spoken(self) == spoken(other)
    }
}

/// One of each, of what many have alike.
#[derive(Debug, Default)]
pub(crate) struct Alike {
    offers: HashMap<Arc<str>, Vec<Arc<Offer>>>,
    guards: HashSet<Arc<Guard>>,
}

impl Alike {
    pub(crate) fn offer(&mut self, offer: Offer) -> Arc<Offer> {
        let known = self.offers.entry(Arc::clone(&offer.model)).or_default();
        if let Some(same) = known.iter().find(|known| ***known == offer) {
            return Arc::clone(same);
        }
        let offer = Arc::new(offer);
        known.push(Arc::clone(&offer));
        offer
    }

    pub(crate) fn guard(&mut self, guard: Guard) -> Arc<Guard> {
        if let Some(same) = self.guards.get(&guard) {
            return Arc::clone(same);
        }
        let guard = Arc::new(guard);
        self.guards.insert(Arc::clone(&guard));
        guard
    }
}

/// All members, in the order of the configuration.
#[derive(Debug)]
pub(crate) struct Roster {
    members: Box<[Member]>,
    /// For each member, the next one of another priority.
    level_ends: Box<[u32]>,
    /// Extra rounds, where all members have the same number.
    retries: Option<u32>,
}

impl Roster {
    pub(crate) fn new(members: Vec<Member>) -> Self {
        let mut ends = Vec::with_capacity(members.len());
        for level in members.chunk_by(|a, b| a.account.priority == b.account.priority) {
            let end = ends.len() + level.len();
            ends.resize(end, u32::try_from(end).unwrap_or(u32::MAX));
        }
        let retries = members.first().map_or(0, |member| member.retries);
        let retries = members.iter().all(|member| member.retries == retries).then_some(retries);
        Self { members: members.into(), level_ends: ends.into(), retries }
    }

    /// A member.
    pub(crate) fn get(&self, at: u32) -> Option<&Member> {
        self.members.get(at as usize)
    }

    fn priority(&self, at: u32) -> i32 {
        self.get(at).map_or(0, |member| member.account.priority)
    }
}

/// Neighbouring members that offer the same.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    pub(crate) members: Range<u32>,
    pub(crate) offer: Arc<Offer>,
}

/// One account that can answer under a name, and what to ask it for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat<'a> {
    member: &'a Member,
    offer: &'a Offer,
}

impl Deref for Seat<'_> {
    type Target = Member;

    fn deref(&self) -> &Member {
        self.member
    }
}

impl<'a> Seat<'a> {
    /// The account and its place.
    pub(crate) fn member(&self) -> &'a Member {
        self.member
    }

    /// The upstream's name and the traits of the model, for a request that asked for `requested`.
    pub(crate) fn model<'b>(&self, requested: &'b str) -> (&'b str, Arc<ModelTraits>)
    where
        'a: 'b,
    {
        if self.is_fixed() {
            return (&self.offer.model, Arc::clone(&self.offer.traits));
        }
        let bare = self.guard.bare(requested);
        (bare, self.upstream.traits_of(bare))
    }

    /// As [`Seat::model`], without the traits.
    pub(crate) fn upstream_model<'b>(&self, requested: &'b str) -> &'b str
    where
        'a: 'b,
    {
        if self.is_fixed() { &self.offer.model } else { self.guard.bare(requested) }
    }

    /// As [`Seat::upstream_model`], to be kept.
    pub(crate) fn shared_model(&self, requested: &str) -> Arc<str> {
        if self.is_fixed() { Arc::clone(&self.offer.model) } else { self.guard.bare(requested).into() }
    }

    /// What is spoken with a client.
    pub(crate) fn wire_for(&self, requested: &str, client: DialectId) -> Option<&'static Dialect> {
        if !self.is_fixed() {
            return self.upstream.wire_for(self.guard.bare(requested), client);
        }
        let at = CLIENTS.iter().position(|known| *known == client).unwrap_or(CLIENTS.len());
        *self.offer.wires.get(at)?
    }

    /// Whether a client's bytes go there as they are.
    pub(crate) fn speaks(&self, requested: &str, client: DialectId) -> bool {
        self.wire_for(requested, client).is_some_and(|wire| wire.id == client)
    }

    /// Answers carry the name that was asked for.
    pub(crate) fn force_mapping(&self) -> bool {
        self.offer.force_mapping
    }

    /// Whether it asks for one model, whatever name the request came by.
    pub(crate) fn is_fixed(&self) -> bool {
        self.offer.is_fixed()
    }
}

/// The seats of a name, dearest priority first.
#[derive(Clone, Debug)]
pub(crate) struct Seats {
    roster: Arc<Roster>,
    runs: Box<[Run]>,
    count: usize,
}

/// Seats beside each other, of members beside each other.
#[derive(Clone, Debug)]
struct Run {
    /// The place of the first among all seats.
    first: u32,
    /// The first's member.
    member: u32,
    offer: Arc<Offer>,
}

/// Seats of one priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    /// Their places among all seats.
    pub(crate) seats: Range<usize>,
    /// Each asks for one model, whatever name the request came by.
    pub(crate) uniform: bool,
}

impl Seats {
    /// Seats in the order of the configuration become seats in the order in which they are asked.
    pub(crate) fn new(roster: &Arc<Roster>, stretches: impl IntoIterator<Item = Stretch>) -> Self {
        let mut level: Vec<Stretch> = Vec::new();
        for Stretch { members, offer } in stretches {
            let mut from = members.start;
            while from < members.end {
                let to = roster.level_ends.get(from as usize).map_or(members.end, |end| (*end).min(members.end));
                level.push(Stretch { members: from..to, offer: Arc::clone(&offer) });
                from = to;
            }
        }
        level.sort_by_key(|stretch| std::cmp::Reverse(roster.priority(stretch.members.start)));
        let mut runs: Vec<Run> = Vec::with_capacity(level.len());
        let mut count = 0;
        for Stretch { members, offer } in level {
            let goes_on = runs.last().is_some_and(|run| {
                run.member + (count - run.first) == members.start
                    && Arc::ptr_eq(&run.offer, &offer)
                    && roster.priority(run.member) == roster.priority(members.start)
            });
            if !goes_on {
                runs.push(Run { first: count, member: members.start, offer });
            }
            count += members.end - members.start;
        }
        Self { roster: Arc::clone(roster), runs: runs.into(), count: count as usize }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The seat at a place.
    pub(crate) fn get(&self, at: usize) -> Option<Seat<'_>> {
        let place = u32::try_from(at).ok().filter(|_| at < self.count)?;
        // Nearly always there is one run.
        let run = match &*self.runs {
            [only] => only,
            runs => runs.get(runs.partition_point(|run| run.first <= place).checked_sub(1)?)?,
        };
        Some(Seat { member: self.roster.get(run.member + (place - run.first))?, offer: &run.offer })
    }

    /// The one that is asked first.
    pub(crate) fn first(&self) -> Option<Seat<'_>> {
        self.get(0)
    }

    /// All, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Seat<'_>> {
        self.stretches().flat_map(move |(members, offer)| {
            let members = self.roster.members.get(members.start as usize..members.end as usize).unwrap_or_default();
            members.iter().map(move |member| Seat { member, offer })
        })
    }

    /// Those of each priority, dearest first.
    pub(crate) fn levels(&self) -> Vec<Level> {
        let mut levels: Vec<Level> = Vec::new();
        let (mut from, mut priority) = (0, None);
        for (members, offer) in self.stretches() {
            let to = from + members.len();
            let own = Some(self.roster.priority(members.start));
            match levels.last_mut().filter(|_| own == priority) {
                Some(level) => {
                    level.seats.end = to;
                    level.uniform &= offer.is_fixed();
                }
                None => levels.push(Level { seats: from..to, uniform: offer.is_fixed() }),
            }
            (from, priority) = (to, own);
        }
        levels
    }

    /// Some of them.
    pub(crate) fn filtered(&self, keep: impl Fn(Seat<'_>) -> bool) -> Self {
        let kept = self.stretches().flat_map(|(members, offer)| {
            let seat = |at| Some(Seat { member: self.roster.get(at)?, offer });
            let kept = members.filter(|at| seat(*at).is_some_and(&keep)).collect::<Vec<_>>();
            kept.into_iter().map(|at| Stretch { members: at..at + 1, offer: Arc::clone(offer) })
        });
        Self::new(&self.roster, kept)
    }

    /// Extra rounds that they may be asked in.
    pub(crate) fn retries(&self) -> u32 {
        let most = || self.iter().map(|seat| seat.retries).max().unwrap_or(0);
        self.roster.retries.unwrap_or_else(most)
    }

    /// What is refused of names that fit a pattern, by some of those that are there for patterns.
    pub(crate) fn guards(&self) -> Vec<Arc<Guard>> {
        let open = self.runs.iter().any(|run| !run.offer.is_fixed());
        let seats = self.iter().filter(|seat| open && !seat.is_fixed() && !seat.guard.excluded.is_empty());
        let mut known = HashSet::new();
        seats.map(|seat| &seat.member().guard).filter(|guard| known.insert(Arc::as_ptr(guard))).cloned().collect()
    }

    /// The members that have some of the places.
    fn members_at(&self, places: &Range<usize>) -> Vec<Range<u32>> {
        let mut from = 0;
        let clipped = self.stretches().map(|(members, _)| {
            let (start, end) = (from, from + members.len());
            from = end;
            let skipped = |place: usize| u32::try_from(place.clamp(start, end) - start).unwrap_or(u32::MAX);
            members.start + skipped(places.start)..members.start + skipped(places.end)
        });
        clipped.filter(|members| !members.is_empty()).collect()
    }

    fn stretches(&self) -> impl Iterator<Item = (Range<u32>, &Arc<Offer>)> {
        let count = u32::try_from(self.count).unwrap_or(u32::MAX);
        let ends = self.runs.iter().skip(1).map(|run| run.first).chain([count]);
        self.runs.iter().zip(ends).map(|(run, end)| (run.member..run.member + (end - run.first), &run.offer))
    }
}

/// The weights of seats; names that the same accounts serve share them.
#[derive(Debug, Default)]
pub(crate) struct Weighings {
    known: HashMap<Vec<Range<u32>>, Arc<Weighing>>,
}

impl Weighings {
    /// Those of the seats at some places.
    pub(crate) fn of(&mut self, seats: &Seats, places: &Range<usize>) -> Arc<Weighing> {
        let members = seats.members_at(places);
        let weigh = |members: &Vec<Range<u32>>| {
            let all = members.iter().flat_map(|members| members.clone()).filter_map(|at| seats.roster.get(at));
            Arc::new(Weighing::new(&all.map(|member| member.account.weight).collect::<Vec<_>>()))
        };
        if let Some(known) = self.known.get(&members) {
            return Arc::clone(known);
        }
        let weighing = weigh(&members);
        self.known.insert(members, Arc::clone(&weighing));
        weighing
    }
}

#[cfg(test)]
mod tests;
