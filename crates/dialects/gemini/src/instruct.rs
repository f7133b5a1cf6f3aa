//! Brings the operator's system prompt into a relayed request: into `systemInstruction`, under either spelling.

use std::borrow::Cow;

use dialect::instruct::place;
use dialect::splice::{Change, Edit};
use dialect::{Body, scan};
use hub::Prompt;

/// What a part begins with.
const PART: &str = "{\"text\":";

/// The edits of one request.
pub(crate) fn edits(body: &Body, prompt: &Prompt) -> Vec<Edit> {
    let field = ["systemInstruction", "system_instruction"].into_iter().find(|field| body.has(field));
    let path = |field: &'static str| vec![Cow::Borrowed(field), Cow::Borrowed("parts")];
    let edit = match field {
        None => place(Some("[]"), PART, prompt).map(|json| (path("systemInstruction"), json)),
        Some(field) => {
            let old = body.raw(field).unwrap_or_default();
            let parts = scan::object(old.as_bytes()).ok().and_then(|index| index.find(old.as_bytes(), "parts"));
            match parts {
                // One part may stand without a list around it.
                Some(one) if one.starts_with('{') => place(Some(&format!("[{one}]")), PART, prompt),
                Some(parts) => place(Some(parts), PART, prompt),
                None => place(Some("[]"), PART, prompt),
            }
            .map(|json| (path(field), json))
        }
    };
    edit.map(|(path, json)| Edit { path, change: Change::Set(json) }).into_iter().collect()
}
