use super::*;
use hub::{CallKind, Format, Level, Mode, Part, Role, Show, Source, Text, Thought, ToolChoice, ToolKind, Turn};

fn roles(request: &Request) -> Vec<Role> {
    request.turns.iter().map(|turn| turn.role).collect()
}

#[test]
fn items_become_turns_of_those_who_speak() {
    let request = of_input(&json!([
        {"role": "developer", "content": "rule"},
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}], "encrypted_content": "gA", "content": null},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "yes", "annotations": []}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "namespace": "mcp", "name": "t", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "raw"},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
        {"role": "system", "content": "later"}
    ]));
    assert_eq!(request.system, [Text::plain("rule")]);
    assert_eq!(roles(&request), [Role::User, Role::Assistant, Role::User, Role::User, Role::System]);
    let [Part::Thinking(thought), Part::Text(text), Part::ToolCall(first), Part::ToolCall(second)] =
        request.turns[1].parts.as_slice()
    else {
        panic!("{:?}", request.turns[1])
    };
    assert_eq!((thought.text.as_str(), text.text.as_str()), ("a\n\nb", "yes"));
    assert_eq!(thought.seal.as_ref().unwrap().vendor, "openai_responses");
    assert_eq!((first.id.as_str(), first.name.as_str()), ("c1", "mcp__t"));
    assert_eq!((second.kind, second.arguments.as_str()), (CallKind::Custom, "raw"));
}

#[test]
fn instructions_come_before_the_inputs_own_rules() {
    let request = with(
        &json!({"instructions": "a", "input": [{"role": "system", "content": "b"}, {"role": "user", "content": "c"}]}),
    );
    assert_eq!(request.system, [Text::plain("a"), Text::plain("b")]);
}

#[test]
fn what_is_kept_elsewhere_is_refused_by_name() {
    for (fields, param, code) in [
        (json!({"previous_response_id": "resp_1"}), "previous_response_id", Some("previous_response_not_found")),
        (json!({"conversation": "conv_1"}), "conversation", Some("previous_response_not_found")),
        (json!({"prompt": {"id": "pmpt_1"}}), "prompt", None),
        (json!({"background": true}), "background", None),
        (json!({"input": [{"type": "item_reference", "id": "rs_1"}]}), "input[0]", Some("previous_response_not_found")),
        (json!({"input": 42}), "input", None),
        (json!({"input": []}), "input", None),
        (
            json!({"input": [{"type": "compaction", "encrypted_content": "x"}, {"role": "user", "content": "go on"}]}),
            "input[0]",
            None,
        ),
    ] {
        let mut request = json!({"model": "m", "input": "hi"});
        request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let fault = decode(&request).unwrap_err();
        assert_eq!(fault.status(), 400, "{fields}");
        assert_eq!(fault.param.as_deref(), Some(param), "{fields}");
        assert_eq!(fault.code.as_deref(), code, "{fields}");
    }
    assert!(decode(&json!({"model": "m", "input": "x", "background": false, "conversation": null})).is_ok());
}

#[test]
fn one_name_is_one_tool_and_direct_ones_win() {
    let tool =
        |name: &str, about: &str| json!({"type": "function", "name": name, "description": about, "parameters": null});
    let request = with(&json!({
        "tools": [
            {"type": "namespace", "name": "ns", "tools": [tool("a", "member"), tool("b", "member")]},
            tool("ns__a", "direct"),
            {"type": "custom", "name": "free", "format": {"type": "text"}},
            {"type": "web_search_preview", "search_context_size": "low"},
            {"type": "code_interpreter", "container": {"type": "auto"}}
        ],
        "input": [{"role": "user", "content": "x"}, {"type": "additional_tools", "tools": [tool("b2", "added"), tool("ns__b", "added")]}],
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "namespace": "ns", "name": "b"}]}
    }));
    let about: Vec<(&str, &str)> = request
        .tools
        .iter()
        .map(|tool| (tool.name.as_str(), tool.description.as_deref().unwrap_or_default()))
        .collect();
    let expect = [
        ("ns__a", "direct"),
        ("ns__b", "member"),
        ("free", ""),
        ("web_search", ""),
        ("code_interpreter", ""),
        ("b2", "added"),
        // Those that give way stand last: they are sent to nobody, and that is said.
        ("ns__a", "member"),
        ("ns__b", "added"),
    ];
    assert_eq!(about, expect);
    assert!(matches!(request.tools[4].kind, ToolKind::Hosted { .. }));
    assert_eq!(request.tool_choice, Some(ToolChoice::Subset { required: false, names: vec!["ns__b".into()] }));
}

