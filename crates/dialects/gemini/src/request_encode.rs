//! Writes a hub request for a Gemini upstream: the knobs here, history, parts and tools in their own files.
//!
//! Model and mode stand in the URL, which the upstream makes. Identical requests give identical bytes, or prompt
//! caches would miss.

use bytes::BytesMut;
use dialect::{Encoded, Memo, Object, Target, array, quoted, tell_unplaced};
use http::HeaderMap;
use hub::{Fault, Format, Losses, Request, Tier};

use crate::history::{self, Content};
use crate::part_encode::{self, Item};
use crate::tools_encode::Plan;
use crate::{ID, schema, sound, think, usage};

/// The API takes no more stop strings than this.
const MAX_STOPS: usize = 5;
/// Other dialects' fields that hold data or change what is answered: leaving them out would answer another question.
const REFUSED: [&str; 6] = ["mcp_servers", "container", "background", "prompt", "conversation", "previous_response_id"];

/// Writes a request. It has been mended.
///
/// # Errors
/// An unsupported fault that names the field, where leaving it out would change the answer's meaning.
pub(crate) fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, Fault> {
    refuse(request, target)?;
    let mut losses = Losses::default();
    let plan = Plan::new(request, target, &mut losses)?;
    let contents = history::order(request, target, &mut losses)?;
    tell_unplaced(request, |_| false, &mut losses);
    let (system, contents) = settle(request, contents)?;
    let mut out = BytesMut::with_capacity(4_096);
    let mut body = Object::open(&mut out);
    body.array("contents", &contents, |content, out| write_content(content, &plan, out));
    if !system.is_empty() {
        let mut instruction = Object::open(body.key("systemInstruction"));
        instruction.array("parts", system, |text, out| {
            let mut part = Object::open(out);
            part.text("text", text);
            part.close();
        });
        instruction.close();
    }
    plan.write(&mut body, &mut losses);
    config(request, target, plan.has_functions(), &mut body, &mut losses);
    service(request, &mut body, &mut losses);
    body.close();
    let memo = Memo {
        names: plan.names,
        custom: plan.custom,
        // What is over the limit is matched by the gateway.
        stop: request.sampling.stop.iter().skip(MAX_STOPS).cloned().collect(),
        answers: request.sampling.answers(),
        ..Memo::default()
    };
    Ok(Encoded { body: out.freeze(), headers: HeaderMap::new(), memo, losses })
}

/// What cannot be left out and cannot be carried.
fn refuse(request: &Request, target: &Target<'_>) -> Result<(), Fault> {
    let model = target.model;
    let sampling = &request.sampling;
    let refusal = if sampling.logit_bias.is_some() {
        Some(("logit_bias", "Gemini has no logit_bias: leave it out"))
    } else if sampling.max_tokens == Some(0) {
        Some(("max_tokens", "Gemini cannot warm a cache without answering: ask for at least one token"))
    } else {
        None
    };
    if let Some((field, words)) = refusal {
        return Err(Fault::unsupported(field, format!("{model}: {words}")));
    }
    request.speech.as_ref().map_or(Ok(()), sound::refuse)?;
    let empty = |json: &str| matches!(json, "[]" | "{}" | "false");
    let extra = request
        .extras
        .iter()
        .find(|extra| extra.origin != ID && REFUSED.contains(&&*extra.field) && !empty(extra.json.as_str()));
    extra.map_or(Ok(()), |extra| {
        let words = format!("`{}` works only with its own provider, not with {model}: leave it out", extra.field);
        Err(Fault::unsupported(extra.field.clone(), words))
    })
}

/// At least one content must stand there: with only a system prompt its last text becomes the user's.
fn settle<'a>(request: &'a Request, mut contents: Vec<Content<'a>>) -> Result<(Vec<&'a str>, Vec<Content<'a>>), Fault> {
    let mut system: Vec<&str> = request.system.iter().map(|text| &*text.text).filter(|text| !text.is_empty()).collect();
    if contents.is_empty() {
        let words = system.pop().ok_or_else(|| Fault::bad_request("the conversation is empty").at("messages"))?;
        contents.push(Content { is_model: false, items: vec![Item::Text { text: words.into(), seal: None }] });
    }
    Ok((system, contents))
}

fn write_content(content: &Content<'_>, plan: &Plan<'_>, out: &mut BytesMut) {
    let mut object = Object::open(out);
    object.text("role", if content.is_model { "model" } else { "user" });
    object.array("parts", &content.items, |item, out| part_encode::write(item, &plan.names, out));
    object.close();
}

