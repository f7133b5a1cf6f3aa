//! Reads a request into the hub: the order of things here, items, parts, tools and knobs in their own files.

use dialect::openai::caching;
use dialect::{Body, Decoded, unread};
use hub::{Extra, Fault, Json, Losses, Request, Text};

use crate::decode_items::Reader;
use crate::{ID, decode_knobs, decode_tools, summary};

/// Every top-level field that is read, or that says nothing to others; what else a client sends is carried as an extra.
const KNOWN: &[&str] = &[
    "model",
    "input",
    "instructions",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_output_tokens",
    "temperature",
    "top_p",
    "top_logprobs",
    "include",
    "text",
    "reasoning",
    "service_tier",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "metadata",
    "client_metadata",
    "store",
    "truncation",
    "background",
    "previous_response_id",
    "conversation",
    "prompt",
];

/// What the hub's fields are called here.
pub(crate) const NAMES: &[(&str, &str)] = &[
    ("thinking", "reasoning"),
    ("max_tokens", "max_output_tokens"),
    ("response_format", "text.format"),
    ("verbosity", "text.verbosity"),
    ("messages.citations", "input.content.annotations"),
    ("messages", "input"),
];

/// What is said of fields that no type here has.
const WORDS: unread::Words = unread::Words {
    brackets: true,
    plain: &["type"],
    hints: &[
        "input.phase",
        "input.content",
        "input.content.logprobs",
        "input.action",
        "input.background",
        "input.quality",
        "input.size",
        "input.revised_prompt",
        "input.error.*",
        "input.error",
        "input.svg_usage",
        "input.tools.defer_loading",
        "input.tools.tools.defer_loading",
        "input.tools.external_web_access",
        "tools.container",
        "input.tools.container",
        "tools.defer_loading",
        "tools.tools.defer_loading",
        "tools.external_web_access",
        "tools.search_content_types",
        ".created_by",
        ".caller",
        ".prompt_cache_breakpoint.mode",
    ],
};

/// Reads a request.
pub(crate) fn decode(body: &Body) -> Result<Decoded, Fault> {
    unread::told(body, &WORDS, || read(body))
}

fn read(body: &Body) -> Result<Decoded, Fault> {
    decode_knobs::refuse(body)?;
    let mut losses = Losses::default();
    let mut request = Request { model: body.get("model")?.unwrap_or_default(), ..Request::default() };
    instructions(body, &mut request)?;
    let input = body.raw("input").ok_or_else(|| Fault::bad_request("`input` is required").at("input"))?;
    // Calls of some tools go by the names that their declarations were given.
    decode_tools::read(body, &mut request)?;
    Reader::new(&mut request, &mut losses).input(input)?;
    decode_knobs::read(body, &mut request, &mut losses)?;
    keep_unknown(body, &mut request, &mut losses);
    if request.turns.is_empty() && request.system.is_empty() {
        return Err(Fault::bad_request("`input` must hold at least one message").at("input"));
    }
    if summary::is_asked(body) {
        summary::ask(&mut request);
    }
    Ok(Decoded { request, losses })
}

fn instructions(body: &Body, request: &mut Request) -> Result<(), Fault> {
    let text: Option<String> = body.get("instructions")?;
    request.system.extend(text.filter(|text| !text.is_empty()).map(Text::plain));
    Ok(())
}

/// What else a client sends goes back to its own dialect only: elsewhere it is lost, and said so.
fn keep_unknown(body: &Body, request: &mut Request, losses: &mut Losses) {
    for (name, json) in body.others(KNOWN) {
        match caching::FIELDS.contains(&name.as_ref()) {
            // A request that only warms a cache is one without an answer.
            true if request.sampling.max_tokens == Some(0) => continue,
            true => losses.silent(name.to_string()),
            false => losses.dropped(name.to_string(), "only the Responses API knows it"),
        }
        request.extras.push(Extra { origin: ID, field: name.into_owned(), json: Json::trusted(json) });
    }
}
