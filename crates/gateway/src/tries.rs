//! Which account is tried next, and when to stop trying.
//!
//! A round tries each account once, the dearest priority first; `request-retry` adds rounds. Faults of the request end
//! it at once: no other account would answer it. Who is benched is passed over, and asked as a last resort unless its
//! upstream has named a time: then a short wait, or an honest 429.

use std::time::Duration;

use hub::{Blame, Fault, FaultKind};
use pool::{AccountId, Affinity, Bond, Lease, Moment, SessionKey, Slot, Standing};
use tokio::time::timeout;

use crate::app::App;
use crate::conversation::Conversation;
use crate::edge::random;
use crate::fallback::is_limit;
use crate::few::Few;
use crate::judge::verdict;
use crate::route::{Look, ModelRoute};
use crate::seats::Seat;

/// The longest pause between two rounds when nobody said how long to wait.
const PAUSE: Duration = Duration::from_secs(1);
/// Waits are longer by up to a quarter, and by no more than this, so that clients don't come back in step.
const JITTER: Duration = Duration::from_secs(2);

/// The tries of one request.
pub(crate) struct Tries<'a> {
    app: &'a App,
    config: &'a config::Config,
    route: &'a ModelRoute,
    model: &'a str,
    session: Option<Session<'a>>,
    tried: Few,
    /// A benched account was asked as a last resort in this round.
    resorted: bool,
    round: u32,
    /// Rounds after the first.
    rounds: u32,
    waits: u32,
    per_round: usize,
    /// Asked before all others.
    first: Option<usize>,
    last: Option<Fault>,
}

/// A conversation that should stay with its account.
struct Session<'a> {
    affinity: &'a Affinity,
    conversation: &'a Conversation,
    key: SessionKey,
    /// By what else it may be found: as it was known before, and with the model that this one stands in for.
    elders: [Option<SessionKey>; 2],
    patience: Duration,
    fail_back: bool,
}

impl Session<'_> {
    /// Where it was last. A conversation that only begins has been nowhere, whatever else begins like it.
    fn bond(&self, now: Moment) -> Option<Bond> {
        if self.conversation.is_new {
            return None;
        }
        let keys = std::iter::once(self.key).chain(self.elders.into_iter().flatten());
        keys.filter_map(|key| self.affinity.find(key, now, self.patience)).next()
    }
}

/// Attempts that are foreseen at most.
const FORESEEN: usize = 64;

/// A seat that is to be asked, and why that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) at: usize,
    pub(crate) why: Why,
    /// The session's own account is only busy, so that the session comes back to it.
    spills: bool,
}

/// Why a seat is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It gave the answer that the request goes on from.
    Kept,
    /// The session is with it.
    Session,
    /// It is the strategy's choice.
    Strategy,
    /// Nobody is ready, and it has the shortest line.
    Line,
    /// Nobody is ready, and it is back first.
    LastResort,
}

/// What would happen to a request.
#[derive(Debug)]
pub(crate) struct Foreseen {
    /// Who would be asked in the first round, failure by failure.
    pub(crate) choices: Vec<Choice>,
    /// The pause before what comes then, or what the client would be told.
    pub(crate) then: Result<Duration, Fault>,
}

/// An account that is held for one attempt.
pub(crate) struct Try<'a> {
    pub(crate) seat: Seat<'a>,
    pub(crate) lease: Lease,
}

/// Who could be asked if nobody is ready.
#[derive(Default)]
struct Rest {
    /// One that is ready after all: it was put back in use while the strategy looked at others.
    ready: Option<usize>,
    /// The busy one of the dearest priority with the shortest line.
    line: Option<(usize, usize)>,
    /// The one that is back first, of those whose upstream named no time.
    soft: Option<(Moment, usize)>,
    /// When the first is back, of those whose upstream named a time.
    firm: Option<Moment>,
}

impl<'a> Tries<'a> {
    pub(crate) fn new(
        app: &'a App,
        config: &'a config::Config,
        route: &'a ModelRoute,
        model: &'a str,
        conversation: Option<&'a Conversation>,
    ) -> Self {
        let per_round = match config.max_retry_credentials {
            0 => usize::MAX,
            n => n as usize,
        };
        let session = conversation.zip(config.routing.session_affinity).filter(|_| route.seats.len() > 1);
        let session = session.map(|(conversation, patience)| Session {
            affinity: &app.affinity,
            conversation,
            key: app.affinity.key(&conversation.name, model),
            elders: [conversation.before.as_deref().map(|name| app.affinity.key(name, model)), None],
            patience,
            fail_back: config.routing.session_fail_back,
        });
        Self {
            app,
            config,
            route,
            model,
            session,
            tried: Few::default(),
            resorted: false,
            round: 0,
            rounds: route.retries,
            waits: 0,
            per_round,
            first: None,
            last: None,
        }
    }

