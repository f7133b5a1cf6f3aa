//! Tool arguments between dialects that want an object and dialects that carry a string.

use std::borrow::Cow;

use bytes::BytesMut;

use crate::{quoted, scan};

/// The arguments as a JSON object: as they are when they are one, `{}` when empty, else wrapped as `{"_raw": text}`.
///
/// History cannot be repaired by the client, so damaged arguments are carried, not refused. Servers write `null` for the
/// arguments of a tool that takes none.
pub fn object_arguments(arguments: &str) -> Cow<'_, str> {
    let trimmed = arguments.trim();
    if matches!(trimmed, "" | "null") {
        return Cow::Borrowed("{}");
    }
    if scan::object(trimmed.as_bytes()).is_ok() {
        return whole_characters(trimmed);
    }
    Cow::Owned(wrap("_raw", arguments))
}

/// JSON with the replacement character for each half of a surrogate pair that stands alone: most parsers refuse a whole
/// body for one. Models write such halves where a stream of tokens is cut.
fn whole_characters(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let unit = |at: usize| {
        let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &bytes[at..]) {
        let here = at + found;
        at = here + 2;
        match unit(here) {
            Some(0xD800..=0xDBFF) if matches!(unit(here + 6), Some(0xDC00..=0xDFFF)) => at = here + 12,
            Some(0xD800..=0xDFFF) => {
                out.push_str(&json[copied..here]);
                out.push_str("\\ufffd");
                copied = here + 6;
                at = copied;
            }
            Some(_) | None => (),
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    out.push_str(&json[copied..]);
    Cow::Owned(out)
}

/// The arguments of a function that stands for a free-text tool.
pub fn wrap_custom_input(input: &str) -> String {
    wrap("input", input)
}

/// The free text inside such a function's arguments; the text as it is when the model did not keep to the form.
pub fn unwrap_custom_input(arguments: &str) -> Cow<'_, str> {
    #[derive(serde::Deserialize)]
    struct Wrapped {
        input: String,
    }
    match serde_json::from_str::<Wrapped>(arguments) {
        Ok(wrapped) => Cow::Owned(wrapped.input),
        Err(_) => Cow::Borrowed(arguments),
    }
}

/// What a model must be told of the form of a free-text tool's input, where a function stands for the tool. Chat nests a
/// grammar one level deeper than Responses does.
pub fn grammar_words(format: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Grammar {
        #[serde(rename = "type")]
        kind: Option<String>,
        syntax: Option<String>,
        definition: Option<String>,
        grammar: Option<Box<Grammar>>,
    }
    let Ok(outer) = serde_json::from_str::<Grammar>(format) else {
        return Some(format!("The input must follow this format: {format}"));
    };
    let is_text = outer.kind.as_deref() == Some("text");
    let grammar = outer.grammar.map_or((outer.syntax, outer.definition), |inner| (inner.syntax, inner.definition));
    match grammar {
        _ if is_text => None,
        (Some(syntax), Some(definition)) => Some(format!("The input must follow this {syntax} grammar:\n{definition}")),
        _ => Some(format!("The input must follow this format: {format}")),
    }
}

fn wrap(key: &str, text: &str) -> String {
    let mut out = BytesMut::with_capacity(text.len() + 16);
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
    quoted(text, &mut out);
    out.extend_from_slice(b"}");
    crate::into_text(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_pass_as_they_are() {
        assert_eq!(object_arguments(""), "{}");
        assert_eq!(object_arguments(" null"), "{}");
        assert_eq!(object_arguments("\"null\""), "{\"_raw\":\"\\\"null\\\"\"}");
        assert_eq!(object_arguments(" {\"id\": 9007199254740993} "), "{\"id\": 9007199254740993}");
        assert_eq!(object_arguments("[1]"), "{\"_raw\":\"[1]\"}");
        assert_eq!(object_arguments("{\"a\":"), "{\"_raw\":\"{\\\"a\\\":\"}");
    }

    #[test]
    fn halves_of_characters_are_replaced_and_whole_ones_stay() {
        for (given, sent) in [
            (r#"{"a":"\ud83d\ude00"}"#, r#"{"a":"\ud83d\ude00"}"#),
            (r#"{"a":"\ud83d"}"#, r#"{"a":"\ufffd"}"#),
            (r#"{"a":"x\uDE00y\uD83D\n"}"#, r#"{"a":"x\ufffdy\ufffd\n"}"#),
            (r#"{"a":"\ud83d\ud83d\ude00"}"#, r#"{"a":"\ufffd\ud83d\ude00"}"#),
            (r#"{"a":"\\ud83d"}"#, r#"{"a":"\\ud83d"}"#),
        ] {
            assert_eq!(object_arguments(given), sent);
            assert!(serde_json::from_str::<serde_json::Value>(sent).is_ok());
        }
    }

    #[test]
    fn grammars_are_told_in_words_and_free_text_needs_none() {
        let words = Some("The input must follow this regex grammar:\na+".to_owned());
        assert_eq!(grammar_words(r#"{"type":"grammar","syntax":"regex","definition":"a+"}"#), words);
        assert_eq!(grammar_words(r#"{"type":"grammar","grammar":{"syntax":"regex","definition":"a+"}}"#), words);
        assert_eq!(grammar_words(r#"{"type":"text"}"#), None);
        assert_eq!(grammar_words("5").as_deref(), Some("The input must follow this format: 5"));
    }

    #[test]
    fn free_text_survives_its_wrapping() {
        assert_eq!(unwrap_custom_input(&wrap_custom_input("a\n\"b\"")), "a\n\"b\"");
        assert_eq!(unwrap_custom_input("plain"), "plain");
    }
}
