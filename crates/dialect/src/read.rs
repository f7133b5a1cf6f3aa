//! Reading JSON of more than one shape: borrowed text, and values whose odd shape must not cost what stands around them.

use std::borrow::Cow;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

pub use crate::typed::text;

/// Reads JSON from bytes. They are checked to be text once, and not again for each string in them (measured: 1,200 of
/// 8,300 instructions for a small answer); bytes that are none may still be read where nobody looks at those.
///
/// # Errors
/// What serde says.
pub fn json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> serde_json::Result<T> {
    std::str::from_utf8(bytes).map_or_else(|_| serde_json::from_slice(bytes), text)
}

/// Text that is borrowed unless it holds escapes, also inside `Option` and `Vec`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Str<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl std::ops::Deref for Str<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl Str<'_> {
    /// The text, owned.
    pub fn owned(self) -> String {
        self.0.into_owned()
    }
}

/// JSON text of any shape.
pub type Raw<'a> = Option<&'a RawValue>;

/// A text value, borrowed where it can be; `None` for every other shape.
///
/// Half a surrogate pair, which JSON allows and UTF-8 does not, becomes the replacement character: servers that cut
/// their text between escapes send such halves.
pub fn as_text(raw: &RawValue) -> Option<Cow<'_, str>> {
    words(raw.get())
}

/// The same of JSON text.
pub fn words(json: &str) -> Option<Cow<'_, str>> {
    if !json.starts_with('"') {
        return None;
    }
    let exact = text::<Str<'_>>(json).map(|text| text.0);
    exact.ok().or_else(|| serde_json::from_str(&whole_pairs(json)).ok().map(Cow::Owned))
}

/// The JSON text with each half of a surrogate pair that stands alone replaced.
fn whole_pairs(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match (surrogate(rest), rest.get(6..).and_then(surrogate)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(_), _) => {
                out.push('\u{FFFD}');
                rest = &rest[6..];
                continue;
            }
            (None, _) => 2,
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// The half of a pair that an escape at the start of `text` names.
fn surrogate(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok().filter(|code| (0xD800..=0xDFFF).contains(code))
}

/// A count, whether written as an integer, a float or a text; `None` for anything else.
pub fn as_count(raw: Raw<'_>) -> Option<u64> {
    count(raw?.get())
}

/// The same of JSON text.
pub fn count(json: &str) -> Option<u64> {
    let text = json.trim_matches('"');
    // Casts of floats saturate, and a negative or absurd figure becomes the nearest count.
    text.parse().ok().or_else(|| text.parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| value as u64))
}

/// The text inside a JSON text without escapes; `None` for every other value.
pub fn plain(json: &str) -> Option<&str> {
    let text = json.strip_prefix('"')?.strip_suffix('"')?;
    (!text.contains('\\')).then_some(text)
}

/// A word in small letters, in which nearly all come.
pub fn lowercase(word: &str) -> Cow<'_, str> {
    match word.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(word.to_ascii_lowercase()),
        false => Cow::Borrowed(word),
    }
}

/// The plain text behind a quoted key that stands in JSON exactly once; `None` for everything else.
pub fn only_text<'a>(key: &Finder<'_>, json: &'a str) -> Option<&'a str> {
    let mut found = key.find_iter(json.as_bytes());
    let (at, None) = (found.next()?, found.next()) else { return None };
    let value = json.get(at + key.needle().len()..)?.trim_ascii_start().strip_prefix(':')?;
    let text = value.trim_ascii_start().strip_prefix('"')?;
    let (text, _) = text.split_once('"')?;
    (!text.contains('\\')).then_some(text)
}

/// Whether what stands behind a quoted key is the number 0, wherever it stands in JSON.
pub fn only_zeros(key: &Finder<'_>, json: &str) -> bool {
    let value = |at: usize| json.get(at + key.needle().len()..)?.trim_ascii_start().strip_prefix(':');
    let zero = |value: &str| value.trim_ascii_start().strip_prefix('0').is_some_and(|rest| !rest.starts_with(is_digit));
    key.find_iter(json.as_bytes()).all(|at| value(at).is_some_and(zero))
}

fn is_digit(c: char) -> bool {
    matches!(c, '0'..='9' | '.' | 'e' | 'E')
}

/// A list or an object whose odd shape must not cost the answer around it: then it counts as absent.
pub fn lenient<'a, T: Deserialize<'a> + Default>(raw: Raw<'a>) -> T {
    lenient_text(raw.map(RawValue::get))
}

/// The same of JSON text.
pub fn lenient_text<'a, T: Deserialize<'a> + Default>(json: Option<&'a str>) -> T {
    json.and_then(|json| text(json).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(json: &str) -> Option<String> {
        let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
        as_text(&raw).map(Cow::into_owned)
    }

    #[test]
    fn halves_of_pairs_are_replaced() {
        assert_eq!(text(r#""a\ud83db""#).as_deref(), Some("a\u{FFFD}b"));
        assert_eq!(text(r#""\ude00\ud83d\ude00\ud83d\n\\ud83d""#).as_deref(), Some("\u{FFFD}😀\u{FFFD}\n\\ud83d"));
        assert_eq!(text(r#""\ud83d\ud83d\ude00""#).as_deref(), Some("\u{FFFD}😀"));
        assert_eq!(text("[]"), None);
    }

    proptest! {
        #[test]
        fn every_json_text_has_a_reading(inner in r#"(\\u(d83d|ude0|de00|0041)|\\\\|\\n|\\"|a|é){0,8}"#) {
            let json = format!("\"{inner}\"");
            if let Ok(raw) = serde_json::from_str::<Box<RawValue>>(&json) {
                prop_assert!(as_text(&raw).is_some(), "{json}");
            }
        }
    }
}
