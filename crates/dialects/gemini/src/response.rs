//! Whole answers: read through the stream decoder, so that both ways give the same, and written through the stream
//! encoder's parts.

use bytes::{Bytes, BytesMut};
use dialect::{Memo, Object, Reply, mint, object_arguments, wrap_custom_input};
use hub::{Assembler, CallKind, Fault, Foreign, Media, Part, Response, Seal, Source, StopReason, ToolCall, Trace};

use crate::grounding::{self, Support};
use crate::said::Said;
use crate::stream_decode::{Decoder, parse};
use crate::traces::{self, Lookups};
use crate::{ID, odds, seals, usage};

/// Reads a whole answer.
///
/// # Errors
/// The fault that a 200 may carry inside, or a garbled-upstream fault.
pub(crate) fn decode(body: &[u8], memo: &Memo) -> Result<Response, Fault> {
    let mut events = Vec::with_capacity(8);
    Decoder::new(memo.clone()).whole(parse(body)?, &mut events)?;
    // The body is bounded where it is read; what it decodes to is not longer.
    let mut assembler = Assembler::new(usize::MAX);
    events.into_iter().try_for_each(|event| assembler.push(event))?;
    assembler.finish()
}

/// Google's word for why an answer ended.
pub(crate) fn finish_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::End | StopReason::StopSequence | StopReason::ToolCalls | StopReason::Paused => "STOP",
        StopReason::Length | StopReason::ContextFull => "MAX_TOKENS",
        StopReason::Refusal | StopReason::Filter => "SAFETY",
        StopReason::MalformedCall => "MALFORMED_FUNCTION_CALL",
    }
}

/// Writes a whole answer.
pub(crate) fn encode(response: &Response, reply: &Reply) -> Bytes {
    let answers = (0..).zip(std::iter::once(response).chain(&response.others));
    let mut out = BytesMut::with_capacity(512);
    let mut body = Object::open(&mut out);
    body.array("candidates", answers, |(answer, response), out| candidate(answer, response, reply, out));
    if !response.usage.is_unknown() {
        usage::write(&response.usage, body.key("usageMetadata"));
    }
    identity(reply, &mut body);
    body.close();
    out.freeze()
}

/// The calls of each answer are numbered from 1, and those of the next ones far behind.
pub(crate) fn first_call(answer: u32) -> u32 {
    answer << 16
}

fn candidate(answer: u32, response: &Response, reply: &Reply, out: &mut BytesMut) {
    let mut said = Said::default();
    let mut supports = Vec::new();
    let mut lookups = Lookups::default();
    let mut parts: Vec<BytesMut> = Vec::with_capacity(response.parts.len());
    let (mut calls, mut tokens) = (first_call(answer), Vec::new());
    for part in &response.parts {
        if let Part::Text(text) = part {
            let from = said.len();
            said.push(&text.text);
            tokens.extend(&text.tokens);
            let to = said.len();
            supports.extend(text.citations.iter().filter_map(|cited| Support::new(cited, &mut said, from, to)));
        }
        if let Part::Foreign(Foreign { trace: Some(trace), .. }) = part
            && let Trace::Search(search) = &**trace
        {
            lookups.note(search);
        }
        calls += u32::from(matches!(part, Part::ToolCall(_)));
        write_part(part, response.stop.reason, reply, calls, &mut parts);
    }
    out.reserve(256 + said.len());
    let mut candidate = Object::open(out);
    content(&parts, candidate.key("content"));
    candidate.text("finishReason", finish_reason(response.stop.reason));
    candidate.text_if("finishMessage", response.stop.detail.as_deref());
    candidate.number("index", answer);
    if !tokens.is_empty() {
        odds::write(&tokens, candidate.key("logprobsResult"));
    }
    if !supports.is_empty() || !lookups.queries.is_empty() {
        grounding::write(&supports, &lookups.queries, &said, candidate.key("groundingMetadata"));
    }
    if lookups.has_pages() {
        lookups.write_pages(candidate.key("urlContextMetadata"));
    }
    candidate.close();
}

fn content(parts: &[BytesMut], out: &mut BytesMut) {
    let mut content = Object::open(out);
    if !parts.is_empty() {
        content.array("parts", parts, |part, out| out.extend_from_slice(part));
    }
    content.text("role", "model");
    content.close();
}

/// Writes what stands on every chunk.
pub(crate) fn identity(reply: &Reply, body: &mut Object<'_>) {
    body.text("modelVersion", &reply.model);
    body.text("responseId", &mint("", reply.seed, 0));
}

