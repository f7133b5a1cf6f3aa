//! One reversible map of tool names per request.
//!
//! Providers differ in what a tool may be called. Illegal characters become `_`, long names are cut with a hash
//! suffix, collisions are told apart, always in the same way for the same names; every answer is mapped back.

use std::collections::{HashMap, HashSet};

use hub::{Losses, Tool};

/// What a wire allows in a tool name.
#[derive(Clone, Copy, Debug)]
pub struct NameRule {
    /// Longest name in bytes.
    pub max: usize,
    /// Bytes allowed besides ASCII letters, digits and `_`.
    pub also: &'static [u8],
    /// The first character must be a letter or `_`.
    pub letter_first: bool,
}

/// The names of one request, theirs and ours.
#[derive(Clone, Debug, Default)]
pub struct NameMap {
    to_wire: HashMap<String, String>,
    from_wire: HashMap<String, String>,
}

impl NameMap {
    /// Gives each name a legal one. Names that are legal already keep theirs, whatever the order.
    pub fn new<'a>(names: impl Iterator<Item = &'a str> + Clone, rule: NameRule) -> Self {
        let mut map = Self::default();
        let mut taken: HashSet<String> = names.clone().filter(|name| rule.allows(name)).map(str::to_owned).collect();
        for name in names {
            if map.to_wire.contains_key(name) {
                continue;
            }
            let legal = if rule.allows(name) { name.to_owned() } else { rule.legalise(name, &taken) };
            taken.insert(legal.clone());
            map.from_wire.insert(legal.clone(), name.to_owned());
            map.to_wire.insert(name.to_owned(), legal);
        }
        map
    }

    /// The wire's name of a declared tool; the name itself when it is not in the map.
    pub fn wire<'a>(&'a self, name: &'a str) -> &'a str {
        self.to_wire.get(name).map_or(name, String::as_str)
    }

    /// The declared name behind a wire name. Some upstreams change the letter case: a unique match without case counts.
    pub fn declared<'a>(&'a self, wire: &'a str) -> &'a str {
        if let Some(name) = self.from_wire.get(wire) {
            return name;
        }
        let mut alike = self.from_wire.iter().filter(|(known, _)| known.eq_ignore_ascii_case(wire));
        match (alike.next(), alike.next()) {
            (Some((_, name)), None) => name,
            _ => wire,
        }
    }
}

impl NameRule {
    fn allows(&self, name: &str) -> bool {
        let first = name.as_bytes().first();
        !name.is_empty()
            && name.len() <= self.max
            && name.bytes().all(|byte| self.allows_byte(byte))
            && (!self.letter_first || first.is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_'))
    }

    fn allows_byte(&self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || byte == b'_' || self.also.contains(&byte)
    }

    fn legalise(&self, name: &str, taken: &HashSet<String>) -> String {
        let mut plain: String =
            name.chars().map(|c| if c.is_ascii() && self.allows_byte(c as u8) { c } else { '_' }).collect();
        if plain.is_empty() || (self.letter_first && !plain.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
        {
            plain.insert(0, '_');
        }
        if plain.len() <= self.max && !taken.contains(&plain) {
            return plain;
        }
        let mut round = 0_u32;
        loop {
            let suffix = format!("_{:08x}", fnv(name).wrapping_add(round));
            let mut cut = plain.clone();
            cut.truncate(self.max.saturating_sub(suffix.len()));
            cut.push_str(&suffix);
            if !taken.contains(&cut) {
                return cut;
            }
            round = round.wrapping_add(1);
        }
    }
}

/// FNV-1a: stable across builds, which a prompt cache needs.
fn fnv(text: &str) -> u32 {
    text.bytes().fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Whether a tool is the first of its name: providers refuse a name twice, so others are left out. One that is declared
/// again as it was is no loss.
pub fn is_first<'a>(tool: &'a Tool, seen: &mut HashMap<&'a str, &'a Tool>, losses: &mut Losses) -> bool {
    let known = *seen.entry(&tool.name).or_insert(tool);
    // Nearly all are, and their schemas are long.
    if std::ptr::eq(known, tool) {
        return true;
    }
    if known != tool {
        losses.dropped(format!("tools.{}", tool.name), "a tool of this name was declared before");
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: NameRule = NameRule { max: 64, also: b"-", letter_first: false };

    fn map(names: &[&str]) -> NameMap {
        NameMap::new(names.iter().copied(), RULE)
    }

    #[test]
    fn names_are_legal_distinct_and_undone() {
        let long_a = format!("{}a", "x".repeat(99));
        let long_b = format!("{}b", "x".repeat(99));
        let names = ["ok-name", "a.b", "a/b", "a_b", long_a.as_str(), long_b.as_str(), "ünï"];
        let map = map(&names);
        let wires: HashSet<&str> = names.iter().map(|name| map.wire(name)).collect();
        assert_eq!(wires.len(), names.len());
        for name in names {
            assert!(RULE.allows(map.wire(name)), "{name}");
            assert_eq!(map.declared(map.wire(name)), name);
        }
        assert_eq!(map.wire("a_b"), "a_b", "a legal name keeps its own");
    }

    #[test]
    fn another_letter_case_finds_its_way_back() {
        let map = map(&["Bash", "read", "READ"]);
        assert_eq!(map.declared("bash"), "Bash");
        assert_eq!(map.declared("Read"), "Read", "two candidates: no guess");
    }
}
