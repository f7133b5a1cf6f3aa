//! Reads the chunks of a Chat stream, and whole answers as the one chunk that they are.
//!
//! Chunks say nothing of where a block begins or ends: that is made here, from what they hold. `Stop` is held until
//! the end mark, because usage may follow the finish reason, and more content too.

use std::borrow::Cow;

use dialect::openai::tier;
use dialect::read::lowercase;
use dialect::{Frame, Memo, Pieces, StreamDecoder, parse_data_url};
use hub::{Block, BlockId, CallKind, Event, Fault, Others, Seal, SoundForm, Stop, StopReason, Token, Usage, aside};
use serde_json::value::RawValue;

use crate::calls::{Calls, Piece, seal_of};
use crate::fault;
use crate::think::{Place, Splitter};
use crate::wire::{self, Chunk, ChunkChoice, Delta, as_text, lenient};
use crate::{ID, cited, usage};

/// Longest list of reasoning details that is carried for the next turn, in bytes.
const MAX_DETAILS: usize = 1 << 20;
/// Marks the one call of the legacy form, which has no index.
const LEGACY_INDEX: i64 = -1;

/// The state of one stream.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    memo: Memo,
    started: bool,
    over: bool,
    /// The number of the next block.
    blocks: u32,
    prose: Option<(BlockId, Prose)>,
    /// Characters of visible text so far, and before the open block: sources name places in all of it.
    said: u64,
    before: u64,
    calls: Calls,
    finish: Option<StopReason>,
    refused: bool,
    usage: Usage,
    splitter: Splitter,
    /// Reasoning came as plain text: its details only repeat it.
    plain_reasoning: bool,
    /// The sound of the answer, which the words do not close.
    sound: Option<(BlockId, Pieces)>,
    /// The reasoning details of the open thinking block, joined by commas.
    details: String,
    /// The tokens of text that is still to come.
    tokens: Vec<Token>,
    /// The other answers.
    others: Others<Self>,
}

/// The kinds of blocks that follow one another; at most one is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prose {
    Text,
    Thinking,
    Refusal,
}

impl StreamDecoder for Decoder {
    fn feed(&mut self, frame: Frame<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        let data = frame.data.trim_ascii();
        if self.over || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            return self.end_mark(out);
        }
        // An end mark that broke off is one that was left out.
        if b"[DONE]".starts_with(data) {
            return Ok(());
        }
        let chunk = parse(data)?;
        if let Some(error) = error_of(&chunk, data, frame.event == Some(b"error")) {
            return Err(fault::in_stream(error));
        }
        self.chunk(chunk, out)
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.over {
            return Ok(());
        }
        // Servers exist that leave the end mark out; with a finish reason the answer is whole.
        if self.finish.is_none() || self.others.made().any(|(_, other)| other.finish.is_none()) {
            return Err(Fault::garbled("the upstream's stream ended before its answer was complete"));
        }
        self.stop(out);
        Ok(())
    }
}

/// Reads a chunk or a whole answer.
pub(crate) fn parse(data: &[u8]) -> Result<Chunk<'_>, Fault> {
    dialect::read::json(data).map_err(|error| Fault::garbled(format!("the upstream's answer is not Chat: {error}")))
}

/// The error that a chunk or a whole answer carries in place of content.
pub(crate) fn error_of<'a>(chunk: &Chunk<'a>, data: &'a [u8], named: bool) -> Option<&'a str> {
    let told = chunk.error.map(RawValue::get).filter(|json| !matches!(*json, "false" | "\"\"" | "{}"));
    let words = chunk.message.or(chunk.detail);
    let flat = named || chunk.object.as_deref() == Some("error") || (chunk.choices.is_none() && words.is_some());
    told.or_else(|| flat.then(|| std::str::from_utf8(data).ok()).flatten())
}

impl Decoder {
    pub(crate) fn new(memo: Memo) -> Self {
        Self { others: Others::of(memo.answers), memo, ..Self::default() }
    }

