//! Lists are exactly what is callable: for every key, in every dialect's own shape and spelling.

use std::collections::BTreeSet;

use dialect::Operation;
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::{Value, json};

use crate::{App, Question};

/// What clients may call models; some are patterns, some look like a provider's, one like a thinking suffix.
const ALIASES: [&str; 8] = ["a", "b", "claude-x", "x-1", "x-*", "x-1*", "q:8b", "p1"];
const EXCLUDED: [&str; 5] = ["a", "x-*", "*1", "claude*", "real-b"];

/// A place: what is served, what is excluded, its prefix, whether it is in the group.
type Entry = (Vec<&'static str>, Vec<&'static str>, Option<&'static str>, bool);
/// A key: what it may ask for, whom, which accounts.
type Key = (Vec<&'static str>, Vec<&'static str>, Vec<&'static str>);

fn entry() -> impl Strategy<Value = Entry> {
    let prefix = prop_oneof![Just(None), Just(Some("team")), Just(Some("a"))];
    (subsequence(&ALIASES[..], 0..6), subsequence(&EXCLUDED[..], 0..3), prefix, any::<bool>())
}

fn key() -> impl Strategy<Value = Key> {
    let models = subsequence(&["a", "x-*", "team/*", "*8b"][..], 0..3);
    let providers = subsequence(&["p0", "group", "claude", "nobody"][..], 0..3);
    (models, providers, subsequence(&["p0#1", "p1*", "openai-*", "nobody"][..], 0..3))
}

fn app(entries: &[Entry], (models, providers, accounts): &Key, force_prefix: bool) -> App {
    let place = |(number, (aliases, excluded, prefix, grouped)): (usize, &Entry)| {
        let models: Vec<_> = aliases
            .iter()
            .map(|alias| {
                if alias.ends_with('*') {
                    json!({"name": alias})
                } else {
                    json!({"name": format!("real-{alias}"), "alias": alias})
                }
            })
            .collect();
        let group = grouped.then_some("group");
        json!({"name": format!("p{number}"), "base-url": format!("http://127.0.0.1:{}", number + 1), "models": models,
            "excluded-models": excluded, "prefix": prefix, "group": group})
    };
    let text = json!({
        "api-keys": ["0123456789abcdef"],
        "force-model-prefix": force_prefix,
        "client-keys": [{"key": "0123456789abcdeg", "label": "bob", "models": models, "providers": providers,
            "accounts": accounts}],
        "openai-compatibility": entries.iter().enumerate().map(place).collect::<Vec<_>>(),
        "claude-api-key": [{"api-key": "k", "models": [{"name": "claude-x"}], "excluded-models": ["nothing"]}],
        "oauth-model-alias": {"openai-compatibility": [{"name": "b", "alias": "renamed"}]},
    });
    let (config, report) = config::parse(&text.to_string(), "config.yaml", &[]);
    App::new(config.unwrap_or_else(|| panic!("{report}"))).unwrap()
}

/// Names as one dialect lists them.
fn listed(body: &[u8]) -> Vec<String> {
    let body: Value = serde_json::from_slice(body).unwrap();
    let list = body.as_object().unwrap().values().find_map(Value::as_array).unwrap().iter();
    let keys = ["id", "slug", "name", "modelId"];
    let name = |one: &Value| keys.iter().find_map(|key| Some(one.get(key)?.as_str()?.to_owned())).unwrap();
    list.map(name).collect()
}

fn callable(app: &App, key: Option<&str>, dialect: &str, model: &str) -> bool {
    let question = Question {
        model: model.to_owned(),
        key: key.map(str::to_owned),
        dialect: Some(dialect.to_owned()),
        ..Question::default()
    };
    app.explain(&question).unwrap().pick.is_some()
}

/// Everything that somebody may think of calling.
fn thinkable() -> BTreeSet<String> {
    let names = || {
        ALIASES
            .iter()
            .map(|alias| alias.trim_end_matches('*').to_owned())
            .chain(["renamed".to_owned(), "x-12".to_owned()])
    };
    let prefixed = names().flat_map(|name| ["team", "a"].map(|prefix| format!("{prefix}/{name}")));
    names().chain(prefixed).collect()
}

/// Whether a pattern of some place may take a name, which lists cannot show. A place that names no model takes every one.
fn is_patterned(entries: &[Entry], name: &str) -> bool {
    if entries.iter().any(|(aliases, ..)| aliases.is_empty()) {
        return true;
    }
    let patterns = entries.iter().flat_map(|(aliases, ..)| aliases).filter_map(|alias| alias.strip_suffix('*'));
    patterns
        .into_iter()
        .any(|head| ["", "team/", "a/"].iter().any(|prefix| name.starts_with(&format!("{prefix}{head}"))))
}

proptest! {
    #[test]
    fn lists_are_exactly_what_is_callable(
        entries in proptest::collection::vec(entry(), 0..4),
        key in key(),
        force_prefix: bool,
    ) {
        let app = app(&entries, &key, force_prefix);
        let snapshot = app.snapshot();
        for label in [None, Some("bob")] {
            let scope = label.map(|label| snapshot.keys.of_label(label).unwrap().scope()).unwrap_or_default();
            let cards = snapshot.names.cards(scope);
            for dialect in dialects::ALL {
                for route in dialect.routes {
                    let Operation::ListModels(catalogue) = route.operation else { continue };
                    let names = listed(&catalogue.list(cards, "limit=1000&pageSize=1000").body);
                    prop_assert_eq!(names.len(), cards.len(), "{} {:?}", route.path, names);
                    for name in &names {
                        // Google's lists say `models/NAME`, and so do its paths.
                        let name = name.strip_prefix("models/").unwrap_or(name);
                        prop_assert!(callable(&app, label, dialect.word, name), "{} of {label:?} lists {name}", route.path);
                    }
                }
                let shown: BTreeSet<_> = cards.iter().map(|card| card.id.as_str()).collect();
                for name in thinkable() {
                    let called = callable(&app, label, dialect.word, &name);
                    let known = shown.contains(name.as_str());
                    prop_assert!(!known || called, "{label:?} is shown {name} and may not call it");
                    prop_assert!(
                        known || !called || is_patterned(&entries, &name),
                        "{label:?} may call {name} as {} and is not shown it: {shown:?}", dialect.word
                    );
                }
            }
        }
    }
}
