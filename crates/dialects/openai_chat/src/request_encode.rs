//! Writes a request for a Chat upstream: the knobs here, messages, parts and tools in their own files.
//!
//! Identical requests give identical bytes, or prompt caches would miss.

use bytes::BytesMut;
use dialect::openai::{caching, form, tier};
use dialect::{Effort, Encoded, MaxTokensField, Memo, Object, Peel, Target, quoted, tell_unplaced};
use http::HeaderMap;
use hub::{Fault, Format, Losses, Part, Request, Schema, Source};

use crate::encode_messages::Messages;
use crate::encode_tools::Plan;
use crate::{ID, reasoning, sound};

/// OpenAI takes no more stop strings than this.
const MAX_STOPS: usize = 4;
/// OpenAI refuses longer ids of end users; agents of other vendors send whole JSON documents as ids.
const MAX_USER: usize = 64;
/// Other dialects' fields that hold data or change what is answered: leaving them out would answer another question.
const REFUSED: [&str; 7] =
    ["mcp_servers", "container", "background", "prompt", "conversation", "previous_response_id", "cachedContent"];

/// Writes a request. It has been mended.
pub(crate) fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, Fault> {
    refuse(request, target)?;
    let mut losses = Losses::default();
    let plan = Plan::new(request, target, &mut losses)?;
    tell_unplaced(request, |_| false, &mut losses);
    let mut out = BytesMut::with_capacity(size(request));
    let mut body = Object::open(&mut out);
    body.text("model", target.model);
    let note = form::note(request, &request.system, target.traits.structured_output);
    Messages::new(target, &plan.names, &mut losses).write(request, note.as_deref(), body.key("messages"))?;
    plan.write(&mut body, &mut losses);
    if !target.traits.quirks.cache_breakpoints && request.asks_for_cache() {
        losses.silent("cache_control");
    }
    limits(request, target, &mut body, &mut losses);
    sampling(request, target, &mut body, &mut losses);
    let peel = format(request, target, &mut body, &mut losses);
    for (field, json) in reasoning::fields(&request.thinking, target, &mut losses) {
        body.raw(field, &json);
    }
    let sound = request.speech.as_ref().map(|speech| sound::write(speech, &mut body, &mut losses));
    service(request, target, &mut body, &mut losses);
    extras(request, &mut body);
    if target.stream {
        body.flag("stream", true);
        if !target.traits.quirks.no_stream_options {
            body.raw("stream_options", "{\"include_usage\":true}");
        }
    }
    body.close();
    let memo = Memo {
        names: plan.names,
        custom: plan.custom,
        stop: request.sampling.stop[own_stops(request, target)..].to_vec(),
        sound,
        peel,
        think_tags: target.traits.quirks.think_tags,
        answers: request.sampling.answers(),
        ..Memo::default()
    };
    Ok(Encoded { body: out.freeze(), headers: HeaderMap::new(), memo, losses })
}

