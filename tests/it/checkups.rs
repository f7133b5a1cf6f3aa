//! Checks of accounts: nobody is asked unless somebody wants it, and what is found out counts as if a client had asked.

use serde_json::{Value, json};
use testkit::{FakeAnthropic, FakeGemini, FakeOpenAi, FakeResponses, Gateway, Recorded, Reply, Trouble};

use crate::harness::{MODEL, Setup, openai_entry, parse_request_lines, soon};
use crate::tongue::Chat;

fn setup() -> Setup {
    Setup::new().with("disable-cooling", json!(false)).with("debug", json!(true))
}

fn entry(name: &str, fake: &FakeOpenAi) -> Value {
    let mut entry = openai_entry(&fake.base_url(), &fake.key(), 0);
    entry["name"] = json!(name);
    entry
}

/// The lines of checks that ended, with the accounts.
fn checked(log: &[String]) -> Vec<Value> {
    let lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "health" && line["message"] == "checked").collect()
}

async fn checks(gateway: &Gateway, count: usize) -> Vec<Value> {
    soon(gateway.log_until(|log| checked(log).len() >= count)).await;
    checked(&gateway.log())
}

#[tokio::test]
async fn each_account_is_asked_something_small_in_its_own_words_when_the_program_starts() {
    let (openai, claude) = (FakeOpenAi::start().await.unwrap(), FakeAnthropic::start().await.unwrap());
    let (gemini, codex) = (FakeGemini::start().await.unwrap(), FakeResponses::start().await.unwrap());
    let keyed = json!([{"api-key": gemini.key(), "base-url": gemini.url(), "models": [{"name": "gemini-model"}]}]);
    gemini.add_model("gemini-model");
    let setup = setup().openai(&openai, 0).anthropic(&claude, 0).responses(&codex, 0).with("gemini-api-key", keyed);
    let gateway = setup.with("health-check", json!({"at-start": true, "concurrency": 4})).start().await;
    let lines = checks(&gateway, 4).await;
    assert!(lines.iter().all(|line| line.get("fault").is_none()), "{lines:?}");
    let asked = |all: Vec<Recorded>| -> Value {
        assert_eq!(all.len(), 1);
        all[0].json()
    };
    let sent = asked(openai.requests());
    assert_eq!((&sent["messages"][0]["content"], &sent["max_tokens"]), (&json!("hi"), &json!(16)), "{sent}");
    let sent = asked(claude.requests());
    assert_eq!((sent["max_tokens"].as_u64(), sent["messages"].as_array().map(Vec::len)), (Some(16), Some(1)));
    let sent = asked(gemini.requests());
    assert_eq!(sent["generationConfig"]["maxOutputTokens"], 16);
    let sent = asked(codex.requests());
    assert_eq!(sent["max_output_tokens"], 16);
    // No client asked, and none is counted.
    assert!(parse_request_lines(&gateway.log()).is_empty());
}

#[tokio::test]
async fn what_a_check_finds_out_is_known_when_the_first_client_comes() {
    let (bad, good) = (FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap());
    bad.set_key("another key");
    let mut refused = entry("bad", &bad);
    refused["api-key-entries"] = json!([{"api-key": "an old key"}]);
    let setup = setup().compat(refused).compat(entry("good", &good));
    let gateway = setup.with("health-check", json!({"at-start": true})).start().await;
    checks(&gateway, 2).await;
    assert!(soon(gateway.logged("the account is benched")).await);
    for _ in 0..4 {
        assert_eq!(Chat.ask(&gateway, &Chat.body(MODEL, false)).await.status, 200);
    }
    assert_eq!((bad.requests().len(), good.requests().len()), (1, 5));
}

#[tokio::test]
async fn an_account_comes_back_by_a_check_and_nobody_has_to_fail_for_it() {
    let fake = FakeOpenAi::start().await.unwrap();
    // Passing trouble benches nobody at once: a check looks again, as clients would.
    (0..3).for_each(|_| fake.script(Reply::trouble(Trouble::Internal)));
    let gateway =
        setup().openai(&fake, 0).with("health-check", json!({"interval": "1s", "at-start": true})).start().await;
    assert!(soon(gateway.logged("the account is benched")).await);
    assert!(soon(gateway.logged("the account is in use again")).await);
    let faults: Vec<bool> = checks(&gateway, 4).await.iter().map(|line| line.get("fault").is_some()).collect();
    assert_eq!(faults[..4], [true, true, true, false]);
    assert!(parse_request_lines(&gateway.log()).is_empty());
}

