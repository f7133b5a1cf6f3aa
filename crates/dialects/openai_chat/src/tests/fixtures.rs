use super::wire_replies::{assemble, read};
use super::*;
use dialect::{Frame, Framer, Framing, Memo, Reply, Signal};
use hub::{Block, BlockId, CallKind, Event, Response, StopReason};

/// A golden file of this crate's fixtures. Compiled with `BOSPORUS_GOLDEN=update` it is written instead of compared.
pub(crate) fn golden(path: &str, found: &str) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path);
    if option_env!("BOSPORUS_GOLDEN") == Some("update") {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{} is missing", file.display()));
    assert_eq!(expected, found, "{}", file.display());
}

fn fixture(case: &str, file: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(case).join(file);
    std::fs::read(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()))
}

fn lines(events: &[Event]) -> String {
    events.iter().map(|event| format!("{event:?}\n")).collect()
}

/// The stream that a client gets.
pub(crate) fn written(events: &[Event], reply: Reply) -> String {
    let mut encoder = Chat.stream_encoder(reply);
    let mut out = bytes::BytesMut::new();
    events.iter().for_each(|event| encoder.push(event, &mut out));
    encoder.end(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

fn reply() -> Reply {
    Reply { usage_frame: true, created: 1_760_000_000, seed: 7, ..Reply::new("shown", true) }
}

/// Without the model's and the answer's names, which are the gateway's towards a client.
fn nameless(mut response: Response) -> Response {
    response.id.clear();
    response.model.clear();
    response
}

const CASES: [&str; 4] = ["plain", "tools", "reasoning", "refusal"];

#[test]
fn fixtures_match_their_golden_events_however_they_are_cut() {
    for case in CASES {
        let stream = fixture(case, "stream.sse");
        let events = read(Memo::default(), &[&stream]).unwrap();
        golden(&format!("{case}/golden/events.txt"), &lines(&events));
        for at in 0..stream.len() {
            assert_eq!(read(Memo::default(), &[&stream[..at], &stream[at..]]).unwrap(), events, "{case} cut at {at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(read(Memo::default(), &bytes).unwrap(), events, "{case} byte by byte");
    }
}

#[test]
fn a_stream_and_its_whole_twin_say_the_same() {
    for case in CASES {
        let streamed = assemble(read(Memo::default(), &[&fixture(case, "stream.sse")]).unwrap());
        let whole = Chat.decode_response(&fixture(case, "reply.json"), &Memo::default()).unwrap();
        assert_eq!(streamed, whole, "{case}");
    }
}

#[test]
fn clients_get_golden_chunks_and_bodies_that_read_back() {
    for case in CASES {
        let events = read(Memo::default(), &[&fixture(case, "stream.sse")]).unwrap();
        let stream = written(&events, reply());
        golden(&format!("{case}/golden/client.sse"), &stream);
        let response = assemble(events);
        let again = assemble(read(Memo::default(), &[stream.as_bytes()]).unwrap());
        assert_eq!(nameless(again.clone()), nameless(with_defaults(response.clone())), "{case}");
        let body = Chat.encode_response(&response, &reply());
        golden(&format!("{case}/golden/client.json"), std::str::from_utf8(&body).unwrap());
        let whole = Chat.decode_response(&body, &Memo::default()).unwrap();
        assert_eq!(nameless(whole), nameless(again), "{case}");
    }
}

/// What every encoder fills in: a call without arguments takes an empty object.
fn with_defaults(mut response: Response) -> Response {
    for part in &mut response.parts {
        if let hub::Part::ToolCall(call) = part
            && call.arguments.is_empty()
        {
            call.arguments.push_str("{}");
        }
    }
    response
}

#[test]
fn the_watch_reports_what_the_decoder_reports() {
    for case in CASES {
        let stream = fixture(case, "stream.sse");
        let response = assemble(read(Memo::default(), &[&stream]).unwrap());
        let mut watch = Chat.scanner();
        let mut framer = Framer::new(Framing::Sse, 1 << 22);
        let mut sink = |frame: Frame<'_>| {
            assert!(!matches!(watch.frame(frame), Signal::Fault(_)));
            Ok(())
        };
        framer.feed(&stream, &mut sink).unwrap();
        framer.finish(&mut sink).unwrap();
        assert_eq!(watch.observed().usage, response.usage, "{case}");
        assert_eq!(watch.observed().stop.as_ref().unwrap().reason, response.stop.reason, "{case}");
        assert!(watch.observed().terminal, "{case}");
        let mut watch = Chat.scanner();
        assert!(matches!(watch.whole(&fixture(case, "reply.json")), Signal::Terminal));
        assert_eq!(watch.observed().stop.as_ref().unwrap().reason, response.stop.reason, "{case}");
    }
}

#[test]
fn legacy_callers_are_answered_in_their_form() {
    let events = read(Memo::default(), &[&fixture("tools", "stream.sse")]).unwrap();
    let legacy = Reply { legacy_tools: true, usage_frame: false, ..reply() };
    let stream = written(&events, legacy.clone());
    assert!(stream.contains(r#""function_call":{"name":"tide_table","arguments":""}"#), "{stream}");
    assert!(stream.contains(r#""finish_reason":"function_call""#) && !stream.contains("tool_calls"), "{stream}");
    let body: Value = serde_json::from_slice(&Chat.encode_response(&assemble(events), &legacy)).unwrap();
    assert_eq!(body["choices"][0]["message"]["function_call"]["name"], "tide_table");
    assert_eq!(body["choices"][0]["finish_reason"], "function_call");
}

#[test]
fn a_stream_tells_usage_only_if_asked_and_only_if_known() {
    let events = read(Memo::default(), &[&fixture("plain", "stream.sse")]).unwrap();
    let silent = written(&events, Reply { usage_frame: false, ..reply() });
    assert!(!silent.contains("usage"), "{silent}");
    let unknown = read(Memo::default(), &[&fixture("tools", "stream.sse")]).unwrap();
    assert!(!written(&unknown, reply()).contains("\"choices\":[]"));
}

#[test]
fn ids_are_minted_where_the_upstream_has_none() {
    let block = BlockId(0);
    let open =
        Event::Open { block, kind: Block::ToolCall { id: String::new(), name: "f".into(), kind: CallKind::Function } };
    let start = Event::Start { id: String::new(), model: String::new() };
    let events = [start, open, Event::Close { block }, Event::Stop(StopReason::End.into())];
    let stream = written(&events, reply());
    assert!(stream.contains("\"id\":\"call_") && stream.contains("\"finish_reason\":\"tool_calls\""), "{stream}");
    assert!(stream.contains("\"arguments\":\"{}\""), "{stream}");
}

#[test]
fn proofs_in_many_lines_stay_on_one_line_of_the_stream() {
    let whole = br#"{"id":"c","choices":[{"message":{"reasoning":"hm","reasoning_details":[
        {"type": "reasoning.text",
         "text": "hm"}
    ]},"finish_reason":"stop"}]}"#;
    let response = Chat.decode_response(whole, &Memo::default()).unwrap();
    let mut events = Vec::new();
    hub::replay(response.clone(), &mut events);
    let stream = written(&events, reply());
    let again = assemble(read(Memo::default(), &[stream.as_bytes()]).unwrap());
    match (&again.parts[0], &response.parts[0]) {
        (hub::Part::Thinking(again), hub::Part::Thinking(first)) => {
            let plain = |thought: &hub::Thought| thought.seal.as_ref().unwrap().data.replace(['\n', ' '], "");
            assert_eq!(plain(again), plain(first));
        }
        other => panic!("{other:?}"),
    }
}
