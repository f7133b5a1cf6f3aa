//! A small closed-world schema: what a provider's request may hold, written as tables.
//!
//! Knows JSON shapes only. What a violation is called, and which status it gets, is each provider's own business;
//! rules that span several fields (tool pairing, budgets) live beside the tables, not in here.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// The shape of one value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Anything at all: parts that the fakes do not model.
    Any,
    Text,
    Bool,
    Int,
    Number,
    /// An object whose members are not checked.
    Map,
    Enum(&'static [&'static str]),
    List(&'static Kind),
    Object(&'static [Field]),
    /// An object whose member `tag` says which fields it may have; `default` stands in where the tag is absent.
    Tagged {
        tag: &'static str,
        default: Option<&'static str>,
        variants: &'static [(&'static str, Kind)],
    },
    /// The first alternative whose JSON type fits.
    Either(&'static [Kind]),
}

#[derive(Debug, Clone, Copy)]
enum Need {
    Required,
    Optional,
    Nullable,
}

/// One member of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    name: &'static str,
    kind: Kind,
    need: Need,
}

/// A member that must be there and must not be null.
pub(crate) const fn must(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, need: Need::Required }
}

/// A member that may be absent, but not null.
pub(crate) const fn may(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, need: Need::Optional }
}

/// A member that may be absent or null.
pub(crate) const fn null(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, need: Need::Nullable }
}

/// One step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
    /// The variant that a tag chose: part of Anthropic's paths, not of OpenAI's.
    Variant(&'static str),
}

/// Where in the request something stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

impl Path {
    pub(crate) fn key(&self, name: &str) -> Self {
        self.with(Step::Key(name.to_owned()))
    }

    pub(crate) fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Whether the path names a top-level member.
    pub(crate) fn is_top(&self) -> bool {
        self.0.len() == 1
    }

    /// Anthropic's form: `messages.0.content.0.text.text`.
    pub(crate) fn dotted(&self) -> String {
        let words: Vec<String> = self.0.iter().map(Step::word).collect();
        words.join(".")
    }

    /// OpenAI's form: `messages[0].content[0].text`.
    pub(crate) fn bracketed(&self) -> String {
        let mut out = String::new();
        for step in &self.0 {
            match step {
                Step::Key(name) if out.is_empty() => out.push_str(name),
                Step::Key(name) => _ = write!(out, ".{name}"),
                Step::Index(index) => _ = write!(out, "[{index}]"),
                Step::Variant(_) => (),
            }
        }
        out
    }
}

impl Step {
    fn word(&self) -> String {
        match self {
            Self::Key(name) => name.clone(),
            Self::Index(index) => index.to_string(),
            Self::Variant(name) => (*name).to_owned(),
        }
    }
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flaw {
    Missing,
    Unknown,
    Type { expected: &'static str, given: &'static str },
    Value { given: String, allowed: Vec<&'static str> },
}

/// The first place where a value departs from its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) path: Path,
    pub(crate) flaw: Flaw,
}

/// Checks `value` against `kind`, and stops at the first violation.
pub(crate) fn check(value: &Value, kind: Kind, path: &Path) -> Result<(), Violation> {
    match kind {
        Kind::Any => Ok(()),
        Kind::Enum(allowed) => check_enum(value, allowed, path),
        Kind::List(item) => check_list(value, item, path),
        Kind::Object(fields) => check_object(object(value, path)?, fields, path),
        Kind::Tagged { tag, default, variants } => check_tagged(value, (tag, default), variants, path),
        Kind::Either(kinds) => check_either(value, kinds, path),
        Kind::Text | Kind::Bool | Kind::Int | Kind::Number | Kind::Map if fits(value, kind) => Ok(()),
        Kind::Text | Kind::Bool | Kind::Int | Kind::Number | Kind::Map => Err(mistyped(value, kind, path)),
    }
}

fn check_enum(value: &Value, allowed: &'static [&'static str], path: &Path) -> Result<(), Violation> {
    let Some(given) = value.as_str() else { return Err(mistyped(value, Kind::Text, path)) };
    if allowed.contains(&given) {
        return Ok(());
    }
    let flaw = Flaw::Value { given: given.to_owned(), allowed: allowed.to_vec() };
    Err(Violation { path: path.clone(), flaw })
}

