//! Where a model name leads: the seats that serve it, in tiers of one priority, and how one is chosen. What a choice
//! would be, and why, can be asked without making it.

use std::sync::Arc;
use std::time::Duration;

use hub::FaultKind;
use pool::{Accounts, Ask, Bench, Moment, Out, Selector, Standing, Strategy};

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
}

/// Seats of one priority, made ready so that no request has to go through all of them.
#[derive(Debug)]
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
        Self { seats, tiers, retries, rules, guards, strategy }
    }

    /// The same with some of the seats; `None` when none is left.
    pub(crate) fn narrowed(&self, keep: impl Fn(Seat<'_>) -> bool) -> Option<Self> {
        let seats = self.seats.filtered(keep);
        (seats.len() > 0).then(|| Self::new(seats, self.strategy, self.rules.clone(), &mut Weighings::default()))
    }

    /// Whether a tier before this one has somebody who is ready.
    pub(crate) fn has_ready_before(&self, tier: &Tier, look: &Look<'_>) -> bool {
        let dearer = self.tiers.iter().take_while(|dearer| dearer.first < tier.first);
        let mut rows = dearer.map(|tier| (tier, Row { route: self, tier, look }));
        rows.any(|(tier, row)| tier.selector.has_ready(&row, look.ask(tier)))
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

    /// What would be chosen now, why others would not, and what a failure would do next.
    pub(crate) fn explain(&self, model: &str, accounts: &Accounts) -> Explanation {
        let look = Look { model, now: accounts.clock().now(), recoveries: accounts.recoveries(), tried: &[] };
        let candidates = self.seats.iter().enumerate().map(|(at, seat)| self.candidate(at, seat, &look)).collect();
        let mut order = Vec::new();
        for tier in &self.tiers {
            let row = Row { route: self, tier, look: &look };
            order.extend(tier.selector.foresee(&row, look.ask(tier)).into_iter().map(|at| tier.first + at));
        }
        let last_resort = self.soft(&look).filter(|_| order.is_empty());
        Explanation { strategy: self.strategy, candidates, order, last_resort, rounds: self.retries.saturating_add(1) }
    }

    /// The one that is back first, of those whose upstream named no time.
    fn soft(&self, look: &Look<'_>) -> Option<usize> {
        let out = |at| match self.standing(at, look) {
            Standing::Out(out) if !out.firm => Some((out.until, at)),
            Standing::Ready | Standing::Busy | Standing::Out(_) => None,
        };
        (0..self.seats.len()).filter_map(out).min().map(|(_, at)| at)
    }

    fn candidate(&self, at: usize, seat: Seat<'_>, look: &Look<'_>) -> Candidate {
        let activity = &seat.account.activity;
        let state = match self.standing(at, look) {
            Standing::Ready => State::Ready,
            Standing::Busy => State::Busy { waiting: seat.account.waiting() },
            Standing::Out(Out { until, firm, whole, probing, cause }) => {
                State::Out { back_in: until.since(look.now), named: firm, whole, probing, cause }
            }
        };
        Candidate {
            account: seat.account.id.as_str().to_owned(),
            label: seat.account.label.clone(),
            kind: seat.upstream.kind(),
            model: seat.upstream_model(look.model).to_owned(),
            priority: seat.account.priority,
            weight: seat.account.weight,
            in_flight: activity.in_flight(),
            answered: activity.answered(),
            failed: activity.failed(),
            latency_ms: Some(activity.latency()).filter(|millis| *millis >= 1.0),
            state,
        }
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

/// Who would answer, and why not others.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// How one is chosen among those of one priority.
    pub strategy: Strategy,
    /// All that serve the model, dearest priority first.
    pub candidates: Vec<Candidate>,
    /// The places among `candidates` of the pick and of those that would follow, failure by failure. A session that is
    /// bound to an account begins with that one instead.
    pub order: Vec<usize>,
    /// When nobody is ready: the place of the benched one that would be asked anyway.
    pub last_resort: Option<usize>,
    /// How often the order may be gone through.
    pub rounds: u32,
}

/// One account that serves a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The account's id.
    pub account: String,
    /// Its label.
    pub label: String,
    /// The kind of its place.
    pub kind: &'static str,
    /// The upstream's name of the model.
    pub model: String,
    /// Higher is tried first.
    pub priority: i32,
    /// Its share where the strategy weighs.
    pub weight: u32,
    /// Calls under way.
    pub in_flight: u32,
    /// Calls that it has answered.
    pub answered: u64,
    /// Calls that have failed by its fault.
    pub failed: u64,
    /// What its first word is expected to take.
    pub latency_ms: Option<f64>,
    /// Whether it may be asked.
    pub state: State,
}

/// Whether an account may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It may.
    Ready,
    /// It has all the calls that it may have.
    Busy {
        /// How many wait for one to end.
        waiting: usize,
    },
    /// It is benched.
    Out {
        /// When it is tried again.
        back_in: Duration,
        /// The upstream named that time; else it is asked as a last resort.
        named: bool,
        /// For every model, not for this one alone.
        whole: bool,
        /// One request is finding out whether it is well again.
        probing: bool,
        /// What benched it.
        cause: FaultKind,
    },
}
