//! Laws over generated input: nothing panics, and what is written reads back.

use bytes::Bytes;
use dialect::{
    Body, ClientSide as _, Frame, Framer, Framing, Memo, ModelTraits, Scanner as _, StreamDecoder as _, WireSide as _,
};
use http::{HeaderMap, StatusCode};
use hub::{
    Block, BlockId, CallKind, Event, Part, RawFault, Response, Stop, StopReason, Text, Thought, ToolCall, Usage, replay,
};
use proptest::prelude::*;

use super::{assembled, reply, sent, written};
use crate::chat::Chat;
use crate::generate::Generate;
use crate::response;
use crate::scanner::Watch;
use crate::stream_decode::Decoder;
use crate::stream_encode::Form;

/// An answer as this dialect can hold it: thinking, then text, then calls.
fn answer() -> impl Strategy<Value = Response> {
    let call = ("[a-z]{1,8}", "[a-zA-Z_]{1,9}", "[0-9]{1,18}").prop_map(|(id, name, number)| {
        let number = number.trim_start_matches('0').to_owned();
        let arguments = if number.is_empty() { "{}".to_owned() } else { format!("{{\"n\":{number}}}") };
        Part::ToolCall(ToolCall { id, name, arguments, kind: CallKind::Function, seal: None, cache: None })
    });
    let text = "(?s).{1,20}".prop_map(|text| Part::Text(Text::plain(text)));
    let thought = "(?s).{1,20}".prop_map(|text| Part::Thinking(Thought { text, ..Thought::default() }));
    let parts = (prop::option::of(thought), prop::option::of(text), prop::collection::vec(call, 0..3));
    (parts, any::<bool>(), prop::option::of((0_u64..1 << 40, 0_u64..1 << 40))).prop_map(
        |((thought, text, calls), cut, usage)| {
            let reason = match (cut, calls.is_empty()) {
                (true, true) => StopReason::Length,
                (false, true) => StopReason::End,
                (_, false) => StopReason::ToolCalls,
            };
            let usage = usage.map_or_else(Usage::default, |(fresh, output)| Usage {
                fresh: Some(fresh),
                output: Some(output),
                ..Usage::default()
            });
            Response {
                id: String::new(),
                model: "shown".into(),
                parts: thought.into_iter().chain(text).chain(calls).collect(),
                stop: Stop::from(reason),
                usage,
                ..Response::default()
            }
        },
    )
}

fn fed(bytes: &[u8], cuts: &[prop::sample::Index]) -> Vec<Event> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
    places.sort_unstable();
    let (mut framer, mut decoder, mut events) = (Framer::new(Framing::Ndjson, 1 << 20), Decoder::default(), Vec::new());
    for pair in places.windows(2) {
        framer.feed(&bytes[pair[0]..pair[1]], &mut |frame| decoder.feed(frame, &mut events)).unwrap();
    }
    framer.finish(&mut |frame| decoder.feed(frame, &mut events)).unwrap();
    decoder.end(&mut events).unwrap();
    events
}

/// JSON-like bytes, so that more than the first character is tried.
fn noise() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "\n",
        "null",
        "true",
        "1e400",
        "-1",
        "\"messages\":",
        "\"role\":\"tool\"",
        "\"content\":",
        "\"tool_calls\":",
        "\"function\":",
        "\"arguments\":",
        "\"options\":",
        "\"done\":",
        "\"error\":",
        "\"message\":",
        "\"think\":",
        "\"format\":",
        "\"images\":",
        "\\ud83d",
        "é",
        "\"prompt\":",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// With the counts that come back: zero is as good as nothing here.
fn counted(mut response: Response) -> Response {
    response.usage.fresh = response.usage.fresh.filter(|count| *count > 0);
    response.usage.output = response.usage.output.filter(|count| *count > 0);
    response
}

proptest! {
    #[test]
    fn a_stream_reads_back_however_it_is_cut(response in answer(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let mut events = Vec::new();
        replay(response.clone(), &mut events);
        let text = written(&events, Form::Chat);
        prop_assert_eq!(assembled(fed(text.as_bytes(), &cuts)), counted(response));
    }

    #[test]
    fn a_whole_answer_reads_back(response in answer()) {
        let body = response::encode(&response, &reply(), Form::Chat);
        prop_assert_eq!(Chat.decode_response(&body, &Memo::default()).unwrap(), counted(response));
    }

    #[test]
    fn a_request_reads_back(response in answer(), words in "(?s).{1,20}") {
        let mut turns = vec![hub::Turn { role: hub::Role::User, parts: vec![Part::Text(Text::plain(words))] }];
        if !response.parts.is_empty() {
            turns.push(hub::Turn { role: hub::Role::Assistant, parts: response.parts });
        }
        let request = hub::Request { model: "wire-model".into(), turns, ..hub::Request::default() };
        let (body, _, _) = sent(&request, &ModelTraits::default()).unwrap();
        let again = super::chat(&body).unwrap().request;
        prop_assert_eq!(again, request);
    }

    #[test]
    fn no_bytes_panic(text in noise(), raw in prop::collection::vec(any::<u8>(), 0..60)) {
        let head = http::Request::post("/").body(()).unwrap().into_parts().0;
        for bytes in [text.as_bytes(), &raw, format!("{{\"model\":\"m\",{text}}}").as_bytes()] {
            if let Ok(body) = Body::parse(Bytes::copy_from_slice(bytes)) {
                let _ = Chat.peek(&head, &body).map(|peek| Chat.own_answer(&body, &peek.reply));
                let _ = Chat.decode_request(&head, &body);
                let _ = Generate.decode_request(&head, &body);
            }
            let _ = Chat.decode_response(bytes, &Memo::default());
            let _ = Decoder::default().feed(Frame { event: None, data: bytes }, &mut Vec::new());
            let _ = Watch::default().frame(Frame { event: None, data: bytes });
            let _ = Watch::default().whole(bytes);
            let body = Bytes::copy_from_slice(bytes);
            let _ = Chat.read_fault(RawFault { dialect: crate::ID, status: StatusCode::BAD_REQUEST, headers: HeaderMap::new(), body });
        }
    }

    #[test]
    fn every_line_is_one_line(text in "(?s)(.|\u{85}|\u{2028}|\u{2029}|\r){0,20}", arguments in "(\\{|\\}|\"a\"|:|1|\n|,){0,8}") {
        let (one, two) = (BlockId(0), BlockId(1));
        let events = [
            Event::Open { block: one, kind: Block::Text },
            Event::Delta { block: one, text: text.clone() },
            Event::Open { block: two, kind: Block::ToolCall { id: String::new(), name: text, kind: CallKind::Function } },
            Event::Delta { block: two, text: arguments },
            Event::Close { block: two },
            Event::Close { block: one },
            Event::Stop(StopReason::ToolCalls.into()),
        ];
        for form in [Form::Chat, Form::Generate] {
            // Python's own notion of line ends, by which its client cuts.
            let ends = ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
            for line in written(&events, form).split_terminator(ends) {
                prop_assert!(serde_json::from_str::<serde_json::Value>(line).unwrap().is_object());
            }
        }
    }
}
