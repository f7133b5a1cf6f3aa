//! Writes a request for a Responses upstream: the knobs here, items and tools in their own files.
//!
//! Identical requests give identical bytes, or prompt caches would miss. Nothing is asked to be stored.

use std::borrow::Cow;

use bytes::BytesMut;
use dialect::openai::{caching, form, tier};
use dialect::{Effort, Encoded, Memo, Object, Peel, Target, quoted, tell_unplaced};
use http::HeaderMap;
use hub::{Fault, Format, Losses, Mode, Part, Request, Role, Schema, Show, Source, Text};

use crate::encode_items::Items;
use crate::encode_tools::Plan;
use crate::{ID, items, seals};

/// OpenAI takes no smaller cap.
const MIN_TOKENS: u64 = 16;
/// Longest cache key.
const MAX_KEY: usize = 64;
/// Longest id of an end user (openai-python 3.54, `safety_identifier`).
const MAX_USER: usize = 128;
/// Other dialects' fields that hold data or change what is answered: leaving them out would answer another question.
const REFUSED: [&str; 3] = ["mcp_servers", "container", "cachedContent"];

/// Writes a request. It has been mended.
pub(crate) fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, Fault> {
    refuse(request, target)?;
    let mut losses = Losses::default();
    let plan = Plan::new(request, target, &mut losses)?;
    tell_unplaced(request, items::has_form, &mut losses);
    let mut out = BytesMut::with_capacity(size(request));
    let mut body = Object::open(&mut out);
    body.text("model", target.model);
    let system = system(request);
    // Instructions are not searched for the word: it must stand in the input.
    let note = form::note(request, system.items, target.traits.structured_output);
    if let Some(instructions) = system.instructions {
        body.text("instructions", instructions);
    }
    Items::new(target, &plan.names, &mut losses).write(system.items, note.as_deref(), request, body.key("input"))?;
    plan.write(&mut body, &mut losses);
    if !target.traits.quirks.cache_breakpoints && request.asks_for_cache() {
        losses.silent("cache_control");
    }
    limits(request, target, &mut body, &mut losses);
    sampling(request, target, &mut body, &mut losses);
    let peel = text(request, target, &mut body, &mut losses);
    let thinks = thinking(request, target, &mut body, &mut losses);
    let asked = [
        (thinks || replays(request), "reasoning.encrypted_content"),
        (plan.searches() && target.traits.quirks.search_sources, "web_search_call.action.sources"),
        (request.sampling.logprobs, "message.output_text.logprobs"),
    ];
    include(asked, &mut body);
    service(request, &mut body, &mut losses);
    extras(request, &mut body);
    body.flag("store", false);
    if target.stream {
        body.flag("stream", true);
    }
    body.close();
    Ok(Encoded {
        body: out.freeze(),
        headers: HeaderMap::new(),
        // Responses has no stop strings: the gateway matches them.
        memo: Memo { names: plan.names, stop: request.sampling.stop.clone(), peel, ..Memo::default() },
        losses,
    })
}

/// Room for what weighs: texts, pictures, schemas.
fn size(request: &Request) -> usize {
    let part = |part: &Part| match part {
        Part::ToolCall(call) => call.arguments.len() + 128,
        Part::ToolResult(result) => 256 + result.parts.iter().map(weight).sum::<usize>(),
        Part::Thinking(thought) => thought.text.len() + thought.seal.as_ref().map_or(0, |seal| seal.data.len()),
        other => weight(other),
    };
    let turns: usize = request.turns.iter().flat_map(|turn| &turn.parts).map(|piece| part(piece) + 96).sum();
    let system: usize = request.system.iter().map(|text| text.text.len() + 96).sum();
    // Escapes and keys: a tenth more.
    (turns + system) * 11 / 10 + request.tools.len() * 1_024 + 1_024
}

fn weight(part: &Part) -> usize {
    match part {
        Part::Text(text) => text.text.len(),
        Part::Image(media) | Part::Audio(media) | Part::Video(media) => source_weight(&media.source),
        Part::File(file) => source_weight(&file.source),
        _ => 64,
    }
}

