//! Whole answers: read through the stream decoder, so that both ways give the same, and written for clients.

use bytes::{Bytes, BytesMut};

use dialect::{Body, HttpReply, Memo, Object, Reply, write_tokens};
use http::StatusCode;
use hub::{Assembler, Fault, Media, Part, Response, Source, StopReason, Token, ToolCall, Usage};

use crate::stream_decode::{Decoder, parse};
use crate::stream_encode::{Call, Form, done_reason, figures, head};

/// Reads a whole answer.
pub(crate) fn decode(body: &[u8], memo: &Memo) -> Result<Response, Fault> {
    let mut chunk = parse(body)?;
    if chunk.error.is_none() && chunk.message.is_none() {
        return Err(Fault::garbled("the upstream's answer holds no message"));
    }
    // A body is whole even where it does not say so.
    chunk.done = Some(true);
    let mut events = Vec::with_capacity(8);
    Decoder::new(memo.clone()).chunk(chunk, &mut events)?;
    // The body is bounded where it is read; what it decodes to is not longer.
    let mut assembler = Assembler::new(usize::MAX);
    events.into_iter().try_for_each(|event| assembler.push(event))?;
    assembler.finish()
}

/// Writes a whole answer.
pub(crate) fn encode(response: &Response, reply: &Reply, form: Form) -> Bytes {
    let said = Said::of(response);
    let mut out = BytesMut::with_capacity(512 + said.text.len());
    let mut body = Object::open(&mut out);
    head(reply, &mut body);
    match form {
        Form::Chat => {
            let mut message = Object::open(body.key("message"));
            message.text("role", "assistant");
            said.write("content", form, reply, &mut message);
            message.close();
        }
        Form::Generate => said.write("response", form, reply, &mut body),
    }
    if !said.tokens.is_empty() {
        write_tokens(said.tokens.iter().copied(), body.key("logprobs"));
    }
    body.flag("done", true);
    body.text("done_reason", done_reason(response.stop.reason));
    figures(&response.usage, reply, None, &mut body);
    body.close();
    out.freeze()
}

/// Answers a request that wants a model loaded or let go: here nothing needs to be.
pub(crate) fn loaded(body: &Body, reply: &Reply, form: Form) -> HttpReply {
    let leaves = body.raw("keep_alive").is_some_and(is_no_time);
    let mut out = BytesMut::with_capacity(160);
    let mut answer = Object::open(&mut out);
    head(reply, &mut answer);
    match form {
        Form::Chat => answer.raw("message", "{\"role\":\"assistant\",\"content\":\"\"}"),
        Form::Generate => answer.text("response", ""),
    }
    answer.flag("done", true);
    answer.text("done_reason", if leaves { "unload" } else { "load" });
    figures(&Usage::default(), reply, None, &mut answer);
    answer.close();
    // One object, also for who asked for a stream: programs read it as a line.
    HttpReply::json(StatusCode::OK, out.freeze())
}

/// Whether a duration, a number of seconds or a text such as `0m0s`, is none at all.
fn is_no_time(json: &str) -> bool {
    let digits = || json.bytes().filter(u8::is_ascii_digit);
    digits().next().is_some() && digits().all(|digit| digit == b'0')
}

/// An answer, sorted as Ollama sorts it.
#[derive(Default)]
struct Said<'a> {
    text: String,
    thinking: String,
    calls: Vec<Call>,
    images: Vec<&'a str>,
    tokens: Vec<&'a Token>,
}

/// What stands for sound that a model made.
pub(crate) const SOUND_NOTE: &str = "(sound was made; Ollama's API cannot carry it)";

impl<'a> Said<'a> {
    fn of(response: &'a Response) -> Self {
        let mut said = Self::default();
        for part in &response.parts {
            said.add(part);
        }
        if matches!(response.stop.reason, StopReason::Length | StopReason::ContextFull) {
            // The rest of a call that was cut is known to nobody.
            said.calls.retain(Call::is_whole);
        }
        // As the stream has it: what is damaged is written last.
        said.calls.sort_by_key(|call| !call.is_whole());
        said
    }

    fn add(&mut self, part: &'a Part) {
        match part {
            Part::Text(text) => {
                self.text.push_str(&text.text);
                self.tokens.extend(&text.tokens);
            }
            Part::Refusal(words) => self.text.push_str(words),
            Part::Thinking(thought) if thought.redacted => (),
            Part::Thinking(thought) => self.thinking.push_str(&thought.text),
            Part::ToolCall(call) => self.calls.push(written(call)),
            Part::Image(Media { source: Source::Base64(data), .. }) => self.images.push(data),
            Part::Foreign(foreign) => self.text.push_str(foreign.gist.as_deref().unwrap_or_default()),
            Part::Audio(_) => self.text.push_str(SOUND_NOTE),
            // Only clients send these.
            Part::Image(_) | Part::Video(_) | Part::File(_) | Part::ToolResult(_) => (),
        }
    }

    fn write(&self, field: &str, form: Form, reply: &Reply, object: &mut Object<'_>) {
        object.text(field, &self.text);
        if !self.thinking.is_empty() {
            object.text("thinking", &self.thinking);
        }
        if !self.calls.is_empty() {
            object.array("tool_calls", (0..).zip(&self.calls), |(n, call), out| call.write(n, reply.seed, out));
        }
        match (form, self.images.as_slice()) {
            (_, []) => (),
            (Form::Chat, images) => object.array("images", images, |data, out| dialect::quoted(data, out)),
            (Form::Generate, [first, ..]) => object.text("image", first),
        }
    }
}

fn written(call: &ToolCall) -> Call {
    Call { id: call.id.clone(), name: call.name.clone(), arguments: call.arguments.clone(), kind: call.kind }
}
