//! What each client is streamed, judged by the grammar of its dialect, word by word: what
//! comes from every wire in the recorded streams, and what comes of any legal sequence of events.

mod grammars;

use bytes::BytesMut;
use dialect::Reply;
use hub::{
    Block, BlockId, CacheWrite, CallKind, Citation, Code, Event, Foreign, Grammar, Json, Printed, Program, Seal,
    Search, SearchAction, Stop, StopReason, Token, Trace, Usage, WebPage,
};
use proptest::prelude::*;

use self::grammars::{Judgement, anthropic, chat, gemini, ollama, responses};
use super::rounds::read;
use crate::ALL;

/// What a client is streamed of these events, judged.
fn judge(client: &str, events: &[Event]) -> Judgement {
    let face = ALL.iter().find(|dialect| dialect.id.0 == client).unwrap().client.unwrap();
    let reply = Reply { created: 1, seed: 7, usage_frame: true, ..Reply::new("m", true) };
    let (mut encoder, mut out) = (face.stream_encoder(reply), BytesMut::new());
    events.iter().for_each(|event| encoder.push(event, &mut out));
    encoder.end(&mut out);
    let text = String::from_utf8(out.to_vec()).map_err(|error| error.to_string())?;
    let verdict = match client {
        "openai_chat" => chat(&text),
        "openai_responses" => responses(&text),
        "anthropic" => anthropic(&text),
        "gemini" => gemini(&text),
        _ => ollama(&text),
    };
    verdict.map_err(|why| format!("{client}: {why}\n{text}"))
}

#[test]
fn recorded_streams_of_every_wire_are_written_by_the_grammar_of_every_client() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/streams");
    let mut judged = 0;
    for case in std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()) {
        for wire in ALL {
            let file = ["sse", "ndjson"].map(|kind| case.join(format!("{}.{kind}", wire.id)));
            let Some(stream) = file.iter().find_map(|file| std::fs::read(file).ok()) else { continue };
            // A fault has a tail of its own, which the matrix shows.
            let Ok(mut events) = read(wire, &stream) else { continue };
            if !events.iter().any(|event| matches!(event, Event::Usage(_))) {
                events.insert(1, Event::Usage(Usage { output: Some(1), ..Usage::default() }));
            }
            for client in ALL.iter().filter(|client| client.id != wire.id) {
                judge(client.id.0, &events).unwrap_or_else(|why| panic!("{} from {}: {why}", case.display(), wire.id));
                judged += 1;
            }
        }
    }
    assert!(judged > 40, "{judged}");
}

// === any legal sequence ===

#[derive(Clone, Debug)]
struct Made {
    kind: Block,
    pieces: Vec<String>,
    seal: Option<Seal>,
    cites: bool,
    /// Its source comes when it is closed.
    late: bool,
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "a", "né\n\n", "\u{2028}", "data: x", "\r\n", "🐝", "\"\\", "</think>", "\u{85}"])
        .prop_map(str::to_owned)
}

/// What another vendor ran, or half of it.
fn ran(trace: Trace) -> Block {
    let json = Json::trusted("{\"type\":\"odd\"}");
    let trace = Some(Box::new(trace));
    Block::Foreign(Foreign { origin: hub::DialectId("nobody"), json, gist: None, trace })
}

fn searched(id: &str, action: Option<SearchAction>, found: Option<Vec<WebPage>>) -> Block {
    ran(Trace::Search(Search { id: id.into(), action, found, failed: false }))
}

fn programmed(id: &str, text: Option<&str>, out: Option<&str>) -> Block {
    let program = text.map(|text| Program { text: text.into(), shell: text.is_empty() });
    let printed = out.map(|out| Printed { out: out.into(), err: String::new(), failed: out.is_empty() });
    ran(Trace::Code(Code { id: id.into(), program, printed }))
}

