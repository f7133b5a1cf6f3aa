//! The relay path: what is edited, what is seen, what passes.

use dialect::{ModelTraits, Signal, Target, splice};

use super::*;

fn relay(head: &Parts, json: &str) -> (String, http::HeaderMap) {
    let body = body(json);
    let traits = ModelTraits::default();
    let relay = Messages.relay(head, &body, &Target { model: "real-\"name\"", stream: false, traits: &traits });
    assert!(!relay.hide_usage);
    let edited = splice::apply(body.bytes(), body.index(), &relay.edits);
    (String::from_utf8(edited.to_vec()).unwrap(), relay.headers)
}

#[test]
fn only_the_model_changes() {
    let json = r#"{ "model":"alias", "x_new":{"deep":[1.0,null]}, "messages":[] }"#;
    let (edited, headers) = relay(&head("/v1/messages", &[]), json);
    assert_eq!(edited, json.replace("\"alias\"", r#""real-\"name\"""#));
    assert_eq!(headers.get("anthropic-version").unwrap(), "2023-06-01");
    assert!(!headers.contains_key("anthropic-beta"));
}

#[test]
fn versions_and_betas_pass_as_sent() {
    let client = [
        ("anthropic-version", "2026-10-21"),
        ("anthropic-beta", "a,b"),
        ("anthropic-beta", "c"),
        ("x-api-key", "secret"),
        ("authorization", "Bearer secret"),
        ("user-agent", "someone"),
    ];
    let (_, headers) = relay(&head("/v1/messages?beta=true", &client), r#"{"model":"m"}"#);
    assert_eq!(headers.get("anthropic-version").unwrap(), "2026-10-21");
    assert_eq!(headers.get_all("anthropic-beta").iter().collect::<Vec<_>>(), ["a,b", "c"]);
    assert_eq!(headers.len(), 3, "nothing that identifies the client passes");
}

#[test]
fn peeking_finds_what_routing_needs() {
    let json = r#"{"model":"m","stream":true,"metadata":{"user_id":"user_a_session_s"},"messages":[]}"#;
    let peek = Messages.peek(&head("/v1/messages", &[]), &body(json)).unwrap();
    assert_eq!((peek.model.as_str(), peek.reply.stream), ("m", true));
    for json in ["{}", r#"{"model":""}"#, r#"{"model":3}"#, r#"{"model":"m","stream":"yes"}"#] {
        let fault = Messages.peek(&head("/v1/messages", &[]), &body(json)).unwrap_err();
        assert_eq!(fault.kind, hub::FaultKind::BadRequest, "{json}");
    }
}

#[test]
fn routes_and_marks() {
    let with_version = head("/v1/models", &[("anthropic-version", "2026-10-21")]);
    let without = head("/v1/models", &[("authorization", "Bearer x")]);
    let models = ROUTES.iter().find(|route| route.path == "/v1/models").unwrap();
    assert!((models.accepts)(&with_version) && !(models.accepts)(&without));
    assert!((DIALECT.recognises)(&with_version) && !(DIALECT.recognises)(&without));
    assert!((DIALECT.recognises)(&head("/v1/messages/batches", &[])));
    assert!((DIALECT.recognises)(&head("/v1/other", &[("anthropic-beta", "x")])));
}

fn signals(stream: &str) -> (Vec<String>, dialect::Observed) {
    let mut scanner = Messages.scanner();
    let mut found = Vec::new();
    let mut framer = dialect::Framer::new(Framing::Sse, 1 << 20);
    let mut sink = |frame: dialect::Frame<'_>| {
        found.push(match scanner.frame(frame) {
            Signal::Fault(fault) => format!("Fault({:?})", fault.kind),
            other => format!("{other:?}"),
        });
        Ok(())
    };
    framer.feed(stream.as_bytes(), &mut sink).unwrap();
    framer.finish(&mut sink).unwrap();
    (found, scanner.observed().clone())
}

#[test]
fn the_watcher_sees_content_counts_and_the_end() {
    let stream = include_str!("../../fixtures/tools/stream.sse");
    let (found, observed) = signals(stream);
    let first = found.iter().position(|signal| signal == "Content").unwrap();
    assert!(found[..first].iter().all(|signal| signal == "Quiet"));
    assert_eq!(found.last().map(String::as_str), Some("Terminal"));
    assert!(observed.terminal && observed.end_mark);
    let events = decode_stream(Memo::default(), &[stream.as_bytes()]).unwrap();
    let whole = assemble(events);
    assert_eq!((observed.usage, observed.stop), (whole.usage, Some(whole.stop)), "watcher and hub path agree");
    let nameless: String =
        stream.lines().filter(|line| !line.starts_with("event:")).map(|line| format!("{line}\n")).collect();
    assert_eq!(signals(&nameless).0, found);
}

#[test]
fn the_watcher_sees_errors() {
    let error =
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"hot\"}}\n\n";
    assert_eq!(signals(error).0, ["Fault(Overloaded)"]);
    let mut scanner = Messages.scanner();
    assert!(matches!(
        scanner.whole(br#"{"type":"error","error":{"type":"api_error","message":"x"}}"#),
        Signal::Fault(_)
    ));
    assert!(matches!(scanner.whole(b"<html>"), Signal::Fault(_)));
}

#[test]
fn the_watcher_reads_whole_answers() {
    let reply = include_str!("../../fixtures/tools/reply.json");
    let mut scanner = Messages.scanner();
    assert!(matches!(scanner.whole(reply.as_bytes()), Signal::Terminal));
    let whole = Messages.decode_response(reply.as_bytes(), &Memo::default()).unwrap();
    assert_eq!(scanner.observed().usage, whole.usage);
    assert!(scanner.observed().terminal);
}

#[test]
fn silence_is_filled_with_pings() {
    let mut encoder = Messages.stream_encoder(Reply::new("m", true));
    let mut out = BytesMut::new();
    encoder.keep_alive(&mut out);
    assert_eq!(out, ": keep-alive\n\n", "no event before the head");
    out.clear();
    encoder.push(&hub::Event::Start { id: "i".into(), model: String::new() }, &mut out);
    encoder.push(&hub::Event::Open { block: hub::BlockId(0), kind: hub::Block::Text }, &mut out);
    out.clear();
    encoder.keep_alive(&mut out);
    assert_eq!(out, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
}
