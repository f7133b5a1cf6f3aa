//! Rows, addresses and what users say over them.

use super::*;
use crate::testing::{self, Asked};
use dialect::Dialect;
use dialect::splice::Pieces;

pub(super) fn built(entry: &str) -> Place {
    let text = format!("openai-compatibility:\n  - {{name: p, api-key-entries: [{{api-key: k1}}], {entry}}}\n");
    build(&testing::config(&text)).remove(0)
}

fn asked(place: &Place, wire: &Dialect, model: &str) -> http::Request<Pieces> {
    Asked::answer(wire, model).of(&*place.upstream, &place.accounts[0].secret)
}

fn chat(entry: &str, model: &str) -> http::Request<Pieces> {
    asked(&built(entry), &dialect_openai_chat::DIALECT, model)
}

fn quirks_of(entry: &str) -> WireQuirks {
    built(&format!("{entry}, models: [{{name: m}}]")).models[0].traits.quirks.clone()
}

#[test]
fn rows_are_told_apart_and_say_where_they_come_from() {
    let names: Vec<&str> = places::PLACES.iter().map(|row| row.name).chain([places::PLAIN.name]).collect();
    assert_eq!(names, config::KNOWN_PLACES, "`quirks.like` offers exactly the rows");
    let mut hosts: Vec<&str> = places::PLACES.iter().flat_map(|row| row.hosts).copied().collect();
    let all = hosts.len();
    hosts.sort_unstable();
    hosts.dedup();
    assert_eq!(hosts.len(), all);
    for row in places::PLACES {
        assert!(!row.source.is_empty() && row.checked.starts_with("20") && row.checked.len() == 10, "{}", row.name);
    }
}

#[test]
fn hosts_find_their_row() {
    for (url, name) in [
        ("https://api.openai.com/v1", "openai"),
        ("https://OpenRouter.ai/api/v1", "openrouter"),
        ("https://me.openai.azure.com", "azure"),
        ("https://openai.azure.com.evil.example", "plain"),
        ("https://notapi.openai.com", "plain"),
        ("http://127.0.0.1:8000/v1", "plain"),
    ] {
        assert_eq!(places::of(&url::Url::parse(url).unwrap(), None).name, name, "{url}");
    }
    let local = url::Url::parse("http://127.0.0.1:1").unwrap();
    assert_eq!(places::of(&local, Some("deepseek")).name, "deepseek");
}

#[test]
fn azure_is_asked_in_both_of_its_forms() {
    let host = "https://me.openai.azure.com";
    for (base, uri) in [
        (host.to_owned(), format!("{host}/openai/v1/chat/completions")),
        (format!("{host}/openai/v1/"), format!("{host}/openai/v1/chat/completions")),
        (
            format!("{host}/?api-version=2024-10-21"),
            format!("{host}/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"),
        ),
        (
            format!("{host}/openai?api-version=2024-10-21"),
            format!("{host}/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"),
        ),
        (
            format!("{host}/openai/deployments/fixed?api-version=1"),
            format!("{host}/openai/deployments/fixed/chat/completions?api-version=1"),
        ),
        (
            "https://me.services.ai.azure.com/models?api-version=1".to_owned(),
            "https://me.services.ai.azure.com/models/chat/completions?api-version=1".to_owned(),
        ),
    ] {
        let request = chat(&format!("base-url: '{base}'"), "my gpt");
        assert_eq!(request.uri().to_string(), uri);
        assert_eq!(request.headers()["api-key"], "k1");
        assert!(!request.headers().contains_key("authorization"));
    }
}

#[test]
fn reasoning_models_get_responses_where_the_place_has_it() {
    let (chat, responses) = (&dialect_openai_chat::DIALECT, &dialect_openai_responses::DIALECT);
    let anthropic = dialect_anthropic::DIALECT.id;
    let openai = built("base-url: 'https://api.openai.com/v1'");
    let wire = |place: &Place, model: &str, client| place.upstream.wire_for(model, client).unwrap().id;
    assert_eq!(wire(&openai, "gpt-5.6", anthropic), responses.id);
    assert_eq!(wire(&openai, "gpt-4o", anthropic), chat.id);
    assert_eq!(wire(&openai, "gpt-5.6", chat.id), chat.id);
    assert_eq!(wire(&openai, "gpt-4o", responses.id), responses.id);
    assert_eq!(asked(&openai, responses, "gpt-5.6").uri(), "https://api.openai.com/v1/responses");
    for chat_only in ["base-url: 'https://h.example/v1'", "base-url: 'https://me.openai.azure.com?api-version=1'"] {
        let place = built(chat_only);
        assert_eq!(wire(&place, "gpt-5.6", anthropic), chat.id);
        assert_eq!(wire(&place, "gpt-5.6", responses.id), chat.id);
    }
}

#[test]
fn what_the_user_says_goes_before_the_row() {
    let row = quirks_of("base-url: 'https://api.mistral.ai/v1'");
    assert!(row.no_stream_options && row.no_developer_role && !row.no_parallel_field);
    let said = quirks_of(
        "base-url: 'https://api.mistral.ai/v1', quirks: {supports-stream-usage: true, supports-developer-role: true, \
         supports-parallel-tools: false, reasoning-field: object, replay-reasoning: true, \
         max-tokens-field: max_completion_tokens}",
    );
    assert!(!said.no_stream_options && !said.no_developer_role && said.no_parallel_field && said.replay_reasoning);
    assert_eq!(said.reasoning_field, ReasoningField::Object);
    assert_eq!(said.max_tokens_field, MaxTokensField::MaxCompletionTokens);
    let like = quirks_of("base-url: 'http://127.0.0.1:1', quirks: {like: deepseek, replay-reasoning: false}");
    assert_eq!((like.reasoning_field, like.replay_reasoning), (ReasoningField::Switch, false));
}

#[test]
fn known_models_are_known_under_any_places_name() {
    let place =
        built("base-url: 'https://openrouter.ai/api/v1', models: [{name: anthropic/claude-opus-4.8, alias: o}]");
    let model = &place.models[0];
    assert_eq!((model.traits.context, model.traits.sampling), (Some(1_000_000), Some(false)));
    let card = model.card.as_ref().unwrap();
    assert_eq!((card.context, card.images, card.thinks()), (Some(1_000_000), true, true));
}
