//! Where proofs live in this dialect, and how foreign ones travel through its clients.
//!
//! This dialect has a slot on thinking blocks only. A proof on a call travels in an empty thinking block beside
//! that call ([`dialect::carrier`]).

use hub::{Carried, Seal, Thought};

use crate::names::{REDACTED, SIGNATURE, VENDOR};

/// The proof in a signature field; none for an empty or damaged one.
pub(crate) fn read(field: Option<String>, kind: &'static str) -> Option<Seal> {
    let field = field.filter(|text| !text.is_empty())?;
    match Seal::unpack(&field) {
        Carried::Packed(seal) => Some(seal),
        Carried::Native(_) => Some(Seal::new(VENDOR, kind, field)),
        Carried::Damaged => None,
    }
}

/// The text of a signature field for a client.
pub(crate) fn write(seal: &Seal) -> String {
    if seal.vendor == VENDOR { seal.data.clone() } else { seal.pack() }
}

/// Whether another vendor gave the proof.
pub(crate) fn is_foreign(seal: &Seal) -> bool {
    seal.vendor != VENDOR
}

/// Whether a thought is nothing but another vendor's proof. Behind the last words of an answer such a block must not
/// stand: clients, agents too, take the last block for the answer.
pub(crate) fn is_bare(thought: &Thought) -> bool {
    thought.text.is_empty() && !thought.redacted && thought.seal.as_ref().is_some_and(is_foreign)
}

/// This dialect's own proof of a thought, ready for the vendor; `None` for unsigned and foreign ones.
pub(crate) fn native(thought: &Thought) -> Option<&Seal> {
    let expected = if thought.redacted { REDACTED } else { SIGNATURE };
    thought.seal.as_ref().filter(|seal| seal.vendor == VENDOR && seal.kind == expected)
}
