//! Where proofs live in this dialect, and how foreign ones travel through its clients.
//!
//! The one slot is `encrypted_content` of a reasoning item. A proof on a call travels in an empty reasoning item
//! beside that call ([`dialect::carrier`]).

use hub::{Carried, Seal};

use crate::ID;

/// What stands where another vendor's model gave no proof: OpenAI looks an item without one up in its own store and
/// refuses the whole request, so a relay must be able to tell such an item from OpenAI's.
pub(crate) const UNPROVEN: &str = "bos1:none:none:0:";
/// The kind of OpenAI's own proofs.
pub(crate) const ENCRYPTED: &str = "encrypted";
/// Marks the kind of a foreign proof of reasoning that its vendor hides.
const REDACTED: &str = "redacted";

/// The proof in an `encrypted_content`; none for an empty or damaged one.
pub(crate) fn read(field: &str) -> Option<Seal> {
    match Seal::unpack(field) {
        _ if field.is_empty() || field == UNPROVEN => None,
        Carried::Packed(seal) => Some(seal),
        Carried::Native(data) => Some(Seal::new(ID.0, ENCRYPTED, data)),
        Carried::Damaged => None,
    }
}

/// Whether a proof says that its vendor hides the text.
pub(crate) fn is_redacted(seal: &Seal) -> bool {
    seal.kind == REDACTED
}

/// Whether OpenAI itself made the proof.
pub(crate) fn is_own(seal: &Seal) -> bool {
    seal.vendor == ID.0 && seal.kind == ENCRYPTED
}

/// The text of an `encrypted_content` for a client.
pub(crate) fn write(seal: &Seal) -> String {
    if is_own(seal) { seal.data.clone() } else { seal.pack() }
}
