//! Hours of traffic through accounts that fail as scripted, in virtual time. The driver does what the gateway does
//! within a request: the session's account, else the strategy's, failure by failure, and a last resort.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use hub::{Blame, FaultKind};

use crate::clock::{Clock, Hand, Moment};
use crate::health::{Cooling, Standing, Trouble};
use crate::lease::{Lease, Outcome};
use crate::select::{Ask, Bench, Selector, Strategy, Weighing};
use crate::{Account, AccountId, Accounts, Affinity, Room, Secret};

/// What an account does with a call that comes at a time.
type Script = Box<dyn Fn(Moment) -> Act>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Answer,
    Fail(FaultKind, Option<u64>),
    /// The client goes away.
    HangUp,
}

struct World {
    accounts: Accounts,
    hand: Hand,
    seats: Vec<Arc<Account>>,
    scripts: Vec<Script>,
    selector: Selector,
    affinity: Affinity,
    under_way: BinaryHeap<Reverse<(Moment, u64)>>,
    leases: Vec<(u64, usize, Lease, Act)>,
    calls: u64,
    /// Attempts by account.
    asked: Vec<Vec<Moment>>,
    answered: u64,
    refused: u64,
    failed: u64,
}

impl World {
    fn new(strategy: Strategy, scripts: Vec<(u32, Script)>) -> Self {
        let (clock, hand) = Clock::manual();
        let accounts = Accounts::new(clock);
        let account = |number: usize, weight: u32| {
            let id = AccountId::new(&format!("a{number}"));
            Arc::new(Account {
                activity: accounts.activity(&id),
                label: id.to_string(),
                id,
                priority: 0,
                weight,
                cooling: Cooling::default(),
                room: Room::default(),
                site: None,
            })
        };
        let seats: Vec<_> = scripts.iter().enumerate().map(|(number, (weight, _))| account(number, *weight)).collect();
        Self {
            selector: selector(strategy, &seats),
            asked: vec![Vec::new(); seats.len()],
            scripts: scripts.into_iter().map(|(_, script)| script).collect(),
            seats,
            accounts,
            hand,
            affinity: Affinity::default(),
            under_way: BinaryHeap::new(),
            leases: Vec::new(),
            calls: 0,
            answered: 0,
            refused: 0,
            failed: 0,
        }
    }

    fn now(&self) -> Moment {
        self.accounts.clock().now()
    }

    /// Lets a request come, and time pass until the next one.
    fn request(&mut self, session: Option<&str>, pause: Duration) {
        let mut tried = Vec::new();
        let mut resorted = false;
        loop {
            let Some(at) = self.choose(session, &tried).or_else(|| self.resort(&tried, &mut resorted)) else {
                self.refused += 1;
                break;
            };
            tried.push(at);
            let now = self.now();
            self.asked[at].push(now);
            let model: Arc<str> = "m".into();
            let lease = self.seats[at].force(&Secret::default(), &model).unwrap();
            match (self.scripts[at])(self.now()) {
                Act::Fail(kind, hint) => {
                    let hint = hint.map(Duration::from_secs);
                    let trouble = Trouble { blame: kind.blame(), kind, hint };
                    lease.settle(Outcome::of_trouble(trouble));
                    if matches!(kind.blame(), Blame::Request) {
                        self.failed += 1;
                        break;
                    }
                }
                act => {
                    self.calls += 1;
                    self.leases.push((self.calls, at, lease, act));
                    self.under_way.push(Reverse((self.now().after(Duration::from_millis(800)), self.calls)));
                    break;
                }
            }
        }
        self.hand.advance(pause);
        self.end_calls();
    }

