//! Repairs tool schemas that OpenAI would refuse, and tells which ones strict mode can hold to.
//!
//! Sound schemas pass as they are, byte for byte. Broken ones come from MCP servers and from other dialects: a root
//! that is no object, a bare map of properties, `required: true` on a property, arrays without items, upper-case
//! types, `nullable`. Names of properties are never taken for keywords: only their place tells them apart.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use bytes::BytesMut;
use hub::Losses;
use memchr::memmem::Finder;

use crate::tree::definition_name;
use crate::{Lowered, Object, array, quoted, remembered, scan};

/// What a tool takes that takes nothing, in words that can be held to.
pub const NOTHING: &str = r#"{"type":"object","properties":{},"required":[],"additionalProperties":false}"#;
const EMPTY: &str = r#"{"type":"object","properties":{}}"#;
/// Deeper schemas are copied as they are.
const DEPTH: u8 = 48;
/// Keywords that OpenAI refuses at the root.
const CHOICES: [&str; 3] = ["anyOf", "oneOf", "allOf"];

/// A schema that OpenAI takes in non-strict mode. What it says less than before is noted for `field`.
pub fn repaired<'a>(schema: &'a str, field: impl FnOnce() -> String, losses: &mut Losses) -> Cow<'a, str> {
    let repaired = repair(schema);
    if let Cow::Owned(_) = &repaired
        && Node::parse(schema).is_some_and(|root| root.has_alternatives())
    {
        losses.approximated(field(), "the alternatives at the root were joined into one object");
    }
    repaired
}

/// A schema that OpenAI takes in non-strict mode.
pub fn repair(schema: &str) -> Cow<'_, str> {
    let text = schema.trim();
    let Some(root) = Node::parse(text) else {
        // Something that only our scanner dislikes is left to the provider's judgement.
        return Cow::Borrowed(if text.starts_with('{') { text } else { EMPTY });
    };
    if root.is_sound_root() && !looks_broken(text) {
        return Cow::Borrowed(text);
    }
    let repaired = remembered("openai tool", text, |text| {
        let sound = root.is_sound_root() && is_sound(&root, 0);
        Lowered { json: (!sound).then(|| written(&root, text)), ..Lowered::default() }
    });
    repaired.json.as_ref().map_or(Cow::Borrowed(text), |json| Cow::Owned(json.clone()))
}

/// The key under which [`wrapped`] puts an answer.
pub const ANSWER: &str = "answer";

/// The schema of an answer that is no object, as the only property of one; `None` where it may stay as it is. OpenAI
/// takes objects only, without alternatives at the root. Definitions stay where references look for them.
pub fn wrapped(schema: &str) -> Option<String> {
    let root = Node::parse(schema)?;
    let kind = root.get("type");
    let other = kind.is_some_and(|kind| kind != "\"object\"")
        || CHOICES.into_iter().chain(["$ref", "enum", "const", "items"]).any(|key| root.has(key));
    let is_definition = |value: &[u8]| value.starts_with(b"\"#/$defs/") || value.starts_with(b"\"#/definitions/");
    if !other || !values(&REF, schema.as_bytes()).all(is_definition) {
        return None;
    }
    let mut out = BytesMut::with_capacity(schema.len() + 128);
    let mut object = Object::open(&mut out);
    object.text("type", "object");
    let mut properties = Object::open(object.key("properties"));
    let mut answer = Object::open(properties.key(ANSWER));
    let (definitions, own): (Vec<_>, Vec<_>) =
        root.fields.iter().partition(|(key, _)| matches!(key.as_ref(), "$defs" | "definitions"));
    own.into_iter().for_each(|(key, value)| answer.named(key).extend_from_slice(value.as_bytes()));
    answer.close();
    properties.close();
    object.array("required", &[ANSWER], |key, out| quoted(key, out));
    object.flag("additionalProperties", false);
    definitions.into_iter().for_each(|(key, value)| object.named(key).extend_from_slice(value.as_bytes()));
    object.close();
    Some(crate::into_text(out))
}

fn written(root: &Node<'_>, text: &str) -> String {
    let mut out = BytesMut::with_capacity(text.len() + 64);
    write_root(root, &mut out);
    crate::into_text(out)
}

static TYPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"type\""));
static REF: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"$ref\""));
static REQUIRED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"required\""));
static TRUE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"true"));
static NULLABLE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"nullable\""));
static ITEMS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"items\""));
static EXCLUSIVE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"exclusiveM"));
static NULL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"null"));

