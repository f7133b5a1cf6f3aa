//! Decides which tools go to a Chat upstream, under which names, and writes them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use bytes::BytesMut;
use dialect::openai::schema;
use dialect::{NameMap, NameRule, Object, Target, grammar_words, is_first};
use hub::{CallKind, Fault, Json, Losses, Part, Request, Tool, ToolChoice, ToolKind, WebSearch};

use crate::ID;
use crate::stream_encode::call_words;

/// What OpenAI allows in a tool name.
const RULE: NameRule = NameRule { max: 64, also: b"-", letter_first: false };
/// A function that stands for a free-text tool.
const INPUT_SCHEMA: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// What is sent of the tools.
pub(crate) struct Plan<'a> {
    tools: Vec<&'a Tool>,
    choice: Option<Choice>,
    serial: bool,
    search: Option<&'a WebSearch>,
    /// Tools and calls of history by the names that the wire allows.
    pub(crate) names: NameMap,
    /// Wire names of functions that stand for free-text tools.
    pub(crate) custom: Vec<String>,
    /// The target takes OpenAI's newer forms.
    newer: bool,
}

enum Choice {
    Word(&'static str),
    Tool { name: String, kind: CallKind },
    Subset { mode: &'static str, tools: Vec<(String, CallKind)> },
}

impl<'a> Plan<'a> {
    /// # Errors
    /// An unsupported fault when the choice insists on a tool that cannot be sent.
    pub(crate) fn new(request: &'a Request, target: &Target<'_>, losses: &mut Losses) -> Result<Self, Fault> {
        let quirks = &target.traits.quirks;
        let mut plan = Self {
            tools: Vec::with_capacity(request.tools.len()),
            choice: None,
            serial: false,
            search: None,
            names: names(request),
            custom: Vec::new(),
            newer: quirks.openai_tools,
        };
        let allowed = Allowed::of(request, quirks.openai_tools);
        let mut seen = HashMap::new();
        for tool in &request.tools {
            plan.admit(tool, &allowed, &mut seen, target, losses)?;
        }
        if plan.tools.is_empty() && plan.search.is_none() {
            nothing_left(request, target)?;
        }
        plan.choose(request, &allowed)?;
        plan.serial = request.parallel_tools == Some(false) && !plan.tools.is_empty();
        if plan.serial && quirks.no_parallel_field {
            plan.serial = false;
            losses.dropped("parallel_tool_calls", "the server does not know the field: calls may come in parallel");
        }
        Ok(plan)
    }

    fn admit(
        &mut self,
        tool: &'a Tool,
        allowed: &Allowed<'_>,
        seen: &mut HashMap<&'a str, &'a Tool>,
        target: &Target<'_>,
        losses: &mut Losses,
    ) -> Result<(), Fault> {
        if !allowed.keeps(&tool.name) || !is_first(tool, seen, losses) {
            return Ok(());
        }
        if tool.cache.is_some() {
            losses.silent("tools.cache_control");
        }
        match &tool.kind {
            ToolKind::Function(_) => self.tools.push(tool),
            ToolKind::Custom(_) => {
                if !self.newer {
                    self.custom.push(self.names.wire(&tool.name).to_owned());
                }
                self.tools.push(tool);
            }
            ToolKind::WebSearch(search) if target.traits.quirks.web_search_options => self.search = Some(search),
            ToolKind::Hosted { origin, .. } if *origin == ID => self.tools.push(tool),
            ToolKind::WebSearch(_) | ToolKind::Hosted { .. } if allowed.insists_on(&tool.name) => {
                let words = format!("{} has no tool {:?}: choose another tool, or none", target.model, tool.name);
                return Err(Fault::unsupported("tool_choice", words));
            }
            ToolKind::WebSearch(_) | ToolKind::Hosted { .. } => {
                losses.dropped(format!("tools.{}", tool.name), "the upstream has no such built-in tool");
            }
        }
        Ok(())
    }

    fn choose(&mut self, request: &Request, allowed: &Allowed<'_>) -> Result<(), Fault> {
        if self.tools.is_empty() {
            return Ok(());
        }
        self.choice = match &request.tool_choice {
            None | Some(ToolChoice::Auto) => None,
            Some(ToolChoice::None) => Some(Choice::Word("none")),
            Some(ToolChoice::Required) => Some(Choice::Word("required")),
            // A search that the model may run cannot be forced; the field alone asks for it.
            Some(ToolChoice::Tool(name)) if self.search.is_some() && self.kind(name).is_none() => None,
            Some(ToolChoice::Tool(name)) => Some(self.pinned(name)?),
            Some(ToolChoice::Subset { required, names }) => self.subset(*required, names, allowed)?,
        };
        Ok(())
    }

    fn kind(&self, name: &str) -> Option<CallKind> {
        self.tools.iter().find(|tool| tool.name == name).map(|tool| self.sent_as(tool))
    }

    fn sent_as(&self, tool: &Tool) -> CallKind {
        if self.newer && matches!(tool.kind, ToolKind::Custom(_)) { CallKind::Custom } else { CallKind::Function }
    }

    fn pinned(&self, name: &str) -> Result<Choice, Fault> {
        let kind = self.kind(name).ok_or_else(|| {
            Fault::bad_request(format!("tool {name:?} is not among the declared tools")).at("tool_choice")
        })?;
        Ok(Choice::Tool { name: self.names.wire(name).to_owned(), kind })
    }

    fn subset(&self, required: bool, names: &[String], allowed: &Allowed<'_>) -> Result<Option<Choice>, Fault> {
        if let ([name], true) = (names, required) {
            return self.pinned(name).map(Some);
        }
        if allowed.filtered() {
            return Ok(required.then_some(Choice::Word("required")));
        }
        let mode = if required { "required" } else { "auto" };
        let kinds: HashMap<&str, CallKind> =
            self.tools.iter().map(|tool| (tool.name.as_str(), self.sent_as(tool))).collect();
        let sent = |name: &String| Some((self.names.wire(name).to_owned(), *kinds.get(name.as_str())?));
        let tools: Vec<(String, CallKind)> = names.iter().filter_map(sent).collect();
        match (tools.is_empty(), required) {
            (false, _) => Ok(Some(Choice::Subset { mode, tools })),
            // None of them is here, and the others are not allowed.
            (true, false) => Ok(Some(Choice::Word("none"))),
            (true, true) => {
                let words = "none of the tools of which one must be called can be sent: allow others";
                Err(Fault::unsupported("tool_choice", words))
            }
        }
    }

    /// Writes tools, choice and parallelism, or none of them: without tools the others are refused.
    pub(crate) fn write(&self, body: &mut Object<'_>, losses: &mut Losses) {
        if let Some(search) = self.search {
            write_search(search, body, losses);
        }
        if self.tools.is_empty() {
            return;
        }
        body.array("tools", &self.tools, |tool, out| self.tool(tool, out, losses));
        match &self.choice {
            None => (),
            Some(Choice::Word(word)) => body.text("tool_choice", word),
            Some(Choice::Tool { name, kind }) => reference(name, *kind, body.key("tool_choice")),
            Some(Choice::Subset { mode, tools }) => {
                let mut choice = Object::open(body.key("tool_choice"));
                choice.text("type", "allowed_tools");
                let mut inner = Object::open(choice.key("allowed_tools"));
                inner.text("mode", mode);
                inner.array("tools", tools, |(name, kind), out| reference(name, *kind, out));
                inner.close();
                choice.close();
            }
        }
        if self.serial {
            body.flag("parallel_tool_calls", false);
        }
    }

    fn tool(&self, tool: &Tool, out: &mut BytesMut, losses: &mut Losses) {
        match &tool.kind {
            ToolKind::Function(parameters) => self.function(tool, parameters.as_ref(), out, losses),
            ToolKind::Custom(format) if self.newer => self.custom(tool, format.as_ref(), out),
            ToolKind::Custom(format) => self.stand_in(tool, format.as_ref(), out),
            ToolKind::Hosted { json, .. } => out.extend_from_slice(json.as_str().as_bytes()),
            // Sent as a field.
            ToolKind::WebSearch(_) => (),
        }
    }

    fn function(&self, tool: &Tool, parameters: Option<&Json>, out: &mut BytesMut, losses: &mut Losses) {
        let field = || format!("tools.{}.parameters", tool.name);
        let parameters = parameters.map(|json| schema::repaired(json.as_str(), field, losses));
        let mut object = Object::open(out);
        object.text("type", "function");
        let mut inner = Object::open(object.key("function"));
        inner.text("name", self.names.wire(&tool.name));
        inner.text_if("description", tool.description.as_deref());
        match parameters.as_deref() {
            Some(parameters) => inner.raw("parameters", parameters),
            // What is to be held to must be there.
            None if tool.strict == Some(true) => inner.raw("parameters", schema::NOTHING),
            None => (),
        }
        if tool.strict == Some(true) {
            let holds = parameters.as_deref().is_none_or(schema::is_strict);
            if !holds {
                losses.dropped(format!("tools.{}.strict", tool.name), "the schema is not one that OpenAI can hold to");
            }
            inner.flag("strict", holds);
        }
        inner.close();
        object.close();
    }

    fn custom(&self, tool: &Tool, format: Option<&Json>, out: &mut BytesMut) {
        let mut object = Object::open(out);
        object.text("type", "custom");
        let mut inner = Object::open(object.key("custom"));
        inner.text("name", self.names.wire(&tool.name));
        inner.text_if("description", tool.description.as_deref());
        if let Some(format) = format {
            inner.raw("format", format.as_str());
        }
        inner.close();
        object.close();
    }

    /// A function with one text, for servers without free-text tools; the grammar becomes words.
    fn stand_in(&self, tool: &Tool, format: Option<&Json>, out: &mut BytesMut) {
        let about = tool.description.as_deref().unwrap_or_default();
        let description = match format.and_then(|format| grammar_words(format.as_str())) {
            Some(words) => Cow::Owned(format!("{about}\n\n{words}")),
            None => Cow::Borrowed(about),
        };
        let mut object = Object::open(out);
        object.text("type", "function");
        let mut inner = Object::open(object.key("function"));
        inner.text("name", self.names.wire(&tool.name));
        inner.text("description", description.trim());
        inner.raw("parameters", INPUT_SCHEMA);
        inner.close();
        object.close();
    }
}

/// A call cannot be insisted on where no tool is left that could be called.
fn nothing_left(request: &Request, target: &Target<'_>) -> Result<(), Fault> {
    let insists = request.tool_choice.as_ref().is_some_and(ToolChoice::insists);
    if request.tools.is_empty() || !insists {
        return Ok(());
    }
    let words = format!("{} has none of the tools of which one must be called: offer others", target.model);
    Err(Fault::unsupported("tool_choice", words))
}

/// Which tools the choice leaves over.
struct Allowed<'a> {
    choice: Option<&'a ToolChoice>,
    /// The names that stay where the list itself is cut down. A target that knows subsets gets the whole list, and
    /// its cache stays warm.
    kept: Option<HashSet<&'a str>>,
}

impl<'a> Allowed<'a> {
    fn of(request: &'a Request, native: bool) -> Self {
        let choice = request.tool_choice.as_ref();
        let kept = match choice {
            Some(ToolChoice::Subset { names, .. }) if !native => Some(names.iter().map(String::as_str).collect()),
            _ => None,
        };
        Self { choice, kept }
    }

