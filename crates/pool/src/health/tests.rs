use super::*;
use proptest::prelude::*;

const M: &str = "m";

fn at(seconds: u64) -> Moment {
    Moment::from_millis(seconds * 1000)
}

fn trouble(kind: FaultKind, hint: Option<u64>) -> Trouble {
    Trouble { blame: kind.blame(), kind, hint: hint.map(Duration::from_secs) }
}

fn note(health: &mut Health, trouble: Trouble, seconds: u64) -> Change {
    let times = Times { begun: at(seconds), now: at(seconds) };
    health.note_trouble(trouble, M, times, Cooling::default(), 0.5)
}

fn answer(health: &mut Health, begun: u64, now: u64) -> Change {
    health.note_answer(M, Times { begun: at(begun), now: at(now) })
}

fn until(health: &Health, seconds: u64) -> Option<u64> {
    match health.standing(M, at(seconds)) {
        Standing::Out(out) => Some(out.until.as_millis()),
        Standing::Ready | Standing::Busy => None,
    }
}

#[test]
fn no_fault_of_a_request_benches() {
    for kind in FaultKind::ALL.into_iter().filter(|kind| matches!(kind.blame(), Blame::Request | Blame::Gateway)) {
        let mut health = Health::default();
        for second in 0..20 {
            note(&mut health, trouble(kind, Some(60)), second);
        }
        assert!(health.is_clean(), "{kind:?}");
    }
}

#[test]
fn a_hint_is_followed_up_to_its_ceiling_and_never_shortened() {
    let mut health = Health::default();
    assert!(note(&mut health, trouble(FaultKind::RateLimited, Some(30)), 0).benched);
    assert_eq!(until(&health, 0), Some(30_000));
    note(&mut health, trouble(FaultKind::RateLimited, Some(5)), 1);
    assert_eq!(until(&health, 1), Some(30_000));
    note(&mut health, trouble(FaultKind::RateLimited, Some(86_400)), 2);
    assert_eq!(until(&health, 2), Some(3_602_000));
    assert!(matches!(health.standing(M, at(2)), Standing::Out(out) if out.firm && !out.whole));
    assert_eq!(health.standing("other", at(2)), Standing::Ready);
}

#[test]
fn without_a_hint_the_bench_doubles_only_after_it_was_over() {
    let mut health = Health::default();
    note(&mut health, trouble(FaultKind::RateLimited, None), 0);
    assert_eq!(until(&health, 0), Some(1_000));
    // Fifty that were under way together are one failure.
    for _ in 0..50 {
        note(&mut health, trouble(FaultKind::RateLimited, None), 0);
    }
    assert_eq!(until(&health, 0), Some(1_000));
    note(&mut health, trouble(FaultKind::RateLimited, None), 1);
    assert_eq!(until(&health, 1), Some(3_000));
    note(&mut health, trouble(FaultKind::RateLimited, None), 3);
    assert_eq!(until(&health, 3), Some(7_000));
    let mut now = 7;
    for _ in 0..30 {
        note(&mut health, trouble(FaultKind::RateLimited, None), now);
        now = until(&health, now).unwrap().div_ceil(1000);
    }
    note(&mut health, trouble(FaultKind::RateLimited, None), now);
    assert_eq!(until(&health, now), Some((now + 1_800) * 1000), "half an hour is the most");
}

#[test]
fn one_stumble_of_the_site_is_none_and_many_are() {
    let mut health = Health::default();
    note(&mut health, trouble(FaultKind::UpstreamFailed, None), 0);
    note(&mut health, trouble(FaultKind::UpstreamFailed, None), 1);
    assert_eq!(until(&health, 1), None);
    assert!(note(&mut health, trouble(FaultKind::UpstreamFailed, None), 2).benched);
    assert_eq!(until(&health, 2), Some(3_000));
}

#[test]
fn among_enough_successes_failures_of_the_site_do_not_bench() {
    let mut health = Health::default();
    for second in 0..25 {
        note(&mut health, trouble(FaultKind::UpstreamFailed, None), second);
        answer(&mut health, second, second);
        answer(&mut health, second, second);
        assert_eq!(until(&health, second), None, "{second}");
    }
}

#[test]
fn as_many_failures_as_successes_bench() {
    let mut health = Health::default();
    note(&mut health, trouble(FaultKind::UpstreamFailed, None), 0);
    note(&mut health, trouble(FaultKind::UpstreamFailed, None), 1);
    for _ in 0..3 {
        answer(&mut health, 1, 1);
    }
    assert!(note(&mut health, trouble(FaultKind::UpstreamFailed, None), 2).benched);
}

