//! Decides which tools go to an Ollama server and writes them. There is no choice among tools on this wire: what is
//! sent of the list stands for it.

use std::collections::{HashMap, HashSet};

use dialect::openai::schema;
use dialect::{NameMap, NameRule, Object, Target, grammar_words, is_first};
use hub::{Fault, Losses, Part, Request, Tool, ToolChoice, ToolKind};

/// Any byte may stand in a name.
const ANY_BYTE: [u8; 256] = {
    let mut all = [0; 256];
    let mut byte = 0;
    while byte < all.len() {
        all[byte] = byte as u8;
        byte += 1;
    }
    all
};
const RULE: NameRule = NameRule { max: usize::MAX, also: &ANY_BYTE, letter_first: false };
/// What a tool takes that declares nothing.
const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{}}"#;
/// A function that stands for a free-text tool.
const INPUT_SCHEMA: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

/// What is sent of the tools.
pub(crate) struct Plan<'a> {
    tools: Vec<&'a Tool>,
    /// All names, so that another letter case in an answer finds its way back.
    pub(crate) names: NameMap,
    /// Functions that stand for free-text tools.
    pub(crate) custom: Vec<String>,
}

impl<'a> Plan<'a> {
    /// # Errors
    /// An unsupported fault when the choice insists on a tool that cannot be sent.
    pub(crate) fn new(request: &'a Request, target: &Target<'_>, losses: &mut Losses) -> Result<Self, Fault> {
        let called = request.turns.iter().flat_map(|turn| &turn.parts).filter_map(|part| match part {
            Part::ToolCall(call) => Some(call.name.as_str()),
            _ => None,
        });
        let declared = request.tools.iter().map(|tool| tool.name.as_str());
        let names = NameMap::new(declared.chain(called), RULE);
        let mut plan = Self { tools: Vec::with_capacity(request.tools.len()), names, custom: Vec::new() };
        let mut seen = HashMap::with_capacity(request.tools.len());
        let only = Only::of(request.tool_choice.as_ref());
        for tool in &request.tools {
            if only.keeps(&tool.name) && is_first(tool, &mut seen, losses) {
                plan.admit(tool, request, target, losses)?;
            }
        }
        let insists = request.tool_choice.as_ref().is_some_and(ToolChoice::insists);
        if plan.tools.is_empty() && insists && !request.tools.is_empty() {
            let words = format!("{} has none of the tools of which one must be called: offer others", target.model);
            return Err(Fault::unsupported("tool_choice", words));
        }
        if !plan.tools.is_empty() && target.traits.tools == Some(false) {
            let words = format!("{} takes no tools: leave them out, or use a model that does", target.model);
            return Err(Fault::unsupported("tools", words));
        }
        plan.note(request, losses);
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
            ToolKind::Function(_) => self.tools.push(tool),
            ToolKind::Custom(_) => {
                self.custom.push(tool.name.clone());
                self.tools.push(tool);
            }
            ToolKind::WebSearch(_) | ToolKind::Hosted { .. } => {
                if matches!(&request.tool_choice, Some(ToolChoice::Tool(name)) if *name == tool.name) {
                    let words = format!("{} has no tool {:?}: choose another tool, or none", target.model, tool.name);
                    return Err(Fault::unsupported("tool_choice", words));
                }
                losses.dropped(format!("tools.{}", tool.name), "the upstream has no such built-in tool");
            }
        }
        if tool.strict == Some(true) {
            losses.dropped(format!("tools.{}.strict", tool.name), "arguments are not held to their schema");
        }
        Ok(())
    }

    /// Says what the list alone cannot.
    fn note(&self, request: &Request, losses: &mut Losses) {
        if self.tools.is_empty() {
            return;
        }
        match &request.tool_choice {
            Some(ToolChoice::Required | ToolChoice::Subset { required: true, .. }) => {
                losses.dropped("tool_choice", "the model cannot be made to call a tool");
            }
            Some(ToolChoice::Tool(_)) => losses.approximated("tool_choice", "only that tool is offered"),
            Some(ToolChoice::Auto | ToolChoice::None | ToolChoice::Subset { .. }) | None => (),
        }
        if request.parallel_tools == Some(false) {
            losses.dropped("parallel_tool_calls", "the model may call several tools at once");
        }
    }

    /// Writes the list, if there is one.
    pub(crate) fn write(&self, body: &mut Object<'_>, losses: &mut Losses) {
        if self.tools.is_empty() {
            return;
        }
        body.array("tools", &self.tools, |tool, out| {
            let mut object = Object::open(out);
            object.text("type", "function");
            let mut function = Object::open(object.key("function"));
            function.text("name", &tool.name);
            describe(tool, &mut function, losses);
            function.close();
            object.close();
        });
    }
}

fn describe(tool: &Tool, function: &mut Object<'_>, losses: &mut Losses) {
    let about = tool.description.as_deref();
    match &tool.kind {
        ToolKind::Custom(format) => {
            let format = format.as_ref().and_then(|json| grammar_words(json.as_str()));
            let words: Vec<&str> = about.into_iter().chain(format.as_deref()).collect();
            function.text("description", &words.join("\n\n"));
            function.raw("parameters", INPUT_SCHEMA);
        }
        ToolKind::Function(schema) => {
            function.text_if("description", about);
            // The server reads schemas into types of its own, and broken ones not at all.
            let text = schema.as_ref().map_or(NO_ARGUMENTS, |json| json.as_str());
            let field = || format!("tools.{}.parameters", tool.name);
            function.raw("parameters", &schema::repaired(text, field, losses));
        }
        // These are not admitted.
        ToolKind::WebSearch(_) | ToolKind::Hosted { .. } => (),
    }
}

/// What a choice leaves of the list.
enum Only<'a> {
    All,
    These(HashSet<&'a str>),
}

impl<'a> Only<'a> {
    fn of(choice: Option<&'a ToolChoice>) -> Self {
        match choice {
            Some(ToolChoice::None) => Self::These(HashSet::new()),
            Some(ToolChoice::Tool(only)) => Self::These(HashSet::from([only.as_str()])),
            Some(ToolChoice::Subset { names, .. }) => Self::These(names.iter().map(String::as_str).collect()),
            Some(ToolChoice::Auto | ToolChoice::Required) | None => Self::All,
        }
    }

    fn keeps(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.contains(name),
        }
    }
}
