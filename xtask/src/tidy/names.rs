//! The engine knows no provider and no dialect by name: it works through the registries.
//!
//! Comments may name one, where a fact about it explains a line.

use super::{Findings, Source, Tree};

/// Where no name may stand.
const ENGINE: &str = "crates/gateway/src/";
/// Names of dialects, kinds and their vendors, as they appear in code and in headers.
const NAMES: [&str; 29] = [
    "anthropic",
    "openai",
    "claude",
    "gemini",
    "ollama",
    "codex",
    "kiro",
    "qwen",
    "iflow",
    "kimi",
    "copilot",
    "vertex",
    "antigravity",
    "deepseek",
    "openrouter",
    "azure",
    "xai",
    "aistudio",
    "demo",
    "google",
    "goog",
    "amzn",
    "apim",
    "bedrock",
    "cloudflare",
    "grok",
    "groq",
    "litellm",
    "mistral",
];

pub(crate) fn check(tree: &Tree, findings: &mut Findings) {
    // Tests name what they need, in a file of their own as behind `#[cfg(test)]`.
    let is_test = |file: &&Source| file.path.ends_with("/tests.rs") || file.path.contains("/tests/");
    for file in tree.rust().filter(|file| file.path.starts_with(ENGINE) && !is_test(file)) {
        check_file(file, findings);
    }
}

fn check_file(file: &Source, findings: &mut Findings) {
    for (number, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            return;
        }
        let code = line.split("//").next().unwrap_or(line).to_ascii_lowercase();
        for name in NAMES.iter().filter(|name| has_word(&code, name)) {
            let place = format!("{}:{}", file.path, number + 1);
            findings.problem(place, format!("names `{name}`; the engine works through the registries"));
        }
    }
}

fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> usize {
        let tree = Tree { files: vec![Source { path: path.into(), text: text.into() }] };
        let mut findings = Findings::default();
        check(&tree, &mut findings);
        findings.problems.len()
    }

    #[test]
    fn names_are_found_in_the_engine_only() {
        assert_eq!(problems("crates/gateway/src/a.rs", "if kind == \"demo\" {}"), 1);
        assert_eq!(problems("crates/gateway/src/a.rs", "use dialect_anthropic::DIALECT;"), 1);
        assert_eq!(problems("crates/gateway/src/a.rs", "// demo takes its time"), 0);
        assert_eq!(problems("crates/gateway/src/a.rs", "let demonstrated = 1;"), 0);
        assert_eq!(problems("crates/upstreams/src/a.rs", "if kind == \"demo\" {}"), 0);
    }
}
