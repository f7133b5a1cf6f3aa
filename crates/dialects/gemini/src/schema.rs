//! Lowers JSON Schemas to the keywords that Gemini takes (`parametersJsonSchema`, `responseJsonSchema`), one schema at
//! a time.
//!
//! What has no counterpart is taken out and noted in the description, where the model still reads it. Lowering twice
//! changes nothing, keys keep their order, leaves their text. Agents resend a hundred schemas with every call, so what
//! was lowered is remembered by content.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use dialect::tree::{Fields, Node};
use dialect::{Lowered, remembered};

use crate::{schema_cycles, schema_openapi};

/// Keywords that stay (types of google-genai 3.4). `$schema` and `x-*` say nothing to a model.
const KNOWN: [&str; 20] = [
    "$id",
    "$defs",
    "$ref",
    "$anchor",
    "type",
    "format",
    "title",
    "description",
    "enum",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "properties",
    "additionalProperties",
    "required",
    "propertyOrdering",
];

/// What a schema is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Tool,
    /// A tool's, in the OpenAPI subset.
    OldTool,
    Answer,
}

impl Use {
    /// The name under which the rewriting is remembered.
    fn rule(self) -> &'static str {
        match self {
            Self::Tool => "gemini tool",
            Self::OldTool => "gemini openapi tool",
            Self::Answer => "gemini answer",
        }
    }
}

/// The schema of a tool's arguments: always an object.
pub(crate) fn for_tool(schema: &str) -> Rc<Lowered> {
    cached(schema, Use::Tool)
}

/// The same in the OpenAPI subset.
pub(crate) fn for_old_tool(schema: &str) -> Rc<Lowered> {
    cached(schema, Use::OldTool)
}

/// The schema of an answer: the client's contract, of any type.
pub(crate) fn for_answer(schema: &str) -> Rc<Lowered> {
    cached(schema, Use::Answer)
}

fn cached(schema: &str, purpose: Use) -> Rc<Lowered> {
    remembered(purpose.rule(), schema, |schema| lowered_for(schema, purpose))
}

fn lowered_for(schema: &str, purpose: Use) -> Lowered {
    let mut lowered = lower(schema, purpose != Use::Answer);
    if let (Use::OldTool, Some(json)) = (purpose, &lowered.json) {
        let (json, lost) = schema_openapi::lower(json);
        lowered.lost.extend(lost.into_iter().filter(|key| !lowered.lost.contains(key)).collect::<Vec<_>>());
        lowered.json = Some(json);
    }
    lowered
}

fn lower(schema: &str, is_tool: bool) -> Lowered {
    let mut lost = Lost::default();
    let Some(Node::Object(mut fields)) = Node::read(schema) else {
        // Nothing that can be read as a schema: a tool then takes anything, an answer is free.
        lost.note("schema");
        return Lowered { json: (!is_tool).then(|| "{}".to_owned()), ..lost.lowered() };
    };
    keep_last(&mut fields);
    if is_tool {
        root(&mut fields, &mut lost);
    }
    let mut fields = lowered(fields, &mut lost);
    if schema_cycles::loosen(&mut fields) {
        lost.bent.push("what would have to hold itself may be left out");
    }
    if is_tool {
        let no_properties = |node: Option<&Node<'_>>| match node {
            Some(Node::Object(map)) => map.0.is_empty(),
            _ => true,
        };
        if no_properties(fields.get("properties")) && fields.get("$ref").is_none() {
            return lost.lowered();
        }
        fields.take("type");
        if fields.get("$ref").is_none() {
            fields.0.insert(0, (Cow::Borrowed("type"), Node::leaf("\"object\"")));
        }
    }
    Lowered { json: Some(Node::Object(fields).json()), ..lost.lowered() }
}

/// The keywords that were taken out, and what else says less.
#[derive(Default)]
struct Lost {
    keys: Vec<String>,
    bent: Vec<&'static str>,
}

impl Lost {
    fn note(&mut self, key: &str) {
        if self.keys.len() < 16 && !self.keys.iter().any(|known| known == key) {
            self.keys.push(key.to_owned());
        }
    }

    fn lowered(self) -> Lowered {
        Lowered { json: None, lost: self.keys, bent: self.bent }
    }
}

/// Repairs what makes a root no object schema: bare property maps and combinations.
fn root(fields: &mut Fields<'_>, lost: &mut Lost) {
    let is_schema = |node: &Node<'_>| matches!(node, Node::Object(inner) if inner.get("type").is_some() || inner.get("$ref").is_some());
    let is_word = |key: &str| matches!(key, "properties" | "$defs" | "definitions" | "items");
    let bare = !fields.0.is_empty() && fields.0.iter().all(|(key, value)| is_schema(value) && !is_word(key));
    if bare {
        let map = std::mem::take(fields);
        fields.set("properties", Node::Object(map));
    }
    if let Some(reference) = fields.take("$ref") {
        let branch = Node::Object(Fields(vec![(Cow::Borrowed("$ref"), reference)]));
        let branches = fields.resolved(vec![branch]);
        merge(fields, branches, true);
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        if let Some(Node::Array(branches)) = fields.take(key) {
            let branches = fields.resolved(branches);
            if key != "allOf" && branches.len() > 1 {
                lost.bent.push("the alternatives at the root were joined into one object");
            }
            merge(fields, branches, key == "allOf");
        }
    }
}

