//! Whether a container of JSON that comes in pieces has come whole.

/// Tells whether pieces of JSON text add up to one whole container, without keeping them.
#[derive(Debug, Default)]
pub struct Balance {
    depth: u32,
    in_string: bool,
    escaped: bool,
    seen: bool,
}

impl Balance {
    /// Takes the next piece.
    pub fn feed(&mut self, text: &str) {
        for byte in text.bytes() {
            self.step(byte);
        }
    }

    fn step(&mut self, byte: u8) {
        if std::mem::take(&mut self.escaped) {
            return;
        }
        match byte {
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => (),
            b'{' | b'[' => {
                self.depth += 1;
                self.seen = true;
            }
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => (),
        }
    }

    /// Whether what came is whole; nothing at all is whole only if `empty` counts.
    pub fn is_complete(&self, empty: bool) -> bool {
        self.depth == 0 && !self.in_string && (self.seen || empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_whole_when_its_last_bracket_has_come() {
        for (pieces, whole, whole_if_empty) in [
            (&["{\"a\":", "{}", "}"][..], true, true),
            (&["{\"a\":{}"], false, false),
            (&["{\"a\":\"}"], false, false),
            (&["{\"a\":\"\\", "\"}\"}"], true, true),
            (&["", ""], false, true),
        ] {
            let mut balance = Balance::default();
            pieces.iter().for_each(|piece| balance.feed(piece));
            assert_eq!((balance.is_complete(false), balance.is_complete(true)), (whole, whole_if_empty), "{pieces:?}");
        }
    }
}
