//! Requests counted by calendar month (UTC), for each key and pattern, over restarts and reloads.
//!
//! Counting is an atomic step; the table is locked only when a snapshot is built or the counts are written down.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Bits of a counter that hold the count; the month stands above them.
const COUNT: u32 = 44;
/// Most counters that are kept.
const MOST: usize = 100_000;
/// What stands first in the file.
const TITLE: &str = "# Requests of this month by client key; written by Bosporus.";

/// Months since January of year 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Month(u64);

impl Month {
    /// The month of a moment.
    pub(crate) fn of(moment: SystemTime) -> Self {
        Self::parse(&dialect::time::format(moment)).unwrap_or(Self(0))
    }

    /// Reads `2026-11` and whatever follows.
    fn parse(text: &str) -> Option<Self> {
        let (year, month) = (text.get(..4)?.parse::<u64>().ok()?, text.get(5..7)?.parse::<u64>().ok()?);
        ((1..=12).contains(&month) && text.get(4..5) == Some("-")).then(|| Self(year * 12 + month - 1))
    }

    /// How long until the next one.
    pub(crate) fn rest(self, now: SystemTime) -> Duration {
        let next = Self(self.0 + 1);
        let start = dialect::time::parse(&format!("{next}-01T00:00:00Z"));
        start.and_then(|start| start.duration_since(now).ok()).unwrap_or(Duration::from_secs(1))
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 12, self.0 % 12 + 1)
    }
}

/// The requests of the current month.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// What was counted in a month.
    pub(crate) fn used(&self, month: Month) -> u64 {
        let (of, count) = split(self.0.load(Ordering::Relaxed));
        if of == month { count } else { 0 }
    }

    /// Counts one request unless the month is full.
    pub(crate) fn take(&self, most: u64, month: Month) -> bool {
        let one_more = |packed| {
            let (of, count) = split(packed);
            let count = if of == month { count } else { 0 };
            (count < most.min((1 << COUNT) - 1)).then_some(month.0 << COUNT | (count + 1))
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// Takes one request back that was not answered.
    pub(crate) fn give_back(&self, month: Month) {
        let one_less = |packed| {
            let (of, count) = split(packed);
            (of == month && count > 0).then(|| packed - 1)
        };
        // Nothing is taken back from another month.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
    }
}

fn split(packed: u64) -> (Month, u64) {
    (Month(packed >> COUNT), packed & ((1 << COUNT) - 1))
}

/// All counters, by the beginning of the key's digest and the pattern.
#[derive(Debug, Default)]
pub(crate) struct Months {
    counters: Mutex<HashMap<(String, String), Arc<Counter>>>,
    changed: AtomicBool,
}

impl Months {
    /// The counter of a key's quota; the same over reloads.
    pub(crate) fn counter(&self, key: &str, pattern: &str) -> Arc<Counter> {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(counters.entry((key.to_owned(), pattern.to_owned())).or_default())
    }

    /// Notes that something was counted.
    pub(crate) fn touch(&self) {
        if !self.changed.load(Ordering::Relaxed) {
            self.changed.store(true, Ordering::Release);
        }
    }

    /// The counts of the current month as text, if they have changed since the last time; or if that text is `lost`, as
    /// far as there are any.
    pub(crate) fn to_keep(&self, now: SystemTime, lost: bool) -> Option<String> {
        let changed = self.changed.swap(false, Ordering::Acquire);
        let text = (changed || lost).then(|| self.text(Month::of(now)))?;
        (changed || text.lines().count() > 1).then_some(text)
    }

    fn text(&self, month: Month) -> String {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let used = counters.iter().map(|(name, counter)| (name, counter.used(month))).filter(|(_, used)| *used > 0);
        let sorted: BTreeMap<_, _> = used.collect();
        let lines = sorted.into_iter().map(|((key, pattern), used)| format!("{month} {key} {used} {pattern}\n"));
        std::iter::once(format!("{TITLE}\n")).chain(lines).collect()
    }

    /// Takes up counts that were written down; what is counted already stays when it is more. Lines that make no sense
    /// are left out and counted in the answer.
    pub(crate) fn restore(&self, text: &str) -> usize {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.take(MOST).filter(|line| self.restore_line(line).is_none()).count()
    }

    fn restore_line(&self, line: &str) -> Option<()> {
        let mut parts = line.splitn(4, ' ');
        let (month, key, used, pattern) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let (month, used) = (Month::parse(month)?, used.parse::<u64>().ok()?);
        if used >= 1 << COUNT || month.0 >= 1 << (u64::BITS - COUNT) {
            return None;
        }
        self.counter(key, pattern).0.fetch_max(month.0 << COUNT | used, Ordering::Relaxed);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> SystemTime {
        dialect::time::parse(text).unwrap()
    }

    #[test]
    fn a_month_has_its_count_and_the_next_begins_at_nothing() {
        let (november, december) = (Month::of(at("2026-11-30T23:59:59Z")), Month::of(at("2026-12-01T00:00:00Z")));
        let counter = Counter::default();
        assert!(counter.take(2, november) && counter.take(2, november) && !counter.take(2, november));
        counter.give_back(november);
        assert_eq!((counter.used(november), counter.used(december)), (1, 0));
        assert!(counter.take(1, december) && !counter.take(1, december));
        counter.give_back(november);
        assert_eq!(counter.used(december), 1);
        assert!(!Counter::default().take(0, november));
        assert_eq!(november.rest(at("2026-11-30T23:59:00Z")), Duration::from_secs(60));
        assert_eq!(december.rest(at("2026-12-31T23:59:59Z")), Duration::from_secs(1));
    }

    #[test]
    fn what_is_written_is_taken_up() {
        let months = Months::default();
        let now = at("2026-11-21T00:00:00Z");
        assert_eq!(months.to_keep(now, false), None);
        let counter = months.counter("00ff", "gpt-* of all");
        assert!(counter.take(9, Month::of(now)) && counter.take(9, Month::of(now)));
        months.touch();
        let text = months.to_keep(now, false).unwrap();
        assert_eq!(months.to_keep(now, false), None);
        let later = Months::default();
        assert_eq!(later.restore(&text), 0);
        assert_eq!(later.counter("00ff", "gpt-* of all").used(Month::of(now)), 2);
        assert_eq!(later.restore("2026-11 00ff 1 gpt-* of all\nnonsense\n2026-13 a 1 b\n2026-11 a -1 b"), 3);
        assert_eq!(later.counter("00ff", "gpt-* of all").used(Month::of(now)), 2, "the greater count stays");
    }

    proptest! {
        #[test]
        fn no_file_panics(text in "[0-9a-f \\-\n#*]{0,80}") {
            Months::default().restore(&text);
        }
    }
}