/// Joins branches into one schema: all properties; what every branch requires, or with `all` any of them. What is known
/// already is looked up and never searched for: there are schemas with thousands of branches.
fn merge<'a>(fields: &mut Fields<'a>, branches: Vec<Node<'a>>, all: bool) {
    let mut properties = match fields.take("properties") {
        Some(Node::Object(inner)) => inner,
        _ => Fields::default(),
    };
    let mut names: HashSet<Cow<'a, str>> = properties.0.iter().map(|(name, _)| name.clone()).collect();
    let mut keys: HashSet<Cow<'a, str>> = fields.0.iter().map(|(key, _)| key.clone()).collect();
    let mut required = Vec::with_capacity(branches.len());
    for branch in branches {
        let Node::Object(mut branch) = branch else { continue };
        required.push(match branch.take("required") {
            Some(Node::Array(names)) => names,
            _ => Vec::new(),
        });
        for (key, value) in branch.0 {
            match (&*key, value) {
                ("properties", Node::Object(more)) => {
                    properties.0.extend(more.0.into_iter().filter(|(name, _)| names.insert(name.clone())));
                }
                (_, value) if keys.insert(key.clone()) => fields.0.push((key, value)),
                _ => (),
            }
        }
    }
    if !properties.0.is_empty() {
        fields.set("properties", Node::Object(properties));
    }
    let own = match fields.take("required") {
        Some(Node::Array(names)) => names,
        _ => Vec::new(),
    };
    let required = union(own, if all { required.into_iter().flatten().collect() } else { common(required) });
    if !required.is_empty() {
        fields.set("required", Node::Array(required));
    }
}

/// What stands in every list, in the order of the first.
fn common(lists: Vec<Vec<Node<'_>>>) -> Vec<Node<'_>> {
    let count = lists.len();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for list in &lists {
        let names: HashSet<String> = list.iter().map(Node::json).collect();
        names.into_iter().for_each(|name| *seen.entry(name).or_default() += 1);
    }
    let first = lists.into_iter().next().unwrap_or_default();
    first.into_iter().filter(|name| seen.get(&name.json()) == Some(&count)).collect()
}

fn union<'a>(mut left: Vec<Node<'a>>, right: Vec<Node<'a>>) -> Vec<Node<'a>> {
    let mut known: HashSet<String> = left.iter().map(Node::json).collect();
    left.extend(right.into_iter().filter(|item| known.insert(item.json())));
    left
}

/// One schema and all below it. Property names are data: a property called `format` is never taken for the keyword.
fn lowered<'a>(mut fields: Fields<'a>, lost: &mut Lost) -> Fields<'a> {
    keep_last(&mut fields);
    fields.0.retain(|(key, value)| !value.is_leaf("null") || matches!(&**key, "default" | "const" | "example"));
    if let Some(reference) = fields.take("$ref") {
        return referring(reference, fields, lost);
    }
    rename(&mut fields);
    promote_required(&mut fields);
    let hints = take_unknown(&mut fields, lost);
    describe(&mut fields, &hints);
    for (key, value) in &mut fields.0 {
        let old = std::mem::replace(value, Node::leaf("null"));
        *value = match (&**key, old) {
            ("properties" | "$defs", Node::Object(map)) => {
                let below = map.0.into_iter().map(|(name, schema)| (name, inner(schema, lost)));
                Node::Object(Fields(below.collect()))
            }
            ("anyOf" | "prefixItems", Node::Array(list)) => {
                Node::Array(list.into_iter().map(|schema| inner(schema, lost)).collect())
            }
            ("items", schema) => inner(schema, lost),
            ("additionalProperties", schema @ Node::Object(_)) => inner(schema, lost),
            (_, other) => other,
        };
    }
    settle_arrays(&mut fields);
    settle_required(&mut fields);
    fields
}

/// Of a keyword that is named twice the last counts, as with every reader of JSON.
fn keep_last(fields: &mut Fields<'_>) {
    let mut seen = HashSet::with_capacity(fields.0.len());
    fields.0.reverse();
    fields.0.retain(|(key, _)| seen.insert(key.clone()));
    fields.0.reverse();
}

/// A schema below another; `true` and `false` are schemas, too.
fn inner<'a>(node: Node<'a>, lost: &mut Lost) -> Node<'a> {
    match node {
        Node::Object(fields) => Node::Object(lowered(fields, lost)),
        _ => Node::Object(Fields::default()),
    }
}