    /// The same, with one seat that is asked before all others, if it may be.
    pub(crate) fn starting_at(self, first: Option<usize>) -> Self {
        Self { first, ..self }
    }

    /// The same, for a model that stands in for the one that was asked for: the conversation goes on where it was.
    pub(crate) fn in_place_of(mut self, asked: Option<&str>) -> Self {
        if let (Some(session), Some(asked)) = (&mut self.session, asked.filter(|asked| *asked != self.model)) {
            session.elders[1] = Some(session.affinity.key(&session.conversation.name, asked));
        }
        self
    }

    /// The next account, taken. Waits where an account will be free soon.
    ///
    /// # Errors
    /// Why nobody is left: the last fault, or a 429 when all are benched or busy.
    pub(crate) async fn next(&mut self) -> Result<Try<'a>, Fault> {
        loop {
            if self.tried.len() < self.per_round {
                if let Some(next) = self.ready() {
                    return Ok(next);
                }
                let rest = self.rest();
                if let Some(next) = self.after_all(&rest) {
                    return Ok(next);
                }
                if let Some(next) = self.in_line(&rest).await? {
                    return Ok(next);
                }
                if let Some(next) = self.last_resort(&rest) {
                    return Ok(next);
                }
            }
            self.another_round().await?;
        }
    }

    /// Another account beside the one that is being asked, if one is ready now. The session stays where it is.
    pub(crate) fn beside(&mut self, asked: &AccountId) -> Option<Try<'a>> {
        if self.tried.len() >= self.per_round {
            return None;
        }
        let session = self.session.take();
        let next = self.ready();
        self.session = session;
        let same = next.as_ref().is_some_and(|next| next.seat.account.id == *asked);
        if same {
            self.tried.truncate(self.tried.len() - 1);
        }
        next.filter(|_| !same)
    }

    /// Gives the account back after a failed attempt.
    ///
    /// # Errors
    /// The fault, when no other account would do better.
    pub(crate) fn failed(&mut self, seat: Seat<'_>, lease: Lease, fault: Fault) -> Result<(), Fault> {
        let (outcome, ends) = verdict(&seat.errors, &fault);
        lease.settle(outcome);
        if ends {
            // No other account, and no other model either.
            let blame = if fault.blame == Blame::Gateway { Blame::Gateway } else { Blame::Request };
            return Err(Fault { blame, ..fault });
        }
        if !self.config.quota_exceeded.switch_account && is_limit(&fault) {
            return Err(fault);
        }
        // What an upstream said tells more than that another could not be asked.
        if fault.blame != Blame::Pairing || self.last.is_none() {
            self.last = Some(fault);
        }
        Ok(())
    }

    /// The same for a stream: it may be begun anew more often.
    pub(crate) fn of_a_stream(self) -> Self {
        Self { rounds: self.rounds.max(self.config.streaming.bootstrap_retries), ..self }
    }

    /// The session's account, else the strategy's choice.
    fn ready(&mut self) -> Option<Try<'a>> {
        let before = self.tried.len();
        let taken = self.take_one();
        // Who was lost to somebody else has not been tried.
        self.tried.truncate(before);
        let (Choice { at, spills, .. }, seat, lease) = taken?;
        Some(if spills { self.lend(at, seat, lease) } else { self.hold(at, seat, lease) })
    }

    fn take_one(&mut self) -> Option<(Choice, Seat<'a>, Lease)> {
        loop {
            let choice = self.choose()?;
            let seat = self.route.seats.get(choice.at)?;
            match seat.account.take(&seat.secret, &seat.shared_model(self.model)) {
                Ok(lease) => return Some((choice, seat, lease)),
                // Somebody was quicker: it is passed over as if it had been tried.
                Err(_) => self.tried.push(choice.at),
            }
        }
    }

    /// Who is asked next. Takes nobody; only the strategy moves on.
    fn choose(&mut self) -> Option<Choice> {
        let look = self.look(&self.tried);
        let (bound, spills) = self.bound(&look);
        let first = self.first.map(|at| (at, Why::Kept));
        let bound = bound.map(|at| (at, Why::Session));
        let (at, why) = first.or(bound).or_else(|| Some((self.route.pick(&look)?, Why::Strategy)))?;
        self.first = None;
        Some(Choice { at, why, spills })
    }

    /// What would happen now, were each attempt to end with this fault: the same choices, but nobody is taken. The
    /// strategy of the route moves on, so give it a copy.
    pub(crate) fn foresee(mut self, fault: &Fault) -> Foreseen {
        let mut choices = Vec::new();
        while self.tried.len() < self.per_round.min(FORESEEN)
            && let Some(choice) = self.choose().or_else(|| self.choose_among_rest())
        {
            self.resorted |= choice.why == Why::LastResort;
            self.tried.push(choice.at);
            self.last = Some(fault.clone());
            choices.push(choice);
        }
        Foreseen { choices, then: self.turn() }
    }

    /// Who would be asked beside the first if that one were slow. As with [`Tries::foresee`], nobody is taken.
    pub(crate) fn foresee_beside(mut self) -> Option<usize> {
        let first = self.choose()?.at;
        self.tried.push(first);
        if self.tried.len() >= self.per_round {
            return None;
        }
        self.session = None;
        let second = self.choose()?.at;
        let account = |at| Some(self.route.seats.get(at)?.member().account.id.clone());
        (account(second) != account(first)).then_some(second)
    }

    fn choose_among_rest(&self) -> Option<Choice> {
        let rest = self.rest();
        let line = rest.line.map(|(at, _)| (at, Why::Line));
        let ready = rest.ready.map(|at| (at, Why::Strategy));
        let soft = || rest.soft.filter(|_| !self.resorted).map(|(_, at)| (at, Why::LastResort));
        ready.or(line).or_else(soft).map(|(at, why)| Choice { at, why, spills: false })
    }

    fn hold(&mut self, at: usize, seat: Seat<'a>, lease: Lease) -> Try<'a> {
        if let Some(session) = &self.session {
            session.affinity.bind(session.key, seat.account.activity.number(), at, self.now());
        }
        self.lend(at, seat, lease)
    }

    /// As [`Tries::hold`], for this request alone: the session stays where it is.
    fn lend(&mut self, at: usize, seat: Seat<'a>, lease: Lease) -> Try<'a> {
        self.tried.push(at);
        Try { seat, lease }
    }

    /// Where the session was, if that account may be asked; and whether it is only busy, so that the session spills
    /// over and comes back.
    fn bound(&self, look: &Look<'_>) -> (Option<usize>, bool) {
        let Some((session, at)) = self.bond(look) else { return (None, false) };
        let standing = self.route.standing(at, look);
        let tried = look.tried.contains(&at);
        let dearer = || self.route.tier_of(at).is_some_and(|tier| self.route.has_ready_before(tier, look));
        let stays = standing == Standing::Ready && !(session.fail_back && dearer());
        (stays.then_some(at), standing == Standing::Busy && !tried)
    }

    /// The seat of the session's account.
    fn bond(&self, look: &Look<'_>) -> Option<(&Session<'a>, usize)> {
        let session = self.session.as_ref()?;
        let bond = session.bond(look.now)?;
        let is_bound = |seat: Seat<'_>| seat.account.activity.number() == bond.account;
        let hinted = Some(bond.seat as usize).filter(|at| self.route.seats.get(*at).is_some_and(is_bound));
        let at = hinted.or_else(|| self.route.seats.iter().position(is_bound))?;
        Some((session, at))
    }

    /// Takes the one that is ready after all.
    fn after_all(&mut self, rest: &Rest) -> Option<Try<'a>> {
        let at = rest.ready?;
        let seat = self.route.seats.get(at)?;
        let lease = seat.account.take(&seat.secret, &seat.shared_model(self.model)).ok()?;
        Some(self.hold(at, seat, lease))
    }

    /// Waits in the line of a busy account.
    async fn in_line(&mut self, rest: &Rest) -> Result<Option<Try<'a>>, Fault> {
        let Some((at, _)) = rest.line else { return Ok(None) };
        let Some(seat) = self.route.seats.get(at) else { return Ok(None) };
        let Ok(turn) = seat.account.queue() else { return Ok(None) };
        let slot: Slot = timeout(self.config.concurrency.patience, turn).await.map_err(|_| busy())?;
        let model = seat.shared_model(self.model);
        let lease = seat.account.take_in(&seat.secret, &model, slot);
        Ok(lease.map(|lease| self.hold(at, seat, lease)))
    }

    /// The benched one that is back first, if its upstream named no time: better than nobody, once in a round.
    fn last_resort(&mut self, rest: &Rest) -> Option<Try<'a>> {
        let (_, at) = rest.soft.filter(|_| !self.resorted)?;
        let seat = self.route.seats.get(at)?;
        let lease = seat.account.force(&seat.secret, &seat.shared_model(self.model))?;
        self.resorted = true;
        Some(self.hold(at, seat, lease))
    }

    /// Who could be asked. Goes through all seats: only when nobody is ready.
    fn rest(&self) -> Rest {
        let look = self.look(&self.tried);
        let mut rest = Rest::default();
        let untried = self.route.seats.iter().enumerate().filter(|(at, _)| !self.tried.contains(at));
        // The priority of the line that was found.
        let mut dearest = None;
        for (at, account) in untried.map(|(at, seat)| (at, &seat.member().account)) {
            match self.route.standing(at, &look) {
                Standing::Ready => rest.ready = rest.ready.or(Some(at)),
                Standing::Busy if account.has_line() => {
                    let waiting = account.waiting();
                    let cheaper = dearest.is_some_and(|priority| account.priority < priority);
                    if rest.line.is_none_or(|(_, shortest)| !cheaper && waiting < shortest) {
                        rest.line = Some((at, waiting));
                        dearest = Some(account.priority);
                    }
                }
                Standing::Busy => (),
                Standing::Out(out) if out.firm => {
                    rest.firm = Some(rest.firm.map_or(out.until, |first| first.min(out.until)));
                }
                Standing::Out(out) => {
                    // One that is full as well could not be asked.
                    if account.has_room() && rest.soft.is_none_or(|(first, _)| out.until < first) {
                        rest.soft = Some((out.until, at));
                    }
                }
            }
        }
        rest
    }

    /// Begins another round after a pause.
    async fn another_round(&mut self) -> Result<(), Fault> {
        let pause = self.turn()?;
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Turns to another round; the pause before it.
    ///
    /// # Errors
    /// What the client is told, when there is none.
    fn turn(&mut self) -> Result<Duration, Fault> {
        let untried = self.tried.is_empty();
        self.tried.truncate(0);
        let (busy_only, back) = self.back();
        let Some(fault) = self.last.take() else {
            return self.nobody(untried, busy_only, back);
        };
        let fault = told(fault, back);
        if self.round >= self.rounds || !may_pass(fault.kind) {
            return Err(fault);
        }
        let pause = match back.max(fault.retry_after.filter(|_| back.is_none())) {
            Some(wait) if wait > self.config.max_retry_interval => return Err(fault),
            Some(wait) => jittered(wait),
            None => (Duration::from_millis(250) * 2_u32.saturating_pow(self.round)).min(PAUSE),
        };
        self.round += 1;
        self.resorted = false;
        self.last = Some(fault);
        Ok(pause)
    }

    /// Nobody could be asked at all: there is a wait if somebody is back soon.
    fn nobody(&mut self, untried: bool, busy_only: bool, back: Option<Duration>) -> Result<Duration, Fault> {
        match back {
            Some(wait) if untried && wait <= self.config.max_retry_interval && self.waits <= self.rounds => {
                self.waits += 1;
                self.resorted = false;
                Ok(wait)
            }
            Some(wait) => Err(resting(self.model, wait)),
            None if busy_only => Err(busy()),
            None => Err(nobody()),
        }
    }

    /// Whether somebody is busy and nobody benched; and when the first is back if nobody is ready.
    fn back(&self) -> (bool, Option<Duration>) {
        let look = self.look(&[]);
        let mut busy = false;
        let mut first: Option<Moment> = None;
        for at in 0..self.route.seats.len() {
            match self.route.standing(at, &look) {
                Standing::Ready => return (false, None),
                Standing::Busy => busy = true,
                Standing::Out(out) => first = Some(first.map_or(out.until, |first| first.min(out.until))),
            }
        }
        (busy && first.is_none(), first.map(|first| first.since(look.now)))
    }

    fn look<'b>(&'b self, tried: &'b [usize]) -> Look<'b> {
        Look { model: self.model, now: self.now(), recoveries: self.app.accounts.recoveries(), tried }
    }

    fn now(&self) -> Moment {
        self.app.accounts.clock().now()
    }
}

