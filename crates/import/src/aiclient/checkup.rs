//! Small requests of its own that the old program sent to see whether accounts are well.

use config::document::Node;
use serde_json::{Map, Value};

use super::chains::is_served;
use super::{CONFIG, Old, field, shown};
use crate::draft::{Import, texts};
use crate::report::Outcome;

pub(crate) const KEY: &str = "SCHEDULED_HEALTH_CHECK";
/// What it was when nothing was said, and the least that it could be, in seconds.
const USUAL: i64 = 600;
const LEAST: i64 = 60;
/// The longest that ours waits.
const MOST: i64 = 7 * 86_400;

const OFF: &str = "it was off, and here nobody is asked who is not asked by a client either";

/// Whether accounts were checked by a timetable.
pub(crate) fn is_on(old: &Old<'_>) -> bool {
    let on = old.settings.get(KEY).and_then(|check| field::flag(check.get("enabled")?));
    on == Some(true) && !types(old).is_empty()
}

/// Whose accounts were.
fn types(old: &Old<'_>) -> Vec<String> {
    old.settings.get(KEY).and_then(|check| field::words(check.get("providerTypes")?)).unwrap_or_default()
}

pub(crate) fn read(old: &Old<'_>, new: &mut Import) {
    let Some(value) = old.settings.get(KEY) else { return };
    let Some(fields) = value.as_object().filter(|_| is_on(old)) else {
        return new.tell(CONFIG, KEY, Outcome::Gone, OFF);
    };
    let (here, missing): (Vec<_>, Vec<_>) = types(old).into_iter().partition(|name| is_served(old, name));
    for key in fields.keys() {
        let (outcome, why) = match key.as_str() {
            "enabled" | "interval" => (Outcome::Converted, "now `health-check.interval`"),
            "startupRun" => (Outcome::Converted, "now `health-check.at-start`"),
            "providerTypes" if missing.is_empty() => (Outcome::Converted, "now `health-check.kinds`"),
            "providerTypes" => {
                (Outcome::Later, "now `health-check.kinds`, without those of which there is no account yet")
            }
            _ => (Outcome::Unknown, "left out"),
        };
        new.tell(CONFIG, &format!("{KEY}.{}", shown(key)), outcome, why);
    }
    if !here.is_empty() {
        set(fields, &here, new);
    }
}

fn set(fields: &Map<String, Value>, kinds: &[String], new: &mut Import) {
    let said = fields.get("interval").and_then(Value::as_f64).filter(|millis| millis.is_finite() && *millis > 0.0);
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a number that is too large saturates")]
    let seconds = said.map_or(USUAL, |millis| (millis / 1000.0) as i64).clamp(LEAST, MOST);
    new.set(&["health-check", "interval"], Node::plain(format!("{seconds}s")));
    if fields.get("startupRun").and_then(field::flag) == Some(true) {
        new.set(&["health-check", "at-start"], Node::plain(true));
    }
    new.set(&["health-check", "kinds"], texts(kinds));
}
