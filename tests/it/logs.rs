//! One line a request, for people and for machines.

use serde_json::{Value, json};
use testkit::Reply;

use crate::edges::send;
use crate::harness::{BEARER, MODEL, Setup, request_lines, soon};
use crate::start::start;
use crate::tongue::{Chat, Messages, PAIRS};

#[tokio::test]
async fn a_line_tells_who_asked_what_and_who_answered() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        let got = client.ask(&gateway, &client.body(MODEL, true)).await;
        let line = &request_lines(&gateway, 1).await[0];
        let id = |tongue| if tongue == Chat { "openai_chat" } else { "anthropic" };
        let account = if wire == Chat { "vendor0#1" } else { "claude#1" };
        let expected = [
            ("level", json!("INFO")),
            ("target", json!("request")),
            ("id", json!(got.header("x-request-id"))),
            ("key", json!("key-1")),
            ("route", json!(client.path())),
            ("model", json!(MODEL)),
            ("account", json!(account)),
            ("from", json!(id(client))),
            ("to", json!(id(wire))),
            ("status", json!(200)),
            ("ended", json!("whole")),
            ("attempts", json!(1)),
            ("stream", json!(true)),
        ];
        for (field, value) in expected {
            assert_eq!(line[field], value, "{field}: {line}");
        }
        for field in ["ms", "first_byte_ms", "first_token_ms", "input", "output"] {
            assert!(line[field].is_u64(), "{field}: {line}");
        }
        let time = |field: &str| line[field].as_u64().unwrap();
        assert!(time("first_byte_ms") <= time("first_token_ms") && time("first_token_ms") <= time("ms"), "{line}");
        assert!(line.get("fault").is_none() && line["timestamp"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn what_is_not_known_is_left_out() {
    let gateway = Setup::new().with("demo", json!(true)).start().await;
    send(&gateway, http::Method::GET, "/nowhere", &[], "").await;
    let line = request_lines(&gateway, 1).await[0].clone();
    let mut names: Vec<&String> = line.as_object().unwrap().keys().collect();
    names.retain(|name| !["timestamp", "level", "target"].contains(&name.as_str()));
    assert_eq!(names, ["ended", "fault", "id", "ms", "status"], "{line}");
}

#[tokio::test]
async fn text_lines_carry_the_same() {
    let fake = Chat.fake().await;
    let gateway = fake.join(Setup::new().with("log", json!({"format": "text"})), 0).start().await;
    Messages.ask(&gateway, &Messages.body(MODEL, false)).await;
    soon(gateway.logged(" request: ")).await;
    let lines: Vec<String> = gateway.log().into_iter().filter(|line| line.contains(" request: ")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in [
        " INFO request: id=",
        "key=\"key-1\"",
        "route=\"/v1/messages\"",
        "model=\"model\"",
        "account=\"vendor0#1\"",
        "status=200",
        "attempts=1",
        "ms=",
        "output=",
    ] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    assert!(!lines[0].contains('\u{1b}'), "no colours outside a terminal");
}

#[tokio::test]
async fn every_kind_of_end_has_exactly_one_line() {
    let fake = Chat.fake().await;
    let gateway = fake.gateway().await;
    let mut expected = 0;
    for (client, stream) in [(Chat, false), (Chat, true), (Messages, false), (Messages, true)] {
        for reply in [Reply::lively(), Reply::html(200), Reply::lively().cut_after(5), Reply::lively().error_after(5)] {
            fake.script(reply);
            client.ask(&gateway, &client.body(MODEL, stream)).await;
            expected += 1;
        }
        for body in ["{}", "nonsense"] {
            soon(client.send(&gateway, body).await.rest()).await;
            expected += 1;
        }
        send(&gateway, http::Method::GET, client.path(), &client.headers(), "").await;
        send(&gateway, http::Method::GET, "/v1/models", &[], "").await;
        send(&gateway, http::Method::GET, "/v1/models", &[("authorization", BEARER)], "").await;
        expected += 3;
    }
    request_lines(&gateway, expected).await;
    let (_, log) = soon(gateway.terminate()).await.unwrap();
    let lines = crate::harness::parse_request_lines(&log);
    assert_eq!(lines.len(), expected);
    let mut ids: Vec<&Value> = lines.iter().map(|line| &line["id"]).collect();
    ids.sort_by_key(|id| id.to_string());
    ids.dedup();
    assert_eq!(ids.len(), expected, "each has an id of its own");
}

#[tokio::test]
async fn the_flag_wins_over_the_file() {
    let home = tempfile::tempdir().unwrap();
    let text = Setup::new().with("log", json!({"format": "text"})).text();
    std::fs::write(home.path().join("config.yaml"), text).unwrap();
    let mut started = start(&["--log-format", "json"], home.path()).await;
    soon(testkit::client::send(http::Method::GET, &format!("{}/v1/models", started.url), &[], "")).await.unwrap();
    let line = started.process.line().await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["status"], 401, "{line}");
}
