//! The house rules that a program can check. `cargo test` runs them, `cargo xtask tidy` prints warnings as well.
//!
//! What rustfmt and clippy check is not repeated here. Rules that need an exception have a list of them, each with its
//! reason; an exception that nothing needs any more is an error, so that the lists shrink.

mod layers;
mod lock;
mod manifests;
mod metadata;
mod names;
mod paper;
mod policy;
mod proofs;
mod sizes;
mod tree;
mod words;

use std::fmt::Display;
use std::io;
use std::path::Path;

pub use metadata::Metadata;
pub use policy::Policy;
pub use tree::{Source, Tree};

/// What the checks found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Broken rules.
    pub problems: Vec<String>,
    /// What should be looked at.
    pub warnings: Vec<String>,
}

impl Findings {
    /// Notes a broken rule.
    pub fn problem(&mut self, place: impl Display, what: impl Display) {
        self.problems.push(format!("{place}: {what}"));
    }

    /// Notes what should be looked at.
    pub fn warn(&mut self, place: impl Display, what: impl Display) {
        self.warnings.push(format!("{place}: {what}"));
    }
}

/// An exception from a rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exception {
    /// What it is for: a file, or `file::function`.
    pub(crate) place: &'static str,
    /// Why it is right.
    pub(crate) reason: &'static str,
}

/// Exceptions must be needed, and must say why.
pub(crate) fn check_exceptions(list: &[Exception], used: &[&str], findings: &mut Findings) {
    for exception in list {
        if !used.contains(&exception.place) {
            findings.problem(exception.place, "needs its exception no longer: take it off the list");
        }
        if exception.reason.is_empty() {
            findings.problem(exception.place, "has an exception without a reason");
        }
    }
}

/// Runs every check.
///
/// # Errors
/// When a file cannot be read, or cargo cannot tell what the workspace depends on.
pub fn run(root: &Path) -> io::Result<Findings> {
    let mut findings = Findings::default();
    let tree = Tree::read(root)?;
    let metadata = Metadata::load(root)?;
    let policy = Policy::read(root)?;
    sizes::check(&tree, &mut findings);
    names::check(&tree, &mut findings);
    words::check(&tree, &mut findings);
    paper::check(&tree, &mut findings);
    proofs::check(&tree, &mut findings);
    manifests::check(&tree, &mut findings);
    layers::check(&metadata, &mut findings);
    policy::check(&metadata, &policy, &mut findings);
    lock::check(&tree, &policy, &mut findings);
    Ok(findings)
}
