//! Reads a request into the hub: the turns and the knobs here, parts and tools in their own files.

use dialect::{Body, Decoded, unread};
use hub::{
    Extra, Fault, Format, Json, Level, Losses, Mode, Part, Request, Role, Schema, Show, Text, Thinking, Tier, Turn,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::part_decode::{detail_of, parts, thinking_config};
use crate::results::Pending;
use crate::wire::{self, Content, Str, as_count, as_text, entry, typed};
use crate::{ID, lift, sound, tools_decode};

/// The top-level fields of a body, each under either spelling.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(&'a Body);

impl<'a> Fields<'a> {
    pub(crate) fn of(body: &'a Body) -> Self {
        Self(body)
    }

    pub(crate) fn raw(self, camel: &str, snake: &str) -> Option<&'a str> {
        self.0.raw(camel).or_else(|| self.0.raw(snake))
    }

    pub(crate) fn typed<T: Deserialize<'a>>(self, camel: &str, snake: &str) -> Result<Option<T>, Fault> {
        self.raw(camel, snake).map(|json| typed(json, camel)).transpose()
    }
}

/// Every top-level field that is read here; what else a client sends is carried as an extra.
const KNOWN: [&str; 18] = [
    "contents",
    "systemInstruction",
    "system_instruction",
    "tools",
    "toolConfig",
    "tool_config",
    "generationConfig",
    "generation_config",
    "serviceTier",
    "service_tier",
    "cachedContent",
    "cached_content",
    "labels",
    "model",
    "store",
    "stream",
    "generateContentRequest",
    "generate_content_request",
];

/// Reads a request for `model`.
///
/// # Errors
/// A bad-request fault that names the field.
pub(crate) fn decode(body: &Body, model: String) -> Result<Decoded, Fault> {
    // A token count may carry the whole request one level deeper.
    if let Some(inner) = Fields::of(body).raw("generateContentRequest", "generate_content_request") {
        let inner = Body::parse(bytes::Bytes::copy_from_slice(inner.as_bytes()))?;
        return unread::told(&inner, &WORDS, || decode_plain(&inner, model));
    }
    unread::told(body, &WORDS, || decode_plain(body, model))
}

/// What the hub's fields are called here.
pub(crate) const NAMES: &[(&str, &str)] = &[
    ("thinking", "generationConfig.thinkingConfig"),
    ("max_tokens", "generationConfig.maxOutputTokens"),
    ("temperature", "generationConfig.temperature"),
    ("top_p", "generationConfig.topP"),
    ("top_k", "generationConfig.topK"),
    ("seed", "generationConfig.seed"),
    ("stop", "generationConfig.stopSequences"),
    ("frequency_penalty", "generationConfig.frequencyPenalty"),
    ("presence_penalty", "generationConfig.presencePenalty"),
    ("response_format", "generationConfig.responseSchema"),
    ("modalities", "generationConfig.responseModalities"),
    ("audio", "generationConfig.speechConfig"),
    ("tool_choice", "toolConfig.functionCallingConfig"),
    ("messages", "contents"),
    ("metadata", "labels"),
    ("service_tier", "serviceTier"),
];

/// What is said of fields that no type here has.
const WORDS: unread::Words = unread::Words {
    brackets: true,
    plain: &["type"],
    hints: &[
        ".numTokens",
        ".num_tokens",
        ".videoMetadata",
        ".video_metadata",
        ".partMetadata",
        ".part_metadata",
        "toolConfig.includeServerSideToolInvocations",
        "tool_config.include_server_side_tool_invocations",
        ".streamFunctionCallArguments",
        ".stream_function_call_arguments",
    ],
};

