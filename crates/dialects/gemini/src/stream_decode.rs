//! Reads the chunks of a stream, and whole answers as the one chunk that they are.
//!
//! There is no end mark: an answer is whole when a finish reason has come and the bytes are over, for older models
//! repeat the reason in every chunk. Parts are increments; calls come whole.

use dialect::{Frame, Memo, Pieces, StreamDecoder, bare_base64, object_arguments, unwrap_custom_input};
use hub::{
    Block, BlockId, CallKind, Event, Fault, Foreign, Json, Others, Seal, Stop, StopReason, Token, Trace, Usage, aside,
};
use serde_json::value::RawValue;

use crate::said::Said;
use crate::sources::Sources;
use crate::wire::{self, Candidate, Chunk, Content, Feedback, FunctionCall, Part, as_text, filled, lenient};
use crate::{ID, fault, odds, part_decode, seals, traces, usage};

/// The state of one stream.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    memo: Memo,
    started: bool,
    over: bool,
    /// The number of the next block.
    blocks: u32,
    open: Option<(BlockId, Prose)>,
    /// The type of the open sound, and what of it waits.
    sound: (String, Pieces),
    /// Where the open text begins in what was said.
    from: usize,
    /// The texts so far, and where each begins.
    texts: Vec<(BlockId, usize)>,
    /// How many programs were run.
    programs: u32,
    called: bool,
    /// What was said visibly: sources name places in it.
    said: Said,
    finish: Option<Stop>,
    usage: Usage,
    sources: Sources,
    /// The tokens of text that is still to come.
    tokens: Vec<Token>,
    /// The other answers.
    others: Others<Self>,
}

/// The kinds of blocks that grow; at most one is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prose {
    Text,
    Thinking,
    Sound,
}

impl StreamDecoder for Decoder {
    fn feed(&mut self, frame: Frame<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        let data = frame.data.trim_ascii();
        if self.over || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        self.chunk(parse(data)?, out)
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        if std::mem::replace(&mut self.over, true) {
            return Ok(());
        }
        let stop = self.finish.take().ok_or_else(truncated)?;
        for (answer, other) in self.others.made() {
            let stop = other.finish.take().ok_or_else(truncated)?;
            let mut steps = Vec::new();
            other.stop(stop, &mut steps);
            aside(answer, steps, out);
        }
        self.stop(stop, out);
        Ok(())
    }
}

fn truncated() -> Fault {
    Fault::garbled("the upstream's stream ended before its answer was complete")
}

/// Reads a chunk or a whole answer.
pub(crate) fn parse(data: &[u8]) -> Result<Chunk<'_>, Fault> {
    dialect::read::json(data).map_err(|error| Fault::garbled(format!("the upstream's answer is not Gemini's: {error}")))
}

/// Google's reason in hub terms. Unknown reasons are never a fault.
pub(crate) fn stop_reason(word: &str) -> StopReason {
    match word {
        "MAX_TOKENS" => StopReason::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "LANGUAGE"
        | "MODEL_ARMOR"
        | "PUP_LIMITED_DISABLED"
        | "ESCALATION"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => StopReason::Filter,
        "CONTINUATION" => StopReason::Paused,
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "MALFORMED_RESPONSE" => StopReason::MalformedCall,
        _ => StopReason::End,
    }
}

/// How a candidate says that it ended; `None` while it has not.
pub(crate) fn stop_of(word: Option<wire::Str<'_>>, message: Option<wire::Str<'_>>) -> Option<Stop> {
    let word = filled(word)?;
    let reason = stop_reason(&word);
    let detail = match reason {
        StopReason::Filter | StopReason::MalformedCall => filled(message).or(Some(word)),
        _ => None,
    };
    Some(Stop { reason, sequence: None, detail })
}

/// The end of an answer that was never begun: the question was blocked.
pub(crate) fn blocked(feedback: Option<Feedback<'_>>) -> Option<Stop> {
    let reason =
        feedback.and_then(|feedback| filled(feedback.block_reason_message).or(filled(feedback.block_reason)))?;
    Some(Stop { detail: Some(reason), ..Stop::from(StopReason::Filter) })
}

impl Decoder {
    pub(crate) fn new(memo: Memo) -> Self {
        Self { others: Others::of(memo.answers), memo, ..Self::default() }
    }

    /// Reads a whole answer.
    pub(crate) fn whole(&mut self, mut chunk: Chunk<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        let candidates = chunk.candidates.as_deref_mut().unwrap_or_default();
        let none = candidates.is_empty();
        candidates.sort_by_key(|candidate| candidate.index);
        candidates.iter_mut().zip(0..).for_each(|(candidate, number)| candidate.index = Some(number));
        self.chunk(chunk, out)?;
        if self.finish.is_none() && none {
            return Err(Fault::garbled("the upstream's answer holds no candidate"));
        }
        // A body is whole even where it does not say why it ended.
        self.finish.get_or_insert_default();
        self.others.made().for_each(|(_, other)| _ = other.finish.get_or_insert_default());
        self.end(out)
    }

