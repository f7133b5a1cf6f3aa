//! What failures of an account teach, and how it comes back.
//!
//! A cell stands for one scope of trouble: the account for all models, or for one. It counts failures in a window,
//! benches for a time, lets one live request through when the time is over (half open), and goes when all is well
//! again. An account without trouble has no cells. The rules know no clock, no provider and no configuration file:
//! times come in, verdicts come out.

use std::sync::Arc;
use std::time::Duration;

use hub::{Blame, Fault, FaultKind};

use crate::clock::Moment;
use crate::guarded::Count;

/// The first bench without a hint; each further one doubles it.
const FIRST: Duration = Duration::from_secs(1);
/// Longest bench without a hint, for faults that are not the site's passing weakness.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// Doublings after which nothing grows any more.
const TOP_LEVEL: u8 = 24;
/// How long a failure counts in the window.
const WINDOW: Duration = Duration::from_secs(30);
/// Failures in the window before passing faults bench at all: one stumble is none.
const STRIKES: u32 = 3;
/// Models of one account that may be in trouble at once; the one that is longest over makes room.
const MAX_CELLS: usize = 256;
/// How long a probe may take before another request is let through beside it.
const PROBE: Duration = Duration::from_secs(15);

/// What an account in trouble is subject to. Decided by the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooling {
    /// Whether failures bench at all.
    pub on: bool,
    /// Longest bench for passing faults of the site; `None` never benches for them.
    pub transient: Option<Duration>,
}

impl Default for Cooling {
    fn default() -> Self {
        Self { on: true, transient: Some(Duration::from_secs(60)) }
    }
}

/// What a failure says about the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Whose fault.
    pub blame: Blame,
    /// What happened.
    pub kind: FaultKind,
    /// When trying again makes sense, as the upstream says.
    pub hint: Option<Duration>,
}

impl Trouble {
    /// What a fault says about the account.
    pub fn of(fault: &Fault) -> Self {
        Self { blame: fault.blame, kind: fault.kind, hint: fault.retry_after }
    }
}

/// How trouble of a kind is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Says nothing about the account.
    None,
    /// Benches at once; hints are followed up to a ceiling.
    Firm(Duration),
    /// Benches when it is frequent, or when the upstream names a time; hints are followed up to a ceiling.
    Passing(Duration),
}

fn class(kind: FaultKind) -> Class {
    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);
    match kind {
        FaultKind::RateLimited => Class::Firm(HOUR),
        FaultKind::QuotaExhausted => Class::Firm(Duration::from_secs(6 * 3600)),
        FaultKind::UpstreamRefused | FaultKind::ModelNotFound => Class::Firm(HOUR),
        FaultKind::Overloaded
        | FaultKind::UpstreamUnreachable
        | FaultKind::UpstreamTimeout
        | FaultKind::UpstreamGarbled
        | FaultKind::UpstreamFailed => Class::Passing(5 * MINUTE),
        // A request's or our own; a folder that blames an account for one of these wants it benched.
        FaultKind::BadRequest
        | FaultKind::Unsupported
        | FaultKind::Unauthenticated
        | FaultKind::Forbidden
        | FaultKind::NotFound
        | FaultKind::MethodNotAllowed
        | FaultKind::RequestTimeout
        | FaultKind::Conflict
        | FaultKind::TooLarge
        | FaultKind::UnsupportedMedia
        | FaultKind::HeadersTooLarge
        | FaultKind::ContextOverflow => Class::Firm(HOUR),
        FaultKind::Unavailable | FaultKind::Internal => Class::None,
    }
}

/// The longest that trouble of a kind benches, whoever names the time.
pub fn longest(kind: FaultKind) -> Duration {
    match class(kind) {
        Class::None => Duration::ZERO,
        Class::Firm(ceiling) | Class::Passing(ceiling) => ceiling.max(LONGEST),
    }
}

/// Where an account stands for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may be asked.
    Ready,
    /// It has as many calls as it may have.
    Busy,
    /// It is benched.
    Out(Out),
}

