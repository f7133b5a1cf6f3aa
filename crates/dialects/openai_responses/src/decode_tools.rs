//! Reads tool declarations and the choice among them. Namespaces become flat names.

use std::sync::LazyLock;

use dialect::{Body, unread};
use hub::{Builtin, Fault, Json, Request, Tool, ToolChoice, ToolKind, UserLocation, WebSearch};
use memchr::memmem::Finder;
use serde_json::value::RawValue;

use crate::spaces::{self, Described};
use crate::typed::Typed;
use crate::wire::{self, Choice, Raw, Str, as_text, lenient};
use crate::{ID, typed};

/// The tool that runs programs.
pub(crate) const CODE: &str = "code_interpreter";
/// Items that declare tools.
const ADDING: [&str; 2] = ["\"additional_tools\"", "\"tool_search_output\""];
static ADDS: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| ADDING.map(Finder::new));

/// Reads tools, choice and parallelism. Without tools the other two mean nothing.
pub(crate) fn read(body: &Body, request: &mut Request) -> Result<(), Fault> {
    let Found { list, mut spaces, .. } = found(body)?;
    let (list, mut beaten) = settled(list);
    // A direct tool of the same name is none of the namespace's.
    let is_direct = |name: &String| list.iter().any(|(rank, tool)| *rank == Rank::Direct && tool.name == *name);
    spaces.iter_mut().for_each(|space| space.members.retain(|name| !is_direct(name)));
    request.tools = list.into_iter().map(|(_, tool)| tool).collect();
    beaten.retain(|tool| !request.tools.contains(tool));
    if request.tools.is_empty() {
        return Ok(());
    }
    choose(body, request)?;
    spaces.iter().for_each(|space| space.tell(request));
    // Whoever writes them down sees the name a second time, and says so.
    request.tools.append(&mut beaten);
    request.parallel_tools = body.get("parallel_tool_calls")?.filter(|parallel: &bool| !parallel);
    Ok(())
}

/// All tools of a request, each name once.
pub(crate) fn declared(body: &Body) -> Result<Vec<Tool>, Fault> {
    Ok(settled(found(body)?.list).0.into_iter().map(|(_, tool)| tool).collect())
}

fn found(body: &Body) -> Result<Found, Fault> {
    let mut found = Found::default();
    let list: Vec<&RawValue> = body.get("tools")?.unwrap_or_default();
    for (index, raw) in list.into_iter().enumerate() {
        found.declare(&format!("tools[{index}]"), raw)?;
    }
    for (path, raw) in additional(body) {
        found.rank = Rank::Additional;
        found.declare(&path, raw)?;
    }
    Ok(found)
}

/// The tools that items of the input add, as Codex does when it finds some on its way, and a search among tools.
pub(crate) fn additional(body: &Body) -> Vec<(String, &RawValue)> {
    let adds = |json: &str| ADDS.iter().any(|kind| kind.find(json.as_bytes()).is_some());
    let input = body.raw("input").filter(|input| adds(input));
    let items: Vec<&RawValue> = input.and_then(|input| serde_json::from_str(input).ok()).unwrap_or_default();
    let mut found = Vec::new();
    for (index, raw) in items.into_iter().enumerate().filter(|(_, raw)| adds(raw.get())) {
        let Ok(item) = serde_json::from_str::<wire::Item<'_>>(raw.get()) else { continue };
        if item.kind.as_deref().is_some_and(|kind| ADDING.iter().any(|adding| adding.trim_matches('"') == kind)) {
            let tools: Vec<&RawValue> = lenient(item.tools);
            let path = |n| format!("input[{index}].tools[{n}]");
            found.extend(tools.into_iter().enumerate().map(|(n, raw)| (path(n), raw)));
        }
    }
    found
}

/// Who wins where two tools have one name: a direct tool, then one of a namespace, then an added one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    #[default]
    Direct,
    Member,
    Additional,
}

#[derive(Default)]
struct Found {
    rank: Rank,
    list: Vec<(Rank, Tool)>,
    spaces: Vec<Described>,
}

