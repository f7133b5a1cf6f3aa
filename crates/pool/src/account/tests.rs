use std::time::Duration;

use hub::{Fault, FaultKind};

use super::*;
use crate::clock::Hand;
use crate::lease::Outcome;

struct World {
    accounts: Accounts,
    hand: Hand,
}

impl World {
    fn new() -> Self {
        let (clock, hand) = Clock::manual();
        Self { accounts: Accounts::new(clock), hand }
    }

    fn account(&self, name: &str, room: Room) -> Arc<Account> {
        let id = AccountId::new(name);
        Arc::new(Account {
            activity: self.accounts.activity(&id),
            id,
            label: name.into(),
            priority: 0,
            weight: 1,
            cooling: Cooling::default(),
            room,
            site: Some(self.accounts.site("site")),
        })
    }

    fn standing(&self, account: &Account) -> Standing {
        account.standing("m", self.accounts.clock().now())
    }
}

fn take(account: &Arc<Account>) -> Lease {
    account.take(&Secret::default(), &"m".into()).unwrap()
}

fn fail(account: &Arc<Account>, kind: FaultKind, hint: Option<u64>) {
    let trouble = Trouble { blame: kind.blame(), kind, hint: hint.map(Duration::from_secs) };
    account.force(&Secret::default(), &"m".into()).unwrap().settle(Outcome::of_trouble(trouble));
}

#[test]
fn a_reload_finds_the_same_activity() {
    let accounts = Accounts::default();
    let id = AccountId::new("a");
    accounts.activity(&id).begin();
    assert_eq!(accounts.activity(&id).in_flight(), 1);
    assert_eq!(accounts.activity(&AccountId::new("b")).in_flight(), 0);
    assert_ne!(accounts.activity(&id).number(), accounts.activity(&AccountId::new("b")).number());
}

#[test]
fn accounts_that_are_gone_are_forgotten_when_they_are_many_and_numbers_are_never_given_twice() {
    let accounts = Accounts::default();
    let here = accounts.activity(&AccountId::new("here"));
    let known = |name: &str| accounts.known(&AccountId::new(name)).is_some();
    for number in 0..MOST_GONE {
        accounts.activity(&AccountId::new(&number.to_string()));
    }
    accounts.prune();
    assert!(known("0"), "a few are kept");
    accounts.activity(&AccountId::new("one more"));
    accounts.prune();
    assert!(!known("0") && !known("one more") && known("here"));
    assert_ne!(accounts.activity(&AccountId::new("0")).number(), here.number());
    assert!(accounts.activity(&AccountId::new("1")).number() > u32::try_from(MOST_GONE).unwrap());
}

#[test]
fn a_new_credential_begins_without_trouble_and_the_same_one_does_not() {
    let world = World::new();
    let account = world.account("a", Room::default());
    let activity = world.accounts.activity_with(&account.id, &Secret::new("one"));
    fail(&account, FaultKind::UpstreamRefused, Some(600));
    world.accounts.activity_with(&account.id, &Secret::new("one"));
    assert_ne!(world.standing(&account), Standing::Ready);
    world.accounts.activity_with(&account.id, &Secret::new("two"));
    assert_eq!(world.standing(&account), Standing::Ready);
    assert_eq!(activity.benched(), []);
}

#[test]
fn in_flight_returns_to_zero_however_it_ends() {
    let world = World::new();
    let account = world.account("a", Room::default());
    let (abandoned, settled, plain) =
        (take(&account), take(&account), Lease::new(Arc::clone(&account), Secret::default()));
    assert_eq!(account.activity.in_flight(), 3);
    drop((abandoned, plain));
    settled.settle(Outcome::of(&Fault::new(FaultKind::UpstreamRefused, "no")));
    assert_eq!((account.activity.in_flight(), account.activity.failed()), (0, 1));
}

#[test]
fn a_request_fault_never_counts_against_the_account() {
    assert_eq!(Outcome::of(&Fault::bad_request("no")), Outcome::Answered);
    assert_eq!(Outcome::of(&Fault::new(FaultKind::Internal, "oh")), Outcome::Unknown);
}

#[test]
fn a_site_that_cannot_be_reached_is_out_for_all_its_accounts_and_one_brings_it_back() {
    let world = World::new();
    let (a, b) = (world.account("a", Room::default()), world.account("b", Room::default()));
    for _ in 0..2 {
        fail(&a, FaultKind::UpstreamUnreachable, None);
    }
    assert_eq!(world.standing(&b), Standing::Ready);
    fail(&a, FaultKind::UpstreamUnreachable, None);
    assert!(matches!(world.standing(&b), Standing::Out(out) if out.whole && !out.firm));
    world.hand.advance(Duration::from_secs(2));
    let mut probe = take(&b);
    assert!(matches!(world.standing(&a), Standing::Out(out) if out.probing));
    probe.note_alive();
    assert_eq!(world.standing(&a), Standing::Ready);
    fail(&a, FaultKind::UpstreamFailed, None);
    assert_eq!(world.standing(&b), Standing::Ready, "what a site answers is told of the account alone");
}