    /// Reads a whole answer: `message` in place of `delta`, and nothing follows.
    pub(crate) fn whole(&mut self, mut chunk: Chunk<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        let calls = chunk.choices.iter_mut().flatten().filter_map(|choice| choice.message.as_mut());
        for message in calls {
            // In a list each entry is a call of its own, whatever its id.
            for (at, call) in message.tool_calls.iter_mut().flatten().enumerate() {
                call.index = i64::try_from(at).ok();
            }
        }
        let choices = chunk.choices.as_deref_mut().unwrap_or_default();
        if choices.is_empty() {
            return Err(Fault::garbled("the upstream's answer holds no choice"));
        }
        choices.sort_by_key(|choice| choice.index);
        choices.iter_mut().zip(0..).for_each(|(choice, number)| choice.index = Some(number));
        self.chunk(chunk, out)?;
        self.stop(out);
        Ok(())
    }

    fn chunk(&mut self, chunk: Chunk<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        let choices = chunk.choices.unwrap_or_default();
        // A first chunk without choices and id tells of filters only (Azure): the answer has not begun.
        let begins = !choices.is_empty() || chunk.id.and_then(as_text).is_some_and(|id| !id.is_empty());
        if begins {
            self.start(chunk.id, chunk.model, out);
        }
        // It is told with the figures.
        let tier = chunk.service_tier.and_then(as_text).and_then(|word| tier::read(&word));
        self.usage.tier = tier.or(self.usage.tier);
        self.count(chunk.usage, out);
        for choice in choices {
            match u32::try_from(choice.index.unwrap_or(0)) {
                Ok(0) => self.choice(choice, out)?,
                Ok(answer) => self.other(answer, choice, out)?,
                Err(_) => (),
            }
        }
        Ok(())
    }

    fn other(&mut self, answer: u32, choice: ChunkChoice<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        let memo = &self.memo;
        let make = || Self { memo: memo.clone(), started: true, ..Self::default() };
        let Some(other) = self.others.at(answer, make) else { return Ok(()) };
        let mut steps = Vec::new();
        other.choice(choice, &mut steps)?;
        aside(answer, steps, out);
        Ok(())
    }

    fn start(&mut self, id: wire::Raw<'_>, model: wire::Raw<'_>, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let text = |raw: wire::Raw<'_>| raw.and_then(as_text).map(Cow::into_owned).unwrap_or_default();
        out.push(Event::Start { id: text(id), model: text(model) });
    }

    fn count(&mut self, figures: wire::Raw<'_>, out: &mut Vec<Event>) {
        let Some(figures) = figures else { return };
        let before = self.usage;
        self.usage.update(&usage::read(&lenient(Some(figures))));
        if self.usage != before {
            self.start(None, None, out);
            out.push(Event::Usage(self.usage));
        }
    }

    fn choice(&mut self, choice: ChunkChoice<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        self.count(choice.usage, out);
        // Some servers repeat the whole message in the last chunk: it counts only if nothing came before.
        let message = choice.message.filter(|_| self.blocks == 0);
        if let Some(list) = choice.logprobs {
            self.tokens.extend(dialect::tokens(lenient::<wire::Logprobs<'_>>(Some(list)).content));
        }
        if let Some(delta) = choice.delta.or(message) {
            self.delta(delta, out)?;
        }
        // Some servers tell them in a chunk of their own.
        if let (Some((block, Prose::Text)), false) = (self.prose, self.tokens.is_empty()) {
            out.push(Event::Tokens { block, tokens: std::mem::take(&mut self.tokens) });
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            self.finish = Some(stop_reason(&reason)?);
        }
        Ok(())
    }

    fn delta(&mut self, delta: Delta<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        self.reasoning(&delta, out);
        if let Some(content) = delta.content {
            self.content(content, out);
        }
        // Sources stand for the text, so they come before what closes it.
        for annotation in lenient::<Vec<wire::Annotation<'_>>>(delta.annotations) {
            self.cite(annotation, out);
        }
        if let Some(refusal) = delta.refusal.filter(|text| !text.is_empty()) {
            self.refused = true;
            self.say(Prose::Refusal, &refusal, out);
        }
        for image in lenient::<Vec<wire::Part<'_>>>(delta.images) {
            self.image(&image, out);
        }
        if let Some(audio) = delta.audio {
            self.spoken(&lenient(Some(audio)), out)?;
        }
        for call in delta.tool_calls.unwrap_or_default() {
            self.call(&call, out)?;
        }
        if let Some(call) = delta.function_call {
            let call = wire::ToolCall { index: Some(LEGACY_INDEX), function: Some(call), ..wire::ToolCall::default() };
            self.call(&call, out)?;
        }
        Ok(())
    }

