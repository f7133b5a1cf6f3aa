//! What holds for any request, any answer and any bytes.

use super::fixtures::written;
use super::wire_replies::{assemble, read};
use super::*;
use dialect::{Frame, Memo, Reply, WireQuirks};
use hub::{
    Block, BlockId, CallKind, Event, FaultKind, Grammar, Json, Media, Part, Role, Source, Stop, StopReason, Text,
    Thought, Tool, ToolCall, ToolKind, ToolResult, Turn, Usage,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn words() -> impl Strategy<Value = String> {
    "[a-z\"\\\\\n<é🌊 ]{1,12}"
}

fn arguments() -> impl Strategy<Value = String> {
    prop_oneof![Just("{}".to_owned()), Just("{\"a\": 1.0, \"b\": [\"}\\\"\"]}".to_owned()), words()]
}

fn call() -> impl Strategy<Value = ToolCall> {
    ("[a-z]{1,4}", "[a-z./]{1,70}", arguments(), any::<bool>()).prop_map(|(id, name, arguments, custom)| ToolCall {
        id,
        name,
        arguments,
        kind: if custom { CallKind::Custom } else { CallKind::Function },
        seal: None,
        cache: None,
    })
}

fn picture() -> impl Strategy<Value = Part> {
    Just(Part::Image(Media {
        source: Source::Base64("iVBORw0KGgo=".into()),
        media_type: Some("image/png".into()),
        detail: None,
        cache: None,
    }))
}

fn said() -> impl Strategy<Value = Part> {
    prop_oneof![
        4 => words().prop_map(|text| Part::Text(Text::plain(text))),
        1 => words().prop_map(|text| Part::Thinking(Thought { text, ..Thought::default() })),
        1 => words().prop_map(Part::Refusal),
        2 => call().prop_map(Part::ToolCall),
        1 => picture(),
    ]
}

fn asked() -> impl Strategy<Value = Part> {
    prop_oneof![
        3 => words().prop_map(|text| Part::Text(Text::plain(text))),
        1 => picture(),
        2 => ("[a-z]{1,4}", vec(words(), 0..3), any::<bool>()).prop_map(|(call_id, texts, is_error)| {
            let parts = texts.into_iter().map(|text| Part::Text(Text::plain(text))).collect();
            Part::ToolResult(ToolResult { call_id, parts, is_error, ..ToolResult::default() })
        }),
    ]
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        vec(said(), 0..4).prop_map(|parts| Turn { role: Role::Assistant, parts }),
        vec(asked(), 0..4).prop_map(|parts| Turn { role: Role::User, parts }),
        words().prop_map(|text| Turn { role: Role::System, parts: vec![Part::Text(Text::plain(text))] }),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let tool = |name| Tool {
        name,
        description: None,
        kind: ToolKind::Function(Some(Json::trusted("{\"type\":\"object\",\"properties\":{}}"))),
        strict: None,
        cache: None,
        extras: Vec::new(),
    };
    (vec(words(), 0..3), vec(turn(), 1..7), vec("[a-z./]{1,70}", 0..4)).prop_map(move |(system, turns, names)| {
        Request {
            system: system.into_iter().map(Text::plain).collect(),
            turns,
            tools: names.into_iter().map(tool).collect(),
            ..Request::default()
        }
    })
}

fn reason() -> impl Strategy<Value = StopReason> {
    prop::sample::select(StopReason::ALL.to_vec())
}

/// Any legal sequence: blocks may interleave, pieces may be empty. No two calls have one id: a decoder takes the second
/// for a call told twice, as some places do, and waits for what it really is, which may change their order.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let block = prop_oneof![
        Just(Block::Text),
        Just(Block::Thinking),
        Just(Block::Refusal),
        Just(Block::Redacted),
        ("[a-z]{0,3}", "[a-z]{1,5}", any::<bool>()).prop_map(|(id, name, custom)| Block::ToolCall {
            id,
            name,
            kind: if custom { CallKind::Custom } else { CallKind::Function },
        }),
        Just(Block::Image { media_type: "image/png".into() }),
    ];
    (vec((block, vec("[a-z\"é]{0,4}", 0..4)), 0..6), any::<u64>(), any::<u32>(), reason()).prop_map(
        |(blocks, order, tokens, reason)| {
            let mut queues: Vec<std::collections::VecDeque<Event>> = Vec::new();
            for (number, (mut kind, pieces)) in blocks.into_iter().enumerate() {
                let block = BlockId(number as u32);
                if let Block::ToolCall { id, .. } = &mut kind
                    && !id.is_empty()
                {
                    id.push_str(&number.to_string());
                }
                let deltas = pieces.into_iter().map(|text| Event::Delta { block, text });
                let whole = std::iter::once(Event::Open { block, kind }).chain(deltas).chain([Event::Close { block }]);
                queues.push(whole.collect());
            }
            let mut out = vec![Event::Start { id: "i".into(), model: "m".into() }];
            let mut dice = order;
            while queues.iter().any(|queue| !queue.is_empty()) {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (dice >> 33) as usize % queues.len();
                out.extend(queues[at].pop_front());
            }
            out.push(Event::Usage(Usage { fresh: Some(u64::from(tokens)), output: Some(1), ..Usage::default() }));
            out.push(Event::Stop(Stop::from(reason)));
            out
        },
    )
}

