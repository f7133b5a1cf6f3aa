//! One event as one line, text or JSON, written straight into the line's buffer. A request's line has some fifteen
//! fields; the general formatter spends several times as long on them.
//!
//! Nothing that a line quotes can break out of it: control characters are escaped everywhere.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The form of all lines.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    /// JSON, or text; may change while lines are written.
    pub(super) json: Arc<AtomicBool>,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let now = Timestamp::now();
        if self.json.load(Ordering::Relaxed) { json(&mut out, &now, event) } else { text(&mut out, &now, event) }
    }
}

fn text(out: &mut Writer<'_>, now: &Timestamp, event: &Event<'_>) -> fmt::Result {
    let meta = event.metadata();
    if out.has_ansi_escapes() {
        write!(out, "\x1b[2m{now}\x1b[0m {} \x1b[2m{}:\x1b[0m", coloured(*meta.level()), meta.target())?;
    } else {
        write!(out, "{now} {:>5} {}:", meta.level().as_str(), meta.target())?;
    }
    let mut fields = TextFields { out, result: Ok(()) };
    event.record(&mut fields);
    fields.result?;
    out.write_char('\n')
}

fn coloured(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31mERROR\x1b[0m",
        Level::WARN => "\x1b[33m WARN\x1b[0m",
        Level::INFO => "\x1b[32m INFO\x1b[0m",
        Level::DEBUG => "\x1b[34mDEBUG\x1b[0m",
        Level::TRACE => "\x1b[35mTRACE\x1b[0m",
    }
}

fn json(out: &mut Writer<'_>, now: &Timestamp, event: &Event<'_>) -> fmt::Result {
    let meta = event.metadata();
    write!(out, "{{\"timestamp\":\"{now}\",\"level\":\"{}\",\"target\":\"{}\"", meta.level().as_str(), meta.target())?;
    let mut fields = JsonFields { out, result: Ok(()) };
    event.record(&mut fields);
    fields.result?;
    out.write_str("}\n")
}

/// ` name=value`; the message stands without a name.
struct TextFields<'a, 'w> {
    out: &'a mut Writer<'w>,
    result: fmt::Result,
}

impl TextFields<'_, '_> {
    fn field(&mut self, field: &Field, write: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.result.is_ok() {
            self.result = self.out.write_char(' ').and_then(|()| match field.name() {
                "message" => write(self.out),
                name => self.out.write_str(name).and_then(|()| self.out.write_char('=')).and_then(|()| write(self.out)),
            });
        }
    }
}

impl Visit for TextFields<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, |out| {
            out.write_char('"')?;
            Escaped(out).write_str(value)?;
            out.write_char('"')
        });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, |out| number(out, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // What displays itself stands as it is, so that a sentence stays readable; only its control characters go.
        self.field(field, |out| write!(OneLine(out), "{value:?}"));
    }
}

/// `,"name":value`
struct JsonFields<'a, 'w> {
    out: &'a mut Writer<'w>,
    result: fmt::Result,
}

impl JsonFields<'_, '_> {
    fn field(&mut self, field: &Field, write: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.result.is_ok() {
            self.result = self.out.write_str(",\"").and_then(|()| {
                // Names are Rust identifiers: nothing in them needs an escape.
                self.out.write_str(field.name())?;
                self.out.write_str("\":")?;
                write(self.out)
            });
        }
    }

    fn quoted(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        self.field(field, |out| {
            out.write_char('"')?;
            Escaped(out).write_fmt(value)?;
            out.write_char('"')
        });
    }
}

