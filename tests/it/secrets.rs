//! Canaries: no secret is ever in a log line at any level, in an error, or in what `check` says.

use http::Method;
use serde_json::{Value, json};
use testkit::client;
use testkit::{Gateway, Reply, Trouble};

use crate::harness::{MODEL, Setup, openai_entry, soon};
use crate::start::run;
use crate::tongue::{AnyFake, Chat, Messages, Tongue};

const CLIENT: &str = "CANARY-client-6f1d2c";
const UPSTREAM: &str = "CANARY-upstream-81ab4e";
const MANAGEMENT: &str = "CANARY-management-02c77b";
const PROXY_USER: &str = "CANARY-proxyuser-5d3e";
const PROXY_PASSWORD: &str = "CANARY-proxypass-e912";
const HEADER: &str = "CANARY-header-77aa10";
const ANY: &str = "CANARY";

/// Every place that may hold a secret, holds one.
fn setup(fakes: &[AnyFake]) -> Setup {
    let mut setup = Setup::new().with("api-keys", json!([CLIENT])).with("debug", json!(true));
    setup = setup.with("remote-management", json!({"secret-key": MANAGEMENT}));
    for fake in fakes {
        fake.set_key(UPSTREAM);
        setup = fake.join(setup, 0);
    }
    for list in ["openai-compatibility", "claude-api-key"] {
        for entry in setup.0[list].as_array_mut().into_iter().flatten() {
            entry["headers"] = json!({"X-Team-Token": HEADER});
        }
    }
    let mut behind = openai_entry("http://upstream.invalid/v1", UPSTREAM, 9);
    behind["api-key-entries"][0]["proxy-url"] = json!(format!("http://{PROXY_USER}:{PROXY_PASSWORD}@127.0.0.1:9/"));
    behind["models"] = json!([{"name": "proxied"}]);
    let mut socks = openai_entry("http://upstream.invalid/v1", UPSTREAM, 8);
    socks["api-key-entries"][0]["proxy-url"] = json!(format!("socks5://{PROXY_USER}:{PROXY_PASSWORD}@127.0.0.1:9"));
    socks["models"] = json!([{"name": "socksed"}]);
    setup.compat(behind).compat(socks)
}

fn assert_clean(text: &str, place: &str) {
    // Base64 of `CANARY-`, as in Basic credentials, whatever its position.
    for word in [ANY, "Q0FOQVJZ", "NBTkFSW", "DQU5BUl"] {
        if let Some(at) = text.find(word) {
            let from = text[..at].char_indices().rev().nth(200).map_or(0, |(at, _)| at);
            panic!("{place}: ...{}", &text[from..(at + 40).min(text.len())]);
        }
    }
}

async fn send(gateway: &Gateway, tongue: Tongue, query: &str, key: &[(&str, &str)], body: &Value) -> String {
    let url = format!("{}{}{query}", gateway.url(), tongue.path());
    let mut headers = vec![("content-type", "application/json"), ("anthropic-version", "2023-06-01")];
    headers.extend(key);
    let got = soon(client::send(Method::POST, &url, &headers, body.to_string())).await.unwrap();
    format!("{} {:?} {}", got.status, got.headers, got.text())
}

