//! Each class of model against each wish.

use super::*;
use dialect::ModelTraits;
use hub::Sampling;

fn unknown() -> ModelTraits {
    ModelTraits::default()
}

fn manual() -> ModelTraits {
    let thinking = ThinkingTraits {
        supported: Some(true),
        budget: Some((1_024, 32_000)),
        adaptive: Some(false),
        can_disable: Some(true),
        ..ThinkingTraits::default()
    };
    ModelTraits { max_output: Some(64_000), thinking, ..ModelTraits::default() }
}

fn both() -> ModelTraits {
    let mut traits = manual();
    traits.thinking.adaptive = Some(true);
    traits.thinking.levels = vec![Level::Low, Level::Medium, Level::High, Level::Max];
    traits
}

fn adaptive() -> ModelTraits {
    let mut traits = both();
    traits.thinking.budget = None;
    traits.thinking.levels.push(Level::XHigh);
    traits
}

fn always() -> ModelTraits {
    let mut traits = adaptive();
    traits.thinking.can_disable = Some(false);
    traits
}

fn none() -> ModelTraits {
    let thinking = ThinkingTraits { supported: Some(false), ..ThinkingTraits::default() };
    ModelTraits { thinking, ..ModelTraits::default() }
}

fn wish(mode: Option<Mode>, level: Option<Level>) -> Thinking {
    Thinking { mode, level, show: Show::Default }
}

fn run(traits: &ModelTraits, thinking: Thinking, cap: Option<u64>, obstacles: Obstacles) -> (Plan, Losses) {
    let sampling = Sampling { max_tokens: cap, ..Sampling::default() };
    let request = Request { thinking, sampling, ..Request::default() };
    let mut losses = Losses::default();
    let plan = plan(&request, &Target { model: "m", stream: false, traits }, obstacles, &mut losses);
    (plan, losses)
}

fn free(traits: &ModelTraits, thinking: Thinking, cap: Option<u64>) -> Plan {
    run(traits, thinking, cap, Obstacles::default()).0
}

#[test]
fn silence_stays_silence() {
    for traits in [unknown(), manual(), both(), adaptive(), always(), none()] {
        let plan = free(&traits, Thinking::default(), Some(100));
        assert_eq!((plan.mode, plan.effort, plan.max_tokens), (Wire::Absent, None, 100));
    }
}

#[test]
fn each_class_gets_a_level_in_its_form() {
    let high = wish(None, Some(Level::High));
    let budget = Wire::Budget { tokens: 24_576, hide: false };
    assert_eq!(free(&unknown(), high, Some(30_000)).mode, budget);
    assert_eq!(free(&manual(), high, Some(30_000)).mode, budget);
    for traits in [both(), adaptive(), always()] {
        let plan = free(&traits, high, Some(30_000));
        assert_eq!((plan.mode, plan.effort), (Wire::Adaptive { show: true }, Some(Level::High)));
    }
    assert_eq!(free(&none(), high, None).mode, Wire::Absent);
}

#[test]
fn levels_are_the_nearest_that_the_model_takes() {
    let level = |traits: &ModelTraits, level| free(traits, wish(None, Some(level)), None).effort;
    assert_eq!(level(&both(), Level::Minimal), Some(Level::Low));
    assert_eq!(level(&both(), Level::XHigh), Some(Level::High));
    assert_eq!(level(&adaptive(), Level::XHigh), Some(Level::XHigh));
    assert_eq!(
        free(&manual(), wish(None, Some(Level::Minimal)), None).mode,
        Wire::Budget { tokens: 1_024, hide: false }
    );
    assert_eq!(free(&manual(), wish(None, Some(Level::Max)), None).mode, Wire::Budget { tokens: 32_000, hide: false });
}

#[test]
fn a_budget_stays_a_budget_where_it_can() {
    let budget = wish(Some(Mode::Budget(5_000)), None);
    assert_eq!(free(&both(), budget, None).mode, Wire::Budget { tokens: 5_000, hide: false });
    let plan = free(&adaptive(), budget, None);
    assert_eq!((plan.mode, plan.effort), (Wire::Adaptive { show: true }, Some(Level::Medium)));
}

#[test]
fn off_is_off_or_the_least() {
    let off = wish(Some(Mode::Off), Some(Level::High));
    assert_eq!(free(&unknown(), off, None).mode, Wire::Disabled);
    assert_eq!(free(&adaptive(), off, None).effort, None, "some models refuse an effort beside disabled");
    let (plan, losses) = run(&always(), off, None, Obstacles::default());
    assert_eq!((plan.mode, plan.effort), (Wire::Adaptive { show: false }, Some(Level::Low)));
    assert!(!losses.is_silent());
}

#[test]
fn the_budget_fits_below_the_cap() {
    let high = wish(None, Some(Level::High));
    assert_eq!(free(&unknown(), high, Some(2_000)).mode, Wire::Budget { tokens: 1_999, hide: false });
    let (plan, losses) = run(&unknown(), high, Some(1_024), Obstacles::default());
    assert_eq!((plan.mode, plan.max_tokens), (Wire::Disabled, 1_024));
    assert!(!losses.is_silent());
    let plan = free(&unknown(), wish(None, Some(Level::Medium)), None);
    assert_eq!((plan.mode, plan.max_tokens), (Wire::Budget { tokens: 8_192, hide: false }, 16_384));
    let plan = free(&unknown(), wish(None, Some(Level::Max)), None);
    assert_eq!((plan.mode, plan.max_tokens), (Wire::Budget { tokens: 27_904, hide: false }, 32_000), "room is left");
    assert_eq!(free(&manual(), high, None).max_tokens, 64_000);
    assert_eq!(free(&manual(), high, Some(99_000)).max_tokens, 64_000);
    assert_eq!(free(&unknown(), Thinking::default(), None).max_tokens, 8_192);
}

#[test]
fn obstacles_turn_thinking_off_where_it_can_be() {
    let high = wish(None, Some(Level::High));
    let forced = Obstacles { forced_tool: true, ..Obstacles::default() };
    let begun = Obstacles { prefill: true, ..Obstacles::default() };
    let lost = Obstacles { lost_proofs: true, ..Obstacles::default() };
    for obstacles in [forced, begun, lost] {
        let (plan, losses) = run(&manual(), high, None, obstacles);
        assert_eq!(plan.mode, Wire::Disabled, "{obstacles:?}");
        assert!(!losses.is_silent());
        assert!(run(&always(), high, None, obstacles).0.mode.is_on());
    }
    assert!(run(&adaptive(), high, None, lost).0.mode.is_on(), "adaptive models take a turn without its block");
    assert_eq!(run(&adaptive(), Thinking::default(), None, forced).0.mode, Wire::Disabled);
    assert_eq!(run(&both(), Thinking::default(), None, forced).0.mode, Wire::Absent);
}