/// A limit gets the time when the first of all accounts is back, where we know that: what the last one says is true of
/// that one alone, and may be nothing, or longer than we would wait ourselves.
fn told(fault: Fault, back: Option<Duration>) -> Fault {
    match (fault.kind, back) {
        (FaultKind::RateLimited | FaultKind::QuotaExhausted, Some(_)) => fault.with_retry_after(back),
        _ => fault,
    }
}

/// Longer by a share that differs from request to request.
fn jittered(wait: Duration) -> Duration {
    let share = f64::from(u32::try_from(random() >> 32).unwrap_or_default()) / f64::from(u32::MAX);
    wait + (wait / 4).min(JITTER).mul_f64(share)
}

fn resting(model: &str, wait: Duration) -> Fault {
    let shown: String = model.chars().take(128).collect();
    let seconds = wait.as_millis().div_ceil(1000);
    let message =
        format!("every account that serves `{shown}` has reached a limit; the first is back in {seconds} seconds");
    Fault::new(FaultKind::RateLimited, message).with_retry_after(Some(wait))
}

fn busy() -> Fault {
    Fault::new(FaultKind::RateLimited, "every account that serves this model has as many calls as it may have")
        .with_retry_after(Some(PAUSE))
}

fn nobody() -> Fault {
    Fault::new(FaultKind::Unavailable, "no account is free to serve this model")
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
