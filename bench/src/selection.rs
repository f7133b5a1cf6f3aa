//! What choosing an account costs when there are many: the choice, its lease, and the lease's end, among 10,000 accounts
//! that all serve 1,000 models. Asks the product's pool itself, for among the costs of a request these are too small to
//! be seen.
//!
//! Time is CPU time of the thread that chooses. Each choice is for another model than the one before, so that what it
//! needs is rarely in the nearest cache.

use std::sync::Arc;
use std::time::Duration;

use nix::time::ClockId;
use pool::{
    Account, AccountId, Accounts, Ask, Bench, Clock, Cooling, Lease, Outcome, Room, Secret, Selector, Standing,
    Strategy, Trouble, Weighing,
};

use crate::measure::Effort;
use crate::report::{Budget, Line};
use crate::{Error, Result};

const ACCOUNTS: usize = 10_000;
const MODELS: usize = 1_000;
/// Choices in one round of a full run.
const CHOICES: f64 = 200_000.0;
/// Microseconds that a choice may take.
const BUDGET: Budget = Budget::AtMost(2.0);

const STRATEGIES: [Strategy; 5] =
    [Strategy::RoundRobin, Strategy::WeightedRoundRobin, Strategy::FillFirst, Strategy::LeastUsed, Strategy::Latency];

/// How the accounts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Well,
    HalfBenched,
    OneLeft,
    MostFull,
}

impl State {
    fn shown(self) -> &'static str {
        match self {
            Self::Well => "all well",
            Self::HalfBenched => "half of them benched",
            Self::OneLeft => "all benched but one",
            Self::MostFull => "nine of ten full",
        }
    }

    fn is_benched(self, number: usize) -> bool {
        match self {
            Self::Well | Self::MostFull => false,
            Self::HalfBenched => number.is_multiple_of(2),
            Self::OneLeft => number != ACCOUNTS * 3 / 4,
        }
    }

    fn is_full(self, number: usize) -> bool {
        self == Self::MostFull && !number.is_multiple_of(10)
    }
}

/// The lines of the table.
pub fn lines(effort: Effort) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for strategy in STRATEGIES {
        let times = World::new(strategy, State::Well).rounds(effort)?;
        let title = format!("Choice among {ACCOUNTS} accounts and {MODELS} models, {}", strategy.name());
        lines.push(Line::absolute("selection", title, "us", &[], &times, BUDGET));
    }
    for state in [State::HalfBenched, State::OneLeft, State::MostFull] {
        let mut worst = (Strategy::default(), Vec::new(), 0.0);
        for strategy in STRATEGIES {
            let times = World::new(strategy, state).rounds(effort)?;
            let sum = times.iter().sum();
            if sum > worst.2 {
                worst = (strategy, times, sum);
            }
        }
        let title = format!("The same, {}, dearest strategy ({})", state.shown(), worst.0.name());
        lines.push(Line::absolute("selection", title, "us", &[], &worst.1, BUDGET));
    }
    let times = World::new(Strategy::default(), State::Well).contended(effort)?;
    let title = "The same, every core choosing for one model at once".to_owned();
    lines.push(Line::absolute("selection", title, "us", &[], &times, BUDGET));
    Ok(lines)
}

struct World {
    accounts: Accounts,
    seats: Vec<Arc<Account>>,
    selectors: Vec<Selector>,
    models: Vec<Arc<str>>,
    /// What fills those that are full.
    _held: Vec<Lease>,
}

struct Row<'a> {
    world: &'a World,
    model: &'a str,
    now: pool::Moment,
}

impl Bench for Row<'_> {
    fn len(&self) -> usize {
        ACCOUNTS
    }

    fn standing(&self, at: usize) -> Standing {
        self.world.seats[at].standing(self.model, self.now)
    }

    fn load(&self, at: usize) -> u32 {
        self.world.seats[at].activity.in_flight()
    }

    fn latency(&self, at: usize) -> f64 {
        self.world.seats[at].activity.latency()
    }
}

