//! Writes a hub request as a Messages request.
//!
//! The version sent is 2023-06-01: it answers every field that is written here, sampling included.

use std::borrow::Cow;
use std::rc::Rc;

use bytes::BytesMut;
use dialect::tree::described;
use dialect::{Encoded, Lowered, Memo, NameMap, Target, tell_unplaced};
use hub::{CallKind, Fault, Format, Json, Losses, Request, Sampling, Schema, Service, Tier, Tool, ToolKind};

use crate::breakpoints::Breakpoints;
use crate::history::{self, History};
use crate::ids::Ids;
use crate::json::{Open, decimal};
use crate::message_encode::{Writer, count_breakpoints, ends_of_user_turns, own};
use crate::names::{VERSION, VERSION_HEADER};
use crate::schema;
use crate::think::{self, Obstacles, Plan, Wire};
use crate::tools_encode::{self, Choice, Tools};

/// The function whose arguments are the answer, where a model cannot hold an answer to a schema by itself.
const ANSWER_TOOL: &str = "json_answer";
/// Asks for JSON where no field can.
const JSON_ONLY: &str = "Answer with a single valid JSON value and nothing else: no prose around it, no code fence.";
/// Shorter prompts, in bytes, are not worth a breakpoint: no model caches fewer than a thousand tokens.
const WORTH_CACHING: usize = 4_096;
/// Longest user id that the API takes, in characters.
const MAX_USER: usize = 256;

/// Writes a mended request.
///
/// # Errors
/// An unsupported fault that names the field, where leaving it out would change the answer's meaning.
pub(crate) fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, Fault> {
    refuse(request)?;
    let mut losses = Losses::default();
    let history = history::order(request, target.traits, &mut losses)?;
    tell_unplaced(request, |source| own(source).is_some(), &mut losses);
    let mut tools = tools_encode::select(request, &mut losses)?;
    let form = Form::of(request, target, &tools, &mut losses);
    let answer_tool = form.tool();
    if let Some(tool) = &answer_tool {
        tools = Tools { list: vec![tool], choice: Some(Choice::Tool(ANSWER_TOOL)), one_at_a_time: false };
    }
    let obstacles = Obstacles {
        forced_tool: tools.is_forced(),
        prefill: history.is_prefilled(),
        lost_proofs: history.has_lost_proofs(),
    };
    let plan = think::plan(request, target, obstacles, &mut losses);
    if plan.mode.is_on() && tools.is_forced() {
        losses.approximated("tool_choice", "this model always thinks and takes no forced tool: it may choose");
        tools.choice = Some(Choice::Auto);
    }
    let names = tools_encode::names(request);
    let parts = Parts { request, target, history: &history, tools: &tools, form: &form, plan, names: &names };
    let body = parts.write(&mut losses);
    let memo = memo(request, names, answer_tool.is_some());
    Ok(Encoded { body: body.freeze(), headers: version_header(), memo, losses })
}

/// The header of every translated request.
fn version_header() -> http::HeaderMap {
    let mut headers = http::HeaderMap::with_capacity(2);
    headers.insert(VERSION_HEADER, http::HeaderValue::from_static(VERSION));
    headers
}

/// What the answer's reader must know.
fn memo(request: &Request, names: NameMap, forced_answer: bool) -> Memo {
    let declared = request.tools.iter().filter(|tool| matches!(tool.kind, ToolKind::Custom(_)));
    let parts = request.turns.iter().flat_map(|turn| &turn.parts);
    let called = parts.filter_map(|part| match part {
        hub::Part::ToolCall(call) if call.kind == CallKind::Custom => Some(call.name.as_str()),
        _ => None,
    });
    let mut custom: Vec<String> =
        declared.map(|tool| tool.name.as_str()).chain(called).map(|name| names.wire(name).to_owned()).collect();
    custom.sort_unstable();
    custom.dedup();
    Memo {
        names,
        custom,
        json_tool: forced_answer.then(|| ANSWER_TOOL.to_owned()),
        // What the API refuses is matched by the gateway.
        stop: request.sampling.stop.iter().filter(|text| is_blank(text)).cloned().collect(),
        ..Memo::default()
    }
}

/// Client code reads these: an answer without them is not the answer that was asked.
fn refuse(request: &Request) -> Result<(), Fault> {
    let sampling = &request.sampling;
    let cannot = |field: &'static str, what: &str| {
        Err(Fault::unsupported(
            field,
            format!("{field}: Anthropic models {what}; remove the field or choose another model"),
        ))
    };
    if sampling.n.is_some_and(|n| n > 1) {
        return cannot("n", "give one answer a request");
    }
    if sampling.logprobs || sampling.top_logprobs.is_some_and(|n| n > 0) {
        return cannot("logprobs", "report no log probabilities");
    }
    if request.speech.is_some() {
        return cannot("modalities", "answer in text");
    }
    let is_empty = |json: &Json| json.is_null() || json.as_str().trim_matches(['{', '}', ' ', '\n']).is_empty();
    if sampling.logit_bias.as_ref().is_some_and(|bias| !is_empty(bias)) {
        return cannot("logit_bias", "take no token biases");
    }
    Ok(())
}

