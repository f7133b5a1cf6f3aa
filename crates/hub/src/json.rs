//! JSON text carried through the hub exactly as its author wrote it.
//!
//! Tool schemas, tool arguments and opaque blocks are never re-printed: key order, 64-bit integers, `1.0` against
//! `1` and unescaped `<` all survive, because nobody parses them into a tree.

/// Valid JSON text. The holder has checked it; readers may splice it into a document as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Box<str>);

impl Json {
    /// Wraps text that the caller has already parsed or scanned as one JSON value.
    pub fn trusted(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// `{}`
    pub fn empty_object() -> Self {
        Self("{}".into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the value is an object.
    pub fn is_object(&self) -> bool {
        self.0.trim_start().starts_with('{')
    }

    /// Whether the value is `null`.
    pub fn is_null(&self) -> bool {
        self.0.trim() == "null"
    }
}

impl std::fmt::Debug for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
