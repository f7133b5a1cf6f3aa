//! What clients send and get.

use dialect::ClientSide as _;
use hub::{
    Block, BlockId, CallKind, Event, Fault, FaultKind, Format, Level, Mode, Part, Response, Role, Show, Source,
    StopReason, Thinking, Usage, replay,
};
use serde_json::json;

use super::{body, chat, generate, lines, reply, told, written};
use crate::chat::Chat;
use crate::generate::Generate;
use crate::response;
use crate::stream_encode::{Encoder, Form};

const PNG: &str = "iVBORw0KGgoAAAANSUhEUg==";

#[test]
fn a_name_without_a_tag_is_the_latest() {
    for (name, full) in [
        ("m", Some("m:latest")),
        ("a/b", Some("a/b:latest")),
        ("host:1/m", Some("host:1/m:latest")),
        ("m:8b", None),
        ("a/", None),
        ("", None),
    ] {
        assert_eq!(Chat.full_name(name).as_deref(), full, "{name}");
    }
}

#[test]
fn pictures_come_in_any_alphabet() {
    let read = |data: &str| {
        let decoded = chat(&json!({"messages": [{"role": "user", "images": [data]}]})).unwrap();
        let Part::Image(image) = &decoded.request.turns[0].parts[0] else { panic!("no picture") };
        (image.source.clone(), image.media_type.clone())
    };
    let clean = (Source::Base64(PNG.into()), Some("image/png".to_owned()));
    assert_eq!(read(&PNG.replace("Rw0", "Rw0\r\n")), clean);
    assert_eq!(read(PNG.trim_end_matches('=')), clean);
    assert_eq!(read(&format!("data:image/webp;base64,{PNG}")), clean, "the bytes tell");
    assert_eq!(read("_-8=").0, Source::Base64("/+8=".into()));
}

#[test]
fn a_stream_is_the_default_and_names_are_plain() {
    let head = http::Request::post("/api/chat").body(()).unwrap().into_parts().0;
    let peek = |json| Chat.peek(&head, &body(&json)).unwrap();
    assert!(peek(json!({"model": "m"})).reply.stream);
    assert!(!peek(json!({"model": "m", "stream": false})).reply.stream);
    assert_eq!(peek(json!({"name": "old"})).model, "old");
    assert!(Chat.peek(&head, &body(&json!({"messages": []}))).is_err());
    for (name, plain) in [
        ("m:latest", Some("m")),
        ("[Provider One] m", Some("m")),
        ("[P] m:latest", Some("m")),
        ("m:8b", None),
        ("m", None),
        ("[P]", None),
        (":latest", None),
    ] {
        assert_eq!(Chat.plain_name(name), plain, "{name}");
    }
}

#[test]
fn options_are_read_by_name() {
    let options = json!({"num_predict": 9.0, "temperature": 0.8, "top_p": 0.5, "top_k": 3, "seed": -4, "stop": "x",
        "frequency_penalty": 0, "presence_penalty": 0.5, "num_ctx": 4096, "repeat_penalty": 1.2, "num_gpu": 1});
    let decoded = chat(&json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "options": options,
        "keep_alive": "5m"}))
    .unwrap();
    let sampling = decoded.request.sampling;
    assert_eq!((sampling.max_tokens, sampling.temperature, sampling.top_p), (Some(9), Some(0.8), Some(0.5)));
    assert_eq!((sampling.top_k, sampling.seed, sampling.stop), (Some(3), Some(-4), vec!["x".to_owned()]));
    assert_eq!((sampling.frequency_penalty, sampling.presence_penalty), (None, Some(0.5)));
    assert_eq!(told(&decoded.losses), ["options.repeat_penalty"]);
    let endless = chat(&json!({"messages": [{"role": "user", "content": "hi"}], "options": {"num_predict": -1}}));
    assert_eq!(endless.unwrap().request.sampling.max_tokens, None);
    let wrong = chat(&json!({"messages": [{"role": "user", "content": "hi"}], "options": {"top_k": "many"}}));
    assert_eq!(wrong.unwrap_err().param.as_deref(), Some("options.top_k"));
}

#[test]
fn thinking_is_a_switch_or_a_level() {
    let think = |think| {
        let request = json!({"messages": [{"role": "user", "content": "hi"}], "think": think});
        chat(&request).map(|decoded| decoded.request.thinking)
    };
    let on = Thinking { mode: Some(Mode::Auto), level: None, show: Show::Yes };
    assert_eq!(think(json!(true)).unwrap(), on);
    assert_eq!(think(json!(null)).unwrap(), Thinking::default());
    assert_eq!(think(json!("high")).unwrap().effort(), Some(Level::High));
    assert!(think(json!(false)).unwrap().is_off());
    assert_eq!(think(json!("much")).unwrap_err().param.as_deref(), Some("think"));
    assert!(think(json!(3)).is_err());
}

