//! Rules on what a provider's error means, as the user knows it: `request-scoped-errors`.

use regex::RegexBuilder;

use super::Section;
use crate::checked::{ErrorAction, ErrorPattern, ErrorRule};
use crate::report::Problems;
use crate::schema::Kind;

/// Largest compiled pattern, in bytes.
const PATTERN_SIZE: usize = 1 << 20;

const ACTIONS: &[(&str, ErrorAction)] = &[
    ("stop", ErrorAction::Stop),
    ("stop-and-cooldown", ErrorAction::StopAndCooldown),
    ("continue", ErrorAction::Continue),
    ("continue-and-cooldown", ErrorAction::ContinueAndCooldown),
];

/// The rules below a key, in file order.
pub(crate) fn rules(section: &Section<'_>, key: &str, problems: &mut Problems) -> Vec<ErrorRule> {
    let sections = section.sections(key, problems);
    sections.iter().filter_map(|section| rule(section, problems)).collect()
}

fn rule(section: &Section<'_>, problems: &mut Problems) -> Option<ErrorRule> {
    let status = section.whole("status", 100..=599, problems).and_then(|status| u16::try_from(status).ok());
    let contains = section.list("match", problems).iter().filter_map(|item| item.text(problems)).collect();
    let mut patterns = Vec::new();
    for item in section.list("match-regexr", problems) {
        let text = item.text(problems).unwrap_or_default();
        match RegexBuilder::new(&text).size_limit(PATTERN_SIZE).build() {
            Ok(pattern) => patterns.push(ErrorPattern(pattern)),
            Err(_) => item.wrong(Kind::Text, "a regular expression", problems),
        }
    }
    let action = section.choice("action", ACTIONS, problems);
    let (Some(status), Some(action)) = (status, action) else {
        let message = format!("`{}` needs both `status` and `action`; ignored", section.path());
        problems.warn(section.span(), message);
        return None;
    };
    Some(ErrorRule { status, contains, patterns, action })
}