fn decode_plain(body: &Body, model: String) -> Result<Decoded, Fault> {
    if Fields::of(body).raw("cachedContent", "cached_content").is_some_and(|name| name != "\"\"") {
        // A relay passes it on. Elsewhere a part of the prompt would be missing, which is worse than an error.
        let words =
            "cachedContent lives at the Google account that made it; send the content itself, or choose a Gemini model";
        return Err(Fault::unsupported("cachedContent", words));
    }
    let mut losses = Losses::default();
    // Thoughts are shown to those who ask for them (ai.google.dev/gemini-api/docs/thinking, 2026-11).
    let thinking = Thinking { show: Show::No, ..Thinking::default() };
    let mut request = Request { model, thinking, ..Request::default() };
    read_system(body, &mut request, &mut losses)?;
    read_turns(body, &mut request)?;
    tools_decode::read(body, &mut request)?;
    read_config(body, &mut request)?;
    request.speech = sound::read(&request);
    let fields = Fields::of(body);
    request.service.tier = fields.typed::<Str<'_>>("serviceTier", "service_tier")?.and_then(|word| tier(&word));
    request.service.metadata = fields.raw("labels", "labels").filter(|json| *json != "{}").map(Json::trusted);
    if body.has("store") {
        losses.silent("store");
    }
    let strange = body.others(&KNOWN);
    request.extras.extend(strange.map(|(name, json)| Extra {
        origin: ID,
        field: name.into_owned(),
        json: Json::trusted(json),
    }));
    for extra in request.extras.iter().filter(|extra| !sound::is_carried(extra, request.speech.as_ref())) {
        losses.dropped(extra.field.clone(), "no other dialect has such a field");
    }
    Ok(Decoded { request, losses })
}

fn tier(word: &str) -> Option<Tier> {
    match &*dialect::read::lowercase(word) {
        "flex" => Some(Tier::Flex),
        "standard" => Some(Tier::Standard),
        "priority" => Some(Tier::Priority),
        _ => None,
    }
}

/// The system instruction: a content, or a bare text.
fn read_system(body: &Body, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    let Some(json) = Fields::of(body).raw("systemInstruction", "system_instruction") else { return Ok(()) };
    let raw: &RawValue = typed(json, "systemInstruction")?;
    if let Some(text) = as_text(raw) {
        request.system.extend((!text.is_empty()).then(|| Text::plain(text)));
        return Ok(());
    }
    let content: Content<'_> = typed(json, "systemInstruction")?;
    let mut first = Vec::new();
    for part in parts(&content, 0, "systemInstruction")? {
        match part {
            Part::Text(text) => request.system.push(text),
            Part::Thinking(_) => (),
            Part::Audio(_) | Part::Video(_) => {
                let words = "sound and films have no place in a system instruction: send them in a user turn";
                return Err(Fault::unsupported("systemInstruction", words));
            }
            // Others take text only there: what is shown moves into the first turn.
            other => first.push(other),
        }
    }
    if !first.is_empty() {
        losses.approximated("systemInstruction", "what is not text was sent as the user's");
        request.turns.push(Turn { role: Role::User, parts: first });
    }
    Ok(())
}

fn read_turns(body: &Body, request: &mut Request) -> Result<(), Fault> {
    let json = Fields::of(body)
        .raw("contents", "contents")
        .ok_or_else(|| Fault::bad_request("`contents` is required").at("contents"))?;
    let contents = contents(json)?;
    if contents.is_empty() {
        return Err(Fault::bad_request("`contents` must be a list of at least one content").at("contents"));
    }
    let mut pending = Pending::default();
    let mut before = Role::User;
    for (number, content) in contents.into_iter().enumerate() {
        let place = entry("contents", number);
        let role = role(content.role.as_deref(), &place)?;
        let mut parts = parts(&content, number, &place)?;
        match role {
            Role::Assistant => pending.note(&parts, before != Role::Assistant),
            Role::User | Role::System => pending.pair(&mut parts),
        }
        before = role;
        if !parts.is_empty() {
            request.turns.push(Turn { role, parts });
        }
    }
    request.hoist();
    Ok(())
}

/// The contents, gone through once, and once more to find the one that is wrong.
fn contents(json: &str) -> Result<Vec<Content<'_>>, Fault> {
    if let Ok(list) = dialect::read::text(json) {
        return Ok(list);
    }
    let list = wire::entries(json, "contents")?.unwrap_or_default().into_iter().enumerate();
    list.map(|(number, raw)| typed(raw.get(), &entry("contents", number))).collect()
}

