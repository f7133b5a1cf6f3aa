use super::*;
use hub::{FaultKind, StopReason, ToolCall};

fn created() -> Value {
    json!({"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1", "object": "response", "status": "in_progress", "model": "m", "output": []}})
}

fn completed(output: &Value) -> Value {
    json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "model": "m", "output": output,
        "usage": {"input_tokens": 10, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4}, "output_tokens_details": {"reasoning_tokens": 2}}}})
}

fn added(index: u32, item: &Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": index, "item": item})
}

fn done(index: u32, item: &Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": index, "item": item})
}

fn call_item(arguments: &str) -> Value {
    json!({"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "t", "arguments": arguments, "status": "completed"})
}

fn calls(response: &Response) -> Vec<&ToolCall> {
    let call = |part: &'_ hub::Part| matches!(part, hub::Part::ToolCall(_));
    let found = response.parts.iter().filter(|part| call(part));
    found.filter_map(|part| if let hub::Part::ToolCall(call) = part { Some(call) } else { None }).collect()
}

#[test]
fn arguments_are_told_once_wherever_they_come() {
    let delta = |text: &str| json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 0, "delta": text});
    let end = |text: &str| json!({"type": "response.function_call_arguments.done", "item_id": "fc_1", "output_index": 0, "arguments": text});
    let whole = call_item("{\"a\":1}");
    let (start, last) = (added(0, &call_item("")), completed(&json!([whole])));
    let ways = [
        vec![created(), start.clone(), delta("{\"a\""), delta(":1}"), end("{\"a\":1}"), done(0, &whole), last.clone()],
        vec![created(), start.clone(), end("{\"a\":1}"), done(0, &whole), last.clone()],
        vec![created(), start.clone(), delta("{\"a\""), end("{\"a\":1}"), done(0, &whole), completed(&json!([]))],
        vec![created(), start.clone(), done(0, &whole), completed(&json!([]))],
        vec![created(), done(0, &whole), last.clone()],
        vec![created(), start, last.clone()],
        vec![created(), last.clone()],
        vec![last],
    ];
    for way in ways {
        let response = assembled(&way);
        let found = calls(&response);
        assert_eq!(found.len(), 1, "{way:?}");
        assert_eq!(
            (found[0].id.as_str(), found[0].name.as_str(), found[0].arguments.as_str()),
            ("c1", "t", "{\"a\":1}"),
            "{way:?}"
        );
        assert_eq!(response.stop.reason, StopReason::ToolCalls);
    }
}

#[test]
fn interleaved_calls_keep_apart() {
    let item = |n: u32| json!({"type": "function_call", "id": format!("fc_{n}"), "call_id": format!("c{n}"), "name": format!("t{n}"), "arguments": ""});
    let delta = |n: u32, text: &str| json!({"type": "response.function_call_arguments.delta", "item_id": format!("fc_{n}"), "output_index": n, "delta": text});
    let response = assembled(&[
        created(),
        added(0, &item(0)),
        added(1, &item(1)),
        delta(1, "{\"b\""),
        delta(0, "{}"),
        delta(1, ":2}"),
        completed(&json!([])),
    ]);
    let found: Vec<(&str, &str)> =
        calls(&response).iter().map(|call| (call.name.as_str(), call.arguments.as_str())).collect();
    assert_eq!(found, [("t0", "{}"), ("t1", "{\"b\":2}")]);
}

#[test]
fn texts_sources_and_proofs_arrive_whole() {
    let annotation =
        json!({"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 2});
    let message = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "hello", "annotations": [annotation]}, {"type": "output_text", "text": "more", "annotations": []}]});
    let reasoning = json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "gFULL",
        "summary": [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}]});
    let thought = |index: u32, text: &str| json!({"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "output_index": 0, "summary_index": index, "delta": text});
    let response = assembled(&[
        created(),
        added(0, &json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gHALF"})),
        thought(0, "on"),
        thought(0, "e"),
        thought(1, "tw"),
        done(0, &reasoning),
        json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 1, "content_index": 0, "delta": "hel"}),
        json!({"type": "response.brand_new", "x": 1}),
        done(1, &message),
        completed(&json!([reasoning, message])),
    ]);
    let [hub::Part::Thinking(thought), hub::Part::Text(first), hub::Part::Text(second)] = response.parts.as_slice()
    else {
        panic!("{:?}", response.parts)
    };
    assert_eq!(thought.text, "one\n\ntwo");
    assert_eq!(thought.seal.as_ref().unwrap().data, "gFULL");
    assert_eq!((first.text.as_str(), first.citations.len(), second.text.as_str()), ("hello", 1, "more"));
    assert_eq!(response.stop.reason, StopReason::End);
    let usage = response.usage;
    assert_eq!(
        (usage.fresh, usage.cache_read, usage.cache_write, usage.output, usage.reasoning),
        (Some(6), Some(4), None, Some(5), Some(2))
    );
}

