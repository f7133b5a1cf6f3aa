//! Reads `options`. What tunes the machine that runs a model says nothing to a gateway and is left out in silence.

use dialect::read::as_text;
use dialect::{Body, scan};
use hub::{Fault, Losses, Request};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Options of sampling that no other dialect has.
const NO_PLACE: [&str; 10] = [
    "repeat_penalty",
    "repeat_last_n",
    "min_p",
    "typical_p",
    "tfs_z",
    "mirostat",
    "mirostat_tau",
    "mirostat_eta",
    "penalize_newline",
    "draft_num_predict",
];

/// The highest temperature outside Ollama, which takes any.
const HOTTEST: f64 = 2.0;

/// Reads every option.
pub(crate) fn read(body: &Body, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    let Some(json) = body.raw("options") else { return Ok(()) };
    let index = scan::object(json.as_bytes())
        .map_err(|error| Fault::bad_request(format!("invalid `options`: {error}")).at("options"))?;
    for (name, value) in index.entries(json.as_bytes()).filter(|(_, value)| *value != "null") {
        option(&name, value, request, losses)?;
    }
    Ok(())
}

fn option(name: &str, json: &str, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    let sampling = &mut request.sampling;
    match name {
        // Nothing, or less, is "until the end" (`numPredict > 0` in Ollama's runner).
        "num_predict" => {
            sampling.max_tokens = whole(name, json)?.filter(|most| *most > 0).map(i64::unsigned_abs);
        }
        "temperature" => {
            let asked: f64 = get(name, json)?;
            if asked > HOTTEST {
                losses.approximated("options.temperature", format!("sent as {HOTTEST}, the most that others take"));
            }
            sampling.temperature = Some(asked.min(HOTTEST));
        }
        "top_p" => sampling.top_p = Some(get(name, json)?),
        "top_k" => sampling.top_k = whole(name, json)?.filter(|top| *top > 0).map(i64::unsigned_abs),
        // The server's own default: a seed of its choice.
        "seed" => sampling.seed = whole(name, json)?.filter(|seed| *seed != -1),
        "stop" => sampling.stop = stop(json)?,
        "frequency_penalty" => sampling.frequency_penalty = Some(get(name, json)?).filter(|by| is_set(*by)),
        "presence_penalty" => sampling.presence_penalty = Some(get(name, json)?).filter(|by| is_set(*by)),
        name if NO_PLACE.contains(&name) => losses.dropped(format!("options.{name}"), "no such setting elsewhere"),
        name => losses.silent(format!("options.{name}")),
    }
    Ok(())
}

fn is_set(penalty: f64) -> bool {
    penalty.abs() > f64::EPSILON
}

fn get<'a, T: Deserialize<'a>>(name: &str, json: &'a str) -> Result<T, Fault> {
    dialect::read::text(json).map_err(|_| invalid(name))
}

fn invalid(name: &str) -> Fault {
    Fault::bad_request(format!("option \"{name}\" has the wrong type")).at(format!("options.{name}"))
}

/// A whole number; programs written in languages without them send `128.0`.
fn whole(name: &str, json: &str) -> Result<Option<i64>, Fault> {
    if let Ok(value) = json.parse() {
        return Ok(Some(value));
    }
    let value: f64 = get(name, json)?;
    // The cast saturates, which is near enough for a number of this size.
    Ok(Some(value as i64))
}

/// One text or a list of them.
fn stop(json: &str) -> Result<Vec<String>, Fault> {
    let raw: &RawValue = get("stop", json)?;
    let mut list = match as_text(raw) {
        Some(one) => vec![one.into_owned()],
        None => get("stop", json)?,
    };
    list.retain(|text: &String| !text.is_empty());
    Ok(list)
}