/// What of an answer Chat can tell: joined texts, calls in order, why it ended.
fn told(response: &hub::Response) -> (String, String, String, Vec<(String, String, CallKind)>) {
    let (mut text, mut thinking, mut refusal, mut calls) = (String::new(), String::new(), String::new(), Vec::new());
    for part in &response.parts {
        match part {
            Part::Text(part) => text.push_str(&part.text),
            Part::Thinking(thought) if !thought.redacted => thinking.push_str(&thought.text),
            Part::Refusal(words) => refusal.push_str(words),
            Part::ToolCall(call) => {
                let empty = call.arguments.is_empty() && call.kind == CallKind::Function;
                let arguments = if empty { "{}".into() } else { call.arguments.clone() };
                calls.push((call.name.clone(), arguments, call.kind));
            }
            _ => (),
        }
    }
    (text, thinking, refusal, calls)
}

fn legal(events: &[Event]) {
    let mut grammar = Grammar::default();
    events.iter().for_each(|event| grammar.see(event).unwrap());
}

/// What OpenAI demands of messages: each result right after its call, nothing between, no empty messages.
fn obeys_openai(body: &Value) {
    let mut open: Vec<&str> = Vec::new();
    for message in body["messages"].as_array().unwrap() {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap();
            let at =
                open.iter().position(|known| *known == id).unwrap_or_else(|| panic!("{id} answers nothing: {body}"));
            open.remove(at);
            assert!(!message["content"].is_null());
            continue;
        }
        assert!(open.is_empty(), "{open:?} unanswered: {body}");
        let calls = message["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
        let says = |field: &str| !matches!(message.get(field), None | Some(Value::Null)) && message[field] != "";
        assert!(!calls.is_empty() || says("content") || says("reasoning_content"), "{message}");
        open.extend(calls.iter().map(|call| call["id"].as_str().unwrap()));
    }
    assert!(open.is_empty(), "{open:?} unanswered at the end: {body}");
    for tool in body["tools"].as_array().into_iter().flatten() {
        let name = tool["function"]["name"].as_str().unwrap();
        assert!(
            name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'),
            "{name}"
        );
    }
}

