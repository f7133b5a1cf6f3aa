//! `deny.toml`: licences, banned crates and duplicate versions. cargo-deny reads the same file.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Deserialize;

use super::{Findings, Metadata};

/// The parts of `deny.toml` that are checked here.
#[derive(Clone, Debug, Deserialize)]
pub struct Policy {
    licenses: Licences,
    bans: Bans,
}

#[derive(Clone, Debug, Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Bans {
    deny: Vec<Entry>,
    skip: Vec<Entry>,
}

/// A crate, `name` or `name@version`, and why it is on its list.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Entry {
    #[serde(rename = "crate")]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) reason: String,
}

impl Policy {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn read(root: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(root.join("deny.toml"))?;
        toml::from_str(&text).map_err(|error| io::Error::other(format!("deny.toml: {error}")))
    }

    /// Crates that must not be in the lock file.
    pub(crate) fn denied(&self) -> &[Entry] {
        &self.bans.deny
    }

    fn allows(&self, licence: &str) -> bool {
        self.licenses.allow.iter().any(|allowed| allowed == licence)
    }
}

pub(crate) fn check(metadata: &Metadata, policy: &Policy, findings: &mut Findings) {
    for entry in policy.bans.deny.iter().chain(&policy.bans.skip).filter(|entry| entry.reason.is_empty()) {
        findings.problem("deny.toml", format!("{} has no reason", entry.name));
    }
    check_licences(metadata, policy, findings);
    check_duplicates(metadata, policy, findings);
}

fn check_licences(metadata: &Metadata, policy: &Policy, findings: &mut Findings) {
    for package in metadata.foreign() {
        let expression = package.license.as_deref().unwrap_or_default();
        if !is_allowed(expression, &|licence| policy.allows(licence)) {
            findings.problem(
                format!("{} {}", package.name, package.version),
                format!("is under `{expression}`, which deny.toml does not allow"),
            );
        }
    }
}

/// Reads an SPDX expression: OR, AND, WITH, parentheses, and the old `/` for OR.
fn is_allowed(expression: &str, allows: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest, allows) && rest.is_empty()
}

fn any_of(words: &mut &[&str], allows: &dyn Fn(&str) -> bool) -> bool {
    let mut ok = all_of(words, allows);
    while take(words, "OR") {
        ok |= all_of(words, allows);
    }
    ok
}

fn all_of(words: &mut &[&str], allows: &dyn Fn(&str) -> bool) -> bool {
    let mut ok = licence(words, allows);
    while take(words, "AND") {
        ok &= licence(words, allows);
    }
    ok
}

fn licence(words: &mut &[&str], allows: &dyn Fn(&str) -> bool) -> bool {
    if take(words, "(") {
        let ok = any_of(words, allows);
        return take(words, ")") && ok;
    }
    let Some((first, rest)) = words.split_first() else { return false };
    *words = rest;
    if take(words, "WITH") {
        let Some((exception, rest)) = words.split_first() else { return false };
        *words = rest;
        return allows(&format!("{first} WITH {exception}"));
    }
    allows(first)
}

fn take(words: &mut &[&str], word: &str) -> bool {
    let found = words.first() == Some(&word);
    if found {
        *words = &words[1..];
    }
    found
}

/// More than one version of a crate is two bugs to follow; each further one is named with its reason.
fn check_duplicates(metadata: &Metadata, policy: &Policy, findings: &mut Findings) {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in metadata.foreign() {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    versions.retain(|_, found| found.len() > 1);
    let skipped =
        |name: &str, version: &str| policy.bans.skip.iter().any(|entry| entry.name == format!("{name}@{version}"));
    for (name, found) in &versions {
        let unnamed: Vec<&str> = found.iter().copied().filter(|version| !skipped(name, version)).collect();
        if unnamed.len() > 1 {
            findings.problem(
                "Cargo.lock",
                format!("{name} is there as {}; deny.toml names no reason", unnamed.join(" and ")),
            );
        }
    }
    for entry in &policy.bans.skip {
        let needed = entry
            .name
            .split_once('@')
            .is_some_and(|(name, version)| versions.get(name).is_some_and(|found| found.contains(&version)));
        if !needed {
            findings.problem("deny.toml", format!("{} is no duplicate any more: take it off the list", entry.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn licence_expressions_are_understood() {
        let allows = |licence: &str| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&licence);
        for (expression, ok) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0/MIT", true),
            ("MIT AND GPL-3.0", false),
            ("MIT AND ISC", true),
            ("(GPL-3.0 OR MIT) AND ISC", true),
            ("(GPL-3.0 OR MIT) AND GPL-3.0", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("MIT WITH LLVM-exception", false),
            ("", false),
            ("(MIT", false),
            ("MIT ISC", false),
        ] {
            assert_eq!(is_allowed(expression, &allows), ok, "{expression}");
        }
    }
}
