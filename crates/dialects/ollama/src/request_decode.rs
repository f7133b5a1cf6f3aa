//! Reads a request into the hub: both forms here, messages and options in their own files.

use dialect::read::as_text;
use dialect::{Body, Decoded, unread};
use hub::{
    Extra, Fault, Format, Json, Level, Losses, Mode, Part, Request, Role, Schema, Show, Text, Thinking, Tool, ToolKind,
    Turn,
};
use serde_json::value::RawValue;

use crate::messages::{self, image};
use crate::{ID, options, wire};

/// What both forms know; what else a client sends is carried as an extra.
const SHARED: [&str; 11] = [
    "model",
    "name",
    "stream",
    "format",
    "options",
    "think",
    "keep_alive",
    "truncate",
    "shift",
    "logprobs",
    "top_logprobs",
];
const OF_CHAT: [&str; 2] = ["messages", "tools"];
const OF_GENERATE: [&str; 7] = ["prompt", "suffix", "system", "template", "context", "raw", "images"];

/// Reads a request of `/api/chat`.
pub(crate) fn chat(body: &Body) -> Result<Decoded, Fault> {
    unread::told(body, &WORDS, || read_chat(body))
}

/// What the hub's fields are called here.
pub(crate) const NAMES: &[(&str, &str)] = &[
    ("thinking", "think"),
    ("max_tokens", "options.num_predict"),
    ("temperature", "options.temperature"),
    ("top_p", "options.top_p"),
    ("top_k", "options.top_k"),
    ("seed", "options.seed"),
    ("stop", "options.stop"),
    ("frequency_penalty", "options.frequency_penalty"),
    ("presence_penalty", "options.presence_penalty"),
    ("response_format", "format"),
];

/// What is said of fields that no type here has.
const WORDS: unread::Words = unread::Words { brackets: true, plain: &["type"], hints: &[".index"] };

fn read_chat(body: &Body) -> Result<Decoded, Fault> {
    let mut losses = Losses::default();
    let mut request = shared(body, &OF_CHAT, &mut losses)?;
    messages::read(body, &mut request, &mut losses)?;
    request.tools = tools(body)?;
    Ok(Decoded { request, losses })
}

/// Reads a request of `/api/generate`.
pub(crate) fn generate(body: &Body) -> Result<Decoded, Fault> {
    refuse(body)?;
    let mut losses = Losses::default();
    let mut request = shared(body, &OF_GENERATE, &mut losses)?;
    for field in ["template", "raw"] {
        if body.raw(field).is_some_and(|json| !matches!(json, "\"\"" | "false")) {
            losses.dropped(field, "the model's own template is used");
        }
    }
    request.system.extend(text(body, "system")?.map(Text::plain));
    let images: Vec<&RawValue> = body.get("images")?.unwrap_or_default();
    let mut parts = Vec::with_capacity(images.len() + 1);
    for (at, raw) in images.into_iter().enumerate() {
        let data = as_text(raw).unwrap_or_default();
        parts.push(image(&data, || format!("images[{at}]"))?);
    }
    parts.extend(text(body, "prompt")?.map(|prompt| Part::Text(Text::plain(prompt))));
    request.turns.push(Turn { role: Role::User, parts });
    Ok(Decoded { request, losses })
}

/// What no other model can do, and what cannot be left out.
fn refuse(body: &Body) -> Result<(), Fault> {
    if text(body, "suffix")?.is_some() {
        return Err(Fault::unsupported("suffix", "text between a prompt and a suffix cannot be asked for here"));
    }
    if body.raw("context").is_some_and(|json| json.starts_with('[') && json[1..].trim_start() != "]") {
        let words = "a context of tokens is known only to the server that made it: send the conversation to /api/chat";
        return Err(Fault::unsupported("context", words));
    }
    Ok(())
}

