//! Brings a schema that was lowered for Gemini further down, to the OpenAPI subset of its older `parameters` field, which
//! some of Google's backends insist on. References are written out, a cycle ends in a hint;
//! what the subset cannot say is told in the description.

use std::borrow::Cow;
use std::collections::HashMap;

use dialect::tree::{Fields, Node, definition_name};

/// How often one reference may stand inside itself before it becomes a hint.
const UNFOLDED: usize = 1;
/// Most schemas that are written out for one tool: references that name each other could grow without end.
const MAX_NODES: usize = 4_096;
/// Most bytes of definitions that are written out for one tool, for what grows without schemas: long lists of values.
const MAX_WRITTEN: usize = 1 << 20;
/// How deep references may stand in each other; each level takes its share of the stack.
const MAX_OPEN: usize = 64;
/// Keywords of the subset (google-genai 3.4, `Schema`).
const KNOWN: [&str; 14] = [
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "items",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "properties",
    "required",
];
/// The type of what has none.
const TEXT: &str = "\"STRING\"";
/// Formats that the subset takes.
const FORMATS: [&str; 6] = ["date-time", "enum", "int32", "int64", "float", "double"];

/// What is on the way down.
struct Walk<'a> {
    /// Each with its length as text.
    definitions: HashMap<Cow<'a, str>, (usize, Node<'a>)>,
    /// References that are being written out.
    open: Vec<String>,
    nodes: usize,
    written: usize,
    lost: Vec<String>,
}

/// The schema in the subset, and what was taken out of it; the text itself when it cannot be read.
pub(crate) fn lower(schema: &str) -> (String, Vec<String>) {
    let Some(Node::Object(mut fields)) = Node::read(schema) else { return (schema.to_owned(), Vec::new()) };
    let definitions = match fields.take("$defs") {
        Some(Node::Object(map)) => map.0.into_iter().map(|(name, node)| (name, (node.json().len(), node))).collect(),
        _ => HashMap::new(),
    };
    let mut walk = Walk { definitions, open: Vec::new(), nodes: 0, written: 0, lost: Vec::new() };
    let lowered = walk.schema(Node::Object(fields));
    (lowered.json(), walk.lost)
}

impl<'a> Walk<'a> {
    fn note(&mut self, key: &str) {
        if self.lost.len() < 16 && !self.lost.iter().any(|known| known == key) {
            self.lost.push(key.to_owned());
        }
    }

    fn schema(&mut self, node: Node<'a>) -> Node<'a> {
        let Node::Object(mut fields) = node else { return Node::Object(any("")) };
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.note("$ref");
            return Node::Object(any("(the rest was left out)"));
        }
        if let Some(reference) = fields.take("$ref") {
            return self.reference(&reference.as_text().unwrap_or_default());
        }
        let mut hints = Vec::new();
        self.types(&mut fields);
        self.choices(&mut fields, &mut hints);
        self.unknown(&mut fields, &mut hints);
        self.below(&mut fields);
        describe(&mut fields, &hints);
        if fields.get("type").is_none() && fields.get("anyOf").is_none() {
            fields.0.insert(0, (Cow::Borrowed("type"), Node::leaf(TEXT)));
        }
        Node::Object(fields)
    }

