//! Google's spelling, as serde reads it: borrowed text, raw JSON wherever more than one shape occurs.
//!
//! Sources: types of google-genai 3.4 (November 2026). Every field is optional, unknown fields are
//! skipped: whether something is missing that matters is for the readers of these types to say.

pub(crate) use dialect::read::{Raw, Str, as_count, as_text, lenient};
use hub::Fault;
use serde::Deserialize;
use serde_json::value::RawValue;

/// One turn, or the system instruction.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Content<'a> {
    #[serde(borrow)]
    pub(crate) role: Option<Str<'a>>,
    /// A list of parts; a single part occurs too.
    #[serde(borrow)]
    pub(crate) parts: Raw<'a>,
}

/// One part. At most one of its data fields is set.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Part<'a> {
    #[serde(borrow)]
    pub(crate) text: Raw<'a>,
    pub(crate) thought: Option<bool>,
    #[serde(borrow, alias = "thought_signature")]
    pub(crate) thought_signature: Option<Str<'a>>,
    #[serde(borrow, alias = "inline_data")]
    pub(crate) inline_data: Option<Blob<'a>>,
    #[serde(borrow, alias = "file_data")]
    pub(crate) file_data: Option<FileData<'a>>,
    #[serde(borrow, alias = "function_call")]
    pub(crate) function_call: Option<FunctionCall<'a>>,
    #[serde(borrow, alias = "function_response")]
    pub(crate) function_response: Option<FunctionResponse<'a>>,
    #[serde(borrow, alias = "executable_code")]
    pub(crate) executable_code: Option<Code<'a>>,
    #[serde(borrow, alias = "code_execution_result")]
    pub(crate) code_execution_result: Option<CodeResult<'a>>,
    #[serde(borrow, alias = "media_resolution")]
    pub(crate) media_resolution: Raw<'a>,
}

/// The object form of `mediaResolution`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Resolution<'a> {
    #[serde(borrow)]
    pub(crate) level: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Blob<'a> {
    #[serde(borrow, alias = "mime_type")]
    pub(crate) mime_type: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) data: Option<Str<'a>>,
    #[serde(borrow, alias = "display_name")]
    pub(crate) display_name: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct FileData<'a> {
    #[serde(borrow, alias = "mime_type")]
    pub(crate) mime_type: Option<Str<'a>>,
    #[serde(borrow, alias = "file_uri")]
    pub(crate) file_uri: Option<Str<'a>>,
    #[serde(borrow, alias = "display_name")]
    pub(crate) display_name: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FunctionCall<'a> {
    #[serde(borrow)]
    pub(crate) id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) args: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FunctionResponse<'a> {
    #[serde(borrow)]
    pub(crate) id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) response: Raw<'a>,
    #[serde(borrow)]
    pub(crate) parts: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Code<'a> {
    #[serde(borrow)]
    pub(crate) language: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) code: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CodeResult<'a> {
    #[serde(borrow)]
    pub(crate) outcome: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) output: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct FunctionDeclaration<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) description: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) parameters: Raw<'a>,
    #[serde(borrow, alias = "parameters_json_schema")]
    pub(crate) parameters_json_schema: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ToolConfig<'a> {
    #[serde(borrow, alias = "function_calling_config")]
    pub(crate) function_calling_config: Option<CallingConfig<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CallingConfig<'a> {
    #[serde(borrow)]
    pub(crate) mode: Option<Str<'a>>,
    #[serde(borrow, alias = "allowed_function_names")]
    pub(crate) allowed_function_names: Option<Vec<Str<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ThinkingConfig<'a> {
    #[serde(alias = "include_thoughts")]
    pub(crate) include_thoughts: Option<bool>,
    #[serde(borrow, alias = "thinking_budget")]
    pub(crate) thinking_budget: Raw<'a>,
    #[serde(borrow, alias = "thinking_level")]
    pub(crate) thinking_level: Option<Str<'a>>,
}

/// `googleSearch`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct GoogleSearch<'a> {
    #[serde(borrow, alias = "exclude_domains")]
    pub(crate) exclude_domains: Option<Vec<Str<'a>>>,
}

