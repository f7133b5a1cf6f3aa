//! Asks accounts for their own lists of models, again and again: few at a time, each in its own time, every answer
//! bounded. A list that cannot be read leaves the old one, and the account as healthy as it was.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep_until, timeout};
use transport::client::Client;
use transport::{Deadlines, Payload};
use upstreams::{Learned, Lister};

use super::{Learner, ListId, file};
use crate::app::App;
use crate::lanes;

/// Accounts asked before what they told is put to use.
const ROUND: usize = 32;
/// Pages of one list.
const MOST_PAGES: usize = 20;
/// Models of one list.
const MOST_MODELS: usize = 5_000;
/// Models of one list that are asked about one by one.
const MOST_ASKED: usize = 256;
/// Largest page, in bytes.
const PAGE_BYTES: usize = 16 << 20;
/// Largest answer about one model, in bytes.
const MODEL_BYTES: usize = 4 << 20;
/// For one page or one model.
const PATIENCE: Duration = Duration::from_secs(20);
/// For a whole list with all that belongs to it.
const LIST_PATIENCE: Duration = Duration::from_secs(120);
/// The pause after a failure; it doubles, up to the interval.
const PAUSE: Duration = Duration::from_secs(60);
/// Old lists are read anew within this after a start.
const SOON: Duration = Duration::from_secs(30);

/// When an account is asked next.
#[derive(Clone, Copy, Debug)]
struct Turn {
    due: Instant,
    failures: u32,
}

/// Runs for ever. `home` is where `~` leads.
pub(crate) async fn run(app: &Arc<App>, client: &Client, home: Option<&Path>) {
    let mut turns: HashMap<ListId, Turn> = HashMap::new();
    let mut path = app.snapshot().config.auth_dir_in(home).join(file::NAME);
    loop {
        let snapshot = app.snapshot();
        let moved = snapshot.config.auth_dir_in(home).join(file::NAME);
        let learners: HashMap<ListId, &Learner> =
            snapshot.learners.iter().map(|learner| (learner.id, learner)).collect();
        turns.retain(|id, _| learners.contains_key(id));
        let Some(interval) = snapshot.config.model_refresh.filter(|_| !learners.is_empty()) else {
            app.lists.asked_anew().await;
            continue;
        };
        if path != moved {
            path = moved;
            save(app, &learners.keys().copied().collect(), &path).await;
        }
        for id in learners.keys() {
            turns.entry(*id).or_insert_with(|| Turn { due: first(app, *id, interval), failures: 0 });
        }
        let now = Instant::now();
        let mut due: Vec<ListId> = turns.iter().filter(|(_, turn)| turn.due <= now).map(|(id, _)| *id).collect();
        due.truncate(ROUND);
        if due.is_empty() {
            let next = turns.values().map(|turn| turn.due).min().unwrap_or(now + interval);
            tokio::select! {
                () = sleep_until(next) => (),
                () = app.lists.asked_anew() => (),
            }
            continue;
        }
        let asked: HashSet<ListId> = learners.keys().copied().collect();
        let due = due.iter().filter_map(|id| learners.get(id).copied()).collect();
        let told = round(client, due).await;
        if take(app, told, &mut turns, interval) {
            relearn(app);
        }
        save(app, &asked, &path).await;
    }
}

/// When an account is asked for the first time in this run.
fn first(app: &App, id: ListId, interval: Duration) -> Instant {
    let now = Instant::now();
    let Some(at) = app.lists.read_at(id) else { return now };
    let age = SystemTime::now().duration_since(at).unwrap_or_default();
    let left = spread(interval, id).saturating_sub(age);
    now + if left.is_zero() { SOON.mul_f64(id.share()) } else { left }
}

/// A time with up to a tenth more or less, by account: what begins together need not go on together.
fn spread(time: Duration, id: ListId) -> Duration {
    time.mul_f64(0.9 + 0.2 * id.share())
}

/// What some accounts told, each a list or nothing.
type Told<'a> = Vec<(&'a Learner, Result<Vec<Learned>, String>)>;

/// Asks a few accounts, four at a time.
async fn round<'a>(client: &Client, learners: Vec<&'a Learner>) -> Told<'a> {
    let list_of = async |learner: &'a Learner| {
        let list = timeout(LIST_PATIENCE, ask(client, learner)).await;
        (learner, list.unwrap_or_else(|_| Err("it took too long".to_owned())))
    };
    lanes::each(learners, list_of).await
}

/// Takes over what was told; whether anything is new.
fn take(app: &App, told: Told<'_>, turns: &mut HashMap<ListId, Turn>, interval: Duration) -> bool {
    let mut fresh = false;
    for (learner, list) in told {
        let Some(turn) = turns.get_mut(&learner.id) else { continue };
        let account = learner.label.as_str();
        let pause = match list {
            Ok(models) => {
                tracing::debug!(target: "models", account, models = models.len(), "read the upstream's list of models");
                turn.failures = 0;
                fresh |= app.lists.take(learner.id, models, SystemTime::now());
                interval
            }
            Err(why) => {
                // Some places have no list at all; that is worth one line.
                match turn.failures {
                    0 => tracing::info!(target: "models", account, "no list of models from the upstream: {why}"),
                    _ => tracing::debug!(target: "models", account, "no list of models from the upstream: {why}"),
                }
                let pause = PAUSE.saturating_mul(1 << turn.failures.min(16)).min(interval);
                turn.failures = turn.failures.saturating_add(1);
                pause
            }
        };
        turn.due = Instant::now() + spread(pause, learner.id);
    }
    fresh
}

