//! What every dialect reads the same way from an upstream's error: when to try again, words for people, and
//! whether they would do for programs.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;
use hub::{Fault, FaultKind};

/// No hint asks for a longer wait than this; longer ones are advice for a bill, not for a program.
pub const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);
/// Longest message that is taken over, in characters.
const MAX_WORDS: usize = 2_000;

/// The wait that `retry-after-ms` or `retry-after` asks for, under [`MAX_WAIT`].
///
/// A date counts from the answer's own `date` header, so that no clock of ours is needed.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let exact = text("retry-after-ms").and_then(|ms| seconds(ms, 1e-3));
    let plain = || text("retry-after").and_then(|value| seconds(value, 1.0));
    let dated = || {
        let (until, now) = (httpdate::parse_http_date(text("retry-after")?), httpdate::parse_http_date(text("date")?));
        Some(until.ok()?.duration_since(now.ok()?).unwrap_or(Duration::ZERO))
    };
    exact.or_else(plain).or_else(dated).map(|wait| wait.min(MAX_WAIT))
}

/// The wait until a moment, in seconds since 1970, under [`MAX_WAIT`]. It counts from the answer's own date.
pub fn until(headers: &HeaderMap, moment: f64) -> Option<Duration> {
    let date = httpdate::parse_http_date(headers.get(http::header::DATE)?.to_str().ok()?).ok()?;
    let date = date.duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    Duration::try_from_secs_f64((moment - date).clamp(0.0, MAX_WAIT.as_secs_f64())).ok()
}

fn seconds(text: &str, unit: f64) -> Option<Duration> {
    let value: f64 = text.parse().ok()?;
    Duration::try_from_secs_f64((value * unit).clamp(0.0, MAX_WAIT.as_secs_f64())).ok()
}

/// Whether the words of an error say to programs what the fault means: there are some, and those of a conversation that is
/// too long are the ones on which agents make it shorter.
pub fn tells(fault: &Fault, words: &str, of_overflow: impl FnOnce(&str) -> bool) -> bool {
    !words.is_empty() && (fault.kind != FaultKind::ContextOverflow || of_overflow(words))
}

/// Reads a duration in words of units, such as `6m0s`, `1.5s`, `20ms` or `1h2m`.
pub fn parse_wait(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value: f64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        total += value
            * match rest[digits..unit].trim() {
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    Duration::try_from_secs_f64(total.min(MAX_WAIT.as_secs_f64())).ok()
}

/// Words for people out of any body: markup is taken off, white space is folded, the length is capped.
pub fn plain_words(body: &[u8]) -> String {
    let head = &body[..body.len().min(64 * 1024)];
    let text = String::from_utf8_lossy(head);
    let bare = if text.trim_start().starts_with('<') { strip_markup(&text) } else { text.into_owned() };
    let folded: Vec<&str> = bare.split_whitespace().collect();
    folded.join(" ").chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect()
}

/// The text between tags; what stands inside scripts and styles is no text.
fn strip_markup(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        out.push(' ');
        let tag = &rest[open..];
        let hidden = ["script", "style"].into_iter().find(|name| starts_tag(tag, name));
        let end = hidden.map_or_else(
            || tag.find('>').map(|at| at + 1),
            |name| tag.find(&format!("</{name}")).and_then(|at| tag[at..].find('>').map(|close| at + close + 1)),
        );
        match end {
            Some(end) => rest = &tag[end..],
            None => return out,
        }
    }
    out.push_str(rest);
    out
}

fn starts_tag(tag: &str, name: &str) -> bool {
    tag.get(1..=name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn waits_are_read_in_every_form_and_capped() {
        let wait = |pairs: &[(&'static str, &'static str)]| retry_after(&headers(pairs)).map(|wait| wait.as_millis());
        assert_eq!(wait(&[("retry-after", "30")]), Some(30_000));
        assert_eq!(wait(&[("retry-after", "1.5")]), Some(1_500));
        assert_eq!(wait(&[("retry-after", "30"), ("retry-after-ms", "250")]), Some(250));
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(wait(&[date, ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")]), Some(30_000));
        assert_eq!(wait(&[date, ("retry-after", "Sun, 06 Nov 1994 08:40:07 GMT")]), Some(0));
        assert_eq!(wait(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")]), None);
        assert_eq!(wait(&[("retry-after", "1e300")]), Some(MAX_WAIT.as_millis()));
        assert_eq!(wait(&[("retry-after", "-4")]), Some(0));
        assert_eq!(wait(&[("retry-after", "soon")]), None);
    }

    #[test]
    fn durations_in_words() {
        let read = |text| parse_wait(text).map(|wait| wait.as_millis());
        assert_eq!(read("6m0s"), Some(360_000));
        assert_eq!(read("1h2m3.5s"), Some(3_723_500));
        assert_eq!(read("20ms"), Some(20));
        assert_eq!((read(""), read("s"), read("5"), read("5 parsecs")), (None, None, None, None));
    }

    #[test]
    fn markup_is_taken_off() {
        let page = b"<html><head><style>b{}</style><title>502 Bad\n Gateway</title></head><body>nginx</body></html>";
        assert_eq!(plain_words(page), "502 Bad Gateway nginx");
        assert_eq!(plain_words(b"  a\n\tb "), "a b");
        assert_eq!(plain_words(&[b'x'; 5_000]).len(), MAX_WORDS);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s)(<|>|script|/|[0-9]|[.]|m|s|é|.){0,40}") {
            let _ = parse_wait(&text);
            let _ = plain_words(text.as_bytes());
        }
    }
}
