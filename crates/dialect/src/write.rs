//! Writing JSON text straight into an output buffer.

use std::ops::Range;

use bytes::{BufMut, BytesMut};

/// What was written, as text. All that is written here is text already, so this copies nothing and looks at it once.
pub fn into_text(out: BytesMut) -> String {
    String::from_utf8(out.into()).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Appends `text` as a JSON string, quotes included.
pub fn quoted(text: &str, out: &mut BytesMut) {
    out.put_u8(b'"');
    escape(text, out);
    out.put_u8(b'"');
}

/// `text` as a JSON string, quotes included.
pub fn json_text(text: &str) -> String {
    let mut out = BytesMut::with_capacity(text.len() + 2);
    quoted(text, &mut out);
    into_text(out)
}

/// Appends `text` with JSON escapes and no quotes. Runs without escapes are copied whole.
///
/// Clean text is the rule, so blocks of a fixed size are tested without an early exit, which the compiler turns into
/// vector instructions; only a block with something in it is walked byte by byte.
pub fn escape(text: &str, out: &mut BytesMut) {
    const BLOCK: usize = 16;
    let bytes = text.as_bytes();
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let mut copied = 0;
    for (number, block) in blocks.iter().enumerate() {
        if block.iter().fold(false, |found, byte| found | needs_escape(*byte)) {
            copied = escape_block(bytes, copied, number * BLOCK..(number + 1) * BLOCK, out);
        }
    }
    copied = escape_block(bytes, copied, bytes.len() - rest.len()..bytes.len(), out);
    out.extend_from_slice(&bytes[copied..]);
}

/// Writes what needs an escape in `block`, and all that was not `copied` before it. Tells what is copied then.
fn escape_block(bytes: &[u8], mut copied: usize, block: Range<usize>, out: &mut BytesMut) -> usize {
    for at in block {
        if needs_escape(bytes[at]) {
            out.extend_from_slice(&bytes[copied..at]);
            escape_byte(bytes[at], out);
            copied = at + 1;
        }
    }
    copied
}

fn needs_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
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
        fn a_json_reader_gets_the_text_back(text in "(?s)([a-z]{0,80}(.|\n|\"|\\\\)){0,6}") {
            let mut out = BytesMut::new();
            quoted(&text, &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
