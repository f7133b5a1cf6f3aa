//! How a language is asked to count the tokens of a request, and where the number stands in its answer.

use std::borrow::Cow;

use bytes::Bytes;
use hub::Fault;

use crate::Body;
use crate::embed::number_behind;
use crate::splice::{self, Change, Edit};

/// The call by which a language counts.
#[derive(Debug)]
pub struct Count {
    /// The fields of a request that the call takes; empty takes all. What else would shape the answer is left out: it
    /// has no tokens.
    pub keeps: &'static [&'static str],
    /// The request that the body of such a call stands for; `None` where it is that request.
    pub inside: fn(&Body) -> Option<Body>,
    /// Puts the request, for a model, where the call wants it.
    pub wrap: fn(&Bytes, &str) -> Bytes,
    /// The key of the number.
    pub answer: &'static str,
}

impl Count {
    /// The call for a request that was written for `model`.
    ///
    /// # Errors
    /// When the request is no JSON object.
    pub fn request(&self, body: Bytes, model: &str) -> Result<Bytes, Fault> {
        if self.keeps.is_empty() {
            return Ok((self.wrap)(&body, model));
        }
        let body = Body::parse(body)?;
        let others = body.fields().map(|(name, _)| name).filter(|name| !self.keeps.contains(&name.as_ref()));
        let remove = |name: Cow<'_, str>| Edit { path: vec![Cow::Owned(name.into_owned())], change: Change::Remove };
        let edits: Vec<Edit> = others.map(remove).collect();
        Ok((self.wrap)(&splice::apply(body.bytes(), body.index(), &edits), model))
    }

    /// The number.
    pub fn read(&self, body: &[u8]) -> Option<u64> {
        number_behind(body, self.answer)
    }
}

/// For languages whose call is a request like any other.
pub fn itself(_: &Body) -> Option<Body> {
    None
}

/// Likewise.
pub fn as_it_is(body: &Bytes, _: &str) -> Bytes {
    body.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_call_does_not_take_is_left_out() {
        let count = Count { keeps: &["model", "input"], inside: itself, wrap: as_it_is, answer: "input_tokens" };
        let body = Bytes::from_static(br#"{"model":"m","stream":true,"input":"x","max_output_tokens":3}"#);
        assert_eq!(count.request(body, "m").unwrap(), r#"{"model":"m","input":"x"}"#);
        assert_eq!(count.read(br#"{"object":"response.input_tokens","input_tokens":12}"#), Some(12));
        assert_eq!(count.read(b"{}"), None);
        assert!(count.request(Bytes::from_static(b"[]"), "m").is_err());
    }
}
