//! The two faces of `/api/chat`: what routing reads early, what a relay changes; the rest is delegated.

use bytes::{Bytes, BytesMut};

use dialect::instruct::Messages;
use dialect::splice::{Change, Edit};
use dialect::{
    Beside, Body, ClientSide, Decoded, Encoded, HttpReply, Memo, Object, Peek, Relay, Reply, Scanner, StreamDecoder,
    StreamEncoder, Target, WireSide, is_text_type,
};
use http::HeaderMap;
use http::request::Parts;
use hub::{DialectId, Fault, Losses, Prompt, RawFault, Remote, RemoteKind, Request, Response, Thinking};

use crate::stream_encode::{Encoder, Form};
use crate::{embed, fault, request_decode, request_encode, response, scanner, stream_decode};

/// How system messages are written.
const MESSAGES: Messages = Messages { roles: &["system"], block: "{\"text\":", typed: false };

/// Chat, client side and wire side.
#[derive(Debug)]
pub(crate) struct Chat;

impl ClientSide for Chat {
    fn dialect(&self) -> DialectId {
        crate::ID
    }

    fn peek(&self, head: &Parts, body: &Body) -> Result<Peek, Fault> {
        peek(head, body)
    }

    fn words(&self) -> &'static [(&'static str, &'static str)] {
        request_decode::NAMES
    }

    fn decode_request(&self, _: &Parts, body: &Body) -> Result<Decoded, Fault> {
        request_decode::chat(body)
    }

    fn loses_proofs(&self) -> bool {
        true
    }

    fn encode_response(&self, response: &Response, reply: &Reply) -> Bytes {
        response::encode(response, reply, Form::Chat)
    }

    fn stream_encoder(&self, reply: Reply) -> Box<dyn StreamEncoder> {
        Box::new(Encoder::new(reply, Form::Chat))
    }

    fn render_fault(&self, fault: &Fault, request_id: &str) -> HttpReply {
        fault::render(fault, request_id)
    }

    fn encode_count(&self, input_tokens: u64) -> Bytes {
        count(input_tokens)
    }

    fn named_provider<'a>(&self, model: &'a str) -> Option<(&'a str, &'a str)> {
        named_provider(model)
    }

    fn plain_name<'a>(&self, model: &'a str) -> Option<&'a str> {
        plain_name(model)
    }

    fn full_name(&self, model: &str) -> Option<String> {
        full_name(model)
    }

    fn own_answer(&self, body: &Body, reply: &Reply) -> Option<HttpReply> {
        let silent = body.raw("messages").is_none_or(is_empty_list);
        silent.then(|| response::loaded(body, reply, Form::Chat))
    }
}

impl WireSide for Chat {
    /// Pictures come as bytes only, and documents as words. What would be refused is not fetched first.
    fn takes_address(&self, remote: &Remote<'_>, target: &Target<'_>) -> bool {
        match remote.kind {
            RemoteKind::Picture => target.traits.images == Some(false),
            RemoteKind::Document => remote.media_type.as_deref().is_some_and(|kind| !is_text_type(kind)),
        }
    }

    fn relay(&self, _: &Parts, body: &Body, target: &Target<'_>) -> Relay {
        relay(body, target)
    }

    fn rethink(&self, _: &Body, wish: Thinking, target: &Target<'_>, losses: &mut Losses) -> Vec<Edit> {
        rethink(wish, target, losses)
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
        Beside { embed: Some(&embed::MANY), count: None, compact: &[] }
    }
}

/// What a server of the same language must be told: the model's name there, and to keep the conversation whole.
pub(crate) fn relay(body: &Body, target: &Target<'_>) -> Relay {
    let mut edits = vec![default("truncate", None, "false")];
    edits.extend(Edit::model(body, target.model));
    if let Some(window) = target.traits.quirks.context_window {
        edits.push(default("options", Some("num_ctx"), &window.to_string()));
    }
    Relay { edits, headers: HeaderMap::new(), hide_usage: false, losses: Losses::default() }
}

pub(crate) fn rethink(wish: Thinking, target: &Target<'_>, losses: &mut Losses) -> Vec<Edit> {
    vec![match request_encode::think(&wish, target, losses) {
        Some(json) => Edit::set("think", json),
        None => Edit::remove("think"),
    }]
}

/// What both client forms and `/api/show` tell early. Older programs name the model `name`.
pub(crate) fn peek(_: &Parts, body: &Body) -> Result<Peek, Fault> {
    let named = body.get("model")?.filter(|model: &String| !model.is_empty());
    let model = named.map_or_else(|| body.get("name"), |model| Ok(Some(model)))?;
    let model = model.filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| Fault::bad_request("model is required").at("model"))?;
    let reply = Reply::new(model.as_str(), body.get("stream")?.unwrap_or(true));
    Ok(Peek { model, reply })
}

/// Lists of other gateways show `[Provider] name`.
pub(crate) fn named_provider(model: &str) -> Option<(&str, &str)> {
    let (provider, name) = model.strip_prefix('[')?.split_once(']')?;
    let name = name.trim_start();
    (!name.is_empty()).then_some((provider.trim(), name))
}

/// Programs add `:latest` to names, and lists of other gateways put `[Provider] ` before them.
pub(crate) fn plain_name(model: &str) -> Option<&str> {
    let bare =
        model.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(model, |(_, name)| name.trim_start());
    let bare = bare.strip_suffix(":latest").unwrap_or(bare);
    (bare != model && !bare.is_empty()).then_some(bare)
}

/// A model without a tag is its latest.
pub(crate) fn full_name(model: &str) -> Option<String> {
    let tagged = model.rsplit('/').next().is_none_or(|name| name.is_empty() || name.contains(':'));
    (!tagged).then(|| format!("{model}:latest"))
}

pub(crate) fn is_empty_list(json: &str) -> bool {
    json == "null" || json.strip_prefix('[').is_some_and(|rest| rest.trim_start() == "]")
}

/// Ollama has no token count; this is the plainest form.
pub(crate) fn count(input_tokens: u64) -> Bytes {
    let mut out = BytesMut::with_capacity(40);
    let mut answer = Object::open(&mut out);
    answer.number("prompt_eval_count", input_tokens);
    answer.close();
    out.freeze()
}

/// Sets a field that the client left open.
fn default(field: &'static str, below: Option<&'static str>, json: &str) -> Edit {
    let path = std::iter::once(field).chain(below).map(Into::into).collect();
    Edit { path, change: Change::Default(json.to_owned()) }
}
