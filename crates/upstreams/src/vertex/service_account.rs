//! The two forms of a service account's file: Google's own, and CLIProxyAPI's, which has that one inside.

use std::fmt::Write as _;

use pool::Secret;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use url::Url;

/// Where accounts are asked that name no location, as CLIProxyAPI does.
const LOCATION: &str = "us-central1";
/// Google's own part of the internet; sovereign clouds have others.
const UNIVERSE: &str = "googleapis.com";
/// Where assertions are exchanged, unless the file says otherwise
/// (developers.google.com/identity/protocols/oauth2/service-account, 2026-11-21).
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// What opens Vertex.
pub(super) struct ServiceAccount {
    pub(super) email: String,
    pub(super) private_key: Secret,
    pub(super) key_id: Option<String>,
    pub(super) token_uri: Url,
    project: Option<String>,
    /// Known to be a plain word.
    pub(super) location: String,
    universe: String,
}

#[derive(Deserialize)]
struct Outer {
    service_account: Option<Inner>,
    project_id: Option<String>,
    location: Option<String>,
    #[serde(flatten)]
    own: Inner,
}

/// Google's own form.
#[derive(Deserialize)]
struct Inner {
    client_email: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    token_uri: Option<String>,
    universe_domain: Option<String>,
    #[serde(rename = "project_id")]
    project: Option<String>,
}

impl ServiceAccount {
    /// Reads either form.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let outer: Outer = serde_json::from_str(text)
            .map_err(|_| "its service account is no object, or has fields that are no text".to_owned())?;
        let inner = outer.service_account.unwrap_or(outer.own);
        let filled = |text: Option<String>| text.map(|it| it.trim().to_owned()).filter(|text| !text.is_empty());
        let missing = |field: &str| format!("its service account has no `{field}`");
        let token_uri = filled(inner.token_uri).unwrap_or_else(|| TOKEN_URI.to_owned());
        Ok(Self {
            email: filled(inner.client_email).ok_or_else(|| missing("client_email"))?,
            private_key: Secret::new(&filled(inner.private_key).ok_or_else(|| missing("private_key"))?),
            key_id: filled(inner.private_key_id),
            token_uri: address(&token_uri)?,
            project: filled(outer.project_id).or_else(|| filled(inner.project)),
            location: word(filled(outer.location), LOCATION, "location")?,
            universe: word(filled(inner.universe_domain), UNIVERSE, "universe_domain")?,
        })
    }

    /// The project that pays, as a part of an address.
    pub(super) fn project(&self) -> Result<&str, String> {
        let project = self.project.as_deref().ok_or("it names no `project_id`")?;
        // Old projects stand below a domain: `example.com:name`.
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        let plain = project.len() <= 128 && project.chars().all(fits) && project != "." && project != "..";
        if plain { Ok(project) } else { Err("its `project_id` is no project's id".to_owned()) }
    }

    /// Where it is asked (cloud.google.com/vertex-ai/generative-ai/docs/learn/locations, 2026-11-21).
    pub(super) fn base(&self, own: Option<&Url>) -> Result<Url, String> {
        if let Some(own) = own {
            return Ok(own.clone());
        }
        let (location, universe) = (&self.location, &self.universe);
        let text = match location.as_str() {
            "global" => format!("https://aiplatform.{universe}"),
            // Two locations that are many regions have a name server of their own.
            "us" | "eu" => format!("https://aiplatform.{location}.rep.{universe}"),
            _ => format!("https://{location}-aiplatform.{universe}"),
        };
        Url::parse(&text).map_err(|_| "its `location` leads nowhere".to_owned())
    }

    /// Another one where another key or another account opens the place.
    pub(super) fn print(&self) -> Secret {
        let mut hasher = Sha256::new();
        for part in [&self.email, self.private_key.expose(), self.token_uri.as_str()] {
            hasher.update(part.len().to_be_bytes());
            hasher.update(part.as_bytes());
        }
        let hex = hasher.finalize().iter().fold(String::new(), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Secret::new(&hex)
    }
}

/// An assertion opens the account for an hour, so it goes over an encrypted way, or stays on this machine.
fn address(text: &str) -> Result<Url, String> {
    let wrong = || "its `token_uri` must be an https address".to_owned();
    let url = Url::parse(text).map_err(|_| wrong())?;
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let here = || match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(_)) | None => false,
    };
    let safe = url.scheme() == "https" || (url.scheme() == "http" && here());
    if bare && safe { Ok(url) } else { Err(wrong()) }
}

/// A word that can be part of a host's name.
fn word(text: Option<String>, missing: &str, field: &str) -> Result<String, String> {
    let text = text.unwrap_or_else(|| missing.to_owned()).to_ascii_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let plain = text.len() <= 64 && text.chars().all(fits) && !text.starts_with(['-', '.']) && !text.contains("..");
    if plain { Ok(text) } else { Err(format!("its `{field}` is no name of one")) }
}
