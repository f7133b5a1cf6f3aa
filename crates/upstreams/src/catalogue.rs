//! The models that the program knows by itself (`data/models.json`): what they can do, by family and version, and which
//! of them a place serves that names none. What an upstream's own list tells goes before it; a model that neither
//! knows gets no traits at all, and its requests go out as the client asked.
//!
//! Rows of `families` apply in order, each on top of those before it. `names` are exact or begin a name (`claude-*`),
//! `has` and `lacks` are words of the name, `from` and `below` bound its version. A name without a version matches no
//! row that asks for one.

use std::sync::LazyLock;
use std::time::SystemTime;

use dialect::{ModelCard, ModelTraits, ThinkingTraits, time};
use hub::Level;
use serde::Deserialize;

static DATA: LazyLock<Data<'static>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../data/models.json")).unwrap_or_default());

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
struct Data<'a> {
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the file"))]
    checked: &'a str,
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the file"))]
    #[serde(borrow)]
    sources: std::collections::BTreeMap<&'a str, &'a str>,
    #[serde(borrow)]
    families: Vec<Family<'a>>,
    #[serde(borrow)]
    models: Vec<Listed<'a>>,
}

/// What holds for some models of a vendor.
#[derive(Deserialize, Debug, Default)]
#[serde(default, deny_unknown_fields)]
struct Family<'a> {
    #[serde(borrow)]
    names: Vec<&'a str>,
    #[serde(borrow)]
    has: Vec<&'a str>,
    #[serde(borrow)]
    lacks: Vec<&'a str>,
    from: Option<Version>,
    below: Option<Version>,
    #[serde(borrow)]
    vendor: Option<&'a str>,
    context: Option<u64>,
    output: Option<u64>,
    input: Vec<Input>,
    #[serde(borrow)]
    thinking: Option<Thinking<'a>>,
    addresses: Option<bool>,
    sampling: Option<bool>,
    system_turns: Option<bool>,
    prefill: Option<bool>,
    embeds: Option<bool>,
    structured_output: Option<bool>,
    format_with_tools: Option<bool>,
    search_with_tools: Option<bool>,
    insists_on_proofs: Option<bool>,
}

/// Major and minor.
type Version = (u32, u32);

#[derive(Deserialize, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
enum Input {
    Image,
    Pdf,
    Audio,
    Video,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, deny_unknown_fields)]
struct Thinking<'a> {
    supported: bool,
    #[serde(borrow)]
    levels: Vec<&'a str>,
    budget: Option<(u32, u32)>,
    adaptive: Option<bool>,
    can_disable: Option<bool>,
}

/// A model to list where a place names none.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Listed<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(default, borrow)]
    released: Option<&'a str>,
}

/// What is known of a model.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Whose it is.
    pub(crate) vendor: Option<&'static str>,
    /// What it can do.
    pub(crate) traits: ModelTraits,
}

/// What is known of a model, under any of the names that places give it: `claude-opus-4-8`,
/// `anthropic/claude-opus-4.8`, `us.anthropic.claude-opus-4-8-v1:0`, `models/gemini-2.5-pro`.
pub(crate) fn known(model: &str) -> Known {
    let lower = model.to_ascii_lowercase();
    let name = Name::new(bare(&lower));
    let mut known = Known::default();
    for family in DATA.families.iter().filter(|family| family.fits(&name)) {
        family.apply(&mut known);
    }
    known
}

/// The traits alone.
pub(crate) fn traits(model: &str) -> ModelTraits {
    known(model).traits
}

/// Whether a model of OpenAI's takes cache breakpoints: those from GPT-5.6 on
/// (developers.openai.com/api/docs/guides/prompt-caching, 2026-11).
pub(crate) fn takes_breakpoints(model: &str) -> bool {
    let lower = model.to_ascii_lowercase();
    let name = Name::new(bare(&lower));
    name.text.starts_with("gpt-") && !name.has("oss") && name.version >= Some((5, 6))
}

/// Whether a model of OpenAI's searches the web in Chat: `gpt-5-search-api`, `gpt-4o-search-preview`
/// (developers.openai.com/api/docs/guides/tools-web-search, 2026-11).
pub(crate) fn is_search(model: &str) -> bool {
    let lower = model.to_ascii_lowercase();
    words(bare(&lower)).any(|word| word == "search")
}

/// The models of a vendor that are listed where a place names none.
pub(crate) fn listed(vendor: &str) -> impl Iterator<Item = &'static str> {
    DATA.models.iter().map(|model| model.id).filter(move |id| known(id).vendor == Some(vendor))
}

/// The model that is likely to cost least, by its name; of equals the first. Names of models that give no text are
/// passed over unless there is no other.
pub fn cheapest<'a>(models: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// Cheapest first; what no word tells stands in the middle.
    const SMALL: [&str; 8] = ["nano", "lite", "mini", "flash", "haiku", "tiny", "small", "fast"];
    const LARGE: [&str; 7] = ["pro", "opus", "ultra", "large", "max", "thinking", "reasoner"];
    const TEXTLESS: [&str; 14] = [
        "embedding",
        "embed",
        "image",
        "imagine",
        "video",
        "tts",
        "whisper",
        "audio",
        "transcribe",
        "rerank",
        "moderation",
        "realtime",
        "live",
        "dall",
    ];
    let rank = |name: &str| {
        let lower = name.to_ascii_lowercase();
        let place = |list: &[&str]| list.iter().position(|word| words(bare(&lower)).any(|own| own == *word));
        let price = place(&SMALL).unwrap_or_else(|| if place(&LARGE).is_some() { 100 } else { 50 });
        (place(&TEXTLESS).is_some(), price)
    };
    models.min_by_key(|name| rank(name))
}

