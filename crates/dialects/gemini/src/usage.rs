//! Token counts: Google's totals, of which the prompt includes what was cached and the candidates exclude thoughts
//! (translation.md section 12).

use bytes::BytesMut;
use dialect::Object;
use hub::Usage;

use crate::wire::{UsageMetadata, as_count};

/// Reads the figures of an upstream. Each chunk repeats them as running totals.
pub(crate) fn read(wire: &UsageMetadata<'_>) -> Usage {
    let cached = as_count(wire.cached_content_token_count);
    let prompt = as_count(wire.prompt_token_count);
    let thoughts = as_count(wire.thoughts_token_count);
    let tool_prompt = as_count(wire.tool_use_prompt_token_count);
    let total = as_count(wire.total_token_count);
    // A count of zero is left out by the proto's JSON: the total tells whether it was one.
    let candidates = as_count(wire.candidates_token_count).or_else(|| {
        let rest = prompt? + tool_prompt.unwrap_or(0) + thoughts.unwrap_or(0);
        total.map(|total| total.saturating_sub(rest))
    });
    let output = match (candidates, thoughts) {
        (None, None) => None,
        (candidates, thoughts) => Some(candidates.unwrap_or(0).saturating_add(thoughts.unwrap_or(0))),
    };
    Usage {
        fresh: prompt.map(|all| all.saturating_sub(cached.unwrap_or(0))),
        cache_read: cached,
        tool_prompt,
        output,
        reasoning: thoughts,
        ..Usage::default()
    }
}

/// Writes the figures for a client.
pub(crate) fn write(usage: &Usage, out: &mut BytesMut) {
    let tool_prompt = usage.tool_prompt.unwrap_or(0);
    let prompt = usage.input_total().saturating_sub(tool_prompt);
    let output = usage.output.unwrap_or(0);
    let mut object = Object::open(out);
    object.number("promptTokenCount", prompt);
    object.number("candidatesTokenCount", output.saturating_sub(usage.reasoning.unwrap_or(0)));
    object.number("totalTokenCount", usage.input_total().saturating_add(output));
    object.number_if("cachedContentTokenCount", usage.cache_read);
    object.number_if("thoughtsTokenCount", usage.reasoning);
    object.number_if("toolUsePromptTokenCount", usage.tool_prompt);
    object.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Usage {
        read(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn figures_are_read_by_the_formulas() {
        let usage = parse(
            r#"{"promptTokenCount":100,"cachedContentTokenCount":40,"candidatesTokenCount":7,"thoughtsTokenCount":5,
                "toolUsePromptTokenCount":3,"totalTokenCount":115}"#,
        );
        let expect = Usage {
            fresh: Some(60),
            cache_read: Some(40),
            tool_prompt: Some(3),
            output: Some(12),
            reasoning: Some(5),
            ..Usage::default()
        };
        assert_eq!(usage, expect);
        assert_eq!(parse(r#"{"trafficType":"ON_DEMAND"}"#), Usage::default());
        assert_eq!(parse(r#"{"promptTokenCount":6,"totalTokenCount":6}"#).output, Some(0));
        assert_eq!(parse(r#"{"promptTokenCount":6}"#).output, None);
    }

    #[test]
    fn what_is_written_reads_back() {
        let usage = Usage {
            fresh: Some(60),
            cache_read: Some(40),
            tool_prompt: Some(3),
            output: Some(12),
            reasoning: Some(5),
            ..Usage::default()
        };
        let mut out = BytesMut::new();
        write(&usage, &mut out);
        assert_eq!(read(&serde_json::from_slice(&out).unwrap()), usage);
    }
}