#[tokio::test]
async fn no_secret_is_logged_or_told() {
    let fakes = [Chat.fake().await, Messages.fake().await];
    let gateway = setup(&fakes).start_with(&[("BOSPORUS_LOG", "trace")]).await;
    let bearer = format!("Bearer {CLIENT}");
    let wrong = format!("Bearer {CLIENT}-wrong");
    let mut answers = String::new();
    for tongue in [Chat, Messages] {
        for stream in [false, true] {
            for reply in [
                Reply::lively(),
                Reply::trouble(Trouble::Unauthorized),
                Reply::raw(401, "application/json", echo(UPSTREAM)),
                Reply::raw(400, "application/json", echo(UPSTREAM)),
                Reply::raw(200, "application/json", echo(UPSTREAM)),
                Reply::raw(200, "text/event-stream", format!("event: error\ndata: {}\n\n", echo(UPSTREAM))),
                Reply::raw(200, "text/html", format!("<p>key {UPSTREAM} is not known</p>")),
                Reply::raw(307, "text/plain", "").header("location", &format!("https://x/?key={UPSTREAM}")),
                Reply::raw(403, "text/html", format!("<p>key {UPSTREAM} is not known</p>")),
                Reply::lively().error_after(5),
                Reply::html(500),
            ] {
                // Both accounts serve the model: whoever is asked misbehaves.
                fakes.iter().for_each(|fake| fake.script(reply.clone()));
                let body = tongue.body(MODEL, stream);
                answers += &send(&gateway, tongue, "", &[("authorization", &bearer)], &body).await;
            }
        }
        let body = tongue.body(MODEL, false);
        answers += &send(&gateway, tongue, "", &[("x-api-key", CLIENT)], &body).await;
        answers += &send(&gateway, tongue, "", &[("x-goog-api-key", CLIENT)], &body).await;
        answers += &send(&gateway, tongue, &format!("?key={CLIENT}"), &[], &body).await;
        answers += &send(&gateway, tongue, &format!("?auth_token={CLIENT}"), &[], &body).await;
        answers += &send(&gateway, tongue, "", &[("authorization", &wrong)], &body).await;
        answers += &send(&gateway, tongue, &format!("?key={CLIENT}-wrong"), &[], &body).await;
        for model in ["proxied", "socksed"] {
            answers += &send(&gateway, tongue, "", &[("authorization", &bearer)], &tongue.body(model, true)).await;
        }
    }
    let lost = format!("/nowhere?key={CLIENT}");
    let got = soon(client::send(Method::GET, &format!("{}{lost}", gateway.url()), &[], "")).await.unwrap();
    answers += &got.text();
    let (status, log) = soon(gateway.terminate()).await.unwrap();
    assert!(status.success());
    let log = log.join("\n");
    assert!(log.contains("TRACE"), "the log is at its most talkative");
    // The fakes did get the keys: the canaries are alive.
    assert!(
        format!("{:?}", fakes[0].requests()).contains(UPSTREAM)
            && format!("{:?}", fakes[1].requests()).contains(HEADER)
    );
    assert_clean(&log, "log");
    assert_clean(&answers, "answers");
}

/// Some providers repeat the key that they refuse.
fn echo(key: &str) -> String {
    json!({"error": {"message": format!("Incorrect API key provided: {key}."), "type": "invalid_request_error",
        "param": null, "code": "invalid_api_key"}})
    .to_string()
}

#[tokio::test]
async fn check_shows_no_secret() {
    let fakes = [Chat.fake().await, Messages.fake().await];
    let good = setup(&fakes);
    let spoiled = {
        let mut bad = good.clone();
        bad.0["port"] = json!("no port");
        bad.0["api-keyz"] = json!([CLIENT]);
        bad.0["claude-api-key"][0]["api-kee"] = json!(UPSTREAM);
        bad.0["remote-management"]["secret-kee"] = json!(MANAGEMENT);
        bad.0["openai-compatibility"][1]["api-key-entries"][0]["proxy-url"] =
            json!(format!("bad://u:{PROXY_PASSWORD}@h"));
        bad
    };
    for (setup, code) in [(good.clone(), 0), (spoiled, 1), (good.with("api-keys", json!({"key": CLIENT})), 1)] {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.yaml");
        std::fs::write(&file, setup.text()).unwrap();
        let done = run(&["check", "--config", file.to_str().unwrap()], home.path(), &[("BOSPORUS_LOG", "trace")]).await;
        assert_eq!(done.code, Some(code), "{}", done.output);
        assert_clean(&done.output, "check");
    }
}

#[tokio::test]
async fn a_start_that_fails_shows_no_secret() {
    let fakes = [Chat.fake().await];
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let setup = setup(&fakes).with("port", json!(port));
    let error = Gateway::start_with(crate::harness::binary(), &setup.text(), &[("BOSPORUS_LOG", "trace")]).await;
    assert_clean(&error.unwrap_err().to_string(), "start");
}
