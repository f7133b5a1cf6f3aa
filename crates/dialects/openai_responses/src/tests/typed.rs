//! Tools that the client runs and knows by types of their own, at upstreams that have functions only.

use super::*;
use hub::{Block, BlockId, CallKind, Event, Part, Role, StopReason, ToolCall, ToolChoice, ToolKind, ToolResult};

fn tools() -> Value {
    json!([
        {"type": "local_shell"},
        {"type": "shell", "environment": {"type": "local", "skills": [{"name": "sail", "description": "Sails.", "path": "/s"}]}},
        {"type": "apply_patch"},
        {"type": "tool_search", "execution": "client", "description": "Finds.", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}},
    ])
}

fn reply_to(request: &Value) -> dialect::Reply {
    let body = body(request);
    let echo = std::sync::Arc::new(Responses.echo(&body, &body));
    dialect::Reply { seed: 7, echo, ..dialect::Reply::new("m", true) }
}

fn call_events(name: &str, pieces: &[&str], stop: StopReason) -> Vec<Event> {
    let block = BlockId(0);
    let kind = Block::ToolCall { id: "c1".into(), name: name.into(), kind: CallKind::Function };
    let mut events = vec![Event::Start { id: "r".into(), model: "m".into() }, Event::Open { block, kind }];
    events.extend(pieces.iter().map(|text| Event::Delta { block, text: (*text).to_owned() }));
    events.extend([Event::Close { block }, Event::Stop(stop.into())]);
    events
}

/// The one item that a client gets for a call.
fn item_of(request: &Value, name: &str, arguments: &str) -> Value {
    let events = call_events(name, &[arguments], StopReason::ToolCalls);
    let streamed = written(&events, reply_to(request));
    let output = &streamed.last().unwrap()["response"]["output"];
    let whole = Responses.encode_response(&assemble(events), &reply_to(request));
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(output, &whole["output"], "a stream and a whole answer tell the same");
    assert_eq!(output.as_array().unwrap().len(), 1, "{output}");
    output[0].clone()
}

#[test]
fn they_are_functions_elsewhere() {
    let request = with(&json!({"tools": tools()}));
    let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["local_shell", "shell", "apply_patch", "tool_search"]);
    for tool in &request.tools {
        let ToolKind::Function(Some(schema)) = &tool.kind else { panic!("{tool:?}") };
        let schema: Value = serde_json::from_str(schema.as_str()).unwrap();
        assert_eq!(schema["type"], "object", "{}", tool.name);
        assert!(tool.description.as_ref().is_some_and(|words| !words.is_empty()));
    }
    assert!(request.tools[1].description.as_deref().unwrap().contains("sail (/s): Sails."));
    assert_eq!(request.tools[3].description.as_deref(), Some("Finds."));
    let ToolKind::Function(Some(search)) = &request.tools[3].kind else { panic!() };
    assert!(search.as_str().contains("\"q\""), "the client's own schema");
    assert_eq!(encoded(&request)["tools"], tools(), "their own dialect gets them as they were");
}

#[test]
fn what_the_provider_runs_stays_the_providers() {
    for tool in [
        json!({"type": "shell", "environment": {"type": "container_auto"}}),
        json!({"type": "shell", "environment": {"type": "container_reference", "container_id": "c"}}),
        json!({"type": "tool_search"}),
        json!({"type": "tool_search", "execution": "server"}),
        json!({"type": "computer"}),
    ] {
        let request = with(&json!({"tools": [tool]}));
        assert!(matches!(request.tools[0].kind, ToolKind::Hosted { .. }), "{tool}");
    }
}

