//! What is to be said about a configuration, and how it looks on a terminal. It holds no secret: every text in it was
//! covered before it came here.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use crate::source::{Snippet, Source, Span, Text, plain};

/// Everything found in one reading, each list in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Reasons not to use the configuration.
    pub errors: Vec<Diagnostic>,
    /// Things that work, but probably not as meant.
    pub warnings: Vec<Diagnostic>,
    /// Things worth knowing.
    pub notes: Vec<Diagnostic>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    severity: Severity,
    message: String,
    place: Place,
    help: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Severity {
    Error,
    Warning,
    Note,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Nowhere { file: String },
    Line { file: String, snippet: Snippet },
    Override { name: String },
}

/// A finding before its place was looked up.
#[derive(Debug)]
pub(crate) struct Problem {
    severity: Severity,
    span: Option<Span>,
    message: String,
    help: Option<Help>,
}

#[derive(Debug)]
enum Help {
    Text(String),
    /// The same key stands at this byte already.
    Earlier(usize),
}

/// Collects findings, so that one reading tells them all. Bounded: a broken file can hold a wrong value on each line.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    left_out: [usize; 3],
}

/// Most findings told of each severity; a file with more is read again after these are mended.
const MAX_FINDINGS: usize = 200;

impl Problems {
    pub(crate) fn error(&mut self, span: impl Into<Option<Span>>, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Error, span.into(), message.into())
    }

    pub(crate) fn warn(&mut self, span: impl Into<Option<Span>>, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Warning, span.into(), message.into())
    }

    pub(crate) fn note(&mut self, span: impl Into<Option<Span>>, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Note, span.into(), message.into())
    }

    /// Whether further findings of this severity would only be counted.
    pub(crate) fn is_full(&self, severity: Severity) -> bool {
        self.list.iter().filter(|problem| problem.severity == severity).count() >= MAX_FINDINGS
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.list.iter().any(|problem| problem.severity == Severity::Error)
    }

    fn add(&mut self, severity: Severity, span: Option<Span>, message: String) -> &mut Problem {
        if self.is_full(severity) {
            // The last one of this severity gives way, so that the count below stays true.
            let last = self.list.iter().rposition(|problem| problem.severity == severity).unwrap_or(0);
            self.list.remove(last);
            self.left_out[severity as usize] += 1;
        }
        self.list.push(Problem { severity, span, message, help: None });
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// One closing line for what was only counted.
    fn tell_left_out(&mut self) {
        for severity in [Severity::Error, Severity::Warning, Severity::Note] {
            let count = self.left_out[severity as usize];
            if count > 0 {
                let message = format!("{count} more like these");
                self.list.push(Problem { severity, span: None, message, help: None });
            }
        }
    }

    /// Errors and warnings without their places, help behind each.
    pub(crate) fn into_words(mut self) -> (Vec<String>, Vec<String>) {
        self.tell_left_out();
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        for Problem { severity, message, help, .. } in self.list {
            let message = match help {
                Some(Help::Text(help)) => format!("{} ({})", plain(&message), plain(&help)),
                Some(Help::Earlier(_)) | None => plain(&message),
            };
            match severity {
                Severity::Error => errors.push(message),
                Severity::Warning => warnings.push(message),
                Severity::Note => {}
            }
        }
        (errors, warnings)
    }

    /// Looks up the places. `names` are the overrides' names.
    pub(crate) fn report(mut self, file: &str, text: &Text<'_>, names: &[&str]) -> Report {
        self.list.sort_by(|a, b| by_place(a.span, b.span));
        self.tell_left_out();
        let mut report = Report::default();
        for problem in self.list {
            let place = place(problem.span, file, text, names);
            let Problem { severity, message, help, .. } = problem;
            let help = help.map(|help| help.told(text));
            report.list(severity).push(Diagnostic { severity, message: plain(&message), place, help });
        }
        report
    }
}

impl Problem {
    pub(crate) fn help(&mut self, text: impl Into<String>) {
        self.help = Some(Help::Text(text.into()));
    }

    pub(crate) fn set_before(&mut self, earlier: Span) {
        self.help = Some(Help::Earlier(earlier.start));
    }
}

impl Help {
    fn told(self, text: &Text<'_>) -> String {
        match self {
            Self::Text(help) => plain(&help),
            Self::Earlier(start) => format!("the first one is on line {}; keep one", text.line(start)),
        }
    }
}

/// In the order of the file; what has no place comes last.
fn by_place(a: Option<Span>, b: Option<Span>) -> Ordering {
    let key = |span: Option<Span>| span.map_or((true, Source::File, 0), |span| (false, span.source, span.start));
    key(a).cmp(&key(b))
}

