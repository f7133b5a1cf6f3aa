//! Every crate of ours takes version, licence and lints from the workspace.

use super::{Findings, Source, Tree};

const INHERITED: [&str; 5] = [
    "version.workspace = true",
    "edition.workspace = true",
    "rust-version.workspace = true",
    "license.workspace = true",
    "[lints]\nworkspace = true",
];

pub(crate) fn check(tree: &Tree, findings: &mut Findings) {
    let ours = |file: &&Source| {
        file.path.ends_with("/Cargo.toml") && !file.text.contains("[workspace]") && file.text.contains("[package]")
    };
    for file in tree.files.iter().filter(ours) {
        for wanted in INHERITED.iter().filter(|wanted| !file.text.contains(*wanted)) {
            findings.problem(&file.path, format!("lacks `{}`", wanted.replace('\n', " ")));
        }
        if !file.text.contains("description = ") {
            findings.problem(&file.path, "does not say what the crate is for (description)");
        }
    }
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        if tree.get(licence).is_none() {
            findings.problem(licence, "is missing");
        }
    }
}
