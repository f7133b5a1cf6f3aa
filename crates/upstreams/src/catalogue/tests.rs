//! The data is well formed, and names in all spellings find their rows.

use super::*;

#[test]
fn the_data_is_read_and_says_where_it_comes_from() {
    let data: Data<'_> = serde_json::from_str(include_str!("../../data/models.json")).unwrap();
    assert!(data.checked.len() == 10 && data.sources.values().all(|source| !source.is_empty()));
    assert_eq!(DATA.families.len(), data.families.len());
    for family in &data.families {
        assert!(!family.names.is_empty() && family.names.iter().all(|name| *name == name.to_lowercase()));
        let words = family.thinking.iter().flat_map(|thinking| &thinking.levels);
        assert!(words.into_iter().all(|word| Level::from_word(word).is_some()), "{family:?}");
        if let Some((least, most)) = family.thinking.as_ref().and_then(|thinking| thinking.budget) {
            assert!(least <= most, "{family:?}");
        }
    }
    for listed in &data.models {
        let known = known(listed.id);
        assert!(known.vendor.is_some() && known.traits.context.is_some(), "{} has no family", listed.id);
        assert!(listed.released.is_none_or(|day| released(day).is_some()), "{}", listed.id);
    }
}

#[test]
fn every_row_changes_something_for_some_model() {
    // A row that no name can match is a slip of the hand.
    for family in &DATA.families {
        let head = family.names[0].trim_end_matches('*');
        let version = family.from.or(family.below.map(|(major, minor)| (major.max(1) - u32::from(minor == 0), 0)));
        let number = version.map(|(major, minor)| format!("{major}.{minor}")).unwrap_or_default();
        let word = family.has.first().copied().unwrap_or_default();
        let name = format!("{head}{number}-{word}");
        let exact = family.names[0].to_owned();
        let fits = |name: &str| family.fits(&Name::new(name));
        assert!(fits(name.trim_end_matches('-')) || fits(&exact) || fits(&format!("{exact}-{word}")), "{family:?}");
    }
}

#[test]
fn names_are_bared_and_versions_read() {
    for (name, expected, at) in [
        ("claude-opus-4-5-20251101", "claude-opus-4-5-20251101", Some((4, 5))),
        ("anthropic/claude-opus-4.8", "claude-opus-4.8", Some((4, 8))),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929-v1:0", Some((4, 5))),
        ("claude-3-7-sonnet-latest", "claude-3-7-sonnet-latest", Some((3, 7))),
        ("models/gemini-2.5-flash-lite-001", "gemini-2.5-flash-lite-001", Some((2, 5))),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-08-06", Some((4, 0))),
        ("o3-mini", "o3-mini", Some((3, 0))),
        ("mistral-large-2512", "mistral-large-2512", None),
        ("kimi-k2.5", "kimi-k2.5", Some((2, 5))),
        ("claude-opus-latest", "claude-opus-latest", None),
        ("", "", None),
        ("a.", "a.", None),
    ] {
        assert_eq!(bare(name), expected);
        assert_eq!(version(bare(name)), at, "{name}");
    }
}

#[test]
fn claude_models_differ_in_how_they_think() {
    let of = |model| traits(model).thinking;
    assert_eq!(of("claude-sonnet-4-5").budget, Some((1_024, 63_999)));
    assert_eq!(of("claude-sonnet-4-5").adaptive, Some(false));
    assert_eq!(of("claude-opus-4-6").adaptive, Some(true));
    assert_eq!(of("claude-opus-4-7").budget, None);
    assert_eq!(of("claude-opus-5").can_disable, Some(true));
    assert_eq!(of("claude-opus-5-5").can_disable, Some(false));
    assert_eq!(of("claude-haiku-5-5").can_disable, Some(true));
    assert_eq!(of("claude-fable-5-1").can_disable, Some(false));
    assert_eq!(of("claude-3-5-haiku-latest").supported, Some(false));
    assert_eq!(of("something-else"), ThinkingTraits::default());
    let old = traits("claude-sonnet-4-5");
    assert_eq!((old.prefill, old.sampling, old.system_turns), (Some(true), Some(true), Some(false)));
    let new = traits("claude-opus-4-8");
    assert_eq!((new.prefill, new.sampling, new.system_turns), (Some(false), Some(false), Some(true)));
    assert_eq!(traits("claude-sonnet-5").system_turns, None, "sources disagree");
}

