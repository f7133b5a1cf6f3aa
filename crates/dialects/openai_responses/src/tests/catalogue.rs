//! Every item, tool and event that OpenAI's types name (openai-python 3.52, November 2026), and what becomes of each.

use super::*;
use dialect::Signal;
use hub::{Part, Role, ToolKind};

/// What becomes of an item of the input at an upstream of another dialect.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It is told, as what it is.
    Told,
    /// It is told in words, and reported.
    Words,
    /// It is read elsewhere, or nobody misses it.
    Silent,
    /// It is left out, and reported.
    Dropped,
    /// The request is refused.
    Refused,
}

fn fate(item: &Value) -> Fate {
    let question = json!({"role": "user", "content": "q"});
    let Ok(decoded) = decode(&json!({"model": "m", "input": [item, question]})) else { return Fate::Refused };
    let parts: Vec<&Part> = decoded.request.turns.iter().flat_map(|turn| &turn.parts).collect();
    let words = parts.iter().any(|part| matches!(part, Part::Foreign(foreign) if foreign.gist.is_some()));
    let found = parts.len() + decoded.request.system.len();
    match (found, decoded.losses.is_silent()) {
        (1, true) => Fate::Silent,
        (1, false) => Fate::Dropped,
        (_, false) if words => Fate::Words,
        (_, true) => Fate::Told,
        (..) => panic!("told and reported: {item}"),
    }
}

