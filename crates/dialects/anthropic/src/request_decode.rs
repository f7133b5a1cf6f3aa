//! Reads a client's request into the hub.

use dialect::{Body, Decoded, unread};
use hub::{
    Builtin, Extra, Fault, Format, Json, Level, Losses, Mode, Part, Request, Role, Sampling, Schema, Service, Show,
    Text, Thinking, Tier, Tool, ToolChoice, ToolKind, Turn, UserLocation, WebSearch,
};
use serde_json::value::RawValue;

use crate::block_decode;
use crate::names::ID;
use crate::place::Place;
use crate::plain_results;
use crate::wire::{self, Content};

/// Fields that this decoder reads.
const READ: [&str; 20] = [
    "model",
    "messages",
    "max_tokens",
    "system",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "metadata",
    "service_tier",
    "speed",
    "cache_control",
    "mcp_servers",
    "container",
];

/// Provider-private fields: agents send them on every call, and no other provider's answer misses them.
const PRIVATE: [&str; 9] = [
    "betas",
    "context_management",
    "diagnostics",
    "fallbacks",
    "inference_geo",
    "thread",
    "user_profile_id",
    "workspace_id",
    "anthropic_version",
];

/// What the hub's fields are called here.
pub(crate) const NAMES: &[(&str, &str)] = &[
    ("response_format", "output_config.format"),
    ("stop", "stop_sequences"),
    ("parallel_tool_calls", "tool_choice.disable_parallel_tool_use"),
    ("user", "metadata.user_id"),
];

/// What is said of fields that no type here has.
const WORDS: unread::Words = unread::Words {
    brackets: false,
    plain: &["type"],
    hints: &[
        "messages.id",
        ".cache_control",
        "metadata.*",
        "tools.eager_input_streaming",
        "tools.defer_loading",
        ".cache_control.scope",
        ".caller",
        ".transformations.oversized_image",
    ],
};

/// Reads the whole request.
///
/// # Errors
/// A bad-request fault that names the field, or an unsupported fault for what lives only on Anthropic's servers.
pub(crate) fn decode(body: &Body) -> Result<Decoded, Fault> {
    unread::told(body, &WORDS, || read(body))
}

fn read(body: &Body) -> Result<Decoded, Fault> {
    refuse_server_state(body)?;
    let mut losses = Losses::default();
    let mut request = Request {
        model: body.get("model")?.ok_or_else(|| Fault::bad_request("model: Field required").at("model"))?,
        system: system(body)?,
        turns: turns(body)?,
        tools: tools(body, &mut losses)?,
        sampling: sampling(body)?,
        format: format(body)?,
        thinking: thinking(body)?,
        service: service(body)?,
        ..Request::default()
    };
    request.hoist();
    choice(body, &mut request)?;
    automatic_breakpoint(body, &mut request)?;
    keep_unknown(body, &mut request, &mut losses);
    Ok(Decoded { request, losses })
}

/// What bears on thinking: turns, tools, limits and the wish itself, of a request that is relayed as it stands.
///
/// # Errors
/// A bad-request fault that names the field.
pub(crate) fn decode_for_thinking(body: &Body) -> Result<Request, Fault> {
    let mut request = Request {
        turns: turns(body)?,
        tools: tools(body, &mut Losses::default())?,
        sampling: sampling(body)?,
        thinking: thinking(body)?,
        ..Request::default()
    };
    choice(body, &mut request)?;
    Ok(request)
}

/// What names a resource of the client's Anthropic account cannot be had elsewhere.
fn refuse_server_state(body: &Body) -> Result<(), Fault> {
    let filled = |field: &str| body.raw(field).is_some_and(|text| !matches!(text.trim(), "[]" | "{}" | "\"\""));
    for field in ["mcp_servers", "container"] {
        if filled(field) {
            return Err(Fault::unsupported(
                field,
                format!("{field}: this model is served by another provider, which cannot reach it; remove the field"),
            ));
        }
    }
    Ok(())
}

