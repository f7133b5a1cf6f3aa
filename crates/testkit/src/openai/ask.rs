//! Reads out of a checked Chat Completions request what the fake model needs.

use serde_json::{Map, Value, json};

use crate::answer::{Ask, Cache, Choice, Shape, Think, Tool};
use crate::media::{self, Media};
use crate::openai::rules::{is_set, list, text};

/// Bytes of body per fake token.
const BYTES_PER_TOKEN: usize = 4;

pub(super) fn read(body: &Value, size: usize, vendor: bool) -> Ask {
    let empty = Map::new();
    let members = body.as_object().unwrap_or(&empty);
    let messages = list(members, "messages");
    let since = messages.iter().rposition(|message| message["role"] == "assistant").map_or(0, |at| at + 1);
    let of = |role: &'static str| messages[since..].iter().filter(move |message| message["role"] == role);
    let effort = text(members, "reasoning_effort");
    Ask {
        model: text(members, "model").to_owned(),
        stream: members.get("stream") == Some(&Value::Bool(true)),
        stream_usage: members.get("stream_options").is_some_and(|options| options["include_usage"] == true),
        system: joined(messages.iter().filter(|message| is_system(message)).map(|message| plain(&message["content"]))),
        text: joined(of("user").map(|message| plain(&message["content"]))),
        results: of("tool").map(|message| plain(&message["content"])).collect(),
        media: of("user").flat_map(|message| message["content"].as_array()).flatten().filter_map(picture).collect(),
        tools: list(members, "tools").iter().map(tool).collect(),
        choice: choice(members),
        parallel: members.get("parallel_tool_calls") != Some(&Value::Bool(false)),
        think: if vendor && !matches!(effort, "" | "none") { Think::Shown } else { Think::Off },
        shape: shape(members),
        max_tokens: limit(members),
        stop: stops(members),
        copies: members.get("n").and_then(Value::as_u64).unwrap_or(1),
        prompt_form: false,
        prompt_tokens: (size / BYTES_PER_TOKEN) as u64,
        cache: if since > 0 { Cache::Read } else { Cache::Untouched },
    }
}

fn is_system(message: &Value) -> bool {
    message["role"] == "system" || message["role"] == "developer"
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn plain(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => joined(parts.iter().map(|part| part["text"].as_str().unwrap_or_default().to_owned())),
        _ => String::new(),
    }
}

fn picture(part: &Value) -> Option<Media> {
    let url = part["image_url"]["url"].as_str().or_else(|| part["file"]["file_data"].as_str());
    let id = part["file"]["file_id"].as_str();
    let audio = part["input_audio"]["data"].as_str();
    match (url.and_then(media::data_url), url.or(id), audio) {
        (Some((kind, data)), _, _) => sized(kind, data),
        (None, Some(name), _) => Some(Media { kind: name.to_owned(), size: None }),
        (None, None, Some(data)) => sized(part["input_audio"]["format"].as_str()?, data),
        (None, None, None) => None,
    }
}

fn sized(kind: &str, data: &str) -> Option<Media> {
    Some(Media { kind: kind.to_owned(), size: media::decode(data).map(|bytes| bytes.len()) })
}

fn tool(tool: &Value) -> Tool {
    if tool["type"] == "custom" {
        return Tool { name: tool["custom"]["name"].as_str().unwrap_or_default().to_owned(), schema: json!({}) };
    }
    let function = &tool["function"];
    Tool { name: function["name"].as_str().unwrap_or_default().to_owned(), schema: function["parameters"].clone() }
}

fn choice(body: &Map<String, Value>) -> Choice {
    let Some(choice) = body.get("tool_choice") else { return Choice::Auto };
    match (choice.as_str(), choice["function"]["name"].as_str()) {
        (Some("none"), _) => Choice::Never,
        (Some("required"), _) => Choice::Any,
        (_, Some(name)) => Choice::This(name.to_owned()),
        _ if choice["allowed_tools"]["mode"] == "required" => Choice::Any,
        _ => Choice::Auto,
    }
}

fn shape(body: &Map<String, Value>) -> Shape {
    let Some(format) = body.get("response_format") else { return Shape::Free };
    match (format["type"].as_str(), format["json_schema"].get("schema")) {
        (Some("json_schema"), Some(schema)) => Shape::Schema(schema.clone()),
        (Some("json_schema" | "json_object"), _) => Shape::Json,
        _ => Shape::Free,
    }
}

fn limit(body: &Map<String, Value>) -> Option<u64> {
    let name = if is_set(body, "max_completion_tokens") { "max_completion_tokens" } else { "max_tokens" };
    body.get(name).and_then(Value::as_u64)
}

fn stops(body: &Map<String, Value>) -> Vec<String> {
    match body.get("stop") {
        Some(Value::String(word)) => vec![word.clone()],
        Some(Value::Array(words)) => words.iter().filter_map(|word| Some(word.as_str()?.to_owned())).collect(),
        _ => Vec::new(),
    }
}
