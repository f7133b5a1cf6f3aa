//! The client side of `/api/generate`: a prompt in place of messages.

use bytes::Bytes;
use dialect::{Body, ClientSide, Decoded, HttpReply, Peek, Reply, StreamEncoder};
use http::request::Parts;
use hub::{DialectId, Fault, Response};

use crate::chat::{self, is_empty_list};
use crate::stream_encode::{Encoder, Form};
use crate::{fault, request_decode, response};

/// Generate, client side only.
#[derive(Debug)]
pub(crate) struct Generate;

impl ClientSide for Generate {
    fn dialect(&self) -> DialectId {
        crate::GENERATE_ID
    }

    fn peek(&self, head: &Parts, body: &Body) -> Result<Peek, Fault> {
        chat::peek(head, body)
    }

    fn decode_request(&self, _: &Parts, body: &Body) -> Result<Decoded, Fault> {
        request_decode::generate(body)
    }

    fn encode_response(&self, response: &Response, reply: &Reply) -> Bytes {
        response::encode(response, reply, Form::Generate)
    }

    fn stream_encoder(&self, reply: Reply) -> Box<dyn StreamEncoder> {
        Box::new(Encoder::new(reply, Form::Generate))
    }

    fn render_fault(&self, fault: &Fault, request_id: &str) -> HttpReply {
        fault::render(fault, request_id)
    }

    fn encode_count(&self, input_tokens: u64) -> Bytes {
        chat::count(input_tokens)
    }

    fn named_provider<'a>(&self, model: &'a str) -> Option<(&'a str, &'a str)> {
        chat::named_provider(model)
    }

    fn plain_name<'a>(&self, model: &'a str) -> Option<&'a str> {
        chat::plain_name(model)
    }

    fn full_name(&self, model: &str) -> Option<String> {
        chat::full_name(model)
    }

    fn own_answer(&self, body: &Body, reply: &Reply) -> Option<HttpReply> {
        let silent = body.raw("prompt").is_none_or(|json| matches!(json, "\"\"" | "null"))
            && body.raw("images").is_none_or(is_empty_list);
        silent.then(|| response::loaded(body, reply, Form::Generate))
    }
}