fn system(body: &Body) -> Result<Vec<Text>, Fault> {
    match body.get::<Content<'_>>("system")? {
        None | Some(Content::Absent) => Ok(Vec::new()),
        Some(Content::Text(text)) => Ok(vec![Text::plain(text)]),
        Some(Content::Blocks(blocks)) => blocks.into_iter().enumerate().map(system_block).collect(),
        Some(Content::Other) => Err(Fault::bad_request("system: a string or text blocks are expected").at("system")),
    }
}

fn system_block((at, block): (usize, wire::Block<'_>)) -> Result<Text, Fault> {
    match block.text {
        Some(text) if block.kind == "text" => {
            let cache = block_decode::cache(block.cache_control.as_ref());
            Ok(Text { text, cache, ..Text::default() })
        }
        _ => Err(Fault::bad_request(format!("system.{at}.type: Input should be 'text'")).at(format!("system.{at}"))),
    }
}

fn turns(body: &Body) -> Result<Vec<Turn>, Fault> {
    let Some(text) = body.raw("messages") else {
        return Err(Fault::bad_request("messages: Field required").at("messages"));
    };
    match dialect::read::text(text) {
        Ok(messages) => turns_of(messages, text),
        Err(error) => {
            let fault = || diagnose(&Place::new("messages", text), &error);
            let mended = plain_results::as_texts(text).ok_or_else(fault)?;
            turns_of(dialect::read::text(&mended).map_err(|_| fault())?, &mended)
        }
    }
}

fn turns_of(messages: Vec<wire::Message<'_>>, text: &str) -> Result<Vec<Turn>, Fault> {
    let place = Place::new("messages", text);
    if messages.is_empty() {
        return Err(Fault::bad_request("messages: at least one message is required").at("messages"));
    }
    let mut turns = Vec::with_capacity(messages.len());
    for (at, message) in messages.into_iter().enumerate() {
        turn(message, &place.at(at), &mut turns)?;
    }
    Ok(turns)
}

fn turn(message: wire::Message<'_>, place: &Place<'_, '_>, turns: &mut Vec<Turn>) -> Result<(), Fault> {
    let role = match &*message.role {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        other => {
            let message = format!("{}.role: '{other}' is not user, assistant or system", place.path());
            return Err(Fault::bad_request(message).at(place.path()));
        }
    };
    if matches!(message.content, Content::Other) {
        let message = format!("{}.content: a string or an array of blocks is expected", place.path());
        return Err(Fault::bad_request(message).at(place.path()));
    }
    block_decode::turns(message.content, role, &place.field("content"), turns)
}

/// Names the first message, and block, that cannot be read. Only a broken request pays for this second reading.
fn diagnose(messages: &Place<'_, '_>, error: &serde_json::Error) -> Fault {
    let at = |place: &Place<'_, '_>, error: &serde_json::Error| {
        let path = place.path();
        Fault::bad_request(format!("{path}: {}", words(error))).at(path)
    };
    let list: Vec<&RawValue> = serde_json::from_str(messages.text().unwrap_or_default()).unwrap_or_default();
    for (index, raw) in list.iter().enumerate() {
        let Err(error) = serde_json::from_str::<wire::Message<'_>>(raw.get()) else { continue };
        let message = messages.at(index);
        let content = message.field("content");
        let blocks: Vec<&RawValue> = serde_json::from_str(content.text().unwrap_or_default()).unwrap_or_default();
        for (index, raw) in blocks.iter().enumerate() {
            if let Err(error) = serde_json::from_str::<wire::Block<'_>>(raw.get()) {
                return at(&content.at(index), &error);
            }
        }
        return at(&message, &error);
    }
    at(messages, error)
}

/// The error without its position, which counts from the part that was read.
fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or(text.as_str(), |at| &text[..at]).to_owned()
}

fn tools(body: &Body, losses: &mut Losses) -> Result<Vec<Tool>, Fault> {
    let tools: Vec<wire::Tool<'_>> = body.get("tools")?.unwrap_or_default();
    let place = Place::new("tools", body.raw("tools").unwrap_or("[]"));
    tools.into_iter().enumerate().map(|(at, tool)| self::tool(tool, &place.at(at), losses)).collect()
}

