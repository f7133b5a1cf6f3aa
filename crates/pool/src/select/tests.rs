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

#[test]
fn a_light_seat_beside_a_heavy_one_has_its_turn_and_no_more() {
    let selector = selector(Strategy::WeightedRoundRobin, &[1, 1000]);
    let seats = Seats::ready(2);
    let all = picks(&selector, &seats, 10_010);
    let turns: Vec<_> = all.iter().enumerate().filter(|(_, at)| **at == 0).map(|(turn, _)| turn).collect();
    assert_eq!(turns.len(), 10);
    assert!(turns.windows(2).all(|pair| pair[1] - pair[0] == 1001), "{turns:?}");
    // The heavy one is full: its thousand turns are not waited through one by one.
    let mut seats = Seats::ready(2);
    seats.standing[1] = Standing::Busy;
    assert_eq!(picks(&selector, &seats, 100), [0; 100]);
    assert!(seats.asked.get() <= 200, "{}", seats.asked.get());
}

#[test]
fn the_turns_of_a_busy_seat_go_to_the_others_by_their_weights() {
    let selector = selector(Strategy::WeightedRoundRobin, &[4, 4, 2, 1, 1]);
    let mut seats = Seats::ready(5);
    seats.standing[0] = Standing::Busy;
    let mut counts = [0_u32; 5];
    picks(&selector, &seats, 8000).into_iter().for_each(|at| counts[at] += 1);
    for (count, share) in counts.into_iter().zip([0, 4000, 2000, 1000, 1000]) {
        assert!(count.abs_diff(share) <= 8, "{counts:?}");
    }
}

#[test]
fn whoever_goes_out_and_comes_back_leaves_the_shares_of_all_as_they_were() {
    let selector = selector(Strategy::WeightedRoundRobin, &[3, 3, 3, 1]);
    let mut seats = Seats::ready(4);
    let count = |seats: &Seats, second: u64, picks: usize| {
        let mut counts = [0_u32; 4];
        (0..picks).for_each(|_| counts[selector.pick(seats, ask(second)).unwrap()] += 1);
        counts
    };
    seats.standing[1] = out(10);
    // Nine of ten turns were the class's; of the seven that are left six are.
    let counts = count(&seats, 1, 7000);
    assert!(counts[0].abs_diff(3000) <= 8 && counts[1] == 0 && counts[3].abs_diff(1000) <= 8, "{counts:?}");
    seats.standing[1] = Standing::Ready;
    let counts = count(&seats, 10, 10_000);
    assert!(counts[..3].iter().all(|count| count.abs_diff(3000) <= 8) && counts[3].abs_diff(1000) <= 8, "{counts:?}");
}

#[test]
fn of_thousands_that_are_full_the_last_place_is_found_and_none_is_none() {
    for strategy in ALL {
        let weights: Vec<_> = (0..10_000).map(|at| 1 + at % 7).collect();
        let selector = selector(strategy, &weights);
        let mut seats = Seats::ready(10_000);
        seats.standing = vec![Standing::Busy; 10_000];
        seats.standing[1_234] = Standing::Ready;
        assert_eq!(picks(&selector, &seats, 5), [1_234; 5], "{strategy:?}");
        seats.standing[1_234] = Standing::Busy;
        seats.asked.set(0);
        assert_eq!(selector.pick(&seats, ask(0)), None, "{strategy:?}");
        assert!(seats.asked.get() <= 10_100, "{strategy:?}: {}", seats.asked.get());
        assert!(!selector.has_ready(&seats, ask(0)), "{strategy:?}");
        // Whoever has room again is found at once, for nobody remembers who was only busy.
        seats.standing[77] = Standing::Ready;
        assert!(selector.has_ready(&seats, ask(0)), "{strategy:?}");
        assert_eq!(selector.pick(&seats, ask(0)), Some(77), "{strategy:?}");
    }
}

#[test]
fn in_a_storm_of_refusals_nobody_is_looked_at_twice() {
    for strategy in ALL {
        let selector = selector(strategy, &[1; 10_000]);
        let mut seats = Seats::ready(10_000);
        let mut picked = 0;
        while let Some(at) = selector.pick(&seats, ask(0)) {
            seats.standing[at] = out(30);
            picked += 1;
        }
        assert_eq!(picked, 10_000, "{strategy:?}");
        // Once when it was chosen, once when it was found benched, and in a draw's neighbourhood.
        assert!(seats.asked.get() <= 40_000, "{strategy:?}: {}", seats.asked.get());
        seats.standing = vec![Standing::Ready; 10_000];
        assert_eq!(selector.pick(&seats, ask(29)), None, "{strategy:?}");
        assert!(selector.pick(&seats, ask(30)).is_some(), "{strategy:?}");
    }
}

