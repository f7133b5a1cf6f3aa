//! The demo's embeddings: every word points somewhere, and a text lies where its words point to. The same text has the
//! same vector always, and texts that share words lie close to each other, which is enough to see a search work.

use std::fmt::Write as _;

use dialect::embed::{EmbedRequest, Embedded, Vector};
use hub::Fault;

use super::words;

/// How long vectors are when nobody says.
const LENGTH: u32 = 64;
/// The longest that are given.
const LONGEST: u32 = 1_024;

/// The answer to a request.
pub(super) fn embed(request: &EmbedRequest) -> Result<Embedded<'static>, Fault> {
    let length = request.dimensions.unwrap_or(LENGTH);
    if length == 0 || length > LONGEST {
        return Err(Fault::bad_request(format!("the demo gives vectors of 1 to {LONGEST} numbers")).at("dimensions"));
    }
    let texts = || request.inputs.iter().map(|input| input.text.as_str());
    Ok(Embedded {
        vectors: texts().map(|text| Vector::Floats(vector(text, length as usize).into())).collect(),
        tokens: Some(texts().map(words::tokens).sum()),
    })
}

/// A vector of length one, as JSON.
fn vector(text: &str, length: usize) -> String {
    let mut sums = vec![0.0_f32; length];
    let mut any = false;
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let mut state = seed(&word.to_lowercase());
        sums.iter_mut().for_each(|sum| *sum += step(&mut state));
        any = true;
    }
    if !any {
        sums[0] = 1.0;
    }
    let norm = sums.iter().map(|sum| sum * sum).sum::<f32>().sqrt();
    let mut json = String::with_capacity(length * 12);
    for (at, sum) in sums.iter().enumerate() {
        let comma = if at == 0 { "[" } else { "," };
        // Writing into a string cannot fail.
        let _ = write!(json, "{comma}{:?}", sum / norm);
    }
    json.push(']');
    json
}

/// FNV-1a.
fn seed(word: &str) -> u64 {
    word.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// The next number between -1 and 1 (splitmix64).
fn step(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 31;
    (mixed >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<f32> {
        serde_json::from_str(&vector(text, 64)).unwrap()
    }

    fn likeness(a: &str, b: &str) -> f32 {
        read(a).iter().zip(read(b)).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn texts_that_share_words_lie_closer() {
        assert!((likeness("the ferry leaves at noon", "the ferry leaves at noon") - 1.0).abs() < 1e-4);
        let near = likeness("the ferry leaves at noon", "The ferry leaves at dusk.");
        let far = likeness("the ferry leaves at noon", "seagulls eat fish");
        assert!(near > 0.5 && far < 0.4 && near > far, "{near} {far}");
    }

    #[test]
    fn a_text_without_words_has_a_vector_too() {
        assert_eq!(read("?!").iter().map(|number| number * number).sum::<f32>(), 1.0);
    }
}
