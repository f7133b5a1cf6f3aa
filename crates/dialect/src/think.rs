//! From a wish to an effort in words, for the languages that know reasoning only so. What is asked by a field, by a
//! model's suffix, on a relay or in a translation all comes through here.

use hub::{Level, Losses, Mode, Thinking};

use crate::ThinkingTraits;

/// What is written of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Nothing: the model does as it does by itself.
    Unsaid,
    /// No reasoning.
    Off,
    /// This effort.
    At(Level),
}

impl Effort {
    /// What the model takes of a wish. What it cannot do as asked is noted.
    pub fn of(wish: &Thinking, traits: &ThinkingTraits, losses: &mut Losses) -> Self {
        if traits.supported == Some(false) {
            if wish.effort().is_some() {
                losses.dropped("thinking", "the model does not think");
            }
            return Self::Unsaid;
        }
        if wish.is_off() {
            return Self::off(traits, losses);
        }
        let Some(effort) = wish.effort().or_else(|| unnamed(wish, traits)) else { return Self::Unsaid };
        let sent = effort.nearest(&traits.levels).unwrap_or(effort);
        if sent != effort || wish.level.is_none() {
            losses.approximated("thinking", format!("sent as effort {}", sent.word()));
        }
        Self::At(sent)
    }

    fn off(traits: &ThinkingTraits, losses: &mut Losses) -> Self {
        match (traits.can_disable, traits.levels.iter().min()) {
            (Some(false), Some(least)) => {
                losses.approximated("thinking", format!("the model always thinks: sent as effort {}", least.word()));
                Self::At(*least)
            }
            (Some(false), None) => {
                losses.dropped("thinking", "the model always thinks");
                Self::Unsaid
            }
            (Some(true) | None, _) => Self::Off,
        }
    }

    /// The word for it; `None` when nothing is said.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Unsaid => None,
            Self::Off => Some("none"),
            Self::At(level) => Some(level.word()),
        }
    }
}

/// The effort for a wish that names none. A model that can be told not to think may take silence for that, as OpenAI's
/// do from GPT-5.1 on. One that always thinks is told nothing, and neither is one of which nothing is known: if it cannot
/// think, it would refuse the field.
fn unnamed(wish: &Thinking, traits: &ThinkingTraits) -> Option<Level> {
    (wish.mode == Some(Mode::Auto) && traits.can_disable == Some(true)).then_some(Level::Medium)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_becomes_what_the_model_takes() {
        let open = ThinkingTraits::default();
        let may = ThinkingTraits { can_disable: Some(true), ..ThinkingTraits::default() };
        let never = ThinkingTraits { supported: Some(false), ..ThinkingTraits::default() };
        let always = ThinkingTraits {
            can_disable: Some(false),
            levels: vec![Level::Low, Level::High],
            ..ThinkingTraits::default()
        };
        let deaf = ThinkingTraits { can_disable: Some(false), ..ThinkingTraits::default() };
        for (suffix, traits, expect, losses) in [
            ("high", &open, Effort::At(Level::High), 0),
            ("8192", &open, Effort::At(Level::Medium), 1),
            ("none", &open, Effort::Off, 0),
            ("auto", &open, Effort::Unsaid, 0),
            ("auto", &may, Effort::At(Level::Medium), 1),
            ("auto", &always, Effort::Unsaid, 0),
            ("auto", &never, Effort::Unsaid, 0),
            ("high", &never, Effort::Unsaid, 1),
            ("none", &never, Effort::Unsaid, 0),
            ("medium", &always, Effort::At(Level::Low), 1),
            ("none", &always, Effort::At(Level::Low), 1),
            ("none", &deaf, Effort::Unsaid, 1),
        ] {
            let mut noted = Losses::default();
            let wish = Thinking::from_suffix(suffix).unwrap();
            assert_eq!(Effort::of(&wish, traits, &mut noted), expect, "{suffix}");
            assert_eq!(noted.iter().count(), losses, "{suffix}");
        }
    }
}