#[test]
fn their_names_are_nobody_elses() {
    let function = |name: &str| json!({"type": "function", "name": name, "parameters": {}});
    let call = json!({"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}});
    let request = json!({"model": "m", "input": [{"role": "user", "content": "x"}, call],
        "tools": [{"type": "shell"}, function("shell"), function("shell_tool"), {"type": "shell"}],
        "tool_choice": {"type": "shell"}});
    let decoded = decode(&request).unwrap().request;
    let names: Vec<&str> = decoded.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["shell_tool_2", "shell", "shell_tool"]);
    assert_eq!(decoded.tool_choice, Some(ToolChoice::Tool("shell_tool_2".into())));
    let Part::ToolCall(call) = &decoded.turns[1].parts[0] else { panic!() };
    assert_eq!(call.name, "shell_tool_2");
    assert_eq!(item_of(&request, "shell_tool_2", r#"{"commands":["ls"]}"#)["type"], "shell_call");
    assert_eq!(item_of(&request, "shell", "{}")["type"], "function_call");
    let sent = encoded(&decoded);
    assert_eq!((&sent["tool_choice"], &sent["input"][1]["type"]), (&json!({"type": "shell"}), &json!("shell_call")));
    let chosen = json!({"model": "m", "input": "x", "tools": tools(),
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "apply_patch"}]}});
    let choice = decode(&chosen).unwrap().request.tool_choice;
    assert_eq!(choice, Some(ToolChoice::Subset { required: false, names: vec!["apply_patch".into()] }));
}

#[test]
fn calls_become_items_of_their_types() {
    let request = json!({"model": "m", "input": "x", "tools": tools()});
    let patch = r#"{"type":"update_file","path":"a","diff":"@@\n-x\n+y"}"#;
    for (name, arguments, expect) in [
        (
            "local_shell",
            r#"{"command":["ls","-l"],"timeout_ms":5}"#,
            json!({"type": "local_shell_call", "action": {"type": "exec", "command": ["ls", "-l"], "timeout_ms": 5, "env": {}}}),
        ),
        (
            "local_shell",
            r#"{"command":"ls | wc","user":null}"#,
            json!({"type": "local_shell_call", "action": {"type": "exec", "command": ["bash", "-lc", "ls | wc"], "env": {}}}),
        ),
        (
            "shell",
            r#"{"commands":["ls","pwd"],"max_output_length":9}"#,
            json!({"type": "shell_call", "environment": {"type": "local"},
                "action": {"commands": ["ls", "pwd"], "max_output_length": 9}}),
        ),
        (
            "shell",
            r#"{"action":{"command":"ls"}}"#,
            json!({"type": "shell_call", "environment": {"type": "local"}, "action": {"commands": ["ls"]}}),
        ),
        (
            "apply_patch",
            patch,
            json!({"type": "apply_patch_call", "operation": {"type": "update_file", "path": "a", "diff": "@@\n-x\n+y"}}),
        ),
        (
            "apply_patch",
            r#"{"operation":{"type":"delete_file","path":"a"}}"#,
            json!({"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a"}}),
        ),
        (
            "tool_search",
            r#"{"q":"boats"}"#,
            json!({"type": "tool_search_call", "execution": "client", "arguments": {"q": "boats"}}),
        ),
        ("tool_search", "", json!({"type": "tool_search_call", "execution": "client", "arguments": {}})),
    ] {
        let mut item = item_of(&request, name, arguments);
        let id = item.as_object_mut().unwrap().remove("id").unwrap();
        assert!(id.as_str().is_some_and(|id| id.len() > 20), "{id}");
        let mut expect = expect;
        expect["call_id"] = json!("c1");
        expect["status"] = json!("completed");
        assert_eq!(item, expect, "{name} {arguments}");
    }
}

