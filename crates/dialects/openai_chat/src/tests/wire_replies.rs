use super::*;
use dialect::{Frame, Framer, Framing, Memo, NameMap, NameRule, Signal};
use hub::{Assembler, CallKind, Event, FaultKind, Grammar, Response, StopReason};

/// All events of a stream that comes in these pieces, checked against the grammar.
pub(crate) fn read(memo: Memo, pieces: &[&[u8]]) -> Result<Vec<Event>, Fault> {
    let mut framer = Framer::new(Framing::Sse, 1 << 22);
    let mut decoder = Chat.stream_decoder(memo);
    let mut events = Vec::new();
    let mut sink = |frame: Frame<'_>| decoder.feed(frame, &mut events);
    pieces.iter().try_for_each(|piece| framer.feed(piece, &mut sink).map(|_| ()))?;
    framer.finish(&mut sink)?;
    decoder.end(&mut events)?;
    let mut grammar = Grammar::default();
    events.iter().for_each(|event| grammar.see(event).unwrap());
    grammar.finish().unwrap();
    Ok(events)
}

/// Frames of data, the end mark not included.
fn frames(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

fn delta(delta: Value) -> Value {
    json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn finish(reason: &str) -> Value {
    json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn calls(calls: Value) -> Value {
    delta(json!({ "tool_calls": calls }))
}

pub(crate) fn assemble(events: Vec<Event>) -> Response {
    let mut assembler = Assembler::new(1 << 22);
    events.into_iter().for_each(|event| assembler.push(event).unwrap());
    assembler.finish().unwrap()
}

/// What came of it in one line: text bare, `~reasoning~`, `!refusal!`, `name#id(arguments)`, the stop reason last.
fn draw(response: &Response) -> String {
    let part = |part: &hub::Part| match part {
        hub::Part::Text(text) => text.text.clone(),
        hub::Part::Thinking(thought) => format!("~{}~", thought.text),
        hub::Part::Refusal(words) => format!("!{words}!"),
        hub::Part::ToolCall(call) => {
            let mark = if call.kind == CallKind::Custom { "*" } else { "" };
            format!("{mark}{}#{}({})", call.name, call.id, call.arguments)
        }
        other => format!("{other:?}"),
    };
    let mut words: Vec<String> = response.parts.iter().map(part).collect();
    words.push(format!("{:?}", response.stop.reason));
    words.join(" ")
}

fn check_with(memo: &Memo, chunks: &[Value], expect: &str) {
    let done = frames(chunks) + "data: [DONE]\n\n";
    let found = draw(&assemble(read(memo.clone(), &[done.as_bytes()]).unwrap()));
    assert_eq!(found, expect, "{chunks:?}");
}

fn check(chunks: &[Value], expect: &str) {
    check_with(&Memo::default(), chunks, expect);
}

#[test]
fn calls_of_every_habit_come_out_alike() {
    let stop = || finish("tool_calls");
    // The index is missing: another id is another call.
    check(
        &[
            calls(json!([{"id": "a", "function": {"name": "f", "arguments": "{\"x\""}}])),
            calls(json!([{"id": "a", "function": {"arguments": ":1}"}}])),
            calls(json!([{"id": "b", "function": {"name": "g", "arguments": "{}"}}])),
            stop(),
        ],
        "f#a({\"x\":1}) g#b({}) ToolCalls",
    );
    // Neither index nor id on what continues.
    check(
        &[
            calls(json!([{"id": "a", "function": {"name": "f"}}])),
            calls(json!([{"function": {"arguments": "{}"}}])),
            stop(),
        ],
        "f#a({}) ToolCalls",
    );
}

#[test]
fn ids_and_names_may_repeat_or_come_late() {
    let stop = || finish("tool_calls");
    // One index is used again for the next call.
    check(
        &[
            calls(json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}])),
            calls(json!([{"index": 0, "id": "b", "function": {"name": "g", "arguments": "{}"}}])),
            stop(),
        ],
        "f#a({}) g#b({}) ToolCalls",
    );
    // Id and name are repeated, empty or null in later pieces.
    check(
        &[
            calls(json!([{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}])),
            calls(json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"x\":"}}])),
            calls(json!([{"index": 0, "id": "", "function": {"name": "", "arguments": "1"}}])),
            calls(json!([{"index": 0, "id": null, "function": {"name": null, "arguments": "}"}}])),
            stop(),
        ],
        "f#a({\"x\":1}) ToolCalls",
    );
    // The name comes late, the id right after the name.
    check(
        &[
            calls(json!([{"index": 0, "function": {"arguments": "{\"x\""}}])),
            calls(json!([{"index": 0, "function": {"name": "f"}}])),
            calls(json!([{"index": 0, "id": "a", "function": {"arguments": ":1}"}}])),
            stop(),
        ],
        "f#a({\"x\":1}) ToolCalls",
    );
}

