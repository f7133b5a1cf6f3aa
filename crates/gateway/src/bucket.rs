//! What may be used in a minute, as one number: a leaky bucket that drains evenly. No lock and no clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A full bucket drains in this time, in nanoseconds.
const MINUTE: u64 = 60_000_000_000;
/// Use that is told afterwards can overfill a bucket; this much time of draining is the most that is remembered.
const DEBT: u64 = 60 * MINUTE;

/// The moment at which the bucket will be empty, in nanoseconds of the caller's clock.
#[derive(Debug, Default)]
pub(crate) struct Bucket(AtomicU64);

/// How full a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) remaining: u64,
    /// Until it is empty.
    pub(crate) reset: Duration,
}

impl Bucket {
    /// Takes `count` of the `limit` of a minute.
    ///
    /// # Errors
    /// How long until there is room, when there is none.
    pub(crate) fn take(&self, count: u64, limit: u64, now: u64) -> Result<(), Duration> {
        let cost = cost(count, limit);
        let mut wait = 0;
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |empty| {
            let filled = empty.max(now).saturating_add(cost);
            wait = filled.saturating_sub(now.saturating_add(MINUTE));
            (wait == 0).then_some(filled)
        });
        taken.map(|_| ()).map_err(|_| Duration::from_nanos(wait))
    }

    /// Whether anything is left of the limit, for what is counted afterwards.
    ///
    /// # Errors
    /// How long until something is.
    pub(crate) fn check(&self, limit: u64, now: u64) -> Result<(), Duration> {
        let filled = self.0.load(Ordering::Relaxed).max(now).saturating_add(cost(1, limit));
        match filled.saturating_sub(now.saturating_add(MINUTE)) {
            0 => Ok(()),
            wait => Err(Duration::from_nanos(wait)),
        }
    }

    /// Counts what was used.
    pub(crate) fn charge(&self, count: u64, limit: u64, now: u64) {
        let most = now.saturating_add(DEBT);
        let filled = |empty: u64| Some(empty.max(now).saturating_add(cost(count, limit)).min(most));
        // The closure never refuses.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, filled);
    }

    /// How full it is.
    pub(crate) fn level(&self, limit: u64, now: u64) -> Level {
        let filled = self.0.load(Ordering::Relaxed).saturating_sub(now);
        let free = u128::from(MINUTE.saturating_sub(filled)) * u128::from(limit) / u128::from(MINUTE);
        Level { remaining: u64::try_from(free).unwrap_or(limit), reset: Duration::from_nanos(filled) }
    }
}

/// How long `count` takes to drain, rounded up, so that no limit is exceeded by rounding.
fn cost(count: u64, limit: u64) -> u64 {
    let time = (u128::from(count) * u128::from(MINUTE)).div_ceil(u128::from(limit.max(1)));
    u64::try_from(time).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_minute_holds_the_limit_and_drains_evenly() {
        let bucket = Bucket::default();
        for _ in 0..6 {
            bucket.take(1, 6, 0).unwrap();
        }
        assert_eq!(bucket.take(1, 6, 0), Err(Duration::from_secs(10)));
        assert_eq!(bucket.level(6, 0), Level { remaining: 0, reset: Duration::from_secs(60) });
        bucket.take(1, 6, 10_000_000_000).unwrap();
        assert!(bucket.take(1, 6, 19_000_000_000).is_err());
        assert_eq!(bucket.level(6, 200_000_000_000).remaining, 6);
    }

    #[test]
    fn what_is_told_afterwards_is_paid_off_and_bounded() {
        let bucket = Bucket::default();
        bucket.check(100, 0).unwrap();
        bucket.charge(250, 100, 0);
        assert_eq!(bucket.level(100, 0).remaining, 0);
        let wait = bucket.check(100, 0).unwrap_err();
        assert!(wait > Duration::from_secs(90) && wait < Duration::from_secs(91), "{wait:?}");
        bucket.charge(u64::MAX, 1, 0);
        assert!(bucket.check(100, 0).unwrap_err() <= Duration::from_secs(3600));
    }

    proptest! {
        #[test]
        fn no_minute_sees_more_than_twice_the_limit(limit in 1_u64..50, steps in prop::collection::vec(0_u64..9, 1..200)) {
            let bucket = Bucket::default();
            let (mut now, mut taken) = (0, Vec::new());
            for step in steps {
                now += step * 1_000_000_000;
                if bucket.take(1, limit, now).is_ok() {
                    taken.push(now);
                }
                let within = taken.iter().filter(|at| now - **at < MINUTE).count() as u64;
                prop_assert!(within <= 2 * limit);
                prop_assert!(bucket.level(limit, now).remaining <= limit);
            }
        }
    }
}
