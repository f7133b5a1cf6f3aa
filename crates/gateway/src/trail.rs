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
    /// Why it failed; the upstream's status where it gave one.
    fault: Option<(FaultKind, Option<u16>)>,
    took: Duration,
    ended: bool,
}

impl Trail {
    /// An account is asked, this long after the request came.
    pub(crate) fn begin(&mut self, account: &Arc<Account>, since: Duration) {
        self.begun = since;
        if self.steps.len() >= MAX {
            self.left_out += 1;
            return;
        }
        self.steps.push(Step { account: Arc::clone(account), fault: None, took: Duration::ZERO, ended: false });
    }

    /// The last attempt has ended, this long after the request came.
    pub(crate) fn end(&mut self, fault: Option<&Fault>, since: Duration) {
        if let Some(step) = self.steps.last_mut().filter(|step| !step.ended) {
            let status = |fault: &Fault| fault.upstream.as_ref().map(|raw| raw.status.as_u16());
            step.fault = fault.map(|fault| (fault.kind, status(fault)));
            step.took = since.saturating_sub(self.begun);
            step.ended = true;
        }
    }
}

impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.steps.iter().enumerate() {
            if number > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{}", step.account.label)?;
            match step.fault {
                Some((kind, Some(status))) => write!(f, " {status} {kind:?}")?,
                Some((kind, None)) => write!(f, " {kind:?}")?,
                None => write!(f, " ok")?,
            }
            if step.ended {
                write!(f, " {}ms", step.took.as_millis())?;
            }
        }
        if self.left_out > 0 {
            write!(f, "; {} more", self.left_out)?;
        }
        Ok(())
    }
}
