//! Edits JSON by byte range: only what an edit names changes, every other byte stays as its author wrote it.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::body::Body;
use crate::read::plain;
use crate::scan::{self, Object};

/// One change of a JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Where: the keys from the root down.
    pub path: Vec<Cow<'static, str>>,
    /// What happens there.
    pub change: Change,
}

/// What happens at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The value becomes this JSON text; missing objects on the way are made.
    Set(String),
    /// The same, only when nothing is there.
    Default(String),
    /// The field goes.
    Remove,
}

impl Edit {
    /// Sets a top-level field to a JSON text.
    pub fn set(field: &'static str, json: impl Into<String>) -> Self {
        Self { path: vec![Cow::Borrowed(field)], change: Change::Set(json.into()) }
    }

    /// Sets the top-level field `model`, unless it says that already.
    pub fn model(body: &Body, name: &str) -> Option<Self> {
        let same = body.raw("model").and_then(plain) == Some(name);
        (!same).then(|| Self::set("model", crate::json_text(name)))
    }

    /// Sets a field below a top-level object.
    pub fn set_in(parent: &'static str, field: &'static str, json: impl Into<String>) -> Self {
        Self { path: vec![Cow::Borrowed(parent), Cow::Borrowed(field)], change: Change::Set(json.into()) }
    }

    /// Removes a top-level field.
    pub fn remove(field: &'static str) -> Self {
        Self { path: vec![Cow::Borrowed(field)], change: Change::Remove }
    }
}

/// Below this size one copy is cheaper than a body in pieces, in bytes.
const PIECES_FROM: usize = 32 * 1024;

/// A body in one or several pieces, which share their memory with what they were cut from.
#[derive(Clone, Debug, Default)]
pub struct Pieces(Vec<Bytes>);

impl Pieces {
    /// How many bytes they are together.
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Whether there is not one byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them in one piece; copies when they are several.
    pub fn joined(self) -> Bytes {
        match <[Bytes; 1]>::try_from(self.0) {
            Ok([one]) => one,
            Err(several) => several.concat().into(),
        }
    }
}

impl From<Bytes> for Pieces {
    fn from(bytes: Bytes) -> Self {
        Self(vec![bytes])
    }
}

impl FromIterator<Bytes> for Pieces {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        Self(pieces.into_iter().collect())
    }
}

impl IntoIterator for Pieces {
    type Item = Bytes;
    type IntoIter = std::vec::IntoIter<Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Applies edits to an indexed object. Edits that change nothing give back the same buffer, uncopied.
pub fn apply(text: &Bytes, index: &Object, edits: &[Edit]) -> Bytes {
    apply_in_pieces(text, index, edits).joined()
}

/// As [`apply`], without a copy of what the edits leave alone where that is much.
pub fn apply_in_pieces(text: &Bytes, index: &Object, edits: &[Edit]) -> Pieces {
    let patches = patches(text, index, edits);
    if patches.is_empty() {
        return text.clone().into();
    }
    if text.len() < PIECES_FROM {
        return copied(text, &patches).into();
    }
    let mut pieces = Vec::with_capacity(2 * patches.len() + 1);
    let mut from = 0;
    for Patch { range, json } in patches {
        pieces.push(text.slice(from..range.start));
        pieces.push(json.into());
        from = range.end;
    }
    pieces.push(text.slice(from..));
    pieces.retain(|piece| !piece.is_empty());
    Pieces(pieces)
}

/// What the edits change, in the order of the text.
fn patches(text: &[u8], index: &Object, edits: &[Edit]) -> Vec<Patch> {
    match edits {
        [] => return Vec::new(),
        // What most relays do, and no plan is needed for it.
        [Edit { path, change: Change::Set(json) }] if path.len() == 1 => {
            if let Some(at) = index.position(text, &path[0]) {
                let range = index.fields[at].value.clone();
                let differs = text[range.clone()] != *json.as_bytes();
                return differs.then(|| Patch { range, json: json.clone() }).into_iter().collect();
            }
        }
        _ => (),
    }
    let steps: Vec<Step<'_>> = edits.iter().map(|edit| Step { path: &edit.path, change: &edit.change }).collect();
    let mut patches = Vec::new();
    edit_object(text, 0, index, &steps, &mut patches);
    patches.sort_by_key(|patch| (patch.range.start, patch.range.end));
    patches
}

fn copied(text: &[u8], patches: &[Patch]) -> Bytes {
    let grown: usize = patches.iter().map(|patch| patch.json.len()).sum();
    let mut out = BytesMut::with_capacity(text.len() + grown);
    let mut from = 0;
    for patch in patches {
        out.extend_from_slice(&text[from..patch.range.start]);
        out.extend_from_slice(patch.json.as_bytes());
        from = patch.range.end;
    }
    out.extend_from_slice(&text[from..]);
    out.freeze()
}

#[derive(Clone, Copy)]
struct Step<'a> {
    path: &'a [Cow<'static, str>],
    change: &'a Change,
}

