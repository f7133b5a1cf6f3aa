//! Lists are exactly what is callable: for every key and provider, in every dialect's own shape and spelling.

use std::collections::{BTreeMap, BTreeSet};

use dialect::Operation;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use crate::scope::Scope;
use crate::snapshot::Snapshot;
use crate::{App, Question};

/// What clients may call models; some are patterns, some look like a provider's, one like a thinking suffix.
const ALIASES: [&str; 9] = ["a", "b", "claude-x", "x-1", "x-*", "x-1*", "q:8b", "p1", "a(high)"];
const EXCLUDED: [&str; 5] = ["a", "x-*", "*1", "claude*", "real-b"];
/// What chains may name. Each leads only to later ones, so that no circle comes about.
const STEPS: [&str; 14] = [
    "fast",
    "big",
    "p0:big",
    "q:8b",
    "x-1",
    "x-7",
    "a",
    "team/a",
    "p1:b",
    "b",
    "renamed",
    "claude:claude-x",
    "claude-x",
    "nobody",
];

/// A place: what is served (some of it twice, as a pool), what is excluded, its prefix, whether it is in the group.
type Entry = (Vec<&'static str>, Vec<&'static str>, Option<&'static str>, bool);
/// A key: what it may ask for, whom, which accounts.
type Key = (Vec<&'static str>, Vec<&'static str>, Vec<&'static str>);
/// Chains of models, and one of providers.
type Chained = (Vec<(usize, Vec<usize>)>, Vec<&'static str>);

fn entry() -> impl Strategy<Value = Entry> {
    let prefix = prop_oneof![Just(None), Just(Some("team")), Just(Some("a"))];
    let aliases = (subsequence(&ALIASES[..], 0..6), any::<bool>()).prop_map(|(aliases, twice)| {
        [&aliases[..], if twice { &aliases[..aliases.len().min(1)] } else { &[] }].concat()
    });
    (aliases, subsequence(&EXCLUDED[..], 0..3), prefix, any::<bool>())
}

fn key() -> impl Strategy<Value = Key> {
    let models = subsequence(&["a", "b", "x-*", "team/*", "*8b", "fast", "claude*"][..], 0..4);
    let providers = subsequence(&["p0", "group", "claude", "nobody"][..], 0..3);
    (models, providers, subsequence(&["p0#1", "p1*", "openai-*", "nobody"][..], 0..3))
}

fn chained() -> impl Strategy<Value = Chained> {
    let chain = (0..STEPS.len() - 1).prop_flat_map(|head| {
        let later: Vec<_> = (head + 1..STEPS.len()).collect();
        let most = later.len().min(2);
        (Just(head), subsequence(later, 1..=most))
    });
    let providers = subsequence(&["p1", "p2", "claude", "group"][..], 0..3);
    let chains = proptest::collection::vec(chain, 0..4).prop_map(|all| BTreeMap::from_iter(all).into_iter().collect());
    prop_oneof![Just((Vec::new(), Vec::new())), (chains, providers)]
}

fn app(entries: &[Entry], (models, providers, accounts): &Key, force_prefix: bool, chained: &Chained) -> App {
    let place = |(number, (aliases, excluded, prefix, grouped)): (usize, &Entry)| {
        let models: Vec<_> = aliases
            .iter()
            .enumerate()
            .map(|(at, alias)| {
                if alias.ends_with('*') {
                    json!({"name": alias})
                } else {
                    // The one that stands here twice is a pool of two models.
                    let real = if aliases[..at].contains(alias) { "second" } else { "real" };
                    json!({"name": format!("{real}-{alias}"), "alias": alias})
                }
            })
            .collect();
        let group = grouped.then_some("group");
        json!({"name": format!("p{number}"), "base-url": format!("http://127.0.0.1:{}", number + 1), "models": models,
            "excluded-models": excluded, "prefix": prefix, "group": group})
    };
    let (chains, fallback_providers) = chained;
    let mut fallback = serde_json::Map::new();
    for (head, steps) in chains {
        fallback.insert(STEPS[*head].into(), steps.iter().map(|step| STEPS[*step]).collect());
    }
    let text = json!({
        "api-keys": ["0123456789abcdef"],
        "force-model-prefix": force_prefix,
        "client-keys": [{"key": "0123456789abcdeg", "label": "bob", "models": models, "providers": providers,
            "accounts": accounts}],
        "openai-compatibility": entries.iter().enumerate().map(place).collect::<Vec<_>>(),
        "claude-api-key": [{"api-key": "k", "models": [{"name": "claude-x"}], "excluded-models": ["nothing"]}],
        "oauth-model-alias": {"openai-compatibility": [{"name": "b", "alias": "renamed"}]},
        "fallback": fallback,
        "provider-fallback": {"p0": fallback_providers},
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

/// Who asks, and at which path.
#[derive(Clone, Copy, Debug)]
struct Asker {
    key: Option<&'static str>,
    provider: Option<&'static str>,
}

impl Asker {
    fn scope(self, snapshot: &Snapshot) -> Option<Scope> {
        let scope = self.key.map(|label| snapshot.keys.of_label(label).unwrap().scope()).unwrap_or_default();
        self.provider.map_or(Some(scope), |id| snapshot.names.providers.narrow(scope, id))
    }

    fn may_call(self, app: &App, dialect: &str, model: &str) -> bool {
        let question = Question {
            model: model.to_owned(),
            key: self.key.map(str::to_owned),
            provider: self.provider.map(str::to_owned),
            dialect: Some(dialect.to_owned()),
            ..Question::default()
        };
        app.explain(&question).unwrap().pick.is_some()
    }
}

/// Everything that somebody may think of calling.
fn thinkable() -> BTreeSet<String> {
    let names = || {
        ALIASES
            .iter()
            .map(|alias| alias.trim_end_matches('*').to_owned())
            .chain(["renamed".to_owned(), "x-12".to_owned(), "unheard-of".to_owned()])
            .chain(STEPS.iter().map(|step| (*step).to_owned()))
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

/// Whether a name is one that is listed, in one of the forms that the documents tell: `provider:model`, with how much to
/// think behind it.
fn is_a_form(snapshot: &Snapshot, asker: Asker, name: &str) -> bool {
    let Some(scope) = asker.scope(snapshot) else { return false };
    let shown = |scope: Scope, name: &str| snapshot.names.cards(scope).iter().any(|card| card.id == name);
    let bare = hub::split_suffix(name).map_or(name, |(bare, _)| bare);
    let of_provider =
        bare.split_once(':').and_then(|(id, rest)| Some((snapshot.names.providers.narrow(scope, id)?, rest)));
    shown(scope, bare) || of_provider.is_some_and(|(scope, rest)| shown(scope, rest))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn lists_are_exactly_what_is_callable(
        entries in proptest::collection::vec(entry(), 0..4),
        key in key(),
        force_prefix: bool,
        chained in chained(),
        provider in select(&[None, Some("p0"), Some("group"), Some("claude")][..]),
    ) {
        let app = app(&entries, &key, force_prefix, &chained);
        let snapshot = app.snapshot();
        let askers = [None, Some("bob")].into_iter().flat_map(|key| {
            [None, provider].map(|provider| Asker { key, provider })
        });
        for asker in askers {
            let Some(scope) = asker.scope(&snapshot) else { continue };
            let cards = snapshot.names.cards(scope);
            prop_assert!(cards.is_sorted_by(|a, b| a.id < b.id), "{cards:?}");
            for dialect in dialects::ALL {
                for route in dialect.routes {
                    let Operation::ListModels(catalogue) = route.operation else { continue };
                    let names = listed(&catalogue.list(cards, "limit=1000&pageSize=1000").body);
                    prop_assert_eq!(names.len(), cards.len(), "{} {:?}", route.path, names);
                    for name in &names {
                        // Google's lists say `models/NAME`, and so do its paths.
                        let name = name.strip_prefix("models/").unwrap_or(name);
                        prop_assert!(
                            asker.may_call(&app, dialect.word, name), "{} of {asker:?} lists {name}", route.path
                        );
                        let thinks = format!("{name}(high)");
                        // Somebody else's model may be called exactly that.
                        prop_assert!(
                            snapshot.names.serves_exactly(&thinks) || asker.may_call(&app, dialect.word, &thinks),
                            "{asker:?} may not call {thinks}"
                        );
                    }
                }
                let shown: BTreeSet<_> = cards.iter().map(|card| card.id.as_str()).collect();
                for name in thinkable() {
                    let called = asker.may_call(&app, dialect.word, &name);
                    let known = shown.contains(name.as_str());
                    prop_assert!(!known || called, "{asker:?} is shown {name} and may not call it");
                    prop_assert!(
                        known || !called || is_patterned(&entries, &name) || is_a_form(&snapshot, asker, &name),
                        "{asker:?} may call {name} as {} and is not shown it: {shown:?}", dialect.word
                    );
                }
            }
        }
    }
}
