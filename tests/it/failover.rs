//! Until the first meaningful event every failure of an upstream is somebody else's chance; after it, none is.

use serde_json::json;
use testkit::client::Got;
use testkit::{Fake, Gate, Gateway, Port, Reply, Trouble};

use crate::harness::{MODEL, Setup, assert_healthy, openai_entry, request_lines, soon};
use crate::tongue::{AnyFake, Chat, Messages, PAIRS, Tongue};

/// Two accounts for one model; the first is always asked first.
struct Pair {
    first: AnyFake,
    second: AnyFake,
    gateway: Gateway,
}

impl Pair {
    async fn new(first: Tongue, second: Tongue) -> Self {
        Self::with(first, second, Setup::new()).await
    }

    async fn with(first: Tongue, second: Tongue, setup: Setup) -> Self {
        let (first, second) = (first.fake().await, second.fake().await);
        let gateway = second.join(first.join(setup, 2), 1).start().await;
        Self { first, second, gateway }
    }
}

fn count(fake: &Fake) -> usize {
    fake.requests().len()
}

/// What an upstream can do wrong before its first word, whatever is asked.
fn early_failures() -> Vec<(&'static str, Reply)> {
    vec![
        ("429", Reply::trouble(Trouble::RateLimited(7))),
        ("500", Reply::trouble(Trouble::Internal)),
        ("529 or 503", Reply::trouble(Trouble::Overloaded)),
        ("401", Reply::trouble(Trouble::Unauthorized)),
        ("403", Reply::trouble(Trouble::Forbidden)),
        ("a page with 200", Reply::html(200)),
        ("a page with 502", Reply::html(502)),
        ("an error with 200", Reply::trouble_as_200(Trouble::Overloaded)),
        ("a redirect", Reply::raw(302, "text/html", "").header("location", "http://127.0.0.1:1/")),
        ("an empty 200", Reply::raw(200, "application/json", "")),
        ("an empty 503", Reply::raw(503, "text/plain", "")),
        ("JSON that is no object", Reply::raw(200, "application/json", "[1]")),
        ("JSON that is no answer", Reply::raw(200, "application/json", "{\"detail\": [}")),
        ("the wrong type", Reply::mislabelled("text/plain").end_after(0)),
        ("a body that breaks off", Reply::lively().cut_after(0)),
        ("a body that ends early", Reply::lively().end_after(0)),
    ]
}

/// What only a stream can do wrong.
fn early_stream_failures() -> Vec<(&'static str, Reply)> {
    vec![
        ("cut after the opening", Reply::lively().cut_after(1)),
        ("ended after the opening", Reply::lively().end_after(1)),
        ("an error first of all", Reply::lively().error_after(0)),
        ("an error after the opening", Reply::lively().error_after(1)),
        ("comments only", Reply::raw(200, "text/event-stream", ": nothing\n\n: more\n\n")),
        ("no event stream", Reply::raw(200, "text/event-stream", "<html><body>Sign in</body></html>")),
        ("JSON that breaks off", Reply::raw(200, "text/event-stream", "data: {\"choices\":[{\"delta\":{\"con\n\n")),
    ]
}

