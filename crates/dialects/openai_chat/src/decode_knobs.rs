//! Reads sampling, limits, format, reasoning and service fields. A field at its documented default counts as absent:
//! many clients send all defaults always.

use dialect::Body;
use dialect::openai::tier;
use hub::{Extra, Fault, Format, Json, Level, Losses, Mode, Request, Sampling, Schema, Service, Show, Thinking};
use serde_json::value::RawValue;

use crate::wire::{self, as_text};
use crate::{ID, sound};

/// Reads every knob.
pub(crate) fn read(body: &Body, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    let logprobs = body.get("logprobs")?.unwrap_or(false);
    let top_logprobs = body.get("top_logprobs")?.filter(|top| *top > 0);
    request.sampling = Sampling { logprobs, top_logprobs, ..sampling(body)? };
    if top_logprobs.is_some() && !logprobs {
        losses.silent("top_logprobs");
    }
    if body.raw("max_tokens").is_some_and(|cap| body.raw("max_completion_tokens").is_some_and(|newer| cap != newer)) {
        losses.silent("max_tokens");
    }
    // Usage is told in any case; what else there is bears on how a stream looks.
    let _: Option<wire::StreamOptions> = body.get("stream_options")?;
    request.format = format(body, losses)?;
    request.thinking = thinking(body, losses)?;
    request.service = service(body, losses)?;
    modalities(body, request, losses)?;
    Ok(())
}

/// What chats and legacy completions ask for in the same words.
pub(crate) fn sampling(body: &Body) -> Result<Sampling, Fault> {
    let not_one = |value: &f64| (*value - 1.0).abs() > f64::EPSILON;
    let not_zero = |value: &f64| value.abs() > f64::EPSILON;
    let newer = body.get("max_completion_tokens")?;
    Ok(Sampling {
        max_tokens: newer.map_or_else(|| body.get("max_tokens"), |cap| Ok(Some(cap)))?,
        temperature: body.get("temperature")?.filter(not_one),
        top_p: body.get("top_p")?.filter(not_one),
        top_k: body.get("top_k")?.filter(|top: &i64| *top > 0).map(i64::unsigned_abs),
        stop: stop(body)?,
        seed: body.get("seed")?,
        n: body.get("n")?.filter(|n| *n != 1),
        frequency_penalty: body.get("frequency_penalty")?.filter(not_zero),
        presence_penalty: body.get("presence_penalty")?.filter(not_zero),
        logit_bias: object(body, "logit_bias")?,
        verbosity: body.get("verbosity")?.filter(|word: &String| word != "medium"),
        ..Sampling::default()
    })
}

/// One text or a list of them.
fn stop(body: &Body) -> Result<Vec<String>, Fault> {
    let Some(raw) = body.get::<&RawValue>("stop")? else { return Ok(Vec::new()) };
    let mut list = match as_text(raw) {
        Some(one) => vec![one.into_owned()],
        None => body.get("stop")?.unwrap_or_default(),
    };
    list.retain(|text| !text.is_empty());
    Ok(list)
}

/// A field that holds an object; an empty one says nothing.
fn object(body: &Body, field: &'static str) -> Result<Option<Json>, Fault> {
    let raw: wire::Raw<'_> = body.get(field)?;
    let filled = raw.filter(|raw| raw.get().starts_with('{') && raw.get()[1..].trim_start() != "}");
    match (raw, filled) {
        (Some(raw), _) if !raw.get().starts_with('{') => {
            Err(Fault::bad_request(format!("`{field}` must be an object")).at(field))
        }
        (_, filled) => Ok(filled.map(|raw| Json::trusted(raw.get()))),
    }
}

fn format(body: &Body, losses: &mut Losses) -> Result<Format, Fault> {
    let Some(format) = body.get::<wire::ResponseFormat<'_>>("response_format")? else { return Ok(Format::Text) };
    match (format.kind.as_deref(), format.json_schema) {
        (None | Some("text"), _) => Ok(Format::Text),
        (Some("json_object"), _) => Ok(Format::Json),
        (Some("json_schema"), Some(wire::JsonSchema { name, description, schema: Some(schema), strict })) => {
            Ok(Format::Schema(Schema {
                name: name.map(wire::Str::owned),
                description: description.map(wire::Str::owned),
                schema: Json::trusted(schema.get()),
                strict,
                bare: false,
            }))
        }
        (Some("json_schema"), _) => {
            losses.approximated("response_format.json_schema", "without a schema it promises no more than any JSON");
            Ok(Format::Json)
        }
        (Some(other), _) => Err(Fault::unsupported(
            "response_format.type",
            format!("response formats of type {other:?} are not supported here: use json_schema or json_object"),
        )),
    }
}

