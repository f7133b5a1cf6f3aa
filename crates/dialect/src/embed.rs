//! Embeddings: the small types through which one language's request for vectors becomes another's. They do not pass
//! through the hub, which knows conversations only.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::{BufMut, Bytes, BytesMut};
use http::request::Parts;
use hub::{Fault, Losses};

use crate::splice::Edit;
use crate::{Body, Peek, Reply};

/// The most texts that a translated request may hold: what OpenAI takes at once (API reference, 2026-11). Each more
/// would cost one more call at places that take fewer.
pub const MAX_INPUTS: usize = 2_048;

/// Some servers leave the padding away.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A request for vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbedRequest {
    /// What shall be embedded, one vector each.
    pub inputs: Vec<EmbedInput>,
    /// How long the vectors shall be.
    pub dimensions: Option<u32>,
    /// How the client wants them written.
    pub form: VectorForm,
    /// Whether too long an input may be cut; `None` is the upstream's own habit.
    pub truncate: Option<bool>,
    /// What the client's dialect could not bring along.
    pub losses: Losses,
}

/// One text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbedInput {
    /// The text.
    pub text: String,
    /// What the vector is for, in Google's words, which no other language has.
    pub task: Option<String>,
    /// The title of the document that the text is of.
    pub title: Option<String>,
}

impl EmbedInput {
    /// A text without more.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), task: None, title: None }
    }
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VectorForm {
    /// An array of numbers.
    #[default]
    Floats,
    /// Base64 of 32-bit little-endian floats.
    Base64,
}

/// Which of a language's two calls is meant: some have one for a single text and one for many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbedCall {
    /// Many texts, or the only call that there is.
    Many,
    /// One text.
    One,
}

/// Vectors as a wire gave them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embedded<'a> {
    /// In the order of the inputs.
    pub vectors: Vec<Vector<'a>>,
    /// Tokens that were read, where the wire tells.
    pub tokens: Option<u64>,
}

/// One vector, in the text in which it came.
#[derive(Clone, Debug, PartialEq)]
pub enum Vector<'a> {
    /// A JSON array of numbers.
    Floats(Cow<'a, str>),
    /// Base64 of 32-bit little-endian floats.
    Base64(Cow<'a, str>),
}

impl Vector<'_> {
    /// Writes the vector. In the form in which it came the text is copied; between forms every number that 32 bits
    /// can hold stays exactly that number.
    ///
    /// # Errors
    /// A garbled-upstream fault when it is no vector.
    pub fn write(&self, form: VectorForm, out: &mut BytesMut) -> Result<(), Fault> {
        match (self, form) {
            (Self::Floats(json), VectorForm::Floats) => {
                each_number(json, |_| ())?;
                out.extend_from_slice(json.as_bytes());
            }
            (Self::Floats(json), VectorForm::Base64) => {
                let mut raw = Vec::with_capacity(json.len() / 2);
                each_number(json, |number| raw.extend_from_slice(&number.to_le_bytes()))?;
                write_base64(&raw, out);
            }
            (Self::Base64(text), VectorForm::Base64) => {
                floats_of(text)?;
                crate::quoted(text, out);
            }
            (Self::Base64(text), VectorForm::Floats) => write_floats(&floats_of(text)?, out),
        }
        Ok(())
    }
}

fn no_vector() -> Fault {
    Fault::garbled("the upstream's answer holds something that is not a vector of numbers")
}

/// Calls `each` with every number of a JSON array.
fn each_number(json: &str, mut each: impl FnMut(f32)) -> Result<(), Fault> {
    let inner = json.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or_else(no_vector)?;
    if inner.trim().is_empty() {
        return Ok(());
    }
    for text in inner.split(',') {
        let number = text.trim().parse::<f32>().ok().filter(|number| number.is_finite()).ok_or_else(no_vector)?;
        each(number);
    }
    Ok(())
}

fn floats_of(text: &str) -> Result<Vec<f32>, Fault> {
    let raw = BASE64.decode(text).map_err(|_| no_vector())?;
    let (numbers, rest) = raw.as_chunks::<4>();
    let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if !rest.is_empty() || !numbers.iter().all(|number| number.is_finite()) {
        return Err(no_vector());
    }
    Ok(numbers)
}

