//! Single values of the old files, as ours take them. `None` where a value is not what its setting takes.

use config::document::Node;
use serde_json::Value;

use crate::draft::texts;

/// Largest number that is taken for one of ours.
const MOST: i64 = 1_000_000;

/// Whether nothing is said: null, an empty text, an empty list or object.
pub(crate) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a switch or a bound is what it is without being said, too.
pub(crate) fn is_off(value: &Value) -> bool {
    is_nothing(value) || flag(value) == Some(false) || number(value) == Some(0)
}

/// Text, the space around it taken away.
pub(crate) fn text(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// A switch, also one that was written as a word.
pub(crate) fn flag(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| match value.as_str()?.trim() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    })
}

/// A whole number, also one that was written as text.
pub(crate) fn number(value: &Value) -> Option<i64> {
    let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (-MOST..=MOST).contains(&number).then_some(number)
}

/// A whole number that is not below zero.
pub(crate) fn count(value: &Value) -> Option<i64> {
    number(value).filter(|number| *number >= 0)
}

pub(crate) fn count_node(value: &Value) -> Option<Node> {
    count(value).map(Node::plain)
}

pub(crate) fn text_node(value: &Value) -> Option<Node> {
    text(value).map(Node::text)
}

/// A list of texts, or texts with commas between them.
pub(crate) fn words(value: &Value) -> Option<Vec<String>> {
    let tidy = |text: &str| text.trim().to_owned();
    match value {
        Value::String(text) => Some(text.split(',').map(tidy).filter(|text| !text.is_empty()).collect()),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(tidy)).collect(),
        _ => None,
    }
}

pub(crate) fn words_node(value: &Value) -> Option<Node> {
    words(value).map(texts)
}
