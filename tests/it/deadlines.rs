//! Waiting has an end, and while it lasts the client hears that somebody is there.

use serde_json::json;
use testkit::{Gate, Reply, Trouble};

use crate::harness::{LATE, MODEL, Setup, all_of, assert_healthy, request_lines, soon};
use crate::tongue::{Chat, Messages, PAIRS};

#[tokio::test]
async fn keep_alives_are_sent_while_the_upstream_thinks() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let setup = Setup::new().with("streaming", json!({"keepalive-seconds": 1}));
        let gateway = fake.join(setup, 0).start().await;
        let gate = Gate::new();
        fake.script(Reply::lively().stall_after(6, &gate));
        let mut live = client.open(&gateway, &client.body(MODEL, true)).await;
        soon(live.until("Hello")).await.unwrap();
        // Nothing comes from upstream any more: what follows is our own. Every SSE client skips a comment, and
        // Anthropic's know `ping`.
        let first = soon(async {
            loop {
                let bytes = live.next().await.unwrap().unwrap();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if !text.contains("delta") {
                    return text;
                }
            }
        })
        .await;
        let ours = first.starts_with(':') || (client == Messages && first.contains("event: ping"));
        assert!(ours && first.ends_with("\n\n"), "{client:?} over {wire:?}: {first:?}");
        gate.open();
        let rest = soon(live.rest()).await;
        assert!(client.is_complete(&rest), "{}", rest.text());
    }
}

#[tokio::test]
async fn no_keep_alives_unless_asked_for() {
    let fake = Chat.fake().await;
    let gateway = fake.join(Setup::new().with("timeouts", json!({"idle": LATE})), 0).start().await;
    fake.script(Reply::lively().stall_after(6, &Gate::new()));
    let got = Chat.ask(&gateway, &Chat.body(MODEL, true)).await;
    assert!(!got.text().contains("\n:"), "{}", got.text());
    assert!(Chat.stream_error(&got).is_some(), "{}", got.text());
}

#[tokio::test]
async fn an_upstream_that_never_comes_to_the_point_is_passed_over() {
    let mut stories = Vec::new();
    for (client, wire) in PAIRS {
        for (name, deadline, stall) in [
            ("no head", "first-byte", None),
            ("a head and silence", "first-token", Some(0)),
            ("an opening and silence", "first-token", Some(1)),
            ("silence between two chunks", "idle", Some(1)),
        ] {
            let (first, second) = (wire.fake().await, wire.fake().await);
            let setup = Setup::new().with("timeouts", json!({deadline: LATE}));
            let gateway = second.join(first.join(setup, 2), 1).start().await;
            stories.push(async move {
                let gate = Gate::new();
                first.script(match stall {
                    None => Reply::lively().hold(&gate),
                    Some(events) => Reply::lively().stall_after(events, &gate),
                });
                let got = client.ask(&gateway, &client.body(MODEL, true)).await;
                let case = format!("{name}: {client:?} over {wire:?}: {}", got.text());
                assert!(client.is_complete(&got) && client.text(&got, true).starts_with("Hello"), "{case}");
                // The silent one is not left waiting.
                soon(first.cancelled(1)).await;
                assert_eq!(request_lines(&gateway, 1).await[0]["attempts"], 2, "{case}");
                drop(second);
            });
        }
    }
    all_of(stories.into_iter()).await;
}

#[tokio::test]
async fn silence_with_nobody_to_take_over_is_a_504() {
    for (client, wire) in PAIRS {
        for stream in [false, true] {
            let fake = wire.fake().await;
            let timeouts = json!({"first-byte": "200ms", "first-token": "200ms", "whole-reply": "200ms"});
            let gateway = fake.join(Setup::new().with("timeouts", timeouts), 0).start().await;
            fake.script(Reply::lively().hold(&Gate::new()));
            let got = client.ask(&gateway, &client.body(MODEL, stream)).await;
            assert_eq!(got.status, 504, "{client:?} over {wire:?}, stream {stream}: {}", got.text());
            client.error(&got);
            let line = &request_lines(&gateway, 1).await[0];
            assert_eq!(line["fault"], "UpstreamTimeout", "{line}");
            soon(fake.cancelled(1)).await;
            assert_healthy(&gateway).await;
        }
    }
}

/// The head has come, the body has not: still before the end of a whole reply.
#[tokio::test]
async fn a_whole_reply_whose_body_stalls_has_a_deadline_too() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let timeouts = json!({"whole-reply": "300ms", "idle": "1h"});
        let gateway = fake.join(Setup::new().with("timeouts", timeouts), 0).start().await;
        fake.script(Reply::lively().stall_after(0, &Gate::new()));
        let got = client.ask(&gateway, &client.body(MODEL, false)).await;
        assert_eq!(got.status, 504, "{client:?} over {wire:?}: {}", got.text());
        client.error(&got);
    }
}

#[tokio::test]
async fn silence_in_the_stream_ends_it_with_an_error() {
    let stories = PAIRS.into_iter().map(async |(client, wire)| {
        let fake = wire.fake().await;
        let gateway = fake.join(Setup::new().with("timeouts", json!({"idle": LATE})), 0).start().await;
        fake.script(Reply::lively().stall_after(6, &Gate::new()));
        let got = client.ask(&gateway, &client.body(MODEL, true)).await;
        assert!(client.stream_error(&got).is_some(), "{client:?} over {wire:?}: {}", got.text());
        assert!(!client.is_complete(&got));
        soon(fake.cancelled(1)).await;
        let line = &request_lines(&gateway, 1).await[0];
        assert_eq!((&line["ended"], &line["fault"]), (&json!("broken"), &json!("UpstreamTimeout")), "{line}");
    });
    all_of(stories).await;
}

#[tokio::test]
async fn the_total_deadline_bounds_all_attempts() {
    for (client, wire) in PAIRS {
        let (first, second) = (wire.fake().await, wire.fake().await);
        let timeouts = json!({"total": "500ms"});
        let gateway = second.join(first.join(Setup::new().with("timeouts", timeouts), 2), 1).start().await;
        first.script(Reply::lively().hold(&Gate::new()));
        let got = client.ask(&gateway, &client.body(MODEL, true)).await;
        assert_eq!(got.status, 504, "{client:?} over {wire:?}: {}", got.text());
        client.error(&got);
        assert_eq!(second.requests().len(), 0);
    }
}

#[tokio::test]
async fn who_was_given_up_is_not_told_of_as_one_who_answered() {
    let (client, wire) = PAIRS[0];
    let (first, second) = (wire.fake().await, wire.fake().await);
    let setup = Setup::new().with("timeouts", json!({"total": "500ms"}));
    let gateway = second.join(first.join(setup, 2), 1).start().await;
    first.script(Reply::trouble(Trouble::Internal));
    second.script(Reply::lively().hold(&Gate::new()));
    let got = client.ask(&gateway, &client.body(MODEL, true)).await;
    assert_eq!(got.status, 504, "{}", got.text());
    let line = request_lines(&gateway, 1).await.remove(0);
    assert!(line["trail"].as_str().is_some_and(|trail| trail.ends_with(" given up")), "{line}");
}
