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
    /// OpenAI's own API, and nobody who stands before it.
    is_official: bool,
}

impl Upstream for CodexKey {
    fn kind(&self) -> &'static str {
        KIND.id
    }

    fn wire(&self, _model: &str) -> Option<&'static Dialect> {
        Some(&dialect_openai_responses::DIALECT)
    }

    fn traits_of(&self, model: &str) -> Arc<ModelTraits> {
        Arc::new(traits(model, self.is_official))
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
    config.keyed(KIND.id).iter().enumerate().filter_map(|(n, entry)| place(n + 1, entry)).collect()
}

/// The configuration insists on an address; an entry without one is not used.
fn place(number: usize, entry: &KeyEntry) -> Option<Place> {
    let base = entry.base_url.as_ref()?;
    let responses = Endpoint::new(base, "responses", &entry.headers)?;
    let root = openai_paths::root(base, &entry.headers)?;
    let lister = Lister::new(root.below("models").ok()?, (AUTHORIZATION, "Bearer "), &lister::OPENAI);
    Some(keyed::place(
        entry,
        number,
        "codex",
        Arc::new(CodexKey { responses, root, lister, is_official: is_official(base) }),
        models(entry),
    ))
}

/// The models that the entry names, or every model of OpenAI's naming under its own name.
fn models(entry: &KeyEntry) -> Vec<Model> {
    let official = entry.base_url.as_ref().is_some_and(is_official);
    if !entry.models.is_empty() {
        let known = |model: &_| configured(model, traits(&model.name, official), OWNER);
        return entry.models.iter().map(known).collect();
    }
    let listed = catalogue::listed(OWNER).filter(|_| official).map(|id| keyed::known(id, OWNER, traits(id, true)));
    listed.chain(PATTERNS.map(keyed::any)).collect()
}

fn is_official(base: &url::Url) -> bool {
    base.host_str() == Some("api.openai.com")
}

/// OpenAI's own models come with the cache key that its API takes; at OpenAI itself with cache breakpoints and the pages
/// of searches, too, which others that serve them are known to refuse.
fn traits(model: &str, official: bool) -> ModelTraits {
    let known = catalogue::known(model);
    let is_own = known.vendor == Some(OWNER);
    let quirks = WireQuirks {
        prompt_cache_key: is_own,
        search_sources: is_own && official,
        cache_breakpoints: official && catalogue::takes_breakpoints(model),
        ..WireQuirks::default()
    };
    ModelTraits { quirks, ..known.traits }
}
