//! Where a model name leads: the seats that serve it, in tiers of one priority, and how one is chosen.

use std::sync::Arc;

use pool::{Ask, Bench, Moment, Selector, Standing, Strategy};

use crate::edge::random;
use crate::payload::Rules;
use crate::seats::{Guard, Level, Seat, Seats, Weighings};

/// Where a model name leads.
#[derive(Debug)]
pub(crate) struct ModelRoute {
    /// Who may answer, dearest priority first.
    pub(crate) seats: Seats,
    /// Runs of equal priority among them.
    pub(crate) tiers: Vec<Tier>,
    /// Extra rounds after the first.
    pub(crate) retries: u32,
    /// The payload rules that requests under this name may meet.
    pub(crate) rules: Rules,
    /// What some of the seats refuse of the names that fit a pattern.
    pub(crate) guards: Box<[Arc<Guard>]>,
    strategy: Strategy,
    /// Turns begin somewhere, here and in what is made of it.
    scattered: bool,
}

/// Seats of one priority, made ready so that no request has to go through all of them.
#[derive(Clone, Debug)]
pub(crate) struct Tier {
    /// The place of the first among all seats of the route.
    pub(crate) first: usize,
    count: usize,
    /// Each seat asks for one model, whatever name the request came by.
    uniform: bool,
    selector: Selector,
}

impl ModelRoute {
    /// A route over seats in the order of the configuration.
    pub(crate) fn new(seats: Seats, strategy: Strategy, rules: Rules, weighings: &mut Weighings) -> Self {
        let tier = |Level { seats: places, uniform }: Level| {
            let selector = match strategy {
                Strategy::WeightedRoundRobin => Selector::weighted(weighings.of(&seats, &places)),
                other => Selector::new(other, places.len()),
            };
            Tier { first: places.start, count: places.len(), uniform, selector }
        };
        let tiers = seats.levels().into_iter().map(tier).collect();
        let (retries, guards) = (seats.retries(), seats.guards().into());
        Self { seats, tiers, retries, rules, guards, strategy, scattered: false }
    }

    /// Lets turns begin somewhere: whoever is first in the configuration would be asked first after every reload.
    pub(crate) fn scatter(&mut self) {
        self.scattered = true;
        self.tiers.iter_mut().for_each(|tier| tier.selector.scatter(tier.count, random()));
    }

    /// The same with some of the seats; `None` when none is left.
    pub(crate) fn narrowed(&self, keep: impl Fn(Seat<'_>) -> bool) -> Option<Self> {
        let seats = self.seats.filtered(keep);
        (seats.len() > 0).then(|| {
            let mut part = Self::new(seats, self.strategy, self.rules.clone(), &mut Weighings::default());
            if self.scattered {
                part.scatter();
            }
            part
        })
    }

    /// Whether all seats are of one place.
    pub(crate) fn is_of_one_place(&self) -> bool {
        let first = self.seats.first();
        first.is_some_and(|first| self.seats.iter().all(|seat| Arc::ptr_eq(&seat.upstream, &first.upstream)))
    }

    /// Whether a tier before this one has somebody who is ready.
    pub(crate) fn has_ready_before(&self, tier: &Tier, look: &Look<'_>) -> bool {
        let dearer = self.tiers.iter().take_while(|dearer| dearer.first < tier.first);
        let mut rows = dearer.map(|tier| (tier, Row { route: self, tier, look }));
        rows.any(|(tier, row)| tier.selector.has_ready(&row, look.ask(tier)))
    }

    /// The same with strategies that move on by themselves, for choices that are only thought of.
    pub(crate) fn copied(&self) -> Self {
        let (seats, tiers, rules) = (self.seats.clone(), self.tiers.clone(), self.rules.clone());
        let (guards, strategy, scattered) = (self.guards.clone(), self.strategy, self.scattered);
        Self { seats, tiers, retries: self.retries, rules, guards, strategy, scattered }
    }

    /// How one is chosen within a tier.
    pub(crate) fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// The place of the next choice; `None` when nobody is ready.
    pub(crate) fn pick(&self, look: &Look<'_>) -> Option<usize> {
        self.tiers.iter().find_map(|tier| {
            let row = Row { route: self, tier, look };
            Some(tier.first + tier.selector.pick(&row, look.ask(tier))?)
        })
    }

    /// The tier of a seat.
    pub(crate) fn tier_of(&self, at: usize) -> Option<&Tier> {
        self.tiers.iter().find(|tier| at < tier.end())
    }

    /// Where a seat stands.
    pub(crate) fn standing(&self, at: usize, look: &Look<'_>) -> Standing {
        self.seats.get(at).map_or(Standing::Busy, |seat| {
            if look.tried.contains(&at) {
                return Standing::Busy;
            }
            seat.account.standing(seat.upstream_model(look.model), look.now)
        })
    }
}

impl Tier {
    /// The place after the last one.
    pub(crate) fn end(&self) -> usize {
        self.first + self.count
    }
}

/// What a choice is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look<'a> {
    /// The model as it was asked for.
    pub(crate) model: &'a str,
    pub(crate) now: Moment,
    pub(crate) recoveries: u64,
    /// The seats that this request has tried.
    pub(crate) tried: &'a [usize],
}

impl Look<'_> {
    fn ask(&self, tier: &Tier) -> Ask {
        Ask { now: self.now, recoveries: self.recoveries, uniform: tier.uniform }
    }
}

/// A tier as its selector sees it.
struct Row<'a> {
    route: &'a ModelRoute,
    tier: &'a Tier,
    look: &'a Look<'a>,
}

impl Bench for Row<'_> {
    fn len(&self) -> usize {
        self.tier.count
    }

    fn standing(&self, at: usize) -> Standing {
        self.route.standing(self.tier.first + at, self.look)
    }

    fn load(&self, at: usize) -> u32 {
        self.route.seats.get(self.tier.first + at).map_or(0, |seat| seat.account.activity.in_flight())
    }

    fn latency(&self, at: usize) -> f64 {
        self.route.seats.get(self.tier.first + at).map_or(0.0, |seat| seat.account.activity.latency())
    }
}
