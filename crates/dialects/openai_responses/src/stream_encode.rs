//! Writes the events of a Responses stream.
//!
//! The grammar: `created`, `in_progress`, then each item from `output_item.added` to
//! `output_item.done`, then one terminal event with the whole answer. Texts that follow one another are parts of one
//! message; reasoning or a call ends it. Items may interleave here as blocks do in the hub.
//!
//! Whole answers are made by the same code with its events left out, so that both ways tell the same.

use bytes::BytesMut;
use dialect::openai::tier;
use dialect::{Object, Reply, StreamEncoder, carrier, mint, write_tokens};
use hub::{Block, BlockId, CallKind, Citation, Event, Fault, FaultKind, Foreign, Seal, Stop, Token, Usage};

use crate::held::Held;
use crate::items::{self, Item, Kind, Part};
use crate::outcome::{Lines, Outcome};
use crate::spaces::Spaces;
use crate::{fault, seals, traces, usage};

/// What stands for sound that a model made.
const SOUND_NOTE: &str = "(sound was made; the Responses API cannot carry it)";

/// The state of one answer.
#[derive(Debug)]
pub(crate) struct Encoder {
    pub(crate) reply: Reply,
    spaces: Spaces,
    pub(crate) lines: Lines,
    id: String,
    started: bool,
    pub(crate) items: Vec<Item>,
    /// Open blocks, and where they stand: item and part.
    blocks: Vec<(BlockId, usize, usize)>,
    /// A call whose proof may come next, and has its place before it.
    pending: Option<(BlockId, Kind)>,
    /// Calls that are told when they are complete.
    pub(crate) held: Vec<Held>,
    /// What tools did of which the outcome is still to be told: their ids, and their items.
    pub(crate) traces: Vec<(String, usize)>,
    /// The message that the next text joins.
    message: Option<usize>,
    usage: Usage,
    refused: bool,
}

impl Encoder {
    pub(crate) fn new(reply: Reply, quiet: bool) -> Self {
        let id = answer_id(reply.seed);
        let spaces = Spaces::of_pairs(&reply.echo.spaces);
        Self {
            reply,
            spaces,
            lines: Lines { number: 0, quiet },
            id,
            started: false,
            items: Vec::with_capacity(4),
            blocks: Vec::with_capacity(4),
            pending: None,
            held: Vec::new(),
            traces: Vec::new(),
            message: None,
            usage: Usage::default(),
            refused: false,
        }
    }

    /// Writes the response object as it stands.
    pub(crate) fn object(&self, outcome: &Outcome<'_>, out: &mut BytesMut) {
        let mut object = Object::open(out);
        object.text("id", &self.id);
        object.text("object", "response");
        object.number("created_at", self.reply.created);
        object.text("status", outcome.status);
        object.flag("background", false);
        self.error(outcome, &mut object);
        match outcome.reason {
            Some(reason) => {
                let mut details = Object::open(object.key("incomplete_details"));
                details.text("reason", reason);
                details.close();
            }
            None => object.raw("incomplete_details", "null"),
        }
        object.raw("instructions", "null");
        object.text("model", &self.reply.model);
        let done = self.items.iter().filter_map(|item| item.done.as_deref());
        object.array("output", done, |json, out| out.extend_from_slice(json.as_bytes()));
        object.text_if("service_tier", self.usage.tier.and_then(tier::word));
        object.flag("store", self.reply.kept);
        object.raw("tools", "[]");
        self.repeat(&mut object);
        match outcome.status {
            "in_progress" => object.raw("usage", "null"),
            _ => usage::write(&self.usage, object.key("usage")),
        }
        if let Some(searches) = self.usage.web_searches.filter(|_| outcome.status != "in_progress") {
            usage::write_tools(searches, object.key("tool_usage"));
        }
        object.close();
    }

    /// What the request said, where the request is known.
    fn repeat(&self, object: &mut Object<'_>) {
        const PLAIN: &str = "true,\"previous_response_id\":null,\"tool_choice\":\"auto\",\"temperature\":1.0,\"top_p\":1.0,\"metadata\":{}";
        match self.reply.echo.fields.split_once(':') {
            // The first key is written like any other, the rest follows as it stands.
            Some((key, rest)) => object.raw(key.trim_matches('"'), rest),
            None => object.raw("parallel_tool_calls", PLAIN),
        }
    }