struct Patch {
    range: Range<usize>,
    json: String,
}

/// What becomes of one field of an object.
enum Outcome {
    Keep,
    Replace(String),
    Remove,
}

/// Collects the patches for one object. `base` is where `index`'s ranges count from.
fn edit_object(text: &[u8], base: usize, index: &Object, steps: &[Step<'_>], out: &mut Vec<Patch>) {
    let local = &text[base..];
    let mut gone = vec![false; index.fields.len()];
    let mut added: Vec<(&str, String)> = Vec::new();
    for key in first_keys(steps) {
        let here: Vec<Step<'_>> = steps.iter().filter(|step| step.path.first() == Some(key)).copied().collect();
        match index.position(local, key) {
            Some(at) => {
                let value = index.fields[at].value.clone();
                let range = base + value.start..base + value.end;
                match edit_field(text, range.clone(), &here, out) {
                    Outcome::Keep => (),
                    Outcome::Replace(json) => out.push(Patch { range, json }),
                    Outcome::Remove => gone[at] = true,
                }
            }
            None => added.extend(build(&here).map(|json| (key.as_ref(), json))),
        }
    }
    let left = gone.iter().filter(|gone| !**gone).count();
    remove_fields(base, index, &gone, out);
    add_fields(base + index.inside, left, &added, out);
}

/// The distinct first keys, in order of appearance.
fn first_keys<'a>(steps: &[Step<'a>]) -> Vec<&'a Cow<'static, str>> {
    let mut keys: Vec<&Cow<'static, str>> = Vec::with_capacity(steps.len());
    for key in steps.iter().filter_map(|step| step.path.first()) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// Edits the value of an existing field; edits below it go into `out`, edits of the whole are the outcome.
fn edit_field(text: &[u8], range: Range<usize>, steps: &[Step<'_>], out: &mut Vec<Patch>) -> Outcome {
    let value = &text[range.clone()];
    if let Some(step) = steps.iter().rev().find(|step| step.path.len() == 1) {
        return match step.change {
            Change::Set(json) if json.as_bytes() != value => Outcome::Replace(json.clone()),
            Change::Default(json) if value == b"null" => Outcome::Replace(json.clone()),
            Change::Set(_) | Change::Default(_) => Outcome::Keep,
            Change::Remove => Outcome::Remove,
        };
    }
    let below = descend(steps);
    match scan::object(value) {
        Ok(index) => {
            edit_object(text, range.start, &index, &below, out);
            Outcome::Keep
        }
        // Not an object: something that must be set below it needs one in its place.
        Err(_) => build(steps).map_or(Outcome::Keep, Outcome::Replace),
    }
}

fn descend<'a>(steps: &[Step<'a>]) -> Vec<Step<'a>> {
    steps.iter().filter(|step| step.path.len() > 1).map(|step| Step { path: &step.path[1..], ..*step }).collect()
}

