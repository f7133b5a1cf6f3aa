//! Schemas that need themselves: Gemini follows a reference that leads back to where it stands only below properties that
//! may be left out (ai.google.dev, `Schema` of `responseJsonSchema`, November 2026), and refuses all others.
//!
//! It works on a schema that was lowered, so references stand alone and definitions at the root.

use std::collections::HashMap;

use dialect::tree::{Fields, Node, definition_name};

/// Most definitions that are followed: one bit each. The provider judges what has more.
const MOST: usize = u128::BITS as usize;
/// Deepest schema that is followed; lowering stops earlier.
const DEPTH: usize = 128;

/// Which definitions lead where. The first is the root itself.
struct Graph {
    names: HashMap<String, usize>,
    /// What each reaches, itself included only where a way leads back.
    reach: Vec<u128>,
}

/// Makes properties optional that would need a value without an end; tells whether there were any.
pub(crate) fn loosen(fields: &mut Fields<'_>) -> bool {
    let Some(graph) = Graph::of(fields) else { return false };
    let mut changed = false;
    if let Some(Node::Object(map)) = fields.get_mut("$defs") {
        for (name, schema) in &mut map.0 {
            let home = graph.names.get(&**name).copied();
            changed |= home.is_some_and(|home| graph.visit(home, schema, 0));
        }
    }
    let defined = fields.take("$defs");
    let mut root = Node::Object(std::mem::take(fields));
    changed |= graph.visit(0, &mut root, 0);
    if let Node::Object(map) = root {
        *fields = map;
    }
    if let Some(defined) = defined {
        fields.set("$defs", defined);
    }
    changed
}

impl Graph {
    fn of(fields: &Fields<'_>) -> Option<Self> {
        let defined = match fields.get("$defs") {
            Some(Node::Object(map)) => map.0.as_slice(),
            _ => &[],
        };
        if defined.len() >= MOST {
            return None;
        }
        let named = defined.iter().zip(1..).map(|((name, _), number)| (name.to_string(), number));
        let mut graph = Self { names: named.collect(), reach: Vec::with_capacity(defined.len() + 1) };
        let own = fields.0.iter().filter(|(key, _)| key != "$defs");
        let root = own.fold(0, |found, (key, value)| found | graph.below(key, value, 0));
        graph.reach.push(root);
        for (_, schema) in defined {
            let found = graph.references(schema, 0);
            graph.reach.push(found);
        }
        graph.close();
        graph.reach.iter().enumerate().any(|(at, found)| found >> at & 1 == 1).then_some(graph)
    }

    /// Follows the ways to their ends.
    fn close(&mut self) {
        for through in 0..self.reach.len() {
            let more = self.reach[through];
            for found in &mut self.reach {
                if *found >> through & 1 == 1 {
                    *found |= more;
                }
            }
        }
    }

    /// The definitions that a schema names.
    fn references(&self, schema: &Node<'_>, depth: usize) -> u128 {
        let Node::Object(fields) = schema else { return 0 };
        if depth > DEPTH {
            return 0;
        }
        fields.0.iter().fold(0, |found, (key, value)| found | self.below(key, value, depth))
    }

    fn below(&self, key: &str, value: &Node<'_>, depth: usize) -> u128 {
        let each = |schema: &Node<'_>| self.references(schema, depth + 1);
        match (key, value) {
            ("$ref", reference) => self.target(reference).map_or(0, |at| 1 << at),
            ("properties" | "$defs", Node::Object(map)) => map.0.iter().fold(0, |found, (_, node)| found | each(node)),
            ("anyOf" | "prefixItems", Node::Array(list)) => list.iter().fold(0, |found, node| found | each(node)),
            ("items" | "additionalProperties", schema) => each(schema),
            _ => 0,
        }
    }

    fn target(&self, reference: &Node<'_>) -> Option<usize> {
        let path = reference.as_text()?;
        match path.as_str() {
            "#" => Some(0),
            path => self.names.get(&*definition_name(path)?).copied(),
        }
    }

    /// Whether something that stands in `home` leads back to it.
    fn is_endless(&self, home: usize, schema: &Node<'_>) -> bool {
        let named = self.references(schema, 0);
        (0..self.reach.len()).any(|at| named >> at & 1 == 1 && (at == home || self.reach[at] >> home & 1 == 1))
    }

