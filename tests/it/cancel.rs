//! A client that hangs up takes its upstream call along, at once, and leaves nothing behind.

use serde_json::json;
use testkit::{Gate, Gateway, Reply};

use crate::harness::{MODEL, Setup, assert_healthy, request_lines, soon};
use crate::tongue::{AnyFake, PAIRS, Tongue};

/// Room for one request only: a permit that is not given back would be noticed.
async fn narrow(fake: &AnyFake) -> Gateway {
    fake.join(Setup::new().with("limits", json!({"in-flight-requests": 1})), 0).start().await
}

/// The next request finds its place free.
async fn assert_free(client: Tongue, gateway: &Gateway) {
    let free = async {
        // The log line is written a moment before the permit returns.
        while client.ask(gateway, &client.body(MODEL, false)).await.status == 503 {}
    };
    soon(free).await;
    assert_healthy(gateway).await;
}

#[tokio::test]
async fn hanging_up_in_the_stream_cancels_the_upstream() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = narrow(&fake).await;
        fake.script(Reply::lively().stall_after(6, &Gate::new()));
        let mut live = client.open(&gateway, &client.body(MODEL, true)).await;
        soon(live.until("Hello")).await.unwrap();
        assert_eq!(fake.cancel_count(), 0);
        drop(live);
        soon(fake.cancelled(1)).await;
        let line = &request_lines(&gateway, 1).await[0];
        assert_eq!((&line["status"], &line["ended"]), (&json!(499), &json!("client hung up")), "{line}");
        assert!(line.get("fault").is_none(), "{line}");
        assert_free(client, &gateway).await;
    }
}

#[tokio::test]
async fn hanging_up_before_the_first_word_cancels_the_upstream() {
    for (client, wire) in PAIRS {
        for stream in [false, true] {
            let fake = wire.fake().await;
            let gateway = narrow(&fake).await;
            let gate = Gate::new();
            // Headers, and in a stream the opening, have come; the client has seen nothing yet.
            fake.script(if stream {
                Reply::lively().stall_after(1, &gate)
            } else {
                Reply::lively().stall_after(0, &gate)
            });
            let body = client.body(MODEL, stream);
            let asking = client.open(&gateway, &body);
            tokio::select! {
                live = asking => panic!("answered {:?} before there was an answer", live.status),
                () = gate.reached() => (),
            }
            soon(fake.cancelled(1)).await;
            let line = &request_lines(&gateway, 1).await[0];
            assert_eq!(
                (&line["status"], &line["attempts"]),
                (&json!(499), &json!(1)),
                "{client:?} over {wire:?} {line}"
            );
            assert_free(client, &gateway).await;
        }
    }
}

#[tokio::test]
async fn hanging_up_while_the_upstream_thinks_cancels_it() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = narrow(&fake).await;
        let gate = Gate::new();
        // Not even the head of the answer has come.
        fake.script(Reply::lively().hold(&gate));
        let body = client.body(MODEL, true);
        let asking = client.open(&gateway, &body);
        tokio::select! {
            live = asking => panic!("answered {:?} before there was an answer", live.status),
            () = gate.reached() => (),
        }
        soon(fake.cancelled(1)).await;
        assert_eq!(request_lines(&gateway, 1).await[0]["status"], 499);
        assert_free(client, &gateway).await;
    }
}

#[tokio::test]
async fn reading_all_and_leaving_is_no_hang_up() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = narrow(&fake).await;
        let gate = Gate::new();
        // The upstream keeps its side open after its last word; many clients leave at the end mark.
        let frames = if wire == Tongue::Chat { 6 } else { 8 };
        fake.script(Reply::text("a b").stall_after(frames, &gate));
        let mut live = client.open(&gateway, &client.body(MODEL, true)).await;
        let end = if client == Tongue::Chat { "[DONE]" } else { "message_stop\"}" };
        let seen = soon(live.until(end)).await.unwrap();
        assert!(seen.contains(end), "{seen}");
        drop(live);
        let line = &request_lines(&gateway, 1).await[0];
        assert_eq!((&line["status"], &line["ended"]), (&json!(200), &json!("whole")), "{line}");
    }
}

#[tokio::test]
async fn a_client_that_stops_reading_slows_the_upstream_down() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        let gate = Gate::new();
        // Far more than all the buffers on the way can hold: only a reader makes the upstream reach the gate.
        let piece = format!("{} ", "y".repeat(256 << 10));
        fake.script(Reply::text(piece.repeat(160)).stall_after(140, &gate));
        let before = allocated(&gateway);
        let mut body = client.body(MODEL, true);
        body["max_tokens"] = json!(128_000);
        let mut live = client.open(&gateway, &body).await;
        soon(live.until("y")).await.unwrap();
        for _ in 0..100 {
            assert_healthy(&gateway).await;
        }
        tokio::select! {
            biased;
            () = gate.reached() => panic!("the upstream runs ahead of a client that does not read"),
            () = std::future::ready(()) => (),
        }
        let held = allocated(&gateway).saturating_sub(before);
        assert!(held < 16 << 20, "{client:?} over {wire:?}: {held} bytes are held for one slow reader");
        drop(live);
        soon(fake.cancelled(1)).await;
    }
}

/// Memory of the process that is its own and no file's, in bytes: of its code, as much is there as the system likes.
fn allocated(gateway: &Gateway) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.id().unwrap())).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}
