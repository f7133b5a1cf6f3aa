//! Reads out of a checked Anthropic request what the fake model needs.

use serde_json::{Map, Value};

use crate::answer::{Ask, Cache, Choice, Shape, Think, Tool};
use crate::anthropic::Class;
use crate::anthropic::blocks::{blocks, kind, role};
use crate::anthropic::rules::{list, text};
use crate::media::{self, Media};

/// Bytes of body per fake token.
const BYTES_PER_TOKEN: usize = 4;

pub(super) fn read(body: &Value, size: usize) -> Ask {
    let empty = Map::new();
    let members = body.as_object().unwrap_or(&empty);
    let messages = list(members, "messages");
    let since = messages.iter().rposition(|message| role(message) == "assistant").map_or(0, |at| at + 1);
    let news: Vec<&Value> = messages[since..].iter().filter(|message| role(message) == "user").collect();
    Ask {
        model: text(members, "model").to_owned(),
        stream: members.get("stream") == Some(&Value::Bool(true)),
        stream_usage: true,
        system: plain(members.get("system").unwrap_or(&Value::Null)),
        text: joined(news.iter().map(|message| plain(&message["content"]))),
        results: results(&news),
        media: news.iter().flat_map(|message| blocks(message)).flat_map(pictures).collect(),
        tools: list(members, "tools").iter().map(tool).collect(),
        choice: choice(members),
        parallel: members.get("tool_choice").is_none_or(|choice| choice["disable_parallel_tool_use"] != true),
        think: think(members),
        shape: shape(members),
        max_tokens: members.get("max_tokens").and_then(Value::as_u64),
        stop: list(members, "stop_sequences").iter().filter_map(|word| Some(word.as_str()?.to_owned())).collect(),
        copies: 1,
        prompt_form: false,
        prompt_tokens: (size / BYTES_PER_TOKEN) as u64,
        cache: cache(body, since > 0),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

/// All text of a string or list of blocks.
fn plain(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            joined(blocks.iter().map(|block| block["text"].as_str().unwrap_or_default().to_owned()))
        }
        _ => String::new(),
    }
}

fn results(news: &[&Value]) -> Vec<String> {
    let found = news.iter().flat_map(|message| blocks(message)).filter(|block| kind(block) == "tool_result");
    found.map(|block| plain(&block["content"])).collect()
}

fn pictures(block: &Value) -> Vec<Media> {
    match kind(block) {
        "image" | "document" => vec![picture(&block["source"])],
        "tool_result" => block["content"].as_array().into_iter().flatten().flat_map(pictures).collect(),
        _ => Vec::new(),
    }
}

fn picture(source: &Value) -> Media {
    let data = source["data"].as_str();
    let bytes = data.and_then(|data| if kind(source) == "text" { Some(data.into()) } else { media::decode(data) });
    let named = source["media_type"].as_str().or_else(|| source["url"].as_str()).unwrap_or("something else");
    Media { kind: named.to_owned(), size: bytes.map(|bytes: Vec<u8>| bytes.len()) }
}

fn tool(tool: &Value) -> Tool {
    Tool { name: tool["name"].as_str().unwrap_or_default().to_owned(), schema: tool["input_schema"].clone() }
}

fn choice(body: &Map<String, Value>) -> Choice {
    let Some(choice) = body.get("tool_choice").filter(|choice| !choice.is_null()) else { return Choice::Auto };
    match kind(choice) {
        "none" => Choice::Never,
        "any" => Choice::Any,
        "tool" => Choice::This(choice["name"].as_str().unwrap_or_default().to_owned()),
        _ => Choice::Auto,
    }
}

fn think(body: &Map<String, Value>) -> Think {
    let Some(thinking) = body.get("thinking").filter(|thinking| !thinking.is_null()) else { return Think::Off };
    let hidden_by_default = Class::of(text(body, "model")) == Class::Adaptive;
    match (kind(thinking), thinking["display"].as_str()) {
        ("disabled" | "between_tools", _) => Think::Off,
        (_, Some("omitted")) => Think::Hidden,
        (_, None) if hidden_by_default => Think::Hidden,
        _ => Think::Shown,
    }
}

fn shape(body: &Map<String, Value>) -> Shape {
    let schema = body.get("output_config").and_then(|config| config.get("format")?.get("schema"));
    schema.map_or(Shape::Free, |schema| Shape::Schema(schema.clone()))
}

fn cache(body: &Value, later_turn: bool) -> Cache {
    match (body.to_string().contains("\"cache_control\":{"), later_turn) {
        (false, _) => Cache::Untouched,
        (true, false) => Cache::Written,
        (true, true) => Cache::Read,
    }
}