/// One chunk of a stream, or a whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Chunk<'a> {
    #[serde(borrow)]
    pub(crate) candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, alias = "prompt_feedback")]
    pub(crate) prompt_feedback: Option<Feedback<'a>>,
    #[serde(borrow, alias = "usage_metadata")]
    pub(crate) usage_metadata: Raw<'a>,
    #[serde(borrow, alias = "response_id")]
    pub(crate) response_id: Option<Str<'a>>,
    #[serde(borrow, alias = "model_version")]
    pub(crate) model_version: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) error: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Candidate<'a> {
    pub(crate) index: Option<i64>,
    #[serde(borrow)]
    pub(crate) content: Option<Content<'a>>,
    #[serde(borrow, alias = "finish_reason")]
    pub(crate) finish_reason: Option<Str<'a>>,
    #[serde(borrow, alias = "finish_message")]
    pub(crate) finish_message: Option<Str<'a>>,
    #[serde(borrow, alias = "grounding_metadata")]
    pub(crate) grounding_metadata: Raw<'a>,
    #[serde(borrow, alias = "citation_metadata")]
    pub(crate) citation_metadata: Raw<'a>,
    #[serde(borrow, alias = "url_context_metadata")]
    pub(crate) url_context_metadata: Raw<'a>,
    #[serde(borrow, alias = "logprobs_result")]
    pub(crate) logprobs_result: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Feedback<'a> {
    #[serde(borrow, alias = "block_reason")]
    pub(crate) block_reason: Option<Str<'a>>,
    #[serde(borrow, alias = "block_reason_message")]
    pub(crate) block_reason_message: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct UsageMetadata<'a> {
    #[serde(borrow, alias = "prompt_token_count")]
    pub(crate) prompt_token_count: Raw<'a>,
    #[serde(borrow, alias = "candidates_token_count")]
    pub(crate) candidates_token_count: Raw<'a>,
    #[serde(borrow, alias = "thoughts_token_count")]
    pub(crate) thoughts_token_count: Raw<'a>,
    #[serde(borrow, alias = "cached_content_token_count")]
    pub(crate) cached_content_token_count: Raw<'a>,
    #[serde(borrow, alias = "tool_use_prompt_token_count")]
    pub(crate) tool_use_prompt_token_count: Raw<'a>,
    #[serde(borrow, alias = "total_token_count")]
    pub(crate) total_token_count: Raw<'a>,
    #[serde(borrow, alias = "service_tier")]
    pub(crate) service_tier: Option<Str<'a>>,
    /// Vertex.
    #[serde(borrow, alias = "traffic_type")]
    pub(crate) traffic_type: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Grounding<'a> {
    #[serde(borrow, alias = "grounding_chunks")]
    pub(crate) grounding_chunks: Option<Vec<GroundingChunk<'a>>>,
    #[serde(borrow, alias = "grounding_supports")]
    pub(crate) grounding_supports: Option<Vec<GroundingSupport<'a>>>,
    #[serde(borrow, alias = "web_search_queries")]
    pub(crate) web_search_queries: Option<Vec<Str<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GroundingChunk<'a> {
    #[serde(borrow)]
    pub(crate) web: Option<WebChunk<'a>>,
    #[serde(borrow)]
    pub(crate) maps: Option<WebChunk<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WebChunk<'a> {
    #[serde(borrow)]
    pub(crate) uri: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) title: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct GroundingSupport<'a> {
    #[serde(borrow)]
    pub(crate) segment: Option<Segment<'a>>,
    #[serde(alias = "grounding_chunk_indices")]
    pub(crate) grounding_chunk_indices: Option<Vec<usize>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Segment<'a> {
    #[serde(alias = "part_index")]
    pub(crate) part_index: Option<usize>,
    #[serde(alias = "start_index")]
    pub(crate) start_index: Option<usize>,
    #[serde(alias = "end_index")]
    pub(crate) end_index: Option<usize>,
    #[serde(borrow)]
    pub(crate) text: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CitationMetadata<'a> {
    #[serde(borrow, alias = "citationSources", alias = "citation_sources")]
    pub(crate) citations: Option<Vec<CitationSource<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CitationSource<'a> {
    #[serde(borrow)]
    pub(crate) uri: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) title: Option<Str<'a>>,
    #[serde(alias = "start_index")]
    pub(crate) start_index: Option<usize>,
    #[serde(alias = "end_index")]
    pub(crate) end_index: Option<usize>,
}

/// A list; Google also takes a single element in place of a list of one. `None` for any other shape.
pub(crate) fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    match raw.get().as_bytes().first() {
        Some(b'[') => dialect::read::text(raw.get()).ok(),
        Some(b'{') => Some(vec![raw]),
        _ => None,
    }
}

/// The same of a field of a request, or a fault that names it. A long list is gone through once.
pub(crate) fn entries<'a>(json: &'a str, place: &str) -> Result<Option<Vec<&'a RawValue>>, Fault> {
    Ok(match json.as_bytes().first() {
        Some(b'[') => Some(typed(json, place)?),
        Some(b'{') => Some(vec![typed(json, place)?]),
        _ => None,
    })
}

/// An entry of `responseFormat`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ResponseFormat<'a> {
    #[serde(borrow)]
    pub(crate) text: Option<TextFormat<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TextFormat<'a> {
    #[serde(borrow, rename = "mimeType", alias = "mime_type")]
    pub(crate) mime_type: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) schema: Raw<'a>,
}

/// A value of a request, or a fault that names its place.
pub(crate) fn typed<'a, T: Deserialize<'a>>(json: &'a str, place: &str) -> Result<T, Fault> {
    dialect::read::text(json).map_err(|error| {
        let words = error.to_string();
        let words = words.rfind(" at line ").map_or(words.as_str(), |at| &words[..at]);
        Fault::bad_request(format!("invalid `{place}`: {words}")).at(place.to_owned())
    })
}

/// `list[number]`, as faults name it. Nearly no request needs it, so it is made without the formatting machinery, which
/// took 500 instructions for each.
pub(crate) fn entry(list: &str, number: usize) -> String {
    let mut place = String::with_capacity(list.len() + 8);
    place.push_str(list);
    place.push('[');
    match u32::try_from(number).ok().and_then(|number| char::from_digit(number, 10)) {
        Some(digit) => place.push(digit),
        None => place.push_str(&number.to_string()),
    }
    place.push(']');
    place
}

/// The text of an optional field, if it says anything.
pub(crate) fn filled(text: Option<Str<'_>>) -> Option<String> {
    text.map(Str::owned).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_named_by_their_number() {
        assert_eq!(entry("contents", 0), "contents[0]");
        assert_eq!(entry("contents[9].parts", 9), "contents[9].parts[9]");
        assert_eq!(entry("contents", 1_234), "contents[1234]");
    }
}
