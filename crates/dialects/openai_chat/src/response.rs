//! Whole answers: read through the stream decoder, so that both ways give the same, and written for clients.

use bytes::{Bytes, BytesMut};
use dialect::openai::tier;
use dialect::{Memo, Object, Reply, escape, mint, write_tokens};
use hub::{
    Assembler, CallKind, Citation, Fault, Media, Part, Response, Seal, Source, StopReason, Text, Token, ToolCall,
};

use crate::stream_decode::{Decoder, error_of, parse};
use crate::stream_encode::{call_words, calls_win};
use crate::{fault, sound, usage};

/// Reads a whole answer.
pub(crate) fn decode(body: &[u8], memo: &Memo) -> Result<Response, Fault> {
    let chunk = parse(body)?;
    if let Some(error) = error_of(&chunk, body, false) {
        return Err(fault::in_stream(error));
    }
    let mut events = Vec::with_capacity(8);
    Decoder::new(memo.clone()).whole(chunk, &mut events)?;
    // The body is bounded where it is read; what it decodes to is not longer.
    let mut assembler = Assembler::new(usize::MAX);
    events.into_iter().try_for_each(|event| assembler.push(event))?;
    assembler.finish()
}

/// OpenAI's words for why an answer ended.
pub(crate) fn finish_reason(reason: StopReason, reply: &Reply) -> &'static str {
    match reason {
        StopReason::End | StopReason::StopSequence | StopReason::Paused | StopReason::MalformedCall => "stop",
        StopReason::ToolCalls if reply.legacy_tools => "function_call",
        StopReason::ToolCalls => "tool_calls",
        StopReason::Length | StopReason::ContextFull => "length",
        StopReason::Refusal | StopReason::Filter => "content_filter",
    }
}

/// Writes a whole answer.
pub(crate) fn encode(response: &Response, reply: &Reply) -> Bytes {
    let mut out = BytesMut::with_capacity(512);
    let answers = (0..).zip(std::iter::once(response).chain(&response.others));
    let mut body = Object::open(&mut out);
    body.text("id", &mint("chatcmpl-", reply.seed, 0));
    body.text("object", "chat.completion");
    body.number("created", reply.created);
    body.text("model", &reply.model);
    body.array("choices", answers, |(answer, response), out| choice(answer, response, reply, out));
    if !response.usage.is_unknown() {
        usage::write(&response.usage, body.key("usage"));
    }
    body.text_if("service_tier", response.usage.tier.and_then(tier::word));
    body.close();
    out.freeze()
}

fn choice(answer: u32, response: &Response, reply: &Reply, out: &mut BytesMut) {
    let said = Said { answer, ..Said::of(response) };
    let mut choice = Object::open(out);
    choice.number("index", answer);
    message(&said, reply, choice.key("message"));
    match said.tokens.is_empty() {
        true => choice.raw("logprobs", "null"),
        false => {
            let mut list = Object::open(choice.key("logprobs"));
            write_tokens(said.tokens.iter().copied(), list.key("content"));
            list.raw("refusal", "null");
            list.close();
        }
    }
    choice.text("finish_reason", finish_reason(calls_win(response.stop.reason, !said.calls.is_empty()), reply));
    choice.close();
}

/// An answer, sorted as Chat sorts it: the order of text against calls has no place there.
#[derive(Default)]
struct Said<'a> {
    /// Which of several answers it is.
    answer: u32,
    text: String,
    refusal: String,
    thinking: String,
    details: Option<&'a str>,
    calls: Vec<&'a ToolCall>,
    images: Vec<(&'a str, &'a str)>,
    sounds: Vec<&'a Media>,
    sources: Vec<(&'a Citation, (u64, u64))>,
    tokens: Vec<&'a Token>,
    written: u64,
}

impl<'a> Said<'a> {
    fn of(response: &'a Response) -> Self {
        let mut said = Self::default();
        for part in &response.parts {
            said.add(part);
        }
        said
    }

    fn add(&mut self, part: &'a Part) {
        match part {
            Part::Text(text) => self.add_text(text),
            Part::Refusal(words) => self.refusal.push_str(words),
            Part::Thinking(thought) if thought.redacted => (),
            Part::Thinking(thought) => {
                self.thinking.push_str(&thought.text);
                let own = thought.seal.as_ref().filter(|seal| seal.vendor == crate::ID.0);
                self.details = own.map(|seal| seal.data.as_str()).or(self.details);
            }
            Part::ToolCall(call) => self.calls.push(call),
            Part::Image(Media { source: Source::Base64(data), media_type, .. }) => {
                self.images.push((media_type.as_deref().unwrap_or("image/png"), data));
            }
            Part::Foreign(foreign) => self.say(foreign.gist.as_deref().unwrap_or_default()),
            Part::Audio(media @ Media { source: Source::Base64(_), .. }) => self.sounds.push(media),
            // Only clients send these.
            Part::Image(_) | Part::Audio(_) | Part::Video(_) | Part::File(_) | Part::ToolResult(_) => (),
        }
    }