fn made() -> impl Strategy<Value = Made> {
    let seal = prop::sample::select(vec![
        None,
        Some(Seal::new("anthropic", "signature", "s")),
        Some(Seal::new("gemini", "thought", "Zw==")),
        Some(Seal::new("openai_responses", "encrypted", "e")),
    ]);
    let arguments = prop::sample::select(vec![&["{\"a\"", ":1}"][..], &[], &["{}"], &["{\"b\":\"\\\"}\"", "}"]]);
    let kind = prop::sample::select(vec![
        Block::Text,
        Block::Text,
        Block::Refusal,
        Block::Thinking,
        Block::Redacted,
        Block::ToolCall { id: String::new(), name: "f".into(), kind: CallKind::Function },
        Block::ToolCall { id: "x".into(), name: "g".into(), kind: CallKind::Function },
        Block::ToolCall { id: "y".into(), name: "h".into(), kind: CallKind::Custom },
        Block::Image { media_type: "image/png".into() },
        Block::Audio { media_type: "audio/L16;codec=pcm;rate=24000".into() },
        Block::Foreign(Foreign {
            origin: hub::DialectId("nobody"),
            json: Json::trusted("{\"type\":\"odd\",\n\"x\":1}"),
            gist: Some("told".into()),
            trace: None,
        }),
        searched("", Some(SearchAction::Query(vec!["q\n".into(), "\u{2028}".into()])), Some(vec![WebPage::default()])),
        searched("", Some(SearchAction::Open(String::new())), Some(Vec::new())),
        searched("s", Some(SearchAction::Query(vec!["a".into()])), None),
        searched("p", Some(SearchAction::Fetch("https://a.example\n".into())), Some(vec![WebPage::default()])),
        searched("", Some(SearchAction::Fetch(String::new())), Some(Vec::new())),
        programmed("c", Some("print(\"\u{2028}\")\n"), None),
        programmed("c", None, Some("1\r\n")),
        programmed("1", Some(""), Some("")),
        searched("s", None, Some(vec![WebPage { url: "https://a.example".into(), title: Some("\"".into()) }])),
    ]);
    (kind, prop::collection::vec(text(), 0..4), seal, any::<(bool, bool)>(), arguments).prop_map(
        |(kind, words, seal, (cites, late), arguments)| {
            let pieces = match &kind {
                Block::ToolCall { kind: CallKind::Function, .. } => {
                    arguments.iter().map(|text| (*text).into()).collect()
                }
                Block::Image { .. } | Block::Audio { .. } => vec!["QUJD".into()],
                Block::Foreign(_) | Block::Redacted => Vec::new(),
                _ => words,
            };
            let sealed = matches!(kind, Block::Thinking | Block::Redacted | Block::ToolCall { .. });
            Made { cites: cites && kind == Block::Text, late, seal: seal.filter(|_| sealed), kind, pieces }
        },
    )
}

/// The events of a block, in order.
fn of_block(block: BlockId, made: &Made) -> Vec<Event> {
    let mut events = vec![Event::Open { block, kind: made.kind.clone() }];
    let seal = made.seal.clone().map(|seal| Event::Seal { block, seal });
    let early = matches!(made.kind, Block::ToolCall { .. });
    events.extend(seal.clone().filter(|_| early));
    for text in &made.pieces {
        if made.kind == Block::Text {
            let token = Token { text: text.clone(), log: -0.5, others: vec![Token::default()], ..Token::default() };
            events.push(Event::Tokens { block, tokens: vec![token] });
        }
        events.push(Event::Delta { block, text: text.clone() });
    }
    let citation = Citation { url: Some("https://a.example".into()), title: Some("A".into()), ..Citation::default() };
    let source = made.cites.then_some(Event::Cite { block, citation });
    events.extend(source.clone().filter(|_| !made.late));
    events.extend(seal.filter(|_| !early));
    events.push(Event::Close { block });
    events.extend(source.filter(|_| made.late));
    events
}

/// Blocks woven into each other: `picks` says whose next event comes.
fn woven(blocks: &[Made], picks: &[prop::sample::Index], stop: StopReason) -> Vec<Event> {
    let mut queues: Vec<std::collections::VecDeque<Event>> =
        (0..).zip(blocks).map(|(number, made)| of_block(BlockId(number), made).into()).collect();
    let mut events = vec![Event::Start { id: "u".into(), model: "m".into() }];
    let cache_write = Some(CacheWrite { total: 2, five_minutes: Some(2), one_hour: None });
    let usage = Usage { fresh: Some(3), cache_write, output: Some(9), reasoning: Some(4), ..Usage::default() };
    events.push(Event::Usage(Usage { fresh: Some(3), ..Usage::default() }));
    let mut picks = picks.iter().cycle();
    while queues.iter().any(|queue| !queue.is_empty()) {
        // Blocks open in their order.
        let ready: Vec<usize> = (0..queues.len())
            .filter(|at| !queues[*at].is_empty())
            .filter(|at| queues[..*at].iter().all(|queue| !matches!(queue.front(), Some(Event::Open { .. }))))
            .collect();
        let pick = picks.next().map_or(0, |pick| pick.index(ready.len()));
        events.extend(queues[ready[pick]].pop_front());
    }
    events.extend([Event::Usage(usage), Event::Stop(Stop::from(stop))]);
    events
}

proptest! {
    #[test]
    fn any_legal_sequence_is_written_by_the_grammar_of_every_client(
        blocks in prop::collection::vec(made(), 0..5),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..24),
        stop in prop::sample::select(StopReason::ALL.to_vec()),
    ) {
        let events = woven(&blocks, &picks, stop);
        let mut grammar = Grammar::default();
        events.iter().for_each(|event| grammar.see(event).unwrap());
        for client in ALL {
            if let Err(why) = judge(client.id.0, &events) {
                prop_assert!(false, "{}", why);
            }
        }
    }
}
