//! How one of the seats of a tier is chosen, at a price that does not grow with their number.
//!
//! A selector remembers which seats were found benched, and until when, and passes over them without asking again. It
//! knows no accounts: what stands at a place, [`Bench`] tells. What it remembers is a hint; the bench decides.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

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
    /// The one with the fewest calls under way.
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

/// Seats looked at for the one with the fewest calls: all of a small tier, a sample of a large one.
const SAMPLE: usize = 32;
/// Choices that are foreseen at most.
const FORESEEN: usize = 64;
/// The distance of two turns at weight 1.
const STRIDE: u64 = 1 << 32;

/// Chooses among the seats of one tier.
#[derive(Debug)]
pub struct Selector {
    strategy: Strategy,
    weights: Option<Box<[u32]>>,
    state: Mutex<State>,
}

#[derive(Clone, Debug)]
struct State {
    ready: Bits,
    /// Seats that were found benched, by the end of their bench.
    parked: BinaryHeap<Reverse<(Moment, u32)>>,
    /// The count of early recoveries when `parked` was last true.
    epoch: u64,
    /// Where the next turn begins.
    cursor: usize,
    /// Weighted turns: when each seat's next one comes.
    turns: BinaryHeap<Reverse<(u64, u32)>>,
    /// When the last weighted turn was.
    last_turn: u64,
    dice: u64,
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
    /// A selector over so many seats, with these weights where the strategy weighs.
    pub fn new(strategy: Strategy, count: usize, weights: impl Iterator<Item = u32>) -> Self {
        let weights: Option<Box<[u32]>> = (strategy == Strategy::WeightedRoundRobin).then(|| weights.collect());
        let turns = weights.as_deref().map(first_turns).unwrap_or_default();
        let state = State {
            ready: Bits::all(count),
            parked: BinaryHeap::new(),
            epoch: 0,
            cursor: 0,
            turns,
            last_turn: 0,
            dice: 0x9e37_79b9_7f4a_7c15,
        };
        Self { strategy, weights, state: Mutex::new(state) }
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

    /// The places of the next choices, were each to fail in turn. Nothing moves on.
    pub fn foresee(&self, bench: &dyn Bench, ask: Ask) -> Vec<usize> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut rest = Rest { bench, taken: Vec::new() };
        while rest.taken.len() < FORESEEN
            && let Some(at) = self.choose(&mut state, &rest, ask)
        {
            rest.taken.push(at);
        }
        rest.taken
    }

    fn choose(&self, state: &mut State, bench: &dyn Bench, ask: Ask) -> Option<usize> {
        state.unpark(ask, self.weights.as_deref());
        match self.strategy {
            Strategy::RoundRobin => state.in_turn(bench, ask),
            Strategy::WeightedRoundRobin => state.weighted(bench, ask, self.weights.as_deref().unwrap_or_default()),
            Strategy::FillFirst => state.scan(0, bench.len(), bench, ask),
            Strategy::LeastUsed => state.least_used(bench, ask),
            Strategy::Latency => state.quicker(bench, ask),
        }
    }
}

fn stride(weight: u32) -> u64 {
    STRIDE / u64::from(weight.max(1))
}

fn first_turns(weights: &[u32]) -> BinaryHeap<Reverse<(u64, u32)>> {
    let weighed = (0_u32..).zip(weights).filter(|(_, weight)| **weight > 0);
    weighed.map(|(at, weight)| Reverse((stride(*weight) / 2, at))).collect()
}

impl State {
    /// Lets those back in whose bench is over, and all of them when one ended early: nobody says which.
    fn unpark(&mut self, ask: Ask, weights: Option<&[u32]>) {
        let all = self.epoch != ask.recoveries;
        self.epoch = ask.recoveries;
        while let Some(Reverse((until, at))) = self.parked.peek().copied() {
            if !all && until > ask.now {
                return;
            }
            self.parked.pop();
            self.ready.set(at as usize);
            if let Some(weight) = weights.and_then(|weights| weights.get(at as usize)) {
                self.turns.push(Reverse((self.last_turn + stride(*weight) / 2, at)));
            }
        }
    }

    /// Whether a seat may be asked. One that is benched for all that ask here is remembered.
    fn is_ready(&mut self, at: usize, bench: &dyn Bench, ask: Ask) -> bool {
        match bench.standing(at) {
            Standing::Ready => true,
            Standing::Busy => false,
            Standing::Out(out) => {
                if (out.whole || ask.uniform) && !out.probing {
                    self.park(at, out.until);
                }
                false
            }
        }
    }

    fn park(&mut self, at: usize, until: Moment) {
        if self.ready.clear(at)
            && let Ok(at) = u32::try_from(at)
        {
            self.parked.push(Reverse((until, at)));
        }
    }

