//! Turns in proportion to weights, at a price that grows with the number of different weights and not with that of seats.
//!
//! Seats of one weight are a class. Classes have their turns by the weight that their ready seats have together, spread
//! evenly; within a class each seat has its turn. So every seat gets its share, every class of seats gets it within any
//! short stretch, and a thousand seats of three weights cost what three seats cost.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

/// The distance of two turns of a class at weight 1. Ten thousand seats of the largest weight still have whole strides.
const STRIDE: u64 = 1 << 48;

/// The classes of seats. The same for all names that the same accounts serve, so it may be shared.
#[derive(Debug)]
pub struct Weighing {
    /// The seats, class by class, and those without a weight last; `None` when that is their own order.
    order: Option<Box<[u32]>>,
    classes: Box<[Class]>,
    count: usize,
}

#[derive(Debug)]
struct Class {
    weight: u32,
    /// Its places in the order.
    places: Range<u32>,
}

impl Weighing {
    /// Of seats with these weights. A weight of 0 is never chosen.
    pub fn new(weights: &[u32]) -> Self {
        let mut order: Vec<u32> = (0_u32..).zip(weights).map(|(at, _)| at).collect();
        let weight = |at: &u32| weights.get(*at as usize).copied().unwrap_or(0);
        order.sort_by_key(|at| Reverse(weight(at)));
        let mut classes: Vec<Class> = Vec::new();
        for (place, weight) in (0_u32..).zip(order.iter().map(weight)).take_while(|(_, weight)| *weight > 0) {
            match classes.last_mut().filter(|class| class.weight == weight) {
                Some(class) => class.places.end = place + 1,
                None => classes.push(Class { weight, places: place..place + 1 }),
            }
        }
        let order = (!order.is_sorted()).then(|| order.into());
        Self { order, classes: classes.into(), count: weights.len() }
    }

    /// How many seats there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The seat at a place.
    pub(super) fn seat(&self, place: usize) -> usize {
        let seat = self.order.as_ref().and_then(|order| order.get(place));
        seat.map_or(place, |seat| *seat as usize)
    }

    pub(super) fn places(&self, class: usize) -> Range<usize> {
        self.classes.get(class).map_or(0..0, |class| class.places.start as usize..class.places.end as usize)
    }

    /// How many seats have a weight. They have the first places.
    pub(super) fn weighed(&self) -> usize {
        self.classes.last().map_or(0, |class| class.places.end as usize)
    }

    /// The class of a place; `None` for those without a weight.
    fn class_of(&self, place: usize) -> Option<usize> {
        let class = self.classes.partition_point(|class| class.places.end as usize <= place);
        (class < self.classes.len()).then_some(class)
    }
}

/// Whose turn it is.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    /// When each class has its next turn. A class without a ready seat is not here.
    due: BinaryHeap<Reverse<(u64, u32)>>,
    classes: Box<[Progress]>,
    /// When the last turn was.
    last: u64,
    /// Numbers the choices.
    choice: u64,
}

#[derive(Clone, Debug)]
struct Progress {
    /// Where its next turn begins.
    cursor: u32,
    /// Its seats that are not parked.
    ready: u32,
    /// Turns that it let pass in this choice.
    passed: (u64, u32),
}

/// A class whose turn it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) class: usize,
    due: u64,
}

impl Turns {
    pub(super) fn new(weighing: &Weighing) -> Self {
        let progress = |class: &Class| Progress {
            cursor: class.places.start,
            ready: class.places.end - class.places.start,
            passed: (0, 0),
        };
        let classes: Box<[Progress]> = weighing.classes.iter().map(progress).collect();
        let first = weighing.classes.iter().zip(&classes).map(|(class, progress)| class.stride(progress.ready) / 2);
        let due = first.zip(0_u32..).map(Reverse).collect();
        Self { due, classes, last: 0, choice: 0 }
    }

