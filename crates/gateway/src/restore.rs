//! What of a relayed answer is put back as its client knows it: the name under which it asked, and the answer that it
//! went on from where the upstream was told the whole conversation instead.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use dialect::splice::{self, Change, Edit};
use dialect::{Body, json_text};
use memchr::memmem::{self, Finder};

/// All that is put back into one answer.
pub(crate) struct Restore {
    rename: Option<Rename>,
    field: Option<Field>,
}

impl Restore {
    /// `None` when there is nothing to put back.
    pub(crate) fn new(rename: Option<Rename>, field: Option<Field>) -> Option<Self> {
        (rename.is_some() || field.is_some()).then_some(Self { rename, field })
    }

    /// Puts it back into frames of a stream.
    pub(crate) fn in_frames(&self, bytes: Bytes) -> Bytes {
        let bytes = match &self.rename {
            Some(rename) => rename.in_frames(bytes),
            None => bytes,
        };
        match &self.field {
            Some(field) => field.in_frames(bytes),
            None => bytes,
        }
    }

    /// Puts it back into a whole answer.
    pub(crate) fn in_answer(&self, bytes: Bytes) -> Bytes {
        let bytes = match &self.rename {
            Some(rename) => rename.in_answer(bytes),
            None => bytes,
        };
        match &self.field {
            Some(field) => field.in_answer(bytes),
            None => bytes,
        }
    }
}

/// A field that the upstream had nothing to say in: null becomes what the client said.
pub(crate) struct Field {
    name: &'static str,
    /// The name as a JSON string.
    key: String,
    /// A JSON string.
    value: String,
}

impl Field {
    pub(crate) fn new(name: &'static str, value: &str) -> Self {
        Self { name, key: json_text(name), value: json_text(value) }
    }

    /// Texts that a model writes cannot match, their quotes are escaped.
    fn in_frames(&self, bytes: Bytes) -> Bytes {
        let mut out = BytesMut::new();
        let mut from = 0;
        for at in memmem::find_iter(&bytes, self.key.as_bytes()) {
            let Some(null) = null_after(&bytes, at + self.key.len()) else { continue };
            out.extend_from_slice(&bytes[from..null]);
            out.extend_from_slice(self.value.as_bytes());
            from = null + b"null".len();
        }
        if from == 0 {
            return bytes;
        }
        out.extend_from_slice(&bytes[from..]);
        out.freeze()
    }

    fn in_answer(&self, bytes: Bytes) -> Bytes {
        let Ok(body) = Body::parse(bytes.clone()) else { return bytes };
        let edit = Edit { path: vec![Cow::Borrowed(self.name)], change: Change::Default(self.value.clone()) };
        splice::apply(body.bytes(), body.index(), &[edit])
    }
}

/// Where the value of a key stands that ends at `from`, if it is null.
fn null_after(bytes: &[u8], from: usize) -> Option<usize> {
    let colon = bytes[from..].trim_ascii_start().strip_prefix(b":")?;
    let value = colon.trim_ascii_start();
    value.starts_with(b"null").then(|| bytes.len() - value.len())
}

/// Restores the name under which the client asked.
pub(crate) struct Rename {
    /// The upstream's name, a JSON string.
    /// Boxed: it is large, and asks for an alignment that all that it is part of would share.
    from: Box<Finder<'static>>,
    /// The client's, likewise.
    to: Bytes,
}

impl Rename {
    /// From the upstream's name to the client's.
    pub(crate) fn new(from: &str, to: &str) -> Self {
        Self { from: Box::new(Finder::new(&json_text(from)).into_owned()), to: json_text(to).into() }
    }

    /// Restores it in frames of a stream, wherever a field `model` holds it: dialects differ in how deep that is.
    /// Texts that a model writes cannot match, their quotes are escaped.
    fn in_frames(&self, bytes: Bytes) -> Bytes {
        let width = self.from.needle().len();
        let mut out = BytesMut::new();
        let mut from = 0;
        for at in self.from.find_iter(&bytes).filter(|at| is_model_field(&bytes[..*at])) {
            out.extend_from_slice(&bytes[from..at]);
            out.extend_from_slice(&self.to);
            from = at + width;
        }
        if from == 0 {
            return bytes;
        }
        out.extend_from_slice(&bytes[from..]);
        out.freeze()
    }

    /// Restores it in a whole answer. Arguments of a tool are JSON there and none of our business.
    pub(crate) fn in_answer(&self, bytes: Bytes) -> Bytes {
        let Ok(body) = Body::parse(bytes.clone()) else { return bytes };
        if body.raw("model").is_none_or(|name| name.as_bytes() != self.from.needle()) {
            return bytes;
        }
        let to = String::from_utf8_lossy(&self.to).into_owned();
        splice::apply(body.bytes(), body.index(), &[Edit::set("model", to)])
    }
}

/// Whether what stands before a value is the key `model`.
fn is_model_field(before: &[u8]) -> bool {
    let key = before.trim_ascii_end().strip_suffix(b":");
    key.is_some_and(|key| key.trim_ascii_end().ends_with(b"\"model\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field() -> Field {
        Field::new("previous", "id \"1\"")
    }

    #[test]
    fn null_becomes_what_the_client_said_wherever_it_stands() {
        let frames = "data: {\"r\":{\"previous\" : null,\"a\":1}}\n\ndata: {\"previous\":\"other\"}\n\n\
                      data: {\"text\":\"\\\"previous\\\":null\"}\n\ndata: {\"previous\":nul";
        let expect = frames.replacen("null", r#""id \"1\"""#, 1);
        assert_eq!(field().in_frames(Bytes::from(frames)), expect);
        let none = Bytes::from_static(b"data: {}\n\n");
        assert_eq!(field().in_frames(none.clone()).as_ptr(), none.as_ptr());
    }

    #[test]
    fn a_whole_answer_is_changed_at_its_top_only() {
        let told = |answer: &'static str| field().in_answer(Bytes::from_static(answer.as_bytes()));
        assert_eq!(
            told(r#"{"previous":null,"o":{"previous":null}}"#),
            r#"{"previous":"id \"1\"","o":{"previous":null}}"#
        );
        assert_eq!(told(r#"{"previous":"x"}"#), r#"{"previous":"x"}"#);
        assert_eq!(told("no json"), "no json");
    }
}
