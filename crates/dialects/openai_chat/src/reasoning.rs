//! How much a Chat server is told to reason. Chat itself knows an effort; some places have fields of their own.

use dialect::{Effort, ReasoningField, Target, ThinkingTraits};
use hub::{Level, Losses, Mode, Show, Thinking};

/// Every field that says so somewhere.
pub(crate) const FIELDS: [&str; 5] =
    ["reasoning_effort", "reasoning", "thinking", "enable_thinking", "thinking_budget"];
/// The largest effort that a `reasoning` object takes (openrouter.ai/docs/use-cases/reasoning-tokens, 2026-11-21).
const MOST_IN_OBJECT: Level = Level::XHigh;

/// A field and its JSON text.
type Field = (&'static str, String);

/// What the client wants, in the place's own words.
pub(crate) fn fields(wanted: &Thinking, target: &Target<'_>, losses: &mut Losses) -> Vec<Field> {
    let traits = &target.traits.thinking;
    match target.traits.quirks.reasoning_field {
        ReasoningField::Effort => Effort::of(wanted, traits, losses).word().map(effort).into_iter().collect(),
        ReasoningField::Object => as_object(wanted, traits, losses),
        ReasoningField::Switch => as_switch(wanted, traits, losses),
        ReasoningField::Budget => as_budget(wanted, traits, losses),
    }
}

fn effort(word: &str) -> Field {
    ("reasoning_effort", format!("\"{word}\""))
}

/// Whether thinking is asked for, in any words.
fn asks(wanted: &Thinking) -> bool {
    wanted.effort().is_some() || wanted.mode == Some(Mode::Auto)
}

/// `reasoning: {effort | max_tokens | enabled, exclude}`: budgets arrive as they are, and nothing is said unasked.
fn as_object(wanted: &Thinking, traits: &ThinkingTraits, losses: &mut Losses) -> Vec<Field> {
    let said = match (traits.supported, wanted.mode, wanted.level) {
        (Some(false), ..) | (_, Some(Mode::Off), _) => match Effort::of(wanted, traits, losses) {
            Effort::Unsaid => return Vec::new(),
            Effort::Off => "\"enabled\":false".to_owned(),
            Effort::At(level) => format!("\"effort\":\"{}\"", level.word()),
        },
        (_, Some(Mode::Budget(tokens)), None) => format!("\"max_tokens\":{tokens}"),
        (_, _, Some(level)) => {
            if level > MOST_IN_OBJECT {
                losses.approximated("thinking", format!("sent as effort {}", MOST_IN_OBJECT.word()));
            }
            format!("\"effort\":\"{}\"", level.min(MOST_IN_OBJECT).word())
        }
        (_, Some(Mode::Auto), None) => "\"enabled\":true".to_owned(),
        (_, None, None) => String::new(),
    };
    let hidden = if wanted.show == Show::No { "\"exclude\":true" } else { "" };
    let comma = if said.is_empty() || hidden.is_empty() { "" } else { "," };
    match said.is_empty() && hidden.is_empty() {
        true => Vec::new(),
        false => vec![("reasoning", format!("{{{said}{comma}{hidden}}}"))],
    }
}

/// `thinking: {type}`, and an effort beside it for models that know efforts.
fn as_switch(wanted: &Thinking, traits: &ThinkingTraits, losses: &mut Losses) -> Vec<Field> {
    let switch = |word: &str| ("thinking", format!("{{\"type\":\"{word}\"}}"));
    if traits.supported == Some(false) || wanted.is_off() {
        return match Effort::of(wanted, traits, losses) {
            Effort::Unsaid => Vec::new(),
            Effort::Off => vec![switch("disabled")],
            Effort::At(level) => vec![effort(level.word())],
        };
    }
    if !asks(wanted) {
        return Vec::new();
    }
    // A model that always thinks has no switch to turn.
    let mut fields: Vec<Field> = (traits.can_disable != Some(false)).then(|| switch("enabled")).into_iter().collect();
    if wanted.effort().is_none() {
        return fields;
    }
    if !traits.levels.is_empty() {
        fields.extend(Effort::of(wanted, traits, losses).word().map(effort));
    } else {
        losses.approximated("thinking", "the model thinks or not: how much is not for others to say");
    }
    fields
}

/// `enable_thinking` and `thinking_budget`.
fn as_budget(wanted: &Thinking, traits: &ThinkingTraits, losses: &mut Losses) -> Vec<Field> {
    let enable = |on: bool| ("enable_thinking", on.to_string());
    if traits.supported == Some(false) || wanted.is_off() {
        return match Effort::of(wanted, traits, losses) {
            Effort::Off => vec![enable(false)],
            Effort::Unsaid | Effort::At(_) => Vec::new(),
        };
    }
    if !asks(wanted) {
        return Vec::new();
    }
    let mut fields = vec![enable(true)];
    if let Some(tokens) = wanted.budget() {
        let (least, most) = traits.budget.unwrap_or((1, u32::MAX));
        let sent = tokens.clamp(least, most);
        if sent != tokens || !matches!(wanted.mode, Some(Mode::Budget(_))) {
            losses.approximated("thinking", format!("sent as a budget of {sent} tokens"));
        }
        fields.push(("thinking_budget", sent.to_string()));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use dialect::{ModelTraits, WireQuirks};

    fn written(field: ReasoningField, wanted: Thinking, thinking: ThinkingTraits) -> (String, usize) {
        let quirks = WireQuirks { reasoning_field: field, ..WireQuirks::default() };
        let traits = ModelTraits { thinking, quirks, ..ModelTraits::default() };
        let mut losses = Losses::default();
        let fields = fields(&wanted, &Target { model: "m", stream: false, traits: &traits }, &mut losses);
        let list: Vec<String> = fields.iter().map(|(name, json)| format!("\"{name}\":{json}")).collect();
        (format!("{{{}}}", list.join(",")), losses.iter().count())
    }

    fn wish(mode: Option<Mode>, level: Option<Level>) -> Thinking {
        Thinking { mode, level, show: Show::Default }
    }

    fn steady(levels: Vec<Level>) -> ThinkingTraits {
        ThinkingTraits { supported: Some(true), levels, can_disable: Some(false), ..ThinkingTraits::default() }
    }

    #[test]
    fn each_place_hears_it_in_its_own_words() {
        let (off, high) = (wish(Some(Mode::Off), None), wish(None, Some(Level::High)));
        let (auto, budget) = (wish(Some(Mode::Auto), None), wish(Some(Mode::Budget(2_000)), None));
        for (field, wanted, expect, losses) in [
            (ReasoningField::Effort, off, r#"{"reasoning_effort":"none"}"#, 0),
            (ReasoningField::Effort, high, r#"{"reasoning_effort":"high"}"#, 0),
            (ReasoningField::Effort, auto, "{}", 0),
            (ReasoningField::Effort, budget, r#"{"reasoning_effort":"medium"}"#, 1),
            (ReasoningField::Object, off, r#"{"reasoning":{"enabled":false}}"#, 0),
            (ReasoningField::Object, high, r#"{"reasoning":{"effort":"high"}}"#, 0),
            (ReasoningField::Object, auto, r#"{"reasoning":{"enabled":true}}"#, 0),
            (ReasoningField::Object, budget, r#"{"reasoning":{"max_tokens":2000}}"#, 0),
            (ReasoningField::Object, wish(None, Some(Level::Max)), r#"{"reasoning":{"effort":"xhigh"}}"#, 1),
            (
                ReasoningField::Object,
                Thinking { show: Show::No, ..high },
                r#"{"reasoning":{"effort":"high","exclude":true}}"#,
                0,
            ),
            (ReasoningField::Switch, off, r#"{"thinking":{"type":"disabled"}}"#, 0),
            (ReasoningField::Switch, high, r#"{"thinking":{"type":"enabled"}}"#, 1),
            (ReasoningField::Switch, auto, r#"{"thinking":{"type":"enabled"}}"#, 0),
            (ReasoningField::Budget, off, r#"{"enable_thinking":false}"#, 0),
            (ReasoningField::Budget, high, r#"{"enable_thinking":true,"thinking_budget":24576}"#, 1),
            (ReasoningField::Budget, auto, r#"{"enable_thinking":true}"#, 0),
            (ReasoningField::Budget, budget, r#"{"enable_thinking":true,"thinking_budget":2000}"#, 0),
        ] {
            assert_eq!(written(field, wanted, ThinkingTraits::default()), (expect.to_owned(), losses), "{field:?}");
        }
        for field in [ReasoningField::Effort, ReasoningField::Object, ReasoningField::Switch, ReasoningField::Budget] {
            let silent = (String::from("{}"), 0);
            assert_eq!(written(field, Thinking::default(), ThinkingTraits::default()), silent, "{field:?}");
        }
    }

    #[test]
    fn a_model_that_always_thinks_is_asked_for_the_least() {
        let off = wish(Some(Mode::Off), None);
        let levels = || vec![Level::Max, Level::High];
        for (field, expect) in [
            (ReasoningField::Effort, r#"{"reasoning_effort":"high"}"#),
            (ReasoningField::Object, r#"{"reasoning":{"effort":"high"}}"#),
            (ReasoningField::Switch, r#"{"reasoning_effort":"high"}"#),
            (ReasoningField::Budget, "{}"),
        ] {
            assert_eq!(written(field, off, steady(levels())), (expect.to_owned(), 1), "{field:?}");
            assert_eq!(written(field, off, steady(Vec::new())), ("{}".to_owned(), 1), "{field:?}");
        }
        let low = wish(None, Some(Level::Low));
        let known = ThinkingTraits { levels: levels(), ..ThinkingTraits::default() };
        let expect = r#"{"thinking":{"type":"enabled"},"reasoning_effort":"high"}"#;
        assert_eq!(written(ReasoningField::Switch, low, known), (expect.to_owned(), 1));
        assert_eq!(
            written(ReasoningField::Switch, low, steady(levels())),
            (r#"{"reasoning_effort":"high"}"#.to_owned(), 1)
        );
    }
}