/// Writes `generationConfig`, if anything is in it.
fn config(request: &Request, target: &Target<'_>, tools: bool, body: &mut Object<'_>, losses: &mut Losses) {
    let mut out = BytesMut::with_capacity(256);
    let mut config = Object::open(&mut out);
    limits(request, target, &mut config, losses);
    sampling(request, &mut config, losses);
    format(request, target, tools, &mut config, losses);
    let plan = think::plan(&request.thinking, &target.traits.thinking, losses);
    if plan != think::Wire::Absent {
        think::write(plan, request.thinking.show, config.key("thinkingConfig"));
    }
    let own = |extra: &hub::Extra| extra.origin == ID && extra.field == sound::MODES;
    if let Some(speech) = request.speech.as_ref().filter(|_| !request.extras.iter().any(own)) {
        sound::write(speech, &mut config, losses);
    }
    for extra in request.extras.iter().filter(|extra| extra.origin == ID) {
        if let Some(field) = extra.field.strip_prefix("generationConfig.") {
            config.named(field).extend_from_slice(extra.json.as_str().as_bytes());
        }
    }
    config.close();
    if out.len() > 2 {
        body.key("generationConfig").extend_from_slice(&out);
    }
}

fn limits(request: &Request, target: &Target<'_>, config: &mut Object<'_>, losses: &mut Losses) {
    let Some(wanted) = request.sampling.max_tokens else { return };
    let most = target.traits.max_output.unwrap_or(i32::MAX.unsigned_abs().into());
    if wanted > most {
        losses.approximated("max_tokens", format!("lowered to {most}, the most that the model gives"));
    }
    config.number("maxOutputTokens", wanted.min(most));
}

fn sampling(request: &Request, config: &mut Object<'_>, losses: &mut Losses) {
    let sampling = &request.sampling;
    config.number_if("temperature", sampling.temperature);
    config.number_if("topP", sampling.top_p);
    config.number_if("topK", sampling.top_k);
    if !sampling.stop.is_empty() {
        array(sampling.stop.iter().take(MAX_STOPS), config.key("stopSequences"), |text, out| quoted(text, out));
    }
    match sampling.seed.map(i32::try_from) {
        Some(Ok(seed)) => config.number("seed", seed),
        Some(Err(_)) => losses.dropped("seed", "Gemini takes seeds of 32 bits only"),
        None => (),
    }
    config.number_if("candidateCount", sampling.n.filter(|n| *n > 1));
    config.number_if("presencePenalty", sampling.presence_penalty);
    config.number_if("frequencyPenalty", sampling.frequency_penalty);
    if sampling.logprobs {
        config.flag("responseLogprobs", true);
        config.number_if("logprobs", sampling.top_logprobs);
    }
    if sampling.verbosity.is_some() {
        losses.dropped("verbosity", "Gemini has no such setting");
    }
}

fn format(request: &Request, target: &Target<'_>, tools: bool, config: &mut Object<'_>, losses: &mut Losses) {
    if request.format == Format::Text {
        return;
    }
    if tools && target.traits.format_with_tools == Some(false) {
        losses.dropped("response_format", "this model takes no form of the answer beside function tools");
        return;
    }
    config.text("responseMimeType", "application/json");
    if let Format::Schema(contract) = &request.format {
        let described = dialect::tree::described(contract);
        let lowered = schema::for_answer(described.as_deref().unwrap_or(contract.schema.as_str()));
        lowered.report(|| "response_format.schema".to_owned(), losses);
        if let Some(json) = &lowered.json {
            config.raw("responseJsonSchema", json);
        }
    }
}

fn service(request: &Request, body: &mut Object<'_>, losses: &mut Losses) {
    body.text_if("serviceTier", request.service.tier.and_then(usage::tier_word));
    if request.service.user.is_some() {
        losses.silent("user");
    }
    if request.service.cache_key.is_some() {
        losses.silent("prompt_cache_key");
    }
    if request.service.metadata.is_some() {
        losses.silent("metadata");
    }
    if matches!(request.service.tier, Some(tier) if tier != Tier::Auto && usage::tier_word(tier).is_none()) {
        losses.silent("service_tier");
    }
    if request.asks_for_cache() {
        losses.silent("cache_control");
    }
    for extra in &request.extras {
        if extra.origin == ID && !extra.field.starts_with("generationConfig.") {
            body.named(&extra.field).extend_from_slice(extra.json.as_str().as_bytes());
        }
    }
}
