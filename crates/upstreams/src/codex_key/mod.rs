//! OpenAI by API key (`codex-api-key`), and places that speak its Responses API at another address.

mod signs;

use std::sync::Arc;

use config::{Config, KeyEntry};
use dialect::splice::Pieces;
use dialect::{Dialect, ModelTraits, WireQuirks};
use http::header::AUTHORIZATION;
use hub::Fault;
use pool::Secret;

use crate::endpoint::{Endpoint, credential};
use crate::model::configured;
use crate::{Call, Kind, Lister, Model, Place, Purpose, Upstream, catalogue, keyed, lister, openai_paths};

/// The kind.
pub(crate) static KIND: Kind =
    Kind { id: "codex-api-key", ids: &["openaiResponses-custom", "codex", "OpenAI Responses"], build, files: None };

/// Whose models these are.
const OWNER: &str = "openai";
/// What an entry without models takes.
const PATTERNS: [&str; 5] = ["gpt-*", "codex-*", "o1*", "o3*", "o4*"];

#[derive(Debug)]
struct CodexKey {
    responses: Endpoint,
    root: Endpoint,
    lister: Lister,
}

impl Upstream for CodexKey {
    fn kind(&self) -> &'static str {
        KIND.id
    }

    fn wire(&self, _model: &str) -> Option<&'static Dialect> {
        Some(&dialect_openai_responses::DIALECT)
    }

    fn traits_of(&self, model: &str) -> Arc<ModelTraits> {
        Arc::new(traits(model))
    }

    fn origin(&self) -> Option<&str> {
        self.responses.origin()
    }

    fn lister(&self) -> Option<&Lister> {
        Some(&self.lister)
    }

    fn blame(&self, fault: Fault) -> Fault {
        signs::read(fault)
    }

    fn request(&self, call: Call<'_>, secret: &Secret) -> Result<http::Request<Pieces>, Fault> {
        let auth = credential(AUTHORIZATION, "Bearer ", secret)?;
        match openai_paths::path(call.purpose) {
            None if call.purpose == Purpose::CountTokens => self.responses.below("input_tokens")?.post(call, auth),
            None if call.purpose == Purpose::Compact => self.responses.below("compact")?.post(call, auth),
            None => self.responses.post(call, auth),
            Some(path) => self.root.below(path)?.post(call, auth),
        }
    }

    /// What the API has beside answers stands beside them, in the language of Chat's routes.
    fn takes(&self, purpose: Purpose, _model: &str) -> Option<&'static Dialect> {
        match purpose {
            Purpose::Generate | Purpose::Compact | Purpose::CountTokens => Some(&dialect_openai_responses::DIALECT),
            Purpose::Embed(_) | Purpose::Pass(_) => Some(&dialect_openai_chat::DIALECT),
        }
    }
}

fn build(config: &Config) -> Vec<Place> {
    config.codex.iter().enumerate().filter_map(|(n, entry)| place(n + 1, entry)).collect()
}

/// The configuration insists on an address; an entry without one is not used.
fn place(number: usize, entry: &KeyEntry) -> Option<Place> {
    let base = entry.base_url.as_ref()?;
    let responses = Endpoint::new(base, "responses", &entry.headers)?;
    let root = openai_paths::root(base, &entry.headers)?;
    let lister = Lister::new(root.below("models").ok()?, (AUTHORIZATION, "Bearer "), &lister::OPENAI);
    Some(keyed::place(entry, number, "codex", Arc::new(CodexKey { responses, root, lister }), models(entry)))
}

/// The models that the entry names, or every model of OpenAI's naming under its own name.
fn models(entry: &KeyEntry) -> Vec<Model> {
    if !entry.models.is_empty() {
        return entry.models.iter().map(|model| configured(model, traits(&model.name), OWNER)).collect();
    }
    let is_openai = entry.base_url.as_ref().and_then(url::Url::host_str) == Some("api.openai.com");
    let listed = catalogue::listed(OWNER).filter(|_| is_openai).map(|id| keyed::known(id, OWNER, traits(id)));
    listed.chain(PATTERNS.map(keyed::any)).collect()
}

/// OpenAI's own models come with the cache key that its API takes.
fn traits(model: &str) -> ModelTraits {
    let known = catalogue::known(model);
    let quirks = WireQuirks { prompt_cache_key: known.vendor == Some(OWNER), ..WireQuirks::default() };
    ModelTraits { quirks, ..known.traits }
}
