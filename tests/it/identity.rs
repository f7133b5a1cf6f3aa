//! What is learned of an account stays with it, wherever its entry stands in the file and whatever comes or goes before
//! it; and benches that were saved under ids of another shape are passed over.

use serde_json::{Value, json};
use testkit::{FakeOpenAi, Gateway, Reply, Trouble};

use crate::harness::{MODEL, Setup, openai_entry, soon};
use crate::tongue::Chat;

/// Looks as random as a real key.
const KEYS: [&str; 3] = ["sk-7GvQ2mZx9LpR4tWc1A", "sk-B8nYk3HdS6fJqV0eUz", "sk-Xw5oTiC2rEaM9yNb7K"];

async fn fakes() -> [FakeOpenAi; 3] {
    let [first, second, third] =
        [FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap()];
    for (fake, key) in [&first, &second, &third].into_iter().zip(KEYS) {
        fake.set_key(key);
    }
    [first, second, third]
}

/// One place with the keys of these fakes would have one address: so each is a place of its own, under its own name.
fn setup(fakes: &[(&str, &FakeOpenAi)]) -> Setup {
    let entry = |name: &str, fake: &FakeOpenAi| {
        let mut entry = openai_entry(&fake.base_url(), &fake.key(), 0);
        entry["name"] = json!(name);
        entry
    };
    let routing = json!({"strategy": "fill-first", "session-affinity": false});
    let setup = Setup::new().with("disable-cooling", json!(false)).with("routing", routing);
    fakes.iter().fold(setup, |setup, (name, fake)| setup.compat(entry(name, fake)))
}

async fn ask(gateway: &Gateway) -> u16 {
    Chat.ask(gateway, &Chat.body(MODEL, false)).await.status.as_u16()
}

fn counts(fakes: &[FakeOpenAi]) -> Vec<usize> {
    fakes.iter().map(|fake| fake.requests().len()).collect()
}

#[tokio::test]
async fn a_bench_stays_with_its_account_when_others_are_put_before_it_or_taken_away() {
    let fakes = fakes().await;
    let [first, second, third] = &fakes;
    let gateway = setup(&[("one", first), ("two", second)]).start().await;
    first.script(Reply::trouble(Trouble::RateLimited(3600)));
    assert_eq!(ask(&gateway).await, 200);
    assert_eq!(counts(&fakes), [1, 1, 0]);
    let reloads = [
        vec![("three", third), ("one", first), ("two", second)],
        vec![("two", second), ("one", first)],
        vec![("one", first), ("two", second)],
    ];
    for (round, order) in reloads.iter().enumerate() {
        gateway.rewrite_config(&setup(order).text()).unwrap();
        let reloaded = |log: &[String]| log.iter().filter(|line| line.contains("configuration reloaded")).count();
        soon(gateway.log_until(|log| reloaded(log) == round + 1)).await;
        assert_eq!(ask(&gateway).await, 200);
    }
    assert_eq!(counts(&fakes), [1, 3, 1], "the benched one was asked once, by the first request");
    assert!(!gateway.log().join("\n").contains(KEYS[0]));
}

#[tokio::test]
async fn a_label_keeps_what_is_learned_over_a_new_address_and_a_new_key_begins_without_trouble() {
    let fakes = fakes().await;
    let [first, second, third] = &fakes;
    let labelled = |fake: &FakeOpenAi| {
        let mut text: Value = serde_json::from_str(&setup(&[("one", fake), ("two", third)]).text()).unwrap();
        text["openai-compatibility"][0]["api-key-entries"][0]["label"] = json!("mine");
        Setup(text)
    };
    let gateway = labelled(first).start().await;
    first.script(Reply::trouble(Trouble::RateLimited(3600)));
    assert_eq!(ask(&gateway).await, 200);
    assert_eq!(counts(&fakes), [1, 0, 1]);
    // What is said of an answer is written a moment after the answer.
    assert!(soon(gateway.logged("\"account\":\"mine\"")).await, "{:#?}", gateway.log());
    // Another credential under the label: what the old one had used up says nothing of it.
    gateway.rewrite_config(&labelled(second).text()).unwrap();
    assert!(soon(gateway.logged("configuration reloaded")).await);
    assert_eq!(ask(&gateway).await, 200);
    assert_eq!(counts(&fakes), [1, 1, 1]);
}

#[tokio::test]
async fn benches_saved_under_other_ids_are_passed_over() {
    let fakes = fakes().await;
    let [first, second, _] = &fakes;
    let home = tempfile::tempdir().unwrap();
    let text = json!({"version": 1, "records": [
        {"account": "openai-compatibility:one:1", "model": null, "until": 99_999_999_999_999_u64, "named": true,
            "cause": "RateLimited", "level": 3},
    ]});
    std::fs::write(home.path().join("bosporus.cds"), text.to_string()).unwrap();
    let setup = setup(&[("one", first), ("two", second)])
        .with("auth-dir", json!(home.path()))
        .with("save-cooldown-status", json!(true));
    let gateway = setup.start().await;
    assert_eq!(ask(&gateway).await, 200);
    assert_eq!(counts(&fakes), [1, 0, 0]);
    assert!(!gateway.log().iter().any(|line| line.contains("benches")), "{:#?}", gateway.log());
}
