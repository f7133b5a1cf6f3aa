//! When accounts are checked: each in its own rhythm, so that checks are spread over time, and not more at once than
//! may be. It knows nothing of what a check is.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

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
        app.checks.plan(timetable.entries.iter().map(|entry| (entry.id.clone(), entry.due.map(wall))));
        let at_once = snapshot.config.health_check.as_ref().map_or(1, |check| check.concurrency);
        let room = Arc::new(Semaphore::new(at_once as usize));
        tokio::select! {
            () = app.reloaded() => (),
            () = work(app, &mut timetable, &snapshot, client, &room, &tasks) => (),
        }
    }
}

/// Checks whoever is due, one after the other as there is room. It never ends.
async fn work(
    app: &Arc<App>,
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
        app.checks.next(&entry.id, entry.due.map(wall));
        let Some(mark) = mark else { continue };
        let app = Arc::clone(app);
        let (snapshot, client, patience) = (Arc::clone(snapshot), client.clone(), check.timeout);
        tasks.spawn(async move {
            let _held = (permit, mark);
            if let Some(checkup) = snapshot.checkups.get(place) {
                checkup.run(&app, &snapshot, &client, patience).await;
            }
        });
    }
    std::future::pending::<()>().await;
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

/// The same moment by the wall's clock, for people.
fn wall(due: Instant) -> SystemTime {
    SystemTime::now() + due.saturating_duration_since(Instant::now())
}

/// A time near an interval, so that accounts that began together do not stay together.
fn spread(interval: Duration, dice: f64) -> Duration {
    interval.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * dice)
}

/// A number in `0.0..1.0`.
fn dice() -> f64 {
    f64::from(u32::try_from(random() >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(places: usize, check: &str) -> App {
        let place = |n: usize| {
            format!(
                "- {{name: v{n}, base-url: 'http://127.0.0.1:1', api-key-entries: [{{api-key: k{n}}}], models: [{{name: m}}]}}\n"
            )
        };
        let places: String = (0..places).map(place).collect();
        let text = format!("health-check: {check}\nopenai-compatibility:\n{places}");
        App::new(config::parse(&text, "config.yaml", &[]).0.unwrap()).unwrap()
    }

    /// Every tenth of the interval in turn.
    fn tenths() -> impl FnMut() -> f64 {
        let mut tenth = 9;
        move || {
            tenth = (tenth + 1) % 10;
            f64::from(tenth) / 10.0
        }
    }

    fn dues(timetable: &Timetable, now: Instant) -> Vec<Option<u64>> {
        timetable.entries.iter().map(|entry| entry.due.map(|due| due.duration_since(now).as_secs())).collect()
    }

    #[test]
    fn checks_are_spread_over_the_interval_and_whoever_stays_keeps_its_rhythm() {
        let now = Instant::now();
        let mut timetable = Timetable::default();
        timetable.plan(&app(3, "{interval: 100s}").snapshot(), now, tenths());
        assert_eq!(dues(&timetable, now), [Some(0), Some(10), Some(20)]);
        // One more account: the others are not put off.
        timetable.plan(&app(4, "{interval: 100s}").snapshot(), now + Duration::from_secs(5), tenths());
        assert_eq!(dues(&timetable, now), [Some(0), Some(10), Some(20), Some(35)]);
        timetable.plan(&app(2, "{interval: 1000s}").snapshot(), now, tenths());
        assert_eq!(dues(&timetable, now), [Some(0), Some(100)]);
        assert_eq!(timetable.next().map(|(place, _)| place), Some(0));
        timetable.plan(&app(2, "{}").snapshot(), now, tenths());
        assert_eq!(timetable.next(), None);
    }

    #[test]
    fn at_the_start_everybody_is_due_and_without_an_interval_only_then() {
        let now = Instant::now();
        let mut timetable = Timetable::default();
        let app = app(2, "{at-start: true}");
        timetable.plan(&app.snapshot(), now, tenths());
        assert_eq!(dues(&timetable, now), [Some(0), Some(0)]);
        timetable.entries[0].due = None;
        timetable.plan(&app.snapshot(), now, tenths());
        assert_eq!(dues(&timetable, now), [None, Some(0)]);
    }

    #[test]
    fn nobody_is_checked_twice_at_a_time_nor_for_what_clients_have_found_out() {
        let app = app(1, "{interval: 1m}");
        let snapshot = app.snapshot();
        let mut timetable = Timetable::default();
        timetable.plan(&snapshot, Instant::now(), tenths());
        let (entry, checkup) = (&mut timetable.entries[0], &snapshot.checkups[0]);
        let running = entry.begin(checkup, false);
        assert!(running.is_some() && entry.begin(checkup, false).is_none());
        drop(running);
        assert!(entry.begin(checkup, false).is_some() && entry.begin(checkup, true).is_none());
        checkup.lease().unwrap().settle(pool::Outcome::Answered);
        assert!(entry.begin(checkup, false).is_none());
        assert!(entry.begin(checkup, false).is_some());
    }

    #[test]
    fn rhythms_differ_a_little() {
        let minute = Duration::from_secs(60);
        assert_eq!(spread(minute, 0.0).as_secs(), 54);
        assert_eq!(spread(minute, 1.0).as_secs(), 66);
    }
}