fn write_part(part: &Part, reason: StopReason, reply: &Reply, number: u32, parts: &mut Vec<BytesMut>) {
    let mut out = BytesMut::new();
    match part {
        Part::Text(text) if !text.text.is_empty() => text_part(&text.text, &mut out),
        Part::Refusal(words) if !words.is_empty() => text_part(words, &mut out),
        Part::Thinking(thought) => {
            if let Some((seals::TEXT, seal)) = seals::carrier(thought)
                && sign_text(parts, seal)
            {
                return;
            }
            thought_part(&thought.text, thought.seal.as_ref(), &mut out);
        }
        Part::ToolCall(call) if is_cut(call, reason) => (),
        Part::ToolCall(call) => call_part(call, reply, number, &mut out),
        Part::Image(Media { source: Source::Base64(data), media_type, .. }) => {
            blob_part(media_type.as_deref().unwrap_or("image/png"), data, &mut out);
        }
        Part::Audio(Media { source: Source::Base64(data), media_type, .. }) => {
            blob_part(media_type.as_deref().unwrap_or("audio/wav"), data, &mut out);
        }
        Part::Foreign(foreign) => match foreign.trace.as_deref() {
            // Told at the end.
            Some(Trace::Search(_)) => (),
            _ if foreign.origin == ID => out.extend_from_slice(foreign.json.as_str().as_bytes()),
            Some(Trace::Code(code)) => parts.extend(traces::parts(code)),
            None => {
                if let Some(gist) = foreign.gist.as_deref().filter(|gist| !gist.is_empty()) {
                    text_part(gist, &mut out);
                }
            }
        },
        // Empty texts say nothing; the rest only clients send.
        Part::Text(_)
        | Part::Refusal(_)
        | Part::Image(_)
        | Part::Audio(_)
        | Part::Video(_)
        | Part::File(_)
        | Part::ToolResult(_) => (),
    }
    if !out.is_empty() {
        parts.push(out);
    }
}

/// Puts a proof on the text part that was written last.
fn sign_text(parts: &mut [BytesMut], seal: &Seal) -> bool {
    let Some(last) = parts.last_mut() else { return false };
    if !last.starts_with(b"{\"text\":") || !last.ends_with(b"\"}") {
        return false;
    }
    last.truncate(last.len() - 1);
    last.extend_from_slice(b",\"thoughtSignature\":");
    dialect::quoted(&seals::write(seal), last);
    last.extend_from_slice(b"}");
    true
}

/// A call that the cap on output cut: half a call must not be sent, and the reason says why it is missing.
pub(crate) fn is_cut(call: &ToolCall, reason: StopReason) -> bool {
    let cut = matches!(reason, StopReason::Length | StopReason::ContextFull);
    cut && call.kind == CallKind::Function && !is_whole(&call.arguments)
}

/// Whether arguments are an object, or none at all.
pub(crate) fn is_whole(arguments: &str) -> bool {
    let trimmed = arguments.trim();
    trimmed.is_empty() || dialect::scan::object(trimmed.as_bytes()).is_ok()
}

pub(crate) fn text_part(text: &str, out: &mut BytesMut) {
    let mut part = Object::open(out);
    part.text("text", text);
    part.close();
}

/// A thought; or a proof alone, which is not called a thought: those are for clients that asked for them.
pub(crate) fn thought_part(text: &str, seal: Option<&Seal>, out: &mut BytesMut) {
    part_of_thought(text, !text.is_empty(), seal, out);
}

/// The proof of a thought whose words were sent before it, if there were any.
pub(crate) fn proof_part(follows: bool, seal: &Seal, out: &mut BytesMut) {
    part_of_thought("", follows, Some(seal), out);
}

fn part_of_thought(text: &str, thought: bool, seal: Option<&Seal>, out: &mut BytesMut) {
    if text.is_empty() && seal.is_none() {
        return;
    }
    let mut part = Object::open(out);
    part.text("text", text);
    if thought {
        part.flag("thought", true);
    }
    if let Some(seal) = seal {
        part.text("thoughtSignature", &seals::write(seal));
    }
    part.close();
}

pub(crate) fn call_part(call: &ToolCall, reply: &Reply, number: u32, out: &mut BytesMut) {
    let mut part = Object::open(out);
    let mut function = Object::open(part.key("functionCall"));
    match call.id.as_str() {
        "" => function.text("id", &mint("call_", reply.seed, number)),
        id => function.text("id", id),
    }
    function.text("name", &call.name);
    match call.kind {
        CallKind::Function => function.raw("args", &object_arguments(&call.arguments)),
        CallKind::Custom => function.raw("args", &wrap_custom_input(&call.arguments)),
    }
    function.close();
    let proof = call.seal.as_ref().map(seals::write);
    part.text("thoughtSignature", proof.as_deref().unwrap_or(seals::UNPROVEN));
    part.close();
}

pub(crate) fn blob_part(media_type: &str, data: &str, out: &mut BytesMut) {
    let mut part = Object::open(out);
    let mut blob = Object::open(part.key("inlineData"));
    blob.text("mimeType", media_type);
    blob.text("data", data);
    blob.close();
    part.close();
}
