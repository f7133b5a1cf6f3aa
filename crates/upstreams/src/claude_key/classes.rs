//! What each class of Claude models can do, by name: the fallback where nobody has asked the provider.
//!
//! Source: translation.md sections 0.1, 1 and 9.1 (state of November 2026). A model that is not recognised gets no
//! traits at all: the request then goes out as the client asked.

use dialect::{ModelTraits, ThinkingTraits};
use hub::Level;

/// A model to list when the configuration names none.
pub(super) struct Known {
    /// The provider's id.
    pub(super) id: &'static str,
    /// The provider's name for people.
    pub(super) display_name: &'static str,
}

/// Models that the provider has published under fixed ids (its model overview, 2025-11). Newer ones are callable
/// under their own names too; they are only not listed.
pub(super) const KNOWN: &[Known] = &[
    Known { id: "claude-opus-4-5-20251101", display_name: "Claude Opus 4.5" },
    Known { id: "claude-sonnet-4-5-20250929", display_name: "Claude Sonnet 4.5" },
    Known { id: "claude-haiku-4-5-20251001", display_name: "Claude Haiku 4.5" },
    Known { id: "claude-opus-4-1-20250805", display_name: "Claude Opus 4.1" },
    Known { id: "claude-sonnet-4-20250514", display_name: "Claude Sonnet 4" },
];

const FAMILIES: [&str; 5] = ["opus", "sonnet", "haiku", "fable", "mythos"];

/// The traits of a model, by its name.
pub(super) fn traits(model: &str) -> ModelTraits {
    let Some((family, version)) = read(model) else { return ModelTraits::default() };
    let always_thinks = matches!(family, "fable" | "mythos");
    let adaptive_only = always_thinks || version >= (4, 7);
    let adaptive = adaptive_only || version >= (4, 6);
    ModelTraits {
        max_output: Some(max_output(family, version)),
        context: Some(200_000),
        thinking: ThinkingTraits {
            supported: Some(version >= (3, 7) || always_thinks),
            levels: if adaptive { vec![Level::Low, Level::Medium, Level::High, Level::Max] } else { Vec::new() },
            budget: (!adaptive_only && version >= (3, 7)).then_some((1_024, 63_999)),
            adaptive: Some(adaptive),
            can_disable: Some(!always_thinks),
        },
        images: Some(true),
        sampling: Some(!adaptive_only),
        system_turns: system_turns(family, version),
        prefill: Some(version < (4, 6) && !always_thinks),
        structured_output: Some(version >= (4, 5) || always_thinks),
        ..ModelTraits::default()
    }
}

/// System turns in mid-conversation are general from Opus 4.8 and the 5 series on; sources disagree on Sonnet 5, so
/// there it counts as not known.
fn system_turns(family: &str, version: (u32, u32)) -> Option<bool> {
    match family {
        "opus" => Some(version >= (4, 8)),
        "sonnet" if version.0 >= 5 => None,
        "fable" | "mythos" => None,
        _ => Some(version >= (5, 0)),
    }
}

fn max_output(family: &str, version: (u32, u32)) -> u64 {
    match (family, version) {
        (_, (0..=2, _)) => 4_096,
        ("opus", (4, 0 | 1)) => 32_000,
        (_, (3, 0..=4)) => 4_096,
        (_, (3, 5 | 6)) => 8_192,
        _ => 64_000,
    }
}

/// Family and version of `claude-opus-4-5-20251101`, `claude-3-7-sonnet-latest`, `claude-fable-1`, ...
fn read(model: &str) -> Option<(&'static str, (u32, u32))> {
    let lower = model.to_ascii_lowercase();
    let rest = lower.strip_prefix("claude-")?;
    let family = FAMILIES.into_iter().find(|family| rest.split(['-', '.', '@', ':']).any(|word| word == *family))?;
    let mut numbers = rest.split(['-', '.', '@', ':']).filter_map(|word| word.parse::<u32>().ok()).filter(|n| *n < 100);
    let major = numbers.next().unwrap_or(5);
    Some((family, (major, numbers.next().unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_family_and_version() {
        assert_eq!(read("claude-opus-4-5-20251101"), Some(("opus", (4, 5))));
        assert_eq!(read("claude-3-7-sonnet-latest"), Some(("sonnet", (3, 7))));
        assert_eq!(read("claude-sonnet-5"), Some(("sonnet", (5, 0))));
        assert_eq!(read("m-anthropic"), None);
    }

    #[test]
    fn classes_differ_in_how_they_think() {
        let of = |model| traits(model).thinking;
        assert_eq!(of("claude-sonnet-4-5").budget, Some((1_024, 63_999)));
        assert_eq!(of("claude-sonnet-4-5").adaptive, Some(false));
        assert_eq!(of("claude-opus-4-7").budget, None);
        assert_eq!(of("claude-fable-1").can_disable, Some(false));
        assert_eq!(of("something-else"), ThinkingTraits::default());
    }
}
