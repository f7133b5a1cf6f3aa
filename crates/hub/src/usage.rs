//! What an answer cost, in buckets that do not overlap.

use crate::Tier;

/// Token counts. `None` is "not reported", which is not zero (translation.md section 12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens that were neither read from nor written to a cache.
    pub fresh: Option<u64>,
    /// Prompt tokens read from a cache.
    pub cache_read: Option<u64>,
    /// Prompt tokens written to a cache.
    pub cache_write: Option<CacheWrite>,
    /// Prompt tokens of tool use that the provider counts apart.
    pub tool_prompt: Option<u64>,
    /// Generated tokens, reasoning included.
    pub output: Option<u64>,
    /// The part of `output` that was reasoning.
    pub reasoning: Option<u64>,
    /// Web searches that the provider ran.
    pub web_searches: Option<u64>,
    /// The processing tier that was really used.
    pub tier: Option<Tier>,
}

/// Tokens written to a cache, by lifetime where the provider tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheWrite {
    /// All of them.
    pub total: u64,
    /// Those kept for five minutes.
    pub five_minutes: Option<u64>,
    /// Those kept for an hour.
    pub one_hour: Option<u64>,
}

impl Usage {
    /// Whether no figure at all was reported.
    pub fn is_unknown(&self) -> bool {
        Self { tier: None, ..*self } == Self::default()
    }

    /// All tokens of the prompt: fresh, cached and tool use.
    pub fn input_total(&self) -> u64 {
        [self.fresh, self.cache_read, self.cache_write.map(|write| write.total), self.tool_prompt]
            .into_iter()
            .flatten()
            .fold(0, u64::saturating_add)
    }

    /// Takes each figure that `later` reports; providers repeat running totals, they do not send differences.
    pub fn update(&mut self, later: &Self) {
        fn take<T: Copy>(into: &mut Option<T>, from: Option<T>) {
            if from.is_some() {
                *into = from;
            }
        }
        take(&mut self.fresh, later.fresh);
        take(&mut self.cache_read, later.cache_read);
        take(&mut self.cache_write, later.cache_write);
        take(&mut self.tool_prompt, later.tool_prompt);
        take(&mut self.output, later.output);
        take(&mut self.reasoning, later.reasoning);
        take(&mut self.web_searches, later.web_searches);
        take(&mut self.tier, later.tier);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_figures_replace_and_silence_keeps() {
        let mut usage = Usage { fresh: Some(10), output: Some(1), ..Usage::default() };
        usage.update(&Usage { output: Some(9), cache_read: Some(0), ..Usage::default() });
        assert_eq!(usage, Usage { fresh: Some(10), cache_read: Some(0), output: Some(9), ..Usage::default() });
    }

    #[test]
    fn totals_saturate() {
        let usage = Usage { fresh: Some(u64::MAX), cache_read: Some(2), ..Usage::default() };
        assert_eq!(usage.input_total(), u64::MAX);
    }
}
