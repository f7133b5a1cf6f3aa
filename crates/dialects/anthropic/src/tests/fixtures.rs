//! Hand-written answers and streams, and the golden texts of what they become.

use std::fmt::Write as _;

use hub::Event;

use super::*;

const CASES: [(&str, &str, &str); 4] = [
    ("tools", include_str!("../../fixtures/tools/reply.json"), include_str!("../../fixtures/tools/stream.sse")),
    ("search", include_str!("../../fixtures/search/reply.json"), include_str!("../../fixtures/search/stream.sse")),
    ("refusal", include_str!("../../fixtures/refusal/reply.json"), include_str!("../../fixtures/refusal/stream.sse")),
    ("plain", include_str!("../../fixtures/plain/reply.json"), include_str!("../../fixtures/plain/stream.sse")),
];

fn reply() -> Reply {
    Reply { seed: 7, ..Reply::new("shown-name", true) }
}

fn draw(events: &[Event]) -> String {
    events.iter().fold(String::new(), |mut text, event| {
        writeln!(text, "{event:?}").unwrap();
        text
    })
}

#[test]
fn a_stream_builds_what_its_twin_holds() {
    for (case, whole, stream) in CASES {
        let streamed = assemble(decode_stream(Memo::default(), &[stream.as_bytes()]).unwrap());
        let whole = Messages.decode_response(whole.as_bytes(), &Memo::default()).unwrap();
        assert_eq!(streamed, whole, "{case}");
    }
}

#[test]
fn events_and_client_streams_are_as_recorded() {
    for (case, _, stream) in CASES {
        let events = decode_stream(Memo::default(), &[stream.as_bytes()]).unwrap();
        golden(&format!("{case}/golden/events.txt"), &draw(&events));
        let client = encode_stream(&events, reply());
        golden(&format!("{case}/golden/client.sse"), &String::from_utf8(client).unwrap());
    }
}

#[test]
fn whole_answers_are_as_recorded() {
    for (case, whole, _) in CASES {
        let response = Messages.decode_response(whole.as_bytes(), &Memo::default()).unwrap();
        let client = Messages.encode_response(&response, &reply());
        golden(&format!("{case}/golden/client.json"), &(String::from_utf8(client.to_vec()).unwrap() + "\n"));
    }
}

