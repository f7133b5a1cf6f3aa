//! What all lists of accounts by key share: an entry of the configuration becomes a place with one account.

use std::sync::Arc;

use config::KeyEntry;
use dialect::ModelTraits;
use pool::Secret;

use crate::{AccountSpec, Model, Place, Upstream, catalogue, identity};

/// The place of an entry. `name` is what logs call its accounts.
pub(crate) fn place(
    entry: &KeyEntry,
    number: usize,
    name: &str,
    upstream: Arc<dyn Upstream>,
    models: Vec<Model>,
) -> Place {
    let secret = Secret::new(entry.key.expose());
    let account = AccountSpec {
        id: identity::account(upstream.kind(), upstream.origin(), entry.label.as_deref(), &secret),
        label: entry.label.clone().unwrap_or_else(|| format!("{name}#{number}")),
        secret,
        proxy: entry.proxy.clone(),
        priority: entry.priority,
        weight: entry.weight,
        excluded: Vec::new(),
        renewable: None,
        rules: entry.rules.clone(),
    };
    Place {
        upstream,
        accounts: vec![account],
        models,
        learns: entry.models.is_empty(),
        groups: entry.group.clone().into_iter().collect(),
        prefix: entry.prefix.clone(),
        excluded: entry.excluded_models.clone(),
        aliases: Vec::new(),
        request_retry: entry.request_retry,
    }
}

/// A known model under its own name.
pub(crate) fn known(id: &str, owned_by: &str, traits: ModelTraits) -> Model {
    Model {
        alias: id.to_owned(),
        name: id.to_owned(),
        force_mapping: false,
        card: Some(catalogue::card(id, id, owned_by, &traits)),
        traits: Arc::new(traits),
    }
}

/// The pattern of places that take whatever they are asked for.
pub(crate) const ANYTHING: &str = "*";

/// Every model whose name fits a pattern, under its own name.
pub(crate) fn any(pattern: &str) -> Model {
    Model { alias: pattern.to_owned(), name: String::new(), force_mapping: false, traits: Arc::default(), card: None }
}
