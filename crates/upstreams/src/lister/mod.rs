//! How a place is asked for its own list of models, and how the answer is read. It sends nothing, and knows nothing of
//! when a list is asked for.

mod entry;
mod formats;

use dialect::splice::Pieces;
use http::{HeaderName, HeaderValue, Request};
use hub::Fault;
use pool::Secret;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Learned;
use crate::endpoint::{Endpoint, credential};
use formats::Format;

pub(crate) use formats::{ANTHROPIC, DEPLOYMENTS, GEMINI, OLLAMA, OPENAI, VERTEX};

/// Longest name of a model that is taken from a list, in bytes.
const MAX_NAME: usize = 256;
/// Most other names of one model.
const MAX_ALIASES: usize = 16;

/// Where a place's own list is, and in which form.
#[derive(Clone, Debug)]
pub struct Lister {
    list: Endpoint,
    key: (HeaderName, &'static str),
    format: &'static Format,
    /// Where a model alone is asked about, for lists that only name.
    one: Option<Endpoint>,
}

/// A page of a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The models on it.
    pub models: Vec<Learned>,
    /// What names the next page; `None` on the last.
    pub next: Option<String>,
}

/// What all forms have around their entries. Unknown fields are passed over, broken entries too.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Top<'a> {
    #[serde(borrow)]
    data: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    models: Option<Vec<&'a RawValue>>,
    #[serde(borrow, rename = "publisherModels")]
    publisher_models: Option<Vec<&'a RawValue>>,
    has_more: Option<bool>,
    last_id: Option<String>,
    #[serde(rename = "nextPageToken")]
    next_page_token: Option<String>,
}

impl Lister {
    /// For a list at `list`, asked for with the key in the header `key`.
    pub(crate) fn new(list: Endpoint, key: (HeaderName, &'static str), format: &'static Format) -> Self {
        Self { list, key, format, one: None }
    }

    /// The same where each model must be asked about besides.
    pub(crate) fn with_details(self, one: Option<Endpoint>) -> Self {
        Self { one, ..self }
    }

    /// Where the list is: who asks there with the same key gets the same list.
    pub fn address(&self) -> String {
        self.list.address()
    }

    /// Asks for a page; the first without `page`.
    ///
    /// # Errors
    /// When the key or the page's name fits in no request.
    pub fn request(&self, page: Option<&str>, secret: &Secret) -> Result<Request<Pieces>, Fault> {
        let query = self.format.query(page);
        let mut request = self.list.with_query(&query)?.get(self.auth(secret)?);
        for (name, value) in self.format.headers {
            let header = HeaderName::from_static(name);
            request.headers_mut().entry(header).or_insert(HeaderValue::from_static(value));
        }
        Ok(request)
    }

    /// Reads a page.
    ///
    /// # Errors
    /// When it is no list.
    pub fn read(&self, body: &[u8]) -> Result<ListPage, Fault> {
        let garbled = |_| Fault::garbled("the upstream's list of models cannot be read");
        let mut top: Top<'_> = match body.trim_ascii_start().first() {
            Some(b'[') => Top { data: Some(serde_json::from_slice(body).map_err(garbled)?), ..Top::default() },
            _ => serde_json::from_slice(body).map_err(garbled)?,
        };
        let entries = top.data.take().or(top.models.take()).or(top.publisher_models.take());
        let entries = entries.ok_or_else(|| Fault::garbled("the upstream's answer holds no list of models"))?;
        let models = entries.into_iter().filter_map(|raw| {
            let entry = entry::Entry(serde_json::from_str(raw.get()).ok()?);
            (self.format.read)(&entry).and_then(usable)
        });
        Ok(ListPage { models: models.collect(), next: next(top) })
    }

    /// Asks about one model what the list does not tell; `None` where it tells all that there is.
    ///
    /// # Errors
    /// When the key fits in no request.
    pub fn request_one(&self, model: &str, secret: &Secret) -> Option<Result<Request<Pieces>, Fault>> {
        let one = self.one.as_ref()?;
        let body = serde_json::json!({ "model": model }).to_string();
        Some(self.auth(secret).map(|auth| one.post_json(body.into(), auth)))
    }

    /// Adds what such an answer tells; one that makes no sense tells nothing.
    pub fn read_one(&self, body: &[u8], model: &mut Learned) {
        if let Ok(whole) = serde_json::from_slice(body) {
            formats::details(&entry::Entry(whole), model);
        }
    }

    fn auth(&self, secret: &Secret) -> Result<Option<(HeaderName, HeaderValue)>, Fault> {
        let (name, scheme) = &self.key;
        credential(name.clone(), scheme, secret)
    }
}

/// What names the page behind this one.
fn next(top: Top<'_>) -> Option<String> {
    let after = top.last_id.filter(|_| top.has_more == Some(true));
    after.or(top.next_page_token).filter(|token| !token.is_empty())
}

/// The model under names that can stand in requests, lists and logs.
fn usable(mut model: Learned) -> Option<Learned> {
    model.also.truncate(MAX_ALIASES);
    model.also.retain(|name| is_usable(name));
    model.display_name = model.display_name.filter(|name| name.len() <= MAX_NAME && !name.contains(char::is_control));
    is_usable(&model.name).then_some(model)
}

/// A star at the end would make a pattern of it.
fn is_usable(name: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace();
    !name.is_empty() && name.len() <= MAX_NAME && !name.ends_with('*') && !name.contains(odd)
}

#[cfg(test)]
mod tests;
