//! What happens beside requests: changes of health go to the log and to whoever wants to be told, benches are kept over a
//! restart, and upstreams are asked for their lists of models. One future, owned by whoever polls it; a slow receiver or disk holds no request up.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use hub::FaultKind;
use pool::{AccountId, Benched, HealthChange, Watcher};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use transport::client::Client;
use transport::{Deadlines, Site};

use crate::app::App;
use crate::faults::proxy_setting;
use crate::lists::refresh;
use crate::{checkup, files, quota};

/// Changes that may wait to be told; beyond them the newest are only logged.
const QUEUE: usize = 256;
/// Tries to tell one change, and the pause before the second; it doubles.
const TELLS: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);
/// For one try.
const PATIENCE: Duration = Duration::from_secs(10);
/// Benches are written no more often than this.
const RHYTHM: Duration = Duration::from_secs(1);
/// After writing failed.
const AGAIN: Duration = Duration::from_secs(30);
/// How often memory is given back that holds what is too old: nobody finds that in the meantime.
const SWEEP: Duration = Duration::from_secs(60);
/// The file of benches, in the folder of accounts. Not `.json`: those are accounts.
const FILE: &str = "bosporus.cds";
/// Largest file of benches that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// The future's ends of the queues.
#[derive(Debug)]
pub struct Upkeep {
    changes: mpsc::Receiver<HealthChange>,
    /// Where `~` leads.
    home: Option<PathBuf>,
}

/// Logs changes, and hands them on without ever waiting.
#[derive(Debug)]
struct Teller(mpsc::Sender<HealthChange>);

impl Watcher for Teller {
    fn changed(&self, change: HealthChange) {
        let (account, model) = (&*change.label, change.model.as_deref());
        if change.recovered {
            tracing::info!(target: "health", account, model, "the account is in use again");
        } else {
            tracing::warn!(target: "health", account, model, cause = change.cause.map(tracing::field::debug), "the account is benched");
        }
        // A full queue is a receiver that does not keep up: the log has it.
        _ = self.0.try_send(change);
    }
}

impl Upkeep {
    /// Watches from now on, after putting back what was benched when the last process ended. What is kept is kept in
    /// the folder of accounts, wherever the configuration of the day puts it; `home` is where `~` leads.
    pub fn start(app: &App, home: Option<PathBuf>) -> Self {
        let file = app.snapshot().config.auth_dir_in(home.as_deref()).join(FILE);
        if app.snapshot().config.save_cooldowns {
            restore(app, &file);
        }
        let (sender, changes) = mpsc::channel(QUEUE);
        app.accounts.watch(Box::new(Teller(sender)));
        Self { changes, home }
    }

    /// Runs for ever.
    pub async fn run(&mut self, app: &Arc<App>, client: &Client) {
        let (hand, mut told) = mpsc::channel(QUEUE);
        let Self { changes, home } = self;
        let spent = Notify::new();
        let keeping = async {
            let mut due: Option<Instant> = None;
            loop {
                let rest = async {
                    match due {
                        Some(due) => sleep_until(due).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    Some(change) = changes.recv() => {
                        due.get_or_insert_with(|| Instant::now() + RHYTHM);
                        if change.cause == Some(FaultKind::QuotaExhausted) {
                            spent.notify_one();
                        }
                        _ = hand.try_send(change);
                    }
                    () = rest => {
                        let saved = save(app, home.as_deref()).await;
                        due = (!saved).then(|| Instant::now() + AGAIN);
                    }
                    () = app.moved() => { due.get_or_insert_with(Instant::now); }
                }
            }
        };
        let telling = async {
            while let Some(change) = told.recv().await {
                tell(app, client, &change).await;
            }
        };
        tokio::join!(
            keeping,
            telling,
            checkup::keep(app, client),
            refresh::run(app, client, home.as_deref()),
            quota::keep(app, client, &spent),
            files::keep(app, client),
            sweep(app)
        );
    }

    /// Writes the benches a last time.
    pub async fn finish(&self, app: &Arc<App>) {
        _ = save(app, self.home.as_deref()).await;
    }
}

/// Lets go of answers and proofs that are too old, also when no new ones come.
async fn sweep(app: &App) {
    loop {
        sleep(SWEEP).await;
        let (store, now) = (&app.snapshot().config.responses_store, std::time::Instant::now());
        app.kept.trim(store, now);
        app.proofs.trim(store.ttl, now);
    }
}

/// A change as receivers of the older programs read it, with what they lack.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    timestamp: String,
    provider_type: &'a str,
    uuid: &'a str,
    custom_name: &'a str,
    status: &'static str,
    error_message: Option<String>,
    model: Option<&'a str>,
}

