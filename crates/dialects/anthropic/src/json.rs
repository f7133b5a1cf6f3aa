//! Writes JSON objects and arrays straight into the output buffer: commas and quotes, nothing else.

use bytes::{BufMut, BytesMut};
use dialect::quoted;

/// An object or array being written. Dropping it without [`Open::end`] leaves it unclosed.
#[derive(Debug)]
pub(crate) struct Open<'o> {
    /// The buffer, for values that write themselves.
    pub(crate) out: &'o mut BytesMut,
    first: bool,
    close: u8,
}

impl<'o> Open<'o> {
    /// Begins an object.
    pub(crate) fn object(out: &'o mut BytesMut) -> Self {
        out.put_u8(b'{');
        Self { out, first: true, close: b'}' }
    }

    /// Begins an array.
    pub(crate) fn array(out: &'o mut BytesMut) -> Self {
        out.put_u8(b'[');
        Self { out, first: true, close: b']' }
    }

    /// Begins an object whose first field names its type.
    pub(crate) fn typed(out: &'o mut BytesMut, kind: &str) -> Self {
        let mut object = Self::object(out);
        object.text("type", kind);
        object
    }

    /// The place of the next array element.
    pub(crate) fn item(&mut self) -> &mut BytesMut {
        if !std::mem::take(&mut self.first) {
            self.out.put_u8(b',');
        }
        self.out
    }

    /// The place of the value of `key`, which needs no escapes.
    pub(crate) fn key(&mut self, key: &str) -> &mut BytesMut {
        self.item();
        self.out.put_u8(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A string field.
    pub(crate) fn text(&mut self, key: &str, value: &str) {
        quoted(value, self.key(key));
    }

    /// A string field, when there is a value.
    pub(crate) fn maybe_text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    /// A string field, `null` when there is no value.
    pub(crate) fn text_or_null(&mut self, key: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(key, value),
            None => self.raw(key, "null"),
        }
    }

    /// A whole number, `null` when there is none.
    pub(crate) fn count_or_null(&mut self, key: &str, value: Option<u64>) {
        match value {
            Some(value) => self.count(key, value),
            None => self.raw(key, "null"),
        }
    }

    /// A field whose value is JSON text already.
    pub(crate) fn raw(&mut self, key: &str, json: &str) {
        self.key(key).extend_from_slice(json.as_bytes());
    }

    /// A whole number.
    pub(crate) fn count(&mut self, key: &str, value: u64) {
        number(value, self.key(key));
    }

    /// A whole number, when it is known.
    pub(crate) fn maybe_count(&mut self, key: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.count(key, value);
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, key: &str, value: bool) {
        self.raw(key, if value { "true" } else { "false" });
    }

    /// Closes it.
    pub(crate) fn end(self) {
        self.out.put_u8(self.close);
    }
}

/// Appends a whole number.
pub(crate) fn number(value: u64, out: &mut BytesMut) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut left = value;
    loop {
        at -= 1;
        // A digit fits a byte.
        digits[at] = b'0' + u8::try_from(left % 10).unwrap_or_default();
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a number with a fraction. What JSON cannot say (NaN, infinity) becomes `null`; decoders never make it.
pub(crate) fn decimal(value: f64, out: &mut BytesMut) {
    if value.is_finite() {
        out.extend_from_slice(value.to_string().as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_items_are_separated_by_commas() {
        let mut out = BytesMut::new();
        let mut object = Open::typed(&mut out, "t");
        object.text("s", "a\"b");
        object.maybe_text("no", None);
        object.count("n", u64::MAX);
        object.count("z", 0);
        object.flag("f", true);
        let mut list = Open::array(object.key("l"));
        list.item().extend_from_slice(b"1");
        decimal(0.25, list.item());
        list.end();
        object.end();
        assert_eq!(out, r#"{"type":"t","s":"a\"b","n":18446744073709551615,"z":0,"f":true,"l":[1,0.25]}"#);
    }
}