    /// What a reference stands for.
    fn reference(&mut self, target: &str) -> Node<'a> {
        let name = definition_name(target).unwrap_or_else(|| target.to_owned());
        let name = name.as_str();
        let inside = self.open.iter().filter(|open| *open == name).count();
        let has_room = |size: usize| {
            inside < UNFOLDED && self.open.len() < MAX_OPEN && self.written.saturating_add(size) <= MAX_WRITTEN
        };
        let Some((size, found)) = self.definitions.get(name).filter(|(size, _)| has_room(*size)).cloned() else {
            self.note("$ref");
            let words = if inside > 0 { format!("(again as in {name})") } else { format!("(as in {name})") };
            return Node::Object(any(&words));
        };
        self.written += size;
        self.open.push(name.to_owned());
        let written = self.schema(found);
        self.open.pop();
        written
    }

    /// Several types become `nullable` and alternatives; each in capitals, as the field's own type spells them.
    fn types(&mut self, fields: &mut Fields<'a>) {
        let words: Vec<String> = match fields.get("type") {
            Some(Node::Array(types)) => types.iter().filter_map(Node::as_text).collect(),
            Some(node) => node.as_text().into_iter().collect(),
            None => return,
        };
        let words: Vec<String> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
        let nullable = words.iter().any(|word| word == "NULL");
        let real: Vec<&String> = words.iter().filter(|word| *word != "NULL").collect();
        match real.as_slice() {
            [] => fields.set("type", Node::leaf(TEXT)),
            [one] => fields.set("type", Node::text(one)),
            several => {
                let branch = |word: &&String| Node::Object(Fields(vec![(Cow::Borrowed("type"), Node::text(word))]));
                let branches = several.iter().map(branch).collect();
                fields.take("type");
                if fields.get("anyOf").is_none() {
                    fields.set("anyOf", Node::Array(branches));
                }
            }
        }
        if nullable {
            fields.set("nullable", Node::leaf("true"));
        }
    }

    /// A choice holds texts only there; other values are told in words, so that their type stays.
    fn choices(&mut self, fields: &mut Fields<'a>, hints: &mut Vec<String>) {
        let Some(Node::Array(values)) = fields.get("enum") else { return };
        if values.iter().all(|value| value.as_text().is_some()) {
            if fields.get("type").is_none() {
                fields.0.insert(0, (Cow::Borrowed("type"), Node::leaf(TEXT)));
            }
            return;
        }
        if let Some(values) = fields.take("enum") {
            self.note("enum");
            hints.push(format!("enum: {}", values.json()));
        }
    }

    fn unknown(&mut self, fields: &mut Fields<'a>, hints: &mut Vec<String>) {
        if let Some(Node::Array(items)) = fields.take("prefixItems") {
            self.note("prefixItems");
            hints.push(format!("{} items in order", items.len()));
            if let Some(first) = items.into_iter().next().filter(|_| fields.get("items").is_none()) {
                fields.set("items", first);
            }
        }
        let strange = fields.get("format").and_then(Node::as_text).is_some_and(|word| !FORMATS.contains(&&*word));
        let mut lost = Vec::new();
        fields.0.retain(|(key, value)| {
            let keep = KNOWN.contains(&&**key) && !(strange && key == "format");
            // What is allowed besides the named properties says little, and an order or an id nothing.
            if !keep && !matches!(&**key, "$id" | "$anchor" | "propertyOrdering" | "additionalProperties") {
                hints.push(format!("{key}: {}", value.json()));
                lost.push(key.to_string());
            }
            keep
        });
        lost.iter().for_each(|key| self.note(key));
    }

    fn below(&mut self, fields: &mut Fields<'a>) {
        for (key, value) in &mut fields.0 {
            let old = std::mem::replace(value, Node::leaf("null"));
            *value = match (&**key, old) {
                ("properties", Node::Object(map)) => {
                    let below = map.0.into_iter().map(|(name, schema)| (name, self.schema(schema)));
                    Node::Object(Fields(below.collect()))
                }
                ("anyOf", Node::Array(list)) => {
                    Node::Array(list.into_iter().map(|schema| self.schema(schema)).collect())
                }
                ("items", schema) => self.schema(schema),
                (_, other) => other,
            };
        }
    }
}

/// A schema that takes what the words say.
fn any(words: &str) -> Fields<'static> {
    let mut fields = Fields(vec![(Cow::Borrowed("type"), Node::leaf(TEXT))]);
    if !words.is_empty() {
        fields.set("description", Node::text(words));
    }
    fields
}

