//! One walk over the tree with the schema in hand: unknown, unused and refused keys are told, and everything that must
//! not be shown is marked. It checks no value.

use std::ops::Range;

use crate::report::{Problems, Severity};
use crate::schema::{self, Field, Kind, ROOT, Standing};
use crate::source::{Source, Span};
use crate::tree::{Entry, Node, Value};
use crate::words;

/// Tells what keys are unknown or without effect, and gives the byte ranges of the file that must not be shown.
pub(crate) fn survey(root: &Node, problems: &mut Problems) -> Vec<Range<usize>> {
    let mut survey = Survey { problems, covers: Vec::new(), path: String::new() };
    survey.node(root, Kind::Section(ROOT));
    survey.covers
}

struct Survey<'a> {
    problems: &'a mut Problems,
    covers: Vec<Range<usize>>,
    /// Where the walk is: one text for all of it, for a file of many accounts has tens of thousands of places.
    path: String,
}

impl Survey<'_> {
    fn node(&mut self, node: &Node, kind: Kind) {
        let here = self.path.len();
        match (kind, &node.value) {
            (Kind::Section(fields), Value::Mapping(entries)) => {
                for entry in entries {
                    self.entry(entry, fields);
                    self.path.truncate(here);
                }
            }
            (Kind::List(kind), Value::List(items)) => {
                for (index, item) in items.iter().enumerate() {
                    push_index(&mut self.path, index);
                    self.node(item, *kind);
                    self.path.truncate(here);
                }
            }
            (Kind::Map(kind), Value::Mapping(entries)) => {
                for entry in entries {
                    self.cover_odd_key(entry);
                    push_key(&mut self.path, &entry.key);
                    self.node(&entry.value, *kind);
                    self.path.truncate(here);
                }
            }
            (Kind::Headers, Value::Mapping(entries)) => {
                for entry in entries {
                    self.cover_odd_key(entry);
                    self.cover_all(&entry.value);
                }
            }
            (kind, Value::Scalar { text, .. }) if kind.shows(text) => {}
            // Whatever else stands here is not what belongs here, so it may be anything.
            _ => self.cover_all(node),
        }
    }

    /// Leaves its own name at the end of the path.
    fn entry(&mut self, entry: &Entry, fields: &'static [Field]) {
        let Some(field) = schema::field(fields, &entry.key) else {
            self.cover_odd_key(entry);
            self.cover_unknown(&entry.value);
            return self.unknown(entry, fields);
        };
        push_key(&mut self.path, field.name);
        let path = &self.path;
        match field.standing {
            Standing::Used | Standing::Legacy(_) => {}
            Standing::NotYet | Standing::Checked => {
                self.problems.note(entry.key_span, format!("`{path}` is accepted, not used yet"));
            }
            Standing::Refused(why) => {
                self.problems.note(entry.key_span, format!("`{path}` is not supported, by design: {why}"));
            }
        }
        self.node(&entry.value, field.kind);
    }

    fn unknown(&mut self, entry: &Entry, fields: &'static [Field]) {
        // Compose-style places for anchors.
        if entry.key.starts_with("x-") || self.problems.is_full(Severity::Warning) {
            return;
        }
        let inside = if self.path.is_empty() { String::new() } else { format!(" in `{}`", self.path) };
        let named = if is_shown(entry) { format!(" `{}`", entry.key) } else { String::new() };
        let message = format!("unknown key{named}{inside}");
        let problem = self.problems.warn(entry.key_span, message);
        if let Some(name) = words::nearest(&entry.key, fields.iter().map(|field| field.name)) {
            problem.help(format!("did you mean `{name}`?"));
        } else if let Some(place) = elsewhere(&entry.key) {
            problem.help(format!("`{}` belongs in `{place}`", entry.key));
        }
    }

    fn cover(&mut self, span: Span) {
        if span.source == Source::File {
            self.covers.push(span.start..span.end);
        }
    }

    fn cover_odd_key(&mut self, entry: &Entry) {
        if !is_shown(entry) {
            self.cover(entry.key_span);
        }
    }

    /// Covers a node and each of its parts: an alias puts parts elsewhere in the file.
    fn cover_all(&mut self, node: &Node) {
        self.cover(node.span);
        node.items().iter().for_each(|item| self.cover_all(item));
        node.entries().iter().for_each(|entry| {
            self.cover(entry.key_span);
            self.cover_all(&entry.value);
        });
    }

    /// A misspelt key may hold a secret; switches and small numbers cannot.
    fn cover_unknown(&mut self, node: &Node) {
        let harmless = match &node.value {
            Value::Scalar { text, .. } => {
                matches!(text.as_str(), "true" | "false") || (text.len() <= 6 && digits(text))
            }
            Value::List(_) | Value::Mapping(_) => false,
        };
        if !harmless {
            self.cover_all(node);
        }
    }
}

/// Whether an unknown key may be shown. One without a value may be a value that lost its key.
fn is_shown(entry: &Entry) -> bool {
    words::is_key(&entry.key) && !entry.value.is_null()
}

fn digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn join(path: &str, key: &str) -> String {
    let mut joined = String::with_capacity(path.len() + 1 + key.len());
    joined.push_str(path);
    push_key(&mut joined, key);
    joined
}

/// The path of a list's item.
pub(crate) fn at(path: &str, index: usize) -> String {
    let mut item = path.to_owned();
    push_index(&mut item, index);
    item
}

fn push_key(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

fn push_index(path: &mut String, index: usize) {
    path.push('[');
    path.push_str(&index.to_string());
    path.push(']');
}

/// The section of the top level that has this key.
fn elsewhere(key: &str) -> Option<&'static str> {
    ROOT.iter().find(|field| schema::field(field.kind.fields(), key).is_some()).map(|field| field.name)
}