    fn choose(&self, session: Option<&str>, tried: &[usize]) -> Option<usize> {
        let key = session.map(|session| self.affinity.key(session, "m"));
        let row = Row { world: self, tried };
        let bound = key.and_then(|key| self.affinity.find(key, self.now(), Duration::from_secs(3600)));
        let bound = bound.map(|bond| bond.seat as usize).filter(|at| row.standing(*at) == Standing::Ready);
        let ask = Ask { now: self.now(), recoveries: self.accounts.recoveries(), uniform: true };
        let at = bound.or_else(|| self.selector.pick(&row, ask))?;
        if let Some(key) = key {
            self.affinity.bind(key, self.seats[at].activity.number(), at, self.now());
        }
        Some(at)
    }

    fn resort(&self, tried: &[usize], resorted: &mut bool) -> Option<usize> {
        let row = Row { world: self, tried };
        let soft = |at| match row.standing(at) {
            Standing::Out(out) if !out.firm => Some((out.until, at)),
            _ => None,
        };
        let found = (0..self.seats.len()).filter_map(soft).min().filter(|_| !*resorted)?;
        *resorted = true;
        Some(found.1)
    }

    fn end_calls(&mut self) {
        while let Some(Reverse((_, call))) = self.under_way.peek().copied().filter(|next| next.0.0 <= self.now()) {
            self.under_way.pop();
            let at = self.leases.iter().position(|(number, ..)| *number == call).unwrap();
            let (_, _, mut lease, act) = self.leases.swap_remove(at);
            if act == Act::Answer {
                lease.note_alive();
                lease.settle(Outcome::Answered);
                self.answered += 1;
            }
        }
    }

    /// Lets all calls end, and checks what must hold whatever has happened.
    fn finish(&mut self) {
        self.hand.advance(Duration::from_secs(10));
        self.end_calls();
        assert!(self.seats.iter().all(|seat| seat.activity.in_flight() == 0));
    }

    fn counts(&self) -> Vec<usize> {
        self.asked.iter().map(Vec::len).collect()
    }
}

fn selector(strategy: Strategy, seats: &[Arc<Account>]) -> Selector {
    let weights: Vec<_> = seats.iter().map(|seat| seat.weight).collect();
    match strategy {
        Strategy::WeightedRoundRobin => Selector::weighted(Arc::new(Weighing::new(&weights))),
        other => Selector::new(other, seats.len()),
    }
}

struct Row<'a> {
    world: &'a World,
    tried: &'a [usize],
}

impl Bench for Row<'_> {
    fn len(&self) -> usize {
        self.world.seats.len()
    }

    fn standing(&self, at: usize) -> Standing {
        if self.tried.contains(&at) { Standing::Busy } else { self.world.seats[at].standing("m", self.world.now()) }
    }

    fn load(&self, at: usize) -> u32 {
        self.world.seats[at].activity.in_flight()
    }

    fn latency(&self, at: usize) -> f64 {
        self.world.seats[at].activity.latency()
    }
}

const ALL: [Strategy; 5] =
    [Strategy::RoundRobin, Strategy::WeightedRoundRobin, Strategy::FillFirst, Strategy::LeastUsed, Strategy::Latency];
const TICK: Duration = Duration::from_millis(100);

fn always(act: Act) -> (u32, Script) {
    (1, Box::new(move |_| act))
}

/// Fails until a second, and is well from then on.
fn until(second: u64, kind: FaultKind, hint: Option<u64>) -> (u32, Script) {
    (1, Box::new(move |now| if now.as_millis() < second * 1000 { Act::Fail(kind, hint) } else { Act::Answer }))
}