#[test]
fn what_is_said_of_a_namespace_stands_at_a_tool_that_may_be_called() {
    let tool = |name: &str, words: Value| json!({"type": "function", "name": name, "description": words});
    let body = |choice: &Value| {
        json!({"input": "q", "tool_choice": choice, "tools": [
            {"type": "namespace", "name": "sea", "description": "The sea.", "tools": [tool("tides", json!("Tides.")), tool("sail", json!(null))]},
            {"type": "namespace", "name": "sky", "tools": [tool("fly", json!("Flies."))]},
            {"type": "namespace", "name": "void", "description": "Nothing.", "tools": []}]})
    };
    let about = "About all tools whose names begin with `sea__`: The sea.";
    let described = |choice: Value| -> Vec<Option<String>> {
        with(&body(&choice)).tools.into_iter().map(|tool| tool.description).collect()
    };
    let (first, plain) = (Some(format!("Tides.\n\n{about}")), Some("Tides.".to_owned()));
    for choice in [json!("auto"), json!({"type": "function", "namespace": "sky", "name": "fly"})] {
        assert_eq!(described(choice), [first.clone(), None, Some("Flies.".into())]);
    }
    let only = json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "namespace": "sea", "name": "sail"}]});
    assert_eq!(described(only), [plain, Some(about.to_owned()), Some("Flies.".into())]);
    // A direct tool that takes the name of one is none of the namespace's.
    let mut taken = body(&json!("auto"));
    taken["tools"].as_array_mut().unwrap().push(tool("sea__tides", json!("Direct.")));
    let told: Vec<_> = with(&taken).tools.into_iter().map(|tool| tool.description).collect();
    assert_eq!(told, [Some("Direct.".into()), Some(about.to_owned()), Some("Flies.".into()), Some("Tides.".into())]);
}

#[test]
fn a_namespace_is_allowed_with_all_its_tools() {
    let tool = |name: &str| json!({"type": "function", "name": name, "parameters": null});
    let body = |allowed: &Value| {
        json!({"model": "m", "input": "x",
            "tools": [tool("ns__c"), {"type": "namespace", "name": "ns", "tools": [tool("a"), tool("b")]}, {"type": "tool_search"}],
            "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": allowed}})
    };
    let allowed = json!([{"type": "namespace", "name": "ns"}, {"type": "tool_search"}]);
    let names = ["ns__a", "ns__b", "tool_search"].map(str::to_owned).to_vec();
    let request = decode(&body(&allowed)).unwrap().request;
    assert_eq!(request.tool_choice, Some(ToolChoice::Subset { required: false, names }));
    let fault = decode(&body(&json!([{"type": "namespace", "name": "other"}]))).unwrap_err();
    assert_eq!(fault.status(), 400);
    assert_eq!(fault.param.as_deref(), Some("tool_choice"));
}

#[test]
fn a_choice_must_be_declared() {
    let tools = json!([{"type": "function", "name": "t", "parameters": {}}, {"type": "web_search"}]);
    for (choice, found) in [
        (json!("auto"), None),
        (json!("required"), Some(ToolChoice::Required)),
        (json!({"type": "function", "name": "t"}), Some(ToolChoice::Tool("t".into()))),
        (json!({"type": "web_search_preview"}), Some(ToolChoice::Tool("web_search".into()))),
    ] {
        assert_eq!(with(&json!({"tools": tools, "tool_choice": choice})).tool_choice, found, "{choice}");
    }
    let unknown = json!({"model": "m", "input": "x", "tools": tools, "tool_choice": {"type": "function", "name": "u"}});
    assert_eq!(decode(&unknown).unwrap_err().param.as_deref(), Some("tool_choice"));
    assert_eq!(with(&json!({"tool_choice": "required", "parallel_tool_calls": false})).tool_choice, None);
}

#[test]
fn knobs_at_their_defaults_count_as_absent() {
    let plain = with(&json!({}));
    let defaults = with(
        &json!({"temperature": 1, "top_p": 1.0, "store": true, "stream": false, "parallel_tool_calls": true,
        "tools": [], "tool_choice": "auto", "text": {"format": {"type": "text"}, "verbosity": "medium"}, "truncation": "disabled",
        "top_logprobs": 0, "metadata": {}, "include": [], "service_tier": "auto", "background": false, "max_tool_calls": null}),
    );
    assert_eq!(plain, defaults);
}

