//! The words of both languages for processing tiers.

use hub::Tier;

/// The tier that a word names; `None` for `auto` and for words that nobody else knows.
pub fn read(word: &str) -> Option<Tier> {
    match word {
        "default" | "standard" => Some(Tier::Standard),
        "flex" => Some(Tier::Flex),
        "scale" => Some(Tier::Scale),
        "priority" | "fast" | "ultrafast" => Some(Tier::Priority),
        _ => None,
    }
}

/// The word for a tier; `None` where saying nothing means it.
pub fn word(tier: Tier) -> Option<&'static str> {
    match tier {
        Tier::Auto => None,
        Tier::Standard => Some("default"),
        Tier::Flex => Some("flex"),
        Tier::Scale => Some("scale"),
        Tier::Priority => Some("priority"),
    }
}