/// Why and how long an account is benched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Out {
    /// When it may be asked again.
    pub until: Moment,
    /// The upstream itself named the time: before it, asking is in vain.
    pub firm: bool,
    /// It is out for every model, not for one.
    pub whole: bool,
    /// One live request is finding out whether it is well again.
    pub probing: bool,
    /// What benched it.
    pub cause: FaultKind,
}

/// One scope of trouble.
#[derive(Clone, Debug)]
struct Cell {
    /// The model as the upstream calls it; `None` for all.
    model: Option<Arc<str>>,
    cause: FaultKind,
    /// When trouble was last noted.
    noted: Moment,
    bench: Option<Bench>,
    /// How often benches grew.
    level: u8,
    window: Window,
}

#[derive(Clone, Copy, Debug)]
struct Bench {
    since: Moment,
    until: Moment,
    firm: bool,
    /// When the request went out that finds out whether all is well.
    probe: Option<Moment>,
}

/// Failures and successes of the last while, in two halves so that old ones fade without a list.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    began: Moment,
    now: (u32, u32),
    before: (u32, u32),
}

impl Window {
    fn turn(&mut self, now: Moment) {
        let passed = now.since(self.began);
        if passed >= WINDOW {
            self.before = if passed >= WINDOW * 2 { (0, 0) } else { self.now };
            self.now = (0, 0);
            self.began = now;
        }
    }

    fn failed(&mut self, now: Moment) {
        self.turn(now);
        self.now.0 = self.now.0.saturating_add(1);
    }

    fn answered(&mut self, now: Moment) {
        self.turn(now);
        self.now.1 = self.now.1.saturating_add(1);
    }

    /// Several failures, and at least as many as successes.
    fn is_bad(&self) -> bool {
        let (failed, answered) = (self.now.0 + self.before.0, self.now.1 + self.before.1);
        failed >= STRIKES && failed >= answered
    }

    fn is_clean(&self, now: Moment) -> bool {
        now.since(self.began) >= WINDOW * 2 || (self.now.0 == 0 && self.before.0 == 0)
    }
}

/// A bench that is told to those who ask, and kept over a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Benched {
    /// The model; `None` for all.
    pub model: Option<Arc<str>>,
    /// When it may be asked again.
    pub until: Moment,
    /// The upstream itself named the time.
    pub firm: bool,
    /// What benched it.
    pub cause: FaultKind,
    /// How often the bench grew.
    pub level: u8,
}

/// All trouble of one account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    cells: Vec<Cell>,
}

impl Count for Health {
    fn count(&self) -> usize {
        self.cells.len()
    }
}

/// What a note changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// An account or model was benched that was not.
    pub(crate) benched: bool,
    /// One is in use again that was benched.
    pub(crate) recovered: bool,
    /// A bench ended before its time, so that whoever remembers the time must look again.
    pub(crate) early: bool,
}

impl Health {
    #[cfg(test)]
    fn is_clean(&self) -> bool {
        self.cells.is_empty()
    }

    /// Where the account stands for a model.
    pub(crate) fn standing(&self, model: &str, now: Moment) -> Standing {
        let out = self.concerned(model).filter_map(|cell| cell.out(now));
        out.max_by_key(|out| (out.firm, out.until)).map_or(Standing::Ready, Standing::Out)
    }

    /// As [`Health::probe`], unless it is benched or somebody else is finding out already.
    ///
    /// # Errors
    /// Where it stands.
    pub(crate) fn claim(&mut self, model: &str, now: Moment) -> Result<bool, Standing> {
        match self.standing(model, now) {
            Standing::Ready => Ok(self.probe(model, now)),
            standing @ (Standing::Busy | Standing::Out(_)) => Err(standing),
        }
    }

    /// Marks the benches that are over as under probe; whether there were any.
    pub(crate) fn probe(&mut self, model: &str, now: Moment) -> bool {
        let mut probes = false;
        for cell in self.cells.iter_mut().filter(|cell| cell.concerns(model)) {
            if let Some(bench) = cell.bench.as_mut().filter(|bench| bench.until <= now) {
                bench.probe = Some(now);
                probes = true;
            }
        }
        probes
    }

