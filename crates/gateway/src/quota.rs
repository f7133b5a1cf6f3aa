//! Readings of credit: an account that is benched because its credit is used up is asked what is left, where its place
//! tells, and is back in use as soon as there is some. Few are asked, each after growing pauses; whatever else an answer
//! says, or that there is none, changes nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hub::FaultKind;
use pool::{Account, AccountId, Moment, Secret};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use transport::{Client, Deadlines, Payload, Site};
use upstreams::{Credit, Upstream};

use crate::app::App;
use crate::edge::random;
use crate::lanes;
use crate::seats::Member;
use crate::snapshot::Snapshot;

/// Accounts asked before anything else is looked at.
const ROUND: usize = 32;
/// For one reading.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer, in bytes.
const MAX_BYTES: usize = 256 << 10;
/// Pauses double up to this, unless the first is longer.
const LONGEST: Duration = Duration::from_secs(3600);
/// An account that was not benched for so long begins anew with short pauses.
const MEMORY: Duration = Duration::from_secs(6 * 3600);
/// Between two looks when nobody says that an account was benched: a reload may bring some.
const LOOK: Duration = Duration::from_secs(60);

/// An account that can be asked.
#[derive(Debug)]
pub(crate) struct Gauged {
    account: Arc<Account>,
    secret: Secret,
    upstream: Arc<dyn Upstream>,
    site: Site,
}

/// When an account is asked next.
#[derive(Clone, Copy, Debug)]
struct Turn {
    due: Instant,
    /// How often it was asked.
    asked: u32,
}

impl Gauged {
    /// Of an account whose place tells what is left.
    pub(crate) fn of(member: &Member) -> Option<Self> {
        member.upstream.gauge()?;
        Some(Self {
            account: Arc::clone(&member.account),
            secret: member.secret.clone(),
            upstream: Arc::clone(&member.upstream),
            site: member.site.clone(),
        })
    }

    /// Whether its credit is why it is out.
    fn is_empty(&self, now: Moment) -> bool {
        let benched = self.account.activity.benched();
        benched.iter().any(|bench| bench.cause == FaultKind::QuotaExhausted && bench.until > now)
    }

    /// Asks, and puts it back in use if the answer says that there is credit.
    async fn read(&self, client: &Client) {
        let asked = self.account.activity.now();
        let told = timeout(PATIENCE, self.ask(client)).await.unwrap_or_else(|_| Err("it took too long".to_owned()));
        let account = self.account.label.as_str();
        match told {
            Ok(Some(Credit::Some)) if self.account.replenish(asked) => {
                tracing::info!(target: "health", account, "the provider says that there is credit again");
            }
            Ok(told) => tracing::debug!(target: "health", account, ?told, "asked what is left of the credit"),
            Err(why) => tracing::debug!(target: "health", account, "what is left of the credit cannot be read: {why}"),
        }
    }

    async fn ask(&self, client: &Client) -> Result<Option<Credit>, String> {
        let Some(gauge) = self.upstream.gauge() else { return Ok(None) };
        let request = gauge.request(&self.secret).map_err(|fault| fault.to_string())?.map(Payload::from_iter);
        let reply = client.send(&self.site, request, &Deadlines::default()).await.map_err(|error| error.to_string())?;
        if !reply.status.is_success() {
            return Err(format!("it answered {}", reply.status));
        }
        let body = reply.body.collect(MAX_BYTES).await.map_err(|error| error.to_string())?;
        Ok(gauge.read(&body))
    }
}

/// Asks whoever is benched for its credit, for ever. `bell` rings when an account was benched for that.
pub(crate) async fn keep(app: &App, client: &Client, bell: &Notify) {
    let mut turns = HashMap::new();
    loop {
        let snapshot = app.snapshot();
        let now = Instant::now();
        let due = plan(&mut turns, &snapshot, app.accounts.clock().now(), now);
        if due.is_empty() {
            let next = turns.values().map(|turn| turn.due).filter(|due| *due > now).min();
            tokio::select! {
                () = sleep_until(next.unwrap_or(now + LOOK).min(now + LOOK)) => (),
                () = bell.notified() => (),
            }
        } else {
            lanes::each(due, |one| one.read(client)).await;
        }
    }
}