#[test]
fn what_does_not_fit_stays_the_function_call_that_it_was() {
    let request = json!({"model": "m", "input": "x", "tools": tools()});
    for (name, arguments) in [
        ("local_shell", r#"{"command":["ls""#),
        ("local_shell", r#"{"command":[]}"#),
        ("shell", r#"{"commands":[1]}"#),
        ("shell", "{}"),
        ("apply_patch", r#"{"type":"create_file","path":"a"}"#),
        ("apply_patch", r#"{"type":"rename_file","path":"a","diff":""}"#),
        ("apply_patch", r#"{"type":"delete_file"}"#),
        ("tool_search", "[1]"),
    ] {
        let item = item_of(&request, name, arguments);
        assert_eq!((&item["type"], &item["name"]), (&json!("function_call"), &json!(name)), "{arguments}");
        assert_eq!(item["arguments"], arguments);
        assert_eq!(item["call_id"], "c1");
    }
    let undeclared = json!({"model": "m", "input": "x"});
    assert_eq!(item_of(&undeclared, "shell", r#"{"commands":["ls"]}"#)["type"], "function_call");
}

#[test]
fn a_stream_tells_a_call_when_it_is_complete() {
    let request = json!({"model": "m", "input": "x", "tools": tools()});
    let events = call_events("shell", &["{\"commands\":[\"l", "s\",\"pwd\"]}"], StopReason::ToolCalls);
    let told = written(&events, reply_to(&request));
    let kinds: Vec<&str> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let command = |word: &str| format!("response.shell_call_command.{word}");
    let each = [command("added"), command("delta"), command("done")];
    let mut expect = vec!["response.created", "response.in_progress", "response.output_item.added"];
    expect.extend(each.iter().chain(&each).map(String::as_str));
    expect.extend(["response.output_item.done", "response.completed"]);
    assert_eq!(kinds, expect);
    assert_eq!(told[2]["item"]["action"], json!({"commands": []}));
    assert_eq!(told[2]["item"]["id"], told[9]["item"]["id"]);
    assert_eq!((&told[3]["command"], &told[3]["command_index"]), (&json!(""), &json!(0)));
    assert_eq!((&told[8]["command"], &told[8]["command_index"]), (&json!("pwd"), &json!(1)));
    let patch = call_events("apply_patch", &[r#"{"type":"delete_file","path":"a"}"#], StopReason::ToolCalls);
    let told = written(&patch, reply_to(&request));
    assert_eq!(told[2]["item"]["status"], "in_progress");
    assert_eq!(told[3]["item"]["operation"]["path"], "a");
}

#[test]
fn a_proof_stands_before_its_call_and_an_open_call_is_told_at_the_end() {
    let request = json!({"model": "m", "input": "x", "tools": tools()});
    let mut events = call_events("apply_patch", &[r#"{"type":"delete_file","#], StopReason::Length);
    let seal = hub::Seal::new("gemini", "thought", "proof");
    events.insert(3, Event::Seal { block: BlockId(0), seal });
    events.retain(|event| !matches!(event, Event::Close { .. }));
    let told = written(&events, reply_to(&request));
    let output = &told.last().unwrap()["response"]["output"];
    assert_eq!((&output[0]["type"], &output[1]["type"]), (&json!("reasoning"), &json!("function_call")));
    assert_eq!(
        (&output[1]["status"], &output[1]["arguments"]),
        (&json!("incomplete"), &json!(r#"{"type":"delete_file","#))
    );
}

fn history() -> Value {
    json!([
        {"role": "user", "content": "x"},
        {"type": "local_shell_call", "id": "lsh_1", "call_id": "c1", "status": "completed",
            "action": {"type": "exec", "command": ["ls"], "env": {}, "timeout_ms": null}},
        {"type": "local_shell_call_output", "id": "lsh_1", "output": "{\"exit\":0}"},
        {"type": "shell_call", "id": "sh_1", "call_id": "c2", "action": {"commands": ["ls"], "timeout_ms": null}},
        {"type": "shell_call_output", "call_id": "c2",
            "output": [{"stdout": "a\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]},
        {"type": "apply_patch_call", "call_id": "c3", "status": "completed",
            "operation": {"type": "delete_file", "path": "a"}},
        {"type": "apply_patch_call_output", "call_id": "c3", "status": "failed", "output": "no such file"},
        {"type": "tool_search_call", "call_id": "c4", "execution": "client", "arguments": {"q": "boats"}},
        {"type": "tool_search_output", "call_id": "c4", "execution": "client", "status": "completed", "tools": [
            {"type": "namespace", "name": "sea", "tools": [{"type": "function", "name": "sail", "parameters": {}}]},
            {"type": "function", "name": "row", "parameters": {}}]},
    ])
}

#[test]
fn earlier_calls_and_what_came_of_them_are_carried() {
    let decoded = decode(&json!({"model": "m", "input": history(), "tools": tools()})).unwrap();
    assert!(decoded.losses.is_silent());
    let parts: Vec<&Part> = decoded.request.turns.iter().flat_map(|turn| &turn.parts).collect();
    let calls: Vec<(&str, &str, &str)> = parts
        .iter()
        .filter_map(|part| {
            if let Part::ToolCall(ToolCall { id, name, arguments, .. }) = part {
                Some((id, name, arguments))
            } else {
                None
            }
        })
        .map(|(id, name, arguments)| (id.as_str(), name.as_str(), arguments.as_str()))
        .collect();
    assert_eq!(
        calls,
        [
            ("c1", "local_shell", r#"{"command":["ls"]}"#),
            ("c2", "shell", r#"{"commands":["ls"]}"#),
            ("c3", "apply_patch", r#"{"path":"a","type":"delete_file"}"#),
            ("c4", "tool_search", r#"{"q":"boats"}"#),
        ]
    );
    let text = |result: &ToolResult| match &result.parts[..] {
        [Part::Text(text)] => text.text.clone(),
        other => panic!("{other:?}"),
    };
    let results: Vec<(String, String, bool)> = parts
        .iter()
        .filter_map(|part| if let Part::ToolResult(result) = part { Some(result) } else { None })
        .map(|result| (result.call_id.clone(), text(result), result.is_error))
        .collect();
    let shell = r#"[{"outcome":{"exit_code":0,"type":"exit"},"stderr":"","stdout":"a\n"}]"#;
    let told = |id: &str, words: &str, failed| (id.to_owned(), words.to_owned(), failed);
    assert_eq!(results[0], told("c1", "{\"exit\":0}", false));
    assert_eq!(results[1], told("c2", shell, false));
    assert_eq!(results[2], told("c3", "no such file", true));
    assert_eq!(results[3], told("c4", "These tools can be called now: sea__sail, row.", false));
    let names: Vec<&str> = decoded.request.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names[4..], ["sea__sail", "row"]);
}

#[test]
fn their_own_dialect_gets_the_items_again() {
    let request = decode(&json!({"model": "m", "input": history(), "tools": tools()})).unwrap().request;
    let sent = encoded(&request);
    let kinds: Vec<&str> =
        sent["input"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
    let expect: Vec<Value> = history().as_array().unwrap()[1..].to_vec();
    assert_eq!(kinds[1..], expect.iter().map(|item| item["type"].as_str().unwrap()).collect::<Vec<_>>());
    for (sent, was) in sent["input"].as_array().unwrap()[1..].iter().zip(&expect) {
        for field in ["call_id", "operation", "output", "arguments"] {
            if was.get(field).is_some_and(|value| !value.is_null()) {
                assert_eq!(sent[field], was[field], "{was}");
            }
        }
    }
    assert_eq!(sent["input"][1]["action"], json!({"type": "exec", "command": ["ls"], "env": {}}));
    assert_eq!((&sent["input"][2]["id"], &sent["input"][1]["call_id"]), (&json!("c1"), &json!("c1")));
}

#[test]
fn what_a_container_did_is_told_in_words() {
    let call = json!({"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]},
        "environment": {"type": "container_reference", "container_id": "x"}});
    let output = json!({"type": "shell_call_output", "call_id": "c", "output": []});
    let decoded = decode(&json!({"model": "m", "input": [{"role": "user", "content": "x"}, call, output]})).unwrap();
    let foreign = |part: &Part| matches!(part, Part::Foreign(foreign) if foreign.gist.is_some());
    assert!(decoded.request.turns[1..].iter().flat_map(|turn| &turn.parts).all(foreign));
    assert_eq!(decoded.request.turns.len(), 3);
}

#[test]
fn a_search_of_the_providers_leaves_no_trace() {
    let call =
        json!({"type": "tool_search_call", "call_id": null, "execution": "server", "arguments": {"paths": ["x"]}});
    let output = json!({"type": "tool_search_output", "call_id": null, "execution": "server", "tools": []});
    let request = of_input(&json!([{"role": "user", "content": "x"}, call, output]));
    assert_eq!((request.turns.len(), request.turns[0].role), (1, Role::User));
}

proptest::proptest! {
    /// What the model wrote is what it reads in the next turn.
    #[test]
    fn a_call_comes_back_as_it_was(word in "[a-z ]{1,9}", limit in proptest::option::of(0_u32..9), shell in proptest::bool::ANY) {
        let mut arguments = json!({(if shell { "commands" } else { "command" }): [word]});
        if let Some(limit) = limit {
            arguments["timeout_ms"] = json!(limit);
        }
        let request = json!({"model": "m", "input": "x", "tools": tools()});
        let item = item_of(&request, if shell { "shell" } else { "local_shell" }, &arguments.to_string());
        let decoded = of_input(&json!([{"role": "user", "content": "x"}, item]));
        let Part::ToolCall(call) = &decoded.turns[1].parts[0] else { panic!() };
        proptest::prop_assert_eq!(&call.arguments, &arguments.to_string());
    }
}
