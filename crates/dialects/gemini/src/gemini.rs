//! The two faces of Gemini: what routing reads early; the rest is delegated.

use bytes::{Bytes, BytesMut};
use dialect::count::Count;
use dialect::splice::{self, Edit};
use dialect::{
    Beside, Body, ClientSide, Decoded, Encoded, HttpReply, Memo, Object, Peek, Relay, Reply, Scanner, Source,
    StreamDecoder, StreamEncoder, Target, WireSide, header, quoted,
};
use http::HeaderMap;
use http::request::Parts;
use hub::{DialectId, Fault, FaultKind, Losses, Prompt, RawFault, Remote, Request, Response, Thinking};

use crate::path::{self, Asked};
use crate::{
    embed, fault, instruct, relay, request_decode, request_encode, response, rethink, scanner, stream_decode,
    stream_encode,
};

/// Where agents name their conversation.
pub(crate) static SESSIONS: [Source; 3] = [header("session-id"), header("x-session-id"), header("x-session-affinity")];

/// A count takes a whole request one level deeper, which must name the model of the address.
static COUNT: Count = Count { keeps: &[], inside: unwrapped, wrap: wrapped, answer: "totalTokens" };

/// The request that is to be counted, where the call holds a whole one; its model is named anew when it is put back.
fn unwrapped(body: &Body) -> Option<Body> {
    let inner = relay::WRAPPERS.iter().find_map(|wrapper| body.raw(wrapper))?;
    let inner = Body::parse(Bytes::copy_from_slice(inner.as_bytes())).ok()?;
    Body::parse(splice::apply(inner.bytes(), inner.index(), &[Edit::remove("model")])).ok()
}

fn wrapped(body: &Bytes, model: &str) -> Bytes {
    let mut out = BytesMut::with_capacity(body.len() + model.len() + 64);
    let mut outer = Object::open(&mut out);
    let inner = outer.key("generateContentRequest");
    inner.extend_from_slice(b"{\"model\":");
    quoted(&format!("models/{model}"), inner);
    // The body is an object with fields of its own: contents at least.
    inner.extend_from_slice(b",");
    inner.extend_from_slice(body.get(1..).unwrap_or(b"}"));
    outer.close();
    out.freeze()
}

/// Gemini, client side and wire side.
#[derive(Debug)]
pub(crate) struct Gemini;

impl ClientSide for Gemini {
    fn dialect(&self) -> DialectId {
        crate::ID
    }

    fn peek(&self, head: &Parts, _: &Body) -> Result<Peek, Fault> {
        let Asked { model, method } = asked(head)?;
        let stream = match method.as_str() {
            "generateContent" | "countTokens" => false,
            "streamGenerateContent" => true,
            other => {
                let shown: String = other.chars().take(64).collect();
                let words = format!(
                    "`{shown}` is not offered here: use generateContent, streamGenerateContent, countTokens, embedContent or batchEmbedContents"
                );
                return Err(Fault::new(FaultKind::NotFound, words));
            }
        };
        let mut reply = Reply::new(model.as_str(), stream);
        // Without `alt=sse` a stream is one JSON array, sent as it grows.
        reply.stream_type = (stream && !path::wants_events(head)).then_some("application/json");
        Ok(Peek { model, reply })
    }

    fn sessions(&self) -> &'static [Source] {
        &SESSIONS
    }

    fn words(&self) -> &'static [(&'static str, &'static str)] {
        request_decode::NAMES
    }

    fn decode_request(&self, head: &Parts, body: &Body) -> Result<Decoded, Fault> {
        request_decode::decode(body, asked(head)?.model)
    }

    fn encode_response(&self, response: &Response, reply: &Reply) -> Bytes {
        response::encode(response, reply)
    }

    fn stream_encoder(&self, reply: Reply) -> Box<dyn StreamEncoder> {
        Box::new(stream_encode::Encoder::new(reply, None))
    }

    fn render_fault(&self, fault: &Fault, request_id: &str) -> HttpReply {
        fault::render(fault, request_id)
    }

    fn encode_count(&self, input_tokens: u64) -> Bytes {
        count(input_tokens)
    }
}

/// The answer to a token count.
pub(crate) fn count(input_tokens: u64) -> Bytes {
    let mut out = BytesMut::with_capacity(32);
    let mut answer = Object::open(&mut out);
    answer.number("totalTokens", input_tokens);
    answer.close();
    out.freeze()
}

pub(crate) fn asked(head: &Parts) -> Result<Asked, Fault> {
    path::read(head.uri.path())
        .filter(|asked| !asked.model.is_empty())
        .ok_or_else(|| Fault::bad_request("the address names no model: use .../models/{model}:{method}").at("model"))
}

impl WireSide for Gemini {
    /// Google reads its own stores and, for newer models, the encrypted web.
    fn takes_address(&self, remote: &Remote<'_>, target: &Target<'_>) -> bool {
        let address = remote.address();
        let own =
            ["gs://", "https://generativelanguage.googleapis.com/", "https://www.youtube.com/", "https://youtu.be/"];
        let newer = target.traits.addresses != Some(false);
        own.iter().any(|own| address.starts_with(own)) || (newer && address.starts_with("https://"))
    }

    fn relay(&self, _: &Parts, body: &Body, target: &Target<'_>) -> Relay {
        let mut losses = Losses::default();
        let edits = relay::edits(body, target, &mut losses);
        Relay { edits, headers: HeaderMap::new(), hide_usage: false, losses }
    }

    fn rethink(&self, body: &Body, wish: Thinking, target: &Target<'_>, losses: &mut Losses) -> Vec<Edit> {
        rethink::edits(body, wish, target, losses)
    }

    fn instruct(&self, body: &Body, prompt: &Prompt) -> Vec<Edit> {
        instruct::edits(body, prompt)
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Encoded, Fault> {
        request_encode::encode(request, target)
    }

    fn decode_response(&self, body: &[u8], memo: &Memo) -> Result<Response, Fault> {
        response::decode(body, memo)
    }

    fn stream_decoder(&self, memo: Memo) -> Box<dyn StreamDecoder> {
        Box::new(stream_decode::Decoder::new(memo))
    }

    fn scanner(&self) -> Box<dyn Scanner> {
        Box::new(scanner::Watch::default())
    }

    fn read_fault(&self, raw: RawFault) -> Fault {
        fault::read(raw)
    }

    fn tells(&self, fault: &Fault, body: &[u8]) -> bool {
        fault::tells(fault, body)
    }

    fn beside(&self) -> Beside {
        Beside { embed: Some(&embed::MANY), count: Some(&COUNT), compact: &[] }
    }
}
