//! OpenAI by API key (`codex-api-key`), and places that speak its Responses API at another address.

mod classes;

use std::sync::Arc;

use config::{Config, KeyEntry};
use dialect::splice::Pieces;
use dialect::{Dialect, ModelTraits};
use http::header::AUTHORIZATION;
use hub::Fault;
use pool::Secret;

use crate::endpoint::{Endpoint, credential};
use crate::model::configured;
use crate::{AccountSpec, Call, Kind, Model, Place, Purpose, Upstream, openai_paths};

/// The kind.
pub(crate) static KIND: Kind =
    Kind { id: "codex-api-key", ids: &["openaiResponses-custom", "codex", "OpenAI Responses"], build };

#[derive(Debug)]
struct CodexKey {
    responses: Endpoint,
    root: Endpoint,
}

impl Upstream for CodexKey {
    fn kind(&self) -> &'static str {
        KIND.id
    }

    fn wire(&self, _model: &str) -> Option<&'static Dialect> {
        Some(&dialect_openai_responses::DIALECT)
    }

    fn traits_of(&self, model: &str) -> Arc<ModelTraits> {
        Arc::new(classes::traits(model))
    }

    fn origin(&self) -> Option<&str> {
        self.responses.origin()
    }

    fn request(&self, call: Call<'_>, secret: &Secret) -> Result<http::Request<Pieces>, Fault> {
        let auth = credential(AUTHORIZATION, "Bearer ", secret)?;
        match openai_paths::path(call.purpose) {
            None => self.responses.post(call, auth),
            Some(path) => self.root.below(path)?.post(call, auth),
        }
    }

    /// What the API has beside answers stands beside them, in the language of Chat's routes.
    fn takes(&self, purpose: Purpose, _model: &str) -> Option<&'static Dialect> {
        match purpose {
            Purpose::Generate => Some(&dialect_openai_responses::DIALECT),
            Purpose::CountTokens => None,
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
    Some(Place {
        upstream: Arc::new(CodexKey { responses, root }),
        accounts: vec![account(number, entry)],
        models: models(entry),
        groups: entry.group.clone().into_iter().collect(),
        prefix: entry.prefix.clone(),
        excluded: entry.excluded_models.clone(),
        request_retry: entry.request_retry,
    })
}

fn account(number: usize, entry: &KeyEntry) -> AccountSpec {
    AccountSpec {
        id: format!("{}:{number}", KIND.id),
        label: format!("codex#{number}"),
        secret: Secret::new(entry.key.expose()),
        proxy: entry.proxy.clone(),
        priority: entry.priority,
        weight: entry.weight,
        excluded: Vec::new(),
        rules: entry.rules.clone(),
    }
}

/// The models that the entry names, or every model of OpenAI's naming under its own name.
fn models(entry: &KeyEntry) -> Vec<Model> {
    if !entry.models.is_empty() {
        return entry.models.iter().map(|model| configured(model, classes::traits(&model.name), "openai")).collect();
    }
    let any = |alias: &str| Model {
        alias: alias.into(),
        name: String::new(),
        force_mapping: false,
        traits: Arc::default(),
        card: None,
    };
    classes::PATTERNS.iter().map(|pattern| any(pattern)).collect()
}
