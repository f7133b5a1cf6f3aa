//! Reads the events of a Responses stream, and whole answers as the last of them.
//!
//! Arguments may come only when they are complete, items only with the whole answer, and proofs only when their item
//! is complete. Unknown events and items are no errors. A stream without a terminal event is cut.

use std::borrow::Cow;

use dialect::{Frame, Memo, StreamDecoder};
use hub::{Block, Event, Fault, Foreign, Json, Stop, StopReason};
use serde_json::value::RawValue;

use crate::slots::{Call, Part, Reasoning, Sink};
use crate::wire::{self, Answer, Raw, as_text, lenient};
use crate::{ID, fault, hosted, traces, usage};

/// The state of one stream.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    memo: Memo,
    started: bool,
    over: bool,
    /// The number of the next block.
    blocks: u32,
    slots: Vec<Slot>,
    refused: bool,
    /// A call was cut by the limit.
    cut: bool,
}

#[derive(Debug)]
struct Slot {
    index: Option<u32>,
    id: String,
    state: State,
    done: bool,
}

#[derive(Debug)]
enum State {
    Unknown,
    Message(Vec<Part>),
    Call(Call),
    Reasoning(Reasoning),
}

impl State {
    fn of(kind: &str) -> Self {
        match kind {
            "message" => Self::Message(Vec::new()),
            "function_call" | "custom_tool_call" => Self::Call(Call::default()),
            "reasoning" => Self::Reasoning(Reasoning::default()),
            _ => Self::Unknown,
        }
    }
}

impl StreamDecoder for Decoder {
    fn feed(&mut self, frame: Frame<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        let data = frame.data.trim_ascii();
        if self.over || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let event = parse(data)?;
        if let Some(error) = error_of(&event, data, frame.event == Some(b"error")) {
            return Err(fault::in_stream(error));
        }
        self.event(&event, out)
    }

    fn end(&mut self, _out: &mut Vec<Event>) -> Result<(), Fault> {
        match self.over {
            true => Ok(()),
            false => Err(Fault::garbled("the upstream's stream ended before its answer was complete")),
        }
    }
}

/// Reads one event.
pub(crate) fn parse(data: &[u8]) -> Result<wire::Event<'_>, Fault> {
    dialect::read::json(data)
        .map_err(|error| Fault::garbled(format!("the upstream's stream is not one of responses: {error}")))
}

/// The error that an event tells: flat, nested, or an error object in place of an event.
pub(crate) fn error_of<'a>(event: &wire::Event<'a>, data: &'a [u8], named: bool) -> Option<&'a str> {
    let kind = event.kind.as_deref();
    let flat = named || kind == Some("error");
    match event.error {
        Some(error) if flat || kind.is_none() => Some(error.get()),
        _ => flat.then(|| std::str::from_utf8(data).ok()).flatten(),
    }
}

/// The fault of an answer that failed.
pub(crate) fn failure(answer: &Answer<'_>) -> Fault {
    match answer.error {
        Some(error) => fault::in_stream(error.get()),
        None => Fault::new(hub::FaultKind::UpstreamFailed, "the upstream failed while it answered"),
    }
}

/// Why an answer ended, before its content is considered.
pub(crate) fn told(answer: &Answer<'_>) -> StopReason {
    let reason = answer.incomplete_details.as_ref().and_then(|details| details.reason.as_deref());
    match (answer.status.as_deref(), reason) {
        (_, Some("content_filter")) => StopReason::Filter,
        (_, Some("max_output_tokens" | "max_tokens")) => StopReason::Length,
        (_, Some("steered" | "max_messages" | "paused")) => StopReason::Paused,
        (Some("incomplete"), _) => StopReason::Length,
        _ => StopReason::End,
    }
}

