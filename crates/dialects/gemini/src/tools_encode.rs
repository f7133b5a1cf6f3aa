//! Decides which tools go to a Gemini upstream, under which names, and writes them.

use std::collections::HashMap;

use bytes::BytesMut;
use dialect::{NameMap, NameRule, Object, Target, array, grammar_words, is_first, quoted};
use hub::{Builtin, CallKind, Fault, Losses, Part, Request, Tool, ToolChoice, ToolKind, WebSearch};

use crate::{ID, schema};

/// What Google allows in a function name.
const RULE: NameRule = NameRule { max: 128, also: b".:-", letter_first: true };
/// A function that stands for a free-text tool.
const INPUT_SCHEMA: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

/// What is sent of the tools.
pub(crate) struct Plan<'a> {
    functions: Vec<&'a Tool>,
    hosted: Vec<&'a str>,
    search: bool,
    /// Programs may be run, asked for in another dialect.
    code: bool,
    /// Pages are to be read.
    fetch: bool,
    /// Parameters go in the OpenAPI subset.
    openapi: bool,
    choice: Option<(&'static str, Vec<String>)>,
    /// Tools and calls of history by the names that the wire allows.
    pub(crate) names: NameMap,
    /// Wire names of functions that stand for free-text tools.
    pub(crate) custom: Vec<String>,
}

impl<'a> Plan<'a> {
    /// # Errors
    /// A fault when the choice insists on a tool that cannot be sent.
    pub(crate) fn new(request: &'a Request, target: &Target<'_>, losses: &mut Losses) -> Result<Self, Fault> {
        let mut plan = Self {
            functions: Vec::with_capacity(request.tools.len()),
            hosted: Vec::new(),
            search: false,
            code: false,
            fetch: false,
            openapi: target.traits.quirks.openapi_parameters,
            choice: None,
            names: names(request),
            custom: customs(request),
        };
        for name in &mut plan.custom {
            *name = plan.names.wire(name).to_owned();
        }
        let mut seen = HashMap::new();
        for tool in &request.tools {
            if !is_first(tool, &mut seen, losses) {
                continue;
            }
            plan.admit(tool, request, target, losses)?;
        }
        if plan.search && !plan.functions.is_empty() && target.traits.search_with_tools != Some(true) {
            plan.search = false;
            losses.dropped("tools.web_search", "this model takes no search beside function tools");
        }
        if plan.code && !plan.functions.is_empty() && target.traits.search_with_tools != Some(true) {
            losses.dropped("tools.code_execution", "this model runs no programs beside function tools");
        } else if plan.code {
            plan.hosted.push("{\"codeExecution\":{}}");
        }
        if plan.fetch && !plan.functions.is_empty() && target.traits.search_with_tools != Some(true) {
            losses.dropped("tools.web_fetch", "this model reads no pages beside function tools");
        } else if plan.fetch {
            plan.hosted.push("{\"urlContext\":{}}");
        }
        plan.choose(request, losses)?;
        if request.parallel_tools == Some(false) && !plan.functions.is_empty() {
            losses.dropped("parallel_tool_calls", "Gemini cannot be held to one call at a time");
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
        match &tool.kind {
            ToolKind::Function(_) | ToolKind::Custom(_) => self.functions.push(tool),
            ToolKind::WebSearch(search) => {
                self.search = true;
                unlimited(search, losses);
            }
            ToolKind::Hosted { origin, json, .. } if *origin == ID => self.hosted.push(json.as_str()),
            ToolKind::Hosted { .. } if request.tool_choice == Some(ToolChoice::Tool(tool.name.clone())) => {
                let words = format!("{} has no tool {:?}: choose another tool, or none", target.model, tool.name);
                return Err(Fault::unsupported("tool_choice", words));
            }
            ToolKind::Hosted { same: Some(Builtin::Code), .. } => self.code = true,
            ToolKind::Hosted { same: Some(Builtin::Fetch), .. } => self.fetch = true,
            ToolKind::Hosted { .. } => {
                losses.dropped(format!("tools.{}", tool.name), "the upstream has no such built-in tool");
            }
        }
        Ok(())
    }

    /// The mode. Names may only be listed with `ANY` and `VALIDATED`.
    fn choose(&mut self, request: &Request, losses: &mut Losses) -> Result<(), Fault> {
        let strict = self.functions.iter().any(|tool| tool.strict == Some(true));
        self.choice = match &request.tool_choice {
            _ if self.functions.is_empty() => {
                self.nothing_left(request)?;
                if !request.tools.is_empty() && request.tool_choice.as_ref().is_some_and(ToolChoice::insists) {
                    losses.approximated("tool_choice", "a built-in tool cannot be forced here");
                }
                None
            }
            None | Some(ToolChoice::Auto) => strict.then(|| ("VALIDATED", Vec::new())),
            Some(ToolChoice::None) => Some(("NONE", Vec::new())),
            Some(ToolChoice::Required) => Some(("ANY", Vec::new())),
            Some(ToolChoice::Tool(name)) => Some(("ANY", vec![self.known(name)?])),
            Some(ToolChoice::Subset { required, names }) => self.subset(*required, names)?,
        };
        Ok(())
    }

    /// The functions among the names; without any of them no function may be called.
    fn subset(&self, required: bool, names: &[String]) -> Result<Option<(&'static str, Vec<String>)>, Fault> {
        let names: Vec<String> = names.iter().filter_map(|name| self.known(name).ok()).collect();
        match (names.is_empty(), required) {
            (true, true) => {
                let words = "none of the tools of which one must be called can be forced here: allow others";
                Err(Fault::unsupported("tool_choice", words))
            }
            (true, false) => Ok(Some(("NONE", names))),
            (false, required) => Ok(Some((if required { "ANY" } else { "VALIDATED" }, names))),
        }
    }

    /// A call cannot be insisted on where no tool is left that could be called.
    fn nothing_left(&self, request: &Request) -> Result<(), Fault> {
        let insists = request.tool_choice.as_ref().is_some_and(ToolChoice::insists);
        if !insists || request.tools.is_empty() || self.search || !self.hosted.is_empty() {
            return Ok(());
        }
        Err(Fault::unsupported(
            "tool_choice",
            "none of the tools of which one must be called can be sent: offer others",
        ))
    }

    fn known(&self, name: &str) -> Result<String, Fault> {
        let declared = self.functions.iter().any(|tool| tool.name == name);
        declared.then(|| self.names.wire(name).to_owned()).ok_or_else(|| {
            Fault::bad_request(format!("tool {name:?} is not among the declared tools")).at("tool_choice")
        })
    }

    /// Whether functions are offered.
    pub(crate) fn has_functions(&self) -> bool {
        !self.functions.is_empty()
    }

    /// Writes `tools` and `toolConfig`, if there are any.
    pub(crate) fn write(&self, body: &mut Object<'_>, losses: &mut Losses) {
        if self.functions.is_empty() && self.hosted.is_empty() && !self.search {
            return;
        }
        let functions = self.has_functions().then_some(Entry::Functions);
        let search = self.search.then_some(Entry::Raw("{\"googleSearch\":{}}"));
        let entries = functions.into_iter().chain(search).chain(self.hosted.iter().map(|json| Entry::Raw(json)));
        body.array("tools", entries, |entry, out| match entry {
            Entry::Raw(json) => out.extend_from_slice(json.as_bytes()),
            Entry::Functions => {
                let mut object = Object::open(out);
                object.array("functionDeclarations", &self.functions, |tool, out| self.function(tool, out, losses));
                object.close();
            }
        });
        self.write_config(body);
    }

    fn write_config(&self, body: &mut Object<'_>) {
        let both = self.search && self.has_functions();
        if self.choice.is_none() && !both {
            return;
        }
        let mut config = Object::open(body.key("toolConfig"));
        if let Some((mode, names)) = &self.choice {
            let mut calling = Object::open(config.key("functionCallingConfig"));
            calling.text("mode", mode);
            if !names.is_empty() {
                array(names, calling.key("allowedFunctionNames"), |name, out| quoted(name, out));
            }
            calling.close();
        }
        if both {
            config.flag("includeServerSideToolInvocations", true);
        }
        config.close();
    }

    /// The field of a function's parameters; the two exclude each other.
    fn parameters(&self) -> &'static str {
        if self.openapi { "parameters" } else { "parametersJsonSchema" }
    }

