//! Lowering, case by case, and its laws.

use super::*;
use proptest::prelude::*;

fn tool(schema: &str) -> (String, Vec<String>) {
    let lowered = for_tool(schema);
    (lowered.json.clone().unwrap_or_default(), lowered.lost.clone())
}

fn check(from: &str, to: &str, lost: &[&str]) {
    let (json, found) = tool(from);
    assert_eq!(json, to, "{from}");
    assert_eq!(found, lost, "{from}");
    assert_eq!(tool(to), (to.to_owned(), Vec::new()), "lowering twice changes nothing: {from}");
}

#[test]
fn keywords_without_a_counterpart_become_hints() {
    check(
        r#"{"type":"object","$schema":"s","properties":{"n":{"type":"integer","exclusiveMinimum":0,"description":"count"},"s":{"type":"string","pattern":"^a","x-k":1}},"required":["n","zz"]}"#,
        r#"{"type":"object","properties":{"n":{"type":"integer","description":"count (exclusiveMinimum: 0)"},"s":{"type":"string","description":"(pattern: \"^a\")"}},"required":["n"]}"#,
        &["exclusiveMinimum", "pattern"],
    );
}

#[test]
fn names_of_properties_are_data() {
    check(
        r#"{"type":"object","properties":{"format":{"type":"string"},"$schema":{"type":"string"},"properties":{"type":"object","properties":{"const":{"type":"string"}}},"default":{"type":"string"}},"required":["default"]}"#,
        r#"{"type":"object","properties":{"format":{"type":"string"},"$schema":{"type":"string"},"properties":{"type":"object","properties":{"const":{"type":"string"}}},"default":{"type":"string"}},"required":["default"]}"#,
        &[],
    );
}

#[test]
fn counterparts_are_used() {
    check(
        r##"{"properties":{"m":{"const":"fast"},"o":{"oneOf":[{"type":"STRING"},{"type":"number"}]},"a":{"type":"array"},"t":{"type":"array","items":[{"type":"string"}]},"r":{"$ref":"#/definitions/P","description":"d"},"e":{"type":"integer","enum":[1,2]},"u":{"type":["integer","null"]},"v":{"type":"string","nullable":true}},"definitions":{"P":{"type":"object","properties":{"x":{"type":"number","required":true}}}}}"##,
        r##"{"type":"object","properties":{"m":{"enum":["fast"]},"o":{"anyOf":[{"type":"string"},{"type":"number"}]},"a":{"type":"array","items":{}},"t":{"type":"array","prefixItems":[{"type":"string"}]},"r":{"description":"d","anyOf":[{"$ref":"#/$defs/P"}]},"e":{"type":"integer","enum":[1,2]},"u":{"type":["integer","null"]},"v":{"type":["string","null"]}},"$defs":{"P":{"type":"object","properties":{"x":{"type":"number"}},"required":["x"]}}}"##,
        &[],
    );
}

#[test]
fn roots_become_objects() {
    check(
        r#"{"port":{"type":"string"},"type":{"type":"string"}}"#,
        r#"{"type":"object","properties":{"port":{"type":"string"},"type":{"type":"string"}}}"#,
        &[],
    );
    check(
        r#"{"anyOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"string"}},"required":["b"]}]}"#,
        r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}}"#,
        &[],
    );
    check(
        r##"{"anyOf":[{"$ref":"#/$defs/A"},{"$ref":"#/$defs/B"}],"$defs":{"A":{"properties":{"a":{"type":"string"}}},"B":{"properties":{"b":{"type":"string"}}}}}"##,
        r##"{"type":"object","$defs":{"A":{"properties":{"a":{"type":"string"}}},"B":{"properties":{"b":{"type":"string"}}}},"properties":{"a":{"type":"string"},"b":{"type":"string"}}}"##,
        &[],
    );
}

#[test]
fn tools_without_arguments_have_no_schema() {
    for schema in [r#"{"type":"object","properties":{}}"#, "{}", r#"{"type":"object"}"#] {
        assert_eq!(for_tool(schema).json, None, "{schema}");
    }
    assert_eq!(for_tool("[]").lost, ["schema"]);
}

#[test]
fn answers_keep_their_type() {
    let lowered = for_answer(r#"{"type":"array","items":{"type":"string","default":"x"}}"#);
    let expect = r#"{"type":"array","items":{"type":"string","description":"(default: \"x\")"}}"#;
    assert_eq!(lowered.json.as_deref(), Some(expect));
}

#[test]
fn the_second_time_costs_nothing() {
    let schema = r#"{"type":"object","properties":{"a":{"type":"string"}}}"#;
    assert!(Rc::ptr_eq(&for_tool(schema), &for_tool(schema)));
}

#[test]
fn hostile_schemas_end() {
    let deep = format!("{}{}", r#"{"items":"#.repeat(5_000), "}".repeat(5_000));
    assert_eq!(for_tool(&deep).json, None);
    let wide: Vec<String> = (0..5_000).map(|n| format!(r#""p{n}":{{"const":{n}}}"#)).collect();
    let wide = format!(r#"{{"type":"object","properties":{{{}}}}}"#, wide.join(","));
    assert!(for_tool(&wide).json.is_some());
    let names: Vec<String> = (0..20_000).map(|n| format!(r#""p{n}""#)).collect();
    let properties: Vec<String> = names.iter().map(|name| format!("{name}:{{}}")).collect();
    let branch = format!(r#"{{"properties":{{{}}},"required":[{}]}}"#, properties.join(","), names.join(","));
    let many = format!(r#"{{"allOf":[{branch},{branch}]}}"#);
    assert!(for_tool(&many).json.is_some());
}

proptest! {
    #[test]
    fn lowering_is_idempotent(
        inner in r#"("type":"(string|OBJECT|array)",|"const":1,|"pattern":"p",|"oneOf":\[\{"const":2\}\],|"allOf":\[\{"default":3\},\{"required":\["a"\]\}\],|"items":(true|\[\]|\{"minLength":1\}),|"required":(true|\["a"\]),|"nullable":true,|"properties":\{"a":\{"not":\{\},"required":true\}\},){0,4}"#
    ) {
        let schema = format!(r#"{{{inner}"title":"t","properties2":0}}"#);
        let once = lower(&schema, false);
        let json = once.json.unwrap();
        let twice = lower(&json, false);
        prop_assert_eq!(twice.json.as_deref(), Some(json.as_str()));
        prop_assert!(twice.lost.is_empty(), "{:?}", twice.lost);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
    }
}
