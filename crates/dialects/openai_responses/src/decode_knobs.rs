//! Reads sampling, limits, format, reasoning and service fields. A field at its documented default counts as absent.

use std::sync::LazyLock;

use dialect::openai::tier;
use dialect::{Body, Object, array, quoted, unread};
use hub::{Fault, Format, Json, Level, Losses, Mode, Request, Sampling, Schema, Service, Show, Thinking};
use memchr::memmem::Finder;
use serde_json::value::RawValue;

use crate::decode_items::stored;
use crate::wire::{self, Str};

static UPDATE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"configuration_update\""));

/// Refuses what refers to state or work elsewhere: leaving it out would answer another question.
pub(crate) fn refuse(body: &Body) -> Result<(), Fault> {
    if body.has("previous_response_id") {
        return Err(stored("previous_response_id", "previous responses"));
    }
    if body.has("conversation") {
        return Err(stored("conversation", "conversations"));
    }
    if body.has("prompt") {
        let words = "stored prompts are known only to the service that keeps them: send their text as input";
        return Err(Fault::unsupported("prompt", words));
    }
    if body.raw("background") == Some("true") {
        let words = "answers in the background are not supported here: leave `background` out";
        return Err(Fault::unsupported("background", words));
    }
    Ok(())
}

/// Reads every knob.
pub(crate) fn read(body: &Body, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    let text: wire::TextConfig<'_> = body.get("text")?.unwrap_or_default();
    request.sampling = sampling(body, &text)?;
    request.format = format(text.format)?;
    request.thinking = thinking(body, losses)?;
    request.service = service(body, losses)?;
    hints(body, losses)?;
    updates(body, request, losses)?;
    if body.raw("store") == Some("true") {
        losses.silent("store");
    }
    if body.raw("truncation") == Some("\"auto\"") {
        losses.dropped("truncation", "the upstream does not shorten conversations by itself");
    }
    Ok(())
}

/// What bears on how an answer is told, and not on what it says. Agents send most of it with every request.
fn hints(body: &Body, losses: &mut Losses) -> Result<(), Fault> {
    let include: Vec<Str<'_>> = body.get("include")?.unwrap_or_default();
    for (index, what) in include.iter().enumerate() {
        // Proofs are told in any case.
        if !matches!(&**what, LOGPROBS | "reasoning.encrypted_content") {
            losses.silent(format!("include[{index}]"));
        }
    }
    for field in ["client_metadata", "stream_options"] {
        if body.raw(field).is_some_and(|json| json != "{}") {
            losses.silent(field);
        }
    }
    if body.has("safety_identifier") && body.raw("user").is_some_and(|user| body.raw("safety_identifier") != Some(user))
    {
        losses.silent("user");
    }
    Ok(())
}

/// By this entry of `include` log probabilities are asked for.
const LOGPROBS: &str = "message.output_text.logprobs";

/// Items that change settings from where they stand: the last word counts for the answer that is asked for.
fn updates(body: &Body, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    let says = |input: &&str| UPDATE.find(input.as_bytes()).is_some();
    let input = body.raw("input").filter(says);
    let items: Vec<&RawValue> = input.and_then(|input| serde_json::from_str(input).ok()).unwrap_or_default();
    for raw in items {
        let update: wire::Update<'_> = unread::in_part(|| wire::lenient(Some(raw)));
        if update.kind.as_deref() != Some("configuration_update") {
            continue;
        }
        if let Some(word) = update.reasoning.and_then(|reasoning| reasoning.effort) {
            effort(&word, &mut request.thinking, losses);
        }
        if let Some(text) = update.text {
            request.format = format(text.format)?;
        }
    }
    Ok(())
}

fn effort(word: &str, thinking: &mut Thinking, losses: &mut Losses) {
    match (word, Level::from_word(word)) {
        (_, Some(level)) => (thinking.level, thinking.mode) = (Some(level), None),
        ("none", None) => (thinking.level, thinking.mode) = (None, Some(Mode::Off)),
        ("auto", None) => (thinking.level, thinking.mode) = (None, Some(Mode::Auto)),
        (other, None) => losses.dropped("reasoning.effort", format!("unknown effort {other:?}")),
    }
}

fn sampling(body: &Body, text: &wire::TextConfig<'_>) -> Result<Sampling, Fault> {
    let not_one = |value: &f64| (*value - 1.0).abs() > f64::EPSILON;
    let include: Vec<Str<'_>> = body.get("include")?.unwrap_or_default();
    let top: Option<u32> = body.get("top_logprobs")?.filter(|top| *top > 0);
    let cache: Option<wire::CacheOptions> = body.get("prompt_cache_options")?;
    let prewarms = cache.and_then(|options| options.prewarm) == Some(true);
    Ok(Sampling {
        // No answer is wanted then: only the cache is to be warmed.
        max_tokens: if prewarms { Some(0) } else { body.get("max_output_tokens")? },
        temperature: body.get("temperature")?.filter(not_one),
        top_p: body.get("top_p")?.filter(not_one),
        logprobs: top.is_some() || include.iter().any(|what| &**what == LOGPROBS),
        top_logprobs: top,
        verbosity: text.verbosity.as_deref().filter(|word| *word != "medium").map(str::to_owned),
        ..Sampling::default()
    })
}

