//! One entry of a list, read with patience: each field alone, and what has an unexpected type is as good as missing.

use serde_json::{Map, Value};

/// An entry as it came.
pub(super) struct Entry(pub(super) Map<String, Value>);

impl Entry {
    /// What stands at a path of keys, `a.b`.
    pub(super) fn at(&self, path: &str) -> Option<&Value> {
        let mut keys = path.split('.');
        let first = self.0.get(keys.next()?)?;
        keys.try_fold(first, |value, key| value.get(key))
    }

    /// The text at a path; empty text is none.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        self.at(path)?.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// The first of several places that holds a number above zero.
    pub(super) fn number(&self, paths: &[&str]) -> Option<u64> {
        paths.iter().find_map(|path| whole(self.at(path)?))
    }

    /// The first of several places that holds a flag, bare or as `supported` in an object.
    pub(super) fn flag(&self, paths: &[&str]) -> Option<bool> {
        paths.iter().find_map(|path| {
            let value = self.at(path)?;
            value.as_bool().or_else(|| value.get("supported")?.as_bool())
        })
    }

    /// The texts of a list; `None` where there is no list.
    pub(super) fn texts(&self, path: &str) -> Option<Vec<String>> {
        let list = self.at(path)?.as_array()?;
        Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// The same in lower case, for words that mean something here.
    pub(super) fn words(&self, path: &str) -> Option<Vec<String>> {
        let texts = self.texts(path)?;
        Some(texts.into_iter().map(|text| text.to_ascii_lowercase()).collect())
    }
}

/// A count; some servers write `131072.0` or `"131072"`.
pub(super) fn whole(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_u64().or_else(|| number.to_string().strip_suffix(".0")?.parse().ok()),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    number.filter(|number| *number > 0)
}
