//! Places in the text: spans, lines, columns, and the one line that a message shows, with secrets covered. It knows
//! nothing of YAML; what must be covered is told to it as byte ranges.

use std::ops::Range;

/// Which text a span points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// The configuration file.
    File,
    /// The override with this index.
    Override(usize),
}

/// A byte range of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) source: Source,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What replaces a covered range: the same for every length.
const COVER: &str = "***";
/// Longest shown line, in characters, and how much of it stays in front of the caret.
const WIDTH: usize = 120;
const LEAD: usize = 60;
/// How far around the caret a line is looked at, in bytes: a file can be one line.
const REACH: usize = 1024;

/// A line of the file with a caret range, ready for a terminal and free of secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snippet {
    /// 1-based line.
    pub(crate) line: usize,
    /// 1-based column in characters of the real line.
    pub(crate) column: usize,
    /// The line as shown.
    pub(crate) text: String,
    /// First caret, in characters of `text`.
    pub(crate) caret: usize,
    /// How many carets, at least one.
    pub(crate) length: usize,
}

/// The file's text, and what of it may not be shown.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    text: &'a str,
    line_starts: Vec<usize>,
    covers: Vec<Range<usize>>,
    scalars: Vec<Range<usize>>,
}

impl<'a> Text<'a> {
    /// `covers` are never shown; `scalars` are where a sign such as `#` begins nothing.
    pub(crate) fn new(text: &'a str, covers: Vec<Range<usize>>, scalars: Vec<Range<usize>>) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, line_starts, covers: merged(covers), scalars: merged(scalars) }
    }

    /// 1-based line of a byte offset.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset).max(1)
    }

    /// The line of `start`, with carets under what of the range lies on it.
    pub(crate) fn snippet(&self, start: usize, end: usize) -> Snippet {
        let line = self.line(start);
        let from = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let to = self.line_end(from);
        let first = self.text.floor_char_boundary(from.max(start.saturating_sub(REACH)));
        let last = self.text.floor_char_boundary(to.min(start.saturating_add(REACH)));
        let shown = self.shown(first, last.max(first), start..end);
        let column = self.text.get(from..start.min(to)).map_or(0, |lead| lead.chars().count()) + 1;
        let (first, last) = shown.caret.unwrap_or_default();
        let (text, caret, length) = windowed(&shown.text, first, last);
        Snippet { line, column, text, caret, length }
    }

    fn line_end(&self, from: usize) -> usize {
        let rest = self.text.get(from..).unwrap_or("");
        let line = rest.split('\n').next().unwrap_or("");
        from + line.strip_suffix('\r').unwrap_or(line).len()
    }

    /// The visible form of a line: covers replaced, comment cut off, control characters made harmless.
    fn shown(&self, from: usize, to: usize, mark: Range<usize>) -> Shown {
        let to = self.comment_start(from, to).unwrap_or(to);
        let mut shown = Shown { text: String::new(), caret: None };
        let mut width = 0;
        let mut at = from;
        while at < to {
            let (piece, next) = self.piece(at, to);
            let after = width + piece.chars().count();
            if mark.start < next && at < mark.end.max(mark.start + 1) {
                let first = shown.caret.map_or(width, |(first, _)| first);
                shown.caret = Some((first, after));
            }
            shown.text.push_str(&piece);
            (width, at) = (after, next);
        }
        shown.caret.get_or_insert((width, width + 1));
        shown.text.truncate(shown.text.trim_end().len());
        shown
    }

    /// What stands for the text at `at`, and where the text after it begins.
    fn piece(&self, at: usize, to: usize) -> (String, usize) {
        if let Some(cover) = containing(&self.covers, at) {
            return (COVER.to_owned(), cover.end.min(to));
        }
        if let Some(end) = self.property_end(at, to) {
            return (COVER.to_owned(), end);
        }
        match self.text.get(at..).and_then(|rest| rest.chars().next()) {
            Some(letter) => (harmless(letter).to_string(), at + letter.len_utf8()),
            None => (String::new(), at + 1),
        }
    }

    /// The end of an anchor, alias or tag that begins here. They are not shown either: a key whose line was broken can
    /// read as one.
    fn property_end(&self, at: usize, to: usize) -> Option<usize> {
        let rest = self.text.get(at..to)?;
        let opens = rest.starts_with(['&', '*', '!']) && containing(&self.scalars, at).is_none();
        let before = at.checked_sub(1).and_then(|before| self.text.as_bytes().get(before));
        let token = before.is_none_or(|byte| byte.is_ascii_whitespace() || b"[{,".contains(byte));
        let length = rest.find(|c: char| c.is_whitespace() || ",]}".contains(c)).unwrap_or(rest.len());
        (opens && token).then_some(at + length)
    }

    /// Comments are not shown: an old key is often kept in one.
    fn comment_start(&self, from: usize, to: usize) -> Option<usize> {
        let line = self.text.get(from..to)?;
        line.match_indices('#').map(|(at, _)| from + at).find(|at| {
            let opens = *at == from || self.text.as_bytes().get(at - 1).is_some_and(u8::is_ascii_whitespace);
            opens && containing(&self.scalars, *at).is_none() && containing(&self.covers, *at).is_none()
        })
    }
}

struct Shown {
    text: String,
    /// First caret and the column behind the last.
    caret: Option<(usize, usize)>,
}

/// A terminal must not obey a file: control characters (and the ones that turn text around) become a dot.
fn harmless(letter: char) -> char {
    match letter {
        '\t' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '.',
        letter if letter.is_control() => '.',
        letter => letter,
    }
}

/// The same for a whole text that goes into a message.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(harmless).collect()
}

/// Cuts a long line so that the caret stays in view.
fn windowed(text: &str, start: usize, end: usize) -> (String, usize, usize) {
    let count = text.chars().count();
    let length = end.saturating_sub(start).max(1);
    if count <= WIDTH {
        return (text.to_owned(), start, length);
    }
    let skip = start.saturating_sub(LEAD);
    let lead = if skip > 0 { "..." } else { "" };
    let tail = if count > skip + WIDTH { "..." } else { "" };
    let middle: String = text.chars().skip(skip).take(WIDTH).collect();
    (format!("{lead}{middle}{tail}"), start - skip + lead.len(), length.min(WIDTH - (start - skip)))
}

fn containing(ranges: &[Range<usize>], offset: usize) -> Option<&Range<usize>> {
    let index = ranges.partition_point(|range| range.end <= offset);
    ranges.get(index).filter(|range| range.start <= offset)
}

/// Sorted, without overlaps, empty ranges gone.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| range.start < range.end);
    ranges.sort_by_key(|range| range.start);
    let mut out: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}
