//! What an encoder must know of the model it writes for. Encoders decide by capability, never by a model's name.

use hub::Level;

/// Whom a request is written for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The upstream's name of the model.
    pub model: &'a str,
    /// Ask for a stream.
    pub stream: bool,
    /// What the model can do.
    pub traits: &'a ModelTraits,
}

/// What a model can do. `None` is "not known": encoders then send what the client asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelTraits {
    /// Largest answer in tokens.
    pub max_output: Option<u64>,
    /// Context window in tokens.
    pub context: Option<u64>,
    /// How it thinks.
    pub thinking: ThinkingTraits,
    /// Takes pictures.
    pub images: Option<bool>,
    /// Takes PDF documents.
    pub pdfs: Option<bool>,
    /// Takes content by its address on the web.
    pub addresses: Option<bool>,
    /// Takes sound.
    pub audio: Option<bool>,
    /// Takes films.
    pub video: Option<bool>,
    /// Takes temperature, top-p and top-k other than the default.
    pub sampling: Option<bool>,
    /// Takes system turns in mid-conversation.
    pub system_turns: Option<bool>,
    /// Continues a trailing assistant turn.
    pub prefill: Option<bool>,
    /// Calls tools.
    pub tools: Option<bool>,
    /// Gives vectors for texts, and no answers.
    pub embeds: Option<bool>,
    /// Can hold its answer to a JSON schema.
    pub structured_output: Option<bool>,
    /// Takes a form of the answer together with function tools.
    pub format_with_tools: Option<bool>,
    /// Takes its provider's web search together with function tools.
    pub search_with_tools: Option<bool>,
    /// Refuses calls of the current turn that come back without the proof of its reasoning.
    pub insists_on_proofs: Option<bool>,
    /// Habits of the server.
    pub quirks: WireQuirks,
}

/// How a model thinks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThinkingTraits {
    /// Thinks at all.
    pub supported: Option<bool>,
    /// The efforts it takes; empty is "not known".
    pub levels: Vec<Level>,
    /// The least and the most budget in tokens; `None` takes no budget, or is not known.
    pub budget: Option<(u32, u32)>,
    /// Takes "decide for yourself".
    pub adaptive: Option<bool>,
    /// Can be told not to think.
    pub can_disable: Option<bool>,
}

/// Habits of a server that its dialect leaves open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireQuirks {
    /// Which name the output cap has.
    pub max_tokens_field: MaxTokensField,
    /// Refuses the other name, so that it is changed in relayed requests, too.
    pub insists_on_max_tokens_field: bool,
    /// Takes message content as one string only.
    pub flatten_content: bool,
    /// Puts reasoning between `<think>` tags in the text.
    pub think_tags: bool,
    /// Refuses `stream_options`.
    pub no_stream_options: bool,
    /// Wants earlier reasoning text back in assistant turns.
    pub replay_reasoning: bool,
    /// Honours `prompt_cache_key`.
    pub prompt_cache_key: bool,
    /// Takes `prompt_cache_breakpoint` on content parts.
    pub cache_breakpoints: bool,
    /// Gets breakpoints of our own where a client that could have set some has set none.
    pub own_breakpoints: bool,
    /// Takes OpenAI's newer tool forms: free-text tools and `allowed_tools`.
    pub openai_tools: bool,
    /// Tells the pages that a search has found, when asked to.
    pub search_sources: bool,
    /// Takes `web_search_options`.
    pub web_search_options: bool,
    /// The context window to ask for, in tokens, at servers that cut the prompt to a smaller one of their own.
    pub context_window: Option<u64>,
    /// Wants Gemini's thought signatures back as `extra_content` of tool calls.
    pub thought_signatures: bool,
    /// How a Chat server is told to reason.
    pub reasoning_field: ReasoningField,
    /// Does not know the `developer` role: it is sent as `system`.
    pub no_developer_role: bool,
    /// Does not know `parallel_tool_calls`.
    pub no_parallel_field: bool,
    /// Takes tools of Gemini's form only with parameters in its OpenAPI subset, not with JSON Schema.
    pub openapi_parameters: bool,
}

/// How a Chat server is told to reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReasoningField {
    /// `reasoning_effort`: OpenAI's own, which most servers took over.
    #[default]
    Effort,
    /// `reasoning: {effort | max_tokens | enabled, exclude}`.
    Object,
    /// `thinking: {type: enabled | disabled}`, with `reasoning_effort` beside it where the model knows efforts.
    Switch,
    /// `enable_thinking` and `thinking_budget`.
    Budget,
}

/// The name of the output cap on Chat wires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxTokensField {
    /// `max_tokens`, which compatible servers take.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`, which OpenAI's own newer models insist on.
    MaxCompletionTokens,
}
