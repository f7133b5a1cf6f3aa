//! The table that says which vectors and tests prove what: all of them are there.
//!
//! It does not know what they prove.

use super::{Findings, Source, Tree};

/// Where the table is.
const TABLE: &str = "tests/conformance/vectors/own/README.md";
/// Where vectors are.
const VECTORS: &str = "tests/conformance/vectors/";

pub(crate) fn check(tree: &Tree, findings: &mut Findings) {
    let Some(table) = tree.get(TABLE) else {
        findings.problem(TABLE, "is missing");
        return;
    };
    let vectors = tree.files.iter().filter(|file| file.path.starts_with(VECTORS) && file.path.ends_with(".json"));
    let ids: Vec<&str> = vectors.flat_map(|file| ids(&file.text)).collect();
    for (number, row) in rows(&table.text).enumerate() {
        let mut cells = row.split('|').skip(1).map(str::trim);
        if cells.next() != Some((number + 1).to_string().as_str()) {
            findings.problem(TABLE, format!("row {} has another number", number + 1));
        }
        let named: Vec<&str> = cells.skip(1).flat_map(names).collect();
        if named.is_empty() {
            findings.problem(TABLE, format!("row {} has no proof", number + 1));
        }
        for name in named.into_iter().filter(|name| !is_there(tree, &ids, name)) {
            findings.problem(TABLE, format!("names `{name}`, which is not there"));
        }
    }
}

fn rows(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.starts_with("| ") && line[2..].starts_with(|c: char| c.is_ascii_digit()))
}

fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The ids of vectors, without reading them as JSON: each stands on a line of its own, or at the beginning of one.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    text.split("\"id\": \"").skip(1).filter_map(|rest| rest.split('"').next())
}

fn is_there(tree: &Tree, ids: &[&str], name: &str) -> bool {
    match name.split_once("::") {
        Some((file, test)) => tree.rust().any(|known| known.path.ends_with(file) && has_test(known, test)),
        None => ids.iter().any(|id| matches(id, name)),
    }
}

fn has_test(file: &Source, test: &str) -> bool {
    let found = file.text.find(&format!("fn {test}("));
    found.is_some_and(|at| file.text[..at].trim_end().trim_end_matches("async").trim_end().ends_with("test]"))
}

/// `*` stands for anything.
fn matches(id: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => id == pattern,
        Some((start, rest)) => id
            .strip_prefix(start)
            .is_some_and(|id| (0..=id.len()).any(|at| id.is_char_boundary(at) && matches(&id[at..], rest))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(table: &str) -> usize {
        let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
        let tree = Tree {
            files: vec![
                source("crates/x/src/lib.rs", "#[test]\nfn holds() {}"),
                source(TABLE, table),
                source("tests/conformance/vectors/shared/a.json", "[\n{\"id\": \"a.chat-chat.1\"},"),
            ],
        };
        let mut findings = Findings::default();
        check(&tree, &mut findings);
        findings.problems.len()
    }

    #[test]
    fn what_the_table_names_is_there() {
        assert_eq!(
            problems("| 1 | a `word` |\n| 2 | it | `x/src/lib.rs::holds` |"),
            1,
            "words of the trap are no proof"
        );
        assert_eq!(problems("| 1 | it | `x/src/lib.rs::holds` | `a.*.1` |\n| 2 | it | `a.chat-chat.1` | |"), 0);
        assert_eq!(problems("| 1 | it | `x/src/lib.rs::gone` | `a.*.2`, `b.*` |"), 3);
        assert_eq!(problems("| 2 | it | `a.*` |"), 1, "a row is missing");
    }
}
