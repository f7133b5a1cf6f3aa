//! How one of the seats of a tier is chosen, at a price that does not grow with their number.
//!
//! A selector remembers which seats were found benched, and until when, and passes over them without asking again. It
//! knows no accounts: what stands at a place, [`Bench`] tells. What it remembers is a hint; the bench decides.

mod bits;
mod weighing;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError};

use bits::Bits;
use weighing::Turns;
pub use weighing::Weighing;

use crate::clock::Moment;
use crate::health::Standing;

/// The strategy within a tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Each in turn.
    #[default]
    RoundRobin,
    /// In turn, in proportion to their weights, spread evenly. A weight of 0 is never chosen.
    WeightedRoundRobin,
    /// The first that is ready.
    FillFirst,
    /// The one with the fewest calls under way: of all in a tier of up to 64, in a larger one of 32 neighbours from a
    /// place that is drawn.
    LeastUsed,
    /// The quicker of two that are drawn.
    Latency,
}

impl Strategy {
    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::WeightedRoundRobin => "weighted-round-robin",
            Self::FillFirst => "fill-first",
            Self::LeastUsed => "least-used",
            Self::Latency => "latency",
        }
    }
}

/// Seats as a selector sees them.
pub trait Bench {
    /// How many there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Whether one may be asked now. One that this request has tried is busy to it.
    fn standing(&self, at: usize) -> Standing;
    /// Calls under way.
    fn load(&self, at: usize) -> u32;
    /// What a call is expected to take, in any unit; 0 when nobody knows.
    fn latency(&self, at: usize) -> f64;
}

/// The largest tier in which the one with the fewest calls is looked for among all.
const ALL: usize = 64;
/// Seats that are looked at in a larger one. The best of a few that chance has brought together is nearly as good as the
/// best of all: what the busiest has more than the mean grows with the logarithm of a logarithm. And no request has to
/// ask them all.
const SAMPLE: usize = 32;

/// Chooses among the seats of one tier.
#[derive(Debug)]
pub struct Selector {
    strategy: Strategy,
    weighing: Option<Arc<Weighing>>,
    state: Mutex<State>,
}

#[derive(Clone, Debug)]
struct State {
    watch: Watch,
    /// Where the next turn begins.
    cursor: usize,
    /// Weighted turns.
    turns: Option<Turns>,
    dice: u64,
}

/// Who was found benched. Seats are called by their places, which are those of the weighing where there is one.
#[derive(Clone, Debug)]
struct Watch {
    ready: Bits,
    /// Seats that were found benched, by the end of their bench.
    parked: BinaryHeap<Reverse<(Moment, u32)>>,
    /// The count of early recoveries when `parked` was last true.
    epoch: u64,
}

/// What became of a look at a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Ready,
    /// Not for this request, or not now; nobody says until when.
    Busy,
    /// Benched for all who ask here, and remembered.
    Parked,
}

/// What a choice depends on beside the seats.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The present.
    pub now: Moment,
    /// How many benches have ended early so far: [`crate::Accounts::recoveries`].
    pub recoveries: u64,
    /// Every request of this tier asks for the same models, so that a bench of one model is one for all.
    pub uniform: bool,
}

impl Selector {
    /// A selector over so many seats that don't differ in weight.
    pub fn new(strategy: Strategy, count: usize) -> Self {
        match strategy {
            Strategy::WeightedRoundRobin => Self::weighted(Arc::new(Weighing::new(&vec![1; count]))),
            _ => Self::with(strategy, count, None),
        }
    }

    /// A selector that gives turns in proportion to weights.
    pub fn weighted(weighing: Arc<Weighing>) -> Self {
        Self::with(Strategy::WeightedRoundRobin, weighing.count(), Some(weighing))
    }

    fn with(strategy: Strategy, count: usize, weighing: Option<Arc<Weighing>>) -> Self {
        let watch = Watch { ready: Bits::all(count), parked: BinaryHeap::new(), epoch: 0 };
        let turns = weighing.as_deref().map(Turns::new);
        let state = State { watch, cursor: 0, turns, dice: 0x9e37_79b9_7f4a_7c15 };
        Self { strategy, weighing, state: Mutex::new(state) }
    }

