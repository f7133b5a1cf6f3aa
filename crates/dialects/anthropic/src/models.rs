//! Model lists in the vendor's shape.

use std::time::UNIX_EPOCH;

use bytes::BytesMut;
use dialect::{Catalogue, HttpReply, ModelCard};
use http::StatusCode;

use crate::json::Open;
use dialect::time;

/// The largest page. It is ours when the client names none: a list that is cut at the vendor's 20 looks to programs
/// that never ask for a second page as if the rest were not callable.
const PAGE: usize = 1_000;

/// Writes lists and single models.
#[derive(Debug)]
pub(crate) struct Models;

impl Catalogue for Models {
    fn list(&self, models: &[ModelCard], query: &str) -> HttpReply {
        let (page, has_more) = page(models, query);
        let mut body = BytesMut::with_capacity(64 + page.len() * 320);
        let mut object = Open::object(&mut body);
        let mut data = Open::array(object.key("data"));
        for card in page {
            write(card, data.item());
        }
        data.end();
        object.text_or_null("first_id", page.first().map(|card| card.id.as_str()));
        object.text_or_null("last_id", page.last().map(|card| card.id.as_str()));
        object.flag("has_more", has_more);
        object.end();
        HttpReply::json(StatusCode::OK, body.freeze())
    }

    fn one(&self, model: &ModelCard) -> HttpReply {
        let mut body = BytesMut::with_capacity(320);
        write(model, &mut body);
        HttpReply::json(StatusCode::OK, body.freeze())
    }
}

/// The page that a query asks for, and whether the list goes on in its direction.
fn page<'m>(models: &'m [ModelCard], query: &str) -> (&'m [ModelCard], bool) {
    let limit = value(query, "limit").and_then(|text| text.parse().ok()).unwrap_or(PAGE).clamp(1, PAGE);
    let place = |key| {
        let id = value(query, key)?;
        models.iter().position(|card| card.id == id)
    };
    if let Some(end) = place("before_id") {
        let from = end.saturating_sub(limit);
        return (&models[from..end], from > 0);
    }
    let from = place("after_id").map_or(0, |at| at + 1);
    let end = (from + limit).min(models.len());
    (&models[from..end], end < models.len())
}

fn value(query: &str, key: &str) -> Option<String> {
    let pair = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key)?;
    Some(unescape(pair.1))
}

/// Undoes the escapes of a query; a broken escape stays as it is.
fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn write(card: &ModelCard, out: &mut BytesMut) {
    let mut object = Open::typed(out, "model");
    object.text("id", &card.id);
    object.text("display_name", card.display_name.as_deref().unwrap_or(&card.id));
    object.text("created_at", &time::format(card.created.unwrap_or(UNIX_EPOCH)));
    object.maybe_count("max_input_tokens", card.context);
    object.maybe_count("max_tokens", card.max_output);
    let mut capabilities = Open::object(object.key("capabilities"));
    for (name, supported) in [("image_input", card.images), ("pdf_input", card.pdfs), ("thinking", card.thinking)] {
        let mut capability = Open::object(capabilities.key(name));
        capability.flag("supported", supported);
        capability.end();
    }
    capabilities.end();
    object.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn card(id: &str) -> ModelCard {
        ModelCard {
            id: id.into(),
            display_name: None,
            owned_by: "x".into(),
            created: Some(UNIX_EPOCH + Duration::from_secs(1_795_230_245)),
            context: Some(200_000),
            max_output: None,
            images: true,
            pdfs: false,
            thinking: true,
        }
    }

    fn ids(query: &str) -> (Vec<String>, bool) {
        let cards = ["a", "b/c", "d"].map(card);
        let (page, more) = page(&cards, query);
        (page.iter().map(|card| card.id.clone()).collect(), more)
    }

    #[test]
    fn pages_go_both_ways() {
        let own = |list: &[&str]| list.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        assert_eq!(ids(""), (own(&["a", "b/c", "d"]), false));
        assert_eq!(ids("limit=2"), (own(&["a", "b/c"]), true));
        assert_eq!(ids("limit=2&after_id=b%2Fc"), (own(&["d"]), false));
        assert_eq!(ids("before_id=d&limit=1"), (own(&["b/c"]), true));
        assert_eq!(ids("before_id=a"), (own(&[]), false));
        assert_eq!(ids("after_id=gone&limit=0"), (own(&["a"]), true));
        assert_eq!(ids("limit=%&after_id=%zz"), (own(&["a", "b/c", "d"]), false));
    }

    #[test]
    fn a_model_has_the_vendors_shape() {
        let reply = Models.one(&card("m"));
        assert_eq!(
            reply.body,
            r#"{"type":"model","id":"m","display_name":"m","created_at":"2026-11-21T03:04:05Z","max_input_tokens":200000,"capabilities":{"image_input":{"supported":true},"pdf_input":{"supported":false},"thinking":{"supported":true}}}"#
        );
        let list = Models.list(&[], "");
        assert_eq!(list.body, r#"{"data":[],"first_id":null,"last_id":null,"has_more":false}"#);
    }
}
