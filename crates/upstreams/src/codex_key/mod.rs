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
use crate::{AccountSpec, Call, Kind, Model, Place, Upstream};

/// The kind.
pub(crate) static KIND: Kind = Kind { id: "codex-api-key", build };

#[derive(Debug)]
struct CodexKey {
    responses: Endpoint,
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

    fn request(&self, call: Call<'_>, secret: &Secret) -> Result<http::Request<Pieces>, Fault> {
        self.responses.post(call, credential(AUTHORIZATION, "Bearer ", secret)?)
    }
}

fn build(config: &Config) -> Vec<Place> {
    config.codex.iter().enumerate().filter_map(|(n, entry)| place(n + 1, entry)).collect()
}

/// The configuration insists on an address; an entry without one is not used.
fn place(number: usize, entry: &KeyEntry) -> Option<Place> {
    let responses = Endpoint::new(entry.base_url.as_ref()?, "responses", &entry.headers)?;
    Some(Place {
        upstream: Arc::new(CodexKey { responses }),
        accounts: vec![account(number, entry)],
        models: models(entry),
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
