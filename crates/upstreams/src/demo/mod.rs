//! The built-in upstream that answers at once and offline, so that a fresh install can be tried before it has a key.
//!
//! One model, `demo`: it repeats what was said in a short lively text, thinks when asked to, and calls the first tool
//! offered when there is one and no result yet. Its tokens are counted by the length of the words. It embeds as well.

mod vectors;
mod words;

use std::sync::Arc;
use std::time::Duration;

use config::Config;
use dialect::embed::{EmbedRequest, Embedded};
use dialect::splice::Pieces;
use dialect::{Dialect, ModelCard, ModelTraits, ThinkingTraits};
use hub::{
    Block, BlockId, CallKind, Event, Fault, FaultKind, Part, Request, Role, Stop, StopReason, Tool, ToolChoice,
    ToolKind, Usage,
};
use pool::Secret;

use crate::{AccountSpec, Call, Kind, Model, Place, Script, Upstream};

/// The kind.
pub(crate) static KIND: Kind = Kind { id: "demo", ids: &[], build, files: None };

/// The model's name, and the pause between two pieces of its answer.
const MODEL: &str = "demo";
const PAUSE: Duration = Duration::from_millis(12);

#[derive(Debug)]
struct Demo;

impl Upstream for Demo {
    fn kind(&self) -> &'static str {
        KIND.id
    }

    fn wire(&self, _model: &str) -> Option<&'static Dialect> {
        None
    }

    fn request(&self, _call: Call<'_>, _secret: &Secret) -> Result<http::Request<Pieces>, Fault> {
        Err(Fault::new(FaultKind::Internal, "the demo upstream has no address"))
    }

    fn perform(&self, request: &Request, _model: &str) -> Result<Script, Fault> {
        Ok(Box::new(Answer::new(request).play()))
    }

    fn embed(&self, request: &EmbedRequest) -> Result<Embedded<'static>, Fault> {
        vectors::embed(request)
    }
}

fn build(config: &Config) -> Vec<Place> {
    if !config.demo {
        return Vec::new();
    }
    let account = AccountSpec {
        id: "demo".into(),
        label: "demo".into(),
        secret: Secret::default(),
        proxy: config::Proxy::Direct,
        priority: 0,
        weight: 1,
        excluded: Vec::new(),
        renewable: None,
        rules: config::AccountRules::default(),
    };
    vec![Place {
        upstream: Arc::new(Demo),
        accounts: vec![account],
        models: vec![model()],
        learns: false,
        groups: Vec::new(),
        prefix: None,
        excluded: Vec::new(),
        aliases: Vec::new(),
        request_retry: None,
    }]
}

fn model() -> Model {
    let traits = ModelTraits {
        context: Some(128_000),
        max_output: Some(4_096),
        images: Some(true),
        pdfs: Some(true),
        thinking: ThinkingTraits { supported: Some(true), can_disable: Some(true), ..ThinkingTraits::default() },
        ..ModelTraits::default()
    };
    let card = ModelCard { display_name: Some("Bosporus demo".into()), ..ModelCard::new(MODEL, "bosporus", &traits) };
    Model { alias: MODEL.into(), name: MODEL.into(), force_mapping: false, traits: Arc::new(traits), card: Some(card) }
}

/// What the demo has decided to say.
struct Answer {
    thoughts: Option<String>,
    text: String,
    call: Option<(String, String)>,
    /// The cap on output cut the text.
    cut: bool,
    input_tokens: u64,
}

impl Answer {
    fn new(request: &Request) -> Self {
        let said = last_words(request);
        let call = tool_to_call(request).map(|tool| (tool.name.clone(), words::sample_arguments(tool)));
        let wants_thoughts = !request.thinking.is_default() && !request.thinking.is_hidden();
        let text = match (&call, answered_tool(request), &request.format) {
            (Some((name, _)), ..) => format!("Let me ask {name}. "),
            (None, Some(result), _) => format!("The tool says: {result} That is all I wanted to know."),
            (None, None, hub::Format::Text) => words::echo(&said),
            (None, None, hub::Format::Json) => words::json_echo(&said),
            (None, None, hub::Format::Schema(schema)) => words::sample(schema),
        };
        let mut answer = Self {
            thoughts: wants_thoughts.then(|| words::ponder(&said)),
            text,
            call,
            cut: false,
            input_tokens: words::tokens_of_request(request),
        };
        answer.obey_cap(request.sampling.max_tokens);
        answer
    }