fn tool(mut tool: wire::Tool<'_>, place: &Place<'_, '_>, losses: &mut Losses) -> Result<Tool, Fault> {
    told_examples(&mut tool);
    if tool.allowed_callers.as_deref().is_some_and(|callers| !callers.iter().any(|caller| caller == DIRECT)) {
        losses.approximated(format!("{}.allowed_callers", place.path()), "the model calls it itself");
    }
    let mut name = tool.name.clone().unwrap_or_default();
    let cache = block_decode::cache(tool.cache_control.as_ref());
    let kind = match tool.kind.as_deref() {
        None | Some("custom") if name.is_empty() => {
            return Err(Fault::bad_request(format!("{}.name: Field required", place.path())).at(place.path()));
        }
        None | Some("custom") => ToolKind::Function(tool.input_schema.map(|raw| Json::trusted(raw.get()))),
        Some(kind) if kind.starts_with("web_search_") => ToolKind::WebSearch(WebSearch {
            allowed_domains: tool.allowed_domains.unwrap_or_default(),
            blocked_domains: tool.blocked_domains.unwrap_or_default(),
            max_uses: tool.max_uses,
            context_size: None,
            location: tool.user_location.map(location),
        }),
        Some(kind) => {
            let same = match kind {
                _ if kind.starts_with("code_execution_") => Some(Builtin::Code),
                _ if kind.starts_with("web_fetch_") => Some(Builtin::Fetch),
                _ => None,
            };
            if name.is_empty() {
                // A set of tools has none of its own.
                kind.clone_into(&mut name);
            }
            let json = place.text().unwrap_or("{}");
            match same {
                None => unread::kept(json),
                // Others have the tool, and none of its settings.
                Some(_) => ["max_uses", "allowed_domains", "blocked_domains", "user_location"]
                    .into_iter()
                    .for_each(|field| unread::left(place.field(field).text())),
            }
            ToolKind::Hosted { origin: ID, json: Json::trusted(json), same }
        }
    };
    Ok(Tool { name, description: tool.description, kind, strict: tool.strict, cache, extras: Vec::new() })
}

/// The caller of a tool that is the model itself.
const DIRECT: &str = "direct";

/// Examples of a call stand in the tool's description: only Anthropic has a field for them.
fn told_examples(tool: &mut wire::Tool<'_>) {
    let examples = tool.input_examples.take().unwrap_or_default();
    if examples.is_empty() {
        return;
    }
    let mut told = tool.description.take().unwrap_or_default();
    told.push_str(if told.is_empty() { "Examples of input:" } else { "\n\nExamples of input:" });
    for example in examples {
        told.push('\n');
        told.push_str(example.get());
    }
    tool.description = Some(told);
}

fn location(location: wire::Location) -> UserLocation {
    let wire::Location { city, region, country, timezone } = location;
    UserLocation { city, region, country, timezone }
}

fn choice(body: &Body, request: &mut Request) -> Result<(), Fault> {
    let Some(choice) = body.get::<wire::ToolChoice<'_>>("tool_choice")? else { return Ok(()) };
    if choice.disable_parallel_tool_use == Some(true) {
        request.parallel_tools = Some(false);
    }
    request.tool_choice = match &*choice.kind {
        "auto" => None,
        "none" => Some(ToolChoice::None),
        "any" => Some(ToolChoice::Required),
        "tool" => {
            let name =
                choice.name.ok_or_else(|| Fault::bad_request("tool_choice.name: Field required").at("tool_choice"))?;
            Some(ToolChoice::Tool(name))
        }
        other => {
            let message = format!("tool_choice.type: '{other}' is not auto, any, tool or none");
            return Err(Fault::bad_request(message).at("tool_choice"));
        }
    };
    match request.undeclared() {
        Some(name) => {
            Err(Fault::bad_request(format!("tool_choice.name: no tool is called '{name}'")).at("tool_choice"))
        }
        None => Ok(()),
    }
}

fn sampling(body: &Body) -> Result<Sampling, Fault> {
    let not_default = |value: &f64| (value - 1.0).abs() > f64::EPSILON;
    Ok(Sampling {
        max_tokens: body.get("max_tokens")?,
        temperature: body.get("temperature")?.filter(not_default),
        top_p: body.get("top_p")?.filter(not_default),
        top_k: body.get("top_k")?,
        stop: body.get("stop_sequences")?.unwrap_or_default(),
        ..Sampling::default()
    })
}

