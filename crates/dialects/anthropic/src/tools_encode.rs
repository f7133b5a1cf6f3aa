//! Writes tool declarations and the choice among them.

use std::collections::{HashMap, HashSet};

use bytes::BytesMut;
use dialect::NameMap;
use hub::{Builtin, Fault, Json, Losses, Part, Request, Tool, ToolChoice, ToolKind, UserLocation, WebSearch};

use crate::breakpoints::{Breakpoints, Section};
use crate::json::Open;
use crate::names::{ID, TOOL_NAME};
use crate::schema;

/// The oldest search tool: no newer feature is ever asked.
const SEARCH_TYPE: &str = "web_search_20250305";
/// The name that the search tool must have.
const SEARCH_NAME: &str = "web_search";
/// The tool that runs programs, in its oldest form: it knows Python, as those of others do.
const CODE: &str = "{\"type\":\"code_execution_20250522\",\"name\":\"code_execution\"}";
/// How it must be called.
const CODE_NAME: &str = "code_execution";
/// The tool that reads pages, in its oldest form.
const FETCH: &str = "{\"type\":\"web_fetch_20250910\",\"name\":\"web_fetch\"}";
/// How it must be called.
const FETCH_NAME: &str = "web_fetch";
/// The schema of a function that stands for a free-text tool.
const CUSTOM_SCHEMA: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

/// The tools of one request that can be sent, and the choice among them.
#[derive(Debug)]
pub(crate) struct Tools<'a> {
    /// Declared once each, in the client's order.
    pub(crate) list: Vec<&'a Tool>,
    /// What is written; `None` is the API's default.
    pub(crate) choice: Option<Choice<'a>>,
    pub(crate) one_at_a_time: bool,
}

/// The choice as this wire knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    Auto,
    None,
    Any,
    Tool(&'a str),
}

impl Tools<'_> {
    /// Whether the model must call a tool.
    pub(crate) fn is_forced(&self) -> bool {
        matches!(self.choice, Some(Choice::Any | Choice::Tool(_)))
    }
}

/// Legal names for all tools that are declared, chosen or part of the history.
pub(crate) fn names(request: &Request) -> NameMap {
    let declared = request.tools.iter().filter(|tool| is_client_tool(tool)).map(|tool| tool.name.as_str());
    let parts = request.turns.iter().flat_map(|turn| &turn.parts);
    let called = parts.filter_map(|part| match part {
        Part::ToolCall(call) => Some(call.name.as_str()),
        _ => None,
    });
    NameMap::new(declared.chain(called), TOOL_NAME)
}

fn is_client_tool(tool: &Tool) -> bool {
    matches!(tool.kind, ToolKind::Function(_) | ToolKind::Custom(_))
}

/// Picks the tools that can be sent.
///
/// # Errors
/// A fault when the choice names a tool that is not declared, or one that this provider does not run.
pub(crate) fn select<'a>(request: &'a Request, losses: &mut Losses) -> Result<Tools<'a>, Fault> {
    let wanted = wanted(request);
    check_wanted(request, &wanted)?;
    // A subset is sent by leaving the other tools out: there is no field for it.
    let is_subset = matches!(request.tool_choice, Some(ToolChoice::Subset { .. }));
    let mut seen = HashSet::new();
    let mut list = Vec::with_capacity(request.tools.len());
    for (at, tool) in request.tools.iter().enumerate() {
        if is_subset && !wanted.contains(wire_name(tool)) {
            continue;
        }
        if !can_send(tool) {
            losses.dropped(format!("tools[{at}]"), "Anthropic has no such hosted tool");
        } else if !seen.insert(wire_name(tool)) {
            losses.dropped(format!("tools[{at}]"), "a tool of this name was declared before");
        } else {
            list.push(tool);
        }
    }
    let insists = request.tool_choice.as_ref().is_some_and(ToolChoice::insists);
    if list.is_empty() && insists && !request.tools.is_empty() {
        let words = "Anthropic runs none of the tools of which one must be called; offer others";
        return Err(Fault::unsupported("tool_choice", words));
    }
    let choice = if list.is_empty() { None } else { choice(request) };
    let one_at_a_time = request.parallel_tools == Some(false) && !list.is_empty();
    Ok(Tools { list, choice, one_at_a_time })
}

