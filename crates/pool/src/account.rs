//! An account and what its use has taught so far.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hub::{Blame, FaultKind};

use crate::clock::{Clock, Moment};
use crate::guarded::Guarded;
use crate::health::{Benched, Change, Cooling, Health, Standing, Times, Trouble};
use crate::latency::Latency;
use crate::slots::{LineIsFull, Slot, Slots, Turn};
use crate::{Lease, Secret};

/// The stable id of an account: the same over restarts and reloads, and free of secrets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// An id. It appears in logs.
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One account, as a snapshot of the configuration describes it.
#[derive(Debug)]
pub struct Account {
    /// Its stable id.
    pub id: AccountId,
    /// A name for logs; shows no secret.
    pub label: String,
    /// Higher is tried first.
    pub priority: i32,
    /// Its share where a strategy weighs.
    pub weight: u32,
    /// What failures do.
    pub cooling: Cooling,
    /// How many calls it may have.
    pub room: Room,
    /// What its use has taught; outlives the snapshot.
    pub activity: Arc<Activity>,
    /// What the use of its site has taught, with whoever else is there.
    pub site: Option<Arc<Ward>>,
}

/// How many calls an account may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// At once; 0 is no limit.
    pub calls: u32,
    /// Waiting for one to end.
    pub queue: u32,
}

impl Account {
    /// Where it stands for a model, as the upstream calls it.
    pub fn standing(&self, model: &str, now: Moment) -> Standing {
        let own = self.activity.ward.standing(model, now);
        let standing = match (own, &self.site) {
            (Standing::Ready, Some(site)) => site.standing(model, now),
            _ => own,
        };
        if standing == Standing::Ready && !self.has_room() { Standing::Busy } else { standing }
    }

    /// Whether it may have one more call, benched or not.
    pub fn has_room(&self) -> bool {
        self.room.calls == 0 || self.activity.slots.has_room(self.room.calls)
    }

    /// Whether it is out only because its site is.
    pub fn is_out_with_site(&self, model: &str, now: Moment) -> bool {
        let out = |ward: &Ward| matches!(ward.standing(model, now), Standing::Out(_));
        !out(&self.activity.ward) && self.site.as_deref().is_some_and(out)
    }

    /// Takes it for one attempt.
    ///
    /// # Errors
    /// Where it stands, when it cannot be asked now.
    pub fn take(self: &Arc<Self>, secret: &Secret, model: &Arc<str>) -> Result<Lease, Standing> {
        let slot = self.slot().map_err(|LineIsFull| Standing::Busy)?;
        let probe = self.claim(model)?;
        Ok(Lease::holding(Arc::clone(self), secret.clone(), Arc::clone(model), slot, probe))
    }

    /// Takes it for one attempt even when it is benched; `None` when it has all the calls that it may have.
    pub fn force(self: &Arc<Self>, secret: &Secret, model: &Arc<str>) -> Option<Lease> {
        let slot = self.slot().ok()?;
        let probe = self.begin_probe(model);
        Some(Lease::holding(Arc::clone(self), secret.clone(), Arc::clone(model), slot, probe))
    }

    /// A place for one more call; none is needed where there is no limit.
    fn slot(&self) -> Result<Option<Slot>, LineIsFull> {
        match self.room.calls {
            0 => Ok(None),
            calls => Slots::enter(&self.activity.slots, calls).map(Some).ok_or(LineIsFull),
        }
    }

    /// Takes it with a place that was waited for; `None` when it was benched meanwhile.
    pub fn take_in(self: &Arc<Self>, secret: &Secret, model: &Arc<str>, slot: Slot) -> Option<Lease> {
        let probe = self.claim(model).ok()?;
        Some(Lease::holding(Arc::clone(self), secret.clone(), Arc::clone(model), Some(slot), probe))
    }

    /// Waits in line for a call to end.
    ///
    /// # Errors
    /// When as many wait as may.
    pub fn queue(&self) -> Result<Turn, LineIsFull> {
        Slots::queue(&self.activity.slots, self.room.calls, self.room.queue as usize)
    }

