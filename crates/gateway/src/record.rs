//! The one log line of a request: who asked what, who answered, how long it took, what it cost. Never a secret.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use hub::{Fault, FaultKind, Usage};
use pool::Account;

use crate::allowance::Pass;
use crate::trail::Trail;

/// What is known of a request so far. It is written once, when it is dropped.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: Arc<str>,
    pub(crate) key: Option<Arc<str>>,
    /// What the request has taken of its key's limits.
    pub(crate) pass: Option<Pass>,
    pub(crate) route: &'static str,
    pub(crate) model: String,
    pub(crate) account: Option<Arc<Account>>,
    /// Client dialect and wire dialect, where known.
    pub(crate) way: (&'static str, &'static str),
    pub(crate) attempts: u32,
    /// The account that was asked beside the one that answered, and let go.
    pub(crate) hedged: Option<String>,
    /// Nothing is written: these are the notes of an attempt beside another.
    aside: bool,
    /// The model that was asked last in place of the requested one.
    pub(crate) fallback: Option<String>,
    /// What each attempt came to.
    pub(crate) trail: Trail,
    pub(crate) status: StatusCode,
    pub(crate) fault: Option<FaultKind>,
    /// What the upstream called the request that it refused.
    pub(crate) upstream_id: Option<String>,
    pub(crate) stream: bool,
    pub(crate) losses: usize,
    pub(crate) usage: Usage,
    pub(crate) ended: Ended,
    started: Instant,
    pub(crate) first_byte: Option<Duration>,
    pub(crate) first_token: Option<Duration>,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The client went away before the end.
    HungUp,
    /// All of it was handed over.
    Whole,
    /// A fault was reported inside the stream.
    Broken,
}

impl Record {
    /// Boxed, because it goes from hand to hand.
    pub(crate) fn new(id: Arc<str>) -> Box<Self> {
        Box::new(Self {
            id,
            key: None,
            pass: None,
            route: "",
            model: String::new(),
            account: None,
            way: ("", ""),
            attempts: 0,
            hedged: None,
            aside: false,
            fallback: None,
            trail: Trail::default(),
            status: StatusCode::OK,
            fault: None,
            upstream_id: None,
            stream: false,
            losses: 0,
            usage: Usage::default(),
            ended: Ended::HungUp,
            started: Instant::now(),
            first_byte: None,
            first_token: None,
        })
    }

    /// For an attempt beside the one that is noted here.
    pub(crate) fn beside(&self) -> Box<Self> {
        let mut aside = Self::new(Arc::clone(&self.id));
        (aside.key, aside.started, aside.aside) = (self.key.clone(), self.started, true);
        aside
    }

    /// Notes that an account is asked.
    pub(crate) fn begin(&mut self, account: &Arc<Account>) {
        self.begin_at(account, self.elapsed());
    }

    fn begin_at(&mut self, account: &Arc<Account>, since: Duration) {
        self.attempts += 1;
        self.account = Some(Arc::clone(account));
        self.trail.begin(account, since);
    }

    /// Notes that the account that is being asked is left for one that was asked beside it, since then, if it has not
    /// failed.
    pub(crate) fn goes_on_with(&mut self, account: &Arc<Account>, since: Duration, aside: &Self) {
        if self.trail.let_go(self.elapsed()) {
            self.hedged = self.account.as_ref().map(|account| account.label.clone());
        }
        self.begin_at(account, since);
        (self.way, self.losses) = (aside.way, aside.losses);
        (self.first_byte, self.first_token) = (aside.first_byte, aside.first_token);
    }

    /// Notes that an account was asked beside the one that answers, since then, and let go.
    pub(crate) fn lets_go(&mut self, account: &Arc<Account>, since: Duration) {
        let answers = self.account.take();
        self.begin_at(account, since);
        self.trail.let_go(self.elapsed());
        self.hedged = Some(account.label.clone());
        self.account = answers;
    }

    /// Notes that an account was asked beside another, since then, and failed; and what became of that one.
    pub(crate) fn fails_beside(
        &mut self,
        account: &Arc<Account>,
        since: Duration,
        fault: &Fault,
        other: Option<&Fault>,
    ) {
        self.trail.end(other, self.elapsed());
        let asked = self.account.take();
        self.begin_at(account, since);
        self.failed(fault);
        self.account = asked;
    }

    /// Notes that the account that was asked last answers.
    pub(crate) fn answers(&mut self) {
        let took = self.elapsed();
        self.trail.end(None, took);
    }

    /// Notes why the account that was asked last gave no answer.
    pub(crate) fn failed(&mut self, fault: &Fault) {
        let took = self.elapsed();
        self.trail.end(Some(fault), took);
    }

    /// Time since the request came.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.aside {
            return;
        }
        if let Some(pass) = &mut self.pass {
            pass.charge(&self.usage);
            if self.ended == Ended::Whole && !self.status.is_success() {
                pass.give_back();
            }
        }
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let status = if self.ended == Ended::HungUp { 499 } else { self.status.as_u16() };
        tracing::info!(
            target: "request",
            id = &*self.id,
            key = self.key.as_deref(),
            route = known(self.route),
            model = known(&self.model),
            account = self.account.as_ref().map(|account| account.label.as_str()),
            from = known(self.way.0),
            to = known(self.way.1),
            status,
            ended = ended(self.ended),
            fault = self.fault.map(tracing::field::debug),
            upstream_id = self.upstream_id.as_deref(),
            attempts = (self.attempts > 0).then_some(self.attempts),
            hedged = self.hedged.as_deref(),
            fallback = self.fallback.as_deref(),
            trail = (self.attempts > 1).then(|| tracing::field::display(&self.trail)),
            stream = self.stream.then_some(true),
            ms = ms(self.elapsed()),
            first_byte_ms = self.first_byte.map(ms),
            first_token_ms = self.first_token.map(ms),
            input = (!self.usage.is_unknown()).then(|| self.usage.input_total()),
            cached = self.usage.cache_read,
            output = self.usage.output,
            cost = self.usage.cost.map(hub::Cost::amount),
            losses = (self.losses > 0).then_some(self.losses),
        );
    }
}

/// A field that is not known is left out of the line.
fn known(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn ended(ended: Ended) -> &'static str {
    match ended {
        Ended::HungUp => "client hung up",
        Ended::Whole => "whole",
        Ended::Broken => "broken",
    }
}