fn text(body: &Body, field: &'static str) -> Result<Option<String>, Fault> {
    let Some(raw) = body.get::<&RawValue>(field)? else { return Ok(None) };
    let text = as_text(raw).ok_or_else(|| Fault::bad_request(format!("`{field}` must be a text")).at(field))?;
    Ok(Some(text.into_owned()).filter(|text| !text.is_empty()))
}

fn shared(body: &Body, more: &[&str], losses: &mut Losses) -> Result<Request, Fault> {
    let mut request = Request { model: body.get("model")?.unwrap_or_default(), ..Request::default() };
    options::read(body, &mut request, losses)?;
    request.sampling.logprobs = body.get("logprobs")?.unwrap_or(false);
    request.sampling.top_logprobs = body.get("top_logprobs")?.filter(|top| *top > 0);
    request.format = format(body)?;
    request.thinking = thinking(body)?;
    // Where a model is kept, and what a server does with too long a prompt, is not for others to know.
    for field in ["keep_alive", "truncate", "shift"] {
        if body.has(field) {
            losses.silent(field);
        }
    }
    let strange = body
        .fields()
        .filter(|(name, json)| !SHARED.contains(&name.as_ref()) && !more.contains(&name.as_ref()) && *json != "null");
    request.extras =
        strange.map(|(name, json)| Extra { origin: ID, field: name.into_owned(), json: Json::trusted(json) }).collect();
    for extra in &request.extras {
        losses.dropped(extra.field.clone(), "no other dialect has such a field");
    }
    Ok(request)
}

fn format(body: &Body) -> Result<Format, Fault> {
    let Some(raw) = body.get::<&RawValue>("format")? else { return Ok(Format::Text) };
    match as_text(raw).as_deref() {
        Some("") => Ok(Format::Text),
        Some("json") => Ok(Format::Json),
        None if raw.get().starts_with('{') => {
            let schema = Json::trusted(raw.get());
            Ok(Format::Schema(Schema { name: None, description: None, schema, strict: None, bare: false }))
        }
        _ => Err(Fault::bad_request("invalid `format`: expected \"json\" or a JSON schema").at("format")),
    }
}

fn thinking(body: &Body) -> Result<Thinking, Fault> {
    let Some(raw) = body.get::<&RawValue>("think")? else { return Ok(Thinking::default()) };
    let on = |level: Option<Level>| Thinking { mode: level.is_none().then_some(Mode::Auto), level, show: Show::Yes };
    let word = as_text(raw);
    match (raw.get(), word.as_deref()) {
        ("true", _) | (_, Some("true")) => Ok(on(None)),
        ("false", _) | (_, Some("false" | "none" | "")) => {
            Ok(Thinking { mode: Some(Mode::Off), level: None, show: Show::No })
        }
        (_, word) => match word.and_then(Level::from_word) {
            Some(level) => Ok(on(Some(level))),
            None => {
                Err(Fault::bad_request("invalid `think`: expected true, false, low, medium, high or max").at("think"))
            }
        },
    }
}

fn tools(body: &Body) -> Result<Vec<Tool>, Fault> {
    let declared: Vec<wire::Tool<'_>> = body.get("tools")?.unwrap_or_default();
    let mut tools: Vec<Tool> = Vec::with_capacity(declared.len());
    for (at, tool) in declared.into_iter().enumerate() {
        let function = tool.function.unwrap_or_default();
        let name = function.name.filter(|name| !name.is_empty()).ok_or_else(|| {
            Fault::bad_request("a tool needs a function with a name").at(format!("tools[{at}].function.name"))
        })?;
        let name = name.owned();
        let schema = function.parameters.map(|raw| Json::trusted(raw.get()));
        tools.push(Tool {
            name,
            description: function.description.map(|text| text.owned()).filter(|text| !text.is_empty()),
            kind: ToolKind::Function(schema),
            strict: None,
            cache: None,
            extras: Vec::new(),
        });
    }
    Ok(tools)
}
