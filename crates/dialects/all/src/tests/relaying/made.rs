//! Answers that no fixture holds: made by proptest, written by each dialect's encoder, read both ways, and cut anywhere.

use dialect::{Dialect, Reply};
use hub::{
    Block, BlockId, CacheWrite, CallKind, Event, Part, Response, Stop, StopReason, Text, Thought, ToolCall, Usage,
};
use proptest::prelude::*;

use super::super::rounds::write;
use super::answers::{agree, agree_whole, wires};

fn texts() -> impl Strategy<Value = String> {
    // What a search over bytes could take for a key or an end.
    const TRAPS: [&str; 7] = [
        "\"usage\":{}",
        "[DONE]",
        "\"error\"",
        "\"finish_reason\":\"stop\"",
        "\"done\":true",
        "\n\ndata: x",
        "event: error",
    ];
    prop_oneof!["[ -~é\u{1f600}\n]{0,24}", prop::sample::select(&TRAPS[..]).prop_map(str::to_owned)]
}

fn parts() -> impl Strategy<Value = Part> {
    let call = (texts(), "[a-z]{1,8}", texts()).prop_map(|(_, name, value)| {
        let arguments = format!("{{\"a\":{}}}", serde_json::to_string(&value).unwrap());
        Part::ToolCall(ToolCall {
            id: format!("c_{name}"),
            name,
            arguments,
            kind: CallKind::Function,
            seal: None,
            cache: None,
        })
    });
    prop_oneof![
        4 => texts().prop_map(|text| Part::Text(Text::plain(text))),
        2 => texts().prop_map(|text| Part::Thinking(Thought { text, ..Thought::default() })),
        2 => call,
        1 => texts().prop_map(Part::Refusal),
    ]
}

fn usages() -> impl Strategy<Value = Usage> {
    let count = || prop::option::of(0_u64..1 << 40);
    (count(), count(), count(), count(), any::<bool>()).prop_map(|(fresh, read, written, output, known)| match known {
        false => Usage::default(),
        true => Usage {
            fresh: fresh.or(Some(1)),
            cache_read: read,
            cache_write: written.map(|total| CacheWrite { total, ..CacheWrite::default() }),
            output: output.or(Some(1)),
            ..Usage::default()
        },
    })
}

fn responses() -> impl Strategy<Value = Response> {
    (prop::collection::vec(parts(), 0..6), usages(), prop::sample::select(&StopReason::ALL[..])).prop_map(
        |(parts, usage, reason)| Response {
            id: "id".into(),
            model: "m".into(),
            parts,
            stop: Stop::from(reason),
            usage,
            ..Response::default()
        },
    )
}

/// The events of an answer, every text in pieces of `size` characters.
fn in_pieces(response: Response, size: usize) -> Vec<Event> {
    let mut whole = Vec::new();
    hub::replay(response, &mut whole);
    let mut events = Vec::new();
    for event in whole {
        match event {
            Event::Delta { block, text } => {
                let letters: Vec<char> = text.chars().collect();
                let piece = |letters: &[char]| Event::Delta { block, text: letters.iter().collect() };
                events.extend(letters.chunks(size).map(piece));
            }
            event => events.push(event),
        }
    }
    events
}

fn check(dialect: &Dialect, response: &Response, size: usize, cut: usize) -> Result<(), String> {
    let events = in_pieces(response.clone(), size);
    agree(dialect, "made", &write(dialect, &events), cut)?;
    let body = dialect.client.unwrap().encode_response(response, &Reply::new("m", false));
    agree_whole(dialect, "made", &body)
}

proptest! {
    #[test]
    fn any_answer_tells_both_the_same(response in responses(), size in 1_usize..9, cut in 1_usize..99) {
        for dialect in wires() {
            let checked = check(dialect, &response, size, cut);
            prop_assert!(checked.is_ok(), "{}\n{response:?}", checked.unwrap_err());
        }
    }

    #[test]
    fn any_stream_that_breaks_off_tells_both_the_same(response in responses(), size in 1_usize..9, at in 0_usize..4_000) {
        for dialect in wires() {
            let stream = write(dialect, &in_pieces(response.clone(), size));
            let checked = agree(dialect, "broken", &stream[..at.min(stream.len())], 64);
            prop_assert!(checked.is_ok(), "{}\n{response:?}", checked.unwrap_err());
        }
    }
}

#[test]
fn a_call_among_traps_is_seen() {
    let trap = Event::Delta { block: BlockId(0), text: "\"tool_calls\":[{\"name\":\"x\"}]".into() };
    let events = [
        Event::Start { id: "i".into(), model: "m".into() },
        Event::Open { block: BlockId(0), kind: Block::Text },
        trap,
        Event::Close { block: BlockId(0) },
        Event::Stop(StopReason::End.into()),
    ];
    for dialect in wires() {
        agree(dialect, "trap", &write(dialect, &events), 1).unwrap();
    }
}