/// The JSON text of a field that is not there yet; `None` when nothing is to be set.
fn build(steps: &[Step<'_>]) -> Option<String> {
    let whole = steps.iter().rev().find(|step| step.path.len() == 1);
    if let Some(step) = whole {
        return match step.change {
            Change::Set(json) | Change::Default(json) => Some(json.clone()),
            Change::Remove => None,
        };
    }
    let below = descend(steps);
    let fields: Vec<String> = first_keys(&below)
        .into_iter()
        .filter_map(|key| {
            let here: Vec<Step<'_>> = below.iter().filter(|step| step.path.first() == Some(key)).copied().collect();
            build(&here).map(|json| format!("{}:{json}", crate::json_text(key)))
        })
        .collect();
    (!fields.is_empty()).then(|| format!("{{{}}}", fields.join(",")))
}

/// Removes runs of fields, each with the comma that would be left over.
fn remove_fields(base: usize, index: &Object, gone: &[bool], out: &mut Vec<Patch>) {
    let fields = &index.fields;
    let mut at = 0;
    while at < fields.len() {
        if !gone[at] {
            at += 1;
            continue;
        }
        let first = at;
        while at < fields.len() && gone[at] {
            at += 1;
        }
        let range = match (fields.get(at), first.checked_sub(1)) {
            (Some(next), _) => fields[first].key.start - 1..next.key.start - 1,
            (None, Some(before)) => fields[before].value.end..fields[at - 1].value.end,
            (None, None) => fields[first].key.start - 1..fields[at - 1].value.end,
        };
        out.push(Patch { range: base + range.start..base + range.end, json: String::new() });
    }
}

/// Adds fields right after the opening brace.
fn add_fields(inside: usize, left: usize, added: &[(&str, String)], out: &mut Vec<Patch>) {
    if added.is_empty() {
        return;
    }
    let mut json: Vec<String> = added.iter().map(|(key, value)| format!("{}:{value}", crate::json_text(key))).collect();
    if left > 0 {
        json.push(String::new());
    }
    out.push(Patch { range: inside..inside, json: json.join(",") });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &'static str, edits: &[Edit], expect: &str) {
        let bytes = Bytes::from_static(text.as_bytes());
        let index = scan::object(&bytes).unwrap();
        assert_eq!(apply(&bytes, &index, edits), expect);
    }

    #[test]
    fn only_the_named_range_changes() {
        check(
            r#"{ "a":1.10, "model" : "x","n":{"model":"y"}, "big":1e400 }"#,
            &[Edit::set("model", "\"z\"")],
            r#"{ "a":1.10, "model" : "z","n":{"model":"y"}, "big":1e400 }"#,
        );
    }

    #[test]
    fn a_change_to_the_same_is_no_copy() {
        let bytes = Bytes::from_static(br#"{"model":"x"}"#);
        let index = scan::object(&bytes).unwrap();
        let same = apply(&bytes, &index, &[Edit::set("model", "\"x\""), Edit::remove("nothing")]);
        assert_eq!(same.as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn the_model_is_set_only_where_it_is_another() {
        let renamed = |text: &'static str, name| {
            let body = Body::parse(Bytes::from_static(text.as_bytes())).unwrap();
            let edits: Vec<_> = Edit::model(&body, name).into_iter().collect();
            (edits.len(), apply(body.bytes(), body.index(), &edits))
        };
        assert_eq!(renamed(r#"{"a":1,"model":"x"}"#, "x"), (0, Bytes::from(r#"{"a":1,"model":"x"}"#)));
        assert_eq!(renamed(r#"{"a":1,"model":"x"}"#, "y\""), (1, Bytes::from(r#"{"a":1,"model":"y\""}"#)));
        assert_eq!(renamed(r#"{"a":1,"model":"\\u0078"}"#, "\\u0078").0, 1);
        assert_eq!(renamed(r#"{"a":1,"model":7}"#, "7").1, r#"{"a":1,"model":"7"}"#);
        assert_eq!(renamed(r#"{"a":1}"#, "y").1, r#"{"model":"y","a":1}"#);
    }

    #[test]
    fn a_large_body_is_not_copied() {
        let text = Bytes::from(format!(r#"{{"a":1,"b":"{}","model":"x","c":2}}"#, "y".repeat(PIECES_FROM)));
        let index = scan::object(&text).unwrap();
        let edits = [Edit::set("model", "\"longer\""), Edit::remove("c"), Edit::set("d", "3")];
        let pieces = apply_in_pieces(&text, &index, &edits);
        let inside = |piece: &&Bytes| text.as_ptr_range().contains(&piece.as_ptr());
        let shared: usize = pieces.0.iter().filter(inside).map(Bytes::len).sum();
        assert!(shared > PIECES_FROM, "{shared}");
        let expect = copied(&text, &patches(&text, &index, &edits));
        assert_eq!(pieces.len(), expect.len());
        assert_eq!(pieces.joined(), expect);
        assert!(expect.ends_with(br#""model":"longer"}"#) && expect.starts_with(br#"{"d":3,"a":1"#));
    }

    #[test]
    fn fields_are_added_without_stray_commas() {
        check("{}", &[Edit::set("a", "1")], r#"{"a":1}"#);
        check("{ }", &[Edit::set("a", "1"), Edit::set("b", "2")], r#"{"a":1,"b":2 }"#);
        check(r#"{"x":0}"#, &[Edit::set_in("o", "p", "true")], r#"{"o":{"p":true},"x":0}"#);
        check(r#"{"o":{"q":1}}"#, &[Edit::set_in("o", "p", "true")], r#"{"o":{"p":true,"q":1}}"#);
        check(r#"{"o":null}"#, &[Edit::set_in("o", "p", "true")], r#"{"o":{"p":true}}"#);
    }

    #[test]
    fn fields_are_removed_with_their_comma() {
        check(r#"{"a":1,"b":2,"c":3}"#, &[Edit::remove("a")], r#"{"b":2,"c":3}"#);
        check(r#"{"a":1,"b":2,"c":3}"#, &[Edit::remove("b"), Edit::remove("c")], r#"{"a":1}"#);
        check(r#"{"a":1,"b":2}"#, &[Edit::remove("a"), Edit::remove("b")], r#"{}"#);
        check(r#"{"a":1,"b":2}"#, &[Edit::remove("a"), Edit::remove("b"), Edit::set("c", "3")], r#"{"c":3}"#);
    }

    proptest! {
        #[test]
        fn the_result_reads_as_the_edits_say(
            keys in prop::collection::btree_set("[a-e]", 0..5),
            removed in prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "d", "e"]), 0..3),
            set in prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "d", "e"]), 0..3),
        ) {
            let text = format!("{{ {} }}", keys.iter().map(|k| format!("\"{k}\" : [1, 2]")).collect::<Vec<_>>().join(" , "));
            let mut edits: Vec<Edit> = removed.iter().map(|key| Edit::remove(key)).collect();
            edits.extend(set.iter().map(|key| Edit::set(key, "7")));
            let bytes = Bytes::from(text);
            let index = scan::object(&bytes).unwrap();
            let out = apply(&bytes, &index, &edits);
            let found = scan::object(&out).unwrap();
            for key in ["a", "b", "c", "d", "e"] {
                let expect = match (set.contains(&key), removed.contains(&key), keys.contains(key)) {
                    (true, ..) => Some("7"),
                    (_, true, _) | (_, _, false) => None,
                    _ => Some("[1, 2]"),
                };
                prop_assert_eq!(found.find(&out, key), expect, "{:?}", out);
            }
        }
    }
}
