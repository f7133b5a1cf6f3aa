//! Work grows with the size of what is read and written, and not with its square.
//!
//! What is counted is memory: how often some is asked for and how much, which is the same on every machine at every
//! hour. Four times the size may take nine times as much of either: linear work takes four times, quadratic sixteen.
//! Work that asks for no memory, such as looking through all that came before, shows in CPU time only. That is looked
//! at from so far away (sixteen times the size) that nothing but a square reaches the bound, and the best of several
//! tries counts, because whatever disturbs a measurement makes it longer.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use dialect::{Body, Dialect, Framer, Memo, ModelTraits, Reply, Target, WireQuirks, splice};
use hub::{
    Block, BlockId, CallKind, Citation, Event, Json, Part, Prompt, Request, Role, StopReason, Text, Thinking, Tool,
    ToolCall, ToolKind, ToolResult, Turn,
};
use serde_json::{Value, json};

use super::hostile::request;
use super::matrix::head;
use super::repeats::conversation;
use crate::ALL;

/// The size at which memory is counted first.
const SMALL: usize = 256;
/// Four times the size takes four times the memory; the doubt goes to the code.
const MOST: u64 = 9;
/// What is allowed at any size: buffers of their own size, and tables that double.
const SLACK: u64 = 16 * 1024;
/// Least time that is judged, in nanoseconds: less is noise.
const LEAST: u64 = 400_000;
/// How much larger the second size is whose time is taken.
const WIDE: usize = 16;
/// Linear work takes sixteen times as long, quadratic 256 times.
const FAR: u64 = 100;

fn cpu() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// Work that is all prepared.
type Work<'a> = Box<dyn FnOnce() + 'a>;

fn time(work: Work<'_>) -> Option<u64> {
    // The figure is brought up to date when the thread is put aside.
    std::thread::yield_now();
    let before = cpu()?;
    work();
    std::thread::yield_now();
    Some(cpu()? - before)
}

/// The memory, or else the times, for a size and for a larger one, where they grow too fast.
fn grows<'a>(prepare: &dyn Fn(usize) -> Work<'a>) -> Option<(u64, u64)> {
    grows_in_memory(prepare).or_else(|| grows_in_time(prepare))
}

fn grows_in_memory<'a>(prepare: &dyn Fn(usize) -> Work<'a>) -> Option<(u64, u64)> {
    let asked = |size| {
        let work = prepare(size);
        allocation_counter::measure(work)
    };
    // What is made once and kept is made now.
    asked(1);
    let (small, large) = (asked(SMALL), asked(4 * SMALL));
    let pairs = [(small.bytes_total, large.bytes_total, SLACK), (small.count_total, large.count_total, SLACK / 64)];
    pairs.into_iter().find(|(small, large, slack)| large.saturating_sub(*slack) > MOST * small).map(|(a, b, _)| (a, b))
}

fn grows_in_time<'a>(prepare: &dyn Fn(usize) -> Work<'a>) -> Option<(u64, u64)> {
    let quickest = |size: usize| (0..3).filter_map(|_| time(prepare(size))).min();
    let mut size = 64;
    let mut small = quickest(size)?;
    while small < LEAST && size < 1 << 11 {
        size *= 2;
        small = quickest(size)?;
    }
    // Work that is hardly any at this size is judged as if it took a quarter of what is judged at all.
    let small = small.max(LEAST / 4);
    let mut large = u64::MAX;
    for _ in 0..4 {
        large = large.min(time(prepare(size * WIDE))?);
        if large <= FAR * small {
            return None;
        }
    }
    Some((small, large))
}

/// Each client and each wire once with the first of the others, and each with itself: what a request costs is what
/// reading it costs and what writing it costs.
fn pairs() -> impl Iterator<Item = (&'static Dialect, &'static Dialect)> {
    let both = || ALL.iter().copied().filter(|dialect| dialect.client.is_some() && dialect.wire.is_some());
    let first = ALL[0].id;
    let judged =
        move |(client, wire): &(&Dialect, &Dialect)| client.id == wire.id || client.id == first || wire.id == first;
    both().flat_map(move |client| both().map(move |wire| (client, wire))).filter(judged)
}

