//! Any request, any answer: strategies for the laws.

use hub::{
    CacheHint, CallKind, Citation, Event, Foreign, Format, Json, Level, Media, Mode, Part, Request, Response, Role,
    Sampling, Schema, Seal, Show, Source, Stop, StopReason, Text, Thinking, Thought, Tool, ToolCall, ToolChoice,
    ToolKind, ToolResult, Turn, Usage,
};
use proptest::option;
use proptest::prelude::*;

fn words() -> impl Strategy<Value = String> {
    prop_oneof!["", " ", "[a-zé\"\\\\\n🦀 ]{1,12}"]
}

fn object() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["{}", r#"{"a":1.0,"b":"é\"\n"}"#, r#"{"id":9007199254740993,"l":[{}]}"#])
        .prop_map(Into::into)
}

fn arguments() -> impl Strategy<Value = String> {
    prop_oneof![4 => object(), 1 => prop::sample::select(vec!["", "[1]", "{\"cut", "null"]).prop_map(Into::into)]
}

fn seal() -> impl Strategy<Value = Seal> {
    let kind = prop::sample::select(vec![("anthropic", "signature"), ("gemini", "thought"), ("openai", "encrypted")]);
    (kind, "[A-Za-z0-9+/=]{1,8}").prop_map(|((vendor, kind), data)| Seal::new(vendor, kind, data))
}

fn cache() -> impl Strategy<Value = Option<CacheHint>> {
    let hints =
        [CacheHint::Default, CacheHint::FiveMinutes, CacheHint::HalfHour, CacheHint::OneHour, CacheHint::Long].to_vec();
    option::weighted(0.3, prop::sample::select(hints))
}

fn text() -> impl Strategy<Value = Part> {
    (words(), cache()).prop_map(|(text, cache)| Part::Text(Text { text, cache, ..Text::default() }))
}

fn image() -> impl Strategy<Value = Part> {
    Just(Part::Image(Media {
        source: Source::Base64("iVBORw0KGgo=".into()),
        media_type: Some("image/png".into()),
        detail: None,
        cache: None,
    }))
}

fn thought() -> impl Strategy<Value = Part> {
    let shown = (words(), option::of(seal()));
    let hidden = option::of(prop_oneof![
        Just(Seal::new("anthropic", "redacted", "hidden")),
        Just(Seal::new("openai", "encrypted", "hidden"))
    ]);
    prop_oneof![
        shown.prop_map(|(text, seal)| Part::Thinking(Thought { text, seal, redacted: false })),
        hidden.prop_map(|seal| Part::Thinking(Thought { text: String::new(), seal, redacted: true })),
    ]
}

fn call_with(arguments: impl Strategy<Value = String>) -> impl Strategy<Value = Part> {
    let id = prop_oneof!["", "[a-c]", "call:[a-c]"];
    let name = prop::sample::select(vec!["tool", "long.name/with é", "other"]);
    (id, name, arguments, option::weighted(0.3, seal()), cache()).prop_map(|(id, name, arguments, seal, cache)| {
        Part::ToolCall(ToolCall { id, name: name.into(), arguments, kind: CallKind::Function, seal, cache })
    })
}

fn result() -> impl Strategy<Value = Part> {
    let parts = prop::collection::vec(prop_oneof![text(), image()], 0..3);
    ("[a-c]", parts, any::<bool>(), cache()).prop_map(|(call_id, parts, is_error, cache)| {
        Part::ToolResult(ToolResult { call_id, name: None, parts, is_error, cache })
    })
}

