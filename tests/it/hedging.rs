//! A second account for a request whose first one is slow: who answers, who is let go, and what it may cost.

use serde_json::{Value, json};
use testkit::{Gate, Gateway, Reply, Trouble, client};

use crate::harness::{BEARER, MODEL, Setup, request_lines, soon};
use crate::tongue::{AnyFake, Chat, PAIRS, Tongue};

struct Two {
    first: AnyFake,
    second: AnyFake,
    gateway: Gateway,
}

/// Two accounts, of which the first is always asked first. Each may have one call.
async fn two(wire: Tongue, hedge: Value) -> Two {
    let (first, second) = (wire.fake().await, wire.fake().await);
    let setup = Setup::new().with("hedge", hedge).with("disable-cooling", json!(false)).with("debug", json!(true));
    let setup = setup.with("credential-concurrency", json!({"default-max-concurrency": 1}));
    let gateway = second.join(first.join(setup, 2), 1).start().await;
    Two { first, second, gateway }
}

fn soon_after() -> Value {
    json!({"after": "100ms", "max-percent": 100, "whole-replies": true})
}

#[tokio::test]
async fn the_second_account_answers_when_the_first_has_nothing_to_show() {
    for (client, wire) in PAIRS {
        for (stream, events) in [(true, None), (true, Some(1)), (false, None), (false, Some(0))] {
            let Two { first, second, gateway } = two(wire, soon_after()).await;
            let gate = Gate::new();
            first.script(match events {
                None => Reply::lively().hold(&gate),
                Some(events) => Reply::lively().stall_after(events, &gate),
            });
            let got = client.ask(&gateway, &client.body(MODEL, stream)).await;
            let case = format!("{client:?} over {wire:?}, stream {stream}, {events:?}: {}", got.text());
            assert!(got.status == 200 && client.text(&got, stream).starts_with("Hello"), "{case}");
            assert!(!stream || client.is_complete(&got), "{case}");
            // The slow one is let go at once, and has its place free again.
            soon(first.cancelled(1)).await;
            let line = &request_lines(&gateway, 1).await[0];
            assert_eq!(line["attempts"], 2, "{line}");
            let trail = line["trail"].as_str().unwrap();
            assert!(trail.contains(" let go ") && trail.contains(" ok ") && line["hedged"].is_string(), "{line}");
            assert!(line["output"].as_u64().is_some_and(|tokens| tokens > 0), "{line}");
            assert_eq!((first.requests().len(), second.requests().len()), (1, 1), "{case}");
            // It is not blamed, and its place is free: the next request goes to it again, whoever is quicker this time.
            assert_eq!(client.ask(&gateway, &client.body(MODEL, stream)).await.status, 200);
            soon(first.received(2)).await;
        }
    }
}

#[tokio::test]
async fn the_first_answers_when_it_is_quicker_after_all() {
    let Two { first, second, gateway } = two(Chat, soon_after()).await;
    let (slow, slower) = (Gate::new(), Gate::new());
    first.script(Reply::lively().hold(&slow));
    second.script(Reply::lively().hold(&slower));
    let body = Chat.body(MODEL, true);
    let letting = async {
        slower.reached().await;
        slow.open();
    };
    let (got, ()) = tokio::join!(Chat.ask(&gateway, &body), letting);
    assert!(Chat.is_complete(&got), "{}", got.text());
    soon(second.cancelled(1)).await;
    let line = &request_lines(&gateway, 1).await[0];
    assert!(line["account"].as_str().is_some_and(|label| label != line["hedged"]), "{line}");
    assert!(line["trail"].as_str().is_some_and(|trail| trail.contains(" ok ") && trail.contains("let go")), "{line}");
}

