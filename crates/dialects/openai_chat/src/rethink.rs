//! Puts the effort that a model's suffix asks for in the place of what a relayed request says, under all its names.

use dialect::splice::Edit;
use dialect::{Body, Effort, Target};
use hub::{Losses, Thinking};

/// Other names of the same wish, at OpenRouter and at the vendors of compatible servers: they would contradict it.
const OTHERS: [&str; 4] = ["reasoning", "thinking", "enable_thinking", "thinking_budget"];

/// The edits of one request.
pub(crate) fn edits(body: &Body, wish: Thinking, target: &Target<'_>, losses: &mut Losses) -> Vec<Edit> {
    let own = match Effort::of(&wish, &target.traits.thinking, losses).word() {
        Some(word) => Edit::set("reasoning_effort", format!("\"{word}\"")),
        None => Edit::remove("reasoning_effort"),
    };
    let others = OTHERS.into_iter().filter(|field| body.has(field)).map(Edit::remove);
    std::iter::once(own).chain(others).collect()
}