/// Who is to be asked now; their next turns are planned with it.
fn plan<'a>(
    turns: &mut HashMap<AccountId, Turn>,
    snapshot: &'a Snapshot,
    moment: Moment,
    now: Instant,
) -> Vec<&'a Gauged> {
    turns.retain(|_, turn| now < turn.due + MEMORY);
    let Some(first) = snapshot.config.quota_reading else { return Vec::new() };
    let mut due = Vec::new();
    for one in snapshot.gauged.iter().filter(|one| one.is_empty(moment)) {
        let turn = turns.entry(one.account.id.clone()).or_insert_with(|| Turn { due: now + pause(first, 0), asked: 0 });
        // Whoever had its pause while it was in use, and is benched again, waits once more.
        if turn.due + 10 * LOOK < now {
            turn.due = now + pause(first, turn.asked);
        }
        if turn.due <= now && due.len() < ROUND {
            turn.asked = turn.asked.saturating_add(1);
            turn.due = now + pause(first, turn.asked);
            due.push(one);
        }
    }
    due
}

/// The pause before the next reading: twice the last one, and up to a quarter longer, so that accounts that were benched
/// together are not asked together.
fn pause(first: Duration, asked: u32) -> Duration {
    let plain = first.saturating_mul(1 << asked.min(20)).min(LONGEST.max(first));
    let dice = f64::from(u32::try_from(random() >> 32).unwrap_or_default()) / f64::from(u32::MAX);
    plain.mul_f64(1.0 + dice / 4.0)
}

#[cfg(test)]
mod tests {
    use pool::Benched;

    use super::*;

    fn app(reading: &str) -> App {
        let place = |name: &str| {
            format!(
                "- {{name: {name}, base-url: 'http://127.0.0.1:1', quirks: {{like: {name}}}, api-key-entries: [{{api-key: k}}], models: [{{name: m}}]}}\n"
            )
        };
        let places: String = ["deepseek", "groq", "moonshot"].map(place).concat();
        let text = format!("quota-reading: {reading}\nopenai-compatibility:\n{places}");
        App::new(config::parse(&text, "config.yaml", &[]).0.unwrap()).unwrap()
    }

    fn bench(app: &App, account: usize, cause: FaultKind) {
        let until = app.accounts.clock().now().after(Duration::from_secs(36_000));
        let benched = Benched { model: None, until, firm: true, cause, level: 1 };
        assert!(app.accounts.bench(&app.snapshot().accounts[account].id, &benched));
    }

    fn asked(app: &App, turns: &mut HashMap<AccountId, Turn>, now: Instant) -> Vec<String> {
        let snapshot = app.snapshot();
        let due = plan(turns, &snapshot, app.accounts.clock().now(), now);
        due.iter().map(|one| one.account.label.clone()).collect()
    }

    #[test]
    fn only_who_is_out_for_its_credit_is_asked_and_ever_more_rarely() {
        let app = app("1m");
        let (mut turns, mut now) = (HashMap::new(), Instant::now());
        assert!(asked(&app, &mut turns, now).is_empty() && turns.is_empty());
        bench(&app, 0, FaultKind::QuotaExhausted);
        // Nobody tells what is left at this place, and this one was only too fast.
        bench(&app, 1, FaultKind::QuotaExhausted);
        bench(&app, 2, FaultKind::RateLimited);
        let mut times = Vec::new();
        for second in 0..4 * 3600 {
            if !asked(&app, &mut turns, now).is_empty() {
                times.push(second);
            }
            now += Duration::from_secs(1);
        }
        assert_eq!(turns.len(), 1);
        // After 1, 2, 4, 8, 16, 32 minutes, then every hour, each up to a quarter longer.
        assert!((7..=9).contains(&times.len()), "{times:?}");
        assert!((60..=76).contains(&times[0]) && times.is_sorted_by(|a, b| a < b), "{times:?}");
        assert!(times.windows(2).skip(6).all(|pair| pair[1] - pair[0] >= 3600), "{times:?}");
    }

    #[test]
    fn off_is_off_and_what_is_in_use_is_left_alone() {
        let app = app("off");
        bench(&app, 0, FaultKind::QuotaExhausted);
        let later = Instant::now() + Duration::from_secs(7200);
        assert!(asked(&app, &mut HashMap::new(), later).is_empty() && app.snapshot().gauged.is_empty());
    }

    #[test]
    fn a_reading_ends_what_was_spent_and_nothing_else_and_nothing_newer() {
        let app = app("1m");
        let account = Arc::clone(&app.snapshot().accounts[0]);
        let asked = account.activity.now();
        bench(&app, 0, FaultKind::UpstreamRefused);
        assert!(!account.replenish(account.activity.now()));
        account.recover(None);
        std::iter::repeat_with(|| account.activity.now()).find(|now| *now > asked);
        bench(&app, 0, FaultKind::QuotaExhausted);
        assert!(!account.replenish(asked), "it was benched after the question");
        assert!(account.replenish(account.activity.now()) && !account.replenish(account.activity.now()));
    }
}
