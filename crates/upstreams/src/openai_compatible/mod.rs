//! Places that speak OpenAI Chat Completions at any address (`openai-compatibility`).

use config::{Compat, CompatKey, Config};
use dialect::splice::Pieces;
use dialect::{Dialect, MaxTokensField, ModelTraits, WireQuirks};
use http::header::AUTHORIZATION;
use hub::Fault;
use pool::Secret;

use crate::endpoint::{Endpoint, credential};
use crate::model::configured;
use crate::{AccountSpec, Call, Kind, Place, Purpose, Upstream, openai_paths};

/// The kind.
pub(crate) static KIND: Kind = Kind { id: "openai-compatibility", ids: &["openai-custom", "openai"], build };

#[derive(Debug)]
struct OpenAiCompatible {
    endpoint: Endpoint,
    root: Endpoint,
}

impl Upstream for OpenAiCompatible {
    fn kind(&self) -> &'static str {
        KIND.id
    }

    fn wire(&self, _model: &str) -> Option<&'static Dialect> {
        Some(&dialect_openai_chat::DIALECT)
    }

    fn origin(&self) -> Option<&str> {
        self.endpoint.origin()
    }

    fn request(&self, call: Call<'_>, secret: &Secret) -> Result<http::Request<Pieces>, Fault> {
        let auth = credential(AUTHORIZATION, "Bearer ", secret)?;
        match openai_paths::path(call.purpose) {
            None => self.endpoint.post(call, auth),
            Some(path) => self.root.below(path)?.post(call, auth),
        }
    }

    /// What a server does not have it says itself.
    fn takes(&self, purpose: Purpose, _model: &str) -> Option<&'static Dialect> {
        match purpose {
            Purpose::CountTokens => None,
            Purpose::Generate | Purpose::Embed(_) | Purpose::Pass(_) => Some(&dialect_openai_chat::DIALECT),
        }
    }
}

fn build(config: &Config) -> Vec<Place> {
    config.compat.iter().filter(|compat| !compat.disabled).filter_map(place).collect()
}

fn place(compat: &Compat) -> Option<Place> {
    let endpoint = Endpoint::new(&compat.base_url, "chat/completions", &compat.headers)?;
    let root = openai_paths::root(&compat.base_url, &compat.headers)?;
    let traits = traits(compat);
    Some(Place {
        upstream: std::sync::Arc::new(OpenAiCompatible { endpoint, root }),
        accounts: accounts(compat),
        models: compat.models.iter().map(|model| configured(model, traits.clone(), &compat.name)).collect(),
        groups: std::iter::once(compat.name.clone()).chain(compat.group.clone()).collect(),
        prefix: compat.prefix.clone(),
        excluded: compat.excluded_models.clone(),
        request_retry: compat.request_retry,
    })
}

/// One account a key; a place without keys is one account without a secret.
fn accounts(compat: &Compat) -> Vec<AccountSpec> {
    let account = |number: usize, key: &CompatKey| AccountSpec {
        id: format!("{}:{}:{number}", KIND.id, compat.name),
        label: format!("{}#{number}", compat.name),
        secret: Secret::new(key.key.expose()),
        proxy: key.proxy.clone(),
        priority: compat.priority,
        weight: key.weight,
        excluded: key.excluded_models.clone(),
        rules: compat.rules.clone(),
    };
    if compat.keys.is_empty() {
        return vec![account(1, &CompatKey::default())];
    }
    compat.keys.iter().enumerate().map(|(n, key)| account(n + 1, key)).collect()
}

fn traits(compat: &Compat) -> ModelTraits {
    let quirks = &compat.quirks;
    // OpenAI itself insists on the newer name; servers that copy its API mostly know the older one.
    let is_openai = compat.base_url.host_str() == Some("api.openai.com");
    let field = match (quirks.max_tokens_field, is_openai) {
        (Some(config::MaxTokensField::MaxCompletionTokens), _) | (None, true) => MaxTokensField::MaxCompletionTokens,
        (Some(config::MaxTokensField::MaxTokens), _) | (None, false) => MaxTokensField::MaxTokens,
    };
    ModelTraits {
        quirks: WireQuirks {
            max_tokens_field: field,
            flatten_content: quirks.flatten_content.unwrap_or(false),
            think_tags: quirks.think_tags.unwrap_or(false),
            no_stream_options: !quirks.supports_stream_usage.unwrap_or(true),
            replay_reasoning: false,
            prompt_cache_key: compat.support_prompt_cache_key || is_openai,
            ..WireQuirks::default()
        },
        ..ModelTraits::default()
    }
}