#[test]
fn reasoning_and_format_are_read() {
    let request = with(
        &json!({"reasoning": {"effort": "xhigh", "summary": "detailed"}, "text": {"format": {"type": "json_object"}}}),
    );
    assert_eq!((request.thinking.level, request.thinking.show), (Some(Level::XHigh), Show::Yes));
    assert_eq!(request.format, Format::Json);
    assert_eq!(with(&json!({"reasoning": {"effort": "none"}})).thinking.mode, Some(Mode::Off));
}

#[test]
fn codex_pictures_inside_texts_are_pictures() {
    let of = |output: &str| {
        let request = of_input(&json!([{"type": "function_call", "call_id": "c", "name": "t", "arguments": ""},
            {"type": "function_call_output", "call_id": "c", "output": output}]));
        let Part::ToolResult(result) = &request.turns[1].parts[0] else { panic!() };
        result.parts.clone()
    };
    let picture = r#"[{"type":"input_image","image_url":"data:image/png;base64,iVBORw0KGgo="}]"#;
    assert!(matches!(of(picture).as_slice(), [Part::Image(media)] if matches!(media.source, Source::Base64(_))));
    let data = r#"[{"input_image": 1}]"#;
    assert_eq!(of(data), [Part::Text(Text::plain(data))]);
}

#[test]
fn a_carried_proof_finds_its_call_again() {
    let seal = hub::Seal::new("gemini", "thought", "sig");
    let request = of_input(&json!([
        {"role": "user", "content": "x"},
        {"type": "reasoning", "summary": [], "encrypted_content": dialect::carrier::before_its_call(&seal)},
        {"type": "function_call", "call_id": "c", "name": "t", "arguments": "{}"},
        {"type": "reasoning", "summary": [], "encrypted_content": "bos1:damaged"}
    ]));
    let [Part::ToolCall(call)] = request.turns[1].parts.as_slice() else { panic!("{:?}", request.turns) };
    assert_eq!(call.seal.as_ref(), Some(&seal));
}

// === the wire ===

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

#[test]
fn a_conversation_becomes_items() {
    let own = hub::Seal::new("openai_responses", "encrypted", "gA");
    let foreign = hub::Seal::new("anthropic", "signature", "s");
    let request = Request {
        system: vec![Text::plain("rule")],
        turns: vec![
            turn(Role::User, vec![Part::Text(Text::plain("hi"))]),
            turn(
                Role::Assistant,
                vec![
                    Part::Thinking(Thought { text: "other".into(), seal: Some(foreign), redacted: false }),
                    Part::Thinking(Thought { text: "mine".into(), seal: Some(own), redacted: false }),
                    Part::Text(Text::plain("yes")),
                ],
            ),
            turn(Role::System, vec![Part::Text(Text::plain("late"))]),
        ],
        ..Request::default()
    };
    let body = encoded(&request);
    assert_eq!(body["instructions"], "rule");
    assert_eq!(body["store"], false);
    assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
    assert_eq!(
        body["input"],
        json!([
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "mine"}], "encrypted_content": "gA"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "yes"}]},
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "late"}]}
        ])
    );
}

#[test]
fn reasoning_that_led_to_nothing_is_left_out() {
    let kinds = |input: &Value| -> Vec<String> {
        let items = encoded(&of_input(input))["input"].as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|item| Some(item["type"].as_str()?.to_owned())).collect()
    };
    let user = json!({"role": "user", "content": "x"});
    let thought = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gA"});
    let said = json!({"role": "assistant", "content": "y"});
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    let output = json!({"type": "function_call_output", "call_id": "c", "output": "1"});
    assert_eq!(kinds(&json!([user, thought, user])), ["message", "message"]);
    assert_eq!(kinds(&json!([user, thought, said, thought])), ["message", "reasoning", "message"]);
    assert_eq!(kinds(&json!([user, call, thought, output])), ["message", "function_call", "function_call_output"],);
}

