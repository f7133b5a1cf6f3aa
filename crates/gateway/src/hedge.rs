//! A second account for a request whose first one is slow: who is hedged, after how long, and at what cost.
//!
//! It is off unless the configuration asks for it. Whichever account has something to show first answers; the other is
//! let go, which says nothing about it. Every hedge is paid for by the requests that may be hedged: a bucket that they
//! fill and hedges empty bounds what a slow provider can make us spend.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use config::{Hedge, HedgeAfter};

use crate::glob::glob;

/// What one hedge takes from the bucket. A request puts in as many hundredths of it as requests of a hundred may be hedged.
const ONE: u64 = 100;
/// Hedges that may be saved up.
const SAVED: u64 = 10;
/// Names of models whose pace is known; all further ones share one.
const MAX_PACES: usize = 1024;

/// What all requests share: the bucket, and how long answers take.
#[derive(Debug, Default)]
pub(crate) struct Hedges {
    bucket: AtomicU64,
    hasher: RandomState,
    paces: Mutex<HashMap<u64, Arc<Pace>>>,
}

/// The terms of one request that may be hedged.
pub(crate) struct Terms<'a> {
    hedges: &'a Hedges,
    pace: Option<Arc<Pace>>,
    /// How long to wait for the first account; `None` when too little is known.
    pub(crate) after: Option<Duration>,
}

impl Hedges {
    /// The terms of a request; `None` when it is not to be hedged. It counts towards the share that may be.
    pub(crate) fn terms(&self, hedge: &Hedge, model: &str, stream: bool) -> Option<Terms<'_>> {
        if !is_meant(hedge, model, stream) {
            return None;
        }
        self.earn(hedge.max_percent);
        let (pace, after) = match hedge.after {
            HedgeAfter::Time(after) => (None, Some(after)),
            HedgeAfter::Percentile(percent) => {
                let pace = self.pace(model, stream);
                let after = pace.percentile(percent);
                (Some(pace), after)
            }
        };
        Some(Terms { hedges: self, pace, after })
    }

    /// How long the first account of such a request has, and whether that is known yet; `None` when it is not hedged.
    pub(crate) fn after(&self, hedge: &Hedge, model: &str, stream: bool) -> Option<Option<Duration>> {
        is_meant(hedge, model, stream).then(|| match hedge.after {
            HedgeAfter::Time(after) => Some(after),
            HedgeAfter::Percentile(percent) => self.pace(model, stream).percentile(percent),
        })
    }

    /// Hedges that would be paid for now.
    pub(crate) fn saved(&self) -> u64 {
        self.bucket.load(Ordering::Relaxed) / ONE
    }

    fn earn(&self, percent: u32) {
        let more = |saved: u64| Some((saved + u64::from(percent)).min(SAVED * ONE));
        // The closure never refuses.
        let _ = self.bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    fn pace(&self, model: &str, stream: bool) -> Arc<Pace> {
        let key = self.hasher.hash_one((model, stream));
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let key = if paces.len() < MAX_PACES || paces.contains_key(&key) { key } else { 0 };
        Arc::clone(paces.entry(key).or_default())
    }
}

/// Whether requests of this sort are hedged.
fn is_meant(hedge: &Hedge, model: &str, stream: bool) -> bool {
    let wanted = if stream { hedge.streams } else { hedge.whole_replies };
    wanted && (hedge.models.is_empty() || hedge.models.iter().any(|pattern| glob(pattern, model)))
}

impl Terms<'_> {
    /// Pays for a hedge; false when the share is used up.
    pub(crate) fn pay(&self) -> bool {
        let less = |saved: u64| saved.checked_sub(ONE);
        self.hedges.bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// Takes a payment back: nobody was there to be asked.
    pub(crate) fn refund<T>(&self) -> Option<T> {
        self.hedges.bucket.fetch_add(ONE, Ordering::Relaxed);
        None
    }

    /// Notes how long an answer took until it could be committed.
    pub(crate) fn note(&self, took: Duration) {
        if let Some(pace) = &self.pace {
            pace.note(took);
        }
    }
}

/// How long answers of a model take: a histogram whose steps grow by a fifth, fading by halves.
#[derive(Debug)]
struct Pace {
    steps: [AtomicU32; STEPS],
    total: AtomicU32,
}

const STEPS: usize = 80;
/// The end of the first step, and how much further each next one reaches: the last ends after half an hour.
const FIRST_MS: f64 = 1.0;
const GROWTH: f64 = 1.2;
/// Answers that make a pace.
const ENOUGH: u32 = 20;
/// Answers after which the older half counts half.
const FADE: u32 = 1024;