    fn error(&self, outcome: &Outcome<'_>, object: &mut Object<'_>) {
        match (outcome.fault, outcome.status) {
            (Some(fault), _) => fault::write_in_answer(fault, object.key("error")),
            (None, "failed") => {
                let unread = "the model wrote a tool call that could not be read";
                fault::write_in_answer(&Fault::new(FaultKind::UpstreamFailed, unread), object.key("error"));
            }
            (None, _) => object.raw("error", "null"),
        }
    }

    fn tell(&mut self, kind: &str, outcome: &Outcome<'_>, out: &mut BytesMut) {
        if self.lines.quiet {
            return;
        }
        let mut whole = BytesMut::with_capacity(1_024);
        self.object(outcome, &mut whole);
        self.lines.event(kind, out, |object| object.key("response").extend_from_slice(&whole));
    }

    fn start(&mut self, out: &mut BytesMut) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        self.tell("response.created", &Outcome::RUNNING, out);
        self.tell("response.in_progress", &Outcome::RUNNING, out);
    }

    // === items ===

    pub(crate) fn add(&mut self, kind: Kind, out: &mut BytesMut) -> usize {
        let at = self.items.len();
        let prefix = match &kind {
            Kind::Message { .. } => "msg_",
            Kind::Reasoning { .. } => "rs_",
            Kind::Call { kind: CallKind::Function, .. } => "fc_",
            Kind::Call { kind: CallKind::Custom, .. } => "ctc_",
            Kind::Typed { typed, .. } => typed.prefix(),
            Kind::Picture { .. } => "ig_",
            Kind::Trace(trace) => traces::prefix(trace),
            Kind::Whole(_) => "",
        };
        let number = u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1);
        let given = if let Kind::Trace(trace) = &kind { traces::item_id(trace, self.reply.seed) } else { None };
        let id = given.unwrap_or_else(|| mint(prefix, self.reply.seed, number));
        self.items.push(Item { id, kind, done: None });
        let item = &self.items[at];
        self.lines.event("response.output_item.added", out, |object| {
            object.number("output_index", at);
            item.write_added(&self.spaces, object.key("item"));
        });
        at
    }

    pub(crate) fn finish(&mut self, at: usize, out: &mut BytesMut) {
        let Some(item) = self.items.get_mut(at).filter(|item| item.done.is_none()) else { return };
        let mut json = BytesMut::with_capacity(256);
        item.write_done(&self.spaces, &mut json);
        let json = dialect::into_text(json);
        self.lines.event("response.output_item.done", out, |object| {
            object.number("output_index", at);
            object.raw("item", &json);
        });
        item.done = Some(json);
    }

    /// Ends the message that texts join, unless one of its parts is still open: then its last part ends it.
    pub(crate) fn leave_message(&mut self, out: &mut BytesMut) {
        let Some(at) = self.message.take() else { return };
        let busy = matches!(&self.items[at].kind, Kind::Message { parts } if parts.iter().any(|part| part.open));
        if !busy {
            self.finish(at, out);
        }
    }

    fn open(&mut self, block: BlockId, kind: &Block, out: &mut BytesMut) {
        match kind {
            Block::Text => self.open_part(block, false, out),
            Block::Refusal => {
                self.refused = true;
                self.open_part(block, true, out);
            }
            Block::Thinking | Block::Redacted => {
                self.open_item(block, Kind::Reasoning { text: String::new(), proof: None }, out);
            }
            Block::ToolCall { id, name, kind } => {
                let number = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
                let call_id = if id.is_empty() { mint("call_", self.reply.seed, number) } else { id.clone() };
                let call = Kind::Call { call_id, name: name.clone(), kind: *kind, text: String::new() };
                self.pending = Some((block, call));
            }
            Block::Image { media_type } => {
                self.open_item(block, Kind::Picture { media_type: media_type.clone(), data: String::new() }, out);
            }
            Block::Audio { .. } => {
                // The note is all of it: pieces of a block that is closed are not heard.
                self.open_part(block, false, out);
                self.delta(block, SOUND_NOTE, out);
                self.close(block, out);
            }
            Block::Foreign(foreign) if foreign.origin == crate::ID => {
                self.open_item(block, Kind::Whole(foreign.json.as_str().to_owned()), out);
            }
            Block::Foreign(Foreign { trace: Some(trace), .. }) => self.trace(trace, out),
            Block::Foreign(foreign) => {
                if let Some(gist) = foreign.gist.as_deref().filter(|gist| !gist.is_empty()) {
                    self.open_part(block, false, out);
                    self.delta(block, gist, out);
                }
            }
        }
    }

    pub(crate) fn open_item(&mut self, block: BlockId, kind: Kind, out: &mut BytesMut) {
        self.leave_message(out);
        let at = self.add(kind, out);
        self.blocks.push((block, at, 0));
    }

    fn open_part(&mut self, block: BlockId, refusal: bool, out: &mut BytesMut) {
        let at = match self.message {
            Some(at) => at,
            None => self.add(Kind::Message { parts: Vec::new() }, out),
        };
        self.message = Some(at);
        let Item { id, kind: Kind::Message { parts }, .. } = &mut self.items[at] else { return };
        let index = parts.len();
        parts.push(Part { refusal, open: true, ..Part::default() });
        self.blocks.push((block, at, index));
        self.lines.event("response.content_part.added", out, |object| {
            object.text("item_id", id);
            object.number("output_index", at);
            object.number("content_index", index);
            Part::write_empty(refusal, object.key("part"));
        });
    }

    /// Opens the call that waited for its proof. The proof stands in a reasoning item of its own, before the call.
    fn release(&mut self, seal: Option<&Seal>, out: &mut BytesMut) {
        let Some((block, call)) = self.pending.take() else { return };
        if let Some(seal) = seal {
            self.carry(carrier::before_its_call(seal), out);
        }
        if let Some(call) = self.hold(block, call) {
            self.open_item(block, call, out);
        }
    }

    pub(crate) fn carry(&mut self, proof: String, out: &mut BytesMut) {
        self.leave_message(out);
        let at = self.add(Kind::Reasoning { text: String::new(), proof: Some(proof) }, out);
        self.finish(at, out);
    }

    fn place(&self, block: BlockId) -> Option<(usize, usize)> {
        self.blocks.iter().rev().find(|(known, ..)| *known == block).map(|(_, at, part)| (*at, *part))
    }

    pub(crate) fn delta(&mut self, block: BlockId, text: &str, out: &mut BytesMut) {
        if self.add_held(block, text) {
            return;
        }
        let Some((at, index)) = self.place(block).filter(|_| !text.is_empty()) else { return };
        let Item { id, kind, .. } = &mut self.items[at];
        match kind {
            Kind::Message { parts } => {
                let Some(part) = parts.get_mut(index) else { return };
                part.text.push_str(text);
                let refusal = part.refusal;
                let tokens = &part.tokens[std::mem::replace(&mut part.told, part.tokens.len())..];
                let name = if refusal { "response.refusal.delta" } else { "response.output_text.delta" };
                self.lines.event(name, out, |object| {
                    object.text("item_id", id);
                    object.number("output_index", at);
                    object.number("content_index", index);
                    object.text("delta", text);
                    if !refusal {
                        write_tokens(tokens, object.key("logprobs"));
                    }
                });
            }
            Kind::Reasoning { text: so_far, .. } => {
                if so_far.is_empty() {
                    self.lines.event("response.reasoning_summary_part.added", out, |object| {
                        summary_place(id, at, object);
                        items::summary("", object.key("part"));
                    });
                }
                so_far.push_str(text);
                self.lines.event("response.reasoning_summary_text.delta", out, |object| {
                    summary_place(id, at, object);
                    object.text("delta", text);
                });
            }
            Kind::Call { text: so_far, kind, .. } => {
                so_far.push_str(text);
                self.lines.event(call_events(*kind).0, out, |object| {
                    object.text("item_id", id);
                    object.number("output_index", at);
                    object.text("delta", text);
                });
            }
            Kind::Picture { data, .. } => data.push_str(text),
            Kind::Typed { .. } | Kind::Trace(_) | Kind::Whole(_) => (),
        }
    }

    fn seal(&mut self, block: BlockId, seal: &Seal, out: &mut BytesMut) {
        if self.seal_held(block, seal, out) {
            return;
        }
        let Some((at, _)) = self.place(block) else { return };
        match &mut self.items[at].kind {
            Kind::Reasoning { proof, .. } => *proof = Some(seals::write(seal)),
            Kind::Call { .. } => self.carry(carrier::behind_its_call(seal), out),
            Kind::Message { .. } | Kind::Typed { .. } | Kind::Picture { .. } | Kind::Trace(_) | Kind::Whole(_) => (),
        }
    }

    /// Tokens stand with the text that follows.
    fn log(&mut self, block: BlockId, tokens: &[Token]) {
        let Some((at, index)) = self.place(block) else { return };
        if let Kind::Message { parts } = &mut self.items[at].kind
            && let Some(part) = parts.get_mut(index).filter(|part| !part.refusal)
        {
            part.tokens.extend_from_slice(tokens);
        }
    }

    fn cite(&mut self, block: BlockId, citation: &Citation) {
        // A text that is complete takes no more: its source stands with the last one that is open.
        let open = || self.blocks.last().map(|(_, at, part)| (*at, *part));
        let Some((at, index)) = self.place(block).or_else(open).filter(|_| items::has_form(citation)) else { return };
        let gone = self.place(block).is_none();
        if let Kind::Message { parts } = &mut self.items[at].kind
            && let Some(part) = parts.get_mut(index)
        {
            let span = if gone { Some((0, 0)) } else { citation.span };
            part.citations.push(Citation { span, ..citation.clone() });
        }
    }

    pub(crate) fn close(&mut self, block: BlockId, out: &mut BytesMut) {
        if self.close_held(block, out) {
            return;
        }
        let Some((at, index)) = self.place(block) else { return };
        self.blocks.retain(|(known, ..)| *known != block);
        match &self.items[at].kind {
            Kind::Message { .. } => return self.close_part(at, index, out),
            Kind::Call { kind: CallKind::Function, text, .. } if text.is_empty() => self.no_arguments(at, out),
            Kind::Call { .. } | Kind::Typed { .. } => (),
            Kind::Reasoning { .. } | Kind::Picture { .. } | Kind::Trace(_) | Kind::Whole(_) => (),
        }
        let Item { id, kind, .. } = &self.items[at];
        match kind {
            Kind::Reasoning { text, .. } if !text.is_empty() => {
                self.lines.event("response.reasoning_summary_text.done", out, |object| {
                    summary_place(id, at, object);
                    object.text("text", text);
                });
                self.lines.event("response.reasoning_summary_part.done", out, |object| {
                    summary_place(id, at, object);
                    items::summary(text, object.key("part"));
                });
            }
            Kind::Call { kind, text, name, .. } => {
                let (_, event) = call_events(*kind);
                let name = self.spaces.split(name).map_or(name.as_str(), |member| &member.name);
                self.lines.event(event, out, |object| {
                    object.text("item_id", id);
                    object.number("output_index", at);
                    object.text("name", name);
                    object.text(items::words(*kind).1, text);
                });
            }
            Kind::Reasoning { .. }
            | Kind::Message { .. }
            | Kind::Typed { .. }
            | Kind::Picture { .. }
            | Kind::Trace(_)
            | Kind::Whole(_) => (),
        }
        self.finish(at, out);
    }

    /// Joined arguments must be JSON: a call without any takes an empty object.
    fn no_arguments(&mut self, at: usize, out: &mut BytesMut) {
        let Item { id, kind: Kind::Call { text, kind, .. }, .. } = &mut self.items[at] else { return };
        text.push_str("{}");
        self.lines.event(call_events(*kind).0, out, |object| {
            object.text("item_id", id);
            object.number("output_index", at);
            object.text("delta", "{}");
        });
    }

    fn close_part(&mut self, at: usize, index: usize, out: &mut BytesMut) {
        let Item { id, kind: Kind::Message { parts }, .. } = &mut self.items[at] else { return };
        let Some(part) = parts.get_mut(index) else { return };
        part.open = false;
        let part = &*part;
        let place = |object: &mut Object<'_>| {
            object.text("item_id", id);
            object.number("output_index", at);
            object.number("content_index", index);
        };
        for (number, citation) in part.citations.iter().enumerate() {
            self.lines.event("response.output_text.annotation.added", out, |object| {
                place(object);
                object.number("annotation_index", number);
                items::annotation(citation, &part.text, object.key("annotation"));
            });
        }
        let (name, field) = match part.refusal {
            true => ("response.refusal.done", "refusal"),
            false => ("response.output_text.done", "text"),
        };
        self.lines.event(name, out, |object| {
            place(object);
            object.text(field, &part.text);
            if !part.refusal {
                write_tokens(&part.tokens, object.key("logprobs"));
            }
        });
        self.lines.event("response.content_part.done", out, |object| {
            place(object);
            part.write(object.key("part"));
        });
        let busy = parts.iter().any(|part| part.open);
        if !busy && self.message != Some(at) {
            self.finish(at, out);
        }
    }

    /// Completes what is open, and says how the answer ended.
    pub(crate) fn settle(&mut self, stop: &Stop, out: &mut BytesMut) -> Outcome<'static> {
        self.start(out);
        self.release(None, out);
        for block in self.blocks.iter().map(|(block, ..)| *block).collect::<Vec<_>>() {
            self.close(block, out);
        }
        self.close_all_held(out);
        self.end_traces(out);
        self.leave_message(out);
        Outcome::of(stop.reason, self.refused)
    }

    fn stop(&mut self, stop: &Stop, out: &mut BytesMut) {
        let outcome = self.settle(stop, out);
        let event = match outcome.status {
            "incomplete" => "response.incomplete",
            "failed" => "response.failed",
            _ => "response.completed",
        };
        self.tell(event, &outcome, out);
    }
}

