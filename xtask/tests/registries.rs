//! What is registered is documented, shown in the example file, and under test against everything else.

// The whole file is tests; the attribute tells the lints so.
#![cfg(test)]

use std::collections::BTreeSet;

use xtask::tidy::Tree;

fn tree() -> Tree {
    Tree::read(&xtask::root()).unwrap()
}

fn text(tree: &Tree, path: &str) -> String {
    tree.get(path).unwrap_or_else(|| panic!("{path} is missing")).text.clone()
}

#[test]
fn every_route_is_documented() {
    let page = text(&tree(), "docs/protocols.md");
    for route in dialects::ALL.iter().flat_map(|dialect| dialect.routes) {
        let shown = format!("`{} {}`", route.method, route.path.replace("{rest}", "{id}"));
        assert!(page.contains(&shown), "docs/protocols.md does not list {shown}");
    }
}

#[test]
fn kinds_are_named_once_documented_and_shown() {
    let tree = tree();
    let (reference, example) = (text(&tree, "docs/configuration.md"), text(&tree, "config.example.yaml"));
    let mut seen = BTreeSet::new();
    for kind in upstreams::KINDS {
        assert!(seen.insert(kind.id), "{} is registered twice", kind.id);
        assert!(reference.contains(kind.id), "docs/configuration.md does not tell of {}", kind.id);
        match kind.files {
            None => {
                assert!(example.contains(&format!("{}:", kind.id)), "config.example.yaml does not show {}", kind.id);
            }
            // Its accounts are files, which have a table of their own.
            Some(files) => {
                for file in files.types {
                    assert!(
                        reference.contains(&format!("| `{file}` |")),
                        "docs/configuration.md has no row for {file}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_dialect_is_in_every_case_of_the_matrix() {
    let tree = tree();
    let root = "crates/dialects/all/fixtures/";
    // What came out stands in files of its own: goldens, and texts.
    let is_input = |path: &str| path.starts_with(root) && !path.contains("/golden/") && !path.ends_with(".txt");
    let inputs = tree.files.iter().filter(|file| is_input(&file.path));
    let cases: BTreeSet<_> = inputs.filter_map(|file| file.path.rsplit_once('/')).map(|(case, _)| case).collect();
    assert!(!cases.is_empty());
    for dialect in dialects::ALL {
        for case in &cases {
            let has = |end: &str| tree.get(&format!("{case}/{}.{end}", dialect.id.0)).is_some();
            assert!(["json", "sse", "ndjson"].into_iter().any(has), "{case} has no input of {:?}", dialect.id);
        }
    }
}
