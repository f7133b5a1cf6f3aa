//! How the losses of a request are told, and when they are refused.
//!
//! A strict request is refused before its upstream is asked, when the answer would mean something else. That is nobody's
//! fault but the pairing's: another account may speak what this one does not, so the next is tried first.

use config::Fidelity;
use dialect::Dialect;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use hub::{Blame, Fault, FaultKind, Loss, LossKind, Losses};

use crate::headers;

/// With which a client asks for strictness.
static FIDELITY: HeaderName = HeaderName::from_static("x-bosporus-fidelity");
/// Longest list of losses in a header, in bytes.
const LISTED: usize = 1_024;

/// How strict a request is: as its key says, or all keys; a client may ask for more than that, and never for less.
///
/// # Errors
/// A bad-request fault for a word that means nothing.
pub(crate) fn wanted(head: &Parts, ruled: Fidelity) -> Result<Fidelity, Fault> {
    let Some(value) = head.headers.get(&FIDELITY) else { return Ok(ruled) };
    match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "strict" => Ok(Fidelity::Strict),
        "report" => Ok(ruled),
        _ => {
            Err(Fault::bad_request("the header x-bosporus-fidelity is `strict` or `report`").at("x-bosporus-fidelity"))
        }
    }
}

/// Refuses what a strict request may not lose.
///
/// # Errors
/// An unsupported fault that names the first field, and blames the pairing alone.
pub(crate) fn hold(wanted: Fidelity, losses: &Losses, wire: Option<&Dialect>, model: &str) -> Result<(), Fault> {
    let lost = match wanted {
        Fidelity::Report => return Ok(()),
        Fidelity::Strict => losses.iter().find(|loss| loss.changes_meaning()),
    };
    let Some(loss) = lost else { return Ok(()) };
    let (Loss { kind, note, .. }, field) = (loss, loss.path());
    let how = if *kind == LossKind::Dropped { "be left out" } else { "be sent in another form" };
    let place = wire.map(|wire| format!(", which is asked in `{}`", wire.word)).unwrap_or_default();
    let why = if note.is_empty() { String::new() } else { format!(": {note}") };
    let words = format!("`{field}` would {how} on the way to {model}{place}{why} (the request is strict)");
    let fault = Fault::new(FaultKind::Unsupported, words).at(field.to_owned()).with_code("lossy_translation");
    Err(Fault { blame: Blame::Pairing, ..fault })
}

/// How many losses the client should hear of.
pub(crate) fn audible(losses: &Losses) -> usize {
    heard(losses).count() + losses.unlisted()
}

/// Says in a header what could not be carried, and in the log why; what nobody misses stands in the log alone.
pub(crate) fn report(losses: &Losses, headers: &mut HeaderMap) {
    for loss in losses.iter() {
        tracing::debug!(kind = word(loss.kind), field = loss.path(), note = &*loss.note, "lost in translation");
    }
    if losses.unlisted() + losses.unlisted_silent() > 0 {
        tracing::debug!(heard = losses.unlisted(), silent = losses.unlisted_silent(), "more was lost in translation");
    }
    if losses.is_silent() {
        return;
    }
    if let Ok(value) = HeaderValue::from_str(&listed(losses)) {
        headers.insert(headers::LOSSES, value);
    }
}

fn heard(losses: &Losses) -> impl Iterator<Item = &Loss> {
    losses.iter().filter(|loss| loss.kind != LossKind::Silent)
}

/// `dropped:seed, approximated:thinking, more:3`: whole entries as far as there is room, and the number of the others.
fn listed(losses: &Losses) -> String {
    let mut text = String::with_capacity(64);
    let mut left = losses.unlisted();
    for loss in heard(losses) {
        let legal = loss.path().chars().filter(|c| c.is_ascii_graphic() && *c != ',');
        let entry: String = word(loss.kind).chars().chain([':']).chain(legal).collect();
        if text.len() + entry.len() + 2 > LISTED {
            left += 1;
            continue;
        }
        add(&mut text, &entry);
    }
    if left > 0 {
        add(&mut text, &format!("more:{left}"));
    }
    text
}

fn add(text: &mut String, entry: &str) {
    if !text.is_empty() {
        text.push_str(", ");
    }
    text.push_str(entry);
}

fn word(kind: LossKind) -> &'static str {
    match kind {
        LossKind::Silent => "silent",
        LossKind::Dropped => "dropped",
        LossKind::Approximated => "approximated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(value: &str) -> Parts {
        http::Request::builder().header(&FIDELITY, value).body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_header_makes_stricter_and_never_laxer() {
        for (value, ruled, expect) in [
            ("strict", Fidelity::Report, Some(Fidelity::Strict)),
            (" Strict", Fidelity::Strict, Some(Fidelity::Strict)),
            ("report", Fidelity::Strict, Some(Fidelity::Strict)),
            ("report", Fidelity::Report, Some(Fidelity::Report)),
            ("loose", Fidelity::Report, None),
            ("", Fidelity::Report, None),
        ] {
            assert_eq!(wanted(&head(value), ruled).ok(), expect, "{value} {ruled:?}");
        }
    }

    #[test]
    fn strictness_minds_meaning_alone() {
        let mut losses = Losses::default();
        losses.silent("store");
        losses.dropped("seed", "no such setting");
        losses.approximated("thinking", "sent as effort low");
        assert!(hold(Fidelity::Strict, &losses, None, "m").is_ok());
        losses.dropped("tools[3].strict", "not held to it");
        assert!(hold(Fidelity::Report, &losses, None, "m").is_ok());
        let fault = hold(Fidelity::Strict, &losses, None, "m").unwrap_err();
        assert_eq!((fault.param.as_deref(), fault.blame), (Some("tools[3].strict"), Blame::Pairing));
        assert!(fault.message.contains("on the way to m: not held to it"), "{fault}");
    }

    #[test]
    fn the_list_is_whole_entries_within_its_bound() {
        let mut losses = Losses::default();
        losses.silent("store");
        losses.dropped("a, b\u{e9}", "");
        losses.approximated("c", "");
        assert_eq!(listed(&losses), "dropped:ab, approximated:c");
        for number in 0..200 {
            losses.dropped(format!("messages[{number}].{}", "x".repeat(30)), "");
        }
        let list = listed(&losses);
        let shown = list.matches(':').count() - 1;
        assert!(list.len() < LISTED + 20 && list.ends_with(&format!(", more:{}", 202 - shown)), "{list}");
        assert_eq!(audible(&losses), 202);
    }
}