/// How lists show a model: `alias` is what clients call it, `model` what the place calls it.
pub(crate) fn card(alias: &str, model: &str, owned_by: &str, traits: &ModelTraits) -> ModelCard {
    let lower = model.to_ascii_lowercase();
    let name = bare(&lower);
    let listed = DATA.models.iter().find(|listed| listed.id == name);
    ModelCard {
        display_name: listed.map(|listed| listed.name.to_owned()),
        created: listed.and_then(|listed| released(listed.released?)),
        ..ModelCard::new(alias, owned_by, traits)
    }
}

fn released(day: &str) -> Option<SystemTime> {
    time::parse(&format!("{day}T00:00:00Z"))
}

/// A name without what places put before it: a vendor and a slash, or vendor and region with dots.
fn bare(name: &str) -> &str {
    let mut name = name.rsplit('/').next().unwrap_or(name);
    while let Some((word, rest)) = name.split_once('.')
        && word.bytes().all(|byte| byte.is_ascii_lowercase())
        && !rest.is_empty()
    {
        name = rest;
    }
    name
}

/// A name, taken apart once.
struct Name<'a> {
    text: &'a str,
    words: Vec<&'a str>,
    version: Option<Version>,
}

impl<'a> Name<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, words: words(text).collect(), version: version(text) }
    }

    fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(['-', '.', '_', '@', ':'])
}

/// Major and minor of `claude-opus-4-5-20251101`, `gemini-2.5-pro`, `gpt-4o`, `o3-mini`, ...; dates and sizes are none.
fn version(name: &str) -> Option<Version> {
    let number = |word: &str| word.parse::<u32>().ok().filter(|number| *number < 100);
    let mut words = words(name).skip_while(|word| !word.bytes().any(|byte| byte.is_ascii_digit()));
    let first = words.next()?.trim_start_matches(|c: char| !c.is_ascii_digit());
    let digits = first.find(|c: char| !c.is_ascii_digit()).unwrap_or(first.len());
    let major = number(&first[..digits])?;
    Some((major, words.next().and_then(number).unwrap_or(0)))
}

impl Family<'static> {
    fn fits(&self, name: &Name<'_>) -> bool {
        // Asked for each model of each account: nearly all patterns are told apart by their first letter.
        let first = name.text.bytes().next();
        let may_fit = |pattern: &&&str| [Some(b'*'), first].contains(&pattern.bytes().next());
        let named = |pattern: &&str| match pattern.strip_suffix('*') {
            Some(head) => name.text.starts_with(head),
            None => name.text == *pattern,
        };
        let has = |word: &&str| name.has(word);
        self.names.iter().filter(may_fit).any(named)
            && (self.has.is_empty() || self.has.iter().any(has))
            && !self.lacks.iter().any(has)
            && self.from.is_none_or(|from| name.version.is_some_and(|version| version >= from))
            && self.below.is_none_or(|below| name.version.is_some_and(|version| version < below))
    }

    /// Puts what the row says over what earlier rows said.
    fn apply(&self, known: &mut Known) {
        known.vendor = self.vendor.or(known.vendor);
        let traits = &mut known.traits;
        traits.context = self.context.or(traits.context);
        traits.max_output = self.output.or(traits.max_output);
        traits.addresses = self.addresses.or(traits.addresses);
        traits.sampling = self.sampling.or(traits.sampling);
        traits.system_turns = self.system_turns.or(traits.system_turns);
        traits.prefill = self.prefill.or(traits.prefill);
        traits.embeds = self.embeds.or(traits.embeds);
        traits.structured_output = self.structured_output.or(traits.structured_output);
        traits.format_with_tools = self.format_with_tools.or(traits.format_with_tools);
        traits.search_with_tools = self.search_with_tools.or(traits.search_with_tools);
        traits.insists_on_proofs = self.insists_on_proofs.or(traits.insists_on_proofs);
        if let Some(thinking) = &self.thinking {
            traits.thinking = thinking.traits();
        }
        for input in &self.input {
            *input.of(traits) = Some(true);
        }
    }
}

impl Input {
    fn of(self, traits: &mut ModelTraits) -> &mut Option<bool> {
        match self {
            Self::Image => &mut traits.images,
            Self::Pdf => &mut traits.pdfs,
            Self::Audio => &mut traits.audio,
            Self::Video => &mut traits.video,
        }
    }
}

impl Thinking<'_> {
    fn traits(&self) -> ThinkingTraits {
        ThinkingTraits {
            supported: Some(self.supported),
            levels: self.levels.iter().filter_map(|word| Level::from_word(word)).collect(),
            budget: self.budget,
            adaptive: self.adaptive,
            can_disable: self.can_disable,
        }
    }
}

#[cfg(test)]
mod tests;
