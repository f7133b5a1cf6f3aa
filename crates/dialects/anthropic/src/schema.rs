//! Brings tool and answer schemas into the forms that Anthropic accepts.
//!
//! A tool's `input_schema` may use all of JSON Schema 2020-12 but must be an object at its root; only broken schemas
//! are rewritten, all others keep their text. Strict tools and structured answers know a subset: what lies outside it
//! moves into the description, where the model still reads it. Both rewritings are idempotent.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use memchr::memmem;

use dialect::tree::{Fields, Node};
use dialect::{Lowered, remembered};

/// The schema of a tool without arguments.
pub(crate) const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{}}"#;

/// How many keywords are named as taken out.
const MAX_LOST: usize = 16;
/// String formats that strict schemas keep.
const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// A tool's schema as it can be sent, where it cannot be as it is; most can.
pub(crate) fn for_tool(schema: &str) -> Option<Rc<Lowered>> {
    (!is_sound(schema)).then(|| remembered("anthropic tool", schema, repaired))
}

fn repaired(schema: &str) -> Lowered {
    let mut bent = Vec::new();
    let json = match Node::read(schema) {
        Some(Node::Object(fields)) => Node::Object(repair_root(fields, &mut bent)).json(),
        _ => NO_ARGUMENTS.to_owned(),
    };
    Lowered { json: Some(json), lost: Vec::new(), bent }
}

/// A schema in the subset that strict tools and structured answers take, and what was taken out of it; `json` is `None`
/// when it cannot be read.
pub(crate) fn strict(schema: &str) -> Rc<Lowered> {
    remembered("anthropic strict", schema, |schema| match Node::read(schema) {
        Some(root @ Node::Object(_)) => {
            let lost = RefCell::new(Vec::new());
            let json = subset(repair(root), &lost).json();
            Lowered { json: Some(json), lost: lost.into_inner(), bent: Vec::new() }
        }
        _ => Lowered::default(),
    })
}

/// Whether the root of a schema is an object schema.
pub(crate) fn is_object(schema: &str) -> bool {
    match Node::read(schema) {
        Some(Node::Object(fields)) => fields.get("type").is_some_and(|kind| kind.is_leaf("\"object\"")),
        _ => false,
    }
}

/// Whether a tool's schema can go as it is. Looks at the root only, and at the mistakes below it that Anthropic refuses
/// and others make: `required` that is no list, types in capitals, nulls, and the forms of older drafts.
fn is_sound(schema: &str) -> bool {
    let bytes = schema.as_bytes();
    let Ok(root) = dialect::scan::object(bytes) else { return false };
    let combined = ["anyOf", "oneOf", "allOf"].iter().any(|key| root.position(bytes, key).is_some());
    root.find(bytes, "type") == Some("\"object\"") && !combined && !has_mistakes(schema)
}

/// A false alarm costs time, not meaning: a property may be called so.
fn has_mistakes(schema: &str) -> bool {
    let any = |key: &str, is_odd: fn(&str) -> bool| {
        memmem::find_iter(schema.as_bytes(), key).any(|at| {
            let value = schema[at + key.len()..].trim_start().strip_prefix(':');
            value.is_some_and(|value| is_odd(value.trim_start()))
        })
    };
    let is_shouted =
        |kind: &str| kind.trim_start_matches(['[', ' ', '"']).starts_with(|c: char| c.is_ascii_uppercase());
    any("\"required\"", |value| !value.starts_with(['[', '{']))
        || any("\"type\"", is_shouted)
        || any("\"items\"", |value| value.starts_with('['))
        || any("\"exclusiveMinimum\"", is_flag)
        || any("\"exclusiveMaximum\"", is_flag)
        || has_voids(schema)
}

/// Keywords whose value may be null; of all others null says that nothing was set.
const NULLABLE: [&str; 3] = ["default", "const", "example"];

fn has_voids(schema: &str) -> bool {
    memmem::find_iter(schema.as_bytes(), "null").any(|at| {
        let Some(key) = schema[..at].trim_end().strip_suffix(':') else { return false };
        let key = key.trim_end().trim_end_matches('"');
        !NULLABLE.iter().any(|word| key.strip_suffix(word).is_some_and(|rest| rest.ends_with('"')))
    })
}

fn is_flag(value: &str) -> bool {
    value.starts_with(['t', 'f'])
}

fn repair_root<'a>(mut fields: Fields<'a>, bent: &mut Vec<&'static str>) -> Fields<'a> {
    if is_bare_property_map(&fields) {
        fields = Fields(vec![(Cow::Borrowed("properties"), Node::Object(fields))]);
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        if let Some(Node::Array(branches)) = fields.take(key) {
            let branches = fields.resolved(branches);
            if key != "allOf" && branches.len() > 1 {
                bent.push("the alternatives at the root were joined into one object");
            }
            merge_branches(&mut fields, branches, key == "allOf");
        }
    }
    let Node::Object(mut fields) = repair(Node::Object(fields)) else { return Fields::default() };
    let is_reference = fields.get("$ref").is_some();
    fields.take("type");
    fields.0.insert(0, (Cow::Borrowed("type"), Node::leaf("\"object\"")));
    if fields.get("properties").is_none() && !is_reference {
        fields.set("properties", Node::Object(Fields::default()));
    }
    fields
}

