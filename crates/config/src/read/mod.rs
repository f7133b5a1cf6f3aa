//! The tree to checked values. Every accessor gives the default where a key is missing and tells a problem where it is
//! wrong, so that one reading finds them all.

mod account;
mod channels;
mod checkup;
mod errors;
mod fallback;
mod fetch;
mod gateway;
mod hedge;
mod keys;
mod labels;
mod moment;
mod number;
mod payload;
mod place;
mod prompt;
mod provider;
mod safety;

use std::ops::RangeInclusive;
use std::time::Duration;

pub use account::account;
pub(crate) use gateway::read;

use crate::report::Problems;
use crate::schema::Kind;
use crate::source::Span;
use crate::survey::{at, join};
use crate::tree::{Node, Value};
use crate::words;

/// A mapping of the tree, or the empty place where one could stand.
pub(crate) struct Section<'a> {
    node: Option<&'a Node>,
    path: String,
}

/// A value and the name by which messages call it.
#[derive(Clone)]
pub(crate) struct Item<'a> {
    pub(crate) node: &'a Node,
    pub(crate) path: String,
}

impl<'a> Section<'a> {
    /// The mapping at `node`; anything else there is a problem and counts as empty.
    pub(crate) fn at(node: &'a Node, path: String, problems: &mut Problems) -> Self {
        let usable = matches!(node.value, Value::Mapping(_));
        if !usable && !node.is_null() {
            let name = if path.is_empty() { "the file".to_owned() } else { format!("`{path}`") };
            problems.error(node.span, format!("{name} must be a mapping (`key: value`), found {}", words::kind(node)));
        }
        Self { node: usable.then_some(node), path }
    }

    pub(crate) fn span(&self) -> Option<Span> {
        self.node.map(|node| node.span)
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// A key's value; `None` when it is missing or null.
    pub(crate) fn get(&self, key: &str) -> Option<Item<'a>> {
        let node = self.node?.get(key).filter(|node| !node.is_null())?;
        Some(Item { node, path: join(&self.path, key) })
    }

    pub(crate) fn section(&self, key: &str, problems: &mut Problems) -> Self {
        match self.get(key) {
            Some(item) => Self::at(item.node, item.path, problems),
            None => Self { node: None, path: join(&self.path, key) },
        }
    }

