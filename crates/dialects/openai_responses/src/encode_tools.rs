//! Decides which tools go to a Responses upstream, under which names, and writes them.

use std::collections::{HashMap, HashSet};

use bytes::BytesMut;
use dialect::openai::schema;
use dialect::{NameMap, NameRule, Object, Target, is_first};
use hub::{Builtin, Fault, Json, Losses, Part, Request, Tool, ToolChoice, ToolKind, WebSearch};
use serde_json::value::RawValue;

use crate::decode_tools::CODE;
use crate::{ID, decode_knobs, typed};

/// What OpenAI allows in a tool name.
const RULE: NameRule = NameRule { max: 64, also: b"-", letter_first: false };

/// What is sent of the tools.
pub(crate) struct Plan<'a> {
    tools: Vec<&'a Tool>,
    choice: Option<Choice<'a>>,
    serial: bool,
    /// Tools and calls of history by the names that the wire allows.
    pub(crate) names: NameMap,
}

enum Choice<'a> {
    Word(&'static str),
    Tool(&'a Tool),
    Subset { mode: &'static str, tools: Vec<&'a Tool> },
}

impl<'a> Plan<'a> {
    /// # Errors
    /// An unsupported fault when the choice insists on a tool that cannot be sent.
    pub(crate) fn new(request: &'a Request, target: &Target<'_>, losses: &mut Losses) -> Result<Self, Fault> {
        let mut plan =
            Self { tools: Vec::with_capacity(request.tools.len()), choice: None, serial: false, names: names(request) };
        let mut seen = HashMap::new();
        for tool in &request.tools {
            if !is_first(tool, &mut seen, losses) {
                continue;
            }
            plan.admit(tool, request, target, losses)?;
        }
        if plan.tools.is_empty()
            && !request.tools.is_empty()
            && request.tool_choice.as_ref().is_some_and(ToolChoice::insists)
        {
            let words = format!("{} has none of the tools of which one must be called: offer others", target.model);
            return Err(Fault::unsupported("tool_choice", words));
        }
        if !plan.tools.is_empty() {
            plan.choice = plan.chosen(request)?;
            plan.serial = request.parallel_tools == Some(false);
        }
        Ok(plan)
    }

    fn admit(
        &mut self,
        tool: &'a Tool,
        request: &Request,
        target: &Target<'_>,
        losses: &mut Losses,
    ) -> Result<(), Fault> {
        if tool.cache.is_some() {
            losses.silent("tools.cache_control");
        }
        match &tool.kind {
            ToolKind::Function(_) | ToolKind::Custom(_) | ToolKind::WebSearch(_) => self.tools.push(tool),
            ToolKind::Hosted { origin, .. } if *origin == ID => self.tools.push(tool),
            ToolKind::Hosted { same: Some(Builtin::Code), .. } => self.tools.push(tool),
            ToolKind::Hosted { .. } if insists_on(request.tool_choice.as_ref(), &tool.name) => {
                let words = format!("{} has no tool {:?}: choose another tool, or none", target.model, tool.name);
                return Err(Fault::unsupported("tool_choice", words));
            }
            ToolKind::Hosted { .. } => {
                losses.dropped(format!("tools.{}", tool.name), "the upstream has no such built-in tool");
            }
        }
        Ok(())
    }

    fn chosen(&self, request: &Request) -> Result<Option<Choice<'a>>, Fault> {
        Ok(match &request.tool_choice {
            None | Some(ToolChoice::Auto) => None,
            Some(ToolChoice::None) => Some(Choice::Word("none")),
            Some(ToolChoice::Required) => Some(Choice::Word("required")),
            Some(ToolChoice::Tool(name)) => Some(Choice::Tool(self.find(name)?)),
            Some(ToolChoice::Subset { required: true, names }) if names.len() == 1 => {
                Some(Choice::Tool(self.find(&names[0])?))
            }
            Some(ToolChoice::Subset { required, names }) => {
                let mode = if *required { "required" } else { "auto" };
                let names: HashSet<&str> = names.iter().map(String::as_str).collect();
                let kept = |tool: &&&Tool| names.contains(tool.name.as_str());
                let tools: Vec<&Tool> = self.tools.iter().filter(kept).copied().collect();
                match (tools.is_empty(), required) {
                    (false, _) => Some(Choice::Subset { mode, tools }),
                    // None of them is here, and the others are not allowed.
                    (true, false) => Some(Choice::Word("none")),
                    (true, true) => {
                        let words = "none of the tools of which one must be called can be sent: allow others";
                        return Err(Fault::unsupported("tool_choice", words));
                    }
                }
            }
        })
    }

    fn find(&self, name: &str) -> Result<&'a Tool, Fault> {
        let tool = self.tools.iter().find(|tool| tool.name == name).copied();
        tool.ok_or_else(|| {
            Fault::bad_request(format!("tool {name:?} is not among the declared tools")).at("tool_choice")
        })
    }

    /// Writes tools, choice and parallelism, or none of them: without tools the others are refused.
    pub(crate) fn write(&self, body: &mut Object<'_>, losses: &mut Losses) {
        if self.tools.is_empty() {
            return;
        }
        body.array("tools", &self.tools, |tool, out| self.tool(tool, out, losses));
        match &self.choice {
            None => (),
            Some(Choice::Word(word)) => body.text("tool_choice", word),
            Some(Choice::Tool(tool)) => self.reference(tool, body.key("tool_choice")),
            Some(Choice::Subset { mode, tools }) => {
                let mut choice = Object::open(body.key("tool_choice"));
                choice.text("type", "allowed_tools");
                choice.text("mode", mode);
                choice.array("tools", tools, |tool, out| self.reference(tool, out));
                choice.close();
            }
        }
        if self.serial {
            body.flag("parallel_tool_calls", false);
        }
    }

    /// Whether the model may search the web.
    pub(crate) fn searches(&self) -> bool {
        self.tools.iter().any(|tool| matches!(tool.kind, ToolKind::WebSearch(_)))
    }

    fn reference(&self, tool: &Tool, out: &mut BytesMut) {
        let mut object = Object::open(out);
        if let Some((typed, _)) = typed::declared(tool) {
            object.text("type", typed.word());
            return object.close();
        }
        match &tool.kind {
            ToolKind::Function(_) => object.text("type", "function"),
            ToolKind::Custom(_) => object.text("type", "custom"),
            ToolKind::WebSearch(_) => object.text("type", "web_search"),
            ToolKind::Hosted { same: Some(Builtin::Code), .. } => object.text("type", CODE),
            ToolKind::Hosted { .. } => object.text("type", &tool.name),
        }
        if matches!(tool.kind, ToolKind::Function(_) | ToolKind::Custom(_)) {
            object.text("name", self.names.wire(&tool.name));
        }
        object.close();
    }

    fn tool(&self, tool: &Tool, out: &mut BytesMut, losses: &mut Losses) {
        if let Some((_, json)) = typed::declared(tool) {
            return out.extend_from_slice(json.as_str().as_bytes());
        }
        match &tool.kind {
            ToolKind::Function(parameters) => self.function(tool, parameters.as_ref(), out, losses),
            ToolKind::Custom(format) => self.custom(tool, format.as_ref(), out),
            ToolKind::WebSearch(search) => web_search(search, out, losses),
            ToolKind::Hosted { origin, same: Some(Builtin::Code), .. } if *origin != ID => {
                out.extend_from_slice(b"{\"type\":\"code_interpreter\",\"container\":{\"type\":\"auto\"}}");
            }
            ToolKind::Hosted { json, .. } => out.extend_from_slice(json.as_str().as_bytes()),
        }
    }

    /// Both `parameters` and `strict` must be there; without a word, strict would be tried.
    fn function(&self, tool: &Tool, parameters: Option<&Json>, out: &mut BytesMut, losses: &mut Losses) {
        let strict = tool.strict == Some(true);
        let none = if strict { schema::NOTHING } else { "{}" };
        let field = || format!("tools.{}.parameters", tool.name);
        let parameters = schema::repaired(parameters.map_or(none, Json::as_str), field, losses);
        let mut object = Object::open(out);
        object.text("type", "function");
        object.text("name", self.names.wire(&tool.name));
        object.text_if("description", tool.description.as_deref());
        object.raw("parameters", &parameters);
        let holds = strict && schema::is_strict(&parameters);
        if strict && !holds {
            losses.dropped(format!("tools.{}.strict", tool.name), "the schema is not one that OpenAI can hold to");
        }
        object.flag("strict", holds);
        object.close();
    }

    fn custom(&self, tool: &Tool, format: Option<&Json>, out: &mut BytesMut) {
        let mut object = Object::open(out);
        object.text("type", "custom");
        object.text("name", self.names.wire(&tool.name));
        object.text_if("description", tool.description.as_deref());
        if let Some(format) = format {
            object.raw("format", &flat_grammar(format.as_str()));
        }
        object.close();
    }
}

