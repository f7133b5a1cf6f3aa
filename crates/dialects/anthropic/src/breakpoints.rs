//! Prompt-cache breakpoints within the limits of the API: at most four, longer lifetimes before shorter ones. Where
//! nobody wished for any, they may be set here: at the end of the tools, of the system prompt, and of the last two user
//! turns, so that the next turn finds what this one has written.

use hub::CacheHint;

/// The most that a request may have.
const MOST: usize = 4;

/// A breakpoint of the API's own lifetime.
const SHORT: &str = r#"{"type":"ephemeral"}"#;

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
    /// Our own, where the request has no wishes.
    own: Option<Own>,
}

/// Breakpoints that nobody wished for.
#[derive(Debug)]
struct Own {
    /// How many blocks have passed, by section.
    passed: [usize; 3],
    /// Where breakpoints stand.
    at: [Vec<usize>; 3],
}

impl Breakpoints {
    /// Plans for as many wishes as there are in the tools, the system prompt and the messages.
    pub(crate) fn new(wishes: [usize; 3]) -> Self {
        let [tools, system, messages] = wishes;
        if tools + system + messages <= MOST {
            return Self { skip: [0; 3], short_seen: false, own: None };
        }
        let keep_tools = tools.min(1);
        let keep_messages = messages.min(MOST - keep_tools - system.min(1));
        let keep_system = system.min(MOST - keep_tools - keep_messages);
        let keep_tools = tools.min(MOST - keep_system - keep_messages);
        let skip = [tools - keep_tools, system - keep_system, messages - keep_messages];
        Self { skip, short_seen: false, own: None }
    }

    /// Sets them where nobody wished for any. `blocks` are those of the tools and of the system prompt, `ends` the last
    /// of each user turn, counted through all messages.
    pub(crate) fn own(blocks: [usize; 2], ends: &[usize]) -> Self {
        let [tools, system] = blocks.map(|count| count.checked_sub(1).into_iter().collect());
        let messages = ends[ends.len().saturating_sub(2)..].to_vec();
        let own = Own { passed: [0; 3], at: [tools, system, messages] };
        Self { skip: [0; 3], short_seen: false, own: Some(own) }
    }

    /// The `cache_control` for a wish, if it is one of those that stay.
    pub(crate) fn take(&mut self, section: Section, hint: Option<CacheHint>) -> Option<&'static str> {
        if let Some(own) = &mut self.own {
            let passed = &mut own.passed[section as usize];
            *passed += 1;
            return own.at[section as usize].contains(&(*passed - 1)).then_some(SHORT);
        }
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
            (false, CacheHint::Default) => SHORT,
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
    fn our_own_stand_at_the_ends() {
        let places = |blocks: [usize; 2], ends: &[usize], messages: usize| {
            let mut breakpoints = Breakpoints::own(blocks, ends);
            let mut of = |section: Section, count: usize| -> Vec<usize> {
                (0..count).filter(|_| breakpoints.take(section, None).is_some()).collect()
            };
            [of(Section::Tools, blocks[0]), of(Section::System, blocks[1]), of(Section::Messages, messages)]
        };
        assert_eq!(places([3, 2], &[1, 4, 7], 8), [vec![2], vec![1], vec![4, 7]]);
        assert_eq!(places([0, 0], &[0], 1), [vec![], vec![], vec![0]]);
        assert_eq!(places([1, 0], &[], 0), [vec![0], vec![], vec![]]);
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
