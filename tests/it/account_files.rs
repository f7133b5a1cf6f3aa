//! Accounts that come from files in the folder of accounts: read, watched, renewed, and never in the way of others.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use testkit::client::{self, Got};
use testkit::{Exchange, FakeGoogle, Gate, Gateway, Reply};

use crate::harness::{BEARER, Setup, all_of, soon};

pub(crate) const GEMINI: &str = "gemini-2.5-flash";

pub(crate) async fn fake() -> FakeGoogle {
    let fake = FakeGoogle::start().await.unwrap();
    fake.add_model(GEMINI);
    fake
}

/// A folder with files, outlasting the gateways that look into it.
pub(crate) struct Auths(tempfile::TempDir);

impl Auths {
    pub(crate) fn with(files: &[(&str, &Value)]) -> Self {
        let auths = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, file)| auths.put(name, file));
        auths
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// In one step, as programs that think of readers do.
    pub(crate) fn put(&self, name: &str, file: &Value) {
        let fresh = self.at(".fresh");
        std::fs::write(&fresh, file.to_string()).unwrap();
        std::fs::rename(fresh, self.at(name)).unwrap();
    }

    pub(crate) async fn start(&self) -> Gateway {
        Setup::new().with("auth-dir", json!(self.path())).start().await
    }
}

pub(crate) async fn ask(gateway: &Gateway) -> Got {
    ask_for(gateway, GEMINI).await
}

pub(crate) async fn ask_for(gateway: &Gateway, model: &str) -> Got {
    let body = json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]});
    let url = format!("{}/v1/chat/completions", gateway.url());
    soon(client::post(&url, &[("authorization", BEARER)], &body)).await.unwrap()
}

async fn models(gateway: &Gateway) -> String {
    let url = format!("{}/v1/models", gateway.url());
    soon(client::send(http::Method::GET, &url, &[("authorization", BEARER)], "")).await.unwrap().text()
}

/// Returns once the list of models holds a name, or no longer does.
pub(crate) async fn lists(gateway: &Gateway, name: &str, there: bool) {
    soon(async { while models(gateway).await.contains(&format!("\"{name}\"")) != there {} }).await;
}

#[tokio::test]
async fn a_service_account_answers_below_its_project_in_both_forms_of_its_file() {
    let fake = fake().await;
    let auths = Auths::with(&[("vertex-fake.json", &fake.account_file())]);
    let gateway = auths.start().await;
    let got = ask(&gateway).await;
    assert_eq!(got.status, 200, "{} {:?}", got.text(), gateway.log());
    let sent = fake.last_request().unwrap();
    let path =
        "/v1/projects/fake-project/locations/europe-west4/publishers/google/models/gemini-2.5-flash:generateContent";
    assert_eq!((sent.path.as_str(), sent.header("authorization")), (path, Some("Bearer ya29.fake-1")));
    assert_eq!((fake.asked(), fake.refused()), (1, Vec::<String>::new()));
    let second = Auths::with(&[]);
    std::fs::create_dir(second.at("sub")).unwrap();
    second.put("sub/key.json", &fake.key_file());
    let gateway = second.start().await;
    assert_eq!(ask(&gateway).await.status, 200);
    assert!(fake.last_request().unwrap().path.contains("/locations/us-central1/"));
}