#[test]
fn endings_are_told_apart() {
    let ended = |status: &str, reason: Option<&str>, output: &Value| {
        let details = reason.map(|reason| json!({"reason": reason}));
        let body =
            json!({"id": "r", "object": "response", "status": status, "output": output, "incomplete_details": details});
        Responses.decode_response(body.to_string().as_bytes(), &Memo::default()).unwrap().stop.reason
    };
    let text = json!([{"type": "message", "content": [{"type": "output_text", "text": "x"}]}]);
    let refusal = json!([{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]);
    let cut =
        json!([{"type": "function_call", "call_id": "c", "name": "t", "arguments": "{\"a", "status": "incomplete"}]);
    assert_eq!(ended("completed", None, &text), StopReason::End);
    assert_eq!(ended("completed", None, &refusal), StopReason::Refusal);
    assert_eq!(ended("completed", None, &json!([call_item("{}")])), StopReason::ToolCalls);
    assert_eq!(ended("incomplete", Some("max_output_tokens"), &text), StopReason::Length);
    assert_eq!(ended("incomplete", Some("max_output_tokens"), &cut), StopReason::Length);
    assert_eq!(ended("incomplete", Some("content_filter"), &text), StopReason::Filter);
    assert_eq!(ended("incomplete", Some("brand_new"), &text), StopReason::Length);
}

#[test]
fn failures_in_every_shape_are_faults_and_a_cut_is_one() {
    let delta = json!({"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": "hi"});
    for (last, kind) in [
        (
            json!({"type": "error", "code": "rate_limit_exceeded", "message": "Please try again in 2s.", "param": null}),
            FaultKind::RateLimited,
        ),
        (
            json!({"type": "error", "error": {"type": "server_error", "code": null, "message": "oops"}}),
            FaultKind::UpstreamFailed,
        ),
        (
            json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": "context_length_exceeded", "message": "long"}}}),
            FaultKind::ContextOverflow,
        ),
        (
            json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_is_overloaded", "message": "busy"}}}),
            FaultKind::Overloaded,
        ),
        (json!({"type": "response.failed", "response": {"status": "failed"}}), FaultKind::UpstreamFailed),
        (json!({"type": "response.completed"}), FaultKind::UpstreamGarbled),
        (json!({"type": "response.in_progress"}), FaultKind::UpstreamGarbled),
    ] {
        let stream = sse(&[created(), delta.clone(), last.clone()]);
        let (events, fault) = *read(&[stream.as_bytes()]).unwrap_err();
        assert_eq!(fault.kind, kind, "{last}");
        assert_eq!(events.len(), 3, "{last}");
    }
    let bare = b"data: {\"error\":{\"message\":\"no\",\"code\":\"insufficient_quota\"}}\n\n";
    assert_eq!(read(&[bare]).unwrap_err().1.kind, FaultKind::QuotaExhausted);
}

#[test]
fn a_good_status_around_an_error_is_a_fault() {
    for body in [
        json!({"error": {"message": "no", "type": "server_error"}}),
        json!({"id": "r", "object": "response", "status": "failed", "error": {"code": "server_error", "message": "no"}, "output": []}),
        json!({"id": "r", "object": "response", "status": "failed", "output": []}),
        json!({"detail": "no"}),
        json!({"id": "r", "status": "queued", "output": []}),
    ] {
        assert!(Responses.decode_response(body.to_string().as_bytes(), &Memo::default()).is_err(), "{body}");
    }
}

#[test]
fn the_end_is_the_end() {
    let text = json!([{"type": "message", "id": "m", "content": [{"type": "output_text", "text": "x"}]}]);
    let late = json!({"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": "late"});
    let response = assembled(&[created(), completed(&text), late, completed(&text)]);
    assert_eq!(response.parts.len(), 1);
}
