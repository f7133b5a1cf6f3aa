use super::*;
use hub::{Level, Mode, Part, Role, Show, Text, ToolChoice, ToolKind};

fn text(words: &str) -> Part {
    Part::Text(Text::plain(words))
}

#[test]
fn routing_reads_model_and_stream() {
    let told = peek(
        &json!({"model": "m", "stream": true, "stream_options": {"include_usage": true}, "prompt_cache_key": "k"}),
    )
    .unwrap();
    assert_eq!(told.model, "m");
    assert!(told.reply.stream && told.reply.usage_frame && !told.reply.legacy_tools);
    assert!(peek(&json!({"model": "m", "functions": []})).unwrap().reply.legacy_tools);
    for bad in [json!({}), json!({"model": ""}), json!({"model": 7}), json!({"model": null})] {
        assert_eq!(peek(&bad).unwrap_err().param.as_deref(), Some("model"), "{bad}");
    }
}

#[test]
fn the_leading_system_run_is_hoisted_and_later_ones_stay() {
    let request = decode(&json!({"model": "m", "messages": [
        {"role": "system", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        {"role": "developer", "content": "three"},
        {"role": "user", "content": "u"},
        {"role": "system", "content": "later"},
    ]}))
    .unwrap()
    .request;
    assert_eq!(request.system, ["one", "two", "three"].map(Text::plain));
    assert_eq!(request.turns.len(), 2);
    assert_eq!((request.turns[1].role, &request.turns[1].parts[..]), (Role::System, &[text("later")][..]));
}

#[test]
fn defaults_count_as_absent() {
    let plain = with(json!({}));
    let all = with(json!({
        "n": 1, "temperature": 1, "top_p": 1.0, "frequency_penalty": 0, "presence_penalty": 0.0, "logprobs": false,
        "top_logprobs": 0, "logit_bias": {}, "tools": [], "stop": [], "tool_choice": "auto", "verbosity": "medium",
        "parallel_tool_calls": true, "store": false, "response_format": {"type": "text"}, "service_tier": "auto",
        "modalities": ["text"], "metadata": {}, "seed": null, "user": "", "functions": null,
    }));
    assert_eq!(all, plain);
}

#[test]
fn reasoning_is_read_under_every_name() {
    for (fields, mode, level, show) in [
        (json!({"reasoning_effort": "high"}), None, Some(Level::High), Show::Default),
        (json!({"reasoning_effort": "none"}), Some(Mode::Off), None, Show::Default),
        (json!({"reasoning": {"effort": "low", "exclude": true}}), None, Some(Level::Low), Show::No),
        (json!({"reasoning": {"max_tokens": 900}}), Some(Mode::Budget(900)), None, Show::Default),
        (json!({"reasoning": {"enabled": false}}), Some(Mode::Off), None, Show::Default),
        (json!({"thinking": {"type": "disabled"}}), Some(Mode::Off), None, Show::Default),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 7}}), Some(Mode::Budget(7)), None, Show::Default),
        (json!({"enable_thinking": false, "thinking_budget": 9}), Some(Mode::Off), None, Show::Default),
        (
            json!({"extra_body": {"anthropic": {"thinking": {"type": "enabled", "budget_tokens": 7}}}}),
            Some(Mode::Budget(7)),
            None,
            Show::Default,
        ),
        (json!({"enable_thinking": true, "thinking_budget": 9}), Some(Mode::Budget(9)), None, Show::Default),
        (json!({"enable_thinking": true}), Some(Mode::Auto), None, Show::Default),
        (json!({"reasoning_effort": "low", "thinking": {"type": "disabled"}}), None, Some(Level::Low), Show::Default),
        (json!({"reasoning_effort": "auto"}), Some(Mode::Auto), None, Show::Default),
    ] {
        let thinking = with(fields.clone()).thinking;
        assert_eq!((thinking.mode, thinking.level, thinking.show), (mode, level, show), "{fields}");
    }
}