    /// A probe ended without saying anything.
    pub(crate) fn abandon(&mut self, model: &str) {
        for bench in self.cells.iter_mut().filter(|cell| cell.concerns(model)).filter_map(|cell| cell.bench.as_mut()) {
            bench.probe = None;
        }
    }

    /// Notes a failure. `times.begun` is when the attempt began: one that began before a bench tells nothing new about
    /// it, and of a probe that is under way.
    pub(crate) fn note_trouble(
        &mut self,
        trouble: Trouble,
        model: &str,
        times: Times,
        cooling: Cooling,
        dice: f64,
    ) -> Change {
        // No wait at all is no hint: whoever turns us away and says "at once" is not asked in a circle.
        let trouble = Trouble { hint: trouble.hint.filter(|hint| !hint.is_zero()), ..trouble };
        let class = class(trouble.kind);
        let whole = matches!(trouble.blame, Blame::Account | Blame::Upstream);
        if matches!(trouble.blame, Blame::Request | Blame::Gateway | Blame::Pairing)
            || class == Class::None
            || !cooling.on
        {
            return Change::default();
        }
        let cell = self.cell((!whole).then_some(model), trouble.kind, times.now);
        cell.window.failed(times.now);
        cell.noted = times.now;
        cell.trouble(trouble, class, times, cooling, dice)
    }

    /// Notes an answer: what was known when the attempt began is over.
    pub(crate) fn note_answer(&mut self, model: &str, times: Times) -> Change {
        let mut change = Change::default();
        for cell in self.cells.iter_mut().filter(|cell| cell.concerns(model)) {
            cell.window.answered(times.now);
            if let Some(bench) = cell.bench.filter(|bench| bench.since <= times.begun) {
                change.recovered = true;
                change.early |= bench.until > times.now;
                cell.bench = None;
                cell.level = 0;
            }
        }
        self.cells.retain(|cell| cell.bench.is_some() || !cell.window.is_clean(times.now));
        change
    }

    /// Forgets trouble: of one model, or all.
    pub(crate) fn recover(&mut self, model: Option<&str>) -> Change {
        let before = self.cells.iter().filter(|cell| cell.bench.is_some()).count();
        self.cells.retain(|cell| model.is_some() && cell.model.as_deref() != model);
        let after = self.cells.iter().filter(|cell| cell.bench.is_some()).count();
        Change { recovered: after < before, early: after < before, benched: false }
    }

    /// Ends what was benched because credit was used up, where nothing newer than `asked` speaks against it. How often it
    /// grew is not forgotten: who told that there is credit again may have been wrong.
    pub(crate) fn replenish(&mut self, asked: Moment) -> Change {
        let mut change = Change::default();
        let spent = |cell: &&mut Cell| cell.cause == FaultKind::QuotaExhausted && cell.noted <= asked;
        for cell in self.cells.iter_mut().filter(spent) {
            if cell.bench.take_if(|bench| bench.probe.is_none()).is_some() {
                (change.recovered, change.early) = (true, true);
            }
        }
        change
    }

    /// Benches until a known time, as a reading of a quota or a saved state says.
    pub(crate) fn restore(&mut self, benched: &Benched, now: Moment) -> Change {
        let cell = self.cell(benched.model.as_deref(), benched.cause, now);
        cell.cause = benched.cause;
        cell.level = benched.level.min(TOP_LEVEL);
        let early = cell.bench.is_some_and(|bench| bench.until > benched.until);
        cell.bench = Some(Bench { since: now, until: benched.until, firm: benched.firm, probe: None });
        Change { benched: true, early, recovered: false }
    }