fn role(role: Option<&str>, place: &str) -> Result<Role, Fault> {
    match role.unwrap_or_default() {
        "model" | "assistant" => Ok(Role::Assistant),
        "user" | "function" | "tool" | "" => Ok(Role::User),
        "system" => Ok(Role::System),
        other => {
            let shown: String = other.chars().take(40).collect();
            let words = format!("`{place}.role` is `{shown}`: use `user` or `model`");
            Err(Fault::bad_request(words).at(format!("{place}.role")))
        }
    }
}

/// Reads `generationConfig` field by field; what no other dialect knows is carried as an extra.
fn read_config(body: &Body, request: &mut Request) -> Result<(), Fault> {
    const PLACE: &str = "generationConfig";
    let Some(json) = Fields::of(body).raw(PLACE, "generation_config") else { return Ok(()) };
    let config = dialect::scan::object(json.as_bytes())
        .map_err(|error| Fault::bad_request(format!("invalid `{PLACE}`: {error}")).at(PLACE))?;
    let mut answer = Answer::default();
    for (key, value) in config.entries(json.as_bytes()).filter(|(_, value)| *value != "null") {
        let place = [PLACE, ".", &key].concat();
        let setting = Setting { json: value, place: &place };
        if !sampling(&key, setting, request)? && !answer.take(&key, setting)? {
            other(&key, setting, request)?;
        }
    }
    request.format = answer.format();
    if !request.sampling.logprobs {
        // How many to report, where none are to be.
        request.sampling.top_logprobs = None;
    }
    Ok(())
}

/// One field of the configuration.
#[derive(Clone, Copy)]
struct Setting<'a> {
    json: &'a str,
    place: &'a str,
}

impl<'a> Setting<'a> {
    fn read<T: Deserialize<'a>>(self) -> Result<T, Fault> {
        typed(self.json, self.place)
    }

    /// A count; SDKs write some as floats. Google reads any number from a text, too.
    fn count(self) -> Result<u64, Fault> {
        as_count(Some(self.read()?)).ok_or_else(|| self.no_number())
    }

    /// Any number.
    fn number(self) -> Result<f64, Fault> {
        let raw: &RawValue = self.read()?;
        let number = raw.get().trim_matches('"').parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| self.no_number())
    }

    fn no_number(&self) -> Fault {
        Fault::bad_request(format!("`{}` must be a number", self.place)).at(self.place.to_owned())
    }
}

/// Reads a sampling setting; `false` when the field is none.
fn sampling(key: &str, setting: Setting<'_>, request: &mut Request) -> Result<bool, Fault> {
    let sampling = &mut request.sampling;
    match key {
        "maxOutputTokens" | "max_output_tokens" => sampling.max_tokens = Some(setting.count()?),
        "temperature" => sampling.temperature = Some(setting.number()?),
        "topP" | "top_p" => sampling.top_p = Some(setting.number()?),
        "topK" | "top_k" => sampling.top_k = Some(setting.count()?),
        "stopSequences" | "stop_sequences" => {
            let all = setting.read::<Vec<Str<'_>>>()?.into_iter().map(Str::owned);
            sampling.stop = all.filter(|text| !text.is_empty()).collect();
        }
        // 32 bits at Google: a float holds all of them.
        "seed" => sampling.seed = Some(setting.number()? as i64),
        "candidateCount" | "candidate_count" => {
            sampling.n = u32::try_from(setting.count()?).ok().filter(|count| *count > 1);
        }
        "presencePenalty" | "presence_penalty" => sampling.presence_penalty = nonzero(setting.number()?),
        "frequencyPenalty" | "frequency_penalty" => sampling.frequency_penalty = nonzero(setting.number()?),
        "responseLogprobs" | "response_logprobs" => sampling.logprobs = setting.read()?,
        "logprobs" => sampling.top_logprobs = u32::try_from(setting.count()?).ok(),
        "thinkingConfig" | "thinking_config" => request.thinking = thinking(setting.read()?),
        _ => return Ok(false),
    }
    Ok(true)
}

