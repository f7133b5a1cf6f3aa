//! Files made to hurt.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::parse;

fn first_error(text: &str) -> String {
    let (config, report) = parse(text);
    assert!(config.is_none());
    report.errors[0].message().to_owned()
}

#[test]
fn nesting_is_bounded() {
    for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000)] {
        assert!(first_error(&text).contains("recursion limit"), "{}", &text[..8]);
    }
    let nested = |depth: usize| format!("plugins: {}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(60)).0.is_some());
    assert!(first_error(&nested(64)).contains("nested deeper than 64"));
}

#[test]
fn aliases_cannot_multiply_values() {
    let mut text = "x-0: &a0 [v, v, v, v, v, v, v, v, v, v]\n".to_owned();
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "x-{level}: &a{level} [{aliases}]").unwrap();
    }
    assert!(first_error(&text).contains("more than 200000 values"));
}

#[test]
fn aliases_cannot_multiply_text() {
    let text = format!("x-0: &a {}\nx-1: [{}]\n", "v".repeat(1 << 20), "*a, ".repeat(40));
    assert!(first_error(&text).contains("more than 16 MiB of text"));
}

#[test]
fn aliases_cannot_deepen_nesting() {
    let mut text = "x-0: &a0 [v]\n".to_owned();
    for level in 1..70 {
        writeln!(text, "x-{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    assert!(first_error(&text).contains("nested deeper than 64"));
}

#[test]
fn size_is_bounded() {
    assert!(first_error(&"#".repeat((4 << 20) + 1)).contains("larger than 4 MiB"));
    assert!(parse(&"#".repeat(4 << 20)).0.is_some());
}

#[test]
fn findings_are_bounded_and_counted() {
    let mut text = String::new();
    for index in 0..50_000 {
        writeln!(text, "unknown-{index}: 1").unwrap();
    }
    text.push_str("claude-api-key:\n");
    for _ in 0..5000 {
        text.push_str("  - weight: x\n");
    }
    let (_, report) = parse(&text);
    assert_eq!((report.errors.len(), report.errors[200].message()), (201, "4800 more like these"));
    assert!(report.warnings.len() <= 201, "{}", report.warnings.len());
}

#[test]
fn a_flat_file_of_one_mapping_takes_no_square_time() {
    let mut text = "plugins:\n".to_owned();
    for index in 0..90_000 {
        writeln!(text, "  k{index}: v").unwrap();
    }
    assert!(parse(&text).0.is_some());
}

#[test]
fn one_long_line_of_findings_takes_no_square_time() {
    let keys: Vec<String> = (0..90_000).map(|index| format!("key-number-{index}: sk-canary-{index}")).collect();
    let (_, report) = parse(&format!("{{{}}}", keys.join(", ")));
    assert_eq!(report.warnings.len(), 201);
    assert!(!report.to_string().contains("canary"));
}

/// Pieces that YAML and our schema are made of.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "\n",
            "  ",
            "- ",
            ": ",
            "[",
            "]",
            "{",
            "}",
            ", ",
            "#",
            "'",
            "\"",
            "&a ",
            "*a",
            "<<: ",
            "|\n",
            ">\n",
            "? ",
            "!!str ",
            "!x ",
            "---\n",
            "...\n",
            "%YAML 1.2\n",
            "\t",
            "\r\n",
            "\u{feff}",
            "\u{2028}",
            "~",
            "true",
            "-1",
            "99999999999999999999",
            "1e9",
            "host",
            "port",
            "api-keys",
            "openai-compatibility",
            "headers",
            "models",
            "thinking",
            "codex",
            "generative-language-api-key",
            "live-media-relay",
            "allow-private-remote-ips",
            "base-url",
            "proxy-url",
            "http://h",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,3}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (config, report) = crate::parse_bytes(&bytes, "config.yaml", &[]);
        prop_assert_eq!(config.is_some(), report.is_ok());
        let _ = report.to_string();
    }

    #[test]
    fn no_pieces_panic(pieces in prop::collection::vec(piece(), 0..40)) {
        let (config, report) = parse(&pieces.concat());
        prop_assert_eq!(config.is_some(), report.is_ok());
        for line in report.to_string().lines() {
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
        }
    }

    #[test]
    fn no_override_panics(name in "(BOSPORUS_)?[A-Z0-9_]{0,30}", value in "\\PC{0,20}", known in prop::sample::select(vec![
        "API_KEYS", "API_KEYS__0", "CLAUDE_API_KEY__0__MODELS__0__THINKING", "TLS", "HOST__X", "PAYLOAD__A__B", "CORS",
    ])) {
        let overrides = [(name, value.clone()), (format!("BOSPORUS_{known}"), value)];
        let (config, report) = crate::parse("tls: 5\n", "config.yaml", &overrides);
        prop_assert_eq!(config.is_some(), report.is_ok());
    }
}