    /// What is benched.
    pub(crate) fn benched(&self) -> impl Iterator<Item = Benched> + '_ {
        self.cells.iter().filter_map(|cell| {
            let bench = cell.bench?;
            Some(Benched {
                model: cell.model.clone(),
                until: bench.until,
                firm: bench.firm,
                cause: cell.cause,
                level: cell.level,
            })
        })
    }

    fn concerned<'a>(&'a self, model: &'a str) -> impl Iterator<Item = &'a Cell> {
        self.cells.iter().filter(move |cell| cell.concerns(model))
    }

    fn cell(&mut self, model: Option<&str>, cause: FaultKind, now: Moment) -> &mut Cell {
        let at = self.cells.iter().position(|cell| cell.model.as_deref() == model);
        let at = at.unwrap_or_else(|| {
            if self.cells.len() >= MAX_CELLS {
                let oldest = self.cells.iter().enumerate().min_by_key(|(_, cell)| cell.noted).map_or(0, |(at, _)| at);
                self.cells.swap_remove(oldest);
            }
            let window = Window { began: now, ..Window::default() };
            self.cells.push(Cell { model: model.map(Arc::from), cause, noted: now, bench: None, level: 0, window });
            self.cells.len() - 1
        });
        &mut self.cells[at]
    }
}

/// When an attempt began, and the present.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) begun: Moment,
    pub(crate) now: Moment,
}

impl Cell {
    fn concerns(&self, model: &str) -> bool {
        self.model.as_deref().is_none_or(|own| own == model)
    }

    fn out(&self, now: Moment) -> Option<Out> {
        let bench = self.bench?;
        let whole = self.model.is_none();
        if bench.until > now {
            return Some(Out { until: bench.until, firm: bench.firm, whole, probing: false, cause: self.cause });
        }
        let patience = bench.probe?.after(PROBE);
        (patience > now).then_some(Out { until: patience, firm: false, whole, probing: true, cause: self.cause })
    }

    fn trouble(&mut self, trouble: Trouble, class: Class, times: Times, cooling: Cooling, dice: f64) -> Change {
        let (ceiling, longest, passing) = match class {
            Class::None => return Change::default(),
            Class::Firm(ceiling) => (ceiling, LONGEST, false),
            Class::Passing(ceiling) => match cooling.transient {
                Some(longest) => (ceiling, longest, true),
                None => return Change::default(),
            },
        };
        let standing = self.bench.is_some_and(|bench| bench.until > times.now);
        // A failed probe is proof enough; elsewhere passing faults must be frequent.
        if passing && self.bench.is_none() && trouble.hint.is_none() && !self.window.is_bad() {
            return Change::default();
        }
        self.cause = trouble.kind;
        let until = match trouble.hint {
            // Never shortens what is known to be longer.
            Some(hint) => times.now.after(hint.min(ceiling)).max(self.firm_until()),
            // Many calls that were under way together are one failure: the bench grows only after it was over.
            None if standing || self.bench.is_some_and(|bench| times.begun < bench.since) => return Change::default(),
            None => {
                let wait = backoff(self.level, longest, dice);
                self.level = (self.level + 1).min(TOP_LEVEL);
                times.now.after(wait)
            }
        };
        let since = self.bench.filter(|_| standing).map_or(times.now, |bench| bench.since);
        // What the upstream says takes the place of a longer guess.
        let early = self.bench.is_some_and(|bench| bench.until > until);
        self.bench = Some(Bench { since, until, firm: trouble.hint.is_some(), probe: None });
        Change { benched: !standing, early, ..Change::default() }
    }

    fn firm_until(&self) -> Moment {
        self.bench.filter(|bench| bench.firm).map_or(Moment::default(), |bench| bench.until)
    }
}

/// Doubling from [`FIRST`] up to `longest`, and up to a quarter more or less so that accounts don't return in step.
/// `dice` is in `0.0..1.0`.
fn backoff(level: u8, longest: Duration, dice: f64) -> Duration {
    let plain = FIRST.saturating_mul(1_u32.checked_shl(u32::from(level)).unwrap_or(u32::MAX)).min(longest);
    plain.mul_f64(0.75 + dice.clamp(0.0, 1.0) / 2.0).min(longest)
}

#[cfg(test)]
mod tests;
