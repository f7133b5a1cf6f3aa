//! The order of a new file: groups of settings with a heading each, as the example file has them.

use config::document::{Entry, Node, Value};

use crate::yaml;

/// Where the groups stand, so that a new setting has its place as soon as it is documented.
const EXAMPLE: &str = include_str!("../../../config.example.yaml");
/// How a heading begins.
const MARK: &str = "# --- ";
/// The heading of settings that the example does not show, because nothing acts on them yet.
const OTHERS: &str = "Not used yet";

/// Width of a heading's line.
const WIDTH: usize = 118;

/// Headings, and the settings below each.
fn groups() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in EXAMPLE.lines() {
        if let Some(title) = line.strip_prefix(MARK) {
            groups.push((title.trim_end_matches('-').trim_end(), Vec::new()));
        } else if let (Some(key), Some((_, keys))) = (top_level(line), groups.last_mut()) {
            keys.push(key);
        }
    }
    groups
}

/// The setting of a line, also of one that is off.
fn top_level(line: &str) -> Option<&str> {
    let line = line.strip_prefix('#').unwrap_or(line);
    let (key, _) = line.split_once(':')?;
    line.starts_with(|c: char| c.is_ascii_lowercase()).then_some(key).filter(|key| !key.contains(' '))
}

/// The text of a new file. `head` and `tail` are remarks before and behind all settings.
pub(crate) fn text(root: &Node, head: &[String], tail: &[String]) -> String {
    let mut out = String::new();
    yaml::remarks(head, 0, &mut out);
    let groups = groups();
    for (title, keys) in &groups {
        group(title, keys.iter().filter_map(|key| root.entries().iter().find(|entry| entry.key == *key)), &mut out);
    }
    let grouped = |entry: &&Entry| groups.iter().any(|(_, keys)| keys.contains(&entry.key.as_str()));
    group(OTHERS, root.entries().iter().filter(|entry| !grouped(entry)), &mut out);
    if !tail.is_empty() {
        heading("Kept for later", &mut out);
        yaml::remarks(tail, 0, &mut out);
    }
    out
}

fn group<'a>(title: &str, entries: impl Iterator<Item = &'a Entry>, out: &mut String) {
    let mut large = true;
    for (at, entry) in entries.enumerate() {
        if at == 0 {
            heading(title, out);
        }
        // Sections and lists stand apart; single settings form a block.
        let is_large = matches!(&entry.node.value, Value::List(_) | Value::Map(_)) || !entry.node.above.is_empty();
        if at > 0 && (large || is_large) {
            out.push('\n');
        }
        large = is_large;
        yaml::entry(entry, 0, out);
    }
}

fn heading(title: &str, out: &mut String) {
    let line = format!("\n{MARK}{title} ");
    let rest = WIDTH.saturating_sub(line.len() - 1);
    out.push_str(&line);
    out.push_str(&"-".repeat(rest));
    out.push_str("\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_has_groups_of_settings() {
        let groups = groups();
        let keys = |title: &str| &groups.iter().find(|(known, _)| *known == title).unwrap().1;
        assert!(keys("Listener").starts_with(&["host", "port", "tls"]));
        assert!(keys("Accounts by key").contains(&"openai-compatibility"));
        let all: Vec<_> = groups.iter().flat_map(|(_, keys)| keys).collect();
        assert!(all.len() > 30 && all.iter().all(|key| config::document::useful_keys().any(|known| known == **key)));
    }

    #[test]
    fn settings_stand_under_headings_in_order() {
        let old = "port: 1\nfidelity: strict\nhost: a\n# mine\ntls: {enable: false}\nx-own: 2\n";
        let root = config::document::document(old.as_bytes(), "old.yaml").unwrap().root;
        let text = text(&root, &[" From the old one.".to_owned()], &[" more".to_owned()]);
        let lines: Vec<_> = text.lines().map(|line| line.trim_end_matches('-')).collect();
        let wanted = "# From the old one.\n\n# --- Listener \n\nhost: a\nport: 1\n\n# mine\ntls:\n  enable: false\n\n\
            # --- Changing requests \n\nfidelity: strict\n\n# --- Not used yet \n\nx-own: 2\n\n# --- Kept for later \n\n# more";
        assert_eq!(lines.join("\n"), wanted);
    }
}
