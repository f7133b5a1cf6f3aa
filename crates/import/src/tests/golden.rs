//! The installations under `installations/`, each with what comes of it. Compiled with `BOSPORUS_GOLDEN=update`
//! (`cargo xtask golden`) the results are written instead of compared.

use std::fmt::Write as _;
use std::path::Path;

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
        let (_, report) =
            settle(&mut new, "config.yaml").unwrap_or_else(|report| panic!("{name}: {report}\n{}", new.text()));
        compare(&case.join("new/config.yaml"), &new.text(), unordered);
        // What a version uses is no matter of importing.
        for finding in &mut new.findings {
            let stays = finding.outcome == Outcome::Later && finding.note == "kept in the new file";
            finding.outcome = if stays { Outcome::Same } else { finding.outcome };
        }
        let mut text = Summary(&new.findings).text();
        text.push_str("\nAccount files:\n");
        new.copies.iter().for_each(|copy| _ = writeln!(text, "  {copy:?}"));
        let _ = writeln!(text, "\nSystem prompt: {:?}\n\nWarnings:", new.prompt);
        report.warnings.iter().for_each(|warning| _ = writeln!(text, "  {}", warning.brief()));
        assert!(!text.contains("fake"), "{name}: a secret is told\n{text}");
        assert!(!text.contains("hunter2"), "{name}: a secret is told\n{text}");
        compare(&case.join("new/report.txt"), &text, str::to_owned);
        seen += 1;
    }
    assert!(seen >= 3);
}

fn compare(file: &Path, found: &str, what: fn(&str) -> String) {
    if option_env!("BOSPORUS_GOLDEN") == Some("update") {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, found).unwrap();
    }
    let wanted = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert_eq!(what(found), what(&wanted), "{}", file.display());
}

/// A configuration without its headings, one setting behind the other by name: where each stands follows the example.
fn unordered(text: &str) -> String {
    let mut root = config::document::document(text.as_bytes(), "config.yaml").unwrap().root;
    let entries = root.entries_mut().unwrap();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    let mut out = String::new();
    entries.iter().for_each(|entry| crate::yaml::entry(entry, 0, &mut out));
    out
}
