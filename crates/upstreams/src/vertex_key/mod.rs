//! Google's Vertex AI by express key (`vertex-api-key`), and places of its shape at another address. Service accounts
//! are a kind of their own (`vertex`): they bring a bearer token and an address with project and location.

mod signs;

use std::sync::Arc;

use config::{Config, KeyEntry};
use dialect::embed::EmbedWire;
use dialect::splice::Pieces;
use dialect::{Dialect, ModelTraits, WireQuirks};
use http::HeaderName;
use hub::Fault;
use pool::Secret;
use url::Url;

use signs::SIGNS;

use crate::endpoint::{Endpoint, credential};
use crate::gemini_key::{KEY, method, names, path_of};
use crate::{Call, Kind, Lister, Place, Purpose, Upstream, catalogue, keyed, lister};

/// The kind.
pub(crate) static KIND: Kind = Kind { id: "vertex-api-key", ids: &["vertex"], build, files: None };

/// The global endpoint, where express keys work; project and location have no place in its paths
/// (cloud.google.com/vertex-ai/generative-ai/docs/start/express-mode, 2026-11-21).
const VERTEX: &str = "https://aiplatform.googleapis.com";
/// Where Google's own models live.
const MODELS: &str = "v1/publishers/google/models";
/// Where they are listed.
const LIST: &str = "v1beta1/publishers/google/models";

/// A place of Vertex's shape, however it is opened.
#[derive(Debug)]
pub(crate) struct Vertex {
    pub(crate) kind: &'static str,
    pub(crate) models: Endpoint,
    pub(crate) lister: Option<Lister>,
    /// The header of the credential, and what stands before it there.
    pub(crate) key: (HeaderName, &'static str),
}

impl Upstream for Vertex {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn wire(&self, _model: &str) -> Option<&'static Dialect> {
        Some(&dialect_gemini::DIALECT)
    }

    fn traits_of(&self, model: &str) -> Arc<ModelTraits> {
        Arc::new(ModelTraits { quirks: quirks(), ..catalogue::traits(model) })
    }

    fn origin(&self) -> Option<&str> {
        self.models.origin()
    }

    fn lister(&self) -> Option<&Lister> {
        self.lister.as_ref()
    }

    fn blame(&self, fault: Fault) -> Fault {
        crate::signs::read(SIGNS, fault)
    }

    fn request(&self, call: Call<'_>, secret: &Secret) -> Result<http::Request<Pieces>, Fault> {
        let method = match call.purpose {
            Purpose::Embed(_) if dialect_gemini::is_predicted(call.model) => "predict",
            purpose => method(purpose, call.stream)?,
        };
        let bare = call.model.strip_prefix("publishers/google/models/").unwrap_or(call.model);
        let endpoint = self.models.below(&[&path_of(bare), ":", method].concat())?;
        let (name, scheme) = &self.key;
        endpoint.post(call, credential(name.clone(), scheme, secret)?)
    }

    fn takes(&self, purpose: Purpose, _model: &str) -> Option<&'static Dialect> {
        match purpose {
            Purpose::Generate | Purpose::CountTokens | Purpose::Embed(_) => Some(&dialect_gemini::DIALECT),
            Purpose::Compact | Purpose::Pass(_) => None,
        }
    }

    fn embeds(&self, model: &str) -> Option<&'static dyn EmbedWire> {
        Some(dialect_gemini::embeds(model))
    }
}

/// What is peculiar about the language here.
pub(crate) fn quirks() -> WireQuirks {
    WireQuirks { openapi_parameters: true, ..WireQuirks::default() }
}

fn build(config: &Config) -> Vec<Place> {
    config.keyed(KIND.id).iter().enumerate().filter_map(|(n, entry)| place(n + 1, entry)).collect()
}

fn place(number: usize, entry: &KeyEntry) -> Option<Place> {
    let base = entry.base_url.clone().or_else(|| Url::parse(VERTEX).ok())?;
    let models = Endpoint::new(&base, MODELS, &entry.headers)?;
    let traits = ModelTraits { quirks: quirks(), ..ModelTraits::default() };
    let key = (KEY, "");
    let lister = Some(Lister::new(Endpoint::new(&base, LIST, &entry.headers)?, key.clone(), &lister::VERTEX));
    let upstream = Vertex { kind: KIND.id, models, lister, key };
    Some(keyed::place(entry, number, "vertex", Arc::new(upstream), names(entry, &traits)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Asked};
    use dialect::embed::EmbedCall;

    fn asked(config: &str, model: &str, purpose: Purpose, stream: bool) -> http::Request<Pieces> {
        let places = build(&testing::config(config));
        let asked = Asked { wire: &dialect_gemini::DIALECT, model, purpose, stream };
        asked.of(&*places[0].upstream, &places[0].accounts[0].secret)
    }

    #[test]
    fn addresses_are_vertexs_own() {
        let own = "vertex-api-key: [{api-key: vk}]\n";
        let other = "vertex-api-key: [{api-key: vk, base-url: 'https://v.example/api/'}]\n";
        let models = "publishers/google/models";
        for (config, model, purpose, stream, uri) in [
            (
                own,
                "gemini-x",
                Purpose::Generate,
                true,
                "https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-x:streamGenerateContent?alt=sse",
            ),
            (
                own,
                &*format!("{models}/g"),
                Purpose::CountTokens,
                false,
                "https://aiplatform.googleapis.com/v1/publishers/google/models/g:countTokens",
            ),
            (
                own,
                "text-embedding-005",
                Purpose::Embed(EmbedCall::Many),
                false,
                "https://aiplatform.googleapis.com/v1/publishers/google/models/text-embedding-005:predict",
            ),
            (
                own,
                "gemini-embedding-001",
                Purpose::Embed(EmbedCall::One),
                false,
                "https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-embedding-001:embedContent",
            ),
            (
                other,
                "g/../x",
                Purpose::Generate,
                false,
                "https://v.example/api/v1/publishers/google/models/g%2F..%2Fx:generateContent",
            ),
        ] {
            let request = asked(config, model, purpose, stream);
            assert_eq!(request.uri().to_string(), uri);
            assert_eq!(request.headers()["x-goog-api-key"], "vk");
        }
    }
}