/// Some servers send the properties alone, without the schema around them.
fn is_bare_property_map(fields: &Fields<'_>) -> bool {
    const ROOT_WORDS: [&str; 10] = [
        "type",
        "properties",
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
        "$defs",
        "$schema",
        "required",
        "additionalProperties",
    ];
    let is_schema = |node: &Node<'_>| matches!(node, Node::Object(inner) if inner.get("type").is_some() || inner.get("$ref").is_some());
    let root_word = |key: &str, value: &Node<'_>| ROOT_WORDS.contains(&key) && !(key == "type" && is_schema(value));
    !fields.0.is_empty() && fields.0.iter().all(|(key, value)| is_schema(value) && !root_word(key, value))
}

/// Joins the branches of a root combination: all their properties; what every branch requires, or with `allOf` any.
fn merge_branches<'a>(fields: &mut Fields<'a>, branches: Vec<Node<'a>>, all: bool) {
    let mut properties = object_of(fields.take("properties"));
    let mut seen: HashSet<String> = properties.0.iter().map(|(key, _)| key.to_string()).collect();
    let own = list_of(fields.take("required"));
    let mut required: Option<Vec<Node<'a>>> = None;
    for branch in branches {
        let Node::Object(mut branch) = branch else { continue };
        let new = object_of(branch.take("properties")).0.into_iter();
        properties.0.extend(new.filter(|(key, _)| seen.insert(key.to_string())));
        let names = list_of(branch.take("required"));
        required = Some(match required {
            None => names,
            Some(before) if all => union(before, names),
            Some(before) => common(before, &names),
        });
    }
    fields.set("properties", Node::Object(properties));
    let required = union(own, required.unwrap_or_default());
    if !required.is_empty() {
        fields.set("required", Node::Array(required));
    }
}

