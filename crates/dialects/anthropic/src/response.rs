//! Reads a whole answer of an upstream, and writes one for a client.

use bytes::{Bytes, BytesMut};
use dialect::{Memo, Reply, carrier, mint, object_arguments, unwrap_custom_input, wrap_custom_input};
use hub::{CallKind, Fault, Foreign, Json, Part, Response, Seal, Text, Thought, ToolCall, Trace};
use serde_json::value::RawValue;

use crate::json::Open;
use crate::names::{ID, REDACTED, SIGNATURE, VENDOR};
use crate::wire::{self, Block};
use crate::{block_decode, citing, fault, seals, traces, usage};

/// What stands in for a picture that the model made: this dialect has no block for it.
pub(crate) const PICTURE_NOTE: &str = "(a picture was made; the Messages API cannot carry it)";
/// What stands for sound that a model made.
pub(crate) const SOUND_NOTE: &str = "(sound was made; the Messages API cannot carry it)";

/// Reads a whole answer.
///
/// # Errors
/// The fault inside, when a 200 carries one; a garbled-upstream fault when the body is no answer.
pub(crate) fn decode(body: &[u8], memo: &Memo) -> Result<Response, Fault> {
    let answer: wire::Answer<'_> = dialect::read::json(body)
        .map_err(|error| Fault::garbled(format!("the upstream's answer is not a message: {error}")))?;
    if let Some(error) = answer.error {
        return Err(fault::in_answer(error));
    }
    let content = answer.content.unwrap_or_default();
    if answer.kind.as_deref() != Some("message") && content.is_empty() && answer.stop_reason.is_none() {
        return Err(Fault::garbled("the upstream's answer is not a message"));
    }
    let mut parts = Vec::with_capacity(content.len());
    for raw in content {
        parts.extend(part(raw, memo));
    }
    let mut stop =
        usage::decode_stop(answer.stop_reason.as_deref(), answer.stop_sequence, answer.stop_details.as_ref());
    let mut calls = parts.iter().filter_map(|part| match part {
        Part::ToolCall(call) => Some(call),
        _ => None,
    });
    let has_calls = calls.clone().next().is_some();
    // A call that was cut before its first argument has an empty object.
    let whole = calls.all(|call| call.kind == CallKind::Custom || !matches!(call.arguments.trim(), "" | "{}"));
    usage::settle_stop(&mut stop, has_calls, whole);
    Ok(Response {
        id: answer.id.unwrap_or_default(),
        model: answer.model.unwrap_or_default(),
        parts,
        stop,
        usage: answer.usage.as_ref().map(usage::decode).unwrap_or_default(),
        ..Response::default()
    })
}

fn part(raw: &RawValue, memo: &Memo) -> Option<Part> {
    let Ok(block) = dialect::read::text::<Block<'_>>(raw.get()) else {
        // A block of a newer kind may reuse a field's name in another type.
        return Some(foreign(raw.get()));
    };
    match &*block.kind {
        "text" => Some(Part::Text(Text {
            text: block.text.unwrap_or_default(),
            cache: None,
            citations: block.citations.map(block_decode::citations).unwrap_or_default(),
            tokens: Vec::new(),
        })),
        "thinking" => {
            let seal = native(block.signature, SIGNATURE);
            Some(Part::Thinking(Thought { text: block.thinking.unwrap_or_default(), seal, redacted: false }))
        }
        "redacted_thinking" => {
            Some(Part::Thinking(Thought { text: String::new(), seal: native(block.data, REDACTED), redacted: true }))
        }
        "tool_use" => call(block, memo),
        _ => Some(foreign(raw.get())),
    }
}

/// What the upstream itself put into a signature field is its own proof, whatever it looks like.
pub(crate) fn native(field: Option<String>, kind: &'static str) -> Option<Seal> {
    field.filter(|text| !text.is_empty()).map(|data| Seal::new(VENDOR, kind, data))
}

pub(crate) fn foreign(json: &str) -> Part {
    let trace = traces::read(json);
    // Searches show through citations, so their traces have no words.
    let gist = trace.as_deref().filter(|trace| matches!(trace, Trace::Code(_))).and_then(Trace::words);
    Part::Foreign(Foreign { origin: ID, json: Json::trusted(json), gist, trace })
}

