//! Reads tool declarations and the choice among them, the current form and the legacy one.

use dialect::{Body, unread};
use hub::{Fault, Json, Request, Tool, ToolChoice, ToolKind, UserLocation, WebSearch};
use serde_json::value::RawValue;

use crate::ID;
use crate::decode_parts::cache_of;
use crate::wire::{self, as_text};

/// The name under which a search that was asked for by a field joins the tools.
const WEB_SEARCH: &str = "web_search";

/// Reads tools, choice and parallelism. Without tools the other two mean nothing.
pub(crate) fn read(body: &Body, request: &mut Request) -> Result<(), Fault> {
    let tools: Vec<&RawValue> = body.get("tools")?.unwrap_or_default();
    for (index, raw) in tools.into_iter().enumerate() {
        request.tools.push(tool(index, raw)?);
    }
    let functions: Vec<wire::Declaration<'_>> = body.get("functions")?.unwrap_or_default();
    for (index, function) in functions.into_iter().enumerate() {
        request.tools.push(function_tool(&format!("functions[{index}].name"), function, None)?);
    }
    if let Some(options) = body.get::<wire::WebSearchOptions<'_>>("web_search_options")? {
        request.tools.push(web_search(options));
    }
    if request.tools.is_empty() {
        return Ok(());
    }
    choose(body, request)?;
    request.parallel_tools = body.get("parallel_tool_calls")?.filter(|parallel: &bool| !parallel);
    Ok(())
}

fn tool(index: usize, raw: &RawValue) -> Result<Tool, Fault> {
    let bad =
        |error: serde_json::Error| Fault::bad_request(format!("not a tool: {error}")).at(format!("tools[{index}]"));
    let tool: wire::Tool<'_> = dialect::read::text(raw.get()).map_err(bad)?;
    let outer = tool.cache_control.as_ref();
    match (tool.kind.as_deref().unwrap_or("function"), tool.function, tool.custom) {
        ("function", Some(function), _) => function_tool(&format!("tools[{index}].function.name"), function, outer),
        // The flat form of the Responses API turns up here, too.
        ("function", None, _) => {
            unread::kept(raw.get());
            let flat: wire::Declaration<'_> = dialect::read::text(raw.get()).map_err(bad)?;
            function_tool(&format!("tools[{index}].function.name"), flat, outer)
        }
        ("custom", _, Some(custom)) => custom_tool(&format!("tools[{index}].custom.name"), custom, outer),
        (kind, _, _) => {
            unread::kept(raw.get());
            Ok(Tool {
                name: kind.to_owned(),
                description: None,
                kind: ToolKind::Hosted { origin: ID, json: Json::trusted(raw.get()), same: None },
                strict: None,
                cache: None,
                extras: Vec::new(),
            })
        }
    }
}

fn name_of(path: &str, name: Option<wire::Str<'_>>) -> Result<String, Fault> {
    let name = name.filter(|name| !name.is_empty());
    name.map(wire::Str::owned).ok_or_else(|| Fault::bad_request("a tool needs a name").at(path.to_owned()))
}

fn function_tool(
    path: &str,
    function: wire::Declaration<'_>,
    outer: Option<&wire::CacheControl<'_>>,
) -> Result<Tool, Fault> {
    let schema = function.parameters.map(|raw| Json::trusted(raw.get()));
    Ok(Tool {
        name: name_of(path, function.name)?,
        description: function.description.map(wire::Str::owned),
        kind: ToolKind::Function(schema),
        strict: function.strict,
        cache: cache_of(outer.or(function.cache_control.as_ref())),
        extras: Vec::new(),
    })
}

fn custom_tool(
    path: &str,
    custom: wire::Declaration<'_>,
    outer: Option<&wire::CacheControl<'_>>,
) -> Result<Tool, Fault> {
    Ok(Tool {
        name: name_of(path, custom.name)?,
        description: custom.description.map(wire::Str::owned),
        kind: ToolKind::Custom(custom.format.map(|raw| Json::trusted(raw.get()))),
        strict: None,
        cache: cache_of(outer.or(custom.cache_control.as_ref())),
        extras: Vec::new(),
    })
}

fn web_search(options: wire::WebSearchOptions<'_>) -> Tool {
    let text = |text: Option<wire::Str<'_>>| text.map(wire::Str::owned);
    let place = options.user_location.and_then(|location| location.approximate);
    let location = place.map(|place| UserLocation {
        city: text(place.city),
        region: text(place.region),
        country: text(place.country),
        timezone: text(place.timezone),
    });
    let context_size = text(options.search_context_size);
    Tool {
        name: WEB_SEARCH.to_owned(),
        description: None,
        kind: ToolKind::WebSearch(WebSearch { context_size, location, ..WebSearch::default() }),
        strict: None,
        cache: None,
        extras: Vec::new(),
    }
}

/// Reads the choice. A name that was not declared is refused here, before anyone is asked.
fn choose(body: &Body, request: &mut Request) -> Result<(), Fault> {
    let told = [("tool_choice", body.get("tool_choice")?), ("function_call", body.get("function_call")?)];
    let Some((field, raw)) = told.into_iter().find_map(|(field, raw): (_, wire::Raw<'_>)| Some((field, raw?))) else {
        return Ok(());
    };
    let choice = match as_text(raw) {
        Some(word) => by_word(field, &word)?,
        None => {
            let bad = |_| Fault::bad_request(format!("invalid `{field}`")).at(field);
            by_object(field, dialect::read::text(raw.get()).map_err(bad)?)?
        }
    };
    request.tool_choice = Some(choice).filter(|choice| *choice != ToolChoice::Auto);
    match request.undeclared() {
        Some(name) => Err(Fault::bad_request(format!("tool {name:?} is not among the declared tools")).at(field)),
        None => Ok(()),
    }
}

fn by_word(field: &'static str, word: &str) -> Result<ToolChoice, Fault> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" | "any" => Ok(ToolChoice::Required),
        other => Err(Fault::bad_request(format!("unknown choice {other:?}: use auto, none or required")).at(field)),
    }
}

fn by_object(field: &'static str, choice: wire::Choice<'_>) -> Result<ToolChoice, Fault> {
    if let Some(allowed) = choice.allowed_tools {
        let required = allowed.mode.as_deref() == Some("required");
        let names = allowed.tools.into_iter().filter_map(chosen).collect();
        return among(field, required, names);
    }
    let kind = choice.kind.as_ref().map(|kind| kind.to_string()).unwrap_or_default();
    match chosen(choice) {
        Some(name) => Ok(ToolChoice::Tool(name)),
        None if kind == WEB_SEARCH || kind.starts_with("web_search_") => Ok(ToolChoice::Tool(kind)),
        None => by_word(field, &kind),
    }
}

fn chosen(choice: wire::Choice<'_>) -> Option<String> {
    let inner = choice.function.or(choice.custom).and_then(|named| named.name);
    inner.or(choice.name).map(wire::Str::owned)
}

/// A choice among no tools at all is none.
fn among(field: &'static str, required: bool, names: Vec<String>) -> Result<ToolChoice, Fault> {
    match (names.is_empty(), required) {
        (true, true) => Err(Fault::bad_request("some tool must be called, and none is allowed").at(field)),
        (true, false) => Ok(ToolChoice::None),
        (false, required) => Ok(ToolChoice::Subset { required, names }),
    }
}