fn place(span: Option<Span>, file: &str, text: &Text<'_>, names: &[&str]) -> Place {
    match span {
        None => Place::Nowhere { file: plain(file) },
        Some(Span { source: Source::File, start, end }) => {
            Place::Line { file: plain(file), snippet: text.snippet(start, end) }
        }
        Some(Span { source: Source::Override(index), .. }) => {
            Place::Override { name: plain(names.get(index).copied().unwrap_or("?")) }
        }
    }
}

impl Report {
    /// Whether the configuration may be used.
    pub fn is_ok(&self) -> bool {
        self.errors.is_empty()
    }

    /// Whether there is nothing to say at all.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty() && self.warnings.is_empty() && self.notes.is_empty()
    }

    /// The report for a terminal, with colours where it shows them. `Display` is the same without colours.
    pub fn render(&self, colour: Colour) -> String {
        let mut out = String::new();
        for diagnostic in self.errors.iter().chain(&self.warnings) {
            diagnostic.block(colour, &mut out);
            out.push('\n');
        }
        for note in &self.notes {
            note.line(colour, &mut out);
        }
        out
    }

    fn list(&mut self, severity: Severity) -> &mut Vec<Diagnostic> {
        match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
            Severity::Note => &mut self.notes,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colour::Never))
    }
}

impl Diagnostic {
    /// Place and message on one line, for a log.
    pub fn brief(&self) -> String {
        let mut out = String::new();
        self.line(Colour::Never, &mut out);
        out.trim_end().to_owned()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.block(Colour::Never, &mut out);
        f.write_str(out.trim_end())
    }
}

/// Whether a rendering carries terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// ANSI colours.
    Always,
}

impl Colour {
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Never => text.to_owned(),
            Self::Always => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

const FRAME: &str = "1;34";

impl Diagnostic {
    /// What is wrong, in one sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// 1-based line and column in the file; `None` for overrides and for what the file lacks.
    pub fn position(&self) -> Option<(usize, usize)> {
        match &self.place {
            Place::Line { snippet, .. } => Some((snippet.line, snippet.column)),
            Place::Nowhere { .. } | Place::Override { .. } => None,
        }
    }

    /// The whole finding: message, place, line with carets, help.
    fn block(&self, colour: Colour, out: &mut String) {
        let (word, code) = self.word();
        let head = colour.paint(code, word);
        let pad = " ".repeat(self.gutter());
        let bar = colour.paint(FRAME, "|");
        let arrow = colour.paint(FRAME, "-->");
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{head}: {}", self.message);
        match &self.place {
            Place::Nowhere { file } => _ = writeln!(out, "{pad} {arrow} {file}"),
            Place::Override { name } => {
                let from = if name.starts_with("--") { "command line" } else { "environment" };
                let _ = writeln!(out, "{pad} {arrow} {name} ({from})");
            }
            Place::Line { file, snippet } => {
                let number = colour.paint(FRAME, &snippet.line.to_string());
                let carets = colour.paint(code, &"^".repeat(snippet.length));
                let _ = writeln!(out, "{pad} {arrow} {file}:{}:{}", snippet.line, snippet.column);
                let _ = writeln!(out, "{pad}  {bar}");
                let _ = writeln!(out, " {number} {bar} {}", snippet.text);
                let _ = writeln!(out, "{pad}  {bar} {}{carets}", " ".repeat(snippet.caret));
            }
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "{pad}  {} help: {help}", colour.paint(FRAME, "="));
        }
    }

    /// The finding in one line, for notes.
    fn line(&self, colour: Colour, out: &mut String) {
        let (word, code) = self.word();
        let head = colour.paint(code, word);
        let place = match &self.place {
            Place::Nowhere { file } => file.clone(),
            Place::Override { name } => name.clone(),
            Place::Line { file, snippet } => format!("{file}:{}", snippet.line),
        };
        let help = self.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        let _ = writeln!(out, "{head}: {place}: {}{help}", self.message);
    }

    fn word(&self) -> (&'static str, &'static str) {
        match self.severity {
            Severity::Error => ("error", "1;31"),
            Severity::Warning => ("warning", "1;33"),
            Severity::Note => ("note", "1;36"),
        }
    }

    /// Width of the line number.
    fn gutter(&self) -> usize {
        match &self.place {
            Place::Line { snippet, .. } => snippet.line.to_string().len(),
            Place::Nowhere { .. } | Place::Override { .. } => 1,
        }
    }
}
