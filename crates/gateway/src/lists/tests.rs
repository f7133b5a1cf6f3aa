//! Lists decide what is served, survive a restart, and never cost what was known.

use super::*;
use crate::app::App;
use crate::scope::Scope;

fn config(text: &str) -> config::Config {
    let (config, report) = config::parse(text, "config.yaml", &[]);
    config.unwrap_or_else(|| panic!("{report}"))
}

fn named(names: &[&str]) -> Vec<Learned> {
    names.iter().map(|name| Learned { name: (*name).to_owned(), context: Some(7), ..Learned::default() }).collect()
}

/// Tells the list of the account with this number.
fn tell(app: &App, account: usize, names: &[&str]) -> bool {
    let id = app.snapshot().learners[account].id;
    app.lists.take(id, named(names), SystemTime::now())
}

/// Who would serve a name.
fn who(app: &App, name: &str) -> Vec<String> {
    let snapshot = app.snapshot();
    let route = snapshot.names.resolve(Scope::default(), name);
    route.map_or_else(Vec::new, |route| route.seats.iter().map(|seat| seat.account.label.clone()).collect())
}

fn listed(app: &App) -> Vec<String> {
    let snapshot = app.snapshot();
    snapshot.names.cards(Scope::default()).iter().map(|card| card.id.clone()).collect()
}

const TWO_KEYS: &str = include_str!("tests/two_keys.yaml");
/// One of two accounts names its models.
const VENDOR: &str = include_str!("tests/vendor.yaml");
const OTHER: &str = "  - name: b\n    base-url: https://b.example/v1\n    api-key-entries: [{api-key: k3}]\n";

#[test]
fn a_place_without_models_takes_any_name_before_and_after_its_list_is_known() {
    let app = App::new(config(TWO_KEYS)).unwrap();
    assert_eq!(who(&app, "whatever"), ["a#1", "a#2"]);
    assert!(listed(&app).is_empty());
    assert!(tell(&app, 0, &["x", "y"]));
    assert!(tell(&app, 1, &["y", "z"]));
    let changes = app.relearn().unwrap();
    assert_eq!(changes.models.added, ["x", "y", "z"]);
    assert_eq!(listed(&app), ["x", "y", "z"]);
    assert_eq!(
        (who(&app, "x"), who(&app, "y"), who(&app, "z")),
        (vec!["a#1".into()], vec!["a#1".into(), "a#2".into()], vec!["a#2".into()])
    );
    assert_eq!(who(&app, "unlisted:free"), ["a#1", "a#2"]);
    let card = app.snapshot().names.cards(Scope::default())[0].clone();
    assert_eq!((card.owned_by.as_str(), card.context), ("a", Some(7)));
}

#[test]
fn an_account_without_a_list_serves_what_its_neighbours_do() {
    let app = App::new(config(TWO_KEYS)).unwrap();
    tell(&app, 0, &["x"]);
    app.relearn().unwrap();
    assert_eq!(who(&app, "x"), ["a#1", "a#2"]);
}

#[test]
fn of_several_places_none_is_guessed() {
    let app = App::new(config(&format!("{TWO_KEYS}{OTHER}"))).unwrap();
    assert!(who(&app, "whatever").is_empty());
    let snapshot = app.snapshot();
    let why = snapshot.names.missing(Scope::default(), "whatever").message;
    assert!(why.contains("`PROVIDER:whatever`"), "{why}");
    let scope = snapshot.names.providers.narrow(Scope::default(), "b").unwrap();
    let named = snapshot.names.resolve(scope, "whatever").unwrap();
    assert_eq!(named.seats.first().unwrap().account.label, "b#1");
    tell(&app, 2, &["known"]);
    app.relearn().unwrap();
    assert_eq!(who(&app, "known"), ["b#1"], "the other place is not asked for what this one lists");
    let scope = app.snapshot().names.providers.narrow(Scope::default(), "a").unwrap();
    assert!(app.snapshot().names.cards(scope).is_empty(), "nor does it list it");
}