    fn chunk(&mut self, chunk: Chunk<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
        if let Some(error) = chunk.error {
            return Err(fault::in_stream(error.get()));
        }
        if !std::mem::replace(&mut self.started, true) {
            let text = |text: Option<wire::Str<'_>>| filled(text).unwrap_or_default();
            out.push(Event::Start { id: text(chunk.response_id), model: text(chunk.model_version) });
        }
        self.count(chunk.usage_metadata, out);
        let candidates = chunk.candidates.unwrap_or_default();
        let none = candidates.is_empty();
        for candidate in candidates {
            match u32::try_from(candidate.index.unwrap_or(0)) {
                Ok(0) => self.candidate(candidate, out),
                Ok(answer) => self.other(answer, candidate, out),
                Err(_) => (),
            }
        }
        if none && let Some(stop) = blocked(chunk.prompt_feedback) {
            self.finish = Some(stop);
        }
        Ok(())
    }

    fn other(&mut self, answer: u32, candidate: Candidate<'_>, out: &mut Vec<Event>) {
        let memo = &self.memo;
        let make = || Self { memo: memo.clone(), started: true, ..Self::default() };
        let Some(other) = self.others.at(answer, make) else { return };
        let mut steps = Vec::new();
        other.candidate(candidate, &mut steps);
        aside(answer, steps, out);
    }

    fn count(&mut self, figures: wire::Raw<'_>, out: &mut Vec<Event>) {
        let before = self.usage;
        self.usage.update(&usage::read(&lenient(figures)));
        if self.usage != before && !self.usage.is_unknown() {
            out.push(Event::Usage(self.usage));
        }
    }

    /// Sources come with the last words or after them, and repeat those that came before.
    fn candidate(&mut self, candidate: Candidate<'_>, out: &mut Vec<Event>) {
        self.sources.learn(candidate.grounding_metadata, candidate.citation_metadata, candidate.url_context_metadata);
        self.tokens.extend(odds::read(candidate.logprobs_result));
        if let Some(content) = candidate.content {
            self.content(&content, out);
        }
        if let Some((block, Prose::Text)) = self.open {
            self.tell_tokens(block, out);
        }
        self.cite(out);
        if let Some(stop) = stop_of(candidate.finish_reason, candidate.finish_message) {
            self.finish = Some(stop);
        }
    }

    fn content(&mut self, content: &Content<'_>, out: &mut Vec<Event>) {
        for raw in content.parts.and_then(wire::list).unwrap_or_default() {
            // A part of an odd shape must not cost the answer around it.
            let Ok(part) = dialect::read::text::<Part<'_>>(raw.get()) else { continue };
            self.sources.part(part.thought == Some(true), self.said.len());
            self.part(part, raw, out);
        }
        self.sources.end_of_chunk();
    }

    fn part(&mut self, part: Part<'_>, raw: &RawValue, out: &mut Vec<Event>) {
        let signature = part.thought_signature.as_deref();
        if let Some(call) = part.function_call {
            self.call(call, seals::read(signature, seals::THOUGHT), out);
        } else if let Some(text) = part.text.and_then(as_text) {
            match part.thought {
                Some(true) => self.thought(&text, signature, out),
                _ => self.text(&text, signature, out),
            }
        } else if let Some(blob) = part.inline_data {
            self.blob(blob, raw, out);
        } else if part.executable_code.is_some() || part.code_execution_result.is_some() || signature.is_none() {
            // A program counts when it begins; what it printed belongs to the last one.
            self.programs += u32::from(part.executable_code.is_some());
            let code = traces::program(&part, self.programs);
            let gist = part_decode::gist(&part);
            if raw.get().len() > 2 && part.thought.is_none() {
                self.foreign(raw, gist, code.map(Trace::Code), out);
            }
        } else {
            self.carrier(signature, seals::EMPTY, out);
        }
    }

    fn text(&mut self, text: &str, signature: Option<&str>, out: &mut Vec<Event>) {
        if !text.is_empty() {
            let block = self.prose(Prose::Text, out);
            self.tell_tokens(block, out);
            self.said.push(text);
            out.push(Event::Delta { block, text: text.to_owned() });
        }
        self.carrier(signature, if text.is_empty() { seals::EMPTY } else { seals::TEXT }, out);
    }

    fn tell_tokens(&mut self, block: BlockId, out: &mut Vec<Event>) {
        if !self.tokens.is_empty() {
            out.push(Event::Tokens { block, tokens: std::mem::take(&mut self.tokens) });
        }
    }

    /// A thought is complete when its proof has come.
    fn thought(&mut self, text: &str, signature: Option<&str>, out: &mut Vec<Event>) {
        let seal = seals::read(signature, seals::THOUGHT);
        if text.is_empty() && seal.is_none() {
            return;
        }
        let block = self.prose(Prose::Thinking, out);
        if !text.is_empty() {
            out.push(Event::Delta { block, text: text.to_owned() });
        }
        if let Some(seal) = seal {
            out.push(Event::Seal { block, seal });
            self.close(out);
        }
    }