fn object_of(node: Option<Node<'_>>) -> Fields<'_> {
    match node {
        Some(Node::Object(fields)) => fields,
        _ => Fields::default(),
    }
}

fn list_of(node: Option<Node<'_>>) -> Vec<Node<'_>> {
    match node {
        Some(Node::Array(list)) => list,
        _ => Vec::new(),
    }
}

fn union<'a>(left: Vec<Node<'a>>, right: Vec<Node<'a>>) -> Vec<Node<'a>> {
    let mut seen = HashSet::new();
    left.into_iter().chain(right).filter(|node| seen.insert(node.json())).collect()
}

fn common<'a>(left: Vec<Node<'a>>, right: &[Node<'a>]) -> Vec<Node<'a>> {
    let wanted: HashSet<String> = right.iter().map(Node::json).collect();
    left.into_iter().filter(|node| wanted.contains(&node.json())).collect()
}

/// Repairs one schema and those below it: types in capitals, `nullable`, `required` that is no list, nulls, older drafts.
fn repair(node: Node<'_>) -> Node<'_> {
    let Node::Object(mut fields) = node else {
        return if node.is_leaf("null") { Node::Object(Fields::default()) } else { node };
    };
    fields.0.retain(|(key, value)| !value.is_leaf("null") || NULLABLE.contains(&&**key));
    modernise(&mut fields);
    lower_type(&mut fields);
    if fields.take("nullable").is_some_and(|flag| flag.is_leaf("true")) {
        allow_null(&mut fields);
    }
    promote_required(&mut fields);
    each_schema(&mut fields, &repair);
    Node::Object(fields)
}

/// Older drafts list items one by one under `items`, and make bounds exclusive by a flag beside them.
fn modernise(fields: &mut Fields<'_>) {
    if let Some(list) = fields.0.iter_mut().find(|(key, value)| key == "items" && matches!(value, Node::Array(_))) {
        list.0 = Cow::Borrowed("prefixItems");
    }
    for (flag, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        let Some(Node::Leaf(json)) = fields.get(flag) else { continue };
        let exclusive = match &**json {
            "true" => true,
            "false" => false,
            _ => continue,
        };
        fields.take(flag);
        if let Some(bound) = fields.0.iter_mut().find(|(key, _)| exclusive && key == bound) {
            bound.0 = Cow::Borrowed(flag);
        }
    }
}

/// Applies `change` to every schema that is a direct part of this one. Property names are data: a property called
/// `type` or `properties` is never taken for the keyword.
fn each_schema<'a>(fields: &mut Fields<'a>, change: &dyn Fn(Node<'a>) -> Node<'a>) {
    for (key, value) in &mut fields.0 {
        let old = std::mem::replace(value, Node::leaf("null"));
        *value = match (&**key, old) {
            ("properties" | "$defs" | "definitions" | "patternProperties", Node::Object(map)) => {
                Node::Object(Fields(map.0.into_iter().map(|(name, schema)| (name, change(schema))).collect()))
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Node::Array(list)) => {
                Node::Array(list.into_iter().map(change).collect())
            }
            ("items" | "additionalProperties" | "not" | "if" | "then" | "else" | "contains", schema) => change(schema),
            (_, other) => other,
        };
    }
}

fn lower_type(fields: &mut Fields<'_>) {
    let lower = |node: &mut Node<'_>| {
        if let Node::Leaf(json) = node
            && json.bytes().any(|byte| byte.is_ascii_uppercase())
        {
            *json = Cow::Owned(json.to_ascii_lowercase());
        }
    };
    match fields.get_mut("type") {
        Some(Node::Array(types)) => types.iter_mut().for_each(lower),
        Some(kind) => lower(kind),
        None => (),
    }
}

fn allow_null(fields: &mut Fields<'_>) {
    if let Some(kind @ Node::Leaf(_)) = fields.get_mut("type") {
        let own = std::mem::replace(kind, Node::leaf("null"));
        *kind = Node::Array(vec![own, Node::leaf("\"null\"")]);
    }
}

/// `required: true` on a property means that its parent requires it; `required: false` means nothing.
fn promote_required(fields: &mut Fields<'_>) {
    let mut names = Vec::new();
    if let Some(Node::Object(properties)) = fields.get_mut("properties") {
        for (name, schema) in &mut properties.0 {
            if let Node::Object(inner) = schema
                && matches!(inner.get("required"), Some(Node::Leaf(_)))
                && inner.take("required").is_some_and(|flag| flag.is_leaf("true"))
            {
                names.push(Node::text(name));
            }
        }
    }
    if let Some(leaf @ Node::Leaf(_)) = fields.get("required") {
        // One name alone is a list of one.
        let name = leaf.as_text();
        fields.take("required");
        names.extend(name.map(|name| Node::text(&name)));
    }
    if !names.is_empty() {
        let before = list_of(fields.take("required"));
        fields.set("required", Node::Array(union(before, names)));
    }
}

/// One repaired schema in the strict subset.
fn subset<'a>(node: Node<'a>, lost: &RefCell<Vec<String>>) -> Node<'a> {
    let Node::Object(mut fields) = node else { return Node::Object(Fields::default()) };
    if let Some(reference) = fields.take("$ref") {
        let mut kept = Fields(vec![(Cow::Borrowed("$ref"), reference)]);
        // The root may be a reference into its own definitions.
        if let Some(definitions) = fields.take("$defs") {
            kept.set("$defs", definitions);
            each_schema(&mut kept, &|inner| subset(inner, lost));
        }
        return Node::Object(kept);
    }
    if let Some(branches) = fields.take("oneOf") {
        fields.set("anyOf", branches);
    }
    let is_object =
        fields.get("type").is_some_and(|kind| kind.is_leaf("\"object\"")) || fields.get("properties").is_some();
    if is_object {
        fields.set("additionalProperties", Node::leaf("false"));
    }
    let hints = drop_unknown(&mut fields, &mut lost.borrow_mut());
    describe(&mut fields, &hints);
    each_schema(&mut fields, &|inner| if inner.is_leaf("false") { inner } else { subset(inner, lost) });
    Node::Object(fields)
}

/// Takes out what the subset does not know, as `key: value` hints.
fn drop_unknown(fields: &mut Fields<'_>, lost: &mut Vec<String>) -> Vec<String> {
    let mut hints = Vec::new();
    fields.0.retain(|(key, value)| {
        let known = match &**key {
            "type"
            | "properties"
            | "required"
            | "items"
            | "enum"
            | "const"
            | "anyOf"
            | "allOf"
            | "$defs"
            | "definitions"
            | "description"
            | "title"
            | "additionalProperties" => true,
            "format" => value.as_text().is_some_and(|format| FORMATS.contains(&&*format)),
            "minItems" => value.is_leaf("0") || value.is_leaf("1"),
            _ => false,
        };
        let is_noise = matches!(&**key, "$schema" | "$id" | "$comment") || key.starts_with("x-");
        if !known && !is_noise {
            hints.push(format!("{key}: {}", value.json()));
            if lost.len() < MAX_LOST && !lost.iter().any(|known| known == key) {
                lost.push(key.to_string());
            }
        }
        known
    });
    hints
}

fn describe(fields: &mut Fields<'_>, hints: &[String]) {
    if hints.is_empty() {
        return;
    }
    let note = format!("{{{}}}", hints.join(", "));
    let words = match fields.get("description").and_then(Node::as_text) {
        Some(before) if !before.is_empty() => format!("{before}\n\n{note}"),
        _ => note,
    };
    fields.set("description", Node::text(&words));
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