/// The names that the choice asks for, those of search tools as one.
fn wanted(request: &Request) -> HashSet<&str> {
    let names: &[String] = match &request.tool_choice {
        Some(ToolChoice::Tool(name)) => std::slice::from_ref(name),
        Some(ToolChoice::Subset { names, .. }) => names,
        _ => &[],
    };
    let declared: HashSet<&str> = request.tools.iter().map(wire_name).collect();
    // Other dialects number or suffix their search tools: `web_search_preview`.
    let is_search = |name: &str| !declared.contains(name) && name.starts_with(SEARCH_NAME);
    names.iter().map(|name| if is_search(name) { SEARCH_NAME } else { name }).collect()
}

fn check_wanted(request: &Request, wanted: &HashSet<&str>) -> Result<(), Fault> {
    let declared: HashMap<&str, &Tool> = request.tools.iter().map(|tool| (wire_name(tool), tool)).collect();
    for name in wanted {
        match declared.get(name) {
            None => {
                let message = format!("tool_choice names `{name}`, which is not among the tools");
                return Err(Fault::bad_request(message).at("tool_choice"));
            }
            // Of several the others are left.
            Some(tool) if !can_send(tool) && matches!(request.tool_choice, Some(ToolChoice::Tool(_))) => {
                let message = format!("tool_choice forces `{name}`, which Anthropic does not run; choose another tool");
                return Err(Fault::unsupported("tool_choice", message));
            }
            Some(_) => (),
        }
    }
    Ok(())
}

/// The declared name, except that there is one search tool.
fn wire_name(tool: &Tool) -> &str {
    match tool.kind {
        ToolKind::WebSearch(_) => SEARCH_NAME,
        ToolKind::Hosted { same: Some(Builtin::Code), .. } => CODE_NAME,
        ToolKind::Hosted { same: Some(Builtin::Fetch), .. } => FETCH_NAME,
        _ => &tool.name,
    }
}

fn can_send(tool: &Tool) -> bool {
    !matches!(&tool.kind, ToolKind::Hosted { origin, same: None, .. } if *origin != ID)
}

fn choice(request: &Request) -> Option<Choice<'_>> {
    match request.tool_choice.as_ref()? {
        ToolChoice::Auto | ToolChoice::Subset { required: false, .. } => None,
        ToolChoice::None => Some(Choice::None),
        ToolChoice::Required | ToolChoice::Subset { required: true, .. } => Some(Choice::Any),
        ToolChoice::Tool(_) => wanted(request).into_iter().next().map(Choice::Tool),
    }
}

/// Writes the list.
pub(crate) fn write(
    tools: &[&Tool],
    names: &NameMap,
    breakpoints: &mut Breakpoints,
    out: &mut BytesMut,
    losses: &mut Losses,
) {
    let mut list = Open::array(out);
    for tool in tools {
        if let ToolKind::Hosted { origin, json, same } = &tool.kind {
            let json = match same {
                Some(Builtin::Code) if *origin != ID => CODE,
                Some(Builtin::Fetch) if *origin != ID => FETCH,
                _ => json.as_str(),
            };
            list.item().extend_from_slice(json.as_bytes());
            continue;
        }
        let mut object = Open::object(list.item());
        match &tool.kind {
            ToolKind::Function(parameters) => function(tool, parameters.as_ref(), names, &mut object, losses),
            ToolKind::Custom(grammar) => custom(tool, grammar.as_ref(), names, &mut object),
            ToolKind::WebSearch(search) => web_search(search, &mut object, losses),
            ToolKind::Hosted { .. } => (),
        }
        if let Some(control) = breakpoints.take(Section::Tools, tool.cache) {
            object.raw("cache_control", control);
        }
        object.end();
    }
    list.end();
}

