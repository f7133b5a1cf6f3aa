//! Token counts: OpenAI's inclusive totals against the hub's separate buckets.

use hub::{CacheWrite, Cost, Usage};

use crate::wire::{self, as_count};
use dialect::Object;

/// Reads the figures of an upstream.
///
/// Some vendors report cached tokens outside the prompt count: the fresh count then stops at 0.
pub(crate) fn read(wire: &wire::Usage<'_>) -> Usage {
    let prompt = wire.prompt_tokens_details.as_ref();
    let cache_read = as_count(prompt.and_then(|details| details.cached_tokens))
        .or_else(|| as_count(wire.prompt_cache_hit_tokens))
        .or_else(|| as_count(wire.cached_tokens));
    let written = as_count(prompt.and_then(|details| details.cache_write_tokens));
    let cached = cache_read.unwrap_or(0).saturating_add(written.unwrap_or(0));
    let details = wire.completion_tokens_details.as_ref();
    let reasoning =
        as_count(details.and_then(|details| details.reasoning_tokens)).or_else(|| as_count(wire.reasoning_tokens));
    let prompt = as_count(wire.prompt_tokens);
    Usage {
        fresh: prompt.map(|all| all.saturating_sub(cached)),
        cache_read,
        cache_write: written.map(|total| CacheWrite { total, ..CacheWrite::default() }),
        output: output(as_count(wire.completion_tokens), reasoning, prompt, as_count(wire.total_tokens)),
        reasoning,
        cost: wire.cost.and_then(|raw| Cost::parse(raw.get())),
        ..Usage::default()
    }
}

/// What was generated. xAI and others count reasoning beside the completion: the total tells, or a reasoning that is
/// larger than the completion that should include it.
fn output(completion: Option<u64>, reasoning: Option<u64>, prompt: Option<u64>, total: Option<u64>) -> Option<u64> {
    let (said, thought) = (completion?, reasoning.unwrap_or(0));
    let both = said.saturating_add(thought);
    let beside =
        thought > said || (thought > 0 && prompt.is_some() && total == prompt.map(|all| all.saturating_add(both)));
    Some(if beside { both } else { said })
}

/// Writes the figures for a client. What was not reported is left out, except the three totals that SDKs insist on.
pub(crate) fn write(usage: &Usage, out: &mut bytes::BytesMut) {
    let (input, output) = (usage.input_total(), usage.output.unwrap_or(0));
    let mut object = Object::open(out);
    object.number("prompt_tokens", input);
    object.number("completion_tokens", output);
    object.number("total_tokens", input.saturating_add(output));
    if usage.cache_read.is_some() || usage.cache_write.is_some() {
        let mut details = Object::open(object.key("prompt_tokens_details"));
        details.number_if("cached_tokens", usage.cache_read);
        details.number_if("cache_write_tokens", usage.cache_write.map(|write| write.total));
        details.close();
    }
    if let Some(reasoning) = usage.reasoning {
        let mut details = Object::open(object.key("completion_tokens_details"));
        details.number("reasoning_tokens", reasoning);
        details.close();
    }
    if let Some(cost) = usage.cost {
        object.raw("cost", &cost.to_string());
    }
    object.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Usage {
        read(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn vendors_figures_are_read() {
        let expect = |fresh, cache_read, output| Usage { fresh, cache_read, output, ..Usage::default() };
        for (json, usage) in [
            (
                r#"{"prompt_tokens":900,"completion_tokens":120,"prompt_tokens_details":{"cached_tokens":640}}"#,
                expect(Some(260), Some(640), Some(120)),
            ),
            (
                r#"{"prompt_tokens":10,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":6}"#,
                expect(Some(6), Some(4), None),
            ),
            (
                r#"{"prompt_tokens":10,"completion_tokens":4,"total_tokens":23,"completion_tokens_details":{"reasoning_tokens":9}}"#,
                Usage { reasoning: Some(9), ..expect(Some(10), None, Some(13)) },
            ),
            (
                r#"{"prompt_tokens":10,"completion_tokens":9,"total_tokens":23,"completion_tokens_details":{"reasoning_tokens":4}}"#,
                Usage { reasoning: Some(4), ..expect(Some(10), None, Some(13)) },
            ),
            (
                r#"{"prompt_tokens":10,"completion_tokens":13,"total_tokens":23,"completion_tokens_details":{"reasoning_tokens":9}}"#,
                Usage { reasoning: Some(9), ..expect(Some(10), None, Some(13)) },
            ),
            (r#"{"prompt_tokens":10,"cached_tokens":40}"#, expect(Some(0), Some(40), None)),
            (r#"{"prompt_tokens":10.0,"completion_tokens":null}"#, expect(Some(10), None, None)),
            (r#"{"prompt_tokens":-1,"completion_tokens":"7"}"#, expect(Some(0), None, Some(7))),
            (r#"{"prompt_tokens":[],"completion_tokens":1e400}"#, expect(None, None, None)),
            (r#"{"cost":0.5}"#, Usage { cost: Cost::parse("0.5"), ..Usage::default() }),
            (r#"{"cost":{}}"#, Usage::default()),
            ("{}", Usage::default()),
        ] {
            assert_eq!(parse(json), usage, "{json}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let usage = Usage {
            fresh: Some(100),
            cache_read: Some(0),
            cache_write: Some(CacheWrite { total: 9, ..CacheWrite::default() }),
            output: Some(5),
            reasoning: Some(3),
            cost: Cost::parse("0.00014"),
            ..Usage::default()
        };
        let mut out = bytes::BytesMut::new();
        write(&usage, &mut out);
        assert_eq!(read(&serde_json::from_slice(&out).unwrap()), usage);
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["prompt_tokens"], 109);
        assert_eq!(value["total_tokens"], 114);
    }

    #[test]
    fn silence_is_not_zero() {
        let mut out = bytes::BytesMut::new();
        write(&Usage { fresh: Some(2), ..Usage::default() }, &mut out);
        assert_eq!(&out[..], br#"{"prompt_tokens":2,"completion_tokens":0,"total_tokens":2}"#);
    }
}
