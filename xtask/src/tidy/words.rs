//! Text that must not be in the tree: places of one machine, hosts of one registry, words about how a text came to be.

use super::{Findings, Source, Tree};

/// Folders of a machine. Written in two parts, so that this file passes its own check.
const FOLDERS: [(&str, &str); 5] = [("/wo", "rk/"), ("/tm", "p/"), ("/ro", "ot/"), ("/ho", "me/"), ("/Us", "ers/")];
/// Comments that tell the story of a change instead of a reason.
const STORIES: [(&str, &str); 6] =
    [("pre", "viously,"), ("as requ", "ested"), ("TO", "DO"), ("FIX", "ME"), ("XX", "X:"), ("no lon", "ger used")];
/// Where packages may come from.
const REGISTRIES: [&str; 2] = ["registry+https://github.com/rust-lang/crates.io-index", "https://registry.npmjs.org/"];

/// Files in which a folder of a machine is what the file is about.
const ABOUT_FOLDERS: [&str; 2] = ["crates/config/", "docs/configuration.md"];

pub(crate) fn check(tree: &Tree, findings: &mut Findings) {
    for file in &tree.files {
        check_folders(file, findings);
        check_stories(file, findings);
        check_sources(file, findings);
    }
}

fn check_folders(file: &Source, findings: &mut Findings) {
    if ABOUT_FOLDERS.iter().any(|about| file.path.starts_with(about)) {
        return;
    }
    for (number, line) in file.text.lines().enumerate() {
        for (head, tail) in FOLDERS {
            let folder = format!("{head}{tail}");
            if finds_path(line, &folder) {
                findings.problem(
                    format!("{}:{}", file.path, number + 1),
                    format!("names `{folder}`, a place of one machine"),
                );
            }
        }
    }
}

/// Whether `folder` stands at the beginning of an absolute path, not inside another path or an address.
fn finds_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '~' | '/' | '$'))
    })
}

fn check_stories(file: &Source, findings: &mut Findings) {
    let is_ours = [".rs", ".sh", ".md", ".toml", ".py", ".mjs"].iter().any(|end| file.path.ends_with(end));
    if !is_ours {
        return;
    }
    for (number, line) in file.text.lines().enumerate() {
        for (head, tail) in STORIES {
            let words = format!("{head}{tail}");
            if line.contains(&words) {
                findings.problem(
                    format!("{}:{}", file.path, number + 1),
                    format!("says `{words}`: say why it is so instead"),
                );
            }
        }
    }
}

/// Lock files name the public registries and nothing else.
fn check_sources(file: &Source, findings: &mut Findings) {
    let is_lock = file.path.ends_with("Cargo.lock") || file.path.ends_with("package-lock.json");
    if !is_lock {
        return;
    }
    for (number, line) in file.text.lines().enumerate() {
        let line = line.trim();
        let source = line.strip_prefix("source = ").or_else(|| line.strip_prefix("\"resolved\": "));
        let Some(source) = source.map(|text| text.trim_matches(['"', ','])) else { continue };
        if !REGISTRIES.iter().any(|known| source.starts_with(known)) {
            findings.problem(format!("{}:{}", file.path, number + 1), format!("takes a package from {source}"));
        }
    }
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
    fn machine_paths_are_found_and_look_alikes_are_not() {
        let folder = format!("/tm{}", "p/");
        assert_eq!(problems("a.rs", &format!("open(\"{folder}x\")")), 1);
        assert_eq!(problems("a.rs", &format!("https://host{folder}x")), 0);
        assert_eq!(problems("a.rs", "/v1/work"), 0);
    }

    #[test]
    fn stories_are_found() {
        assert_eq!(problems("a.rs", &format!("// pre{}", "viously, this was a list")), 1);
        assert_eq!(problems("a.rs", "// the previous frame"), 0);
    }

    #[test]
    fn only_public_registries_are_sources() {
        assert_eq!(problems("Cargo.lock", "source = \"registry+https://github.com/rust-lang/crates.io-index\""), 0);
        assert_eq!(problems("Cargo.lock", "source = \"git+https://github.com/a/b\""), 1);
        assert_eq!(problems("x/package-lock.json", "  \"resolved\": \"https://mirror.example/a.tgz\","), 1);
    }
}
