use hub::{Assembler, Grammar, Json, Text, ToolResult, Turn};

use super::*;

fn ask(words: &str) -> Request {
    Request {
        turns: vec![Turn { role: Role::User, parts: vec![Part::Text(Text::plain(words))] }],
        ..Request::default()
    }
}

fn answer(request: &Request) -> hub::Response {
    let mut grammar = Grammar::default();
    let mut assembler = Assembler::new(1 << 20);
    for (_, event) in Demo.perform(request, MODEL).unwrap() {
        grammar.see(&event).unwrap();
        assembler.push(event).unwrap();
    }
    grammar.finish().unwrap();
    assembler.finish().unwrap()
}

fn with_tool(mut request: Request) -> Request {
    let schema =
        r#"{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city"]}"#;
    request.tools.push(Tool {
        name: "weather".into(),
        description: None,
        kind: ToolKind::Function(Some(Json::trusted(schema))),
        strict: None,
        cache: None,
        extras: Vec::new(),
    });
    request
}

#[test]
fn it_echoes() {
    let response = answer(&ask("good morning"));
    assert!(matches!(&response.parts[..], [Part::Text(text)] if text.text.contains("good morning")), "{response:?}");
    assert_eq!(response.stop.reason, StopReason::End);
    assert!(response.usage.output > Some(0) && response.usage.fresh == Some(3));
}

#[test]
fn it_calls_the_first_tool_and_reads_the_result() {
    let mut request = with_tool(ask("weather?"));
    let response = answer(&request);
    assert_eq!(response.stop.reason, StopReason::ToolCalls);
    let Some(Part::ToolCall(call)) = response.parts.last() else { panic!("{response:?}") };
    assert_eq!((call.name.as_str(), call.arguments.as_str()), ("weather", r#"{"city":"demo"}"#));
    let result =
        ToolResult { call_id: "1".into(), parts: vec![Part::Text(Text::plain("sunny"))], ..ToolResult::default() };
    request.turns.push(Turn { role: Role::User, parts: vec![Part::ToolResult(result)] });
    let response = answer(&request);
    assert!(matches!(&response.parts[..], [Part::Text(text)] if text.text.contains("sunny")), "{response:?}");
}

#[test]
fn it_thinks_only_when_asked() {
    let mut request = ask("hm");
    assert!(!matches!(answer(&request).parts[0], Part::Thinking(_)));
    request.thinking.mode = Some(hub::Mode::Auto);
    let response = answer(&request);
    assert!(matches!(&response.parts[0], Part::Thinking(thought) if !thought.text.is_empty()));
    assert!(response.usage.reasoning > Some(0));
}

#[test]
fn the_cap_cuts() {
    let mut request = ask("hello there");
    request.sampling.max_tokens = Some(2);
    let response = answer(&request);
    assert_eq!(response.stop.reason, StopReason::Length);
    assert!(matches!(&response.parts[..], [Part::Text(text)] if text.text == "Hello from "));
}

#[test]
fn a_schema_is_kept() {
    let mut request = ask("x");
    let schema = r#"{"type":"object","properties":{"n":{"type":"integer","minimum":3},"s":{"enum":["a","b"]}},"required":["n","s"]}"#;
    request.format = hub::Format::Schema(hub::Schema {
        name: None,
        description: None,
        schema: Json::trusted(schema),
        strict: None,
        bare: false,
    });
    assert!(matches!(&answer(&request).parts[..], [Part::Text(text)] if text.text == r#"{"n":3,"s":"a"}"#));
    let hub::Format::Schema(schema) = &mut request.format else { unreachable!() };
    (schema.schema, schema.bare) = (Json::trusted(r#"{"enum":["a","b"]}"#), true);
    assert!(matches!(&answer(&request).parts[..], [Part::Text(text)] if text.text == "a"));
}
