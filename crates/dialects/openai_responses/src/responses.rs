//! The two faces of Responses: what routing reads early, what a relay changes; the rest is delegated.

use std::borrow::Cow;
use std::sync::LazyLock;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use dialect::count::{Count, as_it_is, itself};
use dialect::limits::{Left, x_ratelimit};
use dialect::splice::{Change, Edit};
use dialect::{
    Beside, Body, ClientSide, Decoded, Echo, Effort, Encoded, HttpReply, Memo, Memory, Object, Peek, Relay, Reply,
    Scanner, Source, StreamDecoder, StreamEncoder, Target, WireSide, header, json_text,
};
use http::HeaderName;
use http::request::Parts;
use hub::{Carried, DialectId, Fault, Losses, Prompt, RawFault, Request, Response, Seal, Thinking};
use memchr::memmem::Finder;
use serde_json::value::RawValue;

use crate::summary_encode::SummaryEncoder;
use crate::{
    decode_knobs, decode_tools, fault, instruct, programs, request_decode, request_encode, response, scanner, spaces,
    stream_decode, stream_encode, summary, typed, wire,
};

/// The mark of a packed proof.
static PACKED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"bos1:"));

/// Where programs name their conversation (facts on CLIProxyAPI's affinity, section 6.3; Codex sends `session-id` and
/// `prompt_cache_key`).
static SESSIONS: [Source; 9] = [
    header("session-id"),
    header("session_id"),
    header("thread-id"),
    header("conversation_id"),
    header("x-session-id"),
    header("x-session-affinity"),
    header("x-claude-code-session-id"),
    Source::Field("prompt_cache_key"),
    Source::Field("previous_response_id"),
];

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
    inside: itself,
    wrap: as_it_is,
    answer: "input_tokens",
};

/// What `/v1/responses/compact` takes: `ResponseCompactParams` of openai-python (August 2026), and what Codex sends beside
/// them.
const COMPACT: [&str; 12] = [
    "model",
    "input",
    "instructions",
    "previous_response_id",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "service_tier",
    "tools",
    "parallel_tool_calls",
    "reasoning",
    "text",
];

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

    fn peek(&self, _: &Parts, body: &Body) -> Result<Peek, Fault> {
        let model: Option<String> = body.get("model")?;
        let model = model.filter(|model| !model.is_empty()).ok_or_else(|| {
            Fault::bad_request("you must provide a model").at("model").with_code("missing_required_parameter")
        })?;
        let reply = Reply::new(model.as_str(), body.get("stream")?.unwrap_or(false));
        Ok(Peek { model, reply })
    }

    fn words(&self) -> &'static [(&'static str, &'static str)] {
        request_decode::NAMES
    }

    fn decode_request(&self, _: &Parts, body: &Body) -> Result<Decoded, Fault> {
        request_decode::decode(body)
    }

    fn echo(&self, body: &Body, _: &Body) -> Echo {
        let mut found = Vec::new();
        if let Some(tools) = body.raw("tools").filter(|tools| tools.contains("\"namespace\"")) {
            let list: Vec<&RawValue> = serde_json::from_str(tools).unwrap_or_default();
            spaces::collect(&list, &mut found);
        }
        let added: Vec<&RawValue> = decode_tools::additional(body).into_iter().map(|(_, raw)| raw).collect();
        spaces::collect(&added, &mut found);
        Echo {
            sound: None,
            fields: decode_knobs::repeated(body),
            spaces: found,
            typed: typed(body),
            summary: summary::is_asked(body),
        }
    }

    fn encode_response(&self, response: &Response, reply: &Reply) -> Bytes {
        response::encode(response, reply)
    }

    fn stream_encoder(&self, reply: Reply) -> Box<dyn StreamEncoder> {
        let (seed, is_summary) = (reply.seed, reply.echo.summary);
        let encoder = stream_encode::Encoder::new(reply, false);
        if is_summary { Box::new(SummaryEncoder::new(encoder, seed)) } else { Box::new(encoder) }
    }

    fn render_fault(&self, fault: &Fault, request_id: &str) -> HttpReply {
        fault::render(fault, request_id)
    }

    fn sessions(&self) -> &'static [Source] {
        &SESSIONS
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
    fn relay(&self, head: &Parts, body: &Body, target: &Target<'_>) -> Relay {
        let mut edits: Vec<_> = Edit::model(body, target.model).into_iter().collect();
        let mut losses = Losses::default();
        if PACKED.find(body.bytes()).is_some()
            && let Some(Unpacked { input, left_out }) = body.raw("input").and_then(unpacked)
        {
            edits.push(Edit::set("input", input));
            if left_out {
                let why = "reasoning of another vendor's model cannot be verified and was left out";
                losses.dropped("input.reasoning", why);
            }
        }
        let turn = head.headers.get(crate::TURN_STATE);
        let headers = turn.map(|turn| (HeaderName::from_static(crate::TURN_STATE), turn.clone())).into_iter().collect();
        Relay { edits, headers, hide_usage: false, losses }
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

    fn tells(&self, fault: &Fault, body: &[u8]) -> bool {
        fault::tells(fault, body)
    }

    fn beside(&self) -> Beside {
        Beside { embed: None, count: Some(&COUNT), compact: &COMPACT }
    }
}

/// The tools whose calls have types of their own, by the names that translations give them.
fn typed(body: &Body) -> Vec<(String, &'static str)> {
    let declared = |field| body.raw(field).is_some_and(typed::may_be_in);
    match declared("tools") || declared("input") {
        true => decode_tools::declared(body).map(|tools| typed::pairs(&tools)).unwrap_or_default(),
        false => Vec::new(),
    }
}

/// An input without what we packed on earlier turns.
struct Unpacked {
    input: String,
    /// Reasoning of other vendors was in it.
    left_out: bool,
}

/// `None` if there is nothing of the kind.
fn unpacked(input: &str) -> Option<Unpacked> {
    let items: Vec<&RawValue> = serde_json::from_str(input).ok()?;
    let own: Vec<Option<Cow<'_, str>>> = items.iter().map(|item| plain(item.get())).collect();
    let left_out = own.iter().any(Option::is_none);
    if !left_out && own.iter().all(|item| matches!(item, Some(Cow::Borrowed(_)))) {
        return None;
    }
    let own: Vec<Cow<'_, str>> = own.into_iter().flatten().collect();
    Some(Unpacked { input: format!("[{}]", own.join(",")), left_out })
}

/// The item as it is, a summary or a program of ours in words, or nothing of a proof that is not OpenAI's.
fn plain(json: &str) -> Option<Cow<'_, str>> {
    if PACKED.find(json.as_bytes()).is_none() {
        return Some(Cow::Borrowed(json));
    }
    let item: wire::Item<'_> = serde_json::from_str(json).unwrap_or_default();
    let proof = item.encrypted_content.as_deref().unwrap_or_default();
    match item.kind.as_deref() {
        Some("reasoning") if !matches!(Seal::unpack(proof), Carried::Native(_)) => None,
        Some(summary::KIND) => {
            Some(summary::read(proof).map_or(Cow::Borrowed(json), |words| summary::as_message(&words).into()))
        }
        Some(programs::KIND) => Some(programs::as_message(json).map_or(Cow::Borrowed(json), Cow::Owned)),
        _ => Some(Cow::Borrowed(json)),
    }
}
