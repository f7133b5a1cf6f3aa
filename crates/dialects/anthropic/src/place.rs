//! Where in a request something stands: to name it in an error, and to find its text again.
//!
//! Blocks are read into typed records in one pass, which forgets their text. Only a block that this dialect alone
//! understands needs it back, so it is found by a second scan that most requests never make, and that none makes twice.

use std::cell::OnceCell;

use serde_json::value::RawValue;

/// A value in a request, by the steps that lead to it. Lives on the stack, one link a level: `'t` is the body's life,
/// `'p` the parent's.
#[derive(Clone, Debug)]
pub(crate) struct Place<'t, 'p> {
    /// The text of the value that the first step names.
    root: &'t str,
    parent: Option<&'p Place<'t, 'p>>,
    step: Step,
    /// The texts of the elements of the array at this place, once someone has asked.
    elements: OnceCell<Vec<&'t str>>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    At(usize),
    Field(&'static str),
}

impl<'t> Place<'t, '_> {
    /// The top-level field `field` of the body, whose text is `root`.
    pub(crate) fn new(field: &'static str, root: &'t str) -> Self {
        Self { root, parent: None, step: Step::Field(field), elements: OnceCell::new() }
    }

    /// An element of the array at this place.
    pub(crate) fn at(&self, index: usize) -> Place<'t, '_> {
        self.then(Step::At(index))
    }

    /// A field of the object at this place.
    pub(crate) fn field(&self, name: &'static str) -> Place<'t, '_> {
        self.then(Step::Field(name))
    }

    fn then(&self, step: Step) -> Place<'t, '_> {
        Place { root: self.root, parent: Some(self), step, elements: OnceCell::new() }
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
    pub(crate) fn text(&self) -> Option<&'t str> {
        let Some(parent) = self.parent else { return Some(self.root) };
        match self.step {
            Step::At(index) => parent.elements().get(index).copied(),
            Step::Field(name) => {
                let outer = parent.text()?;
                dialect::scan::object(outer.as_bytes()).ok()?.find(outer.as_bytes(), name)
            }
        }
    }

    fn elements(&self) -> &[&'t str] {
        self.elements.get_or_init(|| {
            let list: Vec<&RawValue> = self.text().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            list.into_iter().map(RawValue::get).collect()
        })
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
