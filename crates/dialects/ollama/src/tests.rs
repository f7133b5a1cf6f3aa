//! The dialect under test: what each rule says in tables, and laws over generated input.

mod client;
mod laws;
mod routes;
mod wire;

use bytes::{Bytes, BytesMut};
use dialect::{Body, Decoded, Frame, Memo, ModelTraits, Reply, StreamDecoder as _, StreamEncoder as _, Target};
use hub::{Assembler, Event, Fault, Grammar, LossKind, Losses, Response};
use serde_json::Value;

use crate::stream_decode::Decoder;
use crate::stream_encode::{Encoder, Form};
use crate::{request_decode, request_encode};

fn body(json: &Value) -> Body {
    Body::parse(Bytes::from(json.to_string())).unwrap()
}

fn chat(json: &Value) -> Result<Decoded, Fault> {
    request_decode::chat(&body(json))
}

fn generate(json: &Value) -> Result<Decoded, Fault> {
    request_decode::generate(&body(json))
}

fn reply() -> Reply {
    Reply { created: 1_760_000_000, seed: 7, ..Reply::new("shown", true) }
}

/// What a request becomes on the wire, and what was lost, in words.
fn sent(request: &hub::Request, traits: &ModelTraits) -> Result<(Value, Vec<String>, Memo), Fault> {
    let target = Target { model: "wire-model", stream: true, traits };
    let encoded = request_encode::encode(request, &target)?;
    Ok((serde_json::from_slice(&encoded.body).unwrap(), told(&encoded.losses), encoded.memo))
}

fn told(losses: &Losses) -> Vec<String> {
    let audible = losses.iter().filter(|loss| loss.kind != LossKind::Silent);
    audible.map(|loss| loss.field.to_string()).collect()
}

/// The events of a stream's lines; they keep to the grammar.
fn read(lines: &[&str], memo: Memo) -> Result<Vec<Event>, Fault> {
    let mut decoder = Decoder::new(memo);
    let mut events = Vec::new();
    for line in lines {
        decoder.feed(Frame { event: None, data: line.as_bytes() }, &mut events)?;
    }
    decoder.end(&mut events)?;
    let mut grammar = Grammar::default();
    events.iter().for_each(|event| grammar.see(event).unwrap());
    grammar.finish().unwrap();
    Ok(events)
}

fn written(events: &[Event], form: Form) -> String {
    let mut encoder = Encoder::new(reply(), form);
    let mut out = BytesMut::new();
    events.iter().for_each(|event| encoder.push(event, &mut out));
    encoder.end(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn assembled(events: Vec<Event>) -> Response {
    let mut assembler = Assembler::new(1 << 20);
    events.into_iter().for_each(|event| assembler.push(event).unwrap());
    assembler.finish().unwrap()
}