#[test]
fn one_healthy_account_answers_everything_and_the_others_are_not_hammered() {
    let kinds = [
        (FaultKind::RateLimited, None),
        (FaultKind::RateLimited, Some(30)),
        (FaultKind::QuotaExhausted, None),
        (FaultKind::UpstreamRefused, None),
        (FaultKind::UpstreamFailed, None),
        (FaultKind::UpstreamTimeout, None),
        (FaultKind::UpstreamUnreachable, None),
        (FaultKind::Overloaded, Some(5)),
        (FaultKind::ModelNotFound, None),
        (FaultKind::UpstreamGarbled, None),
        (FaultKind::RateLimited, Some(0)),
    ];
    for strategy in ALL {
        let failing = kinds.iter().map(|(kind, hint)| always(Act::Fail(*kind, *hint)));
        let mut world = World::new(strategy, failing.chain([always(Act::Answer)]).collect());
        for _ in 0..36_000 {
            world.request(None, TICK);
        }
        world.finish();
        assert_eq!((world.answered, world.refused, world.failed), (36_000, 0, 0), "{strategy:?}");
        // An hour: a hint of 5 s allows 720 tries; a minute's bench 60 and the way there.
        let counts = world.counts();
        assert!(counts[..11].iter().all(|count| *count <= 730), "{strategy:?}: {counts:?}");
        assert!(counts[0] <= 20 && counts[4] <= 90 && counts[10] <= 20, "{strategy:?}: {counts:?}");
    }
}

#[test]
fn faults_of_requests_never_cool_anybody() {
    let kinds: Vec<_> = FaultKind::ALL.into_iter().filter(|kind| kind.blame() == Blame::Request).collect();
    for strategy in ALL {
        let scripts = kinds.iter().map(|kind| always(Act::Fail(*kind, Some(60)))).collect();
        let mut world = World::new(strategy, scripts);
        for _ in 0..5_000 {
            world.request(None, TICK);
        }
        world.finish();
        assert_eq!((world.failed, world.refused), (5_000, 0), "{strategy:?}");
        assert_eq!(world.accounts.benched(), []);
        assert_eq!(world.counts().iter().sum::<usize>(), 5_000, "one attempt each");
    }
}

#[test]
fn whoever_is_well_again_is_back_within_the_promised_time() {
    for (kind, hint) in [
        (FaultKind::RateLimited, Some(30)),
        (FaultKind::RateLimited, None),
        (FaultKind::UpstreamFailed, None),
        (FaultKind::UpstreamRefused, None),
        (FaultKind::QuotaExhausted, Some(100_000)),
    ] {
        let mut world = World::new(Strategy::RoundRobin, vec![until(600, kind, hint), always(Act::Answer)]);
        let mut promised = None;
        for _ in 0..300_000 {
            if promised.is_none() && world.now().as_millis() >= 600_000 {
                let row = Row { world: &world, tried: &[] };
                promised = Some(match row.standing(0) {
                    Standing::Out(out) => out.until,
                    Standing::Ready | Standing::Busy => world.now(),
                });
            }
            world.request(None, TICK);
        }
        world.finish();
        let promised = promised.unwrap();
        let back = world.asked[0].iter().find(|at| at.as_millis() >= 600_000).copied().unwrap();
        assert!(back.since(promised) <= Duration::from_millis(300), "{kind:?}: {promised:?}, back at {back:?}");
        // One request finds out, and until it has its answer nobody else is sent there.
        let second = world.asked[0].iter().find(|at| **at > back).copied().unwrap();
        assert!(second.since(back) >= Duration::from_millis(800), "{kind:?}: at {back:?} and {second:?}");
        // From then on each has its half.
        let after = |account: usize| world.asked[account].iter().filter(|at| **at > promised.after(TICK * 20)).count();
        assert!(after(0).abs_diff(after(1)) <= 2, "{kind:?}: {} and {}", after(0), after(1));
        assert_eq!(world.refused, 0);
    }
}

#[test]
fn nobody_who_is_well_is_starved_and_shares_are_kept() {
    for (strategy, shares) in [
        (Strategy::RoundRobin, [1000, 1000, 1000, 1000]),
        (Strategy::WeightedRoundRobin, [2000, 1000, 500, 500]),
        (Strategy::LeastUsed, [1000, 1000, 1000, 1000]),
    ] {
        let well = |weight: u32| -> (u32, Script) { (weight, Box::new(|_| Act::Answer)) };
        let sick = always(Act::Fail(FaultKind::RateLimited, Some(7)));
        let mut world = World::new(strategy, vec![well(4), well(2), well(1), well(1), sick]);
        for _ in 0..4_000 {
            world.request(None, TICK);
        }
        world.finish();
        for (count, share) in world.counts().iter().zip(shares) {
            assert!(count.abs_diff(share) <= share / 50, "{strategy:?}: {:?}", world.counts());
        }
    }
}

