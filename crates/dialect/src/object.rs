//! A JSON object that is written field by field into an output buffer.

use std::fmt::Write as _;

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
        let out = self.key_start();
        out.put_u8(b'"');
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":");
        out
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
    pub fn number(&mut self, key: &str, value: impl Number) {
        value.write(self.key(key));
    }

    /// Writes a number, if there is one.
    pub fn number_if(&mut self, key: &str, value: Option<impl Number>) {
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

/// A number that can stand in JSON.
pub trait Number {
    /// Appends it.
    fn write(self, out: &mut BytesMut);
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl Number for $integer {
            fn write(self, out: &mut BytesMut) {
                // The formatting machinery takes some 240 instructions for each of the counts that an answer is full of.
                out.extend_from_slice(itoa::Buffer::new().format(self).as_bytes());
            }
        }
    )*};
}

macro_rules! fractions {
    ($($fraction:ty)*) => {$(
        impl Number for $fraction {
            fn write(self, out: &mut BytesMut) {
                // Writing into a growable buffer cannot fail.
                let _ = write!(out, "{self}");
            }
        }
    )*};
}

integers! { u8 u16 u32 u64 u128 usize i32 i64 }
fractions! { f32 f64 }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_displayed() {
        let mut out = BytesMut::new();
        let mut object = Object::open(&mut out);
        for count in [0, 7, 10, 99, 100, 1_790_000_000, u64::MAX] {
            object.number("n", count);
        }
        object.number("i", -7_i64);
        object.number("i", i64::MIN);
        object.number("u", usize::MAX);
        object.number("u", u128::MAX);
        object.number("f", 0.5);
        object.close();
        let counts = "\"n\":0,\"n\":7,\"n\":10,\"n\":99,\"n\":100,\"n\":1790000000,\"n\":18446744073709551615";
        let least = i64::MIN;
        let most = (usize::MAX, u128::MAX);
        let wanted = format!("{{{counts},\"i\":-7,\"i\":{least},\"u\":{},\"u\":{},\"f\":0.5}}", most.0, most.1);
        assert_eq!(out, wanted);
    }
}
