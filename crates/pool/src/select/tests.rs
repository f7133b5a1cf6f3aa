use hub::FaultKind;
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::health::Out;

/// Seats whose state a test sets.
#[derive(Clone, Debug)]
struct Seats {
    standing: Vec<Standing>,
    load: Vec<u32>,
    latency: Vec<f64>,
    asked: std::cell::Cell<usize>,
}

impl Seats {
    fn ready(count: usize) -> Self {
        Self {
            standing: vec![Standing::Ready; count],
            load: vec![0; count],
            latency: vec![1.0; count],
            asked: std::cell::Cell::new(0),
        }
    }
}

impl Bench for Seats {
    fn len(&self) -> usize {
        self.standing.len()
    }

    fn standing(&self, at: usize) -> Standing {
        self.asked.set(self.asked.get() + 1);
        self.standing[at]
    }

    fn load(&self, at: usize) -> u32 {
        self.load[at]
    }

    fn latency(&self, at: usize) -> f64 {
        self.latency[at]
    }
}

fn ask(seconds: u64) -> Ask {
    Ask { now: Moment::from_millis(seconds * 1000), recoveries: 0, uniform: true }
}

fn out(seconds: u64) -> Standing {
    let until = Moment::from_millis(seconds * 1000);
    Standing::Out(Out { until, firm: true, whole: true, probing: false, cause: FaultKind::RateLimited })
}

fn selector(strategy: Strategy, weights: &[u32]) -> Selector {
    match strategy {
        Strategy::WeightedRoundRobin => Selector::weighted(Arc::new(Weighing::new(weights))),
        other => Selector::new(other, weights.len()),
    }
}

fn picks(selector: &Selector, seats: &Seats, count: usize) -> Vec<usize> {
    (0..count).map(|_| selector.pick(seats, ask(0)).unwrap()).collect()
}

const ALL: [Strategy; 5] =
    [Strategy::RoundRobin, Strategy::WeightedRoundRobin, Strategy::FillFirst, Strategy::LeastUsed, Strategy::Latency];

#[test]
fn each_has_its_turn() {
    let seats = Seats::ready(3);
    assert_eq!(picks(&selector(Strategy::RoundRobin, &[1; 3]), &seats, 7), [0, 1, 2, 0, 1, 2, 0]);
    assert_eq!(picks(&selector(Strategy::FillFirst, &[1; 3]), &seats, 3), [0, 0, 0]);
    assert_eq!(picks(&selector(Strategy::LeastUsed, &[1; 3]), &seats, 4), [0, 1, 2, 0]);
}

#[test]
fn weights_are_kept_in_every_short_stretch() {
    let selector = selector(Strategy::WeightedRoundRobin, &[5, 1, 1, 0]);
    let seats = Seats::ready(4);
    for _ in 0..100 {
        let mut counts = [0; 4];
        picks(&selector, &seats, 7).into_iter().for_each(|at| counts[at] += 1);
        assert_eq!(counts, [5, 1, 1, 0]);
    }
    let all = picks(&selector, &seats, 70);
    let longest = all.chunk_by(|a, b| a == b).map(<[usize]>::len).max();
    assert!(longest <= Some(5), "{all:?}");
}

#[test]
fn who_was_out_does_not_make_up_for_it() {
    let selector = selector(Strategy::WeightedRoundRobin, &[1, 1]);
    let mut seats = Seats::ready(2);
    seats.standing[1] = out(10);
    assert!(picks(&selector, &seats, 1000).iter().all(|at| *at == 0));
    seats.standing[1] = Standing::Ready;
    let after: Vec<_> = (0..10).map(|_| selector.pick(&seats, ask(10)).unwrap()).collect();
    assert_eq!(after.iter().filter(|at| **at == 1).count(), 5, "{after:?}");
    // Neither does one that was only busy, which nobody parks.
    seats.standing[1] = Standing::Busy;
    let busy: Vec<_> = (0..1000).map(|_| selector.pick(&seats, ask(10)).unwrap()).collect();
    assert!(busy.iter().all(|at| *at == 0));
    seats.standing[1] = Standing::Ready;
    let after: Vec<_> = (0..10).map(|_| selector.pick(&seats, ask(10)).unwrap()).collect();
    assert!(after.iter().filter(|at| **at == 1).count() <= 6, "{after:?}");
}

#[test]
fn turns_begin_anew_before_they_overflow() {
    let selector = selector(Strategy::WeightedRoundRobin, &[2, 1]);
    *selector.state.lock().unwrap().turns.as_mut().unwrap().last() = u64::MAX / 2 + 1;
    let seats = Seats::ready(2);
    let mut counts = [0_u32; 2];
    picks(&selector, &seats, 300).into_iter().for_each(|at| counts[at] += 1);
    assert!(counts[0].abs_diff(200) <= 1, "{counts:?}");
    assert!(*selector.state.lock().unwrap().turns.as_mut().unwrap().last() < u64::MAX / 4);
}

