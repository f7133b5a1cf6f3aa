//! Which places were asked for a call that they do not have: they are not asked for it again for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hub::Fault;
use pool::Moment;

/// A place may get the call.
const FOR: Duration = Duration::from_secs(3600);
/// Most that are remembered.
const MOST: usize = 1024;

/// The places with a call and a model: some answer in the same way for a model that they do not know.
#[derive(Debug, Default)]
pub(crate) struct Lacking {
    since: Mutex<HashMap<String, Moment>>,
}

impl Lacking {
    /// Whether a call is known to be missing.
    pub(crate) fn knows(&self, place: &str, now: Moment) -> bool {
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.get(place).is_some_and(|since| now.since(*since) < FOR)
    }

    /// A place has said that it has no such call.
    pub(crate) fn note(&self, place: String, now: Moment) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if since.len() >= MOST {
            since.retain(|_, since| now.since(*since) < FOR);
        }
        if since.len() < MOST {
            since.insert(place, now);
        }
    }
}

/// Whether an upstream means that it has no such call.
pub(crate) fn has_no_such_call(fault: &Fault) -> bool {
    fault.upstream.as_ref().is_some_and(|raw| matches!(raw.status.as_u16(), 404 | 405 | 501))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_asked_again_after_an_hour_and_memory_is_bounded() {
        let lacking = Lacking::default();
        let now = Moment::from_millis(5);
        lacking.note("a".to_owned(), now);
        assert!(lacking.knows("a", now.after(FOR / 2)) && !lacking.knows("b", now));
        assert!(!lacking.knows("a", now.after(FOR)));
        (0..2 * MOST).for_each(|number| lacking.note(number.to_string(), now));
        assert_eq!(lacking.since.lock().unwrap().len(), MOST);
        lacking.note("later".to_owned(), now.after(FOR));
        assert_eq!(lacking.since.lock().unwrap().len(), 1);
    }
}