fn check_list(value: &Value, item: &Kind, path: &Path) -> Result<(), Violation> {
    let Some(items) = value.as_array() else { return Err(mistyped(value, Kind::List(&Kind::Any), path)) };
    items.iter().enumerate().try_for_each(|(index, value)| check(value, *item, &path.index(index)))
}

fn check_object(members: &Map<String, Value>, fields: &[Field], path: &Path) -> Result<(), Violation> {
    for field in fields {
        check_field(members.get(field.name), field, &path.key(field.name))?;
    }
    match members.keys().find(|name| fields.iter().all(|field| field.name != name.as_str())) {
        Some(name) => Err(Violation { path: path.key(name), flaw: Flaw::Unknown }),
        None => Ok(()),
    }
}

fn check_field(value: Option<&Value>, field: &Field, path: &Path) -> Result<(), Violation> {
    match (value, field.need) {
        (None, Need::Required) => Err(Violation { path: path.clone(), flaw: Flaw::Missing }),
        (None, _) | (Some(Value::Null), Need::Nullable) => Ok(()),
        (Some(value), _) => check(value, field.kind, path),
    }
}

fn check_tagged(
    value: &Value,
    (tag, default): (&'static str, Option<&'static str>),
    variants: &'static [(&'static str, Kind)],
    path: &Path,
) -> Result<(), Violation> {
    let members = object(value, path)?;
    let chosen = match members.get(tag) {
        None | Some(Value::Null) => default,
        Some(Value::String(name)) => Some(name.as_str()),
        Some(other) => return Err(mistyped(other, Kind::Text, &path.key(tag))),
    };
    let Some(chosen) = chosen else { return Err(Violation { path: path.key(tag), flaw: Flaw::Missing }) };
    match variants.iter().find(|(name, _)| *name == chosen) {
        Some((name, kind)) => check(value, *kind, &path.with(Step::Variant(name))),
        None => {
            let allowed = variants.iter().map(|(name, _)| *name).collect();
            Err(Violation { path: path.key(tag), flaw: Flaw::Value { given: chosen.to_owned(), allowed } })
        }
    }
}

fn check_either(value: &Value, kinds: &[Kind], path: &Path) -> Result<(), Violation> {
    match kinds.iter().find(|kind| fits(value, **kind)) {
        Some(kind) => check(value, *kind, path),
        None => Err(mistyped(value, kinds.first().copied().unwrap_or(Kind::Any), path)),
    }
}

fn object<'a>(value: &'a Value, path: &Path) -> Result<&'a Map<String, Value>, Violation> {
    value.as_object().ok_or_else(|| mistyped(value, Kind::Map, path))
}

fn fits(value: &Value, kind: Kind) -> bool {
    match kind {
        Kind::Any => true,
        Kind::Text | Kind::Enum(_) => value.is_string(),
        Kind::Bool => value.is_boolean(),
        Kind::Int => value.is_i64() || value.is_u64(),
        Kind::Number => value.is_number(),
        Kind::List(_) => value.is_array(),
        Kind::Map | Kind::Object(_) | Kind::Tagged { .. } => value.is_object(),
        Kind::Either(kinds) => kinds.iter().any(|kind| fits(value, *kind)),
    }
}

fn mistyped(value: &Value, kind: Kind, path: &Path) -> Violation {
    let flaw = Flaw::Type { expected: kind_name(kind), given: type_name(value) };
    Violation { path: path.clone(), flaw }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Any => "value",
        Kind::Text | Kind::Enum(_) => "string",
        Kind::Bool => "boolean",
        Kind::Int => "integer",
        Kind::Number => "decimal",
        Kind::List(_) => "array",
        Kind::Map | Kind::Object(_) | Kind::Tagged { .. } => "object",
        Kind::Either(kinds) => kinds.first().map_or("value", |kind| kind_name(*kind)),
    }
}

/// The JSON type of a value, as OpenAI's messages name it.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "decimal",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