#[test]
fn the_least_used_is_found() {
    let mut seats = Seats::ready(20);
    seats.load = (0..20).map(|at| if at == 13 { 1 } else { 2 }).collect();
    assert_eq!(picks(&selector(Strategy::LeastUsed, &[1; 20]), &seats, 2), [13, 13]);
}

#[test]
fn the_quicker_gets_more_and_the_slow_one_is_not_starved_of_trials() {
    let mut seats = Seats::ready(3);
    seats.latency = vec![1.0, 10.0, 0.0];
    let all = picks(&selector(Strategy::Latency, &[1; 3]), &seats, 300);
    let count = |seat: usize| all.iter().filter(|at| **at == seat).count();
    assert!(count(2) > count(0) && count(0) > count(1), "who is not known is tried first: {all:?}");
}

#[test]
fn the_benched_are_passed_over_and_come_back_in_time() {
    for strategy in ALL {
        let selector = selector(strategy, &[1; 4]);
        let mut seats = Seats::ready(4);
        seats.standing = vec![out(10), out(10), Standing::Ready, out(20)];
        assert!(picks(&selector, &seats, 50).iter().all(|at| *at == 2), "{strategy:?}");
        seats.standing = vec![Standing::Ready, Standing::Ready, out(30), out(20)];
        for _ in 0..50 {
            assert!(selector.pick(&seats, ask(9)).is_none(), "{strategy:?}: they are remembered until 10");
        }
        assert!(selector.pick(&seats, ask(10)).is_some_and(|at| at < 2), "{strategy:?}");
    }
}

#[test]
fn an_early_recovery_is_seen_at_once() {
    for strategy in ALL {
        let selector = selector(strategy, &[1; 2]);
        let mut seats = Seats::ready(2);
        seats.standing = vec![out(1000), out(1000)];
        assert_eq!(selector.pick(&seats, ask(0)), None);
        seats.standing[1] = Standing::Ready;
        assert_eq!(selector.pick(&seats, Ask { recoveries: 1, ..ask(0) }), Some(1), "{strategy:?}");
    }
}

#[test]
fn a_bench_of_one_model_is_not_remembered_where_many_are_asked_for() {
    let selector = selector(Strategy::RoundRobin, &[1]);
    let mut seats = Seats::ready(1);
    let until = Moment::from_millis(9_000);
    seats.standing[0] =
        Standing::Out(Out { until, firm: true, whole: false, probing: false, cause: FaultKind::RateLimited });
    assert_eq!(selector.pick(&seats, Ask { uniform: false, ..ask(0) }), None);
    seats.standing[0] = Standing::Ready;
    assert_eq!(selector.pick(&seats, Ask { uniform: false, ..ask(0) }), Some(0));
}

#[test]
fn among_thousands_of_benched_ones_few_are_asked() {
    for strategy in ALL {
        let selector = selector(strategy, &[1; 10_000]);
        let mut seats = Seats::ready(10_000);
        seats.standing = vec![out(3600); 10_000];
        seats.standing[7_777] = Standing::Ready;
        // Each is found benched once.
        assert_eq!(picks(&selector, &seats, 100), [7_777; 100], "{strategy:?}");
        seats.asked.set(0);
        assert_eq!(picks(&selector, &seats, 10), [7_777; 10], "{strategy:?}");
        assert!(seats.asked.get() <= 10 * SAMPLE + 20, "{strategy:?}: {}", seats.asked.get());
    }
}

#[test]
fn nothing_is_chosen_from_nothing() {
    for strategy in ALL {
        assert_eq!(selector(strategy, &[]).pick(&Seats::ready(0), ask(0)), None);
        let mut seats = Seats::ready(2);
        seats.standing = vec![Standing::Busy; 2];
        assert_eq!(selector(strategy, &[1, 1]).pick(&seats, ask(0)), None);
    }
}

proptest! {
    /// Whatever is out and comes back, a choice is ready, and there is one whenever any seat with a weight is ready.
    #[test]
    fn a_choice_is_always_ready(
        strategy in 0..ALL.len(),
        count in 1..150_usize,
        steps in proptest::collection::vec((0..150_usize, 0..40_u64, 0..3_u64), 1..80),
    ) {
        let selector = selector(ALL[strategy], &vec![1; count]);
        let mut seats = Seats::ready(count);
        let mut until = vec![0; count];
        let mut now = 0;
        for (seat, bench, pass) in steps {
            now += pass;
            until[seat % count] = until[seat % count].max(now + bench);
            seats.standing =
                until.iter().map(|until| if *until > now { out(*until) } else { Standing::Ready }).collect();
            let picked = selector.pick(&seats, ask(now));
            match picked {
                Some(at) => prop_assert_eq!(seats.standing[at], Standing::Ready),
                None => prop_assert!(seats.standing.iter().all(|standing| *standing != Standing::Ready)),
            }
        }
    }
}
