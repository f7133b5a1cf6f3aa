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

/// A language, by the word that the registry of languages has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Protocol(pub &'static str);

/// The names of languages that are spoken here, and those of others, which a rule may name for another program's sake.
pub const PROTOCOLS: &[(&str, Option<Protocol>)] = &[
    ("openai", Some(Protocol("openai"))),
    ("codex", Some(Protocol("responses"))),
    ("claude", Some(Protocol("claude"))),
    ("gemini", Some(Protocol("gemini"))),
    ("ollama", Some(Protocol("ollama"))),
    ("responses", Some(Protocol("responses"))),
    ("openai-response", Some(Protocol("responses"))),
    ("openai-responses", Some(Protocol("responses"))),
    ("anthropic", Some(Protocol("claude"))),
    ("vertex", Some(Protocol("gemini"))),
    ("antigravity", None),
    ("gemini-cli", None),
    ("interactions", None),
    ("aistudio", None),
    ("kimi", None),
    ("xai", None),
];