#[test]
fn what_happened_in_the_same_moment_counts() {
    let mut health = Health::default();
    note(&mut health, trouble(FaultKind::RateLimited, Some(30)), 5);
    assert!(!answer(&mut health, 4, 6).recovered, "it began before the trouble");
    assert!(answer(&mut health, 5, 6).recovered);
    note(&mut health, trouble(FaultKind::QuotaExhausted, Some(30)), 7);
    assert!(!health.replenish(at(6)).recovered, "credit was read before the trouble");
    assert!(health.replenish(at(7)).recovered);
}

#[test]
fn old_failures_fade() {
    let mut health = Health::default();
    note(&mut health, trouble(FaultKind::UpstreamFailed, None), 0);
    note(&mut health, trouble(FaultKind::UpstreamFailed, None), 1);
    note(&mut health, trouble(FaultKind::UpstreamFailed, None), 70);
    assert_eq!(until(&health, 70), None);
    answer(&mut health, 200, 200);
    assert!(health.is_clean());
}

#[test]
fn passing_faults_can_be_told_never_to_bench() {
    let mut health = Health::default();
    let never = Cooling { on: true, transient: None };
    for second in 0..20 {
        let times = Times { begun: at(second), now: at(second) };
        health.note_trouble(trouble(FaultKind::UpstreamFailed, Some(9)), M, times, never, 0.5);
        assert_eq!(until(&health, second), None);
    }
    let off = Cooling { on: false, transient: Some(WINDOW) };
    let mut health = Health::default();
    health.note_trouble(trouble(FaultKind::UpstreamRefused, None), M, Times { begun: at(0), now: at(0) }, off, 0.5);
    assert!(health.is_clean());
}

#[test]
fn after_the_bench_one_request_finds_out() {
    let mut health = Health::default();
    note(&mut health, trouble(FaultKind::RateLimited, Some(10)), 0);
    assert_eq!(health.standing(M, at(10)), Standing::Ready);
    assert!(health.probe(M, at(10)));
    assert!(matches!(health.standing(M, at(10)), Standing::Out(out) if out.probing && !out.firm));
    // The probe's client hung up: the next one may try.
    health.abandon(M);
    assert_eq!(health.standing(M, at(11)), Standing::Ready);
    assert!(health.probe(M, at(11)));
    assert!(answer(&mut health, 11, 12).recovered);
    assert_eq!(health.standing(M, at(12)), Standing::Ready);
    assert!(!health.probe(M, at(12)));
}

#[test]
fn a_probe_that_takes_long_does_not_shut_others_out() {
    let mut health = Health::default();
    note(&mut health, trouble(FaultKind::RateLimited, Some(10)), 0);
    assert!(health.probe(M, at(10)));
    assert_ne!(health.standing(M, at(24)), Standing::Ready);
    assert_eq!(health.standing(M, at(25)), Standing::Ready);
}

#[test]
fn a_failed_probe_benches_at_once_and_longer() {
    let mut health = Health::default();
    for second in 0..3 {
        note(&mut health, trouble(FaultKind::UpstreamFailed, None), second);
    }
    assert_eq!(until(&health, 2), Some(3_000));
    assert!(health.probe(M, at(100)));
    note(&mut health, trouble(FaultKind::UpstreamFailed, None), 100);
    assert_eq!(until(&health, 100), Some(102_000));
}

#[test]
fn an_answer_clears_only_what_was_known_when_it_was_asked() {
    let mut health = Health::default();
    note(&mut health, trouble(FaultKind::RateLimited, Some(60)), 10);
    assert!(!answer(&mut health, 5, 11).recovered);
    assert!(until(&health, 11).is_some());
    let change = answer(&mut health, 12, 13);
    assert!(change.recovered && change.early);
    assert_eq!(until(&health, 13), None);
}

#[test]
fn trouble_of_the_account_concerns_every_model() {
    let mut health = Health::default();
    note(&mut health, trouble(FaultKind::QuotaExhausted, Some(600)), 0);
    assert!(matches!(health.standing("other", at(1)), Standing::Out(out) if out.whole));
    assert!(health.recover(None).recovered);
    assert_eq!(health.standing("other", at(1)), Standing::Ready);
}

#[test]
fn one_click_frees_one_model_or_all() {
    let mut health = Health::default();
    for model in ["a", "b"] {
        let times = Times { begun: at(0), now: at(0) };
        health.note_trouble(trouble(FaultKind::RateLimited, Some(60)), model, times, Cooling::default(), 0.5);
    }
    assert!(health.recover(Some("a")).early);
    assert_eq!(health.standing("a", at(1)), Standing::Ready);
    assert_ne!(health.standing("b", at(1)), Standing::Ready);
    assert!(!health.recover(Some("a")).recovered);
}

