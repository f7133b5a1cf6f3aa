//! RFC 3339 dates, both ways. No clock is read here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: u64 = 24 * 60 * 60;

/// A moment as `2026-11-21T03:04:05Z`; moments before 1970 are 1970.
pub fn format(moment: SystemTime) -> String {
    let seconds = moment.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (year, month, day) = date(seconds / DAY);
    let (hour, minute, second) = (seconds % DAY / 3_600, seconds % 3_600 / 60, seconds % 60);
    // The year has four digits, because none is before 1970; the others have two.
    let mut text = String::with_capacity(32);
    text.push_str(itoa::Buffer::new().format(year));
    for (mark, value) in [('-', month), ('-', day), ('T', hour), (':', minute), (':', second)] {
        text.push(mark);
        text.extend([value / 10, value % 10].map(|digit| char::from(b'0' + digit as u8)));
    }
    text.push('Z');
    text
}

/// The date of a day counted from 1970-01-01, by the usual 400-year cycle that begins in March.
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Days from 1970-01-01 to a date.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year_from_march = if month <= 2 { year - 1 } else { year };
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
    let of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    (era * 146_097 + of_era).checked_sub(719_468)
}

/// Reads an RFC 3339 date, or seconds since the epoch, which some headers use instead.
pub fn parse(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    }
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let number = |text: Option<&str>| text?.parse::<u64>().ok();
    let mut date = date.splitn(3, '-');
    let day = days(number(date.next())?, number(date.next())?, number(date.next())?)?;
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let mut clock = time[..zone].splitn(3, ':');
    let (hour, minute) = (number(clock.next())?, number(clock.next())?);
    let second = number(clock.next()?.split('.').next())?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let local = day * DAY + hour * 3_600 + minute * 60 + second;
    let moment = local.checked_add_signed(-offset(&time[zone..])?)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(moment))
}

/// A zone's distance from UTC in seconds.
fn offset(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes().first()? {
        b'Z' | b'z' => return Some(0),
        b'-' => -1,
        _ => 1,
    };
    let (hours, minutes) = zone[1..].split_once(':')?;
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    Some(sign * (i64::from(hours) * 3_600 + i64::from(minutes) * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(format(at(0)), "1970-01-01T00:00:00Z");
        assert_eq!(format(at(951_782_400)), "2000-02-29T00:00:00Z");
        assert_eq!(format(at(1_795_230_245)), "2026-11-21T03:04:05Z");
        assert_eq!(parse("2026-11-21T03:04:05.25Z"), Some(at(1_795_230_245)));
        assert_eq!(parse("2026-11-21T05:04:05+02:00"), Some(at(1_795_230_245)));
        assert_eq!(parse("1795230245"), Some(at(1_795_230_245)));
        for broken in ["", "soon", "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z", "2026-01-01", "1969-01-01T00:00:00Z"]
        {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in 0_u64..250_000_000_000) {
            let moment = UNIX_EPOCH + Duration::from_secs(seconds);
            prop_assert_eq!(parse(&format(moment)), Some(moment));
        }

        #[test]
        fn no_text_panics(text in "[0-9TZ:+. é-]{0,30}") {
            let _ = parse(&text);
        }
    }
}
