//! `/api/generate`: a prompt in place of messages. As a wire it takes its own requests only, as they are: what raw prompts,
//! templates and suffixes ask for can be said in no other form.

use bytes::Bytes;
use dialect::splice::Edit;
use dialect::{
    Body, ClientSide, Decoded, Encoded, HttpReply, Memo, Peek, Relay, Reply, Scanner, StreamDecoder, StreamEncoder,
    Target, WireSide, instruct,
};
use http::request::Parts;
use hub::{DialectId, Fault, FaultKind, Losses, Prompt, RawFault, Request, Response, Thinking};

use crate::chat::{self, is_empty_list};
use crate::stream_encode::{Encoder, Form};
use crate::{fault, request_decode, response, scanner, stream_decode};

/// Generate, client side and wire side.
#[derive(Debug)]
pub(crate) struct Generate;

impl ClientSide for Generate {
    fn dialect(&self) -> DialectId {
        crate::GENERATE_ID
    }

    fn peek(&self, head: &Parts, body: &Body) -> Result<Peek, Fault> {
        chat::peek(head, body)
    }

    fn words(&self) -> &'static [(&'static str, &'static str)] {
        request_decode::NAMES
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

impl WireSide for Generate {
    fn relay(&self, _: &Parts, body: &Body, target: &Target<'_>) -> Relay {
        chat::relay(body, target)
    }

    fn rethink(&self, _: &Body, wish: Thinking, target: &Target<'_>, losses: &mut Losses) -> Vec<Edit> {
        chat::rethink(wish, target, losses)
    }

    /// A raw prompt has its system prompt in it, and the server refuses another.
    fn instruct(&self, body: &Body, prompt: &Prompt) -> Vec<Edit> {
        if body.raw("raw") == Some("true") {
            return Vec::new();
        }
        let new = instruct::place(body.raw("system").filter(|json| *json != "null"), "", prompt);
        new.map(|json| Edit::set("system", json)).into_iter().collect()
    }

    fn encode_request(&self, _: &Request, _: &Target<'_>) -> Result<Encoded, Fault> {
        Err(Fault::new(FaultKind::Internal, "requests of other languages are written as chats"))
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
}
