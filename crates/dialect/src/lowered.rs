//! Schemas as they were rewritten for a provider, remembered by their content: agents resend a hundred of them with
//! every call, and most conversations have the same ones.
//!
//! Each thread remembers its own, so nobody waits for anybody and a request, which never changes threads, finds what it
//! left there. What is remembered is bounded in entries and in bytes; over either bound all is forgotten, which costs one
//! rewriting each. What was lost on the way is remembered with the schema, so that it is reported every time.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use hub::Losses;

/// Most bytes of schemas that one thread remembers, before and after.
const MAX_BYTES: usize = 8 << 20;
/// Most schemas that one thread remembers.
const MAX_ENTRIES: usize = 4_096;
/// Larger schemas are not remembered, in bytes.
const MAX_ONE: usize = 128 << 10;

/// A schema as it can be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lowered {
    /// The schema; `None` when there is nothing to send.
    pub json: Option<String>,
    /// The keywords that were taken out and put into descriptions, each once.
    pub lost: Vec<String>,
    /// What else says less than before, in words.
    pub bent: Vec<&'static str>,
}

impl Lowered {
    /// Says what was lost of the schema at `field`.
    pub fn report(&self, field: impl FnOnce() -> String, losses: &mut Losses) {
        let moved = (!self.lost.is_empty()).then(|| format!("moved into descriptions: {}", self.lost.join(", ")));
        let words: Vec<String> = moved.into_iter().chain(self.bent.iter().map(|words| (*words).to_owned())).collect();
        if !words.is_empty() {
            losses.approximated(field(), words.join("; "));
        }
    }
}

#[derive(Default)]
struct Known {
    /// By rule, then by content: looked up without making a key.
    rules: HashMap<&'static str, HashMap<Box<str>, Rc<Lowered>>>,
    bytes: usize,
    entries: usize,
    made: u64,
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

/// What `lower` makes of a schema, or has made of it before on this thread. `rule` names what `lower` does: the same
/// rule and the same text must give the same.
pub fn remembered(rule: &'static str, schema: &str, lower: impl FnOnce(&str) -> Lowered) -> Rc<Lowered> {
    let known = KNOWN.with_borrow(|known| known.rules.get(rule)?.get(schema).map(Rc::clone));
    // Not borrowed while it works: a rule may build on another.
    known.unwrap_or_else(|| {
        let lowered = Rc::new(lower(schema));
        KNOWN.with_borrow_mut(|known| known.keep(rule, schema, &lowered));
        lowered
    })
}

/// How many schemas this thread has rewritten, for tests that count work.
pub fn made() -> u64 {
    KNOWN.with_borrow(|known| known.made)
}

impl Known {
    fn keep(&mut self, rule: &'static str, schema: &str, lowered: &Rc<Lowered>) {
        self.made += 1;
        let lost: usize = lowered.lost.iter().map(String::len).sum();
        let size = schema.len() + lowered.json.as_ref().map_or(0, String::len) + lost;
        if size > MAX_ONE {
            return;
        }
        if self.bytes + size > MAX_BYTES || self.entries >= MAX_ENTRIES {
            *self = Self { made: self.made, ..Self::default() };
        }
        self.bytes += size;
        self.entries += 1;
        self.rules.entry(rule).or_default().insert(schema.into(), Rc::clone(lowered));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upper(schema: &str) -> Lowered {
        Lowered { json: Some(schema.to_uppercase()), lost: vec!["case".into()], bent: Vec::new() }
    }

    #[test]
    fn the_same_text_is_rewritten_once_for_each_rule() {
        let before = made();
        let first = remembered("a", "x", upper);
        assert!(Rc::ptr_eq(&first, &remembered("a", "x", |_| Lowered::default())), "with what was lost");
        assert_eq!(made() - before, 1);
        assert_eq!(*remembered("b", "x", |_| Lowered::default()), Lowered::default());
        assert_eq!(made() - before, 2);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        for number in 0..3 * MAX_ENTRIES {
            remembered("many", &number.to_string(), upper);
        }
        let large = "x".repeat(MAX_ONE / 2 - 8);
        for number in 0..200 {
            remembered("large", &format!("{large}{number}"), upper);
        }
        let (bytes, entries) = KNOWN.with_borrow(|known| (known.bytes, known.entries));
        assert!(bytes <= MAX_BYTES && entries <= MAX_ENTRIES, "{bytes} bytes, {entries} entries");
        let before = made();
        let huge = "x".repeat(MAX_ONE);
        remembered("huge", &huge, upper);
        remembered("huge", &huge, upper);
        assert_eq!(made() - before, 2, "too large to keep");
    }

    #[test]
    fn a_rule_may_build_on_another() {
        let both = remembered("outer", "y", |schema| Lowered::clone(&remembered("inner", schema, upper)));
        assert_eq!(both.json.as_deref(), Some("Y"));
    }
}