    fn add_text(&mut self, text: &'a Text) {
        let from = self.written;
        self.say(&text.text);
        self.tokens.extend(&text.tokens);
        let span = (from, self.written);
        self.sources.extend(text.citations.iter().filter(|cited| cited.url.is_some()).map(|cited| (cited, span)));
    }

    fn say(&mut self, text: &str) {
        self.written += text.chars().count() as u64;
        self.text.push_str(text);
    }
}

fn message(said: &Said<'_>, reply: &Reply, out: &mut BytesMut) {
    let mut message = Object::open(out);
    message.text("role", "assistant");
    let silent = said.text.is_empty() && !(said.calls.is_empty() && said.refusal.is_empty() && said.sounds.is_empty());
    match silent {
        true => message.raw("content", "null"),
        false => message.text("content", &said.text),
    }
    match said.refusal.is_empty() {
        true => message.raw("refusal", "null"),
        false => message.text("refusal", &said.refusal),
    }
    if !said.thinking.is_empty() {
        message.text("reasoning_content", &said.thinking);
    }
    if let Some(details) = said.details {
        message.raw("reasoning_details", details);
    }
    if let (true, Some(first)) = (reply.legacy_tools, said.calls.first()) {
        let mut call = Object::open(message.key("function_call"));
        call.text("name", &first.name);
        call.text("arguments", arguments(first));
        call.close();
    } else if !said.calls.is_empty() {
        message.array("tool_calls", (1..).zip(&said.calls), |(number, call), out| {
            write_call(call, || call_id(reply, said.answer, number), out);
        });
    }
    if !said.images.is_empty() {
        message.array("images", &said.images, |(media_type, data), out| data_url(media_type, data, out));
    }
    sound::write_answer(&said.sounds, reply, &mut message);
    if !said.sources.is_empty() {
        message.array("annotations", &said.sources, |(cited, span), out| annotation(cited, *span, out));
    }
    message.close();
}

/// The id of a call that has none. `number` counts from 1 in each answer, those of the next ones far behind.
pub(crate) fn call_id(reply: &Reply, answer: u32, number: u32) -> String {
    mint("call_", reply.seed, (answer << 16) + number)
}

fn write_call(call: &ToolCall, minted: impl FnOnce() -> String, out: &mut BytesMut) {
    let mut object = Object::open(out);
    match call.id.as_str() {
        "" => object.text("id", &minted()),
        id => object.text("id", id),
    }
    let (word, field) = call_words(call.kind);
    object.text("type", word);
    let mut inner = Object::open(object.key(word));
    inner.text("name", &call.name);
    inner.text(field, arguments(call));
    inner.close();
    if let Some(seal) = call.seal.as_ref().filter(|seal| seal.vendor == "gemini") {
        extra_content(&mut object, seal);
    }
    object.close();
}

fn arguments(call: &ToolCall) -> &str {
    match (call.kind, call.arguments.as_str()) {
        (CallKind::Function, "") => "{}",
        (_, arguments) => arguments,
    }
}

/// Google's slot for a proof on a call.
pub(crate) fn extra_content(call: &mut Object<'_>, seal: &Seal) {
    let mut extra = Object::open(call.key("extra_content"));
    let mut google = Object::open(extra.key("google"));
    google.text("thought_signature", &seal.data);
    google.close();
    extra.close();
}

/// A generated picture, as OpenRouter and CLIProxyAPI hand it out; OpenAI has no field for it.
pub(crate) fn data_url(media_type: &str, data: &str, out: &mut BytesMut) {
    out.extend_from_slice(b"{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:");
    escape(media_type, out);
    out.extend_from_slice(b";base64,");
    escape(data, out);
    out.extend_from_slice(b"\"}}");
}

/// A source of the text at `text`, or of a place in it. The caller has made sure of its address.
pub(crate) fn annotation(citation: &Citation, text: (u64, u64), out: &mut BytesMut) {
    let place = |(start, end): (u64, u64)| (text.0.saturating_add(start), text.0.saturating_add(end).min(text.1));
    let (start, end) = citation.span.map_or(text, place);
    let mut annotation = Object::open(out);
    annotation.text("type", "url_citation");
    let mut cited = Object::open(annotation.key("url_citation"));
    cited.text("url", citation.url.as_deref().unwrap_or_default());
    cited.text("title", citation.title.as_deref().unwrap_or_default());
    cited.number("start_index", start);
    cited.number("end_index", end);
    cited.text_if("content", citation.cited_text.as_deref());
    cited.close();
    annotation.close();
}
