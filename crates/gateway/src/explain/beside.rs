//! What an explanation tells beside who would be asked: a second account for a slow first one, checks of accounts, and
//! what the client would hear in the end. The code that serves says it; nothing is decided, paid or sent here.

use std::time::{Duration, SystemTime};

use dialect::{ClientSide, Operation};
use hub::Fault;
use pool::AccountId;
use transport::client::{Phase, SendError};

use super::Case;
use super::told::{Checked, Hedged, Hedging, Told};
use crate::route::ModelRoute;
use crate::tries::Tries;
use crate::{faults, told};

impl Told {
    /// As the client would get it, in its own words and with the same advice on when to come back.
    pub(super) fn of(client: &dyn ClientSide, fault: &Fault) -> Self {
        let reply = told::reply(client, fault, "");
        let seconds = reply.headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let advised = seconds.map(Duration::from_secs);
        Self {
            status: reply.status.as_u16(),
            message: fault.message.to_string(),
            retry_after_ms: fault.retry_after.or(advised).map(super::millis),
            body: serde_json::from_slice(&reply.body).unwrap_or_default(),
        }
    }
}

impl Case<'_> {
    /// The failure that is supposed of whoever would be asked: it does not begin to answer in time.
    pub(super) fn supposed(&self) -> Fault {
        let after = self.snapshot.config.deadlines.first_byte;
        faults::of_send(&SendError::Timeout { phase: Phase::FirstByte, after })
    }

    /// Whether and when a second account would be asked; `None` where that is off.
    pub(super) fn hedging(&self, route: &ModelRoute, name: &str) -> Option<Hedging> {
        let hedge = self.snapshot.config.hedge.as_ref()?;
        let hedges = &self.app.hedges;
        let eligible = matches!(self.route.operation, Operation::Generate) && route.seats.len() > 1;
        let of = |stream| match hedges.after(hedge, name, stream).filter(|_| eligible) {
            None => Hedged::Never,
            Some(None) => Hedged::NotYet,
            Some(Some(after)) => Hedged::After { ms: super::millis(after) },
        };
        let copy = route.copied();
        let conversation = self.conversation(route);
        let tries = Tries::new(self.app, &self.snapshot.config, &copy, name, conversation.as_ref());
        let second = tries.foresee_beside().filter(|_| eligible).and_then(|at| route.seats.get(at));
        Some(Hedging {
            streams: of(true),
            whole_replies: of(false),
            max_percent: hedge.max_percent,
            saved: hedges.saved(),
            second: second.map(|seat| seat.account.label.clone()),
        })
    }

    /// When an account was checked and is to be; `None` where it never is.
    pub(super) fn checked(&self, account: &AccountId) -> Option<Checked> {
        let (last, next) = self.app.checks.of(account)?;
        let written = dialect::time::format;
        Some(Checked {
            last: last.map(|(at, _)| written(at)),
            found: last.and_then(|(_, found)| found).map(|kind| format!("{kind:?}")),
            next: next.map(written),
            next_in_ms: next.map(|at| super::millis(at.duration_since(SystemTime::now()).unwrap_or_default())),
        })
    }
}
