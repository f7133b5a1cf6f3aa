//! xAI by API key (`xai-api-key`). Its Responses API carries reasoning from turn to turn; Chat is there for programs that
//! speak Chat themselves (docs.x.ai/developers/model-capabilities/text/best-practices, 2026-11-21).

use std::sync::Arc;

use config::{Config, KeyEntry};
use url::Url;

use crate::model::configured;
use crate::openai_compatible::place::OpenAiPlace;
use crate::openai_compatible::places;
use crate::{Kind, Model, Place, catalogue, keyed};

/// The kind.
pub(crate) static KIND: Kind = Kind { id: "xai-api-key", ids: &["xai", "grok"], build, files: None };

/// xAI's own address.
const XAI: &str = "https://api.x.ai/v1";
/// Whose models these are.
const OWNER: &str = "xai";

fn build(config: &Config) -> Vec<Place> {
    config.keyed(KIND.id).iter().enumerate().filter_map(|(n, entry)| place(n + 1, entry)).collect()
}

fn place(number: usize, entry: &KeyEntry) -> Option<Place> {
    let base = entry.base_url.clone().or_else(|| Url::parse(XAI).ok())?;
    // The wire is xAI's wherever the address leads.
    let row = places::of(&base, Some(OWNER));
    let upstream = OpenAiPlace::new(KIND.id, &base, &entry.headers, row, row.quirks())?;
    let models = models(entry, &upstream);
    Some(keyed::place(entry, number, OWNER, Arc::new(upstream), models))
}

/// The models that the entry names, or every Grok model under its own name.
fn models(entry: &KeyEntry, upstream: &OpenAiPlace) -> Vec<Model> {
    if !entry.models.is_empty() {
        let named = entry.models.iter();
        return named.map(|model| configured(model, upstream.known(&model.name), OWNER)).collect();
    }
    let listed = catalogue::listed(OWNER).map(|id| keyed::known(id, OWNER, upstream.known(id)));
    listed.chain([keyed::any("grok-*")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Asked};
    use dialect::Dialect;

    fn places(text: &str) -> Vec<Place> {
        build(&testing::config(text))
    }

    fn asked(place: &Place, wire: &Dialect) -> http::Request<dialect::splice::Pieces> {
        Asked::answer(wire, "grok-4.5").of(&*place.upstream, &place.accounts[0].secret)
    }

    #[test]
    fn chat_programs_are_relayed_and_all_others_get_responses() {
        let places = places("xai-api-key: [{api-key: xk}]\n");
        let upstream = &places[0].upstream;
        for (client, wire, uri) in [
            (&dialect_openai_chat::DIALECT, "openai_chat", "https://api.x.ai/v1/chat/completions"),
            (&dialect_openai_responses::DIALECT, "openai_responses", "https://api.x.ai/v1/responses"),
            (&dialect_anthropic::DIALECT, "openai_responses", "https://api.x.ai/v1/responses"),
        ] {
            let found = upstream.wire_for("grok-4.5", client.id).unwrap();
            assert_eq!(found.id.0, wire);
            let request = asked(&places[0], found);
            assert_eq!(request.uri(), uri);
            assert_eq!(request.headers()["authorization"], "Bearer xk");
        }
        assert_eq!(upstream.wire_for("grok-3", dialect_gemini::DIALECT.id).unwrap().id.0, "openai_chat");
    }

    #[test]
    fn known_models_are_listed_and_others_go_by_pattern() {
        let place = &places("xai-api-key: [{api-key: xk, base-url: 'https://proxy.example/v1'}]\n")[0];
        let card = place.models[0].card.as_ref().unwrap();
        assert_eq!((card.id.as_str(), card.owned_by.as_str(), card.context), ("grok-4.5", "xai", Some(500_000)));
        assert_eq!(place.models.last().unwrap().alias, "grok-*");
        assert_eq!(asked(place, &dialect_openai_responses::DIALECT).uri(), "https://proxy.example/v1/responses");
    }
}
