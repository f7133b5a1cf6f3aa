use super::*;
use dialect::{MaxTokensField, ThinkingTraits, WireQuirks};
use hub::{
    CacheHint, CallKind, Extra, File, Foreign, Format, Json, Level, Media, Mode, Part, Role, Schema, Seal, Source,
    Text, Thinking, Thought, Tool, ToolCall, ToolChoice, ToolKind, ToolResult, Turn, WebSearch,
};

const PNG: &str = "iVBORw0KGgoAAAANSUhEUg==";

fn text(words: &str) -> Part {
    Part::Text(Text::plain(words))
}

fn png() -> Part {
    image("image/png")
}

fn image(media_type: &str) -> Part {
    Part::Image(Media {
        source: Source::Base64(PNG.into()),
        media_type: Some(media_type.into()),
        detail: None,
        cache: None,
    })
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        kind: CallKind::Function,
        seal: None,
        cache: None,
    })
}

fn result(id: &str, parts: Vec<Part>) -> Part {
    Part::ToolResult(ToolResult { call_id: id.into(), parts, ..ToolResult::default() })
}

fn turns(turns: Vec<(Role, Vec<Part>)>) -> Request {
    Request { turns: turns.into_iter().map(|(role, parts)| Turn { role, parts }).collect(), ..Request::default() }
}

fn user(parts: Vec<Part>) -> Request {
    turns(vec![(Role::User, parts)])
}

fn tool(name: &str, schema: Option<&str>) -> Tool {
    Tool {
        name: name.into(),
        description: None,
        kind: ToolKind::Function(schema.map(Json::trusted)),
        strict: None,
        cache: None,
        extras: Vec::new(),
    }
}

fn with_tools(tools: Vec<Tool>, tool_choice: Option<ToolChoice>) -> Request {
    Request { tools, tool_choice, ..user(vec![text("hi")]) }
}

fn quirks(quirks: WireQuirks) -> ModelTraits {
    ModelTraits { quirks, ..ModelTraits::default() }
}

fn encoded_for(request: &Request, traits: &ModelTraits) -> Value {
    serde_json::from_slice(&encode_for(request, traits).unwrap().body).unwrap()
}

fn losses(request: &Request, traits: &ModelTraits) -> Vec<String> {
    encode_for(request, traits).unwrap().losses.iter().map(|loss| loss.field.to_string()).collect()
}

fn refused(request: &Request, traits: &ModelTraits) -> String {
    let fault = encode_for(request, traits).unwrap_err();
    assert_eq!(fault.status(), 400);
    fault.param.unwrap().into_owned()
}

#[test]
fn plain_texts_stay_plain_strings() {
    let request = Request {
        system: vec![Text::plain("be brief")],
        ..turns(vec![
            (Role::User, vec![text("a")]),
            (Role::Assistant, vec![text("b"), text("c")]),
            (Role::User, vec![text("d"), text(""), text("e")]),
            (Role::System, vec![text("f")]),
        ])
    };
    assert_eq!(
        encoded(&request),
        json!({"model": "up", "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "bc"},
            {"role": "user", "content": [{"type": "text", "text": "d"}, {"type": "text", "text": "e"}]},
            {"role": "system", "content": "f"},
        ]})
    );
    let flat = encoded_for(&request, &quirks(WireQuirks { flatten_content: true, ..WireQuirks::default() }));
    assert_eq!(flat["messages"][3]["content"], "d\n\ne");
    let no_system_turns = ModelTraits { system_turns: Some(false), ..ModelTraits::default() };
    let bent = encoded_for(&request, &no_system_turns);
    assert_eq!(bent["messages"][4], json!({"role": "user", "content": "<system-reminder>\nf\n</system-reminder>"}));
}