    /// How many wait in line.
    pub fn waiting(&self) -> usize {
        self.activity.slots.waiting()
    }

    /// Whether one more may wait in line.
    pub fn has_line(&self) -> bool {
        self.waiting() < self.room.queue as usize
    }

    pub(crate) fn note_trouble(&self, trouble: Trouble, model: &str, begun: Moment, probe: bool) {
        if probe {
            // Whatever scope its trouble is of, it tells nothing of another one that it was to find out about.
            self.abandon_probe(model);
        }
        let activity = &self.activity;
        let times = Times { begun, now: activity.shared.clock.now() };
        let unreachable = trouble.kind == FaultKind::UpstreamUnreachable && trouble.blame == Blame::Upstream;
        let dice = activity.shared.dice();
        // Whoever cannot be reached with one key cannot be reached with another.
        let ward = match &self.site {
            Some(site) if unreachable => site,
            _ => &activity.ward,
        };
        let change = ward.change(|health| health.note_trouble(trouble, model, times, self.cooling, dice));
        self.tell(change, model, Some(trouble.kind));
    }

    pub(crate) fn note_answer(&self, model: &str, begun: Moment) {
        for ward in [Some(&self.activity.ward), self.site.as_deref()].into_iter().flatten() {
            // Nearly all are, and then there is no need to know the time.
            if !ward.is_clean() {
                let times = Times { begun, now: self.activity.shared.clock.now() };
                let change = ward.change(|health| health.note_answer(model, times));
                self.tell(change, model, None);
            }
        }
    }

    /// Begins to find out whether it is well again, if there is anything to find out and nobody else is at it. Of two
    /// who look at the same time, one is let through.
    fn claim(&self, model: &str) -> Result<bool, Standing> {
        // Nearly always, and then nobody has to look at the clock.
        if self.activity.ward.is_clean() && self.site.as_deref().is_none_or(Ward::is_clean) {
            return Ok(false);
        }
        let now = self.activity.shared.clock.now();
        let own = self.activity.ward.claim(model, now)?;
        match self.site.as_deref().map_or(Ok(false), |site| site.claim(model, now)) {
            Ok(site) => Ok(own || site),
            Err(standing) => {
                if own {
                    self.activity.ward.abandon(model);
                }
                Err(standing)
            }
        }
    }

    fn begin_probe(&self, model: &str) -> bool {
        let now = self.activity.shared.clock.now();
        let wards = [Some(&self.activity.ward), self.site.as_deref()];
        let mut probes = false;
        for ward in wards.into_iter().flatten().filter(|ward| !ward.is_clean()) {
            probes |= ward.change(|health| health.probe(model, now));
        }
        probes
    }

    pub(crate) fn abandon_probe(&self, model: &str) {
        for ward in [Some(&self.activity.ward), self.site.as_deref()].into_iter().flatten() {
            ward.abandon(model);
        }
    }

    /// Puts it back in use, and the site that it is reached at: for one model, as the upstream calls it, or for all.
    /// Tells whether anything was benched. Somebody asks for it by hand.
    pub fn recover(&self, model: Option<&str>) -> bool {
        let mut any = false;
        for ward in [Some(&self.activity.ward), self.site.as_deref()].into_iter().flatten() {
            let change = ward.change(|health| health.recover(model));
            self.activity.shared.tell(change, &self.id, &self.label, model, None);
            any |= change.recovered || change.early;
        }
        any
    }

    /// Puts it back in use where it was benched because its credit was used up: a reading that was asked for at `asked`
    /// shows some. Tells whether anything was benched for that.
    pub fn replenish(&self, asked: Moment) -> bool {
        let change = self.activity.ward.change(|health| health.replenish(asked));
        self.activity.shared.tell(change, &self.id, &self.label, None, None);
        change.recovered
    }

    fn tell(&self, change: Change, model: &str, cause: Option<FaultKind>) {
        self.activity.shared.tell(change, &self.id, &self.label, Some(model), cause);
    }
}

/// The trouble of an account or a site. Whoever has none is asked without a lock.
#[derive(Debug, Default)]
pub struct Ward {
    health: Guarded<Health>,
}

