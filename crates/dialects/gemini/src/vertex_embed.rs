//! Embeddings as Vertex AI gives them, which has two forms and none of the Gemini API's.
//!
//! Embedding models of their own are asked by `:predict`, with `instances` and `parameters`; Gemini's by `:embedContent`
//! and `:batchEmbedContents`, with the settings in an `embedContentConfig` (the text embeddings API's reference, and
//! `t_is_vertex_embed_content_model` of google-genai 2.x, November 2026). Both cut too long a text in silence unless they
//! are told not to.

use bytes::{Bytes, BytesMut};
use dialect::embed::{EmbedCall, EmbedInput, EmbedRequest, EmbedWire, Embedded};
use dialect::splice::Edit;
use dialect::{Body, Object};
use hub::{Fault, Losses};
use serde::Deserialize;

use crate::embed::{Values, read, tokens, vectors, write_content};
use crate::wire::{Raw, as_count, lenient};

/// The most instances of one `:predict`, and the most tokens in them (the same reference, "Request limits").
const MOST: usize = 250;
const MOST_TOKENS: u64 = 20_000;
/// The most contents of one batch: what the Gemini API takes.
const MOST_CONTENTS: usize = 100;

/// The form that a model takes.
pub fn embeds(model: &str) -> &'static dyn EmbedWire {
    if is_predicted(model) { &Predict } else { &Contents }
}

/// Whether a model is asked by `:predict`.
pub fn is_predicted(model: &str) -> bool {
    let bare = model.rsplit('/').next().unwrap_or(model);
    !bare.contains("gemini") && !bare.contains("maas")
}

/// `:predict`.
#[derive(Debug)]
struct Predict;

/// `:embedContent` and `:batchEmbedContents`.
#[derive(Debug)]
struct Contents;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    predictions: Vec<Prediction<'a>>,
    #[serde(borrow)]
    embedding: Option<Values<'a>>,
    #[serde(borrow)]
    embeddings: Vec<Values<'a>>,
    #[serde(borrow)]
    usage_metadata: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Prediction<'a> {
    #[serde(borrow)]
    embeddings: Values<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Statistics<'a> {
    #[serde(borrow)]
    token_count: Raw<'a>,
}

impl EmbedWire for Predict {
    fn relay(&self, _: &Body, _: &str) -> Vec<Edit> {
        Vec::new()
    }

    fn most(&self) -> usize {
        MOST
    }

    fn most_tokens(&self) -> u64 {
        MOST_TOKENS
    }

    fn encode(&self, request: &EmbedRequest, inputs: &[EmbedInput], _: &str, _: &mut Losses) -> Bytes {
        let mut out = BytesMut::with_capacity(64 + inputs.iter().map(|input| input.text.len() + 64).sum::<usize>());
        let mut object = Object::open(&mut out);
        object.array("instances", inputs, |input, out| {
            let mut instance = Object::open(out);
            instance.text("content", &input.text);
            instance.text_if("task_type", input.task.as_deref());
            instance.text_if("title", input.title.as_deref());
            instance.close();
        });
        if request.truncate.is_some() || request.dimensions.is_some() {
            let mut parameters = Object::open(object.key("parameters"));
            if let Some(truncate) = request.truncate {
                parameters.flag("autoTruncate", truncate);
            }
            parameters.number_if("outputDimensionality", request.dimensions);
            parameters.close();
        }
        object.close();
        out.freeze()
    }

    fn decode<'a>(&self, body: &'a [u8], count: usize) -> Result<Embedded<'a>, Fault> {
        let list: Vec<Values<'_>> =
            read(body, |answer: &Answer<'_>| answer.error)?.predictions.into_iter().map(|one| one.embeddings).collect();
        let counted = |values: &Values<'_>| as_count(lenient::<Statistics<'_>>(values.statistics).token_count);
        let tokens = list.iter().map(counted).sum();
        Ok(Embedded { vectors: vectors(list.into_iter(), count)?, tokens })
    }

    /// Nothing is relayed in this form.
    fn tokens(&self, _: &[u8]) -> Option<u64> {
        None
    }
}

impl EmbedWire for Contents {
    fn relay(&self, _: &Body, _: &str) -> Vec<Edit> {
        Vec::new()
    }

    fn most(&self) -> usize {
        MOST_CONTENTS
    }

    fn call(&self, count: usize) -> EmbedCall {
        if count == 1 { EmbedCall::One } else { EmbedCall::Many }
    }

    fn encode(&self, request: &EmbedRequest, inputs: &[EmbedInput], _: &str, _: &mut Losses) -> Bytes {
        let mut out = BytesMut::with_capacity(64 + inputs.iter().map(|input| input.text.len() + 128).sum::<usize>());
        match inputs {
            [only] => content(only, request, &mut out),
            many => {
                let mut object = Object::open(&mut out);
                object.array("requests", many, |input, out| content(input, request, out));
                object.close();
            }
        }
        out.freeze()
    }