#[test]
fn results_stand_alone_and_their_pictures_follow() {
    let request = turns(vec![
        (Role::Assistant, vec![call("a", "look", ""), call("b", "read", "{\"p\": 1.0}")]),
        (
            Role::User,
            vec![
                result("a", vec![text("chart:"), png()]),
                Part::ToolResult(ToolResult {
                    call_id: "b".into(),
                    parts: vec![text("no such file")],
                    is_error: true,
                    ..ToolResult::default()
                }),
                text("go on"),
            ],
        ),
    ]);
    let body = encoded(&request);
    let messages = body["messages"].as_array().unwrap();
    let roles: Vec<&str> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["assistant", "tool", "tool", "user"]);
    assert_eq!(
        messages[0],
        json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}},
            {"id": "b", "type": "function", "function": {"name": "read", "arguments": "{\"p\": 1.0}"}},
        ]})
    );
    assert_eq!(messages[1]["content"][0]["text"], "chart:");
    assert_eq!(messages[2], json!({"role": "tool", "tool_call_id": "b", "content": "Error: no such file"}));
    assert_eq!(messages[3]["content"][1]["image_url"]["url"], format!("data:image/png;base64,{PNG}"));
    assert_eq!(messages[3]["content"][2], json!({"type": "text", "text": "go on"}));
}

#[test]
fn an_empty_result_is_an_empty_text_and_a_failure_says_so_once() {
    let result = |parts, is_error| ToolResult { call_id: "a".into(), parts, is_error, ..ToolResult::default() };
    for (result, expect) in [
        (result(vec![], false), ""),
        (result(vec![], true), "Error: the tool failed"),
        (result(vec![text("Error: gone")], true), "Error: gone"),
        (result(vec![text("ERROR gone")], true), "ERROR gone"),
        (result(vec![text("é gone")], true), "Error: é gone"),
    ] {
        let request =
            turns(vec![(Role::Assistant, vec![call("a", "f", "{}")]), (Role::User, vec![Part::ToolResult(result)])]);
        assert_eq!(encoded(&request)["messages"][1]["content"], expect);
    }
}

