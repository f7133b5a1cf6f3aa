//! Sources of an earlier answer in a client's history: each wire has them at the words that they support, or names them.

use bytes::Bytes;
use dialect::{Body, ModelTraits, Target};
use hub::{LossKind, Losses};
use serde_json::{Value, json};

use super::matrix::head;
use super::side;
use crate::ALL;

/// The earlier answer; what is supported is its last word, behind one that is several bytes long.
const SAID: [&str; 2] = ["Imker 🐝 ", "summen"];
const URL: &str = "https://bees.example/hum";

/// A conversation in which the assistant has leaned on this source.
fn history(client: &str, source: &Value) -> Value {
    let (start, end) = (8, 14);
    match client {
        "openai_chat" => json!({"model": "m", "messages": [{"role": "user", "content": "q"},
            {"role": "assistant", "content": SAID.concat(), "annotations": [{"type": "url_citation",
                "url_citation": {"url": source, "title": "T", "start_index": start, "end_index": end}}]},
            {"role": "user", "content": "r"}]}),
        "openai_responses" => json!({"model": "m", "input": [{"role": "user", "content": "q"},
            {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [
                {"type": "output_text", "text": SAID.concat(), "annotations": [{"type": "url_citation",
                    "url": source, "title": "T", "start_index": start, "end_index": end}]}]},
            {"role": "user", "content": "r"}]}),
        "anthropic" => json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "q"},
            {"role": "assistant", "content": [{"type": "text", "text": SAID[0]}, {"type": "text", "text": SAID[1],
                "citations": [{"type": "web_search_result_location", "url": source, "title": "T",
                    "encrypted_index": "SQ", "cited_text": "buzz"}]}]},
            {"role": "user", "content": "r"}]}),
        other => panic!("{other} has no sources in its histories"),
    }
}

/// What a wire is sent, and what is told of it.
fn sent(client: &str, body: &Value, wire: &str) -> (Value, Losses) {
    let face = ALL.iter().find(|dialect| dialect.id.0 == client).unwrap();
    let body = Body::parse(Bytes::from(body.to_string())).unwrap();
    let decoded = face.client.unwrap().decode_request(&head(face), &body).unwrap();
    let target = Target { model: "up", stream: false, traits: &ModelTraits::default() };
    let encoded = side(wire).encode_request(&decoded.request, &target).unwrap();
    let mut losses = decoded.losses;
    losses.extend(encoded.losses);
    (serde_json::from_slice(&encoded.body).unwrap(), losses)
}

fn named(losses: &Losses) -> bool {
    let about = |field: &str| field.ends_with("citations") || field.ends_with("annotations");
    losses.iter().any(|loss| about(&loss.field) && loss.kind == LossKind::Dropped && loss.changes_meaning())
}

/// The words that the source supports, as the wire has them.
fn supported(wire: &str, body: &Value) -> Option<String> {
    let parts = match wire {
        "openai_responses" => body["input"][1]["content"].as_array()?,
        "anthropic" => body["messages"][1]["content"].as_array()?,
        _ => return None,
    };
    let cited = |part: &Value| {
        let source = part.get("annotations").or(part.get("citations"))?.get(0)?;
        assert_eq!((&source["url"], &source["title"]), (&json!(URL), &json!("T")), "{body}");
        let at = |field: &str| source[field].as_u64().and_then(|at| usize::try_from(at).ok());
        let text = part["text"].as_str()?;
        let (start, end) = (at("start_index").unwrap_or(0), at("end_index").unwrap_or(text.len()));
        Some(text.chars().skip(start).take(end - start).collect())
    };
    parts.iter().find_map(cited)
}

#[test]
fn sources_of_earlier_answers_arrive_or_are_named() {
    for client in ["openai_chat", "openai_responses", "anthropic"] {
        for wire in ALL.iter().filter(|dialect| dialect.wire.is_some()).map(|dialect| dialect.id.0) {
            let (body, losses) = sent(client, &history(client, &json!(URL)), wire);
            // Anthropic's form needs a proof that only its own sources have.
            let has_place = wire == "openai_responses" || (wire, client) == ("anthropic", "anthropic");
            let expect = has_place.then_some("summen");
            assert_eq!(supported(wire, &body).as_deref(), expect, "{client} to {wire}: {body}");
            assert_eq!(named(&losses), !has_place, "{client} to {wire}: {losses:?}");
        }
    }
}

#[test]
fn only_sources_are_named_and_only_where_there_are_some() {
    for wire in ALL.iter().filter(|dialect| dialect.wire.is_some()).map(|dialect| dialect.id.0) {
        // Official clients send the list back also where it is empty.
        let empty = json!({"model": "m", "messages": [{"role": "user", "content": "q"},
            {"role": "assistant", "content": "a", "annotations": []}, {"role": "user", "content": "r"}]});
        assert!(!named(&sent("openai_chat", &empty, wire).1), "{wire}");
        // A file that an upstream has read has no other form.
        let file = json!({"model": "m", "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a",
            "annotations": [{"type": "file", "file": {"hash": "h"}}]}, {"role": "user", "content": "r"}]});
        assert!(named(&sent("openai_chat", &file, wire).1), "{wire}");
        // A place in a document that the request holds is known to Anthropic alone.
        let mut document = history("anthropic", &json!(URL));
        document["messages"][1]["content"][1]["citations"] = json!([{"type": "char_location", "document_index": 0,
            "document_title": "mine", "start_char_index": 0, "end_char_index": 1, "cited_text": "x"}]);
        assert_eq!(named(&sent("anthropic", &document, wire).1), wire != "anthropic", "{wire}");
    }
}

#[test]
fn a_source_belongs_to_the_part_in_which_it_begins() {
    let parts = json!([{"type": "text", "text": SAID[0]}, {"type": "text", "text": SAID[1]}]);
    let mut body = history("openai_chat", &json!(URL));
    body["messages"][1]["content"] = parts;
    let (sent, _) = sent("openai_chat", &body, "openai_responses");
    let (before, cited) = (&sent["input"][1]["content"][0], &sent["input"][1]["content"][1]);
    assert!(before.get("annotations").is_none(), "{sent}");
    assert_eq!(
        (&cited["annotations"][0]["start_index"], &cited["annotations"][0]["end_index"]),
        (&json!(0), &json!(6))
    );
}
