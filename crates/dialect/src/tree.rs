//! An ordered JSON tree for schemas that must be rewritten: keys keep their order, leaves keep their text.
//!
//! Only texts that were checked as JSON come here, so the reader trusts its input; what it cannot follow (nesting
//! beyond a bound, broken text) gives no tree, and the caller sends the text as it is.

use std::borrow::Cow;

use crate::quoted;
use bytes::{BufMut, BytesMut};

/// Deepest schema that is rewritten. Real ones stay under 30.
const MAX_DEPTH: usize = 96;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Node<'a> {
    /// An object.
    Object(Fields<'a>),
    /// An array.
    Array(Vec<Node<'a>>),
    /// A string, number, boolean or null, as text.
    Leaf(Cow<'a, str>),
}

/// The fields of an object, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields<'a>(pub Vec<(Cow<'a, str>, Node<'a>)>);

impl<'a> Fields<'a> {
    /// The value of a field.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The value of a field, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node<'a>> {
        self.0.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Takes a field out.
    pub fn take(&mut self, key: &str) -> Option<Node<'a>> {
        let at = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(at).1)
    }

    /// Replaces a field in its place, or adds it at the end.
    pub fn set(&mut self, key: &'static str, value: Node<'a>) {
        match self.get_mut(key) {
            Some(old) => *old = value,
            None => self.0.push((Cow::Borrowed(key), value)),
        }
    }

    /// The branches of a combination at the root of a schema, with what they refer to in place of references to its own
    /// definitions. Only so many are looked up: each is a copy.
    pub fn resolved(&self, branches: Vec<Node<'a>>) -> Vec<Node<'a>> {
        const MOST: usize = 32;
        let resolve = |(at, branch): (usize, Node<'a>)| match &branch {
            Node::Object(fields) if at < MOST => {
                fields.get("$ref").and_then(|name| self.definition(name)).unwrap_or(branch)
            }
            _ => branch,
        };
        branches.into_iter().enumerate().map(resolve).collect()
    }

    /// A copy of what `#/$defs/Name` stands for.
    fn definition(&self, reference: &Node<'_>) -> Option<Node<'a>> {
        let path = reference.as_text()?;
        let (map, _) = path.strip_prefix("#/")?.split_once('/')?;
        match self.get(map)? {
            Node::Object(definitions) => definitions.get(&definition_name(&path)?).cloned(),
            _ => None,
        }
    }
}

/// The schema of an answer with the words that came beside it, for languages without a place for those; `None` where it
/// stays as it is.
pub fn described(contract: &hub::Schema) -> Option<String> {
    let words = contract.description.as_deref()?;
    let Node::Object(mut fields) = Node::read(contract.schema.as_str())? else { return None };
    if fields.get("description").is_some() {
        return None;
    }
    fields.set("description", Node::text(words));
    Some(Node::Object(fields).json())
}

/// The name of the definition that a reference such as `#/$defs/Name` stands for: a pointer spells some characters
/// otherwise, and an address some more.
pub fn definition_name(reference: &str) -> Option<String> {
    let (map, name) = reference.strip_prefix("#/")?.split_once('/')?;
    let plain = |name: &str| name.replace("~1", "/").replace("~0", "~");
    matches!(map, "$defs" | "definitions").then(|| plain(&unescaped(name)))
}

/// A text without the `%` escapes of addresses.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let byte = piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => bytes.push(byte),
            None => bytes.push(b'%'),
        }
        bytes.extend_from_slice(&piece.as_bytes()[if byte.is_some() { 2 } else { 0 }..]);
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

impl<'a> Node<'a> {
    /// Reads a text that holds one JSON value.
    pub fn read(text: &'a str) -> Option<Self> {
        let mut reader = Reader { text, at: 0 };
        let node = reader.value(0)?;
        reader.space();
        (reader.at == text.len()).then_some(node)
    }

    /// A string.
    pub fn text(text: &str) -> Self {
        Self::Leaf(Cow::Owned(crate::json_text(text)))
    }

    /// A fixed leaf.
    pub fn leaf(json: &'static str) -> Self {
        Self::Leaf(Cow::Borrowed(json))
    }

    /// The text of a string.
    pub fn as_text(&self) -> Option<String> {
        match self {
            Self::Leaf(json) if json.starts_with('"') => serde_json::from_str(json).ok(),
            _ => None,
        }
    }

    /// Whether the value is exactly this JSON text.
    pub fn is_leaf(&self, json: &str) -> bool {
        matches!(self, Self::Leaf(text) if text == json)
    }

    /// Appends the value as JSON.
    pub fn write(&self, out: &mut BytesMut) {
        match self {
            Self::Leaf(json) => out.extend_from_slice(json.as_bytes()),
            Self::Array(items) => {
                out.put_u8(b'[');
                separated(items, out, |item, out| item.write(out));
                out.put_u8(b']');
            }
            Self::Object(fields) => {
                out.put_u8(b'{');
                separated(&fields.0, out, |(key, value), out| {
                    quoted(key, out);
                    out.put_u8(b':');
                    value.write(out);
                });
                out.put_u8(b'}');
            }
        }
    }

    /// The value as JSON.
    pub fn json(&self) -> String {
        let mut out = BytesMut::new();
        self.write(&mut out);
        crate::into_text(out)
    }
}

fn separated<T>(items: &[T], out: &mut BytesMut, write: impl Fn(&T, &mut BytesMut)) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        write(item, out);
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Takes `byte` if it is next after white space.
    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Option<Node<'a>> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.space();
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(|text| Node::Leaf(Cow::Borrowed(text))),
            _ => self.scalar().map(|text| Node::Leaf(Cow::Borrowed(text))),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Node<'a>> {
        self.at += 1;
        let mut fields = Vec::new();
        if self.take(b'}') {
            return Some(Node::Object(Fields(fields)));
        }
        loop {
            self.space();
            let key = key(self.string()?)?;
            if !self.take(b':') {
                return None;
            }
            fields.push((key, self.value(depth + 1)?));
            if self.take(b'}') {
                return Some(Node::Object(Fields(fields)));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Node<'a>> {
        self.at += 1;
        let mut items = Vec::new();
        if self.take(b']') {
            return Some(Node::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Some(Node::Array(items));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<&'a str> {
        let from = self.at;
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return self.text.get(from..self.at);
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    fn scalar(&mut self) -> Option<&'a str> {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')) {
            self.at += 1;
        }
        self.text.get(from..self.at).filter(|text| !text.is_empty())
    }
}

/// A key without its quotes and escapes.
fn key(quoted: &str) -> Option<Cow<'_, str>> {
    let inner = &quoted[1..quoted.len() - 1];
    if inner.contains('\\') { serde_json::from_str(quoted).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_and_leaf_texts_survive() {
        let text = r#"{ "b" : [1.0, -2e-7, "a\"\\", null] , "a\u0062":{}, "c" : [ ] }"#;
        let node = Node::read(text).unwrap();
        assert_eq!(node.json(), r#"{"b":[1.0,-2e-7,"a\"\\",null],"ab":{},"c":[]}"#);
    }

    #[test]
    fn what_is_too_deep_or_broken_gives_no_tree() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for text in [deep.as_str(), "", "{", "[1,", "{\"a\"}", "{\"a\":1,}", "\"", "\"\\", "[1] 2"] {
            assert_eq!(Node::read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]{}\",:0-9a-z\\\\ é]{0,40}") {
            let _ = Node::read(&text);
        }
    }
}