/// The id of an answer of our own making.
pub(crate) fn answer_id(seed: u64) -> String {
    mint("resp_", seed, 0)
}

fn summary_place(id: &str, at: usize, object: &mut Object<'_>) {
    object.text("item_id", id);
    object.number("output_index", at);
    object.number("summary_index", 0);
}

/// The events for a piece of a call's arguments and for the whole.
fn call_events(kind: CallKind) -> (&'static str, &'static str) {
    match kind {
        CallKind::Function => ("response.function_call_arguments.delta", "response.function_call_arguments.done"),
        CallKind::Custom => ("response.custom_tool_call_input.delta", "response.custom_tool_call_input.done"),
    }
}

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, out: &mut BytesMut) {
        match (&self.pending, event) {
            (Some((waiting, _)), Event::Seal { block, seal }) if waiting == block => {
                return self.release(Some(seal), out);
            }
            (Some(_), _) => self.release(None, out),
            (None, _) => (),
        }
        match event {
            Event::Start { .. } => self.start(out),
            Event::Open { block, kind } => self.open(*block, kind, out),
            Event::Tokens { block, tokens } => self.log(*block, tokens),
            Event::Delta { block, text } => self.delta(*block, text, out),
            Event::Seal { block, seal } => self.seal(*block, seal, out),
            Event::Cite { block, citation } => self.cite(*block, citation),
            Event::Close { block } => self.close(*block, out),
            Event::Usage(usage) => self.usage.update(usage),
            // Nobody asks this dialect for several answers.
            Event::Aside { .. } => (),
            Event::Stop(stop) => self.stop(stop, out),
        }
    }

    /// `response.failed` once the answer has begun; else, or when other bytes than ours began it, a plain error event.
    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        if self.started {
            return self.tell("response.failed", &Outcome::failed(fault), out);
        }
        out.extend_from_slice(b"event: error\ndata: ");
        let mut error = Object::open(out);
        error.text("type", "error");
        error.text("code", fault::stream_code(fault));
        error.text("message", &fault::stream_words(fault));
        crate::decode_knobs::text_or_null("param", fault.param.as_deref(), &mut error);
        error.number("sequence_number", self.lines.number);
        error.close();
        out.extend_from_slice(b"\n\n");
    }

    fn end(&mut self, _out: &mut BytesMut) {}

    /// Codex counts parsed events only: the state is told once more. Among another's events our numbers mean nothing.
    fn keep_alive(&mut self, out: &mut BytesMut) {
        if self.started {
            self.tell("response.in_progress", &Outcome::RUNNING, out);
        } else {
            out.extend_from_slice(b": keep-alive\n\n");
        }
    }
}