#[test]
fn every_cut_gives_the_same_events() {
    for (case, _, stream) in CASES {
        let bytes = stream.as_bytes();
        let expected = decode_stream(Memo::default(), &[bytes]).unwrap();
        for at in 0..=bytes.len() {
            assert_eq!(decode_stream(Memo::default(), &[&bytes[..at], &bytes[at..]]).unwrap(), expected, "{case} {at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(decode_stream(Memo::default(), &single).unwrap(), expected, "{case}");
        let carriage = stream.replace('\n', "\r\n");
        assert_eq!(decode_stream(Memo::default(), &[carriage.as_bytes()]).unwrap(), expected, "{case}");
    }
}

#[test]
fn another_spelling_gives_the_same_events() {
    for (case, _, stream) in CASES {
        let expected = decode_stream(Memo::default(), &[stream.as_bytes()]).unwrap();
        let spaced = stream.replace(r#""delta":{"#, r#""delta" : { "#);
        let padded =
            stream.replace(r#"{"type":"content_block_delta","#, r#"{"x":[1,{"y":"}}"}],"type":"content_block_delta","#);
        for other in [spaced, padded] {
            assert_eq!(decode_stream(Memo::default(), &[other.as_bytes()]).unwrap(), expected, "{case}");
        }
    }
}

#[test]
fn an_error_in_the_stream_ends_it() {
    let stream = include_str!("../../fixtures/broken/stream.sse");
    let fault = decode_stream(Memo::default(), &[stream.as_bytes()]).unwrap_err();
    assert_eq!((fault.kind, &*fault.message), (hub::FaultKind::Overloaded, "the engine is hot"));
}

#[test]
fn a_lax_server_may_leave_the_end_mark_out() {
    let stream = include_str!("../../fixtures/plain/stream.sse");
    let cut = &stream[..stream.find("event: message_stop").unwrap()];
    assert!(decode_stream(Memo::default(), &[cut.as_bytes()]).is_err());
    let lax = Memo { lax_end: true, ..Memo::default() };
    assert!(decode_stream(lax.clone(), &[cut.as_bytes()]).is_ok());
    let early = &stream[..stream.find("event: message_delta").unwrap()];
    assert!(decode_stream(lax, &[early.as_bytes()]).is_err(), "without a stop reason nothing is complete");
}

#[test]
fn changed_names_forced_answers_and_free_text_are_undone() {
    let names = dialect::NameMap::new(["a.b"].into_iter(), names::TOOL_NAME);
    let memo = Memo { names, custom: vec!["script".into()], json_tool: Some("json_answer".into()), ..Memo::default() };
    let block = |name: &str, input: &str| format!(r#"{{"type":"tool_use","id":"i","name":"{name}","input":{input}}}"#);
    let content =
        [block("a_b", r#"{"x":1.0}"#), block("script", r#"{"input":"ls\n"}"#), block("json_answer", r#"{"y":[]}"#)];
    let whole = format!(
        r#"{{"type":"message","id":"m","model":"x","content":[{}],"stop_reason":"tool_use","usage":{{"input_tokens":1,"output_tokens":2}}}}"#,
        content.join(",")
    );
    let response = Messages.decode_response(whole.as_bytes(), &memo).unwrap();
    let drawn = format!("{:?}", response.parts);
    assert!(drawn.contains(r#"name: "a.b", arguments: "{\"x\":1.0}""#), "{drawn}");
    assert!(drawn.contains(r#"arguments: "ls\n", kind: Custom"#), "{drawn}");
    assert!(drawn.contains(r#"Text(Text { text: "{\"y\":[]}""#), "{drawn}");

    let mut stream = String::from(
        "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"x\",\"usage\":{\"input_tokens\":1}}}\n\n",
    );
    for (index, (name, pieces)) in [
        ("a_b", [r#"{\"x\""#, ":1.0}"]),
        ("script", [r#"{\"input\":\"l"#, r#"s\\n\"}"#]),
        ("json_answer", [r#"{\"y\":"#, "[]}"]),
    ]
    .into_iter()
    .enumerate()
    {
        let block = block(name, "{}");
        writeln!(stream, "data: {{\"type\":\"content_block_start\",\"index\":{index},\"content_block\":{block}}}\n")
            .unwrap();
        for piece in pieces {
            writeln!(stream, "data: {{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{{\"type\":\"input_json_delta\",\"partial_json\":\"{piece}\"}}}}\n").unwrap();
        }
        writeln!(stream, "data: {{\"type\":\"content_block_stop\",\"index\":{index}}}\n").unwrap();
    }
    stream.push_str("data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":2}}\n\n");
    stream.push_str("data: {\"type\":\"message_stop\"}\n\n");
    let streamed = assemble(decode_stream(memo, &[stream.as_bytes()]).unwrap());
    assert_eq!(streamed, response);
}

#[test]
fn servers_that_bend_the_grammar_are_read() {
    let stream = concat!(
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"no start\"}}\n\n",
        "data: {\"type\":\"vendor_event\",\"delta\":7,\"usage\":[]}\n\n",
        "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"i\",\"name\":\"t\",\"input\":{\"whole\":1}}}\n\n",
        "data: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"j\",\"name\":\"u\"}}\n\n",
        "data: {\"type\":\"content_block_stop\",\"index\":9}\n\n",
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"brand_new\"},\"usage\":null}\n\n",
        "data: {\"type\":\"message_stop\"}\n\n",
        "data: {\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"text\",\"text\":\"late\"}}\n\n",
    );
    let response = assemble(decode_stream(Memo::default(), &[stream.as_bytes()]).unwrap());
    let drawn = format!("{:?}", response.parts);
    assert!(
        drawn.contains("no start") && drawn.contains(r#"arguments: "{\"whole\":1}""#) && !drawn.contains("late"),
        "{drawn}"
    );
    assert!(drawn.contains(r#"name: "u", arguments: "{}""#), "{drawn}");
    assert_eq!(response.stop.reason, hub::StopReason::ToolCalls);
}

#[test]
fn a_success_that_carries_an_error_is_a_fault() {
    for (body, kind) in [
        (r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#, hub::FaultKind::RateLimited),
        (r#"{"error":"busy"}"#, hub::FaultKind::UpstreamFailed),
        (r#"{"id":"x"}"#, hub::FaultKind::UpstreamGarbled),
        ("<html>", hub::FaultKind::UpstreamGarbled),
        ("", hub::FaultKind::UpstreamGarbled),
    ] {
        let fault = Messages.decode_response(body.as_bytes(), &Memo::default()).unwrap_err();
        assert_eq!(fault.kind, kind, "{body}");
    }
}