#[test]
fn what_is_benched_is_restored() {
    let mut health = Health::default();
    note(&mut health, trouble(FaultKind::RateLimited, Some(60)), 0);
    note(&mut health, trouble(FaultKind::UpstreamRefused, None), 0);
    let saved: Vec<_> = health.benched().collect();
    let mut other = Health::default();
    saved.iter().for_each(|benched| _ = other.restore(benched, at(5)));
    assert_eq!(other.benched().collect::<Vec<_>>(), saved);
}

#[test]
fn cells_are_bounded() {
    let mut health = Health::default();
    for number in 0..2_000_u64 {
        let times = Times { begun: at(number), now: at(number) };
        let model = format!("m{number}");
        health.note_trouble(trouble(FaultKind::RateLimited, None), &model, times, Cooling::default(), 0.5);
    }
    assert_eq!(health.count(), MAX_CELLS);
}

proptest! {
    /// Whatever happens, nobody is out for longer than the longest ceiling, and time alone brings everybody back.
    #[test]
    fn everybody_comes_back(steps in proptest::collection::vec((0..FaultKind::ALL.len(), proptest::option::of(0..200_000_u64), 0..400_u64, 0.0..1.0), 1..60)) {
        let mut health = Health::default();
        let mut now = 0;
        for (kind, hint, pass, dice) in steps {
            now += pass;
            if health.standing(M, at(now)) == Standing::Ready {
                health.probe(M, at(now));
            }
            let times = Times { begun: at(now), now: at(now) };
            health.note_trouble(trouble(FaultKind::ALL[kind], hint), M, times, Cooling::default(), dice);
            if let Standing::Out(out) = health.standing(M, at(now)) {
                prop_assert!(out.until <= at(now + 6 * 3600), "{out:?}");
            }
        }
        prop_assert_eq!(health.standing(M, at(now + 6 * 3600)), Standing::Ready);
    }
}

#[test]
fn no_wait_at_all_is_no_hint() {
    let mut health = Health::default();
    for second in [0, 1, 3] {
        assert!(note(&mut health, trouble(FaultKind::RateLimited, Some(0)), second).benched);
    }
    assert_eq!(until(&health, 3), Some(7_000), "it grows as without a hint");
    assert!(matches!(health.standing(M, at(3)), Standing::Out(out) if !out.firm));
}

#[test]
fn a_shorter_time_that_the_upstream_names_is_told_as_an_early_end() {
    let mut health = Health::default();
    let mut now = 0;
    for _ in 0..9 {
        note(&mut health, trouble(FaultKind::RateLimited, None), now);
        now = until(&health, now).unwrap().div_ceil(1000);
    }
    note(&mut health, trouble(FaultKind::RateLimited, None), now);
    assert!(until(&health, now).unwrap() > (now + 100) * 1000);
    let change = note(&mut health, trouble(FaultKind::RateLimited, Some(5)), now + 1);
    assert_eq!(change, Change { early: true, ..Change::default() }, "whoever remembers the longer time looks again");
    assert_eq!(until(&health, now + 1), Some((now + 6) * 1000));
    let benched = Benched { until: at(now + 3), ..health.benched().next().unwrap() };
    assert!(health.restore(&benched, at(now + 2)).early);
}

#[test]
fn one_probe_at_a_time_and_only_its_own_end_makes_room_for_another() {
    let mut health = Health::default();
    note(&mut health, trouble(FaultKind::RateLimited, Some(9)), 1);
    assert!(health.claim(M, at(9)).is_err());
    assert_eq!(health.claim(M, at(10)), Ok(true));
    assert!(matches!(health.claim(M, at(10)), Err(Standing::Out(out)) if out.probing));
    // An attempt from before the bench ends late: it says nothing of the one that is finding out.
    let late = Times { begun: at(0), now: at(11) };
    let unnamed = Trouble { hint: None, ..trouble(FaultKind::RateLimited, None) };
    health.note_trouble(unnamed, M, late, Cooling::default(), 0.5);
    assert!(health.claim(M, at(11)).is_err());
    health.abandon(M);
    assert_eq!(health.claim(M, at(11)), Ok(true));
}

#[test]
fn who_has_answered_begins_with_a_short_bench_again() {
    let mut health = Health::default();
    for second in [0, 1, 3] {
        note(&mut health, trouble(FaultKind::RateLimited, None), second);
    }
    assert!(answer(&mut health, 7, 8).recovered);
    note(&mut health, trouble(FaultKind::RateLimited, None), 9);
    assert_eq!(until(&health, 9), Some(10_000));
}