#[tokio::test]
async fn fifty_calls_on_an_expired_token_cause_one_renewal() {
    let fake = fake().await;
    let gateway = Auths::with(&[("a.json", &fake.account_file())]);
    let gateway = gateway.start().await;
    fake.set_lives(1);
    assert_eq!(ask(&gateway).await.status, 200);
    fake.set_lives(3600);
    let gate = Gate::new();
    fake.script_exchange(Exchange::Held(gate.clone()));
    let calls = (0..50).map(|_| async { assert_eq!(ask(&gateway).await.status, 200) });
    let opened = async {
        gate.reached().await;
        gate.open();
    };
    soon(async { tokio::join!(all_of(calls), opened) }).await;
    assert_eq!((fake.asked(), fake.issued()), (2, 2));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_request_goes_on() {
    let fake = fake().await;
    let auths = Auths::with(&[("a.json", &fake.account_file())]);
    let gateway = auths.start().await;
    assert_eq!(ask(&gateway).await.status, 200);
    fake.forget_tokens();
    fake.clear();
    let got = ask(&gateway).await;
    assert_eq!((got.status.as_u16(), fake.issued(), fake.requests().len()), (200, 2, 2), "{}", got.text());
    // Fifty that are refused together cause one renewal, too.
    fake.forget_tokens();
    all_of((0..50).map(|_| async { assert_eq!(ask(&gateway).await.status, 200) })).await;
    assert_eq!(fake.issued(), 3);
    // Who refuses every token is not asked for ever.
    fake.script_exchange(Exchange::Raw(200, json!({"access_token": "never-good", "expires_in": 3600}).to_string()));
    fake.forget_tokens();
    fake.clear();
    let got = ask(&gateway).await;
    assert_eq!((got.status.as_u16() / 100, fake.requests().len()), (5, 2), "{}", got.text());
    assert!(!got.text().contains("never-good"), "{}", got.text());
}

#[tokio::test]
async fn a_token_endpoint_in_trouble_lets_another_account_answer_and_is_asked_again() {
    let (ill, well) = (fake().await, fake().await);
    let mut first = ill.account_file();
    first["priority"] = json!(9);
    let auths = Auths::with(&[("ill.json", &first), ("well.json", &well.account_file())]);
    let gateway = auths.start().await;
    for trouble in [
        Exchange::Raw(503, "<html>".to_owned()),
        Exchange::Raw(200, "{\"access_token\":".to_owned()),
        Exchange::Raw(200, "x".repeat(1 << 20)),
        Exchange::Raw(302, String::new()),
        Exchange::Dropped,
    ] {
        ill.script_exchange(trouble.clone());
        well.clear();
        let got = ask(&gateway).await;
        assert_eq!((got.status.as_u16(), well.requests().len()), (200, 1), "{trouble:?} {}", got.text());
    }
    ill.clear();
    assert_eq!(ask(&gateway).await.status, 200);
    assert_eq!(ill.requests().len(), 1);
}

#[tokio::test]
async fn an_account_that_google_refuses_is_out_with_a_reason_until_its_file_changes() {
    let fake = fake().await;
    let auths = Auths::with(&[("a.json", &fake.forged_file())]);
    let gateway = auths.start().await;
    let got = ask(&gateway).await;
    assert!(got.text().contains("Invalid JWT Signature"), "{}", got.text());
    let asked = fake.asked();
    // It is known by now: nobody asks again.
    assert!(ask(&gateway).await.text().contains("Invalid JWT Signature"));
    assert_eq!(fake.asked(), asked);
    assert!(soon(gateway.logged("vertex:a")).await, "{:#?}", gateway.log());
    let log = gateway.log().join("\n");
    assert!(!log.contains("PRIVATE KEY") && !log.contains("MIIE"), "{log}");
    auths.put("a.json", &fake.account_file());
    soon(async { while ask(&gateway).await.status != 200 {} }).await;
}

#[tokio::test]
async fn a_file_that_is_half_written_changes_nothing_and_is_told() {
    let fake = fake().await;
    let auths = Auths::with(&[("a.json", &fake.account_file())]);
    let gateway = auths.start().await;
    assert_eq!(ask(&gateway).await.status, 200);
    let mut whole = fake.account_file();
    whole["prefix"] = json!("team");
    let text = whole.to_string();
    std::fs::write(auths.at("a.json"), &text[..text.len() / 2]).unwrap();
    assert!(soon(gateway.logged("a.json: it ends in the middle")).await);
    assert!(gateway.logged("the account stays as it was").await);
    assert_eq!(ask(&gateway).await.status, 200);
    std::fs::write(auths.at("a.json"), &text).unwrap();
    lists(&gateway, "team/gemini-2.5-flash", true).await;
    assert_eq!(ask_for(&gateway, "team/gemini-2.5-flash").await.status, 200);
    // The same key opens it: nobody was asked for another token.
    assert_eq!(fake.issued(), 1);
}

#[tokio::test]
async fn files_come_and_go_without_a_restart_and_others_are_told_and_left_alone() {
    let fake = fake().await;
    let auths = Auths::with(&[
        ("broken.json", &json!("no object")),
        ("claude-a@b.json", &json!({"type": "claude", "access_token": "hush"})),
    ]);
    let gateway = auths.start().await;
    let log = gateway.log().join("\n");
    assert!(log.contains("broken.json: it is no JSON object") && log.contains("type `claude`"), "{log}");
    assert!(!log.contains("hush"), "{log}");
    assert_eq!(ask(&gateway).await.status, 404);
    auths.put("a.json", &fake.account_file());
    lists(&gateway, GEMINI, true).await;
    // What is under way goes on without its file.
    let gate = Gate::new();
    fake.script(Reply::text("late").hold(&gate));
    let removed = async {
        gate.reached().await;
        std::fs::remove_file(auths.at("a.json")).unwrap();
        lists(&gateway, GEMINI, false).await;
        gate.open();
    };
    let (got, ()) = soon(async { tokio::join!(ask(&gateway), removed) }).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(ask(&gateway).await.status, 404);
}

#[tokio::test]
async fn a_hundred_replacements_a_second_lose_no_request_and_end_with_the_last() {
    let fake = fake().await;
    let auths = Auths::with(&[("a.json", &fake.account_file())]);
    let gateway = auths.start().await;
    let path = auths.path().to_owned();
    let mut file = fake.account_file();
    let writer = tokio::task::spawn_blocking(move || {
        for n in 0..300 {
            file["prefix"] = json!(format!("team{n}"));
            std::fs::write(path.join(".fresh"), file.to_string()).unwrap();
            std::fs::rename(path.join(".fresh"), path.join("a.json")).unwrap();
            // Half of one for a moment, as programs that don't think of readers do.
            std::fs::write(path.join("b.json"), &file.to_string()[..n]).unwrap();
        }
        std::fs::remove_file(path.join("b.json")).unwrap();
    });
    while !writer.is_finished() {
        assert_eq!(ask(&gateway).await.status, 200);
    }
    writer.await.unwrap();
    lists(&gateway, "team299/gemini-2.5-flash", true).await;
    assert_eq!((ask(&gateway).await.status.as_u16(), fake.issued()), (200, 1));
}

#[tokio::test]
async fn two_processes_share_a_folder() {
    let fake = fake().await;
    let auths = Auths::with(&[("a.json", &fake.account_file())]);
    let (one, other) = (auths.start().await, auths.start().await);
    for gateway in [&one, &other] {
        all_of((0..10).map(|_| async { assert_eq!(ask(gateway).await.status, 200) })).await;
    }
    // A service account's tokens use nothing up: each process has its own, and the file stays as it was.
    assert_eq!(fake.issued(), 2);
    assert_eq!(std::fs::read_to_string(auths.at("a.json")).unwrap(), fake.account_file().to_string());
    std::fs::remove_file(auths.at("a.json")).unwrap();
    lists(&one, GEMINI, false).await;
    lists(&other, GEMINI, false).await;
}

#[tokio::test]
async fn what_a_file_says_of_its_use_holds() {
    let fake = fake().await;
    let mut file = fake.account_file();
    file["excluded_models"] = json!(["*-pro"]);
    file["model_aliases"] = json!([{"name": GEMINI, "alias": "fast", "fork": true}]);
    file["headers"] = json!({"X-Team": "blue"});
    let mut off = fake.account_file();
    off["disabled"] = json!(true);
    off["prefix"] = json!("off");
    let auths = Auths::with(&[("a.json", &file), ("off.json", &off)]);
    let gateway = auths.start().await;
    let list = models(&gateway).await;
    assert!(list.contains("\"fast\"") && !list.contains("gemini-2.5-pro") && !list.contains("off/"), "{list}");
    assert_eq!(ask_for(&gateway, "fast").await.status, 200);
    assert_eq!(fake.last_request().unwrap().header("x-team"), Some("blue"));
    assert_eq!(ask_for(&gateway, "gemini-2.5-pro").await.status, 404);
}

#[tokio::test]
async fn a_change_of_a_file_tells_of_that_file_and_repeats_nothing_of_the_configuration() {
    let fake = fake().await;
    let auths = Auths::with(&[("a.json", &fake.account_file())]);
    let gateway = Setup::new()
        .with("auth-dir", json!(auths.path()))
        .with("unknown-to-everybody", json!(true))
        .with("fallback", json!({"first": ["nobody-serves-this", "late/gemini-2.5-flash"]}))
        .start()
        .await;
    let count = |text: &str| gateway.log().iter().filter(|line| line.contains(text)).count();
    let odd = ["unknown-to-everybody", "leads to `nobody-serves-this`", "leads to `late/gemini-2.5-flash`"];
    let [unknown, nobody, late] = odd.map(count);
    assert!(unknown > 0 && (nobody, late) == (1, 1), "{:#?}", gateway.log());
    let mut file = fake.account_file();
    for prefix in ["one", "two", "late"] {
        file["prefix"] = json!(prefix);
        auths.put("a.json", &file);
        lists(&gateway, &format!("{prefix}/{GEMINI}"), true).await;
    }
    assert!(soon(gateway.logged("models +late/")).await);
    assert_eq!(odd.map(count), [unknown, 1, 1], "{:#?}", gateway.log());
    assert_eq!(count("a.json: the account is read anew"), 3);
    // What becomes odd by a file is told once, and what is asked for is told again.
    std::fs::remove_file(auths.at("a.json")).unwrap();
    soon(gateway.log_until(|_| count(odd[2]) == 2)).await;
    assert_eq!(odd.map(count), [unknown, 1, 2], "{:#?}", gateway.log());
    gateway.signal("HUP").unwrap();
    soon(gateway.log_until(|_| count(odd[0]) > unknown)).await;
}
