//! Puts the effort that a model's suffix asks for in the place of what a relayed request says, under all its names.

use dialect::splice::Edit;
use dialect::{Body, Target};
use hub::{Losses, Thinking};

use crate::reasoning;

/// The edits of one request: what the place understands is set, and what would contradict it goes.
pub(crate) fn edits(body: &Body, wish: Thinking, target: &Target<'_>, losses: &mut Losses) -> Vec<Edit> {
    let fields = reasoning::fields(&wish, target, losses);
    let said = |name: &&str| fields.iter().any(|(field, _)| field == name);
    let others = reasoning::FIELDS.into_iter().filter(|name| body.has(name) && !said(name)).map(Edit::remove);
    let others: Vec<Edit> = others.collect();
    fields.into_iter().map(|(field, json)| Edit::set(field, json)).chain(others).collect()
}
