//! What each class of OpenAI's models can do, by name: the fallback where nobody has asked the provider.
//!
//! Source: translation.md sections 0.1, 9 and 10 (state of November 2026). A model that is not recognised gets no
//! traits at all: the request then goes out as the client asked.

use dialect::{ModelTraits, ThinkingTraits, WireQuirks};

/// What an entry without models takes.
pub(super) const PATTERNS: [&str; 5] = ["gpt-*", "codex-*", "o1*", "o3*", "o4*"];

/// The traits of a model, by its name.
pub(super) fn traits(model: &str) -> ModelTraits {
    let Some(reasons) = reasons(model) else { return ModelTraits::default() };
    ModelTraits {
        thinking: ThinkingTraits { supported: Some(reasons), ..ThinkingTraits::default() },
        images: Some(true),
        // Reasoning models refuse any temperature but the default.
        sampling: Some(!reasons),
        system_turns: Some(true),
        structured_output: Some(true),
        quirks: WireQuirks { prompt_cache_key: true, ..WireQuirks::default() },
        ..ModelTraits::default()
    }
}

/// Whether a model of OpenAI's reasons before it answers; `None` for other names.
fn reasons(model: &str) -> Option<bool> {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let starts = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
    if starts(&["gpt-3", "gpt-4"]) || (name.starts_with("gpt-5") && name.contains("-chat")) {
        return Some(false);
    }
    starts(&["gpt-5", "gpt-6", "codex-", "o1", "o3", "o4"]).then_some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_class() {
        for (name, expected) in [
            ("gpt-4o-mini", Some(false)),
            ("gpt-5.6", Some(true)),
            ("openai/gpt-5", Some(true)),
            ("gpt-5-chat-latest", Some(false)),
            ("o3-mini", Some(true)),
            ("codex-mini-latest", Some(true)),
            ("m-responses", None),
            ("", None),
        ] {
            assert_eq!(reasons(name), expected, "{name}");
        }
        assert_eq!(traits("gpt-5").sampling, Some(false));
        assert_eq!(traits("llama"), ModelTraits::default());
    }
}