/// A cheap search for what broken schemas hold, and few others. A false alarm costs time, not meaning: what looks broken
/// is read.
fn looks_broken(text: &str) -> bool {
    let bytes = text.as_bytes();
    let odd_type = values(&TYPE, bytes).any(|value| value.starts_with(b"\"array\"") || is_list_or_shouted(value));
    let odd_required = || values(&REQUIRED, bytes).any(|value| !value.starts_with(b"[") && !value.starts_with(b"{"));
    let tuple = || values(&ITEMS, bytes).any(|value| value.starts_with(b"["));
    let holds = |word: &Finder<'_>| word.find(bytes).is_some();
    let words = [&*NULLABLE, &*TRUE, &*NULL, &*EXCLUSIVE];
    odd_type || odd_required() || words.into_iter().any(holds) || tuple()
}

/// Whether types come in a list, or one in capitals.
fn is_list_or_shouted(value: &[u8]) -> bool {
    value.starts_with(b"[") || value.get(1).is_some_and(u8::is_ascii_uppercase)
}

/// Whether a schema and all below it are such as OpenAI takes.
fn is_sound(node: &Node<'_>, depth: u8) -> bool {
    if depth > DEPTH {
        return true;
    }
    let kind = node.get("type").unwrap_or_default();
    let is_list = kind.contains("\"array\"");
    let holds = node.has("items") || node.has("prefixItems");
    let odd_required = node.get("required").is_some_and(|value| !value.starts_with('['));
    let shouted = kind.bytes().any(|byte| byte.is_ascii_uppercase());
    let old = node.has("nullable") || node.fields.iter().any(|(key, value)| is_void(key, value) || is_old(key, value));
    if shouted || (is_list && !holds) || odd_required || old {
        return false;
    }
    let below = |text: &str| {
        !matches!(text, "true" | "null") && Node::parse(text).is_none_or(|node| is_sound(&node, depth + 1))
    };
    node.fields.iter().all(|(key, value)| match key.as_ref() {
        "properties" | "$defs" | "definitions" | "patternProperties" | "dependentSchemas" => {
            Node::parse(value).is_none_or(|map| map.fields.iter().all(|(_, value)| below(value)))
        }
        "anyOf" | "oneOf" | "allOf" | "prefixItems" => {
            let list: Vec<&serde_json::value::RawValue> = serde_json::from_str(value).unwrap_or_default();
            list.into_iter().all(|raw| below(raw.get()))
        }
        "items" | "contains" => below(value),
        "not" | "if" | "then" | "else" | "propertyNames" | "additionalProperties" if value.starts_with('{') => {
            below(value)
        }
        _ => true,
    })
}

/// A keyword that says nothing: servers that write every field of a struct send `null` for what is not set.
fn is_void(key: &str, value: &str) -> bool {
    value == "null" && !matches!(key, "default" | "const" | "example")
}

/// Forms of older drafts of JSON Schema: a list of items one by one, and bounds that are flags on other bounds.
fn is_old(key: &str, value: &str) -> bool {
    match key {
        "items" => value.starts_with('['),
        "exclusiveMinimum" | "exclusiveMaximum" => matches!(value, "true" | "false"),
        _ => false,
    }
}

/// What follows each occurrence of a key.
fn values<'t>(key: &'t Finder<'_>, text: &'t [u8]) -> impl Iterator<Item = &'t [u8]> {
    key.find_iter(text).filter_map(|at| {
        let rest = text[at + key.needle().len()..].trim_ascii_start();
        rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start)
    })
}

