//! Legacy completions, on top of chat.

use bytes::Bytes;
use dialect::{Body, ClientSide, Decoded, HttpReply, Peek, Reply, StreamEncoder};
use http::request::Parts;
use hub::{DialectId, Fault, Response};

use crate::{chat, fault, request_decode, response, stream_encode};

/// `POST /v1/completions`.
#[derive(Debug)]
pub(crate) struct Completions;

impl ClientSide for Completions {
    fn dialect(&self) -> DialectId {
        crate::COMPLETIONS_ID
    }

    fn peek(&self, head: &Parts, body: &Body) -> Result<Peek, Fault> {
        chat::peek(head, body)
    }

    fn decode_request(&self, _: &Parts, body: &Body) -> Result<Decoded, Fault> {
        request_decode::decode(body)
    }

    fn encode_response(&self, response: &Response, reply: &Reply) -> Bytes {
        response::encode(response, reply)
    }

    fn stream_encoder(&self, reply: Reply) -> Box<dyn StreamEncoder> {
        Box::new(stream_encode::Encoder::new(reply))
    }

    fn render_fault(&self, fault: &Fault, request_id: &str) -> HttpReply {
        fault::render(fault, request_id)
    }

    fn encode_count(&self, input_tokens: u64) -> Bytes {
        chat::count(input_tokens)
    }
}
