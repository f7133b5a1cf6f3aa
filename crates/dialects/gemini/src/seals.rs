//! Where proofs stand in this dialect, and how foreign ones travel through its clients.
//!
//! A `thoughtSignature` may stand on a thought, on a call, on a text, or on an empty part of its own, and must come back
//! on the very same part. The hub has slots for the first two; the others travel as empty thoughts whose kind says
//! where the proof belongs. The field holds bytes in base64, and SDKs write it anew in the URL-safe alphabet: packed
//! proofs are therefore base64 too, and what comes back is brought into the standard alphabet first.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub::{Carried, Seal, Thought};

/// Whose proofs are native here.
pub(crate) const VENDOR: &str = "gemini";
/// A proof of a thought or a call.
pub(crate) const THOUGHT: &str = "thought";
/// A proof that stands on the text before it.
pub(crate) const TEXT: &str = "text";
/// A proof that stands on an empty part of its own.
pub(crate) const EMPTY: &str = "empty";

/// Stands on a call to which its vendor gave no proof: `bos1:none:text:0:`. Newer models of Google refuse a call of the
/// current turn that has no proof, and without this nothing would tell a call of another vendor's model from their own.
pub(crate) const UNPROVEN: &str = "Ym9zMTpub25lOnRleHQ6MDo=";
/// The vendor that [`UNPROVEN`] names.
const NOBODY: &str = "none";
/// Google's documented stand-in for a proof that was lost (ai.google.dev, thought signatures).
pub(crate) const LOST: &str = "skip_thought_signature_validator";

/// The proof in a `thoughtSignature`; none for an empty or damaged one, or a stand-in. `kind` says where it stood.
pub(crate) fn read(field: Option<&str>, kind: &'static str) -> Option<Seal> {
    let field = field.filter(|text| !text.is_empty() && *text != LOST)?;
    let standard = standard(field);
    let bytes = STANDARD.decode(standard.as_bytes()).ok();
    let inner = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    match inner.as_deref().map(Seal::unpack) {
        Some(Carried::Packed(seal)) => Some(seal).filter(|seal| seal.vendor != NOBODY),
        Some(Carried::Damaged) => None,
        Some(Carried::Native(_)) | None => Some(Seal::new(VENDOR, kind, standard)),
    }
}

/// The text of a `thoughtSignature` for a client.
pub(crate) fn write(seal: &Seal) -> Cow<'_, str> {
    if seal.vendor == VENDOR { Cow::Borrowed(&seal.data) } else { Cow::Owned(STANDARD.encode(seal.pack())) }
}

/// This vendor's own proof, ready to go up.
pub(crate) fn native(seal: Option<&Seal>) -> Option<&Seal> {
    seal.filter(|seal| seal.vendor == VENDOR)
}

/// The kind of a thought that only carries a proof which stood on something else.
pub(crate) fn carrier(thought: &Thought) -> Option<(&str, &Seal)> {
    let seal = native(thought.seal.as_ref())?;
    (thought.text.is_empty() && matches!(&*seal.kind, TEXT | EMPTY)).then_some((&*seal.kind, seal))
}

/// Base64 of either alphabet, with or without padding, in the standard one.
fn standard(field: &str) -> String {
    let mut text: String = field
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    // Text that is no base64 stays as it is.
    if text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')) {
        while !text.len().is_multiple_of(4) {
            text.push('=');
        }
        return text;
    }
    field.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_proofs_survive_a_client_that_changes_the_alphabet() {
        let seal = Seal::new("anthropic", "signature", "a?>~~é");
        let written = write(&seal);
        let url_safe = written.replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned();
        assert_eq!(read(Some(&written), THOUGHT), Some(seal.clone()));
        assert_eq!(read(Some(&url_safe), THOUGHT), Some(seal));
    }

    #[test]
    fn what_is_unproven_is_ours_and_proves_nothing() {
        let seal = Seal::new(NOBODY, TEXT, "");
        assert_eq!((write(&seal).as_ref(), read(Some(UNPROVEN), THOUGHT)), (UNPROVEN, None));
    }

    #[test]
    fn native_proofs_are_bare_and_damaged_ones_are_dropped() {
        assert_eq!(read(Some("AB-_"), TEXT), Some(Seal::new(VENDOR, TEXT, "AB+/")));
        assert_eq!(read(Some(&STANDARD.encode("bos1:x:y:9:z")), TEXT), None);
        assert_eq!((read(Some(""), TEXT), read(Some(LOST), THOUGHT)), (None, None));
        assert_eq!(write(&Seal::new(VENDOR, THOUGHT, "AB+/")), "AB+/");
    }
}
