//! What became of each setting and file of the old installation, and how that is told. It holds names and reasons, never
//! a value.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It could not be read, and was left where it is.
    Broken,
    /// It decided something that is decided differently now; somebody should look.
    Lost,
    /// Nobody knows what it is.
    Unknown,
    /// An account that cannot be used yet; its file was copied as it is.
    Kept,
    /// A later version will use it.
    Later,
    /// It is not done here, by design.
    Refused,
    /// There is nothing like it here, and nothing to do about that.
    Gone,
    /// It means the same under another name or in another form.
    Converted,
    /// It stands in the new file as it stood in the old one.
    Same,
}

/// In the order in which they are told, with the heading of each.
const HEADINGS: &[(Outcome, &str)] = &[
    (Outcome::Broken, "Could not be read, and was left alone"),
    (Outcome::Lost, "Decided differently now: please look"),
    (Outcome::Unknown, "Not known to anybody here"),
    (Outcome::Kept, "Accounts kept for later, not yet served"),
    (Outcome::Later, "Known, coming with a later version"),
    (Outcome::Refused, "Not done, by design"),
    (Outcome::Gone, "Without a counterpart, and nothing to do"),
    (Outcome::Converted, "Converted"),
    (Outcome::Same, "The same as before"),
];

/// One setting or file, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The old file, as its installation calls it.
    pub file: String,
    /// The way to the setting in it; empty for the whole file.
    pub key: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, and what to do instead; what it is called now.
    pub note: Cow<'static, str>,
}

impl Outcome {
    /// Whether somebody should look at it.
    pub fn wants_attention(self) -> bool {
        matches!(self, Self::Broken | Self::Lost | Self::Unknown | Self::Kept)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Lost => "look",
            Self::Unknown => "unknown",
            Self::Kept => "kept",
            Self::Later => "later",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::Converted => "converted",
            Self::Same => "same",
        }
    }
}

/// All findings of an import, ready to be told.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a>(pub &'a [Finding]);

/// Most names that one line tells.
const MOST_NAMES: usize = 20;

impl Summary<'_> {
    /// Whether somebody should look at something.
    pub fn wants_attention(&self) -> bool {
        self.0.iter().any(|finding| finding.outcome.wants_attention())
    }

    /// How many findings there are of an outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.0.iter().filter(|finding| finding.outcome == outcome).count()
    }

    /// For people: counts first, then everything but what is as before.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{} settings and files: {} the same, {} converted, {} for a later version, {} not done by design, \
             {} without a counterpart, {} to look at",
            self.0.len(),
            self.count(Outcome::Same),
            self.count(Outcome::Converted),
            self.count(Outcome::Later),
            self.count(Outcome::Refused),
            self.count(Outcome::Gone),
            self.0.iter().filter(|finding| finding.outcome.wants_attention()).count(),
        );
        for (outcome, heading) in HEADINGS.iter().filter(|(outcome, _)| *outcome != Outcome::Same) {
            let lines = self.lines(*outcome);
            if !lines.is_empty() {
                let _ = writeln!(out, "\n{heading}:");
                lines.iter().for_each(|line| _ = writeln!(out, "  {line}"));
            }
        }
        out
    }

    /// One line for all settings of a file of which the same is to be said.
    fn lines(&self, outcome: Outcome) -> Vec<String> {
        let mut order: Vec<(&str, &str)> = Vec::new();
        let mut named: BTreeMap<(&str, &str), Vec<(String, usize)>> = BTreeMap::new();
        for finding in self.0.iter().filter(|finding| finding.outcome == outcome) {
            // Of whole files of which the same is to be said one line tells, too.
            let whole = finding.key.is_empty();
            let place = (if whole { "" } else { finding.file.as_str() }, &*finding.note);
            let names = named.entry(place).or_insert_with(|| {
                order.push(place);
                Vec::new()
            });
            let name = if whole { finding.file.clone() } else { unnumbered(&finding.key) };
            match names.iter_mut().find(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => names.push((name, 1)),
            }
        }
        order.iter().map(|place| line(place.0, place.1, &named[place])).collect()
    }

    /// For programs: every finding, those that are as before included.
    pub fn json(&self) -> serde_json::Value {
        let findings = self.0.iter().map(|finding| {
            json!({
                "file": finding.file,
                "key": finding.key,
                "outcome": finding.outcome.word(),
                "note": finding.note,
                "attention": finding.outcome.wants_attention(),
            })
        });
        let counts = HEADINGS.iter().map(|(outcome, _)| (outcome.word().to_owned(), json!(self.count(*outcome))));
        json!({
            "counts": counts.collect::<serde_json::Map<_, _>>(),
            "findings": findings.collect::<Vec<_>>(),
        })
    }
}

fn line(file: &str, note: &str, names: &[(String, usize)]) -> String {
    let mut shown: Vec<String> = names.iter().take(MOST_NAMES).map(|(name, count)| times(name, *count)).collect();
    if names.len() > MOST_NAMES {
        shown.push(format!("and {} more", names.len() - MOST_NAMES));
    }
    let place = if file.is_empty() { shown.join(", ") } else { format!("{file}: {}", shown.join(", ")) };
    if note.is_empty() { place } else { format!("{place}: {note}") }
}

fn times(name: &str, count: usize) -> String {
    if count > 1 { format!("{name} ({count} times)") } else { name.to_owned() }
}

/// `a[3].b` as `a[].b`: one line tells of all of them.
fn unnumbered(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    let mut inside = false;
    for c in key.chars() {
        inside = inside && c != ']';
        if !inside {
            out.push(c);
        }
        inside = inside || c == '[';
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(key: &str, outcome: Outcome, note: &'static str) -> Finding {
        Finding { file: "config.json".to_owned(), key: key.to_owned(), outcome, note: note.into() }
    }

    #[test]
    fn the_same_is_said_once() {
        let findings = [
            finding("pool[0].uuid", Outcome::Gone, "a number of its own"),
            finding("pool[1].uuid", Outcome::Gone, "a number of its own"),
            finding("pool[1].usage", Outcome::Gone, "a number of its own"),
            finding("HOST", Outcome::Lost, "write it yourself"),
            finding("PORT", Outcome::Same, ""),
        ];
        let summary = Summary(&findings);
        assert!(summary.wants_attention());
        let text = summary.text();
        assert!(text.starts_with("5 settings and files: 1 the same, 0 converted,"), "{text}");
        assert!(text.contains("\n  config.json: HOST: write it yourself\n"), "{text}");
        assert!(text.contains("\n  config.json: pool[].uuid (2 times), pool[].usage: a number of its own\n"), "{text}");
        assert!(!text.contains("PORT"), "{text}");
        assert!(text.find("please look").unwrap() < text.find("nothing to do").unwrap());
        assert_eq!(summary.json()["counts"]["gone"], 3);
        assert_eq!(summary.json()["findings"].as_array().unwrap().len(), 5);
    }

    #[test]
    fn every_outcome_has_a_heading() {
        let all = HEADINGS.iter().map(|(outcome, _)| finding("a", *outcome, "why")).collect::<Vec<_>>();
        assert_eq!(Summary(&all).text().matches("why").count(), all.len() - 1);
        assert_eq!(all.len(), Outcome::Same as usize + 1);
    }
}