#[tokio::test]
async fn a_refusal_of_the_request_is_told_at_once() {
    let Two { first, second, gateway } = two(Chat, soon_after()).await;
    let (slow, never) = (Gate::new(), Gate::new());
    let refusal = r#"{"error":{"message":"no","type":"invalid_request_error"}}"#;
    first.script(Reply::raw(400, "application/json", refusal).hold(&slow));
    second.script(Reply::lively().hold(&never));
    let body = Chat.body(MODEL, false);
    let letting = async {
        never.reached().await;
        slow.open();
    };
    let (got, ()) = tokio::join!(Chat.ask(&gateway, &body), letting);
    assert_eq!(got.status, 400, "{}", got.text());
    soon(second.cancelled(1)).await;
}

#[tokio::test]
async fn when_one_fails_the_other_is_waited_for() {
    for first_fails in [true, false] {
        let Two { first, second, gateway } = two(Chat, soon_after()).await;
        let (slow, slower) = (Gate::new(), Gate::new());
        let trouble = || Reply::trouble(Trouble::Internal);
        first.script(if first_fails { trouble() } else { Reply::lively() }.hold(&slow));
        second.script(if first_fails { Reply::lively() } else { trouble() }.hold(&slower));
        let body = Chat.body(MODEL, true);
        let letting = async {
            slower.reached().await;
            let (failing, other) = if first_fails { (&slow, &slower) } else { (&slower, &slow) };
            failing.open();
            assert!(soon(gateway.logged("goes on with the other")).await);
            other.open();
        };
        let (got, ()) = tokio::join!(Chat.ask(&gateway, &body), letting);
        assert!(Chat.is_complete(&got), "{first_fails}: {}", got.text());
        let line = &request_lines(&gateway, 1).await[0];
        let trail = line["trail"].as_str().unwrap();
        assert!(trail.contains("500 UpstreamFailed") && trail.contains(" ok "), "{line}");
        assert_eq!((&line["attempts"], line.get("hedged")), (&json!(2), None), "{line}");
    }
}

#[tokio::test]
async fn both_may_fail_and_the_next_is_asked() {
    let (first, second, third) = (Chat.fake().await, Chat.fake().await, Chat.fake().await);
    let setup = Setup::new().with("hedge", soon_after());
    let gateway = third.join(second.join(first.join(setup, 3), 2), 1).start().await;
    let (slow, slower) = (Gate::new(), Gate::new());
    first.script(Reply::trouble(Trouble::Internal).hold(&slow));
    second.script(Reply::trouble(Trouble::Overloaded).hold(&slower));
    let body = Chat.body(MODEL, true);
    let letting = async {
        slower.reached().await;
        slower.open();
        slow.open();
    };
    let (got, ()) = tokio::join!(Chat.ask(&gateway, &body), letting);
    assert!(Chat.is_complete(&got), "{}", got.text());
    let line = &request_lines(&gateway, 1).await[0];
    assert_eq!((&line["attempts"], line.get("hedged")), (&json!(3), None), "{line}");
    assert_eq!((first.requests().len(), second.requests().len(), third.requests().len()), (1, 1, 1));
}

#[tokio::test]
async fn no_more_are_hedged_than_may_be() {
    let hedge = json!({"after": "10ms", "max-percent": 10, "whole-replies": true});
    let Two { first, second, gateway } = two(Chat, hedge).await;
    for number in 1..=10 {
        let gate = Gate::new();
        first.script(Reply::lively().hold(&gate));
        let body = Chat.body(MODEL, false);
        let letting = async {
            // One of ten: the first nine are waited for.
            if number < 10 {
                let told = |log: &[String]| log.iter().filter(|line| line.contains("no second account")).count();
                soon(gateway.log_until(|log| told(log) == number)).await;
                gate.open();
            }
        };
        let (got, ()) = tokio::join!(Chat.ask(&gateway, &body), letting);
        assert_eq!(got.status, 200);
        assert_eq!(second.requests().len(), usize::from(number == 10), "{number}");
    }
}

#[tokio::test]
async fn a_pace_is_learned_from_answers() {
    let Two { first, second, gateway } = two(Chat, json!({"after": "p95", "max-percent": 100})).await;
    for _ in 0..20 {
        assert_eq!(Chat.ask(&gateway, &Chat.body(MODEL, true)).await.status, 200);
    }
    assert!(second.requests().len() <= 20);
    // Who has nothing to show for ever is not waited for.
    let gate = Gate::new();
    first.script(Reply::lively().hold(&gate));
    assert_eq!(Chat.ask(&gateway, &Chat.body(MODEL, true)).await.status, 200);
    assert!(!second.requests().is_empty());
}

