//! The list of items that an answer answered, by pages, as `GET /v1/responses/{id}/input_items` gives it.

use bytes::{Bytes, BytesMut};
use dialect::{Body, HttpReply, Object, array, mint};
use http::StatusCode;
use hub::Fault;
use serde_json::value::RawValue;

use crate::memory::id_of;

/// How many items a page has unless the client says otherwise, and at most (API reference, November 2026).
const USUAL: usize = 20;
const MOST: usize = 100;

/// What the query asks for.
#[derive(Debug, PartialEq, Eq)]
struct Page<'a> {
    limit: usize,
    oldest_first: bool,
    after: Option<&'a str>,
}

impl<'a> Page<'a> {
    fn read(query: &'a str) -> Result<Self, Fault> {
        let mut page = Self { limit: USUAL, oldest_first: false, after: None };
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match (name, value) {
                ("limit", number) => {
                    let limit = number.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                    let words = format!("`limit` must be a number from 1 to {MOST}");
                    page.limit = limit.ok_or_else(|| Fault::bad_request(words).at("limit"))?;
                }
                ("order", "asc") => page.oldest_first = true,
                ("order", "desc") => page.oldest_first = false,
                ("order", _) => return Err(Fault::bad_request("`order` must be asc or desc").at("order")),
                ("after", id) => page.after = Some(id),
                _ => (),
            }
        }
        Ok(page)
    }
}

/// One page of the items of `list`, a JSON list. `answer` is the id of what they led to.
pub(crate) fn page(answer: &str, list: &str, query: &str) -> Result<HttpReply, Fault> {
    let page = Page::read(query)?;
    let raw: Vec<&RawValue> = serde_json::from_str(list).unwrap_or_default();
    let seed = answer
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    let mut items: Vec<(String, Bytes)> = raw.into_iter().enumerate().map(|(at, raw)| shown(raw, seed, at)).collect();
    if !page.oldest_first {
        items.reverse();
    }
    let from = match page.after {
        Some(after) => items.iter().position(|(id, _)| id == after).map_or(items.len(), |at| at + 1),
        None => 0,
    };
    let rest = items.get(from..).unwrap_or_default();
    let shown = rest.get(..page.limit).unwrap_or(rest);
    Ok(HttpReply::json(StatusCode::OK, write(shown, shown.len() < rest.len())))
}

fn write(items: &[(String, Bytes)], more: bool) -> Bytes {
    let mut out = BytesMut::with_capacity(1_024);
    let mut list = Object::open(&mut out);
    list.text("object", "list");
    list.array("data", items, |(_, json), out| out.extend_from_slice(json));
    for (field, item) in [("first_id", items.first()), ("last_id", items.last())] {
        match item {
            Some((id, _)) => list.text(field, id),
            None => list.raw(field, "null"),
        }
    }
    list.flag("has_more", more);
    list.close();
    out.freeze()
}

/// An item as lists show it: with an id, and a message with its content as a list of parts.
fn shown(raw: &RawValue, seed: u64, at: usize) -> (String, Bytes) {
    let text = Bytes::copy_from_slice(raw.get().as_bytes());
    let Ok(body) = Body::parse(text.clone()) else { return (String::new(), text) };
    let kind = body.raw("type").unwrap_or("\"message\"");
    let prefix = match kind {
        "\"message\"" => "msg_",
        "\"reasoning\"" => "rs_",
        "\"function_call\"" => "fc_",
        "\"function_call_output\"" => "fco_",
        _ => "item_",
    };
    let id = id_of(&body).unwrap_or_else(|| mint(prefix, seed, u32::try_from(at).unwrap_or(u32::MAX)));
    let mut out = BytesMut::with_capacity(text.len() + 64);
    let mut item = Object::open(&mut out);
    item.text("id", &id);
    item.raw("type", kind);
    for (name, json) in body.fields().filter(|(name, _)| !matches!(&**name, "id" | "type")) {
        match (&*name, json.starts_with('"')) {
            ("content", true) => {
                let word = if body.raw("role") == Some("\"assistant\"") { "output_text" } else { "input_text" };
                array([json], item.key("content"), |text, out| {
                    let mut part = Object::open(out);
                    part.text("type", word);
                    part.raw("text", text);
                    part.close();
                });
            }
            (name, _) => item.named(name).extend_from_slice(json.as_bytes()),
        }
    }
    item.close();
    (id, out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn ask(query: &str) -> Value {
        let items = json!([
            {"role": "user", "content": "a"},
            {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "t", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "b"},
        ]);
        serde_json::from_slice(&page("resp_1", &items.to_string(), query).unwrap().body).unwrap()
    }

    #[test]
    fn pages_follow_one_another_in_either_order() {
        let all = ask("order=asc");
        let ids: Vec<&str> = all["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert!(ids[0].starts_with("msg_") && ids[1] == "fc_1" && ids[2].starts_with("fco_"), "{ids:?}");
        assert_eq!(all["data"][0]["content"], json!([{"type": "input_text", "text": "a"}]));
        assert_eq!((&all["has_more"], &all["last_id"]), (&json!(false), &json!(ids[2])));
        let newest = ask("limit=1");
        assert_eq!((&newest["data"][0]["id"], &newest["has_more"]), (&json!(ids[2]), &json!(true)));
        let next = ask(&format!("limit=5&after={}", ids[2]));
        assert_eq!(next["data"].as_array().unwrap().len(), 2);
        assert_eq!(ask("after=nobody")["data"], json!([]));
        for wrong in ["limit=0", "limit=101", "limit=x", "order=up"] {
            assert!(page("r", "[]", wrong).is_err(), "{wrong}");
        }
    }
}
