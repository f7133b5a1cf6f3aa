//! Pictures, sound, moderation and ranking, as OpenAI and its copies have them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::form::{self, Field, Form};
use super::{Answered, Asked, Side, json_of, refusal};
use crate::provider::Refusal;
use crate::schema::{self, Kind, Path, check, may, must, null};

const IMAGES: Kind = Kind::Object(&[
    must("prompt", Kind::Text),
    null("model", Kind::Text),
    null("n", Kind::Int),
    null("size", Kind::Text),
    null("quality", Kind::Enum(&["standard", "hd", "low", "medium", "high", "auto"])),
    null("response_format", Kind::Enum(&["url", "b64_json"])),
    null("output_format", Kind::Enum(&["png", "jpeg", "webp"])),
    null("background", Kind::Enum(&["transparent", "opaque", "auto"])),
    null("partial_images", Kind::Int),
    null("stream", Kind::Bool),
    may("user", Kind::Text),
]);
const SPEECH: Kind = Kind::Object(&[
    must("model", Kind::Text),
    must("input", Kind::Text),
    must("voice", Kind::Either(&[Kind::Text, Kind::Map])),
    may("instructions", Kind::Text),
    may("response_format", Kind::Enum(&["mp3", "opus", "aac", "flac", "wav", "pcm"])),
    may("speed", Kind::Number),
    may("stream_format", Kind::Enum(&["sse", "audio"])),
]);
const MODERATION: Kind =
    Kind::Object(&[must("input", Kind::Either(&[Kind::Text, Kind::List(&Kind::Any)])), may("model", Kind::Text)]);
const RERANK: Kind = Kind::Object(&[
    must("model", Kind::Text),
    must("query", Kind::Text),
    must("documents", Kind::List(&Kind::Text)),
    may("top_n", Kind::Int),
    may("return_documents", Kind::Bool),
]);

const FILE_FIELDS: [&str; 3] = ["file", "image", "mask"];
const TEXT_FIELDS: [&str; 16] = [
    "model",
    "prompt",
    "language",
    "response_format",
    "temperature",
    "stream",
    "n",
    "size",
    "quality",
    "user",
    "background",
    "output_format",
    "input_fidelity",
    "timestamp_granularities[]",
    "include[]",
    "chunking_strategy",
];

/// The call of a path; `None` for paths that are none of these.
pub(super) fn answer(asked: Asked<'_>) -> Option<Answered> {
    Some(match asked.path {
        "/v1/images/generations" => images(asked),
        "/v1/images/edits" => edited(asked, &["image", "prompt"]),
        "/v1/images/variations" => edited(asked, &["image"]),
        "/v1/audio/speech" => speech(asked),
        "/v1/audio/transcriptions" => heard(asked, "transcribe"),
        "/v1/audio/translations" => heard(asked, "translate"),
        "/v1/moderations" => moderation(asked),
        "/v1/rerank" => rerank(asked),
        _ => return None,
    })
}

fn read(asked: Asked<'_>, kind: Kind) -> Result<Value, Refusal> {
    let body = json_of(asked)?;
    check(&body, kind, &Path::default()).map_err(|violation| refusal(&violation))?;
    Ok(body)
}

fn model_of(body: &Value, default: &str) -> String {
    body["model"].as_str().unwrap_or(default).to_owned()
}

fn usage() -> Value {
    json!({"total_tokens": 30, "input_tokens": 10, "output_tokens": 20, "input_tokens_details": {"text_tokens": 10}})
}

fn images(asked: Asked<'_>) -> Answered {
    let body = read(asked, IMAGES)?;
    let picture = STANDARD.encode(format!("a picture of {}", body["prompt"].as_str().unwrap_or_default()));
    let model = model_of(&body, "dall-e-2");
    if body["stream"] != true {
        let data = json!([{"b64_json": picture}]);
        return Ok(Side::json(&model, &json!({"created": 1_700_000_000, "data": data, "usage": usage()})));
    }
    let partial = json!({"type": "image_generation.partial_image", "b64_json": picture, "partial_image_index": 0});
    let done = json!({"type": "image_generation.completed", "b64_json": picture, "usage": usage()});
    Ok(events(&model, &[partial, done]))
}

fn events(model: &str, list: &[Value]) -> Side {
    let text = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default());
    let body = list.iter().map(text).collect::<String>().into_bytes();
    Side { model: model.to_owned(), content_type: "text/event-stream; charset=utf-8", body }
}

fn read_form(asked: Asked<'_>, needed: &[&str]) -> Result<Form, Refusal> {
    let form = form::read(asked.headers, asked.body)?;
    for (name, field) in &form {
        let bare = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let plain = bare.trim_end_matches("[]");
        let is_file = FILE_FIELDS.contains(&plain);
        let is_text = TEXT_FIELDS.contains(&bare);
        if !is_file && !is_text {
            return Err(Refusal::invalid(format!("Unrecognized request argument supplied: {name}")));
        }
        if is_file != field.filename.is_some() {
            return Err(Refusal::invalid(format!("Expected file_upload to be a file: {name}")));
        }
    }
    let has = |needed: &&&str| form.keys().any(|name| name.split('[').next() == Some(**needed));
    match needed.iter().find(|needed| !has(needed)) {
        Some(missing) => Err(Refusal::invalid(format!("Missing required parameter: '{missing}'.")).param(*missing)),
        None => Ok(form),
    }
}

