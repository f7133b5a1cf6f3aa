//! Requests: what a client's body becomes, and what an upstream gets, field by field.

use dialect::{ModelTraits, Target, ThinkingTraits};
use hub::{
    CallKind, FaultKind, Format, Json, Level, LossKind, Mode, Part, Role, Sampling, Schema, Seal, Service, Show,
    Source, Text, Thought, Tier, Tool, ToolCall, ToolChoice, ToolKind, ToolResult, Turn,
};
use serde_json::{Value, json};

use super::*;

fn decode(json: &str) -> Decoded {
    Messages.decode_request(&head("/v1/messages", &[]), &body(json)).unwrap()
}

fn decode_fault(json: &str) -> Fault {
    Messages.decode_request(&head("/v1/messages", &[]), &body(json)).unwrap_err()
}

fn encode_with(request: &Request, traits: &ModelTraits) -> Result<(Value, Encoded), Fault> {
    let mut request = request.clone();
    hub::mend(&mut request, &mut Losses::default());
    let encoded = Messages.encode_request(&request, &Target { model: "wire-name", stream: false, traits })?;
    Ok((serde_json::from_slice(&encoded.body).unwrap(), encoded))
}

fn encode(request: &Request) -> Value {
    encode_with(request, &ModelTraits::default()).unwrap().0
}

fn text(words: &str) -> Part {
    Part::Text(Text::plain(words))
}

fn user(words: &str) -> Turn {
    Turn { role: Role::User, parts: vec![text(words)] }
}

fn ask() -> Request {
    Request { model: "m".into(), turns: vec![user("q")], ..Request::default() }
}

