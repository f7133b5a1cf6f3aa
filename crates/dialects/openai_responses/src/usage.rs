//! Token counts: inclusive totals here, separate buckets in the hub.

use bytes::BytesMut;
use dialect::Object;
use dialect::openai::tier;
use hub::{CacheWrite, Cost, Usage};

use crate::wire::{self, as_count, as_text, lenient};

/// Reads the figures of an answer.
pub(crate) fn read(answer: &wire::Answer<'_>) -> Usage {
    let searches = answer.tool_usage.as_ref().and_then(|tools| tools.web_search.as_ref());
    let searches = as_count(searches.and_then(|searches| searches.num_requests));
    let tier = answer.service_tier.and_then(as_text).and_then(|word| tier::read(&word));
    Usage { web_searches: searches, tier, ..tokens(&lenient(answer.usage)) }
}

/// The tokens among them.
pub(crate) fn tokens(figures: &wire::Usage<'_>) -> Usage {
    let input = figures.input_tokens_details.as_ref();
    let cache_read = as_count(input.and_then(|details| details.cached_tokens));
    let written = as_count(input.and_then(|details| details.cache_write_tokens));
    let cached = cache_read.unwrap_or(0).saturating_add(written.unwrap_or(0));
    let reasoning = figures.output_tokens_details.as_ref().and_then(|details| details.reasoning_tokens);
    Usage {
        fresh: as_count(figures.input_tokens).map(|all| all.saturating_sub(cached)),
        cache_read,
        cache_write: written.map(|total| CacheWrite { total, ..CacheWrite::default() }),
        output: as_count(figures.output_tokens),
        reasoning: as_count(reasoning),
        cost: figures.cost.and_then(|raw| Cost::parse(raw.get())),
        ..Usage::default()
    }
}

/// Writes the figures. Current SDKs insist on every field (facts on clients, 8), so what is not known is 0 there; an
/// answer of which nothing is known has `usage: null`.
pub(crate) fn write(usage: &Usage, out: &mut BytesMut) {
    match usage.is_unknown() {
        true => out.extend_from_slice(b"null"),
        false => write_all(usage, out),
    }
}

/// Writes the figures, all 0 where nothing is known.
pub(crate) fn write_all(usage: &Usage, out: &mut BytesMut) {
    let (input, output) = (usage.input_total(), usage.output.unwrap_or(0));
    let mut object = Object::open(out);
    object.number("input_tokens", input);
    let mut details = Object::open(object.key("input_tokens_details"));
    details.number("cached_tokens", usage.cache_read.unwrap_or(0));
    details.number("cache_write_tokens", usage.cache_write.map_or(0, |write| write.total));
    details.close();
    object.number("output_tokens", output);
    let mut details = Object::open(object.key("output_tokens_details"));
    details.number("reasoning_tokens", usage.reasoning.unwrap_or(0));
    details.close();
    object.number("total_tokens", input.saturating_add(output));
    if let Some(cost) = usage.cost {
        object.raw("cost", &cost.to_string());
    }
    object.close();
}

/// Writes what tools cost that the provider ran. SDKs insist on both families; pictures cost nothing here.
pub(crate) fn write_tools(searches: u64, out: &mut BytesMut) {
    let mut tools = Object::open(out);
    tools.raw(
        "image_gen",
        "{\"input_tokens\":0,\"input_tokens_details\":{\"image_tokens\":0,\"text_tokens\":0},\"output_tokens\":0,\"total_tokens\":0}",
    );
    let mut search = Object::open(tools.key("web_search"));
    search.number("num_requests", searches);
    search.close();
    tools.close();
}