/// One schema that is an object: its keywords and their values.
struct Node<'a> {
    fields: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Node<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let index = scan::object(text.as_bytes()).ok()?;
        let field = |field: &scan::Field| {
            let key = text.get(field.key.start - 1..field.key.end + 1)?;
            Some((serde_json::from_str(key).map(Cow::Owned).ok()?, text.get(field.value.clone())?))
        };
        Some(Self { fields: index.fields.iter().filter_map(field).collect() })
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.fields.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    fn is_sound_root(&self) -> bool {
        let properties = self.get("properties").is_some_and(|value| value.starts_with('{'));
        self.get("type") == Some("\"object\"") && properties && !CHOICES.iter().any(|key| self.has(key))
    }

    /// Whether the root leaves a choice, which one object cannot.
    fn has_alternatives(&self) -> bool {
        let count = |key| serde_json::from_str::<Vec<&serde_json::value::RawValue>>(self.get(key)?).ok();
        !self.is_bare_map() && ["anyOf", "oneOf"].into_iter().filter_map(count).any(|list| list.len() > 1)
    }

    /// A map of properties without the schema around it.
    fn is_bare_map(&self) -> bool {
        const KEYWORDS: [&str; 8] = ["type", "properties", "$ref", "anyOf", "oneOf", "allOf", "items", "enum"];
        let looks_like_schema =
            |value: &str| Node::parse(value).is_some_and(|node| node.has("type") || node.has("$ref"));
        !self.fields.is_empty()
            && !KEYWORDS.iter().any(|key| self.get(key).is_some_and(|value| !looks_like_schema(value)))
            && self.fields.iter().all(|(_, value)| looks_like_schema(value))
    }

    /// The names of the properties that say of themselves that they are required.
    fn promoted(&self) -> Vec<String> {
        let says_so = |value: &str| Node::parse(value).is_some_and(|node| node.get("required") == Some("true"));
        self.fields.iter().filter(|(_, value)| says_so(value)).map(|(name, _)| name.to_string()).collect()
    }

    /// The names under `required`: a list, or one name alone.
    fn required(&self) -> Vec<String> {
        let value = self.get("required").unwrap_or_default();
        let one = || serde_json::from_str(value).map(|name| vec![name]);
        serde_json::from_str(value).or_else(|_| one()).unwrap_or_default()
    }

    /// The schemas that the root is made of: the branches of a choice, or what a reference names.
    fn branches(&self) -> Vec<(Node<'a>, bool)> {
        let mut branches: Vec<(Node<'a>, bool)> = Vec::new();
        for key in CHOICES {
            let list: Vec<&serde_json::value::RawValue> =
                self.get(key).and_then(|value| serde_json::from_str(value).ok()).unwrap_or_default();
            let read = |raw: &'a serde_json::value::RawValue| {
                let branch = Node::parse(raw.get())?;
                Some((self.referred(&branch).unwrap_or(branch), key == "allOf"))
            };
            branches.extend(list.into_iter().filter_map(read));
        }
        branches.extend(self.referred(self).map(|node| (node, true)));
        branches
    }

    /// What `$ref: "#/$defs/Name"` of a schema stands for in this one.
    fn referred(&self, schema: &Node<'_>) -> Option<Node<'a>> {
        let path: String = serde_json::from_str(schema.get("$ref")?).ok()?;
        let (map, _) = path.strip_prefix("#/")?.split_once('/')?;
        Node::parse(Node::parse(self.get(map)?)?.get(&definition_name(&path)?)?)
    }
}

fn write_root(root: &Node<'_>, out: &mut BytesMut) {
    if root.is_bare_map() {
        let mut object = Object::open(out);
        object.text("type", "object");
        write_map(root, object.key("properties"), 0);
        write_required(&[], &root.promoted(), &mut object);
        object.close();
        return;
    }
    let own = root.get("properties").and_then(Node::parse).unwrap_or(Node { fields: Vec::new() });
    let mut properties = own;
    let mut known: HashSet<Cow<'_, str>> = properties.fields.iter().map(|(name, _)| name.clone()).collect();
    let mut required = root.required();
    for (branch, binding) in root.branches() {
        let inner = branch.get("properties").and_then(Node::parse);
        for field in inner.into_iter().flat_map(|node| node.fields) {
            if known.insert(field.0.clone()) {
                properties.fields.push(field);
            }
        }
        if binding {
            required.extend(branch.required());
        }
    }
    let mut object = Object::open(out);
    object.text("type", "object");
    write_map(&properties, object.key("properties"), 0);
    write_required(&required, &properties.promoted(), &mut object);
    for (key, value) in &root.fields {
        let merged =
            matches!(key.as_ref(), "type" | "properties" | "required" | "$ref") || CHOICES.contains(&key.as_ref());
        if !merged {
            write_keyword(key, value, &mut object, 0);
        }
    }
    object.close();
}

fn write_required(named: &[String], promoted: &[String], object: &mut Object<'_>) {
    let mut seen = HashSet::new();
    let names: Vec<&String> = named.iter().chain(promoted).filter(|name| seen.insert(name.as_str())).collect();
    if !names.is_empty() {
        object.array("required", names, |name, out| quoted(name, out));
    }
}

/// A map from names to schemas.
fn write_map(map: &Node<'_>, out: &mut BytesMut, depth: u8) {
    let mut object = Object::open(out);
    for (name, value) in &map.fields {
        write_schema(value, object.named(name), depth + 1);
    }
    object.close();
}

