//! Model lists in Google's shape. Knows nothing of where the models come from.

use bytes::BytesMut;
use dialect::{Catalogue, HttpReply, ModelCard, Object, array, quoted};
use http::StatusCode;

/// Clients hide a model that does not list these.
const METHODS: [&str; 3] = ["generateContent", "streamGenerateContent", "countTokens"];
/// What a model is asked for that gives vectors.
const EMBEDS: [&str; 3] = ["embedContent", "batchEmbedContents", "countTokens"];
/// The largest page that the API gives.
const MAX_PAGE: usize = 1_000;

/// Writes `GET .../models` and `GET .../models/{id}`.
#[derive(Debug)]
pub(crate) struct Models;

impl Catalogue for Models {
    fn list(&self, models: &[ModelCard], query: &str) -> HttpReply {
        let number = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<usize>().ok())
        };
        // The token of a page is the number of models before it.
        let from = number("pageToken").unwrap_or(0).min(models.len());
        let size = number("pageSize").filter(|size| *size > 0).unwrap_or(MAX_PAGE).min(MAX_PAGE);
        let to = from.saturating_add(size).min(models.len());
        let mut out = BytesMut::with_capacity(64 + (to - from) * 320);
        let mut list = Object::open(&mut out);
        list.array("models", &models[from..to], card);
        if to < models.len() {
            list.text("nextPageToken", &to.to_string());
        }
        list.close();
        HttpReply::json(StatusCode::OK, out.freeze())
    }

    fn one(&self, model: &ModelCard) -> HttpReply {
        let mut out = BytesMut::with_capacity(320);
        card(model, &mut out);
        HttpReply::json(StatusCode::OK, out.freeze())
    }
}

fn card(model: &ModelCard, out: &mut BytesMut) {
    let mut card = Object::open(out);
    card.text("name", &format!("models/{}", model.id));
    card.text("baseModelId", &model.id);
    card.text("version", "001");
    card.text("displayName", model.display_name.as_deref().unwrap_or(&model.id));
    card.number_if("inputTokenLimit", model.context);
    card.number_if("outputTokenLimit", model.max_output);
    array(if model.embeds { EMBEDS } else { METHODS }, card.key("supportedGenerationMethods"), quoted);
    card.flag("thinking", model.thinks());
    card.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(id: &str) -> ModelCard {
        ModelCard { context: Some(1_000), ..ModelCard::new(id, "acme", &dialect::ModelTraits::default()) }
    }

    fn body(reply: &HttpReply) -> serde_json::Value {
        serde_json::from_slice(&reply.body).unwrap()
    }

    #[test]
    fn lists_are_paged() {
        let models = [model("a"), model("b/c"), model("d")];
        let names = |value: &serde_json::Value| -> Vec<String> {
            value["models"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap().to_owned()).collect()
        };
        let first = body(&Models.list(&models, "pageSize=2"));
        assert_eq!(names(&first), ["models/a", "models/b/c"]);
        assert_eq!(first["nextPageToken"], "2");
        let last = body(&Models.list(&models, "pageSize=2&pageToken=2"));
        assert_eq!(names(&last), ["models/d"]);
        assert_eq!(last.get("nextPageToken"), None);
        assert_eq!(names(&body(&Models.list(&models, "pageToken=99&pageSize=x"))), Vec::<String>::new());
    }

    #[test]
    fn a_model_says_what_it_takes() {
        let card = body(&Models.one(&model("a")));
        assert_eq!(card["supportedGenerationMethods"][0], "generateContent");
        assert_eq!(card["inputTokenLimit"], 1_000);
        assert_eq!(
            (&card["name"], &card["displayName"], &card["thinking"]),
            (&"models/a".into(), &"a".into(), &false.into())
        );
    }
}
