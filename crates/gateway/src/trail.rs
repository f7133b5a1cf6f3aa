//! What each attempt of a request came to, for the log line and for clients that ask. Never the upstream's words.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hub::{Fault, FaultKind};
use pool::Account;

/// Attempts that are remembered; later ones are only counted.
const MAX: usize = 32;

/// The attempts of one request.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    steps: Vec<Step>,
    begun: Duration,
    left_out: u32,
}

#[derive(Debug)]
struct Step {
    account: Arc<Account>,
    end: End,
    took: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It is still being asked.
    Open,
    Answered,
    /// Why it failed; the upstream's status where it gave one.
    Failed(FaultKind, Option<u16>),
    /// Another was quicker.
    LetGo,
}

impl Trail {
    /// An account is asked, this long after the request came.
    pub(crate) fn begin(&mut self, account: &Arc<Account>, since: Duration) {
        self.begun = since;
        if self.steps.len() >= MAX {
            self.left_out += 1;
            return;
        }
        self.steps.push(Step { account: Arc::clone(account), end: End::Open, took: Duration::ZERO });
    }

    /// The last attempt has ended, this long after the request came.
    pub(crate) fn end(&mut self, fault: Option<&Fault>, since: Duration) {
        let status = |fault: &Fault| fault.upstream.as_ref().map(|raw| raw.status.as_u16());
        self.close(fault.map_or(End::Answered, |fault| End::Failed(fault.kind, status(fault))), since);
    }

    /// The last attempt is given up for another, this long after the request came; false when it has ended before.
    pub(crate) fn let_go(&mut self, since: Duration) -> bool {
        self.close(End::LetGo, since)
    }

    fn close(&mut self, end: End, since: Duration) -> bool {
        let open = self.steps.last_mut().filter(|step| step.end == End::Open);
        let is_open = open.is_some();
        if let Some(step) = open {
            step.end = end;
            step.took = since.saturating_sub(self.begun);
        }
        is_open
    }
}

impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.steps.iter().enumerate() {
            if number > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{}", step.account.label)?;
            match step.end {
                End::Failed(kind, Some(status)) => write!(f, " {status} {kind:?}")?,
                End::Failed(kind, None) => write!(f, " {kind:?}")?,
                End::LetGo => write!(f, " let go")?,
                End::Answered => write!(f, " ok")?,
                // The client went away, or the time for all attempts was over.
                End::Open => write!(f, " given up")?,
            }
            if step.end != End::Open {
                write!(f, " {}ms", step.took.as_millis())?;
            }
        }
        if self.left_out > 0 {
            write!(f, "; {} more", self.left_out)?;
        }
        Ok(())
    }
}
