//! Google's Vertex AI by service account (account files of the type `vertex`, and Google's own key files). The paths
//! hold project and location, and a bearer token opens them; the language is that of the express keys.

mod authority;
mod key;
mod service_account;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use dialect::ModelTraits;
use http::header::AUTHORIZATION;
use url::Url;

use crate::endpoint::Endpoint;
use crate::files::{AccountFile, FileKind};
use crate::gemini_key::names;
use crate::vertex_key::{Vertex, quirks};
use crate::{Kind, Place, Renewable};

use authority::TOKENS;
use service_account::ServiceAccount;

/// The kind.
pub(crate) static KIND: Kind = Kind { id: "vertex", ids: &[], build: |_| Vec::new(), files: Some(&FILES) };

static FILES: FileKind = FileKind { types: &["vertex", "service_account"], check, place };

/// Everything that a renewal would stumble over, found when the file is read.
fn check(file: &AccountFile) -> Result<(), String> {
    let account = ServiceAccount::read(file.document.text.expose())?;
    account.base(file.settings.entry.base_url.as_ref())?;
    account.project()?;
    key::read(account.private_key.expose())?;
    place(file).map(|_| ()).ok_or_else(|| "its `base_url` or `project_id` makes no address".to_owned())
}

fn place(file: &AccountFile) -> Option<Place> {
    let entry = &file.settings.entry;
    let account = ServiceAccount::read(file.document.text.expose()).ok()?;
    let base: Url = account.base(entry.base_url.as_ref()).ok()?;
    let project = account.project().ok()?;
    let path = format!("v1/projects/{project}/locations/{}/publishers/google/models", account.location);
    let models = Endpoint::new(&base, &path, &entry.headers)?;
    let traits = ModelTraits { quirks: quirks(), ..ModelTraits::default() };
    let renewable = Renewable { authority: &TOKENS, document: file.document.clone(), print: account.print() };
    let upstream = Vertex { kind: KIND.id, models, lister: None, key: (AUTHORIZATION, "Bearer ") };
    Some(file.place_of(Arc::new(upstream), names(entry, &traits), renewable))
}
