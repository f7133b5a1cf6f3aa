//! How much to think: one canonical value and the conversions that every dialect shares.
//!
//! The numbers are CLIProxyAPI's, on which its users rely (translation.md section 9.1).

/// What the client wants of reasoning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thinking {
    /// Off, automatic or by budget; `None` when the client named at most a level.
    pub mode: Option<Mode>,
    /// The wanted effort.
    pub level: Option<Level>,
    /// Whether the client wants to see it.
    pub show: Show,
}

/// Off, automatic, or by budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// No reasoning.
    Off,
    /// The model decides how much.
    Auto,
    /// At most so many tokens.
    Budget(u32),
}

/// Effort in words, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// 512 tokens.
    Minimal,
    /// 1,024 tokens.
    Low,
    /// 8,192 tokens.
    Medium,
    /// 24,576 tokens.
    High,
    /// 32,768 tokens.
    XHigh,
    /// 128,000 tokens.
    Max,
}

/// Whether reasoning is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// As the model does by itself.
    #[default]
    Default,
    /// Shown, at least in summary.
    Yes,
    /// Kept back.
    No,
}

impl Level {
    /// All levels, least first.
    pub const ALL: [Self; 6] = [Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max];

    /// The word that OpenAI, Anthropic and Ollama share.
    pub fn word(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// Reads a word, in any letter case.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.word().eq_ignore_ascii_case(word))
    }

    /// The budget in tokens that stands for this level.
    pub fn budget(self) -> u32 {
        match self {
            Self::Minimal => 512,
            Self::Low => 1_024,
            Self::Medium => 8_192,
            Self::High => 24_576,
            Self::XHigh => 32_768,
            Self::Max => 128_000,
        }
    }

    /// The level that stands for a budget in tokens. Never `Max`: no budget asks for it.
    pub fn of_budget(tokens: u32) -> Self {
        match tokens {
            0..=512 => Self::Minimal,
            513..=1_024 => Self::Low,
            1_025..=8_192 => Self::Medium,
            8_193..=24_576 => Self::High,
            _ => Self::XHigh,
        }
    }

    /// The nearest of `offered`; ties go down. `None` if nothing is offered.
    pub fn nearest(self, offered: &[Self]) -> Option<Self> {
        let distance = |level: &Self| (*level as i8 - self as i8).abs();
        offered.iter().copied().min_by_key(|level| (distance(level), *level))
    }
}

impl Thinking {
    /// Whether the client said nothing about reasoning.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the client asked for no reasoning at all.
    pub fn is_off(&self) -> bool {
        self.mode == Some(Mode::Off)
    }

    /// The effort in words: the level if one was named, else the budget's level. `None`: off, automatic or unsaid.
    pub fn effort(&self) -> Option<Level> {
        match (self.mode, self.level) {
            (Some(Mode::Off), _) => None,
            (_, Some(level)) => Some(level),
            (Some(Mode::Budget(tokens)), None) => Some(Level::of_budget(tokens)),
            (Some(Mode::Auto) | None, None) => None,
        }
    }

    /// The budget in tokens: the one that was named, else the level's. `None`: off, automatic or unsaid.
    pub fn budget(&self) -> Option<u32> {
        match (self.mode, self.level) {
            (Some(Mode::Off), _) => None,
            (Some(Mode::Budget(tokens)), _) => Some(tokens),
            (Some(Mode::Auto) | None, level) => level.map(Level::budget),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_and_levels_convert_as_published() {
        for (tokens, level) in [
            (0, Level::Minimal),
            (512, Level::Minimal),
            (513, Level::Low),
            (1_024, Level::Low),
            (8_192, Level::Medium),
            (24_576, Level::High),
            (24_577, Level::XHigh),
            (u32::MAX, Level::XHigh),
        ] {
            assert_eq!(Level::of_budget(tokens), level, "{tokens}");
        }
    }

    #[test]
    fn the_nearest_level_goes_down_on_a_tie() {
        assert_eq!(Level::Medium.nearest(&[Level::Low, Level::High]), Some(Level::Low));
        assert_eq!(Level::Max.nearest(&[Level::Low, Level::High]), Some(Level::High));
        assert_eq!(Level::Low.nearest(&[]), None);
    }
}
