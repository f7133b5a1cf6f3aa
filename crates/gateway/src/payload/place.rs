//! Changes a JSON body at a path, by byte range: what the path does not name stays as it was.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use config::payload::{Compare, Path, Step, Test};
use dialect::json_text;
use dialect::scan::{self, Object};
use dialect::tree::Node;

/// Most places that one path may change.
const MAX_PLACES: usize = 10_000;

/// Whether something other than null stands at the path.
pub(crate) fn exists(path: &Path, text: &str) -> bool {
    find(text, &path.steps).iter().any(|range| text[range.clone()] != *"null")
}

/// The JSON texts that stand at the path.
pub(crate) fn values<'a>(path: &Path, text: &'a str) -> Vec<&'a str> {
    find(text, &path.steps).into_iter().map(|range| &text[range]).collect()
}

/// Whether two JSON values are the same: texts by their words, numbers by their size, anything else by its text.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    if one.starts_with('"') != other.starts_with('"') {
        return false;
    }
    if plain(one) == plain(other) {
        return true;
    }
    let number = |text: &str| text.parse::<f64>().ok().filter(|_| !text.starts_with('"'));
    number(one).zip(number(other)).is_some_and(|(one, other)| one.total_cmp(&other).is_eq())
}

/// Sets the value at the path to a JSON text; objects and lists on the way are made. `None`: nothing changes.
pub(crate) fn set(path: &Path, text: &str, json: &str) -> Option<String> {
    let mut patches = Vec::new();
    plan(text, 0, &path.steps, json, &mut patches);
    apply(text, patches)
}

/// Takes away what stands at the path. `None`: nothing stands there.
pub(crate) fn remove(path: &Path, text: &str) -> Option<String> {
    let mut patches = Vec::new();
    let (last, above) = path.steps.split_last()?;
    for range in find(text, above) {
        let inner = &text[range.clone()];
        let gone = match Container::of(inner) {
            Some(Container::Object(index)) => remove_key(inner, &index, last),
            Some(Container::List(entries)) => remove_entries(inner, &entries, last),
            None => Vec::new(),
        };
        patches.extend(gone.into_iter().map(|gone| (range.start + gone.start..range.start + gone.end, String::new())));
    }
    apply(text, patches)
}

/// Where the values of a path stand.
fn find(text: &str, steps: &[Step]) -> Vec<Range<usize>> {
    let mut found = vec![trimmed(text)];
    for step in steps {
        let mut next = Vec::new();
        for range in found {
            let inner = &text[range.clone()];
            let below = Container::of(inner).map(|container| container.select(inner, step)).unwrap_or_default();
            next.extend(below.into_iter().map(|below| range.start + below.start..range.start + below.end));
            if next.len() > MAX_PLACES {
                next.truncate(MAX_PLACES);
                break;
            }
        }
        found = next;
    }
    found
}

fn trimmed(text: &str) -> Range<usize> {
    let start = text.len() - text.trim_start().len();
    start..start + text.trim().len()
}

/// Something with places in it.
enum Container {
    Object(Object),
    List(Vec<Range<usize>>),
}

impl Container {
    fn of(text: &str) -> Option<Self> {
        match text.as_bytes().first()? {
            b'{' => scan::object(text.as_bytes()).ok().map(Self::Object),
            b'[' => scan::list(text.as_bytes()).ok().map(Self::List),
            _ => None,
        }
    }

    /// The places that a step leads to.
    fn select(&self, text: &str, step: &Step) -> Vec<Range<usize>> {
        match (self, step) {
            (Self::Object(index), Step::Key(key)) => {
                let at = index.position(text.as_bytes(), key);
                at.map(|at| index.fields[at].value.clone()).into_iter().collect()
            }
            (Self::List(entries), Step::Key(key)) => {
                key.parse().ok().and_then(|at: usize| entries.get(at).cloned()).into_iter().collect()
            }
            (Self::List(entries), Step::Every) => entries.clone(),
            (Self::List(entries), Step::Where { test, all }) => {
                let fits = entries.iter().filter(|range| fits(test, &text[(*range).clone()])).cloned();
                if *all { fits.collect() } else { fits.take(1).collect() }
            }
            (Self::Object(_), Step::Append | Step::Every | Step::Where { .. }) | (Self::List(_), Step::Append) => {
                Vec::new()
            }
        }
    }
}

type Patch = (Range<usize>, String);

/// Plans a change of the value that fills `text`, which begins at `base` of the whole.
fn plan(text: &str, base: usize, steps: &[Step], json: &str, out: &mut Vec<Patch>) {
    let whole = trimmed(text);
    let inner = &text[whole.clone()];
    let base = base + whole.start;
    let Some((step, rest)) = steps.split_first() else {
        if inner != json {
            out.push((base..base + inner.len(), json.to_owned()));
        }
        return;
    };
    let Some(container) = Container::of(inner) else {
        // What is an object, but names a key twice, is left alone rather than replaced.
        if !inner.starts_with(['{', '[']) {
            out.extend(build(steps, json).map(|json| (base..base + inner.len(), json)));
        }
        return;
    };
    let below = container.select(inner, step);
    for range in below.iter().take(MAX_PLACES) {
        plan(&inner[range.clone()], base + range.start, rest, json, out);
    }
    if below.is_empty() {
        out.extend(added(inner, &container, step, rest, json).map(|(at, json)| (base + at..base + at, json)));
    }
}