fn source_weight(source: &Source) -> usize {
    match source {
        Source::Base64(text) | Source::Url(text) | Source::FileId(text) | Source::Text(text) => text.len() + 128,
    }
}

/// Asks for what answers hold only when they are asked.
fn include(asked: [(bool, &str); 3], body: &mut Object<'_>) {
    if asked.iter().any(|(asked, _)| *asked) {
        body.array("include", asked.into_iter().filter(|(asked, _)| *asked), |(_, word), out| quoted(word, out));
    }
}

/// What cannot be left out and cannot be carried.
fn refuse(request: &Request, target: &Target<'_>) -> Result<(), Fault> {
    let model = target.model;
    let sampling = &request.sampling;
    if sampling.n.is_some_and(|n| n > 1) {
        let words =
            format!("several answers at once cannot be translated for {model}: send n = 1, or one request each");
        return Err(Fault::unsupported("n", words));
    }
    if sampling.logit_bias.is_some() {
        let words = format!("logit_bias: {model} takes no token biases: leave them out");
        return Err(Fault::unsupported("logit_bias", words));
    }
    if request.speech.is_some() {
        let words = format!("the Responses API answers in text: ask {model} for no sound, or choose a place of Chat");
        return Err(Fault::unsupported("modalities", words));
    }
    let holds = |json: &str| !matches!(json, "[]" | "{}" | "false");
    let foreign = request.extras.iter().filter(|extra| extra.origin != ID);
    match foreign.into_iter().find(|extra| REFUSED.contains(&extra.field.as_str()) && holds(extra.json.as_str())) {
        Some(extra) => Err(Fault::unsupported(
            extra.field.clone(),
            format!("`{}` works only with its own provider, not with {model}: leave it out", extra.field),
        )),
        None => Ok(()),
    }
}

/// Where the system prompt goes: one plain text as instructions, several as items.
struct System<'a> {
    instructions: Option<&'a str>,
    items: &'a [Text],
}

fn system(request: &Request) -> System<'_> {
    match request.system.as_slice() {
        // Input must not be empty: a prompt without any turn is the input.
        [only] if only.cache.is_none() && !request.turns.is_empty() && !only.text.is_empty() => {
            System { instructions: Some(&only.text), items: &[] }
        }
        items => System { instructions: None, items },
    }
}

fn limits(request: &Request, target: &Target<'_>, body: &mut Object<'_>, losses: &mut Losses) {
    let Some(wanted) = request.sampling.max_tokens else { return };
    if wanted == 0 {
        // Only the cache is warmed. The cap bounds what a server costs that does not know how.
        body.raw("prompt_cache_options", "{\"prewarm\":true}");
    }
    let most = target.traits.max_output.unwrap_or(u64::MAX);
    if wanted > most {
        losses.approximated("max_tokens", format!("lowered to {most}, the most that the model gives"));
    }
    if (1..MIN_TOKENS).contains(&wanted) {
        losses.approximated("max_tokens", format!("raised to {MIN_TOKENS}, the least that OpenAI takes"));
    }
    body.number("max_output_tokens", wanted.min(most).max(MIN_TOKENS));
}