#[test]
fn calls_are_told_in_the_order_in_which_they_began() {
    let stop = || finish("tool_calls");
    // The name of the first comes after the second is whole.
    check(
        &[
            calls(json!([{"index": 0, "id": "a", "function": {"arguments": "{\"x\""}}])),
            calls(json!([{"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}])),
            calls(json!([{"index": 0, "function": {"name": "f", "arguments": ":1}"}}])),
            stop(),
        ],
        "f#a({\"x\":1}) g#b({}) ToolCalls",
    );
    // It never comes.
    check(
        &[
            calls(json!([{"index": 0, "id": "a", "function": {"arguments": "{\"x\""}}])),
            calls(json!([{"index": 1, "id": "b", "function": {"name": "g", "arguments": "{"}}])),
            calls(json!([{"index": 1, "function": {"arguments": "}"}}])),
            stop(),
        ],
        "g#b({}) ToolCalls",
    );
    // Its id and arguments never come.
    check(
        &[
            calls(json!([{"index": 0, "function": {"name": "f"}}])),
            calls(json!([{"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}])),
            stop(),
        ],
        "f#() g#b({}) ToolCalls",
    );
}

#[test]
fn calls_in_other_forms() {
    let stop = || finish("tool_calls");
    // Text and call in one chunk; the arguments are an object; the reason says stop.
    check(
        &[json!({"id": "c", "model": "m", "choices": [{"delta": {"role": "assistant", "content": "ok",
            "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1.0}}}]}, "finish_reason": "stop"}]})],
        "ok f#({\"x\":1.0}) ToolCalls",
    );
    // A call that never gets a name is none.
    check(&[calls(json!([{"index": 0, "id": "a", "function": {"arguments": "{}"}}])), stop()], "End");
    // Legacy form.
    check(
        &[
            delta(json!({"function_call": {"name": "f", "arguments": ""}})),
            delta(json!({"function_call": {"arguments": "{}"}})),
            finish("function_call"),
        ],
        "f#({}) ToolCalls",
    );
    // Free text as its own type.
    check(
        &[
            calls(json!([{"index": 0, "id": "a", "type": "custom", "custom": {"name": "p", "input": "x"}}])),
            calls(json!([{"index": 0, "custom": {"input": " y"}}])),
            stop(),
        ],
        "*p#a(x y) ToolCalls",
    );
}

#[test]
fn two_calls_with_one_id_do_not_share_it() {
    let one = |name: &str| json!({"id": "same", "type": "function", "function": {"name": name, "arguments": "{}"}});
    let whole = json!({"id": "c", "model": "m", "choices": [{"message": {"tool_calls": [one("f"), one("g")]}, "finish_reason": "tool_calls"}]});
    let response = Chat.decode_response(whole.to_string().as_bytes(), &Memo::default()).unwrap();
    assert_eq!(draw(&response), "f#same({}) g#({}) ToolCalls");
}

#[test]
fn names_and_free_texts_are_given_back() {
    let rule = NameRule { max: 64, also: b"-", letter_first: false };
    let memo = Memo {
        names: NameMap::new(["a.b", "patch"].into_iter(), rule),
        custom: vec!["patch".into()],
        ..Memo::default()
    };
    check_with(
        &memo,
        &[
            calls(json!([{"index": 0, "id": "1", "function": {"name": "a_b", "arguments": "{}"}}])),
            calls(json!([{"index": 1, "id": "2", "function": {"name": "patch", "arguments": "{\"inp"}}])),
            calls(json!([{"index": 1, "function": {"arguments": "ut\":\"raw\\n\"}"}}])),
            finish("tool_calls"),
        ],
        "a.b#1({}) *patch#2(raw\n) ToolCalls",
    );
}

#[test]
fn prose_of_every_habit() {
    check(
        &[
            delta(json!({"reasoning_content": "a"})),
            delta(json!({"reasoning": "b"})),
            delta(json!({"content": "c"})),
            finish("stop"),
        ],
        "~ab~ c End",
    );
    // Both names with the same words: once.
    check(&[delta(json!({"reasoning": "a", "reasoning_content": "a"})), finish("stop")], "~a~ End");
    check(
        &[delta(json!({"reasoning_details": [{"type": "reasoning.summary", "summary": "s"}]})), finish("stop")],
        "~s~ End",
    );
    // Reasoning and text in one chunk lose nothing.
    check(
        &[
            delta(json!({"reasoning": "a", "content": "b"})),
            delta(json!({"reasoning": "c", "content": "d"})),
            finish("stop"),
        ],
        "~a~ b ~c~ d End",
    );
    // Content as parts, reasoning among them.
    check(
        &[
            delta(
                json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}, {"type": "text", "text": "x"}]}),
            ),
            finish("stop"),
        ],
        "~t~ x End",
    );
    check(&[delta(json!({"content": "no", "refusal": "never"})), finish("stop")], "no !never! Refusal");
}

#[test]
fn chunks_of_every_habit() {
    // More content after the finish reason; heartbeats; an Azure prelude.
    check(
        &[
            json!({"id": "", "model": "", "choices": [], "prompt_filter_results": []}),
            delta(json!({"role": "assistant", "content": ""})),
            json!({"id": "c", "choices": []}),
            delta(json!({"content": "a"})),
            finish("stop"),
            delta(json!({"content": "b"})),
        ],
        "ab End",
    );
    // Only the first of several answers.
    check(
        &[
            json!({"id": "c", "choices": [{"index": 1, "delta": {"content": "x"}}, {"index": 0, "delta": {"content": "y"}}]}),
            finish("stop"),
        ],
        "y End",
    );
    // A message in place of a delta, and a whole one repeated at the end.
    check(&[json!({"id": "c", "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]})], "x End");
    check(
        &[
            delta(json!({"content": "x"})),
            json!({"id": "c", "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}),
        ],
        "x End",
    );
    // A picture by address is told in words.
    check(
        &[delta(json!({"images": [{"image_url": {"url": "https://a.example/p.png"}}]})), finish("stop")],
        "![image](https://a.example/p.png) End",
    );
}

#[test]
fn think_tags_are_reasoning_where_the_server_is_known_for_them() {
    let chunks = [
        delta(json!({"content": "<thi"})),
        delta(json!({"content": "nk>a</th"})),
        delta(json!({"content": "ink>\n\nb <"})),
        finish("stop"),
    ];
    check_with(&Memo { think_tags: true, ..Memo::default() }, &chunks, "~a~ b < End");
    check(&chunks, "<think>a</think>\n\nb < End");
}

#[test]
fn why_it_ended() {
    let whole = || calls(json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"a\":\"}\"}"}}]));
    let cut = || calls(json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"a\":\"}"}}]));
    let bare = || calls(json!([{"index": 0, "id": "a", "function": {"name": "f"}}]));
    for (chunks, reason) in [
        (vec![finish("stop")], StopReason::End),
        (vec![finish("length")], StopReason::Length),
        (vec![finish("content_filter")], StopReason::Filter),
        (vec![finish("tool_calls")], StopReason::End),
        (vec![finish("something_new")], StopReason::End),
        (vec![finish("MAX_TOKENS")], StopReason::Length),
        (vec![whole(), finish("stop")], StopReason::ToolCalls),
        (vec![whole(), finish("length")], StopReason::ToolCalls),
        (vec![cut(), finish("length")], StopReason::Length),
        (vec![bare(), finish("length")], StopReason::Length),
        (vec![whole(), finish("content_filter")], StopReason::Filter),
        (vec![delta(json!({"refusal": "no"})), finish("content_filter")], StopReason::Refusal),
        // The end mark alone is enough for what is whole.
        (vec![delta(json!({"content": "x"}))], StopReason::End),
        (vec![whole()], StopReason::ToolCalls),
    ] {
        let bytes = frames(&chunks) + "data: [DONE]\n\n";
        assert_eq!(assemble(read(Memo::default(), &[bytes.as_bytes()]).unwrap()).stop.reason, reason, "{chunks:?}");
    }
    let bytes = frames(&[cut()]) + "data: [DONE]\n\n";
    assert_eq!(read(Memo::default(), &[bytes.as_bytes()]).unwrap_err().kind, FaultKind::UpstreamGarbled);
}

#[test]
fn a_cut_stream_is_a_fault_and_a_missing_end_mark_is_not() {
    let whole = frames(&[delta(json!({"content": "x"})), finish("stop")]);
    assert!(read(Memo::default(), &[whole.as_bytes()]).is_ok());
    for bytes in [
        frames(&[delta(json!({"content": "x"}))]),
        String::new(),
        "data: [DONE]\n\n".into(),
        "data: {\"id\"\n\n".into(),
    ] {
        assert_eq!(read(Memo::default(), &[bytes.as_bytes()]).unwrap_err().kind, FaultKind::UpstreamGarbled, "{bytes}");
    }
}

#[test]
fn nothing_after_the_end_mark_counts() {
    let bytes = frames(&[delta(json!({"content": "x"})), finish("stop")])
        + "data: [DONE]\n\ndata: {\"error\": {}}\n\ndata: nonsense\n\n";
    assert_eq!(draw(&assemble(read(Memo::default(), &[bytes.as_bytes()]).unwrap())), "x End");
}

#[test]
fn usage_comes_from_everywhere_and_is_told_before_the_end() {
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3}});
    let part = json!({"prompt_tokens": 10, "completion_tokens": 1});
    for chunks in [
        vec![finish("stop"), json!({"id": "c", "choices": [], "usage": usage})],
        vec![json!({"id": "c", "choices": [{"delta": {}, "finish_reason": "stop"}], "usage": usage})],
        vec![
            json!({"id": "c", "choices": [{"delta": {"content": "x"}}], "usage": part}),
            json!({"id": "c", "choices": [], "usage": usage}),
            finish("stop"),
        ],
        vec![json!({"id": "c", "choices": [{"delta": {}, "finish_reason": "stop", "usage": usage}]})],
    ] {
        let bytes = frames(&chunks) + "data: [DONE]\n\n";
        let response = assemble(read(Memo::default(), &[bytes.as_bytes()]).unwrap());
        let told = response.usage;
        assert_eq!((told.fresh, told.cache_read, told.output), (Some(7), Some(3), Some(4)), "{chunks:?}");
    }
}

#[test]
fn errors_inside_a_200_are_faults() {
    for (frame, kind) in [
        (
            r#"data: {"error":{"message":"engine overheated","type":"server_error","code":null}}"#,
            FaultKind::UpstreamFailed,
        ),
        (r#"data: {"error":{"message":"slow down","code":429}}"#, FaultKind::RateLimited),
        (r#"data: {"error":{"message":"Key limit","code":"401"}}"#, FaultKind::UpstreamRefused),
        (r#"data: {"error":"it broke"}"#, FaultKind::UpstreamFailed),
        (
            r#"data: {"object":"error","message":"too long: maximum context length is 8192","code":400}"#,
            FaultKind::ContextOverflow,
        ),
        ("event: error\ndata: {\"message\":\"gone\",\"type\":\"overloaded_error\"}", FaultKind::Overloaded),
        (r#"data: {"id":"c","choices":[{"delta":{},"finish_reason":"error"}]}"#, FaultKind::UpstreamFailed),
    ] {
        let bytes = format!("{}{frame}\n\n", frames(&[delta(json!({"content": "x"}))]));
        let fault = read(Memo::default(), &[bytes.as_bytes()]).unwrap_err();
        assert_eq!(fault.kind, kind, "{frame}");
        let mut watch = Chat.scanner();
        assert!(matches!(
            watch.frame(Frame { event: None, data: delta(json!({"content": "x"})).to_string().as_bytes() }),
            Signal::Content
        ));
        let (event, data) = frame
            .split_once("\ndata: ")
            .map_or((None, &frame[6..]), |(event, data)| (event.strip_prefix("event: "), data));
        match watch.frame(Frame { event: event.map(str::as_bytes), data: data.as_bytes() }) {
            Signal::Fault(fault) => assert_eq!(fault.kind, kind, "{frame}"),
            other => panic!("{frame}: {other:?}"),
        }
    }
    let whole = br#"{"error":{"message":"no credit","type":"insufficient_quota","code":"insufficient_quota"}}"#;
    assert_eq!(Chat.decode_response(whole, &Memo::default()).unwrap_err().kind, FaultKind::QuotaExhausted);
    let empty = br#"{"id":"x","choices":[],"error":null}"#;
    assert_eq!(Chat.decode_response(empty, &Memo::default()).unwrap_err().kind, FaultKind::UpstreamGarbled);
    assert_eq!(Chat.decode_response(b"<html>", &Memo::default()).unwrap_err().kind, FaultKind::UpstreamGarbled);
}

#[test]
fn the_watch_sees_what_matters_and_parses_no_more() {
    let frame = |json: &Value| json.to_string();
    let mut watch = Chat.scanner();
    let mut see = |text: &str| format!("{:?}", watch.frame(Frame { event: None, data: text.as_bytes() }));
    assert_eq!(see(&frame(&delta(json!({"role": "assistant", "content": ""})))), "Quiet");
    assert_eq!(see(&frame(&delta(json!({"content": "say \"error\": or \"usage\": now"})))), "Content");
    // From here on, dull chunks are not parsed: even nonsense passes.
    assert_eq!(see("{not json"), "Content");
    assert_eq!(
        see(&frame(&json!({"choices": [{"delta": {"content": "x"}, "finish_reason": null}], "usage": null}))),
        "Content"
    );
    assert_eq!(see(&frame(&calls(json!([{"index": 0, "id": "a", "function": {"name": "f"}}])))), "Content");
    assert_eq!(see(&frame(&finish("stop"))), "Content");
    assert_eq!(
        see(&frame(&json!({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}))),
        "UsageOnly"
    );
    assert_eq!(see("[DONE]"), "Terminal");
    assert_eq!(see("{\"error\":{}}"), "Quiet");
    let observed = watch.observed();
    assert_eq!((observed.usage.fresh, observed.usage.output), (Some(5), Some(2)));
    assert_eq!(observed.stop.as_ref().unwrap().reason, StopReason::ToolCalls);
    assert!(observed.terminal && observed.end_mark);
}
