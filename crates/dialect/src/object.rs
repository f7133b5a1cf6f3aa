//! A JSON object that is written field by field into an output buffer.

use std::fmt::{Display, Write as _};

use crate::quoted;
use bytes::{BufMut, BytesMut};

/// An object under construction; [`Object::close`] ends it.
#[derive(Debug)]
pub struct Object<'a> {
    out: &'a mut BytesMut,
    first: bool,
}

impl<'a> Object<'a> {
    /// Begins an object.
    pub fn open(out: &'a mut BytesMut) -> Self {
        out.put_u8(b'{');
        Self { out, first: true }
    }

    /// Writes a key; the caller writes the value into the buffer that is handed back.
    pub fn key(&mut self, key: &str) -> &mut BytesMut {
        let lead: &[u8] = if std::mem::replace(&mut self.first, false) { b"\"" } else { b",\"" };
        self.out.extend_from_slice(lead);
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    fn key_start(&mut self) -> &mut BytesMut {
        if !self.first {
            self.out.put_u8(b',');
        }
        self.first = false;
        self.out
    }

    /// Writes a string.
    pub fn text(&mut self, key: &str, value: &str) {
        quoted(value, self.key(key));
    }

    /// Writes a string, if there is one.
    pub fn text_if(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    /// Copies JSON text as it stands.
    pub fn raw(&mut self, key: &str, json: &str) {
        self.key(key).extend_from_slice(json.as_bytes());
    }

    /// Writes a key that someone else chose, which may need escapes.
    pub fn named(&mut self, key: &str) -> &mut BytesMut {
        let out = self.key_start();
        quoted(key, out);
        out.put_u8(b':');
        out
    }

    /// Writes a number; floats are finite, because JSON text cannot hold others.
    pub fn number(&mut self, key: &str, value: impl Display) {
        number(value, self.key(key));
    }

    /// Writes a number, if there is one.
    pub fn number_if(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.number(key, value);
        }
    }

    /// Writes `true` or `false`.
    pub fn flag(&mut self, key: &str, value: bool) {
        self.raw(key, if value { "true" } else { "false" });
    }

    /// Writes an array, one element a call of `each`.
    pub fn array<T>(&mut self, key: &str, items: impl IntoIterator<Item = T>, each: impl FnMut(T, &mut BytesMut)) {
        array(items, self.key(key), each);
    }

    /// Ends the object.
    pub fn close(self) {
        self.out.put_u8(b'}');
    }
}

/// Writes an array, one element a call of `each`.
pub fn array<T>(items: impl IntoIterator<Item = T>, out: &mut BytesMut, mut each: impl FnMut(T, &mut BytesMut)) {
    out.put_u8(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        each(item, out);
    }
    out.put_u8(b']');
}

fn number(value: impl Display, out: &mut BytesMut) {
    // Writing into a growable buffer cannot fail.
    let _ = write!(out, "{value}");
}
