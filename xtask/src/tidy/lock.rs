//! Banned crates: not in the lock files, on no platform.

use super::{Findings, Policy, Tree};

pub(crate) fn check(tree: &Tree, policy: &Policy, findings: &mut Findings) {
    for path in ["Cargo.lock", "bench/Cargo.lock", "tests/model/Cargo.lock"] {
        let Some(lock) = tree.get(path) else {
            findings.problem(path, "is missing: builds must be repeatable");
            continue;
        };
        for banned in policy.denied() {
            if lock.text.contains(&format!("\nname = \"{}\"\n", banned.name)) {
                findings.problem(path, format!("holds {}: {}", banned.name, banned.reason));
            }
        }
    }
}
