//! Embeddings in three languages. A text has the same vector in each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Answered, Asked, Side, json_of, refusal};
use crate::provider::Refusal;
use crate::schema::{Field, Kind, Path, check, may, must, null};

/// How long vectors are when nobody says.
const LENGTH: usize = 6;

const OPENAI: Kind = Kind::Object(&[
    must("model", Kind::Text),
    must("input", Kind::Either(&[Kind::Text, Kind::List(&Kind::Any)])),
    may("dimensions", Kind::Int),
    may("encoding_format", Kind::Enum(&["float", "base64"])),
    may("user", Kind::Text),
]);

const PART: Kind = Kind::Object(&[must("text", Kind::Text)]);
const CONTENT: Kind = Kind::Object(&[may("role", Kind::Text), must("parts", Kind::List(&PART))]);
pub(super) const PURPOSES: Kind = Kind::Enum(&[
    "SEMANTIC_SIMILARITY",
    "CLASSIFICATION",
    "CLUSTERING",
    "RETRIEVAL_DOCUMENT",
    "RETRIEVAL_QUERY",
    "QUESTION_ANSWERING",
    "FACT_VERIFICATION",
    "CODE_RETRIEVAL_QUERY",
]);
const GEMINI_FIELDS: [Field; 5] = [
    must("model", Kind::Text),
    must("content", CONTENT),
    may("taskType", PURPOSES),
    may("title", Kind::Text),
    may("outputDimensionality", Kind::Int),
];
const GEMINI_ONE: Kind =
    Kind::Object(&[may("model", Kind::Text), GEMINI_FIELDS[1], GEMINI_FIELDS[2], GEMINI_FIELDS[3], GEMINI_FIELDS[4]]);
const GEMINI_MANY: Kind = Kind::Object(&[must("requests", Kind::List(&Kind::Object(&GEMINI_FIELDS)))]);

const OLLAMA: Kind = Kind::Object(&[
    must("model", Kind::Text),
    must("input", Kind::Either(&[Kind::Text, Kind::List(&Kind::Text)])),
    null("truncate", Kind::Bool),
    null("dimensions", Kind::Int),
    null("options", Kind::Map),
    null("keep_alive", Kind::Any),
]);
const OLLAMA_ONE: Kind = Kind::Object(&[
    must("model", Kind::Text),
    must("prompt", Kind::Text),
    null("options", Kind::Map),
    null("keep_alive", Kind::Any),
]);

/// The vector of a text.
#[must_use]
pub fn vector(text: &str, length: usize) -> Vec<f32> {
    let start = text.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let number = |at: usize| start.wrapping_mul(2 * u32::try_from(at).unwrap_or_default() + 3) as f32 / u32::MAX as f32;
    (0..length).map(number).collect()
}

pub(super) fn length_of(value: &Value) -> Result<usize, Refusal> {
    match value.as_u64() {
        None if value.is_null() => Ok(LENGTH),
        Some(length @ 1..=3_072) => Ok(usize::try_from(length).unwrap_or(LENGTH)),
        _ => Err(Refusal::invalid("the number of dimensions is out of range").param("dimensions")),
    }
}

fn tokens(texts: &[String]) -> usize {
    texts.iter().map(|text| text.split_whitespace().count() + 1).sum()
}

pub(super) fn openai(asked: Asked<'_>) -> Answered {
    let body = json_of(asked)?;
    check(&body, OPENAI, &Path::default()).map_err(|violation| refusal(&violation))?;
    let texts = openai_inputs(&body["input"])?;
    let length = length_of(&body["dimensions"])?;
    let packed = body["encoding_format"] == "base64";
    let item = |(index, text): (usize, &String)| {
        let vector = vector(text, length);
        let embedding = if packed { json!(packed_of(&vector)) } else { json!(vector) };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    };
    let data: Vec<Value> = texts.iter().enumerate().map(item).collect();
    let model = body["model"].as_str().unwrap_or_default();
    let count = tokens(&texts);
    let usage = json!({"prompt_tokens": count, "total_tokens": count});
    Ok(Side::json(model, &json!({"object": "list", "data": data, "model": model, "usage": usage})))
}

fn packed_of(vector: &[f32]) -> String {
    STANDARD.encode(vector.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())
}

