use super::*;
use dialect::{Echo, Reply};
use hub::{Block, BlockId, CallKind, Citation, Seal, Stop, StopReason, Usage};

fn reply() -> Reply {
    Reply { created: 1_760_000_000, seed: 7, ..Reply::new("shown", true) }
}

fn start() -> Event {
    Event::Start { id: "up".into(), model: "up".into() }
}

fn open(n: u32, kind: Block) -> Event {
    Event::Open { block: BlockId(n), kind }
}

fn call(id: &str, name: &str) -> Block {
    Block::ToolCall { id: id.into(), name: name.into(), kind: CallKind::Function }
}

fn delta(n: u32, text: &str) -> Event {
    Event::Delta { block: BlockId(n), text: text.into() }
}

fn close(n: u32) -> Event {
    Event::Close { block: BlockId(n) }
}

fn stop(reason: StopReason) -> Event {
    Event::Stop(Stop::from(reason))
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap().trim_start_matches("response.")).collect()
}

fn rich() -> Vec<Event> {
    vec![
        start(),
        open(0, Block::Thinking),
        delta(0, "hm"),
        Event::Seal { block: BlockId(0), seal: Seal::new("anthropic", "signature", "s") },
        close(0),
        open(1, Block::Text),
        delta(1, "hé"),
        delta(1, "y"),
        Event::Cite { block: BlockId(1), citation: Citation { url: Some("u".into()), ..Citation::default() } },
        close(1),
        open(2, call("c1", "t")),
        close(2),
        Event::Usage(Usage { fresh: Some(3), cache_read: Some(2), output: Some(4), ..Usage::default() }),
        stop(StopReason::ToolCalls),
    ]
}

#[test]
fn the_grammar_is_complete_and_numbered() {
    let events = written(&rich(), reply());
    let expect = [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(kinds(&events), expect);
    let numbers: Vec<u64> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
}

#[test]
fn the_last_event_holds_all_items_and_figures() {
    let events = written(&rich(), reply());
    let whole = &events.last().unwrap()["response"];
    let items = whole["output"].as_array().unwrap();
    let done: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .map(|event| &event["item"])
        .collect();
    assert_eq!(items.iter().collect::<Vec<_>>(), done);
    assert_eq!(items[0]["encrypted_content"], "bos1:anthropic:signature:1:s");
    assert_eq!(items[1]["content"][0]["annotations"][0]["end_index"], 3);
    assert_eq!(items[2]["arguments"], "{}");
    assert_eq!(
        whole["usage"],
        json!({"input_tokens": 5, "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
        "output_tokens": 4, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 9})
    );
    assert_eq!(
        (&whole["model"], &whole["status"], &whole["created_at"]),
        (&json!("shown"), &json!("completed"), &json!(1_760_000_000))
    );
    assert_eq!(whole["metadata"], json!({}));
}

#[test]
fn texts_join_one_message_until_something_else_comes() {
    let events = written(
        &[
            start(),
            open(0, Block::Text),
            delta(0, "a"),
            close(0),
            open(1, Block::Text),
            delta(1, "b"),
            close(1),
            open(2, call("c", "t")),
            delta(2, "{}"),
            close(2),
            open(3, Block::Text),
            delta(3, "c"),
            close(3),
            stop(StopReason::End),
        ],
        reply(),
    );
    let output = &events.last().unwrap()["response"]["output"];
    let shape: Vec<(&str, usize)> = output
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["type"].as_str().unwrap(), item["content"].as_array().map_or(0, Vec::len)))
        .collect();
    assert_eq!(shape, [("message", 2), ("function_call", 0), ("message", 1)]);
}

