//! Where proofs live in this dialect, and how foreign ones travel through its clients.
//!
//! This dialect has a slot on thinking blocks only. A proof on a call travels in an empty thinking block right before
//! that call, its kind marked, and finds its call again on the way back.

use hub::{Carried, Part, Seal, Thought};

use crate::names::{REDACTED, SIGNATURE, VENDOR};

/// Marks the kind of a proof that belongs to the next call.
const NEXT: &str = "call_";
/// Marks the kind of a proof that belongs to the call before: in a stream a proof may come when its call has begun.
const BEFORE: &str = "called_";

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

/// The signature of the empty thinking block that carries a call's proof, right before the call.
pub(crate) fn write_for_next(seal: &Seal) -> String {
    marked(NEXT, seal)
}

/// The same, right after the call.
pub(crate) fn write_for_last(seal: &Seal) -> String {
    marked(BEFORE, seal)
}

/// Whether another vendor gave the proof.
pub(crate) fn is_foreign(seal: &Seal) -> bool {
    seal.vendor != VENDOR
}

/// Whether a thought is nothing but another vendor's proof. At the end of an answer such a block is left out: clients,
/// agents too, take the last block for the answer, and no vendor insists on a proof that no call follows.
pub(crate) fn is_bare(thought: &Thought) -> bool {
    thought.text.is_empty() && !thought.redacted && thought.seal.as_ref().is_some_and(is_foreign)
}

fn marked(mark: &str, seal: &Seal) -> String {
    let kind = format!("{mark}{}", seal.kind).into();
    Seal { vendor: seal.vendor.clone(), kind, data: seal.data.clone() }.pack()
}

/// This dialect's own proof of a thought, ready for the vendor; `None` for unsigned and foreign ones.
pub(crate) fn native(thought: &Thought) -> Option<&Seal> {
    let expected = if thought.redacted { REDACTED } else { SIGNATURE };
    thought.seal.as_ref().filter(|seal| seal.vendor == VENDOR && seal.kind == expected)
}

/// Gives each carried proof to its call, and takes the carrier away.
pub(crate) fn settle(parts: &mut Vec<Part>) {
    if !parts.iter().any(|part| carried(part).is_some()) {
        return;
    }
    let mut waiting = None;
    let mut kept: Vec<Part> = Vec::with_capacity(parts.len());
    for mut part in parts.drain(..) {
        match carried(&part) {
            Some((Place::Next, seal)) => waiting = Some(seal),
            Some((Place::Before, seal)) => {
                if let Some(Part::ToolCall(call)) = kept.last_mut() {
                    call.seal = Some(seal);
                }
            }
            None => {
                if let Part::ToolCall(call) = &mut part {
                    call.seal = waiting.take();
                }
                kept.push(part);
            }
        }
    }
    *parts = kept;
}

/// Which call a carrier belongs to.
enum Place {
    Next,
    Before,
}

/// The proof of a call in a carrier, as its vendor wrote it; `None` for any other part.
fn carried(part: &Part) -> Option<(Place, Seal)> {
    let Part::Thinking(Thought { text, seal: Some(seal), .. }) = part else { return None };
    if !text.is_empty() {
        return None;
    }
    let (place, kind) = match (seal.kind.strip_prefix(NEXT), seal.kind.strip_prefix(BEFORE)) {
        (Some(kind), _) => (Place::Next, kind),
        (_, Some(kind)) => (Place::Before, kind),
        (None, None) => return None,
    };
    Some((place, Seal { vendor: seal.vendor.clone(), kind: kind.to_owned().into(), data: seal.data.clone() }))
}
