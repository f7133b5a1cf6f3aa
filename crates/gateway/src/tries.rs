//! Which account is tried next, and when to stop trying.
//!
//! A round tries each account once, the dearest priority first; `request-retry` adds rounds. Faults of the request end
//! it at once: no other account would answer it.

use std::time::Duration;

use hub::{Blame, Fault, FaultKind};
use pool::Candidate;

use crate::snapshot::{ModelRoute, Seat, Tier};

/// The longest pause between two rounds when nobody said how long to wait.
const PAUSE: Duration = Duration::from_secs(1);

/// The tries of one request.
pub(crate) struct Tries<'a> {
    route: &'a ModelRoute,
    affinity: Option<&'a str>,
    tried: Vec<usize>,
    round: u32,
    per_round: usize,
    longest_wait: Duration,
}

impl<'a> Tries<'a> {
    pub(crate) fn new(route: &'a ModelRoute, config: &config::Config, affinity: Option<&'a str>) -> Self {
        let per_round = match config.max_retry_credentials {
            0 => usize::MAX,
            n => n as usize,
        };
        Self { route, affinity, tried: Vec::new(), round: 0, per_round, longest_wait: config.max_retry_interval }
    }

    /// The next account of this round.
    pub(crate) fn next(&mut self) -> Option<&'a Seat> {
        if self.tried.len() >= self.per_round {
            return None;
        }
        let at = match (self.route.tiers.first(), self.tried.is_empty()) {
            // The usual case costs the same with one account and with thousands.
            (Some(tier), true) => tier.first + self.pick(&tier.candidates)?,
            _ => self.next_left()?,
        };
        self.tried.push(at);
        self.route.seats.get(at).map(|seat| &**seat)
    }

    /// One of those that have not been tried, of the first tier that has any.
    fn next_left(&self) -> Option<usize> {
        let left = |tier: &Tier| (tier.first..tier.end()).filter(|at| !self.tried.contains(at)).collect::<Vec<_>>();
        let (tier, left) = self.route.tiers.iter().map(|tier| (tier, left(tier))).find(|(_, left)| !left.is_empty())?;
        let candidates: Vec<_> = left.iter().map(|at| tier.candidates[at - tier.first].clone()).collect();
        self.pick(&candidates).map(|picked| left[picked])
    }

    fn pick(&self, candidates: &[Candidate]) -> Option<usize> {
        self.route.strategy.pick(candidates, self.affinity)
    }

    /// What to do after a fault: give it back, or go on after a pause (zero within a round).
    pub(crate) fn after(&mut self, fault: Fault) -> Result<Duration, Fault> {
        if matches!(fault.blame, Blame::Request | Blame::Gateway) {
            return Err(fault);
        }
        if self.tried.len() < self.route.seats.len().min(self.per_round) {
            return Ok(Duration::ZERO);
        }
        if self.round >= self.route.retries || !may_pass(fault.kind) {
            return Err(fault);
        }
        let pause = match fault.retry_after {
            Some(hint) if hint > self.longest_wait => return Err(fault),
            Some(hint) => hint,
            None => (Duration::from_millis(250) * 2_u32.saturating_pow(self.round)).min(PAUSE),
        };
        self.round += 1;
        self.tried.clear();
        Ok(pause)
    }
}

/// Whether a fault may be over in a moment.
fn may_pass(kind: FaultKind) -> bool {
    match kind {
        FaultKind::RateLimited
        | FaultKind::Overloaded
        | FaultKind::UpstreamRefused
        | FaultKind::UpstreamUnreachable
        | FaultKind::UpstreamTimeout
        | FaultKind::UpstreamGarbled
        | FaultKind::UpstreamFailed => true,
        FaultKind::BadRequest
        | FaultKind::Unsupported
        | FaultKind::Unauthenticated
        | FaultKind::Forbidden
        | FaultKind::NotFound
        | FaultKind::ModelNotFound
        | FaultKind::MethodNotAllowed
        | FaultKind::RequestTimeout
        | FaultKind::Conflict
        | FaultKind::TooLarge
        | FaultKind::UnsupportedMedia
        | FaultKind::HeadersTooLarge
        | FaultKind::ContextOverflow
        | FaultKind::QuotaExhausted
        | FaultKind::Unavailable
        | FaultKind::Internal => false,
    }
}
