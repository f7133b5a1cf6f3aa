//! Legal and rare: how upstreams may spell, cut and pack their streams without anybody noticing.

use serde_json::json;
use testkit::client::Got;
use testkit::{Encoding, Reply, Style};

use crate::harness::{MODEL, assert_healthy, request_lines};
use crate::tongue::{PAIRS, Tongue};

const STYLES: [Style; 7] =
    [Style::Plain, Style::Crlf, Style::NoSpace, Style::Comments, Style::Bom, Style::EveryByte, Style::MultiLine];

fn assert_text(client: Tongue, got: &Got, stream: bool, text: &str, case: &str) {
    assert_eq!(got.status, 200, "{case}: {}", got.text());
    assert_eq!(client.text(got, stream), text, "{case}: {}", got.text());
    assert!(!stream || client.is_complete(got), "{case}: {}", got.text());
}

#[tokio::test]
async fn spelling_does_not_matter() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        for style in STYLES {
            fake.script(Reply::text("drei kleine Wörter 🌍").style(style));
            let got = client.ask(&gateway, &client.body(MODEL, true)).await;
            let case = format!("{style:?}: {client:?} over {wire:?}");
            assert_text(client, &got, true, "drei kleine Wörter 🌍", &case);
        }
        let lines = request_lines(&gateway, STYLES.len()).await;
        for line in &lines {
            assert_eq!((&line["output"], &line["ended"]), (&json!(4), &json!("whole")), "{line}");
        }
    }
}

#[tokio::test]
async fn encodings_that_nobody_asked_for_are_taken_off() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        for encoding in [Encoding::Gzip, Encoding::Brotli, Encoding::Zstd] {
            for stream in [false, true] {
                fake.script(Reply::text("un deux trois").encoded(encoding));
                let got = client.ask(&gateway, &client.body(MODEL, stream)).await;
                let case = format!("{encoding:?}: {client:?} over {wire:?}, stream {stream}");
                assert_text(client, &got, stream, "un deux trois", &case);
                assert_eq!(got.header("content-encoding"), None, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn encoded_errors_are_read_as_well() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        let refusal =
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"packed","param":null,"code":null}}"#;
        fake.script(Reply::raw(400, "application/json", refusal).encoded(Encoding::Gzip));
        let got = client.ask(&gateway, &client.body(MODEL, false)).await;
        assert_eq!(got.status, 400);
        assert!(client.error(&got)["message"].as_str().unwrap().contains("packed"), "{}", got.text());
    }
}

#[tokio::test]
async fn ten_thousand_small_pieces() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        fake.script(Reply::tiny_chunks(10_000));
        let mut body = client.body(MODEL, true);
        body["max_tokens"] = json!(64_000);
        let got = client.ask(&gateway, &body).await;
        assert_text(client, &got, true, &"x ".repeat(10_000), &format!("{client:?} over {wire:?}"));
        assert_eq!(request_lines(&gateway, 1).await[0]["output"], 10_000);
    }
}

#[tokio::test]
async fn a_long_line_within_the_limit_passes() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        fake.script(Reply::long_line(3 << 20));
        let got = client.ask(&gateway, &client.body(MODEL, true)).await;
        assert_text(client, &got, true, &"y".repeat(3 << 20), &format!("{client:?} over {wire:?}"));
        assert_healthy(&gateway).await;
    }
}

/// What follows the end mark reaches nobody, even when it comes in the same piece.
#[tokio::test]
async fn nothing_counts_after_the_end_mark() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        let clean = {
            fake.script(Reply::text("one two"));
            let mut body = wire.body(MODEL, true);
            if wire == crate::tongue::Chat {
                body["stream_options"] = json!({"include_usage": true});
            }
            wire.ask(&gateway, &body).await.text()
        };
        let ghost = match wire {
            Tongue::Chat => {
                "data: {\"id\":\"g\",\"model\":\"g\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"GHOST\"}}]}\n\n"
            }
            Tongue::Messages => {
                "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"GHOST\"}}\n\n"
            }
        };
        let last = clean.trim_end().rsplit("\n\n").next().unwrap().to_owned() + "\n\n";
        let replies = [
            ("twice", Reply::text("one two").terminated_twice()),
            ("garbage", Reply::text("one two").garbage_after_end()),
            ("twice in one piece", Reply::raw(200, "text/event-stream", format!("{clean}{last}"))),
            ("garbage in one piece", Reply::raw(200, "text/event-stream", format!("{clean}{ghost}"))),
            ("half a line in one piece", Reply::raw(200, "text/event-stream", format!("{clean}data: {{\"GHOST"))),
        ];
        let count = replies.len() + 1;
        for (name, reply) in replies {
            fake.script(reply);
            let got = client.ask(&gateway, &client.body(MODEL, true)).await;
            let case = format!("{name}: {client:?} over {wire:?}");
            assert_text(client, &got, true, "one two", &case);
            assert!(!got.text().contains("GHOST"), "{case}: {}", got.text());
        }
        for line in request_lines(&gateway, count).await {
            assert_eq!(line["ended"], "whole", "{client:?} over {wire:?}: {line}");
        }
    }
}
