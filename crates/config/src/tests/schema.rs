//! The schema table, the reader, the example file and the docs must tell of the same keys.

use std::collections::BTreeSet;
use std::time::Duration;

use super::parse;
use crate::checked::Config;
use crate::schema::{Field, Kind, ROOT, Standing};

const EXAMPLE: &str = include_str!("../../../../config.example.yaml");
const DOCS: &str = include_str!("../../../../docs/configuration.md");

/// Calls `visit` with each key and the keys above it.
fn each(fields: &'static [Field], above: &[&'static Field], visit: &mut dyn FnMut(&[&'static Field], &'static Field)) {
    for field in fields {
        visit(above, field);
        let path: Vec<&'static Field> = above.iter().copied().chain([field]).collect();
        each(field.kind.fields(), &path, visit);
    }
}

fn in_list(above: &[&Field]) -> bool {
    above.iter().any(|field| matches!(field.kind, Kind::List(_) | Kind::Map(_)))
}

fn dotted(above: &[&Field], field: &Field) -> String {
    above.iter().map(|field| field.name).chain([field.name]).collect::<Vec<_>>().join(".")
}

#[test]
fn no_section_has_a_key_twice() {
    let mut seen = BTreeSet::new();
    each(ROOT, &[], &mut |above, field| assert!(seen.insert(dotted(above, field)), "{}", field.name));
    assert!(seen.len() > 150);
}

#[test]
fn every_used_key_is_read() {
    each(ROOT, &[], &mut |above, field| {
        let leaf = field.kind.fields().is_empty();
        if !leaf || field.standing != Standing::Used {
            return;
        }
        // A value of the wrong shape must be told of under the key's own name.
        let many = matches!(field.kind, Kind::List(_) | Kind::Headers | Kind::Map(_));
        let wrong = if many { "5" } else { "{}" };
        let mut text = format!("{{{}: {wrong}}}", field.name);
        let mut path = field.name.to_owned();
        for parent in above.iter().rev() {
            let (open, close, below) = match parent.kind {
                Kind::List(_) => ("[", "]", "[0]"),
                Kind::Map(_) => ("{any: [", "]}", ".any[0]"),
                _ => ("", "", ""),
            };
            text = format!("{{{}: {open}{text}{close}}}", parent.name);
            path = format!("{}{below}.{path}", parent.name);
        }
        let (_, report) = parse(&text);
        let told = report.errors.iter().any(|error| error.message().contains(&format!("`{path}`")));
        assert!(told, "{text} is not read:\n{report}");
    });
}

#[test]
fn every_key_is_in_the_docs() {
    each(ROOT, &[], &mut |above, field| {
        let section = matches!(field.kind, Kind::Section(_));
        let named = DOCS.contains(&format!("`{}`", field.name));
        let placed = DOCS.contains(&format!("`{}`", dotted(above, field)));
        // In lists, and deep inside the relay that is not used yet, keys stand alone; elsewhere with their section.
        let enough = if above.is_empty() || in_list(above) || above.len() > 1 {
            named || placed
        } else {
            placed || named && field.standing != Standing::Used
        };
        assert!(enough || (section && DOCS.contains(&format!("`{}.", field.name))), "{}", dotted(above, field));
    });
}

#[test]
fn what_the_docs_call_unused_is_unused() {
    let section = DOCS.split("\n## ").find(|section| section.starts_with("Known, not used yet")).unwrap();
    // Names stand in the odd pieces between backticks: a key, its whole path, or a section above it.
    let named = section.split('`').skip(1).step_by(2);
    let mut unused = BTreeSet::new();
    each(ROOT, &[], &mut |above, field| {
        if field.standing == Standing::NotYet {
            unused.insert(field.name.to_owned());
            unused.insert(dotted(above, field));
            unused.extend(above.split_last().map(|(last, rest)| dotted(rest, last)));
        }
    });
    let wrong: Vec<_> = named.clone().filter(|&name| !unused.contains(name)).collect();
    assert!(named.count() > 20 && wrong.is_empty(), "{wrong:?}");
}

fn only_notes_of_what_is_not_used_yet(report: &crate::Report) -> bool {
    report.notes.iter().all(|note| note.message().ends_with("is accepted, not used yet"))
}

#[test]
fn the_example_is_the_defaults_with_a_sample_key() {
    let (config, report) = parse(EXAMPLE);
    assert!(report.errors.is_empty() && only_notes_of_what_is_not_used_yet(&report), "{report}");
    assert_eq!(report.warnings.len(), 1, "{report}");
    assert!(report.warnings[0].message().contains("is a sample key"));
    let config = config.unwrap();
    let client_keys = config.client_keys.clone();
    let told =
        Config { client_keys, request_retry: 3, max_retry_interval: Duration::from_secs(30), ..Config::default() };
    assert_eq!(config, told);
}

#[test]
fn the_example_never_opens_a_door() {
    let public = [("BOSPORUS_HOST".to_owned(), "0.0.0.0".to_owned())];
    assert!(crate::parse(EXAMPLE, "config.yaml", &public).0.is_none());
}

/// The example with all its settings on: `#key` and `#  - item` are settings, `# text` is a remark.
pub(super) fn all_on() -> String {
    let on = |line: &'static str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with("  ") || rest.starts_with(|c: char| c.is_ascii_alphabetic()) => rest,
        _ => line,
    };
    EXAMPLE.lines().map(on).collect::<Vec<_>>().join("\n").replace("your-api-key-1", "0123456789abcdef")
}

#[test]
fn the_example_shows_every_key_and_all_of_them_are_right() {
    let text = all_on();
    let (config, report) = parse(&text);
    assert!(report.errors.is_empty() && report.warnings.is_empty(), "{report}");
    assert!(only_notes_of_what_is_not_used_yet(&report), "{report}");
    let config = config.unwrap();
    assert_eq!(
        (config.keyed("claude-api-key").len(), config.compat[0].models.len(), config.keyed("vertex-api-key").len()),
        (1, 2, 1)
    );
    each(ROOT, &[], &mut |above, field| {
        let used = field.standing == Standing::Used && above.iter().all(|field| field.standing == Standing::Used);
        let below = if let Kind::Section(fields) = field.kind { fields } else { &[] };
        let live = below.is_empty() || below.iter().any(|field| field.standing == Standing::Used);
        let relay = dotted(above, field).starts_with("codex");
        if used && live && !relay {
            assert!(text.contains(&format!("{}:", field.name)), "{} is not in the example", dotted(above, field));
        }
    });
}
