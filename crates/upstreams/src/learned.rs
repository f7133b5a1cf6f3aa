//! What a place's own list tells of a model, and how that goes before what the program knows by itself.

use std::time::{Duration, UNIX_EPOCH};

use dialect::{ModelCard, ModelTraits, ThinkingTraits};
use hub::Level;
use serde::{Deserialize, Serialize};

use crate::{Model, Place, Upstream, catalogue};

/// Least budget for thinking where a list says only that budgets are taken.
const LEAST_BUDGET: u32 = 1024;

/// A model of an upstream's own list. What the list does not tell stays `None`. Lists are kept over a restart in this
/// form: a change of a field's meaning needs a new version of that file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    /// What the upstream calls it.
    pub name: String,
    /// Other names that the upstream takes for it; lists do not show them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// The model behind the name, where the name is the user's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// When it appeared, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<u64>,
    /// Context window in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
    /// Largest answer in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u64>,
    /// Takes pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<bool>,
    /// Takes PDF documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pdfs: Option<bool>,
    /// Takes sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<bool>,
    /// Takes films.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<bool>,
    /// Thinks at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<bool>,
    /// The efforts it takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub efforts: Vec<String>,
    /// Takes a budget for thinking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<bool>,
    /// Takes "decide for yourself".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<bool>,
    /// Can be told not to think.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_disable: Option<bool>,
    /// Calls tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<bool>,
    /// Gives vectors for texts, and no answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embeds: Option<bool>,
    /// Can hold its answer to a JSON schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured_output: Option<bool>,
}

impl Learned {
    /// The name under which the program may know the model by itself.
    pub(crate) fn known_as(&self) -> &str {
        self.of.as_deref().unwrap_or(&self.name)
    }

    /// What it can do: the list's word, and where that is silent what was known.
    pub(crate) fn over(&self, mut known: ModelTraits) -> ModelTraits {
        known.context = self.context.or(known.context);
        known.max_output = self.max_output.or(known.max_output);
        known.images = self.images.or(known.images);
        known.pdfs = self.pdfs.or(known.pdfs);
        known.audio = self.audio.or(known.audio);
        known.video = self.video.or(known.video);
        known.tools = self.tools.or(known.tools);
        known.embeds = self.embeds.or(known.embeds);
        known.structured_output = self.structured_output.or(known.structured_output);
        known.thinking = self.thinks(known.thinking, known.max_output);
        known
    }

    fn thinks(&self, mut known: ThinkingTraits, max_output: Option<u64>) -> ThinkingTraits {
        if self.thinking == Some(false) {
            return ThinkingTraits { supported: Some(false), ..ThinkingTraits::default() };
        }
        known.supported = self.thinking.or(known.supported);
        known.adaptive = self.adaptive.or(known.adaptive);
        known.can_disable = self.can_disable.or(known.can_disable);
        let levels: Vec<Level> = self.efforts.iter().filter_map(|word| Level::from_word(word)).collect();
        if !levels.is_empty() {
            known.levels = levels;
        }
        known.budget = match self.budget {
            None => known.budget,
            Some(false) => None,
            Some(true) => known.budget.or_else(|| budget_below(max_output)),
        };
        known
    }
}

/// A budget must leave room for an answer.
fn budget_below(max_output: Option<u64>) -> Option<(u32, u32)> {
    let most = u32::try_from(max_output?.saturating_sub(1)).unwrap_or(u32::MAX);
    (most > LEAST_BUDGET).then_some((LEAST_BUDGET, most))
}

impl Place {
    /// The models of the place when its own list is `list`: those, and the patterns that it takes anyway.
    pub fn learned(&self, list: &[Learned]) -> Vec<Model> {
        let upstream = &*self.upstream;
        let mut models = Vec::with_capacity(list.len() + 1);
        for learned in list {
            let model = of_list(learned, upstream, self.owner());
            models.extend(learned.also.iter().map(|alias| Model { alias: alias.clone(), card: None, ..model.clone() }));
            models.push(model);
        }
        models.extend(self.models.iter().filter(|model| model.card.is_none()).cloned());
        models
    }

    /// Whose models these are, as lists show it.
    fn owner(&self) -> &str {
        let listed = self.models.iter().find_map(|model| Some(&*model.card.as_ref()?.owned_by));
        listed.or(self.groups.first().map(String::as_str)).unwrap_or(self.upstream.kind())
    }
}

fn of_list(learned: &Learned, upstream: &dyn Upstream, owner: &str) -> Model {
    let traits = upstream.traits_of_listed(learned);
    let mut card =
        ModelCard { id: learned.name.clone(), ..catalogue::card(&learned.name, learned.known_as(), owner, &traits) };
    card.display_name = learned.display_name.clone().or(card.display_name);
    card.created = learned.created.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)).or(card.created);
    Model {
        alias: learned.name.clone(),
        name: learned.name.clone(),
        force_mapping: false,
        traits: traits.into(),
        card: Some(card),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_goes_before_what_is_known_and_silence_leaves_it() {
        let known = catalogue::traits("claude-opus-4-8");
        let silent = Learned { name: "claude-opus-4-8".to_owned(), ..Learned::default() };
        assert_eq!(silent.over(known.clone()), known);
        let told =
            Learned { context: Some(7), images: Some(false), efforts: vec!["low".into(), "none".into()], ..silent };
        let traits = told.over(known.clone());
        assert_eq!((traits.context, traits.images, traits.pdfs), (Some(7), Some(false), known.pdfs));
        assert_eq!(traits.thinking.levels, [Level::Low]);
        let never = Learned { thinking: Some(false), efforts: vec!["low".into()], ..Learned::default() };
        assert!(never.over(known).thinking.levels.is_empty());
    }

    #[test]
    fn a_budget_ends_before_the_longest_answer() {
        let takes = |max_output| Learned { budget: Some(true), max_output, ..Learned::default() };
        let budget = |learned: Learned| learned.over(ModelTraits::default()).thinking.budget;
        assert_eq!(budget(takes(Some(8_000))), Some((1_024, 7_999)));
        assert_eq!(budget(takes(Some(u64::MAX))), Some((1_024, u32::MAX)));
        assert_eq!(budget(takes(Some(1_000))), None);
        assert_eq!(budget(takes(None)), None);
    }
}
