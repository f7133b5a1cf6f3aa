//! A new configuration while requests are under way: nothing is dropped, nothing bad gets in, and the log tells what
//! changed.

use std::path::Path;

use http::Method;
use serde_json::{Value, json};
use testkit::client::send;
use testkit::{FakeOpenAi, Gateway, Reply, Trouble};
use tokio::task::JoinSet;

use crate::edges::demo;
use crate::harness::{BEARER, KEY, MODEL, Setup, assert_healthy, openai_entry, request_lines, soon};
use crate::tongue::{Chat, Messages};
use crate::wire::{encrypted_with, tls};

const OTHER: &str = "another-key-of-the-end-to-end-tests";

/// The models that the gateway lists for a key, or the status.
async fn models(gateway: &Gateway, key: &str) -> Result<Vec<String>, u16> {
    let bearer = format!("Bearer {key}");
    let url = format!("{}/v1/models", gateway.url());
    let reply = soon(send(Method::GET, &url, &[("authorization", &bearer)], "")).await.unwrap();
    if reply.status != 200 {
        return Err(reply.status.as_u16());
    }
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    Ok(body["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect())
}

async fn ask(gateway: &Gateway, model: &str) -> u16 {
    let body = Chat.body(model, false).to_string();
    let url = format!("{}{}", gateway.url(), Chat.path());
    let headers = [("authorization", BEARER), ("content-type", "application/json")];
    soon(send(Method::POST, &url, &headers, body.clone())).await.unwrap().status.as_u16()
}

async fn told(gateway: &Gateway, text: &str) {
    assert!(soon(gateway.logged(text)).await, "no `{text}` in {:#?}", gateway.log());
}

/// How many lines hold the text.
fn count(gateway: &Gateway, text: &str) -> usize {
    gateway.log().iter().filter(|line| line.contains(text)).count()
}

#[tokio::test]
async fn a_changed_file_is_taken_over_and_the_log_says_what_changed() {
    let gateway = demo().start().await;
    assert_eq!(ask(&gateway, "demo").await, 200);
    let fake = Messages.fake().await;
    let more = fake
        .join(Setup::new(), 0)
        .with("demo", json!(true))
        .with("api-keys", json!([KEY, OTHER]))
        .with("debug", json!(false));
    gateway.rewrite_config(&more.text()).unwrap();
    told(&gateway, "configuration reloaded: accounts +").await;
    assert!(models(&gateway, OTHER).await.unwrap().contains(&MODEL.to_owned()));
    let log = gateway.log().join("\n");
    for word in ["models +", "client keys +key-2", "\"settings\":\"api-keys, claude-api-key, debug\""] {
        assert!(log.contains(word), "no `{word}` in {log}");
    }
    assert!(!log.contains(OTHER) && !log.contains(KEY), "{log}");

    gateway.rewrite_config(&Setup::new().with("api-keys", json!([OTHER])).text()).unwrap();
    told(&gateway, "client keys -key-1").await;
    assert_eq!(models(&gateway, KEY).await, Err(401));
    assert_eq!(models(&gateway, OTHER).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_is_told_once() {
    let gateway = demo().start().await;
    let bad = [
        ("port: [\n", "config.yaml:"),
        ("", "the file is empty"),
        ("port: many\n", "port"),
        ("api-keys: 7\nrouting: {strategy: chance}\n", "strategy"),
        ("\u{0}\u{1}", "not taken over"),
    ];
    for (index, (text, word)) in bad.into_iter().enumerate() {
        gateway.rewrite_config(text).unwrap();
        soon(gateway.log_until(|_| count(&gateway, "not taken over") > index)).await;
        let last = gateway.log().into_iter().rfind(|line| line.contains("not taken over")).unwrap();
        assert!(last.contains(word), "no `{word}` in {last}");
        assert_eq!(ask(&gateway, "demo").await, 200);
    }
    let file = gateway.home().join("config.yaml");
    std::fs::remove_file(&file).unwrap();
    told(&gateway, "cannot be read").await;
    assert_eq!(ask(&gateway, "demo").await, 200);
    gateway.rewrite_config(&demo().text()).unwrap();
    told(&gateway, "no setting has changed").await;
    assert_eq!(ask(&gateway, "demo").await, 200);
    assert_eq!(count(&gateway, "not taken over"), bad.len() + 1);
    // A folder in its place can be read by nobody, whoever runs the gateway.
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    gateway.signal("HUP").unwrap();
    soon(gateway.log_until(|_| count(&gateway, "not taken over") > bad.len() + 1)).await;
    assert_eq!(ask(&gateway, "demo").await, 200);
}

/// Without any notification, as on a network mount: edits in place, replacements, and a file that is written bit by bit.
#[tokio::test]
async fn a_watch_that_only_looks_sees_every_change() {
    let arguments = ["--watch", "poll"];
    let gateway = Gateway::start_as(crate::harness::binary(), &demo().text(), &[], &arguments).await.unwrap();
    let file = gateway.home().join("config.yaml");
    std::fs::write(&file, demo().with("api-keys", json!([KEY, OTHER])).text()).unwrap();
    told(&gateway, "client keys +key-2").await;
    gateway.rewrite_config(&demo().text()).unwrap();
    told(&gateway, "client keys -key-2").await;
    let far = gateway.home().join("far.yaml");
    std::fs::write(&far, demo().with("demo", json!(false)).text()).unwrap();
    link(&far, &file);
    told(&gateway, "models -demo").await;
    assert_eq!(count(&gateway, "configuration reloaded"), 3);
}

/// A smaller limit cuts nothing off, and lets nobody in until enough have left; a larger one lets in at once.
#[tokio::test]
async fn the_cap_on_requests_follows_the_file_while_requests_are_under_way() {
    let fake = Messages.fake().await;
    let limited = |most: usize| fake.join(demo(), 0).with("limits", json!({"in-flight-requests": most}));
    let gateway = limited(3).start().await;
    let mut asking = JoinSet::new();
    let mut gates = Vec::new();
    let begin = async |asking: &mut JoinSet<_>| {
        let gate = testkit::Gate::new();
        fake.script(Reply::lively().stall_after(6, &gate));
        let (url, body) = (format!("{}{}", gateway.url(), Messages.path()), Messages.body(MODEL, true).to_string());
        asking.spawn(async move {
            let headers = [("authorization", BEARER), ("content-type", "application/json")];
            send(Method::POST, &url, &headers, body).await.unwrap()
        });
        soon(gate.reached()).await;
        gate
    };
    let resized = async |most: usize, times: usize| {
        gateway.rewrite_config(&limited(most).text()).unwrap();
        soon(gateway.log_until(|_| count(&gateway, "configuration reloaded") == times)).await;
    };
    for _ in 0..3 {
        gates.push(begin(&mut asking).await);
    }
    assert_eq!(ask(&gateway, "demo").await, 503);
    resized(1, 1).await;
    assert_eq!(ask(&gateway, "demo").await, 503);
    resized(4, 2).await;
    assert_eq!(ask(&gateway, "demo").await, 200, "three are under way, and four may be");
    resized(1, 3).await;
    // Two leave: one more than may be is under way no longer, but the last has the only place.
    for gate in gates.drain(..2) {
        gate.open();
        assert_eq!(soon(asking.join_next()).await.unwrap().unwrap().status, 200, "nobody is cut off");
    }
    assert_eq!(ask(&gateway, "demo").await, 503);
    gates.remove(0).open();
    assert_eq!(soon(asking.join_next()).await.unwrap().unwrap().status, 200);
    soon(async {
        while ask(&gateway, "demo").await != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    gates.push(begin(&mut asking).await);
    assert_eq!(ask(&gateway, "demo").await, 503, "one place, not more, is left of all the changes");
    gates.remove(0).open();
    assert_eq!(soon(asking.join_next()).await.unwrap().unwrap().status, 200);
}

/// What every line allows and nothing makes true is told, and keeps nobody from starting.
#[tokio::test]
async fn fallbacks_that_lead_nowhere_are_told_at_the_start_and_at_a_reload_and_by_check() {
    let gateway = demo().with("fallback", json!({"demo": ["one-that-nobody-has"]})).start().await;
    told(&gateway, "`fallback.demo` leads to `one-that-nobody-has`, which no account serves").await;
    let next = demo().with("provider-fallback", json!({"demo": ["claude"]}));
    gateway.rewrite_config(&next.text()).unwrap();
    told(&gateway, "no account is of the provider `claude`").await;
    gateway.rewrite_config(&demo().with("fallback", json!({"demo": ["a"], "a": ["demo"]})).text()).unwrap();
    told(&gateway, "closes a circle: demo -> a -> demo").await;
    assert_eq!(ask(&gateway, "demo").await, 200);
    gateway.rewrite_config(&next.text()).unwrap();
    let check = std::process::Command::new(crate::harness::binary())
        .env("HOME", gateway.home())
        .arg("--config")
        .arg(gateway.home().join("config.yaml"))
        .arg("check")
        .output()
        .unwrap();
    let text = String::from_utf8(check.stderr).unwrap();
    assert!(check.status.success() && text.contains("warning: `provider-fallback.demo`"), "{text}");
}

#[tokio::test]
async fn the_folder_of_accounts_moves_with_all_that_is_kept_there() {
    let fake = FakeOpenAi::start().await.unwrap();
    let mut entry = openai_entry(&fake.base_url(), &fake.key(), 0);
    entry["models"].as_array_mut().unwrap().retain(|model| model.get("alias").is_none());
    let limits = json!([{"api-key": KEY, "monthly-quotas": {"demo": 3}}]);
    let setup = demo()
        .with("auth-dir", json!("here"))
        .with("api-key-limits", limits)
        .with("disable-cooling", json!(false))
        .with("save-cooldown-status", json!(true))
        .compat(entry);
    let gateway = setup.start().await;
    assert_eq!(ask(&gateway, "demo").await, 200);
    fake.script(Reply::trouble(Trouble::RateLimited(3600)));
    assert_eq!(ask(&gateway, "chat-model").await, 429);
    let kept = async |folder: &str, uses: &str| {
        let (counts, benches) = (
            gateway.home().join(folder).join("client-key-use.state"),
            gateway.home().join(folder).join("bosporus.cds"),
        );
        let has = |path: &Path, text: &str| std::fs::read_to_string(path).is_ok_and(|all| all.contains(text));
        soon(async {
            while !has(&counts, uses) || !has(&benches, "RateLimited") {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    kept("here", " 1 demo").await;
    // Nothing happens but the move: everything is at the new place all the same.
    gateway.rewrite_config(&setup.clone().with("auth-dir", json!("there")).text()).unwrap();
    told(&gateway, "auth-dir").await;
    kept("there", " 1 demo").await;
    assert_eq!(ask(&gateway, "demo").await, 200);
    kept("there", " 2 demo").await;
    assert!(std::fs::read_to_string(gateway.home().join("here/client-key-use.state")).unwrap().contains(" 1 demo"));
    // Back to where less was counted; then to a place where nothing can be written, and back again: nothing is lost.
    gateway.rewrite_config(&setup.clone().with("auth-dir", json!("here")).text()).unwrap();
    kept("here", " 2 demo").await;
    std::fs::write(gateway.home().join("file"), "").unwrap();
    gateway.rewrite_config(&setup.clone().with("auth-dir", json!("file/below")).text()).unwrap();
    assert!(soon(gateway.logged("the counts of client keys cannot be")).await);
    assert_eq!(ask(&gateway, "demo").await, 200);
    gateway.rewrite_config(&setup.clone().with("auth-dir", json!("here")).text()).unwrap();
    kept("here", " 3 demo").await;
    assert_eq!(ask(&gateway, "demo").await, 429, "the month is full");
    assert_eq!(ask(&gateway, "chat-model").await, 429, "and the account is still out");
}

#[tokio::test]
async fn a_hang_up_reads_the_file_again() {
    let gateway = demo().start().await;
    for times in 1..=3 {
        gateway.signal("HUP").unwrap();
        soon(gateway.log_until(|_| count(&gateway, "no setting has changed") == times)).await;
    }
    assert!(gateway.log().iter().any(|line| line.contains("SIGHUP")));
    assert_eq!(ask(&gateway, "demo").await, 200);
    let (status, log) = gateway.terminate().await.unwrap();
    assert!(status.success(), "{log:?}");
}

/// Puts a symbolic link in the place of a path, in one step.
fn link(to: &Path, at: &Path) {
    let fresh = at.with_file_name("fresh-link");
    std::os::unix::fs::symlink(to, &fresh).unwrap();
    std::fs::rename(fresh, at).unwrap();
}

/// A volume as Kubernetes mounts it: the file is a link through a link to a folder, and an update turns the link to the
/// folder.
#[tokio::test]
async fn links_that_are_turned_are_followed() {
    let gateway = demo().start().await;
    let home = gateway.home();
    let version = |name: &str, text: &str| {
        std::fs::create_dir(home.join(name)).unwrap();
        std::fs::write(home.join(name).join("config.yaml"), text).unwrap();
        link(Path::new(name), &home.join("..data"));
    };
    version("..1", &demo().text());
    link(Path::new("..data/config.yaml"), &home.join("config.yaml"));
    gateway.signal("HUP").unwrap();
    told(&gateway, "no setting has changed").await;
    version("..2", &demo().with("api-keys", json!([KEY, OTHER])).text());
    told(&gateway, "client keys +key-2").await;
    version("..3", &demo().text());
    told(&gateway, "client keys -key-2").await;
    // A file far from the link is followed, too.
    let far = tempfile::tempdir().unwrap();
    let file = far.path().join("far.yaml");
    std::fs::write(&file, demo().with("api-keys", json!([OTHER, KEY])).text()).unwrap();
    link(&file, &home.join("config.yaml"));
    told(&gateway, "client keys +key-1").await;
    std::fs::write(&file, demo().with("demo", json!(false)).text()).unwrap();
    told(&gateway, "models -demo").await;
}

#[tokio::test]
async fn a_stream_under_way_finishes_on_the_configuration_that_it_began_with() {
    let fake = Messages.fake().await;
    let gateway = fake.gateway().await;
    let gate = testkit::Gate::new();
    fake.script(Reply::lively().stall_after(6, &gate));
    let body = Messages.body(MODEL, true).to_string();
    let url = format!("{}{}", gateway.url(), Messages.path());
    let mut asking = JoinSet::new();
    asking.spawn(async move {
        let headers = [("authorization", BEARER), ("content-type", "application/json")];
        send(Method::POST, &url, &headers, body).await.unwrap()
    });
    soon(gate.reached()).await;
    gateway.rewrite_config(&demo().text()).unwrap();
    told(&gateway, "configuration reloaded").await;
    assert_eq!(ask(&gateway, MODEL).await, 404);
    gate.open();
    let reply = soon(asking.join_next()).await.unwrap().unwrap();
    assert_eq!(reply.status, 200);
    assert!(String::from_utf8_lossy(&reply.body).contains("message_stop"));
    let lines = request_lines(&gateway, 2).await;
    assert!(lines.iter().any(|line| line["status"] == 200 && line["ended"] == "whole"), "{lines:?}");
}

#[tokio::test]
async fn what_cannot_change_is_said_and_stays() {
    let gateway = demo().start().await;
    let cold = demo().with("host", json!("localhost")).with("port", json!(1)).with("api-keys", json!([KEY, OTHER]));
    gateway.rewrite_config(&cold.text()).unwrap();
    told(&gateway, "client keys +key-2").await;
    told(&gateway, "`host` cannot change").await;
    told(&gateway, "`port` cannot change").await;
    assert_eq!(ask(&gateway, "demo").await, 200);
}

/// The address that others can reach us at is the one that we listen on, whatever the new file says.
#[tokio::test]
async fn keys_must_be_good_enough_for_the_address_that_we_really_have() {
    let key = "iejaiSh4ohf2-Ohth8eiyaeQuo";
    let public = demo().with("host", json!("0.0.0.0")).with("api-keys", json!([key]));
    let gateway = public.start().await;
    let nobody = json!({"host": "127.0.0.1", "port": 0, "demo": true, "log": {"format": "json"}});
    gateway.rewrite_config(&nobody.to_string()).unwrap();
    told(&gateway, "not taken over").await;
    assert_eq!(models(&gateway, OTHER).await, Err(401));
    assert!(models(&gateway, key).await.is_ok());
}

#[tokio::test]
async fn limits_and_the_log_follow_the_file() {
    let gateway = demo().start().await;
    let next = demo().with("limits", json!({"header-count": 20})).with("log", json!({"format": "text"}));
    gateway.rewrite_config(&next.with("debug", json!(true)).text()).unwrap();
    told(&gateway, "configuration reloaded").await;
    let line = gateway.log().into_iter().rfind(|line| line.contains("configuration reloaded")).unwrap();
    assert!(!line.starts_with('{'), "{line}");
    let many: Vec<_> = (0..30).map(|number| (format!("x-{number}"), "1")).collect();
    let many: Vec<_> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let reply = soon(send(Method::GET, &format!("{}/v1/models", gateway.url()), &many, "")).await.unwrap();
    assert_eq!(reply.status, 431);
    told(&gateway, "DEBUG").await;
}

#[tokio::test]
async fn a_new_certificate_is_served_without_a_restart() {
    let (gateway, roots, folder) = encrypted_with(demo()).await;
    tls(&gateway, &roots, &[]).await;
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    // Between these two the pair does not fit, and the old one stays.
    std::fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    // What did not fit may have been looked at, and is told of with the same cause.
    let taken = |line: &String| line.contains("a file that it names has changed") && !line.contains("not taken over");
    soon(gateway.log_until(|log| log.iter().any(taken))).await;
    let mut fresh = rustls::RootCertStore::empty();
    fresh.add(made.cert.der().clone()).unwrap();
    tls(&gateway, &std::sync::Arc::new(fresh), &[]).await;
}

/// However often the file is replaced, no request is lost, and what stands at the end is in force.
#[tokio::test]
async fn a_file_replaced_without_a_pause_loses_nothing() {
    let gateway = demo().start().await;
    let mut asking = JoinSet::new();
    for _ in 0..4 {
        let (url, body) = (format!("{}{}", gateway.url(), Chat.path()), Chat.body("demo", true).to_string());
        asking.spawn(async move {
            for _ in 0..50 {
                let headers = [("authorization", BEARER), ("content-type", "application/json")];
                let reply = soon(send(Method::POST, &url, &headers, body.clone())).await.unwrap();
                assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
            }
        });
    }
    let mut round = 0;
    while !asking.is_empty() {
        round += 1;
        let text = if round % 7 == 0 { "port: [".to_owned() } else { many(round % 20).text() };
        gateway.rewrite_config(&text).unwrap();
        tokio::select! {
            done = asking.join_next() => done.unwrap().unwrap(),
            () = soon(assert_healthy(&gateway)) => {}
        }
    }
    gateway.rewrite_config(&many(3).with("api-keys", json!([KEY, OTHER])).text()).unwrap();
    told(&gateway, "client keys +key-2").await;
    assert_eq!(models(&gateway, OTHER).await.unwrap().len(), models(&gateway, KEY).await.unwrap().len());
    let lines = request_lines(&gateway, 200).await;
    assert!(lines.iter().filter(|line| line["route"] == Chat.path()).all(|line| line["status"] == 200));
}

/// Whoever stands first in the file is not asked first after every reload.
#[tokio::test]
async fn turns_go_on_over_reloads() {
    let management = "a-management-key-of-these-tests";
    let (one, two) = (FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap());
    for strategy in ["round-robin", "weighted-round-robin", "least-used"] {
        let setup = Setup::new()
            .with("routing", json!({"strategy": strategy}))
            .with("remote-management", json!({"secret-key": management}))
            .compat(openai_entry(&one.base_url(), &one.key(), 0))
            .compat(json!({"name": "second", "base-url": two.base_url(), "api-key-entries": [{"api-key": two.key()}],
                "models": [{"name": "chat-model", "alias": MODEL}]}));
        let before = [one.requests().len(), two.requests().len()];
        let gateway = setup.start().await;
        // Of forty draws, all are alike once in a million years of this test.
        for round in 0..40 {
            assert_eq!(ask(&gateway, MODEL).await, 200);
            gateway.rewrite_config(&setup.clone().with("debug", json!(round % 2 == 0)).text()).unwrap();
            let url = format!("{}/v0/management/reload", gateway.url());
            let headers = [("x-management-key", management)];
            assert_eq!(soon(send(Method::POST, &url, &headers, "")).await.unwrap().status, 200);
        }
        let asked = [one.requests().len() - before[0], two.requests().len() - before[1]];
        assert!(asked[0] > 0 && asked[1] > 0 && asked[0] + asked[1] == 40, "{strategy}: {asked:?}");
    }
}

/// The demo and so many further accounts.
fn many(accounts: usize) -> Setup {
    let entries =
        (0..accounts).map(|number| json!({"api-key": format!("sk-{number}"), "base-url": "http://127.0.0.1:1"}));
    demo().with("claude-api-key", Value::Array(entries.collect()))
}

#[tokio::test]
async fn a_file_of_accounts_that_a_parameter_names_is_hot() {
    let (one, two) = (FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (pools, models) = (folder.path().join("provider_pools.json"), folder.path().join("custom_models.json"));
    let account = |fake: &FakeOpenAi| {
        json!({"openai-custom": [{"uuid": "u", "OPENAI_API_KEY": fake.key(), "OPENAI_BASE_URL": fake.base_url(),
            "supportedModels": ["chat-model"]}]})
        .to_string()
    };
    let mine = json!([{"id": "mine", "actualProvider": "openai-custom", "actualModel": "chat-model"}]).to_string();
    std::fs::write(&pools, account(&one)).unwrap();
    std::fs::write(&models, "[]").unwrap();
    let text = demo().text();
    let arguments =
        ["--provider-pools-file", pools.to_str().unwrap(), "--custom-models-file", models.to_str().unwrap()];
    let gateway = Gateway::start_as(crate::harness::binary(), &text, &[], &arguments).await.unwrap();
    assert_eq!((ask(&gateway, "chat-model").await, ask(&gateway, "mine").await), (200, 404));
    assert_eq!(one.requests().len(), 1);
    std::fs::write(&models, &mine).unwrap();
    told(&gateway, "models +mine").await;
    assert_eq!(ask(&gateway, "mine").await, 200);
    // Half written: the old accounts go on.
    std::fs::write(&pools, &account(&two)[..40]).unwrap();
    told(&gateway, "half written").await;
    assert_eq!(ask(&gateway, "mine").await, 200);
    assert_eq!((one.requests().len(), two.requests().len()), (3, 0));
    std::fs::write(&pools, account(&two)).unwrap();
    soon(gateway.log_until(|_| count(&gateway, "configuration reloaded") == 2)).await;
    assert_eq!(ask(&gateway, "mine").await, 200);
    assert_eq!(two.requests().len(), 1);
    // The configuration itself may change, too, and theirs stay.
    gateway.rewrite_config(&demo().with("request-retry", json!(2)).text()).unwrap();
    told(&gateway, "request-retry").await;
    assert_eq!(ask(&gateway, "mine").await, 200);
}
