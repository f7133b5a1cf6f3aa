//! The ids of accounts. What is learned of an account (its trouble, its sessions, its benches over a restart) hangs on
//! its id, so an id must not change with the place of the entry in the file; and since ids are logged and told to
//! webhooks, nothing must follow from one about the credential.
//!
//! A label of the user's own makes the id, and then the credential may change behind it. Without one, it is the
//! beginning of a digest over kind, address and credential. From 48 bits of SHA-256 no random key can be found, but a
//! word can be guessed and the guess proved; so a credential that does not look random has no part in the digest, and
//! accounts that then look alike are told apart by their order, as are those that really are one.

use std::fmt::Write as _;

use pool::Secret;
use sha2::{Digest as _, Sha256};

/// Bytes of the digest that are shown.
const SHOWN: usize = 6;
/// Fewest characters of a credential that cannot be guessed, and fewest different ones.
const MIN_LENGTH: usize = 20;
const MIN_VARIETY: usize = 10;

/// The id of an account below `scope`, the kind and what else tells places apart.
pub(crate) fn account(scope: &str, origin: Option<&str>, label: Option<&str>, secret: &Secret) -> String {
    match label {
        Some(label) => format!("{scope}:{label}"),
        None => format!("{scope}:{}", digest(&[scope, origin.unwrap_or_default(), unguessable(secret)])),
    }
}

fn unguessable(secret: &Secret) -> &str {
    let text = secret.expose();
    let mut seen = [false; 256];
    text.bytes().for_each(|byte| seen[usize::from(byte)] = true);
    let variety = seen.iter().filter(|seen| **seen).count();
    if text.len() >= MIN_LENGTH && variety >= MIN_VARIETY { text } else { "" }
}

fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        // The length first: no two lists of parts give one text.
        hasher.update(part.len().to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().take(SHOWN).fold(String::with_capacity(2 * SHOWN), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(origin: &str, label: Option<&str>, secret: &str) -> String {
        account("kind", Some(origin), label, &Secret::new(secret))
    }

    const KEY: &str = "sk-ant-api03-Zk2vT9qLx7Bn4Wc8";

    #[test]
    fn an_id_follows_kind_address_and_credential() {
        let one = id("h:1", None, KEY);
        assert_eq!(one, id("h:1", None, KEY));
        let (_, digest) = one.split_once(':').unwrap();
        assert!(digest.len() == 12 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{one}");
        let others = [
            id("h:2", None, KEY),
            id("h:1", None, "sk-ant-api03-Zk2vT9qLx7Bn4Wc9"),
            account("dnik", Some("h:1"), None, &Secret::new(KEY)),
        ];
        assert!(others.iter().all(|other| !other.ends_with(digest)), "{one} {others:?}");
        assert_eq!(id("h:1", Some("team a"), KEY), "kind:team a");
        assert_eq!(id("h:1", Some("team a"), "another"), "kind:team a");
    }

    /// Whoever reads an id could try a dictionary on it.
    #[test]
    fn a_credential_that_could_be_guessed_leaves_no_trace() {
        let none = id("h", None, "");
        for weak in ["ollama", "password123", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "123412341234123412341234"] {
            assert_eq!(id("h", None, weak), none, "{weak}");
        }
        assert_ne!(id("h", None, KEY), none);
    }
}