impl Ward {
    fn is_clean(&self) -> bool {
        self.health.is_clean()
    }

    fn standing(&self, model: &str, now: Moment) -> Standing {
        if self.is_clean() {
            return Standing::Ready;
        }
        self.look(|health| health.standing(model, now))
    }

    fn claim(&self, model: &str, now: Moment) -> Result<bool, Standing> {
        if self.is_clean() { Ok(false) } else { self.change(|health| health.claim(model, now)) }
    }

    fn abandon(&self, model: &str) {
        if !self.is_clean() {
            self.change(|health| health.abandon(model));
        }
    }

    fn look<T>(&self, look: impl FnOnce(&Health) -> T) -> T {
        self.health.look(look)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Health) -> T) -> T {
        self.health.change(change)
    }
}

/// What the use of an account has taught.
#[derive(Debug)]
pub struct Activity {
    in_flight: AtomicU32,
    answered: AtomicU64,
    failed: AtomicU64,
    number: u32,
    /// Of the credential: with a new one, old trouble says nothing.
    fingerprint: AtomicU64,
    latency: Latency,
    ward: Ward,
    slots: Arc<Slots>,
    shared: Arc<Shared>,
}

impl Activity {
    fn new(number: u32, shared: Arc<Shared>) -> Self {
        Self {
            in_flight: AtomicU32::new(0),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            number,
            fingerprint: AtomicU64::new(0),
            latency: Latency::default(),
            ward: Ward::default(),
            slots: Arc::default(),
            shared,
        }
    }

    /// Calls under way.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Calls that were answered.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Calls that failed by the account's or the upstream's fault.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// A number that no other account of this process has.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// What a call is expected to take until its first word, in milliseconds; 0 when nobody knows.
    pub fn latency(&self) -> f64 {
        self.latency.expected(self.shared.clock.now())
    }

    /// What is benched.
    pub fn benched(&self) -> Vec<Benched> {
        self.ward.look(|health| health.benched().collect())
    }

