//! One event as one line, text or JSON, written straight into the line's buffer. A request's line has some fifteen
//! fields; the general formatter spends several times as long on them.
//!
//! Nothing that a line quotes can break out of it: control characters are escaped everywhere.

use std::cell::RefCell;
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

thread_local! {
    /// Where this thread writes its lines, so that none needs memory of its own.
    static ROOM: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The longest line whose room is used again, in bytes.
const LONGEST: usize = 4 * 1024;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        // A value that logs while it is written finds another room.
        let mut line = ROOM.take();
        let now = Timestamp::now();
        let written = match self.json.load(Ordering::Relaxed) {
            true => json(&mut line, &now, event),
            false => text(&mut line, out.has_ansi_escapes(), &now, event),
        };
        let written = written.and_then(|()| out.write_str(&line));
        if line.capacity() <= LONGEST {
            line.clear();
            ROOM.set(line);
        }
        written
    }
}

fn text(line: &mut String, ansi: bool, now: &Timestamp, event: &Event<'_>) -> fmt::Result {
    let meta = event.metadata();
    if ansi {
        write!(line, "\x1b[2m{now}\x1b[0m {} \x1b[2m{}:\x1b[0m", coloured(*meta.level()), meta.target())?;
    } else {
        line.push_str(now.as_str());
        line.push_str(padded(*meta.level()));
        line.push_str(meta.target());
        line.push(':');
    }
    let mut fields = TextFields { line, result: Ok(()) };
    event.record(&mut fields);
    fields.result?;
    line.push('\n');
    Ok(())
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

fn padded(level: Level) -> &'static str {
    match level {
        Level::ERROR => " ERROR ",
        Level::WARN => "  WARN ",
        Level::INFO => "  INFO ",
        Level::DEBUG => " DEBUG ",
        Level::TRACE => " TRACE ",
    }
}

fn json(line: &mut String, now: &Timestamp, event: &Event<'_>) -> fmt::Result {
    let meta = event.metadata();
    for part in ["{\"timestamp\":\"", now.as_str(), "\",\"level\":\"", meta.level().as_str()] {
        line.push_str(part);
    }
    for part in ["\",\"target\":\"", meta.target(), "\""] {
        line.push_str(part);
    }
    let mut fields = JsonFields { line, result: Ok(()) };
    event.record(&mut fields);
    fields.result?;
    line.push_str("}\n");
    Ok(())
}

/// ` name=value`; the message stands without a name.
struct TextFields<'a> {
    line: &'a mut String,
    result: fmt::Result,
}

impl TextFields<'_> {
    /// Writes the name, and gives the place for the value.
    fn field(&mut self, field: &Field) -> &mut String {
        self.line.push(' ');
        if field.name() != "message" {
            self.line.push_str(field.name());
            self.line.push('=');
        }
        self.line
    }
}

impl Visit for TextFields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        quote(self.field(field), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field).push_str(itoa::Buffer::new().format(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field).push_str(if value { "true" } else { "false" });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // What displays itself stands as it is, so that a sentence stays readable; only its control characters go.
        let written = write!(OneLine(self.field(field)), "{value:?}");
        self.result = self.result.and(written);
    }
}

/// `,"name":value`
struct JsonFields<'a> {
    line: &'a mut String,
    result: fmt::Result,
}

impl JsonFields<'_> {
    /// Writes the name, and gives the place for the value.
    fn field(&mut self, field: &Field) -> &mut String {
        // Names are Rust identifiers: nothing in them needs an escape.
        self.line.push_str(",\"");
        self.line.push_str(field.name());
        self.line.push_str("\":");
        self.line
    }
}

impl Visit for JsonFields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        quote(self.field(field), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field).push_str(itoa::Buffer::new().format(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field).push_str(itoa::Buffer::new().format(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field).push_str(if value { "true" } else { "false" });
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let written = match value.is_finite() {
            true => write!(self.field(field), "{value}"),
            false => self.field(field).write_str("null"),
        };
        self.result = self.result.and(written);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let line = self.field(field);
        line.push('"');
        let written = write!(Escaped(line), "{value:?}");
        line.push('"');
        self.result = self.result.and(written);
    }
}

fn quote(line: &mut String, text: &str) {
    line.push('"');
    escape(line, text);
    line.push('"');
}

/// Escapes as JSON does: quotes, backslashes and control characters, those of Unicode too.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text);
        Ok(())
    }
}

fn escape(line: &mut String, text: &str) {
    let plain = |byte: u8| (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
    // No early exit, so that many bytes are compared at once.
    if text.bytes().fold(true, |all, byte| all & plain(byte)) {
        return line.push_str(text);
    }
    for c in text.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            c => escape_break(line, c),
        }
    }
}

/// Escapes what could end the line or steer a terminal.
struct OneLine<'a>(&'a mut String);

impl Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match text.chars().any(breaks) {
            false => self.0.push_str(text),
            true => text.chars().for_each(|c| escape_break(self.0, c)),
        }
        Ok(())
    }
}

fn escape_break(line: &mut String, c: char) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if !breaks(c) {
        return line.push(c);
    }
    let code = u32::from(c);
    line.push_str("\\u");
    [12, 8, 4, 0].into_iter().for_each(|shift| line.push(char::from(DIGITS[(code >> shift & 0xf) as usize])));
}

/// Control characters, and the separators that some readers take for line ends.
fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
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

impl Timestamp {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