    /// Reasoning under any of its names; where two carry the same words, one counts.
    fn reasoning(&mut self, delta: &Delta<'_>, out: &mut Vec<Event>) {
        let details: Vec<&RawValue> = lenient(delta.reasoning_details);
        let text = |raw: wire::Raw<'_>| raw.and_then(as_text).filter(|text| !text.is_empty()).map(Cow::into_owned);
        let plain = text(delta.reasoning_content).or_else(|| text(delta.reasoning));
        self.plain_reasoning |= plain.is_some();
        let repeated = self.plain_reasoning;
        let told = || details.iter().filter(|_| !repeated).map(|detail| detail_text(detail)).collect();
        let words: String = plain.unwrap_or_else(told);
        if !words.is_empty() {
            self.say(Prose::Thinking, &words, out);
        }
        if details.is_empty() {
            return;
        }
        if self.blocks == 0 {
            self.enter(Prose::Thinking, out);
        }
        if matches!(self.prose, Some((_, Prose::Thinking))) {
            self.keep_details(&details);
        }
    }

    /// Keeps the entries as they stood: some vendors want exactly them back.
    fn keep_details(&mut self, details: &[&RawValue]) {
        for detail in details {
            if self.details.len() + detail.get().len() > MAX_DETAILS {
                return;
            }
            if !self.details.is_empty() {
                self.details.push(',');
            }
            self.details.push_str(detail.get());
        }
    }

    /// Content is a text, or a list of parts.
    fn content(&mut self, content: &RawValue, out: &mut Vec<Event>) {
        if let Some(text) = as_text(content) {
            return self.text(&text, out);
        }
        let parts: Vec<wire::Part<'_>> = dialect::read::text(content.get()).unwrap_or_default();
        for part in parts {
            if let Some(thinking) = part.thinking {
                self.say(Prose::Thinking, &flat_text(thinking), out);
            } else if part.image_url.is_some() {
                self.image(&part, out);
            } else if let Some(refusal) = &part.refusal {
                self.refused = true;
                self.say(Prose::Refusal, refusal, out);
            } else if let Some(text) = &part.text {
                self.text(text, out);
            }
        }
    }

    fn text(&mut self, text: &str, out: &mut Vec<Event>) {
        if !self.memo.think_tags {
            return self.say(Prose::Text, text, out);
        }
        let mut splitter = std::mem::take(&mut self.splitter);
        splitter.feed(text, |place, text| self.say_at(place, text, out));
        self.splitter = splitter;
    }

    fn say_at(&mut self, place: Place, text: &str, out: &mut Vec<Event>) {
        let kind = match place {
            Place::Answer => Prose::Text,
            Place::Reasoning => Prose::Thinking,
        };
        self.say(kind, text, out);
    }

    fn say(&mut self, kind: Prose, text: &str, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let block = self.enter(kind, out);
        if kind == Prose::Text {
            self.said += text.chars().count() as u64;
            if !self.tokens.is_empty() {
                out.push(Event::Tokens { block, tokens: std::mem::take(&mut self.tokens) });
            }
        }
        out.push(Event::Delta { block, text: text.to_owned() });
    }

    /// Makes `kind` the open block.
    fn enter(&mut self, kind: Prose, out: &mut Vec<Event>) -> BlockId {
        if let Some((block, open)) = self.prose
            && open == kind
        {
            return block;
        }
        self.leave(out);
        let block = self.number();
        let opened = match kind {
            Prose::Text => Block::Text,
            Prose::Thinking => Block::Thinking,
            Prose::Refusal => Block::Refusal,
        };
        out.push(Event::Open { block, kind: opened });
        self.prose = Some((block, kind));
        self.before = self.said;
        block
    }

