//! Writing JSON text straight into an output buffer.

use bytes::{BufMut, BytesMut};

/// Appends `text` as a JSON string, quotes included.
pub fn quoted(text: &str, out: &mut BytesMut) {
    out.put_u8(b'"');
    escape(text, out);
    out.put_u8(b'"');
}

/// Appends `text` with JSON escapes and no quotes. Runs without escapes are copied whole.
pub fn escape(text: &str, out: &mut BytesMut) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[from..at]);
        escape_byte(*byte, out);
        from = at + 1;
    }
    out.extend_from_slice(&bytes[from..]);
}

fn escape_byte(byte: u8, out: &mut BytesMut) {
    let short: &[u8] = match byte {
        b'"' => b"\\\"",
        b'\\' => b"\\\\",
        b'\n' => b"\\n",
        b'\r' => b"\\r",
        b'\t' => b"\\t",
        0x08 => b"\\b",
        0x0c => b"\\f",
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.put_u8(HEX[usize::from(byte >> 4)]);
            out.put_u8(HEX[usize::from(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(short);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_json_reader_gets_the_text_back(text in "(?s).{0,64}") {
            let mut out = BytesMut::new();
            quoted(&text, &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
