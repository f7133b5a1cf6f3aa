//! The operator's hand on system prompts, and how losses of translations are treated.

use std::path::PathBuf;

/// What happens to the system prompts of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemPrompt {
    /// A file with words of the operator's own.
    pub file: Option<PathBuf>,
    /// Whether they take the place of the client's or follow them.
    pub mode: PromptMode,
    /// Words that are replaced wherever they stand in a system prompt: the old ones, never empty, and the new ones.
    pub replacements: Vec<(String, String)>,
}

/// Where the operator's words go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PromptMode {
    /// In the place of the client's.
    Overwrite,
    /// Behind the client's.
    #[default]
    Append,
}

/// What becomes of a translation that loses something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fidelity {
    /// It is done, and the losses are told.
    #[default]
    Report,
    /// It is refused when the answer would mean something else.
    Strict,
}