    /// Lets the turns begin somewhere instead of with the first, for those who are made anew again and again.
    /// There are `count` seats.
    pub fn scatter(&mut self, count: usize, seed: u64) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.dice = (state.dice ^ seed).max(1);
        state.cursor = state.draw(count);
        let State { turns, dice, .. } = state;
        if let (Some(turns), Some(weighing)) = (turns, self.weighing.as_deref()) {
            turns.scatter(weighing, |bound| roll(dice).checked_rem(bound).unwrap_or_default());
        }
    }

    /// The strategy.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// The place of the choice; `None` when none is ready.
    pub fn pick(&self, bench: &dyn Bench, ask: Ask) -> Option<usize> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.choose(&mut state, bench, ask)
    }

    /// Whether somebody could be chosen. Nothing moves on.
    pub fn has_ready(&self, bench: &dyn Bench, ask: Ask) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.unpark(ask, self.weighing.as_deref());
        match &self.weighing {
            // Seats without a weight are never chosen, and what is parked behind the turns' back loses its turns.
            Some(weighing) => {
                let places = weighing.weighed();
                let mut next = state.watch.ready.next(0, places);
                while let Some(place) = next.filter(|place| bench.standing(weighing.seat(*place)) != Standing::Ready) {
                    next = state.watch.ready.next(place + 1, places);
                }
                next.is_some()
            }
            None => state.watch.scan(0, bench.len(), bench, ask).is_some(),
        }
    }

    fn choose(&self, state: &mut State, bench: &dyn Bench, ask: Ask) -> Option<usize> {
        state.unpark(ask, self.weighing.as_deref());
        match (self.strategy, self.weighing.as_deref()) {
            (Strategy::WeightedRoundRobin, Some(weighing)) => state.weighted(bench, ask, weighing),
            (Strategy::RoundRobin | Strategy::WeightedRoundRobin, _) => state.in_turn(bench, ask),
            (Strategy::FillFirst, _) => state.watch.scan(0, bench.len(), bench, ask),
            (Strategy::LeastUsed, _) => state.least_used(bench, ask),
            (Strategy::Latency, _) => state.quicker(bench, ask),
        }
    }
}

impl Clone for Selector {
    /// One that would choose as this one, and moves on by itself.
    fn clone(&self) -> Self {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { strategy: self.strategy, weighing: self.weighing.clone(), state: Mutex::new(state) }
    }
}

impl Watch {
    /// Looks at a seat. One that is benched for all that ask here is remembered.
    fn look(&mut self, place: usize, standing: Standing, ask: Ask) -> Seen {
        match standing {
            Standing::Ready => Seen::Ready,
            Standing::Out(out) if (out.whole || ask.uniform) && !out.probing => {
                self.park(place, out.until);
                Seen::Parked
            }
            Standing::Busy | Standing::Out(_) => Seen::Busy,
        }
    }

    fn park(&mut self, place: usize, until: Moment) {
        if self.ready.clear(place)
            && let Ok(place) = u32::try_from(place)
        {
            self.parked.push(Reverse((until, place)));
        }
    }

    /// The next whose bench is over, put back. When one ended early, all are: nobody says which.
    fn unparked(&mut self, all: bool, now: Moment) -> Option<usize> {
        let Reverse((until, place)) = self.parked.peek().copied()?;
        if !all && until > now {
            return None;
        }
        self.parked.pop();
        self.ready.set(place as usize);
        Some(place as usize)
    }

    /// The first that is ready in a range.
    fn scan(&mut self, from: usize, to: usize, bench: &dyn Bench, ask: Ask) -> Option<usize> {
        let mut from = from;
        while let Some(at) = self.ready.next(from, to) {
            if self.look(at, bench.standing(at), ask) == Seen::Ready {
                return Some(at);
            }
            from = at + 1;
        }
        None
    }

    /// The first that is ready from a place on, around the corner too.
    fn around(&mut self, from: usize, bench: &dyn Bench, ask: Ask) -> Option<usize> {
        let count = bench.len();
        self.scan(from, count, bench, ask).or_else(|| self.scan(0, from.min(count), bench, ask))
    }
}

