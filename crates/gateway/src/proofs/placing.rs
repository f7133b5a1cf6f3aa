//! Where in a history the thoughts go that its client has lost: around the calls that they stood with.

use std::collections::HashSet;
use std::sync::Arc;

use hub::{Part, Request, Role, Thought, ToolCall, Turn};

use super::Proof;

/// Gives the calls of a history what stood with them, where their client has not.
///
/// From the end: where an upstream numbers the calls of each answer anew, an id means its last call.
pub(super) fn restore(request: &mut Request, mut find: impl FnMut(&ToolCall) -> Option<Arc<Proof>>) {
    let mut seen = HashSet::new();
    let answers = request.turns.chunk_by_mut(|one, next| one.role == Role::Assistant && next.role == Role::Assistant);
    let mut answers: Vec<&mut [Turn]> = answers.filter(|run| run[0].role == Role::Assistant).collect();
    for run in answers.iter_mut().rev() {
        let mut found = Vec::new();
        for call in run.iter_mut().rev().flat_map(|turn| turn.parts.iter_mut().rev()).filter_map(as_call) {
            let proof = if seen.contains(&call.id) { None } else { find(call) };
            if let Some(proof) = &proof {
                seen.insert(call.id.clone());
                call.seal = call.seal.take().or_else(|| proof.seal.clone());
            }
            found.push(proof);
        }
        let proved = run.iter().flat_map(|turn| &turn.parts).any(is_proved);
        if !proved && found.iter().flatten().any(|proof| proof.thoughts().next().is_some()) {
            place(run, found);
        }
    }
}

fn as_call(part: &mut Part) -> Option<&mut ToolCall> {
    if let Part::ToolCall(call) = part { Some(call) } else { None }
}

/// A thought that the client has kept itself, which is better than ours.
fn is_proved(part: &Part) -> bool {
    matches!(part, Part::Thinking(thought) if thought.seal.is_some())
}

/// Puts thoughts in place of those that the client has without proof. `found` is what stood with the calls of these
/// turns, the last call first. Turns that follow each other are one answer, and become one turn.
fn place(run: &mut [Turn], mut found: Vec<Option<Arc<Proof>>>) {
    let mut parts = Vec::new();
    // Where what was said since the last call begins.
    let mut since = 0;
    for part in run.iter_mut().flat_map(|turn| std::mem::take(&mut turn.parts)) {
        match part {
            Part::Thinking(_) => (),
            Part::ToolCall(call) => {
                let proof = found.pop().flatten().unwrap_or_default();
                parts.splice(since..since, thoughts(&proof.leading));
                parts.extend(thoughts(&proof.before));
                parts.push(Part::ToolCall(call));
                parts.extend(thoughts(&proof.after));
                since = parts.len();
            }
            part => parts.push(part),
        }
    }
    run[0].parts = parts;
}

fn thoughts(kept: &[Thought]) -> impl Iterator<Item = Part> {
    kept.iter().cloned().map(Part::Thinking)
}
