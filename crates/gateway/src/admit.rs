//! Who may ask: client keys, in every place where SDKs put them, found by their digests and compared in constant time.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use config::ClientKey;
use http::HeaderName;
use http::header::AUTHORIZATION;
use http::request::Parts;
use hub::{Fault, FaultKind};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::allowance::{Allowance, Meters};
use crate::scope::{Providers, Reach, Scope};

/// The header in which programs of several languages bring their key.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The parts of the query that may hold a key.
const QUERY: [&str; 2] = ["key", "auth_token"];

/// The keys of the configuration by their digests: an index finds the keys that are worth a comparison, whatever their
/// number, and the comparison itself takes the same time for every digest.
///
/// What the index may tell by its time is whether some key's digest begins with the same eight bytes as the digest of
/// what was presented. Nobody can come nearer to such a beginning step by step: the index is hashed with a secret of
/// this process, so that a guess is either right in all eight bytes or tells nothing, and whoever had guessed them
/// would know a part of a digest, from which no key follows.
pub(crate) struct KeyTable {
    index: HashMap<[u8; 8], Vec<Entry>>,
    /// The headers that may hold a key; the first that holds a right one decides.
    headers: Vec<HeaderName>,
    anybody: Admitted,
}

struct Entry {
    digest: [u8; 32],
    admitted: Admitted,
}

/// Whose request it is, and what it may do.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    /// The key's label.
    pub(crate) label: Arc<str>,
    /// What the key may do; `None` is everything.
    pub(crate) allowance: Option<Arc<Allowance>>,
}

impl Admitted {
    /// What the key may reach.
    pub(crate) fn scope(&self) -> Scope {
        Scope::of_key(self.allowance.as_ref().and_then(|allowance| allowance.reach))
    }
}

impl KeyTable {
    /// The keys, and the reaches that they name by number.
    pub(crate) fn new(keys: &[ClientKey], providers: &Providers, meters: &Meters) -> (Self, Vec<Reach>) {
        let mut index: HashMap<_, Vec<_>> = HashMap::with_capacity(keys.len());
        let mut reaches = Vec::new();
        for key in keys {
            let digest = key.key.digest();
            let label: Arc<str> = key.label.as_str().into();
            let allowance = key.limits.as_deref().map(|limits| {
                let reach = Reach::of(limits, &label, providers).map(|reach| number(reach, &mut reaches));
                Arc::new(meters.allowance(&digest, Arc::clone(&label), limits, reach))
            });
            let entry = Entry { digest, admitted: Admitted { label, allowance } };
            index.entry(beginning(&digest)).or_default().push(entry);
        }
        let own = dialects::ALL.iter().flat_map(|dialect| dialect.headers.keys);
        let headers = std::iter::once(AUTHORIZATION).chain(own.cloned()).chain([API_KEY]).collect();
        (Self { index, headers, anybody: Admitted { label: "-".into(), allowance: None } }, reaches)
    }

    /// The key with a label.
    pub(crate) fn of_label(&self, label: &str) -> Option<&Admitted> {
        let entries = self.index.values().flatten();
        entries.map(|entry| &entry.admitted).find(|admitted| &*admitted.label == label)
    }

    /// Whose key the request carries. No keys at all: everybody is let in.
    ///
    /// # Errors
    /// An unauthenticated fault, or a forbidden one for a key that is not let in now.
    pub(crate) fn admit(&self, head: &Parts) -> Result<Admitted, Fault> {
        if self.index.is_empty() {
            return Ok(self.anybody.clone());
        }
        let mut presented = false;
        for candidate in self.candidates(head) {
            presented = true;
            if let Some(entry) = self.find(&digest(&candidate)) {
                let admitted = entry.admitted.clone();
                if let Some(allowance) = &admitted.allowance {
                    allowance.open(SystemTime::now())?;
                }
                return Ok(admitted);
            }
        }
        let message = if presented { "Invalid API key" } else { "Missing API key" };
        Err(Fault::new(FaultKind::Unauthenticated, message))
    }

