//! What a client key may do: its limits, what it has used of them, and what a request takes and gives back.
//!
//! Keys without limits have none of this, and a request of theirs pays nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use config::{Fidelity, KeyLimits};
use dialect::ClientSide;
use dialect::limits::{Counted, Left};
use http::{HeaderMap, HeaderName, HeaderValue};
use hub::{Fault, FaultKind, Usage};

use crate::bucket::Bucket;
use crate::glob::glob;
use crate::months::{Counter, Month, Months};

/// What every limited key has used. It outlives snapshots.
#[derive(Debug)]
pub(crate) struct Meters {
    meters: Mutex<HashMap<[u8; 32], Arc<Meter>>>,
    pub(crate) months: Arc<Months>,
    started: Instant,
}

/// What one key uses now.
#[derive(Debug)]
struct Meter {
    requests: Bucket,
    tokens: Bucket,
    in_flight: AtomicU32,
    started: Instant,
}

impl Default for Meters {
    fn default() -> Self {
        Self { meters: Mutex::default(), months: Arc::default(), started: Instant::now() }
    }
}

impl Meters {
    /// The allowance of a key. Called when a snapshot is built, never per request.
    pub(crate) fn allowance(
        &self,
        digest: &[u8; 32],
        label: Arc<str>,
        limits: &KeyLimits,
        reach: Option<u32>,
    ) -> Allowance {
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        // Keys that are gone take nothing with them but their last minute.
        meters.retain(|_, meter| Arc::strong_count(meter) > 1);
        let new = || {
            let started = self.started;
            Arc::new(Meter { requests: Bucket::default(), tokens: Bucket::default(), in_flight: 0.into(), started })
        };
        let meter = Arc::clone(meters.entry(*digest).or_insert_with(new));
        let short: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let quota = |(pattern, most): &(String, u64)| Quota {
            counter: self.months.counter(&short, pattern),
            pattern: pattern.clone(),
            most: *most,
        };
        let quotas = limits.monthly_requests.iter().map(quota).collect();
        Allowance { label, limits: limits.clone(), reach, quotas, meter, months: Arc::clone(&self.months) }
    }
}

/// What a key may do, as one snapshot has it.
#[derive(Debug)]
pub(crate) struct Allowance {
    label: Arc<str>,
    limits: KeyLimits,
    /// The number of its reach, where it does not reach everything.
    pub(crate) reach: Option<u32>,
    quotas: Vec<Quota>,
    meter: Arc<Meter>,
    months: Arc<Months>,
}

#[derive(Debug)]
struct Quota {
    pattern: String,
    most: u64,
    counter: Arc<Counter>,
}

impl Allowance {
    /// Whether the key is let in at all.
    ///
    /// # Errors
    /// A fault that says why not.
    pub(crate) fn open(&self, now: SystemTime) -> Result<(), Fault> {
        let closed = |why: &str| Err(Fault::new(FaultKind::Forbidden, format!("the key `{}` {why}", self.label)));
        if self.limits.disabled {
            return closed("is disabled");
        }
        match self.limits.expires {
            Some(end) if end <= now => closed(&format!("expired at {}", dialect::time::format(end))),
            _ => Ok(()),
        }
    }

    /// What becomes of losses, where the key says so.
    pub(crate) fn fidelity(&self) -> Option<Fidelity> {
        self.limits.fidelity
    }

    /// Whether one request of a model would be let in, as far as that can be told without taking anything.
    ///
    /// # Errors
    /// A fault that says what is used up, and until when.
    pub(crate) fn check(&self, model: &str, now: SystemTime) -> Result<(), Fault> {
        let clock = self.meter.now();
        self.has_room(model, self.month(now), now, clock)?;
        if self.limits.concurrency.is_some_and(|most| self.meter.in_flight.load(Ordering::Relaxed) >= most) {
            return Err(self.crowded());
        }
        let Some(limit) = self.limits.requests_per_minute else { return Ok(()) };
        self.meter.requests.check(limit, clock).map_err(|wait| self.rate_fault(limit, "requests", wait))
    }

