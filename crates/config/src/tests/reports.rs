//! Each `bad/NAME.yaml` gives exactly the report in `bad/NAME.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::report::Colour;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/bad");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect()
}

#[test]
fn bad_files_get_exactly_these_reports() {
    let mut wrong = Vec::new();
    for path in cases() {
        let (_, report) = crate::parse_bytes(&fs::read(&path).unwrap(), "config.yaml", &[]);
        let wanted = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        if report.to_string() != wanted {
            wrong.push(format!("=== {}\n{report}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "these reports are not the ones on file:\n{}", wrong.join("\n"));
}

#[test]
fn there_are_cases_and_none_shows_its_canary() {
    let cases = cases();
    assert!(cases.len() >= 20);
    for path in cases {
        let report = fs::read_to_string(path.with_extension("txt")).unwrap();
        assert!(!report.contains("canary"), "{}", path.display());
    }
}

#[test]
fn colours_change_nothing_but_colours() {
    for path in cases() {
        let (_, report) = crate::parse_bytes(&fs::read(&path).unwrap(), "config.yaml", &[]);
        let coloured = report.render(Colour::Always);
        assert!(coloured.contains("\x1b[1;3"), "{}", path.display());
        let bare: String = coloured.split("\x1b[").map(without_code).collect();
        assert_eq!(bare, report.to_string());
    }
}

/// Text behind an escape, without the rest of its sequence.
fn without_code(piece: &str) -> &str {
    match piece.split_once('m') {
        Some((code, rest)) if code.bytes().all(|byte| byte.is_ascii_digit() || byte == b';') => rest,
        _ => piece,
    }
}

#[test]
fn positions_count_from_one_in_characters() {
    let (_, report) = super::parse("api-keys: [0123456789abcdef]\nlog: {\"ä\": 1, format: xml}\n");
    assert_eq!(report.errors[0].position(), Some((2, 23)));
}

#[test]
fn text_that_is_not_utf8_is_told() {
    let (config, report) = crate::parse_bytes(b"port: 1\nhost: \xff\n", "config.yaml", &[]);
    assert!(config.is_none());
    assert!(report.errors[0].message().ends_with("(first wrong byte on line 2)"));
}

#[test]
fn control_characters_of_a_file_name_reach_no_terminal() {
    let (_, report) = crate::parse("port: x", "a\x1b[2Jb", &[]);
    assert!(report.to_string().contains("a.[2Jb:1:7"));
}
