//! OpenAI's spelling of Responses, as serde reads it: borrowed text, raw JSON wherever more than one shape occurs.
//!
//! Sources: types of openai-python 3.52 (November 2026). Every field is optional, null counts as
//! absent, unknown fields are skipped: whether something is missing that matters is for the readers to say.

pub(crate) use dialect::read::{Raw, Str, as_count, as_text, lenient};
use serde::Deserialize;
use serde_json::value::RawValue;

/// An item of a request's input, of any type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Item<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) status: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) role: Option<Str<'a>>,
    /// A text or a list of parts.
    #[serde(borrow)]
    pub(crate) content: Raw<'a>,
    #[serde(borrow)]
    pub(crate) call_id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) namespace: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) arguments: Raw<'a>,
    #[serde(borrow)]
    pub(crate) input: Raw<'a>,
    #[serde(borrow)]
    pub(crate) output: Raw<'a>,
    #[serde(borrow)]
    pub(crate) summary: Raw<'a>,
    #[serde(borrow)]
    pub(crate) encrypted_content: Option<Str<'a>>,
    /// What a shell or a computer is to do.
    #[serde(borrow)]
    pub(crate) action: Raw<'a>,
    /// How a file is to be changed.
    #[serde(borrow)]
    pub(crate) operation: Raw<'a>,
    /// Where a shell runs.
    #[serde(borrow)]
    pub(crate) environment: Raw<'a>,
    /// Who searches among the tools.
    #[serde(borrow)]
    pub(crate) execution: Option<Str<'a>>,
    /// The base64 of a generated picture.
    #[serde(borrow)]
    pub(crate) result: Raw<'a>,
    #[serde(borrow)]
    pub(crate) output_format: Option<Str<'a>>,
    /// Tools that are declared in mid-conversation.
    #[serde(borrow)]
    pub(crate) tools: Raw<'a>,
}

/// A piece of an item's content, of any type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) text: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) logprobs: Raw<'a>,
    #[serde(borrow)]
    pub(crate) refusal: Option<Str<'a>>,
    /// An address, or an object with `url` as some clients send it.
    #[serde(borrow)]
    pub(crate) image_url: Raw<'a>,
    #[serde(borrow)]
    pub(crate) detail: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) file_id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) file_data: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) file_url: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) filename: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) input_audio: Option<InputAudio<'a>>,
    #[serde(borrow)]
    pub(crate) annotations: Raw<'a>,
    #[serde(borrow)]
    pub(crate) prompt_cache_breakpoint: Option<CacheMark<'a>>,
}

/// The object form of an address.
#[derive(Debug, Deserialize)]
pub(crate) struct Address<'a> {
    #[serde(borrow)]
    pub(crate) url: Str<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InputAudio<'a> {
    #[serde(borrow)]
    pub(crate) data: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) format: Option<Str<'a>>,
}

/// A prompt-cache breakpoint.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CacheMark<'a> {
    #[serde(borrow)]
    pub(crate) ttl: Option<Str<'a>>,
}

/// A declared tool, of any type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tool<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) description: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) parameters: Raw<'a>,
    #[serde(borrow)]
    pub(crate) format: Raw<'a>,
    pub(crate) strict: Option<bool>,
    /// Where a shell runs.
    #[serde(borrow)]
    pub(crate) environment: Raw<'a>,
    /// Who searches among the tools.
    #[serde(borrow)]
    pub(crate) execution: Option<Str<'a>>,
    /// The tools of a namespace.
    #[serde(borrow)]
    pub(crate) tools: Raw<'a>,
    /// Chat's nested form turns up here, too.
    #[serde(borrow)]
    pub(crate) function: Raw<'a>,
    #[serde(borrow)]
    pub(crate) filters: Option<Filters<'a>>,
    #[serde(borrow)]
    pub(crate) user_location: Option<Place<'a>>,
    #[serde(borrow)]
    pub(crate) search_context_size: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filters<'a> {
    #[serde(borrow)]
    pub(crate) allowed_domains: Option<Vec<Str<'a>>>,
    #[serde(borrow)]
    pub(crate) blocked_domains: Option<Vec<Str<'a>>>,
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

