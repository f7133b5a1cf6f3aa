//! Gemini by API key (`gemini-api-key`), and places that speak its API at another address.

mod signs;

use std::sync::Arc;

use config::{Config, KeyEntry};
use dialect::embed::EmbedCall;
use dialect::splice::Pieces;
use dialect::{Dialect, ModelTraits};
use http::HeaderName;
use hub::Fault;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pool::Secret;
use url::Url;

use crate::endpoint::{Endpoint, credential};
use crate::model::configured;
use crate::{Call, Kind, Lister, Model, Place, Purpose, Upstream, catalogue, keyed, lister, not_taken};

/// The kind.
pub(crate) static KIND: Kind = Kind { id: "gemini-api-key", ids: &["gemini"], build, files: None };

/// Google's own address (Gemini API reference, 2026-11).
const GOOGLE: &str = "https://generativelanguage.googleapis.com";
/// Whose models these are.
const OWNER: &str = "google";
/// What a model's name may hold in an address; a slash or a dot pair in it must not lead elsewhere.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The header that carries the key.
pub(crate) const KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

#[derive(Debug)]
struct GeminiKey {
    models: Endpoint,
    lister: Lister,
}

impl GeminiKey {
    fn new(models: Endpoint) -> Self {
        let lister = Lister::new(models.clone(), (KEY, ""), &lister::GEMINI);
        Self { models, lister }
    }
}

impl Upstream for GeminiKey {
    fn kind(&self) -> &'static str {
        KIND.id
    }

    fn wire(&self, _model: &str) -> Option<&'static Dialect> {
        Some(&dialect_gemini::DIALECT)
    }

    fn traits_of(&self, model: &str) -> Arc<ModelTraits> {
        Arc::new(catalogue::traits(model))
    }

    fn origin(&self) -> Option<&str> {
        self.models.origin()
    }

    fn lister(&self) -> Option<&Lister> {
        Some(&self.lister)
    }

    fn blame(&self, fault: Fault) -> Fault {
        crate::signs::read(signs::SIGNS, fault)
    }

    fn request(&self, call: Call<'_>, secret: &Secret) -> Result<http::Request<Pieces>, Fault> {
        let method = method(call.purpose, call.stream)?;
        let endpoint = self.models.below(&[&path_of(call.model), ":", method].concat())?;
        endpoint.post(call, credential(KEY, "", secret)?)
    }

    fn takes(&self, purpose: Purpose, _model: &str) -> Option<&'static Dialect> {
        match purpose {
            Purpose::Generate | Purpose::CountTokens | Purpose::Embed(_) => Some(&dialect_gemini::DIALECT),
            Purpose::Compact | Purpose::Pass(_) => None,
        }
    }
}

/// The word after the model in the address.
///
/// # Errors
/// A fault for what this API has not.
pub(crate) fn method(purpose: Purpose, stream: bool) -> Result<&'static str, Fault> {
    Ok(match (purpose, stream) {
        (Purpose::CountTokens, _) => "countTokens",
        (Purpose::Embed(EmbedCall::Many), _) => "batchEmbedContents",
        (Purpose::Embed(EmbedCall::One), _) => "embedContent",
        (Purpose::Generate, false) => "generateContent",
        (Purpose::Generate, true) => "streamGenerateContent?alt=sse",
        (Purpose::Compact | Purpose::Pass(_), _) => return Err(not_taken()),
    })
}

/// A model as a part of an address.
pub(crate) fn path_of(model: &str) -> String {
    let bare = model.strip_prefix("models/").unwrap_or(model);
    match bare {
        "." | ".." => bare.replace('.', "%2E"),
        _ => utf8_percent_encode(bare, NAME).to_string(),
    }
}

fn build(config: &Config) -> Vec<Place> {
    config.keyed(KIND.id).iter().enumerate().filter_map(|(n, entry)| place(n + 1, entry)).collect()
}

fn place(number: usize, entry: &KeyEntry) -> Option<Place> {
    let base = entry.base_url.clone().or_else(|| Url::parse(GOOGLE).ok())?;
    let models = Endpoint::new(&base, "v1beta/models", &entry.headers)?;
    Some(keyed::place(entry, number, "gemini", Arc::new(GeminiKey::new(models)), names(entry, &ModelTraits::default())))
}

/// The models that the entry names, or every Gemini model under its own name, with the quirks of the place.
pub(crate) fn names(entry: &KeyEntry, place: &ModelTraits) -> Vec<Model> {
    let traits = |model: &str| ModelTraits { quirks: place.quirks.clone(), ..catalogue::traits(model) };
    if !entry.models.is_empty() {
        return entry.models.iter().map(|model| configured(model, traits(&model.name), OWNER)).collect();
    }
    let listed = catalogue::listed(OWNER).map(|id| keyed::known(id, OWNER, traits(id)));
    listed.chain([keyed::any("gemini-*")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Asked;

    fn asked(base: &str, model: &str, purpose: Purpose, stream: bool) -> http::Request<Pieces> {
        let models = Endpoint::new(&Url::parse(base).unwrap(), "v1beta/models", &[]).unwrap();
        let asked = Asked { wire: &dialect_gemini::DIALECT, model, purpose, stream };
        asked.of(&GeminiKey::new(models), &Secret::new("k-1"))
    }

    #[test]
    fn model_and_mode_stand_in_the_address() {
        for (base, model, purpose, stream, uri) in [
            (
                GOOGLE,
                "gemini-x",
                Purpose::Generate,
                false,
                "https://generativelanguage.googleapis.com/v1beta/models/gemini-x:generateContent",
            ),
            (
                "http://a.example/v1beta/",
                "models/g",
                Purpose::Generate,
                true,
                "http://a.example/v1beta/models/g:streamGenerateContent?alt=sse",
            ),
            ("http://a.example/p", "g", Purpose::CountTokens, false, "http://a.example/p/v1beta/models/g:countTokens"),
            (
                "http://a.example",
                "../x?y#z",
                Purpose::Generate,
                false,
                "http://a.example/v1beta/models/..%2Fx%3Fy%23z:generateContent",
            ),
        ] {
            let request = asked(base, model, purpose, stream);
            assert_eq!(request.uri().to_string(), uri);
            assert_eq!(request.headers()["x-goog-api-key"], "k-1");
        }
    }
}
