//! How OpenAI is told to keep prompts in its caches: fields that both of its languages have. Knows no dialect by name.

use hub::{DialectId, Request};

use crate::Object;

/// The fields that mean the same in both languages.
pub const FIELDS: [&str; 2] = ["prompt_cache_options", "prompt_cache_retention"];
/// What only one of them has: an hour that Chat does not know, and requests that only warm a cache, which are told as
/// such.
const ONE_SIDED: [&str; 2] = ["\"12h\"", "\"prewarm\""];

/// Writes what a client of the other language has said, as its decoder kept it.
pub fn carry(request: &Request, own: DialectId, body: &mut Object<'_>) {
    let shared = |field: &str, json: &str| FIELDS.contains(&field) && !ONE_SIDED.iter().any(|word| json.contains(word));
    for extra in request.extras.iter().filter(|extra| extra.origin != own) {
        if shared(&extra.field, extra.json.as_str()) {
            body.raw(&extra.field, extra.json.as_str());
        }
    }
}
