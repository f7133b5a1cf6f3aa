//! Legacy completions: a prompt in, a text out. Has no wire of its own; the prompt becomes a user turn.
//!
//! What only a raw completion model can do (suffix, echo, best_of, token arrays) is refused, because the client reads it
//! out of the answer.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use dialect::limits::{Left, x_ratelimit};
use dialect::{Body, ClientSide, Decoded, HttpReply, Object, Peek, Reply, Source, StreamEncoder, mint};
use http::request::Parts;
use hub::{
    Block, BlockId, DialectId, Event, Fault, Losses, Others, Part, Request, Response, Role, Sampling, Service, Text,
    Token, Turn, Usage,
};
use serde_json::value::RawValue;

use crate::request_decode::keep_unknown;
use crate::response::finish_reason;
use crate::wire::as_text;
use crate::{COMPLETIONS_ID, chat, decode_knobs, fault, legacy_odds, usage};

/// `POST /v1/completions`.
#[derive(Debug)]
pub(crate) struct Completions;

impl ClientSide for Completions {
    fn dialect(&self) -> DialectId {
        COMPLETIONS_ID
    }

    fn limit_headers(&self, left: &Left, _now: SystemTime) -> Vec<(&'static str, String)> {
        x_ratelimit(left)
    }

    fn peek(&self, head: &Parts, body: &Body) -> Result<Peek, Fault> {
        chat::peek(head, body)
    }

    fn sessions(&self) -> &'static [Source] {
        &chat::SESSIONS
    }

    fn decode_request(&self, _: &Parts, body: &Body) -> Result<Decoded, Fault> {
        refuse(body)?;
        let prompt = Turn { role: Role::User, parts: vec![Part::Text(Text::plain(prompt(body)?))] };
        let user = body.get("user")?.filter(|user: &String| !user.is_empty());
        let mut request = Request {
            model: body.get("model")?.unwrap_or_default(),
            turns: vec![prompt],
            sampling: sampling(body)?,
            service: Service { user, cache_key: body.get("prompt_cache_key")?, ..Service::default() },
            ..Request::default()
        };
        let mut losses = Losses::default();
        keep_unknown(body, COMPLETIONS_ID, &KNOWN, &mut request, &mut losses);
        Ok(Decoded { request, losses })
    }

    fn encode_response(&self, response: &Response, reply: &Reply) -> Bytes {
        encode(response, reply)
    }

    fn stream_encoder(&self, reply: Reply) -> Box<dyn StreamEncoder> {
        Box::new(Encoder::new(reply))
    }

    fn render_fault(&self, fault: &Fault, request_id: &str) -> HttpReply {
        fault::render(fault, request_id)
    }

    fn encode_count(&self, input_tokens: u64) -> Bytes {
        chat::count(input_tokens)
    }
}

/// Every field that is read or refused.
const KNOWN: [&str; 20] = [
    "model",
    "prompt",
    "suffix",
    "echo",
    "best_of",
    "logprobs",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "n",
    "stop",
    "seed",
    "stream",
    "stream_options",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "user",
    "prompt_cache_key",
];

fn refuse(body: &Body) -> Result<(), Fault> {
    const FIX: &str = "leave it out, or use a chat completion";
    let defaults = [("suffix", ["\"\"", "null"]), ("echo", ["false", "null"]), ("best_of", ["1", "0"])];
    match defaults.into_iter().find(|(field, plain)| body.raw(field).is_some_and(|raw| !plain.contains(&raw))) {
        Some((field, _)) => {
            Err(Fault::unsupported(field, format!("`{field}` is not supported by any model here: {FIX}")))
        }
        None => Ok(()),
    }
}

/// Log probabilities are asked for by how many others are told beside each token; of none, the token's own.
fn sampling(body: &Body) -> Result<Sampling, Fault> {
    let asked = body.raw("logprobs").filter(|raw| !matches!(*raw, "null" | "false")).is_some();
    let others: Option<u32> = if asked { body.get("logprobs")? } else { None };
    let top_logprobs = others.filter(|others| *others > 0);
    Ok(Sampling { logprobs: asked, top_logprobs, ..decode_knobs::sampling(body)? })
}

/// The one prompt: a text, or a list of one text.
fn prompt(body: &Body) -> Result<String, Fault> {
    let raw: &RawValue = body.get("prompt")?.ok_or_else(|| Fault::bad_request("`prompt` is required").at("prompt"))?;
    let list: Option<Vec<String>> = serde_json::from_str(raw.get()).ok();
    let prompt = match (as_text(raw), list) {
        (Some(text), _) => text.into_owned(),
        (None, Some(mut texts)) if texts.len() == 1 => texts.remove(0),
        (None, Some(_)) => return Err(Fault::unsupported("prompt", "only one prompt a request is supported")),
        (None, None) => {
            return Err(Fault::unsupported("prompt", "token arrays are not supported: send the prompt as text"));
        }
    };
    if prompt.is_empty() { Err(Fault::bad_request("`prompt` is empty").at("prompt")) } else { Ok(prompt) }
}

