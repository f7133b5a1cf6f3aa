//! Rules of this dialect, table by table. Streams with their golden events stand in `fixtures`.

mod client;
mod completions;
mod faults;
mod fixtures;
mod laws;
mod media;
mod wire_replies;
mod wire_requests;

use bytes::Bytes;
use dialect::{Body, ClientSide, Decoded, Encoded, ModelTraits, Peek, Target, WireSide};
use http::request::Parts;
use hub::{Fault, Losses, Request};
use serde_json::{Value, json};

use crate::chat::Chat;

pub(crate) fn head() -> Parts {
    http::Request::builder().method("POST").uri("/v1/chat/completions").body(()).unwrap().into_parts().0
}

pub(crate) fn body(json: &Value) -> Body {
    Body::parse(Bytes::from(json.to_string())).unwrap()
}

pub(crate) fn peek(json: &Value) -> Result<Peek, Fault> {
    Chat.peek(&head(), &body(json))
}

pub(crate) fn decode(json: &Value) -> Result<Decoded, Fault> {
    Chat.decode_request(&head(), &body(json))
}

/// Decodes a request of one user message with more fields.
pub(crate) fn with(fields: Value) -> Request {
    let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    decode(&request).unwrap().request
}

pub(crate) fn encode_for(request: &Request, traits: &ModelTraits) -> Result<Encoded, Fault> {
    let mut request = request.clone();
    hub::mend(&mut request, &mut Losses::default());
    Chat.encode_request(&request, &Target { model: "up", stream: false, traits })
}

pub(crate) fn encoded(request: &Request) -> Value {
    serde_json::from_slice(&encode_for(request, &ModelTraits::default()).unwrap().body).unwrap()
}
