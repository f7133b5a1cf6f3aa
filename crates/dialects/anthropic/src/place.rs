//! Where in a request something stands: to name it in an error, and to find its text again.
//!
//! Blocks are read into typed records in one pass, which forgets their text. Only a block that this dialect alone
//! understands needs it back, so it is found by a second scan that most requests never make.

use serde_json::value::RawValue;

/// A value in a request, by the steps that lead to it. Lives on the stack, one link a level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    /// The text of the value that the first step names.
    root: &'p str,
    parent: Option<&'p Place<'p>>,
    step: Step,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    At(usize),
    Field(&'static str),
}

impl<'p> Place<'p> {
    /// The top-level field `field` of the body, whose text is `root`.
    pub(crate) fn new(field: &'static str, root: &'p str) -> Self {
        Self { root, parent: None, step: Step::Field(field) }
    }

    /// An element of the array at this place.
    pub(crate) fn at(&'p self, index: usize) -> Self {
        Self { root: self.root, parent: Some(self), step: Step::At(index) }
    }

    /// A field of the object at this place.
    pub(crate) fn field(&'p self, name: &'static str) -> Self {
        Self { root: self.root, parent: Some(self), step: Step::Field(name) }
    }

    /// The place in the client's words: `messages.3.content.0`.
    pub(crate) fn path(&self) -> String {
        let own = match self.step {
            Step::At(index) => index.to_string(),
            Step::Field(name) => name.to_owned(),
        };
        match self.parent {
            Some(parent) => format!("{}.{own}", parent.path()),
            None => own,
        }
    }

    /// The JSON text at this place, when there is one.
    pub(crate) fn text(&self) -> Option<&'p str> {
        let Some(parent) = self.parent else { return Some(self.root) };
        let outer = parent.text()?;
        match self.step {
            Step::At(index) => serde_json::from_str::<Vec<&RawValue>>(outer).ok()?.get(index).map(|raw| raw.get()),
            Step::Field(name) => dialect::scan::object(outer.as_bytes()).ok()?.find(outer.as_bytes(), name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_path_and_a_text() {
        let root = r#"[{"content":"x"},{"content":[{"type":"y", "n":1.0}]}]"#;
        let messages = Place::new("messages", root);
        let message = messages.at(1);
        let content = message.field("content");
        let block = content.at(0);
        assert_eq!(block.path(), "messages.1.content.0");
        assert_eq!(block.text(), Some(r#"{"type":"y", "n":1.0}"#));
        assert_eq!(content.at(7).text(), None);
    }
}
