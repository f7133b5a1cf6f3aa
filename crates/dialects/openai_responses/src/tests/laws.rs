//! What holds for any request, any answer and any bytes.

use super::*;
use dialect::Reply;
use hub::{CallKind, Part, Role, Stop, StopReason, Text, Thought, ToolCall, ToolResult, Turn, Usage, replay};
use proptest::collection::vec;
use proptest::prelude::*;

fn words() -> impl Strategy<Value = String> {
    "[a-z\"\\\\\n<é🌊 ]{1,12}"
}

fn call() -> impl Strategy<Value = ToolCall> {
    let arguments = prop_oneof![Just("{}".to_owned()), Just("{\"a\": 1.0}".to_owned()), words()];
    ("[a-z]{1,4}", "[a-z./]{1,70}", arguments, any::<bool>()).prop_map(|(id, name, arguments, custom)| ToolCall {
        id,
        name,
        arguments,
        kind: if custom { CallKind::Custom } else { CallKind::Function },
        seal: None,
        cache: None,
    })
}

fn said() -> impl Strategy<Value = Part> {
    prop_oneof![
        4 => words().prop_map(|text| Part::Text(Text::plain(text))),
        2 => (words(), any::<bool>()).prop_map(|(text, own)| {
            let seal = if own { hub::Seal::new("openai_responses", "encrypted", "gA") } else { hub::Seal::new("anthropic", "signature", "s") };
            Part::Thinking(Thought { text, seal: Some(seal), redacted: false })
        }),
        1 => words().prop_map(Part::Refusal),
        2 => call().prop_map(Part::ToolCall),
    ]
}

fn turn() -> impl Strategy<Value = Turn> {
    let asked = prop_oneof![
        3 => words().prop_map(|text| Part::Text(Text::plain(text))),
        2 => ("[a-z]{1,4}", vec(words(), 0..3), any::<bool>()).prop_map(|(call_id, texts, is_error)| {
            let parts = texts.into_iter().map(|text| Part::Text(Text::plain(text))).collect();
            Part::ToolResult(ToolResult { call_id, parts, is_error, ..ToolResult::default() })
        }),
    ];
    prop_oneof![
        2 => vec(asked, 1..4).prop_map(|parts| Turn { role: Role::User, parts }),
        2 => vec(said(), 1..5).prop_map(|parts| Turn { role: Role::Assistant, parts }),
        1 => words().prop_map(|text| Turn { role: Role::System, parts: vec![Part::Text(Text::plain(text))] }),
    ]
}

fn response() -> impl Strategy<Value = Response> {
    (vec(said(), 0..6), any::<u16>(), prop::sample::select(&StopReason::ALL[..8])).prop_map(
        |(parts, tokens, reason)| Response {
            id: String::new(),
            model: "m".into(),
            parts,
            stop: Stop::from(reason),
            usage: Usage {
                fresh: Some(u64::from(tokens)),
                cache_read: Some(0),
                output: Some(5),
                reasoning: Some(1),
                ..Usage::default()
            },
            ..Response::default()
        },
    )
}

/// What must survive: words by kind, calls, proofs.
fn told(response: &Response) -> Vec<String> {
    response
        .parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => format!("text {}", text.text),
            Part::Refusal(text) => format!("refusal {text}"),
            Part::Thinking(thought) => format!("thought {}", thought.text),
            Part::ToolCall(call) => format!("call {} {} {}", call.id, call.name, call.arguments),
            other => format!("{other:?}"),
        })
        .collect()
}

/// A body without the wish for proofs: that comes from reasoning in the history, also from such as led to nothing and
/// is not sent.
fn but_for_include(body: &[u8]) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(body).unwrap();
    body.as_object_mut().unwrap().remove("include");
    serde_json::to_vec(&body).unwrap()
}

