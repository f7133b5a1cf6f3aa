//! What the demo says, and how it counts.

use hub::{Part, Request, Schema, Source, Tool, ToolKind};
use serde_json::{Map, Value};

/// Longest quotation of the user's words, in characters.
const QUOTE: usize = 400;

/// The echo.
pub(super) fn echo(said: &str) -> String {
    match quote(said) {
        quoted if quoted.is_empty() => "Hello from Bosporus! Say something, and the strait will echo it.".into(),
        quoted => format!(
            "Hello from Bosporus! The ferry carried your words across: \u{201c}{quoted}\u{201d} \
             The gulls approve. Add a real account to the configuration to hear a real model."
        ),
    }
}

/// The echo as JSON, for clients that want some.
pub(super) fn json_echo(said: &str) -> String {
    serde_json::json!({ "echo": quote(said), "from": "bosporus" }).to_string()
}

/// What goes through its head.
pub(super) fn ponder(said: &str) -> String {
    let words = said.split_whitespace().count();
    format!("The user sent {words} words. An echo should do: short, friendly, and true to the original.")
}

fn quote(said: &str) -> String {
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    match flat.char_indices().nth(QUOTE) {
        Some((end, _)) => format!("{}\u{2026}", &flat[..end]),
        None => flat,
    }
}

/// The words of some parts; other content is named.
pub(super) fn text_of(parts: &[Part]) -> String {
    let texts: Vec<String> = parts.iter().filter_map(part_text).collect();
    texts.join(" ")
}

fn part_text(part: &Part) -> Option<String> {
    match part {
        Part::Text(text) => Some(text.text.clone()),
        Part::Image(image) => Some(format!("[a picture{}]", size(&image.source))),
        Part::Audio(_) => Some("[a sound]".into()),
        Part::Video(_) => Some("[a film]".into()),
        Part::File(file) => Some(format!("[a document{}]", size(&file.source))),
        Part::Refusal(_) | Part::Thinking(_) | Part::ToolCall(_) | Part::ToolResult(_) | Part::Foreign(_) => None,
    }
}

fn size(source: &Source) -> String {
    match source {
        Source::Base64(data) => format!(" of {} bytes", data.trim_end_matches('=').len() * 3 / 4),
        Source::Url(_) | Source::FileId(_) | Source::Text(_) => String::new(),
    }
}

/// Cuts a text into the small pieces in which it is streamed: words with the space that follows them.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    text.split_inclusive(' ').collect()
}

/// A token is taken to be four bytes; the demo has no tokenizer.
pub(super) fn tokens(text: &str) -> u64 {
    text.len().div_ceil(4) as u64
}

/// The tokens of all texts of a request.
pub(super) fn tokens_of_request(request: &Request) -> u64 {
    let system: u64 = request.system.iter().map(|text| tokens(&text.text)).sum();
    let turns: u64 = request.turns.iter().map(|turn| tokens(&text_of(&turn.parts))).sum();
    system + turns
}

/// Arguments that fit a tool's schema, as a JSON object.
pub(super) fn sample_arguments(tool: &Tool) -> String {
    match &tool.kind {
        ToolKind::Function(Some(schema)) => match serde_json::from_str(schema.as_str()) {
            Ok(schema) => Value::Object(object(&schema, 0)).to_string(),
            Err(_) => "{}".into(),
        },
        ToolKind::Function(None) | ToolKind::Custom(_) | ToolKind::WebSearch(_) | ToolKind::Hosted { .. } => {
            "{}".into()
        }
    }
}

/// A value that fits a schema.
pub(super) fn sample(schema: &Schema) -> String {
    match serde_json::from_str(schema.schema.as_str()).map(|schema| value(&schema, 0)) {
        Ok(Value::String(word)) if schema.bare => word,
        Ok(value) => value.to_string(),
        Err(_) => "null".into(),
    }
}

/// Deepest nesting of a made-up value.
const DEPTH: usize = 8;

fn value(schema: &Value, depth: usize) -> Value {
    let first = |key: &str| schema.get(key).and_then(|list| list.get(0));
    if let Some(given) = schema.get("const").or_else(|| schema.get("default")).or_else(|| first("enum")) {
        return given.clone();
    }
    if let Some(branch) = first("anyOf").or_else(|| first("oneOf")) {
        return if depth < DEPTH { value(branch, depth + 1) } else { Value::Null };
    }
    let kind = schema.get("type").and_then(|kind| kind.as_str().or_else(|| kind.get(0).and_then(Value::as_str)));
    match kind {
        Some("object") => Value::Object(object(schema, depth)),
        Some("array") => match schema.get("items") {
            Some(items) if depth < DEPTH => Value::Array(vec![value(items, depth + 1)]),
            _ => Value::Array(Vec::new()),
        },
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| Value::from(1)),
        Some("boolean") => Value::Bool(true),
        Some("null") => Value::Null,
        _ => Value::from("demo"),
    }
}

fn object(schema: &Value, depth: usize) -> Map<String, Value> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Map::new() };
    if depth >= DEPTH {
        return Map::new();
    }
    let required = schema.get("required").and_then(Value::as_array);
    let wanted = |name: &str| required.is_none_or(|list| list.iter().any(|entry| entry == name));
    let fields = properties.iter().filter(|(name, _)| wanted(name));
    fields.map(|(name, schema)| (name.clone(), value(schema, depth + 1))).collect()
}