/// The object form of `tool_choice`, and an entry of `allowed_tools`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) namespace: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) mode: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) tools: Option<Vec<Choice<'a>>>,
}

/// `text`: the form of the answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CacheOptions {
    pub(crate) prewarm: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TextConfig<'a> {
    #[serde(borrow)]
    pub(crate) format: Option<Format<'a>>,
    #[serde(borrow)]
    pub(crate) verbosity: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Format<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Str<'a>>,
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
pub(crate) struct Reasoning<'a> {
    #[serde(borrow)]
    pub(crate) effort: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) summary: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) generate_summary: Option<Str<'a>>,
}

/// An item that changes settings.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Update<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) reasoning: Option<Reasoning<'a>>,
    #[serde(borrow)]
    pub(crate) text: Option<TextConfig<'a>>,
}

/// An event of a stream, of any type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Event<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) response: Raw<'a>,
    #[serde(borrow)]
    pub(crate) item: Raw<'a>,
    #[serde(borrow)]
    pub(crate) item_id: Option<Str<'a>>,
    pub(crate) output_index: Option<u32>,
    pub(crate) content_index: Option<u32>,
    pub(crate) summary_index: Option<u32>,
    /// A text, except in events that are of no concern here.
    #[serde(borrow)]
    pub(crate) delta: Raw<'a>,
    #[serde(borrow)]
    pub(crate) text: Raw<'a>,
    #[serde(borrow)]
    pub(crate) logprobs: Raw<'a>,
    #[serde(borrow)]
    pub(crate) refusal: Raw<'a>,
    #[serde(borrow)]
    pub(crate) arguments: Raw<'a>,
    #[serde(borrow)]
    pub(crate) input: Raw<'a>,
    #[serde(borrow)]
    pub(crate) part: Raw<'a>,
    #[serde(borrow)]
    pub(crate) annotation: Raw<'a>,
    #[serde(borrow)]
    pub(crate) error: Raw<'a>,
}

/// The response object, whole or as far as it has come.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Answer<'a> {
    #[serde(borrow)]
    pub(crate) object: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) model: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) status: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) output: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub(crate) usage: Raw<'a>,
    #[serde(borrow)]
    pub(crate) error: Raw<'a>,
    #[serde(borrow)]
    pub(crate) incomplete_details: Option<Incomplete<'a>>,
    #[serde(borrow)]
    pub(crate) service_tier: Raw<'a>,
    #[serde(borrow)]
    pub(crate) tool_usage: Option<ToolUsage<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Incomplete<'a> {
    #[serde(borrow)]
    pub(crate) reason: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ToolUsage<'a> {
    #[serde(borrow)]
    pub(crate) web_search: Option<WebSearches<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WebSearches<'a> {
    #[serde(borrow)]
    pub(crate) num_requests: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Annotation<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) url: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) title: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) filename: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) start_index: Raw<'a>,
    #[serde(borrow)]
    pub(crate) end_index: Raw<'a>,
}

/// Token counts. Raw, because compatible servers send floats.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Usage<'a> {
    #[serde(borrow)]
    pub(crate) input_tokens: Raw<'a>,
    #[serde(borrow)]
    pub(crate) output_tokens: Raw<'a>,
    #[serde(borrow)]
    pub(crate) input_tokens_details: Option<InputDetails<'a>>,
    #[serde(borrow)]
    pub(crate) output_tokens_details: Option<OutputDetails<'a>>,
    /// OpenRouter.
    #[serde(borrow)]
    pub(crate) cost: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InputDetails<'a> {
    #[serde(borrow)]
    pub(crate) cached_tokens: Raw<'a>,
    #[serde(borrow)]
    pub(crate) cache_write_tokens: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OutputDetails<'a> {
    #[serde(borrow)]
    pub(crate) reasoning_tokens: Raw<'a>,
}
