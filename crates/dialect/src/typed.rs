//! Typed reading of JSON text: the types that derive serde's `Deserialize`, read by the scanner's cursor.
//!
//! Wire types borrow texts and keep most values as they stand, which the cursor does for three quarters of what
//! serde_json takes for it (measured: 5,200 against 7,000 instructions for a small answer). serde_json still reads what
//! is seldom (escapes, floats), and everything else that this reader will not take: what that is, it says best.

use serde::Deserialize;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::scan::{Cursor, Flaw};
use crate::unread;

/// By this name a `RawValue` asks its reader for the text of a value.
const RAW: &str = "$serde_json::private::RawValue";

/// Deepest nesting of types within types; serde_json takes 127.
const MAX_DEPTH: usize = 64;

/// Reads one value that fills the whole text.
///
/// # Errors
/// What serde_json says.
pub fn text<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    Typed::read(text).or_else(|_| again(text))
}

/// Kept apart, because a second reader of a type is as much code as the first.
#[cold]
#[inline(never)]
fn again<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    unread::kept(text);
    serde_json::from_str(text)
}

/// Something is wrong, or too seldom for this reader.
#[derive(Clone, Copy, Debug)]
struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refused {}

impl serde::de::Error for Refused {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }

    fn invalid_type(_: serde::de::Unexpected<'_>, _: &dyn serde::de::Expected) -> Self {
        Self
    }
}

impl From<Flaw> for Refused {
    fn from(_: Flaw) -> Self {
        Self
    }
}

/// The reader of one text.
struct Typed<'de> {
    text: &'de str,
    cursor: Cursor<'de>,
    depth: usize,
}

