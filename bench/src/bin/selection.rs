//! What choosing an account costs when there are many, and what many accounts cost in memory.
//!
//!     cargo run --release --bin selection [-- PATH/TO/bosporus]
//!
//! Prints nanoseconds for a choice with its lease, taken and settled, for each strategy, at 10,000 accounts that all
//! serve 1,000 models: all well, and half of them benched. With the program's path it also prints what 500 more accounts
//! add to its resident memory.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pool::{
    Account, AccountId, Accounts, Affinity, Ask, Bench, Clock, Cooling, Lease, Outcome, Room, Secret, Selector,
    Standing, Strategy, Trouble, Weighing,
};

const ACCOUNTS: usize = 10_000;
const MODELS: usize = 1_000;
const CHOICES: usize = 200_000;

struct Seats<'a> {
    accounts: &'a [Arc<Account>],
    model: &'a str,
    now: pool::Moment,
}

impl Bench for Seats<'_> {
    fn len(&self) -> usize {
        self.accounts.len()
    }

    fn standing(&self, at: usize) -> Standing {
        self.accounts[at].standing(self.model, self.now)
    }

    fn load(&self, at: usize) -> u32 {
        self.accounts[at].activity.in_flight()
    }

    fn latency(&self, at: usize) -> f64 {
        self.accounts[at].activity.latency()
    }
}

fn main() {
    for strategy in [
        Strategy::RoundRobin,
        Strategy::WeightedRoundRobin,
        Strategy::FillFirst,
        Strategy::LeastUsed,
        Strategy::Latency,
    ] {
        let (well, half) = (choices(strategy, false), choices(strategy, true));
        println!("{strategy:?}: {well:.0} ns a choice, {half:.0} ns with half of the accounts benched");
    }
    println!("session: {:.0} ns a look-up among 100,000", sessions());
    if let Some(program) = std::env::args().nth(1) {
        let (few, many) = (resident(Path::new(&program), 1), resident(Path::new(&program), 501));
        println!("500 accounts add {:.2} MiB to {few:.2} MiB", many - few);
    }
}

/// Nanoseconds for a choice, its lease and its end.
fn choices(strategy: Strategy, bench_half: bool) -> f64 {
    let world = Accounts::new(Clock::default());
    let accounts: Vec<_> = (0..ACCOUNTS).map(|number| account(&world, number)).collect();
    let weights: Vec<_> = accounts.iter().map(|account| account.weight).collect();
    let weighing = Arc::new(Weighing::new(&weights));
    let selector = || match strategy {
        Strategy::WeightedRoundRobin => Selector::weighted(Arc::clone(&weighing)),
        other => Selector::new(other, ACCOUNTS),
    };
    let selectors: Vec<_> = (0..MODELS).map(|_| selector()).collect();
    let models: Vec<Arc<str>> = (0..MODELS).map(|number| format!("model-{number}").into()).collect();
    if bench_half {
        accounts.iter().step_by(2).for_each(bench);
    }
    let secret = Secret::new("key");
    let choose = |number: usize| {
        let at = number * 7919 % MODELS;
        let seats = Seats { accounts: &accounts, model: &models[at], now: world.clock().now() };
        let ask = Ask { now: seats.now, recoveries: world.recoveries(), uniform: true };
        let picked = selectors[at].pick(&seats, ask).expect("somebody is ready");
        let mut lease = accounts[picked].take(&secret, &models[at]).expect("it is ready");
        lease.note_alive();
        lease.settle(Outcome::Answered);
    };
    // Benched ones are found once for each model; that is not the usual path.
    (0..CHOICES).for_each(choose);
    let start = Instant::now();
    (0..CHOICES).for_each(choose);
    start.elapsed().as_nanos() as f64 / CHOICES as f64
}

fn account(world: &Accounts, number: usize) -> Arc<Account> {
    let id = AccountId::new(&format!("account-{number}"));
    Arc::new(Account {
        activity: world.activity(&id),
        label: id.to_string(),
        id,
        priority: 0,
        weight: 1 + u32::try_from(number % 5).unwrap_or(0),
        cooling: Cooling::default(),
        room: Room::default(),
        site: Some(world.site("site")),
    })
}

fn bench(account: &Arc<Account>) {
    let hint = Some(Duration::from_secs(3600));
    let kind = hub::FaultKind::QuotaExhausted;
    let lease = Lease::new(Arc::clone(account), Secret::default());
    lease.settle(Outcome::of_trouble(Trouble { blame: kind.blame(), kind, hint }));
}

/// Nanoseconds for finding a session's account.
fn sessions() -> f64 {
    let (affinity, clock) = (Affinity::default(), Clock::default());
    let names: Vec<_> = (0..100_000).map(|number| format!("session-{number}")).collect();
    for (number, name) in (0_u32..).zip(&names) {
        affinity.bind(affinity.key(name, "model"), number, 0, clock.now());
    }
    let start = Instant::now();
    for name in &names {
        std::hint::black_box(affinity.find(affinity.key(name, "model"), clock.now(), Duration::from_secs(3600)));
    }
    start.elapsed().as_nanos() as f64 / names.len() as f64
}

/// Resident memory of the program in MiB with so many accounts, each with ten models.
fn resident(program: &Path, accounts: usize) -> f64 {
    let folder = std::env::temp_dir().join(format!("bosporus-selection-{}-{accounts}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("config.yaml");
    std::fs::write(&file, config(accounts)).expect("a configuration");
    let mut child = Command::new(program)
        .arg("--config")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let lines = BufReader::new(child.stderr.take().expect("its log")).lines();
    lines.map_while(Result::ok).find(|line| line.contains("listening on")).expect("it becomes ready");
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("its status");
    child.kill().expect("it ends");
    child.wait().expect("it ends");
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    let kib: f64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number");
    kib / 1024.0
}

fn config(accounts: usize) -> String {
    let mut text = String::from("host: 127.0.0.1\nport: 0\napi-keys: [\"0123456789abcdefghij\"]\nclaude-api-key:\n");
    for number in 0..accounts {
        text.push_str(&format!("  - api-key: \"sk-ant-{number:040}\"\n    models:\n"));
        for model in 0..10 {
            text.push_str(&format!("      - {{name: \"claude-model-{model}\", alias: \"model-{model}\"}}\n"));
        }
    }
    text
}
