use super::*;
use dialect::{Signal, splice};
use hub::StopReason;

fn relayed(request: &Value) -> (Value, Losses) {
    let body = body(request);
    let traits = ModelTraits::default();
    let relay = Responses.relay(&head(), &body, &Target { model: "up", stream: false, traits: &traits });
    let sent = splice::apply(body.bytes(), body.index(), &relay.edits);
    (serde_json::from_slice(&sent).unwrap(), relay.losses)
}

#[test]
fn only_the_model_changes() {
    let request =
        json!({"model": "m", "previous_response_id": "resp_1", "x": 1, "max_output_tokens": 5, "input": "hi"});
    let (sent, losses) = relayed(&request);
    let mut expect = request;
    expect["model"] = json!("up");
    assert_eq!(sent, expect);
    assert!(losses.is_silent());
}

/// A thought of a model that gives no proofs goes to the client marked, so that a relay finds it on its way back.
#[test]
fn reasoning_without_any_proof_is_known_again() {
    let thought = hub::Part::Thinking(hub::Thought { text: "t".into(), seal: None, redacted: false });
    let answer = Response { parts: vec![thought.clone()], ..Response::default() };
    let whole: Value =
        serde_json::from_slice(&Responses.encode_response(&answer, &dialect::Reply::new("m", false))).unwrap();
    let item = whole["output"][0].clone();
    let question = json!({"role": "user", "content": "x"});
    let request = json!({"model": "m", "input": [item, question]});
    assert_eq!(relayed(&request).0["input"], json!([question]));
    let turns = Responses.decode_request(&head(), &body(&request)).unwrap().request.turns;
    assert_eq!(turns[0].parts, [thought], "a translation reads it as it was");
}

#[test]
fn reasoning_of_other_vendors_is_left_out() {
    let own = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"});
    let foreign =
        json!({"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "bos1:anthropic:signature:1:s"});
    let said = json!({"role": "user", "content": "\"bos1:a:b:1:x\""});
    let (sent, losses) = relayed(&json!({"model": "m", "input": [own, foreign, said]}));
    assert_eq!(sent["input"], json!([own, said]));
    assert!(!losses.is_silent());
}

/// What we wrote of a program that another vendor ran is no item that OpenAI would take back.
#[test]
fn programs_of_other_vendors_go_back_as_words() {
    let code = hub::Code {
        id: "1".into(),
        program: Some(hub::Program { text: "print(6*7)".into(), shell: false }),
        printed: Some(hub::Printed { out: "42".into(), ..hub::Printed::default() }),
    };
    let words = code.words();
    let mut out = bytes::BytesMut::new();
    let mut item = dialect::Object::open(&mut out);
    item.text("type", "code_interpreter_call");
    item.text("id", "ci_1");
    crate::programs::write(&code, true, &mut item);
    item.close();
    let made: Value = serde_json::from_slice(&out).unwrap();
    let own = json!({"type": "code_interpreter_call", "id": "ci_2", "code": "\"bos1:\"", "container_id": "cntr_1",
        "outputs": null, "status": "completed"});
    let (sent, _) = relayed(&json!({"model": "m", "input": [own, made]}));
    assert_eq!(sent["input"], json!([own, {"type": "message", "role": "assistant", "content": words}]));
}

#[test]
fn the_session_is_the_agents_own() {
    let told = |headers: &[(&'static str, &str)], json: &Value| {
        let mut head = head();
        headers.iter().for_each(|(name, value)| {
            head.headers.insert(*name, value.parse().unwrap());
        });
        dialect::session(Responses.sessions(), &head.headers, &body(json))
    };
    assert_eq!(told(&[("session-id", "s")], &json!({"model": "m", "prompt_cache_key": "k"})).as_deref(), Some("s"));
    assert_eq!(told(&[], &json!({"model": "m", "prompt_cache_key": "k"})).as_deref(), Some("k"));
    assert_eq!(told(&[], &json!({"model": "m"})), None);
    assert_eq!(Responses.peek(&head(), &body(&json!({"input": "x"}))).unwrap_err().param.as_deref(), Some("model"));
}

#[test]
fn a_watch_sees_content_usage_and_the_end() {
    let mut watch = Responses.scanner();
    let mut see = |json: Value, named: bool| {
        let data = json.to_string();
        let event = json["type"].as_str().unwrap().as_bytes().to_vec();
        let signal = watch.frame(Frame { event: named.then_some(&event), data: data.as_bytes() });
        match signal {
            Signal::Quiet => "quiet",
            Signal::Content => "content",
            Signal::UsageOnly => "usage",
            Signal::Terminal => "end",
            Signal::Fault(_) => "fault",
        }
    };
    for named in [true, false] {
        assert_eq!(see(json!({"type": "response.created", "response": {}}), named), "quiet");
        assert_eq!(see(json!({"type": "response.output_item.added", "item": {"type": "message"}}), named), "quiet");
        assert_eq!(
            see(json!({"type": "response.output_item.added", "item": {"type": "function_call", "name": "t"}}), named),
            "content"
        );
        assert_eq!(see(json!({"type": "response.output_text.delta", "delta": "x"}), named), "content");
        assert_eq!(see(json!({"type": "codex.rate_limits", "x": 1}), named), "quiet");
        assert_eq!(see(json!({"type": "error", "message": "no", "code": "server_error"}), named), "fault");
    }
    let end = json!({"type": "response.completed", "response": {"status": "completed", "usage": {"input_tokens": 7, "output_tokens": 2}}});
    assert_eq!(see(end.clone(), true), "end");
    assert_eq!(see(end, true), "quiet");
    let observed = watch.observed();
    assert_eq!((observed.usage.fresh, observed.usage.output, observed.end_mark), (Some(7), Some(2), true));
    assert_eq!(observed.stop.as_ref().unwrap().reason, StopReason::ToolCalls);
}

/// What a silent stream repeats is what the upstream said, or what is small of it.
#[test]
fn an_event_that_came_before_is_repeated() {
    let repeated = |instructions: &str, model: &str| {
        let response = json!({"id": "resp_1", "object": "response", "created_at": 17, "status": "in_progress",
            "instructions": instructions, "model": model, "tools": []});
        let event = json!({"type": "response.in_progress", "sequence_number": 3, "response": response});
        let mut watch = Responses.scanner();
        let mut out = bytes::BytesMut::new();
        assert!(!watch.repeat(&mut out));
        watch.frame(Frame { event: None, data: event.to_string().as_bytes() });
        assert!(watch.repeat(&mut out));
        let text = String::from_utf8(out.to_vec()).unwrap();
        let data = text.strip_prefix("event: response.in_progress\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
        assert!(!data.contains('\n'));
        let told: Value = serde_json::from_str(data).unwrap();
        (event, told)
    };
    let (event, told) = repeated("short", "m");
    assert_eq!(event, told);
    for model in ["gpt-5.1/x", "\"odd\""] {
        let (event, told) = repeated(&"\"id\":\"x\" ".repeat(1_000), model);
        for field in ["type", "sequence_number"] {
            assert_eq!(event[field], told[field]);
        }
        for field in ["id", "created_at", "status", "object"] {
            assert_eq!(event["response"][field], told["response"][field], "{field}");
        }
        assert!(told.to_string().len() < 700, "{told}");
    }
}
