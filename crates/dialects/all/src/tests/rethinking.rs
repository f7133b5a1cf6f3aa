//! A suffix on the model's name, as it changes a relayed request of each language.

use bytes::Bytes;
use dialect::{Body, ModelTraits, Target, ThinkingTraits, splice};
use hub::{Level, Losses, Thinking};

use super::side;

fn rethought(dialect: &str, body: &'static str, suffix: &str, thinking: ThinkingTraits) -> (String, usize) {
    let traits = ModelTraits { thinking, ..ModelTraits::default() };
    let body = Body::parse(Bytes::from_static(body.as_bytes())).unwrap();
    let mut losses = Losses::default();
    let wish = Thinking::from_suffix(suffix).unwrap();
    let target = Target { model: "m", stream: false, traits: &traits };
    let edits = side(dialect).rethink(&body, wish, &target, &mut losses);
    let text = splice::apply(body.bytes(), body.index(), &edits);
    (String::from_utf8(text.to_vec()).unwrap(), losses.iter().count())
}

fn check(dialect: &str, body: &'static str, suffix: &str, traits: &ThinkingTraits, expect: &str, losses: usize) {
    assert_eq!(rethought(dialect, body, suffix, traits.clone()), (expect.to_owned(), losses), "{dialect} ({suffix})");
}

#[test]
fn chat_is_asked_by_effort_under_one_name() {
    let open = ThinkingTraits::default();
    let chat = |body, suffix, expect, losses| check("openai_chat", body, suffix, &open, expect, losses);
    chat(r#"{"a":1.0}"#, "high", r#"{"reasoning_effort":"high","a":1.0}"#, 0);
    chat(r#"{"reasoning_effort":"low" }"#, "8192", r#"{"reasoning_effort":"medium" }"#, 1);
    chat(r#"{"reasoning":{"effort":"low"},"x":1}"#, "none", r#"{"reasoning_effort":"none","x":1}"#, 0);
    chat(r#"{"reasoning_effort":"low","thinking_budget":5}"#, "auto", "{}", 0);
    let may = ThinkingTraits { can_disable: Some(true), ..ThinkingTraits::default() };
    check("openai_chat", r#"{"reasoning_effort":"low"}"#, "auto", &may, r#"{"reasoning_effort":"medium"}"#, 1);
}

#[test]
fn responses_keep_their_summary() {
    let open = ThinkingTraits::default();
    let responses = |body, suffix, expect| check("openai_responses", body, suffix, &open, expect, 0);
    responses(r#"{"a":1}"#, "xhigh", r#"{"reasoning":{"effort":"xhigh"},"a":1}"#);
    responses(
        r#"{"reasoning":{"summary":"auto","effort":"low"}}"#,
        "max",
        r#"{"reasoning":{"summary":"auto","effort":"max"}}"#,
    );
    let full = r#"{"reasoning":{"effort":"low","summary":"auto"}}"#;
    let medium = r#"{"reasoning":{"effort":"medium","summary":"auto"}}"#;
    responses(full, "auto", r#"{"reasoning":{"summary":"auto"}}"#);
    let may = ThinkingTraits { can_disable: Some(true), ..ThinkingTraits::default() };
    check("openai_responses", full, "auto", &may, medium, 1);
    let small = ThinkingTraits { levels: vec![Level::Low, Level::High], ..ThinkingTraits::default() };
    check("openai_responses", "{}", "medium", &small, r#"{"reasoning":{"effort":"low"}}"#, 1);
}

const ASK: &str = r#"{"max_tokens":4096,"temperature":0.5,"messages":[{"role":"user","content":"q"}]}"#;

#[test]
fn anthropic_budgets_stay_under_the_cap_of_the_client() {
    let old = ThinkingTraits {
        supported: Some(true),
        budget: Some((1_024, 64_000)),
        adaptive: Some(false),
        can_disable: Some(true),
        ..ThinkingTraits::default()
    };
    let anthropic = |body, suffix, expect, losses| check("anthropic", body, suffix, &old, expect, losses);
    anthropic(
        ASK,
        "high",
        r#"{"thinking":{"type":"enabled","budget_tokens":4095},"max_tokens":4096,"messages":[{"role":"user","content":"q"}]}"#,
        1,
    );
    anthropic(
        r#"{"max_tokens":512,"messages":[{"role":"user","content":"q"}]}"#,
        "high",
        r#"{"thinking":{"type":"disabled"},"max_tokens":512,"messages":[{"role":"user","content":"q"}]}"#,
        1,
    );
    anthropic(
        r#"{"max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":2000},"messages":[{"role":"user","content":"q"}]}"#,
        "none",
        r#"{"max_tokens":9000,"thinking":{"type":"disabled"},"messages":[{"role":"user","content":"q"}]}"#,
        0,
    );
}

#[test]
fn newer_anthropic_models_take_an_effort() {
    let new = ThinkingTraits {
        supported: Some(true),
        adaptive: Some(true),
        can_disable: Some(true),
        levels: vec![Level::Low, Level::Medium, Level::High],
        ..ThinkingTraits::default()
    };
    check(
        "anthropic",
        r#"{"max_tokens":9,"messages":[{"role":"user","content":"q"}],"output_config":{"format":{"type":"json_schema","schema":{}}}}"#,
        "24576",
        &new,
        r#"{"thinking":{"type":"adaptive","display":"summarized"},"max_tokens":9,"messages":[{"role":"user","content":"q"}],"output_config":{"effort":"high","format":{"type":"json_schema","schema":{}}}}"#,
        1,
    );
    let forced = r#"{"max_tokens":9,"tools":[{"name":"t","input_schema":{}}],"tool_choice":{"type":"any"},"messages":[{"role":"user","content":"q"}]}"#;
    let (text, losses) = rethought("anthropic", forced, "high", new);
    assert!(text.contains(r#""thinking":{"type":"disabled"}"#) && text.contains(r#"{"type":"any"}"#), "{text}");
    assert_eq!(losses, 1);
}

#[test]
fn gemini_takes_a_budget_or_a_level_in_its_own_spelling() {
    let open = ThinkingTraits::default();
    let gemini = |body, suffix, expect| check("gemini", body, suffix, &open, expect, 0);
    gemini(r#"{"a":1}"#, "8192", r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":8192}},"a":1}"#);
    gemini(
        r#"{"generation_config":{"thinking_config":{"include_thoughts":true,"thinking_budget":5},"top_k":1}}"#,
        "none",
        r#"{"generation_config":{"thinking_config":{"thinkingBudget":0},"top_k":1}}"#,
    );
    let levels = ThinkingTraits { levels: vec![Level::Low, Level::High], ..ThinkingTraits::default() };
    check(
        "gemini",
        r#"{"generationConfig":{"thinkingConfig":{"includeThoughts":true,"thinkingBudget":5}}}"#,
        "high",
        &levels,
        r#"{"generationConfig":{"thinkingConfig":{"thinkingLevel":"HIGH","includeThoughts":true}}}"#,
        0,
    );
}

#[test]
fn ollama_is_asked_only_where_the_model_is_known_to_think() {
    let thinks = ThinkingTraits { supported: Some(true), ..ThinkingTraits::default() };
    check("ollama", r#"{"think":false}"#, "high", &thinks, r#"{"think":"high"}"#, 0);
    check("ollama", "{}", "auto", &thinks, r#"{"think":true}"#, 0);
    check("ollama", r#"{"think":true}"#, "none", &thinks, r#"{"think":false}"#, 0);
    check("ollama", r#"{"think":true}"#, "high", &ThinkingTraits::default(), "{}", 1);
}