impl Default for Pace {
    fn default() -> Self {
        Self { steps: [const { AtomicU32::new(0) }; STEPS], total: AtomicU32::new(0) }
    }
}

impl Pace {
    fn note(&self, took: Duration) {
        let step = (took.as_secs_f64() * 1000.0 / FIRST_MS).max(1.0).log(GROWTH).ceil();
        let step = (0..STEPS).find(|at| f64::from(u32::try_from(*at).unwrap_or(u32::MAX)) >= step).unwrap_or(STEPS - 1);
        self.steps[step].fetch_add(1, Ordering::Relaxed);
        if self.total.fetch_add(1, Ordering::Relaxed) + 1 >= FADE {
            self.fade();
        }
    }

    /// Races cost a few counts and nothing else.
    fn fade(&self) {
        let mut total = 0;
        for step in &self.steps {
            let half = step.load(Ordering::Relaxed) / 2;
            step.store(half, Ordering::Relaxed);
            total += half;
        }
        self.total.store(total, Ordering::Relaxed);
    }

    /// The time within which so many of a hundred answers have come; `None` when too few are known.
    fn percentile(&self, percent: u32) -> Option<Duration> {
        let total = self.total.load(Ordering::Relaxed);
        if total < ENOUGH {
            return None;
        }
        let wanted = (u64::from(total) * u64::from(percent)).div_ceil(100);
        let mut seen = 0;
        for (at, step) in self.steps.iter().enumerate() {
            seen += u64::from(step.load(Ordering::Relaxed));
            if seen >= wanted {
                let reach = GROWTH.powi(i32::try_from(at).unwrap_or(i32::MAX));
                return Some(Duration::from_secs_f64(FIRST_MS * reach / 1000.0));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hedge(after: HedgeAfter, max_percent: u32) -> Hedge {
        Hedge { after, max_percent, streams: true, whole_replies: false, models: vec!["m*".to_owned()] }
    }

    #[test]
    fn no_more_than_the_share_is_hedged_and_little_is_saved() {
        let hedges = Hedges::default();
        let hedge = hedge(HedgeAfter::Time(Duration::from_secs(1)), 5);
        let mut paid = 0;
        for _ in 0..10_000 {
            paid += u32::from(hedges.terms(&hedge, "m", true).unwrap().pay());
        }
        assert_eq!(paid, 500);
        // A quiet time is no licence: ten at once at most.
        (0..10_000).for_each(|_| drop(hedges.terms(&hedge, "m", true)));
        let terms = hedges.terms(&hedge, "m", true).unwrap();
        assert_eq!((0..100).filter(|_| terms.pay()).count(), 10);
        assert_eq!(terms.refund::<()>(), None);
        assert!(terms.pay() && !terms.pay());
    }

    #[test]
    fn only_what_is_named_is_hedged() {
        let hedges = Hedges::default();
        let hedge = hedge(HedgeAfter::Time(Duration::from_secs(1)), 100);
        assert!(hedges.terms(&hedge, "x", true).is_none());
        assert!(hedges.terms(&hedge, "m-1", false).is_none());
        assert!(hedges.terms(&hedge, "m-1", true).is_some());
        assert_eq!(hedges.paces.lock().unwrap().len(), 0);
    }

    #[test]
    fn a_pace_is_learned_and_forgotten() {
        let hedges = Hedges::default();
        let hedge = hedge(HedgeAfter::Percentile(95), 1);
        let after = || hedges.terms(&hedge, "m", true).unwrap().after;
        let note = |ms: u64, times: u32| {
            let terms = hedges.terms(&hedge, "m", true).unwrap();
            (0..times).for_each(|_| terms.note(Duration::from_millis(ms)));
        };
        note(100, 19);
        assert_eq!(after(), None);
        note(100, 1);
        let within = |low: u64, high: u64| {
            let after = after().unwrap().as_millis() as u64;
            assert!((low..=high).contains(&after), "{after}");
        };
        within(100, 120);
        note(2_000, 2);
        within(2_000, 2_400);
        note(100, 100);
        within(100, 120);
        note(5_000, 3_000);
        within(5_000, 6_000);
        note(u64::MAX / 2, 10);
    }

    #[test]
    fn paces_are_bounded() {
        let hedges = Hedges::default();
        (0..5_000).for_each(|n| drop(hedges.pace(&format!("m{n}"), true)));
        assert!(hedges.paces.lock().unwrap().len() <= MAX_PACES + 1);
    }
}
