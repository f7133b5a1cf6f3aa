//! What a call to an account is expected to take: a mean that follows peaks at once and forgets them slowly.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Moment;

/// After this long without a call, what is known has lost two thirds of its weight.
const FADE: Duration = Duration::from_secs(10);

/// The expected time to the first word. Two atomics that may be torn between each other: it is an estimate.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    millis: AtomicU64,
    noted: AtomicU64,
}

impl Latency {
    /// Milliseconds; 0 when nobody knows, or it was long ago.
    pub(crate) fn expected(&self, now: Moment) -> f64 {
        let millis = f64::from_bits(self.millis.load(Ordering::Relaxed));
        let age = now.since(Moment::from_millis(self.noted.load(Ordering::Relaxed)));
        millis * (-age.as_secs_f64() / FADE.as_secs_f64()).exp()
    }

    pub(crate) fn note(&self, took: Duration, now: Moment) {
        let took = took.as_secs_f64() * 1000.0;
        let age = now.since(Moment::from_millis(self.noted.load(Ordering::Relaxed)));
        let old = f64::from_bits(self.millis.load(Ordering::Relaxed));
        let keep = (-age.as_secs_f64() / FADE.as_secs_f64()).exp();
        let mean = if took > old { took } else { old * keep + took * (1.0 - keep) };
        self.millis.store(mean.to_bits(), Ordering::Relaxed);
        self.noted.store(now.as_millis(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_count_at_once_and_fade() {
        let latency = Latency::default();
        let at = |seconds: u64| Moment::from_millis(seconds * 1000);
        assert!(latency.expected(at(0)) < 0.001);
        latency.note(Duration::from_millis(100), at(0));
        latency.note(Duration::from_secs(9), at(1));
        assert!(latency.expected(at(1)) > 8_999.0);
        latency.note(Duration::from_millis(100), at(2));
        assert!(latency.expected(at(2)) > 5_000.0);
        for second in 3..60 {
            latency.note(Duration::from_millis(100), at(second));
        }
        assert!((99.0..200.0).contains(&latency.expected(at(59))), "{}", latency.expected(at(59)));
        assert!(latency.expected(at(600)) < 1.0);
    }
}