impl Found {
    fn declare(&mut self, path: &str, raw: &RawValue) -> Result<(), Fault> {
        let tool = parse(path, raw)?;
        if tool.kind.as_deref() != Some("namespace") {
            let tool = one(path, raw, tool, None)?;
            self.list.push((self.rank, tool));
            return Ok(());
        }
        let space = tool.name.map(Str::owned).unwrap_or_default();
        let rank = self.rank.max(Rank::Member);
        let first = self.list.len();
        for (n, raw) in lenient::<Vec<&RawValue>>(tool.tools).into_iter().enumerate() {
            let path = format!("{path}.tools[{n}]");
            let member = one(&path, raw, parse(&path, raw)?, Some(&space))?;
            self.list.push((rank, member));
        }
        if let Some(words) = tool.description.filter(|words| !words.is_empty()) {
            let members = self.list[first..].iter().map(|(_, tool)| tool.name.clone()).collect();
            self.spaces.push(Described { space, words: words.owned(), members });
        }
        Ok(())
    }
}

/// The tools in the client's order, each name once, and behind them those that had to give way to another of their name.
fn settled(list: Vec<(Rank, Tool)>) -> (Vec<(Rank, Tool)>, Vec<Tool>) {
    let (ranks, mut tools): (Vec<Rank>, Vec<Tool>) = list.into_iter().unzip();
    typed::settle_names(&mut tools);
    let mut kept: Vec<(Rank, Tool)> = Vec::with_capacity(tools.len());
    let mut beaten = Vec::new();
    for (rank, tool) in ranks.into_iter().zip(tools) {
        match kept.iter_mut().find(|(_, known)| known.name == tool.name) {
            Some(slot) if rank < slot.0 => beaten.push(std::mem::replace(slot, (rank, tool)).1),
            Some(_) => beaten.push(tool),
            None => kept.push((rank, tool)),
        }
    }
    (kept, beaten)
}

fn parse<'a>(path: &str, raw: &'a RawValue) -> Result<wire::Tool<'a>, Fault> {
    dialect::read::text(raw.get())
        .map_err(|error| Fault::bad_request(format!("not a tool: {error}")).at(path.to_owned()))
}

fn one(path: &str, raw: &RawValue, tool: wire::Tool<'_>, space: Option<&str>) -> Result<Tool, Fault> {
    let kind = tool.kind.as_deref().unwrap_or("function").to_owned();
    // Chat's nested form turns up here, too.
    if let (None, Some(inner)) = (&tool.name, tool.function) {
        return one(path, inner, wire::Tool { kind: None, ..parse(path, inner)? }, space);
    }
    let named = |name: Option<Str<'_>>| {
        let name = name.filter(|name| !name.is_empty());
        name.map(|name| spaces::flat(space, &name))
            .ok_or_else(|| Fault::bad_request("a tool needs a name").at(format!("{path}.name")))
    };
    if let Some(typed) = Typed::of_tool(&kind, &tool) {
        unread::kept(raw.get());
        return Ok(typed.function(tool, raw));
    }
    let json = |raw: Raw<'_>| raw.map(|raw| Json::trusted(raw.get()));
    let (name, what) = match kind.as_str() {
        "function" => (named(tool.name)?, ToolKind::Function(json(tool.parameters))),
        "custom" => (named(tool.name)?, ToolKind::Custom(json(tool.format))),
        "web_search" | "web_search_2025_08_26" | "web_search_preview" | "web_search_preview_2025_03_11" => {
            let search = web_search(tool.filters, tool.user_location, tool.search_context_size);
            ("web_search".to_owned(), ToolKind::WebSearch(search))
        }
        hosted => {
            let same = Some(Builtin::Code).filter(|_| hosted == CODE && is_plain_code(raw));
            if same.is_none() {
                unread::kept(raw.get());
            }
            (hosted.to_owned(), ToolKind::Hosted { origin: ID, json: Json::trusted(raw.get()), same })
        }
    };
    Ok(Tool {
        name,
        description: tool.description.map(Str::owned),
        kind: what,
        strict: tool.strict,
        cache: None,
        extras: Vec::new(),
    })
}

/// Whether programs are to run in a fresh sandbox: one that exists, or files in it, only their owner has.
fn is_plain_code(raw: &RawValue) -> bool {
    #[derive(serde::Deserialize)]
    struct Sandboxed<'a> {
        #[serde(borrow)]
        container: Sandbox<'a>,
    }
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sandbox<'a> {
        #[serde(rename = "type", borrow)]
        kind: Str<'a>,
    }
    serde_json::from_str::<Sandboxed<'_>>(raw.get()).is_ok_and(|tool| &*tool.container.kind == "auto")
}