fn text(form: &Form, name: &str) -> String {
    form.get(name).map(|field| String::from_utf8_lossy(&field.bytes).into_owned()).unwrap_or_default()
}

/// What the sum of all file bytes is, so that a test sees that each arrived.
fn sum_of(form: &Form) -> (usize, u32) {
    let files: Vec<&Field> = form.values().filter(|field| field.filename.is_some()).collect();
    let bytes = files.iter().flat_map(|file| file.bytes.iter());
    let sum = bytes.fold(0_u32, |sum, byte| sum.rotate_left(1) ^ u32::from(*byte));
    (files.iter().map(|file| file.bytes.len()).sum(), sum)
}

fn edited(asked: Asked<'_>, needed: &[&str]) -> Answered {
    let form = read_form(asked, needed)?;
    let (length, sum) = sum_of(&form);
    let picture = STANDARD.encode(format!("{length} bytes, sum {sum}, {}", text(&form, "prompt")));
    let model = if form.contains_key("model") { text(&form, "model") } else { "dall-e-2".into() };
    let answer = json!({"created": 1_700_000_000, "data": [{"b64_json": picture}], "usage": usage()});
    Ok(Side::json(&model, &answer))
}

/// The sound of a text: long enough to come in several pieces, and no text itself.
#[must_use]
pub fn sound(text: &str) -> Vec<u8> {
    let mut sound = b"ID3\x04\0".to_vec();
    sound.extend(text.bytes().cycle().take(if text.is_empty() { 0 } else { 100_000 }).map(|byte| byte.rotate_left(3)));
    sound
}

fn speech(asked: Asked<'_>) -> Answered {
    let body = read(asked, SPEECH)?;
    let (model, input) = (model_of(&body, ""), body["input"].as_str().unwrap_or_default());
    if input.is_empty() || input.len() > 4_096 {
        return Err(Refusal::invalid("String should have at least 1 and at most 4096 characters").param("input"));
    }
    if body["stream_format"] == "sse" {
        let piece = json!({"type": "speech.audio.delta", "audio": STANDARD.encode(sound(input))});
        return Ok(events(&model, &[piece, json!({"type": "speech.audio.done", "usage": usage()})]));
    }
    Ok(Side { model, content_type: "audio/mpeg", body: sound(input) })
}

fn heard(asked: Asked<'_>, verb: &str) -> Answered {
    let form = read_form(asked, &["file", "model"])?;
    let (length, sum) = sum_of(&form);
    if length == 0 {
        return Err(Refusal::invalid("Audio file might be corrupted or unsupported").param("file"));
    }
    let model = text(&form, "model");
    let words = format!("{verb}: {length} bytes, sum {sum}");
    if text(&form, "stream") == "true" {
        let delta = json!({"type": "transcript.text.delta", "delta": words});
        let done = json!({"type": "transcript.text.done", "text": words, "usage": usage()});
        return Ok(events(&model, &[delta, done]));
    }
    match text(&form, "response_format").as_str() {
        "" | "json" | "verbose_json" => Ok(Side::json(&model, &json!({"text": words, "usage": usage()}))),
        "text" | "srt" | "vtt" => {
            Ok(Side { model, content_type: "text/plain; charset=utf-8", body: format!("{words}\n").into_bytes() })
        }
        other => Err(Refusal::invalid(format!("Invalid value: '{other}'.")).param("response_format")),
    }
}

fn moderation(asked: Asked<'_>) -> Answered {
    let body = read(asked, MODERATION)?;
    let model = model_of(&body, "omni-moderation-latest");
    let bad = body["input"].to_string().contains("harm");
    let result = json!({"flagged": bad, "categories": {"violence": bad}, "category_scores": {"violence": 0.5},
        "category_applied_input_types": {"violence": ["text"]}});
    Ok(Side::json(&model, &json!({"id": "modr-1", "model": model, "results": [result]})))
}

/// What Codex's service answers to a search outside of conversations.
pub(crate) fn search(asked: Asked<'_>) -> Answered {
    let body = json_of(asked)?;
    let model = model_of(&body, "");
    match body.get("prompt_cache_key") {
        Some(_) => Err(Refusal::invalid("Unknown parameter: 'prompt_cache_key'.").param("prompt_cache_key")),
        None => Ok(Side::json(&model, &json!({"model": model, "output": "found it"}))),
    }
}

fn rerank(asked: Asked<'_>) -> Answered {
    let body = read(asked, RERANK)?;
    let documents = body["documents"].as_array().map(Vec::as_slice).unwrap_or_default();
    if documents.is_empty() {
        return Err(Refusal::invalid(format!("documents: {} is too short", schema::type_name(&body["documents"]))));
    }
    let results: Vec<Value> =
        (0..documents.len()).rev().map(|index| json!({"index": index, "relevance_score": 0.5})).collect();
    let model = model_of(&body, "");
    Ok(Side::json(
        &model,
        &json!({"id": "rr-1", "model": model, "results": results, "usage": {"total_tokens": 9, "prompt_tokens": 9}}),
    ))
}
