//! The list of models in the shape that Codex reads: what it may offer, and how it is to drive each.
//!
//! Sources: `ModelInfo` of codex-rs `protocol/src/openai_models.rs`, and Codex 0.169 itself, tried against lists with
//! and without each field (November 2026). One entry that it cannot read makes it drop the whole list, so what is
//! written is what every version since 0.60 takes. Knows nothing of where the models come from.

use bytes::BytesMut;
use dialect::{Catalogue, HttpReply, ModelCard, Object, quoted};
use http::StatusCode;
use http::request::Parts;
use hub::Level;

/// What drives a model whose maker wrote nothing for Codex. Codex takes no entry without a text, and sends an empty one
/// as no instructions at all.
const INSTRUCTIONS: &str = "\
You are a coding agent in a terminal. You share a working directory with the user and act through the tools that you \
are given.

- Work until the task is done, then stop. Do what was asked, no more and no less; where the task leaves something open, \
choose what the existing code suggests.
- Look before you change anything: read the files that matter, search with `rg` where it exists, and follow the project's \
own conventions and any AGENTS.md that applies to the files at hand.
- Make small, focused edits. Leave unrelated code alone, and never undo changes that you did not make.
- Verify your work: build it, run the tests that concern it, and read the output. Say so where you could not.
- Nothing that destroys data, rewrites history or leaves the working directory, unless the user asked for it.
- When a command fails, find out why before you try again. When the tools report that something needs approval or is \
forbidden, respect it.
- Keep the user informed in a sentence or two before longer steps, and use the plan tool, where there is one, for work \
of several steps.
- At the end say briefly what you changed, where, and what is left to do. Name files as `path:line`.";

/// Whose models know Codex's own tool for patches.
const PATCHES: &str = "openai";
/// The first version (of 0.x) that reads the highest effort.
const KNOWS_MAX: u32 = 144;
/// How much of a tool's output Codex shows a model, in tokens: what it does for OpenAI's own.
const TOOL_OUTPUT: u32 = 10_000;

/// Writes the list.
#[derive(Debug)]
pub(crate) struct CodexModels;

/// Whether Codex asks: it tells its version.
pub(crate) fn asks(head: &Parts) -> bool {
    head.uri.query().is_some_and(|query| version(query).is_some())
}

fn version(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("client_version="))
}

/// The minor number of a version 0.x.
fn minor(query: &str) -> Option<u32> {
    version(query)?.strip_prefix("0.")?.split('.').next()?.parse().ok()
}

impl Catalogue for CodexModels {
    fn list(&self, models: &[ModelCard], query: &str) -> HttpReply {
        let highest = if minor(query).is_some_and(|minor| minor < KNOWS_MAX) { Level::XHigh } else { Level::Max };
        let mut out = BytesMut::with_capacity(64 + models.len() * 3_072);
        let mut list = Object::open(&mut out);
        list.array("models", models.iter().enumerate(), |(at, model), out| entry(at, model, highest, out));
        list.close();
        HttpReply::json(StatusCode::OK, out.freeze())
    }

    fn one(&self, model: &ModelCard) -> HttpReply {
        let mut out = BytesMut::with_capacity(3_072);
        entry(0, model, Level::Max, &mut out);
        HttpReply::json(StatusCode::OK, out.freeze())
    }
}

fn entry(at: usize, model: &ModelCard, highest: Level, out: &mut BytesMut) {
    let levels = levels(model, highest);
    let mut entry = Object::open(out);
    entry.text("slug", &model.id);
    entry.text("display_name", model.display_name.as_deref().unwrap_or(&model.id));
    entry.text("description", &format!("Model of {}", model.owned_by));
    let usual = levels.iter().find(|level| **level == Level::Medium).or(levels.first());
    entry.text_if("default_reasoning_level", usual.map(|level| level.word()));
    entry.array("supported_reasoning_levels", &levels, |level, out| effort(*level, out));
    entry.raw("shell_type", "\"shell_command\",\"visibility\":\"list\",\"supported_in_api\":true");
    // Codex starts with the first; the order of the list is the operator's.
    entry.number("priority", at + 1);
    entry.raw("upgrade", "null");
    entry.text("base_instructions", INSTRUCTIONS);
    entry.flag("supports_reasoning_summaries", !levels.is_empty());
    entry.raw("support_verbosity", "false,\"default_verbosity\":null");
    entry.raw("apply_patch_tool_type", if model.owned_by == PATCHES { "\"freeform\"" } else { "null" });
    entry.raw("truncation_policy", &format!("{{\"mode\":\"tokens\",\"limit\":{TOOL_OUTPUT}}}"));
    entry.flag("supports_parallel_tool_calls", true);
    entry.number_if("context_window", model.context);
    entry.raw("experimental_supported_tools", "[]");
    let reads = ["text"].into_iter().chain(model.images.then_some("image"));
    entry.array("input_modalities", reads, quoted);
    entry.close();
}