/// Everything that is done with a request on its way: read, relayed, mended and written for another dialect.
fn pass(client: &Dialect, wire: &Dialect, text: &str) {
    let body = Body::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap();
    let traits = ModelTraits::default();
    let target = Target { model: "up", stream: true, traits: &traits };
    let side = wire.wire.unwrap();
    if client.id == wire.id {
        let _ = client.client.unwrap().peek(&head(client), &body);
        let mut edits = side.relay(&head(client), &body, &target).edits;
        edits.extend(side.rethink(&body, Thinking::from_suffix("high").unwrap(), &target, &mut hub::Losses::default()));
        edits.extend(side.instruct(&body, &Prompt { words: "w".into(), ..Prompt::default() }));
        splice::apply(body.bytes(), body.index(), &edits);
    }
    let Ok(decoded) = client.client.unwrap().decode_request(&head(client), &body) else { return };
    let (mut request, mut losses) = (decoded.request, decoded.losses);
    hub::mend(&mut request, &mut losses);
    let _ = side.encode_request(&request, &target);
}

/// Something of a request that can be large: the text, the schema and the arguments of `request`.
type Large = (&'static str, fn(usize) -> (String, String, String));

const PLAIN: &str = r#"{"type":"object","properties":{"a":{"type":"string"}}}"#;

fn schema(of: String) -> (String, String, String) {
    (r#""q""#.into(), of, "{}".into())
}

static MADE: AtomicUsize = AtomicUsize::new(0);

fn listed(count: usize, each: impl Fn(usize) -> String) -> String {
    (0..count).map(each).collect::<Vec<_>>().join(",")
}

const LARGE: [Large; 14] = [
    ("text", |n| (format!("\"{}\"", "word ".repeat(n * 8)), PLAIN.into(), "{}".into())),
    ("escapes", |n| (format!("\"{}\"", r"\n\u00e9\ud83d\ude00".repeat(n * 2)), PLAIN.into(), "{}".into())),
    ("line ends", |n| (format!("\"{}\"", "\u{2028}\u{85}é".repeat(n * 2)), PLAIN.into(), "{}".into())),
    ("arguments", |n| (r#""q""#.into(), PLAIN.into(), format!("{{{}}}", listed(n, |at| format!(r#""a{at}":[{at}]"#))))),
    ("properties", |n| {
        schema(format!(
            r#"{{"type":"object","properties":{{{}}}}}"#,
            listed(n, |at| format!(r#""p{at}":{{"type":"string","pattern":"^{at}$"}}"#))
        ))
    }),
    ("required", |n| {
        schema(format!(
            r#"{{"type":"object","required":[{}],"properties":{{{}}}}}"#,
            listed(n, |at| format!(r#""p{at}""#)),
            listed(n, |at| format!(r#""p{at}":{{"type":"STRING"}}"#))
        ))
    }),
    ("flags", |n| {
        schema(format!(
            r#"{{"type":"object","properties":{{{}}}}}"#,
            listed(n, |at| format!(r#""p{at}":{{"required":true,"nullable":true,"type":"array"}}"#))
        ))
    }),
    ("choices", |n| {
        schema(format!(
            r#"{{"type":"object","properties":{{"a":{{"oneOf":[{}]}}}}}}"#,
            listed(n, |at| format!(r#"{{"const":{at},"not":{{}}}}"#))
        ))
    }),
    ("root choices", |n| {
        schema(format!(
            r#"{{"anyOf":[{}]}}"#,
            listed(n, |at| format!(r#"{{"type":"object","required":["p{at}"],"properties":{{"p{at}":{{}}}}}}"#))
        ))
    }),
    ("all of", |n| {
        schema(format!(
            r#"{{"type":"object","properties":{{"a":{{"allOf":[{}]}}}}}}"#,
            listed(n, |at| format!(r#"{{"required":["p{at}"],"properties":{{"p{at}":{{}}}}}}"#))
        ))
    }),
    ("keywords", |n| {
        schema(format!(
            r#"{{"type":"object","properties":{{"a":{{}}}},{}}}"#,
            listed(n, |at| format!(r#""k{at}":{at}"#))
        ))
    }),
    ("double keys", |n| {
        schema(format!(
            r#"{{"type":"object",{},"properties":{{"a":{{}}}}}}"#,
            listed(n, |_| r#""type":"object""#.into())
        ))
    }),
    ("values", |n| {
        schema(format!(r#"{{"type":"object","properties":{{"a":{{"enum":[{}]}}}}}}"#, listed(n, |at| format!("{at}"))))
    }),
    ("references", |n| {
        schema(format!(
            r##"{{"type":"object","properties":{{{}}},"$defs":{{{}}}}}"##,
            listed(n, |at| format!(r##""p{at}":{{"$ref":"#/$defs/d{at}"}}"##)),
            listed(n, |at| format!(
                r##""d{at}":{{"type":"object","properties":{{"x":{{"$ref":"#/$defs/d{}"}}}}}}"##,
                at + 1
            ))
        ))
    }),
];

#[test]
fn requests_cost_no_more_than_they_are_large() {
    for (client, wire) in pairs() {
        for (name, large) in LARGE {
            let prepare = |size: usize| {
                let (text, schema, arguments) = large(size);
                // Another schema each time: what was lowered before is remembered.
                let count = MADE.fetch_add(1, Ordering::Relaxed);
                let schema = schema.replacen('{', &format!(r#"{{"title":"{count}","#), 1);
                let text = request(client, &text, &schema, &arguments);
                Box::new(move || pass(client, wire, &text)) as Work<'static>
            };
            let found = grows(&prepare);
            assert_eq!(found, None, "{} to {}: {name}", client.id, wire.id);
        }
    }
}

/// A request with so many tools, each with a schema of its own.
fn with_tools(client: &Dialect, count: usize) -> String {
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let schema = |at: usize| json!({"type": "object", "properties": {format!("p{made}_{at}"): {"type": "string"}}});
    let tool = |at: usize| match client.word {
        "claude" => json!({"name": format!("t{at}"), "input_schema": schema(at)}),
        "gemini" => json!({"name": format!("t{at}"), "parametersJsonSchema": schema(at)}),
        "responses" => json!({"type": "function", "name": format!("t{at}"), "parameters": schema(at)}),
        _ => json!({"type": "function", "function": {"name": format!("t{at}"), "parameters": schema(at)}}),
    };
    let tools: Vec<Value> = (0..count).map(tool).collect();
    let mut body = conversation(client, 1);
    body["tools"] = if client.word == "gemini" { json!([{"functionDeclarations": tools}]) } else { json!(tools) };
    body.to_string()
}

/// A request whose last question comes in so many pieces.
fn in_pieces(client: &Dialect, count: usize) -> String {
    let piece = match client.word {
        "responses" => json!({"type": "input_text", "text": "a"}),
        "gemini" => json!({"text": "a"}),
        _ => json!({"type": "text", "text": "a"}),
    };
    let pieces = json!(vec![piece; count]);
    let mut body = conversation(client, 0);
    match client.word {
        "gemini" => body["contents"][0]["parts"] = pieces,
        "responses" => body["input"][0]["content"] = pieces,
        // Ollama's messages are texts, so there are as many of them.
        "ollama" => body["messages"] = json!(vec![json!({"role": "user", "content": "a"}); count]),
        _ => body["messages"][0]["content"] = pieces,
    }
    body.to_string()
}

#[test]
fn many_rounds_tools_and_pieces_cost_no_more_than_they_are_many() {
    type Many = (&'static str, fn(&Dialect, usize) -> String);
    let many: [Many; 3] = [
        ("rounds", |client, count| conversation(client, count.div_ceil(4)).to_string()),
        ("tools", with_tools),
        ("pieces", in_pieces),
    ];
    for (client, wire) in pairs() {
        for (name, made) in many {
            let prepare = |size: usize| {
                let text = made(client, size);
                Box::new(move || pass(client, wire, &text)) as Work<'static>
            };
            assert_eq!(grows(&prepare), None, "{} to {}: {name}", client.id, wire.id);
        }
    }
}

/// A stream that can be long in some way.
type Long = (&'static str, fn(usize) -> Vec<Event>);

fn start() -> Event {
    Event::Start { id: "i".into(), model: "m".into() }
}

fn stop() -> Event {
    Event::Stop(StopReason::ToolCalls.into())
}

fn delta(block: usize, text: &str) -> Event {
    Event::Delta { block: id(block), text: text.into() }
}

fn id(block: usize) -> BlockId {
    BlockId(u32::try_from(block).unwrap())
}

fn call(block: usize) -> Event {
    let kind = Block::ToolCall { id: format!("c{block}"), name: format!("t{block}"), kind: CallKind::Function };
    Event::Open { block: id(block), kind }
}

/// One block in many pieces.
fn pieces(open: Event, piece: &str, last: &str, count: usize) -> Vec<Event> {
    let mut events = vec![start(), open];
    events.extend((0..count).map(|_| delta(0, piece)));
    events.extend([delta(0, last), Event::Close { block: id(0) }, stop()]);
    events
}

fn opened(kind: Block) -> Event {
    Event::Open { block: id(0), kind }
}

/// Many blocks, one after the other.
fn row(open: impl Fn(usize) -> Event, text: &str, count: usize) -> Vec<Event> {
    let mut events = vec![start()];
    for at in 0..count {
        events.extend([open(at), delta(at, text), Event::Close { block: id(at) }]);
    }
    events.push(stop());
    events
}

/// Many calls at once, their pieces mixed.
fn mixed(count: usize) -> Vec<Event> {
    // More than a thousand at once are refused.
    let width = count.min(256);
    let mut events = vec![start()];
    events.extend((0..width).map(call));
    events.extend((0..width).map(|at| delta(at, "{\"a\":\"")));
    events.extend((0..count).map(|at| delta(at % width, "x")));
    events.extend((0..width).flat_map(|at| [delta(at, "\"}"), Event::Close { block: id(at) }]));
    events.push(stop());
    events
}

fn cited(count: usize) -> Vec<Event> {
    let mut events = vec![start(), opened(Block::Text), delta(0, "said")];
    events.extend((0..count).map(|at| {
        let citation = Citation { url: Some(format!("https://a.example/{at}")), ..Citation::default() };
        Event::Cite { block: id(0), citation }
    }));
    events.extend([Event::Close { block: id(0) }, stop()]);
    events
}

const LONG: [Long; 8] = [
    ("text", |n| pieces(opened(Block::Text), "é ", "", n)),
    ("thinking", |n| pieces(opened(Block::Thinking), "hm", "", n)),
    ("arguments", |n| pieces(call(0), "[", "x", n)),
    ("picture", |n| pieces(opened(Block::Image { media_type: "image/png".into() }), "AAAA", "", n)),
    ("calls", |n| row(call, "{}", n)),
    ("texts", |n| {
        row(|at| Event::Open { block: id(at), kind: if at % 2 == 0 { Block::Text } else { Block::Thinking } }, "a", n)
    }),
    ("mixed calls", mixed),
    ("sources", cited),
];

fn encode(client: &Dialect, events: &[Event]) -> BytesMut {
    let mut encoder = client.client.unwrap().stream_encoder(Reply { usage_frame: true, ..Reply::new("m", true) });
    let mut out = BytesMut::new();
    events.iter().for_each(|event| encoder.push(event, &mut out));
    encoder.end(&mut out);
    out
}

fn decode(wire: &Dialect, stream: &[u8]) {
    let mut decoder = wire.wire.unwrap().stream_decoder(Memo::default());
    let mut framer = Framer::new(wire.framing, 64 << 20);
    let mut events = Vec::new();
    for piece in stream.chunks(64) {
        let _ = framer.feed(piece, &mut |frame| decoder.feed(frame, &mut events));
        events.clear();
    }
}

fn watch(wire: &Dialect, stream: &[u8]) {
    let mut scanner = wire.wire.unwrap().scanner();
    let mut framer = Framer::new(wire.framing, 64 << 20);
    for piece in stream.chunks(64) {
        let _ = framer.feed(piece, &mut |frame| {
            let _ = scanner.frame(frame);
            Ok(())
        });
    }
}

#[test]
fn streams_cost_no_more_than_they_are_long() {
    for dialect in ALL.iter().filter(|dialect| dialect.client.is_some() && dialect.wire.is_some()) {
        for (name, long) in LONG {
            let written = |size: usize| {
                let events = long(size);
                Box::new(move || drop(encode(dialect, &events))) as Work<'static>
            };
            let read = |size: usize| {
                let stream = encode(dialect, &long(size));
                Box::new(move || decode(dialect, &stream)) as Work<'static>
            };
            let watched = |size: usize| {
                let stream = encode(dialect, &long(size));
                Box::new(move || watch(dialect, &stream)) as Work<'static>
            };
            let ways: [(&str, &dyn Fn(usize) -> Work<'static>); 3] =
                [("written", &written), ("read", &read), ("watched", &watched)];
            for (way, prepare) in ways {
                assert_eq!(grows(prepare), None, "{}: {name} {way}", dialect.id);
            }
        }
    }
}

#[test]
fn tools_that_come_again_are_not_rewritten_again() {
    let tool = |at: usize| Tool {
        name: format!("t{at}"),
        description: None,
        kind: ToolKind::Function(Some(Json::trusted(format!(
            r#"{{"type":"OBJECT","properties":{{"a{at}":{{"type":"STRING","pattern":"^x","required":true}}}}}}"#
        )))),
        strict: Some(true),
        cache: None,
        extras: Vec::new(),
    };
    let user = Turn { role: Role::User, parts: vec![Part::Text(Text::plain("q"))] };
    let request = Request { tools: (0..120).map(tool).collect(), turns: vec![user], ..Request::default() };
    let openapi = WireQuirks { openapi_parameters: true, ..WireQuirks::default() };
    for traits in [ModelTraits::default(), ModelTraits { quirks: openapi, ..ModelTraits::default() }] {
        for dialect in ALL.iter().filter(|dialect| dialect.wire.is_some()) {
            let target = Target { model: "up", stream: true, traits: &traits };
            let first = dialect.wire.unwrap().encode_request(&request, &target).unwrap();
            let made = dialect::made();
            let second = dialect.wire.unwrap().encode_request(&request, &target).unwrap();
            assert_eq!(dialect::made(), made, "{}", dialect.id);
            assert_eq!(
                (first.body, first.losses),
                (second.body, second.losses),
                "{}: what was lost is said again",
                dialect.id
            );
        }
    }
    assert!(dialect::made() >= 3 * 120, "these schemas must be rewritten somewhere");
}

#[test]
fn what_grows_too_fast_is_noticed() {
    let looked_through = |size: usize| {
        let text = vec![1_u8; size];
        let sum = move |_: u8| text.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        Box::new(move || assert!(std::hint::black_box(vec![1; size]).into_iter().map(sum).sum::<u64>() > 0))
            as Work<'static>
    };
    assert_eq!(grows_in_memory(&looked_through), None);
    assert!(cpu().is_none() || grows_in_time(&looked_through).is_some());
    let copied = |size: usize| {
        Box::new(move || (0..size).for_each(|at| drop(std::hint::black_box(vec![1_u8; at])))) as Work<'static>
    };
    assert!(grows_in_memory(&copied).is_some());
    let asked_for = |size: usize| {
        Box::new(move || (0..size * size).for_each(|_| drop(std::hint::black_box(Box::new(1_u8))))) as Work<'static>
    };
    assert!(grows_in_memory(&asked_for).is_some());
    let linear = |size: usize| {
        Box::new(move || drop((0..size).map(|at| at.to_string()).collect::<Vec<_>>().join(","))) as Work<'static>
    };
    assert_eq!(grows(&linear), None);
}

#[test]
fn a_history_of_calls_costs_no_more_than_it_is_long() {
    let one = |at: usize, same: bool| ToolCall {
        id: if same { String::new() } else { format!("c{at}") },
        name: "t".into(),
        arguments: "{}".into(),
        kind: CallKind::Function,
        seal: None,
        cache: None,
    };
    for same in [false, true] {
        let prepare = |size: usize| {
            let calls: Vec<Part> = (0..size).map(|at| Part::ToolCall(one(at, same))).collect();
            let result = |at: usize| ToolResult { call_id: one(at, same).id, ..ToolResult::default() };
            let results: Vec<Part> = (0..size).map(|at| Part::ToolResult(result(at))).collect();
            let turns = vec![Turn { role: Role::Assistant, parts: calls }, Turn { role: Role::User, parts: results }];
            let request = Request { turns, ..Request::default() };
            Box::new(move || write_everywhere(request)) as Work<'static>
        };
        assert_eq!(grows(&prepare), None, "same ids: {same}");
    }
}

/// Mends a request and writes it for every dialect.
fn write_everywhere(mut request: Request) {
    hub::mend(&mut request, &mut hub::Losses::default());
    let traits = ModelTraits::default();
    for wire in ALL.iter().filter_map(|dialect| dialect.wire) {
        wire.encode_request(&request, &Target { model: "up", stream: true, traits: &traits }).unwrap();
    }
}
