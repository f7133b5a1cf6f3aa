//! Brings the schemas of Google's own `Schema` type into plain JSON Schema, which the hub and all other dialects speak.
//!
//! Types come in capitals, `nullable` stands beside the type, counts are texts, and the order of properties has a
//! field of its own.

use std::borrow::Cow;

use dialect::tree::{Fields, Node};
use dialect::{Lowered, remembered};

/// The schema in plain JSON Schema; the text itself when it cannot be read. Agents resend all of theirs with every call.
pub(crate) fn lift(schema: &str) -> String {
    let plain = remembered("gemini plain", schema, |schema| {
        let json = Node::read(schema).map(|node| lifted(node).json());
        Lowered { json, ..Lowered::default() }
    });
    plain.json.clone().unwrap_or_else(|| schema.to_owned())
}

fn lifted(node: Node<'_>) -> Node<'_> {
    let Node::Object(mut fields) = node else { return node };
    lower_type(&mut fields);
    for (key, value) in &mut fields.0 {
        let old = std::mem::replace(value, Node::leaf("null"));
        *value = match (canonical(key), old) {
            ("properties", Node::Object(map)) => {
                Node::Object(Fields(map.0.into_iter().map(|(name, schema)| (name, lifted(schema))).collect()))
            }
            ("anyOf", Node::Array(list)) => Node::Array(list.into_iter().map(lifted).collect()),
            ("items", schema) => lifted(schema),
            (count, Node::Leaf(json)) if is_count(count) => Node::Leaf(unquoted(json)),
            (_, other) => other,
        };
        if canonical(key) != &**key {
            *key = Cow::Owned(canonical(key).to_owned());
        }
    }
    reorder(&mut fields);
    if fields.get("format").is_some_and(|format| format.is_leaf("\"enum\"")) {
        fields.take("format");
    }
    if let Some(example) = fields.take("example") {
        fields.set("examples", Node::Array(vec![example]));
    }
    Node::Object(fields)
}

/// The camelCase name of a keyword.
fn canonical(key: &str) -> &str {
    match key {
        "any_of" => "anyOf",
        "min_items" => "minItems",
        "max_items" => "maxItems",
        "min_length" => "minLength",
        "max_length" => "maxLength",
        "min_properties" => "minProperties",
        "max_properties" => "maxProperties",
        "property_ordering" => "propertyOrdering",
        other => other,
    }
}

fn is_count(key: &str) -> bool {
    matches!(key, "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties")
}

/// The proto's JSON writes 64-bit counts as texts.
fn unquoted(json: Cow<'_, str>) -> Cow<'_, str> {
    let inner = json.trim_matches('"');
    let is_number = !inner.is_empty() && inner.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && inner.len() < json.len() { Cow::Owned(inner.to_owned()) } else { json }
}

fn lower_type(fields: &mut Fields<'_>) {
    let nullable = fields.take("nullable").is_some_and(|flag| flag.is_leaf("true"));
    match fields.get_mut("type") {
        Some(Node::Leaf(json)) if json.starts_with('"') => *json = Cow::Owned(json.to_ascii_lowercase()),
        _ => return,
    }
    if fields.get("type").is_some_and(|kind| kind.is_leaf("\"type_unspecified\"")) {
        fields.take("type");
    } else if let (true, Some(kind)) = (nullable, fields.get_mut("type")) {
        let own = std::mem::replace(kind, Node::leaf("null"));
        *kind = Node::Array(vec![own, Node::leaf("\"null\"")]);
    }
}

/// Other vendors follow the order of the keys.
fn reorder(fields: &mut Fields<'_>) {
    let Some(Node::Array(order)) = fields.take("propertyOrdering") else { return };
    let Some(Node::Object(properties)) = fields.get_mut("properties") else { return };
    let names: Vec<String> = order.iter().filter_map(Node::as_text).collect();
    let rank = |name: &str| names.iter().position(|known| known == name).unwrap_or(names.len());
    properties.0.sort_by_key(|(name, _)| rank(name));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn google_schemas_become_plain_ones() {
        for (from, to) in [
            (
                r#"{"type":"OBJECT","properties":{"type":{"type":"STRING","description":"type: STRING"},"l":{"type":"ARRAY","minItems":"2","items":{"type":"INTEGER"}}},"propertyOrdering":["l","type"]}"#,
                r#"{"type":"object","properties":{"l":{"type":"array","minItems":2,"items":{"type":"integer"}},"type":{"type":"string","description":"type: STRING"}}}"#,
            ),
            (
                r#"{"type":"STRING","format":"enum","enum":["A"],"nullable":true}"#,
                r#"{"type":["string","null"],"enum":["A"]}"#,
            ),
            (r#"{"any_of":[{"type":"NUMBER"}],"example":1.0}"#, r#"{"anyOf":[{"type":"number"}],"examples":[1.0]}"#),
        ] {
            assert_eq!(lift(from), to);
            assert_eq!(lift(to), to, "lifting twice changes nothing");
            let made = dialect::made();
            assert_eq!((lift(from).as_str(), dialect::made()), (to, made), "the second time costs nothing");
        }
    }
}
