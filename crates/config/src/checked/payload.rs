//! Payload rules: what is set in, or taken out of, the bodies that go to upstreams.

pub use super::path::{Compare, Path, PathError, Step, Test};

/// All rules, in the order in which they are applied.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Payload {
    /// The rules.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Which requests it is for: any of these.
    pub models: Vec<ModelMatch>,
    /// What it does.
    pub action: Action,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Sets what the request did not hold before any rule; the first rule to name a path wins.
    Default(Vec<Setting>),
    /// Sets, whatever stands there.
    Override(Vec<Setting>),
    /// Takes away.
    Filter(Vec<Path>),
}

/// A value for a path.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Where.
    pub path: Path,
    /// The value, as JSON text.
    pub json: String,
}

/// Which requests a rule is for. All that is said must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelMatch {
    /// The model: the upstream's name or the one that was asked for, `*` for any text, in lower case.
    pub name: String,
    /// What the upstream speaks.
    pub protocol: Option<Protocol>,
    /// What the client speaks.
    pub from_protocol: Option<Protocol>,
    /// The client's headers: name in lower case, and a pattern with `*`.
    pub headers: Vec<(String, String)>,
    /// What must stand in the body, as JSON text.
    pub matches: Vec<Setting>,
    /// What must not.
    pub not_matches: Vec<Setting>,
    /// What must be there.
    pub exists: Vec<Path>,
    /// What must not be there.
    pub not_exists: Vec<Path>,
}

/// A language, as configurations call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// OpenAI Chat Completions.
    OpenAi,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Claude,
    /// Gemini.
    Gemini,
    /// Ollama.
    Ollama,
}

impl Protocol {
    /// The word that the registry of languages knows.
    pub fn word(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Responses => "responses",
            Self::Claude => "claude",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }
}
