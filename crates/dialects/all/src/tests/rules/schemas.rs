//! Schemas of tools and answers: names that look like keywords, alternatives, cycles, and addresses of documents.

use dialect::{ModelTraits, WireQuirks};
use hub::{Remote, RemoteKind, Source};
use serde_json::{Value, json};

use super::{lost, raw, sent, translated};
use crate::ALL;

/// A request with one tool, in a client's words.
fn with_tool(client: &str, schema: &Value) -> Value {
    let messages = json!([{"role": "user", "content": "q"}]);
    let function = json!({"type": "function", "function": {"name": "f", "parameters": schema}});
    match client {
        "openai_responses" => json!({"model": "m", "input": "q",
            "tools": [{"type": "function", "name": "f", "parameters": schema, "strict": false}]}),
        "anthropic" => json!({"model": "m", "max_tokens": 90, "messages": messages,
            "tools": [{"name": "f", "input_schema": schema}]}),
        "gemini" => json!({"contents": [{"parts": [{"text": "q"}]}],
            "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}]}),
        _ => json!({"model": "m", "messages": messages, "tools": [function]}),
    }
}

/// Where a wire has the schema of the first tool.
fn place(wire: &str) -> &'static str {
    match wire {
        "openai_responses" => "/tools/0/parameters",
        "anthropic" => "/tools/0/input_schema",
        "gemini" => "/tools/0/functionDeclarations/0/parametersJsonSchema",
        _ => "/tools/0/function/parameters",
    }
}

fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().flat_map(|client| ALL.iter().map(|wire| (client.id.0, wire.id.0)))
}

#[test]
fn properties_that_are_called_as_keywords_are_properties() {
    let odd = json!({"type": "object", "properties": {
        "properties": {"type": "object", "properties": {"type": {"type": "string"}, "items": {"type": "integer"}}},
        "$ref": {"type": "string"}, "type": {"type": "string"}, "required": {"type": "boolean"},
        "enum": {"type": "array", "items": {"type": "string"}}, "$defs": {"type": "string"},
        "anyOf": {"type": "string"}, "additionalProperties": {"type": "number"}, "title": {"type": "string"}},
        "required": ["properties", "$ref", "required"]});
    for (client, wire) in pairs() {
        let body = with_tool(client, &odd);
        let found = sent(client, wire, &body);
        assert_eq!(found.pointer(place(wire)), Some(&odd), "{client} to {wire}: {found}");
        assert_eq!(lost(client, wire, &body), "", "{client} to {wire}");
    }
}

#[test]
fn alternatives_at_the_root_become_one_object_and_that_is_told() {
    let branch = |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name]});
    for key in ["anyOf", "oneOf"] {
        for (client, wire) in pairs() {
            let body = with_tool(client, &json!({key: [branch("a"), branch("b")]}));
            let found = sent(client, wire, &body).pointer(place(wire)).cloned().unwrap_or_default();
            assert_eq!(found["type"], "object", "{client} to {wire}: {found}");
            assert!(found["properties"]["a"].is_object() && found["properties"]["b"].is_object(), "{found}");
            assert!(found.get("required").is_none(), "nothing that only one branch wants: {client} to {wire}: {found}");
            let told = lost(client, wire, &body);
            assert!(told.contains("tools.f.parameters") && told.contains("joined"), "{client} to {wire}: {told}");
        }
    }
    // All of several is one: nothing is lost.
    for (client, wire) in pairs() {
        let body = with_tool(client, &json!({"type": "object", "allOf": [branch("a"), branch("b")]}));
        let found = sent(client, wire, &body).pointer(place(wire)).cloned().unwrap_or_default();
        assert_eq!(found["required"], json!(["a", "b"]), "{client} to {wire}: {found}");
        assert_eq!(lost(client, wire, &body), "", "{client} to {wire}");
    }
}

#[test]
fn what_needs_itself_may_be_left_out_at_gemini_alone() {
    let tree = json!({"type": "object", "properties": {"root": {"$ref": "#/$defs/Tree<A>"}}, "required": ["root"],
        "$defs": {"Tree<A>": {"type": "object", "properties": {"label": {"type": "string"},
            "below": {"type": "array", "items": {"$ref": "#/$defs/Tree%3CA%3E"}}}, "required": ["label", "below"]}}});
    for (client, wire) in pairs() {
        let body = with_tool(client, &tree);
        let found = sent(client, wire, &body).pointer(place(wire)).cloned().unwrap_or_default();
        assert_eq!(found["required"], json!(["root"]), "{client} to {wire}");
        let inner = &found["$defs"]["Tree<A>"]["required"];
        match wire {
            "gemini" => {
                assert_eq!(inner, &json!(["label"]), "{client}: {found}");
                assert!(lost(client, wire, &body).contains("hold itself"), "{client}");
            }
            _ => assert_eq!(inner, &json!(["label", "below"]), "{client} to {wire}: {found}"),
        }
    }
}