async fn second_answers(client: Tongue, wire: Tongue, stream: bool, failures: Vec<(&'static str, Reply)>) {
    let pair = Pair::new(wire, wire).await;
    for (number, (name, failure)) in failures.into_iter().enumerate() {
        let case = format!("{name}: {client:?} over {wire:?}, stream {stream}");
        pair.first.script(failure);
        let got = client.ask(&pair.gateway, &client.body(MODEL, stream)).await;
        assert_eq!(got.status, 200, "{case}: {}", got.text());
        assert!(client.text(&got, stream).starts_with("Hello from"), "{case}: {}", got.text());
        assert!(!stream || client.is_complete(&got), "{case}: {}", got.text());
        assert_eq!((count(&pair.first), count(&pair.second)), (number + 1, number + 1), "{case}");
        let line = &request_lines(&pair.gateway, number + 1).await[number];
        assert_eq!((&line["attempts"], &line["status"]), (&json!(2), &json!(200)), "{case}: {line}");
        assert!(line.get("fault").is_none(), "{case}: {line}");
    }
    assert_healthy(&pair.gateway).await;
}

#[tokio::test]
async fn the_second_account_answers_whole_requests() {
    for (client, wire) in PAIRS {
        second_answers(client, wire, false, early_failures()).await;
    }
}

#[tokio::test]
async fn the_second_account_answers_streams() {
    for (client, wire) in PAIRS {
        second_answers(client, wire, true, early_failures()).await;
    }
}

#[tokio::test]
async fn the_second_account_answers_after_a_stream_that_never_began() {
    for (client, wire) in PAIRS {
        second_answers(client, wire, true, early_stream_failures()).await;
    }
}

#[tokio::test]
async fn an_account_of_the_other_dialect_takes_over() {
    for (client, wire) in PAIRS {
        let other = if wire == Chat { Messages } else { Chat };
        let pair = Pair::new(wire, other).await;
        for stream in [false, true] {
            pair.first.script(Reply::trouble(Trouble::Internal));
            let got = client.ask(&pair.gateway, &client.body(MODEL, stream)).await;
            assert_eq!(got.status, 200, "{}", got.text());
            assert!(client.text(&got, stream).starts_with("Hello from"), "{}", got.text());
        }
        assert_eq!((count(&pair.first), count(&pair.second)), (2, 2));
        let line = &request_lines(&pair.gateway, 2).await[1];
        assert_eq!(line["attempts"], 2, "{line}");
    }
}

#[tokio::test]
async fn a_closed_port_is_passed_over() {
    for client in [Chat, Messages] {
        let port = Port::reserve().unwrap();
        let closed = openai_entry(&format!("http://127.0.0.1:{}/v1", port.number()), "nobody-listens", 2);
        let second = Chat.fake().await;
        let gateway = second.join(Setup::new().compat(closed), 1).start().await;
        for stream in [false, true] {
            let got = client.ask(&gateway, &client.body(MODEL, stream)).await;
            assert!(client.text(&got, stream).starts_with("Hello from"), "{}", got.text());
        }
        assert_eq!(request_lines(&gateway, 2).await[1]["attempts"], 2);
    }
}

#[tokio::test]
async fn a_wrong_key_does_not_spoil_the_right_one() {
    let fake = testkit::FakeOpenAi::start().await.unwrap();
    let mut entry = openai_entry(&fake.base_url(), "sk-revoked", 0);
    entry["api-key-entries"] = json!([{"api-key": "sk-revoked"}, {"api-key": fake.key()}]);
    let gateway = Setup::new().compat(entry).start().await;
    for _ in 0..4 {
        let got = Chat.ask(&gateway, &Chat.body(MODEL, false)).await;
        assert_eq!(got.status, 200, "{}", got.text());
    }
    let attempts = request_lines(&gateway, 4).await.iter().map(|line| line["attempts"].as_u64().unwrap()).sum::<u64>();
    assert!(attempts > 4, "the wrong key has been tried: {attempts}");
}

#[tokio::test]
async fn faults_of_the_request_are_nobody_elses_business() {
    for (client, wire) in PAIRS {
        let pair = Pair::with(wire, wire, Setup::new().with("request-retry", json!(3))).await;
        let refusal = r#"{"type":"error","error":{"type":"invalid_request_error","message":"that is wrong","param":null,"code":null}}"#;
        for (number, status) in [(0, 400), (1, 422), (2, 413)] {
            pair.first.script(Reply::raw(status, "application/json", refusal));
            let got = client.ask(&pair.gateway, &client.body(MODEL, false)).await;
            assert_eq!(got.status.as_u16(), status, "{client:?} over {wire:?}: {}", got.text());
            assert!(client.error(&got)["message"].as_str().unwrap().contains("that is wrong"), "{}", got.text());
            assert_eq!((count(&pair.first), count(&pair.second)), (number + 1, 0), "{client:?} over {wire:?}");
        }
        pair.first.script(Reply::trouble(Trouble::ContextOverflow));
        let got = client.ask(&pair.gateway, &client.body(MODEL, true)).await;
        assert_eq!(got.status, 400, "{}", got.text());
        client.error(&got);
        assert_eq!(count(&pair.second), 0);
    }
}

#[tokio::test]
async fn request_retry_adds_rounds() {
    let setup = Setup::new().with("request-retry", json!(2));
    let pair = Pair::with(Chat, Messages, setup).await;
    for fake in [&pair.first, &pair.second] {
        fake.script(Reply::trouble(Trouble::Internal));
        fake.script(Reply::trouble(Trouble::Internal));
    }
    let got = Chat.ask(&pair.gateway, &Chat.body(MODEL, false)).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!((count(&pair.first), count(&pair.second)), (3, 2));
    assert_eq!(request_lines(&pair.gateway, 1).await[0]["attempts"], 5);
}

#[tokio::test]
async fn when_all_fail_the_client_hears_the_last_fault_once() {
    for (client, wire) in PAIRS {
        let setup = Setup::new().with("request-retry", json!(1));
        let pair = Pair::with(wire, wire, setup).await;
        for fake in [&pair.first, &pair.second] {
            fake.script(Reply::trouble(Trouble::Overloaded));
            fake.script(Reply::trouble(Trouble::Overloaded));
        }
        let got = client.ask(&pair.gateway, &client.body(MODEL, true)).await;
        let busy = if client == Messages { 529 } else { 503 };
        assert_eq!(got.status.as_u16(), busy, "{client:?} over {wire:?}: {}", got.text());
        client.error(&got);
        assert_eq!((count(&pair.first), count(&pair.second)), (2, 2), "one round and one more");
        let line = &request_lines(&pair.gateway, 1).await[0];
        assert_eq!((&line["attempts"], &line["fault"]), (&json!(4), &json!("Overloaded")), "{line}");
    }
}

#[tokio::test]
async fn max_retry_credentials_bounds_a_round() {
    let setup = Setup::new().with("max-retry-credentials", json!(1));
    let pair = Pair::with(Chat, Chat, setup).await;
    pair.first.script(Reply::trouble(Trouble::Internal));
    let got = Chat.ask(&pair.gateway, &Chat.body(MODEL, false)).await;
    assert_eq!(got.status, 500, "{}", got.text());
    assert_eq!((count(&pair.first), count(&pair.second)), (1, 0));
}

#[tokio::test]
async fn a_limit_keeps_its_retry_after() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        fake.script(Reply::trouble(Trouble::RateLimited(7)));
        let got = client.ask(&gateway, &client.body(MODEL, true)).await;
        assert_eq!((got.status.as_u16(), got.header("retry-after")), (429, Some("7")), "{}", got.text());
        client.error(&got);
    }
}

