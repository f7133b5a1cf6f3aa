//! When accounts are checked: each in its own rhythm, so that checks are spread over time, and not more at once than
//! may be. It knows nothing of what a check is.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use pool::AccountId;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use transport::{Client, Tasks};

use super::Checkup;
use crate::app::App;
use crate::edge::random;
use crate::snapshot::Snapshot;

/// Rhythms differ by up to this share, either way.
const SPREAD: f64 = 0.1;

/// Checks accounts as the configuration of the day says, for ever.
pub(crate) async fn keep(app: &Arc<App>, client: &Client) {
    let tasks = Tasks::new();
    let mut timetable = Timetable::default();
    loop {
        let snapshot = app.snapshot();
        timetable.plan(&snapshot, Instant::now(), dice);
        let at_once = snapshot.config.health_check.as_ref().map_or(1, |check| check.concurrency);
        let room = Arc::new(Semaphore::new(at_once as usize));
        tokio::select! {
            () = app.reloaded() => (),
            () = work(&mut timetable, &snapshot, client, &room, &tasks) => (),
        }
    }
}

/// Checks whoever is due, one after the other as there is room. It never ends.
async fn work(
    timetable: &mut Timetable,
    snapshot: &Arc<Snapshot>,
    client: &Client,
    room: &Arc<Semaphore>,
    tasks: &Tasks,
) {
    let Some(check) = snapshot.config.health_check.as_ref() else { return std::future::pending().await };
    while let Some((place, due)) = timetable.next() {
        sleep_until(due).await;
        let Ok(permit) = Arc::clone(room).acquire_owned().await else { return };
        let (Some(entry), Some(checkup)) = (timetable.entries.get_mut(place), snapshot.checkups.get(place)) else {
            return;
        };
        let mark = entry.begin(checkup, check.only_unhealthy);
        entry.due = check.interval.map(|interval| Instant::now() + spread(interval, dice()));
        let Some(mark) = mark else { continue };
        let (snapshot, client, patience) = (Arc::clone(snapshot), client.clone(), check.timeout);
        tasks.spawn(async move {
            let _held = (permit, mark);
            if let Some(checkup) = snapshot.checkups.get(place) {
                checkup.run(&snapshot, &client, patience).await;
            }
        });
    }
    std::future::pending().await
}

/// Who is due when; in the order of the snapshot's checkups.
#[derive(Debug, Default)]
struct Timetable {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: AccountId,
    /// `None` when it is never checked again.
    due: Option<Instant>,
    interval: Option<Duration>,
    /// What it had answered when it was last looked at.
    answered: Option<u64>,
    /// Lives while a check runs.
    running: Weak<()>,
}

impl Timetable {
    /// Takes over what a snapshot says. Whoever stays keeps its rhythm.
    fn plan(&mut self, snapshot: &Snapshot, now: Instant, mut dice: impl FnMut() -> f64) {
        let mut known: HashMap<_, _> = self.entries.drain(..).map(|entry| (entry.id.clone(), entry)).collect();
        let Some(check) = &snapshot.config.health_check else { return };
        let first = |dice: f64| match check.at_start {
            true => Some(now),
            false => check.interval.map(|interval| now + interval.mul_f64(dice)),
        };
        for checkup in &snapshot.checkups {
            let id = &checkup.account.id;
            let entry = known.remove(id).map(|entry| entry.with_interval(check.interval, now, dice()));
            self.entries.push(entry.unwrap_or_else(|| Entry {
                id: id.clone(),
                due: first(dice()),
                interval: check.interval,
                answered: None,
                running: Weak::new(),
            }));
        }
    }

    /// The place of the one that is due next.
    fn next(&self) -> Option<(usize, Instant)> {
        let due = |(place, entry): (usize, &Entry)| Some((place, entry.due?));
        self.entries.iter().enumerate().filter_map(due).min_by_key(|(_, due)| *due)
    }
}

impl Entry {
    fn with_interval(self, interval: Option<Duration>, now: Instant, dice: f64) -> Self {
        if self.interval == interval {
            return self;
        }
        let due = interval.map(|interval| now + interval.mul_f64(dice));
        Self { interval, due, ..self }
    }

    /// Marks that a check begins; `None` when there is nothing to find out: the last one still runs, or clients have
    /// had answers since and nothing is known against the account.
    fn begin(&mut self, checkup: &Checkup, only_unhealthy: bool) -> Option<Arc<()>> {
        let answered = checkup.account.activity.answered();
        let before = self.answered.replace(answered);
        let used = before.is_some_and(|before| before != answered);
        if self.running.strong_count() > 0 || ((used || only_unhealthy) && !checkup.is_in_trouble()) {
            return None;
        }
        let mark = Arc::new(());
        self.running = Arc::downgrade(&mark);
        Some(mark)
    }
}

/// A time near an interval, so that accounts that began together do not stay together.
fn spread(interval: Duration, dice: f64) -> Duration {
    interval.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * dice)
}

/// A number in `0.0..1.0`.
fn dice() -> f64 {
    f64::from(u32::try_from(random() >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}
