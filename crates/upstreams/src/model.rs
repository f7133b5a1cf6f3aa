//! From a configured model to what encoders and lists need.

use std::sync::Arc;

use config::{Modality, ThinkingLevel, ThinkingRange};
use dialect::{ModelCard, ModelTraits, ThinkingTraits};
use hub::Level;

use crate::{Model, Upstream};

/// A model as the configuration names it, on top of what its kind knows of it.
pub(crate) fn configured(model: &config::Model, mut traits: ModelTraits, owned_by: &str) -> Model {
    if let Some(range) = &model.thinking {
        traits.thinking = thinking(range);
    }
    if !model.input_modalities.is_empty() {
        traits.images = Some(model.input_modalities.contains(&Modality::Image));
    }
    traits.context = model.max_context_length.or(traits.context);
    Model {
        alias: model.alias.clone(),
        name: model.name.clone(),
        force_mapping: model.force_mapping,
        card: Some(card(model, &traits, owned_by)),
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
        let entry = config::Model {
            name: name.to_owned(),
            alias: alias.to_owned(),
            display_name,
            force_mapping,
            ..config::Model::default()
        };
        let traits = at.traits_of(name);
        let card = Some(card(&entry, &traits, at.kind()));
        Self { alias: entry.alias, name: entry.name, force_mapping, traits, card }
    }
}

fn card(model: &config::Model, traits: &ModelTraits, owned_by: &str) -> ModelCard {
    ModelCard {
        id: model.alias.clone(),
        display_name: model.display_name.clone(),
        owned_by: owned_by.to_owned(),
        created: None,
        context: traits.context,
        max_output: traits.max_output,
        images: traits.images.unwrap_or(false),
        pdfs: model.input_modalities.contains(&Modality::File),
        thinking: traits.thinking.supported.unwrap_or(false),
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