    fn obey_cap(&mut self, cap: Option<u64>) {
        let Some(cap) = cap.and_then(|cap| usize::try_from(cap).ok()) else { return };
        let pieces = words::pieces(&self.text);
        if self.call.is_none() && pieces.len() > cap {
            self.text = pieces[..cap].concat();
            self.cut = true;
        }
    }

    fn output_tokens(&self) -> (u64, u64) {
        let thoughts = self.thoughts.as_deref().map_or(0, words::tokens);
        let call = self.call.as_ref().map_or(0, |(name, arguments)| words::tokens(name) + words::tokens(arguments));
        (thoughts + call + words::tokens(&self.text), thoughts)
    }

    fn stop(&self) -> Stop {
        match (&self.call, self.cut) {
            (Some(_), _) => StopReason::ToolCalls.into(),
            (None, true) => StopReason::Length.into(),
            (None, false) => StopReason::End.into(),
        }
    }

    fn play(self) -> impl Iterator<Item = (Duration, Event)> + Send {
        let (output, reasoning) = self.output_tokens();
        let stop = self.stop();
        let mut events = vec![Event::Start { id: String::new(), model: MODEL.into() }];
        let mut blocks = 0..;
        let mut block = |kind, text: &str, events: &mut Vec<Event>| {
            let block = BlockId(blocks.next().unwrap_or_default());
            events.push(Event::Open { block, kind });
            events.extend(words::pieces(text).into_iter().map(|piece| Event::Delta { block, text: piece.to_owned() }));
            events.push(Event::Close { block });
        };
        if let Some(thoughts) = &self.thoughts {
            block(Block::Thinking, thoughts, &mut events);
        }
        if !self.text.is_empty() {
            block(Block::Text, &self.text, &mut events);
        }
        if let Some((name, arguments)) = self.call {
            block(Block::ToolCall { id: String::new(), name, kind: CallKind::Function }, &arguments, &mut events);
        }
        events.push(Event::Usage(Usage {
            fresh: Some(self.input_tokens),
            output: Some(output),
            reasoning: Some(reasoning),
            ..Usage::default()
        }));
        events.push(Event::Stop(stop));
        events.into_iter().map(|event| (pause(&event), event))
    }
}

fn pause(event: &Event) -> Duration {
    if matches!(event, Event::Delta { .. }) { PAUSE } else { Duration::ZERO }
}

/// The tool to call: the forced one, else the first, unless the last turn already holds a result.
fn tool_to_call(request: &Request) -> Option<&Tool> {
    let is_function = |tool: &&Tool| matches!(tool.kind, ToolKind::Function(_));
    if answered_tool(request).is_some() || request.tool_choice == Some(ToolChoice::None) {
        return None;
    }
    match &request.tool_choice {
        Some(ToolChoice::Tool(name)) => request.tools.iter().filter(is_function).find(|tool| tool.name == *name),
        Some(ToolChoice::Subset { names, .. }) => {
            request.tools.iter().filter(is_function).find(|tool| names.contains(&tool.name))
        }
        Some(ToolChoice::Auto | ToolChoice::Required | ToolChoice::None) | None => {
            request.tools.iter().find(is_function)
        }
    }
}

/// What the last turn's first tool result says.
fn answered_tool(request: &Request) -> Option<String> {
    let turn = request.turns.iter().rev().find(|turn| turn.role == Role::User)?;
    turn.parts.iter().find_map(|part| match part {
        Part::ToolResult(result) => Some(words::text_of(&result.parts)),
        _ => None,
    })
}

fn last_words(request: &Request) -> String {
    let turn = request.turns.iter().rev().find(|turn| turn.role == Role::User);
    turn.map(|turn| words::text_of(&turn.parts)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