#[test]
fn values_keep_their_type_where_a_choice_holds_texts_only() {
    let traits = ModelTraits {
        quirks: WireQuirks { openapi_parameters: true, ..WireQuirks::default() },
        ..ModelTraits::default()
    };
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer", "enum": [1, 2]},
        "odd": {"$ref": "#/$defs/a~1b"}}, "$defs": {"a/b": {"type": "string", "enum": ["x"]}}});
    let (found, losses) = translated("openai_chat", "gemini", &with_tool("openai_chat", &schema), &traits).unwrap();
    let found = &found["tools"][0]["functionDeclarations"][0]["parameters"];
    assert_eq!(found["properties"]["n"]["type"], "INTEGER");
    assert!(found["properties"]["n"]["description"].as_str().unwrap().contains("[1,2]"), "{found}");
    assert_eq!(found["properties"]["odd"], json!({"type": "STRING", "enum": ["x"]}));
    assert!(!losses.is_silent());
}

#[test]
fn the_order_of_properties_is_that_of_googles_list() {
    let order = json!({"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}},
        "propertyOrdering": ["b", "a"], "required": ["a", "b"]});
    let body = json!({"contents": [{"parts": [{"text": "q"}]}], "generationConfig":
        {"responseMimeType": "application/json", "responseSchema": order}});
    for (wire, place) in [
        ("openai_chat", "/response_format/json_schema/schema"),
        ("openai_responses", "/text/format/schema"),
        ("anthropic", "/output_config/format/schema"),
        ("ollama", "/format"),
    ] {
        let found = sent("gemini", wire, &body).pointer(place).cloned().unwrap();
        assert!(found.get("propertyOrdering").is_none(), "{wire}: {found}");
        let json = raw("gemini", wire, &body);
        assert!(json.find("\"b\":{").unwrap() < json.find("\"a\":{").unwrap(), "{wire}: {json}");
        assert_eq!(lost("gemini", wire, &body), "", "{wire}");
    }
}

#[test]
fn each_wire_says_which_addresses_it_takes() {
    use RemoteKind::{Document, Picture};
    let pdf = Some("application/pdf");
    for (wire, kind, media_type, takes) in [
        ("anthropic", Picture, None, true),
        ("anthropic", Document, None, true),
        ("anthropic", Document, pdf, true),
        ("anthropic", Document, Some("text/markdown"), false),
        ("anthropic", Document, Some("application/json"), false),
        ("openai_chat", Picture, None, true),
        ("openai_chat", Document, pdf, false),
        ("openai_responses", Document, pdf, true),
        ("openai_responses", Document, Some("text/plain"), true),
        ("gemini", Picture, None, true),
        ("gemini", Document, Some("text/plain"), true),
        ("ollama", Picture, None, false),
        ("ollama", Document, None, false),
        ("ollama", Document, Some("text/plain"), false),
        // Refused anyway.
        ("ollama", Document, pdf, true),
    ] {
        let traits = ModelTraits::default();
        let target = dialect::Target { model: "m", stream: false, traits: &traits };
        let (mut source, mut media_type) = (Source::Url("https://h.example/x".into()), media_type.map(str::to_owned));
        let remote = Remote { kind, source: &mut source, media_type: &mut media_type };
        assert_eq!(super::super::side(wire).takes_address(&remote, &target), takes, "{wire} {remote:?}");
    }
    let traits = ModelTraits { addresses: Some(false), ..ModelTraits::default() };
    let target = dialect::Target { model: "m", stream: false, traits: &traits };
    for wire in ["anthropic", "gemini"] {
        let (mut source, mut media_type) = (Source::Url("https://h.example/x".into()), None);
        let remote = Remote { kind: Picture, source: &mut source, media_type: &mut media_type };
        assert!(!super::super::side(wire).takes_address(&remote, &target), "{wire}");
    }
}