#[test]
fn what_an_assistant_showed_waits_for_the_user() {
    let request = turns(vec![
        (Role::User, vec![text("draw")]),
        (Role::Assistant, vec![text("here"), png()]),
        (Role::System, vec![text("rule")]),
        (Role::User, vec![text("thanks")]),
    ]);
    let body = encoded(&request);
    assert_eq!(body["messages"][2]["content"][1]["type"], "image_url");
    assert_eq!(body["messages"][2]["role"], "user");
    let last = turns(vec![(Role::Assistant, vec![png()])]);
    assert_eq!(encoded(&last)["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn reasoning_goes_back_only_where_it_is_wanted() {
    let details = Seal::new("openai_chat", "reasoning_details", "[{\"type\":\"reasoning.text\"}]");
    let request = turns(vec![
        (
            Role::Assistant,
            vec![
                Part::Thinking(Thought { text: "hm".into(), seal: Some(details), redacted: false }),
                Part::Thinking(Thought {
                    text: String::new(),
                    seal: Some(Seal::new("anthropic", "redacted", "x")),
                    redacted: true,
                }),
                text("yes"),
            ],
        ),
        (Role::User, vec![text("more")]),
    ]);
    assert_eq!(encoded(&request)["messages"][0], json!({"role": "assistant", "content": "yes"}));
    let replay = quirks(WireQuirks { replay_reasoning: true, ..WireQuirks::default() });
    assert_eq!(
        encoded_for(&request, &replay)["messages"][0],
        json!({
            "role": "assistant", "content": "yes", "reasoning_content": "hm",
            "reasoning_details": [{"type": "reasoning.text"}],
        })
    );
    let silent = turns(vec![
        (Role::Assistant, vec![Part::Thinking(Thought { text: "hm".into(), ..Thought::default() })]),
        (Role::User, vec![text("x")]),
    ]);
    assert_eq!(encoded(&silent)["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn documents_are_files_or_words() {
    let file = |source, media_type: &str, name: Option<&str>| {
        Part::File(File {
            source,
            media_type: Some(media_type.into()),
            name: name.map(str::to_owned),
            context: None,
            cite: true,
            cache: None,
        })
    };
    let pdf = file(Source::Base64("JVBERi0xLjQ=".into()), "application/pdf", Some("tides.pdf"));
    let body = encoded(&user(vec![pdf, text("sum up")]));
    assert_eq!(
        body["messages"][0]["content"][0],
        json!({"type": "file", "file": {
        "filename": "tides.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQ="}})
    );
    let words = file(Source::Text("one\ntwo".into()), "text/plain", Some("notes"));
    assert_eq!(encoded(&user(vec![words]))["messages"][0]["content"], "notes\n\none\ntwo");
    let encoded_words = file(Source::Base64("b25lLHR3bw==".into()), "text/csv", None);
    assert_eq!(encoded(&user(vec![encoded_words]))["messages"][0]["content"], "one,two");
    let away = file(Source::Url("https://a.example/x.pdf".into()), "application/pdf", None);
    assert_eq!(refused(&user(vec![away]), &ModelTraits::default()), "messages");
}

#[test]
fn media_that_the_target_cannot_read_is_refused() {
    let blind = ModelTraits { images: Some(false), ..ModelTraits::default() };
    assert_eq!(refused(&user(vec![png()]), &blind), "messages");
    let heic = Media {
        source: Source::Base64("AAAAGGZ0eXBoZWlj".into()),
        media_type: Some("image/heic".into()),
        detail: None,
        cache: None,
    };
    assert_eq!(refused(&user(vec![Part::Image(heic)]), &ModelTraits::default()), "messages");
    // The bytes know better than the label.
    let url = format!("data:image/png;base64,{PNG}");
    assert_eq!(encoded(&user(vec![image("image/jpeg")]))["messages"][0]["content"][0]["image_url"]["url"], url);
    let sound = Part::Audio(Media {
        source: Source::Base64("QUJD".into()),
        media_type: Some("audio/mpeg".into()),
        detail: None,
        cache: None,
    });
    assert_eq!(
        encoded(&user(vec![sound]))["messages"][0]["content"][0],
        json!({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}})
    );
}

#[test]
fn tools_choices_and_parallelism() {
    let tools = || {
        vec![tool("a.b", Some(r#"{"type":"object","properties":{"x":{"const":9007199254740993}}}"#)), tool("c", None)]
    };
    let request = Request { parallel_tools: Some(false), ..with_tools(tools(), Some(ToolChoice::Tool("a.b".into()))) };
    let made = encode_for(&request, &ModelTraits::default()).unwrap();
    let body: Value = serde_json::from_slice(&made.body).unwrap();
    assert_eq!(
        body["tools"],
        json!([
            {"type": "function", "function": {"name": "a_b", "parameters": {"type": "object", "properties": {"x": {"const": 9007199254740993_u64}}}}},
            {"type": "function", "function": {"name": "c"}},
        ])
    );
    assert_eq!(body["tool_choice"], json!({"type": "function", "function": {"name": "a_b"}}));
    assert_eq!(body["parallel_tool_calls"], false);
    assert_eq!(made.memo.names.declared("a_b"), "a.b");
    for (choice, expect) in
        [(None, Value::Null), (Some(ToolChoice::None), json!("none")), (Some(ToolChoice::Required), json!("required"))]
    {
        assert_eq!(encoded(&with_tools(tools(), choice))["tool_choice"], expect);
    }
    let without = encoded(&Request { parallel_tools: Some(false), ..with_tools(vec![], Some(ToolChoice::Required)) });
    assert_eq!(without, json!({"model": "up", "messages": [{"role": "user", "content": "hi"}]}));
}

#[test]
fn a_subset_is_native_or_cuts_the_list() {
    let request = |required, names: &[&str]| {
        with_tools(
            vec![tool("a", None), tool("b", None), tool("c", None)],
            Some(ToolChoice::Subset { required, names: names.iter().map(|name| (*name).to_owned()).collect() }),
        )
    };
    let cut = encoded(&request(true, &["a", "c"]));
    assert_eq!((cut["tools"].as_array().unwrap().len(), &cut["tool_choice"]), (2, &json!("required")));
    assert_eq!(encoded(&request(false, &["a", "c"]))["tool_choice"], Value::Null);
    assert_eq!(encoded(&request(true, &["b"]))["tool_choice"]["function"]["name"], "b");
    let newer = quirks(WireQuirks { openai_tools: true, ..WireQuirks::default() });
    let native = encoded_for(&request(false, &["a", "c"]), &newer);
    assert_eq!(native["tools"].as_array().unwrap().len(), 3);
    assert_eq!(
        native["tool_choice"],
        json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
        {"type": "function", "function": {"name": "a"}}, {"type": "function", "function": {"name": "c"}}]}})
    );
}

#[test]
fn free_text_tools_become_functions_unless_the_target_knows_them() {
    let custom = Tool { kind: ToolKind::Custom(Some(Json::trusted("{\"type\":\"grammar\"}"))), ..tool("patch", None) };
    let spoken = Part::ToolCall(ToolCall {
        kind: CallKind::Custom,
        ..match call("i", "patch", "raw \"text\"") {
            Part::ToolCall(call) => call,
            _ => unreachable!(),
        }
    });
    let request = Request {
        tools: vec![custom],
        ..turns(vec![(Role::Assistant, vec![spoken]), (Role::User, vec![result("i", vec![text("ok")])])])
    };
    let made = encode_for(&request, &ModelTraits::default()).unwrap();
    let body: Value = serde_json::from_slice(&made.body).unwrap();
    assert_eq!(made.memo.custom, ["patch"]);
    assert_eq!(body["messages"][0]["tool_calls"][0]["function"]["arguments"], "{\"input\":\"raw \\\"text\\\"\"}");
    assert_eq!(body["tools"][0]["function"]["parameters"]["required"], json!(["input"]));
    let newer = encoded_for(&request, &quirks(WireQuirks { openai_tools: true, ..WireQuirks::default() }));
    assert_eq!(
        newer["tools"][0],
        json!({"type": "custom", "custom": {"name": "patch", "format": {"type": "grammar"}}})
    );
    assert_eq!(newer["messages"][0]["tool_calls"][0]["custom"], json!({"name": "patch", "input": "raw \"text\""}));
}

#[test]
fn hosted_tools_are_dropped_unless_forced() {
    let search = || Tool {
        kind: ToolKind::WebSearch(WebSearch { max_uses: Some(2), ..WebSearch::default() }),
        ..tool("web_search", None)
    };
    let plain = ModelTraits::default();
    assert_eq!(losses(&with_tools(vec![search(), tool("f", None)], None), &plain), ["tools.web_search"]);
    assert_eq!(
        refused(&with_tools(vec![search()], Some(ToolChoice::Tool("web_search".into()))), &plain),
        "tool_choice"
    );
    let knows = quirks(WireQuirks { web_search_options: true, ..WireQuirks::default() });
    let body = encoded_for(&with_tools(vec![search()], None), &knows);
    assert_eq!((&body["web_search_options"], &body["tools"]), (&json!({}), &Value::Null));
}

#[test]
fn strict_is_kept_only_where_it_can_hold() {
    let strict = |schema| Tool { strict: Some(true), ..tool("f", Some(schema)) };
    let closed =
        r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#;
    let open = r#"{"type":"object","properties":{"a":{"type":"string"}}}"#;
    let plain = ModelTraits::default();
    assert_eq!(encoded(&with_tools(vec![strict(closed)], None))["tools"][0]["function"]["strict"], true);
    let request = with_tools(vec![strict(open)], None);
    assert_eq!(encoded(&request)["tools"][0]["function"]["strict"], false);
    assert_eq!(losses(&request, &plain), ["tools.f.strict"]);
    let lax = Tool { strict: Some(false), ..tool("f", Some(open)) };
    assert_eq!(encoded(&with_tools(vec![lax], None))["tools"][0]["function"].get("strict"), None);
}

#[test]
fn limits_and_sampling() {
    let mut request = user(vec![text("x")]);
    request.sampling.max_tokens = Some(9_000);
    request.sampling.temperature = Some(0.25);
    request.sampling.top_k = Some(5);
    request.sampling.stop = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
    request.sampling.seed = Some(-3);
    let body = encoded(&request);
    assert_eq!((&body["max_tokens"], &body["temperature"], &body["seed"]), (&json!(9000), &json!(0.25), &json!(-3)));
    assert_eq!(body["stop"], json!(["a", "b", "c", "d"]));
    assert_eq!(losses(&request, &ModelTraits::default()), ["top_k"]);
    let tight = ModelTraits {
        max_output: Some(4_096),
        sampling: Some(false),
        quirks: WireQuirks { max_tokens_field: MaxTokensField::MaxCompletionTokens, ..WireQuirks::default() },
        ..ModelTraits::default()
    };
    let body = encoded_for(&request, &tight);
    assert_eq!(
        (&body["max_completion_tokens"], body.get("temperature"), body.get("max_tokens")),
        (&json!(4096), None, None)
    );
}

#[test]
fn what_the_answer_could_not_carry_is_refused() {
    let plain = ModelTraits::default();
    let with = |change: fn(&mut Request)| {
        let mut request = user(vec![text("x")]);
        change(&mut request);
        refused(&request, &plain)
    };
    assert_eq!(with(|request| request.sampling.max_tokens = Some(0)), "max_tokens");
    let extra = |json: &str| Extra {
        origin: hub::DialectId("anthropic"),
        field: "mcp_servers".into(),
        json: Json::trusted(json),
    };
    let mut request = user(vec![text("x")]);
    request.extras = vec![extra("[{}]")];
    assert_eq!(refused(&request, &plain), "mcp_servers");
    request.extras = vec![extra("[]")];
    assert!(encode_for(&request, &plain).is_ok());
}

#[test]
fn reasoning_becomes_the_nearest_effort() {
    let thinks = |levels: &[Level], can_disable| ModelTraits {
        thinking: ThinkingTraits { levels: levels.to_vec(), can_disable, ..ThinkingTraits::default() },
        ..ModelTraits::default()
    };
    let any = thinks(&[], None);
    let few = thinks(&[Level::Low, Level::High], Some(false));
    let off = Thinking { mode: Some(Mode::Off), ..Thinking::default() };
    let budget = Thinking { mode: Some(Mode::Budget(12_000)), ..Thinking::default() };
    let max = Thinking { level: Some(Level::Max), ..Thinking::default() };
    let auto = Thinking { mode: Some(Mode::Auto), ..Thinking::default() };
    for (wanted, traits, expect) in [
        (off, &any, Some("none")),
        (off, &few, Some("low")),
        (budget, &any, Some("high")),
        (max, &any, Some("max")),
        (max, &few, Some("high")),
        (auto, &any, None),
        (auto, &few, None),
        (Thinking::default(), &few, None),
    ] {
        let request = Request { thinking: wanted, ..user(vec![text("x")]) };
        let body = encoded_for(&request, traits);
        assert_eq!(body.get("reasoning_effort").and_then(Value::as_str), expect, "{wanted:?}");
    }
    let dull = ModelTraits {
        thinking: ThinkingTraits { supported: Some(false), ..ThinkingTraits::default() },
        ..ModelTraits::default()
    };
    let request = Request { thinking: max, ..user(vec![text("x")]) };
    assert_eq!(losses(&request, &dull), ["thinking"]);
}

#[test]
fn answers_by_schema() {
    let schema = Schema {
        name: None,
        description: None,
        schema: Json::trusted(r#"{"z":1,"a":1.0}"#),
        strict: None,
        bare: false,
    };
    let request = Request { format: Format::Schema(schema), ..user(vec![text("x")]) };
    let made = encode_for(&request, &ModelTraits::default()).unwrap();
    let bytes = std::str::from_utf8(&made.body).unwrap();
    assert!(bytes.contains(r#""json_schema":{"name":"response","schema":{"z":1,"a":1.0}}"#), "{bytes}");
    let cannot = ModelTraits { structured_output: Some(false), ..ModelTraits::default() };
    let body = encoded_for(&request, &cannot);
    assert_eq!(body["response_format"], json!({"type": "json_object"}));
    assert!(body["messages"][0]["content"].as_str().unwrap().contains(r#"{"z":1,"a":1.0}"#));
}

#[test]
fn extras_return_to_their_own_dialect_only() {
    let mut request = user(vec![text("x")]);
    let extra = |origin, field: &str| Extra {
        origin: hub::DialectId(origin),
        field: field.into(),
        json: Json::trusted("{\"k\": 1.50}"),
    };
    request.extras = vec![extra("openai_chat", "x_\"flag"), extra("anthropic", "context_management")];
    let body = encoded(&request);
    assert_eq!(body["x_\"flag"], json!({"k": 1.5}));
    assert_eq!(body.get("context_management"), None);
}

#[test]
fn breakpoints_need_a_target_that_knows_them() {
    let marked = Part::Text(Text { cache: Some(CacheHint::FiveMinutes), ..Text::plain("long") });
    let request = user(vec![marked; 5]);
    assert!(!encode_for(&request, &ModelTraits::default()).unwrap().body.windows(9).any(|w| w == b"breakpoin"));
    let body = encoded_for(&request, &quirks(WireQuirks { cache_breakpoints: true, ..WireQuirks::default() }));
    let parts = body["messages"][0]["content"].as_array().unwrap();
    let marks = parts.iter().filter(|part| part.get("prompt_cache_breakpoint").is_some()).count();
    assert_eq!((parts.len(), marks), (5, 4));
}

#[test]
fn foreign_blocks_leave_their_gist() {
    let foreign = |gist: Option<&str>| {
        Part::Foreign(Foreign {
            origin: hub::DialectId("anthropic"),
            json: Json::trusted("{}"),
            gist: gist.map(str::to_owned),
            trace: None,
        })
    };
    let request = user(vec![foreign(Some("searched the web")), foreign(None), text("go on")]);
    assert_eq!(encoded(&request)["messages"][0]["content"][0]["text"], "searched the web");
    assert_eq!(losses(&request, &ModelTraits::default()), ["messages"]);
}

#[test]
fn the_same_request_gives_the_same_bytes_and_streams_ask_for_usage() {
    let request = with_tools(vec![tool("a/b", None), tool("a.b", None)], None);
    let bytes = |stream, traits: &ModelTraits| {
        Chat.encode_request(&request, &Target { model: "up", stream, traits }).unwrap().body
    };
    let plain = ModelTraits::default();
    assert_eq!(bytes(false, &plain), bytes(false, &plain));
    let asks: Value = serde_json::from_slice(&bytes(true, &plain)).unwrap();
    assert_eq!((&asks["stream"], &asks["stream_options"]["include_usage"]), (&json!(true), &json!(true)));
    let refuses: Value =
        serde_json::from_slice(&bytes(true, &quirks(WireQuirks { no_stream_options: true, ..WireQuirks::default() })))
            .unwrap();
    assert_eq!((&refuses["stream"], refuses.get("stream_options")), (&json!(true), None));
}

#[test]
fn a_relay_changes_the_model_and_asks_for_usage() {
    let relay = |request: Value, traits: &ModelTraits| {
        let body = body(&request);
        let relay = Chat.relay(&head(), &body, &Target { model: "up", stream: true, traits });
        let out: Value =
            serde_json::from_slice(&dialect::splice::apply(body.bytes(), body.index(), &relay.edits)).unwrap();
        (out, relay.hide_usage)
    };
    let plain = ModelTraits::default();
    let asked = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true, "x": 1}});
    assert_eq!(
        relay(asked.clone(), &plain),
        (json!({"model": "up", "stream": true, "stream_options": {"include_usage": true, "x": 1}}), false)
    );
    assert_eq!(
        relay(json!({"model": "m", "stream": true}), &plain),
        (json!({"model": "up", "stream": true, "stream_options": {"include_usage": true}}), true)
    );
    assert_eq!(relay(json!({"model": "m", "stream": false}), &plain), (json!({"model": "up", "stream": false}), false));
    let refuses = quirks(WireQuirks { no_stream_options: true, ..WireQuirks::default() });
    assert_eq!(relay(asked, &refuses), (json!({"model": "up", "stream": true}), false));
}