    fn visit(&self, home: usize, schema: &mut Node<'_>, depth: usize) -> bool {
        let Node::Object(fields) = schema else { return false };
        if depth > DEPTH || self.reach[home] >> home & 1 == 0 {
            return false;
        }
        let mut changed = self.settle(home, fields);
        for (key, value) in &mut fields.0 {
            changed |= match (&**key, value) {
                ("properties", Node::Object(map)) => {
                    map.0.iter_mut().fold(false, |found, (_, node)| self.visit(home, node, depth + 1) | found)
                }
                ("anyOf" | "prefixItems", Node::Array(list)) => {
                    list.iter_mut().fold(false, |found, node| self.visit(home, node, depth + 1) | found)
                }
                ("items" | "additionalProperties", node) => self.visit(home, node, depth + 1),
                _ => false,
            };
        }
        changed
    }

    fn settle(&self, home: usize, fields: &mut Fields<'_>) -> bool {
        let Some(Node::Object(properties)) = fields.get("properties") else { return false };
        let endless = |name: &Node<'_>| {
            let name = name.as_text().unwrap_or_default();
            properties.get(&name).is_some_and(|schema| self.is_endless(home, schema))
        };
        let Some(Node::Array(names)) = fields.get("required") else { return false };
        let kept: Vec<Node<'_>> = names.iter().filter(|name| !endless(name)).cloned().collect();
        let changed = kept.len() < names.len();
        if changed && kept.is_empty() {
            fields.take("required");
        } else if changed && let Some(Node::Array(names)) = fields.get_mut("required") {
            names.retain(|name| kept.contains(name));
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loosened(schema: &str) -> (String, bool) {
        let Some(Node::Object(mut fields)) = Node::read(schema) else { panic!("{schema}") };
        let changed = loosen(&mut fields);
        (Node::Object(fields).json(), changed)
    }

    #[test]
    fn what_must_hold_itself_may_be_left_out() {
        for (from, to) in [
            // Directly, through a list, through another, and through the root.
            (
                r##"{"properties":{"t":{"$ref":"#/$defs/T"}},"required":["t"],"$defs":{"T":{"properties":{"v":{},"n":{"$ref":"#/$defs/T"}},"required":["v","n"]}}}"##,
                r##"{"properties":{"t":{"$ref":"#/$defs/T"}},"required":["t"],"$defs":{"T":{"properties":{"v":{},"n":{"$ref":"#/$defs/T"}},"required":["v"]}}}"##,
            ),
            (
                r##"{"$defs":{"T":{"properties":{"n":{"items":{"$ref":"#/$defs/T"}}},"required":["n"]}},"properties":{"t":{"$ref":"#/$defs/T"}}}"##,
                r##"{"$defs":{"T":{"properties":{"n":{"items":{"$ref":"#/$defs/T"}}}}},"properties":{"t":{"$ref":"#/$defs/T"}}}"##,
            ),
            (
                r##"{"$defs":{"a/b":{"properties":{"x":{"$ref":"#/$defs/B"}},"required":["x"]},"B":{"properties":{"y":{"$ref":"#/$defs/a~1b"}},"required":["y"]}}}"##,
                r##"{"$defs":{"a/b":{"properties":{"x":{"$ref":"#/$defs/B"}}},"B":{"properties":{"y":{"$ref":"#/$defs/a~1b"}}}}}"##,
            ),
            (r##"{"properties":{"me":{"$ref":"#"}},"required":["me"]}"##, r##"{"properties":{"me":{"$ref":"#"}}}"##),
        ] {
            let (found, changed) = loosened(from);
            let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!((parsed(&found), changed), (parsed(to), true), "{from}");
            assert!(!loosened(&found).1, "twice changes nothing");
        }
    }

    #[test]
    fn what_ends_stays() {
        for schema in [
            r##"{"properties":{"t":{"$ref":"#/$defs/T"}},"required":["t"],"$defs":{"T":{"properties":{"n":{"$ref":"#/$defs/T"}}}}}"##,
            r##"{"properties":{"t":{"$ref":"#/$defs/T"}},"required":["t"],"$defs":{"T":{"type":"string"}}}"##,
            r##"{"properties":{"$ref":{"type":"string"}},"required":["$ref"]}"##,
            r##"{"properties":{"x":{"$ref":"#/$defs/gone"}},"required":["x"]}"##,
        ] {
            assert_eq!(loosened(schema), (schema.to_owned(), false));
        }
    }

    #[test]
    fn many_definitions_end() {
        let defs: Vec<String> =
            (0..2_000).map(|n| format!(r##""D{n}":{{"$ref":"#/$defs/D{}"}}"##, (n + 1) % 2_000)).collect();
        let schema = format!(r#"{{"$defs":{{{}}}}}"#, defs.join(","));
        assert_eq!(loosened(&schema), (schema.clone(), false));
    }
}
