//! Prompt-cache breakpoints within the limits of the API: at most four, longer lifetimes before shorter ones.

use hub::CacheHint;

/// The most that a request may have.
const MOST: usize = 4;

/// The parts of a prompt, in the order in which the cache sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Tools,
    System,
    Messages,
}

/// Hands out the breakpoints of one request.
#[derive(Debug)]
pub(crate) struct Breakpoints {
    /// How many to pass over, by section: the last of each count most.
    skip: [usize; 3],
    short_seen: bool,
}

impl Breakpoints {
    /// Plans for as many wishes as there are in the tools, the system prompt and the messages.
    pub(crate) fn new(wishes: [usize; 3]) -> Self {
        let [tools, system, messages] = wishes;
        if tools + system + messages <= MOST {
            return Self { skip: [0; 3], short_seen: false };
        }
        let keep_tools = tools.min(1);
        let keep_messages = messages.min(MOST - keep_tools - system.min(1));
        let keep_system = system.min(MOST - keep_tools - keep_messages);
        let keep_tools = tools.min(MOST - keep_system - keep_messages);
        Self { skip: [tools - keep_tools, system - keep_system, messages - keep_messages], short_seen: false }
    }

    /// The `cache_control` for a wish, if it is one of those that stay.
    pub(crate) fn take(&mut self, section: Section, hint: Option<CacheHint>) -> Option<&'static str> {
        let hint = hint?;
        let skip = &mut self.skip[section as usize];
        if *skip > 0 {
            *skip -= 1;
            return None;
        }
        let long = matches!(hint, CacheHint::OneHour | CacheHint::Long) && !self.short_seen;
        self.short_seen |= !long;
        Some(match (long, hint) {
            (true, _) => r#"{"type":"ephemeral","ttl":"1h"}"#,
            (false, CacheHint::Default) => r#"{"type":"ephemeral"}"#,
            (false, _) => r#"{"type":"ephemeral","ttl":"5m"}"#,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(wishes: [usize; 3]) -> [usize; 3] {
        let mut breakpoints = Breakpoints::new(wishes);
        let mut count = |section: Section| {
            let wishes = wishes[section as usize];
            (0..wishes).filter(|_| breakpoints.take(section, Some(CacheHint::Default)).is_some()).count()
        };
        [count(Section::Tools), count(Section::System), count(Section::Messages)]
    }

    #[test]
    fn four_stay_and_each_section_keeps_its_last() {
        assert_eq!(kept([1, 1, 2]), [1, 1, 2]);
        assert_eq!(kept([0, 0, 9]), [0, 0, 4]);
        assert_eq!(kept([3, 3, 9]), [1, 1, 2]);
        assert_eq!(kept([0, 9, 1]), [0, 3, 1]);
        assert_eq!(kept([9, 0, 0]), [4, 0, 0]);
        let mut breakpoints = Breakpoints::new([0, 0, 5]);
        assert_eq!(breakpoints.take(Section::Messages, Some(CacheHint::OneHour)), None, "the first goes");
    }

    #[test]
    fn a_longer_lifetime_never_follows_a_shorter_one() {
        let mut breakpoints = Breakpoints::new([1, 1, 1]);
        assert_eq!(breakpoints.take(Section::Tools, Some(CacheHint::Long)), Some(r#"{"type":"ephemeral","ttl":"1h"}"#));
        assert_eq!(breakpoints.take(Section::System, Some(CacheHint::Default)), Some(r#"{"type":"ephemeral"}"#));
        assert_eq!(
            breakpoints.take(Section::Messages, Some(CacheHint::OneHour)),
            Some(r#"{"type":"ephemeral","ttl":"5m"}"#)
        );
        assert_eq!(breakpoints.take(Section::Messages, None), None);
    }
}