#[test]
fn every_item_has_a_fate() {
    let text = json!([{"type": "input_text", "text": "x"}]);
    for (item, expect) in [
        (json!({"type": "message", "role": "user", "content": text}), Fate::Told),
        (json!({"type": "message", "role": "developer", "content": "x"}), Fate::Told),
        (json!({"type": "file_search_call", "id": "fs_1", "queries": ["q"], "status": "completed"}), Fate::Dropped),
        (json!({"type": "computer_call", "call_id": "c", "id": "cu_1", "action": {"type": "click"}}), Fate::Words),
        (
            json!({"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot"}}),
            Fate::Words,
        ),
        (
            json!({"type": "web_search_call", "id": "ws_1", "action": {"type": "search"}, "status": "completed"}),
            Fate::Dropped,
        ),
        (json!({"type": "function_call", "call_id": "c", "name": "t", "arguments": "{}"}), Fate::Told),
        (json!({"type": "function_call_output", "call_id": "c", "output": "x"}), Fate::Told),
        (json!({"type": "custom_tool_call", "call_id": "c", "name": "t", "input": "x"}), Fate::Told),
        (json!({"type": "custom_tool_call_output", "call_id": "c", "output": "x"}), Fate::Told),
        (json!({"type": "tool_search_call", "call_id": "c", "execution": "client", "arguments": {}}), Fate::Told),
        (json!({"type": "tool_search_output", "call_id": "c", "tools": []}), Fate::Told),
        (json!({"type": "tool_search_call", "execution": "server", "arguments": {}}), Fate::Silent),
        (json!({"type": "tool_search_output", "execution": "server", "tools": []}), Fate::Silent),
        (json!({"type": "additional_tools", "role": "developer", "tools": []}), Fate::Silent),
        (json!({"type": "configuration_update", "reasoning": {"effort": "low"}}), Fate::Silent),
        (json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "x"}]}), Fate::Told),
        (json!({"type": "compaction", "encrypted_content": "x"}), Fate::Refused),
        (
            json!({"type": "image_generation_call", "id": "ig_1", "result": "iVBORw0KGgo=", "status": "completed"}),
            Fate::Told,
        ),
        (json!({"type": "code_interpreter_call", "id": "ci_1", "code": "1+1", "outputs": null}), Fate::Words),
        (
            json!({"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["ls"]}}),
            Fate::Told,
        ),
        (json!({"type": "local_shell_call_output", "id": "c", "output": "x"}), Fate::Told),
        (json!({"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}}), Fate::Told),
        (json!({"type": "shell_call_output", "call_id": "c", "output": []}), Fate::Told),
        (
            json!({"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}}),
            Fate::Told,
        ),
        (json!({"type": "apply_patch_call_output", "call_id": "c", "status": "completed"}), Fate::Told),
        (json!({"type": "mcp_list_tools", "id": "l", "server_label": "s", "tools": []}), Fate::Dropped),
        (json!({"type": "mcp_approval_request", "id": "a", "name": "t", "arguments": "{}"}), Fate::Dropped),
        (json!({"type": "mcp_approval_response", "approval_request_id": "a", "approve": true}), Fate::Dropped),
        (
            json!({"type": "mcp_call", "id": "m", "server_label": "s", "name": "t", "arguments": "{}", "output": "x"}),
            Fate::Words,
        ),
        (json!({"type": "compaction_trigger"}), Fate::Refused),
        (json!({"type": "item_reference", "id": "x"}), Fate::Refused),
        (json!({"type": "program", "id": "p", "call_id": "c", "code": "x", "fingerprint": "f"}), Fate::Dropped),
        (json!({"type": "program_output", "id": "p", "call_id": "c", "result": "x"}), Fate::Dropped),
        (json!({"type": "something_of_next_year", "id": "x"}), Fate::Dropped),
    ] {
        assert_eq!(fate(&item), expect, "{item}");
    }
}

#[test]
fn a_screen_is_a_picture_and_no_text() {
    let output = json!({"type": "computer_screenshot", "image_url": "data:image/png;base64,iVBORw0KGgo="});
    let request = of_input(&json!([{"type": "computer_call_output", "call_id": "c", "output": output}]));
    let Part::Image(picture) = &request.turns[0].parts[0] else { panic!("{request:?}") };
    assert_eq!(picture.media_type.as_deref(), Some("image/png"));
}

/// Of an answer every item reaches the hub, and its own dialect gets it back as it was.
#[test]
fn every_item_of_an_answer_comes_through() {
    let plain = ["message", "reasoning", "function_call", "custom_tool_call", "image_generation_call"];
    for kind in [
        "file_search_call",
        "function_call_output",
        "web_search_call",
        "computer_call",
        "computer_call_output",
        "program",
        "program_output",
        "tool_search_call",
        "tool_search_output",
        "additional_tools",
        "compaction",
        "code_interpreter_call",
        "local_shell_call",
        "local_shell_call_output",
        "shell_call",
        "shell_call_output",
        "apply_patch_call",
        "apply_patch_call_output",
        "mcp_call",
        "mcp_list_tools",
        "mcp_approval_request",
        "mcp_approval_response",
        "custom_tool_call_output",
        "something_of_next_year",
    ] {
        assert!(!plain.contains(&kind));
        let item = json!({"type": kind, "id": "x_1", "status": "completed", "deep": {"a": [1.0, null]}});
        let answer = json!({"id": "r", "object": "response", "status": "completed", "model": "m", "output": [item]});
        let decoded = Responses.decode_response(answer.to_string().as_bytes(), &Memo::default()).unwrap();
        assert!(matches!(&decoded.parts[..], [Part::Foreign(_)]), "{kind}");
        let back = Responses.encode_response(&decoded, &dialect::Reply::new("m", false));
        let back: Value = serde_json::from_slice(&back).unwrap();
        assert_eq!(back["output"], json!([item]), "{kind}");
    }
}

#[test]
fn what_a_program_said_is_told_in_words() {
    let call = json!({"type": "code_interpreter_call", "id": "ci_1", "code": "print(6*7)", "status": "completed",
        "outputs": [{"type": "logs", "logs": "42"}, {"type": "image", "url": "https://x"}]});
    let answer = json!({"id": "r", "status": "completed", "output": [call]});
    let decoded = Responses.decode_response(answer.to_string().as_bytes(), &Memo::default()).unwrap();
    let Part::Foreign(foreign) = &decoded.parts[0] else { panic!() };
    let gist = foreign.gist.as_deref().unwrap();
    assert!(gist.contains("print(6*7)") && gist.contains("42"), "{gist}");
}

#[test]
fn settings_change_where_an_item_says_so_and_found_tools_are_declared() {
    let update = |effort: &str| json!({"type": "configuration_update", "reasoning": {"effort": effort}});
    let found = json!({"type": "tool_search_output", "call_id": "c", "tools": [
        {"type": "namespace", "name": "mcp__x", "tools": [{"type": "function", "name": "t"}]}]});
    let input = json!([update("low"), {"role": "user", "content": "x"}, found, update("high")]);
    let request = decode(&json!({"model": "m", "input": input, "reasoning": {"effort": "none"}})).unwrap().request;
    assert_eq!((request.thinking.level, request.thinking.mode), (Some(hub::Level::High), None));
    assert_eq!(request.tools[0].name, "mcp__x__t");
    let text = json!({"type": "configuration_update", "text": {"format": {"type": "json_object"}}});
    let request = of_input(&json!([{"role": "user", "content": "x"}, text]));
    assert_eq!((request.format, request.turns.len()), (hub::Format::Json, 1));
    assert_eq!(request.turns[0].role, Role::User);
}

#[test]
fn every_tool_is_known_or_kept_for_its_own() {
    for kind in [
        "file_search",
        "computer",
        "computer_use_preview",
        "mcp",
        "code_interpreter",
        "programmatic_tool_calling",
        "image_generation",
        "tool_search",
        "something_of_next_year",
    ] {
        let tool = json!({"type": kind, "x": {"y": 1}});
        let request = with(&json!({"tools": [tool]}));
        assert!(matches!(&request.tools[0].kind, ToolKind::Hosted { .. }), "{kind}");
        assert_eq!(encoded(&request)["tools"], json!([tool]), "{kind}");
    }
    for kind in ["web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11"] {
        let request = with(&json!({"tools": [{"type": kind}]}));
        assert!(matches!(request.tools[0].kind, ToolKind::WebSearch(_)), "{kind}");
    }
}

#[test]
fn programs_run_elsewhere_only_in_a_fresh_sandbox() {
    for (container, same) in [
        (json!({"type": "auto"}), Some(hub::Builtin::Code)),
        (json!({"type": "auto", "file_ids": ["file_1"]}), None),
        (json!("cntr_1"), None),
    ] {
        let request = with(&json!({"tools": [{"type": "code_interpreter", "container": container}]}));
        assert!(
            matches!(&request.tools[0].kind, ToolKind::Hosted { same: found, .. } if *found == same),
            "{container}"
        );
    }
    let theirs = hub::Tool {
        kind: ToolKind::Hosted {
            origin: hub::DialectId("x"),
            json: hub::Json::empty_object(),
            same: Some(hub::Builtin::Code),
        },
        name: "code_execution".into(),
        description: None,
        strict: None,
        cache: None,
        extras: Vec::new(),
    };
    let mut request = of_input(&json!("hi"));
    request.tools = vec![theirs];
    request.tool_choice = Some(hub::ToolChoice::Tool("code_execution".into()));
    let sent = encoded(&request);
    assert_eq!(sent["tools"], json!([{"type": "code_interpreter", "container": {"type": "auto"}}]));
    assert_eq!(sent["tool_choice"], json!({"type": "code_interpreter"}));
}

/// Events that say nothing of content yet; all others may be the first that is worth a commit.
const QUIET: [&str; 5] = [
    "response.created",
    "response.in_progress",
    "response.queued",
    "response.content_part.added",
    "response.reasoning_summary_part.added",
];

const EVENTS: [&str; 52] = [
    "response.created",
    "response.queued",
    "response.in_progress",
    "response.audio.delta",
    "response.audio.done",
    "response.audio.transcript.delta",
    "response.audio.transcript.done",
    "response.code_interpreter_call_code.delta",
    "response.code_interpreter_call_code.done",
    "response.code_interpreter_call.completed",
    "response.code_interpreter_call.in_progress",
    "response.code_interpreter_call.interpreting",
    "response.compaction.compacting",
    "response.content_part.added",
    "response.content_part.done",
    "response.file_search_call.completed",
    "response.file_search_call.in_progress",
    "response.file_search_call.searching",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.shell_call_command.added",
    "response.shell_call_command.delta",
    "response.shell_call_command.done",
    "response.shell_call_output_content.delta",
    "response.shell_call_output_content.done",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.reasoning_text.delta",
    "response.reasoning_text.done",
    "response.refusal.delta",
    "response.refusal.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.web_search_call.completed",
    "response.web_search_call.in_progress",
    "response.web_search_call.searching",
    "response.image_generation_call.completed",
    "response.image_generation_call.generating",
    "response.image_generation_call.in_progress",
    "response.image_generation_call.partial_image",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
    "response.mcp_call.in_progress",
    "response.mcp_list_tools.completed",
    "response.mcp_list_tools.in_progress",
    "response.output_text.annotation.added",
    "response.custom_tool_call_input.delta",
    "response.custom_tool_call_input.done",
];

/// In the middle of an answer no event breaks it, neither for the decoder nor for the watch of a relay.
#[test]
fn every_event_is_taken() {
    let end = json!({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}});
    for kind in EVENTS.into_iter().chain(["response.mcp_list_tools.failed", "response.of_next_year", "keepalive"]) {
        let event = json!({"type": kind, "item_id": "x", "output_index": 0, "content_index": 0, "summary_index": 0,
            "delta": "d", "text": "d", "response": {"id": "r", "status": "in_progress"}});
        let begun = json!({"type": "response.created", "response": {"id": "r"}});
        let events = read(&[sse(&[begun, event.clone(), end.clone()]).as_bytes()]);
        assert!(events.is_ok(), "{kind}");
        let mut watch = Responses.scanner();
        let signal = watch.frame(Frame { event: Some(kind.as_bytes()), data: event.to_string().as_bytes() });
        match signal {
            Signal::Quiet => assert!(QUIET.contains(&kind) || kind == "keepalive", "{kind}"),
            Signal::Content => assert!(!QUIET.contains(&kind), "{kind}"),
            Signal::UsageOnly | Signal::Terminal | Signal::Fault(_) => panic!("{kind}"),
        }
    }
}