/// Reasoning under OpenAI's name, OpenRouter's and the vendors', and as agents put it into `extra_body` for Anthropic and
/// Google; the first that says something counts.
fn thinking(body: &Body, losses: &mut Losses) -> Result<Thinking, Fault> {
    let mut thinking = Thinking::default();
    if let Some(word) = body.get::<String>("reasoning_effort")? {
        effort(&word, "reasoning_effort", &mut thinking, losses);
    }
    if let Some(reasoning) = body.get::<wire::Reasoning<'_>>("reasoning")? {
        openrouter(&reasoning, &mut thinking, losses);
    }
    let extra: wire::ExtraBody<'_> = body.get("extra_body")?.unwrap_or_default();
    let nested = extra.anthropic.and_then(|anthropic| anthropic.thinking);
    for vendor in [body.get::<wire::VendorThinking<'_>>("thinking")?, nested].into_iter().flatten() {
        settle(vendor.mode(), &mut thinking);
    }
    if let Some(config) = extra.google.and_then(|google| google.thinking_config) {
        google(&config, &mut thinking);
    }
    let template: wire::TemplateArguments = body.get("chat_template_kwargs")?.unwrap_or_default();
    let enabled: Option<bool> = body.get("enable_thinking")?.or(template.enable_thinking).or(template.thinking);
    let budget: Option<u32> = body.get("thinking_budget")?;
    settle(enabled.filter(|on| !on).map(|_| Mode::Off), &mut thinking);
    settle(budget.map(Mode::Budget).or(enabled.map(|_| Mode::Auto)), &mut thinking);
    if body.get("include_reasoning")? == Some(false) {
        thinking.show = Show::No;
    }
    Ok(thinking)
}

impl wire::VendorThinking<'_> {
    fn mode(&self) -> Option<Mode> {
        match (self.kind.as_deref(), self.budget_tokens) {
            (Some("disabled"), _) => Some(Mode::Off),
            (_, Some(tokens)) => Some(Mode::Budget(tokens)),
            (Some("enabled" | "adaptive" | "auto"), None) => Some(Mode::Auto),
            (_, None) => None,
        }
    }
}

fn settle(mode: Option<Mode>, thinking: &mut Thinking) {
    if thinking.mode.is_none() && thinking.level.is_none() {
        thinking.mode = mode;
    }
}

fn effort(word: &str, field: &'static str, thinking: &mut Thinking, losses: &mut Losses) {
    match (word, Level::from_word(word)) {
        (_, Some(level)) => thinking.level = Some(level),
        ("none", None) => thinking.mode = Some(Mode::Off),
        ("auto", None) => thinking.mode = Some(Mode::Auto),
        ("", None) => (),
        (other, None) => losses.dropped(field, format!("unknown effort {other:?}")),
    }
}

fn google(config: &wire::GoogleThinking<'_>, thinking: &mut Thinking) {
    let level = config.thinking_level.as_deref().and_then(Level::from_word);
    if level.is_some() && thinking.is_default() {
        thinking.level = level;
    }
    let mode = config.thinking_budget.map(|budget| match budget {
        0 => Mode::Off,
        ..0 => Mode::Auto,
        tokens => Mode::Budget(u32::try_from(tokens).unwrap_or(u32::MAX)),
    });
    settle(mode, thinking);
    if let Some(show) = config.include_thoughts {
        thinking.show = if show { Show::Yes } else { Show::No };
    }
}

fn openrouter(reasoning: &wire::Reasoning<'_>, thinking: &mut Thinking, losses: &mut Losses) {
    if thinking.is_default() {
        if let Some(word) = reasoning.effort.as_deref() {
            effort(word, "reasoning.effort", thinking, losses);
        }
        let on = reasoning.enabled.map(|on| if on { Mode::Auto } else { Mode::Off });
        settle(reasoning.max_tokens.map(Mode::Budget).or(on), thinking);
    }
    match reasoning.exclude {
        Some(true) => thinking.show = Show::No,
        Some(false) => thinking.show = Show::Yes,
        None => (),
    }
}

fn service(body: &Body, losses: &mut Losses) -> Result<Service, Fault> {
    let word: Option<String> = body.get("service_tier")?;
    let tier = word.as_deref().and_then(tier::read);
    if tier.is_none() && word.is_some_and(|word| word != "auto") {
        losses.silent("service_tier");
    }
    if body.raw("store") == Some("true") {
        losses.silent("store");
    }
    if body.has("safety_identifier") && body.raw("user").is_some_and(|user| body.raw("safety_identifier") != Some(user))
    {
        losses.silent("user");
    }
    let identifier: Option<String> = body.get("safety_identifier")?;
    let user = identifier.map_or_else(|| body.get("user"), |user| Ok(Some(user)))?;
    Ok(Service {
        tier,
        user: user.filter(|user| !user.is_empty()),
        cache_key: body.get("prompt_cache_key")?.filter(|key: &String| !key.is_empty()),
        metadata: object(body, "metadata")?,
    })
}

/// Text alone is the default; what is neither text nor sound only its own dialect can ask for.
fn modalities(body: &Body, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    let wanted: Vec<String> = body.get("modalities")?.unwrap_or_default();
    if wanted.iter().any(|mode| mode == "audio") {
        request.speech = Some(sound::read(body, wanted.iter().any(|mode| mode == "text"))?);
        return Ok(());
    }
    if body.has("audio") {
        losses.silent("audio");
    }
    if wanted.iter().any(|mode| mode != "text") {
        losses.dropped("modalities", "other dialects answer in text");
        let extra = |json| Extra { origin: ID, field: "modalities".into(), json: Json::trusted(json) };
        request.extras.extend(body.raw("modalities").map(extra));
    }
    Ok(())
}