    fn decode<'a>(&self, body: &'a [u8], count: usize) -> Result<Embedded<'a>, Fault> {
        let answer = read(body, |answer: &Answer<'_>| answer.error)?;
        let tokens = tokens(answer.usage_metadata);
        let list = answer.embedding.into_iter().chain(answer.embeddings);
        Ok(Embedded { vectors: vectors(list, count)?, tokens })
    }

    /// Nothing is relayed in this form.
    fn tokens(&self, _: &[u8]) -> Option<u64> {
        None
    }
}

fn content(input: &EmbedInput, request: &EmbedRequest, out: &mut BytesMut) {
    let mut object = Object::open(out);
    write_content(input, object.key("content"));
    let set = input.task.is_some() || input.title.is_some() || request.dimensions.is_some();
    if set || request.truncate.is_some() {
        let mut config = Object::open(object.key("embedContentConfig"));
        config.text_if("taskType", input.task.as_deref());
        config.text_if("title", input.title.as_deref());
        config.number_if("outputDimensionality", request.dimensions);
        if let Some(truncate) = request.truncate {
            config.flag("autoTruncate", truncate);
        }
        config.close();
    }
    object.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use dialect::embed::Vector;

    fn inputs(count: usize) -> Vec<EmbedInput> {
        (0..count).map(|number| EmbedInput::plain(format!("t{number}"))).collect()
    }

    fn sent(wire: &dyn EmbedWire, request: &EmbedRequest, inputs: &[EmbedInput]) -> String {
        String::from_utf8(wire.encode(request, inputs, "m", &mut Losses::default()).to_vec()).unwrap()
    }

    #[test]
    fn the_model_tells_the_form() {
        for (model, predicted) in [
            ("text-embedding-005", true),
            ("publishers/google/models/text-multilingual-embedding-002", true),
            ("gemini-embedding-001", false),
            ("publishers/google/models/gemini-embedding-2", false),
            ("e5-maas", false),
        ] {
            assert_eq!(is_predicted(model), predicted, "{model}");
        }
    }

    #[test]
    fn both_forms_are_written() {
        let request = EmbedRequest { dimensions: Some(4), truncate: Some(false), ..EmbedRequest::default() };
        let one = [EmbedInput { task: Some("CLUSTERING".into()), ..EmbedInput::plain("x") }];
        assert_eq!(
            sent(&Predict, &request, &one),
            r#"{"instances":[{"content":"x","task_type":"CLUSTERING"}],"parameters":{"autoTruncate":false,"outputDimensionality":4}}"#
        );
        assert_eq!(
            sent(&Contents, &request, &one),
            r#"{"content":{"parts":[{"text":"x"}]},"embedContentConfig":{"taskType":"CLUSTERING","outputDimensionality":4,"autoTruncate":false}}"#
        );
        let plain = EmbedRequest::default();
        assert_eq!(sent(&Predict, &plain, &inputs(1)), r#"{"instances":[{"content":"t0"}]}"#);
        let two = r#"{"requests":[{"content":{"parts":[{"text":"t0"}]}},{"content":{"parts":[{"text":"t1"}]}}]}"#;
        assert_eq!(sent(&Contents, &plain, &inputs(2)), two);
        assert_eq!((Contents.call(1), Contents.call(2)), (EmbedCall::One, EmbedCall::Many));
    }

    #[test]
    fn both_forms_are_read() {
        let predicted =
            br#"{"predictions":[{"embeddings":{"values":[1,2],"statistics":{"token_count":3,"truncated":false}}},
            {"embeddings":{"values":[3],"statistics":{"token_count":4.0}}}],"metadata":{"billableCharacterCount":9}}"#;
        let read = Predict.decode(predicted, 2).unwrap();
        assert_eq!((read.vectors.len(), read.tokens), (2, Some(7)));
        let one = br#"{"embedding":{"values":[1]},"usageMetadata":{"promptTokenCount":5},"truncated":false}"#;
        assert_eq!(Contents.decode(one, 1).unwrap().tokens, Some(5));
        let many = br#"{"embeddings":[{"values":[1]},{"values":[2]}]}"#;
        assert_eq!(Contents.decode(many, 2).unwrap().vectors[1], Vector::Floats("[2]".into()));
        for bad in [&b"{}"[..], b"[]", br#"{"predictions":[{}]}"#, br#"{"embedding":{}}"#, br#"{"predictions":7}"#] {
            assert!(Predict.decode(bad, 1).is_err() && Contents.decode(bad, 1).is_err());
        }
        let fault = br#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}"#;
        assert_eq!(Predict.decode(fault, 1).unwrap_err().message, "slow down");
    }
}
