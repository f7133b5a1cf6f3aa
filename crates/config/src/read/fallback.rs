//! What is asked when nobody answers: chains of models, and chains of providers. Circles and contradictions are errors.

use super::{Item, Section};
use crate::report::Problems;

/// One line of a list: where it stands, whose it is, and what it names.
struct Step<'a> {
    item: Item<'a>,
    from: String,
    to: String,
}

/// The chains below a key, each with all that follows from it: when `a` leads to `b` and `b` to `c`, `a` leads to both.
pub(crate) fn chains(
    root: &Section<'_>,
    key: &str,
    tidy: fn(&str) -> String,
    problems: &mut Problems,
) -> Vec<(String, Vec<String>)> {
    let steps = steps(root, key, tidy, problems);
    for (number, step) in steps.iter().enumerate() {
        let earlier = &steps[..number];
        if step.from == step.to {
            step.wrong("names itself", problems);
        } else if earlier.iter().any(|other| other.from == step.from && other.to == step.to) {
            step.wrong("names the same twice", problems);
        } else if let Some(ring) = ring(earlier, step) {
            step.wrong(&format!("closes a circle: {ring}"), problems);
        }
    }
    let mut names: Vec<&str> = steps.iter().map(|step| step.from.as_str()).collect();
    names.dedup();
    names.into_iter().map(|name| (name.to_owned(), following(&steps, name))).collect()
}

fn steps<'a>(root: &Section<'a>, key: &str, tidy: fn(&str) -> String, problems: &mut Problems) -> Vec<Step<'a>> {
    let Some(item) = root.get(key) else { return Vec::new() };
    let section = Section::at(item.node, item.path.clone(), problems);
    let mut steps = Vec::new();
    for entry in item.node.entries().iter().filter(|entry| !entry.value.is_null()) {
        for item in section.list(&entry.key, problems) {
            let to = tidy(&item.text(problems).unwrap_or_default());
            if !to.is_empty() {
                steps.push(Step { item, from: tidy(&entry.key), to });
            }
        }
    }
    steps
}

impl Step<'_> {
    fn wrong(&self, what: &str, problems: &mut Problems) {
        let message = format!("`{}` {what}", self.item.path);
        problems.error(self.item.span(), message).help("each chain must come to an end");
    }
}

/// The way from a step's end back to its beginning, if there is one.
fn ring(steps: &[Step<'_>], step: &Step<'_>) -> Option<String> {
    let way = way(steps, &step.to, &step.from, &mut Vec::new())?;
    Some([vec![step.from.clone()], way].concat().join(" -> "))
}

fn way(steps: &[Step<'_>], from: &str, to: &str, seen: &mut Vec<String>) -> Option<Vec<String>> {
    if from == to {
        return Some(vec![to.to_owned()]);
    }
    if seen.iter().any(|name| name == from) {
        return None;
    }
    seen.push(from.to_owned());
    let mut next = steps.iter().filter(|step| step.from == from);
    next.find_map(|step| Some([vec![from.to_owned()], way(steps, &step.to, to, seen)?].concat()))
}

/// What a name leads to, nearest first, each once.
fn following(steps: &[Step<'_>], name: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let direct =
        |name: &str| steps.iter().filter(|step| step.from == *name).map(|step| step.to.clone()).collect::<Vec<_>>();
    let mut open = direct(name);
    open.reverse();
    while let Some(next) = open.pop() {
        if next == name || found.contains(&next) {
            continue;
        }
        open.extend(direct(&next).into_iter().rev());
        found.push(next);
    }
    found
}
