//! Embeddings as Vertex AI gives them: `:predict` for embedding models of their own, `:embedContent` and
//! `:batchEmbedContents` for Gemini's. A name with `embedding` but without `gemini` is one of the former.

use serde_json::{Value, json};

use super::embed::{PURPOSES, google, length_of, vector};
use super::{Answered, Asked, Side, json_of, refusal};
use crate::provider::Refusal;
use crate::schema::{Kind, Path, check, may, must};

const PREDICT: Kind = Kind::Object(&[
    must(
        "instances",
        Kind::List(&Kind::Object(&[
            must("content", Kind::Text),
            may("task_type", PURPOSES),
            may("title", Kind::Text),
            may("mimeType", Kind::Text),
        ])),
    ),
    may("parameters", Kind::Object(&[may("autoTruncate", Kind::Bool), may("outputDimensionality", Kind::Int)])),
]);
const CONTENT: Kind =
    Kind::Object(&[may("role", Kind::Text), must("parts", Kind::List(&Kind::Object(&[must("text", Kind::Text)])))]);
const CONFIG: Kind = Kind::Object(&[
    may("taskType", PURPOSES),
    may("title", Kind::Text),
    may("outputDimensionality", Kind::Int),
    may("autoTruncate", Kind::Bool),
]);
const ONE: Kind = Kind::Object(&[must("content", CONTENT), may("embedContentConfig", CONFIG)]);
const MANY: Kind = Kind::Object(&[must("requests", Kind::List(&ONE))]);

/// The most instances of a call, and the most tokens in them.
const MOST: usize = 250;
const MOST_TOKENS: usize = 20_000;

/// `MODEL:VERB` of Vertex's; `None` for verbs of something else.
pub(crate) fn answer(model: &str, verb: &str, headers: &http::HeaderMap, body: &[u8]) -> Option<Answered> {
    let asked = Asked { path: "", headers, body };
    let is_gemini = model.contains("gemini");
    match verb {
        "predict" if is_gemini => Some(Err(google(format!("{model} does not support predict.")))),
        "predict" => Some(predict(model, asked)),
        "embedContent" | "batchEmbedContents" if !is_gemini => {
            Some(Err(google(format!("{model} does not support {verb}."))))
        }
        "embedContent" => Some(one(model, asked)),
        "batchEmbedContents" => Some(many(model, asked)),
        _ => None,
    }
}

fn checked(asked: Asked<'_>, kind: Kind) -> Result<Value, Refusal> {
    let body = json_of(asked)?;
    check(&body, kind, &Path::default()).map_err(|violation| google(refusal(&violation).message))?;
    Ok(body)
}

fn tokens(text: &str) -> usize {
    text.split_whitespace().count() + 1
}

fn predict(model: &str, asked: Asked<'_>) -> Answered {
    let body = checked(asked, PREDICT)?;
    let instances = body["instances"].as_array().map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<&str> = instances.iter().filter_map(|instance| instance["content"].as_str()).collect();
    if instances.is_empty() || instances.len() > MOST {
        return Err(google(format!("{} instance(s) is out of the allowed range: 1 to {MOST}.", instances.len())));
    }
    if instances.iter().any(|instance| instance["title"].is_string() && instance["task_type"] != "RETRIEVAL_DOCUMENT") {
        return Err(google("The title is supported only with the task_type RETRIEVAL_DOCUMENT."));
    }
    let total: usize = texts.iter().map(|text| tokens(text)).sum();
    if total > MOST_TOKENS {
        return Err(google(format!("Unable to submit request because the input token count is {total}.")));
    }
    let parameters = &body["parameters"];
    whole(&texts, &parameters["autoTruncate"])?;
    let length = length_of(&parameters["outputDimensionality"]).map_err(|refusal| google(refusal.message))?;
    let prediction = |text: &&str| {
        json!({"embeddings": {"values": vector(text, length),
            "statistics": {"token_count": tokens(text), "truncated": false}}})
    };
    let predictions: Vec<Value> = texts.iter().map(prediction).collect();
    Ok(Side::json(model, &json!({"predictions": predictions, "metadata": {"billableCharacterCount": 9}})))
}

/// "too long" stands for a text that does not fit; it is cut unless the client says otherwise.
fn whole(texts: &[&str], truncate: &Value) -> Result<(), Refusal> {
    match *truncate == Value::Bool(false) && texts.iter().any(|text| text.contains("too long")) {
        true => Err(google("The input is longer than the model's maximum sequence length.")),
        false => Ok(()),
    }
}

fn one(model: &str, asked: Asked<'_>) -> Answered {
    let body = checked(asked, ONE)?;
    let (values, count) = item(&body)?;
    Ok(Side::json(
        model,
        &json!({"embedding": values, "usageMetadata": {"promptTokenCount": count}, "truncated": false}),
    ))
}

fn many(model: &str, asked: Asked<'_>) -> Answered {
    let body = checked(asked, MANY)?;
    let requests = body["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
    if requests.is_empty() || requests.len() > 100 {
        return Err(google("at most 100 requests can be in one batch"));
    }
    let items: Result<Vec<(Value, usize)>, Refusal> = requests.iter().map(item).collect();
    let (values, counts): (Vec<Value>, Vec<usize>) = items?.into_iter().unzip();
    let count: usize = counts.into_iter().sum();
    Ok(Side::json(model, &json!({"embeddings": values, "usageMetadata": {"promptTokenCount": count}})))
}

fn item(body: &Value) -> Result<(Value, usize), Refusal> {
    let parts = body["content"]["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text: String = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    if text.is_empty() {
        return Err(google("* EmbedContentRequest.content: contents is not specified"));
    }
    let config = &body["embedContentConfig"];
    whole(&[&text], &config["autoTruncate"])?;
    let length = length_of(&config["outputDimensionality"]).map_err(|refusal| google(refusal.message))?;
    Ok((json!({"values": vector(&text, length)}), tokens(&text)))
}
