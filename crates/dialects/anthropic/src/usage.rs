//! Token counts and stop reasons, both ways.

use hub::{CacheWrite, Cost, Stop, StopReason, Tier, Usage};

use crate::json::Open;
use crate::wire;

/// What the vendor calls the reasons of refusals (SDK 2.12, `RefusalStopDetails`); other words explain.
const CATEGORIES: [&str; 5] = ["cyber", "bio", "frontier_llm", "reasoning_extraction", "general_harms"];

/// The counts in hub buckets. The vendor counts the cache beside the input, as the hub does.
pub(crate) fn decode(usage: &wire::Usage) -> Usage {
    Usage {
        fresh: usage.input_tokens,
        cache_read: usage.cache_read_input_tokens,
        cache_write: cache_write(usage),
        tool_prompt: None,
        output: usage.output_tokens,
        reasoning: usage.output_tokens_details.as_ref().and_then(|details| details.thinking_tokens),
        web_searches: usage.server_tool_use.as_ref().and_then(|tools| tools.web_search_requests),
        tier: tier(usage),
        cost: usage.cost.as_ref().and_then(|cost| Cost::parse(&cost.to_string())),
    }
}

/// The vendor's word for a tier that was used, where it has one.
fn tier_word(tier: Tier) -> Option<&'static str> {
    match tier {
        Tier::Standard => Some("standard"),
        Tier::Priority => Some("priority"),
        Tier::Auto | Tier::Flex | Tier::Scale => None,
    }
}

fn tier(usage: &wire::Usage) -> Option<Tier> {
    match (usage.speed.as_deref(), usage.service_tier.as_deref()) {
        (Some("fast"), _) | (_, Some("priority")) => Some(Tier::Priority),
        (_, Some("standard")) => Some(Tier::Standard),
        _ => None,
    }
}

fn cache_write(usage: &wire::Usage) -> Option<CacheWrite> {
    let (five_minutes, one_hour) = match &usage.cache_creation {
        Some(split) => (split.ephemeral_5m_input_tokens, split.ephemeral_1h_input_tokens),
        None => (None, None),
    };
    let parts = [five_minutes, one_hour].into_iter().flatten();
    let sum = parts.fold(None, |sum: Option<u64>, part| Some(sum.unwrap_or(0).saturating_add(part)));
    let total = usage.cache_creation_input_tokens.or(sum)?;
    Some(CacheWrite { total, five_minutes, one_hour })
}

/// Writes the counts. `input_tokens` and `output_tokens` are required, all others stay away when unknown.
pub(crate) fn encode(usage: &Usage, object: &mut Open<'_>) {
    let input = [usage.fresh, usage.tool_prompt].into_iter().flatten().fold(0, u64::saturating_add);
    object.count("input_tokens", input);
    if let Some(write) = usage.cache_write {
        object.count("cache_creation_input_tokens", write.total);
    }
    object.maybe_count("cache_read_input_tokens", usage.cache_read);
    if let Some(CacheWrite { five_minutes, one_hour, .. }) = usage.cache_write
        && (five_minutes.is_some() || one_hour.is_some())
    {
        let mut split = Open::object(object.key("cache_creation"));
        split.count("ephemeral_5m_input_tokens", five_minutes.unwrap_or(0));
        split.count("ephemeral_1h_input_tokens", one_hour.unwrap_or(0));
        split.end();
    }
    object.count("output_tokens", usage.output.unwrap_or(0));
    if let Some(reasoning) = usage.reasoning {
        let mut details = Open::object(object.key("output_tokens_details"));
        details.count("thinking_tokens", reasoning);
        details.end();
    }
    if let Some(searches) = usage.web_searches {
        let mut tools = Open::object(object.key("server_tool_use"));
        // SDKs insist on both; what others fetched is not counted.
        tools.count("web_fetch_requests", 0);
        tools.count("web_search_requests", searches);
        tools.end();
    }
    object.maybe_text("service_tier", usage.tier.and_then(tier_word));
    if let Some(cost) = usage.cost {
        object.raw("cost", &cost.to_string());
    }
}

/// Why an answer ended. A reason that we do not know is an end like any other.
pub(crate) fn decode_stop(reason: Option<&str>, sequence: Option<String>, details: Option<&wire::StopDetails>) -> Stop {
    let reason = match reason {
        Some("stop_sequence") => StopReason::StopSequence,
        Some("tool_use") => StopReason::ToolCalls,
        Some("max_tokens") => StopReason::Length,
        Some("model_context_window_exceeded") => StopReason::ContextFull,
        Some("refusal") => StopReason::Refusal,
        Some("pause_turn") => StopReason::Paused,
        _ => StopReason::End,
    };
    let detail = details.and_then(|details| details.category.clone().or_else(|| details.explanation.clone()));
    Stop { reason, sequence, detail }
}