    /// The present, by the clock that all accounts go by.
    pub fn now(&self) -> Moment {
        self.shared.clock.now()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn count_answer(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_failure(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_latency(&self, begun: Moment) {
        let now = self.shared.clock.now();
        self.latency.note(now.since(begun), now);
    }
}

/// A change of an account's health, for those who watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthChange {
    /// The account.
    pub id: AccountId,
    /// Its label.
    pub label: String,
    /// The model that was asked for; `None` when nobody asked.
    pub model: Option<String>,
    /// It is in use again; else it was benched.
    pub recovered: bool,
    /// What benched it.
    pub cause: Option<FaultKind>,
}

/// Told of changes of health. Must return at once.
pub trait Watcher: Send + Sync {
    /// An account was benched, or is in use again.
    fn changed(&self, change: HealthChange);
}

/// What all accounts share.
#[derive(Default)]
struct Shared {
    clock: Clock,
    /// Benches that ended early.
    recoveries: AtomicU64,
    /// Changes of any health.
    changes: AtomicU64,
    rolls: AtomicU64,
    hasher: RandomState,
    watcher: OnceLock<Box<dyn Watcher>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Shared {
    fn tell(&self, change: Change, id: &AccountId, label: &str, model: Option<&str>, cause: Option<FaultKind>) {
        if change.early {
            self.recoveries.fetch_add(1, Ordering::AcqRel);
        }
        if !change.benched && !change.recovered {
            return;
        }
        self.changes.fetch_add(1, Ordering::AcqRel);
        if let Some(watcher) = self.watcher.get() {
            let (id, label, model) = (id.clone(), label.to_owned(), model.map(str::to_owned));
            watcher.changed(HealthChange { id, label, model, recovered: change.recovered, cause });
        }
    }

    /// A number in `0.0..1.0`, so that accounts don't come back in step.
    fn dice(&self) -> f64 {
        let roll = self.hasher.hash_one(self.rolls.fetch_add(1, Ordering::Relaxed));
        f64::from(u32::try_from(roll >> 32).unwrap_or_default()) / f64::from(u32::MAX)
    }
}

/// Activities that are kept of accounts which no configuration names any more.
const MOST_GONE: usize = 1024;

/// The activities of all accounts ever seen by this process, so that a reload forgets nothing.
#[derive(Debug, Default)]
pub struct Accounts {
    activities: Mutex<HashMap<AccountId, Arc<Activity>>>,
    numbers: AtomicU32,
    sites: Mutex<HashMap<String, Arc<Ward>>>,
    shared: Arc<Shared>,
}

impl Accounts {
    /// No accounts yet, by this clock.
    pub fn new(clock: Clock) -> Self {
        Self { shared: Arc::new(Shared { clock, ..Shared::default() }), ..Self::default() }
    }

    /// The clock that all go by.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// How many benches have ended early: whoever remembers the end of one must look again when this changes.
    pub fn recoveries(&self) -> u64 {
        self.shared.recoveries.load(Ordering::Acquire)
    }

    /// How many changes of health there were.
    pub fn changes(&self) -> u64 {
        self.shared.changes.load(Ordering::Acquire)
    }

    /// Tells `watcher` of changes of health from now on. There is one; a second is not told.
    pub fn watch(&self, watcher: Box<dyn Watcher>) {
        // The first stays.
        _ = self.shared.watcher.set(watcher);
    }

    /// The activity of an account; a new one for a new id. Called when a snapshot is built, never per request.
    pub fn activity(&self, id: &AccountId) -> Arc<Activity> {
        let mut activities = self.activities.lock().unwrap_or_else(PoisonError::into_inner);
        let number = || self.numbers.fetch_add(1, Ordering::Relaxed);
        let fresh = || Arc::new(Activity::new(number(), Arc::clone(&self.shared)));
        Arc::clone(activities.entry(id.clone()).or_insert_with(fresh))
    }

    /// As [`Accounts::activity`], for an account with this credential: another one than before begins without trouble.
    pub fn activity_with(&self, id: &AccountId, secret: &Secret) -> Arc<Activity> {
        let activity = self.activity(id);
        let print = self.shared.hasher.hash_one(secret.expose()) | 1;
        let before = activity.fingerprint.swap(print, Ordering::AcqRel);
        if before != 0 && before != print {
            let change = activity.ward.change(|health| health.recover(None));
            self.shared.tell(change, id, id.as_str(), None, None);
        }
        activity
    }

    /// Forgets accounts that no configuration names any more, once they are many: keys come and go. A few are kept, for
    /// an account that is taken out is often put back. Called after a reload.
    pub fn prune(&self) {
        let mut activities = self.activities.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = |activity: &Arc<Activity>| Arc::strong_count(activity) == 1;
        if activities.values().filter(|activity| gone(activity)).count() > MOST_GONE {
            activities.retain(|_, activity| !gone(activity));
        }
    }

    /// The trouble of a site; a new one for a new name.
    pub fn site(&self, name: &str) -> Arc<Ward> {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sites.entry(name.to_owned()).or_default())
    }

    /// Benches an account until a time, as a reading of a quota or a saved state says; whether it is known.
    pub fn bench(&self, id: &AccountId, benched: &Benched) -> bool {
        let Some(activity) = self.known(id) else { return false };
        let now = self.shared.clock.now();
        let change = activity.ward.change(|health| health.restore(benched, now));
        self.shared.tell(change, id, id.as_str(), benched.model.as_deref(), Some(benched.cause));
        true
    }

    /// Everything that is benched beyond now.
    pub fn benched(&self) -> Vec<(AccountId, Benched)> {
        let now = self.shared.clock.now();
        let activities = self.activities.lock().unwrap_or_else(PoisonError::into_inner);
        let troubled = activities.iter().filter(|(_, activity)| !activity.ward.is_clean());
        let all = troubled.flat_map(|(id, activity)| activity.benched().into_iter().map(|it| (id.clone(), it)));
        all.filter(|(_, benched)| benched.until > now).collect()
    }

    fn known(&self, id: &AccountId) -> Option<Arc<Activity>> {
        self.activities.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}

#[cfg(test)]
mod line;
#[cfg(test)]
mod tests;