fn describe(fields: &mut Fields<'_>, hints: &[String]) {
    if hints.is_empty() {
        return;
    }
    let note = format!("({})", hints.join(", "));
    let words = match fields.get("description").and_then(Node::as_text) {
        Some(before) if !before.is_empty() => format!("{before} {note}"),
        _ => note,
    };
    fields.set("description", Node::text(&words));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, to: &str, lost: &[&str]) {
        let (json, found) = lower(from);
        assert_eq!(json, to, "{from}");
        assert_eq!(found, lost, "{from}");
        assert_eq!(lower(to), (to.to_owned(), Vec::new()), "lowering twice changes nothing: {from}");
    }

    #[test]
    fn what_the_subset_has_stays() {
        let plain = r#"{"type":"OBJECT","properties":{"a":{"type":"STRING","enum":["x"]},"n":{"type":"ARRAY","items":{"type":"INTEGER","format":"int64","minimum":1}}},"required":["a"]}"#;
        check(plain, plain, &[]);
    }

    #[test]
    fn types_choices_and_formats_find_another_form() {
        check(
            r#"{"type":"object","additionalProperties":false,"properties":{"a":{"type":["string","null"]},"b":{"type":["string","integer"]},"c":{"type":"integer","enum":[1,2],"description":"n"},"d":{"type":"string","format":"uri"},"e":{},"f":{"type":"array","prefixItems":[{"type":"number"},{"type":"string"}]},"g":{"enum":["u"]}}}"#,
            r#"{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true},"b":{"anyOf":[{"type":"STRING"},{"type":"INTEGER"}]},"c":{"type":"INTEGER","description":"n (enum: [1,2])"},"d":{"type":"STRING","description":"(format: \"uri\")"},"e":{"type":"STRING"},"f":{"type":"ARRAY","items":{"type":"NUMBER"},"description":"(2 items in order)"},"g":{"type":"STRING","enum":["u"]}}}"#,
            &["enum", "format", "prefixItems"],
        );
    }

    #[test]
    fn references_are_written_out_and_cycles_end() {
        check(
            r##"{"type":"object","properties":{"t":{"$ref":"#/$defs/T"},"gone":{"$ref":"#/$defs/G"}},"$defs":{"T":{"type":"object","properties":{"next":{"$ref":"#/$defs/T"},"v":{"type":"number"}}}}}"##,
            r#"{"type":"OBJECT","properties":{"t":{"type":"OBJECT","properties":{"next":{"type":"STRING","description":"(again as in T)"},"v":{"type":"NUMBER"}}},"gone":{"type":"STRING","description":"(as in G)"}}}"#,
            &["$ref"],
        );
    }

    #[test]
    fn references_that_multiply_are_bounded() {
        // Each level names the next twice: written out it would be 2^60 schemas.
        let level = |n: usize| {
            let next = format!("{{\"$ref\":\"#/$defs/L{}\"}}", n + 1);
            format!("\"L{n}\":{{\"type\":\"object\",\"properties\":{{\"a\":{next},\"b\":{next}}}}}")
        };
        let levels: Vec<String> = (0..60).map(level).collect();
        let schema = format!("{{\"$ref\":\"#/$defs/L0\",\"$defs\":{{{}}}}}", levels.join(","));
        let (json, lost) = lower(&schema);
        assert!(json.len() < 2_000_000 && lost == ["$ref"], "{}", json.len());
    }

    #[test]
    fn long_lists_behind_references_are_bounded() {
        let values: Vec<String> = (0..20_000).map(|n| format!("\"v{n}\"")).collect();
        let references: Vec<String> = (0..2_000).map(|n| format!(r##""r{n}":{{"$ref":"#/$defs/L"}}"##)).collect();
        let schema = format!(
            r#"{{"type":"object","properties":{{{}}},"$defs":{{"L":{{"enum":[{}]}}}}}}"#,
            references.join(","),
            values.join(",")
        );
        let (json, lost) = lower(&schema);
        assert!(json.len() < 2_000_000 && lost == ["$ref"], "{}", json.len());
    }

    #[test]
    fn references_deep_in_each_other_are_bounded() {
        let level =
            |n: usize| format!(r##""L{n}":{{"type":"object","properties":{{"a":{{"$ref":"#/$defs/L{}"}}}}}}"##, n + 1);
        let levels: Vec<String> = (0..20_000).map(level).collect();
        let schema = format!("{{\"$ref\":\"#/$defs/L0\",\"$defs\":{{{}}}}}", levels.join(","));
        let (json, lost) = lower(&schema);
        assert!(json.len() < 10_000 && lost == ["$ref"], "{}", json.len());
    }

    #[test]
    fn names_of_properties_are_data() {
        let odd = r#"{"type":"OBJECT","properties":{"$ref":{"type":"STRING"},"additionalProperties":{"type":"STRING"},"type":{"type":"STRING"}}}"#;
        check(odd, odd, &[]);
    }
}
