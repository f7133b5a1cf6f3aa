//! The documents: they are there, they link to what exists, and a change that users notice leaves a fragment.

use super::{Findings, Source, Tree};

const WANTED: [&str; 10] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "changelog.d/README.md",
    "docs/configuration.md",
    "docs/migration.md",
    "docs/protocols.md",
    "docs/operations.md",
    "docs/threat-model.md",
];
/// What a fragment's name may end with.
const CHANGES: [&str; 5] = [".added.md", ".changed.md", ".fixed.md", ".removed.md", ".security.md"];

pub(crate) fn check(tree: &Tree, findings: &mut Findings) {
    for wanted in WANTED.iter().filter(|wanted| tree.get(wanted).is_none()) {
        findings.problem(wanted, "is missing");
    }
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        check_links(tree, file, findings);
        check_named_files(tree, file, findings);
    }
    for file in tree.rust() {
        check_comments(tree, file, findings);
    }
    check_fragments(tree, findings);
}

/// A document that a comment sends its reader to exists. Other projects' documents are named with their address.
fn check_comments(tree: &Tree, file: &Source, findings: &mut Findings) {
    for (number, line) in file.text.lines().enumerate() {
        let Some(comment) = line.trim_start().strip_prefix("//") else { continue };
        let words = comment.split(|c: char| c.is_whitespace() || "()[]`,;:".contains(c));
        for name in words.map(|word| word.trim_end_matches('.')).filter(|word| word.ends_with(".md")) {
            if !tree.files.iter().any(|known| ends_with_path(&known.path, name)) {
                let place = format!("{}:{}", file.path, number + 1);
                findings.problem(place, format!("sends its reader to {name}, which is not there"));
            }
        }
    }
}

fn check_fragments(tree: &Tree, findings: &mut Findings) {
    let fragments = tree.files.iter().filter(|file| file.path.starts_with("changelog.d/"));
    for file in fragments.filter(|file| file.path != "changelog.d/README.md") {
        if !CHANGES.iter().any(|end| file.path.ends_with(end)) {
            findings.problem(&file.path, format!("must end with one of {}", CHANGES.join(", ")));
        }
        if file.text.trim().is_empty() {
            findings.problem(&file.path, "is empty");
        }
    }
}

/// Links to files of the project lead somewhere.
fn check_links(tree: &Tree, file: &Source, findings: &mut Findings) {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    for target in file.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let path = target.split('#').next().unwrap_or_default();
        if path.is_empty() || path.contains("://") {
            continue;
        }
        if !exists(tree, &resolve(folder, path)) {
            findings.problem(&file.path, format!("links to {target}, which is not there"));
        }
    }
}

/// A source file that a document names in backticks exists; documents rot first in what they say of the code.
fn check_named_files(tree: &Tree, file: &Source, findings: &mut Findings) {
    let is_map = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"].contains(&file.path.as_str())
        || file.path.starts_with("docs/");
    if !is_map {
        return;
    }
    for name in file.text.split('`').skip(1).step_by(2) {
        let is_path = name.contains('/') && [".rs", ".toml", ".yaml"].iter().any(|end| name.ends_with(end));
        let is_plain = !name.contains(['*', '<', ' ', '{', '$', '~']) && !name.starts_with("./");
        if is_path && is_plain && !tree.files.iter().any(|known| ends_with_path(&known.path, name)) {
            findings.problem(&file.path, format!("names `{name}`, which is not there"));
        }
    }
}

fn ends_with_path(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

fn exists(tree: &Tree, path: &str) -> bool {
    let folder = format!("{}/", path.trim_end_matches('/'));
    tree.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
}

fn resolve(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." | "" => (),
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let source = |(path, text): &(&str, &str)| Source { path: (*path).into(), text: (*text).into() };
        Tree { files: files.iter().map(source).collect() }
    }

    fn problems(check: fn(&Tree, &Source, &mut Findings), path: &str, text: &str) -> usize {
        let tree = tree(&[(path, text), ("docs/a.md", ""), ("crates/x/src/lib.rs", "")]);
        let mut findings = Findings::default();
        check(&tree, &tree.files[0], &mut findings);
        findings.problems.len()
    }

    #[test]
    fn links_must_lead_somewhere() {
        assert_eq!(problems(check_links, "README.md", "[a](docs/a.md#x) [b](https://b.example) [c](#here)"), 0);
        assert_eq!(problems(check_links, "docs/b.md", "[a](a.md) [x](../crates/x/src)"), 0);
        assert_eq!(problems(check_links, "README.md", "[a](docs/gone.md)"), 1);
    }

    #[test]
    fn named_files_must_exist() {
        assert_eq!(problems(check_named_files, "ARCHITECTURE.md", "see `x/src/lib.rs` and `hub`"), 0);
        assert_eq!(problems(check_named_files, "ARCHITECTURE.md", "see `x/src/gone.rs`"), 1);
    }

    #[test]
    fn comments_send_nobody_to_nowhere() {
        assert_eq!(problems(check_comments, "x.rs", "/// As in docs/a.md, (`a.md`)\nlet a = \"gone.md\"; // fine"), 0);
        assert_eq!(problems(check_comments, "x.rs", "    // see gone.md section 3."), 1);
    }

    #[test]
    fn fragments_have_a_kind_and_a_text() {
        let mut findings = Findings::default();
        let tree =
            tree(&[("changelog.d/a.added.md", "A thing."), ("changelog.d/b.md", "x"), ("changelog.d/c.fixed.md", " ")]);
        check_fragments(&tree, &mut findings);
        assert_eq!(findings.problems.len(), 2, "{findings:?}");
    }
}
