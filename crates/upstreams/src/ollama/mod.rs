//! Ollama servers, on this machine or another (`ollama`).

mod signs;

use std::sync::Arc;

use config::{Config, Ollama};
use dialect::embed::EmbedCall;
use dialect::splice::Pieces;
use dialect::{Dialect, ModelTraits, WireQuirks};
use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION};
use hub::{DialectId, Fault};
use pool::Secret;
use url::Url;

use crate::endpoint::{Endpoint, credential};
use crate::model::configured;
use crate::{Call, Kind, Learned, Lister, Model, Place, Purpose, Upstream, catalogue, keyed, lister, not_taken};

/// The kind.
pub(crate) static KIND: Kind = Kind { id: "ollama", ids: &[], build, files: None };

/// Where a server listens that was told nothing else.
const LOCAL: &str = "http://127.0.0.1:11434";

#[derive(Debug)]
struct OllamaServer {
    chat: Endpoint,
    generate: Endpoint,
    embed: Endpoint,
    embeddings: Endpoint,
    lister: Lister,
    /// The window that is asked for.
    num_ctx: Option<u64>,
}

impl Upstream for OllamaServer {
    fn kind(&self) -> &'static str {
        KIND.id
    }

    fn wire(&self, _model: &str) -> Option<&'static Dialect> {
        Some(&dialect_ollama::DIALECT)
    }

    /// Who asks with a prompt alone is asked for in that form, and so are raw prompts, templates and suffixes.
    fn wire_for(&self, _model: &str, client: DialectId) -> Option<&'static Dialect> {
        let plain = client == dialect_ollama::GENERATE_ID;
        Some(if plain { &dialect_ollama::GENERATE } else { &dialect_ollama::DIALECT })
    }

    fn traits_of(&self, model: &str) -> Arc<ModelTraits> {
        Arc::new(traits(model, self.num_ctx))
    }

    /// The window that is asked for is the one that there is, whatever the model could hold.
    fn traits_of_listed(&self, learned: &Learned) -> ModelTraits {
        let listed = learned.over(traits(learned.known_as(), self.num_ctx));
        ModelTraits { context: self.num_ctx.or(listed.context), ..listed }
    }

    fn lister(&self) -> Option<&Lister> {
        Some(&self.lister)
    }

    fn origin(&self) -> Option<&str> {
        self.chat.origin()
    }

    fn blame(&self, fault: Fault) -> Fault {
        crate::signs::read(signs::SIGNS, fault)
    }

    fn request(&self, call: Call<'_>, secret: &Secret) -> Result<http::Request<Pieces>, Fault> {
        let stream = call.stream;
        let endpoint = match call.purpose {
            Purpose::Generate if call.wire == dialect_ollama::GENERATE_ID => &self.generate,
            Purpose::Generate => &self.chat,
            Purpose::Compact | Purpose::CountTokens | Purpose::Pass(_) => return Err(not_taken()),
            Purpose::Embed(EmbedCall::Many) => &self.embed,
            Purpose::Embed(EmbedCall::One) => &self.embeddings,
        };
        let mut request = endpoint.post(call, credential(AUTHORIZATION, "Bearer ", secret)?)?;
        if stream {
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/x-ndjson"));
        }
        Ok(request)
    }

    fn takes(&self, purpose: Purpose, _model: &str) -> Option<&'static Dialect> {
        match purpose {
            Purpose::Compact | Purpose::CountTokens | Purpose::Pass(_) => None,
            Purpose::Generate | Purpose::Embed(_) => Some(&dialect_ollama::DIALECT),
        }
    }
}

fn build(config: &Config) -> Vec<Place> {
    config.ollama.iter().enumerate().filter_map(|(n, server)| place(n + 1, server)).collect()
}

fn place(number: usize, server: &Ollama) -> Option<Place> {
    let entry = &server.entry;
    let base = entry.base_url.clone().or_else(|| Url::parse(LOCAL).ok())?;
    let endpoint = |path| Endpoint::new(&base, path, &entry.headers);
    let upstream = OllamaServer {
        chat: endpoint("api/chat")?,
        generate: endpoint("api/generate")?,
        embed: endpoint("api/embed")?,
        embeddings: endpoint("api/embeddings")?,
        lister: Lister::new(endpoint("api/tags")?, (AUTHORIZATION, "Bearer "), &lister::OLLAMA)
            .with_details(endpoint("api/show")),
        num_ctx: server.num_ctx,
    };
    Some(keyed::place(entry, number, KIND.id, Arc::new(upstream), models(server)))
}

/// The models that the entry names, or whatever the server has.
fn models(server: &Ollama) -> Vec<Model> {
    let models = &server.entry.models;
    if models.is_empty() {
        return vec![keyed::any(keyed::ANYTHING)];
    }
    models.iter().map(|model| configured(model, traits(&model.name, server.num_ctx), KIND.id)).collect()
}

/// What is known of a model, but for its window: that is the server's setting.
fn traits(model: &str, num_ctx: Option<u64>) -> ModelTraits {
    ModelTraits {
        context: num_ctx,
        quirks: WireQuirks { context_window: num_ctx, ..WireQuirks::default() },
        ..catalogue::traits(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Asked};

    fn places(text: &str) -> Vec<Place> {
        build(&testing::config(text))
    }

    fn asked(place: &Place) -> http::Request<Pieces> {
        let asked = Asked { stream: true, ..Asked::answer(&dialect_ollama::DIALECT, "m") };
        asked.of(&*place.upstream, &place.accounts[0].secret)
    }

    #[test]
    fn a_server_needs_nothing_at_all() {
        let places = places("ollama:\n  - models: [{name: 'qwen3:8b', alias: qwen3}]\n    num-ctx: 32768\n");
        let place = &places[0];
        let request = asked(place);
        assert_eq!(request.uri(), "http://127.0.0.1:11434/api/chat");
        assert_eq!(request.headers()[ACCEPT], "application/x-ndjson");
        assert!(!request.headers().contains_key(AUTHORIZATION));
        let model = &place.models[0];
        assert_eq!((model.alias.as_str(), model.name.as_str()), ("qwen3", "qwen3:8b"));
        assert_eq!((model.traits.quirks.context_window, model.traits.context), (Some(32_768), Some(32_768)));
        let open = &self::places("ollama: [{base-url: 'http://h:1'}]")[0];
        assert!(open.learns && !place.learns);
        assert_eq!(open.models[0].alias, keyed::ANYTHING);
    }

    #[test]
    fn a_key_is_sent_where_there_is_one() {
        let places = places("ollama:\n  - base-url: https://h/api\n    api-key: k1\n    models: [{name: m}]\n");
        let request = asked(&places[0]);
        assert_eq!(request.uri(), "https://h/api/chat");
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer k1");
    }
}