fn web_search(filters: Option<wire::Filters<'_>>, place: Option<wire::Place<'_>>, size: Option<Str<'_>>) -> WebSearch {
    let text = |text: Option<Str<'_>>| text.map(Str::owned);
    let filters = filters.unwrap_or_default();
    let list = |list: Option<Vec<Str<'_>>>| list.unwrap_or_default().into_iter().map(Str::owned).collect();
    WebSearch {
        allowed_domains: list(filters.allowed_domains),
        blocked_domains: list(filters.blocked_domains),
        max_uses: None,
        context_size: text(size).filter(|size| size != "medium"),
        location: place.map(|place| UserLocation {
            city: text(place.city),
            region: text(place.region),
            country: text(place.country),
            timezone: text(place.timezone),
        }),
    }
}

/// Reads the choice. A name that was not declared is refused here, before anyone is asked.
fn choose(body: &Body, request: &mut Request) -> Result<(), Fault> {
    let Some(raw) = body.get::<&RawValue>("tool_choice")? else { return Ok(()) };
    let choice = match as_text(raw) {
        Some(word) => by_word(&word)?,
        None => {
            let bad = |_| Fault::bad_request("invalid `tool_choice`").at("tool_choice");
            by_object(dialect::read::text(raw.get()).map_err(bad)?, body, &request.tools)?
        }
    };
    request.tool_choice = Some(choice).filter(|choice| *choice != ToolChoice::Auto);
    match request.undeclared() {
        Some(name) => {
            Err(Fault::bad_request(format!("tool {name:?} is not among the declared tools")).at("tool_choice"))
        }
        None => Ok(()),
    }
}

fn by_word(word: &str) -> Result<ToolChoice, Fault> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        other => {
            Err(Fault::bad_request(format!("unknown choice {other:?}: use auto, none or required")).at("tool_choice"))
        }
    }
}

fn by_object(choice: Choice<'_>, body: &Body, tools: &[Tool]) -> Result<ToolChoice, Fault> {
    let kind = choice.kind.as_deref().unwrap_or("function");
    if kind == "allowed_tools" {
        let required = choice.mode.as_deref() == Some("required");
        let mut names: Vec<String> = Vec::new();
        for allowed in choice.tools.unwrap_or_default() {
            match (allowed.kind.as_deref(), &allowed.name) {
                // One that was not declared has no tools; its own name is refused below.
                (Some("namespace"), Some(space)) => match spaces::members(body, space) {
                    members if members.is_empty() => names.push(space.to_string()),
                    members => names.extend(members),
                },
                _ => names.push(name_of(&allowed, tools)),
            }
        }
        // A choice among no tools at all is none.
        return match (names, required) {
            (names, true) if names.is_empty() => {
                Err(Fault::bad_request("some tool must be called, and none is allowed").at("tool_choice"))
            }
            (names, false) if names.is_empty() => Ok(ToolChoice::None),
            (names, required) => Ok(ToolChoice::Subset { required, names }),
        };
    }
    match name_of(&choice, tools) {
        name if name.is_empty() => Err(Fault::bad_request("the chosen tool needs a name").at("tool_choice.name")),
        name => Ok(ToolChoice::Tool(name)),
    }
}

/// The name by which a tool is known in the hub: hosted tools go by their type.
fn name_of(choice: &Choice<'_>, tools: &[Tool]) -> String {
    match (choice.kind.as_deref().unwrap_or("function"), &choice.name) {
        ("function" | "custom", Some(name)) => spaces::flat(choice.namespace.as_deref(), name),
        ("function" | "custom", None) => String::new(),
        (kind, _) if kind.starts_with("web_search") => "web_search".to_owned(),
        (kind, _) => match Typed::of_word(kind).filter(|_| !is_hosted(kind, tools)) {
            Some(typed) => typed::name_among(typed, tools).into_owned(),
            None => kind.to_owned(),
        },
    }
}

/// Whether the service itself runs the tool of this type.
fn is_hosted(kind: &str, tools: &[Tool]) -> bool {
    tools.iter().any(|tool| tool.name == kind && matches!(tool.kind, ToolKind::Hosted { .. }))
}
