//! OpenAI's spelling, as serde reads it: borrowed text, raw JSON wherever more than one shape occurs.
//!
//! Sources: types of openai-python 3.52 (November 2026) and the habits of compatible servers. Every
//! field is optional, null counts as absent, unknown fields are skipped: whether something is missing that matters is
//! for the readers of these types to say.

pub(crate) use dialect::read::{Raw, Str, as_count, as_text, lenient};
use serde::Deserialize;

/// A message of a request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message<'a> {
    #[serde(borrow)]
    pub(crate) role: Option<Str<'a>>,
    /// A text, a list of parts, or null.
    #[serde(borrow)]
    pub(crate) content: Raw<'a>,
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) refusal: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow)]
    pub(crate) function_call: Option<Function<'a>>,
    #[serde(borrow)]
    pub(crate) tool_call_id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) reasoning_content: Raw<'a>,
    #[serde(borrow)]
    pub(crate) reasoning: Raw<'a>,
    #[serde(borrow)]
    pub(crate) reasoning_details: Raw<'a>,
    #[serde(borrow)]
    pub(crate) audio: Option<SpokenBefore<'a>>,
    #[serde(borrow)]
    pub(crate) images: Option<Vec<Part<'a>>>,
    /// The sources of an earlier answer.
    #[serde(borrow)]
    pub(crate) annotations: Raw<'a>,
    #[serde(borrow)]
    pub(crate) cache_control: Option<CacheControl<'a>>,
}

/// A piece of a message's content, of any type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) text: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) refusal: Option<Str<'a>>,
    /// An object with `url`, or the address itself.
    #[serde(borrow)]
    pub(crate) image_url: Raw<'a>,
    #[serde(borrow)]
    pub(crate) video_url: Raw<'a>,
    #[serde(borrow)]
    pub(crate) input_audio: Option<InputAudio<'a>>,
    #[serde(borrow)]
    pub(crate) file: Option<FilePart<'a>>,
    /// Reasoning in an answer's content, as Mistral sends it: a text or a list of parts.
    #[serde(borrow)]
    pub(crate) thinking: Raw<'a>,
    #[serde(borrow)]
    pub(crate) cache_control: Option<CacheControl<'a>>,
    #[serde(borrow)]
    pub(crate) prompt_cache_breakpoint: Option<CacheControl<'a>>,
}

/// The object form of `image_url` and `video_url`.
#[derive(Debug, Deserialize)]
pub(crate) struct Address<'a> {
    #[serde(borrow)]
    pub(crate) url: Str<'a>,
    #[serde(borrow, default)]
    pub(crate) detail: Option<Str<'a>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct InputAudio<'a> {
    #[serde(borrow)]
    pub(crate) data: Str<'a>,
    #[serde(borrow, default)]
    pub(crate) format: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FilePart<'a> {
    #[serde(borrow)]
    pub(crate) file_data: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) filename: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) file_id: Option<Str<'a>>,
}

/// Sound of an earlier answer, referred to by id.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SpokenBefore<'a> {
    #[serde(borrow)]
    pub(crate) transcript: Option<Str<'a>>,
}

/// A prompt-cache breakpoint: OpenRouter's `cache_control` or OpenAI's `prompt_cache_breakpoint`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CacheControl<'a> {
    #[serde(borrow)]
    pub(crate) ttl: Option<Str<'a>>,
}

/// A call, whole in messages, in pieces in chunks.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ToolCall<'a> {
    pub(crate) index: Option<i64>,
    #[serde(borrow)]
    pub(crate) id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) function: Option<Function<'a>>,
    #[serde(borrow)]
    pub(crate) custom: Option<Custom<'a>>,
    #[serde(borrow)]
    pub(crate) extra_content: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Function<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    /// A text that should hold an object; some servers send the object itself.
    #[serde(borrow)]
    pub(crate) arguments: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Custom<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) input: Option<Str<'a>>,
}

/// Google's proof on a tool call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ExtraContent<'a> {
    #[serde(borrow)]
    pub(crate) google: Option<Google<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Google<'a> {
    #[serde(borrow)]
    pub(crate) thought_signature: Option<Str<'a>>,
}

/// A declared tool.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tool<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) function: Option<Declaration<'a>>,
    #[serde(borrow)]
    pub(crate) custom: Option<Declaration<'a>>,
    #[serde(borrow)]
    pub(crate) cache_control: Option<CacheControl<'a>>,
}

/// What `function`, `custom`, a legacy function and a flat tool have in common.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Declaration<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) description: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) parameters: Raw<'a>,
    #[serde(borrow)]
    pub(crate) format: Raw<'a>,
    pub(crate) strict: Option<bool>,
    #[serde(borrow)]
    pub(crate) cache_control: Option<CacheControl<'a>>,
}

/// The object form of `tool_choice` and of a legacy `function_call`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) function: Option<Named<'a>>,
    #[serde(borrow)]
    pub(crate) custom: Option<Named<'a>>,
    #[serde(borrow)]
    pub(crate) allowed_tools: Option<AllowedTools<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Named<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AllowedTools<'a> {
    #[serde(borrow)]
    pub(crate) mode: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) tools: Vec<Choice<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ResponseFormat<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) json_schema: Option<JsonSchema<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct JsonSchema<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) description: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) schema: Raw<'a>,
    pub(crate) strict: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StreamOptions {
    pub(crate) include_usage: Option<bool>,
}

/// OpenRouter's `reasoning`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Reasoning<'a> {
    #[serde(borrow)]
    pub(crate) effort: Option<Str<'a>>,
    pub(crate) max_tokens: Option<u32>,
    pub(crate) exclude: Option<bool>,
    pub(crate) enabled: Option<bool>,
}