    fn month(&self, now: SystemTime) -> Month {
        if self.quotas.is_empty() { Month::default() } else { Month::of(now) }
    }

    /// Whether the month and the tokens leave room.
    fn has_room(&self, model: &str, month: Month, now: SystemTime, clock: u64) -> Result<(), Fault> {
        if let Some(full) = self.fitting(model).find(|quota| quota.counter.used(month) >= quota.most) {
            return Err(self.quota_fault(full, month, now));
        }
        let Some(limit) = self.limits.tokens_per_minute else { return Ok(()) };
        self.meter.tokens.check(limit, clock).map_err(|wait| self.rate_fault(limit, "tokens", wait))
    }

    /// Takes what one request of a model needs.
    ///
    /// # Errors
    /// A fault that says what is used up, and until when.
    pub(crate) fn enter(self: &Arc<Self>, model: &str, now: SystemTime) -> Result<Pass, Fault> {
        let clock = self.meter.now();
        let month = self.month(now);
        self.has_room(model, month, now, clock)?;
        let mut pass = self.seat().ok_or_else(|| self.crowded())?;
        if let Some(limit) = self.limits.requests_per_minute {
            self.meter.requests.take(1, limit, clock).map_err(|wait| self.rate_fault(limit, "requests", wait))?;
        }
        pass.month = month;
        for (at, quota) in self.quotas.iter().enumerate().filter(|(_, quota)| glob(&quota.pattern, model)) {
            if !quota.counter.take(quota.most, month) {
                pass.give_back();
                return Err(self.quota_fault(quota, month, now));
            }
            pass.counted |= 1 << at;
        }
        if pass.counted != 0 {
            self.months.touch();
        }
        Ok(pass)
    }

    fn fitting(&self, model: &str) -> impl Iterator<Item = &Quota> {
        self.quotas.iter().filter(move |quota| glob(&quota.pattern, model))
    }

    /// A place among the requests that the key may have at once.
    fn seat(self: &Arc<Self>) -> Option<Pass> {
        let most = self.limits.concurrency.unwrap_or(u32::MAX);
        let one_more = |count: u32| (count < most).then(|| count + 1);
        self.meter.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Pass { allowance: Arc::clone(self), counted: 0, month: Month::default() })
    }

    fn rate_fault(&self, limit: u64, what: &str, wait: Duration) -> Fault {
        let message = format!("the key `{}` has used its {limit} {what} per minute", self.label);
        limited(FaultKind::RateLimited, message, wait)
    }

    fn crowded(&self) -> Fault {
        let most = self.limits.concurrency.unwrap_or(u32::MAX);
        let message = format!("the key `{}` has {most} requests under way, as many as it may", self.label);
        limited(FaultKind::RateLimited, message, Duration::from_secs(1))
    }

    fn quota_fault(&self, quota: &Quota, month: Month, now: SystemTime) -> Fault {
        let Quota { pattern, most, .. } = quota;
        let message =
            format!("the key `{}` has used its {most} requests of {month} for models `{pattern}`", self.label);
        limited(FaultKind::QuotaExhausted, message, month.rest(now))
    }

    /// Writes what is left into the headers that the client's dialect has for it.
    pub(crate) fn tell(&self, client: &dyn ClientSide, headers: &mut HeaderMap, now: SystemTime) {
        let clock = self.meter.now();
        let left = |counted, limit: Option<u64>, bucket: &Bucket| {
            let limit = limit?;
            let level = bucket.level(limit, clock);
            Some(Left { counted, limit, remaining: level.remaining, reset: level.reset })
        };
        let all = [
            left(Counted::Requests, self.limits.requests_per_minute, &self.meter.requests),
            left(Counted::Tokens, self.limits.tokens_per_minute, &self.meter.tokens),
        ];
        for (name, value) in all.iter().flatten().flat_map(|left| client.limit_headers(left, now)) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
    }
}

fn limited(kind: FaultKind, message: String, wait: Duration) -> Fault {
    let mut fault = Fault::new(kind, message);
    fault.retry_after = Some(wait.max(Duration::from_secs(1)));
    fault
}

