//! How a proof travels through a client whose language has a slot for proofs on thoughts only: in an empty thought, its
//! kind marked. That of a call stands right beside its call. One that ended an answer stands before the last words, for
//! clients take an answer's last block for the answer. On the way back each finds its place again.

use hub::{Part, Seal, Thought};

/// Marks the kind of a proof that belongs to the next call.
const NEXT: &str = "call_";
/// Marks the kind of a proof that belongs to the call before: in a stream a proof may come when its call has begun.
const BEFORE: &str = "called_";

/// Marks the kind of a proof that belongs to the end of its turn.
const LAST: &str = "last_";

/// The proof of the empty thought that stands right before its call.
pub fn before_its_call(seal: &Seal) -> String {
    marked(NEXT, seal)
}

/// The same, of one that stands right after its call.
pub fn behind_its_call(seal: &Seal) -> String {
    marked(BEFORE, seal)
}

/// The same, of one that ended the answer and stands before its last words.
pub fn at_the_end(seal: &Seal) -> String {
    marked(LAST, seal)
}

fn marked(mark: &str, seal: &Seal) -> String {
    let kind = format!("{mark}{}", seal.kind).into();
    Seal { vendor: seal.vendor.clone(), kind, data: seal.data.clone() }.pack()
}

/// Gives each carried proof of a call to its call, and takes the carrier away; those of the end go there.
pub fn settle(parts: &mut Vec<Part>) {
    if !parts.iter().any(|part| carried(part).is_some()) {
        return;
    }
    let (mut waiting, mut last) = (None, Vec::new());
    let mut kept: Vec<Part> = Vec::with_capacity(parts.len());
    for mut part in parts.drain(..) {
        match carried(&part) {
            Some((Place::Next, seal)) => waiting = Some(seal),
            Some((Place::Before, seal)) => {
                if let Some(Part::ToolCall(call)) = kept.last_mut() {
                    call.seal = Some(seal);
                }
            }
            Some((Place::Last, seal)) => last.push(Part::Thinking(Thought { seal: Some(seal), ..Thought::default() })),
            None => {
                if let Part::ToolCall(call) = &mut part {
                    call.seal = waiting.take();
                }
                kept.push(part);
            }
        }
    }
    kept.append(&mut last);
    *parts = kept;
}

/// Where a carried proof belongs: to a call, or to the end.
#[derive(Clone, Copy)]
enum Place {
    Next,
    Before,
    Last,
}

/// The proof in a carrier, as its vendor wrote it; `None` for any other part.
fn carried(part: &Part) -> Option<(Place, Seal)> {
    let Part::Thinking(Thought { text, seal: Some(seal), .. }) = part else { return None };
    if !text.is_empty() {
        return None;
    }
    let places = [(NEXT, Place::Next), (BEFORE, Place::Before), (LAST, Place::Last)];
    let (place, kind) = places.iter().find_map(|(mark, place)| Some((*place, seal.kind.strip_prefix(mark)?)))?;
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
    fn a_proof_of_the_end_goes_there() {
        let seal = |data: &str| Seal::new("gemini", "empty", data);
        let said = || Part::Text(Text::plain("x"));
        let mut parts =
            vec![thought(&at_the_end(&seal("one"))), thought(&at_the_end(&seal("two"))), said(), call("1"), said()];
        settle(&mut parts);
        let expect = vec![said(), call("1"), said(), thought(&seal("one").pack()), thought(&seal("two").pack())];
        assert_eq!(parts, expect);
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