    fn leave(&mut self, out: &mut Vec<Event>) {
        let Some((block, kind)) = self.prose.take() else { return };
        if kind == Prose::Thinking && !self.details.is_empty() {
            let details = format!("[{}]", std::mem::take(&mut self.details));
            out.push(Event::Seal { block, seal: Seal::new(ID.0, "reasoning_details", details) });
        }
        out.push(Event::Close { block });
    }

    fn number(&mut self) -> BlockId {
        let block = BlockId(self.blocks);
        self.blocks += 1;
        block
    }

    /// Text that may have been half a tag is none when something else begins.
    fn settle_text(&mut self, out: &mut Vec<Event>) {
        let mut splitter = std::mem::take(&mut self.splitter);
        splitter.flush(|place, text| self.say_at(place, text, out));
        self.splitter = splitter;
    }

    fn call(&mut self, call: &wire::ToolCall<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        self.settle_text(out);
        self.leave(out);
        let name = match (&call.function, &call.custom) {
            (Some(function), _) => function.name.as_deref(),
            (None, Some(custom)) => custom.name.as_deref(),
            (None, None) => None,
        };
        let arguments = call.function.as_ref().and_then(|function| function.arguments).map(arguments_text);
        let input = call.custom.as_ref().and_then(|custom| custom.input.as_deref());
        let piece = Piece {
            index: call.index,
            id: call.id.as_deref().unwrap_or_default(),
            name: name.unwrap_or_default(),
            arguments: arguments.as_deref().or(input).unwrap_or_default(),
            kind: if call.custom.is_some() { CallKind::Custom } else { CallKind::Function },
            seal: seal_of(call.extra_content),
        };
        self.calls.take(piece, &self.memo, &mut self.blocks, out)
    }

    /// A picture by data URL is a block; one by address is told in words, because nobody has its bytes.
    fn image(&mut self, part: &wire::Part<'_>, out: &mut Vec<Event>) {
        let Some(address) = part.image_url.and_then(address_text) else { return };
        let Some(data) = parse_data_url(&address) else {
            return self.say(Prose::Text, &format!("![image]({address})"), out);
        };
        self.leave(out);
        let block = self.number();
        let media_type = data.media_type.unwrap_or_else(|| "image/png".to_owned());
        out.push(Event::Open { block, kind: Block::Image { media_type } });
        out.push(Event::Delta { block, text: data.base64.into_owned() });
        out.push(Event::Close { block });
    }

    /// Sound, and its words, which come between its pieces: they are what the answer says.
    fn spoken(&mut self, audio: &wire::Spoken<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        if let Some(data) = audio.data.as_deref().filter(|data| !data.is_empty()) {
            let (block, mut pieces) = self.sound.take().unwrap_or_else(|| (self.open_sound(out), Pieces::default()));
            let text = pieces.push(data).ok_or_else(|| Fault::garbled("the upstream's sound is no base64"))?;
            if !text.is_empty() {
                out.push(Event::Delta { block, text });
            }
            self.sound = Some((block, pieces));
        }
        if let Some(words) = audio.transcript.as_deref() {
            self.say(Prose::Text, words, out);
        }
        Ok(())
    }

    fn open_sound(&mut self, out: &mut Vec<Event>) -> BlockId {
        let block = self.number();
        let media_type = self.memo.sound.unwrap_or(SoundForm::Pcm).media_type().to_owned();
        out.push(Event::Open { block, kind: Block::Audio { media_type } });
        block
    }

    fn hush(&mut self, out: &mut Vec<Event>) {
        let Some((block, mut pieces)) = self.sound.take() else { return };
        let text = pieces.finish();
        if !text.is_empty() {
            out.push(Event::Delta { block, text });
        }
        out.push(Event::Close { block });
    }

    /// A source belongs to the text before it; without one there is nothing that it could support.
    fn cite(&mut self, annotation: wire::Annotation<'_>, out: &mut Vec<Event>) {
        let (Some((block, Prose::Text)), Some(found)) = (self.prose, annotation.url_citation) else { return };
        let citation = cited::behind(cited::citation(found), self.before);
        out.push(Event::Cite { block, citation });
    }