fn format(format: Option<wire::Format<'_>>) -> Result<Format, Fault> {
    let Some(format) = format else { return Ok(Format::Text) };
    match (format.kind.as_deref(), format.schema) {
        (None | Some("text"), _) => Ok(Format::Text),
        // Without a schema, one that is promised is no more than any JSON.
        (Some("json_object"), _) | (Some("json_schema"), None) => Ok(Format::Json),
        (Some("json_schema"), Some(schema)) => Ok(Format::Schema(Schema {
            name: format.name.map(Str::owned),
            description: format.description.map(Str::owned),
            schema: Json::trusted(schema.get()),
            strict: format.strict,
            bare: false,
        })),
        (Some(other), _) => Err(Fault::unsupported(
            "text.format.type",
            format!("formats of type {other:?} are not supported here: use json_schema or json_object"),
        )),
    }
}

fn thinking(body: &Body, losses: &mut Losses) -> Result<Thinking, Fault> {
    let mut thinking = Thinking::default();
    let Some(reasoning) = body.get::<wire::Reasoning<'_>>("reasoning")? else { return Ok(thinking) };
    if let Some(word) = reasoning.effort.as_deref() {
        effort(word, &mut thinking, losses);
    }
    if reasoning.summary.or(reasoning.generate_summary).is_some_and(|word| &*word != "none") {
        thinking.show = Show::Yes;
    }
    Ok(thinking)
}

fn service(body: &Body, losses: &mut Losses) -> Result<Service, Fault> {
    let word: Option<String> = body.get("service_tier")?;
    let tier = word.as_deref().and_then(tier::read);
    if tier.is_none() && word.is_some_and(|word| word != "auto") {
        losses.silent("service_tier");
    }
    let identifier: Option<String> = body.get("safety_identifier")?;
    let user = identifier.map_or_else(|| body.get("user"), |user| Ok(Some(user)))?;
    let metadata: Option<&RawValue> = body.get("metadata")?;
    Ok(Service {
        tier,
        user: user.filter(|user: &String| !user.is_empty()),
        cache_key: body.get("prompt_cache_key")?.filter(|key: &String| !key.is_empty()),
        metadata: metadata
            .filter(|raw| raw.get().starts_with('{') && raw.get()[1..].trim_start() != "}")
            .map(|raw| Json::trusted(raw.get())),
    })
}

/// Fields of the request that the response object repeats, as JSON text, each at its default where it was not given.
///
/// Instructions and tools are not repeated: they would outweigh the answer.
pub(crate) fn repeated(body: &Body) -> String {
    const FIELDS: [(&str, &str); 12] = [
        ("max_output_tokens", "null"),
        ("max_tool_calls", "null"),
        ("metadata", "{}"),
        ("parallel_tool_calls", "true"),
        ("previous_response_id", "null"),
        ("prompt_cache_key", "null"),
        ("safety_identifier", "null"),
        ("temperature", "1.0"),
        ("tool_choice", "\"auto\""),
        ("top_p", "1.0"),
        ("truncation", "\"disabled\""),
        ("user", "null"),
    ];
    let mut out = bytes::BytesMut::with_capacity(512);
    let mut object = Object::open(&mut out);
    for (field, default) in FIELDS {
        object.raw(field, body.raw(field).unwrap_or(default));
    }
    let reasoning: wire::Reasoning<'_> = body.get("reasoning").ok().flatten().unwrap_or_default();
    let mut inner = Object::open(object.key("reasoning"));
    text_or_null("effort", reasoning.effort.as_deref(), &mut inner);
    text_or_null("summary", reasoning.summary.as_deref(), &mut inner);
    inner.close();
    object.raw("text", body.raw("text").unwrap_or("{\"format\":{\"type\":\"text\"},\"verbosity\":\"medium\"}"));
    object.close();
    // Without the braces: the fields join others.
    out.truncate(out.len() - 1);
    dialect::into_text(out.split_off(1))
}

/// Writes a text, or null.
pub(crate) fn text_or_null(key: &str, value: Option<&str>, object: &mut Object<'_>) {
    match value {
        Some(value) => object.text(key, value),
        None => object.raw(key, "null"),
    }
}

/// A list of texts as JSON.
pub(crate) fn texts<'a>(list: impl IntoIterator<Item = &'a String>, out: &mut bytes::BytesMut) {
    array(list, out, |text, out| quoted(text, out));
}