impl State {
    /// Lets those back in whose bench is over.
    fn unpark(&mut self, ask: Ask, weighing: Option<&Weighing>) {
        let all = self.watch.epoch != ask.recoveries;
        self.watch.epoch = ask.recoveries;
        while let Some(place) = self.watch.unparked(all, ask.now) {
            if let (Some(turns), Some(weighing)) = (&mut self.turns, weighing) {
                turns.unparked(place, weighing);
            }
        }
    }

    fn in_turn(&mut self, bench: &dyn Bench, ask: Ask) -> Option<usize> {
        let at = self.watch.around(self.cursor, bench, ask)?;
        self.cursor = at + 1;
        Some(at)
    }

    /// The seat whose turn it is; one that is busy lets its turn pass, so that the others share it by their weights.
    fn weighted(&mut self, bench: &dyn Bench, ask: Ask, weighing: &Weighing) -> Option<usize> {
        let Self { watch, turns: Some(turns), .. } = self else { return None };
        let mut aside = Vec::new();
        turns.begin();
        let mut chosen = None;
        while let Some(turn) = turns.next() {
            let places = weighing.places(turn.class);
            let cursor = turns.cursor(turn.class);
            let next = watch.ready.next(cursor, places.end).or_else(|| watch.ready.next(places.start, cursor));
            let Some(place) = next else { continue };
            match watch.look(place, bench.standing(weighing.seat(place)), ask) {
                Seen::Ready => {
                    turns.taken(turn, place, weighing);
                    chosen = Some(weighing.seat(place));
                    break;
                }
                Seen::Busy => aside.extend(turns.passed(turn, place, weighing)),
                Seen::Parked => {
                    turns.parked(place, weighing);
                    turns.restored([turn]);
                }
            }
        }
        turns.restored(aside);
        chosen
    }

    /// The fewest calls first, and who is not benched of those.
    fn least_used(&mut self, bench: &dyn Bench, ask: Ask) -> Option<usize> {
        let count = bench.len();
        // In a small tier all are compared, each round from the next on, so that equals take turns.
        let (from, most) = if count > ALL { (self.draw(count), SAMPLE) } else { (self.cursor.min(count), count) };
        let mut seen = [(0, 0); ALL];
        let mut found = 0;
        let mut next = from;
        for end in [count, from] {
            while found < most
                && let Some(at) = self.watch.ready.next(next, end)
            {
                seen[found] = (bench.load(at), at);
                found += 1;
                next = at + 1;
            }
            if end == count && found < most {
                next = 0;
            }
        }
        let seen = &mut seen[..found];
        seen.sort_by_key(|(load, _)| *load);
        let mut idle = seen.iter().map(|(_, at)| *at);
        let idle = idle.find(|at| self.watch.look(*at, bench.standing(*at), ask) == Seen::Ready);
        // Of a sample that is benched or busy, nobody else was looked at.
        let at = idle.or_else(|| self.watch.around(next, bench, ask).filter(|_| count > ALL))?;
        self.cursor = at + 1;
        Some(at)
    }

    fn quicker(&mut self, bench: &dyn Bench, ask: Ask) -> Option<usize> {
        let count = bench.len();
        let from = self.draw(count);
        let one = self.watch.around(from, bench, ask)?;
        let from = self.draw(count);
        let mut other = self.watch.around(from, bench, ask)?;
        if other == one {
            other = self.watch.around(one + 1, bench, ask)?;
        }
        // What waits there already comes first.
        let cost = |at: usize| bench.latency(at) * f64::from(bench.load(at) + 1);
        Some(if cost(other) < cost(one) { other } else { one })
    }

    /// A number below `count`. Nobody gains by foreseeing it.
    fn draw(&mut self, count: usize) -> usize {
        usize::try_from(roll(&mut self.dice)).unwrap_or_default().checked_rem(count).unwrap_or_default()
    }
}

fn roll(dice: &mut u64) -> u64 {
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    *dice >> 16
}

#[cfg(test)]
mod tests;
