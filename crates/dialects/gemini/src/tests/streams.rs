//! Streams for clients: framing, whole calls, the array.

use bytes::BytesMut;
use dialect::Reply;
use hub::{Block, BlockId, CallKind, Event, StopReason};

use super::*;

fn written(events: &[Event], array: bool) -> String {
    let stream_type = array.then_some("application/json");
    let mut encoder = Gemini.stream_encoder(Reply { stream_type, ..Reply::new("m", true) });
    let mut out = BytesMut::new();
    encoder.keep_alive(&mut out);
    for event in events {
        encoder.push(event, &mut out);
    }
    encoder.end(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

fn talk(text: &str, arguments: &str, stop: StopReason) -> Vec<Event> {
    let (words, call) = (BlockId(0), BlockId(1));
    vec![
        Event::Start { id: "i".into(), model: "up".into() },
        Event::Open { block: words, kind: Block::Text },
        Event::Delta { block: words, text: text.into() },
        Event::Close { block: words },
        Event::Open {
            block: call,
            kind: Block::ToolCall { id: String::new(), name: "f".into(), kind: CallKind::Function },
        },
        Event::Delta { block: call, text: arguments.into() },
        Event::Close { block: call },
        Event::Stop(stop.into()),
    ]
}

#[test]
fn without_events_the_chunks_are_one_array() {
    let text = written(&talk("hi", "{}", StopReason::ToolCalls), true);
    let chunks: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(chunks[0]["candidates"][0]["content"]["parts"][0]["text"], "hi");
    assert_eq!(chunks.last().unwrap()["candidates"][0]["finishReason"], "STOP");
    assert_eq!(serde_json::from_str::<Vec<Value>>(&written(&[], true)).unwrap(), Vec::<Value>::new());
}

#[test]
fn a_broken_array_is_still_json() {
    let mut encoder = Gemini.stream_encoder(Reply { stream_type: Some("application/json"), ..Reply::new("m", true) });
    let mut out = BytesMut::new();
    for event in &talk("hi", "{}", StopReason::End)[..3] {
        encoder.push(event, &mut out);
    }
    encoder.fail(&Fault::garbled("cut"), &mut out);
    let chunks: Vec<Value> = serde_json::from_slice(&out).unwrap();
    assert_eq!(chunks[1]["error"]["code"], 502);
}

#[test]
fn a_chunk_is_one_line_for_every_reader_of_lines() {
    let text = written(&talk("a\u{2028}b\u{2029}âc\n", "{\n \"x\": \"â\u{2028}\"\n}", StopReason::ToolCalls), false);
    for line in text.lines().filter(|line| !line.is_empty()) {
        let json = line.strip_prefix("data: ").unwrap();
        assert!(!json.contains(['\u{2028}', '\u{2029}']), "{json}");
        serde_json::from_str::<Value>(json).unwrap();
    }
    assert!(text.contains(r"a\u2028b\u2029âc\n"), "{text}");
}

#[test]
fn half_a_call_is_left_out_and_a_damaged_one_is_wrapped() {
    let cut = written(&talk("hi", "{\"x\":", StopReason::Length), false);
    assert!(!cut.contains("functionCall") && cut.contains("MAX_TOKENS"), "{cut}");
    let damaged = written(&talk("hi", "{\"x\":", StopReason::ToolCalls), false);
    assert!(damaged.contains(r#""args":{"_raw":"{\"x\":"}"#), "{damaged}");
}

#[test]
fn calls_come_in_the_order_in_which_they_were_opened() {
    let kind = |name: &str| Block::ToolCall { id: String::new(), name: name.into(), kind: CallKind::Function };
    let (one, two, three) = (BlockId(0), BlockId(1), BlockId(2));
    let mut events = vec![
        Event::Open { block: one, kind: kind("one") },
        Event::Open { block: two, kind: kind("two") },
        Event::Open { block: three, kind: kind("three") },
        Event::Close { block: three },
        Event::Close { block: two },
    ];
    assert!(!written(&events, false).contains("functionCall"));
    events.extend([Event::Close { block: one }, Event::Stop(StopReason::ToolCalls.into())]);
    let text = written(&events, false);
    let places = ["one", "two", "three"].map(|name| text.find(&format!("\"name\":\"{name}\"")).unwrap());
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn the_mode_is_told_by_the_address() {
    let peek = |uri: &str| {
        let head = http::Request::post(uri).body(()).unwrap().into_parts().0;
        Gemini.peek(&head, &body(&json!({}))).map(|peek| (peek.model, peek.reply.stream, peek.reply.stream_type))
    };
    let whole = peek("/v1/models/g:generateContent").unwrap();
    assert_eq!(whole, ("g".into(), false, None));
    let events = peek("/v1beta/models/g:streamGenerateContent?key=k&alt=sse").unwrap();
    assert_eq!(events, ("g".into(), true, None));
    assert_eq!(peek("/v1/models/g:streamGenerateContent?$alt=SSE&x").unwrap(), events);
    assert_eq!(peek("/v1/models/g:streamGenerateContent?%24alt=sse").unwrap(), events);
    let array = peek("/v1beta/models/g:streamGenerateContent").unwrap();
    assert_eq!(array, ("g".into(), true, Some("application/json")));
    assert_eq!(peek("/v1beta/models/g:embedContent").unwrap_err().kind, hub::FaultKind::NotFound);
    assert!(peek("/v1beta/models/:generateContent").is_err());
}
