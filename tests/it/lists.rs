//! Models that nobody named in the configuration: learned from upstreams' own lists, kept over a restart, and served.

use http::Method;
use serde_json::{Value, json};
use testkit::client::{self, Got};
use testkit::{FakeAnthropic, FakeGemini, FakeOpenAi, Gateway, Reply};

use crate::harness::{BEARER, Setup, soon};

const ON: &[(&str, &str)] = &[("BOSPORUS_MODEL_REFRESH", "1h")];

async fn post(gateway: &Gateway, path: &str, body: &Value) -> Got {
    let headers = [("authorization", BEARER), ("anthropic-version", "2023-06-01")];
    client::post(&format!("{}{path}", gateway.url()), &headers, body).await.unwrap()
}

async fn get(gateway: &Gateway, path: &str) -> Value {
    let headers = [("authorization", BEARER)];
    client::send(Method::GET, &format!("{}{path}", gateway.url()), &headers, "").await.unwrap().json()
}

async fn learned(gateway: &Gateway) {
    assert!(soon(gateway.logged("lists changed")).await, "{:#?}", gateway.log());
}

fn open_place(fake: &FakeOpenAi) -> Setup {
    Setup::new()
        .compat(json!({"name": "vendor", "base-url": fake.base_url(), "api-key-entries": [{"api-key": fake.key()}]}))
}

fn ask(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
}

#[tokio::test]
async fn an_address_and_a_key_are_enough() {
    let fake = FakeOpenAi::start().await.unwrap();
    fake.add_model("vendor/new-model");
    let gateway = open_place(&fake).start_with(ON).await;
    // At once, whether or not the list is there yet.
    fake.script(Reply::text("hi"));
    let got = post(&gateway, "/v1/chat/completions", &ask("vendor/new-model")).await;
    assert_eq!(got.status, 200, "{}", got.text());
    learned(&gateway).await;
    let list = get(&gateway, "/v1/models").await;
    assert!(list["data"].as_array().unwrap().iter().any(|model| model["id"] == "vendor/new-model"), "{list}");
    // It is kept where nobody else's lists are: a fake of another run may have had this one's port.
    let kept = gateway.home().join(".cli-proxy-api/bosporus.models");
    soon(async {
        while !kept.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let asked = fake.requests().into_iter().find(|request| request.path == "/v1/models").unwrap();
    assert!(asked.header("user-agent").unwrap().starts_with("bosporus/"));
    // A name that is in no list is the place's to judge, in its own words.
    let got = post(&gateway, "/v1/chat/completions", &ask("never-heard-of")).await;
    assert_eq!(got.status, 404, "{}", got.text());
    assert!(got.text().contains("never-heard-of"), "{}", got.text());
}

#[tokio::test]
async fn a_restart_needs_no_network() {
    let fake = FakeOpenAi::start().await.unwrap();
    fake.add_model("vendor/new-model");
    let folder = tempfile::tempdir().unwrap();
    let setup = open_place(&fake).with("auth-dir", json!(folder.path()));
    let gateway = setup.start_with(ON).await;
    learned(&gateway).await;
    let file = folder.path().join("bosporus.models");
    soon(async {
        while !file.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    gateway.terminate().await.unwrap();
    fake.clear();
    let gateway = setup.start_with(ON).await;
    let list = get(&gateway, "/v1/models").await;
    assert!(list["data"].as_array().unwrap().iter().any(|model| model["id"] == "vendor/new-model"), "{list}");
    assert!(fake.requests().is_empty(), "{:?}", fake.requests());
}

#[tokio::test]
async fn every_dialects_list_shows_what_another_ones_told() {
    let (claude, gemini) = (FakeAnthropic::start().await.unwrap(), FakeGemini::start().await.unwrap());
    claude.add_model("claude-of-tomorrow");
    gemini.add_model("gemma-of-tomorrow");
    let gateway = Setup::new()
        .claude(json!({"api-key": claude.key(), "base-url": claude.url()}))
        .with("gemini-api-key", json!([{"api-key": gemini.key(), "base-url": gemini.url()}]))
        .start_with(ON)
        .await;
    soon(async {
        loop {
            let list = get(&gateway, "/v1/models").await.to_string();
            if list.contains("claude-of-tomorrow") && list.contains("gemma-of-tomorrow") {
                break;
            }
        }
    })
    .await;
    let model = get(&gateway, "/v1beta/models/gemma-of-tomorrow").await;
    assert_eq!(model["inputTokenLimit"], 1_048_576, "{model}");
    let model = get(&gateway, "/v1/models/gemma-of-tomorrow").await;
    assert_eq!(model["context_length"], 1_048_576, "{model}");
    gemini.script(Reply::text("hi"));
    let got = post(&gateway, "/v1/chat/completions", &ask("gemma-of-tomorrow")).await;
    assert_eq!(got.status, 200, "{}", got.text());
}

#[tokio::test]
async fn a_list_that_cannot_be_read_harms_nobody() {
    let fake = FakeOpenAi::start().await.unwrap();
    fake.add_model("m");
    let entry = json!({"name": "vendor", "base-url": fake.base_url(), "api-key-entries": [{"api-key": "wrong"}]});
    let gateway = Setup::new().compat(entry).with("disable-cooling", json!(false)).start_with(ON).await;
    assert!(soon(gateway.logged("no list of models from the upstream")).await, "{:#?}", gateway.log());
    assert!(!gateway.log().iter().any(|line| line.contains("benched")), "{:#?}", gateway.log());
    assert!(gateway.log().iter().all(|line| !line.contains("wrong")), "{:#?}", gateway.log());
}
