//! `bosporus explain`: who would answer a request for a model, by the configuration alone. What a running process has
//! learned of its accounts is not known here.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use gateway::{App, Candidate, Explanation, State};
use serde_json::json;

use crate::args::Args;
use crate::setup;

/// Explains; 1 when nobody would answer.
pub(crate) fn run(args: &Args, model: &str, key: Option<&str>, as_json: bool) -> Result<ExitCode, String> {
    let app = App::new(setup::existing(args)?).map_err(|error| error.to_string())?;
    let (text, code) = match app.explain(model, key) {
        Ok(explanation) if as_json => (format!("{}\n", object(model, key, &explanation)), ExitCode::SUCCESS),
        Ok(explanation) => (lines(model, &explanation), ExitCode::SUCCESS),
        Err(fault) if as_json => {
            let error = json!({"model": model, "key": key, "status": fault.status().as_u16(), "error": fault.message});
            (format!("{error}\n"), ExitCode::FAILURE)
        }
        Err(fault) => (format!("{model}: {} ({})\n", fault.message, fault.status().as_u16()), ExitCode::FAILURE),
    };
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(|error| format!("cannot write: {error}"))?;
    Ok(code)
}

fn object(model: &str, key: Option<&str>, explanation: &Explanation) -> serde_json::Value {
    let labels: Vec<_> = explanation.order.iter().filter_map(|at| explanation.candidates.get(*at)).collect();
    json!({
        "model": model,
        "key": key,
        "strategy": strategy(explanation),
        "rounds": explanation.rounds,
        "order": labels.iter().map(|candidate| &candidate.label).collect::<Vec<_>>(),
        "candidates": explanation.candidates.iter().map(candidate).collect::<Vec<_>>(),
    })
}

fn candidate(candidate: &Candidate) -> serde_json::Value {
    json!({
        "account": candidate.account,
        "label": candidate.label,
        "kind": candidate.kind,
        "model": candidate.model,
        "priority": candidate.priority,
        "weight": candidate.weight,
        "state": state(candidate),
    })
}

fn lines(model: &str, explanation: &Explanation) -> String {
    let mut text = format!("{model}: {} account(s), {}\n", explanation.candidates.len(), strategy(explanation));
    // Writing to a String cannot fail.
    for (place, at) in explanation.order.iter().enumerate() {
        let Some(candidate) = explanation.candidates.get(*at) else { continue };
        let what = if place == 0 { "is asked first" } else { "is asked when that fails" };
        let _ = writeln!(text, "  {}. {} {what}{}", place + 1, candidate.label, detail(candidate));
    }
    for (at, candidate) in explanation.candidates.iter().enumerate() {
        if !explanation.order.contains(&at) {
            let _ = writeln!(text, "  -  {} is left out: {}{}", candidate.label, state(candidate), detail(candidate));
        }
    }
    let _ = writeln!(text, "  rounds: {}", explanation.rounds);
    text
}

fn detail(candidate: &Candidate) -> String {
    let Candidate { kind, model, priority, weight, .. } = candidate;
    format!(" ({kind}, as `{model}`, priority {priority}, weight {weight})")
}

fn strategy(explanation: &Explanation) -> &'static str {
    explanation.strategy.name()
}

fn state(candidate: &Candidate) -> String {
    match candidate.state {
        State::Ready => "ready".to_owned(),
        State::Busy { waiting } => format!("busy, {waiting} waiting"),
        State::Out { back_in, cause, .. } => format!("benched for {cause:?}, {} s more", back_in.as_secs()),
    }
}
