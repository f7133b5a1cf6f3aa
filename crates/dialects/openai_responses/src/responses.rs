//! The two faces of Responses: what routing reads early, what a relay changes; the rest is delegated.

use std::time::SystemTime;

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use dialect::count::{Count, as_it_is};
use dialect::limits::{Left, x_ratelimit};
use dialect::splice::{Change, Edit};
use dialect::{
    Beside, Body, ClientSide, Decoded, Echo, Effort, Encoded, HttpReply, Memo, Memory, Object, Peek, Relay, Reply,
    Scanner, StreamDecoder, StreamEncoder, Target, WireSide, quoted,
};
use http::HeaderMap;
use http::request::Parts;
use hub::{Carried, DialectId, Fault, Losses, Prompt, RawFault, Request, Response, Seal, Thinking};
use memchr::memmem::Finder;
use serde_json::value::RawValue;

use crate::{
    decode_knobs, decode_tools, fault, instruct, request_decode, request_encode, response, scanner, session, spaces,
    stream_decode, stream_encode, wire,
};

/// The mark of a packed proof.
static PACKED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"bos1:"));

/// What `/v1/responses/input_tokens` takes (openai-python 3.52, `InputTokenCountParams`).
static COUNT: Count = Count {
    keeps: &[
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning",
        "text",
        "truncation",
    ],
    wrap: as_it_is,
    answer: "input_tokens",
};

/// Responses, client side and wire side.
#[derive(Debug)]
pub(crate) struct Responses;

impl ClientSide for Responses {
    fn dialect(&self) -> DialectId {
        crate::ID
    }

    fn limit_headers(&self, left: &Left, _now: SystemTime) -> Vec<(&'static str, String)> {
        x_ratelimit(left)
    }

    fn peek(&self, head: &Parts, body: &Body) -> Result<Peek, Fault> {
        let model: Option<String> = body.get("model")?;
        let model = model.filter(|model| !model.is_empty()).ok_or_else(|| {
            Fault::bad_request("you must provide a model").at("model").with_code("missing_required_parameter")
        })?;
        let reply = Reply::new(model.as_str(), body.get("stream")?.unwrap_or(false));
        Ok(Peek { model, session: session::of_request(&head.headers, body), reply })
    }

    fn decode_request(&self, _: &Parts, body: &Body) -> Result<Decoded, Fault> {
        request_decode::decode(body)
    }

    fn echo(&self, body: &Body) -> Echo {
        let mut found = Vec::new();
        if let Some(tools) = body.raw("tools").filter(|tools| tools.contains("\"namespace\"")) {
            let list: Vec<&RawValue> = serde_json::from_str(tools).unwrap_or_default();
            spaces::collect(&list, &mut found);
        }
        let added: Vec<&RawValue> = decode_tools::additional(body).into_iter().map(|(_, raw)| raw).collect();
        spaces::collect(&added, &mut found);
        Echo { fields: decode_knobs::repeated(body), spaces: found }
    }

    fn encode_response(&self, response: &Response, reply: &Reply) -> Bytes {
        response::encode(response, reply)
    }

    fn stream_encoder(&self, reply: Reply) -> Box<dyn StreamEncoder> {
        Box::new(stream_encode::Encoder::new(reply, false))
    }

    fn render_fault(&self, fault: &Fault, request_id: &str) -> HttpReply {
        fault::render(fault, request_id)
    }

    fn memory(&self) -> Option<&'static dyn Memory> {
        Some(&Self)
    }

    fn encode_count(&self, input_tokens: u64) -> Bytes {
        let mut out = BytesMut::with_capacity(64);
        let mut answer = Object::open(&mut out);
        answer.text("object", "response.input_tokens");
        answer.number("input_tokens", input_tokens);
        answer.close();
        out.freeze()
    }
}

impl WireSide for Responses {
    fn relay(&self, _: &Parts, body: &Body, target: &Target<'_>) -> Relay {
        let mut edits = vec![Edit::set("model", json_text(target.model))];
        let mut losses = Losses::default();
        if PACKED.find(body.bytes()).is_some()
            && let Some(input) = body.raw("input").and_then(without_foreign)
        {
            edits.push(Edit::set("input", input));
            losses
                .dropped("input.reasoning", "reasoning of another vendor's model cannot be verified and was left out");
        }
        Relay { edits, headers: HeaderMap::new(), hide_usage: false, losses }
    }

    fn rethink(&self, body: &Body, wish: Thinking, target: &Target<'_>, losses: &mut Losses) -> Vec<Edit> {
        let path = vec!["reasoning".into(), "effort".into()];
        let change = match Effort::of(&wish, &target.traits.thinking, losses).word() {
            Some(word) => Change::Set(json_text(word)),
            None if body.has("reasoning") => Change::Remove,
            None => return Vec::new(),
        };
        vec![Edit { path, change }]
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

    fn beside(&self) -> Beside {
        Beside { embed: None, count: Some(&COUNT) }
    }
}

/// The input without the reasoning of other vendors, whose proofs we packed on earlier turns; `None` if there is none.
fn without_foreign(input: &str) -> Option<String> {
    let items: Vec<&RawValue> = serde_json::from_str(input).ok()?;
    let own: Vec<&str> = items.iter().map(|item| item.get()).filter(|item| !is_foreign(item)).collect();
    (own.len() < items.len()).then(|| format!("[{}]", own.join(",")))
}

fn is_foreign(item: &str) -> bool {
    if PACKED.find(item.as_bytes()).is_none() {
        return false;
    }
    let item: wire::Item<'_> = serde_json::from_str(item).unwrap_or_default();
    let packed = |proof: &str| !matches!(Seal::unpack(proof), Carried::Native(_));
    item.kind.as_deref() == Some("reasoning") && item.encrypted_content.as_deref().is_some_and(packed)
}

fn json_text(text: &str) -> String {
    let mut out = BytesMut::with_capacity(text.len() + 2);
    quoted(text, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