impl Meter {
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// One request's use of a key. Dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Pass {
    allowance: Arc<Allowance>,
    /// A bit for each quota that counts the request.
    counted: u64,
    month: Month,
}

impl Pass {
    /// Counts what the answer took.
    pub(crate) fn charge(&self, usage: &Usage) {
        if let Some(limit) = self.allowance.limits.tokens_per_minute {
            let tokens = usage.input_total().saturating_add(usage.output.unwrap_or(0));
            self.allowance.meter.tokens.charge(tokens, limit, self.allowance.meter.now());
        }
    }

    /// The request was not answered, so no month counts it.
    pub(crate) fn give_back(&mut self) {
        let counted = std::mem::take(&mut self.counted);
        let quotas = self.allowance.quotas.iter().enumerate().filter(|(at, _)| counted & (1 << at) != 0);
        quotas.for_each(|(_, quota)| quota.counter.give_back(self.month));
        if counted != 0 {
            self.allowance.months.touch();
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.allowance.meter.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowance(meters: &Meters, limits: &KeyLimits) -> Arc<Allowance> {
        Arc::new(meters.allowance(&[7; 32], "alice".into(), limits, None))
    }

    fn now() -> SystemTime {
        dialect::time::parse("2026-11-21T00:00:00Z").unwrap()
    }

    #[test]
    fn places_come_back_however_a_request_ends_and_a_reload_forgets_nothing() {
        let meters = Meters::default();
        let limits = KeyLimits { concurrency: Some(1), requests_per_minute: Some(2), ..KeyLimits::default() };
        let key = allowance(&meters, &limits);
        let pass = key.enter("m", now()).unwrap();
        let fault = allowance(&meters, &limits).enter("m", now()).unwrap_err();
        assert_eq!((fault.kind, fault.retry_after), (FaultKind::RateLimited, Some(Duration::from_secs(1))));
        drop(pass);
        drop(key.enter("m", now()).unwrap());
        let fault = allowance(&meters, &limits).enter("m", now()).unwrap_err();
        assert!(fault.message.contains("2 requests per minute"), "{fault}");
        assert_eq!(key.meter.in_flight.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_quota_counts_what_is_answered_and_fits() {
        let meters = Meters::default();
        let monthly_requests = vec![("gpt-*".into(), 2), ("*".into(), 3)];
        let key = allowance(&meters, &KeyLimits { monthly_requests, ..KeyLimits::default() });
        key.enter("gpt-5", now()).unwrap().give_back();
        drop(key.enter("gpt-5", now()).unwrap());
        drop(key.enter("GPT-5", now()).unwrap());
        let fault = key.enter("gpt-5", now()).unwrap_err();
        assert_eq!((fault.kind, fault.status().as_u16()), (FaultKind::QuotaExhausted, 429));
        assert_eq!(fault.retry_after, Some(Duration::from_secs(10 * 86_400)));
        drop(key.enter("claude", now()).unwrap());
        assert!(key.enter("claude", now()).unwrap_err().message.contains("3 requests of 2026-11 for models `*`"));
        assert!(meters.months.to_keep(now(), false).is_some());
    }

    #[test]
    fn tokens_are_charged_afterwards() {
        let meters = Meters::default();
        let key = allowance(&meters, &KeyLimits { tokens_per_minute: Some(10), ..KeyLimits::default() });
        let pass = key.enter("m", now()).unwrap();
        pass.charge(&Usage { fresh: Some(8), output: Some(12), ..Usage::default() });
        let fault = key.enter("m", now()).unwrap_err();
        assert!(fault.retry_after > Some(Duration::from_secs(60)), "{fault:?}");
    }

    #[test]
    fn the_end_is_exact() {
        let meters = Meters::default();
        let key = allowance(&meters, &KeyLimits { expires: Some(now()), ..KeyLimits::default() });
        assert_eq!(key.open(now()).unwrap_err().kind, FaultKind::Forbidden);
        key.open(now() - Duration::from_secs(1)).unwrap();
    }
}