#[tokio::test]
async fn before_a_time_that_the_upstream_named_nobody_asks() {
    let (limited, well) = (FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap());
    limited.script(Reply::trouble(Trouble::RateLimited(3600)));
    let setup = setup().compat(entry("limited", &limited)).compat(entry("well", &well));
    let gateway = setup.with("health-check", json!({"interval": "1s", "at-start": true})).start().await;
    soon(well.received(4)).await;
    assert_eq!(limited.requests().len(), 1, "{:?}", checked(&gateway.log()));
}

#[tokio::test]
async fn the_file_says_who_is_asked_and_for_which_model() {
    let (named, left_out, own) =
        (FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap());
    own.add_model("special");
    let mut last = entry("own", &own);
    last["health-check"] = json!({"enabled": true, "model": "special"});
    let mut silent = entry("silent", &left_out);
    silent["health-check"] = json!({"enabled": false});
    let setup = setup().compat(entry("named", &named)).compat(entry("other", &left_out)).compat(silent).compat(last);
    let gateway = setup.start().await;
    // A reload plans anew.
    let wanted = json!({"at-start": true, "kinds": ["Named", "silent", "nobody"], "model": MODEL});
    gateway.rewrite_config(&setup.with("health-check", wanted).text()).unwrap();
    let mut lines: Vec<String> = checks(&gateway, 2).await.iter().map(|line| line["account"].to_string()).collect();
    lines.sort();
    assert_eq!(lines, ["\"named#1\"", "\"own#1\""]);
    assert_eq!(own.requests()[0].json()["model"], "special");
    assert_eq!(named.requests()[0].json()["model"], "chat-model");
    assert!(left_out.requests().is_empty());
    assert!(gateway.logged("names no provider that is known").await);
}

#[tokio::test]
async fn whoever_answers_clients_is_left_alone_and_so_is_everybody_without_a_wish() {
    let (quiet, used) = (FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap());
    let gateway = setup().openai(&quiet, 0).start().await;
    assert_eq!(Chat.ask(&gateway, &Chat.body(MODEL, false)).await.status, 200);
    assert_eq!(quiet.requests().len(), 1);
    // Only those in trouble, and nobody is.
    let setup = setup().compat(entry("used", &used)).compat(entry("quiet", &quiet));
    let gateway = setup.with("health-check", json!({"at-start": true, "only-unhealthy": true})).start().await;
    for _ in 0..2 {
        assert_eq!(Chat.ask(&gateway, &Chat.body(MODEL, false)).await.status, 200);
    }
    assert_eq!((used.requests().len(), quiet.requests().len()), (1, 2));
}

#[tokio::test]
async fn an_explanation_tells_when_accounts_were_checked_and_are_next() {
    let (bad, good) = (FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap());
    bad.set_key("another key");
    let mut refused = entry("bad", &bad);
    refused["api-key-entries"] = json!([{"api-key": "the old key"}]);
    let mut never = entry("never", &good);
    never["health-check"] = json!({"enabled": false});
    let setup = setup().compat(refused).compat(entry("good", &good)).compat(never);
    let setup = setup.with("remote-management", json!({"secret-key": "the-secret-of-management"}));
    let gateway = setup.with("health-check", json!({"at-start": true, "interval": "1h"})).start().await;
    checks(&gateway, 2).await;
    let url = format!("{}/v0/management/explain?model={MODEL}", gateway.url());
    let headers = [("authorization", "Bearer the-secret-of-management")];
    let got = soon(testkit::client::send(http::Method::GET, &url, &headers, "")).await.unwrap();
    let told = got.json();
    let check = |label: &str| {
        let all = told["candidates"].as_array().unwrap();
        all.iter().find(|one| one["label"] == label).unwrap()["check"].clone()
    };
    assert_eq!(check("never#1"), Value::Null, "{told}");
    let (bad, good) = (check("bad#1"), check("good#1"));
    assert_eq!((&bad["found"], &good["found"]), (&json!("UpstreamRefused"), &Value::Null), "{told}");
    for one in [&bad, &good] {
        assert!(one["last"].as_str().unwrap().starts_with("20") && one["next"].as_str().unwrap().starts_with("20"));
        // Rhythms differ by up to a tenth.
        assert!((3_100_000..=3_960_000).contains(&one["next_in_ms"].as_u64().unwrap()), "{one}");
    }
}