fn call(block: Block<'_>, memo: &Memo) -> Option<Part> {
    let name = block.name.filter(|name| !name.is_empty())?;
    let input = block.input.map_or("{}", RawValue::get);
    if memo.json_tool.as_deref() == Some(&*name) {
        return Some(Part::Text(Text::plain(input)));
    }
    let (kind, arguments) = match memo.custom.contains(&name) {
        true => (CallKind::Custom, free_text(input)),
        false => (CallKind::Function, input.to_owned()),
    };
    let name = memo.names.declared(&name).to_owned();
    Some(Part::ToolCall(ToolCall { id: block.id.unwrap_or_default(), name, arguments, kind, seal: None, cache: None }))
}

/// The free text inside the arguments of a function that stands for a free-text tool; no arguments are no text.
pub(crate) fn free_text(arguments: &str) -> String {
    let inner = arguments.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    match inner {
        Some(inner) if inner.trim().is_empty() => String::new(),
        _ => unwrap_custom_input(arguments).into_owned(),
    }
}

/// The id of an answer in the shape that clients of this dialect know; another vendor's id would mislead them.
pub(crate) fn message_id(upstream: &str, reply: &Reply) -> String {
    if upstream.starts_with("msg_") { upstream.to_owned() } else { mint("msg_", reply.seed, 0) }
}

/// Writes a whole answer for a client.
pub(crate) fn encode(response: &Response, reply: &Reply) -> Bytes {
    let has_calls = response.parts.iter().any(|part| matches!(part, Part::ToolCall(call) if !call.name.is_empty()));
    let mut out = BytesMut::with_capacity(1_024);
    let mut message = Open::object(&mut out);
    message.text("id", &message_id(&response.id, reply));
    message.raw("type", "\"message\"");
    message.raw("role", "\"assistant\"");
    message.text("model", &reply.model);
    let mut content = Open::array(message.key("content"));
    let late = late_proofs(response, reply, has_calls);
    let (parts, proofs) = response.parts.split_at(response.parts.len() - late);
    let last = parts.len().saturating_sub(1);
    for (at, part) in parts.iter().enumerate() {
        if at == last {
            proofs.iter().for_each(|part| write_late(part, &mut content));
        }
        write_part(part, call_number(at), reply, &mut content);
    }
    content.end();
    usage::encode_stop(&response.stop, has_calls, &mut message);
    let mut counts = Open::object(message.key("usage"));
    usage::encode(&response.usage, &mut counts);
    counts.end();
    message.end();
    out.freeze()
}

/// How many parts at the end are proofs of others behind the last words, or say nothing. Behind a call proofs do no
/// harm: it is not the end.
fn late_proofs(response: &Response, reply: &Reply, has_calls: bool) -> usize {
    let is_bare = |part: &Part| matches!(part, Part::Thinking(thought) if seals::is_bare(thought));
    let parts = &response.parts;
    if has_calls || !parts.iter().any(is_bare) || !parts.iter().any(is_said) {
        return 0;
    }
    parts.iter().rev().take_while(|part| is_bare(part) || is_mute(part, reply)).count()
}

/// Whether a part becomes no block at all.
fn is_mute(part: &Part, reply: &Reply) -> bool {
    let mut out = BytesMut::new();
    let mut content = Open::array(&mut out);
    let begun = content.out.len();
    write_part(part, 1, reply, &mut content);
    content.out.len() == begun
}

/// Whether a part becomes words.
fn is_said(part: &Part) -> bool {
    match part {
        Part::Text(Text { text, .. }) | Part::Refusal(text) => !text.is_empty(),
        Part::Image(_) | Part::Audio(_) => true,
        Part::Foreign(Foreign { origin, gist, trace: None, .. }) if *origin != ID => {
            gist.as_ref().is_some_and(|gist| !gist.is_empty())
        }
        Part::Foreign(_)
        | Part::Thinking(_)
        | Part::ToolCall(_)
        | Part::Video(_)
        | Part::File(_)
        | Part::ToolResult(_) => false,
    }
}