/// Chat nests a grammar in an object of its own; here its fields stand beside the type.
fn flat_grammar(format: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Nested<'a> {
        #[serde(borrow)]
        grammar: Option<&'a RawValue>,
    }
    let nested = serde_json::from_str::<Nested<'_>>(format).ok().and_then(|nested| nested.grammar);
    let fields = nested.and_then(|grammar| grammar.get().trim().strip_prefix('{')?.strip_suffix('}'));
    fields.map_or_else(|| format.to_owned(), |fields| format!("{{\"type\":\"grammar\",{fields}}}"))
}

fn insists_on(choice: Option<&ToolChoice>, name: &str) -> bool {
    match choice {
        Some(ToolChoice::Tool(pinned)) => pinned == name,
        Some(ToolChoice::Subset { required: true, names }) => names.len() == 1 && names[0] == name,
        _ => false,
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

fn web_search(search: &WebSearch, out: &mut BytesMut, losses: &mut Losses) {
    if !search.blocked_domains.is_empty() {
        losses.dropped("tools.web_search.blocked_domains", "OpenAI's search has no such limit");
    }
    if search.max_uses.is_some() {
        losses.dropped("tools.web_search.max_uses", "OpenAI's search has no such limit");
    }
    let mut tool = Object::open(out);
    tool.text("type", "web_search");
    if !search.allowed_domains.is_empty() {
        let mut filters = Object::open(tool.key("filters"));
        decode_knobs::texts(&search.allowed_domains, filters.key("allowed_domains"));
        filters.close();
    }
    tool.text_if("search_context_size", search.context_size.as_deref());
    if let Some(place) = &search.location {
        let mut location = Object::open(tool.key("user_location"));
        location.text("type", "approximate");
        location.text_if("city", place.city.as_deref());
        location.text_if("region", place.region.as_deref());
        location.text_if("country", place.country.as_deref());
        location.text_if("timezone", place.timezone.as_deref());
        location.close();
    }
    tool.close();
}

#[cfg(test)]
mod unit {
    use super::flat_grammar;

    #[test]
    fn chats_grammar_is_taken_out_of_its_box() {
        let nested = r#"{"type":"grammar","grammar":{"syntax":"lark","definition":"start: \"a\""}}"#;
        assert_eq!(flat_grammar(nested), r#"{"type":"grammar","syntax":"lark","definition":"start: \"a\""}"#);
        assert_eq!(flat_grammar(r#"{"type":"text"}"#), r#"{"type":"text"}"#);
    }
}
