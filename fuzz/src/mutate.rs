//! Makes new inputs from seeds: flips, cuts, repeats, splices, and words that parsers trip over.

use crate::LONGEST;

/// What JSON, SSE, YAML and the dialects trip over.
const WORDS: [&[u8]; 48] = [
    b"null",
    b"true",
    b"-0",
    b"1e400",
    b"1.10",
    b"18446744073709551616",
    b"\"\"",
    b"{}",
    b"[]",
    b"[[[[[[[[",
    b"{\"a\":",
    b"\\u0000",
    b"\\ud83d",
    b"\\udc00\\ud800",
    b"\xF0\x9F\x98",
    b"\xEF\xBB\xBF",
    b"\x00",
    b"\r\n\r\n",
    b"\n\n",
    b"\r",
    b"data: ",
    b"data:",
    b"event: ",
    b": ping\n\n",
    b"data: [DONE]\n\n",
    b"[DONE]",
    b"message_stop",
    b"\"index\":-1",
    b"\"index\":4294967296",
    b"\"type\":\"error\"",
    b"\"type\":\"unknown\"",
    b"\"error\":{\"message\":\"x\"}",
    b"\"usage\":null",
    b"\"usage\":{\"prompt_tokens\":-1}",
    b"\"choices\":[]",
    b"\"choices\":null",
    b"\"content\":null",
    b"\"tool_calls\":[{}]",
    b"\"tool_use\"",
    b"\"thinking\"",
    b"\"model\":\"m\",\"model\":\"n\"",
    b"\"stream\":\"yes\"",
    b"data:image/png;base64,",
    b"<html>",
    b"&a [*a]",
    b"<<: *a",
    b"\t",
    b"!!binary",
];

/// JSON values that stand in for others, so that the text stays JSON and the types go wrong.
const VALUES: [&[u8]; 20] = [
    b"null",
    b"true",
    b"-0",
    b"0",
    b"1e400",
    b"1.10",
    b"-1",
    b"18446744073709551616",
    b"\"\"",
    b"{}",
    b"[]",
    b"[[]]",
    b"[null]",
    b"[{}]",
    b"[\"\"]",
    b"{\"type\":\"x\"}",
    b"\"\\ud83d\"",
    b"\"\\u0000\"",
    b"\"data:,\"",
    b"\"text\"",
];

/// A source of inputs. The same seed number gives the same inputs.
#[derive(Clone, Debug)]
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// A source that begins at `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// SplitMix64: plain, fast, and good enough to choose places.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which must not be 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.random() % end.max(1) as u64).unwrap_or(0)
    }

    /// The next input: half of them change types and stay JSON, the others change bytes.
    pub fn next(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = if seeds.is_empty() { Vec::new() } else { seeds[self.below(seeds.len())].clone() };
        if self.below(2) == 0 {
            for _ in 0..=self.below(3) {
                self.exchange_a_value(&mut input);
            }
        } else {
            for _ in 0..=self.below(6) {
                self.change(&mut input, seeds);
            }
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let (from, to) = self.range(input.len());
        match self.below(8) {
            0 if !input.is_empty() => {
                let at = self.below(input.len());
                input[at] ^= 1 << self.below(8);
            }
            1 => drop(input.drain(from..to)),
            2 => {
                let piece = input[from..to].to_vec();
                let at = self.below(input.len() + 1);
                input.splice(at..at, piece);
            }
            3 => input.truncate(to),
            4 if !seeds.is_empty() => {
                let other = &seeds[self.below(seeds.len())];
                let (a, b) = self.range(other.len());
                input.splice(from..to, other[a..b].iter().copied());
            }
            5 => {
                let word = WORDS[self.below(WORDS.len())];
                input.splice(from..to.min(from + word.len()), word.iter().copied());
            }
            6 => {
                let byte = self.random().to_le_bytes()[0];
                input.insert(from, byte);
            }
            _ => self.exchange_a_value(input),
        }
    }

    /// Puts another value in the place of a JSON value.
    fn exchange_a_value(&mut self, input: &mut Vec<u8>) {
        let is_joint = |pair: &[u8]| matches!(pair, [b'"', b':']);
        let joints: Vec<usize> =
            input.windows(2).enumerate().filter(|(_, pair)| is_joint(pair)).map(|(at, _)| at + 2).collect();
        if joints.is_empty() {
            return;
        }
        let from = joints[self.below(joints.len())];
        let to = from + value_length(&input[from..]);
        let value = VALUES[self.below(VALUES.len())];
        input.splice(from..to, value.iter().copied());
    }

    /// A short range inside `length` bytes.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let from = self.below(length + 1);
        let most = if self.below(4) == 0 { 4096 } else { 24 };
        let size = self.below(most);
        (from, (from + size).min(length))
    }
}

/// How long the JSON value is that the text begins with.
fn value_length(text: &[u8]) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => (),
            b'{' | b'[' => depth += 1,
            b',' | b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            _ => (),
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_inputs() {
        let seeds = [b"{\"a\":1}".to_vec(), b"data: x\n\n".to_vec()];
        let inputs = |seed| {
            let mut mutator = Mutator::new(seed);
            (0..50).map(|_| mutator.next(&seeds)).collect::<Vec<_>>()
        };
        assert_eq!(inputs(7), inputs(7));
        assert_ne!(inputs(7), inputs(8));
    }

    #[test]
    fn many_inputs_stay_json() {
        let seeds = [br#"{"model":"m","a":{"b":[1,{"c":"x,y\"}"}]},"d":null}"#.to_vec()];
        let mut mutator = Mutator::new(3);
        let valid = (0..1000).filter(|_| serde_json::from_slice::<serde_json::Value>(&mutator.next(&seeds)).is_ok());
        assert!(valid.count() > 400);
    }

    #[test]
    fn inputs_stay_short_and_no_seed_is_needed() {
        let mut mutator = Mutator::new(1);
        let long = [vec![b'x'; LONGEST]];
        assert!((0..200).all(|_| mutator.next(&long).len() <= LONGEST));
        assert!((0..200).all(|_| mutator.next(&[]).len() <= LONGEST));
    }
}
