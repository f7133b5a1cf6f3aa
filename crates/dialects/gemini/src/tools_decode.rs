//! Reads tools and the choice among them.

use dialect::{Body, unread};
use hub::{Builtin, Fault, Json, Request, Tool, ToolChoice, ToolKind, WebSearch};
use serde_json::value::RawValue;

use crate::request_decode::Fields;
use crate::wire::{self, CallingConfig, FunctionDeclaration, GoogleSearch, ToolConfig, filled, lenient, typed};
use crate::{ID, lift};

/// The name under which other dialects know the search.
const SEARCH: &str = "web_search";

/// Reads `tools` and `toolConfig`.
///
/// # Errors
/// A bad-request fault that names the field.
pub(crate) fn read(body: &Body, request: &mut Request) -> Result<(), Fault> {
    let fields = Fields::of(body);
    if let Some(json) = fields.raw("tools", "tools") {
        let list =
            wire::entries(json, "tools")?.ok_or_else(|| Fault::bad_request("`tools` must be a list").at("tools"))?;
        for (number, tool) in list.into_iter().enumerate() {
            read_tool(tool.get(), number, request)?;
        }
    }
    let config: ToolConfig<'_> = fields.typed("toolConfig", "tool_config")?.unwrap_or_default();
    if let Some(calling) = config.function_calling_config {
        choose(calling, request);
    }
    if let Some(name) = request.undeclared() {
        const PLACE: &str = "toolConfig.functionCallingConfig.allowedFunctionNames";
        return Err(Fault::bad_request(format!("`{PLACE}` names `{name}`, which is not declared")).at(PLACE));
    }
    Ok(())
}

/// One entry of `tools` holds any of its kinds, each under its own key.
fn read_tool(json: &str, number: usize, request: &mut Request) -> Result<(), Fault> {
    let place = format!("tools[{number}]");
    let object = dialect::scan::object(json.as_bytes())
        .map_err(|error| Fault::bad_request(format!("invalid `{place}`: {error}")).at(place.clone()))?;
    for (key, value) in object.entries(json.as_bytes()).filter(|(_, value)| *value != "null") {
        match &*key {
            "functionDeclarations" | "function_declarations" => {
                for declaration in wire::entries(value, &place)?.unwrap_or_default() {
                    request.tools.push(function(declaration.get(), &place)?);
                }
            }
            "googleSearch" | "google_search" | "googleSearchRetrieval" | "google_search_retrieval" => {
                request.tools.push(search(value));
            }
            other => request.tools.push(hosted(other, value)),
        }
    }
    Ok(())
}

fn function(json: &str, place: &str) -> Result<Tool, Fault> {
    let declaration: FunctionDeclaration<'_> = typed(json, place)?;
    let name = filled(declaration.name).ok_or_else(|| {
        Fault::bad_request(format!("`{place}` declares a function without a name")).at(place.to_owned())
    })?;
    let plain = declaration.parameters_json_schema.map(|raw| Json::trusted(raw.get()));
    let schema = plain.or_else(|| declaration.parameters.map(|raw| Json::trusted(lift::lift(raw.get()))));
    Ok(tool(name, filled(declaration.description), ToolKind::Function(schema)))
}

fn search(json: &str) -> Tool {
    let raw: Option<&RawValue> = dialect::read::text(json).ok();
    let search: GoogleSearch<'_> = lenient(raw);
    let blocked_domains = search.exclude_domains.unwrap_or_default().into_iter().map(wire::Str::owned).collect();
    tool(SEARCH.into(), None, ToolKind::WebSearch(WebSearch { blocked_domains, ..WebSearch::default() }))
}

fn hosted(key: &str, json: &str) -> Tool {
    let whole = format!("{{{}:{json}}}", dialect::json_text(key));
    let same = match key {
        "codeExecution" | "code_execution" => Some(Builtin::Code),
        "urlContext" | "url_context" => Some(Builtin::Fetch),
        _ => None,
    };
    if same.is_some() {
        // Others have the tool, and none of its settings.
        unread::left(Some(json));
    }
    tool(key.to_owned(), None, ToolKind::Hosted { origin: ID, json: Json::trusted(whole), same })
}

fn tool(name: String, description: Option<String>, kind: ToolKind) -> Tool {
    Tool { name, description, kind, strict: None, cache: None, extras: Vec::new() }
}

/// Reads the mode. `VALIDATED` holds calls to their schemas: that is what others call strict.
fn choose(config: CallingConfig<'_>, request: &mut Request) {
    let names: Vec<String> =
        config.allowed_function_names.unwrap_or_default().into_iter().map(wire::Str::owned).collect();
    let mode = config.mode.as_deref().unwrap_or_default().to_ascii_uppercase();
    request.tool_choice = match (mode.as_str(), names.as_slice()) {
        ("NONE", _) => Some(ToolChoice::None),
        ("ANY", []) => Some(ToolChoice::Required),
        ("ANY", [name]) => Some(ToolChoice::Tool(name.clone())),
        ("ANY", _) => Some(ToolChoice::Subset { required: true, names }),
        (_, []) => None,
        _ => Some(ToolChoice::Subset { required: false, names }),
    };
    if mode == "VALIDATED" {
        for tool in request.tools.iter_mut().filter(|tool| matches!(tool.kind, ToolKind::Function(_))) {
            tool.strict = Some(true);
        }
    }
}