/// A setting at its default counts as absent.
fn nonzero(value: f64) -> Option<f64> {
    (value != 0.0).then_some(value)
}

/// A budget, in any form of a number.
fn budget(raw: &RawValue) -> Option<Mode> {
    if raw.get().trim_start_matches('"').starts_with('-') {
        return Some(Mode::Auto);
    }
    Some(match as_count(Some(raw))? {
        0 => Mode::Off,
        tokens => Mode::Budget(u32::try_from(tokens).unwrap_or(u32::MAX)),
    })
}

fn thinking(raw: &RawValue) -> Thinking {
    let config = thinking_config(Some(raw));
    let mode = config.thinking_budget.and_then(budget);
    let level = config.thinking_level.as_deref().and_then(Level::from_word);
    let show = if config.include_thoughts == Some(true) { Show::Yes } else { Show::No };
    Thinking { mode, level, show }
}

/// What is said about the form of the answer.
#[derive(Default)]
struct Answer {
    mime: Option<String>,
    schema: Option<Json>,
}

impl Answer {
    fn take(&mut self, key: &str, setting: Setting<'_>) -> Result<bool, Fault> {
        match key {
            "responseMimeType" | "response_mime_type" => self.mime = Some(setting.read::<Str<'_>>()?.owned()),
            "responseSchema" | "response_schema" => self.schema = Some(Json::trusted(lift::lift(setting.json))),
            "responseJsonSchema" | "response_json_schema" | "_responseJsonSchema" => {
                self.schema = Some(Json::trusted(setting.json));
            }
            "responseFormat" | "response_format" => return self.newer(setting),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The newer list of forms, of which the one for text is read; the others only Google understands.
    fn newer(&mut self, setting: Setting<'_>) -> Result<bool, Fault> {
        let raw: &RawValue = setting.read()?;
        for entry in wire::list(raw).unwrap_or_default() {
            let form: wire::ResponseFormat<'_> = typed(entry.get(), setting.place)?;
            if let Some(text) = form.text {
                self.mime = text.mime_type.map(Str::owned).or(self.mime.take());
                self.schema = text.schema.map(|schema| Json::trusted(schema.get())).or(self.schema.take());
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn format(self) -> Format {
        match (self.schema, self.mime.as_deref()) {
            (Some(schema), mime) => {
                let bare = mime == Some("text/x.enum");
                Format::Schema(Schema { name: None, description: None, schema, strict: None, bare })
            }
            (None, Some("application/json" | "APPLICATION_JSON")) => Format::Json,
            (None, _) => Format::Text,
        }
    }
}

/// The resolution of all pictures is that of each that names none of its own; `false` when others have no such one.
fn resolution(json: &str, request: &mut Request) -> bool {
    let Some(wanted) = detail_of(json) else { return json.contains("UNSPECIFIED") };
    let parts = request.turns.iter_mut().flat_map(|turn| &mut turn.parts);
    for part in parts {
        let shown = match part {
            Part::ToolResult(result) => result.parts.as_mut_slice(),
            part => std::slice::from_mut(part),
        };
        for part in shown {
            if let Part::Image(media) = part {
                media.detail.get_or_insert(wanted);
            }
        }
    }
    true
}

/// Plain text is every dialect's default; the rest only Google understands.
fn other(key: &str, setting: Setting<'_>, request: &mut Request) -> Result<(), Fault> {
    let key = match key {
        "response_modalities" => "responseModalities",
        "speech_config" => "speechConfig",
        key => key,
    };
    let modalities = key == "responseModalities";
    if modalities && setting.read::<Vec<Str<'_>>>()?.iter().all(|word| word.eq_ignore_ascii_case("text")) {
        return Ok(());
    }
    if matches!(key, "mediaResolution" | "media_resolution") && resolution(setting.json, request) {
        return Ok(());
    }
    let (field, json) = (format!("generationConfig.{key}"), Json::trusted(setting.json));
    request.extras.push(Extra { origin: ID, field, json });
    Ok(())
}