fn foreign() -> impl Strategy<Value = Part> {
    (option::of(words()), any::<bool>()).prop_map(|(gist, own)| {
        let (origin, json) = if own {
            (crate::names::ID, r#"{"type":"web_search_tool_result","tool_use_id":"s","content":[]}"#)
        } else {
            (hub::DialectId("gemini"), "{}")
        };
        Part::Foreign(Foreign { origin, json: Json::trusted(json), gist: gist.filter(|_| !own), trace: None })
    })
}

fn turn() -> impl Strategy<Value = Turn> {
    let user = prop::collection::vec(prop_oneof![3 => text(), 1 => image(), 2 => result(), 1 => foreign()], 0..4);
    let assistant = prop::collection::vec(
        prop_oneof![2 => text(), 1 => image(), 2 => call_with(arguments()), 2 => thought()],
        0..4,
    );
    let system = prop::collection::vec(text(), 0..2);
    prop_oneof![
        3 => user.prop_map(|parts| Turn { role: Role::User, parts }),
        3 => assistant.prop_map(|parts| Turn { role: Role::Assistant, parts }),
        1 => system.prop_map(|parts| Turn { role: Role::System, parts }),
    ]
}

fn tool() -> impl Strategy<Value = Tool> {
    let schemas = [
        "{}",
        r#"{"type":"object","properties":{"a":{"type":"string","pattern":"x"}}}"#,
        r#"{"anyOf":[{"properties":{"a":{}}},{"properties":{"b":{"required":true,"type":"STRING"}}}]}"#,
        "true",
    ];
    let kind = prop_oneof![
        3 => option::of(prop::sample::select(schemas.to_vec())).prop_map(|schema| ToolKind::Function(schema.map(Json::trusted))),
        1 => Just(ToolKind::Custom(None)),
        1 => Just(ToolKind::WebSearch(hub::WebSearch::default())),
        1 => Just(ToolKind::Hosted { origin: hub::DialectId("other"), json: Json::empty_object(), same: None }),
    ];
    let name = prop::sample::select(vec!["tool", "long.name/with é", "long_name_with__", "other", "web_search"]);
    (name, kind, option::of(any::<bool>()), cache()).prop_map(|(name, kind, strict, cache)| Tool {
        name: name.into(),
        description: None,
        kind,
        strict,
        cache,
        extras: Vec::new(),
    })
}

fn thinking() -> impl Strategy<Value = Thinking> {
    let mode = prop_oneof![
        Just(None),
        Just(Some(Mode::Off)),
        Just(Some(Mode::Auto)),
        any::<u32>().prop_map(|n| Some(Mode::Budget(n)))
    ];
    let show = prop::sample::select(vec![Show::Default, Show::Yes, Show::No]);
    (mode, option::of(prop::sample::select(Level::ALL.to_vec())), show).prop_map(|(mode, level, show)| Thinking {
        mode,
        level,
        show,
    })
}

fn sampling() -> impl Strategy<Value = Sampling> {
    let stop = prop::collection::vec(words(), 0..3);
    (option::of(1_u64..70_000), option::of(0.0..2.0), option::of(0.0..1.0), option::of(1_u64..50), stop).prop_map(
        |(max_tokens, temperature, top_p, top_k, stop)| Sampling {
            max_tokens,
            temperature,
            top_p,
            top_k,
            stop,
            ..Sampling::default()
        },
    )
}

fn format() -> impl Strategy<Value = Format> {
    let schema =
        prop::sample::select(vec![r#"{"type":"object","properties":{"a":{"oneOf":[{"minimum":1}]}}}"#, "true", "{}"]);
    prop_oneof![
        3 => Just(Format::Text),
        1 => Just(Format::Json),
        1 => schema.prop_map(|schema| Format::Schema(Schema {
            name: None,
            description: Some("d".into()),
            schema: Json::trusted(schema),
            strict: None,
        bare: false,
        })),
    ]
}

fn choice() -> impl Strategy<Value = Option<ToolChoice>> {
    prop_oneof![
        Just(None),
        Just(Some(ToolChoice::Auto)),
        Just(Some(ToolChoice::None)),
        Just(Some(ToolChoice::Required)),
        Just(Some(ToolChoice::Tool("tool".into()))),
        any::<bool>().prop_map(|required| Some(ToolChoice::Subset { required, names: vec!["tool".into()] })),
    ]
}

/// Any mended request.
pub(crate) fn request() -> impl Strategy<Value = Request> {
    let system = prop::collection::vec((words(), cache()), 0..3);
    let turns = prop::collection::vec(turn(), 0..6);
    let tools = prop::collection::vec(tool(), 0..4);
    (system, turns, tools, choice(), option::of(any::<bool>()), sampling(), format(), thinking()).prop_map(
        |(system, turns, tools, tool_choice, parallel_tools, sampling, format, thinking)| {
            let system = system.into_iter().map(|(text, cache)| Text { text, cache, ..Text::default() }).collect();
            let mut request = Request {
                model: "m".into(),
                system,
                turns,
                tools,
                tool_choice,
                parallel_tools,
                sampling,
                format,
                thinking,
                ..Request::default()
            };
            hub::mend(&mut request, &mut hub::Losses::default());
            request
        },
    )
}

/// What some models are known to take, and some known not to.
pub(crate) fn traits() -> impl Strategy<Value = dialect::ModelTraits> {
    let flag = || option::of(any::<bool>());
    let thinking = (flag(), flag(), flag(), option::of(Just((1_024_u32, 32_000_u32)))).prop_map(
        |(supported, adaptive, can_disable, budget)| dialect::ThinkingTraits {
            supported,
            adaptive,
            can_disable,
            budget,
            levels: Vec::new(),
        },
    );
    (option::of(2_000_u64..64_000), thinking, flag(), flag(), flag(), flag()).prop_map(
        |(max_output, thinking, sampling, system_turns, prefill, structured_output)| dialect::ModelTraits {
            max_output,
            thinking,
            sampling,
            system_turns,
            prefill,
            structured_output,
            ..dialect::ModelTraits::default()
        },
    )
}

fn answer_text() -> impl Strategy<Value = Part> {
    let citation = "[a-z]{1,4}".prop_map(|path| Citation {
        url: Some(format!("https://{path}.example")),
        title: Some(path),
        cited_text: Some("words".into()),
        ..Citation::default()
    });
    ("[a-zé\"\\\\\n🦀 ]{0,12}", prop::collection::vec(citation, 0..2)).prop_map(|(text, citations)| {
        // A source without a word has no place in a stream.
        let citations = if text.is_empty() { Vec::new() } else { citations };
        Part::Text(Text { text, citations, ..Text::default() })
    })
}

/// Any answer whose calls have whole arguments.
pub(crate) fn response() -> impl Strategy<Value = Response> {
    let parts = prop::collection::vec(
        prop_oneof![
            answer_text(),
            "[a-z]{0,6}".prop_map(Part::Refusal),
            call_with(object()),
            thought(),
            foreign(),
            image()
        ],
        0..6,
    );
    let stop = (prop::sample::select(StopReason::ALL.to_vec()), option::of("[a-z]{1,4}"), option::of("[a-z]{1,4}"))
        .prop_map(|(reason, sequence, detail)| Stop { reason, sequence, detail });
    let count = || option::of(0_u64..1_000_000);
    let usage = (count(), count(), count(), count()).prop_map(|(fresh, cache_read, output, reasoning)| Usage {
        fresh,
        cache_read,
        output,
        reasoning,
        ..Usage::default()
    });
    ("[a-z0-9]{0,6}", parts, stop, usage).prop_map(|(id, parts, stop, usage)| Response {
        id,
        model: "upstream-name".into(),
        parts,
        stop,
        usage,
        ..Response::default()
    })
}

/// The events of an answer with its blocks shuffled into one another, legal all the same.
pub(crate) fn interleaved(response: Response, order: &[prop::sample::Index]) -> Vec<Event> {
    let mut events = Vec::new();
    hub::replay(response, &mut events);
    let block_of = |event: &Event| match event {
        Event::Open { block, .. }
        | Event::Tokens { block, .. }
        | Event::Delta { block, .. }
        | Event::Seal { block, .. }
        | Event::Cite { block, .. }
        | Event::Close { block } => Some(*block),
        Event::Start { .. } | Event::Usage(_) | Event::Aside { .. } | Event::Stop(_) => None,
    };
    // Opens keep their order: that is the order of the parts.
    let mut out: Vec<Event> = Vec::new();
    let mut late: Vec<Vec<Event>> = Vec::new();
    let mut tail = Vec::new();
    for event in events {
        match (&event, block_of(&event)) {
            (Event::Start { .. }, _) => out.push(event),
            (Event::Open { .. }, _) => {
                out.push(event);
                late.push(Vec::new());
            }
            (_, Some(_)) => late.last_mut().unwrap().push(event),
            (_, None) => tail.push(event),
        }
    }
    let mut order = order.iter().cycle();
    while !late.is_empty() {
        let at = order.next().map_or(0, |index| index.index(late.len()));
        if late[at].is_empty() {
            late.remove(at);
        } else {
            out.push(late[at].remove(0));
        }
    }
    out.extend(tail);
    out
}
