//! A JSON request body, indexed once.

use bytes::Bytes;
use hub::Fault;
use serde::Deserialize;

use crate::read;
use crate::scan::{self, Object};

/// A request body that is known to be one JSON object, and where its top-level fields lie.
#[derive(Clone, Debug)]
pub struct Body {
    bytes: Bytes,
    index: Object,
}

impl Body {
    /// Checks and indexes a body in one pass.
    ///
    /// # Errors
    /// A bad-request fault when it is not a JSON object, names a field twice, or nests too deep.
    pub fn parse(bytes: Bytes) -> Result<Self, Fault> {
        let index =
            scan::object(&bytes).map_err(|error| Fault::bad_request(format!("the body is not valid: {error}")))?;
        Ok(Self { bytes, index })
    }

    /// The bytes as they came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes, when nothing else is wanted any more.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Where the fields lie.
    pub fn index(&self) -> &Object {
        &self.index
    }

    /// The JSON text of a top-level field; `None` when it is absent or null.
    pub fn raw(&self, field: &str) -> Option<&str> {
        self.index.find(&self.bytes, field).filter(|text| *text != "null")
    }

    /// Whether a top-level field is there and not null.
    pub fn has(&self, field: &str) -> bool {
        self.raw(field).is_some()
    }

    /// A top-level field, typed; `None` when it is absent or null.
    ///
    /// # Errors
    /// A bad-request fault that names the field when it has the wrong type.
    pub fn get<'a, T: Deserialize<'a>>(&'a self, field: &'static str) -> Result<Option<T>, Fault> {
        self.raw(field)
            .map(|text| read::text(text))
            .transpose()
            .map_err(|error| Fault::bad_request(format!("invalid `{field}`: {}", without_position(&error))).at(field))
    }

    /// The names and JSON texts of all top-level fields, in order.
    pub fn fields(&self) -> impl Iterator<Item = (std::borrow::Cow<'_, str>, &str)> {
        self.index.entries(&self.bytes)
    }

    /// The same of all fields but those in `known`, and those that are null. Nearly all are known: nothing else is
    /// looked at of them.
    pub fn others<'a>(&'a self, known: &'a [&str]) -> impl Iterator<Item = (std::borrow::Cow<'a, str>, &'a str)> {
        let others = self.index.others(&self.bytes, known);
        others.filter(|(name, json)| !known.contains(&name.as_ref()) && *json != "null")
    }
}

/// Positions count from the field's start, which would mislead: keep the words only.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_what_is_not_known() {
        let body =
            Body::parse(Bytes::from_static(br#"{"model":"m","a":null,"\u0074":1,"k\u006eown":2,"b":[3]}"#)).unwrap();
        let others: Vec<_> = body.others(&["model", "known"]).map(|(name, json)| format!("{name}={json}")).collect();
        assert_eq!(others, ["t=1", "b=[3]"]);
    }

    #[test]
    fn fields_are_typed_and_null_is_absent() {
        let body = Body::parse(Bytes::from_static(br#"{"model":"m","n":null,"t":"x"}"#)).unwrap();
        assert_eq!(body.get::<String>("model").unwrap().as_deref(), Some("m"));
        assert_eq!(body.get::<u32>("n").unwrap(), None);
        let fault = body.get::<u32>("t").unwrap_err();
        assert_eq!(fault.param.as_deref(), Some("t"));
        assert!(!fault.message.contains("line"), "{}", fault.message);
    }
}
