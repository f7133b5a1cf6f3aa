//! Hostile input, from every client to every wire: nothing panics, grows without bound, or is lost in silence.

use bytes::Bytes;
use dialect::{Body, Dialect, ModelTraits, Target, scan};
use hub::{Block, BlockId, CallKind, Event, Fault, LossKind, Losses, StopReason};

use super::matrix::head;
use super::rounds::{assemble, read, told, write};
use crate::ALL;

/// A request with this text, this schema of the one tool, and these arguments of an earlier call of it.
pub(super) fn request(dialect: &Dialect, text: &str, schema: &str, arguments: &str) -> String {
    let quoted = serde_json::to_string(arguments).unwrap();
    match dialect.word {
        "claude" => format!(
            r#"{{"model":"m","max_tokens":99,"tools":[{{"name":"t","input_schema":{schema}}}],"messages":[{{"role":"user","content":{text}}},
            {{"role":"assistant","content":[{{"type":"tool_use","id":"c","name":"t","input":{arguments}}}]}},
            {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"c","content":{text}}}]}}]}}"#
        ),
        "openai" => format!(
            r#"{{"model":"m","tools":[{{"type":"function","function":{{"name":"t","parameters":{schema}}}}}],"messages":[{{"role":"user","content":{text}}},
            {{"role":"assistant","tool_calls":[{{"id":"c","type":"function","function":{{"name":"t","arguments":{quoted}}}}}]}},
            {{"role":"tool","tool_call_id":"c","content":{text}}}]}}"#
        ),
        "responses" => format!(
            r#"{{"model":"m","tools":[{{"type":"function","name":"t","parameters":{schema}}}],"input":[{{"role":"user","content":{text}}},
            {{"type":"function_call","call_id":"c","name":"t","arguments":{quoted}}},
            {{"type":"function_call_output","call_id":"c","output":{text}}}]}}"#
        ),
        "gemini" => format!(
            r#"{{"tools":[{{"functionDeclarations":[{{"name":"t","parametersJsonSchema":{schema}}}]}}],"contents":[{{"role":"user","parts":[{{"text":{text}}}]}},
            {{"role":"model","parts":[{{"functionCall":{{"name":"t","args":{arguments}}}}}]}},
            {{"role":"user","parts":[{{"functionResponse":{{"name":"t","response":{{"result":{text}}}}}}}]}}]}}"#
        ),
        "ollama" => format!(
            r#"{{"model":"m","tools":[{{"type":"function","function":{{"name":"t","parameters":{schema}}}}}],"messages":[{{"role":"user","content":{text}}},
            {{"role":"assistant","tool_calls":[{{"function":{{"name":"t","arguments":{arguments}}}}}]}},
            {{"role":"tool","tool_name":"t","content":{text}}}]}}"#
        ),
        other => panic!("no request in {other}"),
    }
}

fn translated(client: &Dialect, wire: &Dialect, text: &str) -> Result<String, Fault> {
    both(client, wire, text).map(|(body, _)| body)
}

fn losses(client: &Dialect, wire: &Dialect, text: &str) -> Result<Losses, Fault> {
    both(client, wire, text).map(|(_, losses)| losses)
}

/// The translated request, and what was lost.
fn both(client: &Dialect, wire: &Dialect, text: &str) -> Result<(String, Losses), Fault> {
    let body = Body::parse(Bytes::copy_from_slice(text.as_bytes()))?;
    let decoded = client.client.unwrap().decode_request(&head(client), &body)?;
    let (mut request, mut losses) = (decoded.request, decoded.losses);
    hub::mend(&mut request, &mut losses);
    let traits = ModelTraits::default();
    let target = Target { model: "up", stream: false, traits: &traits };
    let encoded = wire.wire.unwrap().encode_request(&request, &target)?;
    scan::object(&encoded.body).unwrap_or_else(|error| panic!("{} to {}: {error}", client.id, wire.id));
    losses.extend(encoded.losses);
    Ok((String::from_utf8(encoded.body.to_vec()).unwrap(), losses))
}

fn pairs() -> impl Iterator<Item = (&'static Dialect, &'static Dialect)> {
    let clients = ALL.iter().filter(|dialect| dialect.client.is_some());
    clients.flat_map(|client| ALL.iter().filter(|wire| wire.wire.is_some()).map(move |wire| (*client, *wire)))
}

const SCHEMA: &str = r#"{"type":"object","properties":{"n":{"type":"integer","enum":[9007199254740993]}}}"#;
const ARGUMENTS: &str = r#"{"n":9007199254740993,"f":1.0,"h":"<&>"}"#;

