//! What an Ollama server gets and says.

use bytes::Bytes;
use dialect::{
    Body, Frame, Memo, ModelTraits, Scanner as _, Signal, Target, ThinkingTraits, WireQuirks, WireSide as _, splice,
};
use http::{HeaderMap, StatusCode};
use hub::{
    CallKind, Event, Extra, FaultKind, File, Format, Json, Level, Media, Mode, Part, RawFault, Request, Role, Schema,
    Source, StopReason, Text, Thinking, Thought, Tool, ToolCall, ToolChoice, ToolKind, ToolResult, Turn, Usage,
};
use serde_json::{Value, json};

use super::{assembled, read, sent};
use crate::chat::Chat;
use crate::scanner::Watch;

const PNG: &str = "iVBORw0KGgoAAAANSUhEUg==";

fn text(words: &str) -> Part {
    Part::Text(Text::plain(words))
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

fn asked() -> Request {
    Request { turns: vec![turn(Role::User, vec![text("hi")])], ..Request::default() }
}

fn tool(name: &str, kind: ToolKind) -> Tool {
    Tool { name: name.into(), description: Some("d".into()), kind, strict: None, cache: None, extras: Vec::new() }
}

fn picture() -> Part {
    Part::Image(Media { source: Source::Base64(PNG.into()), media_type: None, detail: None, cache: None })
}

#[test]
fn a_conversation_is_written() {
    let call = ToolCall {
        id: "c1".into(),
        name: "look up".into(),
        arguments: r#"{"id":9007199254740993}"#.into(),
        kind: CallKind::Function,
        seal: None,
        cache: None,
    };
    let result = ToolResult {
        call_id: "c1".into(),
        name: Some("look up".into()),
        parts: vec![text("none"), picture()],
        is_error: true,
        cache: None,
    };
    let thought = Thought { text: "hm".into(), ..Thought::default() };
    let request = Request {
        system: vec![Text::plain("a"), Text::plain("b")],
        turns: vec![
            turn(Role::User, vec![text("see"), picture(), text("this")]),
            turn(Role::Assistant, vec![Part::Thinking(thought), text("ok"), Part::ToolCall(call)]),
            turn(Role::User, vec![Part::ToolResult(result), text("so?")]),
        ],
        tools: vec![tool("look up", ToolKind::Function(None))],
        ..Request::default()
    };
    let (body, losses, _) = sent(&request, &ModelTraits::default()).unwrap();
    let expect = json!({
        "model": "wire-model",
        "messages": [
            {"role": "system", "content": "a\n\nb"},
            {"role": "user", "content": "see\nthis", "images": [PNG]},
            {"role": "assistant", "content": "ok", "thinking": "hm", "tool_calls": [
                {"id": "c1", "function": {"index": 0, "name": "look up", "arguments": {"id": 9_007_199_254_740_993_u64}}}]},
            {"role": "tool", "content": "Error: none\n[pictures attached below]", "tool_name": "look up", "tool_call_id": "c1"},
            {"role": "user", "content": "[pictures of the result of look up, call c1]\nso?", "images": [PNG]},
        ],
        "tools": [{"type": "function", "function": {"name": "look up", "description": "d", "parameters": {"type": "object", "properties": {}}}}],
        "stream": true,
        "truncate": false,
    });
    assert_eq!((body, losses), (expect, Vec::new()));
}

#[test]
fn options_and_formats_are_written() {
    let mut request = asked();
    request.sampling.max_tokens = Some(9);
    request.sampling.temperature = Some(0.5);
    request.sampling.stop = vec!["x".into()];
    request.sampling.seed = Some(4);
    let schema = Schema {
        name: None,
        description: None,
        schema: Json::trusted("{\n\"type\":\"object\"}"),
        strict: None,
        bare: false,
    };
    request.format = Format::Schema(schema);
    let quirks = WireQuirks { context_window: Some(32_768), ..WireQuirks::default() };
    let traits = ModelTraits { quirks, max_output: Some(8), ..ModelTraits::default() };
    let (body, losses, _) = sent(&request, &traits).unwrap();
    let options = json!({"num_ctx": 32_768, "num_predict": 8, "temperature": 0.5, "seed": 4, "stop": ["x"]});
    assert_eq!((&body["options"], &body["format"]), (&options, &json!({"type": "object"})));
    assert_eq!(losses, ["max_tokens"]);
    request.format = Format::Json;
    assert_eq!(sent(&request, &traits).unwrap().0["format"], "json");
}

#[test]
fn only_a_model_that_thinks_is_asked_to() {
    let think = |thinking: Thinking, traits: ThinkingTraits| {
        let traits = ModelTraits { thinking: traits, ..ModelTraits::default() };
        let (body, losses, _) = sent(&Request { thinking, ..asked() }, &traits).unwrap();
        (body.get("think").cloned(), losses.len())
    };
    let level = |level| Thinking { level: Some(level), ..Thinking::default() };
    let mode = |mode| Thinking { mode: Some(mode), ..Thinking::default() };
    let able = || ThinkingTraits { supported: Some(true), ..ThinkingTraits::default() };
    let unable = || ThinkingTraits { supported: Some(false), ..ThinkingTraits::default() };
    let unknown = ThinkingTraits::default;
    assert_eq!(think(level(Level::High), able()), (Some(json!("high")), 0));
    assert_eq!(think(level(Level::Minimal), able()), (Some(json!("low")), 1));
    assert_eq!(think(level(Level::XHigh), able()), (Some(json!("max")), 1));
    assert_eq!(think(mode(Mode::Auto), able()), (Some(json!(true)), 0));
    assert_eq!(think(mode(Mode::Budget(1_024)), able()), (Some(json!("low")), 1));
    assert_eq!(think(level(Level::High), unknown()), (None, 1));
    assert_eq!(think(level(Level::High), unable()), (None, 1));
    assert_eq!(think(mode(Mode::Off), unknown()), (Some(json!(false)), 0));
    assert_eq!(think(mode(Mode::Off), unable()), (None, 0));
    assert_eq!(think(Thinking::default(), able()), (None, 0));
}

#[test]
fn the_list_of_tools_stands_for_the_choice() {
    let choose = |choice: ToolChoice| {
        let tools = vec![tool("a", ToolKind::Function(None)), tool("b", ToolKind::Custom(None))];
        let request = Request { tools, tool_choice: Some(choice), ..asked() };
        let (body, losses, memo) = sent(&request, &ModelTraits::default()).unwrap();
        let names: Vec<Value> =
            body["tools"].as_array().into_iter().flatten().map(|tool| tool["function"]["name"].clone()).collect();
        (names, losses.len(), memo.custom.len())
    };
    assert_eq!(choose(ToolChoice::Auto), (vec![json!("a"), json!("b")], 0, 1));
    assert_eq!(choose(ToolChoice::None), (vec![], 0, 0));
    assert_eq!(choose(ToolChoice::Required), (vec![json!("a"), json!("b")], 1, 1));
    assert_eq!(choose(ToolChoice::Tool("a".into())), (vec![json!("a")], 1, 0));
    assert_eq!(choose(ToolChoice::Subset { required: false, names: vec!["b".into()] }), (vec![json!("b")], 0, 1));
}

#[test]
fn what_cannot_be_carried_is_refused() {
    let refused = |change: &dyn Fn(&mut Request)| {
        let mut request = asked();
        change(&mut request);
        let fault = sent(&request, &ModelTraits::default()).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unsupported);
        fault.param.unwrap_or_default().into_owned()
    };
    assert_eq!(refused(&|request| request.sampling.n = Some(2)), "n");
    assert_eq!(refused(&|request| request.sampling.max_tokens = Some(0)), "max_tokens");
    assert_eq!(refused(&|request| request.sampling.logit_bias = Some(Json::trusted("{\"1\":2}"))), "logit_bias");
    let put = |part: Part| move |request: &mut Request| request.turns[0].parts.push(part.clone());
    let media = |source| Media { source, media_type: None, detail: None, cache: None };
    assert_eq!(refused(&put(Part::Image(media(Source::Url("http://a/b".into()))))), "messages");
    assert_eq!(refused(&put(Part::Audio(media(Source::Base64("AAAA".into()))))), "messages");
    let pdf = File {
        source: Source::Base64("JVBERi0x".into()),
        media_type: Some("application/pdf".into()),
        name: None,
        context: None,
        cite: false,
        cache: None,
    };
    assert_eq!(refused(&put(Part::File(pdf.clone()))), "messages");
    let words = File { source: Source::Base64("aGk=".into()), media_type: Some("text/plain".into()), ..pdf };
    let request = Request { turns: vec![turn(Role::User, vec![Part::File(words)])], ..Request::default() };
    assert_eq!(sent(&request, &ModelTraits::default()).unwrap().0["messages"][0]["content"], "[document]\nhi");
    let extra = |field: &str| Extra { origin: hub::DialectId("x"), field: field.into(), json: Json::trusted("\"v\"") };
    assert_eq!(refused(&|request| request.extras.push(extra("conversation"))), "conversation");
    let (body, ..) = sent(&Request { extras: vec![extra("store")], ..asked() }, &ModelTraits::default()).unwrap();
    assert!(body.get("store").is_none(), "what only another dialect knows is not sent: {body}");
}

