//! Laws: what is written is valid and is read back; whole and streamed answers say the same; nothing panics.

use std::collections::HashSet;

use dialect::Target;
use hub::{Event, Part, StopReason, Text, Thought};
use proptest::prelude::*;
use serde_json::Value;

use super::any;
use super::*;

/// What the provider would object to. `Value` is fine here: only tests read their own output this way.
fn objections(body: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut object = |is_wrong: bool, what: String| {
        if is_wrong {
            found.push(what);
        }
    };
    let max_tokens = body["max_tokens"].as_u64().unwrap_or(0);
    object(max_tokens < 1, "max_tokens".into());
    let messages = body["messages"].as_array().unwrap();
    object(messages.first().is_none_or(|first| first["role"] != "user"), "the first role".into());
    let mut open: HashSet<String> = HashSet::new();
    for message in messages {
        let blocks = message["content"].as_array().unwrap();
        object(blocks.is_empty(), "an empty message".into());
        let results: HashSet<String> = blocks
            .iter()
            .filter_map(|b| b["tool_use_id"].as_str())
            .filter(|id| *id != "s")
            .map(str::to_owned)
            .collect();
        if message["role"] == "user" {
            object(results != open, format!("results {results:?} for {open:?}"));
            let kinds: Vec<bool> = blocks.iter().map(|b| b["type"] == "tool_result").collect();
            object(kinds.windows(2).any(|pair| !pair[0] && pair[1]), "a late result".into());
        }
        open =
            blocks.iter().filter(|b| b["type"] == "tool_use").map(|b| b["id"].as_str().unwrap().to_owned()).collect();
        for block in blocks {
            let blank = block["text"].as_str().is_some_and(|text| text.trim().is_empty());
            object(block["type"] == "text" && blank, "a blank text".into());
            object(block["type"] == "tool_use" && !block["input"].is_object(), "an input that is no object".into());
            object(block["type"] == "tool_use" && !is_word(block["id"].as_str().unwrap()), "an id".into());
            object(block["type"] == "image" && message["role"] != "user", "a picture of the assistant".into());
        }
    }
    objections_to_tools(body, &mut found);
    objections_to_thinking(body, max_tokens, &mut found);
    let breakpoints = body.to_string().matches("\"cache_control\"").count();
    if breakpoints > 4 {
        found.push(format!("{breakpoints} breakpoints"));
    }
    found
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn objections_to_tools(body: &Value, found: &mut Vec<String>) {
    let tools = body["tools"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    if names.iter().collect::<HashSet<_>>().len() != names.len() || !names.iter().all(|name| is_word(name)) {
        found.push(format!("tool names {names:?}"));
    }
    for tool in &tools {
        if tool["type"].is_null() && tool["input_schema"]["type"] != "object" {
            found.push(format!("a schema: {tool}"));
        }
    }
    let choice = &body["tool_choice"];
    let is_known = choice["name"].is_null() || names.contains(&choice["name"].as_str().unwrap());
    if !choice.is_null() && (names.is_empty() || !is_known) {
        found.push(format!("a choice: {choice}"));
    }
}

fn objections_to_thinking(body: &Value, max_tokens: u64, found: &mut Vec<String>) {
    let kind = body["thinking"]["type"].as_str().unwrap_or_default();
    let budget = body["thinking"]["budget_tokens"].as_u64().unwrap_or(0);
    if kind == "enabled" && !(1_024..max_tokens).contains(&budget) {
        found.push(format!("a budget of {budget} in {max_tokens}"));
    }
    if kind == "enabled" || kind == "adaptive" {
        let top_p_is_low = body["top_p"].as_f64().is_some_and(|top_p| top_p < 0.95);
        let is_forced = matches!(body["tool_choice"]["type"].as_str(), Some("any" | "tool"));
        if !body["temperature"].is_null() || !body["top_k"].is_null() || top_p_is_low || is_forced {
            found.push(format!("what thinking does not go with: {body}"));
        }
    }
    if body["temperature"].as_f64().is_some_and(|temperature| !(0.0..=1.0).contains(&temperature)) {
        found.push("a temperature".into());
    }
    let stops = body["stop_sequences"].as_array().cloned().unwrap_or_default();
    if stops.iter().any(|stop| stop.as_str().unwrap().trim().is_empty()) {
        found.push("a blank stop sequence".into());
    }
}

/// The words of an answer, kind by kind, as a client of this dialect sees them.
fn seen(response: &Response) -> (String, Vec<(String, String)>) {
    let mut text = String::new();
    let mut calls = Vec::new();
    for part in &response.parts {
        match part {
            Part::Text(Text { text: words, .. }) | Part::Refusal(words) => text.push_str(words),
            Part::ToolCall(call) => calls.push((call.name.clone(), call.arguments.clone())),
            Part::Image(_) => text.push_str(response::PICTURE_NOTE),
            Part::Foreign(foreign) => text.push_str(foreign.gist.as_deref().unwrap_or_default()),
            _ => (),
        }
    }
    (text, calls)
}

/// Whether the stream keeps the dialect's grammar.
fn check_grammar(bytes: &[u8]) {
    let mut types = Vec::new();
    let (mut open, mut next) = (None, 0);
    let mut framer = dialect::Framer::new(Framing::Sse, 1 << 22);
    let mut sink = |frame: dialect::Frame<'_>| {
        let data: Value = serde_json::from_slice(frame.data).unwrap();
        let kind = data["type"].as_str().unwrap().to_owned();
        assert_eq!(frame.event, Some(kind.as_bytes()));
        match kind.as_str() {
            "content_block_start" => {
                assert_eq!((open, data["index"].as_u64()), (None, Some(next)));
                open = Some(next);
                next += 1;
            }
            "content_block_delta" => assert_eq!(data["index"].as_u64(), open),
            "content_block_stop" => assert_eq!(data["index"].as_u64(), open.take()),
            "message_delta" => assert!(open.is_none() && data["usage"]["output_tokens"].is_u64()),
            _ => (),
        }
        types.push(kind);
        Ok(())
    };
    framer.feed(bytes, &mut sink).unwrap();
    framer.finish(&mut sink).unwrap();
    assert_eq!(types.first().map(String::as_str), Some("message_start"));
    assert_eq!(types[types.len() - 2..], ["message_delta", "message_stop"]);
}

fn reply() -> Reply {
    Reply { seed: 7, ..Reply::new("shown", true) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_request_becomes_a_valid_one(request in any::request(), traits in any::traits(), stream in any::<bool>()) {
        let target = Target { model: "wire", stream, traits: &traits };
        let Ok(encoded) = Messages.encode_request(&request, &target) else { return Ok(()) };
        let json: Value = serde_json::from_slice(&encoded.body).unwrap();
        prop_assert_eq!(objections(&json), Vec::<String>::new(), "{}", json);
        prop_assert!(encoded.headers.contains_key("anthropic-version"));
        let body = Body::parse(encoded.body.clone()).unwrap();
        let read = Messages.decode_request(&head("/v1/messages", &[]), &body).unwrap();
        prop_assert_eq!(read.request.model, "wire");
        let again = Messages.encode_request(&request, &target).unwrap();
        prop_assert_eq!(again.body, encoded.body, "the same request gives the same bytes");
    }

    #[test]
    fn streamed_and_whole_answers_say_the_same(
        response in any::response(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
    ) {
        let whole = Messages.encode_response(&response, &reply());
        let whole = Messages.decode_response(&whole, &Memo::default()).unwrap();
        let mut events = Vec::new();
        hub::replay(response.clone(), &mut events);
        let bytes = encode_stream(&events, reply());
        check_grammar(&bytes);
        let mut streamed = assemble(decode_stream(Memo::default(), &[&bytes]).unwrap());
        forget_minted(&mut streamed);
        let mut expected = whole;
        forget_minted(&mut expected);
        // What came behind the last words has a place in whole answers only.
        expected.parts.retain(|part| !matches!(part, Part::Thinking(Thought { seal: Some(seal), .. }) if seal.data.contains(":last_")));
        prop_assert_eq!(&streamed, &expected);
        prop_assert_eq!(seen(&streamed), seen(&response));

        let mixed = encode_stream(&any::interleaved(response, &order), reply());
        check_grammar(&mixed);
        let mut mixed = assemble(decode_stream(Memo::default(), &[&mixed]).unwrap());
        forget_minted(&mut mixed);
        prop_assert_eq!(mixed, streamed);
    }

    #[test]
    fn any_chunking_gives_the_same_events(
        response in any::response(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut events = Vec::new();
        hub::replay(response, &mut events);
        let bytes = encode_stream(&events, reply());
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let chunks: Vec<&[u8]> = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(decode_stream(Memo::default(), &chunks).unwrap(), decode_stream(Memo::default(), &[&bytes]).unwrap());
    }

    #[test]
    fn a_cut_stream_is_never_a_whole_one(response in any::response(), cut in any::<prop::sample::Index>()) {
        let mut events = Vec::new();
        hub::replay(response, &mut events);
        let bytes = encode_stream(&events, reply());
        let end = bytes.windows(19).rposition(|window| window == b"event: message_stop").unwrap();
        prop_assert!(decode_stream(Memo::default(), &[&bytes[..cut.index(end)]]).is_err());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        hostile(&bytes);
    }

    #[test]
    fn no_json_panics(text in "(\\{|\\}|\\[|\\]|\"[a-z_]{0,4}\"|:|,|1|null|\"type\"|\"text\"|\"content\"|\"messages\"|\"error\"){0,30}") {
        hostile(text.as_bytes());
    }

    #[test]
    fn no_event_panics(kind in "(message_start|content_block_start|content_block_delta|content_block_stop|message_delta|message_stop|error|ping|new)",
        field in "(index|delta|content_block|message|usage|error)", value in "(1|null|\\{\\}|\\[\\]|\"x\"|\\{\"type\":\"tool_use\",\"name\":\"\"\\}|\\{\"type\":\"x\",\"input\":3\\}|\\{\"stop_reason\":\"y\"\\})") {
        let data = format!("data: {{\"type\":\"{kind}\",\"{field}\":{value}}}\n\n");
        let mut stream = data.clone().into_bytes();
        stream.extend_from_slice(data.as_bytes());
        stream.extend_from_slice(b"data: {\"type\":\"message_stop\"}\n\n");
        if let Ok(events) = decode_stream(Memo::default(), &[&stream]) {
            let _ = assemble(events);
        }
        hostile(&stream[6..data.len()]);
    }
}

/// Every reader of outside bytes, on these.
fn hostile(bytes: &[u8]) {
    if let Ok(body) = Body::parse(Bytes::copy_from_slice(bytes)) {
        let head = head("/v1/messages", &[]);
        let _ = Messages.peek(&head, &body);
        let _ = Messages.decode_request(&head, &body);
    }
    let _ = Messages.decode_response(bytes, &Memo::default());
    let _ = decode_stream(Memo::default(), &[bytes]);
    let mut scanner = Messages.scanner();
    let _ = scanner.whole(bytes);
    for event in [None, Some(&b"message_delta"[..]), Some(b"content_block_start"), Some(b"error")] {
        let _ = scanner.frame(dialect::Frame { event, data: bytes });
    }
}

/// Minted ids count parts in one form and calls in the other.
fn forget_minted(response: &mut Response) {
    for part in &mut response.parts {
        if let Part::ToolCall(call) = part
            && call.id.starts_with("toolu_")
        {
            call.id.clear();
        }
    }
}

#[test]
fn a_block_laid_out_over_lines_stays_one_event() {
    let json = "{\"type\":\"x\",\r\n \"a\":\"b\\nc\"\n}";
    let foreign = hub::Foreign { origin: names::ID, json: hub::Json::trusted(json), gist: None, trace: None };
    let response = Response { parts: vec![Part::Foreign(foreign)], ..Response::default() };
    let mut events = Vec::new();
    hub::replay(response, &mut events);
    let read = assemble(decode_stream(Memo::default(), &[&encode_stream(&events, reply())]).unwrap());
    let [Part::Foreign(read)] = read.parts.as_slice() else { panic!("{read:?}") };
    assert_eq!(
        serde_json::from_str::<Value>(read.json.as_str()).unwrap(),
        serde_json::from_str::<Value>(json).unwrap()
    );
}

#[test]
fn usage_known_at_the_start_is_in_the_head() {
    let events = [
        Event::Start { id: "m1".into(), model: String::new() },
        Event::Usage(hub::Usage { fresh: Some(5), ..hub::Usage::default() }),
        Event::Usage(hub::Usage { output: Some(2), ..hub::Usage::default() }),
        Event::Stop(StopReason::End.into()),
    ];
    let text = String::from_utf8(encode_stream(&events, reply())).unwrap();
    assert!(text.starts_with("event: message_start\n"), "{text}");
    let first = text.split("\n\n").next().unwrap();
    assert!(first.contains(r#""input_tokens":5"#), "{first}");
}

#[test]
fn a_limit_that_cut_no_call_leaves_the_calls_to_the_client() {
    for (arguments, expect) in [
        (&[r#"{"place":"#, r#""here"}"#][..], StopReason::ToolCalls),
        (&[r#"{"place":"#, r#""he"#], StopReason::Length),
        (&["{"], StopReason::Length),
        (&[], StopReason::Length),
    ] {
        let delta = |text: &str| {
            let text = serde_json::to_string(text).unwrap();
            format!(
                r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"input_json_delta","partial_json":{text}}}}}"#
            )
        };
        let mut frames = vec![
            r#"{"type":"message_start","message":{"usage":{"input_tokens":1,"output_tokens":1}}}"#.to_owned(),
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"c","name":"look","input":{}}}"#.into(),
        ];
        frames.extend(arguments.iter().copied().map(delta));
        frames.push(r#"{"type":"content_block_stop","index":0}"#.into());
        frames.push(
            r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":9}}"#.into(),
        );
        frames.push(r#"{"type":"message_stop"}"#.into());
        let stream: String = frames.iter().map(|frame| format!("data: {frame}\n\n")).collect();
        let events = decode_stream(Memo::default(), &[stream.as_bytes()]).unwrap();
        let Some(Event::Stop(stop)) = events.last() else { panic!("{events:?}") };
        assert_eq!(stop.reason, expect, "{arguments:?}");
    }
}