#[test]
fn threads_that_choose_together_keep_the_shares() {
    let selector = selector(Strategy::WeightedRoundRobin, &[3, 1, 4]);
    let counts = [const { std::sync::atomic::AtomicU32::new(0) }; 3];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for at in picks(&selector, &Seats::ready(3), 2000) {
                    counts[at].fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(counts.map(std::sync::atomic::AtomicU32::into_inner), [3000, 1000, 4000]);
}

#[test]
fn in_a_large_tier_calls_are_spread_nearly_as_if_all_were_compared() {
    let selector = selector(Strategy::LeastUsed, &[1; 2000]);
    let mut seats = Seats::ready(2000);
    for _ in 0..10_000 {
        let at = selector.pick(&seats, ask(0)).unwrap();
        seats.load[at] += 1;
    }
    // Five for each; chance alone would give somebody more than a dozen.
    assert!(seats.load.iter().all(|load| (3..=7).contains(load)), "{:?}", seats.load.iter().max());
}

proptest! {
    /// With everybody ready, weights are kept exactly in each round, and nearly in every stretch from the beginning.
    #[test]
    fn weights_are_kept(weights in proptest::collection::vec(0..12_u32, 1..40)) {
        let total: u32 = weights.iter().sum();
        let selector = selector(Strategy::WeightedRoundRobin, &weights);
        let seats = Seats::ready(weights.len());
        let mut counts = vec![0_u32; weights.len()];
        for round in 1..=3 {
            for turn in 1..=total {
                let picked = selector.pick(&seats, ask(0));
                counts[picked.unwrap()] += 1;
                let turns = (round - 1) * total + turn;
                for (count, weight) in counts.iter().zip(&weights) {
                    let share = f64::from(turns) * f64::from(*weight) / f64::from(total);
                    prop_assert!((f64::from(*count) - share).abs() <= 2.0, "{counts:?} after {turns} of {weights:?}");
                }
            }
            let expected: Vec<_> = weights.iter().map(|weight| weight * round).collect();
            prop_assert_eq!(&counts, &expected);
        }
        prop_assert_eq!(total == 0, selector.pick(&seats, ask(0)).is_none());
    }

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

/// The strategies with turns, begun anew for every single choice: shares hold nevertheless.
#[test]
fn who_is_made_anew_for_every_choice_starves_nobody() {
    let weights = [5, 3, 1, 1, 0];
    let seats = Seats::ready(5);
    for (strategy, shares) in [
        (Strategy::RoundRobin, [2_000, 2_000, 2_000, 2_000, 2_000]),
        (Strategy::LeastUsed, [2_000, 2_000, 2_000, 2_000, 2_000]),
        (Strategy::WeightedRoundRobin, [5_000, 3_000, 1_000, 1_000, 0]),
        (Strategy::FillFirst, [10_000, 0, 0, 0, 0]),
    ] {
        let mut counts = [0_usize; 5];
        for seed in 0..10_000 {
            let mut selector = selector(strategy, &weights);
            selector.scatter(5, std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), seed));
            counts[selector.pick(&seats, ask(0)).unwrap()] += 1;
        }
        for (count, share) in counts.iter().zip(shares) {
            assert!(count.abs_diff(share) <= 300, "{strategy:?}: {counts:?}");
        }
    }
}

#[test]
fn turns_that_begin_somewhere_keep_their_shares() {
    let weights = [5, 3, 1, 1];
    let seats = Seats::ready(4);
    for seed in 1..200_u64 {
        let mut selector = selector(Strategy::WeightedRoundRobin, &weights);
        selector.scatter(4, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut counts = [0_usize; 4];
        (0..1_000).for_each(|_| counts[selector.pick(&seats, ask(0)).unwrap()] += 1);
        for (count, weight) in counts.iter().zip(weights) {
            assert!(count.abs_diff(weight as usize * 100) <= 3, "{seed}: {counts:?}");
        }
    }
}
