//! The forms in which places list their models, a row each, and what is read from an entry of each.

use std::fmt;
use std::time::UNIX_EPOCH;

use dialect::time;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::entry::{Entry, whole};
use crate::Learned;

/// A form.
pub(crate) struct Format {
    /// The query of every page.
    first: &'static str,
    /// The name of the parameter that names a page; empty where lists have one page.
    page: &'static str,
    /// Headers that the request must carry.
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// Reads an entry; `None` for what is no model to be asked.
    pub(super) read: fn(&Entry) -> Option<Learned>,
}

/// OpenAI's, with what OpenRouter, Groq, Mistral, Together, vLLM, llama.cpp, Moonshot and others add to its entries
/// (their own references, 2026-11-21); xAI's `/language-models` is of this form, too.
pub(crate) static OPENAI: Format = Format { first: "", page: "", headers: &[], read: openai };

/// Azure's deployments, which is what can be called there; `/models` lists what could be deployed
/// (learn.microsoft.com/rest/api/azureopenai/deployments, 2026-11-21).
pub(crate) static DEPLOYMENTS: Format = Format { first: "", page: "", headers: &[], read: deployment };

/// Anthropic's (platform.claude.com/docs/en/api/models, 2026-11-21).
pub(crate) static ANTHROPIC: Format =
    Format { first: "limit=1000", page: "after_id", headers: &[("anthropic-version", "2023-06-01")], read: anthropic };

/// Gemini's (ai.google.dev/api/models, 2026-11-21).
pub(crate) static GEMINI: Format = Format { first: "pageSize=1000", page: "pageToken", headers: &[], read: gemini };

/// Vertex's publisher models, of which only Gemini speaks Gemini's language
/// (cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/publishers.models/list, 2026-11-21).
pub(crate) static VERTEX: Format = Format { first: "pageSize=100", page: "pageToken", headers: &[], read: vertex };

/// Ollama's `/api/tags`, which names; `/api/show` tells the rest (docs.ollama.com/api, 2026-11-21).
pub(crate) static OLLAMA: Format = Format { first: "", page: "", headers: &[], read: ollama };

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Format({}{})", self.first, self.page)
    }
}

impl Format {
    /// The query of a page.
    pub(super) fn query(&self, page: Option<&str>) -> String {
        match page {
            None => self.first.to_owned(),
            Some(page) => {
                let page = utf8_percent_encode(page, NON_ALPHANUMERIC);
                format!("{}&{}={page}", self.first, self.page).trim_start_matches('&').to_owned()
            }
        }
    }
}

fn openai(entry: &Entry) -> Option<Learned> {
    // Groq's word for a model that is listed and gone.
    if entry.flag(&["active"]) == Some(false) {
        return None;
    }
    let name = entry.text("id").or_else(|| entry.text("name"))?;
    let display_name = ["display_name", "name", "title"].iter().find_map(|path| entry.text(path));
    Some(Learned {
        also: entry.texts("aliases").unwrap_or_default(),
        display_name: display_name.filter(|shown| *shown != name),
        created: created(entry),
        context: entry.number(&[
            "context_length",
            "context_window",
            "max_context_length",
            "max_model_len",
            "context_size",
            "max_input_tokens",
            "max_prompt_length",
            "top_provider.context_length",
            "metadata.context_length",
            "meta.n_ctx_train",
        ]),
        max_output: entry.number(&[
            "top_provider.max_completion_tokens",
            "max_completion_tokens",
            "max_output_tokens",
            "max_output_length",
            "max_tokens",
        ]),
        images: modality(entry, "image").or_else(|| {
            entry.flag(&["supports_image_in", "supports_image_input", "supports_vision", "capabilities.vision"])
        }),
        pdfs: modality(entry, "file"),
        audio: modality(entry, "audio").or_else(|| entry.flag(&["capabilities.audio"])),
        video: modality(entry, "video").or_else(|| entry.flag(&["supports_video_in"])),
        thinking: parameter(entry, "reasoning")
            .or_else(|| entry.flag(&["supports_reasoning", "capabilities.reasoning"])),
        efforts: entry.words("reasoning.supported_efforts").unwrap_or_default(),
        can_disable: entry.flag(&["reasoning.mandatory"]).map(|always| !always),
        // A list that does not name them may only be incomplete.
        tools: parameter(entry, "tools")
            .filter(|takes| *takes)
            .or_else(|| entry.flag(&["supports_tools", "capabilities.function_calling"])),
        embeds: embeds(entry),
        structured_output: parameter(entry, "structured_outputs").filter(|takes| *takes),
        name,
        ..Learned::default()
    })
}

