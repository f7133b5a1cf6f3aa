//! Small pieces of messages: quoted keys, lists of choices, did-you-mean.

use crate::schema::Kind;
use crate::tree::{Node, Value};

/// Longest shown key or value, in characters.
const MAX: usize = 40;
/// Most digits of a shown key that nobody knows.
const MAX_DIGITS: usize = 4;

/// A key in backticks. What does not look like a key is not repeated: it may be a secret that slipped a column.
pub(crate) fn key(key: &str) -> String {
    if is_key(key) { format!("`{key}`") } else { "this key".to_owned() }
}

/// Whether a key looks like one: short, made of what keys are made of, and not of many digits.
pub(crate) fn is_key(key: &str) -> bool {
    let ordinary = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    !key.is_empty() && key.len() <= MAX && digits <= MAX_DIGITS && key.chars().all(ordinary)
}

/// What stands in place of the right value; the value itself only where its kind may be shown.
pub(crate) fn found(node: &Node, expected: Kind) -> String {
    match &node.value {
        Value::List(_) => "a list".to_owned(),
        Value::Mapping(_) => "a mapping".to_owned(),
        Value::Scalar { .. } if node.is_null() => "nothing".to_owned(),
        Value::Scalar { text, .. } if !expected.shows(text) => "something else".to_owned(),
        Value::Scalar { text, plain: true } if is_number(text) => shortened(text),
        Value::Scalar { text, .. } => format!("\"{}\"", shortened(text)),
    }
}

/// The same without the value itself. For secrets and for places where one may have slipped in.
pub(crate) fn kind(node: &Node) -> &'static str {
    match &node.value {
        Value::List(_) => "a list",
        Value::Mapping(_) => "a mapping",
        Value::Scalar { .. } if node.is_null() => "nothing",
        Value::Scalar { .. } => "a single value",
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

/// The first word: where a line lost its end, the rest may be the next line with its secret.
fn shortened(text: &str) -> String {
    let word = text.split_whitespace().next().unwrap_or("");
    let head: String = word.chars().take(MAX).collect();
    if head.len() == text.trim().len() { head } else { format!("{head}...") }
}

/// "`a`, `b` or `c`".
pub(crate) fn one_of(choices: &[&str]) -> String {
    let quoted: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// The nearest of the choices, when it is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, choices: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 2 * MAX {
        return None;
    }
    let word = word.to_ascii_lowercase().replace(['_', ' '], "-");
    let allowed = (word.chars().count() / 3).clamp(1, 4);
    choices
        .into_iter()
        .map(|choice| (strsim::damerau_levenshtein(&word, choice), choice))
        .filter(|(distance, choice)| *distance <= allowed && *distance < choice.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, choice)| choice)
}
