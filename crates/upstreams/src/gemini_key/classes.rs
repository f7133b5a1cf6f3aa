//! What each class of Gemini models can do, by name: the fallback where nobody has asked the provider.
//!
//! Source: translation.md sections 7, 9 and 11 (state of November 2026). A model that is not recognised gets no traits
//! at all: the request then goes out as the client asked.

use dialect::{ModelTraits, ThinkingTraits};
use hub::Level;

/// A model to list when the configuration names none.
pub(super) struct Known {
    /// The provider's id.
    pub(super) id: &'static str,
    /// The provider's name for people.
    pub(super) display_name: &'static str,
}

/// Models that the provider has published under fixed ids (its model overview, 2025-11). Newer ones are callable under
/// their own names too; they are only not listed.
pub(super) const KNOWN: &[Known] = &[
    Known { id: "gemini-3-pro-preview", display_name: "Gemini 3 Pro Preview" },
    Known { id: "gemini-2.5-pro", display_name: "Gemini 2.5 Pro" },
    Known { id: "gemini-2.5-flash", display_name: "Gemini 2.5 Flash" },
    Known { id: "gemini-2.5-flash-lite", display_name: "Gemini 2.5 Flash-Lite" },
];

/// The traits of a model, by its name.
pub(super) fn traits(model: &str) -> ModelTraits {
    let Some((version, rest)) = read(model) else { return ModelTraits::default() };
    let newest = version >= (3, 0);
    let known = ModelTraits {
        context: Some(1_048_576),
        images: Some(true),
        prefill: Some(false),
        structured_output: Some(true),
        format_with_tools: Some(newest),
        search_with_tools: Some(newest),
        insists_on_proofs: newest,
        ..ModelTraits::default()
    };
    if version < (2, 5) {
        let thinking = ThinkingTraits { supported: Some(false), ..ThinkingTraits::default() };
        return ModelTraits { max_output: Some(8_192), thinking, ..known };
    }
    // Models that draw or speak have other limits.
    let plain = !["image", "tts", "audio", "live"].iter().any(|word| rest.contains(word));
    let max_output = plain.then_some(65_536);
    let thinking = match plain {
        true if newest => by_level(rest),
        true => by_budget(rest),
        false => ThinkingTraits::default(),
    };
    ModelTraits { max_output, thinking, ..known }
}

fn by_level(rest: &str) -> ThinkingTraits {
    let levels = match rest.contains("pro") {
        true => vec![Level::Low, Level::High],
        false => vec![Level::Minimal, Level::Low, Level::Medium, Level::High],
    };
    ThinkingTraits { supported: Some(true), levels, budget: None, adaptive: Some(true), can_disable: Some(false) }
}

fn by_budget(rest: &str) -> ThinkingTraits {
    let budget = if rest.contains("pro") {
        (128, 32_768)
    } else if rest.contains("lite") {
        (512, 24_576)
    } else {
        (1, 24_576)
    };
    ThinkingTraits {
        supported: Some(true),
        levels: Vec::new(),
        budget: Some(budget),
        adaptive: Some(true),
        can_disable: Some(!rest.contains("pro")),
    }
}

/// Version and rest of `gemini-2.5-flash-lite`, `models/gemini-3-pro-preview`, ...
fn read(model: &str) -> Option<((u32, u32), &str)> {
    let name = model.rsplit('/').next()?.strip_prefix("gemini-")?;
    let (version, rest) = name.split_once('-').unwrap_or((name, ""));
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    Some(((major.parse().ok()?, minor.parse().ok()?), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_class() {
        for (model, budget, levels, insists) in [
            ("gemini-2.5-pro", Some((128, 32_768)), 0, false),
            ("models/gemini-2.5-flash-lite-001", Some((512, 24_576)), 0, false),
            ("gemini-3-pro-preview", None, 2, true),
            ("gemini-3.1-flash", None, 4, true),
            ("gemini-2.0-flash", None, 0, false),
            ("m-gemini", None, 0, false),
        ] {
            let traits = traits(model);
            let found = (traits.thinking.budget, traits.thinking.levels.len(), traits.insists_on_proofs);
            assert_eq!(found, (budget, levels, insists), "{model}");
        }
        assert_eq!(traits("gemini-2.0-flash").thinking.supported, Some(false));
        assert_eq!(traits("m-gemini"), ModelTraits::default());
    }
}
