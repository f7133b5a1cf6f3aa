//! How the form of an answer is asked for: the schema in OpenAI's fields, and words where these alone do not do.

use std::borrow::Cow;

use hub::{Format, Part, Request, Schema, Text};

use crate::openai::schema;
use crate::{Object, Peel};

/// Asks for JSON. OpenAI refuses its JSON mode unless the conversation has the word.
const JSON_ONLY: &str = "Answer with a single JSON value and nothing else.";

/// What is added to the conversation for the form of the answer: the schema, for models that cannot be held to one
/// (`structured` false), and the word JSON, where JSON is wanted and neither `system` nor any turn names it.
pub fn note(request: &Request, system: &[Text], structured: Option<bool>) -> Option<Cow<'static, str>> {
    match &request.format {
        Format::Schema(schema) if structured == Some(false) => Some(Cow::Owned(format!(
            "Answer with one JSON value that follows this JSON Schema, and with nothing else:\n{}",
            schema.schema.as_str()
        ))),
        Format::Json if !names_json(request, system) => Some(Cow::Borrowed(JSON_ONLY)),
        Format::Schema(_) | Format::Json | Format::Text => None,
    }
}

/// Writes name, purpose and schema of a contract, and strictness where the client said a word or `always`. Gives what
/// must be taken off the answer again.
pub fn contract(schema: &Schema, always: bool, object: &mut Object<'_>) -> Peel {
    object.text("name", &name(schema.name.as_deref().unwrap_or_default()));
    object.text_if("description", schema.description.as_deref());
    let wrapped = schema::wrapped(schema.schema.as_str());
    let json = wrapped.as_deref().unwrap_or(schema.schema.as_str());
    object.raw("schema", json);
    if always || schema.strict.is_some() {
        // Without a word, the Responses API would try it.
        object.flag("strict", schema.strict == Some(true) && schema::is_strict(json));
    }
    Peel { key: wrapped.is_some().then_some(schema::ANSWER), bare: false }
}

/// A name is required, of at most 64 letters, digits, `_` and `-`.
fn name(name: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let name: String = name.chars().map(legal).take(64).collect();
    if name.is_empty() { "response".to_owned() } else { name }
}

fn names_json(request: &Request, system: &[Text]) -> bool {
    let mut turns = request.turns.iter().flat_map(|turn| &turn.parts);
    system.iter().any(|text| has_word(&text.text))
        || turns.any(|part| matches!(part, Part::Text(text) if has_word(&text.text)))
}

fn has_word(text: &str) -> bool {
    text.as_bytes().windows(4).any(|word| word.eq_ignore_ascii_case(b"json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub::{Role, Turn};

    #[test]
    fn the_word_is_added_where_nobody_says_it() {
        let ask = |format, words: &str| Request {
            format,
            turns: vec![Turn { role: Role::User, parts: vec![Part::Text(Text::plain(words))] }],
            ..Request::default()
        };
        let told = |format, words: &str, system: &str| note(&ask(format, words), &[Text::plain(system)], None);
        assert!(told(Format::Json, "When?", "Be brief.").is_some_and(|note| note.contains("JSON")));
        assert_eq!(told(Format::Json, "When? As Json.", ""), None);
        assert_eq!(told(Format::Json, "When?", "always json"), None);
        assert_eq!(told(Format::Text, "When?", ""), None);
    }
}