#[test]
fn formats_are_a_word_or_a_schema() {
    let format = |format| {
        let request = json!({"messages": [{"role": "user", "content": "hi"}], "format": format});
        chat(&request).map(|decoded| decoded.request.format)
    };
    assert_eq!(format(json!("json")).unwrap(), Format::Json);
    assert_eq!(format(json!("")).unwrap(), Format::Text);
    let Format::Schema(schema) = format(json!({"type": "object"})).unwrap() else { panic!("no schema") };
    assert_eq!(schema.schema.as_str(), r#"{"type":"object"}"#);
    assert!(format(json!("yaml")).is_err());
    assert!(format(json!(["json"])).is_err());
}

#[test]
fn results_find_their_calls_by_name_and_order() {
    let decoded = chat(&json!({"messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "what?", "images": [PNG]},
        {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [
            {"function": {"name": "clock", "arguments": {"tz": "A", "id": 9_007_199_254_740_993_u64}}},
            {"function": {"name": "clock", "arguments": {}}},
            {"id": "own", "function": {"name": "tide", "arguments": "{\"a\":1}"}},
        ]},
        {"role": "tool", "tool_call_id": "own", "content": "three"},
        {"role": "tool", "tool_name": "clock", "content": "one"},
        {"role": "tool", "content": "two"},
    ]}))
    .unwrap();
    let request = decoded.request;
    assert_eq!(request.system[0].text, "be brief");
    let Part::Image(image) = &request.turns[0].parts[0] else { panic!("no picture") };
    assert_eq!((image.media_type.as_deref(), &image.source), (Some("image/png"), &Source::Base64(PNG.into())));
    let calls: Vec<(&str, &str)> = request.turns[1]
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolCall(call) => Some((call.id.as_str(), call.arguments.as_str())),
            _ => None,
        })
        .collect();
    let exact = r#"{"id":9007199254740993,"tz":"A"}"#;
    assert_eq!(calls, [("call_2_0", exact), ("call_2_1", "{}"), ("own", "{\"a\":1}")]);
    let results: Vec<&str> = request.turns[2..]
        .iter()
        .map(|turn| match (&turn.role, &turn.parts[0]) {
            (Role::User, Part::ToolResult(result)) => result.call_id.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(results, ["own", "call_2_0", "call_2_1"]);
}

#[test]
fn very_many_calls_are_paired_in_no_time() {
    let many = 20_000;
    let calls: Vec<_> = (0..many).map(|n| json!({"id": format!("c{n}"), "function": {"name": "t"}})).collect();
    let results = (0..many).rev().map(|n| json!({"role": "tool", "tool_call_id": format!("c{n}"), "content": "x"}));
    let nameless = (0..many).map(|_| json!({"role": "tool", "content": "x"}));
    let tools: Vec<_> = (0..many).map(|n| json!({"function": {"name": format!("t{n}")}})).collect();
    let asked = json!({"role": "assistant", "tool_calls": calls});
    let messages: Vec<_> = [asked.clone()].into_iter().chain(results).chain([asked]).chain(nameless).collect();
    let before = worked();
    let decoded = chat(&json!({"messages": messages, "tools": tools})).unwrap();
    assert_eq!((decoded.request.turns.len(), decoded.request.tools.len()), (2 * many + 2, many));
    assert!(worked() - before < 5 * 1_000_000_000, "{} ns", worked() - before);
}

/// How many nanoseconds of a processor this thread has had, where the system tells; waiting for others is not in it.
fn worked() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

#[test]
fn what_makes_no_sense_is_refused_at_its_place() {
    for (request, param) in [
        (json!({"messages": {"role": "user"}}), "messages"),
        (json!({"messages": [{"role": "oracle", "content": "x"}]}), "messages[0].role"),
        (json!({"messages": [{"role": "user", "content": ["x"]}]}), "messages[0].content"),
        (json!({"messages": [{"role": "user", "images": ["http://a/b.png"]}]}), "messages[0].images[0]"),
        (json!({"messages": [{"role": "assistant", "tool_calls": [{}]}]}), "messages[0].tool_calls[0].function.name"),
        (json!({"messages": [{"role": "user", "content": "x"}], "tools": [{}]}), "tools[0].function.name"),
        (json!({"messages": [{"role": "user", "content": "x"}], "options": []}), "options"),
    ] {
        assert_eq!(chat(&request).unwrap_err().param.as_deref(), Some(param), "{request}");
    }
}

#[test]
fn generate_is_one_turn() {
    let decoded = generate(&json!({"model": "m", "prompt": "hi", "system": "s", "images": [PNG], "context": [],
        "suffix": "", "raw": true}))
    .unwrap();
    assert_eq!(decoded.request.system[0].text, "s");
    assert_eq!(decoded.request.turns.len(), 1);
    assert_eq!(decoded.request.turns[0].parts.len(), 2);
    assert_eq!(told(&decoded.losses), ["raw"]);
    for field in ["suffix", "context"] {
        let value = if field == "context" { json!([1, 2]) } else { json!("}") };
        let fault = generate(&json!({"prompt": "a", field: value})).unwrap_err();
        assert_eq!((fault.kind, fault.param.as_deref()), (FaultKind::Unsupported, Some(field)));
    }
}

fn call(arguments: &str, stop: StopReason) -> Vec<Event> {
    let block = BlockId(0);
    let kind = Block::ToolCall { id: String::new(), name: "clock".into(), kind: CallKind::Function };
    vec![
        Event::Start { id: String::new(), model: "m".into() },
        Event::Open { block, kind },
        Event::Delta { block, text: arguments.into() },
        Event::Close { block },
        Event::Stop(stop.into()),
    ]
}

#[test]
fn calls_are_whole_objects() {
    let stream = |arguments: &str, stop| {
        let all = lines(&written(&call(arguments, stop), Form::Chat));
        let calls: Vec<_> = all.iter().filter_map(|line| line["message"]["tool_calls"].get(0).cloned()).collect();
        (calls, all.last().unwrap()["done_reason"].clone())
    };
    let (calls, reason) = stream("{\"tz\":\n 1.0}", StopReason::ToolCalls);
    assert_eq!(calls[0]["function"], json!({"index": 0, "name": "clock", "arguments": {"tz": 1.0}}));
    assert!(calls[0]["id"].as_str().unwrap().starts_with("call_"));
    assert_eq!(reason, "stop");
    assert_eq!(stream("", StopReason::ToolCalls).0[0]["function"]["arguments"], json!({}));
    assert_eq!(stream("[1]", StopReason::ToolCalls).0[0]["function"]["arguments"], json!({"_raw": "[1]"}));
    let (calls, reason) = stream("{\"tz\":", StopReason::Length);
    assert_eq!((calls.len(), reason), (0, json!("length")));
}

#[test]
fn calls_come_in_the_order_in_which_they_were_opened() {
    let kind = |name: &str| Block::ToolCall { id: String::new(), name: name.into(), kind: CallKind::Function };
    let (one, two) = (BlockId(0), BlockId(1));
    let mut events = vec![
        Event::Open { block: one, kind: kind("one") },
        Event::Open { block: two, kind: kind("two") },
        Event::Close { block: two },
    ];
    assert_eq!(written(&events, Form::Chat), "");
    events.extend([Event::Close { block: one }, Event::Stop(StopReason::ToolCalls.into())]);
    let all = lines(&written(&events, Form::Chat));
    let names: Vec<_> =
        all.iter().filter_map(|line| line["message"]["tool_calls"].get(0)).map(|call| &call["function"]).collect();
    assert_eq!((&names[0]["name"], &names[0]["index"]), (&json!("one"), &json!(0)));
    assert_eq!((&names[1]["name"], &names[1]["index"]), (&json!("two"), &json!(1)));
}

#[test]
fn texts_of_one_field_never_mix() {
    let (one, two, thought) = (BlockId(0), BlockId(1), BlockId(2));
    let say = |block, text: &str| Event::Delta { block, text: text.into() };
    let events = [
        Event::Open { block: one, kind: Block::Text },
        say(one, "a"),
        Event::Open { block: two, kind: Block::Text },
        say(two, "c"),
        Event::Open { block: thought, kind: Block::Thinking },
        say(thought, "hm"),
        say(one, "b"),
        Event::Close { block: one },
        say(two, "d"),
        Event::Close { block: two },
        Event::Close { block: thought },
        Event::Usage(Usage { fresh: Some(3), cache_read: Some(4), output: Some(5), ..Usage::default() }),
        Event::Stop(StopReason::End.into()),
    ];
    let all = lines(&written(&events, Form::Chat));
    let joined = |field: &str| all.iter().filter_map(|line| line["message"][field].as_str()).collect::<String>();
    assert_eq!((joined("content").as_str(), joined("thinking").as_str()), ("abcd", "hm"));
    let last = all.last().unwrap();
    assert_eq!((&last["prompt_eval_count"], &last["eval_count"]), (&json!(7), &json!(5)));
    assert_eq!(last["created_at"], "2025-10-09T08:53:20.000000000Z");
    assert!(all[..all.len() - 1].iter().all(|line| line["done"] == json!(false)) && last["done"] == json!(true));
    let plain = lines(&written(&events, Form::Generate));
    assert_eq!(plain.iter().filter_map(|line| line["response"].as_str()).collect::<String>(), "abcd");
}

#[test]
fn stream_and_whole_say_the_same() {
    for stop in [StopReason::End, StopReason::Length] {
        for arguments in ["{\"a\":1}", "{\"a\":", ""] {
            let events = call(arguments, stop);
            let whole = response::encode(&super::assembled(events.clone()), &reply(), Form::Chat);
            let whole: serde_json::Value = serde_json::from_slice(&whole).unwrap();
            let streamed = lines(&written(&events, Form::Chat));
            let calls: Vec<_> = streamed
                .iter()
                .filter_map(|line| line["message"]["tool_calls"].as_array())
                .flatten()
                .cloned()
                .collect();
            let expect = whole["message"]["tool_calls"].as_array().cloned().unwrap_or_default();
            assert_eq!((calls, &streamed.last().unwrap()["done_reason"]), (expect, &whole["done_reason"]));
        }
    }
}

#[test]
fn a_request_without_words_loads() {
    let load = |json| Chat.own_answer(&body(&json), &reply());
    assert!(load(json!({"messages": [{"role": "user", "content": "x"}]})).is_none());
    let answer = load(json!({"messages": []})).unwrap();
    assert_eq!(answer.headers["content-type"], "application/json");
    assert!(load(json!({"messages": null})).is_some() && load(json!({})).is_some());
    let line: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((&line["done_reason"], &line["message"]["content"]), (&json!("load"), &json!("")));
    let answer = Generate.own_answer(&body(&json!({"keep_alive": 0})), &reply()).unwrap();
    let line: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((&line["done_reason"], &line["response"]), (&json!("unload"), &json!("")));
    assert!(Generate.own_answer(&body(&json!({"prompt": "x"})), &reply()).is_none());
    let reason = |keep: serde_json::Value| {
        let answer = Generate.own_answer(&body(&json!({"prompt": null, "keep_alive": keep})), &reply()).unwrap();
        serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap()["done_reason"].clone()
    };
    for none in [json!(0), json!(0.0), json!("0"), json!("0s"), json!("0h0m0s")] {
        assert_eq!(reason(none.clone()), "unload", "{none}");
    }
    for some in [json!(-1), json!("5m"), json!("10s"), json!(0.5), json!(null), json!("")] {
        assert_eq!(reason(some.clone()), "load", "{some}");
    }
}

#[test]
fn every_fault_is_a_text() {
    use dialect::StreamEncoder as _;
    for kind in FaultKind::ALL {
        let wait = std::time::Duration::from_millis(1_200);
        let fault = Fault::new(kind, "it \"broke\"").with_retry_after(Some(wait));
        let rendered = Chat.render_fault(&fault, "req_1");
        assert_eq!(rendered.status, kind.status());
        // By "not found" programs know that it is the model.
        let words = if kind == FaultKind::ModelNotFound { "model not found: it \"broke\"" } else { "it \"broke\"" };
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&rendered.body).unwrap(), json!({"error": words}));
        assert_eq!(
            (&rendered.headers["retry-after"], &rendered.headers["x-request-id"]),
            (&"2".parse().unwrap(), &"req_1".parse().unwrap())
        );
        for form in [Form::Chat, Form::Generate] {
            let mut encoder = Encoder::new(reply(), form);
            let mut out = bytes::BytesMut::new();
            encoder.keep_alive(&mut out);
            encoder.fail(&fault, &mut out);
            let told = lines(std::str::from_utf8(&out).unwrap());
            assert_eq!((&told[0]["done"], &told[1]), (&json!(false), &json!({"error": words})));
        }
    }
}

#[test]
fn whole_answers_hold_everything() {
    let mut events = Vec::new();
    let parts = vec![
        Part::Thinking(hub::Thought { text: "hm".into(), ..hub::Thought::default() }),
        Part::Text(hub::Text::plain("a")),
        Part::Refusal("no".into()),
        Part::Image(hub::Media { source: Source::Base64(PNG.into()), media_type: None, detail: None, cache: None }),
    ];
    replay(Response { parts, ..Response::default() }, &mut events);
    let response = super::assembled(events);
    let read =
        |form| serde_json::from_slice::<serde_json::Value>(&response::encode(&response, &reply(), form)).unwrap();
    assert_eq!(
        read(Form::Chat)["message"],
        json!({"role": "assistant", "content": "ano", "thinking": "hm", "images": [PNG]})
    );
    let plain = read(Form::Generate);
    assert_eq!((&plain["response"], &plain["thinking"], &plain["image"]), (&json!("ano"), &json!("hm"), &json!(PNG)));
    for figure in
        ["total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration"]
    {
        assert!(plain[figure].is_u64(), "programs calculate with {figure}: {plain}");
    }
}