impl World {
    fn new(strategy: Strategy, state: State) -> Self {
        let accounts = Accounts::new(Clock::default());
        let seats: Vec<_> = (0..ACCOUNTS).map(|number| account(&accounts, number, state)).collect();
        let weighing = Arc::new(Weighing::new(&seats.iter().map(|seat| seat.weight).collect::<Vec<_>>()));
        let selector = || match strategy {
            Strategy::WeightedRoundRobin => Selector::weighted(Arc::clone(&weighing)),
            other => Selector::new(other, ACCOUNTS),
        };
        let selectors = (0..MODELS).map(|_| selector()).collect();
        let models: Vec<Arc<str>> = (0..MODELS).map(|number| format!("model-{number}").into()).collect();
        let numbered = || seats.iter().enumerate();
        numbered().filter(|(number, _)| state.is_benched(*number)).for_each(|(_, seat)| bench(seat));
        let full = numbered().filter(|(number, _)| state.is_full(*number));
        let held = full.filter_map(|(_, seat)| seat.force(&Secret::default(), &models[0])).collect();
        Self { accounts, seats, selectors, models, _held: held }
    }

    /// One choice with its lease and its end. Whose turn it is meanwhile takes the account that was chosen.
    fn choose(&self, model: usize, secret: &Secret) -> Result<()> {
        let row = Row { world: self, model: &self.models[model], now: self.accounts.clock().now() };
        let ask = Ask { now: row.now, recoveries: self.accounts.recoveries(), uniform: true };
        let picked = self.selectors[model].pick(&row, ask).ok_or("nobody is ready")?;
        if let Ok(mut lease) = self.seats[picked].take(secret, &self.models[model]) {
            lease.note_alive();
            lease.settle(Outcome::Answered);
        }
        Ok(())
    }

    /// Microseconds for a choice, round by round. Benched accounts are found once for each model before.
    fn rounds(&self, effort: Effort) -> Result<Vec<f64>> {
        let secret = Secret::new("key");
        (0..MODELS).try_for_each(|model| self.choose(model, &secret))?;
        let choices = (CHOICES * effort.share) as usize;
        let round = |_| micros(choices, |number| self.choose(number * 7919 % MODELS, &secret));
        (0..effort.rounds).map(round).collect()
    }

    /// The mean of all cores, round by round.
    fn contended(&self, effort: Effort) -> Result<Vec<f64>> {
        let choices = (CHOICES * effort.share) as usize;
        let cores = std::thread::available_parallelism()?.get();
        let one = || micros(choices, |_| self.choose(0, &Secret::new("key")));
        let round = |_| {
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..cores).map(|_| scope.spawn(one)).collect();
                let times =
                    threads.into_iter().map(|thread| thread.join().map_err(|_| Error::from("a thread failed"))?);
                Ok(times.sum::<Result<f64>>()? / cores as f64)
            })
        };
        (0..effort.rounds).map(round).collect()
    }
}

/// Microseconds of this thread's CPU for each of many.
fn micros(count: usize, mut each: impl FnMut(usize) -> Result<()>) -> Result<f64> {
    let clock = ClockId::CLOCK_THREAD_CPUTIME_ID;
    let before = Duration::from(clock.now()?);
    (0..count).try_for_each(&mut each)?;
    Ok((Duration::from(clock.now()?) - before).as_secs_f64() * 1e6 / count as f64)
}

fn account(accounts: &Accounts, number: usize, state: State) -> Arc<Account> {
    let id = AccountId::new(&format!("account-{number}"));
    Arc::new(Account {
        activity: accounts.activity(&id),
        label: id.to_string(),
        id,
        priority: 0,
        weight: 1 + u32::try_from(number % 5).unwrap_or(0),
        cooling: Cooling::default(),
        room: Room { calls: if state == State::MostFull { 1 } else { 0 }, queue: 0 },
        site: Some(accounts.site("site")),
    })
}

fn bench(account: &Arc<Account>) {
    let hint = Some(Duration::from_secs(3600));
    let kind = hub::FaultKind::QuotaExhausted;
    let lease = Lease::new(Arc::clone(account), Secret::default());
    lease.settle(Outcome::of_trouble(Trouble { blame: kind.blame(), kind, hint }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_leaves_somebody_to_choose() {
        let effort = Effort { rounds: 1, share: 0.001, descriptors: 0 };
        for state in [State::Well, State::HalfBenched, State::OneLeft, State::MostFull] {
            let world = World::new(Strategy::WeightedRoundRobin, state);
            assert_eq!(world.rounds(effort).unwrap().len(), 1, "{state:?}");
            assert!(
                world.seats.iter().enumerate().any(|(at, _)| state.is_benched(at) || state.is_full(at))
                    ^ (state == State::Well)
            );
        }
    }
}