/// Two hundred accounts of four weights. Each is well, then refuses for ten minutes at a time of its own, then is well.
#[test]
fn in_a_storm_of_limits_nobody_is_hammered_or_starved_and_shares_come_back() {
    const ACCOUNTS: u64 = 200;
    for strategy in ALL {
        let script = |number: u64| -> (u32, Script) {
            let from = 300_000 + number * 3_000;
            let limited = move |now: Moment| (from..from + 600_000).contains(&now.as_millis());
            let act = move |now| if limited(now) { Act::Fail(FaultKind::RateLimited, Some(60)) } else { Act::Answer };
            (u32::try_from(1 << (number % 4)).unwrap(), Box::new(act))
        };
        let mut world = World::new(strategy, (0..ACCOUNTS).map(script).collect());
        for _ in 0..30_000 {
            world.request(None, TICK);
        }
        world.finish();
        assert_eq!(world.answered + world.refused, 30_000, "{strategy:?}");
        let within = |account: usize, from: u64, to: u64| {
            world.asked[account].iter().filter(|at| (from..to).contains(&at.as_millis())).count()
        };
        for account in 0..ACCOUNTS {
            let from = 300_000 + account * 3_000;
            let at = usize::try_from(account).unwrap();
            let refused = within(at, from, from + 600_000);
            // A hint of a minute, ten minutes: eleven probes, unless fill-first never comes to it.
            assert!(refused <= 11, "{strategy:?}: {account} was asked {refused} times");
        }
        // When all are well again, 13,200 turns are shared by all alike, or by 750 weights.
        for account in 0..200 {
            let (count, share) = match strategy {
                Strategy::RoundRobin => (within(account, 1_620_000, 2_940_000), 66),
                Strategy::WeightedRoundRobin => {
                    (within(account, 1_620_000, 2_940_000), 13_200 * (1 << (account % 4)) / 750)
                }
                Strategy::FillFirst | Strategy::LeastUsed | Strategy::Latency => continue,
            };
            assert!(count.abs_diff(share) <= 2, "{strategy:?}: {account} has {count}, not {share}");
        }
    }
}

#[test]
fn sessions_stay_until_their_account_fails_and_then_stay_elsewhere() {
    let scripts = vec![until(1, FaultKind::UpstreamFailed, Some(5)), always(Act::Answer), always(Act::Answer)];
    let mut world = World::new(Strategy::RoundRobin, scripts);
    for round in 0..200 {
        for session in 0..20 {
            world.request(Some(&format!("s{session}")), TICK);
        }
        if round == 0 {
            world.asked.iter_mut().for_each(Vec::clear);
        }
    }
    world.finish();
    let counts = world.counts();
    assert_eq!(counts.iter().sum::<usize>(), 199 * 20);
    assert!(counts.iter().all(|count| count % 199 == 0), "nobody moved: {counts:?}");
}

#[test]
fn clients_that_hang_up_leave_nothing_behind() {
    let scripts = vec![
        (
            1,
            Box::new(|now: Moment| if now.as_millis().is_multiple_of(3) { Act::HangUp } else { Act::Answer }) as Script,
        ),
        (
            1,
            Box::new(|now: Moment| {
                if now.as_millis().is_multiple_of(700) { Act::Fail(FaultKind::RateLimited, None) } else { Act::HangUp }
            }),
        ),
    ];
    let mut world = World::new(Strategy::LeastUsed, scripts);
    for _ in 0..20_000 {
        world.request(None, TICK);
    }
    world.finish();
    assert_eq!(world.refused, 0);
}