fn write_late(part: &Part, content: &mut Open<'_>) {
    if let Part::Thinking(Thought { seal: Some(seal), .. }) = part {
        thinking_block("", &carrier::at_the_end(seal), content.item());
    }
}

/// The number from which the id of the call at a place is minted; 0 is the message's own.
pub(crate) fn call_number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX - 1).saturating_add(1)
}

fn write_part(part: &Part, number: u32, reply: &Reply, content: &mut Open<'_>) {
    match part {
        Part::Text(text) => write_text(text, content),
        Part::Refusal(words) => plain(words, content),
        Part::Thinking(thought) => write_thought(thought, content),
        Part::ToolCall(call) if !call.name.is_empty() => write_call(call, number, reply, content),
        Part::Image(_) => plain(PICTURE_NOTE, content),
        Part::Audio(_) => plain(SOUND_NOTE, content),
        Part::Foreign(foreign) if foreign.origin == ID => {
            content.item().extend_from_slice(foreign.json.as_str().as_bytes());
        }
        Part::Foreign(Foreign { trace: Some(trace), .. }) => {
            for block in traces::blocks(trace, reply, number) {
                let input = block.input().unwrap_or_default();
                block.write(&input, content.item());
            }
        }
        Part::Foreign(foreign) => plain(foreign.gist.as_deref().unwrap_or_default(), content),
        Part::ToolCall(_) | Part::Video(_) | Part::File(_) | Part::ToolResult(_) => (),
    }
}

/// A text block; an empty text is no block.
fn plain(words: &str, content: &mut Open<'_>) {
    if !words.is_empty() {
        let mut block = Open::typed(content.item(), "text");
        block.text("text", words);
        block.end();
    }
}

fn write_text(text: &Text, content: &mut Open<'_>) {
    if text.citations.is_empty() {
        return plain(&text.text, content);
    }
    for piece in citing::pieces(text) {
        let mut block = Open::typed(content.item(), "text");
        block.text("text", piece.text);
        if !piece.citations.is_empty() {
            let mut list = Open::array(block.key("citations"));
            piece.citations.into_iter().for_each(|citation| write_citation(citation, &mut list));
            list.end();
        }
        block.end();
    }
}

/// A source in its own form, or as a place on the web; others have no form here.
pub(crate) fn write_citation(citation: &hub::Citation, list: &mut Open<'_>) {
    match (&citation.native, &citation.url) {
        (Some((origin, json)), _) if *origin == ID => list.item().extend_from_slice(json.as_str().as_bytes()),
        (_, Some(url)) => {
            let mut object = Open::typed(list.item(), "web_search_result_location");
            object.text("url", url);
            object.text_or_null("title", citation.title.as_deref());
            object.text("cited_text", citation.cited_text.as_deref().unwrap_or_default());
            object.text("encrypted_index", traces::NO_PROOF);
            object.end();
        }
        (_, None) => (),
    }
}

fn write_thought(thought: &Thought, content: &mut Open<'_>) {
    let seal = thought.seal.as_ref().map(seals::write);
    if thought.redacted {
        if let Some(data) = seal {
            let mut block = Open::typed(content.item(), "redacted_thinking");
            block.text("data", &data);
            block.end();
        }
        return;
    }
    if thought.text.is_empty() && seal.is_none() {
        return;
    }
    thinking_block(&thought.text, seal.as_deref().unwrap_or_default(), content.item());
}

fn thinking_block(text: &str, signature: &str, out: &mut BytesMut) {
    let mut block = Open::typed(out, "thinking");
    block.text("thinking", text);
    block.text("signature", signature);
    block.end();
}

fn write_call(call: &ToolCall, number: u32, reply: &Reply, content: &mut Open<'_>) {
    if let Some(seal) = &call.seal {
        thinking_block("", &carrier::before_its_call(seal), content.item());
    }
    let mut block = Open::typed(content.item(), "tool_use");
    match call.id.as_str() {
        "" => block.text("id", &mint("toolu_", reply.seed, number)),
        id => block.text("id", id),
    }
    block.text("name", &call.name);
    match call.kind {
        CallKind::Function => block.raw("input", &object_arguments(&call.arguments)),
        CallKind::Custom => block.raw("input", &wrap_custom_input(&call.arguments)),
    }
    block.end();
}
