//! What an answer cost, in buckets that do not overlap.

use crate::Tier;

/// Token counts. `None` is "not reported", which is not zero.
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
    /// What the place says that the answer cost.
    pub cost: Option<Cost>,
}

/// Money in the currency of the account at the place, which is dollars wherever costs are told so far. Counted in
/// millionths of a millionth, so that equal figures are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(u64);

/// Parts of one unit.
const PARTS: u64 = 1_000_000_000_000;

impl Cost {
    /// Reads a JSON number; `None` for what is no amount.
    pub fn parse(json: &str) -> Option<Self> {
        let amount: f64 = json.trim_matches('"').parse().ok()?;
        // Casts of floats saturate.
        (amount.is_finite() && amount >= 0.0).then(|| Self((amount * PARTS as f64).round() as u64))
    }

    /// The amount, for figures and logs.
    pub fn amount(self) -> f64 {
        self.0 as f64 / PARTS as f64
    }
}

impl std::fmt::Display for Cost {
    /// A JSON number without an exponent.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, parts) = (self.0 / PARTS, self.0 % PARTS);
        if parts == 0 {
            return write!(f, "{whole}");
        }
        let parts = format!("{parts:012}");
        write!(f, "{whole}.{}", parts.trim_end_matches('0'))
    }
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
        take(&mut self.cost, later.cost);
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
    fn costs_are_read_in_every_form_of_a_number_and_written_in_one() {
        for (json, text) in [
            ("0.00014", "0.00014"),
            ("1.4e-5", "0.000014"),
            ("\"2.50\"", "2.5"),
            ("3", "3"),
            ("0", "0"),
            ("0.000000000001", "0.000000000001"),
            ("1e300", "18446744.073709551615"),
        ] {
            let cost = Cost::parse(json).unwrap();
            assert_eq!(cost.to_string(), text, "{json}");
            assert_eq!(Cost::parse(&cost.to_string()), Some(cost), "{json}");
        }
        for json in ["-1", "null", "{}", "true", "1e999", "NaN", "\"\""] {
            assert_eq!(Cost::parse(json), None, "{json}");
        }
    }

    #[test]
    fn totals_saturate() {
        let usage = Usage { fresh: Some(u64::MAX), cache_read: Some(2), ..Usage::default() };
        assert_eq!(usage.input_total(), u64::MAX);
    }
}
