//! The two faces of Chat Completions: what routing reads early, what a relay changes; the rest is delegated.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use dialect::instruct::Messages;
use dialect::limits::{Left, x_ratelimit};
use dialect::splice::Edit;
use dialect::{
    Beside, Body, ClientSide, Decoded, Echo, Encoded, HttpReply, Memo, Object, Peek, Relay, Reply, Scanner, Source,
    StreamDecoder, StreamEncoder, Target, WireSide, header,
};
use http::HeaderMap;
use http::request::Parts;
use hub::{DialectId, Fault, Losses, Prompt, RawFault, Remote, RemoteKind, Request, Response, Thinking};

use crate::embed::Embeddings;
use crate::wire::StreamOptions;
use crate::{
    fault, habits, request_decode, request_encode, response, rethink, scanner, sound, stream_decode, stream_encode,
};

/// How system messages are written.
const MESSAGES: Messages =
    Messages { roles: &["system", "developer"], block: "{\"type\":\"text\",\"text\":", typed: false };

/// Chat Completions, client side and wire side.
#[derive(Debug)]
pub(crate) struct Chat;

impl ClientSide for Chat {
    fn dialect(&self) -> DialectId {
        crate::ID
    }

    fn limit_headers(&self, left: &Left, _now: SystemTime) -> Vec<(&'static str, String)> {
        x_ratelimit(left)
    }

    fn peek(&self, head: &Parts, body: &Body) -> Result<Peek, Fault> {
        let mut peek = peek(head, body)?;
        peek.reply.legacy_tools = body.has("functions") && !body.has("tools");
        Ok(peek)
    }

    fn sessions(&self) -> &'static [Source] {
        &SESSIONS
    }

    fn words(&self) -> &'static [(&'static str, &'static str)] {
        request_decode::NAMES
    }

    fn decode_request(&self, _: &Parts, body: &Body) -> Result<Decoded, Fault> {
        request_decode::decode(body)
    }

    fn echo(&self, body: &Body, _: &Body) -> Echo {
        let sound = (body.has("audio") && sound::is_wanted(body)).then(|| sound::form(body)).flatten();
        Echo { sound, ..Echo::default() }
    }

    fn loses_proofs(&self) -> bool {
        true
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
        count(input_tokens)
    }
}

impl WireSide for Chat {
    /// Documents come as bytes only.
    fn takes_address(&self, remote: &Remote<'_>, _: &Target<'_>) -> bool {
        remote.kind != RemoteKind::Document
    }

    fn relay(&self, _: &Parts, body: &Body, target: &Target<'_>) -> Relay {
        let mut edits: Vec<_> = Edit::model(body, target.model).into_iter().collect();
        let streams = body.raw("stream") == Some("true");
        let asked = wants_usage(body).unwrap_or(false);
        if target.traits.quirks.no_stream_options {
            edits.push(Edit::remove("stream_options"));
        } else if streams && !asked {
            edits.push(Edit::set_in("stream_options", "include_usage", "true"));
        }
        let hide_usage = streams && !asked && !target.traits.quirks.no_stream_options;
        let mut losses = Losses::default();
        habits::edits(body, &target.traits.quirks, &mut edits, &mut losses);
        Relay { edits, headers: HeaderMap::new(), hide_usage, losses }
    }

    fn rethink(&self, body: &Body, wish: Thinking, target: &Target<'_>, losses: &mut Losses) -> Vec<Edit> {
        rethink::edits(body, wish, target, losses)
    }

    fn instruct(&self, body: &Body, prompt: &Prompt) -> Vec<Edit> {
        let new = body.raw("messages").and_then(|list| MESSAGES.place(list, false, prompt));
        new.map(|json| Edit::set("messages", json)).into_iter().collect()
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
        Beside { embed: Some(&Embeddings), count: None, compact: &[] }
    }
}

/// What both client forms tell early.
pub(crate) fn peek(_: &Parts, body: &Body) -> Result<Peek, Fault> {
    let model: Option<String> = body.get("model")?;
    let model = model.filter(|model| !model.is_empty()).ok_or_else(|| {
        Fault::bad_request("you must provide a model").at("model").with_code("missing_required_parameter")
    })?;
    let stream = body.get("stream")?.unwrap_or(false);
    let mut reply = Reply::new(model.as_str(), stream);
    reply.usage_frame = stream && wants_usage(body)?;
    Ok(Peek { model, reply })
}

fn wants_usage(body: &Body) -> Result<bool, Fault> {
    let options: Option<StreamOptions> = body.get("stream_options")?;
    Ok(options.and_then(|options| options.include_usage).unwrap_or(false))
}

/// Where agents name their conversation, most telling first (facts on CLIProxyAPI's affinity, section 6.3).
pub(crate) static SESSIONS: [Source; 9] = [
    header("x-claude-code-session-id"),
    header("session-id"),
    header("session_id"),
    header("x-session-id"),
    header("x-session-affinity"),
    Source::Field("session_id"),
    Source::Field("sessionId"),
    Source::Field("prompt_cache_key"),
    Source::Field("conversation_id"),
];

/// Chat Completions has no token count of its own; this is the plainest form.
pub(crate) fn count(input_tokens: u64) -> Bytes {
    let mut out = BytesMut::with_capacity(32);
    let mut answer = Object::open(&mut out);
    answer.number("input_tokens", input_tokens);
    answer.close();
    out.freeze()
}
