//! The fakes' own wits: a plausible answer to any legal request, the same one each time.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};

use crate::answer::{Answer, Ask, Block, Choice, Shape, Stop, Think, Tool, Usage};

/// User text is quoted back up to this many characters.
const QUOTE: usize = 400;

/// What the models that play an agent are called: they call a tool only where the prompt spells it as
/// `Name {"json": "arguments"}`.
const AGENT: &str = "agent-model";

/// Answers a request as a friendly, predictable model would.
pub(crate) fn answer(ask: &Ask) -> Answer {
    let mut blocks = thinking(ask);
    let calls = calls(ask);
    let stop = if calls.is_empty() { Stop::End } else { Stop::Tools };
    if calls.is_empty() {
        blocks.push(Block::Text(text(ask)));
    } else if ask.text.contains("explain") {
        blocks.push(Block::Text("Let me look that up.".to_owned()));
    }
    blocks.extend(calls);
    Answer { blocks, stop, usage: Usage::default(), whole: false }.settle(ask)
}

/// Mints ids that are unique within one fake.
#[derive(Debug, Default)]
pub(crate) struct Ids(AtomicU64);

impl Ids {
    pub(crate) fn next(&self, prefix: &str) -> String {
        format!("{prefix}{:024}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

fn thinking(ask: &Ask) -> Vec<Block> {
    if ask.think == Think::Off {
        return Vec::new();
    }
    let hidden = ask.think == Think::Hidden;
    let text = format!("Let me think about it: the user gave me {} characters.", ask.text.chars().count());
    let mut blocks = vec![Block::Thinking { text, hidden }];
    if ask.text.contains("redacted") {
        blocks.push(Block::Redacted("a thought that is nobody's business".to_owned()));
    }
    blocks
}

fn text(ask: &Ask) -> String {
    match &ask.shape {
        Shape::Free => prose(ask),
        Shape::Json => json!({"answer": clip(&ask.text)}).to_string(),
        Shape::Schema(schema) => sample(schema, schema, 0).to_string(),
        Shape::Word(word) => word.clone(),
    }
}

fn prose(ask: &Ask) -> String {
    let mut sentences = Vec::new();
    if ask.results.is_empty() {
        sentences.push(format!("Hello from {}, grüße, 世界 🌍.", ask.model));
    } else {
        sentences.push(format!("The tool answered: {}.", ask.results.join(" | ")));
    }
    if !ask.text.is_empty() {
        sentences.push(format!("You said: {}", clip(&ask.text)));
    }
    for media in &ask.media {
        sentences.push(match media.size {
            Some(size) => format!("I received {} of {size} bytes.", media.kind),
            None => format!("I received a link to {}.", media.kind),
        });
    }
    if ask.text.contains("system prompt") {
        sentences.push(format!("My instructions: {}", ask.system));
    }
    sentences.join(" ")
}

fn clip(text: &str) -> String {
    text.chars().take(QUOTE).collect()
}

fn calls(ask: &Ask) -> Vec<Block> {
    if ask.tools.is_empty() || ask.choice == Choice::Never {
        return Vec::new();
    }
    if let Some((tool, arguments)) = spelled_out(ask) {
        return vec![call(tool, arguments)];
    }
    let forced = matches!(ask.choice, Choice::Any | Choice::This(_));
    let asked = ask.results.is_empty() && (ask.text.contains("use the tool") || ask.text.contains("weather"));
    if !(forced && ask.results.is_empty() || asked) || ask.model.ends_with(AGENT) {
        return Vec::new();
    }
    let count = if ask.parallel && ask.text.contains("both") { 2 } else { 1 };
    pick(ask, count).map(|(index, tool)| call(tool, arguments(tool, index))).collect()
}

/// An agent's first step: the tool and its arguments stand in the prompt.
fn spelled_out(ask: &Ask) -> Option<(&Tool, String)> {
    if !ask.results.is_empty() {
        return None;
    }
    ask.tools.iter().find_map(|tool| {
        let at = ask.text.find(&format!("{} {{", tool.name))? + tool.name.len() + 1;
        Some((tool, first_json(&ask.text[at..])?))
    })
}

/// The JSON text at the start of `text`, byte for byte.
fn first_json(text: &str) -> Option<String> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Box<serde_json::value::RawValue>>();
    values.next()?.ok().map(|raw| raw.get().to_owned())
}

fn pick(ask: &Ask, count: usize) -> impl Iterator<Item = (usize, &Tool)> {
    let named = match &ask.choice {
        Choice::This(name) => ask.tools.iter().find(|tool| tool.name == *name),
        _ => None,
    };
    (0..count).filter_map(move |index| {
        let tool = named.or_else(|| ask.tools.get(index)).or_else(|| ask.tools.first())?;
        Some((index, tool))
    })
}

fn arguments(tool: &Tool, index: usize) -> String {
    let mut value = sample(&tool.schema, &tool.schema, 0);
    if let Some(city) = value.get_mut("city") {
        *city = json!(["Paris", "Tōkyō"][index % 2]);
    }
    value.to_string()
}

fn call(tool: &Tool, arguments: String) -> Block {
    Block::Tool { id: String::new(), name: tool.name.clone(), arguments }
}

/// A value that satisfies the common part of JSON Schema: types, enum, const, anyOf, references, required members.
pub(crate) fn sample(schema: &Value, root: &Value, depth: usize) -> Value {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).filter(|_| depth < 8) {
        return root
            .pointer(target.trim_start_matches('#'))
            .map_or(Value::Null, |found| sample(found, root, depth + 1));
    }
    if let Some(fixed) = schema.get("const").or_else(|| schema.get("enum").and_then(|values| values.get(0))) {
        return fixed.clone();
    }
    if let Some(first) = ["anyOf", "oneOf", "allOf"].iter().find_map(|word| schema.get(word)?.get(0)) {
        return sample(first, root, depth + 1);
    }
    match type_word(schema) {
        "string" => string_sample(schema),
        "integer" => schema.get("minimum").filter(|least| least.is_i64()).cloned().unwrap_or(json!(7)),
        "number" => json!(1.5),
        "boolean" => json!(true),
        "array" => array_sample(schema, root, depth),
        "null" => Value::Null,
        _ => object_sample(schema, root, depth),
    }
}

fn type_word(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(word)) => word,
        Some(Value::Array(words)) => words.first().and_then(Value::as_str).unwrap_or("object"),
        _ => "object",
    }
}

fn string_sample(schema: &Value) -> Value {
    match schema.get("format").and_then(Value::as_str) {
        Some("date") => json!("2026-11-21"),
        Some("date-time") => json!("2026-11-21T10:00:00Z"),
        _ => json!("sample <text> & \"quotes\""),
    }
}

fn array_sample(schema: &Value, root: &Value, depth: usize) -> Value {
    match schema.get("items") {
        Some(items) if depth < 8 => json!([sample(items, root, depth + 1)]),
        _ => json!([]),
    }
}

fn object_sample(schema: &Value, root: &Value, depth: usize) -> Value {
    let required = |name: &String| {
        let names = schema.get("required").and_then(Value::as_array);
        depth == 0 || names.is_some_and(|names| names.iter().any(|word| word.as_str() == Some(name)))
    };
    let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let filled = members.filter(|(name, _)| depth < 8 && required(name));
    Value::Object(filled.map(|(name, inner)| (name.clone(), sample(inner, root, depth + 1))).collect::<Map<_, _>>())
}
