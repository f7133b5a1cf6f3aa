//! An explanation for people: one line for each account, in the order in which they would be asked, then those that are
//! out and why, then what a failure would do next.

use std::fmt::Write as _;

use gateway::{
    Candidate, Checked, Explanation, Extent, Hedged, Hedging, Hindrance, LeftOut, Next, Reason, Speaks, State, Told,
};

use super::Explained;

const HEAD: [&str; 7] = ["ORDER", "ACCOUNT", "KIND", "MODEL", "PRIORITY", "SPEAKS", "STATE"];

/// The whole text.
pub(super) fn text(explained: &Explained) -> String {
    let told = &explained.explanation;
    let mut out = head(explained);
    if !told.candidates.is_empty() || !told.left_out.is_empty() {
        out.push_str(&rows(told));
    }
    // Writing to a String cannot fail.
    if told.not_shown > 0 {
        let _ = writeln!(out, "and {} more that serve it", told.not_shown);
    }
    if told.elsewhere > 0 {
        let _ = writeln!(out, "{} further account(s) do not have this model", told.elsewhere);
    }
    for file in &told.unread {
        let _ = writeln!(out, "not used as it stands: {file}");
    }
    out.push_str(&told.hedge.as_ref().map(hedge).unwrap_or_default());
    out.push_str(&checks(&told.candidates));
    match &told.error {
        Some(error) => {
            let _ = writeln!(out, "now: the client gets {}", words(error));
            out.push_str(&ways(&told.next));
        }
        None => out.push_str(&next(told)),
    }
    out
}

fn head(explained: &Explained) -> String {
    let told = &explained.explanation;
    let by = explained
        .server
        .as_ref()
        .map_or("by the configuration alone".to_owned(), |server| format!("by the gateway at {server}"));
    let as_name = if told.asked == told.model { String::new() } else { format!(" (served as `{}`)", told.model) };
    let key = told.key.as_ref().map_or("no key's limits".to_owned(), |key| format!("the key `{key}`"));
    let strategy = told.strategy.as_ref().map(|strategy| format!(", {strategy}")).unwrap_or_default();
    format!("`{}`{as_name}: {}, asked in {}, with {key}{strategy}; {by}\n", told.asked, told.operation, told.dialect)
}

fn rows(told: &Explanation) -> String {
    let mut candidates: Vec<&Candidate> = told.candidates.iter().collect();
    candidates.sort_by_key(|candidate| candidate.place.unwrap_or(usize::MAX));
    let first = |candidate: &Candidate| told.pick.as_ref().filter(|_| candidate.place == Some(1));
    let rows = candidates.into_iter().map(|it| row(it, first(it).map(|pick| pick.why)));
    let rows: Vec<_> =
        std::iter::once(HEAD.map(str::to_owned)).chain(rows).chain(told.left_out.iter().map(left_out)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 7] = std::array::from_fn(width);
    rows.iter().fold(String::new(), |mut out, row| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        out.push_str(line.trim_end());
        out.push('\n');
        out
    })
}

fn row(candidate: &Candidate, picked: Option<Reason>) -> [String; 7] {
    let Candidate { label, kind, model, priority, weight, speaks, place, .. } = candidate;
    let order = place.map_or("out".to_owned(), |place| format!("{place}."));
    let state = match picked {
        _ if candidate.credential.is_some() => candidate.credential.clone().unwrap_or_default(),
        None => state(&candidate.state),
        Some(why) => format!("{}; asked first, {}", state(&candidate.state), reason(why)),
    };
    let priority = format!("{priority}, weight {weight}");
    [order, label.clone(), kind.clone(), model.clone(), priority, language(speaks), state]
}

fn left_out(one: &LeftOut) -> [String; 7] {
    let why = match &one.why {
        Hindrance::Key => "the key may not use it".to_owned(),
        Hindrance::Provider => "not of the provider that was named".to_owned(),
        Hindrance::Excluded { pattern: Some(pattern) } => format!("the model is excluded there by `{pattern}`"),
        Hindrance::Excluded { pattern: None } => "the model is excluded there".to_owned(),
        Hindrance::Disabled => "its entry is disabled".to_owned(),
        Hindrance::Weight => "its weight is 0, and the strategy goes by weights".to_owned(),
    };
    let none = String::new;
    ["out".to_owned(), one.label.clone(), one.kind.clone(), none(), none(), none(), why]
}