    /// What stands in the places of a key; any of them may hold the right one.
    fn candidates<'a>(&'a self, head: &'a Parts) -> impl Iterator<Item = Cow<'a, str>> {
        let headers = self.headers.iter().filter_map(|name| {
            let value = head.headers.get(name)?.to_str().ok()?.trim();
            Some(Cow::Borrowed(if *name == AUTHORIZATION { without_scheme(value) } else { value }))
        });
        let query = head.uri.query().into_iter();
        let query = query.flat_map(|query| QUERY.iter().filter_map(|name| query_value(query, name).map(Cow::Owned)));
        headers.chain(query).filter(|key| !key.is_empty())
    }

    /// The key with this digest; the later of two with one text, as a map would have it.
    fn find(&self, presented: &[u8; 32]) -> Option<&Entry> {
        let worth = self.index.get(&beginning(presented))?;
        worth.iter().rev().find(|entry| entry.digest.ct_eq(presented).into())
    }
}

/// The number of a reach; equal ones share it, and with it the routes that are made for it.
fn number(reach: Reach, reaches: &mut Vec<Reach>) -> u32 {
    let at = reaches.iter().position(|known| *known == reach).unwrap_or_else(|| {
        reaches.push(reach);
        reaches.len() - 1
    });
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn beginning(digest: &[u8; 32]) -> [u8; 8] {
    std::array::from_fn(|at| digest[at])
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

pub(crate) fn without_scheme(value: &str) -> &str {
    const SCHEME: usize = "bearer".len();
    match value.split_at_checked(SCHEME) {
        // `Bearer ` with an empty key arrives without its space.
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") && (key.is_empty() || key.starts_with(' ')) => {
            key.trim()
        }
        _ => value,
    }
}

pub(crate) fn query_value(query: &str, name: &str) -> Option<String> {
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decode_str(pair).decode_utf8_lossy().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::{ClientSecret, Secret};

    fn admit(uri: &str, headers: &[(&str, &str)]) -> Result<String, String> {
        let keys = [("right", "key-1"), ("other", "key-2")].map(|(key, label)| ClientKey {
            key: ClientSecret::Plain(Secret::new(key)),
            label: label.into(),
            limits: None,
        });
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        KeyTable::new(&keys, &Providers::default(), &Meters::default())
            .0
            .admit(&head)
            .map(|admitted| admitted.label.as_ref().to_owned())
            .map_err(|fault| fault.message.into_owned())
    }

    #[test]
    fn every_place_is_looked_at() {
        for (uri, headers) in [
            ("/", &[("authorization", "Bearer right")][..]),
            ("/", &[("authorization", "bEaReR  right ")]),
            ("/", &[("authorization", "right")]),
            ("/", &[("x-api-key", "right")]),
            ("/", &[("x-goog-api-key", "right")]),
            ("/?a=b&key=right", &[]),
            ("/?auth_token=r%69ght", &[]),
            ("/", &[("authorization", "Bearer wrong"), ("x-api-key", "right")]),
        ] {
            assert_eq!(admit(uri, headers), Ok("key-1".into()), "{uri} {headers:?}");
        }
    }

    #[test]
    fn digests_that_begin_alike_are_told_apart() {
        let keys = [("right", "key-1")].map(|(key, label)| ClientKey {
            key: ClientSecret::Plain(Secret::new(key)),
            label: label.into(),
            limits: None,
        });
        let mut table = KeyTable::new(&keys, &Providers::default(), &Meters::default()).0;
        let right = digest("right");
        for at in 8..32 {
            let mut alike = right;
            alike[at] ^= 1;
            assert!(table.find(&alike).is_none(), "differs in byte {at}");
            let entry = Entry { digest: alike, admitted: Admitted { label: at.to_string().into(), allowance: None } };
            table.index.get_mut(&beginning(&alike)).unwrap().push(entry);
            assert_eq!(&*table.find(&alike).unwrap().admitted.label, at.to_string());
        }
        assert_eq!(&*table.find(&right).unwrap().admitted.label, "key-1");
        assert_eq!(table.index.len(), 1);
    }

    #[test]
    fn missing_and_wrong_are_told_apart() {
        assert_eq!(admit("/", &[]), Err("Missing API key".into()));
        assert_eq!(admit("/", &[("authorization", "Bearer ")]), Err("Missing API key".into()));
        assert_eq!(admit("/", &[("authorization", "bearer")]), Err("Missing API key".into()));
        assert_eq!(admit("/", &[("x-api-key", "wrong")]), Err("Invalid API key".into()));
    }
}
