//! Anthropic by API key (`claude-api-key`), and places that speak its Messages API at another address.

mod signs;

use std::sync::Arc;

use config::{Config, KeyEntry};
use dialect::splice::Pieces;
use dialect::{Dialect, ModelTraits};
use http::HeaderName;
use hub::Fault;
use pool::Secret;
use url::Url;

use crate::endpoint::{Endpoint, credential};
use crate::model::configured;
use crate::openai_paths::without;
use crate::{Call, Kind, Lister, Model, Place, Purpose, Upstream, catalogue, keyed, lister, not_taken};

/// The kind.
pub(crate) static KIND: Kind = Kind { id: "claude-api-key", ids: &["claude-custom", "claude"], build, files: None };

/// Anthropic's own address (platform documentation, 2026-11).
const ANTHROPIC: &str = "https://api.anthropic.com";
/// Whose models these are.
const OWNER: &str = "anthropic";

#[derive(Debug)]
struct ClaudeKey {
    messages: Endpoint,
    count: Endpoint,
    lister: Lister,
    cache_prompts: bool,
}

/// The header that carries the key.
const KEY: HeaderName = HeaderName::from_static("x-api-key");

impl Upstream for ClaudeKey {
    fn kind(&self) -> &'static str {
        KIND.id
    }

    fn wire(&self, _model: &str) -> Option<&'static Dialect> {
        Some(&dialect_anthropic::DIALECT)
    }

    fn traits_of(&self, model: &str) -> Arc<ModelTraits> {
        Arc::new(traits(model, self.cache_prompts))
    }

    fn origin(&self) -> Option<&str> {
        self.messages.origin()
    }

    fn lister(&self) -> Option<&Lister> {
        Some(&self.lister)
    }

    fn blame(&self, fault: Fault) -> Fault {
        signs::read(fault)
    }

    fn request(&self, call: Call<'_>, secret: &Secret) -> Result<http::Request<Pieces>, Fault> {
        let endpoint = match call.purpose {
            Purpose::Generate => &self.messages,
            Purpose::CountTokens => &self.count,
            Purpose::Compact | Purpose::Embed(_) | Purpose::Pass(_) => return Err(not_taken()),
        };
        endpoint.post(call, credential(KEY, "", secret)?)
    }

    fn takes(&self, purpose: Purpose, _model: &str) -> Option<&'static Dialect> {
        match purpose {
            Purpose::Generate | Purpose::CountTokens => Some(&dialect_anthropic::DIALECT),
            Purpose::Compact | Purpose::Embed(_) | Purpose::Pass(_) => None,
        }
    }
}

fn build(config: &Config) -> Vec<Place> {
    config.keyed(KIND.id).iter().enumerate().filter_map(|(n, entry)| place(n + 1, entry)).collect()
}

fn place(number: usize, entry: &KeyEntry) -> Option<Place> {
    let base = entry.base_url.clone().or_else(|| Url::parse(ANTHROPIC).ok())?;
    let messages = Endpoint::new(&base, "v1/messages", &entry.headers)?;
    let count = Endpoint::new(&base, "v1/messages/count_tokens", &entry.headers)?;
    let list = Endpoint::new(&without(&base, &["/messages"]), "v1/models", &entry.headers)?;
    let (lister, cache_prompts) = (Lister::new(list, (KEY, ""), &lister::ANTHROPIC), entry.cache_prompts);
    let upstream = ClaudeKey { messages, count, lister, cache_prompts };
    Some(keyed::place(entry, number, "claude", Arc::new(upstream), models(entry)))
}

/// The models that the entry names, or every Claude model under its own name.
fn models(entry: &KeyEntry) -> Vec<Model> {
    if !entry.models.is_empty() {
        let named = entry.models.iter();
        return named.map(|model| configured(model, traits(&model.name, entry.cache_prompts), OWNER)).collect();
    }
    let listed = catalogue::listed(OWNER).map(|id| keyed::known(id, OWNER, traits(id, entry.cache_prompts)));
    listed.chain([keyed::any("claude-*")]).collect()
}

fn traits(model: &str, cache_prompts: bool) -> ModelTraits {
    let mut traits = catalogue::traits(model);
    traits.quirks.own_breakpoints = cache_prompts;
    traits
}