    /// Whether the list itself is cut down to the subset.
    fn filtered(&self) -> bool {
        self.kept.is_some()
    }

    fn keeps(&self, name: &str) -> bool {
        self.kept.as_ref().is_none_or(|kept| kept.contains(name))
    }

    fn insists_on(&self, name: &str) -> bool {
        match self.choice {
            Some(ToolChoice::Tool(pinned)) => pinned == name,
            Some(ToolChoice::Subset { required: true, names }) => names.len() == 1 && names[0] == name,
            _ => false,
        }
    }
}

/// One map for the whole request: what is declared now and what history called.
fn names(request: &Request) -> NameMap {
    let declared = request.tools.iter().map(|tool| tool.name.as_str());
    let called = request.turns.iter().flat_map(|turn| &turn.parts).filter_map(|part| match part {
        Part::ToolCall(call) => Some(call.name.as_str()),
        _ => None,
    });
    NameMap::new(declared.chain(called), RULE)
}

fn reference(name: &str, kind: CallKind, out: &mut BytesMut) {
    let (word, _) = call_words(kind);
    let mut object = Object::open(out);
    object.text("type", word);
    let mut inner = Object::open(object.key(word));
    inner.text("name", name);
    inner.close();
    object.close();
}

fn write_search(search: &WebSearch, body: &mut Object<'_>, losses: &mut Losses) {
    let limits = [
        ("allowed_domains", !search.allowed_domains.is_empty()),
        ("blocked_domains", !search.blocked_domains.is_empty()),
        ("max_uses", search.max_uses.is_some()),
    ];
    for (field, _) in limits.into_iter().filter(|(_, set)| *set) {
        losses.dropped(format!("tools.web_search.{field}"), "Chat's search has no such limit");
    }
    let mut options = Object::open(body.key("web_search_options"));
    options.text_if("search_context_size", search.context_size.as_deref());
    if let Some(place) = &search.location {
        let mut location = Object::open(options.key("user_location"));
        location.text("type", "approximate");
        let mut inner = Object::open(location.key("approximate"));
        inner.text_if("city", place.city.as_deref());
        inner.text_if("region", place.region.as_deref());
        inner.text_if("country", place.country.as_deref());
        inner.text_if("timezone", place.timezone.as_deref());
        inner.close();
        location.close();
    }
    options.close();
}