    /// The first that is ready in a range.
    fn scan(&mut self, from: usize, to: usize, bench: &dyn Bench, ask: Ask) -> Option<usize> {
        let mut from = from;
        while let Some(at) = self.ready.next(from, to) {
            if self.is_ready(at, bench, ask) {
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

    fn in_turn(&mut self, bench: &dyn Bench, ask: Ask) -> Option<usize> {
        let at = self.around(self.cursor, bench, ask)?;
        self.cursor = at + 1;
        Some(at)
    }

    fn weighted(&mut self, bench: &dyn Bench, ask: Ask, weights: &[u32]) -> Option<usize> {
        let mut passed = Vec::new();
        let mut chosen = None;
        while let Some(Reverse((turn, at))) = self.turns.pop() {
            if self.is_ready(at as usize, bench, ask) {
                // Whoever was passed over for a while does not make up for it in one go.
                self.last_turn = turn.max(self.last_turn);
                let weight = weights.get(at as usize).copied().unwrap_or(1);
                self.turns.push(Reverse((self.last_turn + stride(weight), at)));
                chosen = Some(at as usize);
                break;
            }
            if self.ready.has(at as usize) {
                passed.push(Reverse((turn, at)));
            }
        }
        self.turns.extend(passed);
        if self.last_turn > u64::MAX / 2 {
            self.begin_anew();
        }
        chosen
    }

    /// Counts turns from zero again, long before they overflow.
    fn begin_anew(&mut self) {
        let past = self.last_turn;
        self.last_turn = 0;
        self.turns = self.turns.drain().map(|Reverse((turn, at))| Reverse((turn.saturating_sub(past), at))).collect();
    }

    fn least_used(&mut self, bench: &dyn Bench, ask: Ask) -> Option<usize> {
        let count = bench.len();
        // In a small tier all are compared, each round from the next on, so that equals take turns.
        let start = if count > SAMPLE { self.draw(count) } else { self.cursor };
        let mut best: Option<(u32, usize)> = None;
        let mut from = start;
        for _ in 0..SAMPLE.min(count) {
            let Some(at) = self.around(from, bench, ask) else { break };
            let load = bench.load(at);
            if best.is_none_or(|(least, _)| load < least) {
                best = Some((load, at));
            }
            from = at + 1;
        }
        let (_, at) = best?;
        self.cursor = at + 1;
        Some(at)
    }

    fn quicker(&mut self, bench: &dyn Bench, ask: Ask) -> Option<usize> {
        let count = bench.len();
        let from = self.draw(count);
        let one = self.around(from, bench, ask)?;
        let from = self.draw(count);
        let mut other = self.around(from, bench, ask)?;
        if other == one {
            other = self.around(one + 1, bench, ask)?;
        }
        // What waits there already comes first.
        let cost = |at: usize| bench.latency(at) * f64::from(bench.load(at) + 1);
        Some(if cost(other) < cost(one) { other } else { one })
    }

    /// A number below `count`. Nobody gains by foreseeing it.
    fn draw(&mut self, count: usize) -> usize {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        usize::try_from(self.dice >> 16).unwrap_or_default().checked_rem(count).unwrap_or_default()
    }
}

/// Seats without those that were taken.
struct Rest<'a> {
    bench: &'a dyn Bench,
    taken: Vec<usize>,
}

impl Bench for Rest<'_> {
    fn len(&self) -> usize {
        self.bench.len()
    }

    fn standing(&self, at: usize) -> Standing {
        if self.taken.contains(&at) { Standing::Busy } else { self.bench.standing(at) }
    }

    fn load(&self, at: usize) -> u32 {
        self.bench.load(at)
    }

    fn latency(&self, at: usize) -> f64 {
        self.bench.latency(at)
    }
}

/// A set of places.
#[derive(Clone, Debug)]
struct Bits {
    words: Box<[u64]>,
    count: usize,
}

impl Bits {
    fn all(count: usize) -> Self {
        Self { words: vec![u64::MAX; count.div_ceil(64)].into(), count }
    }

    fn has(&self, at: usize) -> bool {
        self.words.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    fn set(&mut self, at: usize) {
        if let Some(word) = self.words.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    /// Takes a place out; whether it was in.
    fn clear(&mut self, at: usize) -> bool {
        let was = self.has(at);
        if let Some(word) = self.words.get_mut(at / 64) {
            *word &= !(1 << (at % 64));
        }
        was
    }

    /// The first place in a range.
    fn next(&self, from: usize, to: usize) -> Option<usize> {
        let to = to.min(self.count);
        let mut at = from;
        while at < to {
            let word = self.words.get(at / 64)? >> (at % 64);
            if word != 0 {
                let found = at + word.trailing_zeros() as usize;
                return (found < to).then_some(found);
            }
            at = (at / 64 + 1) * 64;
        }
        None
    }
}

#[cfg(test)]
mod tests;
