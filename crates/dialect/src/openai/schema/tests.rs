use super::{is_strict, repair};
use serde_json::{Value, json};
use std::borrow::Cow;

fn fixed(schema: &Value) -> Value {
    let once = repair(&schema.to_string()).into_owned();
    assert_eq!(repair(&once), once, "repairing twice changes nothing");
    serde_json::from_str(&once).unwrap()
}

#[test]
fn sound_schemas_pass_byte_for_byte() {
    let sound = r#"{ "type":"object", "properties":{"a":{"enum":[1.0,9007199254740993]},"required":{"type":"string"}}, "$schema":"x" }"#;
    assert!(matches!(repair(sound), Cow::Borrowed(text) if text == sound));
}

#[test]
fn a_flag_that_says_nothing_is_found_alone() {
    let old = json!({"type": "object", "properties": {"n": {"type": "number", "exclusiveMaximum": false}}});
    assert_eq!(fixed(&old), json!({"type": "object", "properties": {"n": {"type": "number"}}}));
}

#[test]
fn broken_roots_become_objects() {
    let empty = json!({"type": "object", "properties": {}});
    for broken in [
        json!(true),
        json!([]),
        json!(null),
        json!({}),
        json!({"type": "object"}),
        json!({"type": "OBJECT"}),
        json!({"type": ["object", "null"]}),
    ] {
        assert_eq!(fixed(&broken), empty, "{broken}");
    }
    assert_eq!(
        fixed(&json!({"type": "string", "description": "d"})),
        json!({"type": "object", "properties": {}, "description": "d"})
    );
    // A map of properties without its wrapper; one of them is called "type".
    assert_eq!(
        fixed(&json!({"type": {"type": "string"}, "port": {"type": "string", "required": true}})),
        json!({"type": "object", "properties": {"type": {"type": "string"}, "port": {"type": "string"}}, "required": ["port"]})
    );
}

#[test]
fn choices_at_the_root_are_merged() {
    assert_eq!(
        fixed(&json!({"anyOf": [
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]}]})),
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}})
    );
    assert_eq!(
        fixed(&json!({"allOf": [{"properties": {"a": {}}, "required": ["a"]}], "properties": {"c": {}}})),
        json!({"type": "object", "properties": {"c": {}, "a": {}}, "required": ["a"]})
    );
    assert_eq!(
        fixed(
            &json!({"$ref": "#/$defs/T", "$defs": {"T": {"type": "object", "properties": {"a": {}}, "required": ["a"]}}})
        ),
        json!({"type": "object", "properties": {"a": {}}, "required": ["a"],
               "$defs": {"T": {"type": "object", "properties": {"a": {}}, "required": ["a"]}}})
    );
}

#[test]
fn defects_inside_are_mended_and_names_are_not_keywords() {
    assert_eq!(
        fixed(&json!({"type": "object", "properties": {
            "list": {"type": "array"},
            "deep": {"type": "OBJECT", "properties": {"items": {"type": "ARRAY"}, "required": {"type": "STRING", "required": true}}},
            "any": true,
            "maybe": {"type": "string", "nullable": true},
            "data": {"type": "string", "default": {"type": "ARRAY"}, "enum": ["OBJECT"]},
            "pair": {"type": "array", "items": [{"type": "STRING"}, true]},
            "void": {"type": "object", "properties": null, "required": null, "default": null},
            "none": null,
            "old": {"type": "number", "minimum": 1, "exclusiveMinimum": true, "maximum": 2, "exclusiveMaximum": false},
        }, "required": "list", "description": null})),
        json!({"type": "object", "properties": {
            "list": {"type": "array", "items": {}},
            "deep": {"type": "object", "properties": {"items": {"type": "array", "items": {}}, "required": {"type": "string"}}, "required": ["required"]},
            "any": {},
            "maybe": {"type": ["string", "null"]},
            "data": {"type": "string", "default": {"type": "ARRAY"}, "enum": ["OBJECT"]},
            "pair": {"type": "array", "prefixItems": [{"type": "string"}, {}]},
            "void": {"type": "object", "default": null},
            "none": {},
            "old": {"type": "number", "exclusiveMinimum": 1, "maximum": 2},
        }, "required": ["list"]})
    );
}

#[test]
fn every_array_says_what_it_holds_and_no_schema_is_a_bare_true() {
    // As many arrays as words called `items`: one of those is the name of a property.
    let arrays = json!({"type": "object", "properties": {
        "a": {"type": "array"}, "items": {"type": ["null", "array"]}, "b": {"type": "array", "items": true}, "c": true,
    }});
    assert_eq!(
        fixed(&arrays)["properties"],
        json!({"a": {"type": "array", "items": {}}, "items": {"type": ["null", "array"], "items": {}},
               "b": {"type": "array", "items": {}}, "c": {}})
    );
    let none = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": null});
    assert_eq!(fixed(&none), json!({"type": "object", "properties": {"a": {"type": "string"}}}));
    // What only looks broken keeps its text.
    let sound = r#"{ "type":"object", "properties":{"a":{"type":"array","items":{"type":["string","null"]}}}, "additionalProperties":true }"#;
    assert!(matches!(repair(sound), Cow::Borrowed(text) if text == sound));
}

#[test]
fn branches_at_the_root_are_what_they_refer_to() {
    let definitions = json!({"A": {"properties": {"a": {}}}, "B": {"properties": {"b": {}}}});
    let union = json!({"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}], "$defs": definitions});
    assert_eq!(fixed(&union)["properties"], json!({"a": {}, "b": {}}));
}

#[test]
fn strict_mode_wants_closed_objects_everywhere() {
    let closed = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    let nest = |inner: Value| json!({"type": "object", "properties": {"x": inner}, "required": ["x"], "additionalProperties": false});
    assert!(is_strict(&closed.to_string()));
    assert!(is_strict(&nest(closed.clone()).to_string()));
    assert!(is_strict(&nest(json!({"anyOf": [{"type": "null"}, closed]})).to_string()));
    for open in [
        json!({"type": "object", "properties": {"a": {}}, "required": ["a"]}),
        json!({"type": "object", "properties": {"a": {}}, "additionalProperties": false}),
        nest(json!({"type": "object"})),
        nest(json!({"type": "array", "items": {"type": "object"}})),
        nest(json!({"oneOf": [closed]})),
        json!({"anyOf": [closed]}),
        json!(true),
        json!({"type": "string"}),
        nest(json!({"type": "array"})),
        nest(json!({"not": {"type": "string"}})),
        nest(json!({"type": "string", "default": null})),
        nest(json!({"$ref": "#/$defs/T", "description": "d"})),
    ] {
        assert!(!is_strict(&open.to_string()), "{open}");
    }
}

#[test]
fn capitals_in_a_list_of_types_are_mended_too() {
    let list = json!({"type": "object", "properties": {"a": {"type": ["null", "STRING"]}}});
    assert_eq!(fixed(&list)["properties"]["a"]["type"], json!(["null", "string"]));
}
