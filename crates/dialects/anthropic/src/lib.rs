//! The Anthropic Messages dialect, client side and wire side.
//!
//! Facts come from the official SDKs' types and the public reference (November 2026).
//! Nothing here does I/O or knows another dialect.

mod attach;
mod block_decode;
mod breakpoints;
mod citing;
mod fault;
mod history;
mod ids;
mod json;
mod limits;
mod message_encode;
mod models;
mod names;
mod place;
mod plain_results;
mod programs;
mod relay;
mod request_decode;
mod request_encode;
mod response;
mod rethink;
mod scanner;
mod schema;
mod seals;
mod searches;
mod session;
mod stream_decode;
mod stream_encode;
mod think;
mod tools_encode;
mod traces;
mod usage;
mod wire;

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use dialect::count::{Count, as_it_is, itself};
use dialect::limits::Left;
use dialect::splice::Edit;
use dialect::{
    Beside, Body, ClientSide, Decoded, Dialect, Encoded, Framing, HttpReply, Memo, Operation, OwnHeaders, Peek, Relay,
    Reply, Route, Scanner, Source, StreamDecoder, StreamEncoder, Target, WireSide, instruct,
};
use http::request::Parts;
use http::{HeaderValue, Method};
use hub::{DialectId, Fault, Losses, Prompt, RawFault, Remote, RemoteKind, Request, Response, Thinking};

use crate::names::{BETA_HEADER, VERSION, VERSION_HEADER};

/// The dialect, as the registry lists it.
pub static DIALECT: Dialect = Dialect {
    id: names::ID,
    word: "claude",
    routes: &ROUTES,
    framing: Framing::Sse,
    headers: OwnHeaders { answers: &["request-id"], answer_families: &["anthropic-ratelimit-"], ..OwnHeaders::NONE },
    recognises,
    client: Some(&Messages),
    wire: Some(&Messages),
};

static ROUTES: [Route; 4] = [
    Route {
        method: Method::POST,
        path: "/v1/messages",
        accepts: |_| true,
        operation: Operation::Generate,
        client: &Messages,
    },
    Route {
        method: Method::POST,
        path: "/v1/messages/count_tokens",
        accepts: |_| true,
        operation: Operation::CountTokens,
        client: &Messages,
    },
    Route {
        method: Method::GET,
        path: "/v1/models",
        accepts: names_a_version,
        operation: Operation::ListModels(&models::Models),
        client: &Messages,
    },
    Route {
        method: Method::GET,
        path: "/v1/models/{rest}",
        accepts: names_a_version,
        operation: Operation::GetModel(&models::Models),
        client: &Messages,
    },
];

/// The path `/v1/models` is shared by three dialects; only this one's callers name a version.
fn names_a_version(head: &Parts) -> bool {
    head.headers.contains_key(VERSION_HEADER)
}

fn recognises(head: &Parts) -> bool {
    head.uri.path().starts_with("/v1/messages") || names_a_version(head) || head.headers.contains_key(BETA_HEADER)
}

/// Both faces of the dialect. Stateless.
#[derive(Clone, Copy, Debug)]
pub struct Messages;

impl ClientSide for Messages {
    fn dialect(&self) -> DialectId {
        names::ID
    }

    fn limit_headers(&self, left: &Left, now: SystemTime) -> Vec<(&'static str, String)> {
        limits::headers(left, now)
    }

    fn peek(&self, _: &Parts, body: &Body) -> Result<Peek, Fault> {
        let model: String = body
            .get("model")?
            .filter(|model: &String| !model.is_empty())
            .ok_or_else(|| Fault::bad_request("model: Field required").at("model"))?;
        let stream = body.get("stream")?.unwrap_or(false);
        let reply = Reply::new(model.clone(), stream);
        Ok(Peek { model, reply })
    }

    fn sessions(&self) -> &'static [Source] {
        &session::SOURCES
    }

    fn words(&self) -> &'static [(&'static str, &'static str)] {
        request_decode::NAMES
    }

    fn decode_request(&self, _head: &Parts, body: &Body) -> Result<Decoded, Fault> {
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
        let mut out = BytesMut::with_capacity(32);
        let mut object = json::Open::object(&mut out);
        object.count("input_tokens", input_tokens);
        object.end();
        out.freeze()
    }
}

/// What `/v1/messages/count_tokens` takes (anthropic-sdk-python, `MessageCountTokensParams`, 2026-11).
static COUNT: Count = Count {
    keeps: &[
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
        "cache_control",
        "mcp_servers",
        "context_management",
    ],
    inside: itself,
    wrap: as_it_is,
    answer: "input_tokens",
};

impl WireSide for Messages {
    /// Anthropic fetches pictures and PDF documents. Of an address that tells no type the best is believed.
    fn takes_address(&self, remote: &Remote<'_>, target: &Target<'_>) -> bool {
        let kind = remote.media_type.as_deref();
        let is_read = |kind: &str| kind == "application/pdf" || kind.starts_with("image/");
        target.traits.addresses != Some(false) && (remote.kind == RemoteKind::Picture || kind.is_none_or(is_read))
    }

    fn relay(&self, head: &Parts, body: &Body, target: &Target<'_>) -> Relay {
        let mut edits: Vec<_> = Edit::model(body, target.model).into_iter().collect();
        let mut losses = Losses::default();
        relay::mend(body, &mut edits, &mut losses);
        let mut headers = http::HeaderMap::with_capacity(4);
        let version = head.headers.get(VERSION_HEADER).cloned();
        headers.insert(VERSION_HEADER, version.unwrap_or(HeaderValue::from_static(VERSION)));
        for beta in head.headers.get_all(BETA_HEADER) {
            headers.append(BETA_HEADER, beta.clone());
        }
        Relay { edits, headers, hide_usage: false, losses }
    }

    fn rethink(&self, body: &Body, wish: Thinking, target: &Target<'_>, losses: &mut Losses) -> Vec<Edit> {
        rethink::edits(body, wish, target, losses)
    }

    fn instruct(&self, body: &Body, prompt: &Prompt) -> Vec<Edit> {
        let new = instruct::place(body.raw("system"), "{\"type\":\"text\",\"text\":", prompt);
        new.map(|json| Edit::set("system", json)).into_iter().collect()
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
        Box::new(scanner::Watcher::default())
    }

    fn read_fault(&self, raw: RawFault) -> Fault {
        fault::read(raw)
    }

    fn tells(&self, fault: &Fault, body: &[u8]) -> bool {
        fault::tells(fault, body)
    }

    fn beside(&self) -> Beside {
        Beside { embed: None, count: Some(&COUNT), compact: &[] }
    }
}

#[cfg(test)]
mod tests;