#[test]
fn calls_and_outputs_pair_by_ids_that_openai_takes() {
    let long = "x".repeat(90);
    let request = of_input(&json!([
        {"role": "user", "content": "x"},
        {"type": "function_call", "call_id": long, "name": "a.b", "arguments": ""},
        {"type": "custom_tool_call", "call_id": "c2", "name": "p", "input": "free"},
        {"type": "function_call_output", "call_id": long, "output": "1"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "2"}
    ]));
    let input = encoded(&request)["input"].clone();
    let id = input[1]["call_id"].as_str().unwrap();
    assert!(id.len() <= 64);
    assert_eq!(input[1], json!({"type": "function_call", "call_id": id, "name": "a_b", "arguments": "{}"}));
    assert_eq!(input[2], json!({"type": "custom_tool_call", "call_id": "c2", "name": "p", "input": "free"}));
    assert_eq!(input[3], json!({"type": "function_call_output", "call_id": id, "output": "1"}));
    assert_eq!(input[4]["type"], "custom_tool_call_output");
}

#[test]
fn tools_say_both_schema_and_strictness() {
    let request = with(&json!({"tools": [
        {"type": "function", "name": "t", "parameters": null},
        {"type": "function", "name": "u", "strict": true, "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}
    ], "tool_choice": {"type": "function", "name": "u"}, "parallel_tool_calls": false}));
    let body = encoded(&request);
    assert_eq!(
        body["tools"][0],
        json!({"type": "function", "name": "t", "parameters": {"type": "object", "properties": {}}, "strict": false})
    );
    assert_eq!(body["tools"][1]["strict"], false, "not every property is required");
    assert_eq!(body["tool_choice"], json!({"type": "function", "name": "u"}));
    assert_eq!(body["parallel_tool_calls"], false);
}

#[test]
fn tiny_caps_are_raised_and_what_has_no_form_is_told() {
    let mut request = with(&json!({"max_output_tokens": 1}));
    request.sampling.stop = vec!["END".into()];
    request.sampling.seed = Some(7);
    let sent = encode_for(&request, &ModelTraits::default()).unwrap();
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(body["max_output_tokens"], 16);
    let told: Vec<&str> = sent.losses.iter().map(|loss| loss.field.as_ref()).collect();
    assert_eq!(told, ["max_tokens", "seed"]);
    request.sampling.n = Some(2);
    assert_eq!(encode_for(&request, &ModelTraits::default()).unwrap_err().param.as_deref(), Some("n"));
}

#[test]
fn a_summary_is_asked_for_where_thoughts_are_shown() {
    let of = |thinking: hub::Thinking| encoded(&Request { thinking, ..with(&json!({})) })["reasoning"].clone();
    let base = hub::Thinking::default();
    assert_eq!(of(base), Value::Null);
    assert_eq!(of(hub::Thinking { level: Some(Level::Low), ..base }), json!({"effort": "low"}));
    assert_eq!(
        of(hub::Thinking { mode: Some(Mode::Budget(12_000)), ..base }),
        json!({"effort": "high", "summary": "auto"})
    );
    assert_eq!(of(hub::Thinking { mode: Some(Mode::Off), ..base }), json!({"effort": "none"}));
    assert_eq!(of(hub::Thinking { mode: Some(Mode::Auto), show: Show::No, ..base }), Value::Null);
}

#[test]
fn items_mean_the_same_beside_one_whose_text_is_wanted() {
    let plain = json!([
        {"role": "developer", "content": "be brief"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a\u{e9}\n"}, {"type": "text", "text": "b"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "x"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{\"a\":1.50}"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "1"}]},
        {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "d", "output": "y"},
    ]);
    let mut beside = plain.clone();
    beside.as_array_mut().unwrap().push(json!({"type": "additional_tools", "tools": []}));
    let (plain, beside) = (of_input(&plain), of_input(&beside));
    assert_eq!((&plain.system, &plain.turns), (&beside.system, &beside.turns));
    assert_eq!(plain.turns.len(), 5);
}

#[test]
fn the_place_of_what_cannot_be_read_is_told() {
    let good = json!({"role": "user", "content": "hi"});
    for (bad, param) in [
        (json!({"role": 7}), "input[1]"),
        (json!({"role": "user", "content": [{"type": "input_text", "text": "a"}, 7]}), "input[1].content[1]"),
        (json!({"role": "user", "content": [{"type": "input_text"}, 7]}), "input[1].content[0]"),
        (json!({"role": "boss", "content": "hi"}), "input[1].role"),
    ] {
        let fault = decode(&json!({"model": "m", "input": [good, bad]})).unwrap_err();
        assert_eq!(fault.param.as_deref(), Some(param));
    }
}
