//! The way from text to [`Config`] and [`Report`], one line for each stage.

use std::ops::Range;

use crate::checked::Config;
use crate::outline::Outline;
use crate::report::{Problems, Report};
use crate::schema::{self, Field, Kind, ROOT};
use crate::source::{Source, Text};
use crate::tree::{self, MAX_FILE};
use crate::{legacy, overrides, read, survey};

/// Reads a configuration.
///
/// `name` is what messages call the file. `overrides` are `(name, value)` pairs such as
/// `("BOSPORUS_ROUTING__STRATEGY", "fill-first")` or `("--port", "8080")`; a later one wins over an earlier one, and all
/// win over the file. Segments are separated by `__`, list entries are numbered from 0, `_` stands for `-`.
///
/// The configuration is there exactly when the report has no errors.
pub fn parse(text: &str, name: &str, overrides: &[(String, String)]) -> (Option<Config>, Report) {
    let (config, report, _) = staged(text, name, overrides);
    (config, report)
}

fn staged(text: &str, name: &str, overrides: &[(String, String)]) -> (Option<Config>, Report, Outline) {
    let mut problems = Problems::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_FILE {
        problems.error(None, format!("the file is larger than {} MiB", MAX_FILE >> 20));
        return (None, problems.report(name, &Text::new("", Vec::new(), Vec::new()), &[]), Outline::default());
    }
    let syntax = tree::build(text, Source::File, &mut problems);
    let names: Vec<&str> = overrides.iter().map(|(name, _)| name.as_str()).collect();
    let Some(mut root) = syntax.root else {
        let covers = covered_lines(text);
        return (None, problems.report(name, &Text::new(text, covers, Vec::new()), &names), Outline::default());
    };
    overrides::apply(&mut root, overrides, &mut problems);
    legacy::migrate(&mut root, &mut problems);
    let outline = Outline::of(&root);
    let covers = survey::survey(&root, &mut problems);
    let config = read::read(&root, &mut problems);
    drop(root);
    let config = (!problems.has_errors()).then_some(config);
    (config, problems.report(name, &Text::new(text, covers, syntax.scalars), &names), outline)
}

/// The same for bytes as they came from a disk.
pub fn parse_bytes(bytes: &[u8], name: &str, overrides: &[(String, String)]) -> (Option<Config>, Report) {
    let (config, report, _) = outlined(bytes, name, overrides);
    (config, report)
}

/// The same, with the outline by which two versions are told apart; empty where the text is no YAML.
pub fn outlined(bytes: &[u8], name: &str, overrides: &[(String, String)]) -> (Option<Config>, Report, Outline) {
    match str::from_utf8(bytes) {
        Ok(text) => staged(text, name, overrides),
        Err(wrong) => {
            let mut problems = Problems::default();
            let line = bytes.iter().take(wrong.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
            problems.error(None, format!("the file is not UTF-8 text (first wrong byte on line {line})"));
            (None, problems.report(name, &Text::new("", Vec::new(), Vec::new()), &[]), Outline::default())
        }
    }
}

/// What to hide of a file that is no YAML, where no tree can tell: every value but those of keys that never hold a
/// secret.
fn covered_lines(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut covers = Vec::new();
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches(['\n', '\r']);
        covers.extend(hidden_part(body).map(|from| start + from..start + body.len()));
        start += line.len();
    }
    covers
}

/// Where the part of a line begins that must not be shown.
fn hidden_part(line: &str) -> Option<usize> {
    let lead = line.len() - line.trim_start_matches([' ', '\t', '-']).len();
    let rest = line.get(lead..).unwrap_or("");
    if rest.is_empty() {
        return None;
    }
    let Some((key, value)) = rest.split_once(':') else { return Some(lead) };
    let value_at = lead + key.len() + 1;
    let value = value.trim_start();
    // `key` is a file name in `tls`, but may be a header elsewhere; and a line may hold more than one key.
    let single = key != "key" && !value.contains([':', '{', '@']);
    match named(ROOT, key) {
        Some(kind) if single && kind.shows(value) => None,
        Some(_) if value.is_empty() => None,
        Some(_) => Some(value_at + (line.len() - value_at - value.len())),
        None => Some(lead),
    }
}

/// The kind of a key wherever it may stand; where it stands in several places, the most secret one.
fn named(fields: &'static [Field], key: &str) -> Option<Kind> {
    let below = fields.iter().filter_map(|field| named(field.kind.fields(), key));
    let here = schema::field(fields, key).map(|field| field.kind);
    here.into_iter().chain(below).min_by_key(|kind| kind.shows(""))
}
