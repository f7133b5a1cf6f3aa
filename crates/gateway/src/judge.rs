//! What the user's own rules on errors say about a fault. They stand above what the dialect and the place make of it.

use config::{ErrorAction, ErrorRule};
use hub::{Blame, Fault, FaultKind};
use pool::{Outcome, Trouble};

/// What a failure says of its account, and whether asking others is in vain.
pub(crate) fn verdict(rules: &[ErrorRule], fault: &Fault) -> (Outcome, bool) {
    let own = matches!(fault.blame, Blame::Request | Blame::Gateway);
    // A rule that benches makes an account's trouble of whatever the error was.
    let benched = Trouble { blame: if own { Blame::AccountModel } else { fault.blame }, ..Trouble::of(fault) };
    match judge(rules, fault) {
        None => (Outcome::of(fault), own),
        Some(ErrorAction::Stop) => (Outcome::Answered, true),
        Some(ErrorAction::StopAndCooldown) => (Outcome::of_trouble(benched), true),
        Some(ErrorAction::Continue) => (Outcome::Unknown, false),
        Some(ErrorAction::ContinueAndCooldown) => (Outcome::of_trouble(benched), false),
    }
}

/// The fault as the client hears it: a refusal that a rule takes for the request's own is that, in the provider's words.
pub(crate) fn ruled(rules: &[ErrorRule], fault: Fault) -> Fault {
    match judge(rules, &fault) {
        Some(ErrorAction::Stop) if fault.kind == FaultKind::UpstreamRefused => {
            Fault { kind: FaultKind::BadRequest, blame: Blame::Request, ..fault }
        }
        _ => fault,
    }
}

/// The action of the first rule that fits what the upstream said.
fn judge(rules: &[ErrorRule], fault: &Fault) -> Option<ErrorAction> {
    let raw = fault.upstream.as_ref().filter(|_| !rules.is_empty())?;
    let body = String::from_utf8_lossy(&raw.body);
    rules.iter().find(|rule| rule.fits(raw.status.as_u16(), &body)).map(|rule| rule.action)
}