    /// The items of a list, nulls left out.
    pub(crate) fn list(&self, key: &str, problems: &mut Problems) -> Vec<Item<'a>> {
        let Some(item) = self.get(key) else { return Vec::new() };
        let Value::List(nodes) = &item.node.value else {
            let message = format!("`{}` must be a list, found {}", item.path, words::kind(item.node));
            problems.error(item.node.span, message).help("put each entry on a line of its own, behind `- `");
            return Vec::new();
        };
        let items = nodes.iter().enumerate().filter(|(_, node)| !node.is_null());
        items.map(|(index, node)| Item { node, path: at(&item.path, index) }).collect()
    }

    /// The mappings of a list.
    pub(crate) fn sections(&self, key: &str, problems: &mut Problems) -> Vec<Self> {
        let items = self.list(key, problems);
        items
            .into_iter()
            .map(|item| Section::at(item.node, item.path, problems))
            .filter(|it| it.node.is_some())
            .collect()
    }

    pub(crate) fn flag(&self, key: &str, default: bool, problems: &mut Problems) -> bool {
        self.maybe_flag(key, problems).unwrap_or(default)
    }

    pub(crate) fn maybe_flag(&self, key: &str, problems: &mut Problems) -> Option<bool> {
        let item = self.get(key)?;
        let flag = item.plain().and_then(number::flag);
        if flag.is_none() {
            item.wrong(Kind::Flag, "`true` or `false`", problems);
        }
        flag
    }

    pub(crate) fn whole(&self, key: &str, range: RangeInclusive<i64>, problems: &mut Problems) -> Option<i64> {
        let item = self.get(key)?;
        let value = item.plain().and_then(number::whole).filter(|value| range.contains(value));
        if value.is_none() {
            item.wrong(Kind::Number, &format!("a whole number from {} to {}", range.start(), range.end()), problems);
        }
        value
    }

    /// Whether a key holds a whole number below 0.
    pub(crate) fn is_negative(&self, key: &str) -> bool {
        self.get(key).is_some_and(|item| item.plain().and_then(number::whole).is_some_and(|value| value < 0))
    }

    /// A time such as `30s`; a bare number counts seconds.
    pub(crate) fn duration(
        &self,
        key: &str,
        range: RangeInclusive<Duration>,
        problems: &mut Problems,
    ) -> Option<Duration> {
        let item = self.get(key)?;
        let value = item.scalar().and_then(number::duration).filter(|value| range.contains(value));
        if value.is_none() {
            let (low, high) = (number::show_duration(*range.start()), number::show_duration(*range.end()));
            item.wrong(Kind::Measure, &format!("a time from {low} to {high}, such as `30s` or `5m`"), problems);
        }
        value
    }

    /// A size such as `32MiB`; a bare number counts bytes.
    pub(crate) fn size(&self, key: &str, range: RangeInclusive<usize>, problems: &mut Problems) -> Option<usize> {
        let item = self.get(key)?;
        let value = item.scalar().and_then(number::size).filter(|value| range.contains(value));
        if value.is_none() {
            let (low, high) = (number::show_size(*range.start()), number::show_size(*range.end()));
            item.wrong(Kind::Measure, &format!("a size from {low} to {high}, such as `512KiB` or `32MiB`"), problems);
        }
        value
    }

    /// Text without the space around it; `None` when nothing is left.
    pub(crate) fn text(&self, key: &str, problems: &mut Problems) -> Option<String> {
        let text = self.get(key)?.text(problems)?;
        let trimmed = text.trim();
        (!trimmed.is_empty()).then(|| trimmed.to_owned())
    }

    /// One of a few words. Where several mean the same, messages name the first.
    pub(crate) fn choice<T: Copy + PartialEq>(
        &self,
        key: &str,
        choices: &[(&str, T)],
        problems: &mut Problems,
    ) -> Option<T> {
        let item = self.get(key)?;
        let word = item.scalar().unwrap_or("").trim().to_ascii_lowercase();
        if word.is_empty() && item.scalar().is_some() {
            return None;
        }
        let found = choices.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        if found.is_none() {
            let first = |at: usize, value: &T| choices.iter().position(|(_, other)| other == value) == Some(at);
            let main = choices.iter().enumerate().filter(|(at, (_, value))| first(*at, value));
            let names: Vec<&str> = main.map(|(_, (name, _))| *name).collect();
            let message = format!(
                "`{}` must be {}, found {}",
                item.path,
                words::one_of(&names),
                words::found(item.node, Kind::Text)
            );
            let problem = problems.error(item.node.span, message);
            if let Some(near) = words::nearest(&word, names) {
                problem.help(format!("did you mean `{near}`?"));
            }
        }
        found
    }
}

impl Item<'_> {
    pub(crate) fn span(&self) -> Span {
        self.node.span
    }

    pub(crate) fn scalar(&self) -> Option<&str> {
        match &self.node.value {
            Value::Scalar { text, .. } => Some(text),
            Value::List(_) | Value::Mapping(_) => None,
        }
    }

    /// The text of an unquoted value.
    fn plain(&self) -> Option<&str> {
        match &self.node.value {
            Value::Scalar { text, plain: true } => Some(text),
            Value::Scalar { .. } | Value::List(_) | Value::Mapping(_) => None,
        }
    }

    /// Any single value as text.
    pub(crate) fn text(&self, problems: &mut Problems) -> Option<String> {
        if self.scalar().is_none() {
            let message = format!("`{}` must be text, found {}", self.path, words::kind(self.node));
            problems.error(self.node.span, message);
        }
        self.scalar().map(str::to_owned)
    }

    /// Tells what should stand here instead.
    pub(crate) fn wrong(&self, kind: Kind, wanted: &str, problems: &mut Problems) {
        let message = format!("`{}` must be {wanted}, found {}", self.path, words::found(self.node, kind));
        let problem = problems.error(self.node.span, message);
        let quoted = matches!(self.node.value, Value::Scalar { plain: false, .. });
        if quoted && self.scalar().is_some_and(|text| number::whole(text).is_some() || number::flag(text).is_some()) {
            problem.help("take away the quotation marks");
        }
    }
}
