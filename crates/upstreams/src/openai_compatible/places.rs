//! What is peculiar about well-known places that speak OpenAI's API, one row each. A row is found by the host of the
//! place's address, or by name (`quirks.like`); what the user says under `quirks` goes before it.
//!
//! Each row names its source and when that was read. What no row says is the habit of most compatible servers.

use dialect::{MaxTokensField, ReasoningField, WireQuirks};
use http::HeaderName;
use http::header::AUTHORIZATION;
use url::Url;

use super::signs;
use crate::gauge::{self, Form};
use crate::signs::Sign;

/// One place.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its name, for `quirks.like`.
    pub(crate) name: &'static str,
    /// Its hosts; one that begins with a dot takes every host with that end.
    pub(crate) hosts: &'static [&'static str],
    /// The header that carries the key.
    pub(crate) key: KeyHeader,
    /// How it names models in its addresses.
    pub(crate) address: Address,
    /// How it lists its models.
    pub(crate) list: List,
    /// Speaks the Responses API too, at `responses` beside `chat/completions`.
    pub(crate) responses: bool,
    /// The name of the output cap.
    pub(crate) max_tokens: MaxTokensField,
    /// Refuses the other name of the cap.
    pub(crate) strict_cap: bool,
    /// How it is told to reason.
    pub(crate) reasoning: ReasoningField,
    /// Wants earlier reasoning back in assistant turns.
    pub(crate) replay: bool,
    /// Puts reasoning between `<think>` tags.
    pub(crate) think_tags: bool,
    /// Takes `stream_options`.
    pub(crate) stream_options: bool,
    /// Knows the `developer` role.
    pub(crate) developer: bool,
    /// Takes `prompt_cache_key`.
    pub(crate) cache_key: bool,
    /// Takes free-text tools and `allowed_tools`.
    pub(crate) openai_tools: bool,
    /// Wants Gemini's signatures in `extra_content`.
    pub(crate) thought_signatures: bool,
    /// How it tells what is left of an account's credit.
    pub(crate) credit: Option<&'static Form>,
    /// What its errors mean.
    pub(crate) signs: &'static [Sign],
    /// Where this was read.
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the table"))]
    pub(crate) source: &'static str,
    /// When.
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the table"))]
    pub(crate) checked: &'static str,
}

/// The header that carries a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyHeader {
    /// `Authorization: Bearer`.
    Bearer,
    /// `api-key`.
    ApiKey,
}

/// How a place names models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// In the body only.
    Body,
    /// As a deployment in the path where the address carries an `api-version`, else in the body.
    Deployment,
}

/// How a place lists its models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// `models`.
    Models,
    /// `language-models`, which tells more.
    LanguageModels,
    /// As deployments, below the host.
    Deployments,
}

impl KeyHeader {
    /// The header's name and what stands before the key.
    pub(crate) fn parts(self) -> (HeaderName, &'static str) {
        match self {
            Self::Bearer => (AUTHORIZATION, "Bearer "),
            Self::ApiKey => (HeaderName::from_static("api-key"), ""),
        }
    }
}

/// What most compatible servers do.
pub(crate) static PLAIN: Row = USUAL;

const USUAL: Row = Row {
    name: "plain",
    hosts: &[],
    key: KeyHeader::Bearer,
    address: Address::Body,
    list: List::Models,
    responses: false,
    max_tokens: MaxTokensField::MaxTokens,
    strict_cap: false,
    reasoning: ReasoningField::Effort,
    replay: false,
    think_tags: false,
    stream_options: true,
    developer: true,
    cache_key: false,
    openai_tools: false,
    thought_signatures: false,
    credit: None,
    signs: &[],
    source: "OpenAI's API reference as servers copied it",
    checked: "2026-11-21",
};

