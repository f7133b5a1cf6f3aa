//! Places that speak OpenAI Chat Completions at any address (`openai-compatibility`), and the Responses API where they
//! are known to. What is peculiar about them stands in `places.rs`.

pub(crate) mod place;
pub(crate) mod places;
mod signs;

use config::{Compat, CompatKey, Config};
use dialect::{MaxTokensField, ReasoningField, WireQuirks};
use pool::Secret;

use crate::model::configured;
use crate::{AccountSpec, Kind, Model, Place, Upstream as _, identity, keyed};

use place::OpenAiPlace;

/// The kind.
pub(crate) static KIND: Kind =
    Kind { id: "openai-compatibility", ids: &["openai-custom", "openai"], build, files: None };

fn build(config: &Config) -> Vec<Place> {
    config.compat.iter().filter(|compat| !compat.disabled).filter_map(place).collect()
}

fn place(compat: &Compat) -> Option<Place> {
    let row = places::of(&compat.base_url, compat.quirks.like);
    let upstream = OpenAiPlace::new(KIND.id, &compat.base_url, &compat.headers, row, quirks(compat, row))?;
    Some(Place {
        accounts: accounts(compat, upstream.origin()),
        models: models(compat, &upstream),
        learns: compat.models.is_empty(),
        groups: std::iter::once(compat.name.clone()).chain(compat.group.clone()).collect(),
        prefix: compat.prefix.clone(),
        excluded: compat.excluded_models.clone(),
        aliases: Vec::new(),
        request_retry: compat.request_retry,
        upstream: std::sync::Arc::new(upstream),
    })
}

/// The models that the entry names, or whatever the place has.
fn models(compat: &Compat, upstream: &OpenAiPlace) -> Vec<Model> {
    if compat.models.is_empty() {
        return vec![keyed::any(keyed::ANYTHING)];
    }
    compat.models.iter().map(|model| configured(model, upstream.known(&model.name), &compat.name)).collect()
}

/// One account a key; a place without keys is one account without a secret.
fn accounts(compat: &Compat, origin: Option<&str>) -> Vec<AccountSpec> {
    let scope = format!("{}:{}", KIND.id, compat.name);
    let account = |number: usize, key: &CompatKey| {
        let secret = Secret::new(key.key.expose());
        AccountSpec {
            id: identity::account(&scope, origin, key.label.as_deref(), &secret),
            label: key.label.clone().unwrap_or_else(|| format!("{}#{number}", compat.name)),
            secret,
            proxy: key.proxy.clone(),
            priority: compat.priority,
            weight: key.weight,
            excluded: key.excluded_models.clone(),
            renewable: None,
            rules: compat.rules.clone(),
        }
    };
    if compat.keys.is_empty() {
        return vec![account(1, &CompatKey::default())];
    }
    compat.keys.iter().enumerate().map(|(n, key)| account(n + 1, key)).collect()
}

/// What the user says, else what the row says.
fn quirks(compat: &Compat, row: &places::Row) -> WireQuirks {
    let (said, known) = (&compat.quirks, row.quirks());
    let not = |said: Option<bool>, known: bool| said.map_or(known, |takes| !takes);
    WireQuirks {
        max_tokens_field: said.max_tokens_field.map_or(known.max_tokens_field, max_tokens_field),
        insists_on_max_tokens_field: said.max_tokens_field.is_some() || known.insists_on_max_tokens_field,
        reasoning_field: said.reasoning_field.map_or(known.reasoning_field, reasoning_field),
        flatten_content: said.flatten_content.unwrap_or(known.flatten_content),
        think_tags: said.think_tags.unwrap_or(known.think_tags),
        replay_reasoning: said.replay_reasoning.unwrap_or(known.replay_reasoning),
        no_stream_options: not(said.supports_stream_usage, known.no_stream_options),
        no_developer_role: not(said.supports_developer_role, known.no_developer_role),
        no_parallel_field: not(said.supports_parallel_tools, known.no_parallel_field),
        prompt_cache_key: compat.support_prompt_cache_key || known.prompt_cache_key,
        ..known
    }
}

fn max_tokens_field(field: config::MaxTokensField) -> MaxTokensField {
    match field {
        config::MaxTokensField::MaxCompletionTokens => MaxTokensField::MaxCompletionTokens,
        config::MaxTokensField::MaxTokens => MaxTokensField::MaxTokens,
    }
}

fn reasoning_field(field: config::ReasoningField) -> ReasoningField {
    match field {
        config::ReasoningField::Effort => ReasoningField::Effort,
        config::ReasoningField::Object => ReasoningField::Object,
        config::ReasoningField::Switch => ReasoningField::Switch,
        config::ReasoningField::Budget => ReasoningField::Budget,
    }
}

#[cfg(test)]
mod tests;