fn reason(why: Reason) -> &'static str {
    match why {
        Reason::Session => "as the conversation is with it",
        Reason::Strategy => "by the strategy",
        Reason::Line => "in its line, as nobody is ready",
        Reason::LastResort => "as a last resort, as nobody is ready",
    }
}

fn language(speaks: &Speaks) -> String {
    match speaks {
        Speaks::Relayed { dialect } => format!("{dialect}, relayed"),
        Speaks::Translated { dialect } => format!("{dialect}, translated"),
        Speaks::Itself => "answers by itself".to_owned(),
        Speaks::Estimate => "the gateway estimates".to_owned(),
        Speaks::Nothing => "cannot do this".to_owned(),
    }
}

fn state(state: &State) -> String {
    match state {
        State::Ready => "ready".to_owned(),
        State::Busy { waiting, line_full: false } => format!("busy, {waiting} waiting"),
        State::Busy { waiting, line_full: true } => format!("busy, {waiting} waiting, no more may"),
        State::Out { probing: true, .. } => "one request is finding out whether it is well again".to_owned(),
        State::Out { cause, extent, back_in_ms, until, named, .. } => {
            let what = match extent {
                Extent::Model => "for this model",
                Extent::Account => "for every model",
                Extent::Site => "with its whole site",
            };
            let named = if *named { ", as its provider says" } else { "" };
            format!("benched {what} for {cause}, {} more (until {until}){named}", time(*back_in_ms))
        }
    }
}

fn next(told: &Explanation) -> String {
    let mut out = String::new();
    if let Some(wait) = told.next.wait_ms {
        let what = if told.order.is_empty() { "nobody is ready: the request waits" } else { "then: again after" };
        let _ = writeln!(out, "{what} {}, at most {} round(s) in all", time(wait), told.next.rounds);
    }
    out.push_str(&ways(&told.next));
    if let Some(error) = &told.next.error {
        let _ = writeln!(out, "then: the client gets {}", words(error));
    }
    out
}

/// A second account for a slow first one.
fn hedge(hedge: &Hedging) -> String {
    let Hedging { streams, whole_replies, max_percent, saved, second } = hedge;
    let of = |what: &str, hedged: &Hedged| match hedged {
        Hedged::Never => None,
        Hedged::NotYet => Some(format!("{what}: not yet, too few answers are known")),
        Hedged::After { ms } => Some(format!("{what}: after {}", time(*ms))),
    };
    let when: Vec<_> = [of("streams", streams), of("whole replies", whole_replies)].into_iter().flatten().collect();
    if when.is_empty() {
        return "if it is slow: nobody is asked beside it\n".to_owned();
    }
    let second = second.as_ref().map_or("nobody is ready".to_owned(), |label| format!("{label} is asked beside it"));
    format!("if it is slow: {second}; {}; {max_percent} of 100 requests at most, {saved} now\n", when.join("; "))
}

/// When accounts were checked, and are next.
fn checks(candidates: &[Candidate]) -> String {
    candidates.iter().fold(String::new(), |mut out, candidate| {
        let Some(Checked { last, found, next, next_in_ms }) = &candidate.check else { return out };
        let last = last.as_ref().map_or("not yet".to_owned(), |at| {
            format!("{at}, {}", found.as_deref().map_or("well".to_owned(), |found| format!("found {found}")))
        });
        let next = next
            .as_ref()
            .map_or("never".to_owned(), |at| format!("{at} (in {})", time(next_in_ms.unwrap_or_default())));
        let _ = writeln!(out, "checked: {}: {last}; next {next}", candidate.label);
        out
    })
}

fn ways(next: &Next) -> String {
    next.fallback.iter().fold(String::new(), |mut out, way| {
        let what = match &way.error {
            Some(error) => format!("nobody: {}", error.message),
            None => way.order.join(", "),
        };
        let _ = writeln!(out, "then: `{}` in its place, asked of {what}", way.model);
        out
    })
}

fn words(told: &Told) -> String {
    let retry = told.retry_after_ms.map(|wait| format!(", to try again in {}", time(wait))).unwrap_or_default();
    format!("{}: {}{retry}", told.status, told.message)
}

fn time(millis: u64) -> String {
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..120_000 => format!("{} s", millis / 1000),
        _ => format!("{} min", millis / 60_000),
    }
}