impl<'de> Typed<'de> {
    fn read<T: Deserialize<'de>>(text: &'de str) -> Result<T, Refused> {
        let mut reader = Self { text, cursor: Cursor::new(text.as_bytes()), depth: 0 };
        reader.cursor.space();
        let value = T::deserialize(&mut reader)?;
        reader.cursor.space();
        if reader.cursor.at < text.len() { Err(Refused) } else { Ok(value) }
    }

    /// The text of the next value, whatever it is.
    fn raw(&mut self) -> Result<&'de str, Refused> {
        let from = self.cursor.at;
        self.cursor.value()?;
        self.since(from)
    }

    fn since(&self, from: usize) -> Result<&'de str, Refused> {
        self.text.get(from..self.cursor.at).ok_or(Refused)
    }

    /// A string as it is visited: borrowed, unless it holds escapes.
    fn string<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Refused> {
        let from = self.cursor.at;
        self.cursor.string()?;
        visit_quoted(self.since(from)?, self.cursor.escaped, visitor)
    }

    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Refused> {
        let from = self.cursor.at;
        self.cursor.number()?;
        let digits = self.since(from)?;
        match (digits.parse::<u64>(), digits.parse::<i64>()) {
            (Ok(count), _) => visitor.visit_u64(count),
            (Err(_), Ok(below @ ..0)) => visitor.visit_i64(below),
            _ => visitor.visit_f64(serde_json::from_str(digits).map_err(|_| Refused)?),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Refused> {
        Ok(self.cursor.word(word)?)
    }

    /// Reads a list or an object with `visit`, which must read to its end.
    fn inside<T>(&mut self, visit: impl FnOnce(&mut Entries<'_, 'de>) -> Result<T, Refused>) -> Result<T, Refused> {
        if self.depth == MAX_DEPTH {
            return Err(Refused);
        }
        self.depth += 1;
        self.cursor.at += 1;
        let mut entries = Entries { reader: self, first: true, ended: false };
        let value = visit(&mut entries)?;
        if !entries.ended {
            return Err(Refused);
        }
        self.depth -= 1;
        Ok(value)
    }
}

fn visit_quoted<'de, V: Visitor<'de>>(quoted: &'de str, escaped: bool, visitor: V) -> Result<V::Value, Refused> {
    match escaped {
        true => visitor.visit_string(serde_json::from_str(quoted).map_err(|_| Refused)?),
        false => visitor.visit_borrowed_str(quoted.get(1..quoted.len() - 1).ok_or(Refused)?),
    }
}

impl<'de> Deserializer<'de> for &mut Typed<'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.cursor.peek() {
            Some(b'"') => self.string(visitor),
            Some(b'{') => self.inside(|entries| visitor.visit_map(entries)),
            Some(b'[') => self.inside(|entries| visitor.visit_seq(entries)),
            Some(b'n') => self.word(b"null").and_then(|()| visitor.visit_unit()),
            Some(b't') => self.word(b"true").and_then(|()| visitor.visit_bool(true)),
            Some(b'f') => self.word(b"false").and_then(|()| visitor.visit_bool(false)),
            _ => self.number(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.cursor.peek() {
            Some(b'n') => self.word(b"null").and_then(|()| visitor.visit_none()),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Refused> {
        match name {
            RAW => visitor.visit_map(Told { json: Some(self.raw()?) }),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let from = self.cursor.at;
        self.cursor.value()?;
        if unread::is_watched() {
            unread::skipped(self.text.get(..from).unwrap_or_default(), self.since(from)?);
        }
        visitor.visit_unit()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Refused> {
        Err(Refused)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

/// What stands in a list or an object.
struct Entries<'r, 'de> {
    reader: &'r mut Typed<'de>,
    first: bool,
    ended: bool,
}

impl Entries<'_, '_> {
    /// Steps to the next entry, or over the end.
    fn next(&mut self, end: u8) -> Result<bool, Refused> {
        let cursor = &mut self.reader.cursor;
        cursor.space();
        if !self.ended && cursor.peek() == Some(end) {
            cursor.at += 1;
            self.ended = true;
        }
        if self.ended {
            return Ok(false);
        }
        if !std::mem::take(&mut self.first) {
            cursor.expect(b',')?;
            cursor.space();
        }
        Ok(true)
    }
}

impl<'de> SeqAccess<'de> for &mut Entries<'_, 'de> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        if !self.next(b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    /// Most lists of an answer hold one entry: room for four, which is what a list begins with otherwise, takes the
    /// allocator's slow way where entries are large.
    fn size_hint(&self) -> Option<usize> {
        Some(usize::from(self.reader.cursor.peek() != Some(b']')))
    }
}

impl<'de> MapAccess<'de> for &mut Entries<'_, 'de> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        if !self.next(b'}')? {
            return Ok(None);
        }
        let reader = &mut *self.reader;
        let key = reader.cursor.key()?;
        let quoted = reader.text.get(key.start - 1..key.end + 1).ok_or(Refused)?;
        seed.deserialize(Key { quoted, escaped: reader.cursor.escaped }).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refused> {
        seed.deserialize(&mut *self.reader)
    }
}

/// A key, which is a text whatever is asked for.
struct Key<'de> {
    quoted: &'de str,
    escaped: bool,
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visit_quoted(self.quoted, self.escaped, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The text of a value, in the form in which a `RawValue` expects it.
struct Told<'de> {
    json: Option<&'de str>,
}

impl<'de> MapAccess<'de> for Told<'de> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        self.json.map(|_| seed.deserialize(BorrowedStrDeserializer::new(RAW))).transpose()
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refused> {
        seed.deserialize(BorrowedStrDeserializer::new(self.json.take().ok_or(Refused)?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use proptest::prelude::*;
    use serde::de::IgnoredAny;
    use serde_json::Value;
    use serde_json::value::RawValue;

    use super::*;
    use crate::read::{Raw, Str};

    /// Every kind of field that wire types have.
    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Wire<'a> {
        #[serde(rename = "type", borrow)]
        kind: Option<Str<'a>>,
        #[serde(borrow)]
        raw: Raw<'a>,
        #[serde(borrow)]
        list: Option<Vec<Wire<'a>>>,
        #[serde(borrow)]
        inner: Option<Inner<'a>>,
        map: BTreeMap<String, Value>,
        index: Option<i64>,
        count: Option<u32>,
        ratio: Option<f64>,
        on: Option<bool>,
        text: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "shown by Debug, which counts as nothing")]
    struct Inner<'a> {
        #[serde(borrow)]
        raw: &'a RawValue,
        on: bool,
    }

    fn told<T: Debug, E>(read: Result<T, E>) -> Option<String> {
        read.ok().map(|value| format!("{value:?}"))
    }

    /// What this reader takes is what serde_json reads.
    fn agrees<'a, T: Deserialize<'a> + Debug>(json: &'a str) -> Result<(), TestCaseError> {
        if let Some(read) = told(Typed::read::<T>(json)) {
            prop_assert_eq!(Some(read), told(serde_json::from_str::<T>(json)), "{}", json);
        }
        Ok(())
    }

    #[test]
    fn wire_types_are_taken() {
        for json in [
            r#" { "type" : "a" , "raw" : [ 1, {"b":2} ] , "list":[{},{"index":-3}],"unknown":{"x":[null]} } "#,
            r#"{"inner":{"on":true,"raw":"x"},"count":7,"ratio":0.5,"on":false,"text":"\u00e9","map":{"a":1}}"#,
            r#"{"type":null,"raw":null,"list":null,"inner":null,"index":null,"t\u0079pe2":"x","map":{}}"#,
            r#"["a",1,[]]"#,
        ] {
            let read = told(Typed::read::<Wire<'_>>(json));
            let theirs = told(serde_json::from_str::<Wire<'_>>(json));
            assert!(read == theirs && (read.is_some() || json.starts_with('[')), "{json}: {read:?} {theirs:?}");
        }
        assert_eq!(Typed::read::<&RawValue>(" [1 ] ").unwrap().get(), "[1 ]");
        assert_eq!(Typed::read::<Vec<u64>>("[0,18446744073709551615]").unwrap(), [0, u64::MAX]);
    }

    #[test]
    fn what_cannot_be_read_is_told_in_serde_jsons_words() {
        let error = text::<Vec<u8>>("[1,\n2,]").unwrap_err();
        assert_eq!(error.to_string(), "trailing comma at line 2 column 3");
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        assert!(text::<Value>(&deep).is_err() && text::<&RawValue>(&deep).is_ok() && text::<IgnoredAny>(&deep).is_ok());
    }

    fn leaf() -> impl Strategy<Value = String> {
        prop::sample::select(vec![
            "null",
            "true",
            "false",
            "0",
            "-0",
            "7",
            "-3",
            "01",
            "1.5",
            "1e3",
            "-",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "-9223372036854775809",
            "1E400",
            "\"\"",
            "\"a b\"",
            "\"\\n\\u00e9\"",
            "\"\\ud83d\"",
            "\"\\ud83d\\ude00\"",
            "\"é\"",
            "\"\\x\"",
            "\"\t\"",
            " 4 ",
            "nul",
            "tru",
        ])
        .prop_map(str::to_owned)
    }

    fn json() -> impl Strategy<Value = String> {
        let key = prop::sample::select(vec![
            "type",
            "raw",
            "list",
            "inner",
            "map",
            "index",
            "count",
            "ratio",
            "on",
            "text",
            "other",
            "t\\u0079pe",
        ]);
        leaf().prop_recursive(4, 40, 5, move |inner| {
            let field = (key.clone(), inner.clone()).prop_map(|(key, value)| format!("\"{key}\": {value}"));
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(|all| format!("[{}]", all.join(", "))),
                prop::collection::vec(field, 0..5).prop_map(|all| format!("{{{}}}", all.join(","))),
            ]
        })
    }

    /// JSON of which a piece may be replaced.
    fn damaged() -> impl Strategy<Value = String> {
        (json(), any::<prop::sample::Index>(), 0..3_usize, "[]\\[{},:\" \\\\a0é]{0,2}").prop_map(
            |(json, at, length, piece)| {
                let letters: Vec<char> = json.chars().collect();
                let from = at.index(letters.len());
                let to = (from + length).min(letters.len());
                letters[..from].iter().copied().chain(piece.chars()).chain(letters[to..].iter().copied()).collect()
            },
        )
    }

    proptest! {
        #[test]
        fn serde_json_reads_the_same(json in prop_oneof![json(), damaged()]) {
            agrees::<Wire<'_>>(&json)?;
            agrees::<Value>(&json)?;
            agrees::<&RawValue>(&json)?;
            agrees::<Box<RawValue>>(&json)?;
            agrees::<IgnoredAny>(&json)?;
            agrees::<Vec<&RawValue>>(&json)?;
            agrees::<BTreeMap<String, Option<Str<'_>>>>(&json)?;
            agrees::<(u8, f64)>(&json)?;
            agrees::<Str<'_>>(&json)?;
            agrees::<String>(&json)?;
            agrees::<i64>(&json)?;
            agrees::<f32>(&json)?;
        }
    }
}