    fn function(&self, tool: &Tool, out: &mut BytesMut, losses: &mut Losses) {
        let mut object = Object::open(out);
        object.text("name", self.names.wire(&tool.name));
        match &tool.kind {
            ToolKind::Custom(grammar) => {
                let words = tool.description.as_deref().unwrap_or_default();
                let grammar = grammar.as_ref().and_then(|json| grammar_words(json.as_str()));
                let grammar = grammar.map(|grammar| format!("\n\n{grammar}")).unwrap_or_default();
                object.text("description", format!("{words}{grammar}").trim_start());
                object.raw(self.parameters(), INPUT_SCHEMA);
            }
            ToolKind::Function(parameters) => {
                object.text_if("description", tool.description.as_deref());
                if let Some(parameters) = parameters {
                    let lowered = match self.openapi {
                        true => schema::for_old_tool(parameters.as_str()),
                        false => schema::for_tool(parameters.as_str()),
                    };
                    lowered.report(|| format!("tools.{}.parameters", tool.name), losses);
                    if let Some(json) = &lowered.json {
                        object.raw(self.parameters(), json);
                    }
                }
            }
            // Never among the functions.
            ToolKind::WebSearch(_) | ToolKind::Hosted { .. } => (),
        }
        object.close();
    }
}

/// Google's search has no settings of its own.
fn unlimited(search: &WebSearch, losses: &mut Losses) {
    let settings = [
        ("allowed_domains", !search.allowed_domains.is_empty()),
        ("blocked_domains", !search.blocked_domains.is_empty()),
        ("max_uses", search.max_uses.is_some()),
        ("search_context_size", search.context_size.is_some()),
        ("user_location", search.location.is_some()),
    ];
    for (field, _) in settings.into_iter().filter(|(_, set)| *set) {
        losses.dropped(format!("tools.web_search.{field}"), "Google's search has no such setting");
    }
}

enum Entry<'a> {
    Functions,
    Raw(&'a str),
}

fn names(request: &Request) -> NameMap {
    let declared = request.tools.iter().map(|tool| tool.name.as_str());
    let parts = request.turns.iter().flat_map(|turn| &turn.parts);
    let called = parts.filter_map(|part| match part {
        Part::ToolCall(call) => Some(call.name.as_str()),
        _ => None,
    });
    NameMap::new(declared.chain(called), RULE)
}

fn customs(request: &Request) -> Vec<String> {
    let declared = request.tools.iter().filter(|tool| matches!(tool.kind, ToolKind::Custom(_)));
    let parts = request.turns.iter().flat_map(|turn| &turn.parts);
    let called = parts.filter_map(|part| match part {
        Part::ToolCall(call) if call.kind == CallKind::Custom => Some(&call.name),
        _ => None,
    });
    let mut names: Vec<String> = declared.map(|tool| &tool.name).chain(called).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names
}
