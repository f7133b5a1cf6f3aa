//! The command line of the chores. `cargo xtask` alone lists them.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode};

const HELP: &str = "\
cargo xtask tidy      what the house rules say about the tree: sizes, layers, licences, words
cargo xtask golden    accept what the translations give now as the golden files; look at the diff before you commit";

fn main() -> io::Result<ExitCode> {
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy(),
        Some("golden") => golden(),
        _ => writeln!(io::stdout(), "{HELP}").map(|()| ExitCode::FAILURE),
    }
}

fn tidy() -> io::Result<ExitCode> {
    let findings = xtask::tidy::run(&xtask::root())?;
    let mut out = io::stdout().lock();
    for warning in &findings.warnings {
        writeln!(out, "warning: {warning}")?;
    }
    for problem in &findings.problems {
        writeln!(out, "error: {problem}")?;
    }
    writeln!(out, "{} errors, {} warnings", findings.problems.len(), findings.warnings.len())?;
    Ok(if findings.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn golden() -> io::Result<ExitCode> {
    let done = accept(&xtask::root())?;
    Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tests with golden files write instead of comparing when they are compiled with this variable.
fn accept(root: &Path) -> io::Result<bool> {
    let mut command = Command::new(xtask::cargo());
    command.current_dir(root).args(["test", "--quiet"]);
    let packages =
        ["bosporus-dialects", "bosporus-dialect-anthropic", "bosporus-dialect-openai-chat", "bosporus-import"];
    for package in packages {
        command.args(["--package", package]);
    }
    Ok(command.env("BOSPORUS_GOLDEN", "update").status()?.success())
}