fn sampling(request: &Request, target: &Target<'_>, body: &mut Object<'_>, losses: &mut Losses) {
    let sampling = &request.sampling;
    // Reasoning models take these only while they do not reason.
    let quiet = || Effort::of(&request.thinking, &target.traits.thinking, &mut Losses::default()) == Effort::Off;
    let free = target.traits.sampling != Some(false) || quiet();
    for (field, value) in [("temperature", sampling.temperature), ("top_p", sampling.top_p)] {
        match value {
            Some(value) if free => body.number(field, value),
            Some(_) => losses.dropped(field, "the model takes no sampling settings"),
            None => (),
        }
    }
    if sampling.logprobs {
        body.number_if("top_logprobs", sampling.top_logprobs);
    }
    let absent = [
        ("top_k", sampling.top_k.is_some()),
        ("seed", sampling.seed.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
    ];
    for (field, _) in absent.into_iter().filter(|(_, set)| *set) {
        losses.dropped(field, "the Responses API has no such setting");
    }
}

/// The form of the answer and its verbosity share one object.
fn text(request: &Request, target: &Target<'_>, body: &mut Object<'_>, losses: &mut Losses) -> Peel {
    let verbosity = request.sampling.verbosity.as_deref();
    let mut peel = Peel::default();
    if request.format == Format::Text && verbosity.is_none() {
        return peel;
    }
    let mut text = Object::open(body.key("text"));
    match &request.format {
        Format::Text => (),
        Format::Json => text.raw("format", "{\"type\":\"json_object\"}"),
        Format::Schema(_) if target.traits.structured_output == Some(false) => {
            losses.approximated("response_format", "the schema was sent as an instruction");
            text.raw("format", "{\"type\":\"json_object\"}");
        }
        Format::Schema(schema) => peel = write_schema(schema, &mut text),
    }
    text.text_if("verbosity", verbosity);
    text.close();
    peel
}

fn write_schema(schema: &Schema, text: &mut Object<'_>) -> Peel {
    let mut format = Object::open(text.key("format"));
    format.text("type", "json_schema");
    let peel = form::contract(schema, true, &mut format);
    format.close();
    peel
}

/// Writes the wanted reasoning; whether the model may reason at all by what is sent.
fn thinking(request: &Request, target: &Target<'_>, body: &mut Object<'_>, losses: &mut Losses) -> bool {
    let wanted = request.thinking;
    let traits = &target.traits.thinking;
    let effort = Effort::of(&wanted, traits, losses).word();
    if traits.supported == Some(false) {
        return false;
    }
    // Text arrives only when a summary is asked for. A client that names an effort and no more may not expect any,
    // and OpenAI gives summaries to verified organisations only.
    let explicit = matches!(wanted.mode, Some(Mode::Auto | Mode::Budget(_)));
    let summary = wanted.show == Show::Yes || (wanted.show == Show::Default && explicit);
    let summary = summary && !wanted.is_off();
    if effort.is_none() && !summary {
        return traits.supported == Some(true) && !wanted.is_off();
    }
    let mut reasoning = Object::open(body.key("reasoning"));
    reasoning.text_if("effort", effort);
    if summary {
        reasoning.text("summary", "auto");
    }
    reasoning.close();
    effort != Some("none")
}

/// Whether the history holds reasoning of OpenAI's own: such a conversation goes on with proofs.
fn replays(request: &Request) -> bool {
    let own = |part: &Part| matches!(part, Part::Thinking(thought) if thought.seal.as_ref().is_some_and(seals::is_own));
    request.turns.iter().filter(|turn| turn.role == Role::Assistant).flat_map(|turn| &turn.parts).any(own)
}

fn service(request: &Request, body: &mut Object<'_>, losses: &mut Losses) {
    let service = &request.service;
    body.text_if("service_tier", service.tier.and_then(tier::word));
    match service.user.as_deref() {
        Some(user) if user.chars().count() <= MAX_USER => body.text("safety_identifier", user),
        Some(_) => losses.silent("user"),
        None => (),
    }
    // Requests of one conversation share a prefix: the same key sends them to the same cache.
    let key = service.cache_key.as_deref().or(service.user.as_deref());
    if let Some(key) = key {
        body.text("prompt_cache_key", &short_key(key));
    }
    // A request that only warms the cache says so itself.
    if request.sampling.max_tokens != Some(0) {
        caching::carry(request, ID, body);
    }
    if service.metadata.is_some() {
        // OpenAI takes labels for answers that it stores, and we do not ask it to.
        losses.silent("metadata");
    }
}

/// A key that is short enough: itself, or a stable hash of itself.
fn short_key(key: &str) -> Cow<'_, str> {
    if key.len() <= MAX_KEY {
        return Cow::Borrowed(key);
    }
    let fold = |seed: u64| key.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    Cow::Owned(format!("{:016x}{:016x}", fold(0xCBF2_9CE4_8422_2325), fold(0x9E37_79B9_7F4A_7C15)))
}

/// Our own dialect's fields come back; that others' are lost, their decoder has said.
fn extras(request: &Request, body: &mut Object<'_>) {
    for extra in request.extras.iter().filter(|extra| extra.origin == ID) {
        body.named(&extra.field).extend_from_slice(extra.json.as_str().as_bytes());
    }
}