/// A call that the client must answer wins over a plain end, and over a limit unless that cut it (`whole`: the arguments
/// of all calls have come); without one nobody waits for results.
pub(crate) fn settle_stop(stop: &mut Stop, has_calls: bool, whole: bool) {
    match (stop.reason, has_calls) {
        (StopReason::End | StopReason::StopSequence, true) => stop.reason = StopReason::ToolCalls,
        (StopReason::Length, true) if whole => stop.reason = StopReason::ToolCalls,
        (StopReason::ToolCalls, false) => stop.reason = StopReason::End,
        _ => (),
    }
}

/// The vendor's word for a reason, given whether the client has calls to answer.
pub(crate) fn stop_word(stop: &Stop, has_calls: bool) -> &'static str {
    match stop.reason {
        StopReason::End | StopReason::StopSequence if has_calls => "tool_use",
        StopReason::ToolCalls if has_calls => "tool_use",
        // The vendor's clients expect to read which string matched.
        StopReason::StopSequence if stop.sequence.is_some() => "stop_sequence",
        StopReason::End | StopReason::StopSequence | StopReason::ToolCalls | StopReason::MalformedCall => "end_turn",
        StopReason::Length => "max_tokens",
        StopReason::ContextFull => "model_context_window_exceeded",
        StopReason::Refusal | StopReason::Filter => "refusal",
        StopReason::Paused => "pause_turn",
    }
}

/// Writes the reason, the matched string, and a refusal's detail.
pub(crate) fn encode_stop(stop: &Stop, has_calls: bool, object: &mut Open<'_>) {
    let word = stop_word(stop, has_calls);
    object.text("stop_reason", word);
    object.text_or_null("stop_sequence", stop.sequence.as_deref().filter(|_| word == "stop_sequence"));
    if let Some(detail) = stop.detail.as_deref().filter(|_| word == "refusal") {
        let mut details = Open::typed(object.key("stop_details"), "refusal");
        let category = CATEGORIES.contains(&detail).then_some(detail);
        details.text_or_null("category", category);
        if category.is_none() {
            details.text("explanation", detail);
        }
        details.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;

    fn read(json: &str) -> Usage {
        decode(&serde_json::from_str(json).unwrap())
    }

    fn write(usage: &Usage) -> String {
        let mut out = BytesMut::new();
        let mut object = Open::object(&mut out);
        encode(usage, &mut object);
        object.end();
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn absent_is_not_zero() {
        let usage = read(r#"{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":0,"cache_creation":null}"#);
        assert_eq!((usage.cache_read, usage.cache_write), (Some(0), None));
        assert_eq!(write(&usage), r#"{"input_tokens":10,"cache_read_input_tokens":0,"output_tokens":5}"#);
        assert_eq!(write(&Usage::default()), r#"{"input_tokens":0,"output_tokens":0}"#);
    }

    #[test]
    fn every_bucket_survives_a_round() {
        let json = r#"{"input_tokens":1,"cache_creation_input_tokens":7,"cache_read_input_tokens":3,"cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4},"output_tokens":9,"output_tokens_details":{"thinking_tokens":2},"server_tool_use":{"web_fetch_requests":0,"web_search_requests":6}}"#;
        assert_eq!(write(&read(json)), json);
        let only_split = read(r#"{"cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4}}"#);
        assert_eq!(only_split.cache_write.map(|write| write.total), Some(7));
    }

    #[test]
    fn odd_figures_cost_nothing() {
        let usage =
            read(r#"{"input_tokens":12.0,"output_tokens":"7","cache_read_input_tokens":-3,"cache_creation":null}"#);
        assert_eq!(usage, Usage { fresh: Some(12), cache_read: Some(0), ..Usage::default() });
    }

    #[test]
    fn tool_prompts_are_input() {
        let usage = Usage { fresh: Some(5), tool_prompt: Some(2), ..Usage::default() };
        assert!(write(&usage).starts_with(r#"{"input_tokens":7"#));
    }

    #[test]
    fn calls_and_reasons_agree() {
        for (reason, has_calls, word) in [
            (StopReason::End, true, "tool_use"),
            (StopReason::ToolCalls, false, "end_turn"),
            (StopReason::ToolCalls, true, "tool_use"),
            (StopReason::Length, true, "max_tokens"),
            (StopReason::Filter, false, "refusal"),
            (StopReason::Refusal, true, "refusal"),
            (StopReason::StopSequence, false, "end_turn"),
            (StopReason::ContextFull, false, "model_context_window_exceeded"),
            (StopReason::Paused, false, "pause_turn"),
            (StopReason::MalformedCall, false, "end_turn"),
        ] {
            assert_eq!(stop_word(&reason.into(), has_calls), word, "{reason:?} {has_calls}");
        }
        let matched = Stop { reason: StopReason::StopSequence, sequence: Some("END".into()), detail: None };
        assert_eq!(stop_word(&matched, false), "stop_sequence");
    }
}
