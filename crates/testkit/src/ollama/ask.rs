//! Reads out of a checked chat request what the fake model needs.

use serde_json::{Value, json};

use super::{is_plain, list};
use crate::answer::{Ask, Cache, Choice, Shape, Think, Tool};
use crate::media::{self, Media};

/// Bytes of body per fake token.
const BYTES_PER_TOKEN: usize = 4;

pub(super) fn read(body: &Value, size: usize) -> Ask {
    let messages = list(body, "messages");
    let options = &body["options"];
    let since = messages.iter().rposition(|message| message["role"] == "assistant").map_or(0, |at| at + 1);
    let news = &messages[since..];
    let model = body["model"].as_str().unwrap_or_default();
    Ask {
        model: model.strip_suffix(":latest").unwrap_or(model).to_owned(),
        stream: body["stream"] != false,
        stream_usage: true,
        system: words(of_role(messages, "system"), &body["system"]),
        text: words(of_role(news, "user"), &body["prompt"]),
        results: of_role(news, "tool"),
        media: news.iter().chain([body]).flat_map(|message| list(message, "images")).filter_map(picture).collect(),
        tools: list(body, "tools").iter().map(tool).collect(),
        choice: Choice::Auto,
        parallel: true,
        think: think(&body["think"], model),
        shape: shape(&body["format"]),
        // Less than nothing is no limit.
        max_tokens: options["num_predict"].as_u64(),
        stop: list(options, "stop").iter().filter_map(|word| Some(word.as_str()?.to_owned())).collect(),
        copies: 1,
        prompt_form: body.get("messages").is_none(),
        prompt_tokens: (size / BYTES_PER_TOKEN) as u64,
        cache: Cache::Untouched,
    }
}

/// What messages say, or the one text that stands in their place.
fn words(said: Vec<String>, one: &Value) -> String {
    said.into_iter().chain(one.as_str().map(str::to_owned)).collect::<Vec<_>>().join("\n")
}

fn of_role(messages: &[Value], role: &str) -> Vec<String> {
    let own = messages.iter().filter(|message| message["role"] == role);
    own.filter_map(|message| Some(message["content"].as_str()?.to_owned())).collect()
}

fn picture(data: &Value) -> Option<Media> {
    let bytes = media::decode(data.as_str()?)?;
    Some(Media { kind: media::sniff(&bytes)?.to_owned(), size: Some(bytes.len()) })
}

fn tool(tool: &Value) -> Tool {
    let function = &tool["function"];
    let schema = function.get("parameters").cloned().unwrap_or_else(|| json!({}));
    Tool { name: function["name"].as_str().unwrap_or_default().to_owned(), schema }
}

/// A model that can think does, unless told not to.
fn think(think: &Value, model: &str) -> Think {
    if *think == false || is_plain(model) { Think::Off } else { Think::Shown }
}

fn shape(format: &Value) -> Shape {
    match format {
        Value::Object(_) => Shape::Schema(format.clone()),
        Value::String(word) if word == "json" => Shape::Json,
        _ => Shape::Free,
    }
}
