//! Puts the thinking that a model's suffix asks for in the place of what a relayed request says, in its own spelling.

use bytes::BytesMut;
use dialect::splice::{Change, Edit};
use dialect::{Body, Target, scan};
use hub::{Losses, Show, Thinking};

use crate::part_decode::thinking_config;
use crate::think;

/// The two spellings of the configuration and of the field in it.
const SPELLINGS: [(&str, &str); 2] = [("generationConfig", "thinkingConfig"), ("generation_config", "thinking_config")];

/// The edits of one request. Both spellings are taken in; one is written, beside what else is configured.
pub(crate) fn edits(body: &Body, wish: Thinking, target: &Target<'_>, losses: &mut Losses) -> Vec<Edit> {
    let snake = !body.has(SPELLINGS[0].0) && body.has(SPELLINGS[1].0);
    let (config, usual) = SPELLINGS[usize::from(snake)];
    // A relay answers as the client asked: thoughts are shown to those who asked for them.
    let show = if shows_thoughts(body, snake) { Show::Yes } else { Show::No };
    let set = match think::plan(&wish, &target.traits.thinking, losses) {
        think::Wire::Absent => None,
        plan => {
            let mut json = BytesMut::with_capacity(64);
            think::write(plan, show, &mut json);
            Some(String::from_utf8_lossy(&json).into_owned())
        }
    };
    let edit = |field: &'static str, change| Edit { path: vec![config.into(), field.into()], change };
    let cleared = SPELLINGS.iter().filter(|(_, field)| set.is_none() || *field != usual);
    let mut edits: Vec<Edit> = match body.has(config) {
        true => cleared.map(|(_, field)| edit(field, Change::Remove)).collect(),
        false => Vec::new(),
    };
    edits.extend(set.map(|json| edit(usual, Change::Set(json))));
    edits
}

fn shows_thoughts(body: &Body, snake: bool) -> bool {
    let (config, _) = SPELLINGS[usize::from(snake)];
    let Some(text) = body.raw(config) else { return false };
    let Ok(index) = scan::object(text.as_bytes()) else { return false };
    let raw = SPELLINGS.iter().find_map(|(_, field)| index.find(text.as_bytes(), field));
    let raw = raw.and_then(|raw| serde_json::from_str(raw).ok());
    thinking_config(raw).include_thoughts == Some(true)
}