/// A reference takes no siblings but definitions: what is said about it stands around it.
fn referring<'a>(reference: Node<'a>, mut fields: Fields<'a>, lost: &mut Lost) -> Fields<'a> {
    let target = reference.as_text().map(|text| text.replace("#/definitions/", "#/$defs/"));
    let mut kept = Fields(vec![(Cow::Borrowed("$ref"), target.map_or(reference, |text| Node::text(&text)))]);
    rename_definitions(&mut fields);
    if let Some(words) = fields.take("description") {
        let branch = Node::Object(std::mem::take(&mut kept));
        kept = Fields(vec![(Cow::Borrowed("description"), words), (Cow::Borrowed("anyOf"), Node::Array(vec![branch]))]);
    }
    if let Some(Node::Object(map)) = fields.take("$defs") {
        let below = map.0.into_iter().map(|(name, schema)| (name, inner(schema, lost)));
        kept.set("$defs", Node::Object(Fields(below.collect())));
    }
    kept
}

fn rename_definitions(fields: &mut Fields<'_>) {
    if let Some(definitions) = fields.take("definitions")
        && fields.get("$defs").is_none()
    {
        fields.set("$defs", definitions);
    }
}

/// Brings keywords with a counterpart into its spelling.
fn rename(fields: &mut Fields<'_>) {
    rename_definitions(fields);
    if let Some(value) = fields.take("const")
        && fields.get("enum").is_none()
    {
        fields.set("enum", Node::Array(vec![value]));
    }
    if let Some(branches) = fields.take("oneOf") {
        match fields.get("anyOf") {
            None => fields.set("anyOf", branches),
            Some(_) => fields.set("oneOf", branches),
        }
    }
    if let Some(Node::Array(branches)) = fields.take("allOf") {
        let only_reference = match branches.as_slice() {
            [Node::Object(branch)] => branch.get("$ref").is_some(),
            _ => false,
        };
        match (only_reference, branches) {
            // A reference takes no siblings: as a branch it keeps them.
            (true, branches) => fields.set("anyOf", Node::Array(branches)),
            (false, branches) => merge(fields, branches, true),
        }
    }
    if matches!(fields.get("items"), Some(Node::Array(_)))
        && let Some(list) = fields.take("items")
    {
        fields.set("prefixItems", list);
    }
    if fields.take("nullable").is_some_and(|flag| flag.is_leaf("true"))
        && let Some(kind @ Node::Leaf(_)) = fields.get_mut("type")
    {
        let own = std::mem::replace(kind, Node::leaf("null"));
        *kind = Node::Array(vec![own, Node::leaf("\"null\"")]);
    }
    lower_type(fields);
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

/// `required: true` on a property means that its parent requires it.
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
    let one = fields.get("required").is_some_and(|names| matches!(names, Node::Leaf(_)));
    if names.is_empty() && !one {
        return;
    }
    let before = match fields.take("required") {
        Some(Node::Array(list)) => list,
        // One name alone is a list of one.
        Some(leaf) => leaf.as_text().map(|name| Node::text(&name)).into_iter().collect(),
        None => Vec::new(),
    };
    fields.set("required", Node::Array(union(before, names)));
}

/// Takes out what Gemini does not know, as `key: value` hints.
fn take_unknown(fields: &mut Fields<'_>, lost: &mut Lost) -> Vec<String> {
    let mut hints = Vec::new();
    fields.0.retain(|(key, value)| {
        let known = KNOWN.contains(&&**key);
        let is_noise = matches!(&**key, "$schema" | "$comment" | "deprecated") || key.starts_with("x-");
        if !known && !is_noise {
            lost.note(key);
            hints.push(format!("{key}: {}", value.json()));
        }
        known
    });
    hints
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

/// An array must say what it holds.
fn settle_arrays(fields: &mut Fields<'_>) {
    let is_array = match fields.get("type") {
        Some(Node::Array(types)) => types.iter().any(|kind| kind.is_leaf("\"array\"")),
        Some(kind) => kind.is_leaf("\"array\""),
        None => false,
    };
    if is_array && fields.get("items").is_none() && fields.get("prefixItems").is_none() {
        fields.set("items", Node::Object(Fields::default()));
    }
}

/// What is required must exist.
fn settle_required(fields: &mut Fields<'_>) {
    let Some(required) = fields.take("required") else { return };
    let (Node::Array(mut names), Some(Node::Object(properties))) = (required, fields.get("properties")) else { return };
    let known: HashSet<&str> = properties.0.iter().map(|(name, _)| &**name).collect();
    names.retain(|name| name.as_text().is_some_and(|name| known.contains(&*name)));
    if !names.is_empty() {
        fields.set("required", Node::Array(names));
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
