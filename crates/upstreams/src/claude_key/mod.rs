//! Anthropic by API key (`claude-api-key`), and places that speak its Messages API at another address.

mod classes;

use std::sync::Arc;

use config::{Config, KeyEntry};
use dialect::splice::Pieces;
use dialect::{Dialect, ModelCard, ModelTraits};
use http::HeaderName;
use hub::Fault;
use pool::Secret;
use url::Url;

use crate::endpoint::{Endpoint, credential};
use crate::model::configured;
use crate::{AccountSpec, Call, Kind, Model, Place, Purpose, Upstream, not_taken};

/// The kind.
pub(crate) static KIND: Kind = Kind { id: "claude-api-key", ids: &["claude-custom", "claude"], build };

/// Anthropic's own address (platform documentation, 2026-11).
const ANTHROPIC: &str = "https://api.anthropic.com";

#[derive(Debug)]
struct ClaudeKey {
    messages: Endpoint,
    count: Endpoint,
}

impl Upstream for ClaudeKey {
    fn kind(&self) -> &'static str {
        KIND.id
    }

    fn wire(&self, _model: &str) -> Option<&'static Dialect> {
        Some(&dialect_anthropic::DIALECT)
    }

    fn traits_of(&self, model: &str) -> Arc<ModelTraits> {
        Arc::new(classes::traits(model))
    }

    fn origin(&self) -> Option<&str> {
        self.messages.origin()
    }

    fn request(&self, call: Call<'_>, secret: &Secret) -> Result<http::Request<Pieces>, Fault> {
        let endpoint = match call.purpose {
            Purpose::Generate => &self.messages,
            Purpose::CountTokens => &self.count,
            Purpose::Embed(_) | Purpose::Pass(_) => return Err(not_taken()),
        };
        endpoint.post(call, credential(HeaderName::from_static("x-api-key"), "", secret)?)
    }

    fn takes(&self, purpose: Purpose, _model: &str) -> Option<&'static Dialect> {
        match purpose {
            Purpose::Generate | Purpose::CountTokens => Some(&dialect_anthropic::DIALECT),
            Purpose::Embed(_) | Purpose::Pass(_) => None,
        }
    }
}

fn build(config: &Config) -> Vec<Place> {
    config.claude.iter().enumerate().filter_map(|(n, entry)| place(n + 1, entry)).collect()
}

fn place(number: usize, entry: &KeyEntry) -> Option<Place> {
    let base = entry.base_url.clone().or_else(|| Url::parse(ANTHROPIC).ok())?;
    let messages = Endpoint::new(&base, "v1/messages", &entry.headers)?;
    let count = Endpoint::new(&base, "v1/messages/count_tokens", &entry.headers)?;
    Some(Place {
        upstream: Arc::new(ClaudeKey { messages, count }),
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
        label: format!("claude#{number}"),
        secret: Secret::new(entry.key.expose()),
        proxy: entry.proxy.clone(),
        priority: entry.priority,
        weight: entry.weight,
        excluded: Vec::new(),
        rules: entry.rules.clone(),
    }
}

/// The models that the entry names, or every Claude model under its own name.
fn models(entry: &KeyEntry) -> Vec<Model> {
    if !entry.models.is_empty() {
        return entry.models.iter().map(|model| configured(model, classes::traits(&model.name), "anthropic")).collect();
    }
    let any = Model {
        alias: "claude-*".into(),
        name: String::new(),
        force_mapping: false,
        traits: Arc::default(),
        card: None,
    };
    classes::KNOWN.iter().map(listed).chain([any]).collect()
}

fn listed(known: &classes::Known) -> Model {
    let traits = classes::traits(known.id);
    let card = ModelCard {
        id: known.id.to_owned(),
        display_name: Some(known.display_name.to_owned()),
        owned_by: "anthropic".into(),
        created: None,
        context: traits.context,
        max_output: traits.max_output,
        images: true,
        pdfs: true,
        thinking: true,
    };
    Model {
        alias: known.id.to_owned(),
        name: known.id.to_owned(),
        force_mapping: false,
        traits: Arc::new(traits),
        card: Some(card),
    }
}