#[test]
fn long_numbers_and_odd_characters_arrive_as_they_were() {
    for (client, wire) in pairs() {
        let text = r#""2\u2028é\u0000 \ud83d\ude00 <b>""#;
        let out = translated(client, wire, &request(client, text, SCHEMA, ARGUMENTS)).unwrap();
        let name = format!("{} to {}: {out}", client.id, wire.id);
        assert!(out.matches("9007199254740993").count() >= 2, "{name}");
        assert!(out.contains(r#""f":1.0"#) || out.contains(r#"\"f\":1.0"#), "{name}");
        let unescaped = out.contains("<b>") && out.contains("<&>");
        assert!(unescaped && (out.contains('\u{1f600}') || out.contains(r"\ud83d\ude00")), "{name}");
    }
}

#[test]
fn schemas_that_are_deep_cyclic_huge_or_double_do_no_harm() {
    let nested = |depth: usize| {
        let open = r#"{"type":"object","properties":{"a":"#.repeat(depth);
        format!("{open}{{}}{}", "}}".repeat(depth))
    };
    let huge: Vec<String> = (0..3_000).map(|n| format!(r#""p{n}":{{"type":"string","pattern":"^{n}$"}}"#)).collect();
    let wide = |count: usize| {
        let refs: Vec<String> = (0..count).map(|n| format!(r##""r{n}":{{"$ref":"#/$defs/a"}}"##)).collect();
        // Each definition names the next twice: written out it would double at every step.
        let defs: Vec<String> = (0..40_u8)
            .map(|n| {
                let (this, next) = (char::from(b'a' + n % 26), char::from(b'a' + (n + 1) % 26));
                let suffix = if n < 26 { "" } else { "2" };
                format!(r##""{this}{suffix}":{{"type":"object","properties":{{"x":{{"$ref":"#/$defs/{next}"}},"y":{{"$ref":"#/$defs/{next}"}}}}}}"##)
            })
            .collect();
        format!(r#"{{"type":"object","properties":{{{}}},"$defs":{{{}}}}}"#, refs.join(","), defs.join(","))
    };
    let cyclic = r##"{"type":"object","properties":{"self":{"$ref":"#"},"other":{"$ref":"#/$defs/o"},"none":{"$ref":"#/$defs/none"}},"$defs":{"o":{"$ref":"#/$defs/o"}}}"##;
    let schemas = [
        nested(90),
        nested(240),
        cyclic.to_owned(),
        format!(r#"{{"type":"object","properties":{{{}}}}}"#, huge.join(",")),
        wide(50),
        r#"{"type":"object","type":"array","properties":{"a":{},"a":{"type":"string"}}}"#.to_owned(),
        r#"{"type":["object","null"],"required":true,"properties":[],"allOf":{},"items":[]}"#.to_owned(),
        "true".to_owned(),
        "[]".to_owned(),
    ];
    for schema in &schemas {
        for (client, wire) in pairs() {
            let asked = request(client, "\"q\"", schema, ARGUMENTS);
            match translated(client, wire, &asked) {
                Ok(out) => {
                    assert!(out.len() < 16 * asked.len() + 65_536, "{} to {}: {} bytes", client.id, wire.id, out.len());
                }
                Err(fault) => assert!(!fault.message.is_empty(), "{} to {}", client.id, wire.id),
            }
        }
    }
}

#[test]
fn half_characters_and_endless_nesting_are_refused_or_carried_and_never_cut_in_silence() {
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    for (client, wire) in pairs() {
        let half = request(client, r#""before \ud83d after""#, SCHEMA, ARGUMENTS);
        match translated(client, wire, &half) {
            Ok(out) => {
                assert!(out.contains("before ") && out.contains(" after"), "{} to {}: {out}", client.id, wire.id);
            }
            Err(fault) => assert_eq!(fault.kind, hub::FaultKind::BadRequest, "{} to {}", client.id, wire.id),
        }
        let nested = request(client, &deep, SCHEMA, ARGUMENTS);
        let fault = translated(client, wire, &nested).unwrap_err();
        assert!(fault.message.contains("nested deeper"), "{}: {}", client.id, fault.message);
        let double = request(client, "\"q\"", SCHEMA, r#"{"n":1,"n":2}"#);
        if let Ok(out) = translated(client, wire, &double) {
            let plain = out.replace('\\', "");
            assert!(plain.contains(r#""n":1,"n":2"#), "{} to {}: {out}", client.id, wire.id);
        }
    }
}

#[test]
fn a_field_that_nobody_knows_is_never_lost_in_silence() {
    for (client, wire) in pairs().filter(|(client, wire)| client.id != wire.id) {
        let asked = request(client, "\"q\"", SCHEMA, ARGUMENTS).replacen('{', r#"{"x_vendor_flag":{"deep":[1]},"#, 1);
        let losses = losses(client, wire, &asked).unwrap();
        let told = losses.iter().any(|loss| loss.field == "x_vendor_flag" && loss.kind == LossKind::Dropped);
        assert!(told, "{} to {}: {losses:?}", client.id, wire.id);
    }
}

/// A text and a call, each in ten thousand pieces.
fn pieces(count: usize) -> Vec<Event> {
    let (text, call) = (BlockId(0), BlockId(1));
    let kind = Block::ToolCall { id: "c".into(), name: "t".into(), kind: CallKind::Function };
    let delta = |block, text: &str| Event::Delta { block, text: text.into() };
    let mut events =
        vec![Event::Start { id: "i".into(), model: "m".into() }, Event::Open { block: text, kind: Block::Text }];
    events.extend((0..count).map(|_| delta(text, "é")));
    events.extend([Event::Close { block: text }, Event::Open { block: call, kind }, delta(call, "{\"a\":\"")]);
    events.extend((0..count).map(|_| delta(call, "x")));
    events.extend([delta(call, "\"}"), Event::Close { block: call }, Event::Stop(StopReason::ToolCalls.into())]);
    events
}

#[test]
fn ten_thousand_pieces_arrive_whole() {
    let pieces = pieces(10_000);
    let expect = told(&assemble(pieces.clone()));
    for wire in ALL.iter().filter(|dialect| dialect.wire.is_some()) {
        let upstream = read(wire, &write(wire, &pieces)).unwrap();
        for client in ALL.iter().filter(|dialect| dialect.client.is_some()) {
            let seen = assemble(read(client, &write(client, &upstream)).unwrap());
            assert_eq!(told(&seen), expect, "{} to {}", wire.id, client.id);
        }
    }
}