/// Every place that is known.
pub(crate) static PLACES: &[Row] = &[
    Row {
        name: "openai",
        hosts: &["api.openai.com"],
        // Reasoning together with function tools is refused in Chat by newer models, so other dialects go to Responses.
        responses: true,
        max_tokens: MaxTokensField::MaxCompletionTokens,
        strict_cap: true,
        cache_key: true,
        openai_tools: true,
        signs: signs::OPENAI,
        source: "developers.openai.com/api/docs/guides/reasoning; /api/reference/chat",
        checked: "2026-11-21",
        ..USUAL
    },
    Row {
        name: "azure",
        hosts: &[".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"],
        key: KeyHeader::ApiKey,
        address: Address::Deployment,
        list: List::Deployments,
        responses: true,
        max_tokens: MaxTokensField::MaxCompletionTokens,
        cache_key: true,
        signs: signs::AZURE,
        source: "learn.microsoft.com/azure/ai-foundry/openai: api-version-lifecycle, reference",
        checked: "2026-11-21",
        ..USUAL
    },
    Row {
        name: "openrouter",
        hosts: &["openrouter.ai"],
        reasoning: ReasoningField::Object,
        // `reasoning_details` must come back for models that reason between tool calls.
        replay: true,
        credit: Some(&gauge::OPENROUTER),
        signs: signs::OPENROUTER,
        source: "openrouter.ai/docs: use-cases/reasoning-tokens, api/reference/errors-and-debugging, streaming",
        checked: "2026-11-21",
        ..USUAL
    },
    Row {
        name: "vercel",
        hosts: &["ai-gateway.vercel.sh"],
        reasoning: ReasoningField::Object,
        replay: true,
        source: "vercel.com/docs/ai-gateway/openai-compat/advanced",
        checked: "2026-11-21",
        ..USUAL
    },
    Row {
        name: "xai",
        hosts: &["api.x.ai"],
        list: List::LanguageModels,
        // Chat is deprecated there and has no field for encrypted reasoning.
        responses: true,
        max_tokens: MaxTokensField::MaxCompletionTokens,
        cache_key: true,
        signs: signs::XAI,
        source: "docs.x.ai/developers/model-capabilities/text/best-practices",
        checked: "2026-11-21",
        ..USUAL
    },
    Row {
        name: "deepseek",
        hosts: &["api.deepseek.com"],
        reasoning: ReasoningField::Switch,
        // In tool turns a missing `reasoning_content` is a 400; elsewhere it is ignored.
        replay: true,
        developer: false,
        credit: Some(&gauge::DEEPSEEK),
        signs: signs::DEEPSEEK,
        source: "api-docs.deepseek.com/guides/thinking_mode",
        checked: "2026-11-21",
        ..USUAL
    },
    Row {
        name: "moonshot",
        hosts: &["api.moonshot.ai", "api.moonshot.cn"],
        max_tokens: MaxTokensField::MaxCompletionTokens,
        reasoning: ReasoningField::Switch,
        replay: true,
        developer: false,
        credit: Some(&gauge::MOONSHOT),
        signs: signs::MOONSHOT,
        source: "platform.moonshot.ai/docs, through java.agentscope.io/v2/en/integration/model/kimi",
        checked: "2026-11-21",
        ..USUAL
    },
    Row {
        name: "zai",
        hosts: &["api.z.ai", "open.bigmodel.cn"],
        reasoning: ReasoningField::Switch,
        replay: true,
        developer: false,
        signs: signs::ZAI,
        source: "docs.z.ai/guides; translation notes on `thinking.type`",
        checked: "2026-11-20",
        ..USUAL
    },
    Row {
        name: "qwen",
        hosts: &["dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "dashscope-us.aliyuncs.com"],
        reasoning: ReasoningField::Budget,
        developer: false,
        signs: signs::QWEN,
        source: "help.aliyun.com/model-studio, through docs.agno.com/reference/models/dashscope",
        checked: "2026-11-21",
        ..USUAL
    },
    Row {
        name: "siliconflow",
        hosts: &["api.siliconflow.cn", "api.siliconflow.com"],
        reasoning: ReasoningField::Budget,
        developer: false,
        credit: Some(&gauge::SILICONFLOW),
        signs: signs::SILICONFLOW,
        source: "docs.siliconflow.com/en/api-reference/chat-completions",
        checked: "2026-11-20",
        ..USUAL
    },
    Row {
        name: "minimax",
        hosts: &["api.minimax.io", "api.minimaxi.com"],
        max_tokens: MaxTokensField::MaxCompletionTokens,
        think_tags: true,
        developer: false,
        signs: signs::MINIMAX,
        source: "platform.minimax.io, through java.agentscope.io/v2/en/integration/model/minimax",
        checked: "2026-11-21",
        ..USUAL
    },
    Row {
        name: "mistral",
        hosts: &["api.mistral.ai", "codestral.mistral.ai"],
        // Refuses every field that it does not know; usage comes unasked.
        strict_cap: true,
        stream_options: false,
        developer: false,
        signs: signs::MISTRAL,
        source: "docs.mistral.ai/api; editor-code-assistant/eca#231, charmbracelet/crush#1590",
        checked: "2026-11-21",
        ..USUAL
    },
    Row {
        name: "groq",
        hosts: &["api.groq.com"],
        max_tokens: MaxTokensField::MaxCompletionTokens,
        signs: signs::GROQ,
        source: "console.groq.com/docs/api-reference",
        checked: "2026-11-20",
        ..USUAL
    },
    Row {
        name: "cerebras",
        hosts: &["api.cerebras.ai"],
        max_tokens: MaxTokensField::MaxCompletionTokens,
        source: "inference-docs.cerebras.ai/api-reference/chat-completions",
        checked: "2026-11-20",
        ..USUAL
    },
    Row {
        name: "together",
        hosts: &["api.together.xyz", "api.together.ai"],
        developer: false,
        source: "docs.together.ai/reference/chat-completions",
        checked: "2026-11-20",
        ..USUAL
    },
    Row {
        name: "fireworks",
        hosts: &["api.fireworks.ai"],
        replay: true,
        developer: false,
        signs: signs::FIREWORKS,
        source: "docs.fireworks.ai/api-reference/post-chatcompletions",
        checked: "2026-11-20",
        ..USUAL
    },
    Row {
        name: "perplexity",
        hosts: &["api.perplexity.ai"],
        stream_options: false,
        think_tags: true,
        developer: false,
        source: "docs.perplexity.ai/api-reference/chat-completions-post",
        checked: "2026-11-20",
        ..USUAL
    },
    Row {
        name: "gemini",
        hosts: &["generativelanguage.googleapis.com"],
        developer: false,
        thought_signatures: true,
        source: "ai.google.dev/gemini-api/docs/openai",
        checked: "2026-11-20",
        ..USUAL
    },
];

/// The row of a place: by its name where one is given, else by the host of its address.
pub(crate) fn of(base: &Url, like: Option<&str>) -> &'static Row {
    let fits = |row: &&Row| match like {
        Some(name) => row.name == name,
        None => row.is_at(base),
    };
    PLACES.iter().find(fits).unwrap_or(&PLAIN)
}

fn is_host(own: &str, host: &str) -> bool {
    if own.starts_with('.') { host.ends_with(own) } else { host == own }
}

impl Row {
    /// Whether an address is the place's own.
    pub(crate) fn is_at(&self, base: &Url) -> bool {
        let host = base.host_str().unwrap_or_default().to_ascii_lowercase();
        self.hosts.iter().any(|own| is_host(own, &host))
    }

    /// The row as encoders read it, for one dialect of the place.
    pub(crate) fn quirks(&self) -> WireQuirks {
        WireQuirks {
            max_tokens_field: self.max_tokens,
            insists_on_max_tokens_field: self.strict_cap,
            think_tags: self.think_tags,
            no_stream_options: !self.stream_options,
            replay_reasoning: self.replay,
            prompt_cache_key: self.cache_key,
            openai_tools: self.openai_tools,
            thought_signatures: self.thought_signatures,
            reasoning_field: self.reasoning,
            no_developer_role: !self.developer,
            ..WireQuirks::default()
        }
    }
}
