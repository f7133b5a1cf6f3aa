//! The two rewritings, rule by rule.

use super::*;
use proptest::prelude::*;

fn tool(schema: &str, expect: &str) {
    let once = for_tool(schema).unwrap().json.clone().unwrap();
    assert_eq!(once, expect);
    assert_eq!(for_tool(&once), None, "repairing twice changes nothing");
}

#[test]
fn sound_schemas_keep_their_text() {
    for schema in [
        r#"{ "type" : "object", "properties": {"a":{"type":"string","minLength":1.0}}, "$schema":"x" }"#,
        r#"{"type":"object"}"#,
        r#"{"type":"object","properties":{"required":{"type":"boolean"}},"required":["required"]}"#,
    ] {
        assert_eq!(for_tool(schema), None, "{schema}");
    }
}

#[test]
fn the_root_becomes_an_object() {
    tool("{}", r#"{"type":"object","properties":{}}"#);
    tool("true", NO_ARGUMENTS);
    tool("[]", NO_ARGUMENTS);
    tool(r#"{"type":["object","null"],"properties":{"a":{}}}"#, r#"{"type":"object","properties":{"a":{}}}"#);
    tool(r##"{"$ref":"#/$defs/A","$defs":{"A":{}}}"##, r##"{"type":"object","$ref":"#/$defs/A","$defs":{"A":{}}}"##);
}

#[test]
fn root_combinations_are_joined() {
    let schema = r#"{"type":"object","anyOf":[{"properties":{"a":{"type":"string"},"c":{}},"required":["a","c"]},
        {"properties":{"b":{"type":"integer"},"c":{}},"required":["b","c"]}]}"#;
    let expect =
        r#"{"type":"object","properties":{"a":{"type":"string"},"c":{},"b":{"type":"integer"}},"required":["c"]}"#;
    tool(schema, expect);
    let schema = r#"{"allOf":[{"required":["a"],"properties":{"a":{}}},{"required":["b"],"properties":{"b":{}}}]}"#;
    tool(schema, r#"{"type":"object","properties":{"a":{},"b":{}},"required":["a","b"]}"#);
    // What a branch refers to counts.
    let schema = r##"{"anyOf":[{"$ref":"#/$defs/A"},{"properties":{"b":{}}}],"$defs":{"A":{"properties":{"a":{}}}}}"##;
    tool(schema, r##"{"type":"object","$defs":{"A":{"properties":{"a":{}}}},"properties":{"a":{},"b":{}}}"##);
}

#[test]
fn broken_servers_schemas_are_repaired() {
    tool(
        r#"{"path":{"type":"string"},"type":{"type":"string"}}"#,
        r#"{"type":"object","properties":{"path":{"type":"string"},"type":{"type":"string"}}}"#,
    );
    tool(
        r#"{"type":"object","properties":{"a":{"type":"string","required" : true},"b":{"type":"string","required":false}}}"#,
        r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["a"]}"#,
    );
}

#[test]
fn nulls_and_older_drafts_are_brought_up_to_date() {
    tool(
        r#"{"type":"object","properties":null,"required":null,"description":null}"#,
        r#"{"type":"object","properties":{}}"#,
    );
    tool(
        r#"{"type":"object","properties":{"a":{"type":"string","default":null,"enum":null},"b":null},"required":"a"}"#,
        r#"{"type":"object","properties":{"a":{"type":"string","default":null},"b":{}},"required":["a"]}"#,
    );
    tool(
        r#"{"type":"object","properties":{"a":{"type":"array","items":[{"type":"string"}]},"b":{"minimum":1,"exclusiveMinimum":true,"exclusiveMaximum":false}}}"#,
        r#"{"type":"object","properties":{"a":{"type":"array","prefixItems":[{"type":"string"}]},"b":{"exclusiveMinimum":1}}}"#,
    );
}

#[test]
fn capital_types_and_nullable_become_json_schema() {
    tool(
        r#"{"type":"OBJECT","properties":{"s":{"type":"STRING","description":"type: STRING","nullable":true},"l":{"type":"ARRAY","items":{"type":"INTEGER"}}},"required":["s"]}"#,
        r#"{"type":"object","properties":{"s":{"type":["string","null"],"description":"type: STRING"},"l":{"type":"array","items":{"type":"integer"}}},"required":["s"]}"#,
    );
    tool(
        r#"{"type":"object","properties":{"s":{"type": ["STRING", "null"]}}}"#,
        r#"{"type":"object","properties":{"s":{"type":["string","null"]}}}"#,
    );
}

fn answer(schema: &str, expect: &str) {
    let once = strict(schema).json.clone().unwrap();
    assert_eq!(once, expect);
    assert_eq!(*strict(&once), Lowered { json: Some(once.clone()), ..Lowered::default() }, "hints are not added twice");
}

#[test]
fn what_the_subset_lacks_moves_into_the_description() {
    answer(
        r#"{"$schema":"s","type":"object","properties":{"n":{"type":"integer","minimum":1,"description":"how many"},"u":{"type":"string","format":"uuid"},"f":{"type":"string","format":"color","pattern":"^#"}},"required":["n"]}"#,
        r##"{"type":"object","properties":{"n":{"type":"integer","description":"how many\n\n{minimum: 1}"},"u":{"type":"string","format":"uuid"},"f":{"type":"string","description":"{format: \"color\", pattern: \"^#\"}"}},"required":["n"],"additionalProperties":false}"##,
    );
}

#[test]
fn one_of_is_any_of_and_maps_are_closed() {
    answer(
        r#"{"type":"object","properties":{"v":{"oneOf":[{"type":"string"},{"type":"object","additionalProperties":{"type":"integer"}}]},"l":{"type":"array","minItems":2,"items":{"const":1.0}}}}"#,
        r#"{"type":"object","properties":{"v":{"anyOf":[{"type":"string"},{"type":"object","additionalProperties":false}]},"l":{"type":"array","items":{"const":1.0},"description":"{minItems: 2}"}},"additionalProperties":false}"#,
    );
}

#[test]
fn properties_named_like_keywords_are_data() {
    answer(
        r#"{"type":"object","properties":{"properties":{"type":"string"},"oneOf":{"type":"string"},"format":{"type":"object","properties":{"minimum":{"type":"number"}}}}}"#,
        r#"{"type":"object","properties":{"properties":{"type":"string"},"oneOf":{"type":"string"},"format":{"type":"object","properties":{"minimum":{"type":"number"}},"additionalProperties":false}},"additionalProperties":false}"#,
    );
}

#[test]
fn references_stand_alone_and_definitions_are_walked() {
    answer(
        r##"{"$ref":"#/$defs/A","description":"x","$defs":{"A":{"type":"object","properties":{"next":{"$ref":"#/$defs/A"}}}}}"##,
        r##"{"$ref":"#/$defs/A","$defs":{"A":{"type":"object","properties":{"next":{"$ref":"#/$defs/A"}},"additionalProperties":false}}}"##,
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in "(\\{|\\}|\\[|\\]|\"type\"|\"required\"|\"properties\"|\"anyOf\"|:|,|true|\"object\"|1| ){0,30}") {
        if let Some(once) = for_tool(&text) {
            let once = once.json.as_deref().unwrap_or_default();
            prop_assert!(dialect::scan::object(once.as_bytes()).is_ok(), "{once}");
        }
        let _ = strict(&text);
    }
}
