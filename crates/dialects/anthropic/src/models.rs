//! Model lists in the vendor's shape.

use std::time::UNIX_EPOCH;

use bytes::BytesMut;
use dialect::{Catalogue, HttpReply, ModelCard};
use http::StatusCode;
use hub::Level;

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
    object.count_or_null("max_input_tokens", card.context);
    object.count_or_null("max_tokens", card.max_output);
    capabilities(card, object.key("capabilities"));
    object.end();
}

/// Every known capability is always there (platform.claude.com/docs/en/api/models, 2026-11-21).
fn capabilities(card: &ModelCard, out: &mut BytesMut) {
    let mut object = Open::object(out);
    for absent in ["batch", "citations", "code_execution"] {
        supported(false, object.key(absent));
    }
    object.raw(
        "context_management",
        r#"{"supported":false,"clear_thinking_20251015":null,"clear_tool_uses_20250919":null,"compact_20260112":null}"#,
    );
    effort(&card.thinking.levels, object.key("effort"));
    supported(card.images, object.key("image_input"));
    supported(card.pdfs, object.key("pdf_input"));
    supported(card.structured_output == Some(true), object.key("structured_outputs"));
    thinking(card, object.key("thinking"));
    object.end();
}

fn effort(levels: &[Level], out: &mut BytesMut) {
    let mut object = Open::object(out);
    object.flag("supported", !levels.is_empty());
    for level in [Level::Low, Level::Medium, Level::High, Level::XHigh, Level::Max] {
        supported(levels.contains(&level), object.key(level.word()));
    }
    object.end();
}

fn thinking(card: &ModelCard, out: &mut BytesMut) {
    let traits = &card.thinking;
    let thinks = card.thinks();
    let mut object = Open::object(out);
    object.flag("supported", thinks);
    let mut types = Open::object(object.key("types"));
    supported(thinks && traits.adaptive != Some(false), types.key("adaptive"));
    supported(thinks && traits.budget.is_some(), types.key("enabled"));
    supported(!thinks || traits.can_disable != Some(false), types.key("disabled"));
    types.end();
    object.end();
}

fn supported(able: bool, out: &mut BytesMut) {
    let mut object = Open::object(out);
    object.flag("supported", able);
    object.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use dialect::ThinkingTraits;
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
            thinking: ThinkingTraits {
                supported: Some(true),
                levels: vec![Level::Low, Level::Max],
                adaptive: Some(true),
                can_disable: Some(false),
                ..ThinkingTraits::default()
            },
            ..ModelCard::new("", "", &dialect::ModelTraits::default())
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
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        let (yes, no) = (serde_json::json!({"supported": true}), serde_json::json!({"supported": false}));
        let capabilities = serde_json::json!({
            "batch": no, "citations": no, "code_execution": no, "structured_outputs": no, "pdf_input": no,
            "context_management": {"supported": false, "clear_thinking_20251015": null,
                "clear_tool_uses_20250919": null, "compact_20260112": null},
            "effort": {"supported": true, "low": yes, "medium": no, "high": no, "xhigh": no, "max": yes},
            "image_input": yes,
            "thinking": {"supported": true, "types": {"adaptive": yes, "enabled": no, "disabled": no}},
        });
        let expect = serde_json::json!({"type": "model", "id": "m", "display_name": "m",
            "created_at": "2026-11-21T03:04:05Z", "max_input_tokens": 200_000, "max_tokens": null,
            "capabilities": capabilities});
        assert_eq!(body, expect);
        let list = Models.list(&[], "");
        assert_eq!(list.body, r#"{"data":[],"first_id":null,"last_id":null,"has_more":false}"#);
    }
}
