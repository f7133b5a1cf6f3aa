//! Tool arguments between dialects that want an object and dialects that carry a string.

use std::borrow::Cow;

use bytes::BytesMut;

use crate::{quoted, scan};

/// The arguments as a JSON object: as they are when they are one, `{}` when empty, else wrapped as `{"_raw": text}`.
///
/// History cannot be repaired by the client, so damaged arguments are carried, not refused.
pub fn object_arguments(arguments: &str) -> Cow<'_, str> {
    let trimmed = arguments.trim();
    if trimmed.is_empty() {
        return Cow::Borrowed("{}");
    }
    if scan::object(trimmed.as_bytes()).is_ok() {
        return Cow::Borrowed(trimmed);
    }
    Cow::Owned(wrap("_raw", arguments))
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
        assert_eq!(object_arguments(" {\"id\": 9007199254740993} "), "{\"id\": 9007199254740993}");
        assert_eq!(object_arguments("[1]"), "{\"_raw\":\"[1]\"}");
        assert_eq!(object_arguments("{\"a\":"), "{\"_raw\":\"{\\\"a\\\":\"}");
    }

    #[test]
    fn free_text_survives_its_wrapping() {
        assert_eq!(unwrap_custom_input(&wrap_custom_input("a\n\"b\"")), "a\n\"b\"");
        assert_eq!(unwrap_custom_input("plain"), "plain");
    }
}