#[test]
fn gemini_models_differ_in_how_they_think() {
    for (model, budget, levels, insists) in [
        ("gemini-2.5-pro", Some((128, 32_768)), 0, Some(false)),
        ("models/gemini-2.5-flash-lite-001", Some((512, 24_576)), 0, Some(false)),
        ("gemini-3-pro-preview", None, 2, Some(true)),
        ("gemini-3.1-pro-preview", None, 3, Some(true)),
        ("gemini-3.5-flash", None, 4, Some(true)),
        ("gemini-2.0-flash", None, 0, Some(false)),
        ("gemini-flash-latest", None, 0, None),
        ("m-gemini", None, 0, None),
    ] {
        let traits = traits(model);
        let found = (traits.thinking.budget, traits.thinking.levels.len(), traits.insists_on_proofs);
        assert_eq!(found, (budget, levels, insists), "{model}");
    }
    assert_eq!(traits("gemini-2.0-flash").thinking.supported, Some(false));
    assert_eq!(traits("m-gemini"), ModelTraits::default());
}

#[test]
fn openai_models_differ_in_whether_they_reason() {
    for (name, expected) in [
        ("gpt-4o-mini", Some(false)),
        ("gpt-5.6", Some(true)),
        ("openai/gpt-5", Some(true)),
        ("gpt-5-chat-latest", Some(false)),
        ("o3-mini", Some(true)),
        ("codex-mini-latest", Some(true)),
        ("m-responses", None),
        ("gpt-image-2", None),
    ] {
        assert_eq!(traits(name).thinking.supported, expected, "{name}");
    }
    assert_eq!(traits("gpt-5").sampling, Some(false));
    assert_eq!(traits("gpt-5").thinking.can_disable, Some(false));
    assert_eq!(traits("gpt-5.1").thinking.can_disable, Some(true));
    assert_eq!(traits("gpt-5.6").thinking.levels.last(), Some(&Level::Max));
    assert_eq!(traits("gpt-oss-20b").thinking.levels.len(), 3);
    assert_eq!(traits("llama"), ModelTraits::default());
}

#[test]
fn cards_tell_what_is_known() {
    let known = known("claude-opus-4-8");
    let card = card("mine", "anthropic/claude-opus-4-8", "me", &known.traits);
    assert_eq!((card.id.as_str(), card.display_name.as_deref()), ("mine", Some("Claude Opus 4.8")));
    assert!(card.created.is_some() && card.pdfs && card.images && !card.audio);
    assert!(listed("anthropic").all(|id| id.starts_with("claude-")) && listed("anthropic").count() > 5);
    assert_eq!(listed("nobody").count(), 0);
}

#[test]
fn breakpoints_and_searches_are_facts_of_openais_models() {
    for model in ["gpt-5.6", "gpt-5.6-terra", "openai/gpt-5.7-mini", "gpt-6"] {
        assert!(takes_breakpoints(model), "{model}");
    }
    for model in ["gpt-5.5", "gpt-5", "gpt-4o-2024-11-20", "gpt-oss-120b", "o3", "claude-opus-5-6", "gpt-x", ""] {
        assert!(!takes_breakpoints(model), "{model}");
    }
    assert!(is_search("gpt-5-search-api") && is_search("openai/gpt-4o-search-preview"));
    assert!(!is_search("gpt-5.6") && !is_search("researcher"));
}