#[test]
fn whoever_asked_for_every_name_gets_it() {
    let other = OTHER.trim_end().to_owned() + "\n    prefix: p\n    models: [{name: any, alias: '*'}]\n";
    let app = App::new(config(&format!("{TWO_KEYS}{other}"))).unwrap();
    assert_eq!(who(&app, "whatever"), ["b#1"]);
    let prefixed = TWO_KEYS.trim_end().to_owned() + "\n    prefix: q\n" + OTHER;
    let app = App::new(config(&prefixed)).unwrap();
    assert_eq!(who(&app, "q/whatever"), ["a#1", "a#2"], "a prefix names its place");
    assert!(who(&app, "whatever").is_empty());
}

#[test]
fn what_is_named_stays_named() {
    let app = App::new(config(VENDOR)).unwrap();
    assert_eq!(app.snapshot().learners.len(), 1);
    let before = listed(&app);
    assert!(before.len() > 1 && before.contains(&"grok-mine".to_owned()));
    tell(&app, 0, &["grok-new", "another"]);
    app.relearn().unwrap();
    assert_eq!(listed(&app), ["another", "grok-mine", "grok-new"]);
    assert_eq!(who(&app, "grok-unlisted").len(), 1, "a pattern goes on");
    assert_eq!(who(&app, "grok-mine").len(), 2);
}

#[test]
fn off_means_that_nothing_is_asked_or_used() {
    let app = App::new(config(&format!("model-refresh: 1h\n{TWO_KEYS}"))).unwrap();
    tell(&app, 0, &["x"]);
    app.reload(config(&format!("model-refresh: off\n{TWO_KEYS}"))).unwrap();
    assert!(app.snapshot().learners.is_empty() && listed(&app).is_empty());
    assert_eq!(who(&app, "x").len(), 2, "as before any list");
}

#[test]
fn equal_lists_are_kept_once_and_say_nothing_new() {
    let app = App::new(config(TWO_KEYS)).unwrap();
    assert!(tell(&app, 0, &["x"]) && tell(&app, 1, &["x"]));
    assert!(!tell(&app, 0, &["x"]));
    let lists = app.lists.lock();
    let all: Vec<_> = lists.values().collect();
    assert!(Arc::ptr_eq(&all[0].models, &all[1].models));
}

#[test]
fn lists_survive_a_restart_and_a_broken_file_costs_nothing() {
    let app = App::new(config(TWO_KEYS)).unwrap();
    tell(&app, 0, &["x", "y"]);
    tell(&app, 1, &["x", "y"]);
    let now = SystemTime::now();
    let text = file::text(&app.lists.to_keep(&HashSet::new(), now)).unwrap();
    assert_eq!(text.matches("\"x\"").count(), 1, "{text}");
    assert!(!text.contains("k1"), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file::NAME);
    std::fs::write(&path, &text).unwrap();
    let again = App::with_lists(config(TWO_KEYS), Lists::restore(folder.path())).unwrap();
    assert_eq!(listed(&again), ["x", "y"]);
    let moved = TWO_KEYS.replace("name: a", "name: other").replace("{api-key: k1}, ", "");
    let again = App::with_lists(config(&moved), Lists::restore(folder.path())).unwrap();
    assert_eq!(listed(&again), ["x", "y"], "the place and the key decide");
    for broken in
        ["", "{", "[]", r#"{"version":1}"#, &text.replace("\"version\":1", "\"version\":2"), &text[..text.len() / 2]]
    {
        std::fs::write(&path, broken).unwrap();
        assert!(Lists::restore(folder.path()).lock().is_empty(), "{broken:.40}");
    }
}

#[test]
fn lists_that_nobody_asks_for_are_forgotten_in_time() {
    let app = App::new(config(TWO_KEYS)).unwrap();
    tell(&app, 0, &["x"]);
    let id = app.snapshot().learners[0].id;
    let later = SystemTime::now() + KEPT_FOR * 2;
    assert_eq!(app.lists.to_keep(&HashSet::from([id]), later).len(), 1);
    assert!(app.lists.to_keep(&HashSet::new(), later).is_empty());
}
