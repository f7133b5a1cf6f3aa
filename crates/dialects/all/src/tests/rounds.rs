//! What an answer says survives the way through another dialect and back into the hub.

use std::path::Path;

use bytes::BytesMut;
use dialect::{Dialect, Framer, Memo, Reply};
use hub::{Assembler, CallKind, Event, Fault, Part, Response, StopReason};

use crate::ALL;

pub(super) fn read(dialect: &Dialect, stream: &[u8]) -> Result<Vec<Event>, Fault> {
    read_for(dialect, stream, Memo::default())
}

/// The same as the answer to a request that is remembered.
pub(super) fn read_for(dialect: &Dialect, stream: &[u8], memo: Memo) -> Result<Vec<Event>, Fault> {
    let mut decoder = dialect.wire.unwrap().stream_decoder(memo);
    let mut framer = Framer::new(dialect.framing, 1 << 20);
    let mut events = Vec::new();
    framer.feed(stream, &mut |frame| decoder.feed(frame, &mut events))?;
    framer.finish(&mut |frame| decoder.feed(frame, &mut events))?;
    decoder.end(&mut events)?;
    Ok(events)
}

pub(super) fn write(dialect: &Dialect, events: &[Event]) -> Vec<u8> {
    let mut encoder = dialect.client.unwrap().stream_encoder(Reply { usage_frame: true, ..Reply::new("m", true) });
    let mut out = BytesMut::new();
    events.iter().for_each(|event| encoder.push(event, &mut out));
    encoder.end(&mut out);
    out.to_vec()
}

pub(super) fn assemble(events: Vec<Event>) -> Response {
    let mut assembler = Assembler::new(1 << 20);
    events.into_iter().for_each(|event| assembler.push(event).unwrap());
    assembler.finish().unwrap()
}

/// What every dialect can tell: the visible text and the calls.
pub(super) fn told(response: &Response) -> (String, Vec<(String, String, CallKind)>) {
    let (mut text, mut calls) = (String::new(), Vec::new());
    for part in &response.parts {
        match part {
            Part::Text(part) => text.push_str(&part.text),
            Part::Refusal(words) => text.push_str(words),
            Part::ToolCall(call) => {
                let arguments = dialect::object_arguments(&call.arguments).into_owned();
                calls.push((call.name.clone(), arguments, call.kind));
            }
            _ => (),
        }
    }
    (text, calls)
}

#[test]
fn an_answer_survives_the_way_through_another_dialect() {
    let cases = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/streams")).unwrap();
    let mut travelled = 0;
    for case in cases.map(|entry| entry.unwrap().path()) {
        for from in ALL.iter().filter(|dialect| dialect.wire.is_some()) {
            let Ok(stream) = std::fs::read(case.join(format!("{}.sse", from.id))) else { continue };
            // Broken streams have nothing to bring over; the matrix shows how they are told.
            let Ok(events) = read(from, &stream) else { continue };
            for through in ALL.iter().filter(|other| other.id != from.id && other.client.is_some()) {
                let before = assemble(events.clone());
                let after = assemble(read(through, &write(through, &events)).unwrap());
                let name = format!("{} from {} through {}", case.display(), from.id, through.id);
                let ((text, calls), (text_after, calls_after)) = (told(&before), told(&after));
                // A dialect may add words for what it cannot show.
                assert!(text_after.starts_with(&text), "{name}: {text_after}");
                assert_eq!(calls_after, calls, "{name}");
                let asks = |response: &Response| response.stop.reason == StopReason::ToolCalls;
                assert_eq!(asks(&after), asks(&before), "{name}");
                assert_eq!(after.usage.input_total(), before.usage.input_total(), "{name}");
                travelled += 1;
            }
        }
    }
    assert!(travelled > 4);
}
