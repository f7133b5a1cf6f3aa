//! What a request holds and nobody has read.
//!
//! A type that derives `Deserialize` steps over the fields that it does not have. While a request is decoded the reader
//! takes note of each such value, by its place in the body: no field is looked at twice, a request without any costs
//! nothing, and a dialect cannot forget to say what it does not know. Only then the paths are found, in one walk.
//!
//! The list belongs to the thread, because types that are read have no other way to it; it lives as long as one call of
//! [`told`]. What is kept as it stands and goes on whole is taken off it again by [`kept`].

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::ops::Range;

use hub::{Fault, Losses};

use crate::{Body, Decoded, scan};

/// How many values of one request are found by their paths; the rest are only counted.
const MAX: usize = 1_024;

/// What a dialect says of its fields.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// Entries of lists are written `list[0]`, and not `list.0`.
    pub brackets: bool,
    /// Names that say nothing by themselves, such as the type of what has one form only.
    pub plain: &'static [&'static str],
    /// Hints that no answer misses: paths without the numbers of entries. One that begins with a dot is the end of a path,
    /// one that ends with `.*` is all below it.
    pub hints: &'static [&'static str],
}

thread_local! {
    /// Whether anybody wants to know; answers are read by the same reader, and pay for no more than this.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

/// What is noted of one request.
struct Watch {
    /// Where its body lies.
    body: Range<usize>,
    plain: &'static [&'static str],
    /// Where values begin that were stepped over.
    noted: Vec<usize>,
    more: usize,
}

/// Runs a decoder, and adds what it did not read to its losses.
///
/// # Errors
/// The decoder's.
pub fn told(body: &Body, words: &Words, decode: impl FnOnce() -> Result<Decoded, Fault>) -> Result<Decoded, Fault> {
    let watch = Watch { body: place(body.bytes()), plain: words.plain, noted: Vec::new(), more: 0 };
    let before = WATCH.replace(Some(watch));
    WATCHED.set(true);
    let decoded = decode();
    WATCHED.set(before.is_some());
    let watch = WATCH.replace(before);
    let mut decoded = decoded?;
    if let Some(watch) = watch.filter(|watch| !watch.noted.is_empty()) {
        report(body, words, watch, &mut decoded.losses);
    }
    Ok(decoded)
}

/// Whether a request is being decoded.
#[inline]
pub(crate) fn is_watched() -> bool {
    WATCHED.get()
}

/// What stands in a text goes on whole, or is read anew: nothing in it is lost.
pub fn kept(text: &str) {
    WATCH.with_borrow_mut(|watch| {
        let inside = place(text.as_bytes());
        if let Some(watch) = watch.as_mut().filter(|watch| !watch.noted.is_empty()) {
            watch.noted.retain(|at| !inside.contains(at));
        }
    });
}

/// A value that was read has no use here, and nobody else reads it.
pub fn left(value: Option<&str>) {
    if let Some(value) = value.filter(|_| is_watched()) {
        skipped("", value);
    }
}

/// Reads only some fields of what is read as a whole elsewhere.
pub fn in_part<T>(read: impl FnOnce() -> T) -> T {
    let before = WATCHED.replace(false);
    let value = read();
    WATCHED.set(before);
    value
}

/// A value was stepped over. `before` is what stands in front of it, up to its key.
#[cold]
pub(crate) fn skipped(before: &str, value: &str) {
    if says_nothing(value) {
        return;
    }
    WATCH.with_borrow_mut(|watch| {
        let at = place(value.as_bytes()).start;
        let Some(watch) = watch.as_mut().filter(|watch| watch.body.contains(&at)) else { return };
        let key =
            before.trim_ascii_end().strip_suffix(':').map(str::trim_ascii_end).and_then(|key| key.strip_suffix('"'));
        let is = |name: &&str| key.and_then(|key| key.strip_suffix(*name)).is_some_and(|rest| rest.ends_with('"'));
        if watch.plain.iter().any(is) {
            return;
        }
        match watch.noted.len() < MAX {
            true => watch.noted.push(at),
            false => watch.more += 1,
        }
    });
}

