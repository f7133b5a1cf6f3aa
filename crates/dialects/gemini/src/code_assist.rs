//! Gemini in the envelope of Code Assist, as Gemini CLI speaks it after a sign-in with Google: the model and the request
//! stand in an outer object, answers in `response`. Inside it is the same dialect, so a Gemini upstream is a byte relay.
//!
//! Source: google-gemini/gemini-cli, packages/core/src/code_assist (2026-08-21). What it asks around its requests is
//! answered in `code_assist_setup.rs`.

use bytes::{BufMut, Bytes, BytesMut};
use dialect::{Body, ClientSide, Decoded, Envelope, HttpReply, Peek, Reply, Source, StreamEncoder};
use http::request::Parts;
use hub::{DialectId, Fault, Response};
use serde::Deserialize;

use crate::wire::Str;
use crate::{fault, gemini, path, request_decode, response, stream_encode};

/// What stands around each answer.
const AROUND: Envelope = Envelope { before: "{\"response\":", after: "}" };
/// The method that streams.
const STREAMS: &str = "streamGenerateContent";

/// The face for programs.
#[derive(Debug)]
pub(crate) struct CodeAssist;

/// What the inside of an envelope tells besides the request.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Inside<'a> {
    #[serde(borrow)]
    model: Option<Str<'a>>,
}

impl ClientSide for CodeAssist {
    fn dialect(&self) -> DialectId {
        crate::ID
    }

    fn peek(&self, head: &Parts, body: &Body) -> Result<Peek, Fault> {
        let stream = head.uri.path().trim_end_matches('/').ends_with(STREAMS);
        let outer: Option<String> = body.get("model")?;
        // A token count names the model inside only.
        let named = || told(body).model.map(Str::owned);
        let model = outer.or_else(named).filter(|model| !model.is_empty());
        let model = model.ok_or_else(|| Fault::bad_request("the envelope names no model").at("model"))?;
        let model = model.strip_prefix("models/").unwrap_or(&model).to_owned();
        let mut reply = Reply::new(model.as_str(), stream);
        reply.stream_type = (stream && !path::wants_events(head)).then_some("application/json");
        Ok(Peek { model, reply })
    }

    fn sessions(&self) -> &'static [Source] {
        &gemini::SESSIONS
    }

    fn inside(&self, body: Body) -> Result<Body, Fault> {
        let Some(request) = body.raw("request").filter(|request| request.starts_with('{')) else {
            return Err(Fault::bad_request("the envelope holds no request").at("request"));
        };
        Body::parse(body.bytes().slice_ref(request.as_bytes()))
    }

    fn envelope(&self) -> Option<Envelope> {
        Some(AROUND)
    }

    /// The model stands outside and was read there.
    fn words(&self) -> &'static [(&'static str, &'static str)] {
        request_decode::NAMES
    }

    fn decode_request(&self, _: &Parts, body: &Body) -> Result<Decoded, Fault> {
        request_decode::decode(body, String::new())
    }

    fn encode_response(&self, response: &Response, reply: &Reply) -> Bytes {
        let inner = response::encode(response, reply);
        let mut out = BytesMut::with_capacity(inner.len() + 16);
        out.put_slice(AROUND.before.as_bytes());
        out.put_slice(&inner);
        out.put_slice(AROUND.after.as_bytes());
        out.freeze()
    }

    fn stream_encoder(&self, reply: Reply) -> Box<dyn StreamEncoder> {
        Box::new(stream_encode::Encoder::new(reply, Some(AROUND)))
    }

    fn render_fault(&self, fault: &Fault, request_id: &str) -> HttpReply {
        fault::render(fault, request_id)
    }

    fn encode_count(&self, input_tokens: u64) -> Bytes {
        gemini::count(input_tokens)
    }
}

fn told(body: &Body) -> Inside<'_> {
    body.raw("request").and_then(|request| serde_json::from_str(request).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(path: &str, body: &'static str) -> Result<(Peek, Body), Fault> {
        let head = http::Request::post(path).body(()).unwrap().into_parts().0;
        let body = Body::parse(Bytes::from_static(body.as_bytes()))?;
        let peek = CodeAssist.peek(&head, &body)?;
        let inner = CodeAssist.inside(body)?;
        Ok((peek, inner))
    }

    #[test]
    fn the_request_is_taken_out_without_a_copy() {
        let body = r#"{"model":"gemini-x","project":"p","user_prompt_id":"u","request":{"contents":[],"session_id":"s1","odd":1.10}}"#;
        let (peek, inner) = opened("/v1internal:streamGenerateContent?alt=sse", body).unwrap();
        assert_eq!((peek.model.as_str(), peek.reply.stream), ("gemini-x", true));
        let session = dialect::session(CodeAssist.sessions(), &http::HeaderMap::new(), &inner);
        assert_eq!(session.as_deref(), Some("s1"), "Gemini CLI names it inside");
        assert_eq!(peek.reply.stream_type, None);
        assert_eq!(inner.bytes(), r#"{"contents":[],"session_id":"s1","odd":1.10}"#);
        let within = body.as_bytes().as_ptr_range();
        assert!(within.contains(&inner.bytes().as_ptr()), "the same bytes");
    }

    #[test]
    fn a_count_names_its_model_inside() {
        let body = r#"{"request":{"model":"models/g","contents":[]}}"#;
        let (peek, _) = opened("/v1internal:countTokens", body).unwrap();
        assert_eq!((peek.model.as_str(), peek.reply.stream), ("g", false));
    }

    #[test]
    fn an_array_is_streamed_to_those_who_do_not_ask_for_events() {
        let body = r#"{"model":"g","request":{}}"#;
        let (peek, _) = opened("/v1internal:streamGenerateContent", body).unwrap();
        assert_eq!(peek.reply.stream_type, Some("application/json"));
    }

    #[test]
    fn an_envelope_without_its_parts_is_refused_by_name() {
        for (body, field) in [
            (r#"{"request":{}}"#, "model"),
            (r#"{"model":"","request":{}}"#, "model"),
            (r#"{"model":"g"}"#, "request"),
            (r#"{"model":"g","request":[]}"#, "request"),
            (r#"{"model":"g","request":"{}"}"#, "request"),
            (r#"{"model":7,"request":{}}"#, "model"),
        ] {
            let fault = opened("/v1internal:generateContent", body).unwrap_err();
            assert_eq!(fault.param.as_deref(), Some(field), "{body}");
        }
    }
}