/// The efforts a user may choose among. A model that thinks by budget takes the common ones.
fn levels(model: &ModelCard, highest: Level) -> Vec<Level> {
    match model.thinking.supported {
        Some(true) if model.thinking.levels.is_empty() => vec![Level::Low, Level::Medium, Level::High],
        Some(true) => model.thinking.levels.iter().copied().filter(|level| *level <= highest).collect(),
        Some(false) | None => Vec::new(),
    }
}

fn effort(level: Level, out: &mut BytesMut) {
    let words = match level {
        Level::Minimal => "Hardly any reasoning",
        Level::Low => "Quick answers, little reasoning",
        Level::Medium => "Reasoning as most tasks need it",
        Level::High => "More reasoning for hard tasks",
        Level::XHigh => "Much more reasoning for very hard tasks",
        Level::Max => "As much reasoning as the model can do",
    };
    let mut preset = Object::open(out);
    preset.text("effort", level.word());
    preset.text("description", words);
    preset.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use dialect::{ModelTraits, ThinkingTraits};
    use serde_json::{Value, json};

    fn card(levels: &[Level], supported: Option<bool>) -> ModelCard {
        let thinking = ThinkingTraits { supported, levels: levels.to_vec(), ..ThinkingTraits::default() };
        ModelCard { thinking, ..ModelCard::new("a/b", "acme", &ModelTraits::default()) }
    }

    fn listed(card: ModelCard, query: &str) -> Value {
        let reply = CodexModels.list(&[card], query);
        serde_json::from_slice::<Value>(&reply.body).unwrap()["models"][0].clone()
    }

    /// Without one of these Codex 0.169 refuses the whole list.
    #[test]
    fn what_codex_insists_on_is_there() {
        let entry = listed(card(&[], None), "client_version=0.169.0");
        for (field, value) in [
            ("slug", json!("a/b")),
            ("display_name", json!("a/b")),
            ("supported_reasoning_levels", json!([])),
            ("shell_type", json!("shell_command")),
            ("visibility", json!("list")),
            ("supported_in_api", json!(true)),
            ("priority", json!(1)),
            ("supports_reasoning_summaries", json!(false)),
            ("support_verbosity", json!(false)),
            ("truncation_policy", json!({"mode": "tokens", "limit": 10_000})),
            ("supports_parallel_tool_calls", json!(true)),
            ("experimental_supported_tools", json!([])),
            ("input_modalities", json!(["text"])),
        ] {
            assert_eq!(entry[field], value, "{field}");
        }
        assert!(entry["base_instructions"].as_str().unwrap().len() > 200);
        assert!(entry.get("context_window").is_none() && entry.get("default_reasoning_level").is_none());
    }

    #[test]
    fn efforts_are_the_models_own_as_far_as_the_version_knows_them() {
        let all = [Level::Low, Level::High, Level::Max];
        let efforts = |query| {
            let entry = listed(card(&all, Some(true)), query);
            let list = entry["supported_reasoning_levels"].as_array().unwrap().clone();
            (list.into_iter().map(|preset| preset["effort"].clone()).collect::<Vec<_>>(), entry)
        };
        assert_eq!(efforts("client_version=0.169.0").0, [json!("low"), json!("high"), json!("max")]);
        assert_eq!(efforts("a=b&client_version=0.100.0").0, [json!("low"), json!("high")]);
        assert_eq!(efforts("client_version=0.169.0").1["default_reasoning_level"], "low");
        let budget = listed(card(&[], Some(true)), "client_version=1.2.3");
        assert_eq!(budget["default_reasoning_level"], "medium");
    }

    #[test]
    fn pictures_windows_and_patches_are_told_where_they_are_known() {
        let model = ModelCard { images: true, context: Some(7), owned_by: "openai".into(), ..card(&[], Some(false)) };
        let entry = listed(model, "");
        assert_eq!(entry["input_modalities"], json!(["text", "image"]));
        assert_eq!((&entry["context_window"], &entry["apply_patch_tool_type"]), (&json!(7), &json!("freeform")));
    }
}