    /// Begins somewhere instead of at the first: with a class that is drawn by its weight, and in each class with a seat
    /// that is drawn. `draw` gives numbers below a bound.
    pub(super) fn scatter(&mut self, weighing: &Weighing, mut draw: impl FnMut(u64) -> u64) {
        let share = |class: &Class| u64::from(class.weight) * u64::from(class.places.end - class.places.start);
        let mut ahead = draw(weighing.classes.iter().map(share).sum());
        self.due.clear();
        let mut is_chosen = false;
        for ((class, progress), at) in weighing.classes.iter().zip(&mut self.classes).zip(0_u32..) {
            let first = !is_chosen && ahead < share(class);
            is_chosen |= first;
            ahead = ahead.saturating_sub(share(class));
            let due = if first { 0 } else { 1 + draw(class.stride(progress.ready)) };
            progress.cursor = class.places.start + u32::try_from(draw(u64::from(progress.ready))).unwrap_or(0);
            self.due.push(Reverse((due, at)));
        }
    }

    /// Begins a choice.
    pub(super) fn begin(&mut self) {
        self.choice += 1;
    }

    /// The class whose turn it is. It comes back with [`Turns::taken`] or [`Turns::passed`], or stays away.
    pub(super) fn next(&mut self) -> Option<Turn> {
        let Reverse((due, class)) = self.due.pop()?;
        Some(Turn { class: class as usize, due })
    }

    /// Where a class looks for a seat first.
    pub(super) fn cursor(&self, class: usize) -> usize {
        self.classes.get(class).map_or(0, |progress| progress.cursor as usize)
    }

    /// A seat has taken the turn of its class.
    pub(super) fn taken(&mut self, turn: Turn, place: usize, weighing: &Weighing) {
        // Whoever was passed over for a while does not make up for it in one go.
        self.last = turn.due.max(self.last);
        self.go_on(turn, self.last, place, weighing);
        if self.last > u64::MAX / 2 {
            self.begin_anew();
        }
    }

    /// A seat lets its turn pass: it is busy. `Some` with the class when all of it does, until [`Turns::restored`].
    pub(super) fn passed(&mut self, turn: Turn, place: usize, weighing: &Weighing) -> Option<Turn> {
        let choice = self.choice;
        let progress = self.classes.get_mut(turn.class)?;
        let passed = if progress.passed.0 == choice { progress.passed.1 + 1 } else { 1 };
        progress.passed = (choice, passed);
        if passed >= progress.ready {
            return Some(turn);
        }
        self.go_on(turn, turn.due, place, weighing);
        None
    }

    /// The class has its next turn in due course.
    fn go_on(&mut self, turn: Turn, from: u64, place: usize, weighing: &Weighing) {
        let (Some(class), Some(progress)) = (weighing.classes.get(turn.class), self.classes.get_mut(turn.class)) else {
            return;
        };
        progress.cursor = u32::try_from(place + 1).unwrap_or(0);
        let due = from.saturating_add(class.stride(progress.ready));
        self.due.push(Reverse((due, u32::try_from(turn.class).unwrap_or(0))));
    }

    /// Classes that let all their turns pass have them again.
    pub(super) fn restored(&mut self, classes: impl IntoIterator<Item = Turn>) {
        let due = |turn: Turn| Reverse((turn.due, u32::try_from(turn.class).unwrap_or(0)));
        self.due.extend(classes.into_iter().map(due));
    }

    /// A seat goes out.
    pub(super) fn parked(&mut self, place: usize, weighing: &Weighing) {
        let class = weighing.class_of(place).and_then(|class| self.classes.get_mut(class));
        if let Some(progress) = class {
            progress.ready = progress.ready.saturating_sub(1);
        }
    }

    /// A seat is back. The first of its class brings the class back.
    pub(super) fn unparked(&mut self, place: usize, weighing: &Weighing) {
        let Some(at) = weighing.class_of(place) else { return };
        let (Some(class), Some(progress)) = (weighing.classes.get(at), self.classes.get_mut(at)) else { return };
        progress.ready += 1;
        if progress.ready == 1 {
            let due = self.last + class.stride(1) / 2;
            self.due.push(Reverse((due, u32::try_from(at).unwrap_or(0))));
        }
    }

    /// Counts turns from zero again, long before they overflow.
    fn begin_anew(&mut self) {
        let past = std::mem::take(&mut self.last);
        self.due = self.due.drain().map(|Reverse((due, class))| Reverse((due.saturating_sub(past), class))).collect();
    }

    #[cfg(test)]
    pub(super) fn last(&mut self) -> &mut u64 {
        &mut self.last
    }
}

impl Class {
    fn stride(&self, ready: u32) -> u64 {
        STRIDE / (u64::from(self.weight) * u64::from(ready.max(1))).max(1)
    }
}
