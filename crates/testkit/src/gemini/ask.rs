//! Reads out of a checked generateContent request what the fake model needs.

use serde_json::{Value, json};

use crate::answer::{Ask, Cache, Choice, Shape, Think, Tool};
use crate::gemini::conversation;
use crate::gemini::rules::{list, lowered};
use crate::media::Media;

/// Bytes of body per fake token.
const BYTES_PER_TOKEN: usize = 4;

pub(super) fn read(body: &Value, model: &str, stream: bool, size: usize) -> Ask {
    let config = &body["generationConfig"];
    let contents = list(body, "contents");
    let since = contents.iter().rposition(|content| content["role"] == "model").map_or(0, |at| at + 1);
    let news: Vec<&Value> = contents[since..].iter().flat_map(|content| list(content, "parts")).collect();
    let calling = &body["toolConfig"]["functionCallingConfig"];
    Ask {
        model: model.to_owned(),
        stream,
        stream_usage: true,
        system: texts(list(&body["systemInstruction"], "parts")),
        text: texts(news.iter().copied()),
        results: news.iter().filter_map(|part| part.get("functionResponse")).map(result).collect(),
        media: news.iter().flat_map(|part| media_of(part)).collect(),
        tools: list(body, "tools").iter().flat_map(|tool| list(tool, "functionDeclarations")).map(tool).collect(),
        choice: choice(calling),
        parallel: true,
        think: think(&config["thinkingConfig"]),
        shape: shape(config),
        max_tokens: config["maxOutputTokens"].as_u64(),
        stop: list(config, "stopSequences").iter().filter_map(|word| Some(word.as_str()?.to_owned())).collect(),
        copies: config["candidateCount"].as_u64().unwrap_or(1),
        prompt_form: false,
        prompt_tokens: (size / BYTES_PER_TOKEN) as u64,
        cache: if since > 0 { Cache::Read } else { Cache::Untouched },
    }
}

fn texts<'a>(parts: impl IntoIterator<Item = &'a Value>) -> String {
    let found = parts.into_iter().filter_map(|part| part["text"].as_str()).filter(|text| !text.is_empty());
    found.collect::<Vec<_>>().join("\n")
}

/// The words of a result: those of its usual members, or all of it.
fn result(response: &Value) -> String {
    let inner = &response["response"];
    let usual = ["output", "result", "error"].into_iter().find_map(|name| inner[name].as_str());
    usual.map_or_else(|| inner.to_string(), str::to_owned)
}

fn media_of(part: &Value) -> Vec<Media> {
    let mut found: Vec<Media> = list(&part["functionResponse"], "parts").iter().flat_map(media_of).collect();
    if let Some(blob) = part.get("inlineData") {
        let size = blob["data"].as_str().and_then(conversation::decode).map(|bytes| bytes.len());
        found.push(Media { kind: blob["mimeType"].as_str().unwrap_or_default().to_owned(), size });
    }
    let address = part["fileData"]["fileUri"].as_str();
    found.extend(address.map(|address| Media { kind: address.to_owned(), size: None }));
    found
}

fn tool(function: &Value) -> Tool {
    let schema = function.get("parametersJsonSchema").cloned();
    let schema = schema.or_else(|| function.get("parameters").map(lowered)).unwrap_or_else(|| json!({}));
    Tool { name: function["name"].as_str().unwrap_or_default().to_owned(), schema }
}

fn choice(calling: &Value) -> Choice {
    match (calling["mode"].as_str(), list(calling, "allowedFunctionNames")) {
        (Some("NONE"), _) => Choice::Never,
        (Some("ANY"), [only]) => Choice::This(only.as_str().unwrap_or_default().to_owned()),
        (Some("ANY"), _) => Choice::Any,
        _ => Choice::Auto,
    }
}

/// These models think unless told not to; what they think is seen only by those who ask.
fn think(thinking: &Value) -> Think {
    match (thinking["thinkingBudget"].as_i64(), thinking["includeThoughts"].as_bool()) {
        (Some(0), _) => Think::Off,
        (_, Some(true)) => Think::Shown,
        _ => Think::Hidden,
    }
}

fn shape(config: &Value) -> Shape {
    let schema = config.get("responseJsonSchema").cloned().or_else(|| config.get("responseSchema").map(lowered));
    match (schema, config["responseMimeType"].as_str()) {
        (Some(schema), Some("text/x.enum")) => Shape::Word(schema["enum"][0].as_str().unwrap_or_default().to_owned()),
        (Some(schema), _) => Shape::Schema(schema),
        (None, Some("application/json")) => Shape::Json,
        _ => Shape::Free,
    }
}
