//! Signatures over the fake provider's own thinking, so that a foreign or altered block is refused as by the real one.
//!
//! Not cryptography: it only has to notice a change.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const ROUNDS: u64 = 9;

/// The signature of one thinking text. Standard base64, with its full alphabet: clients must return it byte by byte.
pub(crate) fn sign(text: &str) -> String {
    seal("thinking", text)
}

/// The opaque data of a redacted thinking block.
pub(crate) fn redact(text: &str) -> String {
    format!("{}{}", seal("redacted", text), STANDARD.encode(text))
}

/// Whether `data` came from [`redact`].
pub(crate) fn is_redacted(data: &str) -> bool {
    let Some((signature, text)) = data.split_at_checked(seal("redacted", "").len()) else { return false };
    let Ok(text) = STANDARD.decode(text) else { return false };
    String::from_utf8(text).is_ok_and(|text| seal("redacted", &text) == signature)
}

fn seal(purpose: &str, text: &str) -> String {
    let bytes: Vec<u8> = (0..ROUNDS).flat_map(|round| hash(round, purpose, text).to_be_bytes()).collect();
    STANDARD.encode(bytes)
}

fn hash(round: u64, purpose: &str, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (round, purpose, text).hash(&mut hasher);
    hasher.finish()
}
