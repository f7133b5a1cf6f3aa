//! From a configured model to what encoders and lists need.

use std::sync::Arc;

use config::{Modality, ThinkingLevel, ThinkingRange};
use dialect::{ModelTraits, ThinkingTraits};
use hub::Level;

use crate::{Model, Upstream, catalogue};

/// A model as the configuration names it, on top of what is known of it.
pub(crate) fn configured(model: &config::Model, mut traits: ModelTraits, owned_by: &str) -> Model {
    if let Some(range) = &model.thinking {
        traits.thinking = thinking(range);
    }
    if !model.input_modalities.is_empty() {
        let takes = |modality| Some(model.input_modalities.contains(&modality));
        traits.images = takes(Modality::Image);
        traits.pdfs = takes(Modality::File);
        traits.audio = takes(Modality::Audio);
        traits.video = takes(Modality::Video);
    }
    traits.context = model.max_context_length.or(traits.context);
    let mut card = catalogue::card(&model.alias, &model.name, owned_by, &traits);
    card.display_name = model.display_name.clone().or(card.display_name);
    Model {
        alias: model.alias.clone(),
        name: model.name.clone(),
        force_mapping: model.force_mapping,
        card: Some(card),
        traits: Arc::new(traits),
    }
}

impl Model {
    /// A model that a place serves without naming it, under a name that clients use.
    pub fn found(
        alias: &str,
        name: &str,
        force_mapping: bool,
        at: &dyn Upstream,
        display_name: Option<String>,
    ) -> Self {
        let traits = at.traits_of(name);
        let mut card = catalogue::card(alias, name, at.kind(), &traits);
        card.display_name = display_name.or(card.display_name);
        Self { alias: alias.to_owned(), name: name.to_owned(), force_mapping, traits, card: Some(card) }
    }
}

fn thinking(range: &ThinkingRange) -> ThinkingTraits {
    let levels: Vec<Level> = range.levels.iter().filter_map(|level| level_of(*level)).collect();
    let off = range.zero_allowed || range.levels.contains(&ThinkingLevel::None);
    ThinkingTraits {
        supported: Some(true),
        budget: range.max.map(|max| (range.min.unwrap_or(0), max)),
        adaptive: Some(range.dynamic_allowed || range.levels.contains(&ThinkingLevel::Auto)),
        can_disable: Some(off || range.levels.is_empty()),
        levels,
    }
}

fn level_of(level: ThinkingLevel) -> Option<Level> {
    match level {
        ThinkingLevel::None | ThinkingLevel::Auto => None,
        ThinkingLevel::Minimal => Some(Level::Minimal),
        ThinkingLevel::Low => Some(Level::Low),
        ThinkingLevel::Medium => Some(Level::Medium),
        ThinkingLevel::High => Some(Level::High),
        ThinkingLevel::Xhigh => Some(Level::XHigh),
        ThinkingLevel::Max => Some(Level::Max),
    }
}
