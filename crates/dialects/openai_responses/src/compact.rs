//! `POST /v1/responses/compact` where the upstream has no such call: a conversation in, its summary out.
//!
//! The answer is OpenAI's: the user's messages word for word, and one item for everything else (openai-python 3.52,
//! `CompactedResponse`, and the guide on compaction, November 2026).

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use dialect::limits::{Left, x_ratelimit};
use dialect::{Body, ClientSide, Decoded, Echo, HttpReply, Memory, Object, Peek, Reply, Source, StreamEncoder};
use http::request::Parts;
use hub::{DialectId, Fault, Response};

use crate::responses::Responses;
use crate::stream_encode::{Encoder, answer_id};
use crate::summary_encode::SummaryEncoder;
use crate::{fault, request_decode, summary, usage};

/// Makes conversations shorter.
#[derive(Debug)]
pub(crate) struct Compact;

impl ClientSide for Compact {
    fn dialect(&self) -> DialectId {
        crate::ID
    }

    fn limit_headers(&self, left: &Left, _now: SystemTime) -> Vec<(&'static str, String)> {
        x_ratelimit(left)
    }

    fn peek(&self, head: &Parts, body: &Body) -> Result<Peek, Fault> {
        let peek = Responses.peek(head, body)?;
        match peek.reply.stream {
            true => Err(Fault::unsupported("stream", "a compacted conversation is given whole: leave `stream` out")),
            false => Ok(peek),
        }
    }

    fn words(&self) -> &'static [(&'static str, &'static str)] {
        request_decode::NAMES
    }

    fn decode_request(&self, _: &Parts, body: &Body) -> Result<Decoded, Fault> {
        let mut decoded = request_decode::decode(body)?;
        if !summary::is_asked(body) {
            summary::ask(&mut decoded.request);
        }
        Ok(decoded)
    }

    fn echo(&self, _: &Body, whole: &Body) -> Echo {
        Echo { fields: summary::kept(whole), summary: true, ..Echo::default() }
    }

    fn encode_response(&self, response: &Response, reply: &Reply) -> Bytes {
        let words = summary::words(&response.parts).unwrap_or_default();
        let mut out = BytesMut::with_capacity(words.len() + reply.echo.fields.len() + 512);
        let mut answer = Object::open(&mut out);
        answer.text("id", &answer_id(reply.seed));
        answer.text("object", "response.compaction");
        answer.number("created_at", reply.created);
        let item = summary::item(&words, &response.stop, reply.seed);
        answer.raw("output", &format!("[{}{item}]", reply.echo.fields));
        usage::write_all(&response.usage, answer.key("usage"));
        answer.close();
        out.freeze()
    }

    /// Never asked for: there is no stream of this.
    fn stream_encoder(&self, reply: Reply) -> Box<dyn StreamEncoder> {
        let seed = reply.seed;
        Box::new(SummaryEncoder::new(Encoder::new(reply, false), seed))
    }

    fn render_fault(&self, fault: &Fault, request_id: &str) -> HttpReply {
        fault::render(fault, request_id)
    }

    fn encode_count(&self, input_tokens: u64) -> Bytes {
        Responses.encode_count(input_tokens)
    }

    fn sessions(&self) -> &'static [Source] {
        Responses.sessions()
    }

    fn memory(&self) -> Option<&'static dyn Memory> {
        Responses.memory()
    }
}