#[test]
fn tools_and_choices_of_every_form() {
    let tools = json!([
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "b": 1, "a": 2}, "strict": true}},
        {"type": "custom", "custom": {"name": "c"}},
        {"type": "function", "name": "flat"},
        {"type": "function", "function": {"name": "f", "description": "again"}},
        {"type": "code_interpreter"},
    ]);
    let request = with(json!({"tools": tools}));
    let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    // Whoever writes them down takes the first of a name, and says so.
    assert_eq!(names, ["f", "c", "flat", "f", "code_interpreter"]);
    match &request.tools[0].kind {
        ToolKind::Function(Some(schema)) => assert_eq!(schema.as_str(), r#"{"a":2,"b":1,"type":"object"}"#),
        other => panic!("{other:?}"),
    }
    let subset = |required| ToolChoice::Subset { required, names: vec!["f".into(), "c".into()] };
    for (choice, expect) in [
        (json!("none"), Some(ToolChoice::None)),
        (json!("required"), Some(ToolChoice::Required)),
        (json!("auto"), None),
        (json!({"type": "function", "function": {"name": "f"}}), Some(ToolChoice::Tool("f".into()))),
        (json!({"type": "custom", "custom": {"name": "c"}}), Some(ToolChoice::Tool("c".into()))),
        (
            json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
            {"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}]}}),
            Some(subset(true)),
        ),
    ] {
        assert_eq!(with(json!({"tools": tools, "tool_choice": choice})).tool_choice, expect, "{choice}");
    }
    let unknown = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": tools,
                         "tool_choice": {"type": "function", "function": {"name": "nope"}}});
    assert_eq!(decode(&unknown).unwrap_err().param.as_deref(), Some("tool_choice"));
}

#[test]
fn the_legacy_form_of_tools_pairs_by_name() {
    let request =
        decode(&json!({"model": "m", "functions": [{"name": "f", "parameters": {}}], "function_call": {"name": "f"},
        "messages": [
            {"role": "user", "content": "u"},
            {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{\"a\":1}"}},
            {"role": "function", "name": "f", "content": "r"},
        ]}))
        .unwrap()
        .request;
    assert_eq!(request.tool_choice, Some(ToolChoice::Tool("f".into())));
    match (&request.turns[1].parts[0], &request.turns[2].parts[0]) {
        (Part::ToolCall(call), Part::ToolResult(result)) => {
            assert_eq!((call.arguments.as_str(), &call.id), ("{\"a\":1}", &result.call_id));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn bad_requests_name_the_field() {
    for (messages, param) in [
        (json!(42), "messages"),
        (json!([]), "messages"),
        (json!([{"role": "alien", "content": "x"}]), "messages[0].role"),
        (json!([{"role": "user", "content": 5}]), "messages[0].content"),
        (json!([{"role": "user", "content": [{"type": "hologram"}]}]), "messages[0].content[0].type"),
        (
            json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]}]),
            "messages[0].content[0]",
        ),
        (
            json!([{"role": "assistant", "content": null, "tool_calls": [{"id": "a"}]}]),
            "messages[0].tool_calls[0].function.name",
        ),
        (json!([{"role": "assistant", "audio": {"id": "a"}}]), "messages[0].audio"),
    ] {
        let fault = decode(&json!({"model": "m", "messages": messages})).unwrap_err();
        assert_eq!(fault.param.as_deref(), Some(param), "{messages}");
        assert_eq!(fault.status(), 400, "{messages}");
    }
}

#[test]
fn unknown_fields_are_kept_for_their_own_and_named_as_lost() {
    let request = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "x_flag": {"a": 1},
                         "prompt_cache_options": {"mode": "explicit"}, "modalities": ["text", "image"], "none": null});
    let decoded = decode(&request).unwrap();
    let kept: Vec<&str> = decoded.request.extras.iter().map(|extra| extra.field.as_str()).collect();
    assert_eq!(kept, ["modalities", "prompt_cache_options", "x_flag"]);
    let lost: Vec<(&str, hub::LossKind)> = decoded.losses.iter().map(|loss| (loss.field.as_ref(), loss.kind)).collect();
    let (dropped, silent) = (hub::LossKind::Dropped, hub::LossKind::Silent);
    assert_eq!(lost, [("modalities", dropped), ("prompt_cache_options", silent), ("x_flag", dropped)]);
}