#[tokio::test]
async fn a_session_stays_where_it_is() {
    // The session begins while nobody is hedged, so that it is the first account's however slow that is today.
    let (first, second) = (Chat.fake().await, Chat.fake().await);
    let setup = second.join(first.join(Setup::new().with("disable-cooling", json!(false)), 2), 1);
    let gateway = setup.start().await;
    let ask = async || {
        let url = format!("{}/v1/chat/completions", gateway.url());
        let headers = [("authorization", BEARER), ("x-session-id", "s"), ("content-type", "application/json")];
        soon(client::send(http::Method::POST, &url, &headers, Chat.body(MODEL, true).to_string())).await.unwrap()
    };
    assert_eq!(ask().await.status, 200);
    gateway.rewrite_config(&setup.with("hedge", soon_after()).text()).unwrap();
    assert!(soon(gateway.logged("configuration reloaded")).await);
    let gate = Gate::new();
    first.script(Reply::lively().hold(&gate));
    assert_eq!(ask().await.status, 200);
    soon(first.cancelled(1)).await;
    assert_eq!((first.requests().len(), second.requests().len()), (2, 1));
    assert_eq!(ask().await.status, 200);
    soon(first.received(3)).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_neither_waiting() {
    let Two { first, second, gateway } = two(Chat, soon_after()).await;
    let never = Gate::new();
    let asked = Gate::new();
    first.script(Reply::lively().hold(&never));
    second.script(Reply::lively().hold(&asked));
    let body = Chat.body(MODEL, true);
    tokio::select! {
        live = Chat.open(&gateway, &body) => panic!("answered {:?}", live.status),
        () = asked.reached() => (),
    }
    soon(async { tokio::join!(first.cancelled(1), second.cancelled(1)) }).await;
    assert_eq!(request_lines(&gateway, 1).await[0]["status"], 499);
    // Both have their one place free again.
    for _ in 0..2 {
        assert_eq!(Chat.ask(&gateway, &body).await.status, 200);
    }
}

#[tokio::test]
async fn an_explanation_tells_who_would_be_asked_beside_the_first_and_when() {
    let (first, second) = (Chat.fake().await, Chat.fake().await);
    let hedge = json!({"after": "p95", "max-percent": 50, "whole-replies": true});
    let setup = Setup::new().with("remote-management", json!({"secret-key": "the-secret-of-management"}));
    let setup = second.join(first.join(setup, 2), 1);
    let gateway = setup.clone().with("hedge", hedge).start().await;
    let explain = async || {
        let url = format!("{}/v0/management/explain?model={MODEL}", gateway.url());
        let headers = [("authorization", "Bearer the-secret-of-management")];
        soon(client::send(http::Method::GET, &url, &headers, "")).await.unwrap().json()
    };
    let told = explain().await;
    let hedge = &told["hedge"];
    assert_eq!(hedge["streams"], json!({"is": "not-yet"}), "nothing is known yet: {told}");
    assert_eq!((&hedge["second"], &hedge["saved"]), (&told["order"][1], &json!(0)), "{told}");
    for _ in 0..20 {
        assert_eq!(Chat.ask(&gateway, &Chat.body(MODEL, false)).await.status, 200);
    }
    let told = explain().await;
    assert_eq!(told["hedge"]["whole_replies"]["is"], "after", "{told}");
    assert!(told["hedge"]["whole_replies"]["ms"].as_u64().is_some_and(|ms| ms > 0), "{told}");
    assert_eq!((&told["hedge"]["saved"], &told["hedge"]["max_percent"]), (&json!(10), &json!(50)), "{told}");
    gateway.rewrite_config(&setup.text()).unwrap();
    assert!(soon(gateway.logged("configuration reloaded")).await);
    assert_eq!(explain().await["hedge"], Value::Null);
}
