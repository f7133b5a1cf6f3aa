//! The `system-prompt` section and the `fidelity` key.

use std::path::PathBuf;

use super::Section;
use crate::checked::{Fidelity, PromptMode, SystemPrompt};
use crate::report::Problems;

/// Most replacements.
const MAX_REPLACEMENTS: usize = 1_000;

/// Reads the section; `None` when it changes nothing.
pub(crate) fn system_prompt(section: &Section<'_>, problems: &mut Problems) -> Option<SystemPrompt> {
    let modes = [("append", PromptMode::Append), ("overwrite", PromptMode::Overwrite)];
    let prompt = SystemPrompt {
        file: section.text("file", problems).map(PathBuf::from),
        mode: section.choice("mode", &modes, problems).unwrap_or_default(),
        replacements: replacements(section, problems),
    };
    (prompt.file.is_some() || !prompt.replacements.is_empty()).then_some(prompt)
}

fn replacements(section: &Section<'_>, problems: &mut Problems) -> Vec<(String, String)> {
    let entries = section.sections("replacements", problems);
    if entries.len() > MAX_REPLACEMENTS {
        let message = format!("`{}.replacements` has more than {MAX_REPLACEMENTS} entries", section.path());
        problems.error(section.span(), message);
    }
    let mut pairs = Vec::with_capacity(entries.len().min(MAX_REPLACEMENTS));
    for entry in entries.iter().take(MAX_REPLACEMENTS) {
        // Space counts here: it may be what is to be replaced.
        let mut text = |key| entry.get(key).and_then(|item| item.text(problems));
        let (old, new) = (text("old").unwrap_or_default(), text("new").unwrap_or_default());
        match old.is_empty() {
            true => _ = problems.warn(entry.span(), format!("`{}` has no `old` words and is ignored", entry.path())),
            false => pairs.push((old, new)),
        }
    }
    pairs
}

/// Reads `fidelity` of a section; `None` when it is not said.
pub(crate) fn fidelity(section: &Section<'_>, problems: &mut Problems) -> Option<Fidelity> {
    section.choice("fidelity", &[("report", Fidelity::Report), ("strict", Fidelity::Strict)], problems)
}
