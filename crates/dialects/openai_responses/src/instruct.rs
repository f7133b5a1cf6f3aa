//! Brings the operator's system prompt into a relayed request: into `instructions`, or into the system messages with
//! which the input begins.

use dialect::Body;
use dialect::instruct::{Messages, place};
use dialect::splice::Edit;
use hub::Prompt;

/// How system messages are written.
const MESSAGES: Messages =
    Messages { roles: &["system", "developer"], block: "{\"type\":\"input_text\",\"text\":", typed: true };

/// The edits of one request. The operator's words stand once, behind everything that the client says there.
pub(crate) fn edits(body: &Body, prompt: &Prompt) -> Vec<Edit> {
    let list = body.raw("input").filter(|input| input.starts_with('['));
    let leads = list.is_some_and(|list| MESSAGES.leads(list));
    let replacing = Prompt { replacements: prompt.replacements.clone(), ..Prompt::default() };
    let overwrites = prompt.overwrites && !prompt.words.is_empty();
    let instructions = match (leads, overwrites) {
        // One place is enough: what stood in the other goes.
        (true, true) if body.has("instructions") => Some(Edit::remove("instructions")),
        (true, true) => None,
        (true, false) => body.raw("instructions").and_then(|old| set(Some(old), &replacing)),
        (false, _) => set(body.raw("instructions"), prompt),
    };
    let input = list.filter(|_| leads).and_then(|list| MESSAGES.place(list, true, prompt));
    instructions.into_iter().chain(input.map(|json| Edit::set("input", json))).collect()
}

fn set(old: Option<&str>, prompt: &Prompt) -> Option<Edit> {
    place(old, MESSAGES.block, prompt).map(|json| Edit::set("instructions", json))
}