/// Whether the model takes a kind of input; `None` where nothing is said about kinds.
fn modality(entry: &Entry, kind: &str) -> Option<bool> {
    let kinds = entry.words("architecture.input_modalities").or_else(|| entry.words("input_modalities"))?;
    Some(kinds.iter().any(|own| own == kind))
}

/// Whether a parameter is among those that are taken.
fn parameter(entry: &Entry, name: &str) -> Option<bool> {
    let taken = entry.words("supported_parameters")?;
    Some(taken.iter().any(|own| own == name))
}

/// Whether the model gives nothing but vectors; `None` where nothing is said about what it gives.
fn embeds(entry: &Entry) -> Option<bool> {
    let gives = entry.words("architecture.output_modalities").or_else(|| entry.words("output_modalities"));
    let only = gives.map(|kinds| !kinds.is_empty() && kinds.iter().all(|kind| kind.starts_with("embedding")));
    only.or_else(|| entry.text("type").filter(|kind| kind == "embedding").map(|_| true))
}

fn created(entry: &Entry) -> Option<u64> {
    let seconds = entry.number(&["created"]);
    seconds.or_else(|| {
        let moment = time::parse(&entry.text("created_at")?)?;
        moment.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
    })
}

fn deployment(entry: &Entry) -> Option<Learned> {
    if entry.text("status").is_some_and(|status| status != "succeeded") {
        return None;
    }
    let of = entry.text("model").or_else(|| entry.text("properties.model.name"));
    Some(Learned { name: entry.text("id")?, of, created: entry.number(&["created_at"]), ..Learned::default() })
}

fn anthropic(entry: &Entry) -> Option<Learned> {
    let flag = |path: &str| entry.flag(&[path]);
    let level = |word: &&str| flag(&format!("capabilities.effort.{word}")) == Some(true);
    let efforts = ["minimal", "low", "medium", "high", "xhigh", "max"];
    let name = entry.text("id")?;
    Some(Learned {
        display_name: entry.text("display_name").filter(|shown| *shown != name),
        created: created(entry),
        context: entry.number(&["max_input_tokens"]),
        max_output: entry.number(&["max_tokens"]),
        images: flag("capabilities.image_input"),
        pdfs: flag("capabilities.pdf_input"),
        thinking: flag("capabilities.thinking"),
        efforts: efforts.iter().filter(|word| level(word)).map(|word| (*word).to_owned()).collect(),
        budget: flag("capabilities.thinking.types.enabled"),
        adaptive: flag("capabilities.thinking.types.adaptive"),
        can_disable: flag("capabilities.thinking.types.disabled"),
        structured_output: flag("capabilities.structured_outputs"),
        name,
        ..Learned::default()
    })
}

fn gemini(entry: &Entry) -> Option<Learned> {
    let whole = entry.text("name")?;
    let name = whole.strip_prefix("models/").unwrap_or(&whole).to_owned();
    let methods = entry.words("supportedGenerationMethods");
    let has = |word: &str| Some(methods.as_ref()?.iter().any(|own| own == word));
    let (answers, embeds) = (has("generatecontent"), has("embedcontent"));
    if (answers, embeds) == (Some(false), Some(false)) {
        return None;
    }
    Some(Learned {
        name,
        display_name: entry.text("displayName"),
        context: entry.number(&["inputTokenLimit"]),
        max_output: entry.number(&["outputTokenLimit"]),
        thinking: entry.flag(&["thinking"]),
        embeds: answers.map(|answers| !answers),
        ..Learned::default()
    })
}

fn vertex(entry: &Entry) -> Option<Learned> {
    let whole = entry.text("name")?;
    let name = whole.strip_prefix("publishers/google/models/").filter(|name| name.starts_with("gemini"))?;
    Some(Learned { name: name.to_owned(), ..Learned::default() })
}

fn ollama(entry: &Entry) -> Option<Learned> {
    let name = entry.text("name").or_else(|| entry.text("model"))?;
    let also = name.strip_suffix(":latest").map(str::to_owned).into_iter().collect();
    let mut model = Learned { name, also, ..Learned::default() };
    details(entry, &mut model);
    Some(model)
}

/// What Ollama tells of a model, as far as an answer has it.
pub(super) fn details(entry: &Entry, model: &mut Learned) {
    if let Some(able) = entry.words("capabilities") {
        let has = |word: &str| Some(able.iter().any(|own| own == word));
        (model.images, model.thinking, model.audio) = (has("vision"), has("thinking"), has("audio"));
        model.tools = has("tools");
        model.embeds = has("embedding").map(|embeds| embeds && has("completion") == Some(false));
    }
    let window = entry.at("model_info").and_then(|info| {
        let mut windows = info.as_object()?.iter().filter(|(key, _)| key.ends_with(".context_length"));
        whole(windows.next()?.1)
    });
    model.context = window.or_else(|| entry.number(&["details.context_length"])).or(model.context);
}
