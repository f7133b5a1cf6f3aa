//! The rules of this dialect, table by table.

mod answers;
mod catalogue;
mod compaction;
mod faults;
mod laws;
mod relaying;
mod requests;
mod typed;
mod upstreams;

use bytes::Bytes;
use dialect::{Body, ClientSide, Decoded, Encoded, Frame, Framer, Framing, Memo, ModelTraits, Target, WireSide};
use http::request::Parts;
use hub::{Assembler, Event, Fault, Grammar, Losses, Request, Response};
use serde_json::{Value, json};

use crate::responses::Responses;

pub(crate) fn head() -> Parts {
    http::Request::builder().method("POST").uri("/v1/responses").body(()).unwrap().into_parts().0
}

pub(crate) fn body(json: &Value) -> Body {
    Body::parse(Bytes::from(json.to_string())).unwrap()
}

pub(crate) fn decode(json: &Value) -> Result<Decoded, Fault> {
    Responses.decode_request(&head(), &body(json))
}

/// Decodes a request with this input.
pub(crate) fn of_input(input: &Value) -> Request {
    decode(&json!({"model": "m", "input": input})).unwrap().request
}

/// Decodes a request of one user message with more fields.
pub(crate) fn with(fields: &Value) -> Request {
    let mut request = json!({"model": "m", "input": "hi"});
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    decode(&request).unwrap().request
}

pub(crate) fn encode_for(request: &Request, traits: &ModelTraits) -> Result<Encoded, Fault> {
    let mut request = request.clone();
    hub::mend(&mut request, &mut Losses::default());
    Responses.encode_request(&request, &Target { model: "up", stream: false, traits })
}

pub(crate) fn encoded(request: &Request) -> Value {
    serde_json::from_slice(&encode_for(request, &ModelTraits::default()).unwrap().body).unwrap()
}

/// Feeds pieces of a stream to a decoder, and checks the grammar of what it gives.
pub(crate) fn read(pieces: &[&[u8]]) -> Result<Vec<Event>, Box<(Vec<Event>, Fault)>> {
    let mut framer = Framer::new(Framing::Sse, 1 << 20);
    let mut decoder = Responses.stream_decoder(Memo::default());
    let mut events = Vec::new();
    let result = pieces
        .iter()
        .try_for_each(|piece| framer.feed(piece, &mut |frame| decoder.feed(frame, &mut events)).map(|_| ()))
        .and_then(|()| framer.finish(&mut |frame| decoder.feed(frame, &mut events)))
        .and_then(|()| decoder.end(&mut events));
    let mut grammar = Grammar::default();
    events.iter().for_each(|event| grammar.see(event).unwrap());
    match result {
        Ok(()) => {
            grammar.finish().unwrap();
            Ok(events)
        }
        Err(fault) => Err(Box::new((events, fault))),
    }
}

/// A stream of these events, numbered, as OpenAI frames them.
pub(crate) fn sse(events: &[Value]) -> String {
    let line = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    events.iter().map(line).collect()
}

pub(crate) fn assembled(events: &[Value]) -> Response {
    assemble(read(&[sse(events).as_bytes()]).unwrap())
}

pub(crate) fn assemble(events: Vec<Event>) -> Response {
    let mut assembler = Assembler::new(1 << 20);
    events.into_iter().for_each(|event| assembler.push(event).unwrap());
    assembler.finish().unwrap()
}

/// What a client gets: the data of each event.
pub(crate) fn written(events: &[Event], reply: dialect::Reply) -> Vec<Value> {
    let text = written_text(events, reply);
    let mut framer = Framer::new(Framing::Sse, 1 << 20);
    let mut found = Vec::new();
    let mut sink = |frame: Frame<'_>| {
        let data: Value = serde_json::from_slice(frame.data).unwrap();
        assert_eq!(frame.event.unwrap(), data["type"].as_str().unwrap().as_bytes());
        found.push(data);
        Ok(())
    };
    framer.feed(text.as_bytes(), &mut sink).unwrap();
    framer.finish(&mut sink).unwrap();
    found
}

pub(crate) fn written_text(events: &[Event], reply: dialect::Reply) -> String {
    let mut out = bytes::BytesMut::new();
    let mut encoder = Responses.stream_encoder(reply);
    events.iter().for_each(|event| encoder.push(event, &mut out));
    encoder.end(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}