/// How the answer's form is asked for.
#[derive(Debug)]
enum Form<'a> {
    Free,
    /// `output_config.format` with this schema.
    Native(Rc<Lowered>),
    /// A forced function with this schema.
    Tool(&'a Schema),
    /// Words in the system prompt.
    Words(Cow<'static, str>),
}

impl<'a> Form<'a> {
    fn of(request: &'a Request, target: &Target<'_>, tools: &Tools<'_>, losses: &mut Losses) -> Self {
        let wanted = match &request.format {
            Format::Text => return Self::Free,
            Format::Json => {
                losses.approximated("response_format", "JSON without a schema is asked for in the system prompt");
                return Self::Words(Cow::Borrowed(JSON_ONLY));
            }
            Format::Schema(schema) => schema,
        };
        let text = wanted.schema.as_str();
        let described = described(wanted);
        let lowered = schema::strict(described.as_deref().unwrap_or(text));
        if target.traits.structured_output != Some(false) && lowered.json.is_some() {
            lowered.report(|| "response_format.schema".to_owned(), losses);
            return Self::Native(lowered);
        }
        let thinks =
            request.thinking.level.is_some() || matches!(request.thinking.mode, Some(mode) if mode != hub::Mode::Off);
        if tools.list.is_empty() && !thinks && schema::is_object(text) {
            losses.approximated("response_format", "the schema is sent as a forced tool");
            return Self::Tool(wanted);
        }
        losses.approximated("response_format", "the schema is asked for in the system prompt and not enforced");
        Self::Words(Cow::Owned(format!("{JSON_ONLY}\nThe value must match this JSON Schema:\n{text}")))
    }

    fn words(&self) -> Option<&str> {
        match self {
            Self::Words(words) => Some(words),
            Self::Free | Self::Native(_) | Self::Tool(_) => None,
        }
    }

    fn tool(&self) -> Option<Tool> {
        let Self::Tool(wanted) = self else { return None };
        Some(Tool {
            name: ANSWER_TOOL.to_owned(),
            description: Some(wanted.description.clone().unwrap_or_else(|| "Gives the answer.".to_owned())),
            kind: ToolKind::Function(Some(wanted.schema.clone())),
            strict: None,
            cache: None,
            extras: Vec::new(),
        })
    }
}

/// Everything that has been decided about one request.
struct Parts<'p> {
    request: &'p Request,
    target: &'p Target<'p>,
    history: &'p History<'p>,
    tools: &'p Tools<'p>,
    form: &'p Form<'p>,
    plan: Plan,
    names: &'p NameMap,
}