/// Null, no, and nothing at all: a field at such a value counts as absent.
fn says_nothing(value: &str) -> bool {
    let inside = |open, close| value.strip_prefix(open).and_then(|rest: &str| rest.strip_suffix(close));
    matches!(value, "null" | "false" | "\"\"")
        || inside('[', ']').or_else(|| inside('{', '}')).is_some_and(|inner| inner.trim_ascii().is_empty())
}

fn place(bytes: &[u8]) -> Range<usize> {
    let range = bytes.as_ptr_range();
    range.start.addr()..range.end.addr()
}

fn report(body: &Body, words: &Words, mut watch: Watch, losses: &mut Losses) {
    watch.noted.sort_unstable();
    watch.noted.dedup();
    let mut walk = Walk { words, path: String::new(), losses };
    for (name, json) in body.fields() {
        let here = within(&watch.noted, json);
        if !here.is_empty() {
            walk.path.clear();
            walk.path.push_str(&name);
            walk.value(json, here);
        }
    }
    losses.count_more(watch.more);
}

/// Those of the sorted places that lie in a text.
fn within<'n>(noted: &'n [usize], text: &str) -> &'n [usize] {
    let Range { start, end } = place(text.as_bytes());
    let (from, to) = (noted.partition_point(|at| *at < start), noted.partition_point(|at| *at < end));
    noted.get(from..to).unwrap_or_default()
}

/// Goes down to the values that are noted, and into nothing else.
struct Walk<'w> {
    words: &'w Words,
    path: String,
    losses: &'w mut Losses,
}

impl Walk<'_> {
    fn value(&mut self, json: &str, noted: &[usize]) {
        if noted.first() == Some(&place(json.as_bytes()).start) {
            return self.lost();
        }
        let length = self.path.len();
        let object = scan::object(json.as_bytes());
        for (name, value) in object.iter().flat_map(|object| object.entries(json.as_bytes())) {
            self.below(value, noted, |path| write!(path, ".{name}"));
            self.path.truncate(length);
        }
        let list = if object.is_err() { scan::list(json.as_bytes()).unwrap_or_default() } else { Vec::new() };
        for (number, entry) in list.into_iter().enumerate() {
            let brackets = self.words.brackets;
            let name =
                |path: &mut String| if brackets { write!(path, "[{number}]") } else { write!(path, ".{number}") };
            self.below(json.get(entry).unwrap_or_default(), noted, name);
            self.path.truncate(length);
        }
    }

    fn below(&mut self, json: &str, noted: &[usize], name: impl FnOnce(&mut String) -> std::fmt::Result) {
        let here = within(noted, json);
        // Writing into a string cannot fail.
        if !here.is_empty() && name(&mut self.path).is_ok() {
            self.value(json, here);
        }
    }

    fn lost(&mut self) {
        match self.is_hint() {
            true => self.losses.silent(self.path.clone()),
            false => self.losses.dropped(self.path.clone(), "no other dialect has such a field"),
        }
    }

    fn is_hint(&self) -> bool {
        let names: Vec<&str> = self.path.split(['.', '[']).filter(|name| !is_number(name)).collect();
        let path = names.join(".");
        self.words.hints.iter().any(|hint| match (hint.strip_suffix('*'), hint.starts_with('.')) {
            (Some(root), _) => path.starts_with(root),
            (None, true) => path.ends_with(hint),
            (None, false) => path == *hint,
        })
    }
}