proptest! {
    #[test]
    fn any_request_is_one_that_openai_takes(request in request(), flatten in any::<bool>(), replay in any::<bool>()) {
        let quirks = WireQuirks { flatten_content: flatten, replay_reasoning: replay, ..WireQuirks::default() };
        let traits = ModelTraits { quirks, ..ModelTraits::default() };
        match encode_for(&request, &traits) {
            Ok(encoded) => obeys_openai(&serde_json::from_slice(&encoded.body).unwrap()),
            Err(fault) => prop_assert!(fault.message.contains("no content"), "{}", fault.message),
        }
    }

    #[test]
    fn what_is_written_decodes_and_writes_the_same_again(mut request in request()) {
        // A system turn right at the start would join the system prompt.
        request.turns.insert(0, Turn { role: Role::User, parts: vec![Part::Text(Text::plain("hi"))] });
        let first = encode_for(&request, &ModelTraits::default()).unwrap().body;
        let again = Chat.decode_request(&head(), &Body::parse(first.clone()).unwrap()).unwrap().request;
        let second = encode_for(&again, &ModelTraits::default()).unwrap().body;
        prop_assert_eq!(first, second);
    }

    #[test]
    fn any_legal_sequence_reads_back(events in events()) {
        legal(&events);
        let stream = written(&events, Reply { usage_frame: true, ..Reply::new("m", true) });
        let expect = assemble(events);
        let found = read(Memo::default(), &[stream.as_bytes()]).unwrap();
        let found = assemble(found);
        prop_assert_eq!(told(&found), told(&expect));
        prop_assert_eq!(found.usage, expect.usage);
    }

    #[test]
    fn stream_and_whole_answer_say_the_same(events in events()) {
        let reply = Reply { usage_frame: true, ..Reply::new("m", true) };
        let stream = written(&events, reply.clone());
        let streamed = assemble(read(Memo::default(), &[stream.as_bytes()]).unwrap());
        let body = Chat.encode_response(&assemble(events), &reply);
        let whole = Chat.decode_response(&body, &Memo::default()).unwrap();
        prop_assert_eq!(told(&whole), told(&streamed));
        prop_assert_eq!(whole.stop, streamed.stop);
    }

    #[test]
    fn any_cuts_give_the_same_events(events in events(), cuts in vec(any::<prop::sample::Index>(), 0..6)) {
        let stream = written(&events, Reply::new("m", true));
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        places.extend([0, stream.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &stream.as_bytes()[pair[0]..pair[1]]).collect();
        prop_assert_eq!(read(Memo::default(), &pieces).unwrap(), read(Memo::default(), &[stream.as_bytes()]).unwrap());
    }

    #[test]
    fn no_input_panics_and_what_decodes_is_legal(frames in vec(chunkish(), 0..8), memo_tags in any::<bool>()) {
        let memo = Memo { think_tags: memo_tags, custom: vec!["f".into()], ..Memo::default() };
        let mut decoder = Chat.stream_decoder(memo.clone());
        let mut watch = Chat.scanner();
        let mut events = Vec::new();
        let mut failed = false;
        for frame in &frames {
            let frame = Frame { event: None, data: frame.as_bytes() };
            let _ = watch.frame(frame);
            let _ = watch.whole(frame.data);
            let _ = Chat.decode_response(frame.data, &memo);
            failed = failed || decoder.feed(frame, &mut events).is_err();
        }
        let ended = !failed && decoder.end(&mut events).is_ok();
        let mut grammar = Grammar::default();
        for event in &events {
            prop_assert_eq!(grammar.see(event), Ok(()));
        }
        prop_assert!(!ended || grammar.finish().is_ok());
    }

    #[test]
    fn no_request_panics(text in jsonish(4)) {
        let request = format!("{{\"model\":\"m\",\"messages\":[{text},{{\"role\":\"user\",\"content\":{text}}}],\"tools\":[{text}],\"tool_choice\":{text},\"stop\":{text},\"response_format\":{text},\"functions\":[{text}],\"prompt\":{text}}}");
        if let Ok(body) = Body::parse(Bytes::from(request)) {
            let _ = Chat.peek(&head(), &body);
            let _ = Chat.decode_request(&head(), &body);
            let _ = crate::completions::Completions.decode_request(&head(), &body);
        }
        let _ = dialect::openai::schema::repair(&text);
        let _ = dialect::openai::schema::is_strict(&text);
        let _ = crate::fault::in_stream(&text);
    }

    #[test]
    fn no_error_panics(status in 400_u16..600, body in vec(any::<u8>(), 0..64), json in jsonish(3)) {
        for body in [Bytes::from(body), Bytes::from(json)] {
            let status = http::StatusCode::from_u16(status).unwrap();
            let raw = hub::RawFault { dialect: crate::ID, status, headers: http::HeaderMap::new(), body };
            let fault = Chat.read_fault(raw);
            prop_assert!(!fault.message.is_empty());
            prop_assert_ne!(fault.kind, FaultKind::Unauthenticated);
        }
    }
}

/// JSON whose keys are those that matter here.
fn jsonish(depth: u32) -> impl Strategy<Value = String> {
    const LEAVES: &str =
        r#"null true -1 1e400 "\ud83d" "text" "function" "assistant" "data:image/png;base64,AAAA" {} []"#;
    const KEYS: &str = "role content type text image_url url tool_calls function name arguments index id properties items anyOf \
                        required $ref error message detail code file file_data input_audio data custom function_call reasoning_details annotations images";
    let leaf = prop::sample::select(LEAVES.split(' ').map(str::to_owned).collect::<Vec<String>>());
    let keys = prop::sample::select(KEYS.split(' ').collect::<Vec<&str>>());
    leaf.prop_recursive(depth, 24, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|list| format!("[{}]", list.join(","))),
            vec((keys.clone(), inner), 0..4).prop_map(|fields| {
                let mut seen = std::collections::HashSet::new();
                let fields: Vec<String> = fields
                    .into_iter()
                    .filter(|(key, _)| seen.insert(*key))
                    .map(|(key, value)| format!("\"{key}\":{value}"))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

fn chunkish() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("[DONE]".to_owned()),
        Just("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}".to_owned()),
        jsonish(3),
        jsonish(3).prop_map(|delta| format!("{{\"id\":\"c\",\"choices\":[{{\"delta\":{delta}}}]}}")),
        (any::<bool>(), jsonish(2), "[fg]{0,1}", "[a-z{}\"\\\\]{0,3}").prop_map(|(index, extra, name, arguments)| {
            let index = if index { "\"index\":0," } else { "" };
            let arguments = serde_json::to_string(&arguments).unwrap();
            format!("{{\"choices\":[{{\"delta\":{{\"content\":\"x<think>\",\"tool_calls\":[{{{index}\"id\":\"{name}\",\"function\":{{\"name\":\"{name}\",\"arguments\":{arguments}}},\"extra_content\":{extra}}}]}}}}]}}")
        }),
    ]
}