/// The `thinking` of Kimi, GLM and DeepSeek.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct VendorThinking<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Str<'a>>,
    pub(crate) budget_tokens: Option<u32>,
}

/// What SDKs add for a vendor, when a program sends it as it is named there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ExtraBody<'a> {
    #[serde(borrow)]
    pub(crate) anthropic: Option<AnthropicExtra<'a>>,
    #[serde(borrow)]
    pub(crate) google: Option<GoogleExtra<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AnthropicExtra<'a> {
    #[serde(borrow)]
    pub(crate) thinking: Option<VendorThinking<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GoogleExtra<'a> {
    #[serde(borrow, alias = "thinkingConfig")]
    pub(crate) thinking_config: Option<GoogleThinking<'a>>,
}

/// Google's own configuration, as its documents tell programs of Chat to send it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GoogleThinking<'a> {
    #[serde(alias = "thinkingBudget")]
    pub(crate) thinking_budget: Option<i64>,
    #[serde(borrow, alias = "thinkingLevel")]
    pub(crate) thinking_level: Option<Str<'a>>,
    #[serde(alias = "includeThoughts")]
    pub(crate) include_thoughts: Option<bool>,
}

/// What vLLM and SGLang hand to a model's own template.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TemplateArguments {
    pub(crate) enable_thinking: Option<bool>,
    pub(crate) thinking: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WebSearchOptions<'a> {
    #[serde(borrow)]
    pub(crate) search_context_size: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) user_location: Option<UserLocation<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UserLocation<'a> {
    #[serde(borrow)]
    pub(crate) approximate: Option<Place<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Place<'a> {
    #[serde(borrow)]
    pub(crate) city: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) region: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) country: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) timezone: Option<Str<'a>>,
}

/// A chunk of a stream, or a whole answer: they differ only in `delta` against `message`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chunk<'a> {
    #[serde(borrow)]
    pub(crate) id: Raw<'a>,
    #[serde(borrow)]
    pub(crate) object: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) model: Raw<'a>,
    #[serde(borrow)]
    pub(crate) choices: Option<Vec<ChunkChoice<'a>>>,
    #[serde(borrow)]
    pub(crate) usage: Raw<'a>,
    #[serde(borrow)]
    pub(crate) service_tier: Raw<'a>,
    #[serde(borrow)]
    pub(crate) error: Raw<'a>,
    #[serde(borrow)]
    pub(crate) message: Raw<'a>,
    #[serde(borrow)]
    pub(crate) detail: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChunkChoice<'a> {
    pub(crate) index: Option<i64>,
    #[serde(borrow)]
    pub(crate) delta: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(crate) message: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(crate) logprobs: Raw<'a>,
    #[serde(borrow)]
    pub(crate) finish_reason: Option<Str<'a>>,
    /// Moonshot puts the figures here in streams.
    #[serde(borrow)]
    pub(crate) usage: Raw<'a>,
}

/// How likely the tokens of a choice were.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Logprobs<'a> {
    #[serde(borrow)]
    pub(crate) content: Raw<'a>,
}

/// What an answer says, a piece or all of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Delta<'a> {
    #[serde(borrow)]
    pub(crate) content: Raw<'a>,
    #[serde(borrow)]
    pub(crate) refusal: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) reasoning_content: Raw<'a>,
    #[serde(borrow)]
    pub(crate) reasoning: Raw<'a>,
    #[serde(borrow)]
    pub(crate) reasoning_details: Raw<'a>,
    #[serde(borrow)]
    pub(crate) tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow)]
    pub(crate) function_call: Option<Function<'a>>,
    #[serde(borrow)]
    pub(crate) annotations: Raw<'a>,
    #[serde(borrow)]
    pub(crate) images: Raw<'a>,
    #[serde(borrow)]
    pub(crate) audio: Raw<'a>,
}

/// Sound of an answer, a piece or all of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Spoken<'a> {
    #[serde(borrow)]
    pub(crate) data: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) transcript: Option<Str<'a>>,
}

/// An entry of OpenRouter's `reasoning_details`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReasoningDetail<'a> {
    #[serde(borrow)]
    pub(crate) text: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) summary: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Annotation<'a> {
    #[serde(borrow)]
    pub(crate) url_citation: Option<UrlCitation<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UrlCitation<'a> {
    #[serde(borrow)]
    pub(crate) url: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) title: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) content: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) start_index: Raw<'a>,
    #[serde(borrow)]
    pub(crate) end_index: Raw<'a>,
}

/// Token counts with the spellings of several vendors. Raw, because some send floats.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Usage<'a> {
    #[serde(borrow)]
    pub(crate) prompt_tokens: Raw<'a>,
    #[serde(borrow)]
    pub(crate) completion_tokens: Raw<'a>,
    #[serde(borrow)]
    pub(crate) total_tokens: Raw<'a>,
    #[serde(borrow)]
    pub(crate) prompt_tokens_details: Option<PromptDetails<'a>>,
    #[serde(borrow)]
    pub(crate) completion_tokens_details: Option<CompletionDetails<'a>>,
    /// DeepSeek.
    #[serde(borrow)]
    pub(crate) prompt_cache_hit_tokens: Raw<'a>,
    /// Moonshot.
    #[serde(borrow)]
    pub(crate) cached_tokens: Raw<'a>,
    #[serde(borrow)]
    pub(crate) reasoning_tokens: Raw<'a>,
    /// OpenRouter.
    #[serde(borrow)]
    pub(crate) cost: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PromptDetails<'a> {
    #[serde(borrow)]
    pub(crate) cached_tokens: Raw<'a>,
    #[serde(borrow)]
    pub(crate) cache_write_tokens: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CompletionDetails<'a> {
    #[serde(borrow)]
    pub(crate) reasoning_tokens: Raw<'a>,
}