/// Texts, or lists of tokens, which are embedded as the text of their numbers.
fn openai_inputs(input: &Value) -> Result<Vec<String>, Refusal> {
    let bad = || Refusal::invalid("'$.input' is invalid. Please check the API reference.").param("input");
    let words = |tokens: &[Value]| -> Option<Vec<String>> {
        tokens.iter().map(|token| token.as_u64().map(|id| id.to_string())).collect()
    };
    let one = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Array(tokens) if !tokens.is_empty() => words(tokens).map(|ids| ids.join(" ")),
        _ => None,
    };
    let texts: Option<Vec<String>> = match input {
        Value::Array(list) if list.iter().all(Value::is_u64) => one(input).map(|text| vec![text]),
        Value::Array(list) if list.len() <= 2_048 => list.iter().map(one).collect(),
        Value::Array(_) => None,
        other => one(other).map(|text| vec![text]),
    };
    texts.ok_or_else(bad)
}

/// `models/MODEL:embedContent` and `:batchEmbedContents`; `None` for other paths.
pub(crate) fn gemini(model: &str, verb: &str, headers: &http::HeaderMap, body: &[u8]) -> Option<Answered> {
    let asked = Asked { path: "", headers, body };
    match verb {
        "embedContent" => Some(gemini_one(model, asked)),
        "batchEmbedContents" => Some(gemini_many(model, asked)),
        _ => None,
    }
}

pub(super) fn google(words: impl Into<String>) -> Refusal {
    Refusal::new(400, "INVALID_ARGUMENT", words)
}

fn gemini_one(model: &str, asked: Asked<'_>) -> Answered {
    let body = json_of(asked)?;
    check(&body, GEMINI_ONE, &Path::default()).map_err(|violation| google(refusal(&violation).message))?;
    Ok(Side::json(model, &json!({"embedding": gemini_item(&body, model)?})))
}

fn gemini_many(model: &str, asked: Asked<'_>) -> Answered {
    let body = json_of(asked)?;
    check(&body, GEMINI_MANY, &Path::default()).map_err(|violation| google(refusal(&violation).message))?;
    let requests = body["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
    match requests.len() {
        0 => return Err(google("* BatchEmbedContentsRequest.requests: requests is not specified")),
        1..=100 => (),
        _ => return Err(google("* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch")),
    }
    let vectors: Result<Vec<Value>, Refusal> = requests.iter().map(|item| gemini_item(item, model)).collect();
    Ok(Side::json(model, &json!({"embeddings": vectors?})))
}

fn gemini_item(item: &Value, model: &str) -> Result<Value, Refusal> {
    if item["model"].as_str().is_some_and(|name| name != format!("models/{model}")) {
        return Err(google("* BatchEmbedContentsRequest.requests.model: must match the model of the batch"));
    }
    if item["title"].is_string() && item["taskType"] != "RETRIEVAL_DOCUMENT" {
        return Err(google("* EmbedContentRequest.title: only for the task type RETRIEVAL_DOCUMENT"));
    }
    let parts = item["content"]["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    if text.concat().is_empty() {
        return Err(google("* EmbedContentRequest.content: contents is not specified"));
    }
    let length = length_of(&item["outputDimensionality"]).map_err(|refusal| google(refusal.message))?;
    Ok(json!({"values": vector(&text.concat(), length)}))
}

/// Ollama answers in bare words, whatever else the server speaks.
fn plain(refusal: Refusal) -> Refusal {
    Refusal { kind: "ollama", ..refusal }
}

pub(super) fn ollama(asked: Asked<'_>) -> Answered {
    let body = json_of(asked).map_err(plain)?;
    check(&body, OLLAMA, &Path::default()).map_err(|violation| plain(refusal(&violation)))?;
    let texts: Vec<String> = match &body["input"] {
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        other => other.as_str().map(str::to_owned).into_iter().collect(),
    };
    // "too long" stands for a text that does not fit.
    if body["truncate"] == false && texts.iter().any(|text| text.contains("too long")) {
        return Err(plain(Refusal::invalid("input length exceeds the context length")));
    }
    let length = length_of(&body["dimensions"]).map_err(plain)?;
    let vectors: Vec<_> = texts.iter().map(|text| vector(text, length)).collect();
    let model = body["model"].as_str().unwrap_or_default();
    Ok(Side::json(
        model,
        &json!({"model": model, "embeddings": vectors, "total_duration": 9, "load_duration": 1,
            "prompt_eval_count": tokens(&texts)}),
    ))
}

pub(super) fn ollama_one(asked: Asked<'_>) -> Answered {
    let body = json_of(asked).map_err(plain)?;
    check(&body, OLLAMA_ONE, &Path::default()).map_err(|violation| plain(refusal(&violation)))?;
    let (model, prompt) = (body["model"].as_str().unwrap_or_default(), body["prompt"].as_str().unwrap_or_default());
    Ok(Side::json(model, &json!({"embedding": vector(prompt, LENGTH)})))
}