fn write_base64(raw: &[u8], out: &mut BytesMut) {
    out.put_u8(b'"');
    out.extend_from_slice(BASE64.encode(raw).as_bytes());
    out.put_u8(b'"');
}

/// The shortest text that reads as the same number, which `Debug` is and `Display` is not for very small ones.
fn write_floats(numbers: &[f32], out: &mut BytesMut) {
    out.reserve(numbers.len() * 12 + 2);
    crate::array(numbers, out, |number, out| {
        // Writing into a growable buffer cannot fail.
        let _ = write!(out, "{number:?}");
    });
}

/// The side that faces programs which ask for vectors.
pub trait EmbedClient: Send + Sync {
    /// Which of the language's calls this is: a place that speaks the language is asked the same.
    fn call(&self) -> EmbedCall;

    /// Reads what routing needs.
    ///
    /// # Errors
    /// A bad-request fault when the model is missing or a field has the wrong type.
    fn peek(&self, head: &Parts, body: &Body) -> Result<Peek, Fault>;

    /// Reads the request, for places that speak another language.
    ///
    /// # Errors
    /// A bad-request fault that names the field, or an unsupported one for what no other language has.
    fn decode(&self, body: &Body) -> Result<EmbedRequest, Fault>;

    /// Whether the answer says how many tokens were read.
    fn tells_tokens(&self) -> bool;

    /// Writes the answer. `tokens` is what was read, told or estimated.
    ///
    /// # Errors
    /// A garbled-upstream fault when a vector is none.
    fn encode(&self, answer: &Embedded<'_>, form: VectorForm, tokens: u64, reply: &Reply) -> Result<Bytes, Fault>;
}

/// The side that faces places which give vectors.
pub trait EmbedWire: Send + Sync {
    /// What a relayed request needs changed.
    fn relay(&self, body: &Body, model: &str) -> Vec<Edit>;

    /// The most inputs of one call.
    fn most(&self) -> usize;

    /// The most tokens of one call, all inputs together.
    fn most_tokens(&self) -> u64 {
        u64::MAX
    }

    /// By which of the place's calls `count` inputs are asked for.
    fn call(&self, _count: usize) -> EmbedCall {
        EmbedCall::Many
    }

    /// Writes a request for `inputs`, which are some of the request's.
    fn encode(&self, request: &EmbedRequest, inputs: &[EmbedInput], model: &str, losses: &mut Losses) -> Bytes;

    /// Reads an answer to `count` inputs.
    ///
    /// # Errors
    /// The fault that a 200 may carry inside, or a garbled-upstream fault when there are more or fewer vectors.
    fn decode<'a>(&self, body: &'a [u8], count: usize) -> Result<Embedded<'a>, Fault>;

    /// The tokens that a relayed answer speaks of.
    fn tokens(&self, body: &[u8]) -> Option<u64>;
}