fn text(raw: Raw<'_>) -> Cow<'_, str> {
    raw.and_then(as_text).unwrap_or_default()
}

impl Decoder {
    pub(crate) fn new(memo: Memo) -> Self {
        Self { memo, ..Self::default() }
    }

    /// Reads a whole answer.
    pub(crate) fn whole(&mut self, answer: &Answer<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        match answer.status.as_deref() {
            Some("failed" | "cancelled") => return Err(failure(answer)),
            Some("queued" | "in_progress") => {
                return Err(Fault::garbled("the upstream put the answer off instead of giving it"));
            }
            _ => (),
        }
        self.terminal(answer, out);
        Ok(())
    }

    fn event(&mut self, event: &wire::Event<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        let kind = event.kind.as_deref().unwrap_or_default();
        match kind {
            "response.created" | "response.in_progress" | "response.queued" => {
                self.start(&lenient(event.response), out);
            }
            "response.completed" | "response.done" | "response.incomplete" => {
                let answer: Answer<'_> = answer_of(event.response)?;
                if answer.status.as_deref() == Some("failed") {
                    return Err(self.failed(&answer, out));
                }
                self.terminal(&answer, out);
            }
            "response.failed" | "response.cancelled" => return Err(self.failed(&lenient(event.response), out)),
            _ if kind.starts_with("response.") => {
                self.start(&Answer::default(), out);
                self.piece(kind, event, out);
            }
            _ => (),
        }
        Ok(())
    }

    fn start(&mut self, answer: &Answer<'_>, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            let text = |text: &Option<wire::Str<'_>>| text.as_deref().unwrap_or_default().to_owned();
            out.push(Event::Start { id: text(&answer.id), model: text(&answer.model) });
        }
    }

    /// What failed has cost tokens, too.
    fn failed(&mut self, answer: &Answer<'_>, out: &mut Vec<Event>) -> Fault {
        self.start(answer, out);
        count(answer, out);
        failure(answer)
    }

    /// Something within an item.
    fn piece(&mut self, kind: &str, event: &wire::Event<'_>, out: &mut Vec<Event>) {
        match kind {
            "response.output_item.added" => self.added(event, out),
            "response.output_item.done" => {
                if let Some(raw) = event.item {
                    self.finish(event.output_index, &lenient(Some(raw)), raw, out);
                }
            }
            "response.output_text.delta" | "response.output_text.done" => self.say(event, false, out),
            "response.refusal.delta" | "response.refusal.done" => self.say(event, true, out),
            "response.output_text.annotation.added" => {
                if let Some(annotation) = event.annotation {
                    self.part(event, false, out, |part, sink| part.cite(annotation, sink));
                }
            }
            "response.content_part.done" => self.part_done(event, out),
            "response.reasoning_summary_text.delta"
            | "response.reasoning_summary_text.done"
            | "response.reasoning_text.delta"
            | "response.reasoning_text.done" => self.think(kind, event, out),
            "response.function_call_arguments.delta" | "response.function_call_arguments.done" => {
                self.argue(false, event, event.arguments, out);
            }
            "response.custom_tool_call_input.delta" | "response.custom_tool_call_input.done" => {
                self.argue(true, event, event.input, out);
            }
            _ => (),
        }
    }

    /// The slot of an item: by place, else by id, else the last one.
    fn slot(&mut self, index: Option<u32>, id: Option<&str>, kind: &str) -> usize {
        let same_id = |slot: &Slot| id.is_some_and(|id| !id.is_empty() && slot.id == id);
        let known = match index {
            Some(_) => self.slots.iter().position(|slot| slot.index == index),
            None if id.is_some() => self.slots.iter().position(same_id),
            None => self.slots.len().checked_sub(1),
        };
        let at = known.unwrap_or_else(|| {
            self.slots.push(Slot { index, id: String::new(), state: State::of(kind), done: false });
            self.slots.len() - 1
        });
        let slot = &mut self.slots[at];
        if let (true, Some(id)) = (slot.id.is_empty(), id) {
            id.clone_into(&mut slot.id);
        }
        if matches!(slot.state, State::Unknown) {
            slot.state = State::of(kind);
        }
        at
    }

    fn added(&mut self, event: &wire::Event<'_>, out: &mut Vec<Event>) {
        let item: wire::Item<'_> = lenient(event.item);
        let kind = item.kind.as_deref().unwrap_or_default();
        // Without a place, each new item is one of its own.
        let index = event.output_index;
        let id = item.id.as_deref().filter(|id| !id.is_empty());
        let at = match (index, id) {
            (None, None) => {
                self.slots.push(Slot { index: None, id: String::new(), state: State::of(kind), done: false });
                self.slots.len() - 1
            }
            _ => self.slot(index, id, kind),
        };
        let Self { slots, blocks, memo, .. } = self;
        if let State::Call(call) = &mut slots[at].state {
            call.learn(&item, &mut Sink { blocks, memo, out });
        }
    }

    fn part(
        &mut self,
        event: &wire::Event<'_>,
        refusal: bool,
        out: &mut Vec<Event>,
        act: impl FnOnce(&mut Part, &mut Sink<'_>),
    ) {
        let at = self.slot(event.output_index, event.item_id.as_deref(), "message");
        let Self { slots, blocks, memo, .. } = self;
        let slot = &mut slots[at];
        let State::Message(parts) = &mut slot.state else { return };
        if !slot.done {
            act(part_at(parts, event.content_index.unwrap_or(0), refusal), &mut Sink { blocks, memo, out });
        }
    }

    fn say(&mut self, event: &wire::Event<'_>, refusal: bool, out: &mut Vec<Event>) {
        self.refused |= refusal;
        let delta = text(event.delta);
        let full = text(if refusal { event.refusal } else { event.text });
        self.part(event, refusal, out, |part, sink| match event.delta.is_some() {
            true => {
                part.log(event.logprobs);
                part.say(&delta, sink);
            }
            false => {
                part.log_all(event.logprobs);
                part.complete(&full, sink);
            }
        });
    }

    fn part_done(&mut self, event: &wire::Event<'_>, out: &mut Vec<Event>) {
        let whole: wire::Part<'_> = lenient(event.part);
        if whole.kind.as_deref() == Some("reasoning_text") {
            return;
        }
        let refusal = whole.kind.as_deref() == Some("refusal");
        self.part(event, refusal, out, |part, sink| finish_part(part, &whole, sink));
    }

    fn think(&mut self, kind: &str, event: &wire::Event<'_>, out: &mut Vec<Event>) {
        let summary = kind.contains("summary");
        let index = if summary { event.summary_index } else { event.content_index }.unwrap_or(0);
        let at = self.slot(event.output_index, event.item_id.as_deref(), "reasoning");
        let Self { slots, blocks, memo, .. } = self;
        let State::Reasoning(reasoning) = &mut slots[at].state else { return };
        let sink = &mut Sink { blocks, memo, out };
        match event.delta {
            Some(_) => reasoning.say(summary, index, &text(event.delta), sink),
            None => reasoning.complete(summary, index, &text(event.text), sink),
        }
    }

    fn argue(&mut self, custom: bool, event: &wire::Event<'_>, full: Raw<'_>, out: &mut Vec<Event>) {
        let kind = if custom { "custom_tool_call" } else { "function_call" };
        let at = self.slot(event.output_index, event.item_id.as_deref(), kind);
        let Self { slots, blocks, memo, .. } = self;
        let State::Call(call) = &mut slots[at].state else { return };
        if custom {
            call.custom();
        }
        let sink = &mut Sink { blocks, memo, out };
        match event.delta {
            Some(_) => call.say(&text(event.delta), sink),
            None => call.complete(&text(full), sink),
        }
    }

    /// An item is complete.
    fn finish(&mut self, index: Option<u32>, item: &wire::Item<'_>, raw: &RawValue, out: &mut Vec<Event>) {
        let kind = item.kind.as_deref().unwrap_or_default();
        let at = self.slot(index, item.id.as_deref().filter(|id| !id.is_empty()), kind);
        let cut = item.status.as_deref() == Some("incomplete");
        let Self { slots, blocks, memo, refused, .. } = self;
        let slot = &mut slots[at];
        if std::mem::replace(&mut slot.done, true) {
            return;
        }
        let sink = &mut Sink { blocks, memo, out };
        match &mut slot.state {
            State::Message(parts) => *refused |= finish_message(parts, item, sink),
            State::Call(call) => {
                self.cut |= cut;
                call.learn(item, sink);
                let full = if item.input.is_some() && item.arguments.is_none() { item.input } else { item.arguments };
                // Some servers send the object itself.
                let full = full.map(|raw| as_text(raw).unwrap_or(Cow::Borrowed(raw.get()))).unwrap_or_default();
                call.complete(&full, sink);
                call.close(sink);
            }
            State::Reasoning(reasoning) => reasoning.finish(item, sink),
            State::Unknown => other(kind, item, raw, sink),
        }
    }

    /// The last event, or a whole answer: what never came before comes now.
    fn terminal(&mut self, answer: &Answer<'_>, out: &mut Vec<Event>) {
        self.start(answer, out);
        for (index, raw) in (0..).zip(answer.output.iter().flatten()) {
            let item: wire::Item<'_> = lenient(Some(raw));
            let id = item.id.as_deref().filter(|id| !id.is_empty());
            // Servers exist that number items otherwise in the end: the id tells, where there is one.
            let by_id =
                id.and_then(|id| self.slots.iter().find(|slot| slot.id == id)).map(|slot| (slot.index, slot.done));
            let by_place =
                || self.slots.iter().find(|slot| slot.index == Some(index)).map(|slot| (slot.index, slot.done));
            match by_id.or_else(by_place) {
                Some((_, true)) => (),
                Some((known, false)) => self.finish(known, &item, raw, out),
                None => self.finish(Some(index), &item, raw, out),
            }
        }
        self.close(out);
        count(answer, out);
        out.push(Event::Stop(Stop::from(self.reason(told(answer)))));
        self.over = true;
    }

    /// Closes what was begun and never finished.
    fn close(&mut self, out: &mut Vec<Event>) {
        let Self { slots, blocks, memo, .. } = self;
        let mut sink = Sink { blocks, memo, out };
        for slot in slots {
            match &mut slot.state {
                State::Message(parts) => parts.iter_mut().for_each(|part| part.close(&mut sink)),
                State::Call(call) => {
                    self.cut |= !slot.done;
                    call.close(&mut sink);
                }
                State::Reasoning(reasoning) => reasoning.close(&mut sink),
                State::Unknown => (),
            }
        }
    }

    /// Calls win over the plain end, but not over a limit that cut one.
    fn reason(&self, told: StopReason) -> StopReason {
        let calls = self.slots.iter().any(|slot| matches!(&slot.state, State::Call(call) if call.is_open()));
        match told {
            StopReason::End if calls => StopReason::ToolCalls,
            StopReason::Length if calls && !self.cut => StopReason::ToolCalls,
            StopReason::End | StopReason::Filter if self.refused => StopReason::Refusal,
            told => told,
        }
    }
}

fn count(answer: &Answer<'_>, out: &mut Vec<Event>) {
    let usage = usage::read(answer);
    if !usage.is_unknown() {
        out.push(Event::Usage(usage));
    }
}

fn answer_of(raw: Raw<'_>) -> Result<Answer<'_>, Fault> {
    let raw = raw.ok_or_else(|| Fault::garbled("the upstream's last event holds no answer"))?;
    dialect::read::text(raw.get())
        .map_err(|error| Fault::garbled(format!("the upstream's last event cannot be read: {error}")))
}

fn part_at(parts: &mut Vec<Part>, index: u32, refusal: bool) -> &mut Part {
    let at = parts.iter().position(|part| part.is(index)).unwrap_or_else(|| {
        parts.push(Part::new(index, refusal));
        parts.len() - 1
    });
    &mut parts[at]
}

fn finish_part(part: &mut Part, whole: &wire::Part<'_>, sink: &mut Sink<'_>) {
    part.log_all(whole.logprobs);
    part.complete(whole.text.as_deref().or(whole.refusal.as_deref()).unwrap_or_default(), sink);
    part.cite_all(lenient(whole.annotations), sink);
    part.close(sink);
}

/// Reads the parts of a complete message; tells whether one is a refusal.
fn finish_message(parts: &mut Vec<Part>, item: &wire::Item<'_>, sink: &mut Sink<'_>) -> bool {
    let mut refused = false;
    for (index, whole) in (0..).zip(lenient::<Vec<wire::Part<'_>>>(item.content)) {
        let refusal = whole.kind.as_deref() == Some("refusal");
        refused |= refusal;
        finish_part(part_at(parts, index, refusal), &whole, sink);
    }
    parts.iter_mut().for_each(|part| part.close(sink));
    refused
}

/// A picture is a block; the traces of tools that the provider ran are told as they stand, and in words where they have
/// any.
fn other(kind: &str, item: &wire::Item<'_>, raw: &RawValue, sink: &mut Sink<'_>) {
    if kind != "image_generation_call" {
        let foreign = Foreign {
            origin: ID,
            json: Json::trusted(raw.get()),
            gist: hosted::gist(kind, raw),
            trace: traces::read(kind, raw),
        };
        return sink.whole(Block::Foreign(foreign), "");
    }
    let Some(data) = item.result.and_then(as_text).filter(|data| !data.is_empty()) else { return };
    let told = item.output_format.as_deref().map(|format| format!("image/{format}"));
    let media_type = dialect::sniff(&data).map(str::to_owned).or(told).unwrap_or_else(|| "image/png".to_owned());
    sink.whole(Block::Image { media_type }, &data);
}