impl Visit for JsonFields<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.quoted(field, format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, |out| number(out, value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, |out| write!(out, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, |out| out.write_str(if value { "true" } else { "false" }));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        match value.is_finite() {
            true => self.field(field, |out| write!(out, "{value}")),
            false => self.field(field, |out| out.write_str("null")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.quoted(field, format_args!("{value:?}"));
    }
}

/// Escapes as JSON does: quotes, backslashes and control characters, those of Unicode too.
struct Escaped<'a, 'w>(&'a mut Writer<'w>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let plain = |byte: &u8| (b' '..0x7f).contains(byte) && *byte != b'"' && *byte != b'\\';
        if text.as_bytes().iter().all(plain) {
            return self.0.write_str(text);
        }
        text.chars().try_for_each(|c| match c {
            '"' => self.0.write_str("\\\""),
            '\\' => self.0.write_str("\\\\"),
            c if breaks(c) => write!(self.0, "\\u{:04x}", u32::from(c)),
            c => self.0.write_char(c),
        })
    }
}

/// Escapes what could end the line or steer a terminal.
struct OneLine<'a, 'w>(&'a mut Writer<'w>);

impl Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !text.chars().any(breaks) {
            return self.0.write_str(text);
        }
        text.chars().try_for_each(|c| match breaks(c) {
            true => write!(self.0, "\\u{:04x}", u32::from(c)),
            false => self.0.write_char(c),
        })
    }
}

/// Control characters, and the separators that some readers take for line ends.
fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn number(out: &mut Writer<'_>, value: u64) -> fmt::Result {
    write!(out, "{value}")
}

/// A time in UTC, to the microsecond, as RFC 3339 writes it.
struct Timestamp([u8; 27]);

impl Timestamp {
    fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::new(since.as_secs(), since.subsec_micros())
    }

    fn new(seconds: u64, micros: u32) -> Self {
        let (year, month, day) = civil(seconds / 86_400);
        let clock = seconds % 86_400;
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        digits(&mut text[..4], year);
        digits(&mut text[5..7], month);
        digits(&mut text[8..10], day);
        digits(&mut text[11..13], clock / 3_600);
        digits(&mut text[14..16], clock / 60 % 60);
        digits(&mut text[17..19], clock % 60);
        digits(&mut text[20..26], micros.into());
        Self(text)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

/// Writes the last digits of a number, one for each place.
fn digits(places: &mut [u8], mut number: u64) {
    for place in places.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day of a day since 1970, by counting from a 1st of March: then the odd day of a leap year is last.
fn civil(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / (ERA - 1)) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let calendar = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(calendar <= 2), calendar, of_month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000007Z"),
            (951_782_399, "2000-02-28T23:59:59.000007Z"),
            (951_782_400, "2000-02-29T00:00:00.000007Z"),
            (951_868_800, "2000-03-01T00:00:00.000007Z"),
            (1_709_164_800, "2024-02-29T00:00:00.000007Z"),
            (1_767_225_599, "2025-12-31T23:59:59.000007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000007Z"),
        ] {
            assert_eq!(Timestamp::new(seconds, 7).to_string(), text);
        }
    }

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(json: bool, log: impl FnOnce()) -> String {
        let kept = Kept::default();
        let to = kept.clone();
        let builder = tracing_subscriber::fmt().with_ansi(false).with_writer(move || to.clone());
        tracing::subscriber::with_default(builder.event_format(Lines { json: Arc::new(json.into()) }).finish(), log);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn sample() {
        let nothing: Option<u64> = None;
        tracing::info!(target: "request", id = "a\"b\\c\nd", kind = ?Some(1), words = %"x\u{1b}[31m\ny", n = 7, nothing, yes = true, "done");
    }

    #[test]
    fn text_keeps_to_its_line() {
        let line = lines(false, sample);
        let (time, rest) = line.split_once(' ').unwrap();
        assert_eq!(time.len(), 27);
        assert_eq!(
            rest,
            " INFO request: done id=\"a\\\"b\\\\c\\u000ad\" kind=Some(1) words=x\\u001b[31m\\u000ay n=7 yes=true\n"
        );
    }

    #[test]
    fn json_is_json() {
        let line = lines(true, sample);
        assert_eq!(line.matches('\n').count(), 1);
        let (head, rest) = line.split_once("\",\"level\"").unwrap();
        assert_eq!(head.len(), "{\"timestamp\":\"".len() + 27);
        assert_eq!(
            rest,
            ":\"INFO\",\"target\":\"request\",\"message\":\"done\",\"id\":\"a\\\"b\\\\c\\u000ad\",\"kind\":\"Some(1)\",\
             \"words\":\"x\\u001b[31m\\u000ay\",\"n\":7,\"yes\":true}\n"
        );
    }
}
