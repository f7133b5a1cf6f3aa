//! What the user's own rules on errors say about a fault. They stand above what the dialect and the place make of it.

use config::{ErrorAction, ErrorRule};
use hub::Fault;

/// The action of the first rule that fits what the upstream said.
pub(crate) fn judge(rules: &[ErrorRule], fault: &Fault) -> Option<ErrorAction> {
    let raw = fault.upstream.as_ref().filter(|_| !rules.is_empty())?;
    let body = String::from_utf8_lossy(&raw.body);
    rules.iter().find(|rule| rule.fits(raw.status.as_u16(), &body)).map(|rule| rule.action)
}
