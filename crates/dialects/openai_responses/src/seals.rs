//! Where proofs live in this dialect, and how foreign ones travel through its clients.
//!
//! The one slot is `encrypted_content` of a reasoning item. A proof on a call travels in an empty reasoning item right
//! before that call, its kind marked, and finds its call again on the way back.

use hub::{Carried, Part, Seal, Thought};

use crate::ID;

/// What stands where another vendor's model gave no proof: OpenAI looks an item without one up in its own store and
/// refuses the whole request, so a relay must be able to tell such an item from OpenAI's.
pub(crate) const UNPROVEN: &str = "bos1:none:none:0:";
/// The kind of OpenAI's own proofs.
pub(crate) const ENCRYPTED: &str = "encrypted";
/// Marks the kind of a foreign proof of reasoning that its vendor hides.
const REDACTED: &str = "redacted";
/// Marks the kind of a proof that belongs to the next call.
const NEXT: &str = "call_";
/// Marks the kind of a proof that belongs to the call before: in a stream it may come when its call has begun.
const BEFORE: &str = "called_";

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

/// The proof of the reasoning item that carries a call's proof, right before the call.
pub(crate) fn write_for_next(seal: &Seal) -> String {
    marked(NEXT, seal)
}

/// The same, after the call.
pub(crate) fn write_for_last(seal: &Seal) -> String {
    marked(BEFORE, seal)
}

fn marked(mark: &str, seal: &Seal) -> String {
    let kind = format!("{mark}{}", seal.kind).into();
    Seal { vendor: seal.vendor.clone(), kind, data: seal.data.clone() }.pack()
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
    let (place, kind) = match (seal.kind.strip_prefix(NEXT), seal.kind.strip_prefix(BEFORE)) {
        (Some(kind), _) => (Place::Next, kind),
        (None, Some(kind)) => (Place::Before, kind),
        (None, None) => return None,
    };
    let whole = Seal { vendor: seal.vendor.clone(), kind: kind.to_owned().into(), data: seal.data.clone() };
    text.is_empty().then_some((place, whole))
}