/// Puts new lists to use.
fn relearn(app: &App) {
    match app.relearn() {
        Ok(changes) if changes.is_empty() => (),
        Ok(changes) => tracing::info!(target: "models", "upstreams' lists changed: {changes}"),
        Err(error) => tracing::error!(target: "models", "upstreams' new lists are not used: {error}"),
    }
}

async fn save(app: &App, asked: &HashSet<ListId>, path: &Path) {
    let lists = app.lists.to_keep(asked, SystemTime::now());
    let path = path.to_owned();
    let write = move || file::text(&lists).is_some_and(|text| config::write_private(&path, &text).is_ok());
    if !tokio::task::spawn_blocking(write).await.is_ok_and(|written| written) {
        tracing::warn!(target: "models", "the lists of models could not be saved");
    }
}

/// An account's whole list.
async fn ask(client: &Client, learner: &Learner) -> Result<Vec<Learned>, String> {
    let lister = learner.upstream.lister().ok_or("the place has none")?;
    let mut models = Vec::new();
    let mut page: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let request = lister.request(page.as_deref(), &learner.secret).map_err(|fault| fault.to_string())?;
        let body = get(client, learner, request.map(Payload::from_iter), PAGE_BYTES).await?;
        let read = lister.read(&body).map_err(|fault| fault.to_string())?;
        models.extend(read.models);
        if models.len() > MOST_MODELS {
            return Err(format!("it names more than {MOST_MODELS} models"));
        }
        if read.next.is_none() || read.next == page {
            break;
        }
        page = read.next;
    }
    if models.is_empty() {
        return Err("it is empty".to_owned());
    }
    details(client, learner, lister, &mut models).await?;
    Ok(models)
}

/// Asks about models one by one, where the list only names them.
async fn details(client: &Client, learner: &Learner, lister: &Lister, models: &mut [Learned]) -> Result<(), String> {
    for model in models.iter_mut().take(MOST_ASKED) {
        let Some(request) = lister.request_one(&model.name, &learner.secret) else { return Ok(()) };
        let request = request.map_err(|fault| fault.to_string())?;
        // A model that was deleted meanwhile says nothing of the others.
        if let Ok(body) = get(client, learner, request.map(Payload::from_iter), MODEL_BYTES).await {
            lister.read_one(&body, model);
        }
    }
    Ok(())
}

async fn get(
    client: &Client,
    learner: &Learner,
    request: http::Request<Payload>,
    limit: usize,
) -> Result<bytes::Bytes, String> {
    let deadlines = Deadlines::default();
    let asking = async {
        let reply = client.send(&learner.site, request, &deadlines).await.map_err(|error| error.to_string())?;
        if !reply.status.is_success() {
            return Err(format!("it answered {}", reply.status));
        }
        reply.body.collect(limit).await.map_err(|error| error.to_string())
    };
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err("it took too long".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Snapshot;

    fn app() -> App {
        let (config, report) = config::parse(include_str!("tests/two_keys.yaml"), "config.yaml", &[]);
        App::new(config.unwrap_or_else(|| panic!("{report}"))).unwrap()
    }

    /// How long the first account is left alone after what it told.
    fn pause_after(
        app: &App,
        snapshot: &Snapshot,
        told: Result<Vec<Learned>, String>,
        turns: &mut HashMap<ListId, Turn>,
        interval: Duration,
    ) -> Duration {
        let learner = &snapshot.learners[0];
        take(app, vec![(learner, told)], turns, interval);
        let pause = turns[&learner.id].due - Instant::now();
        // Without what is the account's own.
        pause.div_f64(0.9 + 0.2 * learner.id.share())
    }

    #[tokio::test(start_paused = true)]
    async fn failures_pause_a_minute_two_four_up_to_the_interval_and_a_list_begins_anew() {
        let (app, interval) = (app(), Duration::from_secs(12 * 3600));
        let snapshot = app.snapshot();
        let mut turns: HashMap<_, _> =
            [(snapshot.learners[0].id, Turn { due: Instant::now(), failures: 0 })].into_iter().collect();
        let minutes = |pause: Duration| (pause.as_secs_f64() / 60.0).round();
        let fail = |turns: &mut _| pause_after(&app, &snapshot, Err("no".to_owned()), turns, interval);
        for expected in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 720.0, 720.0] {
            let pause = fail(&mut turns);
            assert!((minutes(pause) - expected).abs() < 0.5, "{pause:?} instead of {expected} minutes");
            tokio::time::advance(pause).await;
        }
        for _ in 0..100 {
            assert!((minutes(fail(&mut turns)) - 720.0).abs() < 0.5, "it stays there however often it fails");
        }
        let model = Learned { name: "x".to_owned(), ..Learned::default() };
        let pause = pause_after(&app, &snapshot, Ok(vec![model]), &mut turns, interval);
        assert!((minutes(pause) - 720.0).abs() < 0.5, "{pause:?}");
        assert!((minutes(fail(&mut turns)) - 1.0).abs() < 0.5, "a list that was read ends the doubling");
    }

    #[test]
    fn accounts_that_begin_together_do_not_stay_together_and_none_is_far_off() {
        let app = app();
        let snapshot = app.snapshot();
        let of = |at: usize| spread(Duration::from_secs(1000), snapshot.learners[at].id);
        assert_ne!(of(0), of(1));
        assert!((0..2).all(|at| (900..=1100).contains(&of(at).as_secs())));
    }
}
