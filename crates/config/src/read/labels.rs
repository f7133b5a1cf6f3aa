//! The names that users give to accounts. An account's id hangs on its label, so no two may share one, whatever list
//! they stand in.

use std::collections::HashMap;

use super::{Item, Section};
use crate::checked::KEYED;
use crate::report::Problems;

/// Longest label, in characters.
pub(crate) const MAX_LABEL: usize = 64;
/// The lists of accounts besides those of [`KEYED`], and the list of keys below an entry where that is where the accounts
/// are.
const LISTS: [(&str, Option<&str>); 2] = [("ollama", None), ("openai-compatibility", Some("api-key-entries"))];

/// Whether a text can be a label at all.
pub(crate) fn fits(label: &str) -> bool {
    label.chars().count() <= MAX_LABEL && !label.chars().any(char::is_control)
}

/// The `label` of an account. `#` is for those that are counted, and `*` for patterns.
pub(crate) fn of_account(section: &Section<'_>, problems: &mut Problems) -> Option<String> {
    let label = section.text("label", problems)?;
    if fits(&label) && !label.contains(['#', '*']) {
        return Some(label);
    }
    let message =
        format!("`{}.label` must be at most {MAX_LABEL} visible characters, without `#` and `*`", section.path());
    problems.error(section.get("label").map(|item| item.span()), message);
    None
}

/// Tells of labels that two accounts share.
pub(crate) fn check(root: &Section<'_>, problems: &mut Problems) {
    let mut quiet = Problems::default();
    let mut seen: HashMap<String, Item<'_>> = HashMap::new();
    for (list, below) in KEYED.iter().map(|list| (list.section, None)).chain(LISTS) {
        for entry in root.sections(list, &mut quiet) {
            let accounts = match below {
                None => vec![entry],
                Some(below) => entry.sections(below, &mut quiet),
            };
            for item in accounts.iter().filter_map(|account| account.get("label")) {
                let label = item.scalar().unwrap_or_default().trim().to_owned();
                if label.is_empty() {
                    continue;
                }
                match seen.get(&label) {
                    Some(earlier) => {
                        let message = format!("`{}` is the label of an earlier account, `{}`", item.path, earlier.path);
                        problems.error(item.span(), message).help("accounts are told apart by their labels");
                    }
                    None => _ = seen.insert(label, item),
                }
            }
        }
    }
}
