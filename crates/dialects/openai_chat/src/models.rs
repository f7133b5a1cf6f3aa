//! Model lists in OpenAI's shape. Knows nothing of where the models come from.

use std::time::UNIX_EPOCH;

use bytes::BytesMut;
use dialect::{Catalogue, HttpReply, ModelCard, Object, quoted};
use http::StatusCode;

/// Writes `GET /v1/models` and `GET /v1/models/{id}`. The list is never paged.
#[derive(Debug)]
pub(crate) struct Models;

impl Catalogue for Models {
    fn list(&self, models: &[ModelCard], _query: &str) -> HttpReply {
        let mut out = BytesMut::with_capacity(64 + models.len() * 128);
        let mut list = Object::open(&mut out);
        list.text("object", "list");
        list.array("data", models, card);
        list.close();
        HttpReply::json(StatusCode::OK, out.freeze())
    }

    fn one(&self, model: &ModelCard) -> HttpReply {
        let mut out = BytesMut::with_capacity(160);
        card(model, &mut out);
        HttpReply::json(StatusCode::OK, out.freeze())
    }
}

fn card(model: &ModelCard, out: &mut BytesMut) {
    let age = model.created.and_then(|created| created.duration_since(UNIX_EPOCH).ok());
    let mut card = Object::open(out);
    card.text("id", &model.id);
    card.text("object", "model");
    card.number("created", age.map_or(0, |age| age.as_secs()));
    card.text("owned_by", &model.owned_by);
    // Not OpenAI's own fields, but read by many programs and harmless to the rest.
    card.text_if("display_name", model.display_name.as_deref());
    card.number_if("context_length", model.context);
    card.number_if("max_output_tokens", model.max_output);
    modalities(model, &mut card);
    card.close();
}

/// What the model reads, as OpenRouter's list spells it.
fn modalities(model: &ModelCard, card: &mut Object<'_>) {
    let all =
        [("text", true), ("image", model.images), ("file", model.pdfs), ("audio", model.audio), ("video", model.video)];
    let mut architecture = Object::open(card.key("architecture"));
    architecture
        .array("input_modalities", all.into_iter().filter(|(_, able)| *able), |(word, _), out| quoted(word, out));
    architecture.array("output_modalities", [if model.embeds { "embeddings" } else { "text" }], quoted);
    architecture.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn model(id: &str) -> ModelCard {
        ModelCard {
            created: Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000)),
            context: Some(128_000),
            images: true,
            ..ModelCard::new(id, "acme", &dialect::ModelTraits::default())
        }
    }

    fn body(reply: &HttpReply) -> serde_json::Value {
        serde_json::from_slice(&reply.body).unwrap()
    }

    #[test]
    fn lists_have_openais_shape() {
        let reply = Models.list(&[model("a/b"), ModelCard { created: None, ..model("c") }], "limit=1");
        let reads = serde_json::json!({"input_modalities": ["text", "image"], "output_modalities": ["text"]});
        let expect = serde_json::json!({"object": "list", "data": [
            {"id": "a/b", "object": "model", "created": 1_700_000_000, "owned_by": "acme", "context_length": 128_000,
                "architecture": reads},
            {"id": "c", "object": "model", "created": 0, "owned_by": "acme", "context_length": 128_000,
                "architecture": reads},
        ]});
        assert_eq!(body(&reply), expect);
        assert_eq!(body(&Models.one(&model("a/b"))), expect["data"][0]);
        assert_eq!(body(&Models.list(&[], "")), serde_json::json!({"object": "list", "data": []}));
    }
}