/// A place that is not there yet, and what is written to make it.
fn added(text: &str, container: &Container, step: &Step, rest: &[Step], json: &str) -> Option<(usize, String)> {
    let value = build(rest, json)?;
    match (container, step) {
        (Container::Object(index), Step::Key(key)) => {
            let comma = if index.fields.is_empty() { "" } else { "," };
            Some((index.inside, format!("{}:{value}{comma}", json_text(key))))
        }
        (Container::List(entries), Step::Key(key)) => {
            let at: usize = key.parse().ok()?;
            // As far as one place behind the last; a longer gap is no slip that should be filled.
            (at == entries.len()).then(|| append(text, entries, &value))
        }
        (Container::List(entries), Step::Append) => Some(append(text, entries, &value)),
        // A query that nothing fits changes nothing.
        (_, Step::Every | Step::Where { .. }) | (Container::Object(_), Step::Append) => None,
    }
}

fn append(text: &str, entries: &[Range<usize>], value: &str) -> (usize, String) {
    match entries.last() {
        Some(last) => (last.end, format!(",{value}")),
        None => (text.len() - 1, value.to_owned()),
    }
}

/// The JSON text of what lies below a place that is not there; `None` when a query would have to be made true.
fn build(steps: &[Step], json: &str) -> Option<String> {
    steps.iter().rev().try_fold(json.to_owned(), |inner, step| match step {
        Step::Key(key) if key == "0" => Some(format!("[{inner}]")),
        Step::Key(key) => Some(format!("{{{}:{inner}}}", json_text(key))),
        Step::Append => Some(format!("[{inner}]")),
        Step::Every | Step::Where { .. } => None,
    })
}

fn remove_key(text: &str, index: &Object, step: &Step) -> Vec<Range<usize>> {
    let Step::Key(key) = step else { return Vec::new() };
    let Some(at) = index.position(text.as_bytes(), key) else { return Vec::new() };
    let fields: Vec<Range<usize>> = index.fields.iter().map(|field| field.key.start - 1..field.value.end).collect();
    runs(&fields, |place| place == at)
}

fn remove_entries(text: &str, entries: &[Range<usize>], step: &Step) -> Vec<Range<usize>> {
    let chosen = Container::List(entries.to_vec()).select(text, step);
    let last = matches!(step, Step::Append).then(|| entries.len().saturating_sub(1));
    runs(entries, |place| last == Some(place) || chosen.contains(&entries[place]))
}

/// The ranges to cut so that the chosen places go, each run with the comma that would be left over.
fn runs(places: &[Range<usize>], gone: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    let mut at = 0;
    while at < places.len() {
        if !gone(at) {
            at += 1;
            continue;
        }
        let first = at;
        while at < places.len() && gone(at) {
            at += 1;
        }
        cuts.push(match (places.get(at), first.checked_sub(1)) {
            (Some(next), _) => places[first].start..next.start,
            (None, Some(before)) => places[before].end..places[at - 1].end,
            (None, None) => places[first].start..places[at - 1].end,
        });
    }
    cuts
}

fn apply(text: &str, mut patches: Vec<Patch>) -> Option<String> {
    if patches.is_empty() {
        return None;
    }
    patches.sort_by_key(|(range, _)| range.start);
    let grown: usize = patches.iter().map(|(_, json)| json.len()).sum();
    let mut out = String::with_capacity(text.len() + grown);
    let mut from = 0;
    for (range, json) in patches {
        out.push_str(&text[from..range.start]);
        out.push_str(&json);
        from = range.end;
    }
    out.push_str(&text[from..]);
    Some(out)
}

fn fits(test: &Test, entry: &str) -> bool {
    let mut value = Cow::Borrowed(entry.trim());
    for key in &test.place {
        let Some(container) = Container::of(&value) else { return false };
        let below = container.select(&value, &Step::Key(key.clone()));
        let Some(range) = below.first() else { return false };
        value = Cow::Owned(value[range.clone()].to_owned());
    }
    let text = plain(&value);
    match test.compare {
        Compare::Exists => true,
        Compare::Equal => text == test.value,
        Compare::Unequal => text != test.value,
        Compare::Like => like(&test.value, &text),
        Compare::Unlike => !like(&test.value, &text),
        Compare::Less => is_ordered(&text, &test.value, Ordering::is_lt),
        Compare::AtMost => is_ordered(&text, &test.value, Ordering::is_le),
        Compare::More => is_ordered(&text, &test.value, Ordering::is_gt),
        Compare::AtLeast => is_ordered(&text, &test.value, Ordering::is_ge),
    }
}

/// Numbers by size; anything else is never in order.
fn is_ordered(text: &str, value: &str, holds: fn(Ordering) -> bool) -> bool {
    let (Ok(left), Ok(right)) = (text.parse::<f64>(), value.parse::<f64>()) else { return false };
    left.partial_cmp(&right).is_some_and(holds)
}

/// The text of a string, or the JSON text of anything else.
fn plain(json: &str) -> Cow<'_, str> {
    if json.starts_with('"') {
        return Node::read(json).and_then(|node| node.as_text()).map_or(Cow::Borrowed(json), Cow::Owned);
    }
    Cow::Borrowed(json)
}

/// Matches a text against a pattern in which `*` stands for any text and `?` for one character.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // The last star, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match (pattern.get(p), star) {
            (Some('*'), _) => {
                star = Some((p, t));
                p += 1;
            }
            (Some(one), _) if *one == '?' || *one == text[t] => {
                p += 1;
                t += 1;
            }
            (_, Some((at, taken))) => {
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
            (_, None) => return false,
        }
    }
    pattern[p..].iter().all(|one| *one == '*')
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