#[test]
fn a_relay_asks_for_the_window_and_never_cuts() {
    let quirks = WireQuirks { context_window: Some(99), ..WireQuirks::default() };
    let traits = ModelTraits { quirks, ..ModelTraits::default() };
    let head = http::Request::post("/api/chat").body(()).unwrap().into_parts().0;
    let relayed = |text: &'static str| {
        let body = Body::parse(Bytes::from_static(text.as_bytes())).unwrap();
        let relay = Chat.relay(&head, &body, &Target { model: "w", stream: true, traits: &traits });
        serde_json::from_slice::<Value>(&splice::apply(body.bytes(), body.index(), &relay.edits)).unwrap()
    };
    assert_eq!(relayed(r#"{"model":"m"}"#), json!({"model": "w", "truncate": false, "options": {"num_ctx": 99}}));
    let told = json!({"model": "w", "truncate": true, "options": {"num_ctx": 5, "seed": 1}});
    assert_eq!(relayed(r#"{"model":"m","truncate":true,"options":{"num_ctx":5,"seed":1}}"#), told);
}

const LINES: [&str; 5] = [
    r#"{"model":"w","created_at":"t","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}"#,
    r#"{"model":"w","message":{"role":"assistant","content":"a \"done\":true b"},"done":false}"#,
    r#"{"model":"w","message":{"role":"assistant","content":"!","tool_calls":[{"function":{"name":"CLOCK","arguments":{"n":1.0}}}]},"done":false}"#,
    "",
    r#"{"model":"w","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":11,"eval_count":7}"#,
];

#[test]
fn streams_are_read() {
    let names =
        dialect::NameMap::new(["clock"].into_iter(), dialect::NameRule { max: 64, also: b"", letter_first: false });
    let response = assembled(read(&LINES, Memo { names, ..Memo::default() }).unwrap());
    assert_eq!(response.model, "w");
    let [Part::Thinking(thought), Part::Text(text), Part::ToolCall(call)] = response.parts.as_slice() else {
        panic!("{response:?}")
    };
    assert_eq!((thought.text.as_str(), text.text.as_str()), ("hm", "a \"done\":true b!"));
    assert_eq!((call.name.as_str(), call.arguments.as_str()), ("clock", r#"{"n":1.0}"#));
    assert_eq!(response.stop.reason, StopReason::ToolCalls);
    assert_eq!(response.usage, Usage { fresh: Some(11), output: Some(7), ..Usage::default() });
}

#[test]
fn a_cut_stream_is_a_fault_and_so_is_an_error_inside() {
    assert_eq!(read(&LINES[..4], Memo::default()).unwrap_err().kind, FaultKind::UpstreamGarbled);
    let fault = read(&[LINES[0], r#"{"error":"llama runner process has terminated"}"#], Memo::default()).unwrap_err();
    assert_eq!((fault.kind, &*fault.message), (FaultKind::UpstreamFailed, "llama runner process has terminated"));
    assert_eq!(read(&["<html>"], Memo::default()).unwrap_err().kind, FaultKind::UpstreamGarbled);
    let whole = Chat.decode_response(br#"{"error":"prompt is too long"}"#, &Memo::default()).unwrap_err();
    assert_eq!(whole.kind, FaultKind::ContextOverflow);
    assert!(Chat.decode_response(b"{}", &Memo::default()).is_err());
}

#[test]
fn calls_that_came_whole_win_over_a_limit_and_custom_input_is_unwrapped() {
    let line = r#"{"message":{"content":"a","tool_calls":[{"id":"x","function":{"name":"patch","arguments":{"input":"p\n"}}}]},"done":true,"done_reason":"length"}"#;
    let memo = Memo { custom: vec!["patch".into()], ..Memo::default() };
    let response = Chat.decode_response(line.as_bytes(), &memo).unwrap();
    assert_eq!(response.stop.reason, StopReason::ToolCalls);
    let cut = r#"{"message":{"content":"a"},"done":true,"done_reason":"length"}"#;
    let cut = Chat.decode_response(cut.as_bytes(), &Memo::default()).unwrap();
    assert_eq!(cut.stop.reason, StopReason::Length);
    let Part::ToolCall(call) = &response.parts[1] else { panic!("{response:?}") };
    assert_eq!((call.kind, call.arguments.as_str(), call.id.as_str()), (CallKind::Custom, "p\n", "x"));
    let streamed = assembled(read(&[line], memo).unwrap());
    assert_eq!(streamed, response);
    let events = read(&[line], Memo::default()).unwrap();
    assert!(matches!(events.last(), Some(Event::Stop(_))));
}

#[test]
fn the_scanner_sees_content_the_end_and_errors() {
    let mut watch = Watch::default();
    let mut see = |line: &str| match watch.frame(Frame { event: None, data: line.as_bytes() }) {
        Signal::Quiet => "quiet",
        Signal::Content => "content",
        Signal::UsageOnly => "usage",
        Signal::Terminal => "terminal",
        Signal::Fault(_) => "fault",
    };
    let silent = r#"{"model":"w","message":{"role":"assistant","content":""},"done":false}"#;
    assert_eq!(see(silent), "quiet");
    let seen: Vec<&str> = LINES.iter().map(|line| see(line)).collect();
    assert_eq!(seen, ["content", "content", "content", "quiet", "terminal"]);
    assert_eq!(see(r#"{"error":"late"}"#), "quiet", "nothing counts after the end");
    let observed = watch.observed();
    assert_eq!(observed.stop.as_ref().map(|stop| stop.reason), Some(StopReason::ToolCalls));
    assert!(observed.end_mark && observed.terminal && observed.usage.output == Some(7));
    let mut watch = Watch::default();
    watch.frame(Frame { event: None, data: LINES[1].as_bytes() });
    assert!(matches!(watch.frame(Frame { event: None, data: br#"{"error":"x"}"# }), Signal::Fault(_)));
    assert!(matches!(Watch::default().whole(br#"{"error":"x"}"#), Signal::Fault(_)));
    assert!(matches!(Watch::default().whole(LINES[4].as_bytes()), Signal::Terminal));
}

#[test]
fn refusals_of_every_shape_are_read() {
    for (status, body, kind, words) in [
        (404, r#"{"error":"model \"x\" not found"}"#, FaultKind::ModelNotFound, "model \"x\" not found"),
        (400, r#"{"error":"input length exceeds the context length"}"#, FaultKind::ContextOverflow, "input length"),
        (500, r#"{"error":"server busy, please try again"}"#, FaultKind::Overloaded, "server busy"),
        (503, r#"{"error":{"message":"full"}}"#, FaultKind::Overloaded, "full"),
        (401, r#"{"detail":"no"}"#, FaultKind::UpstreamRefused, "no"),
        (502, "<html><title>Bad Gateway</title></html>", FaultKind::UpstreamFailed, "Bad Gateway"),
        (429, "", FaultKind::RateLimited, "without a word"),
    ] {
        let raw = RawFault {
            dialect: crate::ID,
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        };
        let fault = Chat.read_fault(raw);
        assert_eq!(fault.kind, kind, "{body}");
        assert!(fault.message.contains(words), "{}", fault.message);
        assert!(fault.upstream.is_some());
    }
}
