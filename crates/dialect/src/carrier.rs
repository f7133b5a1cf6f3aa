//! How the proof of a call travels through a client whose language has a slot for proofs on thoughts only: in an empty
//! thought right beside the call, its kind marked. On the way back it finds its call again.

use hub::{Part, Seal, Thought};

/// Marks the kind of a proof that belongs to the next call.
const NEXT: &str = "call_";
/// Marks the kind of a proof that belongs to the call before: in a stream a proof may come when its call has begun.
const BEFORE: &str = "called_";

/// The proof of the empty thought that stands right before its call.
pub fn before_its_call(seal: &Seal) -> String {
    marked(NEXT, seal)
}

/// The same, of one that stands right after its call.
pub fn behind_its_call(seal: &Seal) -> String {
    marked(BEFORE, seal)
}

fn marked(mark: &str, seal: &Seal) -> String {
    let kind = format!("{mark}{}", seal.kind).into();
    Seal { vendor: seal.vendor.clone(), kind, data: seal.data.clone() }.pack()
}

/// Gives each carried proof to its call, and takes the carrier away.
pub fn settle(parts: &mut Vec<Part>) {
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
        (None, Some(kind)) => (Place::Before, kind),
        (None, None) => return None,
    };
    Some((place, Seal { vendor: seal.vendor.clone(), kind: kind.to_owned().into(), data: seal.data.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub::{CallKind, Carried, Text, ToolCall};

    fn call(id: &str) -> Part {
        Part::ToolCall(ToolCall {
            id: id.to_owned(),
            name: "t".to_owned(),
            kind: CallKind::Function,
            arguments: "{}".to_owned(),
            seal: None,
            cache: None,
        })
    }

    fn thought(packed: &str) -> Part {
        let Carried::Packed(seal) = Seal::unpack(packed) else { panic!("{packed} is not packed") };
        Part::Thinking(Thought { seal: Some(seal), ..Thought::default() })
    }

    #[test]
    fn every_proof_finds_its_call_again() {
        let seal = |data: &str| Seal::new("gemini", "thought", data);
        let mut parts = vec![
            thought(&before_its_call(&seal("one"))),
            call("1"),
            call("2"),
            thought(&behind_its_call(&seal("two"))),
            Part::Text(Text::plain("x")),
            thought(&seal("own").pack()),
            call("3"),
        ];
        settle(&mut parts);
        let seals: Vec<_> = parts
            .iter()
            .filter_map(|part| match part {
                Part::ToolCall(call) => Some(call.seal.as_ref().map(|seal| seal.data.as_str())),
                _ => None,
            })
            .collect();
        assert_eq!(seals, [Some("one"), Some("two"), None]);
        assert_eq!(parts.len(), 5, "a thought that is none's carrier stays");
    }
}