#[test]
fn namespaces_come_back() {
    let request = body(&json!({"model": "m", "metadata": {"a": "b"}, "temperature": 0.5, "tools": [
        {"type": "namespace", "name": "mcp__x", "tools": [{"type": "function", "name": "t"}]}, {"type": "function", "name": "mcp__x__u"}],
        "input": [{"type": "additional_tools", "tools": [{"type": "namespace", "name": "late", "tools": [{"type": "function", "name": "v"}]}]}]}));
    let echo = Responses.echo(&request, &request);
    let reply = Reply { echo: std::sync::Arc::new(echo), ..reply() };
    let events = written(
        &[
            start(),
            open(0, call("a", "mcp__x__t")),
            close(0),
            open(1, call("b", "mcp__x__u")),
            close(1),
            open(2, call("c", "late__v")),
            close(2),
            stop(StopReason::ToolCalls),
        ],
        reply,
    );
    let whole = &events.last().unwrap()["response"];
    let named: Vec<(&Value, &Value)> =
        whole["output"].as_array().unwrap().iter().map(|item| (&item["namespace"], &item["name"])).collect();
    assert_eq!(
        named,
        [(&json!("mcp__x"), &json!("t")), (&Value::Null, &json!("mcp__x__u")), (&json!("late"), &json!("v"))]
    );
    assert_eq!(
        (&whole["metadata"], &whole["temperature"], &whole["tool_choice"]),
        (&json!({"a": "b"}), &json!(0.5), &json!("auto"))
    );
    let plain = body(&json!({"model": "m"}));
    assert_eq!(Responses.echo(&plain, &plain).spaces, Echo::default().spaces);
}

#[test]
fn a_calls_proof_stands_before_it_and_is_carried() {
    let seal = || Seal::new("gemini", "thought", "sig");
    let events = written(
        &[
            start(),
            open(0, call("a", "t")),
            Event::Seal { block: BlockId(0), seal: seal() },
            delta(0, "{}"),
            close(0),
            stop(StopReason::ToolCalls),
        ],
        reply(),
    );
    let output = &events.last().unwrap()["response"]["output"];
    assert_eq!((&output[0]["type"], &output[1]["type"]), (&json!("reasoning"), &json!("function_call")));
    let mut input = vec![json!({"role": "user", "content": "x"})];
    input.extend(output.as_array().unwrap().iter().cloned());
    let request = of_input(&json!(input));
    let [hub::Part::ToolCall(call)] = request.turns[1].parts.as_slice() else { panic!() };
    assert_eq!(call.seal, Some(seal()));
}

#[test]
fn each_reason_has_its_ending() {
    for reason in StopReason::ALL {
        let events = written(&[start(), open(0, Block::Text), delta(0, "x"), close(0), stop(reason)], reply());
        let last = events.last().unwrap();
        let found = (
            last["type"].as_str().unwrap(),
            last["response"]["status"].as_str().unwrap(),
            last["response"]["incomplete_details"]["reason"].as_str(),
        );
        let expect = match reason {
            StopReason::End | StopReason::StopSequence | StopReason::ToolCalls => {
                ("response.completed", "completed", None)
            }
            StopReason::Length | StopReason::ContextFull => {
                ("response.incomplete", "incomplete", Some("max_output_tokens"))
            }
            StopReason::Refusal | StopReason::Filter => ("response.incomplete", "incomplete", Some("content_filter")),
            StopReason::Paused => ("response.incomplete", "incomplete", None),
            StopReason::MalformedCall => ("response.failed", "failed", None),
        };
        assert_eq!(found, expect, "{reason:?}");
    }
}

#[test]
fn a_cut_call_is_incomplete() {
    let events =
        written(&[start(), open(0, call("a", "t")), delta(0, "{\"x"), close(0), stop(StopReason::Length)], reply());
    assert_eq!(events.last().unwrap()["response"]["output"][0]["status"], "incomplete");
}

#[test]
fn silence_and_failure_keep_counting() {
    let mut out = bytes::BytesMut::new();
    let mut encoder = Responses.stream_encoder(reply());
    encoder.keep_alive(&mut out);
    assert_eq!(&out[..], b": keep-alive\n\n");
    out.clear();
    encoder.push(&start(), &mut out);
    encoder.keep_alive(&mut out);
    encoder.fail(&Fault::new(hub::FaultKind::RateLimited, "later"), &mut out);
    let text = String::from_utf8(out.to_vec()).unwrap();
    let data: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|json| serde_json::from_str(json).unwrap())
        .collect();
    assert_eq!(kinds(&data), ["created", "in_progress", "in_progress", "failed"]);
    assert_eq!(data[3]["sequence_number"], 3);
    assert_eq!(data[3]["response"]["error"], json!({"code": "rate_limit_exceeded", "message": "later"}));
}
