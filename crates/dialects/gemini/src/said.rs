//! The visible text of an answer, in which places are counted both in bytes, as Google does, and in characters, as the
//! hub does. A place is found from the nearest of many marks: an answer can have as many sources as words.

/// Bytes between two marks.
const STEP: usize = 4_096;

/// The text, and how many characters begin before each mark.
#[derive(Debug, Default)]
pub(crate) struct Said {
    text: String,
    /// One for each `STEP` bytes, as far as anybody has asked.
    marks: Vec<u64>,
}

impl Said {
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// The characters before a byte; `None` where none begins there.
    pub(crate) fn chars_before(&mut self, byte: usize) -> Option<u64> {
        if !self.text.is_char_boundary(byte) {
            return None;
        }
        let mark = byte / STEP;
        self.mark_up_to(mark);
        Some(self.marks.get(mark)? + begun(&self.text.as_bytes()[mark * STEP..byte]))
    }

    /// The byte at which the character begins that has so many before it; the end for as many as there are.
    pub(crate) fn byte_at(&mut self, chars: u64) -> Option<usize> {
        self.mark_up_to(self.text.len() / STEP);
        let mark = self.marks.partition_point(|before| *before <= chars).checked_sub(1)?;
        let mut left = chars - self.marks[mark];
        for (at, byte) in self.text.as_bytes().iter().enumerate().skip(mark * STEP) {
            if begins(*byte) {
                if left == 0 {
                    return Some(at);
                }
                left -= 1;
            }
        }
        (left == 0).then_some(self.text.len())
    }

    fn mark_up_to(&mut self, mark: usize) {
        let bytes = self.text.as_bytes();
        while self.marks.len() <= mark {
            let before = match self.marks.last() {
                None => 0,
                Some(last) => last + begun(&bytes[(self.marks.len() - 1) * STEP..self.marks.len() * STEP]),
            };
            self.marks.push(before);
        }
    }
}

fn begins(byte: u8) -> bool {
    byte & 0xC0 != 0x80
}

/// How many characters begin in these bytes.
fn begun(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| begins(**byte)).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn places_are_those_of_a_plain_count(words in prop::collection::vec("[a-zé🐝]{0,900}", 0..12), at in 0_usize..9_000) {
            let (mut said, mut whole) = (Said::default(), String::new());
            for word in words {
                said.push(&word);
                whole.push_str(&word);
                // Marks that were set before the text grew stay right.
                let end = whole.len();
                prop_assert_eq!(said.chars_before(end), Some(whole.chars().count() as u64));
            }
            prop_assert_eq!(said.chars_before(at), whole.get(..at).map(|text| text.chars().count() as u64));
            let byte = whole.char_indices().map(|(at, _)| at).chain([whole.len()]).nth(at);
            prop_assert_eq!(said.byte_at(at as u64), byte);
        }
    }
}
