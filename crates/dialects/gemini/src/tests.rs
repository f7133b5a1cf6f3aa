//! Rules of this dialect, and the laws that hold for any bytes.

mod faults;
mod laws;
mod requests;
mod streams;

use bytes::Bytes;
use dialect::{Body, ClientSide, Encoded, ModelTraits, Target, WireSide};
use http::request::Parts;
use hub::{Fault, Losses, Request};
use serde_json::{Value, json};

use crate::gemini::Gemini;

pub(crate) fn head(method: &str) -> Parts {
    http::Request::post(format!("/v1beta/models/g:{method}")).body(()).unwrap().into_parts().0
}

pub(crate) fn body(json: &Value) -> Body {
    Body::parse(Bytes::from(json.to_string())).unwrap()
}

pub(crate) fn decode(json: &Value) -> Result<Request, Fault> {
    Gemini.decode_request(&head("generateContent"), &body(json)).map(|decoded| decoded.request)
}

/// Decodes a request of these contents.
pub(crate) fn asked(contents: &Value) -> Request {
    decode(&json!({"contents": contents})).unwrap()
}

pub(crate) fn encode_for(request: &Request, traits: &ModelTraits) -> Result<Encoded, Fault> {
    let mut request = request.clone();
    hub::mend(&mut request, &mut Losses::default());
    Gemini.encode_request(&request, &Target { model: "up", stream: false, traits })
}

pub(crate) fn encoded(request: &Request) -> Value {
    serde_json::from_slice(&encode_for(request, &ModelTraits::default()).unwrap().body).unwrap()
}