fn is_number(name: &str) -> bool {
    let digits = name.strip_suffix(']').unwrap_or(name);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hub::{LossKind, Request};
    use serde::Deserialize;
    use serde_json::value::RawValue;

    use super::*;
    use crate::read::{Raw, lenient};

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Part<'a> {
        text: Option<String>,
        #[serde(borrow)]
        raw: Raw<'a>,
        #[serde(borrow)]
        parts: Option<Vec<Part<'a>>>,
    }

    const WORDS: Words = Words { brackets: true, plain: &["type"], hints: &["list.id", ".hint"] };

    fn losses(json: &'static str, words: &Words, read: impl FnOnce(&Body)) -> Vec<String> {
        let body = Body::parse(Bytes::from_static(json.as_bytes())).unwrap();
        let decode = || {
            read(&body);
            Ok(Decoded { request: Request::default(), losses: Losses::default() })
        };
        let decoded = told(&body, words, decode).unwrap();
        let silent = |kind| if kind == LossKind::Silent { "~" } else { "" };
        decoded.losses.iter().map(|loss| format!("{}{}", silent(loss.kind), loss.field)).collect()
    }

    fn list(body: &Body) {
        let _: Option<Vec<Part<'_>>> = body.get("list").unwrap();
    }

    #[test]
    fn what_is_stepped_over_is_named_by_its_path() {
        let json = r#"{"model":"m","list":[{"text":"a","type":"t","x":1},{"id":7,"parts":[{"raw":{"deep":{"no":1}},
            "y":{"in":[1]},"q\"":[2],"hint":{"z":1}}]}],"other":{"x":1}}"#;
        assert_eq!(
            losses(json, &WORDS, list),
            ["list[0].x", "~list[1].id", "list[1].parts[0].y", "list[1].parts[0].q\"", "~list[1].parts[0].hint"]
        );
        let dots = Words { brackets: false, hints: &["list.parts.y"], ..WORDS };
        assert_eq!(losses(json, &dots, list)[..3], ["list.0.x", "list.1.id", "~list.1.parts.0.y"]);
    }

    #[test]
    fn what_says_nothing_is_not_lost() {
        let json = r#"{"list":[{"a":null,"b":false,"c":"","d":[ ],"e":{},"f":0,"g":true,"h":[null]}]}"#;
        assert_eq!(losses(json, &WORDS, list), ["list[0].f", "list[0].g", "list[0].h"]);
    }

    #[test]
    fn what_goes_on_whole_or_is_read_twice_or_elsewhere_is_not_lost_twice() {
        let json = r#"{"list":[{"x":1},{"y":{"z":2},"text":"a"}]}"#;
        let whole = |body: &Body| {
            let entries: Vec<&RawValue> = body.get("list").unwrap().unwrap();
            for raw in &entries {
                let _: Part<'_> = lenient(Some(*raw));
            }
            kept(entries[1].get());
            list(body);
            kept(entries[1].get());
            in_part(|| list(body));
            left(entries[1].get().find("\"a\"").and_then(|at| entries[1].get().get(at..at + 3)));
            left(None);
            let _: Vec<Part<'_>> = crate::read::text(r#"[{"elsewhere":1}]"#).unwrap();
        };
        assert_eq!(losses(json, &WORDS, whole), ["list[0].x", "list[1].text"]);
    }

    #[test]
    fn what_cannot_be_read_leaves_no_notes() {
        let json = r#"{"list":[{"x":1},{"text":7}],"ok":[{"x":1}]}"#;
        let odd = |body: &Body| {
            assert!(body.get::<Vec<Part<'_>>>("list").is_err());
            let _: Option<Vec<Part<'_>>> = body.get("ok").unwrap();
        };
        assert_eq!(losses(json, &WORDS, odd), ["ok[0].x"]);
        list(&Body::parse(Bytes::from_static(br#"{"list":[{"x":1}]}"#)).unwrap());
        assert!(WATCH.with_borrow(Option::is_none));
    }

    #[test]
    fn the_list_is_bounded() {
        let fields: Vec<String> = (0..MAX + 5).map(|number| format!(r#""x{number}":1"#)).collect();
        let json = format!(r#"{{"list":[{{{}}}]}}"#, fields.join(",")).leak();
        let body = Body::parse(Bytes::from_static(json.as_bytes())).unwrap();
        let decode = || {
            list(&body);
            Ok(Decoded { request: Request::default(), losses: Losses::default() })
        };
        let losses = told(&body, &WORDS, decode).unwrap().losses;
        assert_eq!(losses.iter().count() + losses.unlisted(), MAX + 5);
    }
}