impl Parts<'_> {
    fn write(&self, losses: &mut Losses) -> BytesMut {
        let ids = Ids::new(&self.request.turns);
        let size = self.size_hint();
        let mut breakpoints = self.breakpoints(size);
        let mut out = BytesMut::with_capacity(size);
        let mut body = Open::object(&mut out);
        body.text("model", self.target.model);
        body.count("max_tokens", self.plan.max_tokens);
        if self.target.stream {
            body.flag("stream", true);
        }
        self.thinking(&mut body);
        self.sampling(&mut body, losses);
        service(&self.request.service, &mut body, losses);
        // The cache sees tools, system and messages in this order; so do the breakpoints.
        if !self.tools.list.is_empty() {
            tools_encode::write(&self.tools.list, self.names, &mut breakpoints, body.key("tools"), losses);
            tools_encode::write_choice(self.tools.choice, self.tools.one_at_a_time, self.names, &mut body);
        }
        let mut writer = Writer { names: self.names, ids: &ids, breakpoints: &mut breakpoints };
        if !self.history.system.is_empty() || self.form.words().is_some() {
            writer.system(&self.history.system, self.form.words(), body.key("system"));
        }
        writer.messages(&self.history.messages, body.key("messages"));
        body.end();
        out
    }

    /// What the client wished; where it wished for nothing, our own, if the place wants them and the prompt is long.
    fn breakpoints(&self, size: usize) -> Breakpoints {
        // A hosted tool is written as it stood, breakpoint and all.
        let own = |tool: &&&Tool| !matches!(tool.kind, ToolKind::Hosted { .. });
        let tools = self.tools.list.iter().filter(own).filter(|tool| tool.cache.is_some()).count();
        let system = self.history.system.iter().filter(|text| text.cache.is_some()).count();
        let wishes = [tools, system, count_breakpoints(self.history)];
        if wishes != [0; 3] || size < WORTH_CACHING || !self.target.traits.quirks.own_breakpoints {
            return Breakpoints::new(wishes);
        }
        let blocks = [self.tools.list.iter().filter(own).count(), self.history.system.len()];
        Breakpoints::own(blocks, &ends_of_user_turns(self.history))
    }

    /// Roughly the size of the body, so that the buffer grows seldom.
    fn size_hint(&self) -> usize {
        let text = |part: &hub::Part| match part {
            hub::Part::Text(text) => text.text.len(),
            hub::Part::ToolCall(call) => call.arguments.len(),
            hub::Part::Image(hub::Media { source: hub::Source::Base64(data), .. }) => data.len(),
            _ => 256,
        };
        let inner = |part: &hub::Part| match part {
            hub::Part::ToolResult(result) => result.parts.iter().map(text).sum(),
            part => text(part),
        };
        let turns: usize = self.request.turns.iter().flat_map(|turn| &turn.parts).map(|part| inner(part) + 96).sum();
        let tools: usize = self.tools.list.iter().map(|tool| tool_size(tool)).sum();
        let system: usize = self.history.system.iter().map(|text| text.text.len() + 64).sum();
        (turns + tools + system) * 17 / 16 + 512
    }

    fn thinking(&self, body: &mut Open<'_>) {
        if self.plan.mode != Wire::Absent {
            self.plan.mode.write(&self.target.traits.thinking, body.key("thinking"));
        }
        self.output_config(body);
    }

    fn output_config(&self, body: &mut Open<'_>) {
        let schema = match self.form {
            Form::Native(lowered) => lowered.json.as_deref(),
            Form::Free | Form::Tool(_) | Form::Words(_) => None,
        };
        if self.plan.effort.is_none() && schema.is_none() {
            return;
        }
        let mut config = Open::object(body.key("output_config"));
        config.maybe_text("effort", self.plan.effort.map(hub::Level::word));
        if let Some(schema) = schema {
            let mut format = Open::typed(config.key("format"), "json_schema");
            format.raw("schema", schema);
            format.end();
        }
        config.end();
    }

    fn sampling(&self, body: &mut Open<'_>, losses: &mut Losses) {
        let sampling = &self.request.sampling;
        let thinks = self.plan.mode.is_on();
        let refused = self.target.traits.sampling == Some(false);
        let reason = if thinks { "not taken beside thinking" } else { "this model takes no sampling settings" };
        let away = thinks || refused;
        let differs = |value: f64| (value - 1.0).abs() > f64::EPSILON;
        if let Some(temperature) = sampling.temperature.filter(|value| differs(*value)) {
            match away {
                true => losses.dropped("temperature", reason),
                false => decimal(temperature.clamp(0.0, 1.0), body.key("temperature")),
            }
        }
        if let Some(top_p) = sampling.top_p.filter(|value| differs(*value)) {
            // Beside thinking the range from 0.95 stays open.
            match refused || (thinks && top_p < 0.95) {
                true => losses.dropped("top_p", reason),
                false => decimal(top_p.clamp(0.0, 1.0), body.key("top_p")),
            }
        }
        if let Some(top_k) = sampling.top_k {
            match away {
                true => losses.dropped("top_k", reason),
                false => body.count("top_k", top_k),
            }
        }
        stop_sequences(&sampling.stop, body);
        warn_of_unknown(sampling, losses);
    }
}

fn tool_size(tool: &Tool) -> usize {
    let schema = match &tool.kind {
        ToolKind::Function(Some(schema)) => schema.as_str().len(),
        _ => 128,
    };
    schema + tool.description.as_ref().map_or(0, String::len) + 128
}

/// White space alone is refused as a stop sequence.
fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn stop_sequences(stop: &[String], body: &mut Open<'_>) {
    let mut good = stop.iter().filter(|text| !is_blank(text)).peekable();
    if good.peek().is_none() {
        return;
    }
    let mut list = Open::array(body.key("stop_sequences"));
    for text in good {
        dialect::quoted(text, list.item());
    }
    list.end();
}

fn warn_of_unknown(sampling: &Sampling, losses: &mut Losses) {
    let mut warn = |field: &'static str, is_set: bool| {
        if is_set {
            losses.dropped(field, "Anthropic models have no such setting");
        }
    };
    let is_set = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    warn("seed", sampling.seed.is_some());
    warn("frequency_penalty", is_set(sampling.frequency_penalty));
    warn("presence_penalty", is_set(sampling.presence_penalty));
    warn("verbosity", sampling.verbosity.is_some());
}

/// Tier and user. Labels and cache keys have no counterpart and nobody misses them.
fn service(service: &Service, body: &mut Open<'_>, losses: &mut Losses) {
    match service.tier {
        Some(Tier::Standard) => body.text("service_tier", "standard_only"),
        Some(Tier::Priority) => losses.dropped("service_tier", "the fast mode costs more and is not chosen unasked"),
        Some(Tier::Flex | Tier::Scale) => losses.silent("service_tier"),
        Some(Tier::Auto) | None => (),
    }
    if let Some(user) = service.user.as_deref().filter(|user| !user.is_empty()) {
        if user.chars().count() <= MAX_USER {
            let mut metadata = Open::object(body.key("metadata"));
            metadata.text("user_id", user);
            metadata.end();
        } else {
            losses.silent("user");
        }
    }
    if service.metadata.is_some() {
        losses.silent("metadata");
    }
    if service.cache_key.is_some() {
        losses.silent("prompt_cache_key");
    }
}