fn head(reply: &Reply, out: &mut BytesMut) {
    let mut object = Object::open(out);
    object.text("id", &mint("cmpl-", reply.seed, 0));
    object.text("object", "text_completion");
    object.number("created", reply.created);
    object.text("model", &reply.model);
    // The rest of the object is written by the caller.
    object.raw("choices", "[");
}

/// Writes a piece of an answer, or all of it. `said` is what came before, and the tokens of this piece.
fn choice(answer: u32, said: &Said, text: &str, finish: Option<&str>, out: &mut BytesMut) {
    let mut choice = Object::open(out);
    choice.text("text", text);
    choice.number("index", answer);
    match said.tokens.as_slice() {
        [] => choice.raw("logprobs", "null"),
        tokens => legacy_odds::write(tokens, said.before, choice.key("logprobs")),
    }
    match finish {
        Some(reason) => choice.text("finish_reason", reason),
        None => choice.raw("finish_reason", "null"),
    }
    choice.close();
}

fn encode(response: &Response, reply: &Reply) -> Bytes {
    let mut out = BytesMut::with_capacity(512);
    head(reply, &mut out);
    for (answer, one) in (0..).zip(std::iter::once(response).chain(&response.others)) {
        if answer > 0 {
            out.extend_from_slice(b",");
        }
        whole_choice(answer, one, reply, &mut out);
    }
    out.extend_from_slice(b"]");
    if !response.usage.is_unknown() {
        out.extend_from_slice(b",\"usage\":");
        usage::write(&response.usage, &mut out);
    }
    out.extend_from_slice(b"}");
    out.freeze()
}

fn whole_choice(answer: u32, response: &Response, reply: &Reply, out: &mut BytesMut) {
    let (mut text, mut said) = (String::new(), Said::default());
    for part in &response.parts {
        match part {
            Part::Text(more) => {
                text.push_str(&more.text);
                said.tokens.extend_from_slice(&more.tokens);
            }
            Part::Refusal(words) => text.push_str(words),
            // A completion has no place for anything else.
            _ => (),
        }
    }
    choice(answer, &said, &text, Some(finish_reason(response.stop.reason, reply)), out);
}

/// Writes a completion as a stream: text chunks, a finish chunk, usage if asked, the end mark.
#[derive(Debug)]
struct Encoder {
    reply: Reply,
    head: BytesMut,
    said: Said,
    /// The other answers.
    others: Others<Said>,
    usage: Usage,
}

/// What is known of one answer.
#[derive(Debug, Default)]
struct Said {
    /// The blocks whose text is shown.
    shown: Vec<BlockId>,
    /// Tokens of text that is still to come, and how many characters have come.
    tokens: Vec<Token>,
    before: u64,
}

impl Said {
    /// What a step adds: a text, and why the answer ends if it does.
    fn step<'e>(&mut self, event: &'e Event, reply: &Reply) -> Option<(&'e str, Option<&'static str>)> {
        match event {
            Event::Open { block, kind: Block::Text | Block::Refusal } => self.shown.push(*block),
            Event::Tokens { block, tokens } if self.shown.contains(block) => self.tokens.extend_from_slice(tokens),
            Event::Delta { block, text } if self.shown.contains(block) => return Some((text, None)),
            Event::Stop(stop) => return Some(("", Some(finish_reason(stop.reason, reply)))),
            _ => (),
        }
        None
    }
}

impl Encoder {
    fn new(reply: Reply) -> Self {
        let mut start = BytesMut::with_capacity(128);
        start.extend_from_slice(b"data: ");
        head(&reply, &mut start);
        let others = Others::of(Sampling::MAX_ANSWERS);
        Self { reply, head: start, said: Said::default(), others, usage: Usage::default() }
    }

    fn step(&mut self, answer: u32, event: &Event, out: &mut BytesMut) {
        let Some(said) = (if answer == 0 { Some(&mut self.said) } else { self.others.at(answer, Said::default) })
        else {
            return;
        };
        let Some((text, finish)) = said.step(event, &self.reply) else { return };
        out.extend_from_slice(&self.head);
        choice(answer, said, text, finish, out);
        said.tokens.clear();
        said.before += legacy_odds::characters(text.as_bytes());
        out.extend_from_slice(if self.reply.usage_frame { b"],\"usage\":null}\n\n" } else { b"]}\n\n" });
    }

    fn figures(&self, out: &mut BytesMut) {
        if self.reply.usage_frame && !self.usage.is_unknown() {
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            usage::write(&self.usage, out);
            out.extend_from_slice(b"}\n\n");
        }
    }
}

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Usage(usage) => self.usage.update(usage),
            Event::Aside { answer, event } => self.step(*answer, event, out),
            Event::Stop(_) => {
                self.step(0, event, out);
                self.figures(out);
            }
            event => self.step(0, event, out),
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        fault::tail(fault, out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn keep_alive(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(b": keep-alive\n\n");
    }
}