#[test]
fn when_all_have_named_a_time_nobody_is_asked_before_it() {
    let scripts = vec![until(100, FaultKind::RateLimited, Some(40)), until(100, FaultKind::RateLimited, Some(50))];
    let mut world = World::new(Strategy::RoundRobin, scripts);
    for _ in 0..3_000 {
        world.request(None, TICK);
    }
    world.finish();
    assert!(world.refused > 900, "{}", world.refused);
    let early = |at: &&Moment| at.as_millis() < 100_000;
    assert_eq!(world.asked.iter().map(|asked| asked.iter().filter(early).count()).collect::<Vec<_>>(), [3, 2]);
}

#[test]
fn a_probe_whose_client_hangs_up_is_followed_by_the_next_at_once() {
    let act = |now: Moment| match now.as_millis() {
        0..5_000 => Act::Fail(FaultKind::RateLimited, Some(10)),
        5_000..11_000 => Act::HangUp,
        _ => Act::Answer,
    };
    let mut world = World::new(Strategy::RoundRobin, vec![(1, Box::new(act)), always(Act::Answer)]);
    for _ in 0..300 {
        world.request(None, TICK);
    }
    world.finish();
    let hung_up = world.asked[0].iter().find(|at| at.as_millis() >= 5_000).copied().unwrap();
    let next = world.asked[0].iter().find(|at| **at > hung_up).copied().unwrap();
    assert!(next.since(hung_up) <= Duration::from_millis(1_000), "{hung_up:?}, and again at {next:?}");
}

#[test]
fn one_stumble_in_ten_benches_nobody() {
    for strategy in ALL {
        let stumbles = |now: Moment| match (now.as_millis() / 100) % 10 {
            0 => Act::Fail(FaultKind::UpstreamFailed, None),
            _ => Act::Answer,
        };
        let mut world = World::new(strategy, vec![(1, Box::new(stumbles)), always(Act::Answer)]);
        for _ in 0..5_000 {
            world.request(None, TICK);
        }
        world.finish();
        assert_eq!((world.answered, world.accounts.changes()), (5_000, 0), "{strategy:?}");
    }
}

#[test]
fn a_time_that_the_upstream_names_takes_the_place_of_a_longer_guess() {
    let act = |now: Moment| match now.as_millis() {
        0..600_000 => Act::Fail(FaultKind::RateLimited, None),
        600_000..601_000 => Act::Fail(FaultKind::RateLimited, Some(5)),
        _ => Act::Answer,
    };
    for strategy in ALL {
        let mut world = World::new(strategy, vec![(1, Box::new(act))]);
        for _ in 0..6_200 {
            world.request(None, TICK);
        }
        world.finish();
        let early = world.asked[0].iter().filter(|at| (601_000..605_000).contains(&at.as_millis())).count();
        assert_eq!(early, 0, "{strategy:?}: asked before the time that was named");
        // Twenty seconds but for the five of the hint.
        assert!(world.answered >= 140, "{strategy:?}: {} were answered", world.answered);
    }
}

#[test]
fn who_was_well_for_a_while_begins_with_a_short_bench() {
    let act = |now: Moment| match now.as_millis() {
        0..20_000 | 45_000..45_400 => Act::Fail(FaultKind::RateLimited, None),
        _ => Act::Answer,
    };
    let mut world = World::new(Strategy::RoundRobin, vec![(1, Box::new(act)), always(Act::Answer)]);
    for _ in 0..800 {
        world.request(None, TICK);
    }
    world.finish();
    let failed = world.asked[0].iter().find(|at| at.as_millis() >= 45_000).copied().unwrap();
    let back = world.asked[0].iter().find(|at| **at > failed).copied().unwrap();
    assert!(back.since(failed) <= Duration::from_millis(1_500), "{failed:?}, back at {back:?}");
}
