//! Whole files in, reports and values out.

mod bounds;
mod extra_calls;
mod overrides;
mod reports;
mod schema;
mod secrets;
mod values;

use crate::{Config, Report};

/// A key that no check minds.
const GOOD_KEY: &str = "api-keys: [0123456789abcdef]\n";

fn parse(text: &str) -> (Option<Config>, Report) {
    crate::parse(text, "config.yaml", &[])
}

/// The configuration of a text that is right, notes aside.
#[track_caller]
fn good(text: &str) -> Config {
    let (config, report) = parse(&format!("{GOOD_KEY}{text}"));
    assert!(report.errors.is_empty() && report.warnings.is_empty(), "{report}");
    config.unwrap()
}

/// The only error of a text.
#[track_caller]
fn error(text: &str) -> String {
    let (config, report) = parse(&format!("{GOOD_KEY}{text}"));
    assert!(config.is_none(), "{text}");
    assert_eq!(report.errors.len(), 1, "{report}");
    report.errors[0].message().to_owned()
}

/// The only warning of a text.
#[track_caller]
fn warning(text: &str) -> String {
    let (config, report) = parse(&format!("{GOOD_KEY}{text}"));
    assert!(config.is_some(), "{report}");
    assert_eq!(report.warnings.len(), 1, "{report}");
    report.warnings[0].message().to_owned()
}