fn jsonish() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("1.5".to_owned()),
        Just("true".to_owned()),
        "\"[a-z_]{0,6}\"".prop_map(|text| text),
        prop::sample::select(vec![
            "message",
            "function_call",
            "reasoning",
            "input_text",
            "namespace",
            "response.output_item.done",
            "response.completed",
            "error"
        ])
        .prop_map(|word| format!("\"{word}\"")),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        let key = prop::sample::select(vec![
            "type",
            "role",
            "content",
            "text",
            "item",
            "response",
            "output",
            "output_index",
            "delta",
            "arguments",
            "summary",
            "encrypted_content",
            "call_id",
            "name",
            "id",
            "error",
            "tools",
            "status",
            "usage",
            "input_tokens",
            "part",
            "annotations",
            "image_url",
        ]);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|list| format!("[{}]", list.join(","))),
            prop::collection::btree_map(key, inner, 0..5).prop_map(|map| {
                let fields: Vec<String> = map.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn a_request_is_written_alike_and_read_back_alike(mut turns in vec(turn(), 0..6)) {
        turns.insert(0, Turn { role: Role::User, parts: vec![Part::Text(Text::plain("hi"))] });
        let request = Request { turns, ..Request::default() };
        let first = encode_for(&request, &ModelTraits::default()).unwrap().body;
        prop_assert_eq!(&first, &encode_for(&request, &ModelTraits::default()).unwrap().body);
        let again = Responses.decode_request(&head(), &Body::parse(first.clone()).unwrap()).unwrap().request;
        let second = encode_for(&again, &ModelTraits::default()).unwrap().body;
        prop_assert_eq!(but_for_include(&first), but_for_include(&second));
    }

    #[test]
    fn any_answer_reads_back_streamed_and_whole(response in response(), cuts in vec(any::<prop::sample::Index>(), 0..5)) {
        let mut events = Vec::new();
        replay(response.clone(), &mut events);
        let stream = written_text(&events, Reply::new("m", true));
        let whole = Responses.decode_response(&Responses.encode_response(&response, &Reply::new("m", false)), &Memo::default()).unwrap();
        let streamed = assemble(read(&[stream.as_bytes()]).unwrap());
        prop_assert_eq!(told(&streamed), told(&response));
        prop_assert_eq!(told(&whole), told(&streamed));
        prop_assert_eq!(&whole.stop, &streamed.stop);
        prop_assert_eq!(whole.usage.input_total(), response.usage.input_total());
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        places.extend([0, stream.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &stream.as_bytes()[pair[0]..pair[1]]).collect();
        prop_assert_eq!(read(&pieces).unwrap(), read(&[stream.as_bytes()]).unwrap());
    }

    #[test]
    fn no_input_panics_and_what_decodes_is_legal(frames in vec(jsonish(), 0..8)) {
        let mut decoder = Responses.stream_decoder(Memo::default());
        let mut watch = Responses.scanner();
        let mut events = Vec::new();
        let mut failed = false;
        for frame in &frames {
            let frame = Frame { event: None, data: frame.as_bytes() };
            let _ = watch.frame(frame);
            let _ = watch.whole(frame.data);
            let _ = Responses.decode_response(frame.data, &Memo::default());
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
    fn no_request_panics(text in jsonish()) {
        let request = format!("{{\"model\":\"m\",\"input\":[{text},{{\"role\":\"user\",\"content\":{text}}}],\"tools\":[{text}],\"tool_choice\":{text},\"text\":{text},\"reasoning\":{text}}}");
        let body = Body::parse(Bytes::from(request)).unwrap();
        let _ = Responses.peek(&head(), &body);
        let _ = Responses.echo(&body, &body);
        let traits = ModelTraits::default();
        let target = Target { model: "up", stream: false, traits: &traits };
        let _ = Responses.relay(&head(), &body, &target);
        if let Ok(mut decoded) = Responses.decode_request(&head(), &body) {
            hub::mend(&mut decoded.request, &mut decoded.losses);
            let _ = Responses.encode_request(&decoded.request, &target);
        }
    }
}
