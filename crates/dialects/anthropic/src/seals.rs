//! Where proofs live in this dialect, and how foreign ones travel through its clients.
//!
//! This dialect has a slot on thinking blocks only. A proof on a call travels in an empty thinking block right before
//! that call, its kind marked, and finds its call again on the way back (translation.md section 9.2).

use hub::{Carried, Part, Seal, Thought};

use crate::names::{REDACTED, SIGNATURE, VENDOR};

/// Marks the kind of a proof that belongs to the next call.
const CALL: &str = "call_";

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

/// The signature of the empty thinking block that carries a call's proof.
pub(crate) fn write_for_call(seal: &Seal) -> String {
    let kind = format!("{CALL}{}", seal.kind).into();
    Seal { vendor: seal.vendor.clone(), kind, data: seal.data.clone() }.pack()
}

/// This dialect's own proof of a thought, ready for the vendor; `None` for unsigned and foreign ones.
pub(crate) fn native(thought: &Thought) -> Option<&Seal> {
    let expected = if thought.redacted { REDACTED } else { SIGNATURE };
    thought.seal.as_ref().filter(|seal| seal.vendor == VENDOR && seal.kind == expected)
}

/// Gives each carried proof to the call that follows it, and takes the carrier away.
pub(crate) fn settle(parts: &mut Vec<Part>) {
    if !parts.iter().any(is_carrier) {
        return;
    }
    let mut waiting = None;
    let mut kept = Vec::with_capacity(parts.len());
    for mut part in parts.drain(..) {
        if is_carrier(&part) {
            waiting = take_seal(part);
            continue;
        }
        if let Part::ToolCall(call) = &mut part {
            call.seal = waiting.take();
        }
        kept.push(part);
    }
    *parts = kept;
}

fn is_carrier(part: &Part) -> bool {
    matches!(part, Part::Thinking(Thought { text, seal: Some(seal), .. })
        if text.is_empty() && seal.vendor != VENDOR && seal.kind.starts_with(CALL))
}

fn take_seal(part: Part) -> Option<Seal> {
    let Part::Thinking(Thought { seal: Some(seal), .. }) = part else { return None };
    let kind = seal.kind.strip_prefix(CALL)?.to_owned().into();
    Some(Seal { kind, ..seal })
}
