//! Writes a request for an Ollama server: the knobs here, messages and tools in their own files.
//!
//! Identical requests give identical bytes, or the server's own cache would miss.

use bytes::BytesMut;

use dialect::{Effort, Encoded, Memo, Object, Target, quoted, tell_unplaced};
use http::HeaderMap;
use hub::{Fault, Format, Level, Losses, Request, Sampling, Thinking};

use crate::ID;
use crate::encode_messages::Messages;
use crate::encode_tools::Plan;

/// Other dialects' fields that hold data or change what is answered: leaving them out would answer another question.
const REFUSED: [&str; 7] =
    ["mcp_servers", "container", "background", "prompt", "conversation", "previous_response_id", "cachedContent"];

/// Writes a request. It has been mended.
pub(crate) fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, Fault> {
    refuse(request, target)?;
    let mut losses = Losses::default();
    let plan = Plan::new(request, target, &mut losses)?;
    tell_unplaced(request, |_| false, &mut losses);
    let mut out = BytesMut::with_capacity(4_096);
    let mut body = Object::open(&mut out);
    body.text("model", target.model);
    Messages::new(target, &mut losses).write(request, body.key("messages"))?;
    plan.write(&mut body, &mut losses);
    thinking(request, target, &mut body, &mut losses);
    format(request, &mut body, &mut losses);
    if request.sampling.logprobs {
        body.flag("logprobs", true);
        body.number_if("top_logprobs", request.sampling.top_logprobs);
    }
    options(request, target, &mut body, &mut losses);
    service(request, &mut losses);
    extras(request, &mut body);
    body.flag("stream", target.stream);
    // Too long a prompt is an error then, and not a conversation without its beginning.
    body.flag("truncate", false);
    body.close();
    let memo = Memo { names: plan.names, custom: plan.custom, ..Memo::default() };
    Ok(Encoded { body: out.freeze(), headers: HeaderMap::new(), memo, losses })
}

/// What cannot be left out and cannot be carried.
fn refuse(request: &Request, target: &Target<'_>) -> Result<(), Fault> {
    let model = target.model;
    let Sampling { n, max_tokens, logit_bias, .. } = &request.sampling;
    let refused = |field: &'static str, words: String| Err(Fault::unsupported(field, words));
    if n.is_some_and(|n| n > 1) {
        return refused("n", format!("{model} gives one answer at a time: send n = 1, or one request each"));
    }
    if logit_bias.is_some() {
        return refused("logit_bias", format!("logit_bias: {model} takes no token biases: leave them out"));
    }
    if request.speech.is_some() {
        return refused("modalities", format!("{model} answers in text: ask for no sound, or choose another model"));
    }
    if *max_tokens == Some(0) {
        return refused("max_tokens", format!("{model} cannot warm a cache without answering: ask for one token"));
    }
    let foreign = request.extras.iter().filter(|extra| extra.origin != ID);
    let telling = |json: &str| !matches!(json, "[]" | "{}" | "false" | "null");
    match foreign.into_iter().find(|extra| REFUSED.contains(&extra.field.as_str()) && telling(extra.json.as_str())) {
        Some(extra) => {
            let words = format!("`{}` works only with its own provider, not with {model}: leave it out", extra.field);
            Err(Fault::unsupported(extra.field.clone(), words))
        }
        None => Ok(()),
    }
}

fn thinking(request: &Request, target: &Target<'_>, body: &mut Object<'_>, losses: &mut Losses) {
    if let Some(json) = think(&request.thinking, target, losses) {
        body.raw("think", &json);
    }
}

/// The `think` field. A model that does not think refuses to be asked: only one that is known to think is.
pub(crate) fn think(wanted: &Thinking, target: &Target<'_>, losses: &mut Losses) -> Option<String> {
    let traits = &target.traits.thinking;
    if wanted.is_default() {
        return None;
    }
    if wanted.is_off() {
        return match Effort::of(wanted, traits, losses) {
            Effort::Unsaid => None,
            Effort::Off => Some("false".to_owned()),
            Effort::At(level) => Some(format!("\"{}\"", offered(level).word())),
        };
    }
    if traits.supported != Some(true) {
        if wanted.mode.is_some() || wanted.level.is_some() {
            losses.dropped("thinking", "the model is not known to think; its `thinking` in the configuration says so");
        }
        return None;
    }
    let Some(effort) = wanted.effort() else { return wanted.mode.map(|_| "true".to_owned()) };
    let sent = offered(effort.nearest(&traits.levels).unwrap_or(effort));
    if wanted.level != Some(sent) {
        losses.approximated("thinking", format!("sent as {}", sent.word()));
    }
    Some(format!("\"{}\"", sent.word()))
}

/// The nearest word that the server knows.
fn offered(level: Level) -> Level {
    match level {
        Level::Minimal => Level::Low,
        Level::XHigh => Level::Max,
        level => level,
    }
}

fn format(request: &Request, body: &mut Object<'_>, losses: &mut Losses) {
    match &request.format {
        Format::Text => (),
        Format::Json => body.text("format", "json"),
        Format::Schema(schema) => {
            if schema.strict == Some(true) || schema.name.is_some() {
                // The server holds to any schema, and calls none by a name.
                losses.silent("response_format.json_schema");
            }
            let described = dialect::tree::described(schema);
            body.raw("format", described.as_deref().unwrap_or(schema.schema.as_str()));
        }
    }
}

fn options(request: &Request, target: &Target<'_>, body: &mut Object<'_>, losses: &mut Losses) {
    let sampling = &request.sampling;
    let mut fields = BytesMut::with_capacity(160);
    let mut options = Object::open(&mut fields);
    options.number_if("num_ctx", target.traits.quirks.context_window);
    if let Some(wanted) = sampling.max_tokens {
        let most = target.traits.max_output.unwrap_or(u64::MAX);
        if wanted > most {
            losses.approximated("max_tokens", format!("lowered to {most}, the most that the model gives"));
        }
        options.number("num_predict", wanted.min(most));
    }
    options.number_if("temperature", sampling.temperature);
    options.number_if("top_p", sampling.top_p);
    options.number_if("top_k", sampling.top_k);
    options.number_if("seed", sampling.seed);
    options.number_if("frequency_penalty", sampling.frequency_penalty);
    options.number_if("presence_penalty", sampling.presence_penalty);
    if !sampling.stop.is_empty() {
        options.array("stop", &sampling.stop, |text, out| quoted(text, out));
    }
    options.close();
    if fields.len() > 2 {
        body.key("options").extend_from_slice(&fields);
    }
    if sampling.verbosity.is_some() {
        losses.dropped("verbosity", "Ollama has no such setting");
    }
}

/// Nothing of this has a place on a machine of one's own.
fn service(request: &Request, losses: &mut Losses) {
    let service = &request.service;
    let told = [
        ("service_tier", service.tier.is_some()),
        ("user", service.user.is_some()),
        ("prompt_cache_key", service.cache_key.is_some()),
        ("metadata", service.metadata.is_some()),
        ("cache_control", request.asks_for_cache()),
    ];
    told.into_iter().filter(|(_, told)| *told).for_each(|(field, _)| losses.silent(field));
}

/// Our own dialect's fields come back; that others' are lost, their decoder has said.
fn extras(request: &Request, body: &mut Object<'_>) {
    for extra in request.extras.iter().filter(|extra| extra.origin == ID) {
        body.named(&extra.field).extend_from_slice(extra.json.as_str().as_bytes());
    }
}
