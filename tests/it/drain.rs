//! Told to stop, it finishes what it has begun, within a deadline, and takes nothing new.

use serde_json::json;
use testkit::{Gate, Gateway, Reply};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::harness::{MODEL, Setup, soon};
use crate::tongue::{Chat, PAIRS};

/// Returns once the listener is gone.
async fn assert_closed(gateway: &Gateway) {
    let host = gateway.url().trim_start_matches("http://").to_owned();
    let refused = async {
        // A connection in the backlog may still be accepted by the kernel; it is closed unanswered.
        while let Ok(mut stream) = TcpStream::connect(&host).await {
            if let Ok(0) | Err(_) = stream.read(&mut [0]).await {
                continue;
            }
            panic!("a new connection was answered");
        }
    };
    soon(refused).await;
}

#[tokio::test]
async fn a_running_stream_finishes_and_new_connections_are_refused() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        let gate = Gate::new();
        fake.script(Reply::lively().stall_after(6, &gate));
        let mut live = client.open(&gateway, &client.body(MODEL, true)).await;
        soon(live.until("Hello")).await.unwrap();
        gateway.signal("TERM").unwrap();
        assert!(soon(gateway.logged("stopping")).await);
        assert_closed(&gateway).await;
        gate.open();
        let rest = soon(live.rest()).await;
        assert!(client.is_complete(&rest), "{client:?} over {wire:?}: {}", rest.text());
        assert!(soon(gateway.logged("stopped")).await, "{:?}", gateway.log());
        let stopped = gateway.log().into_iter().find(|line| line.contains("\"stopped\"")).unwrap();
        assert!(stopped.contains("\"aborted\":0"), "{stopped}");
    }
}

#[tokio::test]
async fn a_request_without_an_answer_yet_is_answered() {
    let fake = Chat.fake().await;
    let gateway = fake.gateway().await;
    let gate = Gate::new();
    fake.script(Reply::lively().hold(&gate));
    let body = Chat.body(MODEL, false);
    let asking = Chat.ask(&gateway, &body);
    let stopping = async {
        gate.reached().await;
        gateway.signal("TERM").unwrap();
        assert!(gateway.logged("stopping").await);
        gate.open();
    };
    let (got, ()) = soon(async { tokio::join!(asking, stopping) }).await;
    assert_eq!(got.status, 200, "{}", got.text());
}

#[tokio::test]
async fn the_deadline_cuts_what_does_not_end() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.join(Setup::new().with("timeouts", json!({"drain": "300ms"})), 0).start().await;
        fake.script(Reply::lively().stall_after(6, &Gate::new()));
        let mut live = client.open(&gateway, &client.body(MODEL, true)).await;
        soon(live.until("Hello")).await.unwrap();
        let (status, log) = soon(gateway.terminate()).await.unwrap();
        assert!(status.success(), "{status}");
        let rest = soon(live.rest()).await;
        assert!(!client.is_complete(&rest), "{}", rest.text());
        assert!(log.iter().any(|line| line.contains("\"aborted\":1")), "{log:?}");
        let lines = crate::harness::parse_request_lines(&log);
        assert_eq!(lines.len(), 1, "what was cut has its line, too: {log:?}");
        soon(fake.cancelled(1)).await;
    }
}

#[tokio::test]
async fn idle_connections_do_not_hold_it_up() {
    let fake = Chat.fake().await;
    let gateway = fake.gateway().await;
    let host = gateway.url().trim_start_matches("http://").to_owned();
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(TcpStream::connect(&host).await.unwrap());
    }
    // Kept by the gateway towards the upstream.
    assert_eq!(Chat.ask(&gateway, &Chat.body(MODEL, false)).await.status, 200);
    let (status, log) = soon(gateway.terminate()).await.unwrap();
    assert!(status.success(), "{log:?}");
    assert!(log.iter().any(|line| line.contains("\"aborted\":0")), "{log:?}");
}

#[tokio::test]
async fn interrupting_is_terminating() {
    let gateway = Setup::new().with("demo", json!(true)).start().await;
    gateway.signal("INT").unwrap();
    assert!(soon(gateway.logged("SIGINT")).await);
    assert!(soon(gateway.logged("stopped")).await);
}
