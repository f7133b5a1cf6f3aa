//! Dates as people write them in a file. No clock is read here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;

/// The end of a day `2026-12-31`, or a moment `2026-12-31T18:00:00Z` (seconds may be left out), all in UTC.
pub(crate) fn end(text: &str) -> Option<SystemTime> {
    let (date, clock) = match text.split_once('T') {
        None => (text, DAY),
        Some((date, clock)) => (date, seconds(clock.strip_suffix('Z')?)?),
    };
    let mut numbers = date.splitn(3, '-').map(whole);
    let day = days(numbers.next()??, numbers.next()??, numbers.next()??)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(day * DAY + clock))
}

fn seconds(clock: &str) -> Option<u64> {
    let mut numbers = clock.splitn(3, ':').map(whole);
    let (hour, minute) = (numbers.next()??, numbers.next()??);
    let second = numbers.next().unwrap_or(Some(0))?;
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3_600 + minute * 60 + second)
}

fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Days from 1970-01-01; `None` for a day that no calendar has.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let at = usize::try_from(month.checked_sub(1)?).ok()?;
    if !(1970..=9999).contains(&year) || day == 0 || day > *lengths.get(at)? {
        return None;
    }
    let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    Some(years + lengths[..at].iter().sum::<u64>() + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments() {
        for (text, seconds) in [
            ("1970-01-01", Some(86_400)),
            ("1970-01-01T00:00Z", Some(0)),
            ("2000-02-29T00:00:01Z", Some(951_782_401)),
            ("2026-11-21T03:04:05Z", Some(1_795_230_245)),
            ("2026-02-29", None),
            ("2026-13-01", None),
            ("2026-1", None),
            ("2026-11-21T24:00Z", None),
            ("2026-11-21T01:00+01:00", None),
            ("21.11.2026", None),
            ("", None),
        ] {
            let expect = seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(end(text), expect, "{text}");
        }
    }
}