#[tokio::test]
async fn an_upstream_that_refuses_our_key_is_no_401_for_the_client() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        fake.set_key("sk-changed-meanwhile");
        let got = client.ask(&gateway, &client.body(MODEL, false)).await;
        assert_eq!(got.status, 502, "{}", got.text());
        client.error(&got);
    }
}

/// After the commit the client gets its dialect's error, and no second upstream is asked.
async fn breaks_in_the_stream(client: Tongue, wire: Tongue, name: &str, broken: Reply) {
    let pair = Pair::with(wire, wire, Setup::new().with("request-retry", json!(3))).await;
    pair.first.script(broken);
    let got = client.ask(&pair.gateway, &client.body(MODEL, true)).await;
    let case = format!("{name}: {client:?} over {wire:?}");
    assert_eq!(got.status, 200, "{case}");
    assert!(client.text(&got, true).starts_with("Hello"), "{case}: {}", got.text());
    assert_told(client, &got, &case);
    assert_eq!((count(&pair.first), count(&pair.second)), (1, 0), "{case}");
    let line = &request_lines(&pair.gateway, 1).await[0];
    assert_eq!((&line["attempts"], &line["ended"]), (&json!(1), &json!("broken")), "{case}: {line}");
    assert!(line["fault"].is_string(), "{case}: {line}");
    assert_healthy(&pair.gateway).await;
}

/// A truncated stream never looks like a clean end: either the dialect's error is in it, or the connection breaks.
fn assert_told(client: Tongue, got: &Got, case: &str) {
    let told = client.stream_error(got).is_some() || got.broken.is_some();
    assert!(told && !client.is_complete(got), "{case}: {}", got.text());
    let finished = got.text().contains("\"finish_reason\":\"stop\"") || got.text().contains("\"message_stop\"");
    assert!(!finished, "{case}: {}", got.text());
}

#[tokio::test]
async fn after_the_commit_nobody_else_is_asked() {
    for (client, wire) in PAIRS {
        breaks_in_the_stream(client, wire, "error", Reply::lively().error_after(6)).await;
        breaks_in_the_stream(client, wire, "cut", Reply::lively().cut_after(6)).await;
        breaks_in_the_stream(client, wire, "end", Reply::lively().end_after(6)).await;
    }
}

#[tokio::test]
async fn nothing_is_committed_before_the_first_content() {
    let pair = Pair::new(Messages, Messages).await;
    let gate = Gate::new();
    // Opening, block start and ping are no content: the error that follows them is still before the commit.
    pair.first.script(Reply::lively().stall_after(3, &gate).error_after(3));
    let (pair, gate) = (&pair, &gate);
    let body = Messages.body(MODEL, true);
    let asking = Messages.ask(&pair.gateway, &body);
    let opening = async {
        soon(gate.reached()).await;
        assert_eq!(count(&pair.second), 0);
        gate.open();
    };
    let (got, ()) = tokio::join!(asking, opening);
    assert!(Messages.is_complete(&got), "{}", got.text());
    assert_eq!(got.text().matches("message_start").count(), 2, "one event and its data: {}", got.text());
}