fn write_schema(text: &str, out: &mut BytesMut, depth: u8) {
    let node = match (text, Node::parse(text)) {
        ("true" | "null", _) => return out.extend_from_slice(b"{}"),
        (_, Some(node)) if depth < DEPTH => node,
        _ => return out.extend_from_slice(text.as_bytes()),
    };
    let mut object = Object::open(out);
    for (key, value) in &node.fields {
        match key.as_ref() {
            "required" | "nullable" => (),
            // A bound that was exclusive by a flag beside it.
            "minimum" if node.get("exclusiveMinimum") == Some("true") => object.raw("exclusiveMinimum", value),
            "maximum" if node.get("exclusiveMaximum") == Some("true") => object.raw("exclusiveMaximum", value),
            "type" if node.get("nullable") == Some("true") => write_nullable(value, &mut object),
            _ => write_keyword(key, value, &mut object, depth),
        }
    }
    let promoted = node.get("properties").and_then(Node::parse).map(|map| map.promoted()).unwrap_or_default();
    write_required(&node.required(), &promoted, &mut object);
    let is_array = node.get("type").is_some_and(|kind| kind.to_ascii_lowercase().contains("\"array\""));
    if is_array && !node.has("items") && !node.has("prefixItems") {
        object.raw("items", "{}");
    }
    object.close();
}

/// OpenAPI's `nullable` is no JSON Schema: the type itself admits null.
fn write_nullable(kind: &str, object: &mut Object<'_>) {
    let kind = kind.to_ascii_lowercase();
    match kind.starts_with('"') {
        true => object.raw("type", &format!("[{kind},\"null\"]")),
        false => object.raw("type", &kind),
    }
}

fn write_keyword(key: &str, value: &str, object: &mut Object<'_>, depth: u8) {
    let key = match key {
        _ if is_void(key, value) => return,
        "items" if is_old(key, value) => "prefixItems",
        key if is_old(key, value) => return,
        key => key,
    };
    let out = object.named(key);
    match key {
        "properties" | "$defs" | "definitions" | "patternProperties" | "dependentSchemas" => match Node::parse(value) {
            Some(map) => write_map(&map, out, depth),
            None => out.extend_from_slice(value.as_bytes()),
        },
        "anyOf" | "oneOf" | "allOf" | "prefixItems" => write_list(value, out, depth),
        "items" | "not" | "if" | "then" | "else" | "contains" | "propertyNames" | "additionalProperties"
            if value.starts_with('{') =>
        {
            write_schema(value, out, depth + 1);
        }
        "items" | "contains" if value == "true" => out.extend_from_slice(b"{}"),
        "type" => out.extend_from_slice(value.to_ascii_lowercase().as_bytes()),
        // Everything else is data or a plain limit.
        _ => out.extend_from_slice(value.as_bytes()),
    }
}

fn write_list(value: &str, out: &mut BytesMut, depth: u8) {
    match serde_json::from_str::<Vec<&serde_json::value::RawValue>>(value) {
        Ok(list) => array(list, out, |raw, out| write_schema(raw.get(), out, depth + 1)),
        Err(_) => out.extend_from_slice(value.as_bytes()),
    }
}

/// Whether OpenAI's strict mode takes the schema: closed objects whose properties are all required.
pub fn is_strict(schema: &str) -> bool {
    let root = Node::parse(schema);
    root.is_some_and(|root| {
        let is_object = root.get("type") == Some("\"object\"");
        is_object && !CHOICES.iter().any(|key| root.has(key)) && strict_node(&root, 0)
    })
}

/// Keywords that strict mode does not take anywhere.
const LOOSE: [&str; 14] = [
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
    "contains",
    "minProperties",
    "maxProperties",
];

fn strict_node(node: &Node<'_>, depth: u8) -> bool {
    if depth > DEPTH {
        return false;
    }
    let properties = node.get("properties").and_then(Node::parse);
    let is_object = properties.is_some() || node.get("type") == Some("\"object\"");
    if is_object && !is_closed(node, properties.as_ref()) {
        return false;
    }
    let below = |text: &str| Node::parse(text).is_none_or(|node| strict_node(&node, depth + 1));
    let map = |node: Option<Node<'_>>| node.is_none_or(|map| map.fields.iter().all(|(_, value)| below(value)));
    let branches: Vec<&serde_json::value::RawValue> =
        node.get("anyOf").and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default();
    let defined = ["$defs", "definitions"].into_iter().all(|key| map(node.get(key).and_then(Node::parse)));
    // Beside a reference nothing may stand, a default may not be null, and a list must say what it holds.
    let odd = (node.has("$ref") && node.fields.len() > 1)
        || node.get("default") == Some("null")
        || (node.get("type") == Some("\"array\"") && !node.has("items"));
    !odd && !LOOSE.iter().any(|key| node.has(key))
        && defined
        && map(properties)
        && node.get("items").is_none_or(below)
        && branches.into_iter().all(|raw| below(raw.get()))
}

fn is_closed(node: &Node<'_>, properties: Option<&Node<'_>>) -> bool {
    let required: HashSet<String> = node.required().into_iter().collect();
    let mut names = properties.into_iter().flat_map(|map| &map.fields);
    node.get("additionalProperties") == Some("false") && names.all(|(name, _)| required.contains(name.as_ref()))
}

#[cfg(test)]
mod tests;
