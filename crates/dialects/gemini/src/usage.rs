//! Token counts: Google's totals, of which the prompt includes what was cached and the candidates exclude thoughts.

use bytes::BytesMut;
use dialect::Object;
use hub::{Tier, Usage};

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
        tier: tier(wire),
        ..Usage::default()
    }
}

fn tier(wire: &UsageMetadata<'_>) -> Option<Tier> {
    let word = wire.service_tier.as_deref().or(wire.traffic_type.as_deref())?;
    match &*dialect::read::lowercase(word) {
        "standard" | "on_demand" => Some(Tier::Standard),
        "flex" | "on_demand_flex" => Some(Tier::Flex),
        "priority" | "on_demand_priority" => Some(Tier::Priority),
        _ => None,
    }
}

/// Google's word for a tier that was used, where it has one.
pub(crate) fn tier_word(tier: Tier) -> Option<&'static str> {
    match tier {
        Tier::Standard => Some("standard"),
        Tier::Flex => Some("flex"),
        Tier::Priority => Some("priority"),
        Tier::Auto | Tier::Scale => None,
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
    object.text_if("serviceTier", usage.tier.and_then(tier_word));
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
        let traffic = parse(r#"{"trafficType":"ON_DEMAND"}"#);
        assert!(traffic.is_unknown() && traffic.tier == Some(Tier::Standard), "no figure");
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
