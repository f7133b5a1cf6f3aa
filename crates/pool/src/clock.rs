//! Time, as the pool sees it: one seam, so that tests can drive hours through it in a moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// A point in time: milliseconds since the clock was made. Small enough for an atomic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// A moment, from the milliseconds since the clock was made.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the clock was made.
    pub fn as_millis(self) -> u64 {
        self.0
    }

    /// Later by a time.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The time since an earlier moment; zero when that one is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Tells the time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    wall: SystemTime,
    /// Set in tests: then time stands still until somebody moves it.
    manual: Option<Arc<AtomicU64>>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { start: Instant::now(), wall: SystemTime::now(), manual: None }
    }
}

impl Clock {
    /// A clock that stands still, and what moves it.
    pub fn manual() -> (Self, Hand) {
        let millis = Arc::new(AtomicU64::new(0));
        (Self { manual: Some(Arc::clone(&millis)), ..Self::default() }, Hand(millis))
    }

    /// The present.
    pub fn now(&self) -> Moment {
        match &self.manual {
            None => Moment(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)),
            Some(millis) => Moment(millis.load(Ordering::Acquire)),
        }
    }

    /// A moment as people tell it. Steps of the system's clock after the start are not followed.
    pub fn wall(&self, moment: Moment) -> SystemTime {
        self.wall + Duration::from_millis(moment.0)
    }

    /// The moment of a time of day; the clock's first one for times before that.
    pub fn moment(&self, wall: SystemTime) -> Moment {
        Moment(wall.duration_since(self.wall).map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// Moves a manual clock.
#[derive(Clone, Debug)]
pub struct Hand(Arc<AtomicU64>);

impl Hand {
    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let (clock, hand) = Clock::manual();
        let start = clock.now();
        assert_eq!(clock.now(), start);
        hand.advance(Duration::from_secs(5));
        assert_eq!(clock.now().since(start), Duration::from_secs(5));
        assert_eq!(start.since(clock.now()), Duration::ZERO);
        assert_eq!(clock.moment(clock.wall(clock.now())), clock.now());
    }
}
