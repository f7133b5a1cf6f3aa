//! The rules of translation, sentence by sentence: what one dialect says, and what another must be sent for it.

mod media;
mod results;
mod schemas;
mod sound;
mod tools;
mod turns;

use bytes::Bytes;
use dialect::{Body, Dialect, ModelTraits, Target};
use hub::{Fault, Losses};
use serde_json::Value;

use super::matrix::{draw_losses, head};

/// What a wire is sent for a client's request, and what was lost on the way.
pub(super) fn translated(
    client: &str,
    wire: &str,
    body: &Value,
    traits: &ModelTraits,
) -> Result<(Value, Losses), Fault> {
    let (bytes, losses) = written(client, wire, body, traits)?;
    Ok((serde_json::from_slice(&bytes).unwrap(), losses))
}

/// The text of what is sent to a model of which nothing is known.
fn raw(client: &str, wire: &str, body: &Value) -> String {
    let bytes = written(client, wire, body, &ModelTraits::default()).unwrap().0;
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn written(client: &str, wire: &str, body: &Value, traits: &ModelTraits) -> Result<(Bytes, Losses), Fault> {
    let dialect = dialect(client);
    let body = Body::parse(Bytes::from(body.to_string()))?;
    let decoded = dialect.client.unwrap().decode_request(&head(dialect), &body)?;
    let (mut request, mut losses) = (decoded.request, decoded.losses);
    hub::mend(&mut request, &mut losses);
    let target = Target { model: "wire-model", stream: false, traits };
    let encoded = super::side(wire).encode_request(&request, &target)?;
    losses.extend(encoded.losses);
    Ok((encoded.body, losses))
}

fn dialect(id: &str) -> &'static Dialect {
    crate::ALL.iter().find(|dialect| dialect.id.0 == id).unwrap()
}

/// What is sent to a model of which nothing is known.
pub(super) fn sent(client: &str, wire: &str, body: &Value) -> Value {
    let found = translated(client, wire, body, &ModelTraits::default());
    found.unwrap_or_else(|fault| panic!("{client} to {wire}: {}", fault.message)).0
}

/// The field that a refusal names.
pub(super) fn refused(client: &str, wire: &str, body: &Value) -> String {
    match translated(client, wire, body, &ModelTraits::default()) {
        Ok((sent, _)) => panic!("{client} to {wire} sent {sent}"),
        Err(fault) => fault.param.unwrap_or_default().into_owned(),
    }
}

/// What was lost, a line each.
pub(super) fn lost(client: &str, wire: &str, body: &Value) -> String {
    draw_losses(&translated(client, wire, body, &ModelTraits::default()).unwrap().1)
}
