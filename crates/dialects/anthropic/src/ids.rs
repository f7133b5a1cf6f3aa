//! Call ids in the alphabet that this wire takes: `a-zA-Z0-9_-`.
//!
//! The same history gives the same ids on every turn, or prompt caches would miss. Legal ids keep theirs.

use std::collections::{HashMap, HashSet};

use hub::{Part, Turn};

/// The ids of one history that had to change. Most histories have none.
#[derive(Debug, Default)]
pub(crate) struct Ids<'a> {
    changed: HashMap<&'a str, String>,
}

impl<'a> Ids<'a> {
    /// Gives each illegal id of a call a legal one that no other call has.
    pub(crate) fn new(turns: &'a [Turn]) -> Self {
        let calls = || {
            turns.iter().flat_map(|turn| &turn.parts).filter_map(|part| match part {
                Part::ToolCall(call) => Some(call.id.as_str()),
                _ => None,
            })
        };
        if calls().all(is_legal) {
            return Self::default();
        }
        let mut taken: HashSet<String> = calls().filter(|id| is_legal(id)).map(str::to_owned).collect();
        let mut changed = HashMap::new();
        for id in calls().filter(|id| !is_legal(id)) {
            changed.entry(id).or_insert_with(|| legal(id, &mut taken));
        }
        Self { changed }
    }

    /// The wire's id.
    pub(crate) fn wire<'i>(&'i self, id: &'i str) -> &'i str {
        self.changed.get(id).map_or(id, String::as_str)
    }
}

fn is_legal(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(is_legal_byte)
}

fn is_legal_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn legal(id: &str, taken: &mut HashSet<String>) -> String {
    let plain: String = id.chars().map(|c| if c.is_ascii() && is_legal_byte(c as u8) { c } else { '_' }).collect();
    let plain = if plain.is_empty() { "call".to_owned() } else { plain };
    let mut found = plain.clone();
    let mut round = 1_u32;
    while !taken.insert(found.clone()) {
        round += 1;
        found = format!("{plain}_{round}");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub::{CallKind, Role, ToolCall};

    fn history(ids: &[&str]) -> Vec<Turn> {
        let call = |id: &&str| {
            Part::ToolCall(ToolCall {
                id: (*id).to_owned(),
                name: "t".into(),
                arguments: "{}".into(),
                kind: CallKind::Function,
                seal: None,
                cache: None,
            })
        };
        vec![Turn { role: Role::Assistant, parts: ids.iter().map(call).collect() }]
    }

    #[test]
    fn illegal_ids_become_legal_and_stay_apart() {
        let names = ["call:1", "call.1", "call_1", "ä b", "", "ok-1"];
        let turns = history(&names);
        let ids = Ids::new(&turns);
        let wires: HashSet<&str> = names.iter().map(|id| ids.wire(id)).collect();
        assert_eq!(wires.len(), names.len());
        assert!(wires.iter().all(|id| is_legal(id)));
        assert_eq!((ids.wire("call_1"), ids.wire("ok-1")), ("call_1", "ok-1"));
    }
}