/// The number behind the last `"key"` of an answer, found without a parse: an answer is long, and nothing else in it
/// looks like this.
pub fn number_behind(body: &[u8], key: &str) -> Option<u64> {
    let quoted = [b"\"", key.as_bytes(), b"\""].concat();
    let at = memchr::memmem::rfind(body, &quoted)? + quoted.len();
    let rest = body[at..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

/// Checks that each input has its vector.
///
/// # Errors
/// A garbled-upstream fault.
pub fn of_count(vectors: Vec<Vector<'_>>, count: usize) -> Result<Vec<Vector<'_>>, Fault> {
    if vectors.len() == count {
        return Ok(vectors);
    }
    Err(Fault::garbled(format!("the upstream gave {} vectors for {count} inputs", vectors.len())))
}

/// Checks that a request holds some inputs, and no more than may be.
///
/// # Errors
/// A bad-request fault at `field`.
pub fn check_inputs(inputs: Vec<EmbedInput>, field: &'static str) -> Result<Vec<EmbedInput>, Fault> {
    match inputs.len() {
        0 => Err(Fault::bad_request(format!("`{field}` is empty")).at(field)),
        count if count > MAX_INPUTS => {
            Err(Fault::bad_request(format!("`{field}` holds {count} inputs; {MAX_INPUTS} are the most")).at(field))
        }
        _ => Ok(inputs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(vector: &Vector<'_>, form: VectorForm) -> Result<String, Fault> {
        let mut out = BytesMut::new();
        vector.write(form, &mut out)?;
        Ok(String::from_utf8(out.to_vec()).unwrap())
    }

    fn floats(json: &str) -> Vector<'_> {
        Vector::Floats(json.into())
    }

    #[test]
    fn the_form_in_which_it_came_is_kept_to_the_byte() {
        let odd = "[ 0.10, -1e-3,\n1 ]";
        assert_eq!(written(&floats(odd), VectorForm::Floats).unwrap(), odd);
        let packed = "AACAPw==";
        assert_eq!(written(&Vector::Base64(packed.into()), VectorForm::Base64).unwrap(), "\"AACAPw==\"");
    }

    #[test]
    fn the_forms_become_each_other() {
        assert_eq!(written(&floats("[1, -2.5]"), VectorForm::Base64).unwrap(), "\"AACAPwAAIMA=\"");
        assert_eq!(written(&Vector::Base64("AACAPwAAIMA".into()), VectorForm::Floats).unwrap(), "[1.0,-2.5]");
        assert_eq!(written(&floats("[]"), VectorForm::Base64).unwrap(), "\"\"");
    }

    #[test]
    fn the_count_is_found_at_the_end() {
        let read = |body: &str| number_behind(body.as_bytes(), "prompt_tokens");
        assert_eq!(read(r#"{"data":[],"usage":{"prompt_tokens" : 8,"total_tokens":9}}"#), Some(8));
        assert_eq!(read(r#"{"usage":{"prompt_tokens":8}}"#), Some(8));
        for none in
            ["", "{}", r#""prompt_tokens""#, r#""prompt_tokens":"#, r#""prompt_tokens":null"#, "prompt_tokens:3"]
        {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_no_vector_is_refused() {
        for json in ["{}", "[\"1\"]", "[null]", "[[1]]", "[1e400]", "7", "[1,]", "[inf]", "[NaN]"] {
            for form in [VectorForm::Floats, VectorForm::Base64] {
                assert!(written(&floats(json), form).is_err(), "{json}");
            }
        }
        // Three bytes; not base64 at all; an infinity; a NaN.
        for text in ["AACA", "!", "AACAfw==", "AADAfw=="] {
            for form in [VectorForm::Floats, VectorForm::Base64] {
                assert!(written(&Vector::Base64(text.into()), form).is_err(), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_number_changes_between_the_forms(bits in prop::collection::vec(any::<u32>(), 0..40)) {
            let numbers: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|n| n.is_finite()).collect();
            let mut json = BytesMut::new();
            write_floats(&numbers, &mut json);
            let json = String::from_utf8(json.to_vec()).unwrap();
            let packed = written(&floats(&json), VectorForm::Base64).unwrap();
            let packed = Vector::Base64(packed.trim_matches('"').to_owned().into());
            prop_assert_eq!(&written(&packed, VectorForm::Floats).unwrap(), &json);
            let mut back = Vec::new();
            each_number(&json, |number| back.push(number.to_bits())).unwrap();
            prop_assert_eq!(back, numbers.iter().map(|n| n.to_bits()).collect::<Vec<_>>());
            // What others write with serde reads as the same numbers.
            let read: Vec<f64> = serde_json::from_str(&json).unwrap();
            prop_assert!(read.iter().zip(&numbers).all(|(a, b)| *a as f32 == *b));
        }

        #[test]
        fn nothing_panics(text in "[\\[\\],0-9eE.+\\-a-z \"]{0,40}") {
            let _ = written(&floats(&text), VectorForm::Base64);
            let _ = written(&Vector::Base64(text.into()), VectorForm::Floats);
        }
    }
}
