//! How much to think: one canonical value and the conversions that every dialect shares.
//!
//! The numbers are CLIProxyAPI's, on which its users rely.

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
    /// What a word behind a model's name asks for: a level, `none`, `auto`, `-1`, or a budget in tokens. `None` for a
    /// word that means nothing.
    pub fn from_suffix(word: &str) -> Option<Self> {
        let word = word.trim();
        if let Some(level) = Level::from_word(word) {
            return Some(Self { level: Some(level), ..Self::default() });
        }
        let mode = match word.to_ascii_lowercase().as_str() {
            "none" => Mode::Off,
            "auto" | "-1" => Mode::Auto,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty() => {
                // More than fits is more than any model takes: the model's own range bounds it.
                match digits.parse().unwrap_or(u32::MAX) {
                    0 => Mode::Off,
                    tokens => Mode::Budget(tokens),
                }
            }
            _ => return None,
        };
        Some(Self { mode: Some(mode), ..Self::default() })
    }

    /// The same with the effort of `wish`; whether reasoning is shown stays.
    #[must_use]
    pub fn with_effort_of(self, wish: Self) -> Self {
        Self { mode: wish.mode, level: wish.level, show: self.show }
    }

    /// Whether the client said nothing about reasoning.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the client asked for no reasoning at all.
    pub fn is_off(&self) -> bool {
        self.mode == Some(Mode::Off)
    }

    /// Whether the client does not want to see what the model thinks.
    pub fn is_hidden(&self) -> bool {
        self.show == Show::No || self.is_off()
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

/// Splits `model(word)` into the model and the word; `None` where nothing stands in brackets at the end.
pub fn split_suffix(model: &str) -> Option<(&str, &str)> {
    let (name, word) = model.strip_suffix(')')?.rsplit_once('(')?;
    (!name.is_empty()).then_some((name, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_are_read_in_every_form() {
        let budget = |tokens| Some((Some(Mode::Budget(tokens)), None));
        for (word, expect) in [
            ("high", Some((None, Some(Level::High)))),
            ("XHigh", Some((None, Some(Level::XHigh)))),
            (" max ", Some((None, Some(Level::Max)))),
            ("none", Some((Some(Mode::Off), None))),
            ("0", Some((Some(Mode::Off), None))),
            ("Auto", Some((Some(Mode::Auto), None))),
            ("-1", Some((Some(Mode::Auto), None))),
            ("8192", budget(8_192)),
            ("99999999999999999999", budget(u32::MAX)),
            ("", None),
            ("-2", None),
            ("1.5", None),
            ("fast", None),
        ] {
            let read = Thinking::from_suffix(word).map(|wish| (wish.mode, wish.level));
            assert_eq!(read, expect, "{word:?}");
        }
    }

    #[test]
    fn only_brackets_at_the_very_end_are_a_suffix() {
        assert_eq!(split_suffix("m(high)"), Some(("m", "high")));
        assert_eq!(split_suffix("m(a)(b)"), Some(("m(a)", "b")));
        assert_eq!(split_suffix("m()"), Some(("m", "")));
        for name in ["m", "(high)", "m(high", "m)high(", "m(high) ", ")"] {
            assert_eq!(split_suffix(name), None, "{name}");
        }
    }

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