/// Room for what weighs: texts, pictures, schemas.
fn size(request: &Request) -> usize {
    let part = |part: &Part| match part {
        Part::Text(text) => text.text.len(),
        Part::ToolCall(call) => call.arguments.len() + 128,
        Part::ToolResult(result) => 256 + result.parts.iter().map(weight).sum::<usize>(),
        other => weight(other),
    };
    let turns: usize = request.turns.iter().flat_map(|turn| &turn.parts).map(|piece| part(piece) + 64).sum();
    let system: usize = request.system.iter().map(|text| text.text.len() + 64).sum();
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

/// What cannot be left out and cannot be carried.
fn refuse(request: &Request, target: &Target<'_>) -> Result<(), Fault> {
    let model = target.model;
    let sampling = &request.sampling;
    if sampling.max_tokens == Some(0) {
        let words = format!("{model} cannot warm a cache without answering: ask for at least one token");
        return Err(Fault::unsupported("max_tokens", words));
    }
    let foreign = request.extras.iter().filter(|extra| extra.origin != ID);
    let refused = |field: &str| REFUSED.contains(&field);
    match foreign
        .into_iter()
        .find(|extra| refused(&extra.field) && !matches!(extra.json.as_str(), "[]" | "{}" | "false"))
    {
        Some(extra) => Err(Fault::unsupported(
            extra.field.clone(),
            format!("`{}` works only with its own provider, not with {model}: leave it out", extra.field),
        )),
        None => Ok(()),
    }
}

fn limits(request: &Request, target: &Target<'_>, body: &mut Object<'_>, losses: &mut Losses) {
    let Some(wanted) = request.sampling.max_tokens else { return };
    let most = target.traits.max_output.unwrap_or(u64::MAX);
    if wanted > most {
        losses.approximated("max_tokens", format!("lowered to {most}, the most that the model gives"));
    }
    let field = match target.traits.quirks.max_tokens_field {
        MaxTokensField::MaxTokens => "max_tokens",
        MaxTokensField::MaxCompletionTokens => "max_completion_tokens",
    };
    body.number(field, wanted.min(most));
}

fn sampling(request: &Request, target: &Target<'_>, body: &mut Object<'_>, losses: &mut Losses) {
    let sampling = &request.sampling;
    let free = is_free(request, target);
    let mut setting = |field: &'static str, value: Option<f64>, body: &mut Object<'_>| match value {
        Some(value) if free => body.number(field, value),
        Some(_) => losses.dropped(field, "the model takes no sampling settings"),
        None => (),
    };
    setting("temperature", sampling.temperature, body);
    setting("top_p", sampling.top_p, body);
    if sampling.logprobs {
        body.flag("logprobs", true);
        body.number_if("top_logprobs", sampling.top_logprobs);
    }
    stop(&sampling.stop[..own_stops(request, target)], body);
    body.number_if("seed", sampling.seed);
    body.number_if("n", sampling.n.filter(|n| *n > 1));
    setting("frequency_penalty", sampling.frequency_penalty, body);
    setting("presence_penalty", sampling.presence_penalty, body);
    if sampling.top_k.is_some() {
        losses.dropped("top_k", "Chat has no such setting");
    }
    if let Some(bias) = &sampling.logit_bias {
        body.raw("logit_bias", bias.as_str());
    }
    body.text_if("verbosity", sampling.verbosity.as_deref());
}

/// Whether settings of the sampling are taken: reasoning models take them only while they do not reason.
fn is_free(request: &Request, target: &Target<'_>) -> bool {
    target.traits.sampling != Some(false)
        || Effort::of(&request.thinking, &target.traits.thinking, &mut Losses::default()) == Effort::Off
}

/// How many of the stop strings the upstream is told; the gateway matches the others. Reasoning models refuse the
/// field (developers.openai.com/api/reference, `stop`, 2026-11).
fn own_stops(request: &Request, target: &Target<'_>) -> usize {
    let most = if target.traits.sampling == Some(false) { 0 } else { MAX_STOPS };
    request.sampling.stop.len().min(most)
}

fn stop(stops: &[String], body: &mut Object<'_>) {
    if !stops.is_empty() {
        body.array("stop", stops, |text, out| quoted(text, out));
    }
}

fn format(request: &Request, target: &Target<'_>, body: &mut Object<'_>, losses: &mut Losses) -> Peel {
    match &request.format {
        Format::Text => (),
        Format::Json => body.raw("response_format", "{\"type\":\"json_object\"}"),
        Format::Schema(_) if target.traits.structured_output == Some(false) => {
            losses.approximated("response_format", "the schema was sent as an instruction");
            body.raw("response_format", "{\"type\":\"json_object\"}");
        }
        Format::Schema(schema) => return write_schema(schema, body),
    }
    Peel::default()
}

fn write_schema(schema: &Schema, body: &mut Object<'_>) -> Peel {
    let mut format = Object::open(body.key("response_format"));
    format.text("type", "json_schema");
    let mut inner = Object::open(format.key("json_schema"));
    let peel = form::contract(schema, false, &mut inner);
    inner.close();
    format.close();
    peel
}

fn service(request: &Request, target: &Target<'_>, body: &mut Object<'_>, losses: &mut Losses) {
    let service = &request.service;
    body.text_if("service_tier", service.tier.and_then(tier::word));
    match service.user.as_deref() {
        Some(user) if user.len() <= MAX_USER => body.text("user", user),
        Some(_) => losses.silent("user"),
        None => (),
    }
    match service.cache_key.as_deref() {
        Some(key) if target.traits.quirks.prompt_cache_key => body.text("prompt_cache_key", key),
        Some(_) => losses.silent("prompt_cache_key"),
        None => (),
    }
    if target.traits.quirks.prompt_cache_key {
        caching::carry(request, ID, body);
    }
    if service.metadata.is_some() {
        // OpenAI takes labels only for answers that it stores, and we do not ask it to.
        losses.silent("metadata");
    }
}

/// Our own dialect's fields come back. What others lose was noted when their dialect read it.
fn extras(request: &Request, body: &mut Object<'_>) {
    for extra in request.extras.iter().filter(|extra| extra.origin == ID) {
        body.named(&extra.field).extend_from_slice(extra.json.as_str().as_bytes());
    }
}
