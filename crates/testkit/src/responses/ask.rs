//! Reads out of a checked Responses request what the fake model needs.

use serde_json::{Map, Value};

use crate::answer::{Ask, Cache, Choice, Shape, Think, Tool};
use crate::media::{self, Media};
use crate::openai::rules::{list, text};

/// Bytes of body per fake token.
const BYTES_PER_TOKEN: usize = 4;

pub(super) fn read(body: &Value, size: usize) -> Ask {
    let empty = Map::new();
    let members = body.as_object().unwrap_or(&empty);
    let items = list(members, "input");
    let since = items.iter().rposition(is_answer).map_or(0, |at| at + 1);
    let news = &items[since..];
    let of = |role: &'static str| news.iter().filter(move |item| item["role"] == role);
    let said = joined(of("user").map(|item| plain(&item["content"])));
    let instructions = std::iter::once(text(members, "instructions").to_owned());
    let results = news.iter().filter(|item| item["call_id"].is_string()).map(|item| plain(&item["output"]));
    Ask {
        model: text(members, "model").to_owned(),
        stream: body["stream"] == true,
        stream_usage: true,
        system: joined(instructions.chain(items.iter().filter(is_system).map(|item| plain(&item["content"])))),
        text: body["input"].as_str().map_or(said, str::to_owned),
        results: results.collect(),
        media: news.iter().flat_map(media_of).collect(),
        tools: list(members, "tools").iter().filter(|tool| tool["type"] == "function").map(tool).collect(),
        choice: choice(&body["tool_choice"]),
        parallel: body["parallel_tool_calls"] != false,
        think: think(&body["reasoning"]),
        shape: shape(&body["text"]["format"]),
        max_tokens: body["max_output_tokens"].as_u64(),
        stop: Vec::new(),
        copies: 1,
        prompt_form: false,
        prompt_tokens: (size / BYTES_PER_TOKEN) as u64,
        cache: if since > 0 { Cache::Read } else { Cache::Untouched },
    }
}

/// What the model said itself.
fn is_answer(item: &Value) -> bool {
    item["role"] == "assistant"
        || matches!(item["type"].as_str(), Some("function_call" | "custom_tool_call" | "reasoning"))
}

fn is_system(item: &&Value) -> bool {
    item["role"] == "system" || item["role"] == "developer"
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

fn media_of(item: &Value) -> Vec<Media> {
    let parts = ["content", "output"].iter().filter_map(|member| item[*member].as_array()).flatten();
    parts.filter_map(picture).collect()
}

fn picture(part: &Value) -> Option<Media> {
    let names = ["image_url", "file_data", "file_url", "file_id"];
    let given = names.iter().find_map(|name| part[*name].as_str())?;
    Some(match media::data_url(given) {
        Some((kind, data)) => Media { kind: kind.to_owned(), size: media::decode(data).map(|bytes| bytes.len()) },
        None => Media { kind: given.to_owned(), size: None },
    })
}

fn tool(tool: &Value) -> Tool {
    Tool { name: tool["name"].as_str().unwrap_or_default().to_owned(), schema: tool["parameters"].clone() }
}

fn choice(choice: &Value) -> Choice {
    match (choice.as_str(), choice["name"].as_str()) {
        (Some("none"), _) => Choice::Never,
        (Some("required"), _) => Choice::Any,
        (_, Some(name)) => Choice::This(name.to_owned()),
        _ if choice["mode"] == "required" => Choice::Any,
        _ => Choice::Auto,
    }
}

fn think(reasoning: &Value) -> Think {
    match (reasoning["effort"].as_str(), reasoning["summary"].is_string()) {
        (Some("none"), _) | (None, false) => Think::Off,
        (_, true) => Think::Shown,
        (Some(_), false) => Think::Hidden,
    }
}

fn shape(format: &Value) -> Shape {
    match (format["type"].as_str(), format.get("schema")) {
        (Some("json_schema"), Some(schema)) => Shape::Schema(schema.clone()),
        (Some("json_object"), _) => Shape::Json,
        _ => Shape::Free,
    }
}