#[test]
fn of_many_who_come_when_a_bench_is_over_one_finds_out() {
    let world = World::new();
    let account = world.account("a", Room::default());
    fail(&account, FaultKind::RateLimited, Some(5));
    world.hand.advance(Duration::from_secs(5));
    let (began, done) = (std::sync::Barrier::new(8), std::sync::Barrier::new(8));
    let probes = std::thread::scope(|scope| {
        let ask = || {
            began.wait();
            let lease = account.take(&Secret::default(), &"m".into());
            done.wait();
            lease.is_ok()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|asked| *asked).count()
    });
    assert_eq!(probes, 1);
}

#[test]
fn a_full_account_is_no_probe_and_a_benched_one_takes_no_place() {
    let world = World::new();
    let account = world.account("a", Room { calls: 1, queue: 0 });
    fail(&account, FaultKind::RateLimited, Some(5));
    assert!(account.take(&Secret::default(), &"m".into()).is_err());
    assert!(account.has_room(), "who is turned away by the bench leaves the place free");
    world.hand.advance(Duration::from_secs(5));
    let only = take(&account);
    assert_eq!(account.take(&Secret::default(), &"m".into()).unwrap_err(), Standing::Busy);
    drop(only);
    assert!(account.take(&Secret::default(), &"m".into()).is_ok());
}

#[test]
fn a_probe_whose_client_hangs_up_leaves_the_way_free() {
    let world = World::new();
    let account = world.account("a", Room::default());
    fail(&account, FaultKind::RateLimited, Some(5));
    assert!(account.take(&Secret::default(), &"m".into()).is_err());
    world.hand.advance(Duration::from_secs(5));
    let probe = take(&account);
    assert!(account.take(&Secret::default(), &"m".into()).is_err());
    drop(probe);
    take(&account).settle(Outcome::Answered);
    assert_eq!(world.standing(&account), Standing::Ready);
}

#[test]
fn no_more_calls_than_there_is_room_for() {
    let world = World::new();
    let account = world.account("a", Room { calls: 2, queue: 1 });
    let (one, two) = (take(&account), take(&account));
    assert_eq!(account.take(&Secret::default(), &"m".into()).unwrap_err(), Standing::Busy);
    assert!(account.has_line());
    let turn = account.queue().unwrap();
    assert!(!account.has_line() && account.queue().is_err());
    drop(turn);
    drop(one);
    assert_eq!(world.standing(&account), Standing::Ready);
    drop(two);
    assert_eq!(account.activity.in_flight(), 0);
}

#[test]
fn early_recoveries_are_counted_and_changes_are_told() {
    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<HealthChange>>>);
    impl Watcher for Heard {
        fn changed(&self, change: HealthChange) {
            self.0.lock().unwrap().push(change);
        }
    }
    let world = World::new();
    let heard = Heard::default();
    world.accounts.watch(Box::new(heard.clone()));
    let account = world.account("a", Room::default());
    fail(&account, FaultKind::RateLimited, Some(60));
    fail(&account, FaultKind::RateLimited, Some(60));
    assert_eq!((world.accounts.recoveries(), world.accounts.changes()), (0, 1));
    assert!(account.recover(None));
    assert_eq!((world.accounts.recoveries(), world.accounts.changes()), (1, 2));
    assert!(!account.recover(None), "it was back already");
    let told: Vec<_> = heard.0.lock().unwrap().iter().map(|change| change.recovered).collect();
    assert_eq!(told, [false, true]);
}

#[test]
fn what_is_benched_outlives_the_process() {
    let before = World::new();
    let account = before.account("a", Room::default());
    fail(&account, FaultKind::RateLimited, Some(60));
    let saved = before.accounts.benched();
    assert_eq!(saved.len(), 1);
    let after = World::new();
    let account = after.account("a", Room::default());
    for (id, benched) in &saved {
        assert!(after.accounts.bench(id, benched));
    }
    assert!(matches!(after.standing(&account), Standing::Out(out) if out.firm));
    after.hand.advance(Duration::from_secs(60));
    assert_eq!(after.standing(&account), Standing::Ready);
    assert_eq!(after.accounts.benched(), [], "what is over is not kept");
}
