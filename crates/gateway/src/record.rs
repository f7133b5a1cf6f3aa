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
    /// The model that was asked last in place of the requested one.
    pub(crate) fallback: Option<String>,
    /// What each attempt came to.
    pub(crate) trail: Trail,
    pub(crate) status: StatusCode,
    pub(crate) fault: Option<FaultKind>,
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
    pub(crate) fn new(id: Arc<str>) -> Self {
        Self {
            id,
            key: None,
            pass: None,
            route: "",
            model: String::new(),
            account: None,
            way: ("", ""),
            attempts: 0,
            fallback: None,
            trail: Trail::default(),
            status: StatusCode::OK,
            fault: None,
            stream: false,
            losses: 0,
            usage: Usage::default(),
            ended: Ended::HungUp,
            started: Instant::now(),
            first_byte: None,
            first_token: None,
        }
    }

    /// Notes that an account is asked.
    pub(crate) fn begin(&mut self, account: &Arc<Account>) {
        self.attempts += 1;
        self.account = Some(Arc::clone(account));
        self.trail.begin(account, self.elapsed());
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
            attempts = (self.attempts > 0).then_some(self.attempts),
            fallback = self.fallback.as_deref(),
            trail = (self.attempts > 1).then(|| tracing::field::display(&self.trail)),
            stream = self.stream.then_some(true),
            ms = ms(self.elapsed()),
            first_byte_ms = self.first_byte.map(ms),
            first_token_ms = self.first_token.map(ms),
            input = (!self.usage.is_unknown()).then(|| self.usage.input_total()),
            cached = self.usage.cache_read,
            output = self.usage.output,
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