fn format(body: &Body) -> Result<Format, Fault> {
    let config: Option<wire::OutputConfig<'_>> = body.get("output_config")?;
    let older: Option<wire::OutputFormat<'_>> = body.get("output_format")?;
    let Some(format) = config.and_then(|config| config.format).or(older) else { return Ok(Format::Text) };
    match (&*format.kind, format.schema) {
        ("json_schema", Some(schema)) => {
            let schema = Json::trusted(schema.get());
            Ok(Format::Schema(Schema { name: None, description: None, schema, strict: Some(true), bare: false }))
        }
        _ => Err(Fault::bad_request("output_config.format: type json_schema with a schema is expected")
            .at("output_config.format")),
    }
}

fn thinking(body: &Body) -> Result<Thinking, Fault> {
    let config: Option<wire::OutputConfig<'_>> = body.get("output_config")?;
    let level = config.and_then(|config| config.effort.as_deref().and_then(Level::from_word));
    let Some(thinking) = body.get::<wire::Thinking<'_>>("thinking")? else {
        return Ok(Thinking { mode: None, level, show: Show::Default });
    };
    let mode = match &*thinking.kind {
        // Thinking between tool calls only has no counterpart elsewhere.
        "disabled" | "between_tools" => Some(Mode::Off),
        "adaptive" => Some(Mode::Auto),
        "enabled" => {
            Some(thinking.budget_tokens.map_or(Mode::Auto, |n| Mode::Budget(u32::try_from(n).unwrap_or(u32::MAX))))
        }
        _ => None,
    };
    let show = match thinking.display.as_deref() {
        Some("summarized") => Show::Yes,
        Some("omitted") => Show::No,
        _ => Show::Default,
    };
    Ok(Thinking { mode, level, show })
}

fn service(body: &Body) -> Result<Service, Fault> {
    let speed: Option<String> = body.get("speed")?;
    let tier: Option<String> = body.get("service_tier")?;
    let user = body.get::<wire::Metadata>("metadata")?.and_then(|metadata| metadata.user_id);
    Ok(Service {
        tier: match (speed.as_deref(), tier.as_deref()) {
            (Some("fast"), _) => Some(Tier::Priority),
            (_, Some("standard_only")) => Some(Tier::Standard),
            _ => None,
        },
        cache_key: user.as_deref().map(|user| crate::session::of_user(user).unwrap_or_else(|| user.to_owned())),
        user,
        metadata: None,
    })
}

/// A top-level `cache_control` asks for a breakpoint at the end of the prompt.
fn automatic_breakpoint(body: &Body, request: &mut Request) -> Result<(), Fault> {
    let Some(control) = body.get::<wire::CacheControl<'_>>("cache_control")? else { return Ok(()) };
    let hint = block_decode::cache(Some(&control));
    let last = request.turns.last_mut().and_then(|turn| turn.parts.last_mut());
    let slot = match last {
        Some(Part::Text(text)) => Some(&mut text.cache),
        Some(Part::Image(media) | Part::Audio(media) | Part::Video(media)) => Some(&mut media.cache),
        Some(Part::File(file)) => Some(&mut file.cache),
        Some(Part::ToolCall(call)) => Some(&mut call.cache),
        Some(Part::ToolResult(result)) => Some(&mut result.cache),
        Some(Part::Refusal(_) | Part::Thinking(_) | Part::Foreign(_)) | None => None,
    };
    if let Some(slot) = slot {
        *slot = slot.or(hint);
    }
    Ok(())
}

/// Fields of a newer API than ours are kept for their own dialect; every other loses them.
fn keep_unknown(body: &Body, request: &mut Request, losses: &mut Losses) {
    for (field, text) in body.others(&READ) {
        if PRIVATE.contains(&&*field) {
            losses.silent(field.into_owned());
        } else {
            losses.dropped(field.to_string(), "no other dialect has such a field");
            request.extras.push(Extra { origin: ID, field: field.into_owned(), json: Json::trusted(text) });
        }
    }
}
