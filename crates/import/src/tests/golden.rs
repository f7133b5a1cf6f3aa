//! The installations under `installations/`, each with what comes of it. Compiled with `BOSPORUS_GOLDEN=update`
//! (`cargo xtask golden`) the results are written instead of compared.

use std::fmt::Write as _;
use std::path::Path;

use config::document::Value;

use super::{Memory, import};
use crate::{Outcome, Program, Summary, settle};

#[test]
fn installations_become_what_they_did() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("installations");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let case = entry.path();
        let name = entry.file_name().into_string().unwrap();
        let program = if name.starts_with("aiclient") { Program::AiClient } else { Program::CliProxy };
        let mut look = Memory::default();
        look.add(&case.join("old"), Path::new("/old"));
        look.add(&case.join("home"), Path::new("/user"));
        let mut new = import(program, &look).unwrap_or_else(|why| panic!("{name}: {why}"));
        if let Err(report) = settle(&mut new, "config.yaml") {
            panic!("{name}: {report}\n{}", new.text());
        }
        compare(&case.join("new/config.yaml"), &new.text(), unordered);
        // What a version does with a known key is no matter of importing.
        let known = |outcome| matches!(outcome, Outcome::Same | Outcome::Later | Outcome::Refused | Outcome::Gone);
        new.findings.retain(|finding| finding.file != "config.yaml" || !known(finding.outcome));
        let mut text = Summary(&new.findings).text();
        text.push_str("\nAccount files:\n");
        new.copies.iter().for_each(|copy| _ = writeln!(text, "  {copy:?}"));
        let _ = writeln!(text, "\nSystem prompt: {:?}", new.prompt);
        assert!(!text.contains("fake"), "{name}: a secret is told\n{text}");
        assert!(!text.contains("hunter2"), "{name}: a secret is told\n{text}");
        compare(&case.join("new/report.txt"), &text, str::to_owned);
        seen += 1;
    }
    assert!(seen >= 3);
}

#[test]
fn what_dresses_up_is_refused_and_left_out() {
    let mut look = Memory::default();
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("installations/cliproxy-full/old");
    look.add(&case, Path::new("/old"));
    let new = import(Program::CliProxy, &look).unwrap();
    for key in
        ["claude-header-defaults", "codex-header-defaults", "claude-api-key[1].cloak", "antigravity.sensitive-words"]
    {
        let refused = |finding: &crate::Finding| finding.key == key && finding.outcome == Outcome::Refused;
        assert!(new.findings.iter().any(refused), "{key}");
    }
    let text = new.text();
    for word in ["cloak", "user-agent", "sensitive", "fingerprint", "experimental"] {
        assert!(!text.contains(word), "{word}\n{text}");
    }
    assert!(new.findings.len() > 110);
}

fn compare(file: &Path, found: &str, what: fn(&str) -> String) {
    if option_env!("BOSPORUS_GOLDEN") == Some("update") {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, found).unwrap();
    }
    let wanted = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert_eq!(what(found), what(&wanted), "{}", file.display());
}

/// A configuration without its headings, one setting behind the other by name: where each stands follows the example,
/// and what has no use any more is no matter of importing.
fn unordered(text: &str) -> String {
    let mut root = config::document::document(text.as_bytes(), "config.yaml").unwrap().root;
    config::document::prune(&mut root);
    let entries = root.entries_mut().unwrap();
    entries.retain(|entry| !matches!(&entry.node.value, Value::Map(below) if below.is_empty()));
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    let mut out = String::new();
    entries.iter().for_each(|entry| crate::yaml::entry(entry, 0, &mut out));
    out
}
