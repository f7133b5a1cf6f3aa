//! Writes `thinkingConfig`: a budget where the model takes one, a level where it takes levels, never both.

use bytes::BytesMut;
use dialect::{Object, ThinkingTraits};
use hub::{Level, Losses, Mode, Show, Thinking};

/// The model decides how much.
const DYNAMIC: i64 = -1;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Absent,
    /// Nothing but the wish to see thoughts.
    Show,
    Budget(i64),
    Level(Level),
}

/// What the client wants, in a form that the model takes.
pub(crate) fn plan(wish: &Thinking, traits: &ThinkingTraits, losses: &mut Losses) -> Wire {
    let quiet = wish.mode.is_none() && wish.level.is_none();
    if traits.supported == Some(false) {
        if !quiet && !wish.is_off() {
            losses.dropped("thinking", "this model does not think");
        }
        return Wire::Absent;
    }
    match wish.mode {
        _ if quiet && wish.show == Show::Yes => Wire::Show,
        _ if quiet => Wire::Absent,
        Some(Mode::Off) => off(traits, losses),
        Some(Mode::Auto) if wish.level.is_none() => auto(traits),
        _ if takes_levels(traits) => level(wish, traits, losses),
        _ => budget(wish, traits, losses),
    }
}

/// Newer models take levels; of a model that is not known, a budget is what all of them take.
fn takes_levels(traits: &ThinkingTraits) -> bool {
    !traits.levels.is_empty() && traits.budget.is_none()
}

fn off(traits: &ThinkingTraits, losses: &mut Losses) -> Wire {
    if traits.can_disable != Some(false) {
        return Wire::Budget(0);
    }
    losses.approximated("thinking", "this model always thinks: the least effort was asked");
    match (traits.levels.iter().min(), traits.budget) {
        (Some(least), None) => Wire::Level(*least),
        (_, Some((least, _))) => Wire::Budget(i64::from(least)),
        (None, None) => Wire::Absent,
    }
}

fn auto(traits: &ThinkingTraits) -> Wire {
    if takes_levels(traits) { Wire::Show } else { Wire::Budget(DYNAMIC) }
}

fn level(wish: &Thinking, traits: &ThinkingTraits, losses: &mut Losses) -> Wire {
    let Some(wanted) = wish.effort() else { return Wire::Show };
    let sent = wanted.nearest(&traits.levels).unwrap_or(wanted);
    if sent != wanted {
        losses.approximated("thinking", format!("sent as level {}", sent.word()));
    }
    Wire::Level(sent)
}

fn budget(wish: &Thinking, traits: &ThinkingTraits, losses: &mut Losses) -> Wire {
    let Some(wanted) = wish.budget() else { return Wire::Budget(DYNAMIC) };
    let (least, most) = traits.budget.unwrap_or((1, Level::XHigh.budget()));
    let sent = wanted.max(least.max(1)).min(most);
    if sent != wanted && matches!(wish.mode, Some(Mode::Budget(_))) {
        losses.approximated("thinking", format!("sent as a budget of {sent} tokens"));
    }
    Wire::Budget(i64::from(sent))
}

/// Writes the configuration. Thoughts are asked for whenever the client can show them.
pub(crate) fn write(plan: Wire, show: Show, out: &mut BytesMut) {
    let mut config = Object::open(out);
    let on = match plan {
        Wire::Budget(tokens) => {
            config.number("thinkingBudget", tokens);
            tokens != 0
        }
        Wire::Level(level) => {
            config.text("thinkingLevel", &level.word().to_ascii_uppercase());
            true
        }
        Wire::Show => true,
        Wire::Absent => false,
    };
    if on && show != Show::No {
        config.flag("includeThoughts", true);
    }
    config.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(mode: Option<Mode>, level: Option<Level>) -> Thinking {
        Thinking { mode, level, show: Show::Default }
    }

    fn old() -> ThinkingTraits {
        ThinkingTraits {
            supported: Some(true),
            budget: Some((128, 32_768)),
            can_disable: Some(false),
            ..ThinkingTraits::default()
        }
    }

    fn new() -> ThinkingTraits {
        ThinkingTraits {
            supported: Some(true),
            levels: vec![Level::Low, Level::High],
            can_disable: Some(false),
            ..ThinkingTraits::default()
        }
    }

    #[test]
    fn wishes_become_what_the_model_takes() {
        let none = ThinkingTraits::default();
        let cannot = ThinkingTraits { supported: Some(false), ..ThinkingTraits::default() };
        for (name, wish, traits, expect) in [
            ("nothing said", wish(None, None), &none, Wire::Absent),
            ("off", wish(Some(Mode::Off), None), &none, Wire::Budget(0)),
            ("off, cannot be: budget", wish(Some(Mode::Off), None), &old(), Wire::Budget(128)),
            ("off, cannot be: level", wish(Some(Mode::Off), None), &new(), Wire::Level(Level::Low)),
            ("auto", wish(Some(Mode::Auto), None), &none, Wire::Budget(-1)),
            ("auto by levels", wish(Some(Mode::Auto), None), &new(), Wire::Show),
            ("level, unknown model", wish(None, Some(Level::High)), &none, Wire::Budget(24_576)),
            ("level, tie goes down", wish(None, Some(Level::Medium)), &new(), Wire::Level(Level::Low)),
            ("budget as level", wish(Some(Mode::Budget(30_000)), None), &new(), Wire::Level(Level::High)),
            ("budget clamped", wish(Some(Mode::Budget(99_999)), None), &old(), Wire::Budget(32_768)),
            ("budget raised", wish(Some(Mode::Budget(5)), None), &old(), Wire::Budget(128)),
            ("no thinker", wish(None, Some(Level::High)), &cannot, Wire::Absent),
        ] {
            assert_eq!(plan(&wish, traits, &mut Losses::default()), expect, "{name}");
        }
    }

    #[test]
    fn budget_and_level_never_stand_together() {
        for (plan, show, expect) in [
            (Wire::Budget(0), Show::Yes, r#"{"thinkingBudget":0}"#),
            (Wire::Budget(9), Show::Default, r#"{"thinkingBudget":9,"includeThoughts":true}"#),
            (Wire::Level(Level::XHigh), Show::No, r#"{"thinkingLevel":"XHIGH"}"#),
        ] {
            let mut out = BytesMut::new();
            write(plan, show, &mut out);
            assert_eq!(&out[..], expect.as_bytes());
        }
    }
}
