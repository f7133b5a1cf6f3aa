//! Settings from outside the file.

use crate::document::{Node, Value};
use crate::schema::{self, Kind};
use crate::{Config, Report, Strategy};

fn with(text: &str, overrides: &[(&str, &str)]) -> (Option<Config>, Report) {
    let overrides: Vec<_> = overrides.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    crate::parse(&format!("{}{text}", super::GOOD_KEY), "config.yaml", &overrides)
}

#[track_caller]
fn good(text: &str, overrides: &[(&str, &str)]) -> Config {
    let (config, report) = with(text, overrides);
    assert!(report.errors.is_empty() && report.warnings.is_empty(), "{report}");
    config.unwrap()
}

#[test]
fn win_over_the_file_and_the_last_one_wins() {
    assert_eq!(good("port: 1", &[("BOSPORUS_PORT", "2")]).port, 2);
    assert_eq!(good("port: 1", &[("BOSPORUS_PORT", "2"), ("--port", "3")]).port, 3);
    assert_eq!(good("port: 1", &[("BOSPORUS_PORT", "")]).port, 8317, "nothing is the default");
}

#[test]
fn reach_into_sections_that_are_not_there() {
    let config = good("", &[("BOSPORUS_ROUTING__STRATEGY", "fill-first"), ("bosporus_limits__header_count", " 7 ")]);
    assert_eq!((config.routing.strategy, config.limits.header_count), (Strategy::FillFirst, 7));
}

#[test]
fn make_entries_of_lists() {
    let config = good(
        "gemini-api-key: [{api-key: a, priority: 4}]",
        &[
            ("BOSPORUS_GEMINI_API_KEY__0__API_KEY", "b: c #d"),
            ("BOSPORUS_GEMINI_API_KEY__1__API_KEY", "'quoted'"),
            ("BOSPORUS_GEMINI_API_KEY__1__HEADERS__X_TEAM", "t"),
        ],
    );
    let keys: Vec<_> =
        config.keyed("gemini-api-key").iter().map(|entry| (entry.key.expose(), entry.priority)).collect();
    assert_eq!(keys, [("b: c #d", 4), ("'quoted'", 0)], "single values are taken as they are");
    assert_eq!(config.keyed("gemini-api-key")[1].headers[0].name, "x-team");
}

#[test]
fn lists_are_words_or_yaml() {
    let keys = |value| {
        let config = good("", &[("BOSPORUS_API_KEYS", value)]);
        config.client_keys.into_iter().map(|key| key.key.plain().unwrap().expose().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys("abcdefghijklmnop, bcdefghijklmnopq"), ["abcdefghijklmnop", "bcdefghijklmnopq"]);
    assert_eq!(keys("[\"abcdefghijklmnop\"]"), ["abcdefghijklmnop"]);
    assert_eq!(keys("- abcdefghijklmnop"), ["abcdefghijklmnop"]);
    let config = good("", &[("BOSPORUS_CLAUDE_API_KEY", "[{api-key: k, weight: 3}]")]);
    assert_eq!(config.keyed("claude-api-key")[0].weight, 3);
}

/// Each setting of the example as a variable: single values and lists of words one by one, what has keys of the user's
/// own as YAML.
fn variables(node: &Node, kind: Kind, name: &str, out: &mut Vec<(String, String)>) {
    match (kind, &node.value) {
        (Kind::Section(fields), Value::Map(entries)) => {
            for entry in entries {
                let field = schema::field(fields, &entry.key).unwrap_or_else(|| panic!("{name} {}", entry.key));
                let part = entry.key.to_ascii_uppercase().replace('-', "_");
                variables(&entry.node, field.kind, &format!("{name}{part}__"), out);
            }
        }
        (Kind::List(inner @ Kind::Section(_)), Value::List(items)) => {
            for (at, item) in items.iter().enumerate() {
                variables(item, *inner, &format!("{name}{at}__"), out);
            }
        }
        (Kind::List(Kind::Text | Kind::Secret), Value::List(items)) => {
            let words: Vec<_> = items.iter().map(|item| item.scalar().unwrap()).collect();
            out.push((name.trim_end_matches('_').to_owned(), words.join(",")));
        }
        (_, Value::Plain(text) | Value::Text(text)) => {
            out.push((name.trim_end_matches('_').to_owned(), text.clone()));
        }
        _ => out.push((name.trim_end_matches('_').to_owned(), flow(node))),
    }
}

/// A value as YAML on one line.
fn flow(node: &Node) -> String {
    match &node.value {
        Value::Plain(text) => text.clone(),
        Value::Text(text) => crate::quoted(text),
        Value::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entries = entries.iter().map(|entry| format!("{}: {}", crate::quoted(&entry.key), flow(&entry.node)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

#[test]
fn every_setting_can_come_from_the_environment() {
    let example = super::schema::all_on();
    let (wanted, _) = crate::parse(&example, "config.yaml", &[]);
    let root = crate::document::document(example.as_bytes(), "config.yaml").unwrap().root;
    let mut overrides = Vec::new();
    variables(&root, Kind::Section(schema::ROOT), "BOSPORUS_", &mut overrides);
    assert!(overrides.len() > 150, "{}", overrides.len());
    let (config, report) = crate::parse("", "config.yaml", &overrides);
    assert!(report.errors.is_empty() && report.warnings.is_empty(), "{report}");
    assert_eq!(config, wanted);
}

#[test]
fn errors_name_the_variable() {
    for (name, value, wanted) in [
        (
            "BOSPORUS_PORT",
            "eighty",
            "error: `port` must be a whole number from 0 to 65535, found \"eighty\"\n  --> BOSPORUS_PORT (environment)\n",
        ),
        (
            "BOSPORUS_CODEX_API_KEY__5__API_KEY",
            "x",
            "error: BOSPORUS_CODEX_API_KEY__5__API_KEY must number an entry from 0 to 0 here, not `5`\n",
        ),
        (
            "BOSPORUS_CLAUDE_API_KEY",
            "[{",
            "error: this is not valid YAML: unclosed bracket '{'\n  --> BOSPORUS_CLAUDE_API_KEY (environment)\n",
        ),
        (
            "BOSPORUS_API_KEYS__FIRST",
            "x",
            "error: BOSPORUS_API_KEYS__FIRST must number an entry from 0 to 1 here, not `first`\n",
        ),
    ] {
        let (config, report) = with("", &[(name, value)]);
        assert!(config.is_none());
        assert!(report.to_string().contains(wanted), "{report}");
    }
    let (_, report) = with("tls: yes", &[("BOSPORUS_TLS__CERT", "x")]);
    assert!(report.to_string().contains("BOSPORUS_TLS__CERT reaches into a place"), "{report}");
}

#[test]
fn unknown_names_are_warnings_with_a_suggestion() {
    let (config, report) = with("", &[("BOSPORUS_ROUTING__STRATEGI", "x")]);
    assert!(config.is_some());
    assert!(report.to_string().contains("BOSPORUS_ROUTING__STRATEGI names no setting"), "{report}");
    assert_eq!(report.warnings[0].help(), Some("did you mean `strategy`?"));
}

#[test]
fn a_public_host_from_outside_needs_keys_as_well() {
    let public = [("--host".to_owned(), "0.0.0.0".to_owned())];
    assert!(crate::parse("", "config.yaml", &public).0.is_none());
    assert!(crate::parse(super::GOOD_KEY, "config.yaml", &public).0.is_some());
}