    /// A proof that stands on a text or on nothing travels as an empty thought.
    fn carrier(&mut self, signature: Option<&str>, kind: &'static str, out: &mut Vec<Event>) {
        if let Some(seal) = seals::read(signature, kind) {
            self.close(out);
            self.lone(Block::Thinking, Some(seal), String::new(), out);
        }
    }

    fn call(&mut self, call: FunctionCall<'_>, seal: Option<Seal>, out: &mut Vec<Event>) {
        // Without a name there is nothing to call.
        let Some(name) = filled(call.name) else { return };
        self.close(out);
        let args = call.args.map_or("{}", RawValue::get);
        let is_custom = self.memo.custom.contains(&name);
        let (kind, text) = match is_custom {
            true => (CallKind::Custom, unwrap_custom_input(args)),
            false => (CallKind::Function, object_arguments(args)),
        };
        let declared = self.memo.names.declared(&name).to_owned();
        let block = Block::ToolCall { id: filled(call.id).unwrap_or_default(), name: declared, kind };
        self.called = true;
        self.lone(block, seal, text.into_owned(), out);
    }

    fn blob(&mut self, blob: wire::Blob<'_>, raw: &RawValue, out: &mut Vec<Event>) {
        let media_type = filled(blob.mime_type).unwrap_or_default();
        match filled(blob.data) {
            Some(data) if media_type.starts_with("image/") => {
                self.close(out);
                self.lone(Block::Image { media_type }, None, data, out);
            }
            Some(data) if media_type.starts_with("audio/") && bare_base64(&data).is_some() => {
                self.heard(media_type, &data, out);
            }
            _ => self.foreign(raw, None, None, out),
        }
    }

    /// Sound comes in pieces, each a part of its own.
    fn heard(&mut self, media_type: String, data: &str, out: &mut Vec<Event>) {
        if self.sound.0 != media_type {
            self.close(out);
            self.sound.0 = media_type;
        }
        let block = self.prose(Prose::Sound, out);
        let text = self.sound.1.push(data).unwrap_or_default();
        if !text.is_empty() {
            out.push(Event::Delta { block, text });
        }
    }

    fn foreign(&mut self, raw: &RawValue, gist: Option<String>, trace: Option<Trace>, out: &mut Vec<Event>) {
        self.close(out);
        let foreign = Foreign { origin: ID, json: Json::trusted(raw.get()), gist, trace: trace.map(Box::new) };
        self.lone(Block::Foreign(foreign), None, String::new(), out);
    }

    /// A block that comes whole.
    fn lone(&mut self, kind: Block, seal: Option<Seal>, text: String, out: &mut Vec<Event>) {
        let block = self.next();
        out.push(Event::Open { block, kind });
        out.extend(seal.map(|seal| Event::Seal { block, seal }));
        if !text.is_empty() {
            out.push(Event::Delta { block, text });
        }
        out.push(Event::Close { block });
    }

    /// The open block of a kind; another one is closed first.
    fn prose(&mut self, kind: Prose, out: &mut Vec<Event>) -> BlockId {
        if let Some((block, open)) = self.open
            && open == kind
        {
            return block;
        }
        self.close(out);
        let block = self.next();
        let opened = match kind {
            Prose::Text => Block::Text,
            Prose::Thinking => Block::Thinking,
            Prose::Sound => Block::Audio { media_type: self.sound.0.clone() },
        };
        out.push(Event::Open { block, kind: opened });
        self.open = Some((block, kind));
        self.from = self.said.len();
        if kind == Prose::Text {
            self.texts.push((block, self.from));
        }
        block
    }

    fn next(&mut self) -> BlockId {
        self.blocks += 1;
        BlockId(self.blocks - 1)
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        self.cite(out);
        let Some((block, kind)) = self.open.take() else { return };
        if kind == Prose::Sound {
            let text = self.sound.1.finish();
            out.extend((!text.is_empty()).then_some(Event::Delta { block, text }));
        }
        out.push(Event::Close { block });
    }

    /// Tells the sources of the open text, as far as it has come.
    fn cite(&mut self, out: &mut Vec<Event>) {
        let Some((block, Prose::Text)) = self.open else { return };
        for citation in self.sources.of_text(&mut self.said, self.from) {
            out.push(Event::Cite { block, citation });
        }
    }

    /// Sources of texts that are closed and those without a place, which are still sources, and what found them.
    fn settle_sources(&mut self, out: &mut Vec<Event>) {
        self.cite(out);
        let Self { sources, said, texts, .. } = self;
        sources.rest(said, texts, |block, citation| out.push(Event::Cite { block, citation }));
        self.close(out);
        for search in self.sources.lookups() {
            let trace = Some(Box::new(Trace::Search(search)));
            let foreign = Foreign { origin: ID, json: Json::trusted("{}"), gist: None, trace };
            self.lone(Block::Foreign(foreign), None, String::new(), out);
        }
    }

    fn stop(&mut self, mut stop: Stop, out: &mut Vec<Event>) {
        self.settle_sources(out);
        // Calls come whole: a limit cut what would have followed them.
        if matches!(stop.reason, StopReason::End | StopReason::Length) && self.called {
            stop.reason = StopReason::ToolCalls;
        }
        out.push(Event::Stop(stop));
    }
}