    /// The end mark stands for the finish reason where that is missing, but never for the rest of a cut call.
    fn end_mark(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        if !self.may_end() || self.others.made().any(|(_, other)| !other.may_end()) {
            return Err(Fault::garbled("the upstream ended its stream before its answer was complete"));
        }
        self.stop(out);
        Ok(())
    }

    fn may_end(&self) -> bool {
        self.finish.is_some() || (self.started && self.calls.complete(true))
    }

    fn stop(&mut self, out: &mut Vec<Event>) {
        self.start(None, None, out);
        self.settle_text(out);
        self.leave(out);
        self.hush(out);
        self.calls.close(&self.memo, &mut self.blocks, out);
        for (answer, other) in self.others.made() {
            let mut steps = Vec::new();
            other.stop(&mut steps);
            aside(answer, steps, out);
        }
        out.push(Event::Stop(Stop::from(self.reason())));
        self.over = true;
    }

    fn reason(&self) -> StopReason {
        let seen = Seen { calls: self.calls.any(), whole: self.calls.complete(false), refused: self.refused };
        settle(self.finish.unwrap_or_default(), seen)
    }
}

/// What an answer held, as far as it bears on why it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// A call was opened.
    pub(crate) calls: bool,
    /// The arguments of all calls are complete.
    pub(crate) whole: bool,
    /// The model said no.
    pub(crate) refused: bool,
}

/// Calls win over "stop", but not over a length that cut one; "tool calls" without any is the plain end.
pub(crate) fn settle(told: StopReason, seen: Seen) -> StopReason {
    match (told, seen.calls) {
        (StopReason::End | StopReason::ToolCalls, true) => StopReason::ToolCalls,
        (StopReason::Length, true) if seen.whole => StopReason::ToolCalls,
        (StopReason::End | StopReason::Filter | StopReason::ToolCalls, false) if seen.refused => StopReason::Refusal,
        (StopReason::ToolCalls, false) => StopReason::End,
        (told, _) => told,
    }
}

/// The words of compatible servers for why an answer ended. An unknown word is the plain end.
pub(crate) fn stop_reason(word: &str) -> Result<StopReason, Fault> {
    Ok(match &*lowercase(word) {
        "length" | "max_tokens" | "max_output_tokens" => StopReason::Length,
        // DeepSeek and vLLM: the server gave up, so the answer is cut.
        "insufficient_system_resource" | "abort" => StopReason::Length,
        "model_length" | "context_length" | "model_context_window_exceeded" => StopReason::ContextFull,
        "tool_calls" | "function_call" | "tool_use" => StopReason::ToolCalls,
        "content_filter" | "safety" | "sensitive" | "prohibited_content" => StopReason::Filter,
        "refusal" => StopReason::Refusal,
        "error" => return Err(Fault::new(hub::FaultKind::UpstreamFailed, "the upstream failed while it answered")),
        _ => StopReason::End,
    })
}

fn detail_text(detail: &RawValue) -> String {
    let detail: wire::ReasoningDetail<'_> = serde_json::from_str(detail.get()).unwrap_or_default();
    detail.text.or(detail.summary).map(wire::Str::owned).unwrap_or_default()
}

/// The text of a value that is a text or a list of text parts.
fn flat_text(raw: &RawValue) -> String {
    if let Some(text) = as_text(raw) {
        return text.into_owned();
    }
    let parts: Vec<wire::Part<'_>> = dialect::read::text(raw.get()).unwrap_or_default();
    parts.into_iter().filter_map(|part| part.text).map(wire::Str::owned).collect()
}

/// Arguments as text: the text itself, or the JSON of a server that sends the object.
fn arguments_text(raw: &RawValue) -> Cow<'_, str> {
    as_text(raw).unwrap_or(Cow::Borrowed(raw.get()))
}

/// The address of a picture or film, given as an object or bare.
pub(crate) fn address_text<'a>(raw: &'a RawValue) -> Option<Cow<'a, str>> {
    as_text(raw).or_else(|| serde_json::from_str::<wire::Address<'a>>(raw.get()).ok().map(|address| address.url.0))
}