fn function(name: &str) -> Tool {
    Tool {
        name: name.into(),
        description: Some("Does it.".into()),
        kind: ToolKind::Function(Some(Json::trusted(r#"{"type":"object","properties":{"a":{"type":"number"}}}"#))),
        strict: None,
        cache: None,
        extras: Vec::new(),
    }
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

/// The losses as `field` or `~field` or `-field`: silent, approximated, dropped.
fn losses(encoded: &Encoded) -> Vec<String> {
    let mark = |loss: &hub::Loss| match loss.kind {
        LossKind::Silent => loss.field.to_string(),
        LossKind::Approximated => format!("~{}", loss.field),
        LossKind::Dropped => format!("-{}", loss.field),
    };
    encoded.losses.iter().map(mark).collect()
}

#[test]
fn a_full_agents_request_is_read_as_recorded() {
    let decoded = decode(include_str!("../../fixtures/requests/agent.json"));
    golden("requests/golden/agent.txt", &format!("{:#?}\n", decoded.request));
    let (_, encoded) = encode_with(&decoded.request, &ModelTraits::default()).unwrap();
    golden("requests/golden/agent.json", &(String::from_utf8(encoded.body.to_vec()).unwrap() + "\n"));
}

#[test]
fn requests_that_break_the_form_name_the_place() {
    for (json, param) in [
        (r#"{"model":"m"}"#, "messages"),
        (r#"{"model":"m","messages":[]}"#, "messages"),
        (r#"{"model":"m","messages":42}"#, "messages"),
        (r#"{"messages":[{"role":"user","content":"x"}]}"#, "model"),
        (r#"{"model":"m","messages":[{"role":"user","content":"x"},{"role":"tool","content":"x"}]}"#, "messages.1"),
        (r#"{"model":"m","messages":[{"role":"user","content":{"a":1}}]}"#, "messages.0"),
        (r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":3}]}]}"#, "messages.0.content.0"),
        (r#"{"model":"m","messages":[{"role":"user","content":[{"text":"x"}]}]}"#, "messages.0.content.0"),
        (r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image"}]}]}"#, "messages.0.content.0"),
        (r#"{"model":"m","messages":[{"role":"user","content":[{"type":"tool_result"}]}]}"#, "messages.0.content.0"),
        (r#"{"model":"m","system":[{"type":"image"}],"messages":[{"role":"user","content":"x"}]}"#, "system.0"),
        (r#"{"model":"m","tools":[{"input_schema":{}}],"messages":[{"role":"user","content":"x"}]}"#, "tools.0"),
        (r#"{"model":"m","tool_choice":{"type":"maybe"},"messages":[{"role":"user","content":"x"}]}"#, "tool_choice"),
        (r#"{"model":"m","max_tokens":"x","messages":[{"role":"user","content":"x"}]}"#, "max_tokens"),
    ] {
        let fault = decode_fault(json);
        assert_eq!((fault.kind, fault.param.as_deref()), (FaultKind::BadRequest, Some(param)), "{json}");
        assert!(!fault.message.contains(" at line "), "{}", fault.message);
    }
    let deep = format!(r#"{{"model":"m","messages":{}1{}}}"#, "[".repeat(300), "]".repeat(300));
    assert_eq!(decode_fault(&deep).kind, FaultKind::BadRequest);
}

#[test]
fn what_lives_at_the_provider_is_refused_only_when_it_is_there() {
    let with = |field: &str| format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}],{field}}}"#);
    let fault = decode_fault(&with(r#""mcp_servers":[{"url":"x"}]"#));
    assert_eq!((fault.kind, fault.param.as_deref()), (FaultKind::Unsupported, Some("mcp_servers")));
    assert_eq!(decode_fault(&with(r#""container":"c_1""#)).kind, FaultKind::Unsupported);
    let decoded = decode(&with(r#""mcp_servers":[],"container":null,"context_management":{"edits":[]},"x_new":1.0"#));
    let kept: Vec<&str> = decoded.request.extras.iter().map(|extra| extra.field.as_str()).collect();
    let lost: Vec<&str> =
        decoded.losses.iter().filter(|loss| loss.kind != LossKind::Silent).map(|loss| &*loss.field).collect();
    assert_eq!(lost, ["x_new"], "what no other dialect knows is said");
    assert_eq!(kept, ["x_new"]);
}

#[test]
fn thinking_is_read_in_each_form() {
    let thinking = |fields: &str| {
        decode(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}],{fields}}}"#)).request.thinking
    };
    let read = thinking(r#""thinking":{"type":"enabled","budget_tokens":4000}"#);
    assert_eq!((read.mode, read.level, read.show), (Some(Mode::Budget(4_000)), None, Show::Default));
    let read = thinking(r#""thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"xhigh"}"#);
    assert_eq!((read.mode, read.level, read.show), (Some(Mode::Auto), Some(Level::XHigh), Show::Yes));
    assert!(thinking(r#""thinking":{"type":"disabled"}"#).is_off());
    assert!(thinking(r#""thinking":null"#).is_default());
    assert_eq!(thinking(r#""output_config":{"effort":"low"}"#).level, Some(Level::Low));
}

#[test]
fn a_carried_proof_finds_its_call_again() {
    let seal = Seal::new("gemini", "thought", "c2ln");
    let answer = Response {
        parts: vec![
            Part::Thinking(Thought { text: "Need it.".into(), ..Thought::default() }),
            Part::ToolCall(ToolCall { seal: Some(seal.clone()), ..tool_call("g1") }),
            Part::ToolCall(tool_call("g2")),
        ],
        stop: hub::StopReason::ToolCalls.into(),
        ..Response::default()
    };
    let whole = Messages.encode_response(&answer, &Reply::new("m", false));
    let content = serde_json::from_slice::<Value>(&whole).unwrap()["content"].clone();
    let turn = |content: &Value| json!({"model":"m","messages":[{"role":"assistant","content":content}]}).to_string();
    let decoded = decode(&turn(&content)).request;
    let seals: Vec<Option<&Seal>> = decoded.turns[0]
        .parts
        .iter()
        .map(|part| match part {
            Part::ToolCall(call) => call.seal.as_ref(),
            Part::Thinking(thought) => thought.seal.as_ref(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seals, [None, Some(&seal), None]);
    let mut events = Vec::new();
    hub::replay(answer, &mut events);
    let streamed = assemble(decode_stream(Memo::default(), &[&encode_stream(&events, Reply::new("m", true))]).unwrap());
    let again = Messages.encode_response(&streamed, &Reply::new("m", false));
    assert_eq!(
        serde_json::from_slice::<Value>(&again).unwrap()["content"],
        content,
        "a stream carries it in the same way"
    );
}

#[test]
fn a_proof_that_comes_late_in_a_stream_finds_its_call_too() {
    let seal = Seal::new("gemini", "thought", "c2ln");
    let block = hub::BlockId(0);
    let open = |block, id: &str| hub::Event::Open {
        block,
        kind: hub::Block::ToolCall { id: id.into(), name: "clock".into(), kind: CallKind::Function },
    };
    let next = hub::BlockId(1);
    let events = [
        hub::Event::Start { id: "r".into(), model: String::new() },
        open(block, "g1"),
        hub::Event::Delta { block, text: "{}".into() },
        hub::Event::Seal { block, seal: seal.clone() },
        hub::Event::Close { block },
        open(next, "g2"),
        hub::Event::Close { block: next },
        hub::Event::Stop(hub::StopReason::ToolCalls.into()),
    ];
    let streamed = assemble(decode_stream(Memo::default(), &[&encode_stream(&events, Reply::new("m", true))]).unwrap());
    let whole = Messages.encode_response(&streamed, &Reply::new("m", false));
    let content = serde_json::from_slice::<Value>(&whole).unwrap()["content"].clone();
    let json = json!({"model":"m","messages":[{"role":"assistant","content":content}]}).to_string();
    let first = ToolCall { seal: Some(seal), ..tool_call("g1") };
    assert_eq!(decode(&json).request.turns[0].parts, [Part::ToolCall(first), Part::ToolCall(tool_call("g2"))]);
}

/// Agents take the last block for the answer: one that says nothing would empty it.
#[test]
fn a_foreign_proof_after_the_last_words_stands_before_them_or_nowhere() {
    let proof = || {
        let seal = Some(Seal::new("gemini", "empty", "c2ln"));
        Part::Thinking(Thought { text: String::new(), seal, redacted: false })
    };
    let kinds = |parts: Vec<Part>| {
        let answer = Response { parts: parts.clone(), stop: hub::StopReason::End.into(), ..Response::default() };
        let whole: Value = serde_json::from_slice(&Messages.encode_response(&answer, &Reply::new("m", false))).unwrap();
        let mut events = Vec::new();
        hub::replay(answer, &mut events);
        let stream = String::from_utf8(encode_stream(&events, Reply::new("m", true)).to_vec()).unwrap();
        let opened = stream.matches("event: content_block_start").count();
        let content = &whole["content"];
        let json = json!({"model":"m","messages":[{"role":"assistant","content":content}]}).to_string();
        assert_eq!(decode(&json).request.turns[0].parts, parts, "all is in its place again");
        let list: Vec<&str> = content.as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
        format!("{} {opened}", list.join(" "))
    };
    let call = || Part::ToolCall(tool_call("g1"));
    assert_eq!(kinds(vec![text("hi"), proof(), proof()]), "thinking thinking text 1");
    assert_eq!(kinds(vec![proof(), text("hi"), proof()]), "thinking thinking text 2");
    assert_eq!(kinds(vec![text("hi"), proof(), call()]), "text thinking tool_use 3");
    assert_eq!(kinds(vec![text("hi"), call(), proof()]), "text tool_use thinking 3");
    assert_eq!(kinds(vec![proof()]), "thinking 1");
}

fn tool_call(id: &str) -> ToolCall {
    ToolCall {
        id: id.into(),
        name: "clock".into(),
        arguments: "{}".into(),
        kind: CallKind::Function,
        seal: None,
        cache: None,
    }
}

#[test]
fn own_proofs_travel_bare_and_foreign_ones_packed() {
    let thought = |seal| Part::Thinking(Thought { text: "t".into(), seal: Some(seal), redacted: false });
    let own = Seal::new("anthropic", "signature", "EqQB");
    let foreign = Seal::new("openai", "encrypted", "gAAA");
    let answer = Response { parts: vec![thought(own.clone()), thought(foreign.clone())], ..Response::default() };
    let whole: Value = serde_json::from_slice(&Messages.encode_response(&answer, &Reply::new("m", false))).unwrap();
    assert_eq!(whole["content"][0]["signature"], "EqQB");
    assert!(whole["content"][1]["signature"].as_str().unwrap().starts_with("bos1:openai:"));
    let json = json!({"model":"m","messages":[{"role":"assistant","content":whole["content"]}]}).to_string();
    assert_eq!(decode(&json).request.turns[0].parts, [thought(own), thought(foreign)]);
}

#[test]
fn sampling_follows_the_model_and_the_thinking() {
    let sampling = Sampling { temperature: Some(1.7), top_p: Some(0.5), top_k: Some(3), ..Sampling::default() };
    let request = Request { sampling, ..ask() };
    let body = encode(&request);
    assert_eq!((&body["temperature"], &body["top_p"], &body["top_k"]), (&json!(1), &json!(0.5), &json!(3)));
    let refuses = ModelTraits { sampling: Some(false), ..ModelTraits::default() };
    let (body, encoded) = encode_with(&request, &refuses).unwrap();
    assert!(body["temperature"].is_null() && body["top_p"].is_null() && body["top_k"].is_null());
    assert_eq!(losses(&encoded), ["-temperature", "-top_p", "-top_k"]);
    let thinking = Thinking { level: Some(Level::Low), ..Thinking::default() };
    let (body, _) = encode_with(&Request { thinking, ..request }, &ModelTraits::default()).unwrap();
    assert_eq!(body["thinking"], json!({"type":"enabled","budget_tokens":1024}));
    assert!(body["temperature"].is_null() && body["top_p"].is_null() && body["top_k"].is_null());
    let defaults = Sampling { temperature: Some(1.0), top_p: Some(1.0), ..Sampling::default() };
    let body = encode(&Request { sampling: defaults, ..ask() });
    assert!(body["temperature"].is_null() && body["top_p"].is_null(), "a default counts as absent");
}

#[test]
fn the_answers_readers_are_not_deceived() {
    for (field, sampling) in [
        ("n", Sampling { n: Some(2), ..Sampling::default() }),
        ("logprobs", Sampling { logprobs: true, ..Sampling::default() }),
        ("logit_bias", Sampling { logit_bias: Some(Json::trusted(r#"{"1":2}"#)), ..Sampling::default() }),
    ] {
        let fault = encode_with(&Request { sampling, ..ask() }, &ModelTraits::default()).unwrap_err();
        assert_eq!((fault.kind, fault.param.as_deref()), (FaultKind::Unsupported, Some(field)));
    }
    let hints = Sampling {
        n: Some(1),
        logit_bias: Some(Json::trusted("{ }")),
        seed: Some(1),
        frequency_penalty: Some(0.0),
        presence_penalty: Some(0.5),
        verbosity: Some("low".into()),
        stop: vec!["\n".into(), "END".into()],
        ..Sampling::default()
    };
    let (body, encoded) = encode_with(&Request { sampling: hints, ..ask() }, &ModelTraits::default()).unwrap();
    assert_eq!(body["stop_sequences"], json!(["END"]));
    assert_eq!(encoded.memo.stop, ["\n"], "the gateway matches what the API refuses");
    assert_eq!(losses(&encoded), ["-seed", "-presence_penalty", "-verbosity"]);
}

#[test]
fn choices_have_their_words() {
    let with = |tool_choice, parallel_tools| {
        encode(&Request { tools: vec![function("a.b"), function("c")], tool_choice, parallel_tools, ..ask() })
    };
    assert!(with(None, None)["tool_choice"].is_null());
    assert!(with(Some(ToolChoice::Auto), Some(true))["tool_choice"].is_null());
    assert_eq!(with(None, Some(false))["tool_choice"], json!({"type":"auto","disable_parallel_tool_use":true}));
    assert_eq!(with(Some(ToolChoice::None), Some(false))["tool_choice"], json!({"type":"none"}));
    assert_eq!(with(Some(ToolChoice::Required), None)["tool_choice"], json!({"type":"any"}));
    let named = with(Some(ToolChoice::Tool("a.b".into())), Some(false));
    assert_eq!(named["tool_choice"], json!({"type":"tool","name":"a_b","disable_parallel_tool_use":true}));
    assert_eq!(named["tools"][0]["name"], "a_b");
    let subset = with(Some(ToolChoice::Subset { required: true, names: vec!["c".into()] }), None);
    assert_eq!((subset["tools"].as_array().unwrap().len(), &subset["tool_choice"]), (1, &json!({"type":"any"})));
    let bare = encode(&Request { tool_choice: Some(ToolChoice::Required), parallel_tools: Some(false), ..ask() });
    assert!(bare["tool_choice"].is_null() && bare["tools"].is_null(), "no choice without tools");
    let unknown = Request { tools: vec![function("a")], tool_choice: Some(ToolChoice::Tool("z".into())), ..ask() };
    let fault = encode_with(&unknown, &ModelTraits::default()).unwrap_err();
    assert_eq!(fault.param.as_deref(), Some("tool_choice"));
}

#[test]
fn a_forced_tool_wins_over_thinking() {
    let thinking = Thinking { level: Some(Level::High), ..Thinking::default() };
    let request = Request { tools: vec![function("a")], tool_choice: Some(ToolChoice::Required), thinking, ..ask() };
    let (body, encoded) = encode_with(&request, &ModelTraits::default()).unwrap();
    assert_eq!((&body["thinking"]["type"], &body["tool_choice"]["type"]), (&json!("disabled"), &json!("any")));
    assert_eq!(losses(&encoded), ["~thinking"]);
    let always = ThinkingTraits { adaptive: Some(true), can_disable: Some(false), ..ThinkingTraits::default() };
    let (body, encoded) = encode_with(&request, &ModelTraits { thinking: always, ..ModelTraits::default() }).unwrap();
    assert_eq!((&body["thinking"]["type"], &body["tool_choice"]["type"]), (&json!("adaptive"), &json!("auto")));
    assert_eq!(body["output_config"]["effort"], "high");
    assert_eq!(losses(&encoded), ["~tool_choice"]);
}

#[test]
fn tools_of_every_kind() {
    let custom = Tool { kind: ToolKind::Custom(Some(Json::trusted(r#"{"type":"text"}"#))), ..function("script") };
    let search = hub::WebSearch {
        allowed_domains: vec!["a.example".into()],
        blocked_domains: vec!["b.example".into()],
        max_uses: Some(3),
        location: Some(hub::UserLocation { city: Some("Oslo".into()), ..hub::UserLocation::default() }),
        ..hub::WebSearch::default()
    };
    let search = Tool { kind: ToolKind::WebSearch(search), ..function("web_search_preview") };
    let strict = Tool {
        strict: Some(true),
        kind: ToolKind::Function(Some(Json::trusted(
            r#"{"type":"object","properties":{"a":{"type":"integer","minimum":1}}}"#,
        ))),
        ..function("strict")
    };
    let hosted = Tool {
        kind: ToolKind::Hosted { origin: DialectId("x"), json: Json::empty_object(), same: None },
        ..function("h")
    };
    let bare = Tool { kind: ToolKind::Function(None), description: None, ..function("bare") };
    let tools = vec![custom, search, strict, hosted.clone(), bare, function("bare")];
    let (body, encoded) = encode_with(&Request { tools, ..ask() }, &ModelTraits::default()).unwrap();
    assert_eq!(
        body["tools"],
        json!([
            {"name":"script","description":"Does it.",
             "input_schema":{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}},
            {"type":"web_search_20250305","name":"web_search","max_uses":3,"allowed_domains":["a.example"],
             "user_location":{"type":"approximate","city":"Oslo"}},
            {"name":"strict","description":"Does it.","input_schema":{"type":"object","properties":{"a":{"type":"integer",
             "description":"{minimum: 1}"}},"additionalProperties":false},"strict":true},
            {"name":"bare","input_schema":{"type":"object","properties":{}}}
        ])
    );
    assert_eq!(encoded.memo.custom, ["script"]);
    assert_eq!(
        losses(&encoded),
        ["-tools[3]", "-tools[5]", "-tools.web_search.blocked_domains", "~tools.strict.parameters"]
    );
    let forced = Request { tools: vec![hosted], tool_choice: Some(ToolChoice::Tool("h".into())), ..ask() };
    assert_eq!(encode_with(&forced, &ModelTraits::default()).unwrap_err().kind, FaultKind::Unsupported);
}

fn schema() -> Format {
    Format::Schema(Schema {
        name: Some("answer".into()),
        description: Some("An answer.".into()),
        schema: Json::trusted(r#"{"type":"object","properties":{"x":{"type":"string","maxLength":3}}}"#),
        strict: None,
        bare: false,
    })
}

#[test]
fn a_schema_is_held_where_the_model_can() {
    for structured_output in [None, Some(true)] {
        let traits = ModelTraits { structured_output, ..ModelTraits::default() };
        let (body, encoded) = encode_with(&Request { format: schema(), ..ask() }, &traits).unwrap();
        let form = &body["output_config"]["format"];
        assert_eq!(form["type"], "json_schema");
        assert_eq!(form["schema"]["description"], "An answer.");
        assert_eq!(form["schema"]["properties"]["x"]["description"], "{maxLength: 3}");
        assert_eq!(form["schema"]["additionalProperties"], false);
        assert_eq!(losses(&encoded), ["~response_format.schema"]);
    }
}

#[test]
fn else_a_forced_tool_or_words_ask_for_it() {
    let cannot = ModelTraits { structured_output: Some(false), ..ModelTraits::default() };
    let (body, encoded) = encode_with(&Request { format: schema(), ..ask() }, &cannot).unwrap();
    assert_eq!(
        (&body["tools"][0]["name"], &body["tool_choice"]["name"]),
        (&json!("json_answer"), &json!("json_answer"))
    );
    assert_eq!(encoded.memo.json_tool.as_deref(), Some("json_answer"));
    let with_tools = Request { format: schema(), tools: vec![function("a")], ..ask() };
    let (body, encoded) = encode_with(&with_tools, &cannot).unwrap();
    assert!(body["system"][0]["text"].as_str().unwrap().contains("maxLength"));
    assert_eq!((losses(&encoded), encoded.memo.json_tool), (vec!["~response_format".to_owned()], None));
    let any = encode(&Request { format: Format::Json, system: vec![Text::plain("rule")], ..ask() });
    assert_eq!(any["system"].as_array().unwrap().len(), 2);
}

#[test]
fn history_keeps_texts_ids_and_proofs() {
    let seal = Some(Seal::new("anthropic", "signature", "c2ln"));
    let turns = vec![
        user("q"),
        Turn {
            role: Role::Assistant,
            parts: vec![
                Part::Thinking(Thought { text: String::new(), seal, redacted: false }),
                call("call:7/ä b", "long.name", r#"{"id": 9007199254740993, "f": 1.0}"#),
                call("ok", "gone", "[1]"),
            ],
        },
        Turn {
            role: Role::User,
            parts: vec![
                Part::ToolResult(ToolResult { call_id: "ok".into(), parts: vec![text("r2")], ..ToolResult::default() }),
                Part::ToolResult(ToolResult {
                    call_id: "call:7/ä b".into(),
                    parts: vec![text("r"), text("s")],
                    is_error: true,
                    ..ToolResult::default()
                }),
            ],
        },
    ];
    let (_, encoded) = encode_with(&Request { turns, ..ask() }, &ModelTraits::default()).unwrap();
    let text = String::from_utf8(encoded.body.to_vec()).unwrap();
    let expected = concat!(
        r#""messages":[{"role":"user","content":[{"type":"text","text":"q"}]},{"role":"assistant","content":["#,
        r#"{"type":"thinking","thinking":"","signature":"c2ln"},"#,
        r#"{"type":"tool_use","id":"call_7___b","name":"long_name","input":{"id": 9007199254740993, "f": 1.0}},"#,
        r#"{"type":"tool_use","id":"ok","name":"gone","input":{"_raw":"[1]"}}]},{"role":"user","content":["#,
        r#"{"type":"tool_result","tool_use_id":"call_7___b","content":[{"type":"text","text":"r"},{"type":"text","text":"s"}],"is_error":true},"#,
        r#"{"type":"tool_result","tool_use_id":"ok","content":"r2"}]}]}"#
    );
    assert!(text.ends_with(expected), "{text}");
    assert_eq!(encoded.memo.names.declared("long_name"), "long.name");
}

#[test]
fn lost_proofs_turn_manual_thinking_off() {
    let turns = vec![
        user("q"),
        Turn { role: Role::Assistant, parts: vec![call("a", "t", "{}")] },
        Turn {
            role: Role::User,
            parts: vec![Part::ToolResult(ToolResult {
                call_id: "a".into(),
                parts: vec![text("r")],
                ..ToolResult::default()
            })],
        },
    ];
    let thinking = Thinking { level: Some(Level::High), ..Thinking::default() };
    let body = encode(&Request { turns, thinking, ..ask() });
    assert_eq!(body["thinking"], json!({"type":"disabled"}));
}

#[test]
fn tiers_users_and_labels() {
    let service = |tier, user: &str| Service {
        tier,
        user: Some(user.to_owned()),
        cache_key: Some("k".into()),
        metadata: Some(Json::empty_object()),
    };
    let (body, encoded) =
        encode_with(&Request { service: service(Some(Tier::Standard), "u"), ..ask() }, &ModelTraits::default())
            .unwrap();
    assert_eq!((&body["service_tier"], &body["metadata"]), (&json!("standard_only"), &json!({"user_id":"u"})));
    assert_eq!(losses(&encoded), ["metadata", "prompt_cache_key"]);
    let long = "u".repeat(300);
    let (body, encoded) =
        encode_with(&Request { service: service(Some(Tier::Priority), &long), ..ask() }, &ModelTraits::default())
            .unwrap();
    assert!(body["metadata"].is_null() && body["service_tier"].is_null());
    assert_eq!(losses(&encoded)[..2], ["-service_tier", "user"]);
}

/// Quadratic reading would take minutes here: the test's own time is the alarm.
#[test]
fn many_blocks_that_nobody_knows_cost_one_more_scan() {
    let blocks = vec![r#"{"type":"new"}"#; 50_000].join(",");
    let request = decode(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{blocks}]}}]}}"#)).request;
    assert_eq!(request.turns[0].parts.len(), 50_000);
    let Some(Part::Foreign(last)) = request.turns[0].parts.last() else { panic!("a foreign block") };
    assert_eq!(last.json.as_str(), r#"{"type":"new"}"#);
}

#[test]
fn documents_and_pictures_of_a_client_are_read() {
    let json = r#"{"model":"m","messages":[{"role":"user","content":[
        {"type":"image","source":{"type":"url","url":"https://a.example/p.png"}},
        {"type":"document","title":"t","context":"c","citations":{"enabled":true},"source":{"type":"text","media_type":"text/plain","data":"words"}},
        {"type":"document","source":{"type":"content","content":[{"type":"text","text":"a"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]}},
        {"type":"search_result","source":"https://s.example","title":"S","content":[{"type":"text","text":"found"}]}]},
        {"role":"assistant","content":[{"type":"tool_use","id":"a","name":"t","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":{"k":1.0}}]}]}"#;
    let request = decode(json).request;
    let [Part::Image(image), Part::File(file), Part::File(joined), Part::Image(inner), Part::Foreign(found)] =
        request.turns[0].parts.as_slice()
    else {
        panic!("{:?}", request.turns[0].parts)
    };
    assert_eq!(image.source, Source::Url("https://a.example/p.png".into()));
    assert_eq!((&file.source, file.name.as_deref(), file.cite), (&Source::Text("words".into()), Some("t"), true));
    assert_eq!((&joined.source, &inner.source), (&Source::Text("a".into()), &Source::Base64("AAAA".into())));
    assert_eq!(found.gist.as_deref(), Some("S\nhttps://s.example\nfound"));
    assert!(found.json.as_str().contains(r#""type":"search_result""#));
    let Part::ToolResult(result) = &request.turns[2].parts[0] else { panic!("a result") };
    assert_eq!(result.parts, [text(r#"{"k":1.0}"#)], "an object is data");
}

#[test]
fn code_that_the_provider_ran_is_told_in_words() {
    let json = r#"{"type":"message","id":"m","model":"x","content":[
        {"type":"server_tool_use","id":"s","name":"code_execution","input":{"code":"print(1)\n"}},
        {"type":"code_execution_tool_result","tool_use_id":"s","content":{"type":"code_execution_result","stdout":"1\n","stderr":"","return_code":0}},
        {"type":"text","text":"One."}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#;
    let response = Messages.decode_response(json.as_bytes(), &Memo::default()).unwrap();
    let gists: Vec<Option<&str>> = response
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Foreign(foreign) => Some(foreign.gist.as_deref()),
            _ => None,
        })
        .collect();
    assert_eq!(gists, [Some("```python\nprint(1)\n```\n"), Some("```\n1\n```\n")]);
}

#[test]
fn instructions_in_the_middle_of_a_message_are_a_turn_of_their_own() {
    let block = r#"{"type":"mid_conv_system","content":[{"type":"text","text":"Be brief."}],"cache_control":{"type":"ephemeral"}}"#;
    let said = |content: &str| {
        let json = format!(r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":[{content}]}}]}}"#);
        decode(&json).request.turns
    };
    let brief = Text { cache: Some(hub::CacheHint::Default), ..Text::plain("Be brief.") };
    let system = Turn { role: Role::System, parts: vec![Part::Text(brief)] };
    let word = |text: &str| format!(r#"{{"type":"text","text":"{text}"}}"#);
    assert_eq!(said(&[&word("a"), block, &word("b")].join(",")), [user("a"), system.clone(), user("b")]);
    assert_eq!(said(&[&word("a"), block].join(",")), [user("a"), system]);
    let broken = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"mid_conv_system","content":[]},{"type":"image"}]}]}"#;
    assert!(decode_fault(broken).param.is_some_and(|path| path.starts_with("messages.0.content.1")));
}
