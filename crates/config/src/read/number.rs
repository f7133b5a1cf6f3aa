//! Switches, numbers, times and sizes as people write them. Pure text to value.

use std::time::Duration;

/// A switch: YAML 1.2's words, and YAML 1.1's, which the original's parser accepts in places that want a switch.
pub(crate) fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

/// A whole number, `_` between digits allowed.
pub(crate) fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let framed = digits.starts_with(|c: char| c.is_ascii_digit()) && digits.ends_with(|c: char| c.is_ascii_digit());
    framed.then(|| text.replace('_', "")).and_then(|text| text.parse().ok())
}

/// `30`, `30s`, `1h30m`, `250ms`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return rest.parse().ok().map(Duration::from_secs);
    }
    let mut total = (!rest.is_empty()).then_some(Duration::ZERO)?;
    while !rest.is_empty() {
        let (count, after) = count(rest)?;
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        total = total.checked_add(unit_of_time(unit)?.checked_mul(u32::try_from(count).ok()?)?)?;
        rest = next;
    }
    Some(total)
}

fn unit_of_time(unit: &str) -> Option<Duration> {
    match unit {
        "ms" => Some(Duration::from_millis(1)),
        "s" => Some(Duration::from_secs(1)),
        "m" => Some(Duration::from_secs(60)),
        "h" => Some(Duration::from_secs(3600)),
        "d" => Some(Duration::from_secs(86_400)),
        _ => None,
    }
}

/// `4096`, `64KiB`, `32 MB`. The short and the decimal units mean the binary ones: nobody counts on the difference.
pub(crate) fn size(text: &str) -> Option<usize> {
    let (count, unit) = count(text.trim())?;
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return None,
    };
    usize::try_from(count).ok()?.checked_mul(1 << shift)
}

/// Leading digits and what follows.
fn count(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, rest) = text.split_at(digits);
    Some((count.parse().ok()?, rest))
}

/// The shortest exact form.
pub(crate) fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    match units.iter().find(|(unit, _)| millis >= *unit && millis.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

/// The shortest exact form.
pub(crate) fn show_size(size: usize) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| size >= *unit && size.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", size / unit),
        None => format!("{size} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, flag, show_duration, show_size, size, whole};

    #[test]
    fn reads_whole_numbers() {
        let cases = [("0", Some(0)), ("-1", Some(-1)), ("1_000", Some(1000)), ("99999999999999999999", None)];
        for (text, value) in
            cases.into_iter().chain([("", None), ("-", None), ("_1", None), ("1_", None), ("1.0", None)])
        {
            assert_eq!(whole(text), value, "{text}");
        }
    }

    #[test]
    fn reads_times() {
        let seconds = |count| Some(Duration::from_secs(count));
        let cases = [("30", seconds(30)), ("30s", seconds(30)), ("1h30m", seconds(5400)), ("2d", seconds(172_800))];
        for (text, value) in cases.into_iter().chain([("1500ms", Some(Duration::from_millis(1500)))]) {
            assert_eq!(duration(text), value, "{text}");
        }
        for text in ["", "s", "10x", "1h-", "-5s", "1.5h", "99999999999h", "5 s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn reads_sizes() {
        for (text, value) in [("0", 0), ("512", 512), ("64KiB", 65_536), ("32 MB", 32 << 20), ("1g", 1 << 30)] {
            assert_eq!(size(text), Some(value), "{text}");
        }
        for text in ["", "MiB", "1TiB", "-1", "99999999999GiB", "1.5MiB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn shows_what_it_reads() {
        for text in ["0s", "1ms", "15s", "2m", "1h", "7d"] {
            assert_eq!(show_duration(duration(text).unwrap()), text);
        }
        for text in ["64KiB", "32MiB", "1GiB", "100 bytes"] {
            assert_eq!(size(text.trim_end_matches(" bytes")).map(show_size).unwrap(), text);
        }
    }

    #[test]
    fn reads_switches() {
        assert_eq!(["true", "Yes", "on"].map(flag), [Some(true); 3]);
        assert_eq!(["false", "NO", "off"].map(flag), [Some(false); 3]);
        assert_eq!(["1", "0", "", "t"].map(flag), [None; 4]);
    }
}
