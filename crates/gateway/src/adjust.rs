//! What is changed about a request before it is planned: how much to think, when the model's name says so in brackets,
//! and the operator's hand on the system prompt.
//!
//! A translated request is changed in the hub, a relayed one by edits that its dialect describes.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use config::{Fidelity, PromptMode, SystemPrompt};
use dialect::{Body, ClientSide, Peek, Target, WireSide, splice};
use hub::{Losses, Prompt, Request, Thinking, split_suffix};

use crate::names::Names;
use crate::scope::Scope;

/// The largest file with a system prompt, in bytes.
const MAX_PROMPT: u64 = 1 << 20;

/// The changes of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Adjust {
    /// The model's name as it was written, where something was taken off it.
    pub(crate) written: Option<String>,
    /// The effort that the model's name asks for.
    pub(crate) effort: Option<Thinking>,
    /// What the operator does to system prompts.
    pub(crate) prompt: Option<Arc<Prompt>>,
    /// What becomes of losses.
    pub(crate) fidelity: Fidelity,
}

impl Adjust {
    /// Whether a request stays as it is.
    pub(crate) fn is_idle(&self) -> bool {
        self.effort.is_none() && self.prompt.is_none()
    }

    /// Changes a request in hub form.
    pub(crate) fn request(&self, request: &mut Request) {
        if let Some(prompt) = &self.prompt {
            prompt.apply(&mut request.system);
        }
        if let Some(wish) = self.effort {
            request.thinking = request.thinking.with_effort_of(wish);
        }
    }

    /// The body that is relayed: the client's own unless something changes.
    pub(crate) fn body<'b>(
        &self,
        body: &'b Body,
        side: &dyn WireSide,
        target: &Target<'_>,
        losses: &mut Losses,
    ) -> Cow<'b, Body> {
        let mut edits = Vec::new();
        if let Some(wish) = self.effort {
            edits.extend(side.rethink(body, wish, target, losses));
        }
        if let Some(prompt) = &self.prompt {
            edits.extend(side.instruct(body, prompt));
        }
        if edits.is_empty() { Cow::Borrowed(body) } else { edited(body, &edits) }
    }
}

/// Reads what the operator does to system prompts. The file is read here, so that a reload sees what changed in it.
///
/// # Errors
/// Why the file cannot be used.
pub(crate) fn prompt(config: &SystemPrompt) -> Result<Prompt, String> {
    let words = match &config.file {
        None => String::new(),
        Some(file) => read_words(file).map_err(|why| format!("`system-prompt.file` ({}): {why}", file.display()))?,
    };
    let overwrites = config.mode == PromptMode::Overwrite;
    Ok(Prompt { words, overwrites, replacements: config.replacements.clone() })
}

fn read_words(file: &Path) -> Result<String, String> {
    let mut words = String::new();
    let opened = File::open(file).map_err(|error| error.to_string())?;
    opened.take(MAX_PROMPT + 1).read_to_string(&mut words).map_err(|error| error.to_string())?;
    if words.len() as u64 > MAX_PROMPT {
        return Err(format!("it is larger than {} KiB", MAX_PROMPT >> 10));
    }
    let words = words.strip_prefix('\u{feff}').unwrap_or(&words).trim();
    if words.is_empty() { Err("there is nothing in it".to_owned()) } else { Ok(words.to_owned()) }
}

/// A body with edits in it, indexed anew.
fn edited<'b>(body: &'b Body, edits: &[splice::Edit]) -> Cow<'b, Body> {
    let text = splice::apply(body.bytes(), body.index(), edits);
    Body::parse(text).map_or(Cow::Borrowed(body), Cow::Owned)
}

/// Takes a suffix off the model's name and tells what it asks for. A model of exactly the written name comes first; a
/// name that nobody serves without its suffix either is left as it is, so that the error shows it. A word that means
/// nothing is taken off too, and asks for nothing.
pub(crate) fn take_suffix(names: &Names, client: &dyn ClientSide, scope: &mut Scope, peek: &mut Peek) -> Adjust {
    let Some(Suffixed { found, name, effort }) = suffix(names, client, *scope, &peek.model) else {
        return Adjust::default();
    };
    *scope = found;
    peek.reply.model.clone_from(&name);
    let written = std::mem::replace(&mut peek.model, name);
    Adjust { written: Some(written), effort, ..Adjust::default() }
}

/// The name that is served, where, and what the suffix behind it asks for.
struct Suffixed {
    found: Scope,
    name: String,
    effort: Option<Thinking>,
}

fn suffix(names: &Names, client: &dyn ClientSide, scope: Scope, model: &str) -> Option<Suffixed> {
    if !model.ends_with(')') && client.plain_name(model).is_none() {
        return None;
    }
    if names.serves_exactly(model) {
        return None;
    }
    let written = [Some(model), client.plain_name(model)];
    let (found, name, word) = written.into_iter().flatten().find_map(|name| {
        let (name, word) = split_suffix(name)?;
        let (found, name) = names.read(client, scope, name.to_owned());
        names.answers(found, &name).then_some((found, name, word))
    })?;
    Some(Suffixed { found, name, effort: Thinking::from_suffix(word) })
}