fn function(tool: &Tool, parameters: Option<&Json>, names: &NameMap, object: &mut Open<'_>, losses: &mut Losses) {
    object.text("name", names.wire(&tool.name));
    object.maybe_text("description", tool.description.as_deref());
    let parameters = parameters.map_or(schema::NO_ARGUMENTS, Json::as_str);
    let repaired = schema::for_tool(parameters);
    let sound = repaired.as_ref().and_then(|lowered| lowered.json.as_deref()).unwrap_or(parameters);
    let strict = tool.strict == Some(true);
    let lowered = strict.then(|| schema::strict(sound));
    let subset = lowered.as_ref().and_then(|lowered| lowered.json.as_deref());
    object.raw("input_schema", subset.unwrap_or(sound));
    if subset.is_some() {
        object.flag("strict", true);
    }
    for lowered in repaired.into_iter().chain(lowered) {
        lowered.report(|| format!("tools.{}.parameters", tool.name), losses);
    }
}

/// A free-text tool stands as a function with one string; its grammar is words for the model.
fn custom(tool: &Tool, grammar: Option<&Json>, names: &NameMap, object: &mut Open<'_>) {
    object.text("name", names.wire(&tool.name));
    let description = tool.description.as_deref().unwrap_or_default();
    match grammar.and_then(|grammar| dialect::grammar_words(grammar.as_str())) {
        Some(words) => object.text("description", format!("{description}\n\n{words}").trim_start()),
        None => object.maybe_text("description", tool.description.as_deref()),
    }
    object.raw("input_schema", CUSTOM_SCHEMA);
}

fn web_search(search: &WebSearch, object: &mut Open<'_>, losses: &mut Losses) {
    if search.context_size.is_some() {
        losses.dropped("tools.web_search.search_context_size", "Anthropic's search has no such setting");
    }
    object.text("type", SEARCH_TYPE);
    object.text("name", SEARCH_NAME);
    object.maybe_count("max_uses", search.max_uses.map(u64::from));
    // The two lists exclude each other.
    if !search.allowed_domains.is_empty() {
        words("allowed_domains", &search.allowed_domains, object);
        if !search.blocked_domains.is_empty() {
            losses.dropped("tools.web_search.blocked_domains", "Anthropic takes one of the two lists of domains");
        }
    } else if !search.blocked_domains.is_empty() {
        words("blocked_domains", &search.blocked_domains, object);
    }
    if let Some(UserLocation { city, region, country, timezone }) = &search.location {
        let mut place = Open::typed(object.key("user_location"), "approximate");
        place.maybe_text("city", city.as_deref());
        place.maybe_text("region", region.as_deref());
        place.maybe_text("country", country.as_deref());
        place.maybe_text("timezone", timezone.as_deref());
        place.end();
    }
}

fn words(key: &str, list: &[String], object: &mut Open<'_>) {
    let mut array = Open::array(object.key(key));
    for word in list {
        dialect::quoted(word, array.item());
    }
    array.end();
}

/// Writes the choice; the switch for single calls lives inside it.
pub(crate) fn write_choice(choice: Option<Choice<'_>>, one_at_a_time: bool, names: &NameMap, object: &mut Open<'_>) {
    let kind = match choice {
        None if !one_at_a_time => return,
        None | Some(Choice::Auto) => "auto",
        Some(Choice::None) => "none",
        Some(Choice::Any) => "any",
        Some(Choice::Tool(_)) => "tool",
    };
    let mut inner = Open::typed(object.key("tool_choice"), kind);
    if let Some(Choice::Tool(name)) = choice {
        inner.text("name", names.wire(name));
    }
    if one_at_a_time && choice != Some(Choice::None) {
        inner.flag("disable_parallel_tool_use", true);
    }
    inner.end();
}