/// Tells one change, a few times if need be.
async fn tell(app: &App, client: &Client, change: &HealthChange) {
    let snapshot = app.snapshot();
    let Some(hook) = &snapshot.config.health_webhook else { return };
    let id = change.id.as_str();
    let told = Told {
        timestamp: dialect::time::format(SystemTime::now()),
        provider_type: id.split(':').next().unwrap_or(id),
        uuid: id,
        custom_name: &change.label,
        status: if change.recovered { "recovered" } else { "unhealthy" },
        error_message: change.cause.map(|cause| format!("{cause:?}")),
        model: change.model.as_deref(),
    };
    let Ok(body) = serde_json::to_vec(&told) else { return };
    let Ok(proxy) = proxy_setting(&config::Proxy::Inherit, &snapshot.config.proxy) else { return };
    let site = Site::new("health-webhook").with_proxy(proxy);
    let mut pause = PAUSE;
    for attempt in 1..=TELLS {
        if post(client, &site, hook.expose(), Bytes::from(body.clone())).await {
            return;
        }
        tracing::debug!(target: "health", attempt, "the health webhook did not take it");
        if attempt < TELLS {
            sleep(pause).await;
            pause *= 2;
        }
    }
    tracing::warn!(target: "health", account = &*change.label, "the health webhook could not be told");
}

async fn post(client: &Client, site: &Site, url: &str, body: Bytes) -> bool {
    let (url, user) = without_user(url);
    let request = Request::builder().method(Method::POST).uri(&*url).header(CONTENT_TYPE, "application/json");
    let request = user.into_iter().fold(request, |request, user| request.header(AUTHORIZATION, user));
    let Ok(request) = request.body(body) else { return false };
    let sent = timeout(PATIENCE, client.send(site, request, &Deadlines::default())).await;
    sent.is_ok_and(|sent| sent.is_ok_and(|reply| reply.status.is_success()))
}

/// An address without the user that stands in it, and the header that says the same.
fn without_user(url: &str) -> (Cow<'_, str>, Option<HeaderValue>) {
    let parts = || {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (user, host) = rest[..end].rsplit_once('@')?;
        let user: Vec<u8> = percent_encoding::percent_decode_str(user).collect();
        let mut basic = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(user))).ok()?;
        basic.set_sensitive(true);
        Some((format!("{scheme}://{host}{}", &rest[end..]), basic))
    };
    match parts() {
        Some((bare, user)) => (bare.into(), Some(user)),
        None => (url.into(), None),
    }
}

/// The file of benches.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    version: u32,
    records: Vec<Record>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    account: String,
    model: Option<String>,
    /// Milliseconds since 1970.
    until: u64,
    named: bool,
    cause: String,
    level: u8,
}

/// Writes the benches where the configuration says, if it wants that; whether they are written.
async fn save(app: &Arc<App>, home: Option<&Path>) -> bool {
    let snapshot = app.snapshot();
    if !snapshot.config.save_cooldowns {
        return true;
    }
    let file = snapshot.config.auth_dir_in(home).join(FILE);
    let clock = app.accounts.clock();
    let millis = |moment| clock.wall(moment).duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
    let record = |(id, benched): (AccountId, Benched)| Record {
        account: id.as_str().to_owned(),
        model: benched.model.as_deref().map(str::to_owned),
        until: u64::try_from(millis(benched.until)).unwrap_or(u64::MAX),
        named: benched.firm,
        cause: format!("{:?}", benched.cause),
        level: benched.level,
    };
    let saved = Saved { version: 1, records: app.accounts.benched().into_iter().map(record).collect() };
    let Ok(text) = serde_json::to_string(&saved) else { return true };
    let written = tokio::task::spawn_blocking(move || config::write_private(&file, &text)).await;
    let saved = written.is_ok_and(|written| written.is_ok());
    if !saved {
        tracing::warn!(target: "health", "the benches of accounts could not be saved");
    }
    saved
}

/// Puts back what is still benched. A key that was refused is tried anew: it may have been changed meanwhile.
fn restore(app: &App, file: &Path) {
    if std::fs::metadata(file).is_ok_and(|meta| meta.len() > MAX_FILE) {
        return;
    }
    let Ok(text) = std::fs::read_to_string(file) else { return };
    let Ok(saved) = serde_json::from_str::<Saved>(&text) else {
        tracing::warn!(target: "health", "the saved benches cannot be read and are passed over");
        return;
    };
    let clock = app.accounts.clock();
    for record in saved.records {
        let cause = FaultKind::ALL.into_iter().find(|kind| format!("{kind:?}") == record.cause);
        let until = clock.moment(UNIX_EPOCH + Duration::from_millis(record.until));
        let Some(cause) = cause.filter(|cause| *cause != FaultKind::UpstreamRefused && until > clock.now()) else {
            continue;
        };
        // No longer than any hint benches: the clock may have been wrong when it was written down.
        let until = until.min(clock.now().after(pool::longest(cause)));
        let model = record.model.as_deref().map(Arc::from);
        let benched = Benched { model, until, firm: record.named, cause, level: record.level };
        app.accounts.bench(&AccountId::new(&record.account), &benched);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_in_an_address_becomes_a_header() {
        let (url, user) = without_user("https://me%40home:p%3Aw@host:9/a@b?c=d@e");
        assert_eq!((&*url, user.unwrap().to_str().unwrap()), ("https://host:9/a@b?c=d@e", "Basic bWVAaG9tZTpwOnc="));
        for plain in ["http://host/a@b", "http://host?x=a@b", "nonsense"] {
            assert_eq!(without_user(plain), (plain.into(), None));
        }
    }
}
